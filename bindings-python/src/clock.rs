//! A clock for tests, which moves only when told to.

use std::{sync::Arc, time::Duration};

use orgconnect::Clock as _;
use pyo3::{prelude::*, types::PyDateTime};

use crate::convert::{duration, instant, time};

/// A clock that moves only when told to, for tests.
#[pyclass(frozen, module = "orgconnect")]
pub(crate) struct ManualClock(pub(crate) Arc<orgconnect::ManualClock>);

#[pymethods]
impl ManualClock {
    #[new]
    fn new(now: &Bound<'_, PyAny>) -> PyResult<Self> {
        Ok(Self(Arc::new(orgconnect::ManualClock::starting_at(instant("now", now)?))))
    }

    /// The time now.
    fn now<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDateTime>> {
        time(py, self.0.now())
    }

    /// Moves the clock on, by seconds or a timedelta.
    fn advance(&self, by: &Bound<'_, PyAny>) -> PyResult<()> {
        let by: Duration = duration("by", by)?;
        self.0.advance(by);
        Ok(())
    }

    fn __repr__(&self) -> String {
        format!("<ManualClock at {}>", self.0.now())
    }
}
