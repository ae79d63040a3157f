//! Keeps the tokens of a connection alive: one refresh at a time, in a task of its own, however many callers, clients
//! and processes want one.
//!
//! ```text
//!  caller ── token good? ──yes──► use it            (due soon: a flight starts in the background)
//!              │ no
//!              ▼
//!  flight:  read the store ─► good there? ─yes─► publish
//!              │ no
//!           take the lease ─► read again ─► good now? ─yes─► publish
//!              │ no
//!           note the intent ─► POST ─┬─ tokens ──────► save (compare and swap) ─► publish ─► release
//!                                    ├─ invalid_grant ► read once more; unchanged: mark dead, erase nothing
//!                                    └─ weather ──────► serve the old token while it lasts, else a transient error
//! ```
//!
//! A caller that goes away leaves the flight alone: the task owns the lease and finishes. The state is shared by all
//! clients of the process that use the same store and connection, so that they share their flights as well.

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc, LazyLock, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::Duration,
};

use http::HeaderValue;
use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;
use tracing::Instrument;

use super::{
    endpoint::Revoked,
    flight::{Board, Boarding, Pilot, Publish},
    token::{self, ConnectionState, Intent, SHORTEST_USE, TokenRecord, TokenVerdict},
};
use crate::{
    ConnectionId, Error, ErrorKind, Result,
    client::Inner,
    http::request,
    process::{self, PerProcess},
    random,
    store::{ConnectionKey, Lease, StoreError, StoreErrorKind, StoredRecord},
};

/// How long a waiter sleeps at first before it looks whether another process has finished; doubled up to
/// [`LONGEST_POLL`].
const FIRST_POLL: Duration = Duration::from_millis(10);
const LONGEST_POLL: Duration = Duration::from_millis(200);
/// The longest pause after refreshes that failed one after the other.
const LONGEST_HOLD: Duration = Duration::from_secs(30);
/// The longest pause that is kept because the token endpoint asks for it.
const LONGEST_ASKED_HOLD: Duration = Duration::from_mins(5);
/// How often in a minute a token that ought to be good still is replaced because a call was answered with 401. More than
/// that says something about the path that is called, not about the token.
const MOST_EARLY_REPLACEMENTS: usize = 3;
/// How often a use is noted in the store, so that a refresher anywhere knows which connections are worth keeping fresh.
const NOTE_USE_EVERY: SignedDuration = SignedDuration::from_hours(6);

/// The tokens of one connection, as this process knows them.
pub(crate) struct Tokens {
    pub(crate) key: ConnectionKey,
    state: PerProcess<TokensState>,
    /// When a caller last wanted a token, in milliseconds of the wall clock.
    used_at_ms: AtomicI64,
}

struct TokensState {
    board: Arc<Board<Snapshot, Error>>,
    failures: Mutex<Failures>,
    /// When tokens that ought to be good still were replaced.
    replaced_early: Mutex<Vec<Instant>>,
    unsaved: Mutex<Option<Unsaved>>,
    /// Held while `unsaved` is being saved: one at a time.
    saving: tokio::sync::Mutex<()>,
}

/// A record that could not be saved yet.
#[derive(Clone)]
struct Unsaved {
    record: TokenRecord,
    /// The version that it is to replace.
    expected: u64,
    /// What it replaces; `None` for a new authorization.
    before: Option<Before>,
    /// Kept until it is saved, so that no other process presents the refresh token that it replaces; with when it was taken.
    lease: Option<(Lease, Instant)>,
}

/// The tokens that a refresh set out with, by their fingerprints.
#[derive(Clone)]
struct Before {
    access: String,
    refresh: Option<String>,
}

impl Before {
    fn of(record: &TokenRecord) -> Self {
        Self {
            access: token::fingerprint(&record.access_token),
            refresh: record.refresh_token.as_ref().map(token::fingerprint),
        }
    }
}

#[derive(Default)]
struct Failures {
    count: u32,
    last: Option<(Error, Instant)>,
}

/// A record that is good for use, with what every call needs of it.
pub(crate) struct Snapshot {
    pub(crate) record: TokenRecord,
    pub(crate) version: u64,
    pub(crate) authorization: HeaderValue,
    expires_at: Timestamp,
    refresh_at: Timestamp,
    fingerprint: String,
    /// This process has just refreshed it.
    fresh: bool,
    /// A call with it was accepted.
    confirmed: AtomicBool,
}

/// What a caller needs of the next snapshot.
#[derive(Debug, Clone)]
enum Need {
    /// A token that has not ended.
    Usable,
    /// A token that is not due for refreshing.
    NotDue,
    /// A token other than the one with this fingerprint.
    Other(String),
    /// A token that ends no sooner than this from now: what a refresher wants that works ahead of demand.
    Ahead(Duration),
}

/// What came of refreshing ahead of demand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ahead {
    /// There is a new token.
    Refreshed,
    /// It is good for long enough still: it has a short life, or somebody else was quicker.
    Fresh,
    /// Nobody has used it for long: it is left to whoever wants it next.
    Resting,
    /// It is not in use any more.
    Ended,
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

    fn state(&self) -> &TokensState {
        self.state.get(TokensState::new)
    }

    fn board(&self) -> &Arc<Board<Snapshot, Error>> {
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
    fn used_at(&self, record: &TokenRecord) -> Timestamp {
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
    fn forget_unsaved(&self, saved: &Unsaved) -> Option<(Lease, Instant)> {
        lock(&self.state().unsaved)
            .take_if(|kept| kept.record.access_token.matches(saved.record.access_token.expose()))?
            .lease
    }

    /// Keeps a lease with what could not be saved under it; gives it back if there is nothing of the kind.
    fn keep_with_unsaved(&self, lease: Lease, taken: Instant) -> Option<Lease> {
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
    fn new(record: TokenRecord, version: u64, fresh: bool) -> Result<Self> {
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

    fn satisfies(&self, need: &Need, now: Timestamp) -> bool {
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
    fn is_worth_replacing(&self, tokens: &Tokens, now: Timestamp) -> bool {
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

impl Inner {
    /// A token to call with.
    pub(crate) async fn bearer(self: &Arc<Self>, tokens: &Arc<Tokens>) -> Result<Arc<Snapshot>> {
        let now = self.now();
        tokens.used_at_ms.store(now.as_millisecond(), Ordering::Relaxed);
        if let Some(snapshot) = tokens.current() {
            if snapshot.satisfies(&Need::NotDue, now) {
                return Ok(snapshot);
            }
            if snapshot.satisfies(&Need::Usable, now) {
                self.refresh_in_background(tokens);
                return Ok(snapshot);
            }
        }
        self.join(tokens, &Need::Usable).await
    }

    /// A token in place of one that the API has just rejected.
    ///
    /// `None` if there is no point in asking for another.
    pub(crate) async fn bearer_instead_of(
        self: &Arc<Self>,
        tokens: &Arc<Tokens>,
        rejected: &Snapshot,
    ) -> Result<Option<Arc<Snapshot>>> {
        let need = Need::Other(rejected.fingerprint.clone());
        if rejected.is_worth_replacing(tokens, self.now()) {
            return self.join(tokens, &need).await.map(Some);
        }
        // No refresh, but a sibling may have replaced the token: then that one is good.
        let epoch = tokens.board().epoch();
        let found = self.look(tokens, &need).await?;
        if let Some(found) = &found {
            tokens.board().publish(epoch, Some(Arc::clone(found)));
        }
        Ok(found)
    }

    /// Refreshes whatever the expiry says, unless somebody else does at this moment.
    pub(crate) async fn refresh_now(self: &Arc<Self>, tokens: &Arc<Tokens>) -> Result<Arc<Snapshot>> {
        self.save_unsaved(tokens).await?;
        let stored = self.load(&tokens.key).await?.ok_or_else(|| not_connected(&tokens.key.connection))?;
        let record = TokenRecord::from_payload(&stored.record.payload)?;
        check_state(&record, &tokens.key.connection)?;
        let stored = tokens.adopt(record, stored.version)?;
        self.join(tokens, &Need::Other(stored.fingerprint.clone())).await
    }

    /// Refreshes a connection that is due within `ahead`, if it was used since `hot_since`. One that was not is marked as
    /// resting, and wants no attention until somebody uses it.
    pub(crate) async fn refresh_ahead(
        self: &Arc<Self>,
        tokens: &Arc<Tokens>,
        ahead: Duration,
        hot_since: Timestamp,
    ) -> Result<Ahead> {
        self.save_unsaved(tokens).await?;
        let Some(stored) = self.load(&tokens.key).await? else { return Ok(Ahead::Ended) };
        let mut record = TokenRecord::from_payload(&stored.record.payload)?;
        if record.state != ConnectionState::Active || record.refresh_token.is_none() {
            return Ok(Ahead::Ended);
        }
        if self.now() < record.refresh_ahead_at(ahead) {
            return Ok(Ahead::Fresh);
        }
        if tokens.used_at(&record) < hot_since {
            record.resting = true;
            return match self.save(&tokens.key, &record, stored.version).await {
                Ok(_) => Ok(Ahead::Resting),
                // Somebody uses it after all.
                Err(error) if error.kind() == StoreErrorKind::Conflict => Ok(Ahead::Fresh),
                Err(error) => Err(error.into()),
            };
        }
        self.join(tokens, &Need::Ahead(ahead)).await.map(|_| Ahead::Refreshed)
    }

    /// Notes in the store that a connection is used, which its tokens alone don't tell while others keep them fresh.
    fn note_use(self: &Arc<Self>, tokens: &Arc<Tokens>) {
        let (inner, tokens) = (Arc::clone(self), Arc::clone(tokens));
        tokio::spawn(async move {
            let Ok(Some(stored)) = inner.load(&tokens.key).await else { return };
            let Ok(mut record) = TokenRecord::from_payload(&stored.record.payload) else { return };
            if record.state == ConnectionState::Active {
                (record.used_at, record.resting) = (tokens.used_at(&record), false);
                // Whoever has changed it meanwhile has noted the use as well, or is going to.
                let _ = inner.save(&tokens.key, &record, stored.version).await;
            }
        });
    }

    /// Waits for a flight that is under way, and for tokens that are not saved yet.
    pub(crate) async fn settle(self: &Arc<Self>, tokens: &Arc<Tokens>) -> Result<()> {
        if let Some(flight) = tokens.board().flight() {
            // How it ended is the business of whoever needs a token next.
            let _ = flight.wait().await;
        }
        self.save_unsaved(tokens).await
    }

    fn refresh_in_background(self: &Arc<Self>, tokens: &Arc<Tokens>) {
        let held = || {
            let failures = lock(&tokens.state().failures);
            failures
                .last
                .as_ref()
                .filter(|(_, until)| *until > Instant::now())
                .map(|(error, _)| error.clone())
        };
        let is_fresh = |snapshot: &Snapshot| snapshot.satisfies(&Need::NotDue, self.now());
        if let Ok(Boarding::Started(_, pilot)) = tokens.board().board(is_fresh, held) {
            self.start(tokens, Need::NotDue, pilot);
        }
    }

    async fn join(self: &Arc<Self>, tokens: &Arc<Tokens>, need: &Need) -> Result<Arc<Snapshot>> {
        process::notice()?;
        let held = || {
            let failures = lock(&tokens.state().failures);
            let (error, until) = failures.last.as_ref()?;
            let left = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())?;
            Some(error.clone().with_retry_after(Some(left)))
        };
        let is_good = |snapshot: &Snapshot| snapshot.satisfies(need, self.now());
        let start = |pilot| self.start(tokens, need.clone(), pilot);
        tokens.board().join(is_good, held, start).await.map_err(|error| {
            error.unwrap_or_else(|| {
                Error::new(ErrorKind::Timeout, "the tokens could not be refreshed in time; try again")
            })
        })
    }

    /// Lets a pilot fly, in a task of its own.
    fn start(self: &Arc<Self>, tokens: &Arc<Tokens>, need: Need, pilot: Pilot<Snapshot, Error>) {
        let (inner, tokens) = (Arc::clone(self), Arc::clone(tokens));
        let span = tracing::debug_span!("orgconnect.refresh", connection = %tokens.key.connection);
        tokio::spawn(
            async move {
                let outcome = inner.fly(&tokens, &need).await;
                note_failure(&tokens, &outcome);
                let publish = match &outcome {
                    Ok(_) => Publish::Brought,
                    Err(error) if error.needs_reauthorization() => Publish::Nothing,
                    Err(_) => Publish::Unchanged,
                };
                pilot.land(outcome, &publish);
            }
            .instrument(span),
        );
    }

    async fn fly(self: &Arc<Self>, tokens: &Arc<Tokens>, need: &Need) -> Result<Arc<Snapshot>> {
        self.save_unsaved(tokens).await?;
        // A refresher has just read the record: it comes here because of what it says.
        if !matches!(need, Need::Ahead(_))
            && let Some(snapshot) = self.look(tokens, need).await?
        {
            let record = &snapshot.record;
            let noted = record.used_at.saturating_add(NOTE_USE_EVERY).unwrap_or(Timestamp::MAX);
            if record.resting || tokens.used_at(record) > noted {
                self.note_use(tokens);
            }
            return Ok(snapshot);
        }
        // The lease is counted from before it was asked for: never longer than the store counts it.
        let (lease, taken) = match self.take_lease(tokens, need).await? {
            Taken::Lease(lease, taken) => (lease, taken),
            Taken::Served(snapshot) => return Ok(snapshot),
        };
        let outcome = self.refresh_under(tokens, need, &lease, taken).await;
        if let Some(lease) = tokens.keep_with_unsaved(lease, taken) {
            self.give_back(tokens, lease, taken).await;
        }
        if let Err(error) = &outcome {
            tracing::warn!(%error, "refresh failed; a token that is still valid goes on being served");
        }
        outcome
    }

    /// Reads the store; a snapshot if it holds what is needed.
    async fn look(&self, tokens: &Tokens, need: &Need) -> Result<Option<Arc<Snapshot>>> {
        let stored = self.load(&tokens.key).await?.ok_or_else(|| not_connected(&tokens.key.connection))?;
        let record = TokenRecord::from_payload(&stored.record.payload)?;
        check_state(&record, &tokens.key.connection)?;
        let snapshot = Snapshot::new(record, stored.version, false)?;
        Ok(snapshot.satisfies(need, self.now()).then(|| Arc::new(snapshot)))
    }

    async fn take_lease(&self, tokens: &Tokens, need: &Need) -> Result<Taken> {
        let ttl = self.settings.lease;
        let patience = Instant::now() + ttl + Duration::from_secs(1);
        let mut poll = FIRST_POLL;
        loop {
            let taken = Instant::now();
            let span = tracing::trace_span!("orgconnect.store", access = "acquire", connection = %tokens.key.connection);
            if let Some(lease) = self.store().acquire(&tokens.key, ttl).instrument(span).await? {
                return Ok(Taken::Lease(lease, taken));
            }
            if Instant::now() > patience {
                return Err(Error::new(
                    ErrorKind::Store,
                    "another process has held the refresh of this connection for too long; try again",
                )
                .with_code("store_locked")
                .with_transient(true));
            }
            tokio::time::sleep(poll.mul_f64(0.5 + random::fraction())).await;
            poll = (poll * 2).min(LONGEST_POLL);
            if let Some(snapshot) = self.look(tokens, need).await? {
                return Ok(Taken::Served(snapshot));
            }
        }
    }

    async fn refresh_under(
        self: &Arc<Self>,
        tokens: &Arc<Tokens>,
        need: &Need,
        lease: &Lease,
        taken: Instant,
    ) -> Result<Arc<Snapshot>> {
        let deadline = taken + self.settings.token_timeout;
        let mut contended = 0;
        loop {
            let stored =
                self.load(&tokens.key).await?.ok_or_else(|| not_connected(&tokens.key.connection))?;
            let mut record = TokenRecord::from_payload(&stored.record.payload)?;
            check_state(&record, &tokens.key.connection)?;
            let snapshot = Snapshot::new(record.clone(), stored.version, false)?;
            if snapshot.satisfies(need, self.now()) {
                return Ok(Arc::new(snapshot));
            }
            let Some(refresh_token) = record.refresh_token.clone() else {
                return Err(Error::authorization(
                    "no_refresh_token",
                    format!("connection {}: it has ended and came without a refresh token; send the owner through authorize again", tokens.key.connection),
                )
                .reauthorize());
            };
            let sent = token::fingerprint(&refresh_token);
            let before = Before::of(&record);
            let interrupted = record.intent.as_ref().is_some_and(|intent| intent.refresh_token == sent);
            record.intent =
                Some(Intent { owner: lease.owner.clone(), at: self.now(), refresh_token: sent.clone() });
            let version = match self.save(&tokens.key, &record, stored.version).await {
                Ok(version) => version,
                Err(error) if error.kind() == StoreErrorKind::Conflict && contended < 3 => {
                    contended += 1;
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            match self.exchange_refresh_token(&refresh_token, deadline).await {
                TokenVerdict::Granted(reply) => {
                    let mut refreshed = record.refreshed(*reply, self.now());
                    refreshed.used_at = match need {
                        Need::Ahead(_) => tokens.used_at(&record),
                        Need::Usable | Need::NotDue | Need::Other(_) => self.now(),
                    };
                    return self
                        .keep(
                            tokens,
                            Unsaved {
                                record: refreshed,
                                expected: version,
                                before: Some(before),
                                lease: None,
                            },
                        )
                        .await;
                }
                TokenVerdict::Failed(error) => {
                    if !interrupted && is_clear(&error) {
                        // The token was surely not used: whoever comes next must not suspect it.
                        record.intent = None;
                        let _ = self.save(&tokens.key, &record, version).await;
                    }
                    return Err(error);
                }
                TokenVerdict::InvalidGrant(error) => {
                    if let Some(error) = self.condemn(tokens, version, interrupted, error).await? {
                        return Err(error);
                    }
                    contended += 1;
                    if contended > 3 {
                        return Err(Error::from(StoreError::conflict()));
                    }
                }
            }
        }
    }

    /// Marks a connection dead, after one more look: if the record has changed since the intent was noted the verdict was
    /// on something else, and `None` says to go on with what is there now.
    async fn condemn(
        &self,
        tokens: &Tokens,
        version: u64,
        interrupted: bool,
        verdict: Error,
    ) -> Result<Option<Error>> {
        let stored = self.load(&tokens.key).await?.ok_or_else(|| not_connected(&tokens.key.connection))?;
        let mut record = TokenRecord::from_payload(&stored.record.payload)?;
        if let Err(error) = check_state(&record, &tokens.key.connection) {
            return Ok(Some(error));
        }
        if stored.version != version {
            return Ok(None);
        }
        record.state = ConnectionState::Dead { at: self.now(), interrupted };
        match self.save(&tokens.key, &record, stored.version).await {
            Ok(_) => {
                tracing::warn!(
                    interrupted,
                    "the grant is gone; the connection is marked dead, nothing is erased"
                );
                let (status, request_id) = (verdict.status(), verdict.request_id().map(str::to_owned));
                let error = dead(&tokens.key.connection, interrupted).with_request_id(request_id);
                Ok(Some(match status {
                    Some(status) => error.with_status(status),
                    None => error,
                }))
            }
            Err(error) if error.kind() == StoreErrorKind::Conflict => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Saves what a refresh brought.
    ///
    /// If the store fails the tokens stay in memory, are served from there, and are saved as soon as it is back: the
    /// refresh token that they replaced may be worthless by now.
    async fn keep(self: &Arc<Self>, tokens: &Arc<Tokens>, mut new: Unsaved) -> Result<Arc<Snapshot>> {
        for _ in 0..4 {
            match self.save(&tokens.key, &new.record, new.expected).await {
                Ok(version) => return Snapshot::new(new.record, version, true).map(Arc::new),
                Err(error) if error.kind() == StoreErrorKind::Conflict => {
                    match self.overtaken(tokens, &new).await {
                        Ok(Overtaken::By(snapshot)) => return Ok(snapshot),
                        Ok(Overtaken::SaveOver(found)) => new.expected = found,
                        Ok(Overtaken::Gone(error)) => return Err(error),
                        Err(_unreadable) => break,
                    }
                }
                Err(_) => break,
            }
        }
        tracing::error!("new tokens could not be saved; they are kept in memory and saved later");
        let snapshot = Snapshot::new(new.record.clone(), new.expected, true)?;
        *lock(&tokens.state().unsaved) = Some(new);
        self.keep_trying_to_save(tokens);
        Ok(Arc::new(snapshot))
    }

    /// Decides what holds when the record is not what the new tokens were to replace.
    async fn overtaken(&self, tokens: &Tokens, new: &Unsaved) -> Result<Overtaken> {
        let connection = &tokens.key.connection;
        let Some(StoredRecord { record, version }) = self.load(&tokens.key).await? else {
            if new.before.is_none() {
                return Ok(Overtaken::SaveOver(0));
            }
            self.discard(&new.record).await;
            return Ok(Overtaken::Gone(not_connected(connection)));
        };
        let found = TokenRecord::from_payload(&record.payload)?;
        let by =
            |found| Snapshot::new(found, version, false).map(|snapshot| Overtaken::By(Arc::new(snapshot)));
        match (&found.state, &new.before) {
            // A new authorization supersedes whatever was before it.
            (ConnectionState::Revoking { at } | ConnectionState::Revoked { at }, None)
                if *at < new.record.issued_at =>
            {
                return Ok(Overtaken::SaveOver(version));
            }
            (ConnectionState::Revoking { .. } | ConnectionState::Revoked { .. }, _) => {
                self.discard(&new.record).await;
                let error = check_state(&found, connection).err();
                return Ok(Overtaken::Gone(error.unwrap_or_else(|| not_connected(connection))));
            }
            (ConnectionState::Active, None) if found.issued_at > new.record.issued_at => return by(found),
            (
                ConnectionState::Active | ConnectionState::Dead { .. } | ConnectionState::Unreadable { .. },
                _,
            ) => {}
        }
        // A dead one was marked by somebody who presented the predecessor of the tokens that have just been received; and a
        // new authorization supersedes whatever was before it.
        if found.state != ConnectionState::Active || new.before.is_none() {
            return Ok(Overtaken::SaveOver(version));
        }
        let (theirs, ours) = (Before::of(&found), Before::of(&new.record));
        let unchanged = new.before.as_ref().is_some_and(|before| before.access == theirs.access);
        let rotated = new.before.as_ref().is_some_and(|before| before.refresh != ours.refresh);
        let from_same = new.before.as_ref().is_some_and(|before| before.refresh == theirs.refresh);
        if unchanged || theirs.access == ours.access || from_same && rotated {
            return Ok(Overtaken::SaveOver(version));
        }
        // Whoever took over asked after us: also where the server gave both the same refresh token.
        by(found)
    }

    /// Revokes tokens that arrived for a connection that has been revoked meanwhile.
    async fn discard(&self, record: &TokenRecord) {
        let token = record.refresh_token.as_ref().unwrap_or(&record.access_token);
        if let Err(error) = self.send_revocation(Revoked::Token(token)).await {
            tracing::warn!(%error, "tokens that arrived after a revocation could not be revoked");
        }
    }

    /// Gives a lease back. A store that can't be written to now is asked again until the lease has ended by itself.
    async fn give_back(self: &Arc<Self>, tokens: &Arc<Tokens>, lease: Lease, taken: Instant) {
        let Err(error) = self.store().release(&tokens.key, lease.clone()).await else { return };
        tracing::warn!(%error, "the lease was not given back; it is tried again until it ends by itself");
        let (inner, tokens) = (Arc::clone(self), Arc::clone(tokens));
        tokio::spawn(async move {
            let mut pause = FIRST_POLL;
            while taken.elapsed() + pause < lease.ttl {
                tokio::time::sleep(pause.mul_f64(0.5 + random::fraction())).await;
                pause = (pause * 2).min(LONGEST_POLL);
                if inner.store().release(&tokens.key, lease.clone()).await.is_ok() {
                    return;
                }
            }
        });
    }

    /// Saves a record that is only in memory, before anything else is done with the connection, and gives back the lease
    /// that was kept for that.
    pub(crate) async fn save_unsaved(self: &Arc<Self>, tokens: &Arc<Tokens>) -> Result<()> {
        if lock(&tokens.state().unsaved).is_none() {
            return Ok(());
        }
        let _one_at_a_time = tokens.state().saving.lock().await;
        let Some(mut unsaved) = lock(&tokens.state().unsaved).clone() else { return Ok(()) };
        for _ in 0..4 {
            match self.save(&tokens.key, &unsaved.record, unsaved.expected).await {
                Ok(_) => {}
                Err(error) if error.kind() == StoreErrorKind::Conflict => {
                    match self.overtaken(tokens, &unsaved).await? {
                        Overtaken::SaveOver(found) => {
                            unsaved.expected = found;
                            continue;
                        }
                        Overtaken::By(_) | Overtaken::Gone(_) => {}
                    }
                }
                Err(error) => return Err(error.into()),
            }
            if let Some((lease, taken)) = tokens.forget_unsaved(&unsaved) {
                let (inner, tokens) = (Arc::clone(self), Arc::clone(tokens));
                // In a task: the caller may go away.
                let given_back = tokio::spawn(async move { inner.give_back(&tokens, lease, taken).await });
                let _ = given_back.await;
            }
            return Ok(());
        }
        Err(Error::from(StoreError::conflict()))
    }

    /// Tries to save in the background until it succeeds or the process ends.
    pub(crate) fn keep_trying_to_save(self: &Arc<Self>, tokens: &Arc<Tokens>) {
        let (inner, tokens) = (Arc::clone(self), Arc::clone(tokens));
        tokio::spawn(async move {
            let mut pause = Duration::from_millis(200);
            while lock(&tokens.state().unsaved).is_some() {
                tokio::time::sleep(pause.mul_f64(0.5 + random::fraction())).await;
                pause = (pause * 2).min(LONGEST_HOLD);
                match inner.save_unsaved(&tokens).await {
                    Ok(()) => tracing::info!("the tokens that were kept in memory are saved"),
                    Err(error) => tracing::warn!(%error, "the tokens are still only in memory"),
                }
            }
        });
    }
}

enum Taken {
    Lease(Lease, Instant),
    Served(Arc<Snapshot>),
}

enum Overtaken {
    /// By tokens that count more.
    By(Arc<Snapshot>),
    /// By a note only: save over this version.
    SaveOver(u64),
    /// By a revocation: there is nothing to save to.
    Gone(Error),
}

/// Whether a failure says clearly that the token endpoint did not use the refresh token.
fn is_clear(error: &Error) -> bool {
    match error.status() {
        Some(status) => (400..500).contains(&status) && status != 408,
        None => error.code() == Some("unreachable"),
    }
}

/// Counts failures that follow one another; from the second on (from the first, if it won't pass by itself) callers are
/// held off for a while that doubles.
fn note_failure(tokens: &Tokens, outcome: &Result<Arc<Snapshot>>) {
    let mut failures = lock(&tokens.state().failures);
    match outcome {
        // A store that fails is asked again at once: no request was made.
        Err(error) if !error.needs_reauthorization() && error.kind() != ErrorKind::Store => {
            failures.count = failures.count.saturating_add(1);
            let doublings = failures.count.saturating_sub(2).min(10);
            let spared = error.is_transient() && failures.count < 2;
            let hold = if spared { Duration::ZERO } else { Duration::from_secs(1) * (1 << doublings) };
            let asked = error.retry_after().unwrap_or_default().min(LONGEST_ASKED_HOLD);
            failures.last = Some((error.clone(), Instant::now() + hold.min(LONGEST_HOLD).max(asked)));
        }
        _ => *failures = Failures::default(),
    }
}

pub(crate) fn not_connected(connection: &ConnectionId) -> Error {
    Error::authorization(
        "not_connected",
        format!("connection {connection}: it is not in the token store; send the owner through authorize, or check the id"),
    )
    .with_field("connection_id", "errors.not_found", "is not in the token store")
    .reauthorize()
}

fn dead(connection: &ConnectionId, interrupted: bool) -> Error {
    let (code, why) = if interrupted {
        (
            "interrupted",
            "a refresh was interrupted, and Cronofy no longer accepts the token that was saved before it",
        )
    } else {
        ("invalid_grant", "Cronofy no longer accepts its grant: it was revoked, or has lapsed")
    };
    Error::authorization(
        code,
        format!("connection {connection}: {why}; send the owner through authorize again"),
    )
    .reauthorize()
}

/// Refuses a record that is not in use.
pub(crate) fn check_state(record: &TokenRecord, connection: &ConnectionId) -> Result<()> {
    match &record.state {
        ConnectionState::Active => Ok(()),
        ConnectionState::Dead { interrupted, .. } => Err(dead(connection, *interrupted)),
        ConnectionState::Unreadable { reason } => {
            Err(Error::new(ErrorKind::Store, reason.clone()).with_code("store_unreadable"))
        }
        ConnectionState::Revoking { at } | ConnectionState::Revoked { at } => {
            let at = Timestamp::from_second(at.as_second()).unwrap_or(*at);
            Err(Error::authorization(
                "revoked",
                format!(
                    "connection {connection}: your application revoked it at {at}; send the owner through authorize again"
                ),
            )
            .reauthorize())
        }
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
