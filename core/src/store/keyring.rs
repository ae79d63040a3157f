//! The operating system's keyring: as a place for keys, and as the guard of a store on a desktop or a developer's machine.
//!
//! A keyring holds one small secret well, and many large ones badly: Windows takes 2,560 octets an entry, none has
//! compare-and-swap, and some ask the user each time. So the keyring holds a key, and files hold what that key seals.
//!
//! A keyring that is locked may wait for somebody who isn't there. It is asked on a thread of its own and given up on
//! after a while, and nothing is ever kept in clear text in its place.

#[cfg_attr(any(target_os = "macos", windows), path = "keyring/native.rs")]
#[cfg_attr(any(target_os = "android", target_os = "ios"), path = "keyring/none.rs")]
#[cfg_attr(
    not(any(target_os = "android", target_os = "ios", target_os = "macos", windows)),
    path = "keyring/secret_service.rs"
)]
mod system;

use std::{
    fmt, fs,
    path::Path,
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use jiff::Timestamp;

use super::{
    Claim, ClaimQuery, ConnectionKey, FileStore, Keys, Lease, ListQuery, ListedRecord, Record, SealedStore,
    StoreError, StoreErrorKind, StoredRecord, TokenStore, rights,
};
use crate::Secret;

/// How long the keyring may take: an error within three seconds is better than a program that hangs.
const PATIENCE: Duration = Duration::from_millis(2500);
/// Under which name the keys of stores are in the keyring.
const SERVICE: &str = "orgconnect";

/// Keeps records in files that are sealed with a key in the operating system's keyring: the Keychain of macOS, the
/// Credential Manager of Windows, or the Secret Service (GNOME Keyring, `KWallet`) elsewhere.
///
/// The key is made when the store is opened for the first time, and read once whenever it is opened. For many processes of
/// one user on one machine; a server has no keyring.
///
/// ```no_run
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use orgconnect::{Client, KeyringStore};
///
/// let client = Client::builder("CLIENT_ID", "CLIENT_SECRET").store(KeyringStore::open("tokens")?).build()?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct KeyringStore {
    sealed: std::sync::Arc<SealedStore>,
}

impl KeyringStore {
    /// Opens the directory (see [`FileStore::open`]) with the key that the keyring has for it, making both if there are
    /// none.
    ///
    /// # Errors
    /// [`StoreErrorKind::Refused`] if there is no keyring, or it has no key although the directory holds records;
    /// [`StoreErrorKind::Unavailable`] if the keyring is locked or doesn't answer within three seconds; and what
    /// [`FileStore::open`] reports.
    pub fn open(directory: impl AsRef<Path>) -> Result<Self, StoreError> {
        let files = FileStore::open(directory.as_ref())?;
        let directory = directory.as_ref().canonicalize().map_err(|error| {
            StoreError::new(StoreErrorKind::Unavailable, "the directory of the token store can't be resolved")
                .with_source(error)
        })?;
        let account = directory.display().to_string();
        let keys = match read(SERVICE, &account)? {
            Some(text) => Keys::from_base64(text.expose())?,
            None => make_key(&directory, &account)?,
        };
        Ok(Self { sealed: std::sync::Arc::new(SealedStore::new(files, keys)) })
    }
}

impl Keys {
    /// The keys in an entry of the operating system's keyring, as text. Feature `keyring`.
    ///
    /// # Errors
    /// [`StoreErrorKind::Refused`] if there is no keyring, no such entry, or it holds anything else;
    /// [`StoreErrorKind::Unavailable`] if the keyring is locked or doesn't answer within three seconds.
    pub fn from_keyring(service: &str, account: &str) -> Result<Self, StoreError> {
        let what = format!("the keyring's entry {account} of {service}");
        let Some(text) = read(service, account)? else {
            return Err(refused(&format!(
                "{what} is not there; make a key with `openssl rand -base64 32` and put it in"
            )));
        };
        Self::from_base64(text.expose()).map_err(|error| refused(&format!("{what}: {error}")))
    }
}

/// Makes a key for a directory that has none, unless there are records, which another key has sealed.
fn make_key(directory: &Path, account: &str) -> Result<Keys, StoreError> {
    let _lock = lock(directory)?;
    // Another process may have been quicker.
    if let Some(text) = read(SERVICE, account)? {
        return Keys::from_base64(text.expose());
    }
    let holds_records = fs::read_dir(directory)
        .map_err(|error| unavailable("the directory of the token store can't be listed").with_source(error))?
        .flatten()
        .any(|entry| entry.path().extension().is_some_and(|extension| extension == "json"));
    if holds_records {
        return Err(refused(&format!(
            "the keyring has no key for {account}, and there are records that one has sealed; bring the key back (entry {account} of \
             {SERVICE}), or remove the records and authorize again"
        )));
    }
    let generated = Keys::generate();
    write(SERVICE, account, &generated)?;
    // What the keyring gives back is what the next process will have.
    match read(SERVICE, account)? {
        Some(text) if text.matches(generated.expose()) => Keys::from_base64(text.expose()),
        _ => Err(refused("the keyring does not keep what it is given; look into its settings")),
    }
}

/// Holds other processes off while a key is made.
fn lock(directory: &Path) -> Result<fs::File, StoreError> {
    let file = rights::open_or_create(&directory.join("keyring.lock"))
        .map_err(|error| unavailable("the lock of the token store can't be opened").with_source(error))?;
    let began = Instant::now();
    while file.try_lock().is_err() {
        if began.elapsed() > PATIENCE {
            return Err(unavailable("another process is making a key for this token store; try again"));
        }
        thread::sleep(Duration::from_millis(10));
    }
    Ok(file)
}

fn read(service: &str, account: &str) -> Result<Option<Secret>, StoreError> {
    ask(service, account, system::read)
}

fn write(service: &str, account: &str, text: &Secret) -> Result<(), StoreError> {
    let text = text.clone();
    ask(service, account, move |service, account| system::write(service, account, &text))
}

/// Asks the keyring on a thread of its own, which is left behind if it doesn't come back.
fn ask<T: Send + 'static>(
    service: &str,
    account: &str,
    work: impl FnOnce(&str, &str) -> Result<T, Failure> + Send + 'static,
) -> Result<T, StoreError> {
    let (service, account) = (service.to_owned(), account.to_owned());
    let (sender, receiver) = mpsc::sync_channel(1);
    let asked = thread::Builder::new().name("orgconnect-keyring".to_owned()).spawn(move || {
        let _ = sender.send(work(&service, &account));
    });
    asked.map_err(|error| unavailable("no thread could be had to ask the keyring").with_source(error))?;
    match receiver.recv_timeout(PATIENCE) {
        Ok(answer) => answer.map_err(Failure::told),
        Err(_) => Err(unavailable(
            "the keyring has not answered; it may be locked and wait for its password: unlock it, and try again",
        )),
    }
}

/// Why the keyring did not do what it was asked, in words that hold nothing of what it holds.
enum Failure {
    /// There is none, or none that can be talked with.
    Absent(String),
    /// It wants a password, or somebody's consent.
    Locked(String),
    Ambiguous,
    NotText,
}

impl Failure {
    fn told(self) -> StoreError {
        match self {
            Self::Locked(why) => unavailable(&format!(
                "the keyring is locked, or gives no access ({why}); unlock it, and try again"
            )),
            Self::Absent(why) => refused(&format!(
                "there is no keyring to be reached ({why}); log in to a desktop session, or use a store with a key file"
            )),
            Self::Ambiguous => refused("the keyring has several entries of that name; remove all but one"),
            Self::NotText => refused("the keyring's entry is no text; remove it, or put a key in its place"),
        }
    }
}

fn refused(why: &str) -> StoreError {
    StoreError::new(StoreErrorKind::Refused, why)
}

fn unavailable(why: &str) -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable, why)
}

#[async_trait]
impl TokenStore for KeyringStore {
    fn identity(&self) -> String {
        self.sealed.identity()
    }

    fn is_encrypted(&self) -> bool {
        true
    }

    async fn load(&self, key: &ConnectionKey) -> Result<Option<StoredRecord>, StoreError> {
        self.sealed.load(key).await
    }

    async fn save(&self, key: &ConnectionKey, record: &Record, expected: u64) -> Result<u64, StoreError> {
        self.sealed.save(key, record, expected).await
    }

    async fn delete(&self, key: &ConnectionKey, expected: u64) -> Result<(), StoreError> {
        self.sealed.delete(key, expected).await
    }

    async fn acquire(&self, key: &ConnectionKey, ttl: Duration) -> Result<Option<Lease>, StoreError> {
        self.sealed.acquire(key, ttl).await
    }

    async fn release(&self, key: &ConnectionKey, lease: Lease) -> Result<(), StoreError> {
        self.sealed.release(key, lease).await
    }

    async fn list(&self, query: &ListQuery) -> Result<Vec<ListedRecord>, StoreError> {
        self.sealed.list(query).await
    }

    async fn claim_due(&self, query: &ClaimQuery) -> Result<Vec<Claim>, StoreError> {
        self.sealed.claim_due(query).await
    }

    async fn release_claims(&self, namespace: &str, claims: &[Claim]) -> Result<(), StoreError> {
        self.sealed.release_claims(namespace, claims).await
    }

    async fn sweep(&self, namespace: &str, before: Timestamp, limit: usize) -> Result<usize, StoreError> {
        self.sealed.sweep(namespace, before, limit).await
    }
}

impl fmt::Debug for KeyringStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyringStore").field("sealed", &self.sealed).finish()
    }
}
