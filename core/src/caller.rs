//! What every handle is made of: a client, a credential, and maybe a member to act as. All REST goes through
//! [`Caller::send`].

use std::{sync::Arc, time::Duration};

use http::HeaderValue;
#[cfg(feature = "api")]
use serde::Serialize;
use serde_json::{Map, Value};
use tokio::time::Instant;
use tracing::Instrument;

use crate::{
    Error, ErrorKind, Reply, Result, Sub,
    auth::{
        token::ConnectionKind,
        tokens::{Snapshot, Tokens},
    },
    client::Inner,
    http::{
        RawReply,
        request::{self, BodyCredentials, Prepared},
        response,
        retry::{self, Outcome},
    },
    operation::{Authority, Operation, Paging, Repeat},
    process, random, shape,
    token_source::{SourcedToken, SourcedTokens},
    wire::Wire,
};

/// How a call is carried out, where it differs from the client's settings.
#[derive(Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct CallOptions {
    /// The time for the whole call, repetitions included: at most an hour. Default: the client's (30 s).
    pub timeout: Option<Duration>,
    /// How often it is sent at the most. Default: the client's (3).
    pub attempts: Option<u32>,
    /// Fields that are added to the body (or, for a `GET`, to the query) without being checked: for what Cronofy takes
    /// and this version doesn't know.
    pub extra: Map<String, Value>,
}

impl CallOptions {
    /// The client's settings.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the time for the whole call.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Sets how often the call is sent at the most; 1 switches repeating off.
    pub fn attempts(mut self, attempts: u32) -> Self {
        self.attempts = Some(attempts);
        self
    }

    /// Adds a field without checking it.
    pub fn extra(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.extra.insert(name.into(), value.into());
        self
    }
}

impl std::fmt::Debug for CallOptions {
    /// The names of extra fields and not their values, which may be secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CallOptions")
            .field("timeout", &self.timeout)
            .field("attempts", &self.attempts)
            .field("extra", &self.extra.keys().collect::<Vec<_>>())
            .finish()
    }
}

/// The path of every call.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) wire: Arc<Wire>,
    credential: Credential,
    impersonate: Option<(Sub, HeaderValue)>,
    options: CallOptions,
}

#[derive(Clone)]
pub(crate) enum Credential {
    /// The application's client secret.
    Application(Arc<Inner>),
    /// The client secret of an Internal Application, which stands for its organization.
    InternalApplication(Arc<Inner>),
    /// A connection's access token, and what kind of connection the handle is for.
    Connection(Arc<Inner>, Arc<Tokens>, ConnectionKind),
    /// An Admin API key.
    Admin(HeaderValue),
    /// Access tokens that somebody else hands out.
    Source(Arc<SourcedTokens>),
}

impl Caller {
    pub(crate) fn new(wire: Arc<Wire>, credential: Credential) -> Self {
        Self { wire, credential, impersonate: None, options: CallOptions::default() }
    }

    pub(crate) fn impersonating(&self, sub: Sub) -> Result<Self> {
        let value = request::header("sub", sub.as_str())?;
        Ok(Self { impersonate: Some((sub, value)), ..self.clone() })
    }

    pub(crate) fn with_options(&self, options: CallOptions) -> Self {
        Self { options, ..self.clone() }
    }

    /// Whom calls are made as, if not as the credential's owner.
    pub(crate) fn impersonated(&self) -> Option<&Sub> {
        self.impersonate.as_ref().map(|(sub, _)| sub)
    }

    /// A text that names the credential, for caches: never the same for two organizations.
    pub(crate) fn grant(&self) -> &str {
        match &self.credential {
            Credential::Connection(_, tokens, _) => tokens.key.connection.as_str(),
            Credential::Application(_)
            | Credential::InternalApplication(_)
            | Credential::Admin(_)
            | Credential::Source(_) => "",
        }
    }

    /// Makes a call with arguments by their wire names.
    pub(crate) async fn send(
        &self,
        operation: &'static Operation,
        arguments: Map<String, Value>,
    ) -> Result<Reply> {
        let authority = self.authority(operation)?;
        let credentials = match &self.credential {
            Credential::Application(inner) if authority == Authority::ClientCredentials => {
                let settings = &inner.settings;
                Some(BodyCredentials {
                    client_id: &settings.client_id,
                    client_secret: &settings.client_secret,
                })
            }
            _ => None,
        };
        let repeat = repeat(operation, &arguments);
        let prepared = request::build(
            operation,
            arguments,
            &self.options.extra,
            credentials.as_ref(),
            &self.wire.endpoints,
        )?;
        let with_header = authority != Authority::ClientCredentials;
        self.exchange(operation.name, prepared, repeat, operation.paging.as_ref(), with_header).await
    }

    /// Makes a call whose arguments are a value that serializes to one flat object.
    #[cfg(feature = "api")]
    pub(crate) async fn send_typed<A: Serialize>(
        &self,
        operation: &'static Operation,
        arguments: &A,
    ) -> Result<Reply> {
        self.send(operation, to_arguments(arguments)?).await
    }

    /// Makes a call that no operation describes.
    pub(crate) async fn request(
        &self,
        method: http::Method,
        path: &str,
        query: &[(String, String)],
        body: Option<&Value>,
    ) -> Result<Reply> {
        let harmless = matches!(
            method,
            http::Method::GET | http::Method::HEAD | http::Method::DELETE | http::Method::PUT
        );
        let repeat = if harmless { Repeat::Safe } else { Repeat::Never };
        let prepared = request::build_raw(method, path, query, body, &self.wire.endpoints)?;
        self.exchange("request", prepared, repeat, Some(&USUAL_PAGING), true).await
    }

    /// Follows a link to a next page, if it leads to the API.
    pub(crate) async fn follow(&self, operation: &'static Operation, link: &str) -> Result<Reply> {
        self.authority(operation)?;
        if operation.paging.is_none() {
            return Err(Error::invalid("operation", format!("{} does not page", operation.name)));
        }
        let endpoints = &self.wire.endpoints;
        let prepared = request::build_link(http::Method::GET, "next_page", link, endpoints)?;
        self.exchange(operation.name, prepared, Repeat::Safe, operation.paging.as_ref(), true).await
    }

    /// Decides with which authority the credential may make the call.
    fn authority(&self, operation: &Operation) -> Result<Authority> {
        let takes = |authority| operation.authorities.contains(&authority);
        let refuse = |what: String| Err(Error::new(ErrorKind::Invalid, what).with_code("wrong_authority"));
        let name = operation.name;
        if self.impersonate.is_some() && !operation.impersonable {
            return refuse(format!("{name}: it can't be made for a member; make it without impersonating"));
        }
        let usable: &[Authority] = match (&self.credential, &self.impersonate) {
            (Credential::Application(_), _) => &[Authority::Application, Authority::ClientCredentials],
            (Credential::Admin(_), _) => &[Authority::Admin],
            (
                Credential::InternalApplication(_)
                | Credential::Connection(_, _, ConnectionKind::Organization),
                None,
            ) => &[Authority::Organization],
            (
                Credential::InternalApplication(_)
                | Credential::Connection(_, _, ConnectionKind::Organization),
                Some(_),
            ) => &[Authority::Connection, Authority::Organization],
            (Credential::Connection(_, _, ConnectionKind::Account) | Credential::Source(_), _) => {
                &[Authority::Connection]
            }
            (Credential::Connection(_, _, ConnectionKind::ServiceAccount), _) => &[Authority::ServiceAccount],
            (Credential::Connection(_, _, ConnectionKind::Unknown), _) => &[],
        };
        if let Some(authority) = usable.iter().copied().find(|authority| takes(*authority)) {
            return Ok(authority);
        }
        let handle = match operation.authorities.first() {
            Some(Authority::Application | Authority::ClientCredentials) | None => "the client itself",
            Some(Authority::Connection) => {
                "an account: `organization.impersonate(sub)` or `client.account(id)`"
            }
            Some(Authority::Organization) => "an organization: `client.organization(id)`",
            Some(Authority::ServiceAccount) => "a service account: `client.service_account(id)`",
            Some(Authority::Admin) => "`client.admin(key)`",
        };
        refuse(format!("{name}: it needs another credential; call it on {handle}"))
    }

    async fn exchange(
        &self,
        what: &'static str,
        prepared: Prepared,
        repeat: Repeat,
        paging: Option<&Paging>,
        with_header: bool,
    ) -> Result<Reply> {
        let span = tracing::debug_span!(
            "orgconnect.request",
            operation = what,
            method = %prepared.method,
            impersonated = self.impersonated().map(Sub::as_str),
            status = tracing::field::Empty,
            attempts = tracing::field::Empty,
            request_id = tracing::field::Empty,
        );
        self.attempts(what, prepared, repeat, paging, with_header).instrument(span).await
    }

    async fn attempts(
        &self,
        what: &'static str,
        prepared: Prepared,
        repeat: Repeat,
        paging: Option<&Paging>,
        with_header: bool,
    ) -> Result<Reply> {
        process::notice()?;
        let wire = &*self.wire;
        let deadline = Instant::now() + self.options.timeout.unwrap_or(wire.timeout).min(LONGEST_TIMEOUT);
        let attempts = self.options.attempts.unwrap_or(wire.retry.attempts).max(1);
        let mut rejected = None;
        let mut attempt = 1;
        loop {
            let bearer =
                if with_header { Some(self.bearer(what, rejected.as_ref(), deadline).await?) } else { None };
            let (authorization, replaceable) = match bearer {
                Some(Bearer { authorization, replaceable }) => (Some(authorization), replaceable),
                None => (None, None),
            };
            wire.gate().pass(deadline).await.map_err(|wait| {
                let why = "held back, since Cronofy has answered 429; wait, and spread calls out";
                Error::new(ErrorKind::RateLimited, format!("{what}: {why}")).with_retry_after(Some(wait))
            })?;
            let impersonate = self.impersonate.as_ref().map(|(_, value)| value);
            let answer =
                wire.transport.send(prepared.clone(), authorization.as_ref(), impersonate, deadline).await;
            let span = tracing::Span::current();
            span.record("attempts", attempt);
            let (error, outcome) = match answer {
                Ok(reply) => {
                    wire.compare_clocks(&reply.headers);
                    span.record("status", reply.status.as_u16());
                    if let Some(id) = response::request_id(&reply.headers) {
                        span.record("request_id", id);
                    }
                    if reply.status == http::StatusCode::UNAUTHORIZED {
                        match replaceable {
                            Some(replaceable) if rejected.is_none() => {
                                rejected = Some(replaceable);
                                continue;
                            }
                            _ => return Err(self.unauthorized(what, &reply)),
                        }
                    }
                    if let Some(Replaceable::Refreshed(snapshot)) = &replaceable {
                        snapshot.confirm();
                    }
                    if reply.status.is_success() {
                        wire.budget.reward();
                        return response::judge(what, paging, reply.status, reply.headers, reply.body);
                    }
                    let error = response::failure(what, reply.status, &reply.headers, &reply.body);
                    if let (ErrorKind::RateLimited, Some(pause)) = (error.kind(), error.retry_after()) {
                        wire.gate().close(pause);
                    }
                    (error, Outcome::Status(reply.status))
                }
                Err(failure) => {
                    let outcome = Outcome::from(&failure);
                    (failure.into_error(what), outcome)
                }
            };
            let pause = wire.retry.pause(attempt + 1, error.retry_after(), random::fraction());
            let again = attempt < attempts
                && retry::may_repeat(repeat, outcome)
                && Instant::now() + pause < deadline
                && wire.budget.draw(outcome);
            if !again {
                return Err(error);
            }
            tracing::debug!(attempt, pause_ms = pause.as_millis(), kind = %error.kind(), "sending again");
            tokio::time::sleep(pause).await;
            attempt += 1;
        }
    }

    async fn bearer(&self, what: &str, rejected: Option<&Replaceable>, deadline: Instant) -> Result<Bearer> {
        let (inner, tokens, kind) = match &self.credential {
            Credential::Application(inner) | Credential::InternalApplication(inner) => {
                return Ok(Bearer::fixed(&inner.settings.application_key));
            }
            Credential::Admin(key) => return Ok(Bearer::fixed(key)),
            Credential::Source(source) => return self.sourced(source, what, rejected, deadline).await,
            Credential::Connection(inner, tokens, kind) => (inner, tokens, *kind),
        };
        let wanted = async {
            match rejected {
                Some(Replaceable::Refreshed(rejected)) => inner.bearer_instead_of(tokens, rejected).await,
                _ => inner.bearer(tokens).await.map(Some),
            }
        };
        let snapshot = tokio::time::timeout_at(deadline, wanted).await.map_err(|_| {
            Error::new(
                ErrorKind::Timeout,
                format!("{what}: the access token was not refreshed within the time allowed; try again"),
            )
        })??;
        let Some(snapshot) = snapshot else {
            return Err(Error::authorization(
                "invalid_token",
                format!("{what}: Cronofy refuses a token that it has just issued (401); check the application in Cronofy's dashboard"),
            )
            .with_status(401));
        };
        if snapshot.record.kind != kind {
            let (found, call) = match snapshot.record.kind {
                ConnectionKind::Organization => ("an organization", "client.organization(id)"),
                ConnectionKind::Account => ("an account", "client.account(id)"),
                ConnectionKind::ServiceAccount => ("a service account", "client.service_account(id)"),
                ConnectionKind::Unknown => ("nothing that this version knows", "client.connection(id)"),
            };
            return Err(Error::invalid(
                "connection_id",
                format!("connection {} is that of {found}; use `{call}`", tokens.key.connection),
            ));
        }
        let authorization = snapshot.authorization.clone();
        Ok(Bearer { authorization, replaceable: Some(Replaceable::Refreshed(snapshot)) })
    }

    /// A token of a source: the one at hand, or another one if that was rejected.
    async fn sourced(
        &self,
        source: &Arc<SourcedTokens>,
        what: &str,
        rejected: Option<&Replaceable>,
        deadline: Instant,
    ) -> Result<Bearer> {
        let rejected = match rejected {
            Some(Replaceable::Sourced(token)) => Some(token),
            _ => None,
        };
        let token =
            tokio::time::timeout_at(deadline, source.token(&self.wire, rejected)).await.map_err(|_| {
                let why = "the access token source gave no token within the time allowed; try again";
                Error::new(ErrorKind::Timeout, format!("{what}: {why}"))
            })??;
        let authorization = token.authorization.clone();
        Ok(Bearer { authorization, replaceable: Some(Replaceable::Sourced(token)) })
    }

    fn unauthorized(&self, what: &str, reply: &RawReply) -> Error {
        let why = match &self.credential {
            Credential::Application(_) => {
                "the client_secret was not accepted (401); check it, and the data center"
            }
            Credential::InternalApplication(_) => {
                "the client_secret was not accepted (401); check that it is an Internal Application's, and the data center"
            }
            Credential::Admin(_) => "the Admin API key was not accepted (401); check it, and the data center",
            Credential::Connection(..) => {
                "the access token was not accepted, and neither was a fresh one (401); check the application in Cronofy's dashboard"
            }
            Credential::Source(_) => {
                "the access token was not accepted, and neither was another one from its source (401); sign the user in again"
            }
        };
        Error::authorization("invalid_token", format!("{what}: {why}"))
            .with_status(reply.status.as_u16())
            .with_request_id(response::request_id(&reply.headers))
            .with_body(reply.body.clone())
    }
}

/// A call that takes longer than this is not waited for.
pub(crate) const LONGEST_TIMEOUT: Duration = Duration::from_hours(1);

struct Bearer {
    authorization: HeaderValue,
    /// Set if another token may be had should this one be rejected.
    replaceable: Option<Replaceable>,
}

enum Replaceable {
    Refreshed(Arc<Snapshot>),
    Sourced(Arc<SourcedToken>),
}

impl Bearer {
    fn fixed(authorization: &HeaderValue) -> Self {
        Self { authorization: authorization.clone(), replaceable: None }
    }
}

/// Where the paging object is in almost every reply.
const USUAL_PAGING: Paging = Paging { items: &[], pages: &["pages"] };

/// A batch may be repeated if each of its entries may: all that Cronofy takes in one are keyed by the caller.
fn repeat(operation: &Operation, arguments: &Map<String, Value>) -> Repeat {
    if operation.repeat != Repeat::Entries {
        return operation.repeat;
    }
    let known = |entry: &Value| {
        let url = entry.get("relative_url").and_then(Value::as_str).unwrap_or_default();
        url.starts_with("/v1/available_periods")
            || (url.starts_with("/v1/calendars/") && url.ends_with("/events"))
    };
    let entries = arguments.get("batch").and_then(Value::as_array);
    if entries.is_some_and(|entries| entries.iter().all(known)) { Repeat::Safe } else { Repeat::Never }
}

#[cfg(feature = "api")]
pub(crate) fn to_arguments(arguments: &impl Serialize) -> Result<Map<String, Value>> {
    match serde_json::to_value(arguments) {
        Ok(Value::Object(arguments)) => Ok(arguments),
        Ok(_) => Err(Error::new(ErrorKind::Invalid, "the arguments must be one object")),
        Err(error) => Err(Error::new(
            ErrorKind::Invalid,
            "the arguments can't be written as JSON; check for times out of range and maps with odd keys",
        )
        .with_source(error)),
    }
}

/// Finds an operation by its name.
///
/// # Errors
/// [`Invalid`](ErrorKind::Invalid), naming `operation` and the closest known name.
pub fn find_operation(name: &str) -> Result<&'static Operation> {
    let all = crate::api::OPERATIONS;
    if let Ok(index) = all.binary_search_by(|operation| operation.name.cmp(name)) {
        return Ok(all[index]);
    }
    let hint = shape::closest(name, all.iter().map(|operation| operation.name)).map_or_else(
        || "`orgconnect call --list` prints all of them".to_owned(),
        |known| format!("did you mean `{known}`?"),
    );
    Err(Error::invalid("operation", format!("`{name}` is not an operation; {hint}")))
}

/// All operations, in the order of their names.
pub fn operations() -> &'static [&'static Operation] {
    crate::api::OPERATIONS
}

impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Application(_) => f.write_str("Application"),
            Self::InternalApplication(_) => f.write_str("InternalApplication"),
            Self::Connection(_, tokens, kind) => {
                f.debug_tuple("Connection").field(&tokens.key.connection).field(kind).finish()
            }
            Self::Admin(_) => f.write_str("Admin"),
            Self::Source(_) => f.write_str("Source"),
        }
    }
}
