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
        Arc, LazyLock, Mutex, MutexGuard, PoisonError, RwLock, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use http::HeaderValue;
use jiff::Timestamp;
use tokio::{sync::watch, time::Instant};
use tracing::Instrument;

use super::{
    endpoint::Revoked,
    token::{self, ConnectionState, Intent, SHORTEST_USE, TokenRecord, TokenReply, TokenVerdict},
};
use crate::{
    ConnectionId, Error, ErrorKind, Result,
    client::Inner,
    http::request,
    random,
    store::{ConnectionKey, Lease, StoreError, StoreErrorKind, StoredRecord},
};

/// How long a waiter sleeps at first before it looks whether another process has finished; doubled up to
/// [`LONGEST_POLL`].
const FIRST_POLL: Duration = Duration::from_millis(10);
const LONGEST_POLL: Duration = Duration::from_millis(200);
/// The longest pause after refreshes that failed one after the other.
const LONGEST_HOLD: Duration = Duration::from_secs(30);

/// The tokens of one connection, as this process knows them.
pub(crate) struct Tokens {
    pub(crate) key: ConnectionKey,
    current: RwLock<Option<Arc<Snapshot>>>,
    flight: Mutex<Option<Flight>>,
    failures: Mutex<Failures>,
    /// A refreshed record that could not be saved yet, and the version that it is to replace.
    unsaved: Mutex<Option<(TokenRecord, u64)>>,
}

type Outcome = Option<Result<Arc<Snapshot>>>;

#[derive(Clone)]
struct Flight(watch::Receiver<Outcome>);

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
}

impl Tokens {
    /// The shared state of a connection: the same for every client of this process whose store has the same identity.
    pub(crate) fn shared(store: &str, key: &ConnectionKey) -> Arc<Self> {
        type Registry = HashMap<(String, ConnectionKey), Weak<Tokens>>;
        static REGISTRY: LazyLock<Mutex<(Registry, usize)>> =
            LazyLock::new(|| Mutex::new((HashMap::new(), 64)));
        let mut guard = lock(&REGISTRY);
        let (registry, sweep_at) = &mut *guard;
        let slot = (store.to_owned(), key.clone());
        if let Some(tokens) = registry.get(&slot).and_then(Weak::upgrade) {
            return tokens;
        }
        if registry.len() >= *sweep_at {
            registry.retain(|_, tokens| tokens.strong_count() > 0);
            *sweep_at = (registry.len() * 2).max(64);
        }
        let tokens = Arc::new(Self {
            key: key.clone(),
            current: RwLock::default(),
            flight: Mutex::default(),
            failures: Mutex::default(),
            unsaved: Mutex::default(),
        });
        registry.insert(slot, Arc::downgrade(&tokens));
        tokens
    }

    pub(crate) fn current(&self) -> Option<Arc<Snapshot>> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn publish(&self, snapshot: Option<Arc<Snapshot>>) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = snapshot;
    }

    /// Whether the tokens are used by anyone beside the table that holds them.
    pub(crate) fn is_idle(self: &Arc<Self>) -> bool {
        Arc::strong_count(self) == 1 && lock(&self.unsaved).is_none()
    }

    /// Takes over a record that was saved elsewhere.
    pub(crate) fn adopt(&self, record: TokenRecord, version: u64) -> Result<Arc<Snapshot>> {
        let snapshot = Arc::new(Snapshot::new(record, version, false)?);
        self.publish(Some(Arc::clone(&snapshot)));
        Ok(snapshot)
    }

    /// Keeps a record that could not be saved; see [`Inner::keep_trying_to_save`].
    pub(crate) fn keep_unsaved(&self, record: TokenRecord, expected: u64) {
        *lock(&self.unsaved) = Some((record, expected));
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
    fn is_worth_replacing(&self, now: Timestamp) -> bool {
        let age = now.duration_since(self.record.issued_at);
        let young = !age.is_negative() && age.unsigned_abs() < SHORTEST_USE;
        !(self.fresh && young && !self.confirmed.load(Ordering::Relaxed))
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
        if let Some(snapshot) = tokens.current() {
            let now = self.now();
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
        if !rejected.is_worth_replacing(self.now()) {
            return Ok(None);
        }
        self.join(tokens, &Need::Other(rejected.fingerprint.clone())).await.map(Some)
    }

    /// Refreshes whatever the expiry says, unless somebody else does at this moment.
    pub(crate) async fn refresh_now(self: &Arc<Self>, tokens: &Arc<Tokens>) -> Result<Arc<Snapshot>> {
        let stored = self.load(&tokens.key).await?.ok_or_else(|| not_connected(&tokens.key.connection))?;
        let record = TokenRecord::from_payload(&stored.record.payload)?;
        check_state(&record, &tokens.key.connection)?;
        self.join(tokens, &Need::Other(token::fingerprint(&record.access_token))).await
    }

    fn refresh_in_background(self: &Arc<Self>, tokens: &Arc<Tokens>) {
        let held = lock(&tokens.failures).last.as_ref().is_some_and(|(_, until)| *until > Instant::now());
        let mut flight = lock(&tokens.flight);
        if flight.is_none() && !held {
            *flight = Some(self.start(tokens, Need::NotDue));
        }
    }

    async fn join(self: &Arc<Self>, tokens: &Arc<Tokens>, need: &Need) -> Result<Arc<Snapshot>> {
        // A flight that was under way for another need may end without serving this one; and one whose runtime was shut
        // down ends without a word. Both are followed by one of our own.
        for _ in 0..3 {
            if let Some(snapshot) = tokens.current()
                && snapshot.satisfies(need, self.now())
            {
                return Ok(snapshot);
            }
            let mut flight = {
                let mut flight = lock(&tokens.flight);
                if let Some(flight) = &*flight {
                    flight.clone()
                } else {
                    if let Some((error, until)) = &lock(&tokens.failures).last
                        && let Some(left) =
                            until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())
                    {
                        return Err(error.clone().with_retry_after(Some(left)));
                    }
                    flight.insert(self.start(tokens, need.clone())).clone()
                }
            };
            let outcome = flight.0.wait_for(Option::is_some).await.map(|outcome| outcome.clone());
            match outcome {
                Ok(Some(Ok(snapshot))) if snapshot.satisfies(need, self.now()) => return Ok(snapshot),
                Ok(Some(Err(error))) => return Err(error),
                Ok(_) => {}
                Err(_closed) => {
                    let mut slot = lock(&tokens.flight);
                    if slot.as_ref().is_some_and(|slot| slot.0.same_channel(&flight.0)) {
                        *slot = None;
                    }
                }
            }
        }
        Err(Error::new(ErrorKind::Timeout, "the tokens could not be refreshed in time; try again"))
    }

    /// Starts the task. Called with the flight's slot locked, so that there is never a second one.
    fn start(self: &Arc<Self>, tokens: &Arc<Tokens>, need: Need) -> Flight {
        let (sender, receiver) = watch::channel(None);
        let (inner, tokens) = (Arc::clone(self), Arc::clone(tokens));
        let span = tracing::debug_span!("orgconnect.refresh", connection = %tokens.key.connection);
        tokio::spawn(
            async move {
                let outcome = inner.fly(&tokens, &need).await;
                note_failure(&tokens, &outcome);
                // First what new callers look at, then the slot, then those who wait: nobody can join a finished flight.
                match &outcome {
                    Ok(snapshot) => tokens.publish(Some(Arc::clone(snapshot))),
                    Err(error) if error.needs_reauthorization() => tokens.publish(None),
                    Err(_) => {}
                }
                *lock(&tokens.flight) = None;
                sender.send_replace(Some(outcome));
            }
            .instrument(span),
        );
        Flight(receiver)
    }

    async fn fly(self: &Arc<Self>, tokens: &Arc<Tokens>, need: &Need) -> Result<Arc<Snapshot>> {
        self.save_unsaved(tokens).await?;
        if let Some(snapshot) = self.look(tokens, need).await? {
            return Ok(snapshot);
        }
        // The lease is counted from before it was asked for: never longer than the store counts it.
        let (lease, taken) = match self.take_lease(tokens, need).await? {
            Taken::Lease(lease, taken) => (lease, taken),
            Taken::Served(snapshot) => return Ok(snapshot),
        };
        let outcome = self.refresh_under(tokens, need, &lease, taken).await;
        if let Err(error) = self.store().release(&tokens.key, lease).await {
            tracing::warn!(%error, "the lease was not given back; it ends by itself");
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
            if let Some(lease) = self.store().acquire(&tokens.key, ttl).await? {
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
                TokenVerdict::Granted(reply) => return self.keep(tokens, &record, *reply, version).await,
                TokenVerdict::Failed(error) => return Err(error),
                TokenVerdict::InvalidGrant(error) => {
                    if let Some(error) = self.condemn(tokens, &sent, interrupted, error).await? {
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

    /// Marks a connection dead, after one more look: if the refresh token was replaced meanwhile the verdict was on
    /// another one, and `None` says to go on with what is there now.
    async fn condemn(
        &self,
        tokens: &Tokens,
        sent: &str,
        interrupted: bool,
        verdict: Error,
    ) -> Result<Option<Error>> {
        let stored = self.load(&tokens.key).await?.ok_or_else(|| not_connected(&tokens.key.connection))?;
        let mut record = TokenRecord::from_payload(&stored.record.payload)?;
        if let Err(error) = check_state(&record, &tokens.key.connection) {
            return Ok(Some(error));
        }
        if record.refresh_token.as_ref().map(token::fingerprint).as_deref() != Some(sent) {
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
    /// If the store is down the tokens stay in memory, are served from there, and are saved as soon as it is back: the
    /// refresh token that they replaced may be worthless by now.
    async fn keep(
        self: &Arc<Self>,
        tokens: &Arc<Tokens>,
        before: &TokenRecord,
        reply: TokenReply,
        mut version: u64,
    ) -> Result<Arc<Snapshot>> {
        let record = before.refreshed(reply, self.now());
        for _ in 0..4 {
            match self.save(&tokens.key, &record, version).await {
                Ok(version) => return Snapshot::new(record, version, true).map(Arc::new),
                Err(error) if error.kind() == StoreErrorKind::Conflict => {
                    match self.overtaken(tokens, before, &record).await? {
                        Overtaken::By(snapshot) => return Ok(snapshot),
                        Overtaken::SaveOver(found) => version = found,
                    }
                }
                Err(error) => {
                    tracing::error!(%error, "new tokens could not be saved; they are kept in memory and saved later");
                    let snapshot = Snapshot::new(record.clone(), version, true)?;
                    tokens.keep_unsaved(record, version);
                    self.keep_trying_to_save(tokens);
                    return Ok(Arc::new(snapshot));
                }
            }
        }
        Err(Error::from(StoreError::conflict()))
    }

    /// Decides what holds when the record changed while its refresh was under way.
    async fn overtaken(&self, tokens: &Tokens, before: &TokenRecord, new: &TokenRecord) -> Result<Overtaken> {
        let stored = self.load(&tokens.key).await?;
        let Some(StoredRecord { record, version }) = stored else {
            self.discard(new).await;
            return Err(not_connected(&tokens.key.connection));
        };
        let found = TokenRecord::from_payload(&record.payload)?;
        if let Err(error) = check_state(&found, &tokens.key.connection) {
            if matches!(found.state, ConnectionState::Revoking { .. } | ConnectionState::Revoked { .. }) {
                self.discard(new).await;
                return Err(error);
            }
            // Marked dead by one who presented the predecessor of the token that has just been received.
            return Ok(Overtaken::SaveOver(version));
        }
        let same = |a: &TokenRecord, b: &TokenRecord| {
            a.refresh_token.as_ref().map(token::fingerprint)
                == b.refresh_token.as_ref().map(token::fingerprint)
        };
        if same(&found, before) || same(&found, new) {
            return Ok(Overtaken::SaveOver(version));
        }
        Snapshot::new(found, version, false).map(|snapshot| Overtaken::By(Arc::new(snapshot)))
    }

    /// Revokes tokens that arrived for a connection that has been revoked meanwhile.
    async fn discard(&self, record: &TokenRecord) {
        let token = record.refresh_token.as_ref().unwrap_or(&record.access_token);
        if let Err(error) = self.send_revocation(Revoked::Token(token)).await {
            tracing::warn!(%error, "tokens that arrived after a revocation could not be revoked");
        }
    }

    /// Saves a record that is only in memory, before anything else is done with the connection.
    pub(crate) async fn save_unsaved(&self, tokens: &Tokens) -> Result<()> {
        let unsaved = lock(&tokens.unsaved).clone();
        let Some((record, expected)) = unsaved else { return Ok(()) };
        match self.save(&tokens.key, &record, expected).await {
            Ok(_) => {}
            // Whoever wrote meanwhile wrote something that counts: a new authorization or a revocation. Only the note
            // of an intent, which leaves the old refresh token in place, must not win.
            Err(error) if error.kind() == StoreErrorKind::Conflict => {
                let stored = self.load(&tokens.key).await?;
                if let Some(stored) = stored {
                    let found = TokenRecord::from_payload(&stored.record.payload)?;
                    let alive = check_state(&found, &tokens.key.connection).is_ok();
                    if alive && found.issued_at < record.issued_at {
                        self.save(&tokens.key, &record, stored.version).await?;
                    }
                }
            }
            Err(error) => return Err(error.into()),
        }
        *lock(&tokens.unsaved) = None;
        Ok(())
    }

    /// Tries to save in the background until it succeeds or the process ends.
    pub(crate) fn keep_trying_to_save(self: &Arc<Self>, tokens: &Arc<Tokens>) {
        let (inner, tokens) = (Arc::clone(self), Arc::clone(tokens));
        tokio::spawn(async move {
            let mut pause = Duration::from_millis(200);
            while lock(&tokens.unsaved).is_some() {
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
    By(Arc<Snapshot>),
    SaveOver(u64),
}

/// Counts failures that follow one another; from the second on, callers are held off for a while that doubles.
fn note_failure(tokens: &Tokens, outcome: &Result<Arc<Snapshot>>) {
    let mut failures = lock(&tokens.failures);
    match outcome {
        Err(error) if error.is_transient() => {
            failures.count = failures.count.saturating_add(1);
            let doublings = failures.count.saturating_sub(2).min(10);
            let hold = (Duration::from_secs(1) * (1 << doublings)).min(LONGEST_HOLD);
            let until = if failures.count < 2 { Instant::now() } else { Instant::now() + hold };
            failures.last = Some((error.clone(), until));
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
        ConnectionState::Revoking { at } | ConnectionState::Revoked { at } => Err(Error::authorization(
            "revoked",
            format!(
                "connection {connection}: your application revoked it at {}; send the owner through authorize again",
                at.strftime("%Y-%m-%dT%H:%M:%SZ")
            ),
        )
        .reauthorize()),
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
