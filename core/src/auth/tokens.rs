//! What a process knows of a connection's tokens: shared by all of its clients that use the same store and connection, so that they
//! share their refreshes as well.

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc, LazyLock, Mutex, Weak,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::Duration,
};

use http::HeaderValue;
use jiff::Timestamp;
use tokio::time::Instant;

use super::{
    flight::Board,
    token::{self, SHORTEST_USE, TokenRecord},
    unsaved::Unsaved,
};
use crate::{
    Error, Result,
    http::request,
    lock::lock,
    process::PerProcess,
    random,
    store::{ConnectionKey, Lease},
};

/// How often in a minute a token that ought to be good still is replaced because a call was answered with 401. More than
/// that says something about the path that is called, not about the token.
const MOST_EARLY_REPLACEMENTS: usize = 3;

/// The tokens of one connection, as this process knows them.
pub(crate) struct Tokens {
    pub(crate) key: ConnectionKey,
    state: PerProcess<TokensState>,
    /// When a caller last wanted a token, in milliseconds of the wall clock.
    pub(super) used_at_ms: AtomicI64,
}

pub(super) struct TokensState {
    pub(super) board: Arc<Board<Snapshot, Error>>,
    pub(super) failures: Mutex<Failures>,
    /// When tokens that ought to be good still were replaced.
    replaced_early: Mutex<Vec<Instant>>,
    pub(super) unsaved: Mutex<Option<Unsaved>>,
    /// Held while `unsaved` is being saved: one at a time.
    pub(super) saving: tokio::sync::Mutex<()>,
}

#[derive(Default)]
pub(super) struct Failures {
    pub(super) count: u32,
    pub(super) last: Option<(Error, Instant)>,
}

/// A record that is good for use, with what every call needs of it.
pub(crate) struct Snapshot {
    pub(crate) record: TokenRecord,
    pub(crate) version: u64,
    pub(crate) authorization: HeaderValue,
    expires_at: Timestamp,
    refresh_at: Timestamp,
    pub(super) fingerprint: String,
    /// This process has just refreshed it.
    fresh: bool,
    /// A call with it was accepted.
    confirmed: AtomicBool,
}

/// What a caller needs of the next snapshot.
#[derive(Debug, Clone)]
pub(super) enum Need {
    /// A token that has not ended.
    Usable,
    /// A token that is not due for refreshing.
    NotDue,
    /// A token other than the one with this fingerprint.
    Other(String),
    /// A token that ends no sooner than this from now: what a refresher wants that works ahead of demand.
    Ahead(Duration),
}

impl Tokens {
    /// The shared state of a connection: the same for every client of this process whose store has the same identity.
    pub(crate) fn shared(store: &str, key: &ConnectionKey) -> Arc<Self> {
        type Registry = HashMap<(String, ConnectionKey), Weak<Tokens>>;
        type Shared = Mutex<(Registry, usize)>;
        static REGISTRY: LazyLock<PerProcess<Shared>> = LazyLock::new(|| PerProcess::new(empty()));
        fn empty() -> Shared {
            Mutex::new((HashMap::new(), 64))
        }
        let mut guard = lock(REGISTRY.get(empty));
        let (registry, sweep_at) = &mut *guard;
        let slot = (store.to_owned(), key.clone());
        if let Some(tokens) = registry.get(&slot).and_then(Weak::upgrade) {
            return tokens;
        }
        if registry.len() >= *sweep_at {
            registry.retain(|_, tokens| tokens.strong_count() > 0);
            *sweep_at = (registry.len() * 2).max(64);
        }
        let state = PerProcess::new(TokensState::new());
        let tokens = Arc::new(Self { key: key.clone(), state, used_at_ms: AtomicI64::new(i64::MIN) });
        registry.insert(slot, Arc::downgrade(&tokens));
        tokens
    }

    pub(super) fn state(&self) -> &TokensState {
        self.state.get(TokensState::new)
    }

    pub(super) fn board(&self) -> &Arc<Board<Snapshot, Error>> {
        &self.state().board
    }

    pub(crate) fn current(&self) -> Option<Arc<Snapshot>> {
        self.board().current()
    }

    /// Replaces what is known, whatever is under way.
    pub(crate) fn supersede(&self, snapshot: Option<Arc<Snapshot>>) {
        self.board().supersede(snapshot);
    }

    /// Whether the tokens are used by anyone beside the table that holds them.
    pub(crate) fn is_idle(self: &Arc<Self>) -> bool {
        Arc::strong_count(self) == 1 && lock(&self.state().unsaved).is_none()
    }

    /// When it was last used, by what the record says and what this process knows.
    pub(super) fn used_at(&self, record: &TokenRecord) -> Timestamp {
        let known = Timestamp::from_millisecond(self.used_at_ms.load(Ordering::Relaxed));
        known.map_or(record.used_at, |known| known.max(record.used_at))
    }

    /// Takes over a record that was saved elsewhere.
    pub(crate) fn adopt(&self, record: TokenRecord, version: u64) -> Result<Arc<Snapshot>> {
        let snapshot = Arc::new(Snapshot::new(record, version, false)?);
        self.supersede(Some(Arc::clone(&snapshot)));
        *lock(&self.state().failures) = Failures::default();
        Ok(snapshot)
    }

    /// Keeps a new authorization that could not be saved; see [`Inner::keep_trying_to_save`].
    pub(crate) fn keep_unsaved(&self, record: TokenRecord) {
        let mut slot = lock(&self.state().unsaved);
        let lease = slot.take().and_then(|kept| kept.lease);
        *slot = Some(Unsaved { record, expected: 0, before: None, lease });
    }

    /// Empties the slot, unless something newer was put there meanwhile; the lease that was kept with it.
    pub(super) fn forget_unsaved(&self, saved: &Unsaved) -> Option<(Lease, Instant)> {
        lock(&self.state().unsaved)
            .take_if(|kept| kept.record.access_token.matches(saved.record.access_token.expose()))?
            .lease
    }

    /// Keeps a lease with what could not be saved under it; gives it back if there is nothing of the kind.
    pub(super) fn keep_with_unsaved(&self, lease: Lease, taken: Instant) -> Option<Lease> {
        match &mut *lock(&self.state().unsaved) {
            Some(unsaved) => {
                unsaved.lease = Some((lease, taken));
                None
            }
            None => Some(lease),
        }
    }

    /// Whether one more early replacement is within bounds, and counts it.
    fn may_replace_early(&self) -> bool {
        let mut replaced = lock(&self.state().replaced_early);
        replaced.retain(|at| at.elapsed() < Duration::from_mins(1));
        let may = replaced.len() < MOST_EARLY_REPLACEMENTS;
        if may {
            replaced.push(Instant::now());
        }
        may
    }
}

impl TokensState {
    fn new() -> Self {
        Self {
            board: Board::new(),
            failures: Mutex::default(),
            replaced_early: Mutex::default(),
            unsaved: Mutex::default(),
            saving: tokio::sync::Mutex::default(),
        }
    }
}

impl Snapshot {
    pub(super) fn new(record: TokenRecord, version: u64, fresh: bool) -> Result<Self> {
        Ok(Self {
            authorization: request::bearer(&record.access_token)?,
            expires_at: record.expires_at(),
            refresh_at: record.refresh_at(random::fraction()),
            fingerprint: token::fingerprint(&record.access_token),
            version,
            fresh,
            confirmed: AtomicBool::new(false),
            record,
        })
    }

    pub(super) fn satisfies(&self, need: &Need, now: Timestamp) -> bool {
        match need {
            Need::Usable => now < self.expires_at,
            Need::NotDue => now < self.refresh_at,
            Need::Other(fingerprint) => *fingerprint != self.fingerprint && now < self.expires_at,
            Need::Ahead(ahead) => now < self.record.refresh_ahead_at(*ahead),
        }
    }

    /// Remembers that the API has accepted the token.
    pub(crate) fn confirm(&self) {
        if !self.confirmed.load(Ordering::Relaxed) {
            self.confirmed.store(true, Ordering::Relaxed);
        }
    }

    /// Whether refreshing once more after a rejection makes sense: not if the token has come from a refresh a moment
    /// ago and was never accepted, for then the next one would fare no better.
    pub(super) fn is_worth_replacing(&self, tokens: &Tokens, now: Timestamp) -> bool {
        let age = now.duration_since(self.record.issued_at);
        let young = !age.is_negative() && age.unsigned_abs() < SHORTEST_USE.min(self.record.lifetime);
        !(self.fresh && young) || (self.confirmed.load(Ordering::Relaxed) && tokens.may_replace_early())
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot")
            .field("record", &self.record)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}
