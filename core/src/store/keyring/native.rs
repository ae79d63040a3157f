//! The keyrings of macOS (the Keychain) and Windows (the Credential Manager). Nothing is set for the whole process.

use keyring_core::{Entry, Error, api::CredentialStoreApi};

use super::Failure;
use crate::Secret;

/// The text of the entry, if there is one.
pub(super) fn read(service: &str, account: &str) -> Result<Option<Secret>, Failure> {
    match entry(service, account).and_then(|entry| entry.get_password()) {
        Ok(text) => Ok(Some(Secret::from(text))),
        Err(Error::NoEntry) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Makes the entry hold the text, whether there was one or not.
pub(super) fn write(service: &str, account: &str, text: &Secret) -> Result<(), Failure> {
    Ok(entry(service, account)?.set_password(text.expose())?)
}

#[cfg(target_os = "macos")]
fn entry(service: &str, account: &str) -> keyring_core::Result<Entry> {
    apple_native_keyring_store::keychain::Store::new()?.build(service, account, None)
}

#[cfg(windows)]
fn entry(service: &str, account: &str) -> keyring_core::Result<Entry> {
    windows_native_keyring_store::Store::new()?.build(service, account, None)
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::NoStorageAccess(cause) => Self::Locked(cause.to_string()),
            Error::PlatformFailure(cause) => Self::Absent(cause.to_string()),
            Error::NoDefaultStore => Self::Absent("this system has none".to_owned()),
            Error::Ambiguous(_) => Self::Ambiguous,
            _ => Self::NotText,
        }
    }
}
