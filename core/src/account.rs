//! The handle that acts as one user.

use crate::{Sub, caller::Caller, handle::handle};

/// One user: a member of an organization, by [`Organization::impersonate`](crate::Organization::impersonate), or the
/// account of a connection of its own.
///
/// A cheap view: clone it, keep it, make a new one for each call.
#[derive(Debug, Clone)]
pub struct Account {
    caller: Caller,
}

handle!(Account);

impl Account {
    /// The `sub` that calls are made as, for a member who is impersonated.
    pub fn sub(&self) -> Option<&Sub> {
        self.caller.impersonated()
    }
}
