//! The stores that come with the crate keep the contract; the file store survives damage, links and rights.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::pedantic,
    reason = "a test that can't go on fails, and shows one thing plainly"
)]

mod common;

use std::{fs, path::Path, sync::Arc, time::Duration};

use common::records::{are_one_store, key, record};
use orgconnect::{
    ConnectionId, FileStore, MemoryStore, TokenStore,
    store::{ConnectionKey, ListQuery, StoreErrorKind, conformance, migrate},
};

fn store(directory: &Path) -> FileStore {
    FileStore::open(directory.join("tokens")).unwrap()
}

/// The file of the only record.
fn file(directory: &Path, extension: &str) -> std::path::PathBuf {
    let paths = fs::read_dir(directory.join("tokens")).unwrap().map(|entry| entry.unwrap().path());
    paths.into_iter().find(|path| path.extension().is_some_and(|found| found == extension)).unwrap()
}

#[tokio::test]
async fn the_memory_store_keeps_the_contract() {
    conformance::check(&MemoryStore::new()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_file_store_keeps_the_contract() {
    let directory = tempfile::tempdir().unwrap();
    conformance::check(&store(directory.path())).await.unwrap();
    let left: Vec<_> = fs::read_dir(directory.path().join("tokens"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| Path::new(name).extension().is_none_or(|extension| extension != "lock"))
        .collect();
    assert!(left.is_empty(), "nothing but locks is left behind: {left:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn locks_are_shared_so_that_their_number_does_not_grow_with_the_records() {
    let directory = tempfile::tempdir().unwrap();
    let store = store(directory.path());
    for number in 0..1000 {
        let connection = ConnectionId::new(format!("c{number}")).unwrap();
        let key = ConnectionKey { namespace: "us/CLIENT_ID".into(), connection };
        let lease = store.acquire(&key, Duration::from_mins(1)).await.unwrap().unwrap();
        store.release(&key, lease).await.unwrap();
    }
    let left = fs::read_dir(directory.path().join("tokens")).unwrap().count();
    assert!(left <= 256, "{left} files");
}

#[tokio::test]
async fn a_record_of_a_newer_version_is_listed_by_its_name() {
    let directory = tempfile::tempdir().unwrap();
    let store = store(directory.path());
    store.save(&key(), &record("x"), 0).await.unwrap();
    let path = file(directory.path(), "json");
    let newer = fs::read_to_string(&path).unwrap().replace("\"format_version\":1", "\"format_version\":2");
    fs::write(&path, newer).unwrap();
    let all = ListQuery { namespace: "us/CLIENT_ID".into(), expires_before: None, after: None, limit: 10 };
    let listed = store.list(&all).await.unwrap();
    assert_eq!((listed.len(), listed[0].connection.as_str()), (1, "opu_1"));
    let due = ListQuery { expires_before: Some(jiff::Timestamp::MAX), ..all };
    assert!(store.list(&due).await.unwrap().is_empty(), "nobody can tell when it is due");
}

#[tokio::test]
async fn two_objects_on_one_directory_are_one_store() {
    let directory = tempfile::tempdir().unwrap();
    let (a, b) = (store(directory.path()), store(directory.path()));
    are_one_store(&a, &b).await;
}

#[tokio::test]
async fn the_lease_of_a_dead_owner_is_given_away_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let dying = store(directory.path());
    dying.acquire(&key(), Duration::from_hours(1)).await.unwrap().unwrap();
    // Dropping the object closes its liveness lock, as the operating system does when a process dies.
    drop(dying);
    assert!(store(directory.path()).acquire(&key(), Duration::from_mins(1)).await.unwrap().is_some());
}

#[tokio::test]
async fn the_form_on_disk_is_the_documented_one() {
    let directory = tempfile::tempdir().unwrap();
    store(directory.path()).save(&key(), &record(r#"{"v":1}"#), 0).await.unwrap();
    insta::assert_snapshot!(fs::read_to_string(file(directory.path(), "json")).unwrap());
}

#[tokio::test]
async fn a_newer_damaged_or_foreign_file_is_refused_and_left_as_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let store = store(directory.path());
    store.save(&key(), &record("x"), 0).await.unwrap();
    let path = file(directory.path(), "json");
    let good = fs::read_to_string(&path).unwrap();
    let cases = [
        (good.replace("\"format_version\":1", "\"format_version\":2"), "newer version"),
        (good[..good.len() / 2].to_owned(), "is damaged"),
        (String::new(), "is damaged"),
        (good.replace("orgconnect.record", "something.else"), "is damaged"),
        (good.replace("opu_1", "opu_2"), "belongs to another connection"),
        ("x".repeat(2 << 20), "is larger than any record"),
    ];
    for (text, why) in cases {
        fs::write(&path, &text).unwrap();
        for error in [
            store.load(&key()).await.unwrap_err(),
            store.save(&key(), &record("y"), 1).await.unwrap_err(),
            store.delete(&key(), 1).await.unwrap_err(),
        ] {
            assert_eq!(error.kind(), StoreErrorKind::Unreadable);
            assert!(error.to_string().contains(why), "{error}");
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), text, "nothing was written over it");
    }
}

#[cfg(unix)]
mod rights {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o777
    }

    #[tokio::test]
    async fn files_are_their_owners_alone() {
        let directory = tempfile::tempdir().unwrap();
        let store = store(directory.path());
        store.save(&key(), &record("x"), 0).await.unwrap();
        let _lease = store.acquire(&key(), Duration::from_mins(1)).await.unwrap().unwrap();
        assert_eq!(mode(&directory.path().join("tokens")), 0o700);
        for entry in fs::read_dir(directory.path().join("tokens")).unwrap() {
            let path = entry.unwrap().path();
            assert_eq!(mode(&path), 0o600, "{}", path.display());
        }
    }

    #[test]
    fn a_directory_that_others_can_read_is_refused_with_the_mend() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("tokens");
        fs::create_dir(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        let error = FileStore::open(&path).unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Refused);
        assert!(error.to_string().contains("chmod 700"), "{error}");
    }

    #[tokio::test]
    async fn a_record_that_is_a_link_or_readable_by_others_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let store = store(directory.path());
        store.save(&key(), &record("x"), 0).await.unwrap();
        let path = file(directory.path(), "json");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(store.load(&key()).await.unwrap_err().kind(), StoreErrorKind::Refused);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let second = directory.path().join("second");
        fs::hard_link(&path, &second).unwrap();
        assert!(store.load(&key()).await.unwrap_err().to_string().contains("hard link"));
        fs::remove_file(&path).unwrap();
        symlink(&second, &path).unwrap();
        assert!(store.load(&key()).await.is_err(), "a symbolic link is not followed");
    }

    /// Only root can give a directory away, and only root gets into another's that is shut.
    #[test]
    fn a_directory_that_belongs_to_another_user_is_refused_with_the_mend() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("tokens");
        store(directory.path());
        assert_eq!(fs::read_dir(&path).unwrap().count(), 0, "nothing is left behind");
        if std::os::unix::fs::chown(&path, Some(65_534), None).is_ok() {
            let error = FileStore::open(&path).unwrap_err();
            assert_eq!(error.kind(), StoreErrorKind::Refused);
            assert!(error.to_string().contains("chown"), "{error}");
        }
    }

    #[test]
    fn two_directories_whose_names_are_no_text_are_two_stores() {
        use std::os::unix::ffi::OsStrExt;
        let directory = tempfile::tempdir().unwrap();
        let named = |name: &[u8]| {
            FileStore::open(directory.path().join(std::ffi::OsStr::from_bytes(name))).unwrap().identity()
        };
        assert_ne!(named(b"tokens-\xfe"), named(b"tokens-\xff"));
    }

    #[test]
    fn a_directory_that_is_a_link_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("real")).unwrap();
        fs::set_permissions(directory.path().join("real"), fs::Permissions::from_mode(0o700)).unwrap();
        symlink(directory.path().join("real"), directory.path().join("tokens")).unwrap();
        assert_eq!(
            FileStore::open(directory.path().join("tokens")).unwrap_err().kind(),
            StoreErrorKind::Refused
        );
    }
}

#[tokio::test]
async fn a_store_that_cannot_be_written_says_so_and_keeps_the_old_record() {
    let directory = tempfile::tempdir().unwrap();
    let store = Arc::new(store(directory.path()));
    store.save(&key(), &record("old"), 0).await.unwrap();
    let lock = file(directory.path(), "lock");
    fs::remove_file(&lock).unwrap();
    fs::create_dir(&lock).unwrap();
    let error = store.save(&key(), &record("new"), 1).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    assert_eq!(store.load(&key()).await.unwrap().unwrap().record.payload.as_str(), "old");
}

#[tokio::test]
async fn a_record_that_could_not_be_read_again_is_not_written() {
    let directory = tempfile::tempdir().unwrap();
    let store = store(directory.path());
    store.save(&key(), &record("one"), 0).await.unwrap();
    let error = store.save(&key(), &record(&"x".repeat(2 << 20)), 1).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Refused);
    assert_eq!(*store.load(&key()).await.unwrap().unwrap().record.payload, "one");
}

#[tokio::test]
async fn records_are_moved_to_another_store_once_and_never_over_what_differs() {
    let directory = tempfile::tempdir().unwrap();
    let (from, to) = (store(directory.path()), MemoryStore::new());
    let key_of = |name: &str| ConnectionKey { connection: ConnectionId::new(name).unwrap(), ..key() };
    for name in ["a", "b", "same", "differs"] {
        from.save(&key_of(name), &record(name), 0).await.unwrap();
    }
    to.save(&key_of("same"), &record("same"), 0).await.unwrap();
    to.save(&key_of("differs"), &record("newer"), 0).await.unwrap();
    let done = migrate(&from, &to, "us/CLIENT_ID", false).await.unwrap();
    assert_eq!((done.copied, done.unchanged), (2, 1));
    let failed: Vec<&str> = done.failed.iter().map(|(id, _)| id.as_str()).collect();
    assert_eq!(failed, ["differs"]);
    assert_eq!(to.load(&key_of("differs")).await.unwrap().unwrap().record.payload.as_str(), "newer");
    let again = migrate(&from, &to, "us/CLIENT_ID", true).await.unwrap();
    assert_eq!((again.copied, again.unchanged), (0, 3), "it can be repeated");
    for name in ["a", "b", "same"] {
        assert!(from.load(&key_of(name)).await.unwrap().is_none());
        let copy = to.load(&key_of(name)).await.unwrap().unwrap();
        assert_eq!((copy.record.payload.as_str(), copy.record.expires_at), (name, record(name).expires_at));
    }
    assert!(from.load(&key_of("differs")).await.unwrap().is_some(), "what was not copied is not removed");
    let itself = migrate(&from, &store(directory.path()), "us/CLIENT_ID", false).await.unwrap_err();
    assert_eq!(itself.kind(), StoreErrorKind::Refused);
}
