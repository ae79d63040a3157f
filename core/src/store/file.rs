//! A store in a directory: one file a connection, written atomically, readable by its owner alone, and safe between
//! processes of one machine.
//!
//! ```text
//! tokens/                 0700
//!   3f…a2.json            0600  the record: format, version, expiry, payload
//!   3f.lock               0600  held for the moments in which a record of 3f…, or its lease, changes
//!   3f…a2.lease           0600  who may refresh, and until when
//!   3f…a2.live-Zk…        0600  locked by the lease's owner for as long as it lives
//! ```
//!
//! A record is replaced by writing a new file, flushing it to the disk, renaming it over the old one and flushing the
//! directory, so a reader sees the old record or the new one whatever happens in between. The lease has an end by the
//! wall clock, for an owner that stalls; and a lock that the operating system drops when its owner dies, so that
//! nobody waits for the dead. Use a local file system: on network file systems locks are not to be trusted.

use std::{
    collections::HashMap,
    fmt,
    fs::{self, File, TryLockError},
    io::{self, Read, Write},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::{
    ConnectionKey, Lease, ListQuery, ListedRecord, Record, StoreError, StoreErrorKind, StoredRecord,
    TokenStore, rights,
};
use crate::ConnectionId;

const FORMAT: &str = "orgconnect.record";
const FORMAT_VERSION: u32 = 1;
/// A record is a few kilobytes; a file far larger than that was not written by us.
const LARGEST_FILE: u64 = 1 << 20;
/// The lock is held for one write and two flushes. Longer than this means that its holder is stopped.
const LOCK_PATIENCE: Duration = Duration::from_secs(10);

/// Keeps records as files in one directory.
///
/// Tokens are in clear text, guarded by the rights of the files alone.
#[derive(Clone)]
pub struct FileStore {
    shared: Arc<Shared>,
}

struct Shared {
    directory: PathBuf,
    /// The liveness locks of the leases that this object holds, by owner.
    live: Mutex<HashMap<String, (PathBuf, File)>>,
}

/// What a record's file holds.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct Document {
    format: String,
    format_version: u32,
    pub(super) namespace: String,
    pub(super) connection: String,
    version: u64,
    expires_at_ms: Option<i64>,
    pub(super) payload: Zeroizing<String>,
}

/// The part of a record's file that is read before the rest is trusted.
#[derive(Deserialize)]
struct Header {
    format: String,
    format_version: u32,
}

/// Whose record a file is, which can be told of one that this version can't read otherwise.
#[derive(Deserialize)]
struct Label {
    namespace: String,
    connection: String,
}

#[derive(Serialize, Deserialize)]
struct LeaseDocument {
    owner: String,
    until_ms: i64,
    ttl_ms: i64,
}

impl FileStore {
    /// Opens the directory, creating it (mode 0700) if it isn't there.
    ///
    /// # Errors
    /// [`StoreErrorKind::Refused`] if others may read the directory, if it belongs to another user, or if it is a symbolic link;
    /// [`StoreErrorKind::Unavailable`] if it can't be made.
    pub fn open(directory: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let directory = directory.into();
        rights::create_directory(&directory).map_err(|error| {
            unavailable(&directory, "can't be created; check the path and its rights", error)
        })?;
        let found = fs::symlink_metadata(&directory)
            .map_err(|error| unavailable(&directory, "can't be read; check its rights", error))?;
        if !found.is_dir() {
            return Err(refused(
                &directory,
                "is not a directory; name a directory of its own, not a link to one",
            ));
        }
        if rights::others_may_read(&found) {
            return Err(refused(
                &directory,
                "can be read by other users; name a directory of its own, which is made if it isn't there, or run `chmod 700` on this \
                 one if nothing else is in it",
            ));
        }
        // Shut to everybody else, another's directory is open to root alone.
        if rights::belongs_to_another(&directory, &found) {
            return Err(refused(
                &directory,
                "belongs to another user, who could put other records there; run `chown` on it, or name another directory",
            ));
        }
        let directory = directory
            .canonicalize()
            .map_err(|error| unavailable(&directory, "can't be resolved; check the path", error))?;
        Ok(Self { shared: Arc::new(Shared { directory, live: Mutex::default() }) })
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Shared) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let shared = Arc::clone(&self.shared);
        // The runtime's code for a task is there once for each type of what comes of it, and not for each closure.
        let work: Box<dyn FnOnce() -> Result<T, StoreError> + Send> = Box::new(move || work(&shared));
        tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| {
            Err(StoreError::new(StoreErrorKind::Unavailable, "the file task ended early; try again")
                .with_source(error))
        })
    }
}

#[async_trait]
impl TokenStore for FileStore {
    fn identity(&self) -> String {
        let directory = self.shared.directory.as_os_str();
        match directory.to_str() {
            Some(directory) => format!("file:{directory}"),
            // Not as it is shown, which would be the same for two.
            None => format!("file:octets:{}", directory.as_encoded_bytes().escape_ascii()),
        }
    }

    async fn load(&self, key: &ConnectionKey) -> Result<Option<StoredRecord>, StoreError> {
        let key = key.clone();
        self.blocking(move |shared| Ok(shared.read(&key)?.map(Document::into_stored))).await
    }

    async fn save(&self, key: &ConnectionKey, record: &Record, expected: u64) -> Result<u64, StoreError> {
        let (key, record) = (key.clone(), record.clone());
        self.blocking(move |shared| {
            let _lock = shared.lock(&key)?;
            if shared.read(&key)?.map_or(0, |found| found.version) != expected {
                return Err(StoreError::conflict());
            }
            let version = expected + 1;
            let document = Document {
                format: FORMAT.to_owned(),
                format_version: FORMAT_VERSION,
                namespace: key.namespace.clone(),
                connection: key.connection.to_string(),
                version,
                expires_at_ms: record.expires_at.map(Timestamp::as_millisecond),
                payload: record.payload,
            };
            shared.replace(&shared.path(&key, "json"), &document)?;
            Ok(version)
        })
        .await
    }

    async fn delete(&self, key: &ConnectionKey, expected: u64) -> Result<(), StoreError> {
        let key = key.clone();
        self.blocking(move |shared| {
            let _lock = shared.lock(&key)?;
            let found = shared.read(&key)?.map_or(0, |found| found.version);
            if found != expected {
                return Err(StoreError::conflict());
            }
            if found != 0 {
                let path = shared.path(&key, "json");
                fs::remove_file(&path)
                    .map_err(|error| unavailable(&path, "can't be removed; check its rights", error))?;
                shared.flush_directory()?;
            }
            Ok(())
        })
        .await
    }

    async fn acquire(&self, key: &ConnectionKey, ttl: Duration) -> Result<Option<Lease>, StoreError> {
        let key = key.clone();
        self.blocking(move |shared| {
            let _lock = shared.lock(&key)?;
            let lease_path = shared.path(&key, "lease");
            let before = read_json::<LeaseDocument>(&lease_path).unwrap_or(None);
            if let Some(before) = &before {
                // An end further away than the lease was long was written by a clock that has since been set back.
                let left = before.until_ms.saturating_sub(Timestamp::now().as_millisecond());
                let runs = left > 0 && left <= before.ttl_ms;
                if runs && is_locked(&shared.live_path(&key, &before.owner)) {
                    return Ok(None);
                }
            }
            let lease = Lease::new(ttl);
            let live_path = shared.live_path(&key, &lease.owner);
            let live = rights::create_new(&live_path).map_err(|error| {
                unavailable(&live_path, "can't be created; check the directory's rights", error)
            })?;
            live.try_lock().map_err(|error| {
                StoreError::new(
                    StoreErrorKind::Unavailable,
                    "the lease's liveness lock can't be taken; try again",
                )
                .with_source(error)
            })?;
            let ttl_ms = i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX);
            let until_ms = Timestamp::now().as_millisecond().saturating_add(ttl_ms);
            shared.replace(&lease_path, &LeaseDocument { owner: lease.owner.clone(), until_ms, ttl_ms })?;
            if let Some(before) = before {
                remove_quietly(&shared.live_path(&key, &before.owner));
            }
            shared
                .live
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .insert(lease.owner.clone(), (live_path, live));
            Ok(Some(lease))
        })
        .await
    }

    async fn release(&self, key: &ConnectionKey, lease: Lease) -> Result<(), StoreError> {
        let key = key.clone();
        self.blocking(move |shared| {
            let _lock = shared.lock(&key)?;
            let lease_path = shared.path(&key, "lease");
            let current = read_json::<LeaseDocument>(&lease_path).unwrap_or(None);
            if current.is_some_and(|current| current.owner == lease.owner) {
                remove_quietly(&lease_path);
            }
            let live = shared.live.lock().unwrap_or_else(PoisonError::into_inner).remove(&lease.owner);
            if let Some((path, _locked)) = live {
                remove_quietly(&path);
            }
            Ok(())
        })
        .await
    }

    async fn list(&self, query: &ListQuery) -> Result<Vec<ListedRecord>, StoreError> {
        let query = query.clone();
        self.blocking(move |shared| shared.list(&query)).await
    }
}

impl Shared {
    fn stem(key: &ConnectionKey) -> String {
        let mut hash = Sha256::new();
        hash.update(key.namespace.as_bytes());
        hash.update([0]);
        hash.update(key.connection.as_str().as_bytes());
        crate::hex::of(&hash.finalize()[..16])
    }

    fn path(&self, key: &ConnectionKey, extension: &str) -> PathBuf {
        self.directory.join(format!("{}.{extension}", Self::stem(key)))
    }

    fn live_path(&self, key: &ConnectionKey, owner: &str) -> PathBuf {
        // The owner is read from a file: only what can be part of a plain name is used of it.
        let owner: String = owner.chars().filter(char::is_ascii_alphanumeric).take(43).collect();
        self.path(key, &format!("live-{owner}"))
    }

    /// Holds others off the files of a key until the returned file is dropped.
    fn lock(&self, key: &ConnectionKey) -> Result<File, StoreError> {
        // One for all keys that begin alike, so that there are never more than 256.
        let path = self.directory.join(format!("{}.lock", &Self::stem(key)[..2]));
        let file = rights::open_or_create(&path)
            .map_err(|error| unavailable(&path, "can't be opened; check the directory's rights", error))?;
        check_rights(&path, &file)?;
        let began = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::WouldBlock) if began.elapsed() < LOCK_PATIENCE => {
                    std::thread::sleep(Duration::from_millis(1));
                }
                Err(TryLockError::WouldBlock) => {
                    let why =
                        "has been locked for 10 seconds; look for a stopped process that uses this store";
                    return Err(StoreError::new(
                        StoreErrorKind::Unavailable,
                        format!("{} {why}", path.display()),
                    ));
                }
                Err(TryLockError::Error(error)) => return Err(unavailable(&path, "can't be locked", error)),
            }
        }
    }

    fn read(&self, key: &ConnectionKey) -> Result<Option<Document>, StoreError> {
        let path = self.path(key, "json");
        let Some(document) = read_document(&path)? else { return Ok(None) };
        if document.namespace != key.namespace || document.connection != key.connection.as_str() {
            return Err(unreadable(&path, "belongs to another connection; restore the file that was there"));
        }
        Ok(Some(document))
    }

    fn replace(&self, path: &Path, value: &impl Serialize) -> Result<(), StoreError> {
        let text = crate::secret::to_json(value).map_err(|error| {
            StoreError::new(StoreErrorKind::Unavailable, "the record can't be written as JSON")
                .with_source(error)
        })?;
        if text.len() as u64 > LARGEST_FILE {
            return Err(refused(path, "would be larger than any record, and could not be read again"));
        }
        let temporary = path.with_extension(format!("new-{}", crate::random::token()));
        let written = rights::create_new(&temporary)
            .and_then(|mut file| {
                file.write_all(&text)?;
                file.sync_all()
            })
            .and_then(|()| fs::rename(&temporary, path));
        if let Err(error) = written {
            remove_quietly(&temporary);
            return Err(unavailable(path, "can't be written; check free space and rights", error));
        }
        self.flush_directory()
    }

    /// Makes a rename durable: until the directory is flushed, a power failure may bring the old name back.
    fn flush_directory(&self) -> Result<(), StoreError> {
        rights::flush_directory(&self.directory)
            .map_err(|error| unavailable(&self.directory, "can't be flushed to the disk", error))
    }

    fn list(&self, query: &ListQuery) -> Result<Vec<ListedRecord>, StoreError> {
        let entries = fs::read_dir(&self.directory)
            .map_err(|error| unavailable(&self.directory, "can't be listed; check its rights", error))?;
        let mut listed = Vec::new();
        for entry in entries {
            let path = entry
                .map_err(|error| unavailable(&self.directory, "can't be listed; check its rights", error))?
                .path();
            if path.extension().is_none_or(|extension| extension != "json") {
                continue;
            }
            let document = match read_document(&path) {
                Ok(Some(document)) => document,
                Ok(None) => continue,
                // Whoever loads it is told what is wrong with it.
                Err(error) => {
                    let Some(Label { namespace, connection }) = label(&path) else {
                        tracing::warn!(path = %path.display(), %error, "a file does not tell whose record it is");
                        continue;
                    };
                    Document { namespace, connection, ..Document::default() }
                }
            };
            let Ok(connection) = ConnectionId::new(document.connection) else { continue };
            let expires_at = document.expires_at_ms.and_then(|ms| Timestamp::from_millisecond(ms).ok());
            let fits = document.namespace == query.namespace
                && query.after.as_ref().is_none_or(|after| connection > *after)
                && query.expires_before.is_none_or(|before| expires_at.is_some_and(|at| at < before));
            if fits {
                listed.push(ListedRecord { connection, version: document.version, expires_at });
            }
        }
        listed.sort_by(|a, b| a.connection.cmp(&b.connection));
        listed.truncate(query.limit);
        Ok(listed)
    }
}

impl Document {
    pub(super) fn into_stored(self) -> StoredRecord {
        let expires_at = self.expires_at_ms.and_then(|ms| Timestamp::from_millisecond(ms).ok());
        StoredRecord { record: Record { payload: self.payload, expires_at }, version: self.version }
    }
}

fn read_document(path: &Path) -> Result<Option<Document>, StoreError> {
    let Some(text) = read_file(path)? else { return Ok(None) };
    parse(path, &text).map(Some)
}

/// Reads what a record's file holds; `path` is for the error alone.
pub(super) fn parse(path: &Path, text: &[u8]) -> Result<Document, StoreError> {
    let damaged =
        || unreadable(path, "is damaged; restore it from a backup, or delete it and authorize again");
    let header: Header = serde_json::from_slice(text).map_err(|_| damaged())?;
    if header.format != FORMAT {
        return Err(damaged());
    }
    if header.format_version > FORMAT_VERSION {
        let why = format!(
            "was written in format {} by a newer version of orgconnect; upgrade this program, or give it a directory of its own",
            header.format_version
        );
        return Err(unreadable(path, &why));
    }
    serde_json::from_slice(text).map_err(|_| damaged())
}

/// Whose record a file says it is, if it can be opened and says so.
fn label(path: &Path) -> Option<Label> {
    serde_json::from_slice(&read_file(path).ok()??).ok()
}

fn read_json<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<Option<T>, StoreError> {
    let Some(text) = read_file(path)? else { return Ok(None) };
    serde_json::from_slice(&text).map(Some).map_err(|_| unreadable(path, "is damaged"))
}

fn read_file(path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, StoreError> {
    let file = match rights::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(unavailable(
                path,
                "can't be opened; check its rights, and that it is no link",
                error,
            ));
        }
    };
    let found = check_rights(path, &file)?;
    if found.len() > LARGEST_FILE {
        return Err(unreadable(path, "is larger than any record; it was not written by orgconnect"));
    }
    let mut text = Zeroizing::new(Vec::with_capacity(usize::try_from(found.len()).unwrap_or(0) + 1));
    file.take(LARGEST_FILE + 1)
        .read_to_end(&mut text)
        .map_err(|error| unavailable(path, "can't be read; check its rights", error))?;
    Ok(Some(text))
}

fn check_rights(path: &Path, file: &File) -> Result<fs::Metadata, StoreError> {
    let found =
        file.metadata().map_err(|error| unavailable(path, "can't be read; check its rights", error))?;
    if !found.is_file() {
        return Err(refused(path, "is not a plain file; remove it"));
    }
    if rights::others_may_read(&found) {
        return Err(refused(path, "can be read by other users; run `chmod 600` on it"));
    }
    if rights::has_other_names(&found) {
        return Err(refused(path, "has a second hard link; remove the other name"));
    }
    Ok(found)
}

/// Whether the owner of a liveness lock lives, or may live: only a lock that is free or gone says that it doesn't.
fn is_locked(path: &Path) -> bool {
    match rights::open(path) {
        Ok(file) => file.try_lock().is_err(),
        Err(error) => error.kind() != io::ErrorKind::NotFound,
    }
}

/// For files whose presence does no harm: what can't be removed now is replaced or ignored later.
fn remove_quietly(path: &Path) {
    if let Err(error) = fs::remove_file(path)
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::debug!(path = %path.display(), %error, "left a file behind");
    }
}

fn unavailable(path: &Path, why: &str, source: io::Error) -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable, format!("{} {why} ({source})", path.display()))
        .with_source(source)
}

fn refused(path: &Path, why: &str) -> StoreError {
    StoreError::new(StoreErrorKind::Refused, format!("{} {why}", path.display()))
}

fn unreadable(path: &Path, why: &str) -> StoreError {
    StoreError::new(StoreErrorKind::Unreadable, format!("{} {why}", path.display()))
}

impl fmt::Debug for FileStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileStore").field("directory", &self.shared.directory).finish()
    }
}
