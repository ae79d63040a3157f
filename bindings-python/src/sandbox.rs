//! The sandbox within this process.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::{Mutex, MutexGuard, PoisonError, mpsc::Sender},
    thread,
    time::Instant,
};

use pyo3::{exceptions::PyOSError, prelude::*};

use orgconnect_sandbox::Control;

use crate::{convert::instant, ending::detach, process, runtime};

/// The sandboxes of this process.
static RUNNING: Mutex<Vec<(String, Control)>> = Mutex::new(Vec::new());

fn running() -> MutexGuard<'static, Vec<(String, Control)>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Brings every sandbox to rest: their databases share locks with those of stores.
pub(crate) fn rest_all(until: Instant) -> Vec<Sender<()>> {
    let mut controls = running().iter().map(|(_, control)| control.clone()).collect::<Vec<_>>().into_iter();
    process::all_rest(controls.len(), until, |rests, ended| {
        if let Some(control) = controls.next() {
            thread::spawn(move || control.update_settings(|_| process::rest(&rests, &ended)));
        }
    })
}

/// A server that behaves like Cronofy, on loopback, with a thread of its own.
#[pyclass(frozen, module = "orgconnect._native")]
pub(crate) struct Sandbox {
    url: String,
    owner: u32,
    running: Mutex<Option<orgconnect_sandbox::Sandbox>>,
}

#[pymethods]
impl Sandbox {
    #[new]
    #[pyo3(signature = (*, seed = None, auto_approve = false, data = None, time = None, port = 0))]
    fn new(
        py: Python<'_>,
        seed: Option<u64>,
        auto_approve: bool,
        data: Option<PathBuf>,
        time: Option<&Bound<'_, PyAny>>,
        port: u16,
    ) -> PyResult<Self> {
        let mut builder = orgconnect_sandbox::Sandbox::builder()
            .auto_approve(auto_approve)
            .listen(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
        if let Some(seed) = seed {
            builder = builder.seed(seed);
        }
        if let Some(data) = data {
            builder = builder.data(data);
        }
        if let Some(time) = time {
            builder = builder.time(instant("time", time)?);
        }
        let home = runtime::home()?;
        let started = detach(py, || home.wait_for(builder.start()));
        let sandbox = started.map_err(|error| PyOSError::new_err(error.to_string()))?;
        running().push((sandbox.url().to_owned(), sandbox.control().clone()));
        Ok(Self {
            url: sandbox.url().to_owned(),
            owner: std::process::id(),
            running: Mutex::new(Some(sandbox)),
        })
    }

    /// The address of API and pages alike.
    #[getter]
    fn url(&self) -> &str {
        &self.url
    }

    /// Stops the server. A forked child leaves its parent's alone.
    fn stop(&self, py: Python<'_>) {
        let sandbox = self.take();
        detach(py, || drop(sandbox));
    }
}

impl Sandbox {
    fn take(&self) -> Option<orgconnect_sandbox::Sandbox> {
        let sandbox = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        running().retain(|(url, _)| *url != self.url);
        if self.owner == std::process::id() {
            return sandbox;
        }
        // The server's thread is not in this process, so there is nothing to wait for.
        std::mem::forget(sandbox);
        None
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        drop(self.take());
    }
}
