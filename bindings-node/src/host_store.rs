//! A token store that is written in JavaScript: each method becomes a question to its thread, and every answer, error or
//! silence becomes a result.

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use jiff::Timestamp;
use orgconnect::{
    ConnectionId, TokenStore,
    store::{
        ConnectionKey, Lease, ListQuery, ListedRecord, Record, StoreError, StoreErrorKind, StoredRecord,
    },
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::{channel::Shared, error::HostError};

pub(crate) struct HostStore {
    channel: Arc<Shared>,
    number: u32,
    identity: String,
    encrypted: bool,
    limit: Duration,
}

/// What is told of an error that a method threw.
#[derive(Deserialize)]
struct HostFailure {
    kind: String,
    message: String,
    number: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Stored {
    payload: String,
    expires_at: Option<i64>,
    version: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    connection: String,
    expires_at: Option<i64>,
    version: u64,
}

impl HostStore {
    pub(crate) fn new(
        channel: Arc<Shared>,
        number: u32,
        identity: String,
        encrypted: bool,
        limit: Duration,
    ) -> Self {
        Self { channel, number, identity, encrypted, limit }
    }

    async fn ask<T: DeserializeOwned>(&self, method: &str, arguments: &Value) -> Result<T, StoreError> {
        let unavailable = |why: String| StoreError::new(StoreErrorKind::Unavailable, why);
        let asked = self.channel.ask(self.number, method, arguments.to_string());
        let answer = tokio::time::timeout(self.limit, asked)
            .await
            .map_err(|_| {
                let limit = self.limit.as_millis();
                unavailable(format!("`{method}` of the store has not answered within {limit} ms"))
            })?
            .ok_or_else(|| unavailable("the thread that the store lives on has ended".to_owned()))?;
        if answer.failed {
            let failure: HostFailure =
                serde_json::from_str(&answer.text).map_err(|error| unavailable(error.to_string()))?;
            let kind = match failure.kind.as_str() {
                "store_conflict" => StoreErrorKind::Conflict,
                "store_unreadable" => StoreErrorKind::Unreadable,
                "store_refused" => StoreErrorKind::Refused,
                _ => StoreErrorKind::Unavailable,
            };
            return Err(StoreError::new(kind, failure.message).with_source(HostError(failure.number)));
        }
        // The text may hold secrets, so no more is said of it than where it is wrong.
        serde_json::from_str(&answer.text).map_err(|error| {
            let place = error.column();
            let why = format!("`{method}` of the store returned something else than it should (at {place})");
            StoreError::new(StoreErrorKind::Unreadable, why)
        })
    }
}

#[async_trait]
impl TokenStore for HostStore {
    fn identity(&self) -> String {
        self.identity.clone()
    }

    fn is_encrypted(&self) -> bool {
        self.encrypted
    }

    async fn load(&self, key: &ConnectionKey) -> Result<Option<StoredRecord>, StoreError> {
        let found: Option<Stored> = self.ask("load", &json!([of_key(key)])).await?;
        Ok(found.map(|found| StoredRecord {
            record: Record {
                payload: Zeroizing::new(found.payload),
                expires_at: found.expires_at.and_then(read_time),
            },
            version: found.version,
        }))
    }

    async fn save(&self, key: &ConnectionKey, record: &Record, expected: u64) -> Result<u64, StoreError> {
        let written = json!({ "payload": &*record.payload, "expiresAt": of_time(record.expires_at) });
        self.ask("save", &json!([of_key(key), written, expected])).await
    }

    async fn delete(&self, key: &ConnectionKey, expected: u64) -> Result<(), StoreError> {
        self.ask::<Value>("delete", &json!([of_key(key), expected])).await.map(drop)
    }

    async fn acquire(&self, key: &ConnectionKey, ttl: Duration) -> Result<Option<Lease>, StoreError> {
        let lease = Lease::new(ttl);
        let granted: bool = self.ask("acquire", &json!([of_key(key), of_lease(&lease)])).await?;
        Ok(granted.then_some(lease))
    }

    async fn release(&self, key: &ConnectionKey, lease: Lease) -> Result<(), StoreError> {
        self.ask::<Value>("release", &json!([of_key(key), of_lease(&lease)])).await.map(drop)
    }

    async fn list(&self, query: &ListQuery) -> Result<Vec<ListedRecord>, StoreError> {
        let query = json!({
            "namespace": query.namespace,
            "expiresBefore": of_time(query.expires_before),
            "after": query.after.as_ref().map(ConnectionId::as_str),
            "limit": query.limit,
        });
        let found: Vec<Listed> = self.ask("list", &json!([query])).await?;
        let records = found.into_iter().map(|found| {
            let connection = ConnectionId::new(found.connection)
                .map_err(|error| StoreError::new(StoreErrorKind::Unreadable, error.message().to_owned()))?;
            let expires_at = found.expires_at.and_then(read_time);
            Ok(ListedRecord { connection, version: found.version, expires_at })
        });
        records.collect()
    }
}

fn of_key(key: &ConnectionKey) -> Value {
    json!({ "namespace": key.namespace, "connection": key.connection.as_str() })
}

fn of_lease(lease: &Lease) -> Value {
    json!({ "owner": lease.owner, "ttl": u64::try_from(lease.ttl.as_millis()).unwrap_or(u64::MAX) })
}

fn of_time(at: Option<Timestamp>) -> Option<i64> {
    at.map(Timestamp::as_millisecond)
}

fn read_time(milliseconds: i64) -> Option<Timestamp> {
    Timestamp::from_millisecond(milliseconds).ok()
}

impl fmt::Debug for HostStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostStore").field("identity", &self.identity).finish_non_exhaustive()
    }
}
