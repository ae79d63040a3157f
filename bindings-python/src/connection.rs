//! A connection: its tokens, what is known of it, and the handles that call with it.

use std::sync::Arc;

use orgconnect::{ConnectionKind, ConnectionState, ConnectionSummary};
use pyo3::{
    prelude::*,
    types::{PyBytes, PyDict},
};

use crate::{
    client::Live,
    convert::{json, time},
    error::Raise,
    handle::{Base, Handle},
    process::Renewed,
    work::Work,
};

/// One authorization that was granted.
#[pyclass(frozen, module = "orgconnect._native")]
pub(crate) struct Connection {
    live: Arc<Live>,
    id: orgconnect::ConnectionId,
    payload: Option<String>,
    inner: Renewed<orgconnect::Connection>,
}

impl Connection {
    pub(crate) fn new(live: Arc<Live>, connection: orgconnect::Connection) -> Self {
        Self {
            live,
            id: connection.id().clone(),
            payload: connection.payload().map(str::to_owned),
            inner: Renewed::new(connection),
        }
    }

    pub(crate) fn into_object(self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        Ok(Py::new(py, self)?.into_any())
    }

    fn connection(&self, py: Python<'_>) -> PyResult<orgconnect::Connection> {
        self.inner.get(|| self.live.client()?.connection(self.id.clone())).or_raise(py)
    }
}

#[pymethods]
impl Connection {
    #[getter]
    fn id(&self) -> &str {
        self.id.as_str()
    }

    #[getter]
    fn payload(&self) -> Option<&str> {
        self.payload.as_deref()
    }

    fn organization(&self, py: Python<'_>) -> PyResult<Handle> {
        Handle::new(py, &self.live, Base::Organization(self.id.clone()))
    }

    fn account(&self, py: Python<'_>) -> PyResult<Handle> {
        Handle::new(py, &self.live, Base::Account(self.id.clone()))
    }

    fn service_account(&self, py: Python<'_>) -> PyResult<Handle> {
        Handle::new(py, &self.live, Base::ServiceAccount(self.id.clone()))
    }

    fn summary(&self, py: Python<'_>) -> PyResult<Work> {
        let connection = self.connection(py)?;
        let call = async move { connection.summary().await };
        Ok(Work::new(call, |py, found| Ok(summary(py, &found)?.into_any().unbind())))
    }

    fn access_token(&self, py: Python<'_>) -> PyResult<Work> {
        let connection = self.connection(py)?;
        let call = async move { connection.access_token().await };
        Ok(Work::new(call, |py, token| Ok(token.expose().into_pyobject(py)?.into_any().unbind())))
    }

    fn refresh(&self, py: Python<'_>) -> PyResult<Work> {
        let connection = self.connection(py)?;
        let call = async move { connection.refresh().await };
        Ok(Work::new(call, |py, found| Ok(summary(py, &found)?.into_any().unbind())))
    }

    fn revoke(&self, py: Python<'_>) -> PyResult<Work> {
        let connection = self.connection(py)?;
        let call = async move { connection.revoke().await };
        Ok(Work::new(call, |py, ()| Ok(py.None())))
    }
}

/// What is known of a connection, by the names of `orgconnect.ConnectionSummary`.
pub(crate) fn summary<'py>(py: Python<'py>, summary: &ConnectionSummary) -> PyResult<Bound<'py, PyDict>> {
    let (state, since, interrupted, reason) = match &summary.state {
        ConnectionState::Active => ("active", None, false, None),
        ConnectionState::Dead { at, interrupted } => ("dead", Some(*at), *interrupted, None),
        ConnectionState::Revoking { at } => ("revoking", Some(*at), false, None),
        ConnectionState::Revoked { at } => ("revoked", Some(*at), false, None),
        ConnectionState::Unreadable { reason } => ("unreadable", None, false, Some(reason)),
        _ => ("unknown", None, false, None),
    };
    let kind = match summary.kind {
        ConnectionKind::Organization => "organization",
        ConnectionKind::Account => "account",
        ConnectionKind::ServiceAccount => "service_account",
        _ => "unknown",
    };
    let parts = PyDict::new(py);
    parts.set_item("id", summary.id.as_str())?;
    parts.set_item("kind", kind)?;
    parts.set_item("state", state)?;
    parts.set_item("since", since.map(|at| time(py, at)).transpose()?)?;
    parts.set_item("interrupted", interrupted)?;
    parts.set_item("reason", reason)?;
    parts.set_item("sub", &summary.sub)?;
    parts.set_item("scope", &summary.scope)?;
    parts.set_item("issued_at", time(py, summary.issued_at)?)?;
    parts.set_item("expires_at", time(py, summary.expires_at)?)?;
    parts.set_item("version", summary.version)?;
    parts.set_item("extra", PyBytes::new(py, &json(&summary.extra)))?;
    Ok(parts)
}
