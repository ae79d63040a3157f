//! The Redis store against a server of the test's own: the contract, between processes too; a server that is stopped,
//! killed, stalled or refuses; TLS; records of a newer version.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::pedantic,
    reason = "a test that can't go on fails, and shows one thing plainly"
)]

mod common;

use std::{
    env, fs,
    sync::{Arc, LazyLock},
    time::Duration,
};

use common::{
    authority::Authority,
    records::{are_one_store, count, count_in_processes, key, record},
};
use orgconnect::{
    RedisStore, TokenStore,
    store::{StoreErrorKind, conformance},
};
use orgconnect_test_services::Redis;

/// Names the server on which a second process of this test binary works.
const URL: &str = "ORGCONNECT_TEST_REDIS";

/// One server for the tests that leave it running.
static SHARED: LazyLock<Redis> = LazyLock::new(|| Redis::start().unwrap());

/// A store with keys of its own on the shared server.
fn store(prefix: &str) -> RedisStore {
    RedisStore::open(&with(&SHARED.url(), &format!("prefix={prefix}"))).unwrap()
}

fn with(url: &str, option: &str) -> String {
    format!("{url}{}{option}", if url.contains('?') { '&' } else { '?' })
}

/// The keys with a prefix.
fn keys(prefix: &str) -> String {
    SHARED.command(&["KEYS", &format!("{prefix}:*")]).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_redis_store_keeps_the_contract_and_leaves_nothing_behind() {
    conformance::check(&store("contract")).await.unwrap();
    assert_eq!(keys("contract"), "*0\r\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_stores_on_one_server_are_one_and_keep_the_contract_side_by_side() {
    let (a, b) = (store("side"), store("side"));
    are_one_store(&a, &b).await;
    let apart = store("apart");
    assert_ne!(a.identity(), apart.identity());
    assert!(apart.load(&key()).await.unwrap().is_none());
}

#[tokio::test]
async fn all_keys_of_an_application_share_a_hash_tag_and_the_form_is_the_documented_one() {
    let store = store("form");
    store.save(&key(), &record("x"), 0).await.unwrap();
    store.acquire(&key(), Duration::from_mins(1)).await.unwrap().unwrap();
    store.acquire(&key().claim(), Duration::from_mins(1)).await.unwrap().unwrap();
    for found in [
        "form:{us/CLIENT_ID}:record:opu_1",
        "form:{us/CLIENT_ID}:ids",
        "form:{us/CLIENT_ID}:due",
        "form:{us/CLIENT_ID}:lease:opu_1",
        "form:{us/CLIENT_ID}#claims:lease:opu_1",
    ] {
        assert_eq!(SHARED.command(&["EXISTS", found]).unwrap(), ":1\r\n", "{found}\n{}", keys("form"));
    }
    let fields = SHARED.command(&["HMGET", "form:{us/CLIENT_ID}:record:opu_1", "f", "v", "e", "p"]).unwrap();
    assert_eq!(fields, "*4\r\n$1\r\n1\r\n$1\r\n1\r\n$13\r\n1772366400000\r\n$1\r\nx\r\n");
}

#[tokio::test]
async fn a_unix_socket_leads_to_the_same_records() {
    let over_socket = RedisStore::open(&with(&SHARED.socket_url(), "prefix=socket")).unwrap();
    store("socket").save(&key(), &record("x"), 0).await.unwrap();
    assert_eq!(over_socket.load(&key()).await.unwrap().unwrap().record.payload.as_str(), "x");
}

#[tokio::test]
async fn a_process_counts_without_a_gap() {
    let Some(url) = env::var(URL).ok() else { return count(&store("alone"), 20).await };
    count(&RedisStore::open(&url).unwrap(), 50).await;
}

#[tokio::test]
async fn processes_that_write_at_once_lose_no_write() {
    let url = with(&SHARED.url(), "prefix=processes");
    count_in_processes(URL, &url);
    let stored = store("processes").load(&key()).await.unwrap().unwrap();
    assert_eq!((stored.record.payload.as_str(), stored.version), ("200", 200));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refreshers_on_two_stores_share_the_work() {
    common::refreshers_share_the_work(Arc::new(store("shared_work")), &(Arc::new(store("shared_work")) as _))
        .await;
}

#[tokio::test]
async fn a_server_that_was_stopped_is_unavailable_and_serves_on_when_it_is_back() {
    let server = Redis::builder().durable(true).start().unwrap();
    let store = RedisStore::open(&server.url()).unwrap();
    store.save(&key(), &record("x"), 0).await.unwrap();
    server.stop().unwrap();
    for error in
        [store.load(&key()).await.unwrap_err(), store.save(&key(), &record("y"), 1).await.unwrap_err()]
    {
        assert_eq!(error.kind(), StoreErrorKind::Unavailable);
        assert!(error.to_string().contains("check that it runs"), "{error}");
        assert!(!error.to_string().contains(server.password()), "{error}");
    }
    server.start_again().unwrap();
    assert_eq!(store.load(&key()).await.unwrap().unwrap().version, 1);
    server.kill().unwrap();
    server.start_again().unwrap();
    // The connection is cut and nobody has noticed: a read finds out and connects again.
    assert_eq!(store.load(&key()).await.unwrap().unwrap().record.payload.as_str(), "x");
    assert_eq!(store.save(&key(), &record("y"), 1).await.unwrap(), 2);
}

#[tokio::test]
async fn a_server_that_stalls_ends_the_call_at_its_deadline_and_the_connection_is_not_used_again() {
    let server = Redis::start().unwrap();
    let store = RedisStore::open(&with(&server.url(), "timeout=1")).unwrap();
    store.save(&key(), &record("x"), 0).await.unwrap();
    server.pause().unwrap();
    let error = store.load(&key()).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    assert!(error.to_string().contains("has not answered for 1 s"), "{error}");
    assert!(store.save(&key(), &record("late"), 1).await.is_err());
    server.resume().unwrap();
    let stored = store.load(&key()).await.unwrap().unwrap();
    assert_eq!(stored.record.payload.as_str(), if stored.version == 1 { "x" } else { "late" });
}

#[tokio::test]
async fn a_wrong_password_and_a_server_that_evicts_are_refused_with_the_mend() {
    let server = Redis::builder()
        .setting("maxmemory", "100mb")
        .setting("maxmemory-policy", "allkeys-lru")
        .start()
        .unwrap();
    let cases = [
        (SHARED.url().replace(SHARED.password(), "wrong-canary"), "check user and password"),
        (SHARED.url().replace(&format!(":{}@", SHARED.password()), ""), "check user and password"),
        (server.url(), "maxmemory-policy noeviction"),
    ];
    for (url, mend) in cases {
        let store = RedisStore::open(&url).unwrap();
        for error in [store.prepare().await.unwrap_err(), store.load(&key()).await.unwrap_err()] {
            assert_eq!(error.kind(), StoreErrorKind::Refused, "{error}");
            let shown = format!("{error} {error:?} {store:?}");
            assert!(shown.contains(mend), "{shown}");
            assert!(!shown.contains("canary"), "{shown}");
        }
    }
}

#[tokio::test]
async fn a_full_server_refuses_the_write_and_keeps_the_old_record() {
    let server = Redis::start().unwrap();
    let store = RedisStore::open(&server.url()).unwrap();
    store.save(&key(), &record("old"), 0).await.unwrap();
    server.command(&["CONFIG", "SET", "maxmemory", "1"]).unwrap();
    let error = store.save(&key(), &record("new"), 1).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    assert!(error.to_string().contains("memory is full"), "{error}");
    server.command(&["CONFIG", "SET", "maxmemory", "0"]).unwrap();
    assert_eq!(store.load(&key()).await.unwrap().unwrap().record.payload.as_str(), "old");
}

#[tokio::test]
async fn a_newer_damaged_or_foreign_record_is_refused_and_left_as_it_is() {
    let store = store("newer");
    store.save(&key(), &record("x"), 0).await.unwrap();
    let name = "newer:{us/CLIENT_ID}:record:opu_1";
    let cases: [(&[&str], &str); 3] = [
        (&["HSET", name, "f", "2"], "by a newer version"),
        (&["HSET", name, "f", "1", "v", "odd"], "is damaged"),
        (&["SET", name, "x"], "holds something else"),
    ];
    for (spoil, why) in cases {
        SHARED.command(spoil).unwrap();
        let error = store.load(&key()).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Unreadable);
        assert!(error.to_string().contains(why), "{error}");
        assert!(store.save(&key(), &record("y"), 1).await.is_err());
        assert!(store.delete(&key(), 1).await.is_err());
    }
}

#[tokio::test]
async fn tls_is_checked_against_the_authority_that_was_named_and_the_name_of_the_host() {
    let authority = Authority::new();
    let server = Redis::builder().tls(authority.certificate("localhost")).start().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("root.pem");
    fs::write(&root, authority.pem()).unwrap();
    let trusting = with(&server.tls_url(), &format!("sslrootcert={}", root.display()));
    conformance::check(&RedisStore::open(&trusting).unwrap()).await.unwrap();
    for url in [trusting.replace("localhost", "127.0.0.1"), server.tls_url()] {
        let error = RedisStore::open(&url).unwrap().prepare().await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error}");
    }
    let plain = SHARED.url().replace("redis://", "rediss://");
    assert!(
        RedisStore::open(&plain).unwrap().prepare().await.is_err(),
        "a server without TLS is not spoken to"
    );
}

#[test]
fn a_url_that_is_none_is_refused_unseen() {
    for (url, why) in [
        ("redis://u:canary@", "names no host"),
        ("redis://u:canary@host:port", "port must be a number"),
        ("redis://u:canary@host/x", "database must be a number"),
        ("redis://u:canary@host/0?prefix=a%20b", "prefix must be"),
        ("redis://u:canary@host/0?mode=canary", "there is no option mode"),
        ("rediss://u:canary@host/0?sslrootcert=/does/not/exist", "can't be read"),
        ("http://u:canary@host", "must begin with redis://"),
    ] {
        let error = RedisStore::open(url).unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Refused);
        assert!(error.to_string().contains(why), "{error}");
        assert!(!format!("{error} {error:?}").contains("canary"), "{error:?}");
    }
    for (url, identity) in [
        ("redis://u:canary@Host", "redis:host:6379/0/orgconnect"),
        ("rediss://[::1]:7000/3?prefix=p", "redis:[::1]:7000/3/p"),
    ] {
        let store = RedisStore::open(url).unwrap();
        assert_eq!(store.identity(), identity);
        assert!(!format!("{store:?}").contains("canary"));
    }
}
