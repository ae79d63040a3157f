//! One text opens any store, sealed or not, and is never shown.
#![allow(
    clippy::unwrap_used,
    clippy::pedantic,
    reason = "a test that can't go on fails, and shows one thing plainly"
)]

use std::fs;

use orgconnect::{
    Keys,
    store::{self, StoreErrorKind, conformance},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_text_opens_the_store_it_names_and_seals_it_with_the_keys_it_names() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path().display();
    let key = directory.path().join("token key");
    fs::write(&key, Keys::generate().expose()).unwrap();
    #[cfg(unix)]
    fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let sealed = format!("key=file:{at}/token%20key");
    let cases = [
        ("memory:".to_owned(), "memory:", true),
        (format!("file:{at}/files"), "file:", false),
        (format!("file://{at}/files%20too"), "file:", false),
        (format!("sqlite:{at}/tokens.db"), "sqlite:", false),
        (format!("file:{at}/sealed?{sealed}"), "sealed:file:", true),
        (format!("sqlite:{at}/sealed.db?{sealed}"), "sealed:sqlite:", true),
    ];
    for (text, begins, encrypted) in cases {
        let store = store::open(&text).unwrap();
        assert!(store.identity().starts_with(begins), "{}", store.identity());
        assert_eq!(store.is_encrypted(), encrypted, "{text}");
        conformance::check(&*store).await.unwrap();
    }
    assert!(directory.path().join("files too").is_dir());
    for (text, identity) in [
        ("postgres://u:p@db.example/app?pool=3", "postgres:db.example:5432/app/orgconnect"),
        ("rediss://u:p@r.example/2?prefix=t", "redis:r.example:6379/2/t"),
        (
            &format!("postgres://u:p@db.example/app?pool=3&{sealed}"),
            "sealed:postgres:db.example:5432/app/orgconnect",
        ),
    ] {
        assert_eq!(store::open(text).unwrap().identity(), identity);
    }
}

#[tokio::test]
async fn keys_from_elsewhere_seal_a_store_by_its_name() {
    let keys = || Keys::from_bytes(&std::array::from_fn::<u8, 32, _>(|at| at as u8)).unwrap();
    conformance::check(&store::open_sealed("memory:", Some(keys())).unwrap()).await.unwrap();
    let twice = store::open_sealed("memory:?key=env:KEY", Some(keys())).unwrap_err();
    assert!(twice.to_string().contains("use one of the two"), "{twice}");
    let neither = store::open_sealed("memory:", None).unwrap_err();
    assert!(neither.to_string().contains("names no keys"), "{neither}");
}

#[test]
fn a_text_that_names_no_store_says_how_to_write_one_and_is_not_shown() {
    for (text, why) in [
        ("", "begin with the kind of store"),
        ("canary", "begin with the kind of store"),
        ("mysql://u:canary@h/d", "none of memory:"),
        ("memory:canary", "has no name"),
        ("file:", "names no path"),
        ("file://canary/x", "one slash before it or three"),
        ("file:x?canary=1", "no option canary"),
        ("memory:?key=canary", "key says where keys are"),
        ("memory:?key=file:", "key says where keys are"),
        ("memory:?key=env:ORGCONNECT_TEST_NOT_SET", "ORGCONNECT_TEST_NOT_SET holds no key"),
        ("memory:?key=keyring:canary", "names a service and an account"),
        ("postgres://u:canary@h/d?pool=0", "pool must be"),
    ] {
        let error = store::open(text).unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Refused);
        assert!(error.to_string().contains(why), "{text}: {error}");
        let shown = format!("{error} {error:?}").replace("option canary", "");
        assert!(!shown.contains("canary"), "{shown}");
    }
}
