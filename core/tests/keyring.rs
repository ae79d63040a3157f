//! The keyring store against a real GNOME Keyring on a D-Bus of the test's own; and against none, a locked one, and one
//! that never answers.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::pedantic,
    reason = "a test that can't go on fails, and shows one thing plainly"
)]

use std::{
    env, fs,
    os::unix::net::UnixListener,
    path::Path,
    process::{Command, Output},
    time::{Duration, Instant},
};

use orgconnect::{
    ConnectionId, KeyringStore, Keys, TokenStore,
    store::{ConnectionKey, ListQuery, Record, StoreErrorKind, conformance},
};

/// Names the directory on which a second process of this test binary works.
const DIRECTORY: &str = "ORGCONNECT_TEST_KEYRING";

/// Runs one test of this binary in a session of its own, whose keyring is `unlocked` or `locked`.
fn in_a_session(test: &str, home: &Path, keyring: &str) -> Output {
    Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/services/keyring"))
        .arg(keyring)
        .arg(home)
        .arg(env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture"])
        .env(DIRECTORY, home.join("tokens"))
        .output()
        .unwrap_or_else(|error| panic!("{error}; run `tools/setup services`"))
}

fn assert_good(output: &Output) {
    let told = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
    assert!(output.status.success(), "{}{}", told(&output.stdout), told(&output.stderr));
    assert!(told(&output.stdout).contains("1 passed"), "{}", told(&output.stdout));
}

fn key() -> ConnectionKey {
    ConnectionKey { namespace: "us/CLIENT_ID".into(), connection: ConnectionId::new("opu_1").unwrap() }
}

fn record(payload: &str) -> Record {
    Record { payload: payload.to_owned().into(), expires_at: None }
}

/// All that is in the files below a directory.
fn files(directory: &Path) -> String {
    let mut text = String::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            text += &files(&path);
        } else {
            text += &String::from_utf8_lossy(&fs::read(&path).unwrap_or_default());
        }
    }
    text
}

#[tokio::test]
async fn child_keeps_the_contract_and_a_record() {
    let Some(directory) = env::var_os(DIRECTORY) else { return };
    let store = KeyringStore::open(&directory).unwrap();
    assert!(store.is_encrypted());
    conformance::check(&store).await.unwrap();
    store.save(&key(), &record(r#"{"token":"clear-text-canary"}"#), 0).await.unwrap();
    assert_eq!(KeyringStore::open(&directory).unwrap().load(&key()).await.unwrap().unwrap().version, 1);
    let missing = Keys::from_keyring("orgconnect", "nobody").unwrap_err();
    assert_eq!(missing.kind(), StoreErrorKind::Refused);
    assert!(missing.to_string().contains("is not there"), "{missing}");
}

#[tokio::test]
async fn child_reads_the_record_back() {
    let Some(directory) = env::var_os(DIRECTORY) else { return };
    let store = KeyringStore::open(&directory).unwrap();
    let stored = store.load(&key()).await.unwrap().unwrap();
    assert!(stored.record.payload.contains("clear-text-canary"));
    let account = Path::new(&directory).canonicalize().unwrap().display().to_string();
    assert!(Keys::from_keyring("orgconnect", &account).is_ok(), "the key is where it is said to be");
}

#[tokio::test]
async fn child_finds_records_but_no_key() {
    let Some(directory) = env::var_os(DIRECTORY) else { return };
    let error = KeyringStore::open(&directory).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Refused);
    assert!(error.to_string().contains("bring the key back"), "{error}");
}

#[tokio::test]
async fn child_finds_the_keyring_locked() {
    let Some(directory) = env::var_os(DIRECTORY) else { return };
    let began = Instant::now();
    let error = KeyringStore::open(&directory).unwrap_err();
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error}");
    assert!(error.to_string().contains("unlock it"), "{error}");
}

#[test]
fn a_key_is_made_once_kept_in_the_keyring_and_nothing_is_written_in_clear_text() {
    let home = tempfile::tempdir().unwrap();
    assert_good(&in_a_session("child_keeps_the_contract_and_a_record", home.path(), "unlocked"));
    assert_good(&in_a_session("child_reads_the_record_back", home.path(), "unlocked"));
    assert!(!files(home.path()).contains("clear-text-canary"));
    // Another user's keyring, and the same files.
    fs::remove_dir_all(home.path().join("data")).unwrap();
    assert_good(&in_a_session("child_finds_records_but_no_key", home.path(), "unlocked"));
}

#[test]
fn a_keyring_that_stays_locked_is_an_error_within_three_seconds_and_nothing_is_written() {
    let home = tempfile::tempdir().unwrap();
    assert_good(&in_a_session("child_keeps_the_contract_and_a_record", home.path(), "unlocked"));
    assert_good(&in_a_session("child_finds_the_keyring_locked", home.path(), "locked"));
}

/// Set in a second process, whose session bus is somewhere else.
const ODD_BUS: &str = "ORGCONNECT_TEST_ODD_BUS";

#[tokio::test]
async fn child_has_an_odd_bus() {
    let (Some(directory), Some(kind)) = (env::var_os(DIRECTORY), env::var_os(ODD_BUS)) else { return };
    let began = Instant::now();
    let error = KeyringStore::open(&directory).unwrap_err();
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    let (kind, why) = if kind == "none" {
        (StoreErrorKind::Refused, "there is no keyring")
    } else {
        (StoreErrorKind::Unavailable, "has not answered")
    };
    assert_eq!(error.kind(), kind, "{error}");
    assert!(error.to_string().contains(why), "{error}");
    let query = ListQuery { namespace: "us/CLIENT_ID".into(), expires_before: None, after: None, limit: 1 };
    let files = orgconnect::FileStore::open(&directory).unwrap();
    assert!(files.list(&query).await.unwrap().is_empty(), "nothing was kept in clear text instead");
}

#[test]
fn no_keyring_or_one_that_never_answers_is_an_error_within_three_seconds() {
    let home = tempfile::tempdir().unwrap();
    let silent = home.path().join("bus");
    let _listener = UnixListener::bind(&silent).unwrap();
    for (kind, path) in [("none", home.path().join("missing")), ("silent", silent)] {
        let output = Command::new(env::current_exe().unwrap())
            .args(["child_has_an_odd_bus", "--exact", "--nocapture"])
            .env("DBUS_SESSION_BUS_ADDRESS", format!("unix:path={}", path.display()))
            .env(DIRECTORY, home.path().join("tokens"))
            .env(ODD_BUS, kind)
            .output()
            .unwrap();
        assert_good(&output);
    }
}
