//! The errors of the library, and the shapes in which the server refuses: a 422 with a map of fields, an OAuth error, or
//! a bare status.

use std::collections::BTreeMap;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::json;

use crate::availability;
use crate::world::store::StoreError;

/// Why a call on the sandbox itself failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SandboxError {
    /// The address is not one of this machine's loopback addresses.
    #[error("the sandbox listens on loopback only; {0} is not a loopback address, use 127.0.0.1 or [::1]")]
    NotLoopback(std::net::SocketAddr),
    /// The address could not be bound.
    #[error("could not listen on {address}: {source}")]
    Listen {
        /// The address that was asked for.
        address: std::net::SocketAddr,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The server's thread could not be started.
    #[error("could not start the server: {0}")]
    Start(std::io::Error),
    /// The data file could not be opened, read or written.
    #[error("the sandbox's data could not be used: {0}")]
    Data(String),
    /// Nothing is known under the name or id that was given.
    #[error("no {what} `{name}` in this sandbox")]
    Unknown {
        /// What was looked for.
        what: &'static str,
        /// The name or id that was given.
        name: String,
    },
    /// The request is one the authorization page would not have shown or accepted.
    #[error("{0}")]
    Refused(String),
}

impl From<StoreError> for SandboxError {
    fn from(error: StoreError) -> Self {
        Self::Data(error.to_string())
    }
}

/// What a handler answers when it does not answer the question.
#[derive(Debug)]
pub(crate) enum ApiError {
    /// 422 with the fields that are wrong.
    Invalid(FieldErrors),
    /// An RFC 6749 error from the token endpoint, with its status.
    OAuth(StatusCode, &'static str),
    /// 401: the credentials are unknown or expired.
    Unauthorized,
    /// 402: the plan lacks the feature.
    PaymentRequired,
    /// 403: known, but not allowed this.
    Forbidden,
    /// 404: unknown, or not visible to this authorization.
    NotFound,
    /// 423: the account's profile cannot be written to.
    Locked,
    /// 429, with the seconds to wait where the settings say so.
    TooManyRequests(Option<u64>),
    /// 500: the store failed.
    Store(StoreError),
}

pub(crate) type ApiResult<T = Response> = Result<T, ApiError>;

impl ApiError {
    /// A 422 for one field.
    pub(crate) fn field(name: &str, key: &str, description: &str) -> Self {
        let mut errors = FieldErrors::default();
        errors.add(name, key, description);
        Self::Invalid(errors)
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<FieldErrors> for ApiError {
    fn from(errors: FieldErrors) -> Self {
        Self::Invalid(errors)
    }
}

impl From<availability::FieldErrors> for ApiError {
    fn from(errors: availability::FieldErrors) -> Self {
        Self::Invalid(errors.into())
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        match self {
            Self::Invalid(errors) => {
                (StatusCode::UNPROCESSABLE_ENTITY, Json(json!({ "errors": errors.fields }))).into_response()
            }
            Self::OAuth(status, error) => (status, Json(json!({ "error": error }))).into_response(),
            Self::Unauthorized => {
                (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, "Bearer")]).into_response()
            }
            Self::PaymentRequired => StatusCode::PAYMENT_REQUIRED.into_response(),
            Self::Forbidden => StatusCode::FORBIDDEN.into_response(),
            Self::NotFound => StatusCode::NOT_FOUND.into_response(),
            Self::Locked => StatusCode::LOCKED.into_response(),
            Self::TooManyRequests(wait) => {
                let mut response = StatusCode::TOO_MANY_REQUESTS.into_response();
                if let Some(seconds) = wait {
                    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
                }
                response
            }
            Self::Store(error) => (
                StatusCode::INTERNAL_SERVER_ERROR,
                Json(json!({ "sandbox": format!("the store failed: {error}") })),
            )
                .into_response(),
        }
    }
}

/// The `errors` object of a 422: what is wrong, by field.
#[derive(Debug, Default)]
pub(crate) struct FieldErrors {
    fields: BTreeMap<String, Vec<FieldError>>,
}

#[derive(Debug, Serialize)]
struct FieldError {
    key: String,
    description: String,
}

impl FieldErrors {
    pub(crate) fn add(&mut self, field: &str, key: &str, description: &str) {
        let error = FieldError { key: format!("errors.{key}"), description: description.into() };
        self.fields.entry(field.into()).or_default().push(error);
    }

    pub(crate) fn absorb(&mut self, other: Self) {
        for (field, errors) in other.fields {
            self.fields.entry(field).or_default().extend(errors);
        }
    }

    /// Says the same of fields that stand inside another.
    pub(crate) fn under(self, parent: &str) -> Self {
        let fields = self.fields.into_iter().map(|(field, errors)| (format!("{parent}.{field}"), errors));
        Self { fields: fields.collect() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// Ok where no field is wrong.
    pub(crate) fn finish(self) -> ApiResult<()> {
        if self.fields.is_empty() { Ok(()) } else { Err(ApiError::Invalid(self)) }
    }
}

impl From<availability::FieldErrors> for FieldErrors {
    fn from(errors: availability::FieldErrors) -> Self {
        let mut fields = Self::default();
        for (field, problem) in errors.iter() {
            fields.add(field, problem.key, &problem.description);
        }
        fields
    }
}

/// A 202 with no body: accepted, to be carried out.
pub(crate) fn accepted() -> Response {
    StatusCode::ACCEPTED.into_response()
}
