//! Stores for rows: one that another process would have opened, and one that fails, hangs or waits when told to.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use orgconnect::{
    TokenStore,
    store::{
        ConnectionKey, Lease, ListQuery, ListedRecord, Record, StoreError, StoreErrorKind, StoredRecord,
    },
};

/// The records of another store under an identity of its own, so that clients on either share nothing else, like two
/// processes; and every access may be made to fail.
#[derive(Debug)]
pub struct Apart {
    inner: Arc<dyn TokenStore>,
    number: u64,
    /// Nothing can be written.
    pub full: AtomicBool,
    /// Nothing can be reached.
    pub down: AtomicBool,
}

impl Apart {
    pub fn from(inner: &Arc<dyn TokenStore>) -> Arc<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Arc::new(Self {
            inner: Arc::clone(inner),
            number: NEXT.fetch_add(1, Ordering::Relaxed),
            full: AtomicBool::new(false),
            down: AtomicBool::new(false),
        })
    }

    fn reached(&self) -> Result<(), StoreError> {
        if self.down.load(Ordering::SeqCst) {
            return Err(StoreError::new(StoreErrorKind::Unavailable, "the store is down"));
        }
        Ok(())
    }

    fn writable(&self) -> Result<(), StoreError> {
        self.reached()?;
        if self.full.load(Ordering::SeqCst) {
            return Err(StoreError::new(StoreErrorKind::Unavailable, "the disk is full"));
        }
        Ok(())
    }
}

#[async_trait]
impl TokenStore for Apart {
    fn identity(&self) -> String {
        format!("apart:{}", self.number)
    }

    async fn load(&self, key: &ConnectionKey) -> Result<Option<StoredRecord>, StoreError> {
        self.reached()?;
        self.inner.load(key).await
    }

    async fn save(&self, key: &ConnectionKey, record: &Record, expected: u64) -> Result<u64, StoreError> {
        self.writable()?;
        self.inner.save(key, record, expected).await
    }

    async fn delete(&self, key: &ConnectionKey, expected: u64) -> Result<(), StoreError> {
        self.writable()?;
        self.inner.delete(key, expected).await
    }

    async fn acquire(&self, key: &ConnectionKey, ttl: Duration) -> Result<Option<Lease>, StoreError> {
        self.reached()?;
        self.inner.acquire(key, ttl).await
    }

    async fn release(&self, key: &ConnectionKey, lease: Lease) -> Result<(), StoreError> {
        self.reached()?;
        self.inner.release(key, lease).await
    }

    async fn list(&self, query: &ListQuery) -> Result<Vec<ListedRecord>, StoreError> {
        self.reached()?;
        self.inner.list(query).await
    }
}
