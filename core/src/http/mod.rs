//! The one place that does network I/O: sends a prepared request, reads an answer of bounded size before a deadline,
//! follows no redirect, and says for each failure whether the server may have seen the request.

mod body;
mod connect;
pub(crate) mod limit;
pub(crate) mod request;
pub(crate) mod response;
pub(crate) mod retry;
pub(crate) mod tls;

#[cfg(test)]
mod tests;

use std::{error::Error as StdError, fmt, io, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode, header};
use http_body_util::Full;
use hyper_util::{
    client::legacy::{self, Client},
    rt::{TokioExecutor, TokioTimer},
};
use tokio::time::Instant;

use self::{connect::Connector, request::Prepared};
use crate::{Error, ErrorKind, Result, process::PerProcess};

pub(crate) const IMPERSONATE: HeaderName = HeaderName::from_static("cronofy-impersonate");
const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");
/// How long a connection is kept that nobody uses.
const IDLE: Duration = Duration::from_secs(90);

/// How connections are made. Not to be printed: a proxy's address may hold its password.
pub(crate) struct TransportOptions {
    pub(crate) connect_timeout: Duration,
    pub(crate) max_response_bytes: usize,
    pub(crate) user_agent: HeaderValue,
    pub(crate) proxy: Option<String>,
    /// PEM.
    pub(crate) extra_ca_certificates: Vec<Vec<u8>>,
    /// A server on loopback is never reached through a proxy of the environment.
    pub(crate) loopback: bool,
}

/// Sends requests on connections that are kept.
pub(crate) struct Transport {
    pool: PerProcess<Result<Pool>>,
    options: TransportOptions,
}

struct Pool {
    client: Client<Connector, Full<Bytes>>,
    connector: Connector,
}

/// An answer, read to its end.
pub(crate) struct RawReply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl fmt::Debug for RawReply {
    /// Everything but the content, which may be tokens.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawReply")
            .field("status", &self.status)
            .field("body", &format_args!("{} bytes", self.body.len()))
            .finish_non_exhaustive()
    }
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Failure {
    /// No connection could be made: the request never left.
    Connect(legacy::Error),
    /// The connection broke after the request may have left.
    Broken(Broken),
    /// There is nothing in this process to send it with.
    Unusable(Error),
    /// The deadline passed. Nobody knows how far the request had come.
    Deadline,
    /// The answer is larger than is accepted.
    TooLarge {
        /// What is accepted.
        limit: usize,
    },
}

/// Where it broke.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Broken {
    #[error(transparent)]
    Exchange(#[from] legacy::Error),
    #[error(transparent)]
    Body(#[from] hyper::Error),
    #[error("the compressed answer is damaged")]
    Gzip(#[source] io::Error),
}

impl Transport {
    pub(crate) fn new(options: TransportOptions) -> Result<Self> {
        Ok(Self { pool: PerProcess::new(Ok(Pool::new(&options)?)), options })
    }

    pub(crate) async fn send(
        &self,
        prepared: Prepared,
        authorization: Option<&HeaderValue>,
        impersonate: Option<&HeaderValue>,
        deadline: Instant,
    ) -> Result<RawReply, Failure> {
        // The connections of the process that this one was forked from are not ours to speak on, nor are its locks ours
        // to wait for.
        let pool = self.pool.get(|| Pool::new(&self.options));
        let pool = pool.as_ref().map_err(|error| Failure::Unusable(error.clone()))?;
        let mut headers = HeaderMap::with_capacity(8);
        if let Some(value) = authorization {
            headers.insert(header::AUTHORIZATION, value.clone());
        }
        if let Some(value) = impersonate {
            headers.insert(IMPERSONATE, value.clone());
        }
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        if prepared.body.is_some() {
            headers.insert(header::CONTENT_TYPE, JSON);
        }
        headers.insert(header::USER_AGENT, self.options.user_agent.clone());
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        if let Some(value) = pool.connector.forwarding_authorization(&prepared.uri) {
            headers.insert(header::PROXY_AUTHORIZATION, value);
        }
        let mut request = Request::new(Full::new(prepared.body.unwrap_or_default()));
        *request.method_mut() = prepared.method;
        *request.uri_mut() = prepared.uri;
        *request.headers_mut() = headers;
        match tokio::time::timeout_at(deadline, self.exchange(pool, request)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Failure::Deadline),
        }
    }

    async fn exchange(&self, pool: &Pool, request: Request<Full<Bytes>>) -> Result<RawReply, Failure> {
        let response = pool.client.request(request).await.map_err(|error| {
            if error.is_connect() { Failure::Connect(error) } else { Failure::Broken(error.into()) }
        })?;
        let (head, incoming) = response.into_parts();
        let (status, mut headers) = (head.status, head.headers);
        let limit = self.options.max_response_bytes;
        let body = body::read(incoming, limit).await?;
        let body = body::decompress(&mut headers, body, limit)?;
        Ok(RawReply { status, headers, body })
    }
}

impl Pool {
    fn new(options: &TransportOptions) -> Result<Self> {
        let connector = Connector::new(options)?;
        let client = Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .build(connector.clone());
        Ok(Self { client, connector })
    }
}

impl Failure {
    pub(crate) fn may_have_reached_server(&self) -> bool {
        !matches!(self, Self::Connect(_) | Self::Unusable(_))
    }

    pub(crate) fn into_error(self, what: &str) -> Error {
        match self {
            Self::Connect(source) => {
                let why = "the server can't be reached; check the network, the data center and the proxy";
                let kind = if is_timeout(&source) { ErrorKind::Timeout } else { ErrorKind::Network };
                Error::new(kind, format!("{what}: {why}")).with_code("unreachable").with_source(source)
            }
            Self::Broken(source) => {
                let why = "the connection broke before the answer was complete; try again";
                Error::new(ErrorKind::Network, format!("{what}: {why}")).with_source(source)
            }
            Self::Unusable(error) => error,
            Self::Deadline => Error::new(
                ErrorKind::Timeout,
                format!("{what}: no answer within the time allowed; try again, or allow more time"),
            ),
            Self::TooLarge { limit } => Error::new(
                ErrorKind::Decode,
                format!(
                    "{what}: the answer is larger than {limit} bytes; raise max_response_bytes if that is expected"
                ),
            ),
        }
    }
}

/// Whether time ran out, here or in the operating system.
fn is_timeout(error: &(dyn StdError + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::TimedOut) {
            return true;
        }
        cause = error.source();
    }
    false
}
