//! Stores by their name: one text says which store, where, and where the keys are that seal it.

use std::{path::PathBuf, sync::Arc};

use super::{FileStore, MemoryStore, StoreError, StoreErrorKind, TokenStore, address, address::Address};

/// What a text can begin with if the program was built with the feature for it.
const WITH_A_FEATURE: [&str; 7] =
    ["sqlite", "keyring", "postgres", "postgresql", "redis", "rediss", "redis+unix"];

/// Opens the store that a text names.
///
/// | text | store | feature |
/// | --- | --- | --- |
/// | `memory:` | in the memory of this process; every call opens another one | |
/// | `file:tokens`, `file:///var/lib/app/tokens` | files in a directory | |
/// | `sqlite:tokens.db`, `sqlite:///var/lib/app/tokens.db` | a SQLite database | `sqlite` |
/// | `postgres://user:password@host/database` | PostgreSQL | `postgres` |
/// | `redis://…`, `rediss://…`, `redis+unix:///…` | Redis or Valkey | `redis` |
/// | `keyring:tokens` | files in a directory, sealed with a key in the operating system's keyring | `keyring` |
///
/// What else a store's own `open` takes stands in the query. Any of them may have `key` there, which seals it (feature
/// `sealed`): `key=env:NAME` for keys in an environment variable, `key=file:/path` for keys in a file, and
/// `key=keyring:service/account` for keys in the keyring; the text never holds a key itself. In paths, `%`, `?` and `#` are
/// written `%25`, `%3F` and `%23`.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let store = orgconnect::store::open("memory:")?;
/// let client = orgconnect::Client::builder("CLIENT_ID", "CLIENT_SECRET").shared_store(store).build()?;
/// # Ok(()) }
/// ```
///
/// # Errors
/// [`StoreErrorKind::Refused`] for a text that names no store, or one that this program was built without; and what the
/// store's own `open` reports. The text, which may hold a password, is never shown.
pub fn open(text: &str) -> Result<Arc<dyn TokenStore>, StoreError> {
    let mut address = Address::parse(text)?;
    match address.take("key") {
        None => plain(address),
        #[cfg(feature = "sealed")]
        Some(source) => Ok(Arc::new(super::SealedStore::shared(plain(address)?, keys(&source)?))),
        #[cfg(not(feature = "sealed"))]
        Some(_) => Err(refused("this program was built without the feature `sealed`, which key needs")),
    }
}

/// Opens the store that a text names, and seals it: with these keys, which come from elsewhere, or with those that the text
/// names.
///
/// # Errors
/// As [`open`]; and [`StoreErrorKind::Refused`] if there are keys in both places, or in neither.
#[cfg(feature = "sealed")]
pub fn open_sealed(text: &str, keys: Option<super::Keys>) -> Result<super::SealedStore, StoreError> {
    let mut address = Address::parse(text)?;
    let keys = match (address.take("key"), keys) {
        (Some(source), None) => self::keys(&source)?,
        (None, Some(keys)) => keys,
        (Some(_), Some(_)) => {
            return Err(refused("it names a key, and keys are given beside it; use one of the two"));
        }
        (None, None) => return Err(refused("it names no keys; add key=env:NAME or key=file:/path")),
    };
    Ok(super::SealedStore::shared(plain(address)?, keys))
}

fn plain(address: Address) -> Result<Arc<dyn TokenStore>, StoreError> {
    let base = address.base.clone();
    let Some((scheme, rest)) = base.split_once(':') else {
        return Err(refused(
            "it does not begin with the kind of store, like file:tokens or sqlite:tokens.db",
        ));
    };
    // A password may hold anything; what names a server does not.
    match scheme {
        "memory" if rest.is_empty() => {
            address.finish()?;
            Ok(Arc::new(MemoryStore::new()))
        }
        "memory" => Err(refused("a store in memory has no name; write `memory:`")),
        "file" => Ok(Arc::new(FileStore::open(path(rest, address)?)?)),
        #[cfg(feature = "sqlite")]
        "sqlite" => Ok(Arc::new(super::SqliteStore::open(path(rest, address)?)?)),
        #[cfg(feature = "keyring")]
        "keyring" => Ok(Arc::new(super::KeyringStore::open(path(rest, address)?)?)),
        #[cfg(feature = "postgres")]
        "postgres" | "postgresql" => Ok(Arc::new(super::PostgresStore::open(&address.rest())?)),
        #[cfg(feature = "redis")]
        "redis" | "rediss" | "redis+unix" => Ok(Arc::new(super::RedisStore::open(&address.rest())?)),
        scheme if WITH_A_FEATURE.contains(&scheme) => {
            Err(refused(&format!("this program was built without the feature that {scheme}: needs")))
        }
        _ => Err(refused(
            "it begins with none of memory:, file:, sqlite:, postgres:, redis:, rediss: and keyring:",
        )),
    }
}

/// The path after the scheme, with or without the slashes of a URL before it.
fn path(rest: &str, address: Address) -> Result<PathBuf, StoreError> {
    address.finish()?;
    let path = match rest.strip_prefix("//") {
        Some(path) if path.starts_with('/') => path,
        Some(_) => {
            return Err(refused(
                "a path has one slash before it or three, like file:tokens or file:///var/tokens",
            ));
        }
        None => rest,
    };
    if path.is_empty() {
        return Err(refused("it names no path, like file:tokens or file:///var/tokens"));
    }
    address::decode(path).map(PathBuf::from)
}

/// The keys that a text says where to find.
#[cfg(feature = "sealed")]
fn keys(source: &str) -> Result<super::Keys, StoreError> {
    use super::Keys;
    match source.split_once(':') {
        Some(("env", variable)) if !variable.is_empty() => Keys::from_environment(variable),
        Some(("file", path)) if !path.is_empty() => Keys::from_file(path),
        #[cfg(feature = "keyring")]
        Some(("keyring", entry)) => match entry.split_once('/') {
            Some((service, account)) if !service.is_empty() && !account.is_empty() => {
                Keys::from_keyring(service, account)
            }
            _ => Err(refused("key=keyring: names a service and an account, like keyring:my-app/token-key")),
        },
        #[cfg(not(feature = "keyring"))]
        Some(("keyring", _)) => {
            Err(refused("this program was built without the feature that keyring: needs"))
        }
        // What stands there may be a key, in the wrong place.
        _ => Err(refused("key says where keys are: env:NAME, file:/path or keyring:service/account")),
    }
}

fn refused(why: &str) -> StoreError {
    StoreError::new(StoreErrorKind::Refused, format!("the name of the token store: {why}"))
}
