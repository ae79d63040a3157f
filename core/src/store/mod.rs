//! Where tokens are kept: the contract that every store fulfils, and the stores that come with the crate.
//!
//! A store keeps small opaque records and knows nothing of OAuth. What makes it safe for many tasks, processes and
//! machines at once are two promises, which every implementation must keep:
//!
//! 1. **Compare and swap.** [`TokenStore::save`] writes only if the record still has the version that the writer has
//!    read. A writer that was overtaken gets [`StoreErrorKind::Conflict`], and nothing has changed.
//! 2. **Leases.** [`TokenStore::acquire`] gives the right to refresh a connection to one owner at a time, for a limited
//!    time. An owner that dies or stalls loses it when the time is over; should it wake up later, the first promise
//!    stops it from overwriting what its successor wrote.
//!
//! Beside them there are *claims* ([`TokenStore::claim_due`]), by which refreshers on many machines share out what is due.
//! They are a convenience: nothing is lost if two look after the same record.
//!
//! A record that was saved survives the end of the process (as far as the store is meant to), and a reader sees either
//! the old record or the new one, never a mixture.

mod address;
pub mod conformance;
mod deadline;
mod file;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
#[cfg(feature = "keyring")]
mod keyring;
mod memory;
mod migrate;
mod open;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "redis")]
mod redis;
mod rights;
#[cfg(feature = "sealed")]
mod sealed;
#[cfg(feature = "sqlite")]
mod sqlite;

use std::{error::Error as StdError, fmt, time::Duration};

use async_trait::async_trait;
use jiff::Timestamp;
use zeroize::Zeroizing;

pub(crate) use self::deadline::Deadline;
#[cfg(feature = "keyring")]
pub use self::keyring::KeyringStore;
#[cfg(feature = "sealed")]
pub use self::open::open_sealed;
#[cfg(feature = "postgres")]
pub use self::postgres::PostgresStore;
#[cfg(feature = "redis")]
pub use self::redis::RedisStore;
#[cfg(feature = "sealed")]
pub use self::sealed::{Keys, Rewrapped, SealedStore};
#[cfg(feature = "sqlite")]
pub use self::sqlite::SqliteStore;
pub use self::{
    file::FileStore,
    memory::MemoryStore,
    migrate::{Migrated, migrate},
    open::open,
};
use crate::{ConnectionId, Error, ErrorKind};

/// A place that keeps token records. See the [module](self) for what it must promise.
///
/// Implementations are shared between tasks: every method may be called at any time, also for the same key.
#[async_trait]
pub trait TokenStore: fmt::Debug + Send + Sync + 'static {
    /// A text that is equal for two objects exactly if they reach the same records: a path, an address with its
    /// database and table. It holds no secret. Clients in one process share their refreshes by it.
    fn identity(&self) -> String;

    /// Whether nothing that is kept leaves the memory of this process in clear text. A wrapper that encrypts says so, and a
    /// store that keeps all in memory; plain stores do not. See [`ClientBuilder::require_encryption`].
    ///
    /// [`ClientBuilder::require_encryption`]: crate::ClientBuilder::require_encryption
    fn is_encrypted(&self) -> bool {
        false
    }

    /// Reads a record. `None` if there is none.
    async fn load(&self, key: &ConnectionKey) -> Result<Option<StoredRecord>, StoreError>;

    /// Writes a record if the stored version still is `expected` (0: if there is none), and returns the new version,
    /// which is `expected + 1`. The write is durable when this returns.
    ///
    /// # Errors
    /// [`StoreErrorKind::Conflict`] if the version is another one; then nothing was written.
    async fn save(&self, key: &ConnectionKey, record: &Record, expected: u64) -> Result<u64, StoreError>;

    /// Removes a record if the stored version still is `expected`. Removing what does not exist is a conflict unless
    /// `expected` is 0.
    async fn delete(&self, key: &ConnectionKey, expected: u64) -> Result<(), StoreError>;

    /// Takes the lease of a key for `ttl`, or returns `None` at once while another owner holds it.
    ///
    /// The lease of an owner that is known to be dead may be given away early, never that of one that may be alive.
    async fn acquire(&self, key: &ConnectionKey, ttl: Duration) -> Result<Option<Lease>, StoreError>;

    /// Gives a lease back. A lease that has passed to another owner is left alone.
    async fn release(&self, key: &ConnectionKey, lease: Lease) -> Result<(), StoreError>;

    /// Lists records of a namespace in the order of their ids, without their payloads.
    async fn list(&self, query: &ListQuery) -> Result<Vec<ListedRecord>, StoreError>;

    /// Claims records that are due, so that of any number of processes each looks after others. A claim is a lease of
    /// its own, under [`ConnectionKey::claim`]: it keeps others from claiming the record, and nobody from using or
    /// refreshing it. It is given back by [`release_claims`](Self::release_claims), or ends by itself.
    ///
    /// The default lists and acquires. A store that can do it in one step, passing over what others are about to claim,
    /// does so.
    async fn claim_due(&self, query: &ClaimQuery) -> Result<Vec<Claim>, StoreError> {
        let mut claims = Vec::new();
        let mut due = ListQuery {
            namespace: query.namespace.clone(),
            expires_before: Some(query.expires_before),
            after: None,
            limit: query.limit.clamp(1, 500),
        };
        while claims.len() < query.limit {
            let page = self.list(&due).await?;
            let Some(last) = page.last() else { break };
            due.after = Some(last.connection.clone());
            for listed in page {
                let key = ConnectionKey {
                    namespace: query.namespace.clone(),
                    connection: listed.connection.clone(),
                };
                if claims.len() < query.limit
                    && let Some(lease) = self.acquire(&key.claim(), query.ttl).await?
                {
                    claims.push(Claim { listed, lease });
                }
            }
        }
        Ok(claims)
    }

    /// Gives claims on records of a namespace back. One that has passed to another owner is left alone.
    ///
    /// The default releases one after the other. A store that can do it in one step does so.
    async fn release_claims(&self, namespace: &str, claims: &[Claim]) -> Result<(), StoreError> {
        for claim in claims {
            let connection = claim.listed.connection.clone();
            let key = ConnectionKey { namespace: namespace.to_owned(), connection };
            self.release(&key.claim(), claim.lease.clone()).await?;
        }
        Ok(())
    }

    /// Removes at most `limit` records of a namespace that wanted attention before a time, and says how many. One that
    /// changes meanwhile is left alone.
    async fn sweep(&self, namespace: &str, before: Timestamp, limit: usize) -> Result<usize, StoreError> {
        let query =
            ListQuery { namespace: namespace.to_owned(), expires_before: Some(before), after: None, limit };
        let mut removed = 0;
        for listed in self.list(&query).await? {
            let key = ConnectionKey { namespace: namespace.to_owned(), connection: listed.connection };
            match self.delete(&key, listed.version).await {
                Ok(()) => removed += 1,
                Err(error) if error.kind() == StoreErrorKind::Conflict => {}
                Err(error) => return Err(error),
            }
        }
        Ok(removed)
    }
}

/// The key of a record.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectionKey {
    /// Data center (or base URL) and application: `uk/CLIENT_ID`. Records of two applications never meet.
    pub namespace: String,
    /// The connection within it.
    pub connection: ConnectionId,
}

impl ConnectionKey {
    /// The key whose lease is the claim on this one; see [`TokenStore::claim_due`].
    pub fn claim(&self) -> Self {
        Self { namespace: claims_of(&self.namespace), connection: self.connection.clone() }
    }
}

/// The namespace in which the claims on the records of another are.
pub(crate) fn claims_of(namespace: &str) -> String {
    format!("{namespace}#claims")
}

/// What is written into a store.
#[derive(Clone)]
pub struct Record {
    /// Opaque text; it holds secrets unless the store is sealed. Stores write it as it is.
    pub payload: Zeroizing<String>,
    /// When the record wants attention: the end of the access token of a living connection. `None`: never.
    pub expires_at: Option<Timestamp>,
}

/// What is read from a store.
#[derive(Clone)]
pub struct StoredRecord {
    /// The record as it was saved.
    pub record: Record,
    /// How often the record has been written: 1 for the first time.
    pub version: u64,
}

/// A record as it appears in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedRecord {
    /// The connection.
    pub connection: ConnectionId,
    /// Its version.
    pub version: u64,
    /// When it wants attention.
    pub expires_at: Option<Timestamp>,
}

/// Which records to list.
#[derive(Debug, Clone)]
pub struct ListQuery {
    /// The namespace.
    pub namespace: String,
    /// Only records that want attention before this time.
    pub expires_before: Option<Timestamp>,
    /// Only records whose id comes after this one: the last of the page before.
    pub after: Option<ConnectionId>,
    /// At most this many.
    pub limit: usize,
}

/// Which records to claim.
#[derive(Debug, Clone)]
pub struct ClaimQuery {
    /// The namespace.
    pub namespace: String,
    /// Only records that want attention before this time.
    pub expires_before: Timestamp,
    /// At most this many. Those that have wanted attention longest come first where the store can tell.
    pub limit: usize,
    /// How long others are kept from claiming them.
    pub ttl: Duration,
}

/// A record that was claimed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The record.
    pub listed: ListedRecord,
    /// The lease under its [`ConnectionKey::claim`].
    pub lease: Lease,
}

/// The right to refresh one connection for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// A random name of this holder.
    pub owner: String,
    /// How long the store keeps others away, counted from when it was taken.
    pub ttl: Duration,
}

impl Lease {
    /// A lease with a fresh owner name.
    pub fn new(ttl: Duration) -> Self {
        Self { owner: crate::random::token(), ttl }
    }
}

/// Why a store could not do what it was asked to.
#[derive(Debug)]
pub struct StoreError {
    kind: StoreErrorKind,
    message: String,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// What kind of failure a [`StoreError`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// The record has another version than expected. Nothing was written.
    Conflict,
    /// The store can't be reached or written to now; a later try may succeed.
    Unavailable,
    /// A record is there and can't be read: damaged, or written by a newer version.
    Unreadable,
    /// The store refuses to be used as it is set up: rights, links, missing key.
    Refused,
}

impl StoreError {
    /// A failure with its message, which says what happened and what to do, and holds no secret.
    pub fn new(kind: StoreErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), source: None }
    }

    /// The version was another one.
    pub fn conflict() -> Self {
        Self::new(StoreErrorKind::Conflict, "the record was changed by somebody else; read it again")
    }

    /// Adds what caused it.
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What kind of failure it is.
    pub fn kind(&self) -> StoreErrorKind {
        self.kind
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for StoreError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        let code = match error.kind {
            StoreErrorKind::Conflict => "store_conflict",
            StoreErrorKind::Unavailable => "store_unavailable",
            StoreErrorKind::Unreadable => "store_unreadable",
            StoreErrorKind::Refused => "store_refused",
        };
        let transient = matches!(error.kind, StoreErrorKind::Conflict | StoreErrorKind::Unavailable);
        Self::new(ErrorKind::Store, format!("token store: {error}"))
            .with_code(code)
            .with_transient(transient)
            .with_source(error)
    }
}

/// The first whole millisecond that is not before `time`, for stores that keep milliseconds.
#[cfg(any(feature = "sqlite", feature = "postgres", feature = "redis"))]
fn ceiling(time: Timestamp) -> i64 {
    let whole = time.as_millisecond();
    let cut = Timestamp::from_millisecond(whole).is_ok_and(|whole| whole < time);
    whole + i64::from(cut)
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record")
            .field("payload", &format_args!("{} bytes", self.payload.len()))
            .field("expires_at", &self.expires_at)
            .finish()
    }
}

impl fmt::Debug for StoredRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredRecord").field("record", &self.record).field("version", &self.version).finish()
    }
}
