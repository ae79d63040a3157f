//! One POST over the network. Nothing is followed and no proxy is asked.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::CONTENT_TYPE;
use reqwest::redirect::Policy;
use rustls::{ClientConfig, RootCertStore};
use url::{Host, Url};

/// Posts bodies; clones share their connections.
#[derive(Clone)]
pub(super) struct Poster {
    client: Result<reqwest::Client, String>,
}

impl Poster {
    pub(super) fn new() -> Self {
        Self { client: client() }
    }

    /// Posts a body and says with which status it was taken, or what went wrong.
    pub(super) async fn post(
        &self,
        url: &str,
        body: &str,
        signature: &str,
        timeout: Duration,
    ) -> Result<u16, String> {
        let client = self.client.as_ref().map_err(Clone::clone)?;
        let request = client
            .post(url)
            .header(CONTENT_TYPE, "application/json; charset=utf-8")
            .header("Cronofy-HMAC-SHA256", signature)
            .body(body.to_owned())
            .timeout(timeout);
        match request.send().await {
            Ok(response) => Ok(response.status().as_u16()),
            Err(error) if error.is_timeout() => Err(format!("no answer within {} ms", timeout.as_millis())),
            Err(error) if error.is_connect() => Err("nobody listens at this address".into()),
            Err(error) => Err(error.without_url().to_string()),
        }
    }
}

/// Whether an address names this machine itself.
pub(super) fn is_loopback(url: &str) -> bool {
    let Ok(url) = Url::parse(url) else { return false };
    match url.host() {
        Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

fn client() -> Result<reqwest::Client, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let tls = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    // Whatever a resolver says, localhost is this machine.
    let localhost = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
    let localhost = localhost.map(|address| SocketAddr::new(address, 0));
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .redirect(Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .no_proxy()
        .resolve_to_addrs("localhost", &localhost)
        .user_agent(concat!("orgconnect-sandbox/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machines_own_names_are_loopback() {
        for ours in [
            "http://127.0.0.1:9/x",
            "http://localhost/",
            "https://[::1]:8443/",
            "http://127.8.8.8/",
            "http://0177.1/",
        ] {
            assert!(is_loopback(ours), "{ours}");
        }
        for other in [
            "http://example.com/",
            "http://127.0.0.1.example.com/",
            "http://localhost.example.com/",
            "http://0.0.0.0/",
            "http://10.0.0.1/",
            "http://127.0.0.1@example.com/",
            "mailto:me@localhost",
            "nonsense",
        ] {
            assert!(!is_loopback(other), "{other}");
        }
    }
}
