//! Models of what must hold under every interleaving. `core/src/auth/flight.rs` itself is compiled here, on loom's and on
//! shuttle's primitives in place of the standard library's.
#![forbid(unsafe_code)]
#![allow(clippy::duplicate_mod, reason = "the same source on other primitives is the point")]

#[cfg(test)]
#[allow(dead_code, clippy::unwrap_used, clippy::pedantic, unreachable_pub, reason = "tests")]
mod exhaustive;
#[cfg(test)]
#[allow(dead_code, clippy::unwrap_used, clippy::pedantic, unreachable_pub, reason = "tests")]
mod random;
