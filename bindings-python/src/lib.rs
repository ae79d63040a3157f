//! The native module of the Python package: takes Python values, calls the core, gives Python values back. What the API
//! is, and what to do about it, is the core's business; what is pleasant in Python is the business of `python/orgconnect`.
//!
//! A call that waits for something is a `work::Work`: the synchronous facade waits for it, the asynchronous one hands it
//! to the `hub::Hub` of its event loop.
#![deny(unsafe_code)]

mod client;
mod clock;
mod connection;
mod convert;
mod embed;
mod ending;
mod error;
mod handle;
mod host;
mod hub;
mod pending;
mod process;
mod refresher;
mod runtime;
#[cfg(feature = "sandbox")]
mod sandbox;
mod store;
mod webhook;
mod work;

use pyo3::prelude::*;

#[pymodule(gil_used = false)]
mod _native {
    #[pymodule_export]
    use crate::client::Client;
    #[pymodule_export]
    use crate::clock::ManualClock;
    #[pymodule_export]
    use crate::connection::Connection;
    #[pymodule_export]
    use crate::embed::EmbedTokens;
    #[pymodule_export]
    use crate::ending::before_end;
    #[pymodule_export]
    use crate::handle::{Batch, Handle, Reply};
    #[pymodule_export]
    use crate::hub::Hub;
    #[pymodule_export]
    use crate::pending::PendingAuthorization;
    #[pymodule_export]
    use crate::process::{after_fork_in_child, after_fork_in_parent, before_fork};
    #[pymodule_export]
    use crate::refresher::Refresher;
    #[cfg(feature = "sandbox")]
    #[pymodule_export]
    use crate::sandbox::Sandbox;
    #[pymodule_export]
    use crate::store::{
        FileStore, HostStore, KeyringStore, Keys, MemoryStore, PostgresStore, RedisStore, SealedStore,
        SqliteStore, Store, open_store,
    };
    #[pymodule_export]
    use crate::webhook::{ReplayGuard, Verifier};
    #[pymodule_export]
    use crate::work::Work;

    #[pymodule_export]
    const VERSION: &str = env!("CARGO_PKG_VERSION");
}
