//! What must hold whatever arrives: one function for each surface that takes text from outside. Each panics if its promise
//! does not hold. `fuzz/` drives them with libFuzzer, and the test here with what is kept in `fuzz/seeds/`.
//!
//! Compiled for tests and with `--cfg fuzzing` alone; no part of the crate's interface.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "a promise that does not hold is a panic"
)]

mod answer;
mod callback;
mod pending;
mod request;
mod store;
mod token_reply;
mod webhook;

use jiff::Timestamp;
use serde_json::Value;

pub use self::{
    answer::{answer, events},
    callback::callback,
    pending::pending,
    request::{arguments, next_page},
    store::record,
    token_reply::token_reply,
    webhook::webhook,
};
#[cfg(feature = "sealed")]
pub use store::sealed;

use crate::Error;

const STATE: &str = "a-state-that-nobody-can-guess";
const REDIRECT: &str = "https://app.example/callback";

/// When everything happens.
fn now() -> Timestamp {
    Timestamp::from_second(1_772_366_400).unwrap()
}

/// The first octet, which selects, and the rest.
fn choice(data: &[u8]) -> Option<(usize, &[u8])> {
    data.split_first().map(|(first, rest)| (usize::from(*first), rest))
}

/// The first line, and all after it.
fn line(data: &[u8]) -> (&[u8], &[u8]) {
    match data.iter().position(|octet| *octet == b'\n') {
        Some(end) => (&data[..end], &data[end + 1..]),
        None => (data, b""),
    }
}

/// An error shows none of these, and nothing with which a log could be forged.
fn check_error<'a>(error: &Error, secrets: impl IntoIterator<Item = &'a str>) {
    let shown = [error.to_string(), format!("{error:?}")];
    for secret in secrets {
        assert!(!shown.iter().any(|text| text.contains(secret)), "a secret is shown: {shown:?}");
    }
    assert!(!shown[0].contains(char::is_control), "a control character is in the message: {:?}", shown[0]);
}

/// An error is the same whatever it was that is refused: it can't show any of it.
fn check_constant(error: &Error, other: Option<Error>) {
    assert_eq!(format!("{error:?}"), format!("{:?}", other.expect("this is refused")));
}

/// Whether two texts are the same JSON, but for the last digit of a fraction, which the parser does not promise.
fn same_json(one: &[u8], other: &[u8]) -> bool {
    fn same(one: &Value, other: &Value) -> bool {
        match (one, other) {
            (Value::Number(one), Value::Number(other)) if one.is_f64() && other.is_f64() => {
                let (one, other) = (one.as_f64().unwrap(), other.as_f64().unwrap());
                (one - other).abs() <= one.abs() * 1e-15
            }
            (Value::Array(one), Value::Array(other)) => {
                one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
            }
            (Value::Object(one), Value::Object(other)) => {
                one.len() == other.len()
                    && one.iter().zip(other).all(|(one, other)| one.0 == other.0 && same(one.1, other.1))
            }
            (one, other) => one == other,
        }
    }
    let read = |text| serde_json::from_slice::<Value>(text).expect("what was written is JSON");
    one == other || same(&read(one), &read(other))
}

#[cfg(test)]
mod tests {
    use super::*;

    type Target = (&'static str, fn(&[u8]));

    /// The targets by name: the folder of their seeds, and their file in `fuzz/fuzz_targets/`.
    const TARGETS: [Target; 10] = [
        ("answer", answer),
        ("arguments", arguments),
        ("callback", callback),
        ("events", events),
        ("next_page", next_page),
        ("pending", pending),
        ("record", record),
        #[cfg(feature = "sealed")]
        ("sealed", sealed),
        #[cfg(not(feature = "sealed"))]
        ("sealed", |_| {}),
        ("token_reply", token_reply),
        ("webhook", webhook),
    ];

    #[test]
    fn every_promise_holds_for_all_that_is_kept_in_the_seeds() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz");
        for (name, target) in TARGETS {
            target(b"");
            let seeds: Vec<_> = root.join("seeds").join(name).read_dir().unwrap().flatten().collect();
            assert!(seeds.len() >= 3, "{name} has seeds");
            for seed in seeds {
                let data = std::fs::read(seed.path()).unwrap();
                let held = std::panic::catch_unwind(|| target(&data));
                assert!(held.is_ok(), "{}", seed.path().display());
            }
            let driver = std::fs::read_to_string(root.join(format!("fuzz_targets/{name}.rs"))).unwrap();
            assert!(
                driver.contains(&format!("fuzzing::{name}(")),
                "{name} is driven by the file of its name"
            );
        }
        let count = |folder: &str| root.join(folder).read_dir().unwrap().count();
        assert_eq!((count("seeds"), count("fuzz_targets")), (TARGETS.len(), TARGETS.len()));
    }
}
