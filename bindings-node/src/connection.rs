//! A connection, and what is known of one.

use napi_derive::napi;
use orgconnect::{Connection, ConnectionKind, ConnectionState, ConnectionSummary, Handle};
use serde_json::{Value, json};

use crate::{
    channel::{Channel, Done},
    error::Result,
    handle::NativeHandle,
};

#[napi(js_name = "Connection")]
pub struct NativeConnection {
    connection: Connection,
}

#[napi]
impl NativeConnection {
    #[napi(catch_unwind)]
    pub fn id(&self) -> String {
        self.connection.id().to_string()
    }

    #[napi(catch_unwind)]
    pub fn payload(&self) -> Option<String> {
        self.connection.payload().map(str::to_owned)
    }

    #[napi(catch_unwind)]
    pub fn organization(&self) -> NativeHandle {
        NativeHandle::of_an_organization(self.connection.organization())
    }

    #[napi(catch_unwind)]
    pub fn account(&self) -> NativeHandle {
        NativeHandle::of(Handle::from(&self.connection.account()))
    }

    #[napi(catch_unwind)]
    pub fn service_account(&self) -> NativeHandle {
        NativeHandle::of(Handle::from(&self.connection.service_account()))
    }

    /// What comes is a summary as JSON.
    #[napi(catch_unwind)]
    pub fn summary(&self, channel: &Channel, id: i32) -> Result<()> {
        let connection = self.connection.clone();
        channel.run(id, true, move || async move {
            connection.summary().await.map(|found| Done::Text(summary(&found).to_string()))
        })
    }

    #[napi(catch_unwind)]
    pub fn access_token(&self, channel: &Channel, id: i32) -> Result<()> {
        let connection = self.connection.clone();
        channel.run(id, true, move || async move {
            connection.access_token().await.map(|token| Done::Text(token.expose().to_owned()))
        })
    }

    /// What comes is a summary as JSON.
    #[napi(catch_unwind)]
    pub fn refresh(&self, channel: &Channel, id: i32) -> Result<()> {
        let connection = self.connection.clone();
        channel.run(id, true, move || async move {
            connection.refresh().await.map(|found| Done::Text(summary(&found).to_string()))
        })
    }

    #[napi(catch_unwind)]
    pub fn revoke(&self, channel: &Channel, id: i32) -> Result<()> {
        let connection = self.connection.clone();
        channel.run(id, true, move || async move { connection.revoke().await.map(|()| Done::Nothing) })
    }
}

impl NativeConnection {
    pub(crate) fn of(connection: Connection) -> Self {
        Self { connection }
    }
}

/// A summary as JSON. Times are milliseconds.
pub(crate) fn summary(found: &ConnectionSummary) -> Value {
    let kind = match found.kind {
        ConnectionKind::Organization => "organization",
        ConnectionKind::ServiceAccount => "service_account",
        ConnectionKind::Account => "account",
        _ => "unknown",
    };
    let reason = match &found.state {
        ConnectionState::Unreadable { reason } => Some(reason),
        _ => None,
    };
    let (state, since) = match &found.state {
        ConnectionState::Active => ("active", None),
        ConnectionState::Dead { at, .. } => ("dead", Some(at)),
        ConnectionState::Revoking { at } => ("revoking", Some(at)),
        ConnectionState::Revoked { at } => ("revoked", Some(at)),
        ConnectionState::Unreadable { .. } => ("unreadable", None),
        _ => ("unknown", None),
    };
    let interrupted = matches!(found.state, ConnectionState::Dead { interrupted: true, .. });
    json!({
        "id": found.id.as_str(),
        "kind": kind,
        "state": state,
        "since": since.map(|at| at.as_millisecond()),
        "reason": reason,
        "interrupted": interrupted,
        "sub": found.sub,
        "scope": found.scope,
        "issuedAt": found.issued_at.as_millisecond(),
        "expiresAt": found.expires_at.as_millisecond(),
        "version": found.version,
        "extra": found.extra,
    })
}
