//! Keeps connections fresh ahead of demand, so that nobody waits for a refresh: any number of processes and machines on
//! one store share the work.
//!
//! ```text
//!  every round:  claim what ends soon ─► for each, a few at a time:
//!                  ended, or good for long enough ─► nothing to do
//!                  not used for long              ─► let it rest, until somebody wants it
//!                  else                           ─► refresh, as any caller would
//!                give the claims back; keep those of failures, so that nobody tries again at once
//! ```
//!
//! A claim only shares out the work. That a connection is refreshed once is the promise of the lease and the version, as
//! it is for every caller; a refresher that is killed, or sleeps through its claims, harms nothing.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::stream::{FuturesUnordered, StreamExt};
use jiff::{SignedDuration, Timestamp};
use tokio::{sync::watch, task::JoinHandle};
use tracing::Instrument;

use crate::{
    Error, ErrorKind, Result,
    auth::refresh::Ahead,
    client::Inner,
    random,
    store::{Claim, ClaimQuery},
};

/// The longest pause after rounds that failed one after the other.
const LONGEST_BACKOFF: Duration = Duration::from_mins(2);
/// The longest pause before asking once more for what is due: two that ask in step would go on to take the same.
const LONGEST_PAUSE_BETWEEN_CLAIMS: Duration = Duration::from_millis(20);
/// The longest pause that is kept because a 429 asks for it.
const LONGEST_PAUSE: Duration = Duration::from_mins(5);

/// Refreshes connections before they end. Made by [`Client::refresher`](crate::Client::refresher).
///
/// Run it in one process or in many, on one machine or on many: on PostgreSQL and Redis each claims other connections,
/// and in the other stores the processes of one machine do. A connection that nobody has used for a while is left to
/// whoever wants it next, so that the work grows with what is in use and not with what is stored.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> orgconnect::Result<()> {
/// use orgconnect::Client;
///
/// let client = Client::builder("CLIENT_ID", "CLIENT_SECRET").build()?;
/// let running = client.refresher().concurrency(8).start()?;
/// // … the program's life …
/// let done = running.stop().await;
/// assert_eq!(done.failed, 0);
/// # Ok(()) }
/// ```
#[derive(Clone)]
#[must_use]
pub struct Refresher {
    inner: Arc<Inner>,
    ahead: Duration,
    hot_for: Duration,
    interval: Duration,
    concurrency: usize,
}

/// A refresher at work. Dropped, it stops as soon as it can, without being waited for.
#[derive(Debug)]
pub struct RunningRefresher {
    stop: watch::Sender<bool>,
    task: Option<JoinHandle<()>>,
    counts: Arc<Counts>,
}

/// What a refresher has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct RefresherStats {
    /// Rounds that were made.
    pub rounds: u64,
    /// Records that were claimed.
    pub claimed: u64,
    /// Connections that have a new token.
    pub refreshed: u64,
    /// Connections that were good for long enough still.
    pub fresh: u64,
    /// Connections that were let rest, since nobody has used them for long.
    pub resting: u64,
    /// Connections that were not in use any more, or whose grant turned out to be gone.
    pub ended: u64,
    /// Refreshes that failed and may succeed later.
    pub failed: u64,
    /// Rounds that were cut short because a 429 asked for a pause.
    pub paused: u64,
    /// Rounds that were cut short because the store failed.
    pub store_failures: u64,
}

#[derive(Debug, Default)]
struct Counts {
    rounds: AtomicU64,
    claimed: AtomicU64,
    refreshed: AtomicU64,
    fresh: AtomicU64,
    resting: AtomicU64,
    ended: AtomicU64,
    failed: AtomicU64,
    paused: AtomicU64,
    store_failures: AtomicU64,
}

/// How a round ended.
enum Round {
    /// All that was due is done.
    Done,
    /// A 429 asks for a pause.
    Paused(Duration),
    /// One refresh after the other failed: no more was begun.
    Failing,
}

impl Refresher {
    pub(crate) fn new(inner: Arc<Inner>) -> Self {
        Self {
            inner,
            ahead: Duration::from_mins(10),
            hot_for: Duration::from_hours(24 * 7),
            interval: Duration::from_secs(15),
            concurrency: 16,
        }
    }

    /// How long before its end a token is refreshed. Default 10 minutes; never in the first three quarters of its life.
    pub fn ahead(mut self, ahead: Duration) -> Self {
        self.ahead = ahead;
        self
    }

    /// How long after its last use a connection is kept fresh. Default 7 days. Uses are noted every 6 hours.
    pub fn hot_for(mut self, hot_for: Duration) -> Self {
        self.hot_for = hot_for;
        self
    }

    /// The pause between two rounds, give or take a half. Default 15 s.
    pub fn interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    /// How many refreshes are under way at once. Default 16.
    pub fn concurrency(mut self, concurrency: usize) -> Self {
        self.concurrency = concurrency;
        self
    }

    /// Begins to work in a task of its own. Writes the token store.
    ///
    /// # Errors
    /// [`Config`](ErrorKind::Config), naming the setting.
    pub fn start(self) -> Result<RunningRefresher> {
        self.check()?;
        let (stop, stopped) = watch::channel(false);
        let counts = Arc::new(Counts::default());
        let span = tracing::info_span!("orgconnect.refresher", namespace = %self.inner.namespace());
        let task = tokio::spawn(self.run(Arc::clone(&counts), stopped).instrument(span));
        Ok(RunningRefresher { stop, task: Some(task), counts })
    }

    /// Makes one round and says what was done. Writes the token store. For programs that are started now and then.
    ///
    /// # Errors
    /// [`Config`](ErrorKind::Config), naming the setting; [`Store`](ErrorKind::Store) if the store fails. Refreshes that
    /// fail are counted.
    pub async fn run_once(&self) -> Result<RefresherStats> {
        self.check()?;
        let counts = Counts::default();
        let (_stop, stopped) = watch::channel(false);
        self.round(&counts, &stopped).await?;
        Ok(counts.read())
    }

    fn check(&self) -> Result<()> {
        let within = |field, value: Duration, least: Duration, most: Duration| {
            if value < least || value > most {
                return Err(Error::config(
                    field,
                    format!("must be at least {} s and at most {} s", least.as_secs_f64(), most.as_secs()),
                ));
            }
            Ok(())
        };
        let day = Duration::from_hours(24);
        within("ahead", self.ahead, Duration::from_secs(1), day)?;
        within("hot_for", self.hot_for, Duration::from_mins(1), day * 3650)?;
        within("interval", self.interval, Duration::from_millis(10), day)?;
        if !(1..=10_000).contains(&self.concurrency) {
            return Err(Error::config("concurrency", "must be from 1 to 10000"));
        }
        Ok(())
    }

    async fn run(self, counts: Arc<Counts>, mut stopped: watch::Receiver<bool>) {
        // Machines that are started at once don't all begin at once.
        let mut pause = self.interval.mul_f64(random::fraction());
        let mut failures = 0_u32;
        loop {
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                _ = stopped.wait_for(|stop| *stop) => return,
            }
            let spread = random::fraction();
            pause = match self.round(&counts, &stopped).await {
                Ok(Round::Done) => {
                    failures = 0;
                    self.interval.mul_f64(0.5 + spread)
                }
                // Never earlier than was asked for.
                Ok(Round::Paused(asked)) => asked.max(self.interval).mul_f64(1.0 + spread / 4.0),
                Ok(Round::Failing) => {
                    failures += 1;
                    self.backoff(failures).mul_f64(0.5 + spread)
                }
                Err(error) => {
                    failures += 1;
                    tracing::warn!(%error, "the store failed; the refresher tries again");
                    self.backoff(failures).mul_f64(0.5 + spread)
                }
            };
        }
    }

    /// How long to leave alone what has failed so often.
    fn backoff(&self, failures: u32) -> Duration {
        let doubled = self.interval.saturating_mul(2_u32.saturating_pow(failures.min(20)));
        doubled.min(LONGEST_BACKOFF.max(self.interval))
    }

    async fn round(&self, counts: &Counts, stopped: &watch::Receiver<bool>) -> Result<Round> {
        Counts::add(&counts.rounds);
        let now = self.inner.now();
        let signed = |duration: Duration| SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX);
        let due_before = now.saturating_add(signed(self.ahead)).unwrap_or(Timestamp::MAX);
        let hot_since = now.saturating_sub(signed(self.hot_for)).unwrap_or(Timestamp::MIN);
        let query = |limit| ClaimQuery {
            namespace: self.inner.namespace(),
            expires_before: due_before,
            limit,
            // Longer than a refresh takes that waits for another's lease first.
            ttl: self.inner.settings.lease * 3,
        };
        let (mut under_way, mut held, mut done) = (FuturesUnordered::new(), Vec::new(), Vec::new());
        let (mut more, mut empty, mut in_a_row, mut outcome) = (true, 0, 0, Ok(Round::Done));
        loop {
            let room = self.concurrency - under_way.len();
            if room > self.concurrency / 2 {
                self.give_back(&mut done).await;
            }
            if more && !*stopped.borrow() && room > self.concurrency / 2 {
                match self.inner.store().claim_due(&query(room)).await {
                    Ok(claims) => {
                        // What it was about to claim may have been claimed by another meanwhile: it asks once more.
                        empty = if claims.is_empty() { empty + 1 } else { 0 };
                        more = empty < 2;
                        counts.claimed.fetch_add(claims.len() as u64, Ordering::Relaxed);
                        under_way.extend(claims.into_iter().map(|claim| self.look_after(claim, hot_since)));
                    }
                    Err(error) => {
                        more = false;
                        Counts::add(&counts.store_failures);
                        outcome = Err(error.into());
                    }
                }
            }
            let Some((claim, ended)) = under_way.next().await else {
                if more && !*stopped.borrow() {
                    tokio::time::sleep(LONGEST_PAUSE_BETWEEN_CLAIMS.mul_f64(random::fraction())).await;
                    continue;
                }
                break;
            };
            match ended {
                Ok(ahead) => {
                    in_a_row = 0;
                    Counts::add(counts.of(ahead));
                    // What is good for longer than was asked for is due by the store's measure all the same: it is claimed
                    // until the round is over, or it would come up over and over.
                    if ahead == Ahead::Fresh { &mut held } else { &mut done }.push(claim);
                }
                Err(error) if error.needs_reauthorization() => {
                    in_a_row = 0;
                    Counts::add(&counts.ended);
                    done.push(claim);
                }
                Err(error) => {
                    in_a_row += 1;
                    Counts::add(&counts.failed);
                    tracing::debug!(connection = %claim.listed.connection, %error, "not refreshed ahead of demand");
                    if error.kind() == ErrorKind::RateLimited {
                        let asked = error.retry_after().unwrap_or(self.interval).min(LONGEST_PAUSE);
                        if more {
                            Counts::add(&counts.paused);
                        }
                        more = false;
                        outcome = match outcome {
                            Ok(Round::Paused(before)) => Ok(Round::Paused(before.max(asked))),
                            Ok(_) => Ok(Round::Paused(asked)),
                            failed => failed,
                        };
                    } else if in_a_row >= self.concurrency.max(8) && matches!(outcome, Ok(Round::Done)) {
                        more = false;
                        outcome = Ok(Round::Failing);
                    }
                }
            }
        }
        done.append(&mut held);
        self.give_back(&mut done).await;
        let counts = counts.read();
        tracing::debug!(?counts, "a round of the refresher is over");
        outcome
    }

    async fn look_after(&self, claim: Claim, hot_since: Timestamp) -> (Claim, Result<Ahead>) {
        let tokens = self.inner.tokens(&claim.listed.connection);
        let ended = self.inner.refresh_ahead(&tokens, self.ahead, hot_since).await;
        (claim, ended)
    }

    /// Gives claims back, many in one go.
    async fn give_back(&self, claims: &mut Vec<Claim>) {
        if claims.is_empty() {
            return;
        }
        if let Err(error) = self.inner.store().release_claims(&self.inner.namespace(), claims).await {
            tracing::debug!(%error, "claims were not given back; they end by themselves");
        }
        claims.clear();
    }
}

impl RunningRefresher {
    /// What it has done so far.
    pub fn stats(&self) -> RefresherStats {
        self.counts.read()
    }

    /// Stops it: nothing more is claimed, what is under way is waited for.
    pub async fn stop(mut self) -> RefresherStats {
        self.stop.send_replace(true);
        if let Some(task) = self.task.take() {
            // It only ends early with its runtime.
            let _ = task.await;
        }
        self.counts.read()
    }
}

impl Drop for RunningRefresher {
    fn drop(&mut self) {
        self.stop.send_replace(true);
    }
}

impl Counts {
    fn add(count: &AtomicU64) {
        count.fetch_add(1, Ordering::Relaxed);
    }

    fn of(&self, ahead: Ahead) -> &AtomicU64 {
        match ahead {
            Ahead::Refreshed => &self.refreshed,
            Ahead::Fresh => &self.fresh,
            Ahead::Resting => &self.resting,
            Ahead::Ended => &self.ended,
        }
    }

    fn read(&self) -> RefresherStats {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        RefresherStats {
            rounds: read(&self.rounds),
            claimed: read(&self.claimed),
            refreshed: read(&self.refreshed),
            fresh: read(&self.fresh),
            resting: read(&self.resting),
            ended: read(&self.ended),
            failed: read(&self.failed),
            paused: read(&self.paused),
            store_failures: read(&self.store_failures),
        }
    }
}

impl fmt::Debug for Refresher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Refresher")
            .field("ahead", &self.ahead)
            .field("hot_for", &self.hot_for)
            .field("interval", &self.interval)
            .field("concurrency", &self.concurrency)
            .finish_non_exhaustive()
    }
}
