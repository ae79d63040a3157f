//! A store in a SQLite database: one file, readable by its owner alone, safe between the threads and processes of one
//! machine, and quick to list however many connections it holds.
//!
//! Every change is one transaction that takes the write lock at once and is flushed to the disk before the call
//! returns. Readers never wait for writers (write-ahead log). A lease is a row with an end by the wall clock. Use a
//! local file system: the write-ahead log needs shared memory, and network file systems have none to be trusted.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::{
    Connection, ErrorCode, OpenFlags, OptionalExtension, Transaction, TransactionBehavior, params,
};
use tokio::sync::Mutex;
use zeroize::Zeroizing;

use super::{
    ConnectionKey, Lease, ListQuery, ListedRecord, Record, StoreError, StoreErrorKind, StoredRecord,
    TokenStore, rights,
};
use crate::ConnectionId;

/// Marks the file as ours (`orgc`), so that no other program's database is ever changed.
const APPLICATION_ID: i32 = 0x6f72_6763;
/// Step `n` leads from schema version `n` to `n + 1`. Steps that were released are never edited.
const MIGRATIONS: [&str; 1] = ["
    CREATE TABLE records (
        namespace TEXT NOT NULL,
        connection TEXT NOT NULL,
        version INTEGER NOT NULL,
        expires_at_ms INTEGER,
        payload TEXT NOT NULL,
        PRIMARY KEY (namespace, connection)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX records_by_expiry ON records (namespace, expires_at_ms, connection, version)
        WHERE expires_at_ms IS NOT NULL;
    CREATE TABLE leases (
        namespace TEXT NOT NULL,
        connection TEXT NOT NULL,
        owner TEXT NOT NULL,
        taken_at_ms INTEGER NOT NULL,
        ttl_ms INTEGER NOT NULL,
        PRIMARY KEY (namespace, connection)
    ) STRICT, WITHOUT ROWID;
"];
/// A transaction takes a few milliseconds. Longer than this means that its owner is stopped.
const LOCK_PATIENCE: Duration = Duration::from_secs(10);

/// Keeps records in a SQLite database.
///
/// Tokens are in clear text, guarded by the rights of the file alone, unless the store is wrapped in a
/// `SealedStore`. Clones share one connection for
/// writing and one for reading.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("tokens.db");
/// use orgconnect::{Client, SqliteStore};
///
/// let client = Client::builder("CLIENT_ID", "CLIENT_SECRET").store(SqliteStore::open(path)?).build()?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct SqliteStore {
    shared: Arc<Shared>,
}

struct Shared {
    path: PathBuf,
    /// The file that was opened: what is at the path later may be another one.
    file: rights::FileId,
    writing: Arc<Mutex<Database>>,
    /// A connection of its own, so that nobody who only reads stands behind a write that waits for another process.
    reading: Arc<Mutex<Database>>,
}

struct Database {
    /// `None` only while it is being dropped.
    connection: Option<Connection>,
    /// SQLite's locks do not survive a `fork`.
    process: u32,
}

impl SqliteStore {
    /// Opens the database, creating it (mode 0600) if it isn't there, and brings an older one up to date.
    ///
    /// # Errors
    /// [`StoreErrorKind::Refused`] if others may read the file, if it is a link or has a second name, if another
    /// program's tables are in it, or if its file system has no write-ahead log; [`StoreErrorKind::Unreadable`] if it
    /// is damaged or was written by a newer version; [`StoreErrorKind::Unavailable`] if it can't be made or is locked.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let path = resolve(&path.into())?;
        let file = create_or_check(&path)?;
        for suffix in ["-wal", "-shm", "-journal"] {
            let mut companion = path.clone().into_os_string();
            companion.push(suffix);
            check(Path::new(&companion))?;
        }
        let mut connection = connect(&path).map_err(|error| failed(&path, error))?;
        migrate(&path, &mut connection)
            .and_then(|()| use_write_ahead_log(&path, &connection))
            .map_err(|failure| failure.into_error(&path))?;
        let reading = connect(&path).map_err(|error| failed(&path, error))?;
        let [writing, reading] = [connection, reading].map(|connection| {
            let process = std::process::id();
            Arc::new(Mutex::new(Database { connection: Some(connection), process }))
        });
        Ok(Self { shared: Arc::new(Shared { path, file, writing, reading }) })
    }

    /// Runs `work` in a transaction on a thread that may block.
    ///
    /// The connection is waited for before a thread is taken, so that many callers don't use up the threads.
    async fn run<T: Send + 'static>(
        &self,
        behavior: TransactionBehavior,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.transact(behavior, Box::new(work)).await
    }

    /// Compiled once for each type of what comes of the work, and not for each closure.
    async fn transact<T: Send + 'static>(
        &self,
        behavior: TransactionBehavior,
        work: Work<T>,
    ) -> Result<T, StoreError> {
        let shared = Arc::clone(&self.shared);
        let database =
            if matches!(behavior, TransactionBehavior::Deferred) { &shared.reading } else { &shared.writing };
        let mut database = Arc::clone(database).lock_owned().await;
        tokio::task::spawn_blocking(move || {
            let path = &shared.path;
            if check(path)? != Some(shared.file) {
                return Err(refused(
                    path,
                    "was removed or replaced while it was in use; put it back, or open the store again",
                ));
            }
            let connection = database.connection(path)?;
            let outcome = connection.transaction_with_behavior(behavior).map_err(Failure::from).and_then(
                |transaction| {
                    let version = schema_version(&transaction)?;
                    if version != MIGRATIONS.len() {
                        return Err(newer(path, version).into());
                    }
                    let done = work(&transaction)?;
                    transaction.commit()?;
                    Ok(done)
                },
            );
            outcome.map_err(|failure| failure.into_error(path))
        })
        .await
        .unwrap_or_else(|error| {
            Err(StoreError::new(StoreErrorKind::Unavailable, "the database task ended early; try again")
                .with_source(error))
        })
    }
}

/// What is done in a transaction.
type Work<T> = Box<dyn FnOnce(&Transaction<'_>) -> Result<T, Failure> + Send>;

#[async_trait]
impl TokenStore for SqliteStore {
    fn identity(&self) -> String {
        format!("sqlite:{}", self.shared.path.display())
    }

    async fn load(&self, key: &ConnectionKey) -> Result<Option<StoredRecord>, StoreError> {
        let (key, path) = (key.clone(), self.shared.path.clone());
        self.run(TransactionBehavior::Deferred, move |transaction| {
            let row = transaction
                .prepare_cached(
                    "SELECT version, expires_at_ms, payload FROM records WHERE namespace = ?1 AND connection = ?2",
                )?
                .query_row(params![key.namespace, key.connection.as_str()], |row| {
                    Ok((row.get(0)?, row.get(1)?, Zeroizing::new(row.get::<_, String>(2)?)))
                })
                .optional()?;
            let Some((version, expires_at_ms, payload)) = row else { return Ok(None) };
            let record = Record { payload, expires_at: instant(&path, expires_at_ms)? };
            Ok(Some(StoredRecord { record, version: number(&path, version)? }))
        })
        .await
    }

    async fn save(&self, key: &ConnectionKey, record: &Record, expected: u64) -> Result<u64, StoreError> {
        let (key, record) = (key.clone(), record.clone());
        self.run(TransactionBehavior::Immediate, move |transaction| {
            let expires_at_ms = record.expires_at.map(Timestamp::as_millisecond);
            let (namespace, connection) = (&key.namespace, key.connection.as_str());
            let written = if expected == 0 {
                transaction
                    .prepare_cached(
                        "INSERT INTO records (namespace, connection, version, expires_at_ms, payload) \
                         VALUES (?1, ?2, 1, ?3, ?4) ON CONFLICT DO NOTHING",
                    )?
                    .execute(params![namespace, connection, expires_at_ms, record.payload.as_str()])?
            } else {
                transaction
                    .prepare_cached(
                        "UPDATE records SET version = version + 1, expires_at_ms = ?3, payload = ?4 \
                         WHERE namespace = ?1 AND connection = ?2 AND version = ?5",
                    )?
                    .execute(params![
                        namespace,
                        connection,
                        expires_at_ms,
                        record.payload.as_str(),
                        stored_version(expected)?
                    ])?
            };
            if written == 1 { Ok(expected + 1) } else { Err(StoreError::conflict().into()) }
        })
        .await
    }

    async fn delete(&self, key: &ConnectionKey, expected: u64) -> Result<(), StoreError> {
        let key = key.clone();
        self.run(TransactionBehavior::Immediate, move |transaction| {
            let (namespace, connection) = (&key.namespace, key.connection.as_str());
            let kept = if expected == 0 {
                transaction
                    .prepare_cached("SELECT 1 FROM records WHERE namespace = ?1 AND connection = ?2")?
                    .exists(params![namespace, connection])?
            } else {
                let removed = transaction
                    .prepare_cached(
                        "DELETE FROM records WHERE namespace = ?1 AND connection = ?2 AND version = ?3",
                    )?
                    .execute(params![namespace, connection, stored_version(expected)?])?;
                removed == 0
            };
            if kept { Err(StoreError::conflict().into()) } else { Ok(()) }
        })
        .await
    }

    async fn acquire(&self, key: &ConnectionKey, ttl: Duration) -> Result<Option<Lease>, StoreError> {
        let key = key.clone();
        self.run(TransactionBehavior::Immediate, move |transaction| {
            let (namespace, connection) = (&key.namespace, key.connection.as_str());
            let held: Option<(i64, i64)> = transaction
                .prepare_cached(
                    "SELECT taken_at_ms, ttl_ms FROM leases WHERE namespace = ?1 AND connection = ?2",
                )?
                .query_row(params![namespace, connection], |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()?;
            let now = Timestamp::now().as_millisecond();
            if let Some((taken_at, held_for)) = held {
                if now < taken_at {
                    // The clock was set back since the lease was taken. Its owner may be alive, so it is not given
                    // away; counted anew from now on, it still ends.
                    transaction
                        .prepare_cached(
                            "UPDATE leases SET taken_at_ms = ?3 WHERE namespace = ?1 AND connection = ?2",
                        )?
                        .execute(params![namespace, connection, now])?;
                    return Ok(None);
                }
                if now < taken_at.saturating_add(held_for) {
                    return Ok(None);
                }
            }
            let lease = Lease::new(ttl);
            let ttl_ms = i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX);
            transaction
                .prepare_cached(
                    "INSERT OR REPLACE INTO leases (namespace, connection, owner, taken_at_ms, ttl_ms) \
                     VALUES (?1, ?2, ?3, ?4, ?5)",
                )?
                .execute(params![namespace, connection, lease.owner, now, ttl_ms])?;
            Ok(Some(lease))
        })
        .await
    }

    async fn release(&self, key: &ConnectionKey, lease: Lease) -> Result<(), StoreError> {
        let key = key.clone();
        self.run(TransactionBehavior::Immediate, move |transaction| {
            transaction
                .prepare_cached("DELETE FROM leases WHERE namespace = ?1 AND connection = ?2 AND owner = ?3")?
                .execute(params![key.namespace, key.connection.as_str(), lease.owner])?;
            Ok(())
        })
        .await
    }

    async fn list(&self, query: &ListQuery) -> Result<Vec<ListedRecord>, StoreError> {
        let (query, path) = (query.clone(), self.shared.path.clone());
        self.run(TransactionBehavior::Deferred, move |transaction| {
            let after = query.after.as_ref().map_or("", |after| after.as_str());
            let limit = i64::try_from(query.limit).unwrap_or(i64::MAX);
            let mut statement;
            let mut rows = if let Some(before) = query.expires_before {
                // Without the hint SQLite would walk the whole namespace in the order of ids to find the few that are due.
                statement = transaction.prepare_cached(
                    "SELECT connection, version, expires_at_ms FROM records INDEXED BY records_by_expiry \
                     WHERE namespace = ?1 AND expires_at_ms < ?4 AND connection > ?2 ORDER BY connection LIMIT ?3",
                )?;
                statement.query(params![query.namespace, after, limit, super::ceiling(before)])?
            } else {
                statement = transaction.prepare_cached(
                    "SELECT connection, version, expires_at_ms FROM records \
                     WHERE namespace = ?1 AND connection > ?2 ORDER BY connection LIMIT ?3",
                )?;
                statement.query(params![query.namespace, after, limit])?
            };
            let mut listed = Vec::new();
            while let Some(row) = rows.next()? {
                let connection = ConnectionId::new(row.get::<_, String>(0)?)
                    .map_err(|error| damaged(&path).with_source(error))?;
                let version = number(&path, row.get(1)?)?;
                listed.push(ListedRecord { connection, version, expires_at: instant(&path, row.get(2)?)? });
            }
            Ok(listed)
        })
        .await
    }
}

impl Database {
    fn connection(&mut self, path: &Path) -> Result<&mut Connection, StoreError> {
        if self.process != std::process::id() {
            return Err(refused(
                path,
                "was opened before this process was forked; open the store again in the new process",
            ));
        }
        self.connection.as_mut().ok_or_else(|| {
            StoreError::new(StoreErrorKind::Unavailable, "the database is closed; open it again")
        })
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // In a forked process even closing the connection would interfere with the one it was copied from.
        if self.process != std::process::id() {
            std::mem::forget(self.connection.take());
        }
    }
}

/// What ends a transaction without a change.
enum Failure {
    Store(StoreError),
    Sqlite(rusqlite::Error),
}

impl Failure {
    fn into_error(self, path: &Path) -> StoreError {
        match self {
            Self::Store(error) => error,
            Self::Sqlite(error) => failed(path, error),
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

/// The path with every link on the way to the file resolved; the file itself need not exist.
fn resolve(path: &Path) -> Result<PathBuf, StoreError> {
    let Some(name) = path.file_name() else {
        return Err(refused(path, "names no file; give the path of the database file"));
    };
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let directory = directory.canonicalize().map_err(|error| {
        let why = "can't be resolved; create the directory, or check the path";
        StoreError::new(StoreErrorKind::Unavailable, format!("{} {why} ({error})", directory.display()))
            .with_source(error)
    })?;
    Ok(directory.join(name))
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_NOFOLLOW
        | OpenFlags::SQLITE_OPEN_EXRESCODE;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(LOCK_PATIENCE)?;
    // A commit is on the disk when it returns, also where flushing alone leaves it in the drive's cache (macOS).
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "fullfsync", true)?;
    // Tokens that were replaced are overwritten in the file, and never spill into temporary ones.
    connection.pragma_update(None, "secure_delete", true)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    // A file that someone has tampered with gets to run nothing, and is noticed early.
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    Ok(connection)
}

/// Creates the tables, or takes them from the version found to the newest, in one transaction.
fn migrate(path: &Path, connection: &mut Connection) -> Result<(), Failure> {
    // In one snapshot: between two statements another process may create the tables.
    let snapshot = connection.transaction_with_behavior(TransactionBehavior::Deferred)?;
    let found = found_version(path, &snapshot)?;
    drop(snapshot);
    if found == MIGRATIONS.len() {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Another process may have been quicker.
    let found = found_version(path, &transaction)?;
    for step in MIGRATIONS.iter().skip(found) {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.execute_batch(&format!("PRAGMA user_version = {}", MIGRATIONS.len()))?;
    Ok(transaction.commit()?)
}

/// The version of the tables: 0 in an empty file. Anything that is not ours, or newer, is refused untouched.
fn found_version(path: &Path, connection: &Connection) -> Result<usize, Failure> {
    let application: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let version = schema_version(connection)?;
    let objects: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    let empty = application == 0 && version == 0 && objects == 0;
    if application != APPLICATION_ID && !empty {
        return Err(refused(
            path,
            "is the database of another program; give the token store a file of its own",
        )
        .into());
    }
    if version > MIGRATIONS.len() {
        return Err(newer(path, version).into());
    }
    Ok(version)
}

fn schema_version(connection: &Connection) -> rusqlite::Result<usize> {
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    Ok(usize::try_from(version).unwrap_or(usize::MAX))
}

/// Turns the write-ahead log on. It stays on: the setting is part of the file.
fn use_write_ahead_log(path: &Path, connection: &Connection) -> Result<(), Failure> {
    let began = Instant::now();
    loop {
        let mode: rusqlite::Result<String> =
            connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0));
        match mode {
            Ok(mode) if mode == "wal" => return Ok(()),
            Ok(_) => {
                return Err(refused(
                    path,
                    "is on a file system without shared memory; move it to a local disk",
                )
                .into());
            }
            // SQLite does not wait by itself here, for two that switch at once would wait for one another.
            Err(error) if is_busy(&error) && began.elapsed() < LOCK_PATIENCE => {
                std::thread::sleep(Duration::from_millis(2));
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// A version as SQLite keeps it. One that is too large for that was never stored.
fn stored_version(version: u64) -> Result<i64, StoreError> {
    i64::try_from(version).map_err(|_| StoreError::conflict())
}

fn number(path: &Path, version: i64) -> Result<u64, StoreError> {
    u64::try_from(version).map_err(|_| damaged(path))
}

fn instant(path: &Path, milliseconds: Option<i64>) -> Result<Option<Timestamp>, StoreError> {
    milliseconds.map(Timestamp::from_millisecond).transpose().map_err(|_| damaged(path))
}

fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

fn failed(path: &Path, error: rusqlite::Error) -> StoreError {
    let (kind, why) = match error.sqlite_error_code() {
        _ if is_busy(&error) => (
            StoreErrorKind::Unavailable,
            "has been locked for 10 seconds; look for a stopped process that uses this store",
        ),
        Some(ErrorCode::DiskFull) => {
            (StoreErrorKind::Unavailable, "can't be written: the disk is full; make room and try again")
        }
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
            return damaged(path).with_source(error);
        }
        None => return damaged(path).with_source(error),
        Some(_) => (
            StoreErrorKind::Unavailable,
            "can't be read or written; check the rights of the file and of its directory",
        ),
    };
    StoreError::new(kind, format!("{} {why} ({error})", path.display())).with_source(error)
}

fn damaged(path: &Path) -> StoreError {
    let why = "is damaged or no SQLite database; restore it from a backup, or name another file and authorize again";
    StoreError::new(StoreErrorKind::Unreadable, format!("{} {why}", path.display()))
}

fn newer(path: &Path, version: usize) -> StoreError {
    let why = format!(
        "was written in format {version} by a newer version of orgconnect; upgrade this program, or give it a file of its own"
    );
    StoreError::new(StoreErrorKind::Unreadable, format!("{} {why}", path.display()))
}

fn refused(path: &Path, why: &str) -> StoreError {
    StoreError::new(StoreErrorKind::Refused, format!("{} {why}", path.display()))
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore").field("path", &self.shared.path).finish()
    }
}

/// Creates the file, for its owner alone, if there is none.
fn create_or_check(path: &Path) -> Result<rights::FileId, StoreError> {
    // The handle of a new file is closed before anyone else in this process opens the database.
    static CREATING: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _guard = CREATING.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(found) = check(path)? {
        return Ok(found);
    }
    match rights::create_new(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            Err(unavailable(path, "can't be created; check the path and its rights", error))
        }
        _ => check(path)?.ok_or_else(|| refused(path, "was removed while it was being opened; try again")),
    }
}

/// Which file is there, if there is one and it is its owner's alone.
///
/// It is looked at by its name and never opened: closing a second handle would drop the locks that SQLite holds.
fn check(path: &Path) -> Result<Option<rights::FileId>, StoreError> {
    let found = match fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unavailable(path, "can't be read; check its rights", error)),
    };
    if !found.is_file() {
        return Err(refused(path, "is not a plain file; name the file itself, not a link to it"));
    }
    if rights::others_may_read(&found) {
        return Err(refused(path, "can be read by other users; run `chmod 600` on it"));
    }
    if rights::has_other_names(&found) {
        return Err(refused(path, "has a second hard link; remove the other name"));
    }
    Ok(Some(rights::file_id(&found)))
}

fn unavailable(path: &Path, why: &str, source: io::Error) -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable, format!("{} {why} ({source})", path.display()))
        .with_source(source)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_store_that_was_opened_before_a_fork_is_refused_with_the_mend() {
        let directory = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(directory.path().join("tokens.db")).unwrap();
        let key = ConnectionKey {
            namespace: "us/CLIENT_ID".into(),
            connection: ConnectionId::new("opu_1").unwrap(),
        };
        let parent = std::process::id().wrapping_add(1);
        let own = std::mem::replace(&mut store.shared.reading.lock().await.process, parent);
        let error = store.load(&key).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Refused);
        assert!(error.to_string().contains("open the store again in the new process"), "{error}");
        store.shared.reading.lock().await.process = own;
        assert!(store.load(&key).await.unwrap().is_none());
    }

    #[test]
    fn a_time_within_a_millisecond_counts_as_the_next_one() {
        let at = |text: &str| super::super::ceiling(text.parse().unwrap());
        assert_eq!(at("1970-01-01T00:00:01Z"), 1000);
        assert_eq!(at("1970-01-01T00:00:01.000000001Z"), 1001);
        assert_eq!(at("1969-12-31T23:59:59.9995Z"), 0);
    }
}
