//! Any handle: calls operations by their names, with JSON in and the reply's bytes out.

use std::{sync::Arc, time::Duration};

use orgconnect::{CallOptions, ConnectionId, Secret, Sub};
use pyo3::{
    exceptions::PyRuntimeError,
    prelude::*,
    types::{PyBytes, PyDict, PyList},
};
use serde_json::Value;

use crate::{
    client::Live,
    convert::{Text, json, object, optional_duration, taken},
    error::{Raise, raised, refused},
    process::Renewed,
    work::Work,
};

/// A client, an organization, an account or a service account.
#[pyclass(frozen, module = "orgconnect._native")]
pub(crate) struct Handle {
    live: Arc<Live>,
    base: Base,
    options: CallOptions,
    inner: Renewed<orgconnect::Handle>,
}

/// How a handle is made, so that a forked child can make it again.
#[derive(Clone)]
pub(crate) enum Base {
    Client,
    Admin(Secret),
    Organization(ConnectionId),
    InternalOrganization,
    Account(ConnectionId),
    ServiceAccount(ConnectionId),
    /// A member of an organization.
    Member(Box<Base>, Sub),
    /// By a call that is not repeated.
    Elsewhere,
}

impl Base {
    fn organization(&self, live: &Live) -> orgconnect::Result<Option<orgconnect::Organization>> {
        Ok(match self {
            Self::Organization(id) => Some(live.client()?.organization(id.clone())?),
            Self::InternalOrganization => Some(live.client()?.internal_organization()),
            _ => None,
        })
    }

    fn make(&self, live: &Live) -> orgconnect::Result<Option<orgconnect::Handle>> {
        let client = live.client()?;
        Ok(Some(match self {
            Self::Client => (&client).into(),
            Self::Admin(key) => (&client.admin(key.clone())?).into(),
            Self::Organization(_) | Self::InternalOrganization => match self.organization(live)? {
                Some(organization) => (&organization).into(),
                None => return Ok(None),
            },
            Self::Account(id) => (&client.account(id.clone())?).into(),
            Self::ServiceAccount(id) => (&client.service_account(id.clone())?).into(),
            Self::Member(of, sub) => match of.organization(live)? {
                Some(organization) => (&organization.impersonate(sub.clone())?).into(),
                None => return Ok(None),
            },
            Self::Elsewhere => return Ok(None),
        }))
    }
}

fn gone() -> PyErr {
    PyRuntimeError::new_err(
        "the handle was made before this process was forked; make it again in the new process",
    )
}

impl Handle {
    pub(crate) fn new(py: Python<'_>, live: &Arc<Live>, base: Base) -> PyResult<Self> {
        let handle = base.make(live).or_raise(py)?.ok_or_else(gone)?;
        Ok(Self::of(live, base, handle))
    }

    pub(crate) fn of(live: &Arc<Live>, base: Base, handle: orgconnect::Handle) -> Self {
        let (live, options) = (Arc::clone(live), CallOptions::new());
        Self { live, base, options, inner: Renewed::new(handle) }
    }

    fn handle(&self, py: Python<'_>) -> PyResult<orgconnect::Handle> {
        self.inner.get(|| {
            let made = self.base.make(&self.live).or_raise(py)?.ok_or_else(gone)?;
            Ok(made.with_options(self.options.clone()))
        })
    }

    fn organization(&self, py: Python<'_>) -> PyResult<orgconnect::Organization> {
        let organization = self.base.organization(&self.live).or_raise(py)?;
        organization.ok_or_else(|| PyRuntimeError::new_err("only an organization acts as a member"))
    }

    fn member(&self, sub: Sub, account: &orgconnect::Account) -> Self {
        let handle = orgconnect::Handle::from(account).with_options(self.options.clone());
        Self {
            live: Arc::clone(&self.live),
            base: Base::Member(Box::new(self.base.clone()), sub),
            options: self.options.clone(),
            inner: Renewed::new(handle),
        }
    }
}

#[pymethods]
impl Handle {
    /// Calls an operation by its name, with its arguments as the text of one JSON object.
    fn send(&self, py: Python<'_>, operation: Text<'_>, arguments: &[u8]) -> PyResult<Work> {
        let handle = self.handle(py)?;
        let (operation, arguments) = (String::from(operation), arguments.to_owned());
        let call = async move { handle.send_json(&operation, &arguments).await };
        Ok(Work::new(call, Reply::deliver))
    }

    /// Follows the link to a next page.
    fn follow(&self, py: Python<'_>, operation: Text<'_>, next_page: Text<'_>) -> PyResult<Work> {
        let handle = self.handle(py)?;
        let (operation, next_page) = (String::from(operation), String::from(next_page));
        let call = async move { handle.follow(&operation, &next_page).await };
        Ok(Work::new(call, Reply::deliver))
    }

    /// Calls a path that no operation describes.
    fn request(
        &self,
        py: Python<'_>,
        method: Text<'_>,
        path: Text<'_>,
        query: Vec<(Bound<'_, PyAny>, Bound<'_, PyAny>)>,
        body: Option<&[u8]>,
    ) -> PyResult<Work> {
        let handle = self.handle(py)?;
        let method: http::Method =
            method.parse().map_err(|_| refused(py, "invalid", "method", "is no HTTP method"))?;
        let text = |part: &Bound<'_, PyAny>| {
            taken::<String>("invalid", "query", part, "must be names and values that are text")
        };
        let pairs = query.into_iter().map(|(name, value)| Ok((text(&name)?, text(&value)?)));
        let (path, query) = (String::from(path), pairs.collect::<PyResult<Vec<_>>>()?);
        let body: Option<Value> = body
            .map(|body| {
                serde_json::from_slice(body).map_err(|_| refused(py, "invalid", "body", "must be JSON"))
            })
            .transpose()?;
        let call = async move { handle.request(method, &path, &query, body.as_ref()).await };
        Ok(Work::new(call, Reply::deliver))
    }

    /// The same handle with other options.
    fn with_options(
        &self,
        py: Python<'_>,
        timeout: Option<&Bound<'_, PyAny>>,
        attempts: Option<u32>,
        extra: Option<&[u8]>,
    ) -> PyResult<Self> {
        let timeout: Option<Duration> = optional_duration("timeout", timeout)?;
        let mut options = self.options.clone();
        options.timeout = timeout.or(options.timeout);
        options.attempts = attempts.or(options.attempts);
        if let Some(extra) = extra {
            options.extra.extend(object(py, "extra", extra)?);
        }
        let handle = self.handle(py)?.with_options(options.clone());
        Ok(Self {
            live: Arc::clone(&self.live),
            base: self.base.clone(),
            options,
            inner: Renewed::new(handle),
        })
    }

    /// The `sub` that calls are made as, for a member.
    #[getter]
    fn sub(&self) -> Option<&str> {
        match &self.base {
            Base::Member(_, sub) => Some(sub.as_str()),
            _ => None,
        }
    }

    /// Acts as the member with this `sub`.
    fn impersonate(&self, py: Python<'_>, sub: Text<'_>) -> PyResult<Self> {
        let account = self.organization(py)?.impersonate(&*sub).or_raise(py)?;
        Ok(self.member(Sub::new(&*sub).or_raise(py)?, &account))
    }

    /// Acts as the member with this e-mail address.
    fn impersonate_email(slf: Bound<'_, Self>, email: Text<'_>) -> PyResult<Work> {
        let organization = slf.get().organization(slf.py())?;
        let (this, email) = (slf.unbind(), String::from(email));
        let call = async move { organization.impersonate_email(&email).await };
        Ok(Work::new(call, move |py, account| {
            let sub = account.sub().cloned().ok_or_else(gone)?;
            Ok(Py::new(py, this.get().member(sub, &account))?.into_any())
        }))
    }

    /// Sends a batch; the result is a list with a pair for each entry: its reply's JSON or None, and its error or None.
    fn send_batch(&self, py: Python<'_>, batch: &Batch) -> PyResult<Work> {
        let handle = self.handle(py)?;
        let batch = batch.copy();
        let call = async move { handle.send_batch(&batch).await };
        Ok(Work::new(call, |py, verdicts| {
            let list = PyList::empty(py);
            for verdict in verdicts {
                let (reply, error) = match verdict {
                    Ok(reply) => (reply, None),
                    Err(error) => (None, Some(raised(py, &error))),
                };
                list.append((reply.map(|reply| PyBytes::new(py, &json(&reply))), error))?;
            }
            Ok(list.into_any().unbind())
        }))
    }
}

/// What came back: the body as it was received, and what the core has read of the headers.
#[pyclass(frozen, module = "orgconnect._native")]
pub(crate) struct Reply {
    #[pyo3(get)]
    status: u16,
    #[pyo3(get)]
    request_id: Option<String>,
    #[pyo3(get)]
    next_page: Option<String>,
    #[pyo3(get)]
    body: Py<PyBytes>,
    headers: http::HeaderMap,
}

impl Reply {
    fn deliver(py: Python<'_>, reply: orgconnect::Reply) -> PyResult<Py<PyAny>> {
        let reply = Self {
            status: reply.status,
            request_id: reply.request_id,
            next_page: reply.next_page,
            body: PyBytes::new(py, &reply.body).unbind(),
            headers: reply.headers,
        };
        Ok(Py::new(py, reply)?.into_any())
    }
}

#[pymethods]
impl Reply {
    /// The headers, by their names in lower case; values that are no text are left out.
    #[getter]
    fn headers<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let headers = PyDict::new(py);
        for (name, value) in &self.headers {
            if let Ok(value) = value.to_str() {
                headers.set_item(name.as_str(), value)?;
            }
        }
        Ok(headers)
    }
}

/// Writes that are sent together.
#[pyclass(frozen, module = "orgconnect._native")]
pub(crate) struct Batch(std::sync::Mutex<orgconnect::Batch>);

impl Batch {
    fn lock(&self) -> std::sync::MutexGuard<'_, orgconnect::Batch> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn copy(&self) -> orgconnect::Batch {
        self.lock().clone()
    }
}

#[pymethods]
impl Batch {
    #[new]
    fn new() -> Self {
        Self(std::sync::Mutex::default())
    }

    /// Adds an operation by its name, with its arguments as the text of one JSON object.
    fn add(&self, py: Python<'_>, operation: Text<'_>, arguments: &[u8]) -> PyResult<()> {
        let arguments = object(py, "arguments", arguments)?;
        self.lock().add(&operation, arguments).map(|_| ()).or_raise(py)
    }

    fn __len__(&self) -> usize {
        self.lock().len()
    }
}
