//! The native part of the npm package `orgconnect`: converts, calls the core, converts back. TypeScript (`ts/`) makes of it
//! what users see.
//!
//! - `runtime` is the one thread that all I/O happens on.
//! - `channel` carries finished calls back to a JavaScript thread, many at a time, and questions to stores written in
//!   JavaScript.
//! - Everything else wraps a type of the core.
//!
//! A panic must not leave Rust, or the process would end: every function that JavaScript calls is marked `catch_unwind`, and a call
//! that breaks off settles all the same.
#![deny(unsafe_code)]
// What napi exports is handed over by value, and is reached from JavaScript alone.
#![allow(clippy::needless_pass_by_value, missing_docs, unreachable_pub)]

mod authorization;
mod batch;
#[cfg(orgconnect_sanitized)]
mod broken;
mod channel;
mod client;
mod clock;
mod connection;
mod convert;
mod embed;
mod error;
mod handle;
mod host_store;
mod refresher;
mod runtime;
mod settings;
mod store;
mod webhook;

/// Calls allocate on one thread and free on the other, which the allocator of the C library does slowly. The address sanitizer
/// sees only what comes from there.
#[cfg(not(orgconnect_sanitized))]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
