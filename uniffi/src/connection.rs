//! A connection, and what is known of it.

use std::sync::Arc;

use orgconnect::{Connection, ConnectionKind, ConnectionState, ConnectionSummary};

use crate::{
    client::NativeOrganization,
    error::NativeResult,
    handle::NativeHandle,
    runtime::{CancelHandle, run},
};

/// One authorization that was granted.
#[derive(Debug, uniffi::Object)]
pub struct NativeConnection(Connection);

/// What is known of a connection. Holds no secret.
#[derive(Debug, Clone, uniffi::Record)]
pub struct NativeSummary {
    /// Its name in the store.
    pub id: String,
    /// What it is for: `organization`, `account`, `service_account` or `unknown`.
    pub kind: String,
    /// Whether it can be used: `active`, `dead`, `revoking`, `revoked` or `unreadable`.
    pub state: String,
    /// Why it can't be read.
    pub state_reason: Option<String>,
    /// Since when it can't be used, in milliseconds since 1970.
    pub state_since_ms: Option<i64>,
    /// Whether a refresh of another process had been interrupted before the grant was found dead.
    pub interrupted: bool,
    /// The `sub` of whoever granted it.
    pub sub: Option<String>,
    /// The scope that was granted.
    pub scope: Option<String>,
    /// When the access token was issued, in milliseconds since 1970.
    pub issued_at_ms: i64,
    /// When the access token ends, in milliseconds since 1970.
    pub expires_at_ms: i64,
    /// How often the record has been written.
    pub version: u64,
    /// What else came with the grant: the text of a JSON object.
    pub extra: String,
}

#[uniffi::export]
impl NativeConnection {
    /// Its name in the store.
    pub fn id(&self) -> NativeResult<String> {
        Ok(self.0.id().to_string())
    }

    /// The payload that the authorization carried, if this connection was just completed.
    pub fn payload(&self) -> NativeResult<Option<String>> {
        Ok(self.0.payload().map(str::to_owned))
    }

    /// The organization.
    pub fn organization(&self) -> NativeResult<Arc<NativeOrganization>> {
        Ok(NativeOrganization::of(self.0.organization()))
    }

    /// The account.
    pub fn account(&self) -> NativeResult<Arc<NativeHandle>> {
        Ok(NativeHandle::of(&self.0.account()))
    }

    /// The service account.
    pub fn service_account(&self) -> NativeResult<Arc<NativeHandle>> {
        Ok(NativeHandle::of(&self.0.service_account()))
    }

    /// Reads what the store knows of it.
    pub async fn summary(&self, cancel: Option<Arc<CancelHandle>>) -> NativeResult<NativeSummary> {
        let connection = self.0.clone();
        run(cancel, async move { Ok(connection.summary().await?.into()) }).await
    }

    /// Hands out an access token that is good now.
    pub async fn access_token(&self, cancel: Option<Arc<CancelHandle>>) -> NativeResult<String> {
        let connection = self.0.clone();
        run(cancel, async move { Ok(connection.access_token().await?.expose().to_owned()) }).await
    }

    /// Refreshes the access token now.
    pub async fn refresh(&self, cancel: Option<Arc<CancelHandle>>) -> NativeResult<NativeSummary> {
        let connection = self.0.clone();
        run(cancel, async move { Ok(connection.refresh().await?.into()) }).await
    }

    /// Revokes the grant at Cronofy and erases its tokens.
    pub async fn revoke(&self, cancel: Option<Arc<CancelHandle>>) -> NativeResult<()> {
        let connection = self.0.clone();
        run(cancel, async move { Ok(connection.revoke().await?) }).await
    }
}

impl NativeConnection {
    pub(crate) fn of(connection: Connection) -> Arc<Self> {
        Arc::new(Self(connection))
    }
}

impl From<ConnectionSummary> for NativeSummary {
    fn from(summary: ConnectionSummary) -> Self {
        let reason = match &summary.state {
            ConnectionState::Unreadable { reason } => Some(reason.clone()),
            _ => None,
        };
        let (state, since, interrupted) = match summary.state {
            ConnectionState::Dead { at, interrupted } => ("dead", Some(at), interrupted),
            ConnectionState::Revoking { at } => ("revoking", Some(at), false),
            ConnectionState::Revoked { at } => ("revoked", Some(at), false),
            ConnectionState::Unreadable { .. } => ("unreadable", None, false),
            _ => ("active", None, false),
        };
        let kind = match summary.kind {
            ConnectionKind::Account => "account",
            ConnectionKind::ServiceAccount => "service_account",
            ConnectionKind::Organization => "organization",
            _ => "unknown",
        };
        Self {
            id: summary.id.to_string(),
            kind: kind.to_owned(),
            state: state.to_owned(),
            state_reason: reason,
            state_since_ms: since.map(jiff::Timestamp::as_millisecond),
            interrupted,
            sub: summary.sub,
            scope: summary.scope,
            issued_at_ms: summary.issued_at.as_millisecond(),
            expires_at_ms: summary.expires_at.as_millisecond(),
            version: summary.version,
            extra: serde_json::Value::Object(summary.extra).to_string(),
        }
    }
}
