//! Makes connections: straight to the server or through a proxy, with TLS where the address asks for it, and within the
//! time that connecting may take.

use std::{
    error::Error as StdError,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use http::{HeaderValue, Uri, uri::Scheme};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::{
    client::{
        legacy::connect::{Connected, Connection, HttpConnector, proxy::Tunnel},
        proxy::matcher::{Intercept, Matcher},
    },
    rt::TokioIo,
};
use rustls::ClientConfig;
use tokio::net::TcpStream;
use tower_service::Service;
use url::Url;

use super::{TransportOptions, tls};
use crate::{Error, Result};

type Cause = Box<dyn StdError + Send + Sync>;
/// To whatever is reached first: the server, or a proxy.
type Hop = MaybeHttpsStream<TokioIo<TcpStream>>;

/// How often a silent connection is asked whether it still stands, and how often in vain before it is given up.
const KEEPALIVE: Duration = Duration::from_secs(15);
const KEEPALIVE_RETRIES: u32 = 3;
/// How long what was sent may stay unacknowledged.
#[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
const UNACKNOWLEDGED: Duration = Duration::from_secs(30);

/// Makes connections for the pool.
#[derive(Clone)]
pub(super) struct Connector {
    tcp: HttpConnector,
    tls: Arc<ClientConfig>,
    /// Speaks HTTP/1.1 alone.
    tls_to_proxy: Arc<ClientConfig>,
    proxy: Option<Arc<Matcher>>,
    timeout: Duration,
}

impl Connector {
    /// # Errors
    /// [`Config`](crate::ErrorKind::Config), naming the certificates or the proxy.
    pub(super) fn new(options: &TransportOptions) -> Result<Self> {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_keepalive(Some(KEEPALIVE));
        tcp.set_keepalive_interval(Some(KEEPALIVE));
        tcp.set_keepalive_retries(Some(KEEPALIVE_RETRIES));
        #[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
        tcp.set_tcp_user_timeout(Some(UNACKNOWLEDGED));
        // Shared out among the addresses of a host, so that a dead one leaves time for the next.
        tcp.set_connect_timeout(Some(options.connect_timeout));
        let mut tls = tls::config(&options.extra_ca_certificates)?;
        let tls_to_proxy = Arc::new(tls.clone());
        tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let proxy = match &options.proxy {
            Some(proxy) => Some(matcher(proxy)?),
            None if options.loopback => None,
            None => Some(Matcher::from_system()),
        };
        Ok(Self {
            tcp,
            tls: Arc::new(tls),
            tls_to_proxy,
            proxy: proxy.map(Arc::new),
            timeout: options.connect_timeout,
        })
    }

    /// The proxy on the way to an address.
    fn proxy_to(&self, to: &Uri) -> Option<Intercept> {
        self.proxy.as_ref()?.intercept(to)
    }

    /// What a proxy wants to see with every request that it forwards. One that only carries TLS sees no request, and is
    /// told as the connection is made.
    pub(super) fn forwarding_authorization(&self, to: &Uri) -> Option<HeaderValue> {
        if to.scheme() != Some(&Scheme::HTTP) {
            return None;
        }
        self.proxy_to(to)?.basic_auth().cloned()
    }

    async fn connect(self, to: Uri) -> Result<Stream, Cause> {
        let Some(proxy) = self.proxy_to(&to) else {
            let hop = HttpsConnector::from((self.tcp, self.tls)).call(to).await?;
            return Ok(Stream { inner: MaybeHttpsStream::Http(hop), forwards: false });
        };
        if !matches!(proxy.uri().scheme_str(), Some("http" | "https")) {
            return Err("the proxy of the environment is neither an http:// nor an https:// one".into());
        }
        let mut hop = HttpsConnector::from((self.tcp, self.tls_to_proxy));
        if to.scheme() == Some(&Scheme::HTTP) {
            let hop = hop.call(proxy.uri().clone()).await?;
            return Ok(Stream { inner: MaybeHttpsStream::Http(hop), forwards: true });
        }
        let mut tunnel = Tunnel::new(proxy.uri().clone(), hop);
        if let Some(authorization) = proxy.basic_auth() {
            tunnel = tunnel.with_auth(authorization.clone());
        }
        let inner = HttpsConnector::from((tunnel, self.tls)).call(to).await?;
        Ok(Stream { inner, forwards: false })
    }
}

/// Sends everything through the proxy that was set.
fn matcher(proxy: &str) -> Result<Matcher> {
    let url = Url::parse(proxy)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host() && url.path() == "/");
    url.map(|url| Matcher::builder().all(url.as_str()).build())
        .ok_or_else(|| Error::config("proxy", "is not a proxy URL; write it like http://proxy.example:3128"))
}

impl Service<Uri> for Connector {
    type Response = Stream;
    type Error = Cause;
    type Future = Pin<Box<dyn Future<Output = Result<Stream, Cause>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Cause>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let (connector, timeout) = (self.clone(), self.timeout);
        Box::pin(async move {
            tokio::time::timeout(timeout, connector.connect(to)).await.unwrap_or_else(|_| {
                let why = format!("no connection within {} ms", timeout.as_millis());
                Err(io::Error::new(io::ErrorKind::TimedOut, why).into())
            })
        })
    }
}

/// A connection to the server.
pub(super) struct Stream {
    inner: MaybeHttpsStream<Hop>,
    /// At its other end is a proxy, which is told the whole address with each request.
    forwards: bool,
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        self.inner.connected().proxy(self.forwards)
    }
}

impl Read for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buffer)
    }
}

impl Write for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, data)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(cx, data)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
