//! Access tokens that the host hands out: an adapter between the foreign trait and the core's.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use jiff::Timestamp;
use orgconnect::{AccessToken, AccessTokenSource, Secret, TokenSourceError};

/// Hands out short-lived access tokens.
#[uniffi::export(with_foreign)]
#[async_trait]
pub trait NativeAccessTokenSource: Send + Sync {
    /// A token for the user who is signed in. `rejected` is the token that the API has just refused, if that is why another
    /// is wanted.
    async fn access_token(
        &self,
        rejected: Option<String>,
    ) -> Result<NativeAccessToken, NativeTokenSourceError>;
}

/// A short-lived access token.
#[derive(Clone, uniffi::Record)]
pub struct NativeAccessToken {
    /// The token itself.
    pub token: String,
    /// When it ends, in milliseconds since 1970. Absent: it is used until it is refused.
    #[uniffi(default = None)]
    pub expires_at_ms: Option<i64>,
}

/// Why there is no token.
#[derive(Debug, uniffi::Error)]
pub enum NativeTokenSourceError {
    /// Nobody is signed in, or no calendar is connected: only the user can mend it.
    SignedOut {
        /// A sentence that holds no secret.
        detail: String,
    },
    /// The source can't be reached now.
    Unavailable {
        /// A sentence that holds no secret.
        detail: String,
    },
}

/// The host's source as the core's.
pub(crate) struct ForeignSource(pub(crate) Arc<dyn NativeAccessTokenSource>);

#[async_trait]
impl AccessTokenSource for ForeignSource {
    async fn access_token(&self, rejected: Option<&Secret>) -> Result<AccessToken, TokenSourceError> {
        let rejected = rejected.map(|token| token.expose().to_owned());
        let handed = self.0.access_token(rejected).await?;
        let token = AccessToken::new(handed.token);
        Ok(match handed.expires_at_ms.map(Timestamp::from_millisecond) {
            Some(Ok(expires_at)) => token.expires_at(expires_at),
            // A time beyond all times: it does not end.
            Some(Err(_)) | None => token,
        })
    }
}

impl From<NativeTokenSourceError> for TokenSourceError {
    fn from(error: NativeTokenSourceError) -> Self {
        match error {
            NativeTokenSourceError::SignedOut { detail } => Self::SignedOut(detail),
            NativeTokenSourceError::Unavailable { detail } => Self::Unavailable(detail),
        }
    }
}

impl From<uniffi::UnexpectedUniFFICallbackError> for NativeTokenSourceError {
    /// What the host threw is not repeated: it may hold a token.
    fn from(_: uniffi::UnexpectedUniFFICallbackError) -> Self {
        Self::Unavailable { detail: "it threw something other than its own error".to_owned() }
    }
}

impl fmt::Display for NativeTokenSourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SignedOut { detail } | Self::Unavailable { detail } => f.write_str(detail),
        }
    }
}

impl std::error::Error for NativeTokenSourceError {}

impl fmt::Debug for ForeignSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ForeignSource")
    }
}
