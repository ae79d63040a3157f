//! Secrets are erased when they are dropped: an allocator looks at every block that is freed for what must not be in it.
#![allow(
    clippy::unwrap_used,
    clippy::pedantic,
    reason = "a test that can't go on fails, and shows one thing plainly"
)]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    backtrace::Backtrace,
    cell::Cell,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use orgconnect::{
    Client, ConnectionId, Keys, ManualClock, MemoryStore, Secret, TokenStore,
    store::{ConnectionKey, Record},
    webhook::{Notification, Verifier},
};
use zeroize::Zeroizing;

/// Part of every secret here. It is base64, too.
const MARK: &str = "EraseThisWhenItIsDropped";
/// What a key of it is made of.
const RAW: [u8; 18] = {
    let mut raw = [0; 18];
    let (text, mut at) = (MARK.as_bytes(), 0);
    while at < 24 {
        let digit = match text[at] {
            letter @ b'A'..=b'Z' => letter - b'A',
            letter @ b'a'..=b'z' => letter - b'a' + 26,
            _ => panic!("letters only"),
        };
        let mut bit = 0;
        while bit < 6 {
            let place = at * 6 + bit;
            raw[place / 8] |= ((digit >> (5 - bit)) & 1) << (7 - place % 8);
            bit += 1;
        }
        at += 1;
    }
    raw
};

struct Watchful;

static WATCHING: AtomicBool = AtomicBool::new(false);
static FOUND: Mutex<Vec<String>> = Mutex::new(Vec::new());

thread_local! {
    static LOOKING: Cell<bool> = const { Cell::new(false) };
}

// Growing a block frees the old one: the default of `realloc` is a new block, a copy, and `dealloc`.
unsafe impl GlobalAlloc for Watchful {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // Zeroed, so that what is found in a block was put there by its owner and not by the one before.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if WATCHING.load(Ordering::SeqCst)
            && !LOOKING.try_with(|looking| looking.replace(true)).unwrap_or(true)
        {
            let octets = unsafe { std::slice::from_raw_parts(block, layout.size()) };
            if holds(octets, MARK.as_bytes()) || holds(octets, &RAW) {
                let place =
                    format!("a block of {} bytes, freed at\n{}", layout.size(), Backtrace::force_capture());
                FOUND.lock().unwrap().push(place);
            }
            LOOKING.set(false);
        }
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Watchful = Watchful;

fn holds(octets: &[u8], needle: &[u8]) -> bool {
    octets.windows(needle.len()).any(|window| window == needle)
}

/// What is freed with a secret in it while `work` runs.
fn freed(work: impl FnOnce()) -> Vec<String> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _one = ONE_AT_A_TIME.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    WATCHING.store(true, Ordering::SeqCst);
    work();
    WATCHING.store(false, Ordering::SeqCst);
    std::mem::take(&mut *FOUND.lock().unwrap())
}

#[track_caller]
fn assert_erased(work: impl FnOnce()) {
    let found = freed(work);
    assert!(found.is_empty(), "{} blocks were freed with a secret in them; {}", found.len(), found[0]);
}

fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

fn key() -> ConnectionKey {
    ConnectionKey { namespace: "us/CLIENT_ID".to_owned(), connection: ConnectionId::new("clinic").unwrap() }
}

const CLIENT_SECRET: &str = "CRN_EraseThisWhenItIsDropped-0123456789";
const KEY_TEXT: &str = "EraseThisWhenItIsDroppedAAAAAAAAAAAAAAAAAAA=";
const PAYLOAD: &str = r#"{"v":1,"kind":"organization","access_token":"access-EraseThisWhenItIsDropped",
    "refresh_token":"refresh-EraseThisWhenItIsDropped","issued_at_ms":1772366400000,"lifetime_s":2000000000,
    "scope":"organizational_unit_scheduler","sub":"opu_1","extra":{},"state":"active","intent":null}"#;

#[test]
fn the_allocator_finds_what_is_not_erased() {
    for text in [MARK, CLIENT_SECRET, PAYLOAD] {
        assert_eq!(freed(|| drop(String::from(text))).len(), 1);
    }
    assert_eq!(freed(|| drop(RAW.to_vec())).len(), 1);
    assert!(freed(|| drop(Zeroizing::new(String::from(MARK)))).is_empty());
    // A text that grows leaves its former self behind.
    let grown = freed(|| {
        let mut text = Zeroizing::new(String::with_capacity(MARK.len()));
        text.push_str(MARK);
        text.push_str("and more than there is room for");
    });
    assert_eq!(grown.len(), 1);
}

#[test]
fn a_secret_is_erased_and_so_is_each_of_its_copies() {
    assert_erased(|| {
        let secret = Secret::from(MARK);
        let copy = secret.clone();
        drop(secret);
        assert!(copy.matches(MARK));
    });
    assert_erased(|| drop(Secret::from(String::from(MARK))));
    assert_erased(|| {
        let mut roomy = String::with_capacity(100);
        roomy.push_str(MARK);
        drop(Secret::from(roomy));
    });
    assert_erased(|| drop(serde_json::from_str::<Secret>("\"EraseThisWhenItIsDropped\"").unwrap()));
}

#[test]
fn keys_are_erased_as_octets_and_as_text() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys");
    std::fs::write(&file, KEY_TEXT).unwrap();
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    assert_erased(|| {
        let keys = Keys::from_base64(KEY_TEXT).unwrap();
        drop(keys.clone().with_older(keys));
        drop(Keys::from_file(&file).unwrap());
        drop(Keys::from_callback(|| Ok::<_, std::io::Error>(Secret::from(KEY_TEXT))).unwrap());
        let mut octets = [7; 32];
        octets[..RAW.len()].copy_from_slice(&RAW);
        drop(Keys::from_bytes(&octets).unwrap());
    });
}

#[test]
fn a_client_leaves_nothing_of_its_secret_behind() {
    assert_erased(|| {
        let client = Client::builder("CLIENT_ID", CLIENT_SECRET).build().unwrap();
        let request = orgconnect::AuthorizationRequest::organization("https://app.example/callback");
        let pending = client.authorize(request).unwrap();
        let session = client.serialize_pending(&pending);
        client.pending(&session).unwrap();
        drop(client.webhooks());
        drop(client.admin("ADM_EraseThisWhenItIsDropped").unwrap());
        drop(client.internal_organization());
    });
}

#[test]
fn stores_in_memory_and_sealed_ones_erase_what_they_held() {
    assert_erased(|| {
        run(async {
            let stores: [Arc<dyn TokenStore>; 2] = [
                Arc::new(MemoryStore::new()),
                Arc::new(orgconnect::SealedStore::new(
                    MemoryStore::new(),
                    Keys::from_base64(KEY_TEXT).unwrap(),
                )),
            ];
            for store in stores {
                let record = || Record { payload: String::from(PAYLOAD).into(), expires_at: None };
                let version = store.save(&key(), &record(), 0).await.unwrap();
                let version = store.save(&key(), &record(), version).await.unwrap();
                assert!(store.load(&key()).await.unwrap().unwrap().record.payload.contains(MARK));
                store.delete(&key(), version).await.unwrap();
                store.save(&key(), &record(), 0).await.unwrap();
            }
        });
    });
}

#[test]
fn a_connection_that_was_used_leaves_nothing_of_its_tokens_behind() {
    assert_erased(|| {
        run(async {
            let store = Arc::new(MemoryStore::new());
            let record = Record { payload: String::from(PAYLOAD).into(), expires_at: None };
            store.save(&key(), &record, 0).await.unwrap();
            let clock = Arc::new(ManualClock::starting_at("2026-03-01T12:00:00Z".parse().unwrap()));
            for _ in 0..2 {
                let client = Client::builder("CLIENT_ID", CLIENT_SECRET)
                    .shared_store(Arc::clone(&store) as _)
                    .clock(Arc::clone(&clock) as _)
                    .build()
                    .unwrap();
                let connection = client.connection("clinic").unwrap();
                assert_eq!(connection.summary().await.unwrap().sub.as_deref(), Some("opu_1"));
                assert!(connection.access_token().await.unwrap().expose().contains(MARK));
                assert_eq!(client.connections(None, 10).await.unwrap().len(), 1);
                client.settle().await.unwrap();
                for _ in 0..100 {
                    tokio::task::yield_now().await;
                }
                // That it is still used is noted in the record a day later, which is written again for that.
                clock.advance(Duration::from_hours(24));
            }
            assert!(store.load(&key()).await.unwrap().unwrap().version > 1, "it was written again");
        });
    });
}

#[test]
fn a_code_that_a_notification_brings_is_erased() {
    const BODY: &[u8] =
        br#"{"authorization":{"code":"EraseThisWhenItIsDropped-code","state":"EraseThisWhenItIsDropped"}}"#;
    assert_erased(|| {
        drop(Verifier::new(CLIENT_SECRET).or_secret(CLIENT_SECRET));
        let Notification::DelegatedAuthorization(found) = Notification::read(BODY).unwrap() else { panic!() };
        assert!(found.code.unwrap().expose().contains(MARK));
    });
}
