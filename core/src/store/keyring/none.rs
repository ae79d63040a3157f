//! A phone has no keyring that a store could be guarded with.

use super::Failure;
use crate::Secret;

pub(super) fn read(_: &str, _: &str) -> Result<Option<Secret>, Failure> {
    Err(Failure::Absent("this system has none".to_owned()))
}

pub(super) fn write(_: &str, _: &str, _: &Secret) -> Result<(), Failure> {
    Err(Failure::Absent("this system has none".to_owned()))
}
