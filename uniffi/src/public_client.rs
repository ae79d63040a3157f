//! The door of apps: no secret and no refresh token goes through it.

use std::sync::Arc;

use orgconnect::{HandOff, PublicClient};

use crate::{
    error::NativeResult,
    handle::NativeHandle,
    settings::{NativeSettings, apply},
    token_source::{ForeignSource, NativeAccessTokenSource},
};

/// A client that calls with access tokens of a source.
#[derive(Debug, uniffi::Object)]
pub struct NativePublicClient(PublicClient);

#[uniffi::export]
impl NativePublicClient {
    /// Checks the settings and makes the client.
    #[uniffi::constructor]
    pub fn new(
        source: Arc<dyn NativeAccessTokenSource>,
        settings: NativeSettings,
    ) -> NativeResult<Arc<Self>> {
        let builder = apply!(settings, PublicClient::builder(ForeignSource(source)));
        Ok(Arc::new(Self(builder.build()?)))
    }

    /// The user for whom the source hands out tokens.
    pub fn account(&self) -> NativeResult<Arc<NativeHandle>> {
        Ok(NativeHandle::of(&self.0.account()))
    }

    /// Takes an authorization URL that the backend made.
    pub fn hand_off(&self, authorization_url: String) -> NativeResult<Arc<NativeHandOff>> {
        Ok(Arc::new(NativeHandOff(self.0.hand_off(&authorization_url)?)))
    }
}

/// An authorization URL on its way through an app.
#[derive(Debug, uniffi::Object)]
pub struct NativeHandOff(HandOff);

#[uniffi::export]
impl NativeHandOff {
    /// What to open in the system's browser.
    pub fn url(&self) -> NativeResult<String> {
        Ok(self.0.url().to_owned())
    }

    /// Where the browser comes back to.
    pub fn redirect_uri(&self) -> NativeResult<String> {
        Ok(self.0.redirect_uri().to_owned())
    }

    /// Whether a link that the app was opened with is a callback.
    pub fn is_callback(&self, link: String) -> NativeResult<bool> {
        Ok(self.0.is_callback(&link))
    }

    /// Checks that a callback answers this authorization, and returns what to send to the backend.
    pub fn accept(&self, callback_url: String) -> NativeResult<String> {
        Ok(self.0.accept(&callback_url)?)
    }
}
