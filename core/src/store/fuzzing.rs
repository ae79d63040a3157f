//! What `crate::fuzzing` checks within the stores.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a promise that does not hold is a panic")]

use std::path::Path;

use zeroize::Zeroizing;

use super::file;

/// Reads a record's file; the payload, if it is one.
pub(crate) fn file(data: &[u8]) -> Option<Zeroizing<String>> {
    let document = match file::parse(Path::new("tokens/0.json"), data) {
        Ok(document) => document,
        Err(error) => {
            assert!(error.to_string().starts_with("tokens/0.json "), "{error}");
            return None;
        }
    };
    let written = serde_json::to_vec(&document).unwrap();
    let read = file::parse(Path::new("tokens/0.json"), &written).expect("what was written can be read");
    assert_eq!((&read.namespace, &read.connection), (&document.namespace, &document.connection));
    let (read, stored) = (read.into_stored(), document.into_stored());
    assert_eq!((read.version, read.record.expires_at), (stored.version, stored.record.expires_at));
    assert_eq!(*read.record.payload, *stored.record.payload);
    assert!(!format!("{stored:?}").contains(&**stored.record.payload) || stored.record.payload.len() < 24);
    Some(stored.record.payload)
}

#[cfg(feature = "sealed")]
pub(crate) use seal::{changed, foreign_payload, keys, seal_and_open};

#[cfg(feature = "sealed")]
mod seal {
    use super::super::{
        ConnectionKey, Keys, MemoryStore, SealedStore,
        sealed::{self, seal},
    };
    use crate::ConnectionId;

    const KEY: &str = "kuTyWb4QoBzVd1nbkUOMmDSMZUBJmvTiCX9ZlZmOLPI=";
    const CLEAR: &str = r#"{"v":1,"access_token":"a","refresh_token":"b"}"#;

    thread_local! {
        static SEALED: (SealedStore, SealedStore, Keys) = {
            let keys = || Keys::from_base64(KEY).unwrap();
            let strict = SealedStore::new(MemoryStore::new(), keys());
            (strict, SealedStore::new(MemoryStore::new(), keys()).allow_clear_text_reads(), keys())
        };
    }

    fn of(namespace: &str, connection: &str) -> ConnectionKey {
        ConnectionKey { namespace: namespace.to_owned(), connection: ConnectionId::new(connection).unwrap() }
    }

    /// A text is keys or is refused, and is not shown.
    pub(crate) fn keys(text: &str) {
        match Keys::from_base64(text) {
            Ok(keys) => {
                let shown = format!("{keys:?}");
                assert!(sealed::keys::is_id(keys.current_id()) && keys.older_ids().all(sealed::keys::is_id));
                let parts = text.split([',', ' ', '\t', '\n', '\r', '\u{c}']);
                for part in parts.filter(|part| part.len() >= 42) {
                    assert!(!shown.contains(part), "a key is shown");
                }
            }
            Err(error) => {
                // Nothing of the text is told but how long it is.
                let told: String = error.to_string().chars().filter(|c| !c.is_ascii_digit()).collect();
                assert!(
                    told.starts_with("there is no key; ")
                        || told.starts_with("a key is not base; ")
                        || told.starts_with("a key has  octets, not ; ")
                        || told.starts_with("a key of equal octets protects nothing; "),
                    "{error}"
                );
                assert!(std::error::Error::source(&error).is_none());
            }
        }
    }

    /// Nobody without the key writes what opens.
    pub(crate) fn foreign_payload(text: &str) {
        SEALED.with(|(strict, lenient, keys)| {
            let key = of("uk/CLIENT_ID", "clinic");
            assert!(strict.open(keys, &key, text).is_err(), "somebody else's record was opened: {text:?}");
            if let Ok(clear) = lenient.open(keys, &key, text) {
                assert!(
                    *clear == text && text.starts_with('{'),
                    "only an object in clear text passes: {text:?}"
                );
            }
        });
    }

    /// What is sealed opens under its own key and place, and nowhere else.
    pub(crate) fn seal_and_open(clear: &str) {
        SEALED.with(|(strict, _, keys)| {
            let key = of("uk/CLIENT_ID", "clinic");
            let payload = seal(keys, &key, clear).unwrap();
            // What comes before the sealed part, the name of the key among it, anybody may know.
            let sealed = payload.rsplit(':').next().unwrap();
            assert!(clear.len() < 24 || !sealed.contains(clear));
            assert_eq!(*strict.open(keys, &key, &payload).unwrap(), clear);
            let other = Keys::from_bytes(b"another key of thirty-two octets").unwrap();
            assert!(strict.open(&other, &key, &payload).is_err());
            for elsewhere in
                [of("uk/CLIENT_ID", "other"), of("uk/CLIENT_I", "Dclinic"), of("de/CLIENT_ID", "clinic")]
            {
                assert!(strict.open(keys, &elsewhere, &payload).is_err(), "opened in another's place");
            }
        });
    }

    /// Three octets make one change: where, and to what. Whatever is changed does not open.
    pub(crate) fn changed(changes: &[u8]) {
        SEALED.with(|(strict, lenient, keys)| {
            let key = of("uk/CLIENT_ID", "clinic");
            let payload = seal(keys, &key, CLEAR).unwrap();
            let mut octets = payload.as_bytes().to_vec();
            for change in changes.chunks_exact(3) {
                let at = usize::from(u16::from_le_bytes([change[0], change[1]]));
                match change[2] {
                    0 => octets.truncate(at),
                    1 => octets.push(b'A'),
                    to if !octets.is_empty() => {
                        let at = at % octets.len();
                        octets[at] = to;
                    }
                    _ => {}
                }
            }
            let Ok(text) = std::str::from_utf8(&octets) else { return };
            if text == *payload {
                return;
            }
            let said = format!("a changed record was opened: {text} from {}", *payload);
            assert!(strict.open(keys, &key, text).is_err(), "{said}");
            // One that reads clear text as well takes an object in its place, as it says.
            assert!(text.starts_with('{') || lenient.open(keys, &key, text).is_err(), "{said}");
        });
    }
}
