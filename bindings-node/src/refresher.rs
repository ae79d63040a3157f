//! Refreshes connections before they end: once, or in the background.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use napi_derive::napi;
use orgconnect::{Error, Refresher, RefresherStats, RunningRefresher};
use serde_json::json;

use crate::{
    channel::{Channel, Done},
    convert::{count, duration},
    error::{Result, thrown},
    runtime,
};

/// The settings of a refresher, as they come from JavaScript.
#[napi(object, object_to_js = false)]
pub struct RefresherSettings {
    pub ahead: Option<f64>,
    pub hot_for: Option<f64>,
    pub interval: Option<f64>,
    pub concurrency: Option<f64>,
}

#[napi(js_name = "Refresher")]
pub struct NativeRefresher {
    refresher: Refresher,
    running: Mutex<Option<RunningRefresher>>,
}

#[napi]
impl NativeRefresher {
    /// Begins to work on the thread of the runtime.
    #[napi(catch_unwind)]
    pub fn start(&self) -> Result<()> {
        let mut running = self.running();
        if running.is_some() {
            return Err(thrown(Error::config("refresher", "is at work already; stop it first")));
        }
        let begun = runtime::within(|| self.refresher.clone().start()).map_err(thrown)?;
        *running = Some(begun.map_err(thrown)?);
        Ok(())
    }

    /// What it has done so far, as JSON.
    #[napi(catch_unwind)]
    pub fn stats(&self) -> String {
        stats(self.running().as_ref().map(RunningRefresher::stats).unwrap_or_default())
    }

    /// Stops it; what comes is what it has done, as JSON.
    #[napi(catch_unwind)]
    pub fn stop(&self, channel: &Channel, id: i32) -> Result<()> {
        let running = self.running().take();
        channel.run(id, false, move || async move {
            let done = match running {
                Some(running) => running.stop().await,
                None => RefresherStats::default(),
            };
            Ok(Done::Text(stats(done)))
        })
    }

    /// Makes one round; what comes is what was done, as JSON.
    #[napi(catch_unwind)]
    pub fn run_once(&self, channel: &Channel, id: i32) -> Result<()> {
        let refresher = self.refresher.clone();
        channel.run(id, true, move || async move {
            refresher.run_once().await.map(|done| Done::Text(stats(done)))
        })
    }
}

impl NativeRefresher {
    pub(crate) fn new(mut refresher: Refresher, settings: RefresherSettings) -> Self {
        let set = |value: Option<f64>, set: fn(Refresher, Duration) -> Refresher, refresher| match value {
            Some(value) => set(refresher, duration(value)),
            None => refresher,
        };
        refresher = set(settings.ahead, Refresher::ahead, refresher);
        refresher = set(settings.hot_for, Refresher::hot_for, refresher);
        refresher = set(settings.interval, Refresher::interval, refresher);
        if let Some(concurrency) = settings.concurrency {
            refresher = refresher.concurrency(count(concurrency) as usize);
        }
        Self { refresher, running: Mutex::default() }
    }

    fn running(&self) -> MutexGuard<'_, Option<RunningRefresher>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What was done, by the names of `RefresherStats` in TypeScript.
fn stats(done: RefresherStats) -> String {
    json!({
        "rounds": done.rounds,
        "claimed": done.claimed,
        "refreshed": done.refreshed,
        "fresh": done.fresh,
        "resting": done.resting,
        "ended": done.ended,
        "failed": done.failed,
        "paused": done.paused,
        "storeFailures": done.store_failures,
    })
    .to_string()
}
