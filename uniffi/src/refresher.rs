//! Refreshes connections before they end: once, or in the background.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use orgconnect::{Refresher, RefresherStats, RunningRefresher};

use crate::{
    error::NativeResult,
    runtime::{CancelHandle, enter, run},
};

/// Refreshes connections before they end.
#[derive(Debug, uniffi::Object)]
pub struct NativeRefresher {
    refresher: Refresher,
    running: Mutex<Option<RunningRefresher>>,
}

/// How a refresher works. What is absent has the core's default.
#[derive(Debug, Clone, uniffi::Record)]
pub struct NativeRefresherSettings {
    /// How long before its end a token is refreshed.
    #[uniffi(default = None)]
    pub ahead_ms: Option<u64>,
    /// How long after its last use a connection is kept fresh.
    #[uniffi(default = None)]
    pub hot_for_ms: Option<u64>,
    /// The pause between two rounds.
    #[uniffi(default = None)]
    pub interval_ms: Option<u64>,
    /// How many refreshes are under way at once.
    #[uniffi(default = None)]
    pub concurrency: Option<u32>,
}

/// What a refresher has done.
#[derive(Debug, Clone, Copy, uniffi::Record)]
pub struct NativeRefresherStats {
    /// Rounds that were made.
    pub rounds: u64,
    /// Records that were claimed.
    pub claimed: u64,
    /// Connections that have a new token.
    pub refreshed: u64,
    /// Connections that were good for long enough still.
    pub fresh: u64,
    /// Connections that were let rest.
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

#[uniffi::export]
impl NativeRefresher {
    /// Begins to work in the background. One that is at work already goes on as it is.
    pub fn start(&self) -> NativeResult<()> {
        let mut running = self.running();
        if running.is_none() {
            let _runtime = enter()?;
            *running = Some(self.refresher.clone().start()?);
        }
        Ok(())
    }

    /// What it has done so far.
    pub fn stats(&self) -> NativeResult<NativeRefresherStats> {
        Ok(self.running().as_ref().map(RunningRefresher::stats).unwrap_or_default().into())
    }

    /// Stops it: nothing more is claimed, what is under way is waited for.
    pub async fn stop(&self, cancel: Option<Arc<CancelHandle>>) -> NativeResult<NativeRefresherStats> {
        let running = self.running().take();
        run(cancel, async move {
            let Some(running) = running else { return Ok(RefresherStats::default().into()) };
            Ok(running.stop().await.into())
        })
        .await
    }

    /// Stops it without waiting for what is under way.
    pub fn cease(&self) -> NativeResult<()> {
        self.running().take();
        Ok(())
    }

    /// Makes one round and says what was done.
    pub async fn run_once(&self, cancel: Option<Arc<CancelHandle>>) -> NativeResult<NativeRefresherStats> {
        let refresher = self.refresher.clone();
        run(cancel, async move { Ok(refresher.run_once().await?.into()) }).await
    }
}

impl NativeRefresher {
    pub(crate) fn of(mut refresher: Refresher, settings: &NativeRefresherSettings) -> Arc<Self> {
        if let Some(ahead) = settings.ahead_ms {
            refresher = refresher.ahead(Duration::from_millis(ahead));
        }
        if let Some(hot_for) = settings.hot_for_ms {
            refresher = refresher.hot_for(Duration::from_millis(hot_for));
        }
        if let Some(interval) = settings.interval_ms {
            refresher = refresher.interval(Duration::from_millis(interval));
        }
        if let Some(concurrency) = settings.concurrency {
            refresher = refresher.concurrency(usize::try_from(concurrency).unwrap_or(usize::MAX));
        }
        Arc::new(Self { refresher, running: Mutex::default() })
    }

    fn running(&self) -> MutexGuard<'_, Option<RunningRefresher>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl From<RefresherStats> for NativeRefresherStats {
    fn from(done: RefresherStats) -> Self {
        Self {
            rounds: done.rounds,
            claimed: done.claimed,
            refreshed: done.refreshed,
            fresh: done.fresh,
            resting: done.resting,
            ended: done.ended,
            failed: done.failed,
            paused: done.paused,
            store_failures: done.store_failures,
        }
    }
}
