//! The core's stores, by their factories.

use std::sync::Arc;

use napi_derive::napi;
use orgconnect::{
    ConnectionId, Error, FileStore, KeyringStore, Keys, MemoryStore, PostgresStore, RedisStore, SealedStore,
    SqliteStore, TokenStore,
    store::{StoreError, conformance, migrate},
};
use serde_json::{Value, json};

use crate::{
    channel::{Channel, Done},
    convert::duration,
    error::{Result, thrown},
    host_store::HostStore,
};

#[napi(js_name = "Store")]
pub struct NativeStore {
    store: Arc<dyn TokenStore>,
    more: More,
}

/// What a store can do beside keeping records.
#[derive(Clone)]
enum More {
    Nothing,
    Sealed(Arc<SealedStore>),
    Postgres(PostgresStore),
    Redis(RedisStore),
}

#[napi]
impl NativeStore {
    #[napi(factory, catch_unwind)]
    pub fn memory() -> Self {
        Self::of(MemoryStore::new())
    }

    #[napi(factory, catch_unwind)]
    pub fn file(directory: String) -> Result<Self> {
        FileStore::open(directory).map(Self::of).map_err(refused)
    }

    #[napi(factory, catch_unwind)]
    pub fn sqlite(path: String) -> Result<Self> {
        SqliteStore::open(path).map(Self::of).map_err(refused)
    }

    #[napi(factory, catch_unwind)]
    pub fn keyring(directory: String) -> Result<Self> {
        KeyringStore::open(directory).map(Self::of).map_err(refused)
    }

    /// The store that a text names.
    #[napi(factory, catch_unwind)]
    pub fn open(text: String) -> Result<Self> {
        let store = orgconnect::store::open(&text).map_err(refused)?;
        Ok(Self { store, more: More::Nothing })
    }

    #[napi(factory, catch_unwind)]
    pub fn postgres(url: String) -> Result<Self> {
        let store = PostgresStore::open(&url).map_err(refused)?;
        Ok(Self { store: Arc::new(store.clone()), more: More::Postgres(store) })
    }

    #[napi(factory, catch_unwind)]
    pub fn redis(url: String) -> Result<Self> {
        let store = RedisStore::open(&url).map_err(refused)?;
        Ok(Self { store: Arc::new(store.clone()), more: More::Redis(store) })
    }

    /// Reaches the server now.
    #[napi(catch_unwind)]
    pub fn prepare(&self, channel: &Channel, id: i32) -> Result<()> {
        let more = self.more.clone();
        channel.run(id, true, move || async move {
            match more {
                More::Postgres(store) => store.prepare().await?,
                More::Redis(store) => store.prepare().await?,
                More::Nothing | More::Sealed(_) => {}
            }
            Ok(Done::Nothing)
        })
    }

    /// A store that JavaScript keeps, asked by its number.
    #[napi(factory, catch_unwind)]
    pub fn host(channel: &Channel, number: u32, identity: String, encrypted: bool, limit: f64) -> Self {
        Self::of(HostStore::new(channel.shared(), number, identity, encrypted, duration(limit)))
    }

    /// Encrypts what the other store keeps. `keys` are base64, the current one first.
    #[napi(factory, catch_unwind)]
    pub fn sealed(
        inner: &NativeStore,
        keys: Vec<String>,
        allow_clear_text_reads: bool,
        rewrap_on_read: bool,
    ) -> Result<Self> {
        let store = SealedStore::shared(inner.shared(), read_keys(keys).map_err(refused)?);
        let store = if allow_clear_text_reads { store.allow_clear_text_reads() } else { store };
        let store = if rewrap_on_read { store.rewrap_on_read() } else { store };
        let sealed = Arc::new(store);
        Ok(Self { store: sealed.clone(), more: More::Sealed(sealed) })
    }

    /// Replaces the keys of a sealed store while it runs.
    #[napi(catch_unwind)]
    pub fn replace_keys(&self, keys: Vec<String>) -> Result<()> {
        let keys = read_keys(keys).map_err(refused)?;
        if let More::Sealed(store) = &self.more {
            store.replace_keys(keys);
        }
        Ok(())
    }

    /// Seals every record of a namespace with the current key; what comes is what was done, as JSON.
    #[napi(catch_unwind)]
    pub fn rewrap_all(&self, channel: &Channel, id: i32, namespace: String) -> Result<()> {
        let more = self.more.clone();
        channel.run(id, true, move || async move {
            let More::Sealed(sealed) = more else { return Err(Error::config("store", "is not sealed")) };
            let done = sealed.rewrap_all(&namespace).await?;
            let failed = failures(&done.failed);
            Ok(Done::Text(
                json!({ "moved": done.moved, "unchanged": done.unchanged, "failed": failed }).to_string(),
            ))
        })
    }

    /// Copies every record of a namespace to another store; what comes is what was done, as JSON.
    #[napi(catch_unwind)]
    pub fn migrate(
        &self,
        channel: &Channel,
        id: i32,
        to: &NativeStore,
        namespace: String,
        remove: bool,
    ) -> Result<()> {
        let (from, to) = (self.shared(), to.shared());
        channel.run(id, false, move || async move {
            let done = migrate(&*from, &*to, &namespace, remove).await?;
            let failed = failures(&done.failed);
            Ok(Done::Text(
                json!({ "copied": done.copied, "unchanged": done.unchanged, "failed": failed }).to_string(),
            ))
        })
    }

    /// Checks that the store keeps its contract; what comes is the promise that was broken, if one was.
    #[napi(catch_unwind)]
    pub fn check(&self, channel: &Channel, id: i32) -> Result<()> {
        let store = self.shared();
        channel.run(id, true, move || async move {
            Ok(conformance::check(&*store).await.map_or_else(Done::Text, |()| Done::Nothing))
        })
    }

    /// A new key for a sealed store.
    #[napi(catch_unwind)]
    pub fn generate_key() -> String {
        Keys::generate().expose().to_owned()
    }

    #[napi(catch_unwind)]
    pub fn identity(&self) -> String {
        self.store.identity()
    }

    #[napi(catch_unwind)]
    pub fn is_encrypted(&self) -> bool {
        self.store.is_encrypted()
    }
}

impl NativeStore {
    fn of(store: impl TokenStore) -> Self {
        Self { store: Arc::new(store), more: More::Nothing }
    }

    pub(crate) fn shared(&self) -> Arc<dyn TokenStore> {
        Arc::clone(&self.store)
    }
}

/// Records that were left as they are, and why.
fn failures(failed: &[(ConnectionId, StoreError)]) -> Value {
    let failed = failed.iter().map(
        |(connection, error)| json!({ "connection": connection.as_str(), "message": error.to_string() }),
    );
    failed.collect()
}

fn read_keys(keys: Vec<String>) -> std::result::Result<Keys, StoreError> {
    let mut older = None;
    for text in keys.iter().rev() {
        let key = Keys::from_base64(text)?;
        older = Some(match older {
            Some(older) => key.with_older(older),
            None => key,
        });
    }
    older.map_or_else(|| Keys::from_base64(""), Ok)
}

fn refused(error: StoreError) -> napi::Error<crate::error::Recorded> {
    thrown(Error::from(error))
}
