//! The sealed store keeps the contract over every store, notices every change to a record, and changes its key while
//! it is in use; keys come from many places and are shown nowhere.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::pedantic,
    reason = "a test that can't go on fails, and shows one thing plainly"
)]

use std::{
    collections::HashSet,
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use orgconnect::{
    ConnectionId, FileStore, Keys, MemoryStore, SealedStore, Secret, TokenStore,
    store::{ConnectionKey, ListQuery, Record, StoreError, StoreErrorKind, conformance},
};

const CLEAR: &str = r#"{"access_token":"clear-text-canary"}"#;

/// [`CLEAR`], sealed with `keys(1)` for `key()` by another implementation (`HChaCha20` and RFC 8439).
const SEALED_ELSEWHERE: &str = "sealed:v1:092dcfb732e244e4:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXLxCc1GpWzN7rVfER-yyKY-5Dq7ftSlNuzQ02-HYw7OmbNhvVmvaNLJ6hmYEJUAs6WD6daw";

fn key_of(namespace: &str, connection: &str) -> ConnectionKey {
    ConnectionKey { namespace: namespace.into(), connection: ConnectionId::new(connection).unwrap() }
}

fn key() -> ConnectionKey {
    key_of("us/CLIENT_ID", "opu_1")
}

fn record(payload: &str) -> Record {
    Record { payload: payload.to_owned().into(), expires_at: Some("2026-03-01T12:00:00Z".parse().unwrap()) }
}

fn keys(octet: u8) -> Keys {
    let mut octets = [octet; 32];
    octets[0] = 0;
    Keys::from_bytes(&octets).unwrap()
}

fn memory() -> Arc<dyn TokenStore> {
    Arc::new(MemoryStore::new())
}

fn over(store: &Arc<dyn TokenStore>, keys: Keys) -> SealedStore {
    SealedStore::shared(Arc::clone(store), keys)
}

async fn payload(store: &dyn TokenStore, key: &ConnectionKey) -> Result<String, StoreError> {
    store.load(key).await.map(|stored| stored.unwrap().record.payload.to_string())
}

/// Puts a payload in place of the one that is there.
async fn replace(store: &dyn TokenStore, key: &ConnectionKey, payload: &str) {
    let version = store.load(key).await.unwrap().map_or(0, |stored| stored.version);
    store.save(key, &record(payload), version).await.unwrap();
}

mod requirement {
    use orgconnect::{Client, ErrorKind};

    use super::*;

    #[test]
    fn a_client_that_requires_encryption_refuses_a_store_in_clear_text_and_takes_a_sealed_one() {
        let directory = tempfile::tempdir().unwrap();
        let files = || FileStore::open(directory.path().join("tokens")).unwrap();
        let builder = || Client::builder("ID", "SECRET").require_encryption(true);
        let error = builder().store(files()).build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.fields().contains_key("store") && error.message().contains("SealedStore"), "{error}");
        assert!(builder().store(SealedStore::new(files(), keys(1))).build().is_ok());
        assert!(builder().build().is_ok(), "memory is not written anywhere");
    }

    #[test]
    fn a_client_that_does_not_is_warned_of_clear_text_once_for_each_store() {
        let directory = tempfile::tempdir().unwrap();
        let log = Log::default();
        let subscriber = tracing_subscriber::fmt().with_writer(log.clone()).with_ansi(false).finish();
        tracing::subscriber::with_default(subscriber, || {
            for _ in 0..3 {
                let files = FileStore::open(directory.path().join("tokens")).unwrap();
                Client::builder("ID", "SECRET").store(files).build().unwrap();
            }
            Client::builder("ID", "SECRET").store(MemoryStore::new()).build().unwrap();
        });
        let text = log.text();
        assert_eq!(text.matches("tokens are kept in clear text").count(), 1, "{text}");
        assert!(text.contains(&directory.path().display().to_string()), "{text}");
    }

    #[derive(Clone, Default)]
    struct Log(Arc<std::sync::Mutex<Vec<u8>>>);

    impl Log {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    impl std::io::Write for Log {
        fn write(&mut self, octets: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(octets);
            Ok(octets.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    impl<'a> tracing_subscriber::fmt::MakeWriter<'a> for Log {
        type Writer = Self;

        fn make_writer(&'a self) -> Self {
            self.clone()
        }
    }
}

mod contract {
    use super::*;

    #[tokio::test]
    async fn it_is_kept_over_memory() {
        conformance::check(&SealedStore::new(MemoryStore::new(), keys(1))).await.unwrap();
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn it_is_kept_over_files() {
        let directory = tempfile::tempdir().unwrap();
        let files = FileStore::open(directory.path().join("tokens")).unwrap();
        conformance::check(&SealedStore::new(files, keys(1))).await.unwrap();
    }

    #[cfg(feature = "sqlite")]
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn it_is_kept_over_sqlite() {
        let directory = tempfile::tempdir().unwrap();
        let database = orgconnect::SqliteStore::open(directory.path().join("tokens.db")).unwrap();
        conformance::check(&SealedStore::new(database, keys(1))).await.unwrap();
    }
}

#[tokio::test]
async fn no_clear_text_reaches_a_file() {
    let directory = tempfile::tempdir().unwrap();
    let files = FileStore::open(directory.path().join("tokens")).unwrap();
    let sealed = SealedStore::new(files.clone(), keys(1));
    sealed.save(&key(), &record(CLEAR), 0).await.unwrap();
    assert_eq!(payload(&sealed, &key()).await.unwrap(), CLEAR);
    for entry in fs::read_dir(directory.path().join("tokens")).unwrap() {
        let content = fs::read(entry.unwrap().path()).unwrap();
        assert!(!String::from_utf8_lossy(&content).contains("canary"));
    }
    assert!(sealed.is_encrypted() && !files.is_encrypted());
    assert_ne!(sealed.identity(), files.identity());
}

#[tokio::test]
async fn the_sealed_form_is_the_documented_one_and_never_the_same_twice() {
    let store = memory();
    let sealed = over(&store, keys(1));
    let mut seen = HashSet::new();
    for version in 0..50 {
        sealed.save(&key(), &record(CLEAR), version).await.unwrap();
        let text = payload(&*store, &key()).await.unwrap();
        let body = text.strip_prefix(&format!("sealed:v1:{}:", keys(1).current_id())).unwrap().to_owned();
        let octets = 24 + CLEAR.len() + 16;
        assert_eq!(body.len(), (octets * 4).div_ceil(3));
        assert!(seen.insert(body[..32].to_owned()), "a nonce is used once");
    }
}

#[tokio::test]
async fn a_record_that_was_sealed_elsewhere_in_the_documented_form_opens() {
    let store = memory();
    replace(&*store, &key(), SEALED_ELSEWHERE).await;
    assert_eq!(payload(&over(&store, keys(1)), &key()).await.unwrap(), CLEAR);
}

#[tokio::test]
async fn every_flipped_bit_of_a_record_is_noticed() {
    for migrating in [false, true] {
        let store = memory();
        let mut sealed = over(&store, keys(1));
        if migrating {
            sealed = sealed.allow_clear_text_reads();
        }
        sealed.save(&key(), &record(CLEAR), 0).await.unwrap();
        let good = payload(&*store, &key()).await.unwrap();
        let mut flipped = 0;
        for (place, bit) in (0..good.len()).flat_map(|place| (0..8).map(move |bit| (place, bit))) {
            let mut octets = good.clone().into_bytes();
            octets[place] ^= 1 << bit;
            // A store keeps text: what is none can't come out of it.
            let Ok(bad) = String::from_utf8(octets) else { continue };
            replace(&*store, &key(), &bad).await;
            let error = sealed.load(&key()).await.expect_err(&bad);
            assert!(matches!(error.kind(), StoreErrorKind::Unreadable | StoreErrorKind::Refused), "{error}");
            assert!(error.to_string().contains("connection opu_1: "), "{error}");
            flipped += 1;
        }
        assert_eq!(flipped, good.len() * 7, "every bit of ASCII but the highest, which leaves no text");
        replace(&*store, &key(), &good).await;
        assert_eq!(payload(&sealed, &key()).await.unwrap(), CLEAR);
    }
}

#[tokio::test]
async fn a_truncated_or_extended_record_is_noticed() {
    let store = memory();
    let sealed = over(&store, keys(1));
    sealed.save(&key(), &record(CLEAR), 0).await.unwrap();
    let good = payload(&*store, &key()).await.unwrap();
    for length in 0..good.len() {
        replace(&*store, &key(), &good[..length]).await;
        assert!(sealed.load(&key()).await.is_err(), "cut after {length}");
    }
    for more in ["A", "AAAA", "=", ":", " ", "\n"] {
        replace(&*store, &key(), &format!("{good}{more}")).await;
        assert!(sealed.load(&key()).await.is_err(), "extended by {more:?}");
    }
    replace(&*store, &key(), &good.replace("sealed:v1", "sealed:v2")).await;
    let error = sealed.load(&key()).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unreadable);
    assert!(error.to_string().contains("upgrade this program"), "{error}");
}

#[tokio::test]
async fn a_record_in_the_place_of_another_is_noticed() {
    let store = memory();
    let sealed = over(&store, keys(1));
    // The last two would be one if their parts were joined without their lengths.
    let places = [
        key_of("us/A", "opu_1"),
        key_of("us/A", "opu_2"),
        key_of("us/B", "opu_1"),
        key_of("uk/A", "opu_1"),
        key_of("us/Ao", "pu_1"),
    ];
    let mut records = Vec::new();
    for (number, place) in places.iter().enumerate() {
        sealed.save(place, &record(&number.to_string()), 0).await.unwrap();
        records.push(payload(&*store, place).await.unwrap());
    }
    for (place_number, place) in places.iter().enumerate() {
        for (record_number, record) in records.iter().enumerate() {
            replace(&*store, place, record).await;
            let read = payload(&sealed, place).await;
            if place_number == record_number {
                assert_eq!(read.unwrap(), record_number.to_string());
            } else {
                assert_eq!(read.unwrap_err().kind(), StoreErrorKind::Unreadable);
            }
        }
    }
}

#[tokio::test]
async fn an_unknown_key_is_refused_with_its_id_and_the_mend() {
    let store = memory();
    over(&store, keys(1)).save(&key(), &record(CLEAR), 0).await.unwrap();
    let error = over(&store, keys(2)).load(&key()).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Refused);
    assert!(error.to_string().contains(keys(1).current_id()), "{error}");
    assert!(error.to_string().contains("with_older"), "{error}");
    assert_eq!(payload(&over(&store, keys(2).with_older(keys(1))), &key()).await.unwrap(), CLEAR);
}

#[tokio::test]
async fn clear_text_is_refused_until_it_is_allowed_and_sealed_by_the_next_save() {
    let store = memory();
    replace(&*store, &key(), CLEAR).await;
    let error = over(&store, keys(1)).load(&key()).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Refused);
    assert!(error.to_string().contains("allow_clear_text_reads"), "{error}");
    assert!(!error.to_string().contains("canary"), "{error}");
    let strict = over(&store, keys(1)).rewrap_all("us/CLIENT_ID").await.unwrap();
    assert_eq!((strict.moved, strict.failed.len()), (0, 1), "nothing is moved that may not be read");

    let migrating = over(&store, keys(1)).allow_clear_text_reads();
    let read = migrating.load(&key()).await.unwrap().unwrap();
    assert_eq!(read.record.payload.as_str(), CLEAR);
    migrating.save(&key(), &read.record, read.version).await.unwrap();
    assert!(payload(&*store, &key()).await.unwrap().starts_with("sealed:v1:"));
    assert_eq!(payload(&over(&store, keys(1)), &key()).await.unwrap(), CLEAR);
}

#[tokio::test]
async fn rewrap_moves_every_record_and_leaves_what_it_cannot_open() {
    let store = memory();
    let [old, clear, now, bad] = ["old", "clear", "now", "bad"].map(|name| key_of("us/CLIENT_ID", name));
    let elsewhere = key_of("us/OTHER", "old");
    for place in [&old, &elsewhere] {
        over(&store, keys(1)).save(place, &record(CLEAR), 0).await.unwrap();
    }
    over(&store, keys(2)).save(&now, &record(CLEAR), 0).await.unwrap();
    over(&store, keys(3)).save(&bad, &record(CLEAR), 0).await.unwrap();
    replace(&*store, &clear, CLEAR).await;
    let sealed = over(&store, keys(2).with_older(keys(1))).allow_clear_text_reads();
    let done = sealed.rewrap_all("us/CLIENT_ID").await.unwrap();
    assert_eq!((done.moved, done.unchanged), (2, 1));
    let failed: Vec<_> = done.failed.iter().map(|(id, error)| (id.as_str(), error.kind())).collect();
    assert_eq!(failed, [("bad", StoreErrorKind::Refused)]);
    let strict = over(&store, keys(2));
    for place in [&old, &clear, &now] {
        let stored = strict.load(place).await.unwrap().unwrap();
        assert_eq!(stored.record.payload.as_str(), CLEAR);
        assert_eq!(stored.record.expires_at, record(CLEAR).expires_at, "the expiry is kept");
    }
    assert!(strict.load(&elsewhere).await.is_err(), "another namespace is left alone");
}

#[tokio::test]
async fn reading_moves_a_record_to_the_current_key_once_if_that_is_wanted() {
    let store = memory();
    over(&store, keys(1)).save(&key(), &record(CLEAR), 0).await.unwrap();
    let only_reading = over(&store, keys(2).with_older(keys(1)));
    assert_eq!(
        only_reading.load(&key()).await.unwrap().unwrap().version,
        1,
        "by default reading writes nothing"
    );
    let lazy = over(&store, keys(2).with_older(keys(1))).rewrap_on_read();
    let stored = lazy.load(&key()).await.unwrap().unwrap();
    assert_eq!((stored.version, stored.record.payload.as_str()), (2, CLEAR));
    assert_eq!(stored.record.expires_at, record(CLEAR).expires_at);
    assert_eq!(
        lazy.save(&key(), &record(CLEAR), stored.version).await.unwrap(),
        3,
        "the version is the new one"
    );
    assert_eq!(lazy.load(&key()).await.unwrap().unwrap().version, 3);
    assert!(over(&store, keys(2)).load(&key()).await.is_ok(), "the old key is not needed any more");
}

/// 1,000 records, 16 readers and a writer, while the key is changed twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_is_changed_under_readers_and_writers_without_a_failed_read() {
    const RECORDS: usize = 1000;
    let store = memory();
    let sealed = Arc::new(over(&store, keys(1)));
    let place = |number: usize| key_of("us/CLIENT_ID", &format!("c{number:04}"));
    for number in 0..RECORDS {
        sealed.save(&place(number), &record(&number.to_string()), 0).await.unwrap();
    }
    let (stop, reads) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let mut tasks = Vec::new();
    for reader in 0..16 {
        let (sealed, stop, reads) = (Arc::clone(&sealed), Arc::clone(&stop), Arc::clone(&reads));
        tasks.push(tokio::spawn(async move {
            let mut number = reader * 61;
            while !stop.load(Ordering::Relaxed) {
                number = (number + 7) % RECORDS;
                assert_eq!(payload(&*sealed, &place(number)).await.unwrap(), number.to_string());
                reads.fetch_add(1, Ordering::Relaxed);
                tokio::task::yield_now().await;
            }
        }));
    }
    let writer = (Arc::clone(&sealed), Arc::clone(&stop));
    tasks.push(tokio::spawn(async move {
        let (sealed, stop) = writer;
        let mut number = 0;
        while !stop.load(Ordering::Relaxed) {
            number = (number + 13) % RECORDS;
            let read = sealed.load(&place(number)).await.unwrap().unwrap();
            match sealed.save(&place(number), &read.record, read.version).await {
                Ok(_) => {}
                Err(error) => assert_eq!(error.kind(), StoreErrorKind::Conflict),
            }
            tokio::task::yield_now().await;
        }
    }));
    for (old, new) in [(1, 2), (2, 3)] {
        let seen = reads.load(Ordering::Relaxed);
        sealed.replace_keys(keys(old).with_older(keys(new)));
        sealed.replace_keys(keys(new).with_older(keys(old)));
        let done = sealed.rewrap_all("us/CLIENT_ID").await.unwrap();
        assert!(done.failed.is_empty(), "{:?}", done.failed);
        assert_eq!(done.moved + done.unchanged, RECORDS);
        // A writer that took its key before the change may have saved since: a second pass finds nothing else.
        sealed.rewrap_all("us/CLIENT_ID").await.unwrap();
        while reads.load(Ordering::Relaxed) < seen + RECORDS {
            tokio::task::yield_now().await;
        }
    }
    stop.store(true, Ordering::Relaxed);
    for task in tasks {
        task.await.unwrap();
    }
    let all =
        ListQuery { namespace: "us/CLIENT_ID".into(), expires_before: None, after: None, limit: RECORDS };
    let prefix = format!("sealed:v1:{}:", keys(3).current_id());
    for listed in store.list(&all).await.unwrap() {
        let text = payload(&*store, &key_of("us/CLIENT_ID", listed.connection.as_str())).await.unwrap();
        assert!(text.starts_with(&prefix), "no record of an old key is left");
    }
}

#[tokio::test]
async fn leases_are_those_of_the_store_beneath() {
    let store = memory();
    let sealed = over(&store, keys(1));
    let lease = sealed.acquire(&key(), Duration::from_mins(1)).await.unwrap().unwrap();
    assert!(store.acquire(&key(), Duration::from_mins(1)).await.unwrap().is_none());
    sealed.release(&key(), lease).await.unwrap();
    assert!(store.acquire(&key(), Duration::from_mins(1)).await.unwrap().is_some());
}

mod sources {
    use super::*;

    /// 32 octets in base64, as `openssl rand -base64 32` prints them.
    const TEXT: &str = "AwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g/+8=";

    fn refusal(keys: Result<Keys, StoreError>) -> String {
        let error = keys.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Refused);
        error.to_string()
    }

    #[test]
    fn a_key_is_the_same_however_it_is_given() {
        let id = Keys::from_base64(TEXT).unwrap().current_id().to_owned();
        let url_safe = TEXT.trim_end_matches('=').replace('/', "_").replace('+', "-");
        for text in [url_safe, format!("  {TEXT}\r\n"), format!("{TEXT},{TEXT}\n{TEXT}")] {
            let keys = Keys::from_base64(&text).unwrap();
            assert_eq!((keys.current_id(), keys.older_ids().count()), (id.as_str(), 0));
        }
        let fetched = Keys::from_callback(|| Ok::<_, std::io::Error>(Secret::from(TEXT))).unwrap();
        assert_eq!(fetched.current_id(), id);
    }

    #[test]
    fn of_several_keys_the_first_is_the_current_one() {
        let generated = Keys::generate();
        let keys = Keys::from_base64(&format!("{}\n{TEXT}\n", generated.expose())).unwrap();
        assert_eq!(keys.current_id(), Keys::from_base64(generated.expose()).unwrap().current_id());
        assert_eq!(keys.older_ids().collect::<Vec<_>>(), [Keys::from_base64(TEXT).unwrap().current_id()]);
    }

    #[test]
    fn what_is_no_key_is_refused_with_the_mend_and_not_shown() {
        let short = TEXT[..40].to_owned();
        for text in ["", " \n", "not base64 at all!", &short, &format!("{TEXT}AAAA"), &"A".repeat(43)] {
            let error = refusal(Keys::from_base64(text));
            assert!(error.contains("openssl rand -base64 32"), "{error}");
            assert!(text.trim().len() < 10 || !error.contains(text.trim()), "{error}");
        }
        refusal(Keys::from_bytes(&[7; 31]));
    }

    #[test]
    fn keys_come_from_the_environment() {
        // Cargo sets this one for tests; it is no key, and is not shown.
        let error = refusal(Keys::from_environment("CARGO_PKG_DESCRIPTION"));
        assert!(error.contains("CARGO_PKG_DESCRIPTION") && !error.contains("Connect"), "{error}");
        let error = refusal(Keys::from_environment("ORGCONNECT_TEST_UNSET_KEY"));
        assert!(error.contains("ORGCONNECT_TEST_UNSET_KEY") && error.contains("set it"), "{error}");
        let found = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["sources::a_key_in_the_environment_is_read", "--exact"])
            .env("ORGCONNECT_TEST_KEY", TEXT)
            .status();
        assert!(found.unwrap().success());
    }

    #[test]
    fn a_key_in_the_environment_is_read() {
        let keys = Keys::from_environment("ORGCONNECT_TEST_KEY");
        match std::env::var_os("ORGCONNECT_TEST_KEY") {
            Some(_) => assert_eq!(keys.unwrap().current_id(), Keys::from_base64(TEXT).unwrap().current_id()),
            None => assert!(refusal(keys).contains("ORGCONNECT_TEST_KEY")),
        }
    }

    #[test]
    fn a_callback_that_fails_keeps_its_cause() {
        let error = Keys::from_callback(|| Err::<Secret, _>("the keyring is locked")).unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Refused);
        assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "the keyring is locked");
    }

    #[cfg(unix)]
    #[test]
    fn a_key_file_is_its_owners_alone() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        assert!(refusal(Keys::from_file(&path)).contains("check the path"));
        fs::write(&path, format!("{TEXT}\n")).unwrap();
        for (mode, readable) in [(0o644, false), (0o640, false), (0o600, true), (0o400, true)] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            if readable {
                Keys::from_file(&path).unwrap();
            } else {
                assert!(refusal(Keys::from_file(&path)).contains("chmod 600"));
            }
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&path, "A".repeat(9000)).unwrap();
        assert!(refusal(Keys::from_file(&path)).contains("too long"));
        assert!(refusal(Keys::from_file(directory.path())).contains("not a plain file"));
    }

    #[test]
    fn keys_and_stores_print_ids_and_no_key() {
        let keys = Keys::from_base64(TEXT).unwrap();
        let id = keys.current_id().to_owned();
        assert_eq!(format!("{keys:?}"), format!("Keys {{ current: \"{id}\", older: [] }}"));
        let shown = format!("{:?}", SealedStore::new(MemoryStore::new(), keys));
        assert!(shown.contains(&id) && !shown.contains(&TEXT[..8]) && !shown.contains("3, 4, 5"), "{shown}");
    }
}
