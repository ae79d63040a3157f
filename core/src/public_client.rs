//! The client for programs that can keep no secret, such as apps on people's devices: whatever is in such a program can be
//! read by whoever has it.

use std::{fmt, sync::Arc};

use crate::{
    AccessTokenSource, Account, Result,
    caller::{Caller, Credential},
    token_source::SourcedTokens,
    wire::{Wire, WireSettings, wire_settings},
};

pub use crate::auth::hand_off::HandOff;

/// A client without a secret and without a refresh token: it calls with access tokens that an [`AccessTokenSource`] hands
/// out, at Cronofy or at a backend of your own that passes calls on.
///
/// There is no way to give it a secret. What needs one (making an authorization URL, exchanging a code, organizations,
/// webhooks) is done by a [`Client`](crate::Client) on your backend.
///
/// ```no_run
/// # async fn example(source: impl orgconnect::AccessTokenSource, url_from_backend: &str, link: &str) -> orgconnect::Result<()> {
/// let client = orgconnect::PublicClient::builder(source).base_url("https://backend.example").build()?;
/// let hand_off = client.hand_off(url_from_backend)?; // open hand_off.url() in the system's browser
/// let for_backend = hand_off.accept(link)?; // what came back; the backend completes it
///
/// let reply = client.account().send("userinfo.read", Default::default()).await?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct PublicClient {
    wire: Arc<Wire>,
    tokens: Arc<SourcedTokens>,
}

/// Sets a public client up. Every setting has a default; what is wrong is said by [`build`](Self::build).
#[derive(Clone)]
#[must_use]
pub struct PublicClientBuilder {
    source: Arc<dyn AccessTokenSource>,
    wire: WireSettings,
}

wire_settings!(PublicClientBuilder);

impl PublicClient {
    /// Begins to set up a client that asks `source` for access tokens.
    pub fn builder(source: impl AccessTokenSource) -> PublicClientBuilder {
        Self::builder_shared(Arc::new(source))
    }

    /// Like [`builder`](Self::builder), for a source that others use too.
    pub fn builder_shared(source: Arc<dyn AccessTokenSource>) -> PublicClientBuilder {
        PublicClientBuilder { source, wire: WireSettings::default() }
    }

    /// The user for whom the source hands out tokens. No I/O.
    pub fn account(&self) -> Account {
        Account::new(Caller::new(Arc::clone(&self.wire), Credential::Source(Arc::clone(&self.tokens))))
    }

    /// Takes an authorization URL that the backend made, to be opened in the system's browser. No I/O.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid), naming `authorization_url`, if it leads anywhere but to an authorization page
    /// of Cronofy or of the base URL.
    pub fn hand_off(&self, authorization_url: &str) -> Result<HandOff> {
        HandOff::new(authorization_url, &self.wire.endpoints)
    }
}

impl PublicClientBuilder {
    /// Checks the settings and makes the client. No I/O but reading certificates.
    ///
    /// # Errors
    /// [`Config`](crate::ErrorKind::Config), naming the setting.
    pub fn build(self) -> Result<PublicClient> {
        Ok(PublicClient {
            wire: Arc::new(self.wire.build()?),
            tokens: Arc::new(SourcedTokens::new(self.source)),
        })
    }
}

impl fmt::Debug for PublicClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PublicClient").field("endpoints", &self.wire.endpoints.name).finish_non_exhaustive()
    }
}

impl fmt::Debug for PublicClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PublicClientBuilder").field("source", &self.source).finish_non_exhaustive()
    }
}
