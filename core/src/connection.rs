//! A connection: one authorization that was granted, with its tokens in the store under an id.

use std::{fmt, sync::Arc};

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::{
    Account, ConnectionId, ConnectionKind, ConnectionState, Error, ErrorKind, Organization, Result, Secret,
    ServiceAccount,
    auth::{endpoint::Revoked, refresh, token::TokenRecord, tokens::Tokens},
    caller::{Caller, Credential},
    client::Inner,
    process,
    store::{ListQuery, ListedRecord, StoreErrorKind},
};

/// A connection by its id. Cheap to clone.
#[derive(Clone)]
pub struct Connection {
    inner: Arc<Inner>,
    id: ConnectionId,
    tokens: Arc<Tokens>,
    payload: Option<String>,
}

/// What is known of a connection. Holds no secret that this version knows of.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct ConnectionSummary {
    /// Its name in the store.
    pub id: ConnectionId,
    /// What it is for.
    pub kind: ConnectionKind,
    /// Whether it can be used.
    pub state: ConnectionState,
    /// The `sub` of whoever granted it.
    pub sub: Option<String>,
    /// The scope that was granted, separated by blanks.
    pub scope: Option<String>,
    /// When the access token was issued. The beginning of 1970 if the record can't be read.
    pub issued_at: Timestamp,
    /// When the access token ends. It is refreshed before. The beginning of 1970 if the record can't be read.
    pub expires_at: Timestamp,
    /// How often the record has been written.
    pub version: u64,
    /// What else came with the grant, by wire names: `account_id`, `linking_profile`, …
    pub extra: Map<String, Value>,
}

impl Connection {
    pub(crate) fn new(
        inner: Arc<Inner>,
        id: ConnectionId,
        tokens: Arc<Tokens>,
        payload: Option<String>,
    ) -> Self {
        Self { inner, id, tokens, payload }
    }

    /// Its name in the store: what to keep, to use the connection another day.
    pub fn id(&self) -> &ConnectionId {
        &self.id
    }

    /// The payload that the authorization carried, if this connection was just completed.
    pub fn payload(&self) -> Option<&str> {
        self.payload.as_deref()
    }

    /// The organization, for a connection of Organization Connect.
    pub fn organization(&self) -> Organization {
        Organization::new(self.caller(ConnectionKind::Organization))
    }

    /// The account, for a connection of Individual Connect or a delegated authorization.
    pub fn account(&self) -> Account {
        Account::new(self.caller(ConnectionKind::Account))
    }

    /// The service account, for a connection of Enterprise Connect.
    pub fn service_account(&self) -> ServiceAccount {
        ServiceAccount::new(self.caller(ConnectionKind::ServiceAccount))
    }

    /// Reads what the store knows of it. No request is made.
    pub async fn summary(&self) -> Result<ConnectionSummary> {
        let stored =
            self.inner.load(&self.tokens.key).await?.ok_or_else(|| refresh::not_connected(&self.id))?;
        let record = TokenRecord::from_payload(&stored.record.payload)?;
        Ok(ConnectionSummary::new(self.id.clone(), record, stored.version))
    }

    /// Hands out an access token that is good now, refreshing if need be. Writes the token store when it refreshes.
    ///
    /// For what this SDK doesn't do itself; every use is a place to look at in a review.
    pub async fn access_token(&self) -> Result<Secret> {
        process::notice()?;
        let snapshot = self.inner.bearer(&self.tokens).await?;
        Ok(snapshot.record.access_token.clone())
    }

    /// Refreshes the access token now, whatever its expiry says. Writes the token store.
    ///
    /// There is no need to call this: tokens are refreshed by themselves.
    pub async fn refresh(&self) -> Result<ConnectionSummary> {
        let snapshot = self.inner.refresh_now(&self.tokens).await?;
        Ok(ConnectionSummary::new(self.id.clone(), snapshot.record.clone(), snapshot.version))
    }

    /// Revokes the grant at Cronofy and erases its tokens. Writes the token store.
    ///
    /// In this process the connection can't be used from the moment on that this is called, and a refresh that is under
    /// way does not bring it back; other processes find out when Cronofy refuses their token, or at their next refresh.
    /// If Cronofy can't be reached the error is transient, the tokens are kept for the next try, and the connection stays
    /// out of use. A connection that is revoked already stays so.
    pub async fn revoke(&self) -> Result<()> {
        let Some((mut record, mut version)) = self.close().await? else { return Ok(()) };
        self.tokens.supersede(None);
        let token = record.refresh_token.as_ref().unwrap_or(&record.access_token);
        self.inner.send_revocation(Revoked::Token(token)).await?;
        record.state = ConnectionState::Revoked { at: self.inner.now() };
        record.access_token = Secret::from("");
        record.refresh_token = None;
        record.intent = None;
        for _ in 0..5 {
            match self.inner.save(&self.tokens.key, &record, version).await {
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == StoreErrorKind::Conflict => {
                    // Somebody noted an intent, or authorized anew: only the former is overwritten.
                    let Some(stored) = self.inner.load(&self.tokens.key).await? else { return Ok(()) };
                    let found = TokenRecord::from_payload(&stored.record.payload)?;
                    if !matches!(found.state, ConnectionState::Revoking { .. }) {
                        return Ok(());
                    }
                    version = stored.version;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::new(ErrorKind::Store, "the revoked connection is being written to by others; try again")
            .with_transient(true))
    }

    /// Takes the connection out of use in the store. `None` if it has been revoked before.
    async fn close(&self) -> Result<Option<(TokenRecord, u64)>> {
        for _ in 0..10 {
            // A refresh may have brought tokens that are not stored yet: those are the ones to revoke.
            self.inner.save_unsaved(&self.tokens).await?;
            let stored =
                self.inner.load(&self.tokens.key).await?.ok_or_else(|| refresh::not_connected(&self.id))?;
            let mut record = TokenRecord::from_payload(&stored.record.payload)?;
            match record.state {
                ConnectionState::Revoked { .. } => return Ok(None),
                ConnectionState::Revoking { .. } => return Ok(Some((record, stored.version))),
                ConnectionState::Active
                | ConnectionState::Dead { .. }
                | ConnectionState::Unreadable { .. } => {}
            }
            record.state = ConnectionState::Revoking { at: self.inner.now() };
            match self.inner.save(&self.tokens.key, &record, stored.version).await {
                Ok(version) => return Ok(Some((record, version))),
                Err(error) if error.kind() == StoreErrorKind::Conflict => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::new(ErrorKind::Store, "the connection is being written to by others; try again")
            .with_transient(true))
    }

    fn caller(&self, kind: ConnectionKind) -> Caller {
        let credential = Credential::Connection(Arc::clone(&self.inner), Arc::clone(&self.tokens), kind);
        Caller::new(Arc::clone(&self.inner.wire), credential)
    }
}

impl fmt::Debug for ConnectionSummary {
    /// Of what else came with the grant the names alone: it may be secret, or about people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectionSummary")
            .field("id", &self.id)
            .field("kind", &self.kind)
            .field("state", &self.state)
            .field("sub", &self.sub)
            .field("scope", &self.scope)
            .field("issued_at", &self.issued_at)
            .field("expires_at", &self.expires_at)
            .field("version", &self.version)
            .field("extra", &self.extra.keys().collect::<Vec<_>>())
            .finish()
    }
}

impl ConnectionSummary {
    fn new(id: ConnectionId, record: TokenRecord, version: u64) -> Self {
        let expires_at = record.expires_at();
        Self {
            id,
            kind: record.kind,
            state: record.state,
            sub: record.sub,
            scope: record.scope,
            issued_at: record.issued_at,
            expires_at,
            version,
            extra: record.extra,
        }
    }

    fn unreadable(listed: ListedRecord, error: &Error) -> Self {
        Self {
            id: listed.connection,
            kind: ConnectionKind::Unknown,
            state: ConnectionState::Unreadable { reason: error.message().to_owned() },
            sub: None,
            scope: None,
            issued_at: Timestamp::UNIX_EPOCH,
            expires_at: Timestamp::UNIX_EPOCH,
            version: listed.version,
            extra: Map::new(),
        }
    }
}

/// Lists connections; see [`Client::connections`](crate::Client::connections).
pub(crate) async fn list(
    inner: &Arc<Inner>,
    after: Option<&ConnectionId>,
    limit: usize,
) -> Result<Vec<ConnectionSummary>> {
    let query =
        ListQuery { namespace: inner.namespace(), expires_before: None, after: after.cloned(), limit };
    let mut summaries = Vec::new();
    for listed in inner.store().list(&query).await? {
        let key = inner.key(&listed.connection);
        let read = match inner.load(&key).await {
            // A record that was deleted since it was listed is simply not there any more.
            Ok(None) => continue,
            Ok(Some(stored)) => {
                TokenRecord::from_payload(&stored.record.payload).map(|record| (record, stored.version))
            }
            Err(error) => Err(error),
        };
        summaries.push(match read {
            Ok((record, version)) => ConnectionSummary::new(listed.connection, record, version),
            // One bad record must not hide the others, nor be hidden itself.
            Err(error) if !error.is_transient() => ConnectionSummary::unreadable(listed, &error),
            Err(error) => return Err(error),
        });
    }
    Ok(summaries)
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("id", &self.id).finish_non_exhaustive()
    }
}
