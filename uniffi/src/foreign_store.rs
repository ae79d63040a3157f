//! A token store of the host's own: an adapter between the foreign trait and the core's.

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use jiff::Timestamp;
use orgconnect::{
    ConnectionId, TokenStore,
    store::{
        ConnectionKey, Lease, ListQuery, ListedRecord, Record, StoreError, StoreErrorKind, StoredRecord,
    },
};
use zeroize::Zeroizing;

/// A place that keeps token records, in the host. What it must promise is written on the core's `TokenStore`.
#[uniffi::export(with_foreign)]
#[async_trait]
pub trait NativeTokenStore: Send + Sync {
    /// Reads a record.
    async fn load(&self, key: NativeKey) -> Result<Option<NativeStoredRecord>, NativeStoreError>;

    /// Writes a record if the stored version still is `expected`, and returns the new version.
    async fn save(
        &self,
        key: NativeKey,
        record: NativeRecord,
        expected: u64,
    ) -> Result<u64, NativeStoreError>;

    /// Removes a record if the stored version still is `expected`.
    async fn delete(&self, key: NativeKey, expected: u64) -> Result<(), NativeStoreError>;

    /// Takes the lease of a key for the owner, or returns false at once while another holds it.
    async fn acquire(&self, key: NativeKey, owner: String, ttl_ms: u64) -> Result<bool, NativeStoreError>;

    /// Gives a lease back.
    async fn release(&self, key: NativeKey, owner: String) -> Result<(), NativeStoreError>;

    /// Lists records of a namespace in the order of their ids.
    async fn list(&self, query: NativeListQuery) -> Result<Vec<NativeListedRecord>, NativeStoreError>;
}

/// The key of a record.
#[derive(Debug, Clone, uniffi::Record)]
pub struct NativeKey {
    /// Data center (or base URL) and application.
    pub namespace: String,
    /// The connection within it.
    pub connection: String,
}

/// What is written into a store.
#[derive(Clone, uniffi::Record)]
pub struct NativeRecord {
    /// Opaque text, which holds secrets.
    pub payload: String,
    /// When the record wants attention, in milliseconds since 1970.
    pub expires_at_ms: Option<i64>,
}

/// What is read from a store.
#[derive(Clone, uniffi::Record)]
pub struct NativeStoredRecord {
    /// The record as it was saved.
    pub record: NativeRecord,
    /// How often the record has been written.
    pub version: u64,
}

/// A record as it appears in a list.
#[derive(Debug, Clone, uniffi::Record)]
pub struct NativeListedRecord {
    /// The connection.
    pub connection: String,
    /// Its version.
    pub version: u64,
    /// When it wants attention, in milliseconds since 1970.
    pub expires_at_ms: Option<i64>,
}

/// Which records to list.
#[derive(Debug, Clone, uniffi::Record)]
pub struct NativeListQuery {
    /// The namespace.
    pub namespace: String,
    /// Only records that want attention before this time, in milliseconds since 1970.
    pub expires_before_ms: Option<i64>,
    /// Only records whose id comes after this one.
    pub after: Option<String>,
    /// At most this many.
    pub limit: u32,
}

/// Why a store could not do what it was asked to. The sentence holds no secret.
#[derive(Debug, uniffi::Error)]
pub enum NativeStoreError {
    /// The record has another version than expected.
    Conflict {
        /// What happened, and what to do.
        detail: String,
    },
    /// The store can't be reached now.
    Unavailable {
        /// What happened, and what to do.
        detail: String,
    },
    /// A record can't be read.
    Unreadable {
        /// What happened, and what to do.
        detail: String,
    },
    /// The store refuses to be used as it is set up.
    Refused {
        /// What happened, and what to do.
        detail: String,
    },
}

/// The host's store as the core's.
pub(crate) struct ForeignStore {
    pub(crate) identity: String,
    pub(crate) encrypted: bool,
    pub(crate) store: Arc<dyn NativeTokenStore>,
}

#[async_trait]
impl TokenStore for ForeignStore {
    fn identity(&self) -> String {
        format!("foreign:{}", self.identity)
    }

    fn is_encrypted(&self) -> bool {
        self.encrypted
    }

    async fn load(&self, key: &ConnectionKey) -> Result<Option<StoredRecord>, StoreError> {
        let Some(stored) = self.store.load(key.into()).await? else { return Ok(None) };
        let record = Record {
            payload: Zeroizing::new(stored.record.payload),
            expires_at: stored.record.expires_at_ms.and_then(|at| Timestamp::from_millisecond(at).ok()),
        };
        Ok(Some(StoredRecord { record, version: stored.version }))
    }

    async fn save(&self, key: &ConnectionKey, record: &Record, expected: u64) -> Result<u64, StoreError> {
        let record = NativeRecord {
            payload: record.payload.to_string(),
            expires_at_ms: record.expires_at.map(Timestamp::as_millisecond),
        };
        Ok(self.store.save(key.into(), record, expected).await?)
    }

    async fn delete(&self, key: &ConnectionKey, expected: u64) -> Result<(), StoreError> {
        Ok(self.store.delete(key.into(), expected).await?)
    }

    async fn acquire(&self, key: &ConnectionKey, ttl: Duration) -> Result<Option<Lease>, StoreError> {
        let lease = Lease::new(ttl);
        let ttl_ms = u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX);
        Ok(self.store.acquire(key.into(), lease.owner.clone(), ttl_ms).await?.then_some(lease))
    }

    async fn release(&self, key: &ConnectionKey, lease: Lease) -> Result<(), StoreError> {
        Ok(self.store.release(key.into(), lease.owner).await?)
    }

    async fn list(&self, query: &ListQuery) -> Result<Vec<ListedRecord>, StoreError> {
        let query = NativeListQuery {
            namespace: query.namespace.clone(),
            expires_before_ms: query.expires_before.map(Timestamp::as_millisecond),
            after: query.after.as_ref().map(ToString::to_string),
            limit: u32::try_from(query.limit).unwrap_or(u32::MAX),
        };
        let listed = self.store.list(query).await?;
        let read = |record: NativeListedRecord| {
            let connection = ConnectionId::new(record.connection).map_err(|error| {
                StoreError::new(StoreErrorKind::Unreadable, "a listed id is no connection id")
                    .with_source(error)
            })?;
            let expires_at = record.expires_at_ms.and_then(|at| Timestamp::from_millisecond(at).ok());
            Ok(ListedRecord { connection, version: record.version, expires_at })
        };
        listed.into_iter().map(read).collect()
    }
}

impl From<&ConnectionKey> for NativeKey {
    fn from(key: &ConnectionKey) -> Self {
        Self { namespace: key.namespace.clone(), connection: key.connection.to_string() }
    }
}

impl From<NativeStoreError> for StoreError {
    fn from(error: NativeStoreError) -> Self {
        let (kind, detail) = match error {
            NativeStoreError::Conflict { detail } => (StoreErrorKind::Conflict, detail),
            NativeStoreError::Unavailable { detail } => (StoreErrorKind::Unavailable, detail),
            NativeStoreError::Unreadable { detail } => (StoreErrorKind::Unreadable, detail),
            NativeStoreError::Refused { detail } => (StoreErrorKind::Refused, detail),
        };
        Self::new(kind, detail)
    }
}

impl From<uniffi::UnexpectedUniFFICallbackError> for NativeStoreError {
    /// What the host threw is not repeated: it may hold a token.
    fn from(_: uniffi::UnexpectedUniFFICallbackError) -> Self {
        Self::Unavailable { detail: "the store threw something other than its own error".to_owned() }
    }
}

impl fmt::Display for NativeStoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Conflict { detail }
            | Self::Unavailable { detail }
            | Self::Unreadable { detail }
            | Self::Refused { detail } => f.write_str(detail),
        }
    }
}

impl std::error::Error for NativeStoreError {}

impl fmt::Debug for ForeignStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ForeignStore").field("identity", &self.identity).finish_non_exhaustive()
    }
}
