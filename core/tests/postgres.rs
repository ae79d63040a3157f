//! The PostgreSQL store against a server of the test's own: the contract, between processes too; a server that is
//! stopped, killed, stalled or refuses; TLS; older and newer tables.
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
};

use common::{
    authority::Authority,
    records::{are_one_store, count, count_in_processes, key, record},
};
use orgconnect::{
    PostgresStore, TokenStore,
    store::{StoreErrorKind, conformance},
};
use orgconnect_test_services::Postgres;

/// Names the database on which a second process of this test binary works.
const URL: &str = "ORGCONNECT_TEST_POSTGRES";

/// One server for the tests that leave it running.
static SHARED: LazyLock<Postgres> = LazyLock::new(|| Postgres::start().unwrap());

/// A store in a database of its own on the shared server.
fn store(database: &str) -> PostgresStore {
    PostgresStore::open(&SHARED.create_database(database).unwrap()).unwrap()
}

fn with(url: &str, option: &str) -> String {
    format!("{url}?{option}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_postgres_store_keeps_the_contract_and_leaves_nothing_behind() {
    let store = store("contract");
    conformance::check(&store).await.unwrap();
    for table in ["records", "leases"] {
        let left = SHARED.sql("contract", &format!("SELECT count(*) FROM orgconnect.{table}")).unwrap();
        assert_eq!(left, "0", "{table}");
    }
}

#[tokio::test]
async fn the_driver_which_logs_what_it_is_given_is_not_given_a_token_to_log() {
    let log = common::log::Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    // What the driver logs goes by way of the crate `log`.
    let _guard = tracing_subscriber::util::SubscriberInitExt::set_default(subscriber);
    let store = store("logged");
    let version = store.save(&key(), &record(r#"{"access_token":"CANARY-ONE"}"#), 0).await.unwrap();
    store.save(&key(), &record(r#"{"access_token":"CANARY-TWO"}"#), version).await.unwrap();
    assert!(store.load(&key()).await.unwrap().unwrap().record.payload.contains("CANARY-TWO"));
    let shown = log.text();
    assert!(shown.contains("executing statement"), "the driver logs: {shown}");
    assert!(!shown.contains("CANARY"), "{shown}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_stores_on_one_database_are_one_and_keep_the_contract_side_by_side() {
    let a = store("side_by_side");
    let b = PostgresStore::open(&with(&SHARED.url_of("side_by_side"), "pool=2&timeout=20")).unwrap();
    are_one_store(&a, &b).await;
}

#[tokio::test]
async fn a_schema_is_a_place_of_its_own_and_has_its_own_identity() {
    let a = store("schemas");
    let b = PostgresStore::open(&with(&SHARED.url_of("schemas"), "schema=other")).unwrap();
    assert_ne!(a.identity(), b.identity());
    a.save(&key(), &record("x"), 0).await.unwrap();
    assert!(b.load(&key()).await.unwrap().is_none());
}

#[tokio::test]
async fn a_unix_socket_leads_to_the_same_records() {
    let over_tcp = PostgresStore::open(&with(&SHARED.url(), "schema=socket")).unwrap();
    let over_socket = PostgresStore::open(&with(&SHARED.socket_url(), "schema=socket")).unwrap();
    over_tcp.save(&key(), &record("x"), 0).await.unwrap();
    assert_eq!(over_socket.load(&key()).await.unwrap().unwrap().record.payload.as_str(), "x");
}

#[tokio::test]
async fn a_process_counts_without_a_gap() {
    let Some(url) = env::var(URL).ok() else { return count(&store("alone"), 20).await };
    count(&PostgresStore::open(&url).unwrap(), 50).await;
}

#[tokio::test]
async fn processes_that_write_at_once_lose_no_write() {
    let url = SHARED.create_database("processes").unwrap();
    // There are no tables yet: they race to make them as well.
    count_in_processes(URL, &url);
    let stored = PostgresStore::open(&url).unwrap().load(&key()).await.unwrap().unwrap();
    assert_eq!((stored.record.payload.as_str(), stored.version), ("200", 200));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refreshers_on_two_stores_share_the_work() {
    common::refreshers_share_the_work(
        Arc::new(store("shared_work")),
        &(Arc::new(PostgresStore::open(&SHARED.url_of("shared_work")).unwrap()) as _),
    )
    .await;
}

#[tokio::test]
async fn a_server_that_was_stopped_is_unavailable_and_serves_on_when_it_is_back() {
    let server = Postgres::start().unwrap();
    let store = PostgresStore::open(&server.url()).unwrap();
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
    // The connections of the pool are cut and nobody has noticed: a read finds out and connects again.
    assert_eq!(store.load(&key()).await.unwrap().unwrap().record.payload.as_str(), "x");
    assert_eq!(store.save(&key(), &record("y"), 1).await.unwrap(), 2);
}

#[tokio::test]
async fn a_server_that_stalls_ends_the_call_at_its_deadline_and_the_connection_is_not_used_again() {
    let server = Postgres::start().unwrap();
    let store = PostgresStore::open(&with(&server.url(), "timeout=1&pool=2")).unwrap();
    store.save(&key(), &record("x"), 0).await.unwrap();
    server.pause().unwrap();
    let error = store.load(&key()).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    assert!(error.to_string().contains("has not answered for 1 s"), "{error}");
    for _ in 0..4 {
        assert!(store.save(&key(), &record("late"), 1).await.is_err());
    }
    server.resume().unwrap();
    // What was given up may have been done all the same: whoever goes on reads first.
    let stored = loop {
        match store.load(&key()).await {
            Ok(stored) => break stored.unwrap(),
            Err(error) => assert_eq!(error.kind(), StoreErrorKind::Unavailable),
        }
    };
    assert_eq!(stored.record.payload.as_str(), if stored.version == 1 { "x" } else { "late" });
    assert!(stored.version <= 2, "of many writers with one version one wins: {}", stored.version);
}

#[tokio::test]
async fn a_wrong_password_and_a_missing_database_or_right_are_refused_with_the_mend() {
    let url = SHARED.create_database("rights").unwrap();
    SHARED.sql("rights", "CREATE ROLE guest LOGIN PASSWORD 'guest-password-canary'").unwrap();
    let guest = url.replace(&format!("postgres:{}@", SHARED.password()), "guest:guest-password-canary@");
    let cases = [
        (url.replace(SHARED.password(), "wrong-password-canary"), "check user and password"),
        (SHARED.url_of("missing"), "create it, or name another"),
        (guest.clone(), "grant it the rights"),
    ];
    for (url, mend) in cases {
        let store = PostgresStore::open(&url).unwrap();
        for error in [store.prepare().await.unwrap_err(), store.load(&key()).await.unwrap_err()] {
            assert_eq!(error.kind(), StoreErrorKind::Refused, "{error}");
            let shown = format!("{error} {error:?} {store:?}");
            assert!(shown.contains(mend), "{shown}");
            assert!(!shown.contains("canary"), "{shown}");
        }
    }
    // Once somebody else has made the tables, rights on the rows are enough.
    PostgresStore::open(&url).unwrap().prepare().await.unwrap();
    SHARED
        .sql(
            "rights",
            "GRANT USAGE ON SCHEMA orgconnect TO guest; \
             GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA orgconnect TO guest",
        )
        .unwrap();
    conformance::check(&PostgresStore::open(&guest).unwrap()).await.unwrap();
}

#[tokio::test]
async fn tables_of_an_older_format_are_brought_up_to_date_with_what_they_hold() {
    let url = SHARED.create_database("older").unwrap();
    SHARED
        .sql(
            "older",
            r#"
            CREATE SCHEMA orgconnect;
            CREATE TABLE orgconnect.format (version bigint NOT NULL);
            INSERT INTO orgconnect.format VALUES (1);
            CREATE TABLE orgconnect.records (
                namespace text COLLATE "C" NOT NULL, connection text COLLATE "C" NOT NULL, version bigint NOT NULL,
                expires_at_ms bigint, payload text NOT NULL, PRIMARY KEY (namespace, connection));
            CREATE INDEX records_by_expiry ON orgconnect.records (namespace, expires_at_ms)
                WHERE expires_at_ms IS NOT NULL;
            INSERT INTO orgconnect.records VALUES ('us/CLIENT_ID', 'opu_1', 7, NULL, 'x')"#,
        )
        .unwrap();
    let store = PostgresStore::open(&url).unwrap();
    assert_eq!(store.load(&key()).await.unwrap().unwrap().version, 7);
    conformance::check(&store).await.unwrap();
    assert_eq!(SHARED.sql("older", "SELECT version FROM orgconnect.format").unwrap(), "2");
}

#[tokio::test]
async fn tables_of_a_newer_format_are_refused_and_left_as_they_are() {
    let store = store("newer");
    store.save(&key(), &record("x"), 0).await.unwrap();
    SHARED.sql("newer", "UPDATE orgconnect.format SET version = 99").unwrap();
    let again = PostgresStore::open(&SHARED.url_of("newer")).unwrap();
    for error in
        [again.load(&key()).await.unwrap_err(), again.save(&key(), &record("y"), 1).await.unwrap_err()]
    {
        assert_eq!(error.kind(), StoreErrorKind::Unreadable);
        assert!(error.to_string().contains("format 99 by a newer version"), "{error}");
    }
    assert_eq!(SHARED.sql("newer", "SELECT payload FROM orgconnect.records").unwrap(), "x");
}

#[tokio::test]
async fn tls_is_checked_against_the_authority_that_was_named_and_the_name_of_the_host() {
    let authority = Authority::new();
    let server = Postgres::builder().tls(authority.certificate("localhost")).start().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("root.pem");
    fs::write(&root, authority.pem()).unwrap();
    let url = |host: &str, mode: &str| {
        format!("{}?sslmode={mode}&sslrootcert={}", server.url().replace("127.0.0.1", host), root.display())
    };
    for mode in ["require", "verify-full"] {
        let store = PostgresStore::open(&url("localhost", mode)).unwrap();
        store.prepare().await.unwrap();
    }
    let encrypted =
        server.sql("postgres", "SELECT count(*) FROM pg_stat_ssl WHERE ssl AND pid <> pg_backend_pid()");
    assert_ne!(encrypted.unwrap(), "0");
    let trusting_nobody = format!("{}?sslmode=require", server.url().replace("127.0.0.1", "localhost"));
    for url in [url("127.0.0.1", "require"), trusting_nobody] {
        let error = PostgresStore::open(&url).unwrap().prepare().await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error}");
    }
    let plain = PostgresStore::open(&with(&SHARED.url(), "sslmode=require")).unwrap();
    assert!(plain.prepare().await.is_err(), "a server without TLS is not spoken to in clear text");
}

#[test]
fn a_url_that_would_send_tokens_in_clear_text_or_is_none_is_refused_unseen() {
    for (url, why) in [
        ("postgres://u:canary@db.example/app?sslmode=prefer", "would fall back to clear text"),
        ("postgres://u:canary@db.example/app?sslmode=maybe", "sslmode must be"),
        ("postgres://u:canary@db.example/app?sslrootcert=/does/not/exist", "can't be read"),
        ("postgres://u:canary@db.example/app?schema=Robert'; --", "schema must be"),
        ("postgres://u:canary@db.example/app?pool=0", "pool must be a number"),
        ("postgres://u:canary@db.example:port/app", "is not one"),
        ("postgres://u:canary@db.example/app?canary=1", "is not one"),
        ("mysql://u:canary@db.example/app", "must begin with postgres://"),
    ] {
        let error = PostgresStore::open(url).unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Refused);
        assert!(error.to_string().contains(why), "{error}");
        assert!(!format!("{error} {error:?}").contains("canary"), "{error:?}");
    }
    let store = PostgresStore::open("postgres://u:canary@DB.example/app").unwrap();
    assert_eq!(store.identity(), "postgres:db.example:5432/app/orgconnect");
    assert!(!format!("{store:?}").contains("canary"));
}
