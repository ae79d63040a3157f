//! The keys that seal records: one current, which seals, and older ones, which only open.

use std::{error::Error as StdError, fmt, fs::File, io::Read, path::Path};

use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::{
    Secret, random,
    store::{StoreError, StoreErrorKind, rights},
};

const KEY_LENGTH: usize = 32;
const ID_LENGTH: usize = 16;
/// Room for a hundred keys; a longer file is not one of keys.
const LARGEST_FILE: u64 = 8 << 10;
const HOW_TO_MAKE_ONE: &str = "make one with `openssl rand -base64 32`";

/// The keys of a [`SealedStore`](super::SealedStore): 32 random octets each.
///
/// A key is known by an id that is derived from it (the beginning of a hash), so that nobody can give two keys the
/// same name. As text, a key is base64, in either alphabet; several are separated by blanks, line ends or commas, the
/// current one first. Keys are erased from memory when dropped and can't be printed.
#[derive(Clone)]
pub struct Keys {
    current: Key,
    older: Vec<Key>,
}

#[derive(Clone)]
struct Key {
    id: String,
    secret: Zeroizing<[u8; KEY_LENGTH]>,
}

impl Keys {
    /// A new random key, as text for [`from_base64`](Self::from_base64).
    pub fn generate() -> Secret {
        Secret::from(random::token())
    }

    /// One key.
    ///
    /// # Errors
    /// [`StoreErrorKind::Refused`] if these are not 32 octets, or all of them are the same.
    pub fn from_bytes(octets: &[u8]) -> Result<Self, StoreError> {
        Ok(Self { current: Key::new(octets)?, older: Vec::new() })
    }

    /// One or more keys as text.
    ///
    /// # Errors
    /// [`StoreErrorKind::Refused`] if there is none, or one is no key.
    pub fn from_base64(text: &str) -> Result<Self, StoreError> {
        let mut keys = text
            .split(|separator: char| separator == ',' || separator.is_ascii_whitespace())
            .filter(|part| !part.is_empty())
            .map(decode);
        let current =
            keys.next().unwrap_or_else(|| Err(refused(format!("there is no key; {HOW_TO_MAKE_ONE}"))))?;
        keys.try_fold(Self { current, older: Vec::new() }, |all, key| Ok(all.with_one_older(key?)))
    }

    /// The keys in an environment variable.
    ///
    /// # Errors
    /// [`StoreErrorKind::Refused`] if it is not set, or holds anything else.
    pub fn from_environment(variable: &str) -> Result<Self, StoreError> {
        let text = std::env::var(variable).map(Zeroizing::new).map_err(|_| {
            refused(format!("the environment variable {variable} holds no key; {HOW_TO_MAKE_ONE} and set it"))
        })?;
        Self::from_base64(&text)
            .map_err(|error| refused(format!("the environment variable {variable}: {error}")))
    }

    /// The keys in a file that its owner alone may read.
    ///
    /// # Errors
    /// [`StoreErrorKind::Refused`] if it can't be read, others may read it, or it holds anything else.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let path = path.as_ref();
        let refuse = |why: &dyn fmt::Display| refused(format!("the key file {}: {why}", path.display()));
        let unreadable = |error: std::io::Error| {
            refuse(&format!("it can't be read ({error}); check the path and its rights")).with_source(error)
        };
        let found = std::fs::metadata(path).map_err(unreadable)?;
        if !found.is_file() {
            return Err(refuse(&"it is not a plain file; name another"));
        }
        let file = File::open(path).map_err(unreadable)?;
        if rights::others_may_read(&file.metadata().map_err(unreadable)?) {
            return Err(refuse(&"other users can read it; run `chmod 600` on it"));
        }
        let mut text = Zeroizing::new(String::with_capacity(usize::try_from(LARGEST_FILE + 1).unwrap_or(0)));
        file.take(LARGEST_FILE + 1).read_to_string(&mut text).map_err(unreadable)?;
        if text.len() as u64 > LARGEST_FILE {
            return Err(refuse(&"it is too long to hold keys; name another"));
        }
        Self::from_base64(&text).map_err(|error| refuse(&error))
    }

    /// The keys, as text, that a function fetches: from a keyring or a key service. It is called once, now.
    ///
    /// # Errors
    /// [`StoreErrorKind::Refused`] if it fails, with its error as the source, or returns anything else.
    pub fn from_callback<E>(callback: impl FnOnce() -> Result<Secret, E>) -> Result<Self, StoreError>
    where
        E: Into<Box<dyn StdError + Send + Sync>>,
    {
        let text = callback().map_err(|error| {
            refused("the key could not be fetched; see the cause, and check where it is kept".to_owned())
                .with_source(error)
        })?;
        Self::from_base64(text.expose())
    }

    /// Adds keys that open older records and seal none.
    pub fn with_older(self, older: Self) -> Self {
        older.older.into_iter().fold(self.with_one_older(older.current), Self::with_one_older)
    }

    /// The id of the key that seals, as it stands in the records.
    pub fn current_id(&self) -> &str {
        &self.current.id
    }

    /// The ids of the keys that only open.
    pub fn older_ids(&self) -> impl Iterator<Item = &str> {
        self.older.iter().map(|key| key.id.as_str())
    }

    pub(super) fn current(&self) -> (&str, &[u8; KEY_LENGTH]) {
        (&self.current.id, &self.current.secret)
    }

    pub(super) fn find(&self, id: &str) -> Option<&[u8; KEY_LENGTH]> {
        std::iter::once(&self.current).chain(&self.older).find(|key| key.id == id).map(|key| &*key.secret)
    }

    fn with_one_older(mut self, key: Key) -> Self {
        if self.find(&key.id).is_none() {
            self.older.push(key);
        }
        self
    }
}

impl Key {
    fn new(octets: &[u8]) -> Result<Self, StoreError> {
        let mut secret = Zeroizing::new([0; KEY_LENGTH]);
        if octets.len() != KEY_LENGTH {
            return Err(refused(format!("a key has 32 octets, not {}; {HOW_TO_MAKE_ONE}", octets.len())));
        }
        if octets.iter().all(|octet| Some(octet) == octets.first()) {
            return Err(refused(format!("a key of equal octets protects nothing; {HOW_TO_MAKE_ONE}")));
        }
        secret.copy_from_slice(octets);
        let hash = Sha256::new().chain_update("orgconnect.key-id.v1\0").chain_update(octets).finalize();
        let mut id = crate::hex::of(&hash);
        id.truncate(ID_LENGTH);
        Ok(Self { id, secret })
    }
}

/// Whether a text can be the id of a key.
pub(in crate::store) fn is_id(text: &str) -> bool {
    text.len() == ID_LENGTH && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

fn decode(text: &str) -> Result<Key, StoreError> {
    let alphabet = if text.contains(['-', '_']) { alphabet::URL_SAFE } else { alphabet::STANDARD };
    let padding = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let octets = GeneralPurpose::new(&alphabet, padding)
        .decode(text)
        .map(Zeroizing::new)
        // The cause would name a part of the text.
        .map_err(|_| refused(format!("a key is not base64; {HOW_TO_MAKE_ONE}")))?;
    Key::new(&octets)
}

fn refused(message: String) -> StoreError {
    StoreError::new(StoreErrorKind::Refused, message)
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys")
            .field("current", &self.current.id)
            .field("older", &self.older_ids().collect::<Vec<_>>())
            .finish()
    }
}
