//! Refreshes connections before they end: once, or in the background.

use std::sync::{Mutex, MutexGuard, PoisonError};

use orgconnect::{RefresherStats, RunningRefresher};
use pyo3::{
    exceptions::{PyRuntimeError, PyTypeError},
    prelude::*,
    types::PyDict,
};

use crate::{convert::duration, error::Raise, runtime, work::Work};

/// Refreshes connections before they end.
#[pyclass(frozen, module = "orgconnect._native")]
pub(crate) struct Refresher {
    refresher: orgconnect::Refresher,
    running: Mutex<Option<RunningRefresher>>,
}

impl Refresher {
    pub(crate) fn new(client: &orgconnect::Client, settings: &Bound<'_, PyDict>) -> PyResult<Self> {
        let mut refresher = client.refresher();
        for (name, value) in settings {
            let name: String = name.extract()?;
            if value.is_none() {
                continue;
            }
            refresher = match name.as_str() {
                "ahead" => refresher.ahead(duration(&name, &value)?),
                "hot_for" => refresher.hot_for(duration(&name, &value)?),
                "interval" => refresher.interval(duration(&name, &value)?),
                "concurrency" => refresher.concurrency(value.extract()?),
                other => return Err(PyTypeError::new_err(format!("there is no setting {other}"))),
            };
        }
        Ok(Self { refresher, running: Mutex::default() })
    }

    fn running(&self) -> MutexGuard<'_, Option<RunningRefresher>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl Refresher {
    /// Begins to work in the background.
    fn start(&self, py: Python<'_>) -> PyResult<()> {
        let mut running = self.running();
        if running.is_some() {
            return Err(PyRuntimeError::new_err("the refresher is at work already"));
        }
        let _context = runtime::home()?.enter();
        *running = Some(self.refresher.clone().start().or_raise(py)?);
        Ok(())
    }

    /// What it has done so far.
    fn stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        stats(py, self.running().as_ref().map(RunningRefresher::stats).unwrap_or_default())
    }

    /// Stops it; the result is what it has done.
    fn stop(&self) -> Work {
        let running = self.running().take();
        let call = async move {
            match running {
                Some(running) => Ok(running.stop().await),
                None => Ok(RefresherStats::default()),
            }
        };
        Work::new(call, |py, done| Ok(stats(py, done)?.into_any().unbind()))
    }

    /// Makes one round; the result is what was done.
    fn run_once(&self) -> Work {
        let refresher = self.refresher.clone();
        let call = async move { refresher.run_once().await };
        Work::new(call, |py, done| Ok(stats(py, done)?.into_any().unbind()))
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
