//! The two OAuth endpoints: `/oauth/token` and `/oauth/token/revoke`, asked with JSON and judged.
//!
//! `Cronofy-Impersonate` and bearer tokens never go there: the application's credentials are in the body.

use bytes::Bytes;
use http::Uri;
use serde::Serialize;
use tokio::time::Instant;

use super::token::{self, TokenVerdict};
use crate::{
    Error, ErrorKind, Result,
    client::Inner,
    http::{
        request::Prepared,
        response,
        retry::{self, Outcome},
    },
    operation::Repeat,
    process, random,
    secret::{self, Secret},
};

const TOKEN_PATH: &str = "/oauth/token";
const REVOKE_PATH: &str = "/oauth/token/revoke";

#[derive(Serialize)]
struct Form<'a> {
    client_id: &'a str,
    client_secret: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    grant_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    redirect_uri: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sub: Option<&'a str>,
}

/// What is revoked.
pub(crate) enum Revoked<'a> {
    Token(&'a Secret),
    Sub(&'a str),
}

impl Inner {
    /// Exchanges a code. It is sent again only if it surely never arrived: a code works once.
    pub(crate) async fn exchange_code(&self, code: &Secret, redirect_uri: &str) -> TokenVerdict {
        let form = Form {
            grant_type: Some("authorization_code"),
            code: Some(code.expose()),
            redirect_uri: Some(redirect_uri),
            ..self.form()
        };
        self.ask(&form, Repeat::Never, Instant::now() + self.settings.token_timeout).await
    }

    /// Sends a refresh token. A lost answer is asked for again with the same token, which servers that keep or grace
    /// refresh tokens allow.
    pub(crate) async fn exchange_refresh_token(
        &self,
        refresh_token: &Secret,
        deadline: Instant,
    ) -> TokenVerdict {
        let form = Form {
            grant_type: Some("refresh_token"),
            refresh_token: Some(refresh_token.expose()),
            ..self.form()
        };
        self.ask(&form, Repeat::Safe, deadline).await
    }

    /// Revokes by token or by `sub` (RFC 7009). Success also for a token that is not known any more.
    pub(crate) async fn send_revocation(&self, revoked: Revoked<'_>) -> Result<()> {
        let mut form = self.form();
        match revoked {
            Revoked::Token(token) => form.token = Some(token.expose()),
            Revoked::Sub(sub) => form.sub = Some(sub),
        }
        let deadline = Instant::now() + self.settings.token_timeout;
        let reply = self.post(REVOKE_PATH, &form, Repeat::Safe, deadline).await?;
        if reply.status.is_success() {
            return Ok(());
        }
        match token::judge(reply.status, &reply.headers, &reply.body) {
            TokenVerdict::Failed(error) => Err(error),
            // There is nothing left to revoke (RFC 7009 section 2.2).
            TokenVerdict::InvalidGrant(_) | TokenVerdict::Granted(_) => Ok(()),
        }
    }

    fn form(&self) -> Form<'_> {
        Form {
            client_id: &self.settings.client_id,
            client_secret: self.settings.client_secret.expose(),
            grant_type: None,
            code: None,
            redirect_uri: None,
            refresh_token: None,
            token: None,
            sub: None,
        }
    }

    async fn ask(&self, form: &Form<'_>, repeat: Repeat, deadline: Instant) -> TokenVerdict {
        match self.post(TOKEN_PATH, form, repeat, deadline).await {
            Ok(reply) => token::judge(reply.status, &reply.headers, &reply.body),
            Err(error) => TokenVerdict::Failed(error),
        }
    }

    async fn post(
        &self,
        path: &'static str,
        form: &Form<'_>,
        repeat: Repeat,
        deadline: Instant,
    ) -> Result<crate::http::RawReply> {
        process::notice()?;
        let uri = Uri::try_from(format!("{}{path}", self.wire.endpoints.api))
            .map_err(|_| Error::config("base_url", "does not make a URL"))?;
        let text = secret::to_json(form).map_err(|error| {
            Error::new(ErrorKind::Config, "the token request can't be written as JSON").with_source(error)
        })?;
        let prepared = Prepared { method: http::Method::POST, uri, body: Some(Bytes::from_owner(text)) };
        let mut attempt = 1;
        loop {
            // A process that was stopped may wake up here long after its lease has passed to another.
            if Instant::now() >= deadline {
                return Err(Error::new(
                    ErrorKind::Timeout,
                    format!("{path}: the time allowed was over before the request could be sent; try again"),
                ));
            }
            self.wire.gate().pass(deadline).await.map_err(|wait| {
                Error::new(ErrorKind::RateLimited, format!("{path}: held back after a 429; wait"))
                    .with_retry_after(Some(wait))
            })?;
            let answer = self.wire.transport.send(prepared.clone(), None, None, deadline).await;
            if let Ok(reply) = &answer {
                self.wire.compare_clocks(&reply.headers);
            }
            let (outcome, retry_after) = match &answer {
                Ok(reply) if reply.status.is_success() => {
                    self.wire.budget.reward();
                    return answer.map_err(|failure| failure.into_error(path));
                }
                Ok(reply) => (
                    Outcome::Status(reply.status),
                    response::retry_after(&reply.headers, std::time::SystemTime::now()),
                ),
                Err(failure) => (Outcome::from(failure), None),
            };
            tracing::debug!(path, attempt, ?outcome, "token endpoint attempt");
            if let (Outcome::Status(http::StatusCode::TOO_MANY_REQUESTS), Some(pause)) =
                (outcome, retry_after)
            {
                self.wire.gate().close(pause);
            }
            let pause = self.wire.retry.pause(attempt + 1, retry_after, random::fraction());
            let again = attempt < self.wire.retry.attempts
                && retry::may_repeat(repeat, outcome)
                && Instant::now() + pause < deadline
                && self.wire.budget.draw(outcome);
            if !again {
                return answer.map_err(|failure| failure.into_error(path));
            }
            tokio::time::sleep(pause).await;
            attempt += 1;
        }
    }
}
