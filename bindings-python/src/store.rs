//! The stores: where tokens are kept.

use std::{path::PathBuf, sync::Arc};

use orgconnect::{
    TokenStore,
    store::{StoreError, StoreErrorKind, conformance},
};
use pyo3::{prelude::*, types::PyDict};

use crate::{
    convert::{Text, connection_id},
    ending::detach,
    error::{Raise, raised},
    host::HostAdapter,
    process::{Renewed, between_forks},
    work::Work,
};

type Shared = Arc<dyn TokenStore>;
type Open = Box<dyn Fn() -> Result<Shared, StoreError> + Send + Sync>;

/// A store that is opened again in a forked child: connections and locks don't survive there.
pub(crate) struct Source {
    open: Open,
    store: Renewed<Shared>,
}

impl Source {
    fn new(
        open: impl Fn() -> Result<Shared, StoreError> + Send + Sync + 'static,
    ) -> Result<Arc<Self>, StoreError> {
        let store = Renewed::new(open()?);
        Ok(Arc::new(Self { open: Box::new(open), store }))
    }

    /// A store in the memory of this process, of which a forked child has a copy.
    pub(crate) fn memory() -> Result<Arc<Self>, StoreError> {
        let store: Shared = Arc::new(orgconnect::MemoryStore::new());
        Self::new(move || Ok(Arc::clone(&store)))
    }

    pub(crate) fn get(&self) -> Result<Shared, StoreError> {
        self.store.get(&self.open)
    }
}

/// A place that keeps tokens.
#[pyclass(frozen, subclass, module = "orgconnect")]
pub(crate) struct Store(pub(crate) Arc<Source>);

impl Store {
    fn store(&self, py: Python<'_>) -> PyResult<Shared> {
        self.0.get().or_raise(py)
    }
}

#[pymethods]
impl Store {
    /// What it reaches: a path, an address. It holds no secret.
    #[getter]
    fn identity(&self, py: Python<'_>) -> PyResult<String> {
        Ok(self.store(py)?.identity())
    }

    /// Whether what is kept is encrypted before it leaves this process.
    #[getter]
    fn is_encrypted(&self, py: Python<'_>) -> PyResult<bool> {
        Ok(self.store(py)?.is_encrypted())
    }

    /// Checks that the store keeps its contract; the result is None, or the promise that was broken.
    fn check(&self, py: Python<'_>) -> PyResult<Work> {
        let store = self.store(py)?;
        let call = async move { Ok(conformance::check(&*store).await.err()) };
        Ok(Work::new(call, |py, broken| Ok(broken.into_pyobject(py)?.into_any().unbind())))
    }

    fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
        let identity = slf.get().store(slf.py())?.identity();
        Ok(format!("<{} {identity}>", slf.get_type().name()?))
    }
}

fn opened<T>(
    py: Python<'_>,
    class: T,
    open: impl Fn() -> Result<Shared, StoreError> + Send + Sync + 'static,
) -> PyResult<PyClassInitializer<T>>
where
    T: pyo3::PyClass<BaseType = Store>,
{
    let source = detach(py, || between_forks(|| Source::new(open))).or_raise(py)?;
    Ok(PyClassInitializer::from(Store(source)).add_subclass(class))
}

/// Keeps tokens in the memory of this process.
#[pyclass(frozen, extends = Store, module = "orgconnect")]
pub(crate) struct MemoryStore;

#[pymethods]
impl MemoryStore {
    #[new]
    fn new(py: Python<'_>) -> PyResult<PyClassInitializer<Self>> {
        let source = Source::memory().or_raise(py)?;
        Ok(PyClassInitializer::from(Store(source)).add_subclass(Self))
    }
}

/// Keeps tokens in files of a directory, for many processes of one machine.
#[pyclass(frozen, extends = Store, module = "orgconnect")]
pub(crate) struct FileStore;

#[pymethods]
impl FileStore {
    #[new]
    fn new(py: Python<'_>, directory: PathBuf) -> PyResult<PyClassInitializer<Self>> {
        opened(py, Self, move || Ok(Arc::new(orgconnect::FileStore::open(&directory)?)))
    }
}

/// Keeps tokens in a SQLite database, for many processes of one machine.
#[pyclass(frozen, extends = Store, module = "orgconnect")]
pub(crate) struct SqliteStore;

#[pymethods]
impl SqliteStore {
    #[new]
    fn new(py: Python<'_>, path: PathBuf) -> PyResult<PyClassInitializer<Self>> {
        opened(py, Self, move || Ok(Arc::new(orgconnect::SqliteStore::open(&path)?)))
    }
}

/// Keeps tokens in files that are sealed with a key in the operating system's keyring.
#[pyclass(frozen, extends = Store, module = "orgconnect")]
pub(crate) struct KeyringStore;

#[pymethods]
impl KeyringStore {
    #[new]
    fn new(py: Python<'_>, directory: PathBuf) -> PyResult<PyClassInitializer<Self>> {
        opened(py, Self, move || Ok(Arc::new(orgconnect::KeyringStore::open(&directory)?)))
    }
}

/// The store that a text names.
#[pyfunction]
pub(crate) fn open_store(py: Python<'_>, text: Text<'_>) -> PyResult<Store> {
    let text = String::from(text);
    let open = move || -> Result<Arc<Source>, StoreError> {
        let first = orgconnect::store::open(&text)?;
        // What is in memory is the same in a forked child; another store there would be empty.
        let kept = first.identity().starts_with("memory").then(|| Arc::clone(&first));
        let store = Renewed::new(first);
        let open = Box::new(move || kept.clone().map_or_else(|| orgconnect::store::open(&text), Ok));
        Ok(Arc::new(Source { open, store }))
    };
    Ok(Store(detach(py, || between_forks(open)).or_raise(py)?))
}

/// Keeps tokens in PostgreSQL, for any number of machines.
#[pyclass(frozen, extends = Store, module = "orgconnect")]
pub(crate) struct PostgresStore {
    store: Prepared<orgconnect::PostgresStore>,
}

#[pymethods]
impl PostgresStore {
    #[new]
    fn new(py: Python<'_>, url: Text<'_>) -> PyResult<PyClassInitializer<Self>> {
        let url = String::from(url);
        let store = Prepared::new(py, move || orgconnect::PostgresStore::open(&url))?;
        let opened = store.clone();
        self::opened(py, Self { store }, move || opened.get().map(|store| Arc::new(store) as Shared))
    }

    /// Reaches the server now.
    fn prepare(&self, py: Python<'_>) -> PyResult<Work> {
        let store = self.store.get().or_raise(py)?;
        Ok(Work::new(async move { Ok(store.prepare().await?) }, |py, ()| Ok(py.None())))
    }
}

/// Keeps tokens in Redis or Valkey, for any number of machines.
#[pyclass(frozen, extends = Store, module = "orgconnect")]
pub(crate) struct RedisStore {
    store: Prepared<orgconnect::RedisStore>,
}

#[pymethods]
impl RedisStore {
    #[new]
    fn new(py: Python<'_>, url: Text<'_>) -> PyResult<PyClassInitializer<Self>> {
        let url = String::from(url);
        let store = Prepared::new(py, move || orgconnect::RedisStore::open(&url))?;
        let opened = store.clone();
        self::opened(py, Self { store }, move || opened.get().map(|store| Arc::new(store) as Shared))
    }

    /// Reaches the server now.
    fn prepare(&self, py: Python<'_>) -> PyResult<Work> {
        let store = self.store.get().or_raise(py)?;
        Ok(Work::new(async move { Ok(store.prepare().await?) }, |py, ()| Ok(py.None())))
    }
}

/// A store on a server, which is also reached by its own type.
#[derive(Clone)]
struct Prepared<T>(Arc<(Renewed<T>, OpenOf<T>)>);

type OpenOf<T> = Box<dyn Fn() -> Result<T, StoreError> + Send + Sync>;

impl<T: Clone + Send> Prepared<T> {
    fn new(
        py: Python<'_>,
        open: impl Fn() -> Result<T, StoreError> + Send + Sync + 'static,
    ) -> PyResult<Self> {
        let store = detach(py, || between_forks(&open)).or_raise(py)?;
        Ok(Self(Arc::new((Renewed::new(store), Box::new(open)))))
    }

    fn get(&self) -> Result<T, StoreError> {
        self.0.0.get(&self.0.1)
    }
}

/// Keeps tokens with an object of the application's own.
#[pyclass(frozen, extends = Store, module = "orgconnect._native")]
pub(crate) struct HostStore;

#[pymethods]
impl HostStore {
    /// `call` carries out a method of the object, given its name and arguments.
    #[new]
    fn new(py: Python<'_>, identity: Text<'_>, call: Py<PyAny>) -> PyResult<PyClassInitializer<Self>> {
        let store: Shared = Arc::new(HostAdapter::new(identity.into(), call));
        opened(py, Self, move || Ok(Arc::clone(&store)))
    }
}

/// The keys of a sealed store.
#[pyclass(frozen, module = "orgconnect")]
pub(crate) struct Keys(orgconnect::Keys);

#[pymethods]
impl Keys {
    /// A new key, as text. Make it once, and keep it where your other secrets are.
    #[staticmethod]
    fn generate() -> String {
        orgconnect::Keys::generate().expose().to_owned()
    }

    #[staticmethod]
    fn from_base64(py: Python<'_>, text: Text<'_>) -> PyResult<Self> {
        Ok(Self(orgconnect::Keys::from_base64(&text).or_raise(py)?))
    }

    #[staticmethod]
    fn from_environment(py: Python<'_>, variable: Text<'_>) -> PyResult<Self> {
        Ok(Self(orgconnect::Keys::from_environment(&variable).or_raise(py)?))
    }

    #[staticmethod]
    fn from_file(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        Ok(Self(orgconnect::Keys::from_file(path).or_raise(py)?))
    }

    #[staticmethod]
    fn from_keyring(py: Python<'_>, service: Text<'_>, account: Text<'_>) -> PyResult<Self> {
        Ok(Self(detach(py, || orgconnect::Keys::from_keyring(&service, &account)).or_raise(py)?))
    }

    /// These keys, and older ones that are still read.
    fn with_older(&self, older: &Self) -> Self {
        Self(self.0.clone().with_older(older.0.clone()))
    }

    /// The id of the key that is written with.
    #[getter]
    fn current_id(&self) -> &str {
        self.0.current_id()
    }

    fn __repr__(&self) -> String {
        format!("<Keys, current {}>", self.0.current_id())
    }
}

/// Encrypts what another store keeps.
#[pyclass(frozen, extends = Store, module = "orgconnect")]
pub(crate) struct SealedStore {
    sealed: Arc<Sealed>,
}

/// The sealed store of this process, and what it is made of.
struct Sealed {
    store: Renewed<Arc<orgconnect::SealedStore>>,
    inner: Arc<Source>,
    keys: std::sync::Mutex<orgconnect::Keys>,
    clear_text_reads: bool,
}

impl Sealed {
    fn make(
        inner: &Source,
        keys: orgconnect::Keys,
        clear_text_reads: bool,
    ) -> Result<Arc<orgconnect::SealedStore>, StoreError> {
        let sealed = orgconnect::SealedStore::shared(inner.get()?, keys);
        Ok(Arc::new(if clear_text_reads { sealed.allow_clear_text_reads() } else { sealed }))
    }

    fn get(&self) -> Result<Arc<orgconnect::SealedStore>, StoreError> {
        self.store.get(|| Self::make(&self.inner, self.keys().clone(), self.clear_text_reads))
    }

    fn keys(&self) -> std::sync::MutexGuard<'_, orgconnect::Keys> {
        self.keys.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[pymethods]
impl SealedStore {
    #[new]
    #[pyo3(signature = (store, keys, *, allow_clear_text_reads = false))]
    fn new(
        py: Python<'_>,
        store: &Bound<'_, Store>,
        keys: &Keys,
        allow_clear_text_reads: bool,
    ) -> PyResult<PyClassInitializer<Self>> {
        let (inner, keys) = (Arc::clone(&store.get().0), keys.0.clone());
        let made = Sealed::make(&inner, keys.clone(), allow_clear_text_reads).or_raise(py)?;
        let sealed = Arc::new(Sealed {
            store: Renewed::new(made),
            inner,
            keys: keys.into(),
            clear_text_reads: allow_clear_text_reads,
        });
        let shared = Arc::clone(&sealed);
        opened(py, Self { sealed }, move || Ok(shared.get()?))
    }

    /// Uses other keys from now on.
    fn replace_keys(&self, py: Python<'_>, keys: &Keys) -> PyResult<()> {
        self.sealed.get().or_raise(py)?.replace_keys(keys.0.clone());
        *self.sealed.keys() = keys.0.clone();
        Ok(())
    }

    /// Moves every record of a namespace to the current key.
    fn rewrap_all(&self, py: Python<'_>, namespace: Text<'_>) -> PyResult<Work> {
        let (store, namespace) = (self.sealed.get().or_raise(py)?, String::from(namespace));
        let call = async move { Ok(store.rewrap_all(&namespace).await?) };
        Ok(Work::new(call, |py, done| {
            let parts = PyDict::new(py);
            parts.set_item("moved", done.moved)?;
            parts.set_item("unchanged", done.unchanged)?;
            let failed = PyDict::new(py);
            for (id, error) in done.failed {
                failed.set_item(id.as_str(), raised(py, &error.into()))?;
            }
            parts.set_item("failed", failed)?;
            Ok(parts.into_any().unbind())
        }))
    }
}

/// The kind of a store's failure, by the code that it has as an error.
pub(crate) fn kind(code: Option<&str>) -> StoreErrorKind {
    match code {
        Some("store_conflict") => StoreErrorKind::Conflict,
        Some("store_unreadable") => StoreErrorKind::Unreadable,
        Some("store_refused") => StoreErrorKind::Refused,
        _ => StoreErrorKind::Unavailable,
    }
}

/// A connection's name, as a store gave it back.
pub(crate) fn listed(py: Python<'_>, id: &str) -> PyResult<orgconnect::ConnectionId> {
    connection_id(py, id)
}
