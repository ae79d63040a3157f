//! From a grant to a stored connection: the code of a callback, the code of a delegated authorization, an application
//! calendar, a refresh token that was obtained elsewhere.

use bytes::Bytes;
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use tokio::time::Instant;
use zeroize::Zeroizing;

use super::{
    authorize::PendingAuthorization,
    callback::{self, Callback},
    token::{self, ConnectionState, TokenRecord, TokenReply, TokenVerdict},
    tokens::Tokens,
};
use crate::{
    ConnectionId, Error, ErrorKind, Result,
    client::Inner,
    hex,
    lock::lock,
    random,
    secret::Secret,
    store::{ConnectionKey, Record, StoreErrorKind},
};

use std::{sync::Arc, time::Duration};

/// How many expired marks of used states are cleared away at once, and how often at most.
const SWEEP: usize = 500;
const SWEEP_EVERY: Duration = Duration::from_mins(1);

impl Inner {
    /// Completes an authorization: checks, exchanges, stores.
    pub(crate) async fn complete(
        self: &Arc<Self>,
        pending: &PendingAuthorization,
        callback: Callback,
    ) -> Result<(ConnectionId, Arc<Tokens>)> {
        let client_id = &self.settings.client_id;
        let code = callback::read(callback, pending, client_id, &self.wire.endpoints, self.now())?;
        let connection = pending.fields.connection_id.as_deref().map(ConnectionId::new).transpose()?;
        self.use_up(pending).await?;
        let reply = match self.exchange_code(&code, &pending.fields.redirect_uri).await {
            TokenVerdict::Granted(reply) => *reply,
            TokenVerdict::InvalidGrant(error) => return Err(refused_code(&error)),
            TokenVerdict::Failed(error) if surely_unused(&error) => {
                self.take_back(pending).await;
                return Err(error);
            }
            // Nobody knows whether the code was used, and it works once.
            TokenVerdict::Failed(error) => return Err(error.with_transient(false).reauthorize()),
        };
        self.establish(connection, reply).await
    }

    /// Exchanges a code that came to the callback URL of a delegated authorization.
    pub(crate) async fn complete_delegated(
        self: &Arc<Self>,
        code: &Secret,
        callback_url: &str,
        connection: Option<ConnectionId>,
    ) -> Result<(ConnectionId, Arc<Tokens>)> {
        if !callback::is_code(code.expose()) {
            let why =
                "must be 1 to 512 visible ASCII characters; pass the code alone, as Cronofy handed it out";
            return Err(Error::invalid("code", why));
        }
        match self.exchange_code(code, callback_url).await {
            TokenVerdict::Granted(reply) => self.establish(connection, *reply).await,
            TokenVerdict::InvalidGrant(error) => Err(refused_code(&error)),
            TokenVerdict::Failed(error) => Err(error),
        }
    }

    /// Stores the tokens of a body that has the form of a token reply.
    pub(crate) async fn establish_from(
        self: &Arc<Self>,
        connection: Option<ConnectionId>,
        body: &Bytes,
    ) -> Result<(ConnectionId, Arc<Tokens>)> {
        self.establish(connection, TokenReply::read(body)?).await
    }

    /// Stores a refresh token that was obtained elsewhere, and then refreshes: what is sent is in the store before.
    pub(crate) async fn import(
        self: &Arc<Self>,
        connection: ConnectionId,
        refresh_token: Secret,
    ) -> Result<(ConnectionId, Arc<Tokens>)> {
        if !token::is_token(refresh_token.expose()) {
            let why =
                "must be 1 to 4096 visible ASCII characters; pass the refresh token alone, as it was stored";
            return Err(Error::invalid("refresh_token", why));
        }
        let tokens = self.tokens(&connection);
        let expected = match self.load(&tokens.key).await? {
            None => 0,
            Some(stored) => {
                let found = TokenRecord::from_payload(&stored.record.payload)?;
                if found.state == ConnectionState::Active && !found.is_untried() {
                    let why = "is in use; revoke that connection first, or choose another id";
                    return Err(Error::invalid("connection_id", why).with_code("connection_exists"));
                }
                stored.version
            }
        };
        let record = TokenRecord::imported(refresh_token, self.now());
        let version = self.save(&tokens.key, &record, expected).await?;
        self.take_over(&tokens, record, version)?;
        self.bearer(&tokens).await?;
        Ok((connection, tokens))
    }

    /// Goes on with a grant that replaces whatever the connection was before: the members were that one's, too.
    fn take_over(&self, tokens: &Tokens, record: TokenRecord, version: u64) -> Result<()> {
        tokens.adopt(record, version)?;
        self.wire.members().forget(tokens.key.connection.as_str());
        Ok(())
    }

    /// Remembers that the state was used, before anything is sent: the second of two callbacks finds the mark, in this
    /// process or in another on the same store.
    async fn use_up(&self, pending: &PendingAuthorization) -> Result<()> {
        let key = self.mark(pending)?;
        let mark = Record {
            payload: Zeroizing::new("used".to_owned()),
            expires_at: Timestamp::from_millisecond(pending.fields.expires_at_ms).ok(),
        };
        match self.store().save(&key, &mark, 0).await {
            Ok(_) => {}
            Err(error) if error.kind() == StoreErrorKind::Conflict => {
                let why = "was used before; a callback can be completed once";
                return Err(Error::authorization(
                    "state_replayed",
                    format!("the state {why}; nothing was sent; send the owner through authorize again"),
                )
                .with_field("state", "errors.invalid", why)
                .reauthorize());
            }
            Err(error) => return Err(error.into()),
        }
        self.sweep_marks(&key.namespace).await;
        Ok(())
    }

    /// Forgets that the state was used, since the code surely was not.
    async fn take_back(&self, pending: &PendingAuthorization) {
        let Ok(key) = self.mark(pending) else { return };
        if let Err(error) = self.store().delete(&key, 1).await {
            tracing::debug!(%error, "the mark of a state was not taken back; the owner has to authorize again");
        }
    }

    /// The key of a state's mark, which does not tell the state.
    fn mark(&self, pending: &PendingAuthorization) -> Result<ConnectionKey> {
        let hash = Sha256::digest(pending.fields.state.as_bytes());
        let name = hex::of(&hash[..16]);
        Ok(ConnectionKey {
            namespace: format!("{}#states", self.namespace()),
            connection: ConnectionId::new(name)?,
        })
    }

    /// Clears away marks whose authorizations have expired by themselves, now and then: to find them a store may have to look
    /// through all of them.
    async fn sweep_marks(&self, namespace: &str) {
        {
            let mut swept_at = lock(&self.swept_at);
            if swept_at.is_some_and(|at| at.elapsed() < SWEEP_EVERY) {
                return;
            }
            *swept_at = Some(Instant::now());
        }
        if let Err(error) = self.store().sweep(namespace, self.now(), SWEEP).await {
            tracing::debug!(%error, "expired marks of used states were not cleared away");
        }
    }

    /// Stores a grant under its connection id, in place of what was there: a new authorization supersedes the old one,
    /// dead or alive.
    async fn establish(
        self: &Arc<Self>,
        connection: Option<ConnectionId>,
        reply: TokenReply,
    ) -> Result<(ConnectionId, Arc<Tokens>)> {
        let connection = match connection {
            Some(connection) => connection,
            None => match reply.subject().map(ConnectionId::new) {
                Some(Ok(connection)) => connection,
                _ => ConnectionId::new(format!("con_{}", random::token()))?,
            },
        };
        let tokens = self.tokens(&connection);
        let record = TokenRecord::new(reply, self.now());
        let mut last = None;
        for pause in [0, 50, 100, 200, 400] {
            tokio::time::sleep(Duration::from_millis(pause)).await;
            let found = match self.load(&tokens.key).await {
                Ok(found) => found.map_or(0, |stored| stored.version),
                Err(error) => {
                    last = Some(error);
                    continue;
                }
            };
            match self.save(&tokens.key, &record, found).await {
                Ok(version) => {
                    self.take_over(&tokens, record, version)?;
                    return Ok((connection, tokens));
                }
                Err(error) => last = Some(error.into()),
            }
        }
        // The code is used up, so the tokens that it bought are kept in memory rather than lost.
        self.take_over(&tokens, record.clone(), 0)?;
        tokens.keep_unsaved(record);
        self.keep_trying_to_save(&tokens);
        let why = last.map_or_else(String::new, |error| format!(" ({error})"));
        Err(Error::new(
            ErrorKind::Store,
            format!(
                "connection {connection}: it was granted, but the token store can't take it{why}; the tokens are kept in memory and \
                 saved when the store is back; mend the store before this process ends"
            ),
        )
        .with_code("store_unavailable")
        .with_transient(true))
    }
}

/// Whether a code that was to be exchanged surely did not arrive, or was turned away unread.
fn surely_unused(error: &Error) -> bool {
    error.code() == Some("unreachable") || error.kind() == ErrorKind::RateLimited
}

fn refused_code(error: &Error) -> Error {
    let again = Error::authorization(
        "invalid_grant",
        "Cronofy did not accept the code: it was used before, is too old, or the redirect URI is another one; send the owner through authorize again",
    )
    .with_request_id(error.request_id().map(str::to_owned))
    .reauthorize();
    match error.status() {
        Some(status) => again.with_status(status),
        None => again,
    }
}
