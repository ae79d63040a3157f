//! Encryption at rest for any store: payloads are sealed before they reach it, and opened after they are read.
//!
//! ```text
//! sealed:v1:<key id>:<nonce, ciphertext and tag in URL-safe base64>
//! ```
//!
//! XChaCha20-Poly1305 with a random nonce. The format's version, the key's id, the namespace and the connection are
//! authenticated with every record, so one that was changed, or put in another's place, does not open. What is not
//! encrypted: the keys of the records, their versions and when they want attention.

pub(super) mod keys;

use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use async_trait::async_trait;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use jiff::Timestamp;
use zeroize::Zeroizing;

pub use self::keys::Keys;
use super::{
    Claim, ClaimQuery, ConnectionKey, Lease, ListQuery, ListedRecord, Record, StoreError, StoreErrorKind,
    StoredRecord, TokenStore,
};
use crate::ConnectionId;

const FORMAT: &str = "sealed:v1";
const NONCE_LENGTH: usize = 24;
/// How many records are listed at once while all are moved to another key.
const PAGE: usize = 500;
/// How often a record is tried again that others write to at the same time.
const ATTEMPTS: u32 = 16;

/// Encrypts what another store keeps.
///
/// Records in clear text are refused, never passed through, unless
/// [`allow_clear_text_reads`](Self::allow_clear_text_reads) says otherwise.
///
/// To change the key: give every process the new one beside the old (`old.with_older(new)`), then make it the current
/// one (`new.with_older(old)`), call [`rewrap_all`](Self::rewrap_all), and take the old one away. Until then records
/// move to the current key whenever they are saved.
///
/// ```
/// use orgconnect::{Client, Keys, MemoryStore, SealedStore};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let generated = Keys::generate(); // once; keep it where your other secrets are
/// let store = SealedStore::new(MemoryStore::new(), Keys::from_base64(generated.expose())?);
/// let client = Client::builder("CLIENT_ID", "CLIENT_SECRET").store(store).build()?;
/// # Ok(()) }
/// ```
pub struct SealedStore {
    inner: Arc<dyn TokenStore>,
    keys: RwLock<Arc<Keys>>,
    clear_text_reads: bool,
    rewrap_on_read: bool,
}

/// What [`SealedStore::rewrap_all`] did.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Rewrapped {
    /// Records that were moved to the current key.
    pub moved: usize,
    /// Records that had nothing to be done for: sealed with the current key already, or deleted meanwhile.
    pub unchanged: usize,
    /// Records that were left as they are, and why. The old keys are still needed while there are any.
    pub failed: Vec<(ConnectionId, StoreError)>,
}

impl SealedStore {
    /// Seals what `store` keeps.
    pub fn new(store: impl TokenStore, keys: Keys) -> Self {
        Self::shared(Arc::new(store), keys)
    }

    /// Like [`new`](Self::new), for a store that others use too.
    pub fn shared(store: Arc<dyn TokenStore>, keys: Keys) -> Self {
        Self {
            inner: store,
            keys: RwLock::new(Arc::new(keys)),
            clear_text_reads: false,
            rewrap_on_read: false,
        }
    }

    /// Moves a record to the current key when it is read, too, and not only when it is saved or by
    /// [`rewrap_all`](Self::rewrap_all). Writes the token store.
    ///
    /// Set it once every process has the new key as the current one: while some still seal with the old, records would go to
    /// and fro between the two.
    pub fn rewrap_on_read(mut self) -> Self {
        self.rewrap_on_read = true;
        self
    }

    /// Reads records that were written before there was a key. They are sealed when they are saved next, or by
    /// [`rewrap_all`](Self::rewrap_all). Meant for the time of moving: while it is set, whoever can write to the store
    /// can put a record of their own in place of a sealed one.
    pub fn allow_clear_text_reads(mut self) -> Self {
        self.clear_text_reads = true;
        self
    }

    /// Uses other keys from now on. Calls that have begun finish with the ones before.
    pub fn replace_keys(&self, keys: Keys) {
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
    }

    /// Moves every record of a namespace to the current key. Writes the token store.
    ///
    /// May run while the records are in use: each is replaced by compare-and-swap, and one that another process writes
    /// to meanwhile is read again. A record that can't be opened is left alone and reported; the rest is moved.
    ///
    /// # Errors
    /// [`StoreErrorKind::Unavailable`] if the store can't be reached. What has been moved stays moved: call it again.
    pub async fn rewrap_all(&self, namespace: &str) -> Result<Rewrapped, StoreError> {
        let mut done = Rewrapped::default();
        let mut query =
            ListQuery { namespace: namespace.to_owned(), expires_before: None, after: None, limit: PAGE };
        loop {
            let page = self.inner.list(&query).await?;
            let Some(last) = page.last() else { return Ok(done) };
            query.after = Some(last.connection.clone());
            for ListedRecord { connection, .. } in page {
                let key = ConnectionKey { namespace: namespace.to_owned(), connection };
                match self.rewrap(&key).await {
                    Ok(true) => done.moved += 1,
                    Ok(false) => done.unchanged += 1,
                    Err(error) if error.kind() == StoreErrorKind::Unavailable => return Err(error),
                    Err(error) => done.failed.push((key.connection, error)),
                }
            }
        }
    }

    /// Whether the record had to be moved, and was.
    async fn rewrap(&self, key: &ConnectionKey) -> Result<bool, StoreError> {
        for _ in 0..ATTEMPTS {
            let Some(stored) = self.inner.load(key).await? else { return Ok(false) };
            let keys = self.keys();
            let sealed_now = Sealed::parse(&stored.record.payload);
            if sealed_now.is_some_and(|sealed| sealed.key_id == keys.current_id()) {
                // Opened all the same: a record that is damaged is to be reported now, not when it is needed.
                self.open(&keys, key, &stored.record.payload)?;
                return Ok(false);
            }
            let record = Record {
                payload: seal(&keys, key, &self.open(&keys, key, &stored.record.payload)?)?,
                expires_at: stored.record.expires_at,
            };
            match self.inner.save(key, &record, stored.version).await {
                Ok(_) => return Ok(true),
                Err(error) if error.kind() == StoreErrorKind::Conflict => {}
                Err(error) => return Err(error),
            }
        }
        Err(StoreError::conflict())
    }

    fn keys(&self) -> Arc<Keys> {
        Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn open(
        &self,
        keys: &Keys,
        key: &ConnectionKey,
        payload: &str,
    ) -> Result<Zeroizing<String>, StoreError> {
        let refuse = |kind, why: &str| StoreError::new(kind, format!("connection {}: {why}", key.connection));
        let damaged = || {
            refuse(
                StoreErrorKind::Unreadable,
                "its sealed record was changed, or belongs elsewhere; restore it from a backup, or delete it and authorize again",
            )
        };
        if !payload.starts_with("sealed:") {
            if !self.clear_text_reads {
                return Err(refuse(
                    StoreErrorKind::Refused,
                    "its record is not sealed; if it was written before there was a key, set `allow_clear_text_reads` \
                     and call `rewrap_all`, else delete it and authorize again",
                ));
            }
            // What was written in clear text is a JSON object. Anything else was a sealed record once.
            let is_object =
                payload.starts_with('{') && serde_json::from_str::<serde::de::IgnoredAny>(payload).is_ok();
            return if is_object { Ok(Zeroizing::new(payload.to_owned())) } else { Err(damaged()) };
        }
        let Some(sealed) = Sealed::parse(payload) else {
            return Err(refuse(
                StoreErrorKind::Unreadable,
                "its record is damaged or sealed in a newer format; upgrade this program, or restore it from a backup",
            ));
        };
        let Some(secret) = keys.find(sealed.key_id) else {
            // Whatever stands in place of the id may be anything: only what can be an id is shown.
            let id = if keys::is_id(sealed.key_id) { sealed.key_id } else { "?" };
            return Err(refuse(
                StoreErrorKind::Refused,
                &format!(
                    "its record is sealed with key {id}, which is not among the keys; add that key with `with_older`"
                ),
            ));
        };
        let octets = URL_SAFE_NO_PAD.decode(sealed.body).map_err(|_| damaged())?;
        let (nonce, text) = octets.split_first_chunk::<NONCE_LENGTH>().ok_or_else(damaged)?;
        let associated = associated_data(sealed.key_id, key);
        let clear = XChaCha20Poly1305::new(secret.into())
            .decrypt(&XNonce::from(*nonce), Payload { msg: text, aad: &associated })
            .map(Zeroizing::new)
            .map_err(|_| damaged())?;
        let clear = std::str::from_utf8(&clear).map_err(|_| damaged())?;
        Ok(Zeroizing::new(clear.to_owned()))
    }
}

#[async_trait]
impl TokenStore for SealedStore {
    fn identity(&self) -> String {
        // Not the inner store's own: a client without the keys is not to share the refreshes of one that has them.
        format!("sealed:{}", self.inner.identity())
    }

    fn is_encrypted(&self) -> bool {
        true
    }

    async fn load(&self, key: &ConnectionKey) -> Result<Option<StoredRecord>, StoreError> {
        let before = self.keys();
        let Some(mut stored) = self.inner.load(key).await? else { return Ok(None) };
        // While the record was on its way the keys may have been replaced; it is sealed with a key of one or the other.
        let now = self.keys();
        let opened = self.open(&now, key, &stored.record.payload);
        let opened = match opened {
            Err(_) if !Arc::ptr_eq(&before, &now) => self.open(&before, key, &stored.record.payload)?,
            opened => opened?,
        };
        let sealed_with = Sealed::parse(&stored.record.payload).map(|sealed| sealed.key_id);
        if self.rewrap_on_read && sealed_with != Some(now.current_id()) {
            let record = Record { payload: seal(&now, key, &opened)?, expires_at: stored.record.expires_at };
            match self.inner.save(key, &record, stored.version).await {
                Ok(version) => stored.version = version,
                // Reading goes on without it: somebody else has written the record, or the store can't be written to.
                Err(error) => tracing::debug!(%error, "a record was not moved to the current key"),
            }
        }
        stored.record.payload = opened;
        Ok(Some(stored))
    }

    async fn save(&self, key: &ConnectionKey, record: &Record, expected: u64) -> Result<u64, StoreError> {
        let sealed =
            Record { payload: seal(&self.keys(), key, &record.payload)?, expires_at: record.expires_at };
        self.inner.save(key, &sealed, expected).await
    }

    async fn delete(&self, key: &ConnectionKey, expected: u64) -> Result<(), StoreError> {
        self.inner.delete(key, expected).await
    }

    async fn acquire(&self, key: &ConnectionKey, ttl: Duration) -> Result<Option<Lease>, StoreError> {
        self.inner.acquire(key, ttl).await
    }

    async fn release(&self, key: &ConnectionKey, lease: Lease) -> Result<(), StoreError> {
        self.inner.release(key, lease).await
    }

    async fn list(&self, query: &ListQuery) -> Result<Vec<ListedRecord>, StoreError> {
        self.inner.list(query).await
    }

    async fn claim_due(&self, query: &ClaimQuery) -> Result<Vec<Claim>, StoreError> {
        self.inner.claim_due(query).await
    }

    async fn release_claims(&self, namespace: &str, claims: &[Claim]) -> Result<(), StoreError> {
        self.inner.release_claims(namespace, claims).await
    }

    async fn sweep(&self, namespace: &str, before: Timestamp, limit: usize) -> Result<usize, StoreError> {
        self.inner.sweep(namespace, before, limit).await
    }
}

/// The parts of a sealed record, not yet trusted.
struct Sealed<'a> {
    key_id: &'a str,
    body: &'a str,
}

impl<'a> Sealed<'a> {
    fn parse(payload: &'a str) -> Option<Self> {
        let (key_id, body) = payload.strip_prefix(FORMAT)?.strip_prefix(':')?.split_once(':')?;
        Some(Self { key_id, body })
    }
}

pub(super) fn seal(keys: &Keys, key: &ConnectionKey, clear: &str) -> Result<Zeroizing<String>, StoreError> {
    let failed = |why: &str| StoreError::new(StoreErrorKind::Unavailable, why);
    let (id, secret) = keys.current();
    let mut nonce = [0; NONCE_LENGTH];
    getrandom::fill(&mut nonce).map_err(|error| {
        failed("the operating system gives no random numbers; try again").with_source(error)
    })?;
    let associated = associated_data(id, key);
    let text = XChaCha20Poly1305::new(secret.into())
        .encrypt(&XNonce::from(nonce), Payload { msg: clear.as_bytes(), aad: &associated })
        .map_err(|_| failed("the record is too long to be sealed"))?;
    let octets = [nonce.as_slice(), &text].concat();
    Ok(Zeroizing::new(format!("{FORMAT}:{id}:{}", URL_SAFE_NO_PAD.encode(octets))))
}

/// What a record is bound to. Every part is preceded by its length, so that no two keys of records give the same octets.
fn associated_data(key_id: &str, key: &ConnectionKey) -> Vec<u8> {
    let mut octets = Vec::new();
    for part in [FORMAT, key_id, &key.namespace, key.connection.as_str()] {
        octets.extend_from_slice(&(part.len() as u64).to_le_bytes());
        octets.extend_from_slice(part.as_bytes());
    }
    octets
}

impl fmt::Debug for SealedStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealedStore")
            .field("inner", &self.inner)
            .field("keys", &self.keys())
            .field("clear_text_reads", &self.clear_text_reads)
            .field("rewrap_on_read", &self.rewrap_on_read)
            .finish()
    }
}
