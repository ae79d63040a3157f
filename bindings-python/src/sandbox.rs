//! The sandbox within this process.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::{Mutex, PoisonError},
};

use pyo3::{exceptions::PyOSError, prelude::*};

use crate::{convert::instant, process};

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
        let runtime = process::runtime()?;
        let started = py.detach(|| runtime.block_on(builder.start()));
        let sandbox = started.map_err(|error| PyOSError::new_err(error.to_string()))?;
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
        py.detach(|| drop(sandbox));
    }
}

impl Sandbox {
    fn take(&self) -> Option<orgconnect_sandbox::Sandbox> {
        let sandbox = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
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
