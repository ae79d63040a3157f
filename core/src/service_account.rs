//! The handle for a connection of Enterprise Connect.

use crate::{caller::Caller, handle::handle};

/// A service account: it lists resources, and asks for authorizations of users and resources.
#[derive(Debug, Clone)]
pub struct ServiceAccount {
    caller: Caller,
}

handle!(ServiceAccount);
