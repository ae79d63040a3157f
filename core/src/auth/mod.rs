//! The OAuth half: authorization URLs, the callback, the exchange, and tokens that stay alive.
//!
//! The way of a connection:
//!
//! ```text
//!  authorize ──► owner approves ──► callback ──► complete ──► Active ──┬─ refresh (by itself) ─► Active
//!                      │                 │                             ├─ invalid_grant ──────► Dead ──► authorize again
//!                      └─ denies ────────┴─► Authorization error       └─ revoke ─► Revoking ─► Revoked
//! ```

pub(crate) mod authorize;
pub(crate) mod callback;
pub(crate) mod endpoint;
pub(crate) mod exchange;
mod flight;
pub(crate) mod hand_off;
pub(crate) mod refresh;
pub(crate) mod token;
pub(crate) mod tokens;
mod unsaved;

#[cfg(test)]
mod tests;

/// What `flight` is built on; the models of `tests/models/` put loom's and shuttle's in its place.
mod primitives {
    pub(super) use std::sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    };
}

/// The scope of Organization Connect.
pub(crate) const ORGANIZATION_SCOPE: &str = "organizational_unit_scheduler";
