//! A store of the application's own: calls its methods on a thread that may block. An exception becomes a store's failure,
//! with the exception as its cause.

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use jiff::Timestamp;
use orgconnect::{
    TokenStore,
    store::{
        ConnectionKey, Lease, ListQuery, ListedRecord, Record, StoreError, StoreErrorKind, StoredRecord,
    },
};
use pyo3::{IntoPyObjectExt, prelude::*};

use crate::{
    ending::Asking,
    store::{kind, listed},
};

pub(crate) struct HostAdapter {
    identity: String,
    call: Arc<Py<PyAny>>,
}

impl HostAdapter {
    pub(crate) fn new(identity: String, call: Py<PyAny>) -> Self {
        Self { identity, call: Arc::new(call) }
    }

    /// Calls a method, and reads its result.
    async fn call<T: Send + 'static>(
        &self,
        method: &'static str,
        arguments: impl FnOnce(Python<'_>) -> PyResult<Py<PyAny>> + Send + 'static,
        read: impl FnOnce(&Bound<'_, PyAny>) -> PyResult<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let call = Arc::clone(&self.call);
        let ended = || StoreError::new(StoreErrorKind::Unavailable, "the interpreter has ended");
        let work = move || {
            let _asking = Asking::unless_near()?;
            Python::try_attach(|py| {
                let result = arguments(py).and_then(|arguments| call.bind(py).call1((method, arguments)));
                result.and_then(|result| read(&result)).map_err(|raised| failed(py, method, raised))
            })
        };
        tokio::task::spawn_blocking(work).await.ok().flatten().ok_or_else(ended)?
    }
}

fn failed(py: Python<'_>, method: &str, raised: PyErr) -> StoreError {
    let code =
        raised.value(py).getattr("code").and_then(|code| code.extract::<Option<String>>()).ok().flatten();
    let name = raised.get_type(py).name().map_or_else(|_| "an exception".into(), |name| name.to_string());
    StoreError::new(kind(code.as_deref()), format!("`{method}` raised {name}; see its cause"))
        .with_source(raised)
}

type Row = (String, i64, Option<i64>);

fn at(milliseconds: Option<i64>) -> Option<Timestamp> {
    milliseconds.and_then(|at| Timestamp::from_millisecond(at).ok())
}

#[async_trait]
impl TokenStore for HostAdapter {
    fn identity(&self) -> String {
        self.identity.clone()
    }

    async fn load(&self, key: &ConnectionKey) -> Result<Option<StoredRecord>, StoreError> {
        let key = parts(key);
        let read = |found: &Bound<'_, PyAny>| found.extract::<Option<Row>>();
        let found = self.call("load", |py| key.into_py_any(py), read).await?;
        Ok(found.map(|(payload, version, expires_at)| StoredRecord {
            record: Record { payload: payload.into(), expires_at: at(expires_at) },
            version: version.unsigned_abs(),
        }))
    }

    async fn save(&self, key: &ConnectionKey, record: &Record, expected: u64) -> Result<u64, StoreError> {
        let (namespace, connection) = parts(key);
        let (payload, expires_at) =
            (record.payload.to_string(), record.expires_at.map(Timestamp::as_millisecond));
        let arguments = (namespace, connection, payload, expires_at, expected);
        self.call("save", |py| arguments.into_py_any(py), |version| version.extract()).await
    }

    async fn delete(&self, key: &ConnectionKey, expected: u64) -> Result<(), StoreError> {
        let (namespace, connection) = parts(key);
        self.call("delete", move |py| (namespace, connection, expected).into_py_any(py), |_| Ok(())).await
    }

    async fn acquire(&self, key: &ConnectionKey, ttl: Duration) -> Result<Option<Lease>, StoreError> {
        let ((namespace, connection), lease) = (parts(key), Lease::new(ttl));
        let arguments = (namespace, connection, lease.owner.clone(), ttl.as_secs_f64());
        let taken = self.call("acquire", |py| arguments.into_py_any(py), |taken| taken.is_truthy()).await?;
        Ok(taken.then_some(lease))
    }

    async fn release(&self, key: &ConnectionKey, lease: Lease) -> Result<(), StoreError> {
        let (namespace, connection) = parts(key);
        self.call("release", move |py| (namespace, connection, lease.owner).into_py_any(py), |_| Ok(())).await
    }

    async fn list(&self, query: &ListQuery) -> Result<Vec<ListedRecord>, StoreError> {
        let before = query.expires_before.map(Timestamp::as_millisecond);
        let after = query.after.as_ref().map(|id| id.as_str().to_owned());
        let arguments = (query.namespace.clone(), before, after, query.limit);
        let read = |found: &Bound<'_, PyAny>| {
            let rows = found.extract::<Vec<Row>>()?.into_iter();
            rows.map(|(id, version, expires_at)| {
                let connection = listed(found.py(), &id)?;
                Ok(ListedRecord { connection, version: version.unsigned_abs(), expires_at: at(expires_at) })
            })
            .collect()
        };
        self.call("list", |py| arguments.into_py_any(py), read).await
    }
}

fn parts(key: &ConnectionKey) -> (String, String) {
    (key.namespace.clone(), key.connection.as_str().to_owned())
}

impl fmt::Debug for HostAdapter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostAdapter").field("identity", &self.identity).finish_non_exhaustive()
    }
}
