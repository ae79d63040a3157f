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
pub(crate) mod hand_off;
pub(crate) mod refresh;
pub(crate) mod token;

#[cfg(test)]
mod tests;

/// The scope of Organization Connect.
pub(crate) const ORGANIZATION_SCOPE: &str = "organizational_unit_scheduler";
