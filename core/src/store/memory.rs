//! A store that forgets when the process ends: for tests, and for programs that keep tokens elsewhere.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use async_trait::async_trait;

use super::{ConnectionKey, Lease, ListQuery, ListedRecord, Record, StoreError, StoredRecord, TokenStore};

/// Keeps records in the memory of this process. Share one object (in an `Arc`) between clients to share its records.
#[derive(Debug)]
pub struct MemoryStore {
    number: u64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    records: BTreeMap<ConnectionKey, StoredRecord>,
    leases: HashMap<ConnectionKey, (String, Instant)>,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self { number: NEXT.fetch_add(1, Ordering::Relaxed), state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No method leaves the maps half changed, so a panic elsewhere does not spoil them.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl TokenStore for MemoryStore {
    fn identity(&self) -> String {
        format!("memory:{}", self.number)
    }

    fn is_encrypted(&self) -> bool {
        true
    }

    async fn load(&self, key: &ConnectionKey) -> Result<Option<StoredRecord>, StoreError> {
        Ok(self.state().records.get(key).cloned())
    }

    async fn save(&self, key: &ConnectionKey, record: &Record, expected: u64) -> Result<u64, StoreError> {
        let mut state = self.state();
        let found = state.records.get(key).map_or(0, |stored| stored.version);
        if found != expected {
            return Err(StoreError::conflict());
        }
        let version = expected + 1;
        state.records.insert(key.clone(), StoredRecord { record: record.clone(), version });
        Ok(version)
    }

    async fn delete(&self, key: &ConnectionKey, expected: u64) -> Result<(), StoreError> {
        let mut state = self.state();
        let found = state.records.get(key).map_or(0, |stored| stored.version);
        if found != expected {
            return Err(StoreError::conflict());
        }
        state.records.remove(key);
        Ok(())
    }

    async fn acquire(&self, key: &ConnectionKey, ttl: Duration) -> Result<Option<Lease>, StoreError> {
        let mut state = self.state();
        let now = Instant::now();
        if state.leases.get(key).is_some_and(|(_, until)| *until > now) {
            return Ok(None);
        }
        let lease = Lease::new(ttl);
        state.leases.insert(key.clone(), (lease.owner.clone(), now + ttl));
        Ok(Some(lease))
    }

    async fn release(&self, key: &ConnectionKey, lease: Lease) -> Result<(), StoreError> {
        let mut state = self.state();
        if state.leases.get(key).is_some_and(|(owner, _)| *owner == lease.owner) {
            state.leases.remove(key);
        }
        Ok(())
    }

    async fn list(&self, query: &ListQuery) -> Result<Vec<ListedRecord>, StoreError> {
        let state = self.state();
        let listed = state
            .records
            .iter()
            .filter(|(key, stored)| {
                key.namespace == query.namespace
                    && query.after.as_ref().is_none_or(|after| key.connection > *after)
                    && query
                        .expires_before
                        .is_none_or(|before| stored.record.expires_at.is_some_and(|at| at < before))
            })
            .take(query.limit)
            .map(|(key, stored)| ListedRecord {
                connection: key.connection.clone(),
                version: stored.version,
                expires_at: stored.record.expires_at,
            })
            .collect();
        Ok(listed)
    }
}
