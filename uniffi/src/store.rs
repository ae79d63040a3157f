//! Token stores: those of the core, by their own constructors and by their name, and one of the host's own.

use std::sync::Arc;

use orgconnect::{
    ConnectionId, Error, FileStore, KeyringStore, Keys, MemoryStore, PostgresStore, RedisStore, SealedStore,
    SqliteStore, TokenStore,
    store::{self, StoreError, conformance},
};
use zeroize::Zeroizing;

use crate::{
    error::{NativeFailure, NativeResult},
    foreign_store::{ForeignStore, NativeTokenStore},
    runtime::{CancelHandle, enter, run},
};

/// A token store.
#[derive(Debug, uniffi::Object)]
pub struct NativeStore {
    store: Arc<dyn TokenStore>,
    kind: Kind,
}

/// The store by its own type, where that can do more.
#[derive(Debug)]
enum Kind {
    Plain,
    Sealed(Arc<SealedStore>),
    Postgres(Arc<PostgresStore>),
    Redis(Arc<RedisStore>),
}

/// How [`NativeStore::sealed`] reads.
#[derive(Debug, Clone, Copy, uniffi::Record)]
pub struct NativeSealing {
    /// Reads records that were written before there was a key.
    pub allow_clear_text_reads: bool,
    /// Moves a record to the current key when it is read, too.
    pub rewrap_on_read: bool,
}

/// What [`NativeStore::rewrap_all`] did.
#[derive(Debug, uniffi::Record)]
pub struct NativeRewrapped {
    /// Records that were moved to the current key.
    pub moved: u64,
    /// Records that had nothing to be done for.
    pub unchanged: u64,
    /// Records that were left as they are.
    pub failed: Vec<NativeLeft>,
}

/// What [`NativeStore::migrate`] did.
#[derive(Debug, uniffi::Record)]
pub struct NativeMigrated {
    /// Records that were copied.
    pub copied: u64,
    /// Records that were there already, as they are.
    pub unchanged: u64,
    /// Records that were left as they are.
    pub failed: Vec<NativeLeft>,
}

/// A record that was left as it is.
#[derive(Debug, uniffi::Record)]
pub struct NativeLeft {
    /// The connection.
    pub connection: String,
    /// Why it was left.
    pub failure: NativeFailure,
}

/// A new random key, as text for [`NativeStore::sealed`].
#[uniffi::export]
pub fn generate_store_key() -> NativeResult<String> {
    Ok(Keys::generate().expose().to_owned())
}

#[uniffi::export]
impl NativeStore {
    /// The store that a text names.
    #[uniffi::constructor]
    pub fn open(name: String) -> NativeResult<Arc<Self>> {
        let name = Zeroizing::new(name);
        let _runtime = enter()?;
        Ok(Self::of(store::open(&name).map_err(Error::from)?))
    }

    /// The store that a text names, sealed with keys in base64, or with those that the text names.
    #[uniffi::constructor]
    pub fn open_sealed(
        name: String,
        keys: Option<String>,
        sealing: NativeSealing,
    ) -> NativeResult<Arc<Self>> {
        let name = Zeroizing::new(name);
        let keys = keys.map(read_keys).transpose()?;
        let _runtime = enter()?;
        Ok(Self::sealed_as(store::open_sealed(&name, keys).map_err(Error::from)?, sealing))
    }

    /// Keeps tokens in the memory of this process.
    #[uniffi::constructor]
    pub fn memory() -> NativeResult<Arc<Self>> {
        Ok(Self::of(Arc::new(MemoryStore::new())))
    }

    /// Keeps tokens in files of a folder.
    #[uniffi::constructor]
    pub fn file(path: String) -> NativeResult<Arc<Self>> {
        Ok(Self::of(Arc::new(FileStore::open(path).map_err(Error::from)?)))
    }

    /// Keeps tokens in a SQLite database.
    #[uniffi::constructor]
    pub fn sqlite(path: String) -> NativeResult<Arc<Self>> {
        Ok(Self::of(Arc::new(SqliteStore::open(path).map_err(Error::from)?)))
    }

    /// Keeps tokens in files of a folder, sealed with a key in the operating system's keyring.
    #[uniffi::constructor]
    pub fn keyring(path: String) -> NativeResult<Arc<Self>> {
        let _runtime = enter()?;
        Ok(Self::of(Arc::new(KeyringStore::open(path).map_err(Error::from)?)))
    }

    /// Keeps tokens in PostgreSQL.
    #[uniffi::constructor]
    pub fn postgres(url: String) -> NativeResult<Arc<Self>> {
        let url = Zeroizing::new(url);
        let _runtime = enter()?;
        let store = Arc::new(PostgresStore::open(&url).map_err(Error::from)?);
        Ok(Arc::new(Self { store: Arc::clone(&store) as _, kind: Kind::Postgres(store) }))
    }

    /// Keeps tokens in Redis or Valkey.
    #[uniffi::constructor]
    pub fn redis(url: String) -> NativeResult<Arc<Self>> {
        let url = Zeroizing::new(url);
        let _runtime = enter()?;
        let store = Arc::new(RedisStore::open(&url).map_err(Error::from)?);
        Ok(Arc::new(Self { store: Arc::clone(&store) as _, kind: Kind::Redis(store) }))
    }

    /// Encrypts what another store keeps, with keys in base64, the current one first.
    #[uniffi::constructor]
    pub fn sealed(inner: Arc<Self>, keys: String, sealing: NativeSealing) -> NativeResult<Arc<Self>> {
        Ok(Self::sealed_as(SealedStore::shared(inner.shared(), read_keys(keys)?), sealing))
    }

    /// Keeps tokens in a store of the host's own. The identity is equal for two objects that reach the same records.
    #[uniffi::constructor]
    pub fn foreign(
        identity: String,
        encrypted: bool,
        store: Arc<dyn NativeTokenStore>,
    ) -> NativeResult<Arc<Self>> {
        Ok(Self::of(Arc::new(ForeignStore { identity, encrypted, store })))
    }

    /// What it reaches: a path, an address. It holds no secret.
    pub fn identity(&self) -> NativeResult<String> {
        Ok(self.store.identity())
    }

    /// Whether what is kept is encrypted before it leaves this process.
    pub fn is_encrypted(&self) -> NativeResult<bool> {
        Ok(self.store.is_encrypted())
    }

    /// Reaches the server now, if the store is on one.
    pub async fn prepare(&self, cancel: Option<Arc<CancelHandle>>) -> NativeResult<()> {
        match &self.kind {
            Kind::Plain | Kind::Sealed(_) => Ok(()),
            Kind::Postgres(store) => {
                let store = Arc::clone(store);
                run(cancel, async move { Ok(store.prepare().await.map_err(Error::from)?) }).await
            }
            Kind::Redis(store) => {
                let store = Arc::clone(store);
                run(cancel, async move { Ok(store.prepare().await.map_err(Error::from)?) }).await
            }
        }
    }

    /// Checks that the store keeps its contract. The text is the promise that was broken.
    pub async fn check(&self, cancel: Option<Arc<CancelHandle>>) -> NativeResult<Option<String>> {
        let store = self.shared();
        run(cancel, async move { Ok(conformance::check(&*store).await.err()) }).await
    }

    /// Copies every record of a namespace to another store, and reads each back.
    pub async fn migrate(
        &self,
        to: Arc<Self>,
        namespace: String,
        remove: bool,
        cancel: Option<Arc<CancelHandle>>,
    ) -> NativeResult<NativeMigrated> {
        let from = self.shared();
        run(cancel, async move {
            let done = store::migrate(&*from, &*to.store, &namespace, remove).await.map_err(Error::from)?;
            Ok(NativeMigrated {
                copied: done.copied as u64,
                unchanged: done.unchanged as u64,
                failed: done.failed.into_iter().map(NativeLeft::from).collect(),
            })
        })
        .await
    }

    /// Goes on with other keys.
    pub fn replace_keys(&self, keys: String) -> NativeResult<()> {
        self.seals()?.replace_keys(read_keys(keys)?);
        Ok(())
    }

    /// Moves every record of a namespace to the current key.
    pub async fn rewrap_all(
        &self,
        namespace: String,
        cancel: Option<Arc<CancelHandle>>,
    ) -> NativeResult<NativeRewrapped> {
        let sealed = Arc::clone(self.seals()?);
        run(cancel, async move {
            let done = sealed.rewrap_all(&namespace).await.map_err(Error::from)?;
            Ok(NativeRewrapped {
                moved: done.moved as u64,
                unchanged: done.unchanged as u64,
                failed: done.failed.into_iter().map(NativeLeft::from).collect(),
            })
        })
        .await
    }
}

impl NativeStore {
    pub(crate) fn shared(&self) -> Arc<dyn TokenStore> {
        Arc::clone(&self.store)
    }

    fn of(store: Arc<dyn TokenStore>) -> Arc<Self> {
        Arc::new(Self { store, kind: Kind::Plain })
    }

    fn sealed_as(mut store: SealedStore, sealing: NativeSealing) -> Arc<Self> {
        if sealing.allow_clear_text_reads {
            store = store.allow_clear_text_reads();
        }
        if sealing.rewrap_on_read {
            store = store.rewrap_on_read();
        }
        let store = Arc::new(store);
        Arc::new(Self { store: Arc::clone(&store) as _, kind: Kind::Sealed(store) })
    }

    fn seals(&self) -> NativeResult<&Arc<SealedStore>> {
        match &self.kind {
            Kind::Sealed(store) => Ok(store),
            _ => Err(Error::config("store", "is not one that seals").into()),
        }
    }
}

impl From<(ConnectionId, StoreError)> for NativeLeft {
    fn from((connection, error): (ConnectionId, StoreError)) -> Self {
        Self { connection: connection.to_string(), failure: Error::from(error).into() }
    }
}

fn read_keys(keys: String) -> NativeResult<Keys> {
    Ok(Keys::from_base64(&Zeroizing::new(keys)).map_err(Error::from)?)
}
