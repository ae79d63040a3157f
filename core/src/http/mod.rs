//! The one place that does network I/O: sends a prepared request, reads an answer of bounded size before a deadline,
//! follows no redirect, and says for each failure whether the server may have seen the request.

pub(crate) mod limit;
pub(crate) mod request;
pub(crate) mod response;
pub(crate) mod retry;

#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::CryptoProvider,
    pki_types::{CertificateDer, pem::PemObject},
};
use tokio::time::Instant;

use self::request::Prepared;
use crate::{Error, ErrorKind, Result, process::PerProcess};

pub(crate) const IMPERSONATE: HeaderName = HeaderName::from_static("cronofy-impersonate");
const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");

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

/// A pool of connections.
pub(crate) struct Transport {
    client: PerProcess<Result<reqwest::Client>>,
    options: TransportOptions,
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct RawReply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Failure {
    /// No connection could be made: the request never left.
    Connect(reqwest::Error),
    /// The connection broke after the request may have left.
    Broken(reqwest::Error),
    /// There is no client in this process to send it with.
    Unusable(Error),
    /// The deadline passed. Nobody knows how far the request had come.
    Deadline,
    /// The answer is larger than is accepted.
    TooLarge {
        /// What is accepted.
        limit: usize,
    },
}

impl Transport {
    pub(crate) fn new(options: TransportOptions) -> Result<Self> {
        Ok(Self { client: PerProcess::new(Ok(Self::client(&options)?)), options })
    }

    fn client(options: &TransportOptions) -> Result<reqwest::Client> {
        let mut builder = reqwest::Client::builder()
            .tls_backend_preconfigured(tls(&options.extra_ca_certificates)?)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .connect_timeout(options.connect_timeout)
            .tcp_nodelay(true)
            .user_agent(options.user_agent.clone());
        if let Some(proxy) = &options.proxy {
            let proxy = reqwest::Proxy::all(proxy).map_err(|_| {
                Error::config("proxy", "is not a proxy URL; write it like http://proxy.example:3128")
            })?;
            builder = builder.proxy(proxy);
        } else if options.loopback {
            builder = builder.no_proxy();
        }
        builder.build().map_err(|error| {
            Error::new(ErrorKind::Config, "the HTTP client can't be set up; check proxy and CA certificates")
                .with_source(error.without_url())
        })
    }

    pub(crate) async fn send(
        &self,
        prepared: Prepared,
        authorization: Option<&HeaderValue>,
        impersonate: Option<&HeaderValue>,
        deadline: Instant,
    ) -> Result<RawReply, Failure> {
        let mut request = reqwest::Request::new(prepared.method, prepared.url);
        let headers = request.headers_mut();
        headers.reserve(4);
        if let Some(value) = authorization {
            headers.insert(header::AUTHORIZATION, value.clone());
        }
        if let Some(value) = impersonate {
            headers.insert(IMPERSONATE, value.clone());
        }
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        if let Some(body) = prepared.body {
            headers.insert(header::CONTENT_TYPE, JSON);
            *request.body_mut() = Some(body.into());
        }
        match tokio::time::timeout_at(deadline, self.exchange(request)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Failure::Deadline),
        }
    }

    async fn exchange(&self, request: reqwest::Request) -> Result<RawReply, Failure> {
        // The connections of the process that this one was forked from are not ours to speak on.
        let client = self.client.get(|| Self::client(&self.options));
        let client = client.as_ref().map_err(|error| Failure::Unusable(error.clone()))?;
        let mut response = client.execute(request).await.map_err(|error| {
            let error = error.without_url();
            if error.is_connect() { Failure::Connect(error) } else { Failure::Broken(error) }
        })?;
        let (status, headers) = (response.status(), std::mem::take(response.headers_mut()));
        let limit = self.options.max_response_bytes;
        if response.content_length().is_some_and(|length| length > limit as u64) {
            return Err(Failure::TooLarge { limit });
        }
        let mut next = async || response.chunk().await.map_err(|error| Failure::Broken(error.without_url()));
        let first = next().await?.unwrap_or_default();
        // Most answers arrive in one piece, which is handed on without a copy.
        let Some(second) = next().await? else {
            if first.len() > limit {
                return Err(Failure::TooLarge { limit });
            }
            return Ok(RawReply { status, headers, body: first });
        };
        let mut body = BytesMut::with_capacity((first.len() + second.len()) * 2);
        body.extend_from_slice(&first);
        body.extend_from_slice(&second);
        while let Some(chunk) = next().await? {
            body.extend_from_slice(&chunk);
            if body.len() > limit {
                return Err(Failure::TooLarge { limit });
            }
        }
        if body.len() > limit {
            return Err(Failure::TooLarge { limit });
        }
        Ok(RawReply { status, headers, body: body.freeze() })
    }
}

impl Failure {
    pub(crate) fn may_have_reached_server(&self) -> bool {
        !matches!(self, Self::Connect(_) | Self::Unusable(_))
    }

    pub(crate) fn into_error(self, what: &str) -> Error {
        match self {
            Self::Connect(source) => {
                let timeout = source.is_timeout();
                let why = "the server can't be reached; check the network, the data center and the proxy";
                let kind = if timeout { ErrorKind::Timeout } else { ErrorKind::Network };
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

/// TLS 1.2 and 1.3 by rustls and ring, checked against the operating system's roots, and Mozilla's where it has none.
///
/// The provider belongs to this configuration alone: nothing is installed for the whole process.
pub(crate) fn tls(extra_ca_certificates: &[Vec<u8>]) -> Result<ClientConfig> {
    let mut extra: Vec<CertificateDer<'static>> = Vec::new();
    for pem in extra_ca_certificates {
        let refuse = || {
            Error::config(
                "extra_ca_certificate",
                "holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)",
            )
        };
        let before = extra.len();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            extra.push(certificate.map_err(|_| refuse())?.into_owned());
        }
        if extra.len() == before {
            return Err(refuse());
        }
    }
    let provider: Arc<CryptoProvider> = Arc::new(rustls::crypto::ring::default_provider());
    let unusable = |error: rustls::Error| {
        Error::config("extra_ca_certificate", "TLS can't be set up with these certificates")
            .with_source(error)
    };
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(unusable)?;
    if let Ok(verifier) = rustls_platform_verifier::Verifier::new_with_extra_roots(extra.clone(), provider) {
        let verifier = Arc::new(verifier);
        return Ok(builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth());
    }
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    for certificate in extra {
        roots.add(certificate).map_err(unusable)?;
    }
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}
