//! Connect an organization's calendars through Cronofy's Organization Connect, and act as any of its members.
//!
//! 1. [`Client::authorize`] builds the URL to send an owner of the organization to.
//! 2. [`Client::complete`] checks the callback, exchanges its code and stores the tokens under a [`ConnectionId`].
//! 3. [`Client::organization`] opens the connection, today or in a year: tokens are refreshed by themselves.
//! 4. [`Organization::impersonate`] acts as a member: every call carries `Cronofy-Impersonate`.
//!
//! ```no_run
//! use orgconnect::{AuthorizationRequest, Client, DataCenter, FileStore};
//! # async fn example(callback_url: &str) -> orgconnect::Result<()> {
//! let client = Client::builder("CLIENT_ID", "CLIENT_SECRET")
//!     .data_center(DataCenter::Uk)
//!     .store(FileStore::open("tokens")?)
//!     .build()?;
//! let pending = client.authorize(AuthorizationRequest::organization("https://app.example/callback"))?;
//! println!("send the owner to {}", pending.url());
//! let session = client.serialize_pending(&pending); // keep it in the owner's session
//!
//! let connection = client.complete(&client.pending(&session)?, callback_url).await?;
//! let doc = connection.organization().impersonate_email("doc@example.com").await?;
//! println!("{}", String::from_utf8_lossy(&doc.send("userinfo.read", Default::default()).await?.body));
//! # Ok(()) }
//! ```
//!
//! All of it is async and runs on tokio. Errors are one type, [`Error`], whose [`kind`](Error::kind) says what to do.
#![forbid(unsafe_code)]

/// The examples of the README, kept true.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;

mod account;
pub mod api;
mod auth;
mod batch;
mod caller;
mod client;
mod clock;
mod config;
mod connection;
mod embed;
mod error;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod handle;
mod hex;
mod http;
mod ids;
mod lock;
pub mod operation;
mod organization;
#[cfg(feature = "api")]
pub mod paging;
mod process;
mod public_client;
mod random;
mod refresher;
mod secret;
mod service_account;
mod shape;
pub mod store;
mod token_source;
#[cfg(feature = "api")]
pub mod types;
pub mod webhook;
mod wire;

#[cfg(feature = "keyring")]
pub use self::store::KeyringStore;
#[cfg(feature = "postgres")]
pub use self::store::PostgresStore;
#[cfg(feature = "redis")]
pub use self::store::RedisStore;
#[cfg(feature = "sqlite")]
pub use self::store::SqliteStore;
#[cfg(feature = "sealed")]
pub use self::store::{Keys, Rewrapped, SealedStore};
#[cfg(feature = "api")]
pub use self::types::{Nullable, Time};
pub use self::{
    account::Account,
    auth::{
        authorize::{AuthorizationRequest, Flow, PendingAuthorization},
        callback::Callback,
        token::{ConnectionKind, ConnectionState},
    },
    batch::Batch,
    caller::{CallOptions, find_operation, operations},
    client::{Client, ClientBuilder},
    clock::{Clock, ManualClock, SystemClock},
    config::DataCenter,
    connection::{Connection, ConnectionSummary},
    embed::EmbedTokens,
    error::{Error, ErrorKind, FieldError, Result},
    handle::Handle,
    http::{limit::RateLimit, response::Reply, retry::RetryPolicy},
    ids::{ConnectionId, Sub},
    organization::Organization,
    public_client::{HandOff, PublicClient, PublicClientBuilder},
    refresher::{Refresher, RefresherStats, RunningRefresher},
    secret::Secret,
    service_account::ServiceAccount,
    store::{FileStore, MemoryStore, TokenStore},
    token_source::{AccessToken, AccessTokenSource, TokenSourceError},
};
