//! The one error of the core, as the hosts see it.

use std::fmt;

/// What every call returns.
pub(crate) type NativeResult<T> = Result<T, NativeError>;

/// Why a call has no outcome.
#[derive(Debug, uniffi::Error)]
pub enum NativeError {
    /// It failed.
    Failed {
        /// What the core says about it.
        failure: NativeFailure,
    },
    /// It was cancelled by its [`CancelHandle`](crate::runtime::CancelHandle).
    Cancelled,
}

/// What the core says about a failure.
#[derive(Debug, Clone, uniffi::Record)]
pub struct NativeFailure {
    /// What the caller should do: `config`, `authorization`, … as the core names it.
    pub kind: String,
    /// What happened, and what to do next.
    pub detail: String,
    /// The HTTP status, when an answer was received.
    pub status: Option<u16>,
    /// A stable word for the exact reason.
    pub code: Option<String>,
    /// How long to wait before the next try, when that is known.
    pub retry_after_ms: Option<u64>,
    /// The id that the server gave the request.
    pub request_id: Option<String>,
    /// The complaints, by the wire name of the argument.
    pub fields: Vec<NativeFieldErrors>,
    /// The body of the answer, as received.
    pub body: Option<Vec<u8>>,
    /// Whether only a new authorization by the owner can help.
    pub needs_reauthorization: bool,
    /// Whether the same call may succeed later without any change.
    pub is_transient: bool,
}

/// The complaints about one field.
#[derive(Debug, Clone, uniffi::Record)]
pub struct NativeFieldErrors {
    /// The wire name of the argument.
    pub field: String,
    /// What is wrong with it.
    pub errors: Vec<NativeFieldError>,
}

/// One complaint about one field.
#[derive(Debug, Clone, uniffi::Record)]
pub struct NativeFieldError {
    /// A stable key, for example `errors.required`.
    pub key: String,
    /// A sentence for people.
    pub description: String,
}

impl From<orgconnect::Error> for NativeFailure {
    fn from(error: orgconnect::Error) -> Self {
        let complaint = |complaint: &orgconnect::FieldError| NativeFieldError {
            key: complaint.key.clone(),
            description: complaint.description.clone(),
        };
        let fields = error.fields().iter().map(|(field, complaints)| NativeFieldErrors {
            field: field.clone(),
            errors: complaints.iter().map(complaint).collect(),
        });
        Self {
            kind: error.kind().as_str().to_owned(),
            detail: error.message().to_owned(),
            status: error.status(),
            code: error.code().map(str::to_owned),
            retry_after_ms: error
                .retry_after()
                .map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)),
            request_id: error.request_id().map(str::to_owned),
            fields: fields.collect(),
            body: error.body().map(<[u8]>::to_vec),
            needs_reauthorization: error.needs_reauthorization(),
            is_transient: error.is_transient(),
        }
    }
}

impl From<orgconnect::Error> for NativeError {
    fn from(error: orgconnect::Error) -> Self {
        Self::Failed { failure: error.into() }
    }
}

impl fmt::Display for NativeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed { failure } => f.write_str(&failure.detail),
            Self::Cancelled => f.write_str("the call was cancelled"),
        }
    }
}

impl std::error::Error for NativeError {}
