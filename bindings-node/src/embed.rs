//! Embed tokens.

use napi_derive::napi;
use orgconnect::{EmbedTokens, SystemClock};

use crate::{
    convert::{duration, object},
    error::{Result, thrown},
};

#[napi(js_name = "EmbedTokens")]
pub struct NativeEmbedTokens {
    tokens: EmbedTokens,
}

#[napi]
impl NativeEmbedTokens {
    #[napi(factory, catch_unwind)]
    pub fn build(public_key: String, secret: String, lifetime: Option<f64>) -> Result<Self> {
        let tokens = EmbedTokens::new(public_key, secret).map_err(thrown)?;
        let tokens = match lifetime {
            Some(lifetime) => tokens.lifetime(duration(lifetime)).map_err(thrown)?,
            None => tokens,
        };
        Ok(Self { tokens })
    }

    #[napi(catch_unwind)]
    pub fn sign(&self, claims: String) -> Result<String> {
        let claims = object("claims", &claims).map_err(thrown)?;
        let token = self.tokens.sign(claims, &SystemClock).map_err(thrown)?;
        Ok(token.expose().to_owned())
    }
}
