//! An authorization that waits for its callback.

use pyo3::{
    exceptions::PyTypeError,
    prelude::*,
    types::{PyDateTime, PyDict},
};

use crate::convert::time;

/// An authorization that waits for its callback.
#[pyclass(frozen, module = "orgconnect")]
pub(crate) struct PendingAuthorization {
    pub(crate) inner: orgconnect::PendingAuthorization,
    text: String,
}

impl PendingAuthorization {
    pub(crate) fn new(client: &orgconnect::Client, inner: orgconnect::PendingAuthorization) -> Self {
        Self { text: client.serialize_pending(&inner), inner }
    }
}

#[pymethods]
impl PendingAuthorization {
    /// Where to send the owner.
    #[getter]
    fn url(&self) -> &str {
        self.inner.url()
    }

    /// Which flow it is: `organization`, `individual` or `enterprise`.
    #[getter]
    fn flow(&self) -> &'static str {
        match self.inner.flow() {
            orgconnect::Flow::Organization => "organization",
            orgconnect::Flow::Individual => "individual",
            orgconnect::Flow::Enterprise => "enterprise",
            _ => "unknown",
        }
    }

    /// The payload that rides along.
    #[getter]
    fn payload(&self) -> Option<&str> {
        self.inner.payload()
    }

    /// When it is too late to complete.
    #[getter]
    fn expires_at<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDateTime>> {
        time(py, self.inner.expires_at())
    }

    /// One opaque text for the owner's session. It is signed, not encrypted.
    fn serialize(&self) -> &str {
        &self.text
    }

    fn __copy__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __deepcopy__<'py>(slf: PyRef<'py, Self>, _memo: &Bound<'py, PyDict>) -> PyRef<'py, Self> {
        slf
    }

    /// Only a client makes one, since it checks the text.
    #[expect(clippy::unused_self, reason = "Python calls it as a method")]
    fn __reduce__(&self) -> PyResult<()> {
        Err(PyTypeError::new_err(
            "a PendingAuthorization is not pickled; keep its serialize(), and give that to the client's complete() or pending()",
        ))
    }

    fn __repr__(&self) -> String {
        format!("<PendingAuthorization {} until {}>", self.flow(), self.inner.expires_at())
    }
}
