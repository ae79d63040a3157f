//! Embed tokens: the short-lived JSON Web Tokens with which a page of yours loads Cronofy's embedded scheduler for one
//! of your users. Signed here; nothing is sent.
//!
//! Source: <https://docs.cronofy.com/developers/embedded-scheduler/installing-and-embedding>.

use std::{fmt, time::Duration};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use serde_json::{Map, Value};
use sha2::Sha256;

use crate::{Error, Result, Secret, random};

const LONGEST: Duration = Duration::from_hours(24);
/// What the token itself says; a caller's claim of the same name would undermine it.
const RESERVED: [&str; 5] = ["iss", "iat", "exp", "aud", "jti"];

/// Signs embed tokens with the key pair of an embed.
///
/// ```
/// use orgconnect::EmbedTokens;
/// # fn main() -> orgconnect::Result<()> {
/// let tokens = EmbedTokens::new("EMB_public", "ESK_secret")?;
/// let mut claims = serde_json::Map::new();
/// claims.insert("sub".into(), "user-7".into());
/// let token = tokens.sign(claims, &orgconnect::SystemClock)?;
/// assert_eq!(token.expose().split('.').count(), 3);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct EmbedTokens {
    public_key: String,
    secret: Secret,
    lifetime: Duration,
}

impl EmbedTokens {
    /// Takes the embed's public key (`EMB_…`) and its secret (`ESK_…`).
    ///
    /// # Errors
    /// [`Config`](crate::ErrorKind::Config) if one is not what it should be; swapping them is noticed.
    pub fn new(public_key: impl Into<String>, secret: impl Into<Secret>) -> Result<Self> {
        let (public_key, secret) = (public_key.into(), secret.into());
        let visible = |text: &str| !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_graphic());
        if !visible(&public_key) || public_key.starts_with("ESK_") {
            return Err(Error::config("public_key", "must be the embed's public key, like EMB_…"));
        }
        if !visible(secret.expose()) || secret.expose().starts_with("EMB_") {
            return Err(Error::config("secret", "must be the embed's secret, like ESK_…"));
        }
        Ok(Self { public_key, secret, lifetime: Duration::from_hours(4) })
    }

    /// How long tokens live: at most 24 hours. Default 4 hours.
    ///
    /// # Errors
    /// [`Config`](crate::ErrorKind::Config), naming `lifetime`.
    pub fn lifetime(mut self, lifetime: Duration) -> Result<Self> {
        if lifetime < Duration::from_secs(1) || lifetime > LONGEST {
            return Err(Error::config("lifetime", "must be from 1 second to 24 hours"));
        }
        self.lifetime = lifetime;
        Ok(self)
    }

    /// Signs a token that carries these claims about the user, beside `iss`, `iat`, `exp`, `aud` and `jti`.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid), naming the claim, if it is one of those.
    pub fn sign(&self, claims: Map<String, Value>, clock: &dyn crate::Clock) -> Result<Secret> {
        self.sign_at(claims, clock.now(), &random::token())
    }

    fn sign_at(&self, mut claims: Map<String, Value>, now: Timestamp, id: &str) -> Result<Secret> {
        if let Some(name) = RESERVED.iter().find(|name| claims.contains_key(**name)) {
            return Err(Error::invalid(name, "is set by the signer; leave it out"));
        }
        let issued = now.as_second();
        claims.insert("iss".into(), self.public_key.as_str().into());
        claims.insert("iat".into(), issued.into());
        claims.insert("exp".into(), issued.saturating_add_unsigned(self.lifetime.as_secs()).into());
        claims.insert("aud".into(), "scheduler_embed".into());
        claims.insert("jti".into(), id.into());
        let header = URL_SAFE_NO_PAD.encode(br#"{"alg":"HS256","typ":"JWT"}"#);
        let payload = URL_SAFE_NO_PAD.encode(Value::Object(claims).to_string());
        let signed = format!("{header}.{payload}");
        let signature = URL_SAFE_NO_PAD.encode(self.mac(signed.as_bytes()));
        Ok(Secret::from(format!("{signed}.{signature}")))
    }

    #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
    fn mac(&self, message: &[u8]) -> [u8; 32] {
        let mac = Hmac::<Sha256>::new_from_slice(self.secret.expose().as_bytes())
            .expect("HMAC takes a key of any length");
        mac.chain_update(message).finalize().into_bytes().into()
    }
}

impl fmt::Debug for EmbedTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmbedTokens")
            .field("public_key", &self.public_key)
            .field("lifetime", &self.lifetime)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_holds_what_cronofy_documents_and_the_callers_claims() {
        let tokens = EmbedTokens::new("EMB_public", "ESK_secret").unwrap();
        let mut claims = Map::new();
        claims.insert("sub".into(), "user-7".into());
        let token = tokens.sign_at(claims, "2026-03-01T12:00:00Z".parse().unwrap(), "id").unwrap();
        let payload = token.expose().split('.').nth(1).unwrap();
        insta::assert_snapshot!(String::from_utf8(URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap());
        let (signed, signature) = token.expose().rsplit_once('.').unwrap();
        assert_eq!(URL_SAFE_NO_PAD.decode(signature).unwrap(), tokens.mac(signed.as_bytes()));
    }

    #[test]
    fn what_the_signer_sets_and_swapped_keys_are_refused() {
        let tokens = EmbedTokens::new("EMB_public", "ESK_secret").unwrap();
        for name in RESERVED {
            let claims = Map::from_iter([(name.to_owned(), Value::from("x"))]);
            assert!(tokens.sign(claims, &crate::SystemClock).unwrap_err().fields().contains_key(name));
        }
        assert!(EmbedTokens::new("ESK_secret", "EMB_public").is_err());
        assert!(tokens.clone().lifetime(Duration::from_hours(25)).is_err());
        assert!(!format!("{tokens:?}").contains("ESK_secret"));
    }
}
