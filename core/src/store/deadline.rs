//! A deadline for every call to a store, so that one that hangs never holds up a caller for ever.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use jiff::Timestamp;

use super::{
    Claim, ClaimQuery, ConnectionKey, Lease, ListQuery, ListedRecord, Record, StoreError, StoreErrorKind,
    StoredRecord, TokenStore,
};
use crate::process;

/// A store whose calls end after a while, come what may. What a call that was given up does later is held off by the
/// version it expects, or ends with the lease it took.
#[derive(Debug)]
pub(crate) struct Deadline {
    inner: Arc<dyn TokenStore>,
    limit: Duration,
}

impl Deadline {
    pub(crate) fn new(inner: Arc<dyn TokenStore>, limit: Duration) -> Self {
        Self { inner, limit }
    }

    async fn within<T>(&self, call: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        process::notice().map_err(|error| {
            StoreError::new(StoreErrorKind::Refused, error.message().to_owned()).with_source(error)
        })?;
        tokio::time::timeout(self.limit, call).await.unwrap_or_else(|_| {
            let seconds = self.limit.as_secs_f64();
            Err(StoreError::new(
                StoreErrorKind::Unavailable,
                format!("it has not answered for {seconds} s; look whether it hangs, or raise store_timeout"),
            ))
        })
    }
}

#[async_trait]
impl TokenStore for Deadline {
    fn identity(&self) -> String {
        self.inner.identity()
    }

    fn is_encrypted(&self) -> bool {
        self.inner.is_encrypted()
    }

    async fn load(&self, key: &ConnectionKey) -> Result<Option<StoredRecord>, StoreError> {
        self.within(self.inner.load(key)).await
    }

    async fn save(&self, key: &ConnectionKey, record: &Record, expected: u64) -> Result<u64, StoreError> {
        self.within(self.inner.save(key, record, expected)).await
    }

    async fn delete(&self, key: &ConnectionKey, expected: u64) -> Result<(), StoreError> {
        self.within(self.inner.delete(key, expected)).await
    }

    async fn acquire(&self, key: &ConnectionKey, ttl: Duration) -> Result<Option<Lease>, StoreError> {
        self.within(self.inner.acquire(key, ttl)).await
    }

    async fn release(&self, key: &ConnectionKey, lease: Lease) -> Result<(), StoreError> {
        self.within(self.inner.release(key, lease)).await
    }

    async fn list(&self, query: &ListQuery) -> Result<Vec<ListedRecord>, StoreError> {
        self.within(self.inner.list(query)).await
    }

    async fn claim_due(&self, query: &ClaimQuery) -> Result<Vec<Claim>, StoreError> {
        self.within(self.inner.claim_due(query)).await
    }

    async fn release_claims(&self, namespace: &str, claims: &[Claim]) -> Result<(), StoreError> {
        self.within(self.inner.release_claims(namespace, claims)).await
    }

    async fn sweep(&self, namespace: &str, before: Timestamp, limit: usize) -> Result<usize, StoreError> {
        self.within(self.inner.sweep(namespace, before, limit)).await
    }
}
