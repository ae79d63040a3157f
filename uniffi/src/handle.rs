//! The handle through which every REST call goes, and batches.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};

use orgconnect::{Batch, CallOptions, Error, Handle, Reply};
use serde_json::{Map, Value};

use crate::{
    error::{NativeError, NativeFailure, NativeResult},
    lane,
    runtime::{CancelHandle, run},
};

/// Any handle: a client, an organization, an account or a service account.
#[derive(Debug, uniffi::Object)]
pub struct NativeHandle {
    handle: Handle,
    /// Its number on the lane, if it has been asked for.
    number: OnceLock<u64>,
}

/// How a call is carried out, where it differs from the client's settings.
#[derive(Debug, Clone, uniffi::Record)]
pub struct NativeCallOptions {
    /// The time for the whole call, repetitions included.
    #[uniffi(default = None)]
    pub timeout_ms: Option<u64>,
    /// How often it is sent at the most.
    #[uniffi(default = None)]
    pub attempts: Option<u32>,
    /// Fields that are added without being checked: the text of a JSON object.
    #[uniffi(default = None)]
    pub extra: Option<Vec<u8>>,
}

/// The answer to a call that succeeded.
#[derive(Debug, Clone, uniffi::Record)]
pub struct NativeReply {
    /// The HTTP status.
    pub status: u16,
    /// The id that the server gave the request.
    pub request_id: Option<String>,
    /// The headers, by names in lower case.
    pub headers: HashMap<String, String>,
    /// The link to the next page.
    pub next_page: Option<String>,
    /// The body as it was received.
    pub body: Vec<u8>,
}

/// A parameter of a query.
#[derive(Debug, Clone, uniffi::Record)]
pub struct NativeParameter {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
}

#[uniffi::export]
impl NativeHandle {
    /// Calls an operation by its name, with its arguments as the text of one JSON object with wire names.
    pub async fn send(
        &self,
        operation: String,
        arguments: Vec<u8>,
        options: Option<NativeCallOptions>,
        cancel: Option<Arc<CancelHandle>>,
    ) -> NativeResult<NativeReply> {
        let handle = self.with(options)?;
        run(cancel, async move { Ok(handle.send_json(&operation, &arguments).await?.into()) }).await
    }

    /// Follows the link to the next page that an earlier reply of the operation held.
    pub async fn follow(
        &self,
        operation: String,
        next_page: String,
        options: Option<NativeCallOptions>,
        cancel: Option<Arc<CancelHandle>>,
    ) -> NativeResult<NativeReply> {
        let handle = self.with(options)?;
        run(cancel, async move { Ok(handle.follow(&operation, &next_page).await?.into()) }).await
    }

    /// Calls a path that the core doesn't know. The body is the text of one JSON value.
    pub async fn request(
        &self,
        method: String,
        path: String,
        query: Vec<NativeParameter>,
        body: Option<Vec<u8>>,
        options: Option<NativeCallOptions>,
        cancel: Option<Arc<CancelHandle>>,
    ) -> NativeResult<NativeReply> {
        let handle = self.with(options)?;
        let method = http::Method::from_bytes(method.as_bytes())
            .map_err(|_| Error::invalid("method", "is not an HTTP method; use GET, POST or DELETE"))?;
        let query: Vec<(String, String)> =
            query.into_iter().map(|parameter| (parameter.name, parameter.value)).collect();
        let body: Option<Value> = body.as_deref().map(|body| read("body", body)).transpose()?;
        run(cancel, async move { Ok(handle.request(method, &path, &query, body.as_ref()).await?.into()) })
            .await
    }

    /// Sends a batch, and returns the verdict on each entry in the order in which they were added.
    pub async fn send_batch(
        &self,
        batch: Arc<NativeBatch>,
        options: Option<NativeCallOptions>,
        cancel: Option<Arc<CancelHandle>>,
    ) -> NativeResult<Vec<NativeVerdict>> {
        let handle = self.with(options)?;
        let batch = batch.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        run(cancel, async move {
            let verdicts = handle.send_batch(&batch).await?;
            Ok(verdicts.into_iter().map(NativeVerdict::from).collect())
        })
        .await
    }
}

impl NativeHandle {
    pub(crate) fn of(handle: impl Into<Handle>) -> Arc<Self> {
        Arc::new(Self { handle: handle.into(), number: OnceLock::new() })
    }

    pub(crate) fn number(&self) -> u64 {
        *self.number.get_or_init(|| lane::enter(&self.handle))
    }

    fn with(&self, options: Option<NativeCallOptions>) -> NativeResult<Handle> {
        match options {
            Some(options) => Ok(self.handle.with_options(options.try_into()?)),
            None => Ok(self.handle.clone()),
        }
    }
}

impl Drop for NativeHandle {
    fn drop(&mut self) {
        if let Some(number) = self.number.get() {
            lane::leave(*number);
        }
    }
}

impl TryFrom<NativeCallOptions> for CallOptions {
    type Error = NativeError;

    fn try_from(options: NativeCallOptions) -> NativeResult<Self> {
        let mut chosen = Self::new();
        chosen.timeout = options.timeout_ms.map(Duration::from_millis);
        chosen.attempts = options.attempts;
        if let Some(extra) = &options.extra {
            chosen.extra = read("extra", extra)?;
        }
        Ok(chosen)
    }
}

/// Writes that are sent together.
#[derive(Debug, uniffi::Object)]
pub struct NativeBatch(Mutex<Batch>);

/// What became of one entry of a batch.
#[derive(Debug, Clone, uniffi::Record)]
pub struct NativeVerdict {
    /// What it was answered with, as JSON; mostly nothing.
    pub body: Option<Vec<u8>>,
    /// Why it was not carried out.
    pub failure: Option<NativeFailure>,
}

#[uniffi::export]
impl NativeBatch {
    /// An empty batch.
    #[uniffi::constructor]
    pub fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(Batch::new())))
    }

    /// Adds an operation by its name, with its arguments as the text of one JSON object with wire names.
    pub fn add(&self, operation: String, arguments: Vec<u8>) -> NativeResult<()> {
        let arguments: Map<String, Value> = read("arguments", &arguments)?;
        self.0.lock().unwrap_or_else(PoisonError::into_inner).add(&operation, arguments)?;
        Ok(())
    }
}

impl From<orgconnect::Result<Option<Value>>> for NativeVerdict {
    fn from(verdict: orgconnect::Result<Option<Value>>) -> Self {
        match verdict {
            Ok(body) => Self { body: body.map(|body| body.to_string().into_bytes()), failure: None },
            Err(error) => Self { body: None, failure: Some(error.into()) },
        }
    }
}

impl From<Reply> for NativeReply {
    fn from(reply: Reply) -> Self {
        let header = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
            Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
        };
        Self {
            status: reply.status,
            request_id: reply.request_id,
            headers: reply.headers.iter().filter_map(header).collect(),
            next_page: reply.next_page,
            body: reply.body.into(),
        }
    }
}

/// Reads JSON that the host has written. A complaint tells the place and not the text, which may hold a secret.
pub(crate) fn read<T: serde::de::DeserializeOwned>(what: &str, text: &[u8]) -> NativeResult<T> {
    serde_json::from_slice(text).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        Error::invalid(what, format!("is not the JSON that is wanted from line {line}, column {column}"))
            .into()
    })
}
