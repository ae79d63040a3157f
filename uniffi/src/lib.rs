//! The core for Kotlin and Swift: converts, calls, converts, and decides nothing.
//!
//! There are two doors. [`client`] is that of servers, with the application's secret. [`public_client`] is that of apps on
//! people's devices, which takes neither a secret nor a refresh token; a library for apps is built without the feature
//! `server`, and then has no other. Every REST call goes through [`handle::NativeHandle::send`].
//!
//! Names begin with `Native`, since the packages have types of their own with the plain names. Everything that can fail,
//! and everything that runs code of the host, returns a `Result`: a panic elsewhere would end a Swift process.
#![allow(
    clippy::needless_pass_by_value,
    clippy::result_large_err,
    reason = "UniFFI hands values over, and an error goes straight over the bridge"
)]

#[cfg(feature = "server")]
pub mod client;
pub mod clock;
#[cfg(feature = "server")]
pub mod connection;
#[cfg(feature = "server")]
pub mod embed;
pub mod error;
#[cfg(feature = "server")]
pub mod foreign_store;
pub mod handle;
pub mod lane;
pub mod public_client;
#[cfg(feature = "server")]
pub mod refresher;
pub mod runtime;
pub mod settings;
#[cfg(feature = "server")]
pub mod store;
pub mod token_source;
#[cfg(feature = "server")]
pub mod webhook;

uniffi::setup_scaffolding!("orgconnect_native");
