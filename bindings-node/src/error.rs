//! Errors as records: JSON that TypeScript makes a real class of, with a stack that leads to the caller.

use std::{collections::BTreeMap, error::Error as StdError, fmt};

use orgconnect::{Error, FieldError};
use serde::Serialize;

/// The code of errors whose message is a record.
pub struct Recorded;

impl AsRef<str> for Recorded {
    fn as_ref(&self) -> &'static str {
        "ORGCONNECT_RECORD"
    }
}

/// The result of what is called and answered at once.
pub(crate) type Result<T> = napi::Result<T, Recorded>;

/// An error of a call that is answered at once.
pub(crate) fn thrown(error: Error) -> napi::Error<Recorded> {
    napi::Error::new(Recorded, record(&error))
}

/// The record of an error.
pub(crate) fn record(error: &Error) -> String {
    // Nothing in it can fail to be written as JSON.
    serde_json::to_string(&Record::of(error)).unwrap_or_default()
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Record<'a> {
    kind: &'static str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'a str>,
    needs_reauthorization: bool,
    is_transient: bool,
    /// In milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u128>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
    fields: &'a BTreeMap<String, Vec<FieldError>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    /// What caused it, the nearest first.
    causes: Vec<String>,
    /// The number of the JavaScript error that caused it.
    #[serde(skip_serializing_if = "Option::is_none")]
    host_error: Option<u32>,
}

impl<'a> Record<'a> {
    pub(crate) fn of(error: &'a Error) -> Self {
        let (mut causes, mut host_error) = (Vec::new(), None);
        let mut source = StdError::source(error);
        while let Some(cause) = source {
            if let Some(HostError(number)) = cause.downcast_ref() {
                host_error = Some(*number);
                break;
            }
            causes.push(cause.to_string());
            source = cause.source();
        }
        Self {
            kind: error.kind().as_str(),
            message: error.message(),
            status: error.status(),
            code: error.code(),
            needs_reauthorization: error.needs_reauthorization(),
            is_transient: error.is_transient(),
            retry_after: error.retry_after().map(|pause| pause.as_millis()),
            request_id: error.request_id(),
            fields: error.fields(),
            body: error.body().map(|body| String::from_utf8_lossy(body).into_owned()),
            causes,
            host_error,
        }
    }
}

/// An error that JavaScript threw and keeps under this number.
#[derive(Debug)]
pub(crate) struct HostError(pub(crate) u32);

impl fmt::Display for HostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an error in JavaScript")
    }
}

impl StdError for HostError {}
