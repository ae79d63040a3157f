//! Refreshes connections before they end: once, or in the background.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use orgconnect::{RefresherStats, RunningRefresher};
use pyo3::{
    exceptions::{PyRuntimeError, PyTypeError},
    prelude::*,
    types::PyDict,
};

use crate::{
    client::Live,
    convert::{duration, taken},
    error::Raise,
    process::Renewed,
    runtime,
    work::Work,
};

/// Refreshes connections before they end.
#[pyclass(frozen, module = "orgconnect._native")]
pub(crate) struct Refresher {
    live: Arc<Live>,
    settings: Settings,
    running: Renewed<Running>,
}

#[derive(Default)]
struct Settings {
    ahead: Option<Duration>,
    hot_for: Option<Duration>,
    interval: Option<Duration>,
    concurrency: Option<usize>,
}

/// The one that is at work in this process. A forked child has none: its parent goes on with what it began.
type Running = Arc<Mutex<Option<RunningRefresher>>>;

impl Refresher {
    pub(crate) fn new(live: &Arc<Live>, given: &Bound<'_, PyDict>) -> PyResult<Self> {
        let mut settings = Settings::default();
        for (name, value) in given {
            let name: String = name.extract()?;
            if value.is_none() {
                continue;
            }
            match name.as_str() {
                "ahead" => settings.ahead = Some(duration(&name, &value)?),
                "hot_for" => settings.hot_for = Some(duration(&name, &value)?),
                "interval" => settings.interval = Some(duration(&name, &value)?),
                "concurrency" => {
                    let wanted = "must be a whole number, at least 1";
                    settings.concurrency = Some(taken("config", &name, &value, wanted)?);
                }
                other => return Err(PyTypeError::new_err(format!("there is no setting {other}"))),
            }
        }
        Ok(Self { live: Arc::clone(live), settings, running: Renewed::new(Running::default()) })
    }

    /// One for this process, not at work yet.
    fn make(&self) -> orgconnect::Result<orgconnect::Refresher> {
        let mut refresher = self.live.client()?.refresher();
        if let Some(ahead) = self.settings.ahead {
            refresher = refresher.ahead(ahead);
        }
        if let Some(hot_for) = self.settings.hot_for {
            refresher = refresher.hot_for(hot_for);
        }
        if let Some(interval) = self.settings.interval {
            refresher = refresher.interval(interval);
        }
        if let Some(concurrency) = self.settings.concurrency {
            refresher = refresher.concurrency(concurrency);
        }
        Ok(refresher)
    }

    fn running(&self) -> Running {
        let Ok(running) = self.running.get(|| Ok::<_, Infallible>(Running::default()));
        running
    }
}

fn lock(running: &Running) -> MutexGuard<'_, Option<RunningRefresher>> {
    running.lock().unwrap_or_else(PoisonError::into_inner)
}

#[pymethods]
impl Refresher {
    /// Begins to work in the background.
    fn start(&self, py: Python<'_>) -> PyResult<()> {
        let running = self.running();
        let mut running = lock(&running);
        if running.is_some() {
            return Err(PyRuntimeError::new_err("the refresher is at work already"));
        }
        let _context = runtime::home()?.enter();
        *running = Some(self.make().or_raise(py)?.start().or_raise(py)?);
        Ok(())
    }

    /// What it has done so far.
    fn stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        stats(py, lock(&self.running()).as_ref().map(RunningRefresher::stats).unwrap_or_default())
    }

    /// Stops it; the result is what it has done.
    fn stop(&self) -> Work {
        let running = lock(&self.running()).take();
        let call = async move {
            match running {
                Some(running) => Ok(running.stop().await),
                None => Ok(RefresherStats::default()),
            }
        };
        Work::new(call, |py, done| Ok(stats(py, done)?.into_any().unbind()))
    }

    /// Makes one round; the result is what was done.
    fn run_once(&self, py: Python<'_>) -> PyResult<Work> {
        let refresher = self.make().or_raise(py)?;
        let call = async move { refresher.run_once().await };
        Ok(Work::new(call, |py, done| Ok(stats(py, done)?.into_any().unbind())))
    }
}

/// What was done, by the names of `orgconnect.RefresherStats`.
fn stats(py: Python<'_>, done: RefresherStats) -> PyResult<Bound<'_, PyDict>> {
    let parts = PyDict::new(py);
    for (name, count) in [
        ("rounds", done.rounds),
        ("claimed", done.claimed),
        ("refreshed", done.refreshed),
        ("fresh", done.fresh),
        ("resting", done.resting),
        ("ended", done.ended),
        ("failed", done.failed),
        ("paused", done.paused),
        ("store_failures", done.store_failures),
    ] {
        parts.set_item(name, count)?;
    }
    Ok(parts)
}
