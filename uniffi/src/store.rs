//! Token stores: those of the core, and an adapter between the foreign trait and the core's.

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use jiff::Timestamp;
use orgconnect::{
    ConnectionId, Error, FileStore, Keys, MemoryStore, SealedStore, SqliteStore, TokenStore,
    store::{
        ConnectionKey, Lease, ListQuery, ListedRecord, Record, StoreError, StoreErrorKind, StoredRecord,
    },
};
use zeroize::Zeroizing;

use crate::{error::NativeResult, runtime::run};

/// A token store.
#[derive(Debug, uniffi::Object)]
pub struct NativeStore {
    store: Arc<dyn TokenStore>,
    /// The same, if it is one that seals.
    sealed: Option<Arc<SealedStore>>,
}

/// What [`NativeStore::rewrap_all`] did.
#[derive(Debug, uniffi::Record)]
pub struct NativeRewrapped {
    /// Records that were moved to the current key.
    pub moved: u64,
    /// Records that had nothing to be done for.
    pub unchanged: u64,
    /// Connections whose records were left as they are.
    pub failed: Vec<String>,
}

/// A new random key, as text for [`NativeStore::sealed`].
#[uniffi::export]
pub fn generate_store_key() -> NativeResult<String> {
    Ok(Keys::generate().expose().to_owned())
}

#[uniffi::export]
impl NativeStore {
    /// Keeps tokens in the memory of this process.
    #[uniffi::constructor]
    pub fn memory() -> NativeResult<Arc<Self>> {
        Ok(Self::of(Arc::new(MemoryStore::new())))
    }

    /// Keeps tokens in files of a folder.
    #[uniffi::constructor]
    pub fn file(path: String) -> NativeResult<Arc<Self>> {
        Ok(Self::of(Arc::new(FileStore::open(path).map_err(Error::from)?)))
    }

    /// Keeps tokens in a SQLite database.
    #[uniffi::constructor]
    pub fn sqlite(path: String) -> NativeResult<Arc<Self>> {
        Ok(Self::of(Arc::new(SqliteStore::open(path).map_err(Error::from)?)))
    }

    /// Encrypts what another store keeps, with keys in base64, the current one first.
    #[uniffi::constructor]
    pub fn sealed(inner: Arc<Self>, keys: String, allow_clear_text_reads: bool) -> NativeResult<Arc<Self>> {
        let keys = Keys::from_base64(&Zeroizing::new(keys)).map_err(Error::from)?;
        let mut sealed = SealedStore::shared(inner.shared(), keys);
        if allow_clear_text_reads {
            sealed = sealed.allow_clear_text_reads();
        }
        let sealed = Arc::new(sealed);
        Ok(Arc::new(Self { store: Arc::clone(&sealed) as _, sealed: Some(sealed) }))
    }

    /// Keeps tokens in a store of the host's own. The identity is equal for two objects that reach the same records.
    #[uniffi::constructor]
    pub fn foreign(identity: String, store: Arc<dyn NativeTokenStore>) -> NativeResult<Arc<Self>> {
        Ok(Self::of(Arc::new(ForeignStore { identity, store })))
    }

    /// Goes on with other keys.
    pub fn replace_keys(&self, keys: String) -> NativeResult<()> {
        let keys = Keys::from_base64(&Zeroizing::new(keys)).map_err(Error::from)?;
        self.seals()?.replace_keys(keys);
        Ok(())
    }

    /// Moves every record of a namespace to the current key.
    pub async fn rewrap_all(&self, namespace: String) -> NativeResult<NativeRewrapped> {
        let sealed = Arc::clone(self.seals()?);
        run(None, async move {
            let done = sealed.rewrap_all(&namespace).await.map_err(Error::from)?;
            Ok(NativeRewrapped {
                moved: done.moved as u64,
                unchanged: done.unchanged as u64,
                failed: done.failed.into_iter().map(|(connection, _)| connection.to_string()).collect(),
            })
        })
        .await
    }
}

impl NativeStore {
    pub(crate) fn shared(&self) -> Arc<dyn TokenStore> {
        Arc::clone(&self.store)
    }

    fn of(store: Arc<dyn TokenStore>) -> Arc<Self> {
        Arc::new(Self { store, sealed: None })
    }

    fn seals(&self) -> NativeResult<&Arc<SealedStore>> {
        self.sealed.as_ref().ok_or_else(|| Error::config("store", "is not one that seals").into())
    }
}

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
struct ForeignStore {
    identity: String,
    store: Arc<dyn NativeTokenStore>,
}

#[async_trait]
impl TokenStore for ForeignStore {
    fn identity(&self) -> String {
        format!("foreign:{}", self.identity)
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
