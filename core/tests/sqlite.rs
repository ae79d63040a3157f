//! The SQLite store keeps the contract: within a process, between processes that are killed, and against files that
//! are damaged, foreign, newer or open to others.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::pedantic,
    reason = "a test that can't go on fails, and shows one thing plainly"
)]

mod common;

use std::{
    env, fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use common::records::{are_one_store, count, count_in_processes, key, record, spawn};
use orgconnect::{
    SqliteStore, TokenStore,
    store::{ListQuery, StoreErrorKind, conformance},
};
use rusqlite::Connection;

/// Names the database on which a second process of this test binary works.
const PATH: &str = "ORGCONNECT_TEST_SQLITE";

fn store(directory: &Path) -> SqliteStore {
    SqliteStore::open(directory.join("tokens.db")).unwrap()
}

/// Looks into the database behind the store's back.
fn behind(directory: &Path) -> Connection {
    let connection = Connection::open(directory.join("tokens.db")).unwrap();
    connection.busy_timeout(Duration::from_secs(10)).unwrap();
    connection
}

/// Takes the lease as soon as it is free, and says how long that took.
async fn take_over(store: &SqliteStore) -> Duration {
    let began = Instant::now();
    while store.acquire(&key(), Duration::from_mins(1)).await.unwrap().is_none() {
        assert!(began.elapsed() < Duration::from_secs(20), "the lease never ended");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    began.elapsed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sqlite_store_keeps_the_contract() {
    let directory = tempfile::tempdir().unwrap();
    conformance::check(&store(directory.path())).await.unwrap();
    let left = |table: &str| -> i64 {
        let count = format!("SELECT count(*) FROM {table}");
        behind(directory.path()).query_row(&count, [], |row| row.get(0)).unwrap()
    };
    assert_eq!((left("records"), left("leases")), (0, 0), "nothing is left behind");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_objects_on_one_file_are_one_store_and_keep_the_contract_side_by_side() {
    let directory = tempfile::tempdir().unwrap();
    let (a, b) = (store(directory.path()), store(directory.path()));
    are_one_store(&a, &b).await;
}

#[tokio::test]
async fn a_process_that_stands_still_in_the_middle_of_a_write_holds_up_no_reader() {
    let directory = tempfile::tempdir().unwrap();
    let store = store(directory.path());
    store.save(&key(), &record("x"), 0).await.unwrap();
    let mut other = behind(directory.path());
    let stopped = other.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).unwrap();
    let waiting = store.clone();
    let writer = tokio::spawn(async move { waiting.save(&key(), &record("y"), 1).await });
    for _ in 0..10 {
        tokio::time::sleep(Duration::from_millis(10)).await;
        assert_eq!(store.load(&key()).await.unwrap().unwrap().record.payload.as_str(), "x");
    }
    assert!(!writer.is_finished(), "the writer waits all the while");
    drop(stopped);
    assert_eq!(writer.await.unwrap().unwrap(), 2);
    assert_eq!(store.load(&key()).await.unwrap().unwrap().record.payload.as_str(), "y");
}

#[tokio::test]
async fn a_file_has_one_identity_however_it_is_reached() {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("sub")).unwrap();
    let direct = store(directory.path());
    let around = SqliteStore::open(directory.path().join("sub/../tokens.db")).unwrap();
    assert_eq!(direct.identity(), around.identity());
    assert_ne!(direct.identity(), SqliteStore::open(directory.path().join("other.db")).unwrap().identity());
}

#[tokio::test]
async fn records_and_open_leases_survive_the_end_of_the_store() {
    let directory = tempfile::tempdir().unwrap();
    let first = store(directory.path());
    first.save(&key(), &record("x"), 0).await.unwrap();
    first.acquire(&key(), Duration::from_mins(1)).await.unwrap().unwrap();
    drop(first);
    let second = store(directory.path());
    assert_eq!(second.load(&key()).await.unwrap().unwrap().version, 1);
    assert!(second.acquire(&key(), Duration::from_mins(1)).await.unwrap().is_none());
}

/// The database of the process that started this one, or one of its own.
fn given_or_own(directory: &tempfile::TempDir) -> (PathBuf, bool) {
    env::var_os(PATH).map_or_else(|| (directory.path().join("tokens.db"), false), |path| (path.into(), true))
}

#[tokio::test]
async fn a_process_counts_without_a_gap() {
    let directory = tempfile::tempdir().unwrap();
    let (path, with_others) = given_or_own(&directory);
    let store = SqliteStore::open(path).unwrap();
    count(&store, 50).await;
    let stored = store.load(&key()).await.unwrap().unwrap();
    assert_eq!(stored.record.payload.parse::<u64>().unwrap(), stored.version);
    assert!(stored.version == 50 || with_others);
}

#[tokio::test]
async fn processes_that_write_at_once_lose_no_write() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("tokens.db");
    // The file does not exist yet: they race to create it as well.
    count_in_processes(PATH, &path);
    let stored = store(directory.path()).load(&key()).await.unwrap().unwrap();
    assert_eq!((stored.record.payload.as_str(), stored.version), ("200", 200));
}

#[test]
fn a_new_database_is_opened_by_many_at_once() {
    for _ in 0..40 {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("tokens.db");
        std::thread::scope(|scope| {
            let openers: Vec<_> =
                (0..8).map(|_| scope.spawn(|| SqliteStore::open(&path).map(drop))).collect();
            for opener in openers {
                opener.join().unwrap().unwrap();
            }
        });
    }
}

#[tokio::test]
async fn a_process_that_is_killed_while_it_writes_leaves_a_whole_record() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("tokens.db");
    let mut version = 0;
    for round in 0..10 {
        let mut child = spawn("a_process_counts_without_a_gap", PATH, &path);
        // Killed after another handful of writes each time, seen from outside.
        let began = Instant::now();
        let reader = loop {
            if path.exists() {
                break store(directory.path());
            }
            assert!(began.elapsed() < Duration::from_secs(20), "the process never began");
            tokio::task::yield_now().await;
        };
        loop {
            let found = reader.load(&key()).await.unwrap().map_or(0, |stored| stored.version);
            if found > version + round {
                break;
            }
            assert!(began.elapsed() < Duration::from_secs(20), "the process never wrote");
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let stored = store(directory.path()).load(&key()).await.unwrap().unwrap();
        assert_eq!(stored.record.payload.parse::<u64>().unwrap(), stored.version);
        assert!(stored.version > version, "what was read before the kill is still there");
        version = stored.version;
    }
    count(&store(directory.path()), 1).await;
}

#[tokio::test]
async fn a_process_holds_a_lease_until_it_ends() {
    let directory = tempfile::tempdir().unwrap();
    let (path, to_be_killed) = given_or_own(&directory);
    let store = SqliteStore::open(path).unwrap();
    let ttl = Duration::from_secs(if to_be_killed { 2 } else { 60 });
    store.acquire(&key(), ttl).await.unwrap().unwrap();
    store.save(&key(), &record("held"), 0).await.unwrap();
    if to_be_killed {
        std::future::pending::<()>().await;
    }
    assert!(store.acquire(&key(), ttl).await.unwrap().is_none());
}

#[tokio::test]
async fn the_lease_of_a_killed_process_ends_by_itself() {
    let directory = tempfile::tempdir().unwrap();
    let store = store(directory.path());
    let mut child = spawn("a_process_holds_a_lease_until_it_ends", PATH, directory.path().join("tokens.db"));
    let began = Instant::now();
    while store.load(&key()).await.unwrap().is_none() {
        assert!(began.elapsed() < Duration::from_secs(20), "the process never took the lease");
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(store.acquire(&key(), Duration::from_mins(1)).await.unwrap().is_none(), "not before its time");
    let waited = take_over(&store).await;
    assert!(waited < Duration::from_secs(3), "a lease of 2 s took {waited:?} to end");
}

#[tokio::test]
async fn a_clock_that_was_set_back_neither_ends_a_lease_nor_keeps_it_for_ever() {
    let directory = tempfile::tempdir().unwrap();
    let store = store(directory.path());
    store.acquire(&key(), Duration::from_secs(1)).await.unwrap().unwrap();
    // A lease taken by a clock that was a year ahead looks the same as one taken before the clock was set back.
    let year = Duration::from_hours(24 * 365).as_millis();
    behind(directory.path())
        .execute(&format!("UPDATE leases SET taken_at_ms = taken_at_ms + {year}"), [])
        .unwrap();
    assert!(store.acquire(&key(), Duration::from_mins(1)).await.unwrap().is_none(), "its owner may be alive");
    let waited = take_over(&store).await;
    assert!(waited > Duration::from_millis(300) && waited < Duration::from_secs(2), "{waited:?}");
}

#[tokio::test]
async fn a_list_of_what_is_due_is_served_by_the_index() {
    let directory = tempfile::tempdir().unwrap();
    let store = store(directory.path());
    store.save(&key(), &record("x"), 0).await.unwrap();
    let plan: String = behind(directory.path())
        .query_row(
            "EXPLAIN QUERY PLAN SELECT connection, version, expires_at_ms FROM records INDEXED BY records_by_expiry \
             WHERE namespace = 'n' AND expires_at_ms < 1 AND connection > '' ORDER BY connection LIMIT 1",
            [],
            |row| row.get("detail"),
        )
        .unwrap();
    assert!(plan.starts_with("SEARCH records USING COVERING INDEX records_by_expiry"), "{plan}");
    let due = |before: &str| ListQuery {
        namespace: "us/CLIENT_ID".into(),
        expires_before: Some(before.parse().unwrap()),
        after: None,
        limit: 10,
    };
    assert_eq!(store.list(&due("2026-03-01T12:00:00Z")).await.unwrap().len(), 0);
    assert_eq!(store.list(&due("2026-03-01T12:00:00.0001Z")).await.unwrap().len(), 1);
}

#[tokio::test]
async fn the_form_on_disk_is_the_documented_one() {
    let directory = tempfile::tempdir().unwrap();
    store(directory.path()).save(&key(), &record(r#"{"v":1}"#), 0).await.unwrap();
    let connection = behind(directory.path());
    let text = |sql: &str| -> String { connection.query_row(sql, [], |row| row.get(0)).unwrap() };
    assert_eq!(text("PRAGMA journal_mode"), "wal");
    assert_eq!(text("SELECT printf('%08x', application_id) FROM pragma_application_id"), "6f726763");
    assert_eq!(text("SELECT CAST(user_version AS TEXT) FROM pragma_user_version"), "1");
    assert_eq!(
        text(
            "SELECT json_array(namespace, connection, version, expires_at_ms, payload) FROM records WHERE payload <> ''"
        ),
        r#"["us/CLIENT_ID","opu_1",1,1772366400000,"{\"v\":1}"]"#
    );
}

#[tokio::test]
async fn a_newer_database_is_refused_with_the_mend_and_left_as_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let open = store(directory.path());
    open.save(&key(), &record("x"), 0).await.unwrap();
    behind(directory.path()).pragma_update(None, "user_version", 2).unwrap();
    let opened = SqliteStore::open(directory.path().join("tokens.db")).unwrap_err();
    let errors = [
        opened,
        open.load(&key()).await.unwrap_err(),
        open.save(&key(), &record("y"), 1).await.unwrap_err(),
        open.delete(&key(), 1).await.unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.kind(), StoreErrorKind::Unreadable);
        assert!(error.to_string().contains("upgrade this program"), "{error}");
    }
    behind(directory.path()).pragma_update(None, "user_version", 1).unwrap();
    assert_eq!(open.load(&key()).await.unwrap().unwrap().record.payload.as_str(), "x");
}

#[tokio::test]
async fn a_foreign_or_damaged_file_is_refused_and_left_as_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("tokens.db");
    // Made with the rights that a token store has.
    drop(store(directory.path()));
    let ours = fs::read(&path).unwrap();
    let mut damaged = ours.clone();
    damaged[100..].fill(0x5a);
    let foreign = directory.path().join("foreign.db");
    Connection::open(&foreign).unwrap().execute_batch("CREATE TABLE theirs (x)").unwrap();
    let cases = [
        ("no database at all".repeat(100).into_bytes(), StoreErrorKind::Unreadable, "is damaged"),
        (damaged, StoreErrorKind::Unreadable, "is damaged"),
        (fs::read(&foreign).unwrap(), StoreErrorKind::Refused, "another program"),
    ];
    for (content, kind, why) in cases {
        fs::write(&path, &content).unwrap();
        let error = SqliteStore::open(&path).unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(why), "{error}");
        assert!(fs::read(&path).unwrap() == content, "nothing was written over it");
    }
}

#[tokio::test]
async fn a_file_that_was_removed_or_replaced_while_in_use_is_not_written_to() {
    let directory = tempfile::tempdir().unwrap();
    let store = store(directory.path());
    store.save(&key(), &record("x"), 0).await.unwrap();
    let path = directory.path().join("tokens.db");
    let away = directory.path().join("away.db");
    fs::rename(&path, &away).unwrap();
    let error = store.save(&key(), &record("y"), 1).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Refused);
    assert!(error.to_string().contains("put it back"), "{error}");
    fs::rename(&away, &path).unwrap();
    assert_eq!(store.load(&key()).await.unwrap().unwrap().record.payload.as_str(), "x");
}

#[test]
fn a_path_that_cannot_be_made_says_what_to_do() {
    let directory = tempfile::tempdir().unwrap();
    let error = SqliteStore::open(directory.path().join("missing/tokens.db")).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    assert!(error.to_string().contains("create the directory"), "{error}");
    assert_eq!(SqliteStore::open(directory.path()).unwrap_err().kind(), StoreErrorKind::Refused);
}

#[cfg(unix)]
mod rights {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

    use super::*;

    fn chmod(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[tokio::test]
    async fn files_are_their_owners_alone() {
        let directory = tempfile::tempdir().unwrap();
        let store = store(directory.path());
        store.save(&key(), &record("x"), 0).await.unwrap();
        let mut names = Vec::new();
        for entry in fs::read_dir(directory.path()).unwrap() {
            let entry = entry.unwrap();
            assert_eq!(entry.metadata().unwrap().mode() & 0o777, 0o600, "{}", entry.path().display());
            names.push(entry.file_name().into_string().unwrap());
        }
        names.sort();
        assert_eq!(names, ["tokens.db", "tokens.db-shm", "tokens.db-wal"]);
    }

    #[tokio::test]
    async fn a_file_that_others_can_read_is_refused_when_opened_and_when_used() {
        let directory = tempfile::tempdir().unwrap();
        let store = store(directory.path());
        store.save(&key(), &record("x"), 0).await.unwrap();
        for name in ["tokens.db", "tokens.db-wal"] {
            let path = directory.path().join(name);
            chmod(&path, 0o644);
            let error = SqliteStore::open(directory.path().join("tokens.db")).unwrap_err();
            assert_eq!(error.kind(), StoreErrorKind::Refused);
            assert!(error.to_string().contains("chmod 600"), "{error}");
            chmod(&path, 0o600);
        }
        chmod(&directory.path().join("tokens.db"), 0o640);
        assert_eq!(store.load(&key()).await.unwrap_err().kind(), StoreErrorKind::Refused);
    }

    #[tokio::test]
    async fn a_file_that_is_a_link_or_has_a_second_name_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        drop(store(directory.path()));
        let (path, second) = (directory.path().join("tokens.db"), directory.path().join("second.db"));
        symlink(&path, &second).unwrap();
        assert_eq!(SqliteStore::open(&second).unwrap_err().kind(), StoreErrorKind::Refused);
        fs::remove_file(&second).unwrap();
        fs::hard_link(&path, &second).unwrap();
        let error = SqliteStore::open(&path).unwrap_err();
        assert!(error.to_string().contains("hard link"), "{error}");
    }
}
