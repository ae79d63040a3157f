//! What tests of stores share: a key, a record, and writers that must lose nothing, in this process and in others.

use std::{
    env,
    ffi::OsStr,
    process::{Child, Command, Stdio},
    time::Duration,
};

use orgconnect::{
    ConnectionId, TokenStore,
    store::{ConnectionKey, Record, StoreErrorKind, conformance},
};

pub(crate) fn key() -> ConnectionKey {
    ConnectionKey { namespace: "us/CLIENT_ID".into(), connection: ConnectionId::new("opu_1").unwrap() }
}

pub(crate) fn record(payload: &str) -> Record {
    Record { payload: payload.to_owned().into(), expires_at: Some("2026-03-01T12:00:00Z".parse().unwrap()) }
}

/// Adds 1 to the number in the record, over and over, until it has done so `times`.
pub(crate) async fn count(store: &impl TokenStore, times: u64) {
    let mut done = 0;
    while done < times {
        let (number, version) = match store.load(&key()).await.unwrap() {
            Some(stored) => (stored.record.payload.parse::<u64>().unwrap(), stored.version),
            None => (0, 0),
        };
        match store.save(&key(), &record(&(number + 1).to_string()), version).await {
            Ok(_) => done += 1,
            Err(error) => assert_eq!(error.kind(), StoreErrorKind::Conflict, "{error}"),
        }
    }
}

/// Another process of this binary that runs one test alone, with a variable that names the place to work at.
pub(crate) fn spawn(test: &str, variable: &str, place: impl AsRef<OsStr>) -> Child {
    Command::new(env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture"])
        .env(variable, place)
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

/// Four processes that each [`count`] to 50 by the test `a_process_counts_without_a_gap`; their count is in the store.
pub(crate) fn count_in_processes(variable: &str, place: impl AsRef<OsStr>) {
    let counting = (0..4).map(|_| spawn("a_process_counts_without_a_gap", variable, &place));
    for mut child in counting.collect::<Vec<_>>() {
        assert!(child.wait().unwrap().success());
    }
}

/// Two objects that lead to one place are one store.
pub(crate) async fn are_one_store(a: &impl TokenStore, b: &impl TokenStore) {
    assert_eq!(a.identity(), b.identity());
    // Where there are tables to make, both make them.
    let (on_a, on_b) = tokio::join!(conformance::check(a), conformance::check(b));
    on_a.unwrap();
    on_b.unwrap();
    a.save(&key(), &record("x"), 0).await.unwrap();
    assert_eq!(b.load(&key()).await.unwrap().unwrap().record.payload.as_str(), "x");
    assert_eq!(b.save(&key(), &record("y"), 0).await.unwrap_err().kind(), StoreErrorKind::Conflict);
    let lease = a.acquire(&key(), Duration::from_mins(1)).await.unwrap().unwrap();
    assert!(b.acquire(&key(), Duration::from_mins(1)).await.unwrap().is_none());
    a.release(&key(), lease).await.unwrap();
    assert!(b.acquire(&key(), Duration::from_mins(1)).await.unwrap().is_some());
}
