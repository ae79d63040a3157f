//! One generator of ids and secrets: random by default, the same sequence every time when a seed is given.

use std::cell::Cell;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::canary::marked;

const ALPHANUMERIC: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// Makes ids (prefix and 24 hex digits), tokens and secrets.
#[derive(Debug)]
pub(crate) struct Ids {
    place: Cell<Option<Place>>,
}

/// Where a seeded sequence stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Place {
    pub(crate) seed: u64,
    pub(crate) drawn: u64,
}

impl Ids {
    pub(crate) fn new(seed: Option<u64>) -> Self {
        Self { place: Cell::new(seed.map(|seed| Place { seed, drawn: 0 })) }
    }

    pub(crate) fn place(&self) -> Option<Place> {
        self.place.get()
    }

    pub(crate) fn resume(&self, place: Option<Place>) {
        self.place.set(place);
    }

    /// An id such as `acc_` and 24 hex digits.
    pub(crate) fn id(&self, prefix: &str) -> String {
        format!("{prefix}{}", self.hex::<12>())
    }

    /// Twice `N` hex digits.
    pub(crate) fn hex<const N: usize>(&self) -> String {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        hex(&bytes)
    }

    /// Letters and digits.
    pub(crate) fn text(&self, length: usize) -> String {
        let mut text = String::with_capacity(length);
        while text.len() < length {
            let mut bytes = [0; 32];
            self.fill(&mut bytes);
            // Bytes past the last whole multiple of 62 would favour the first letters.
            let letters = bytes.iter().filter(|byte| **byte < 248);
            let letters =
                letters.map(|byte| char::from(ALPHANUMERIC[usize::from(*byte) % ALPHANUMERIC.len()]));
            text.extend(letters.take(length - text.len()));
        }
        text
    }

    /// A code, an access token or a refresh token: 32 ASCII characters.
    pub(crate) fn token(&self) -> String {
        marked(self.text(32))
    }

    /// A client secret: `CRN_` and 38 characters.
    pub(crate) fn client_secret(&self) -> String {
        format!("CRN_{}", marked(self.text(38)))
    }

    /// An Admin API key: `ADM_` and 38 characters.
    pub(crate) fn admin_api_key(&self) -> String {
        format!("ADM_{}", marked(self.text(38)))
    }

    fn fill(&self, bytes: &mut [u8]) {
        let Some(place) = self.place.get() else { return random(bytes) };
        self.place.set(Some(Place { drawn: place.drawn + 1, ..place }));
        let mut hash = Sha256::new();
        hash.update(b"orgconnect-sandbox");
        hash.update(place.seed.to_be_bytes());
        hash.update(place.drawn.to_be_bytes());
        for (byte, drawn) in bytes.iter_mut().zip(hash.finalize()) {
            *byte = drawn;
        }
    }
}

/// 32 hex digits from the operating system, whatever the seed: for what must never be guessed or repeated.
pub(crate) fn unguessable() -> String {
    let mut bytes = [0; 16];
    random(&mut bytes);
    hex(&bytes)
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}"); // writing to a String cannot fail
        text
    })
}

fn random(bytes: &mut [u8]) {
    // There is no safe way on without random numbers, and no system we run on refuses them after start-up.
    if let Err(error) = getrandom::fill(bytes) {
        panic!("the operating system gave no random numbers: {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_ids_and_goes_on_where_it_stood() {
        let (one, other) = (Ids::new(Some(7)), Ids::new(Some(7)));
        assert_eq!(one.id("acc_"), other.id("acc_"));
        assert_eq!(one.client_secret(), other.client_secret());
        let resumed = Ids::new(None);
        resumed.resume(one.place());
        assert_eq!(resumed.token(), other.token());
    }

    #[test]
    fn ids_and_secrets_have_cronofys_form() {
        let ids = Ids::new(None);
        assert_eq!(ids.id("acc_").len(), 28);
        assert_eq!(ids.token().len(), 32);
        assert!(ids.token().bytes().all(|byte| byte.is_ascii_alphanumeric()));
        assert_eq!(ids.client_secret().len(), 42);
        assert_ne!(ids.token(), ids.token());
    }
}
