//! Stores for tests: one that another process would have opened, and one that fails when told to.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use jiff::Timestamp;
use orgconnect::{
    TokenStore,
    store::{
        Claim, ClaimQuery, ConnectionKey, Lease, ListQuery, ListedRecord, Record, StoreError, StoreErrorKind,
        StoredRecord,
    },
};

/// The same records under another identity: clients on either share nothing else, like two processes.
#[derive(Debug)]
pub(crate) struct OtherProcess {
    inner: Arc<dyn TokenStore>,
    number: u64,
}

impl OtherProcess {
    pub(crate) fn on(inner: &Arc<dyn TokenStore>) -> Arc<dyn TokenStore> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Arc::new(Self { inner: Arc::clone(inner), number: NEXT.fetch_add(1, Ordering::Relaxed) })
    }
}

/// A store whose disk is full, or which is unreachable, whenever a test says so.
#[derive(Debug)]
pub(crate) struct Failing {
    inner: Arc<dyn TokenStore>,
    pub(crate) full: AtomicBool,
    pub(crate) down: AtomicBool,
    /// Nothing is answered any more, as by a database behind a broken network.
    pub(crate) hangs: AtomicBool,
}

impl Failing {
    pub(crate) fn on(inner: Arc<dyn TokenStore>) -> Arc<Self> {
        let [full, down, hangs] = [(); 3].map(|()| AtomicBool::new(false));
        Arc::new(Self { inner, full, down, hangs })
    }

    async fn answers(&self) {
        if self.hangs.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
    }

    fn name(&self) -> String {
        self.inner.identity()
    }

    fn reachable(&self) -> Result<(), StoreError> {
        if self.down.load(Ordering::SeqCst) {
            return Err(StoreError::new(StoreErrorKind::Unavailable, "the store is down"));
        }
        Ok(())
    }

    fn writable(&self) -> Result<(), StoreError> {
        self.reachable()?;
        if self.full.load(Ordering::SeqCst) {
            return Err(StoreError::new(StoreErrorKind::Unavailable, "the disk is full"));
        }
        Ok(())
    }
}

macro_rules! forward {
    ($type:ty, $identity:path, $answers:ident, $read:ident, $write:ident) => {
        #[async_trait]
        impl TokenStore for $type {
            fn identity(&self) -> String {
                $identity(self)
            }
            async fn load(&self, key: &ConnectionKey) -> Result<Option<StoredRecord>, StoreError> {
                self.$answers().await;
                self.$read()?;
                self.inner.load(key).await
            }
            async fn save(
                &self,
                key: &ConnectionKey,
                record: &Record,
                expected: u64,
            ) -> Result<u64, StoreError> {
                self.$answers().await;
                self.$write()?;
                self.inner.save(key, record, expected).await
            }
            async fn delete(&self, key: &ConnectionKey, expected: u64) -> Result<(), StoreError> {
                self.$answers().await;
                self.$write()?;
                self.inner.delete(key, expected).await
            }
            async fn acquire(&self, key: &ConnectionKey, ttl: Duration) -> Result<Option<Lease>, StoreError> {
                self.$answers().await;
                self.$read()?;
                self.inner.acquire(key, ttl).await
            }
            async fn release(&self, key: &ConnectionKey, lease: Lease) -> Result<(), StoreError> {
                self.$answers().await;
                self.$read()?;
                self.inner.release(key, lease).await
            }
            async fn list(&self, query: &ListQuery) -> Result<Vec<ListedRecord>, StoreError> {
                self.$answers().await;
                self.$read()?;
                self.inner.list(query).await
            }
            async fn claim_due(&self, query: &ClaimQuery) -> Result<Vec<Claim>, StoreError> {
                self.$write()?;
                self.inner.claim_due(query).await
            }
            async fn sweep(
                &self,
                namespace: &str,
                before: Timestamp,
                limit: usize,
            ) -> Result<usize, StoreError> {
                self.$write()?;
                self.inner.sweep(namespace, before, limit).await
            }
        }
    };
}

impl OtherProcess {
    fn name(&self) -> String {
        format!("other:{}", self.number)
    }

    async fn at_once(&self) {}

    #[allow(clippy::unused_self, clippy::unnecessary_wraps, reason = "the other store's can fail")]
    fn fine(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

forward!(OtherProcess, OtherProcess::name, at_once, fine, fine);
forward!(Failing, Failing::name, answers, reachable, writable);
