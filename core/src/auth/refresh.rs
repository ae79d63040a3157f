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
//! A caller that goes away leaves the flight alone: the task owns the lease and finishes. `tokens.rs` is what a process knows
//! meanwhile, `unsaved.rs` how what came is saved.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;
use tracing::Instrument;

use super::{
    flight::{Boarding, Pilot, Publish},
    token::{self, ConnectionState, Intent, TokenRecord, TokenVerdict},
    tokens::{Failures, Need, Snapshot, Tokens},
    unsaved::{Before, Unsaved},
};
use crate::{
    ConnectionId, Error, ErrorKind, Result,
    client::Inner,
    lock::lock,
    process, random,
    store::{Lease, StoreError, StoreErrorKind},
};

/// How long a waiter sleeps at first before it looks whether another process has finished; doubled up to
/// [`LONGEST_POLL`].
pub(super) const FIRST_POLL: Duration = Duration::from_millis(10);
pub(super) const LONGEST_POLL: Duration = Duration::from_millis(200);
/// The longest pause after refreshes that failed one after the other.
pub(super) const LONGEST_HOLD: Duration = Duration::from_secs(30);
/// The longest pause that is kept because the token endpoint asks for it.
const LONGEST_ASKED_HOLD: Duration = Duration::from_mins(5);
/// How often a use is noted in the store, so that a refresher anywhere knows which connections are worth keeping fresh.
const NOTE_USE_EVERY: SignedDuration = SignedDuration::from_hours(6);

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
}

enum Taken {
    Lease(Lease, Instant),
    Served(Arc<Snapshot>),
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
