//! Embed tokens.

use std::{sync::Arc, time::Duration};

use orgconnect::{Clock, EmbedTokens, SystemClock};

use crate::{clock::NativeClock, error::NativeResult, handle::read};

/// Signs embed tokens with the key pair of an embed.
#[derive(Debug, uniffi::Object)]
pub struct NativeEmbedTokens(EmbedTokens);

#[uniffi::export]
impl NativeEmbedTokens {
    /// Takes the embed's public key and its secret, and how long tokens live.
    #[uniffi::constructor]
    pub fn new(public_key: String, secret: String, lifetime_ms: Option<u64>) -> NativeResult<Arc<Self>> {
        let tokens = EmbedTokens::new(public_key, secret)?;
        Ok(Arc::new(Self(match lifetime_ms {
            Some(lifetime) => tokens.lifetime(Duration::from_millis(lifetime))?,
            None => tokens,
        })))
    }

    /// Signs a token that carries these claims: the text of a JSON object.
    pub fn sign(&self, claims: Vec<u8>, clock: Option<Arc<NativeClock>>) -> NativeResult<String> {
        let claims = read("claims", &claims)?;
        let clock: &dyn Clock = match &clock {
            Some(clock) => &*clock.0,
            None => &SystemClock,
        };
        Ok(self.0.sign(claims, clock)?.expose().to_owned())
    }
}
