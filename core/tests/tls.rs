//! TLS against servers of ours: only a certificate that a trusted authority gave to the right host is accepted.
#![allow(
    clippy::unwrap_used,
    clippy::pedantic,
    reason = "a test that can't go on fails, and shows one thing plainly"
)]

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use orgconnect::{Client, ErrorKind};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use serde_json::Map;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{ServerConfig, crypto::ring, version},
};

struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// A server with a certificate for `name`; its address, and how many requests it has read.
    async fn serve(&self, name: &str, expired: bool) -> (String, Arc<AtomicUsize>) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        if expired {
            params.not_before = rcgen::date_time_ymd(2020, 1, 1);
            params.not_after = rcgen::date_time_ymd(2021, 1, 1);
        }
        let certificate = params.signed_by(&key, &self.0).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[&version::TLS12, &version::TLS13])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key.serialize_der().try_into().unwrap())
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
        let requests = Arc::new(AtomicUsize::new(0));
        let seen = Arc::clone(&requests);
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let (acceptor, seen) = (acceptor.clone(), Arc::clone(&seen));
                tokio::spawn(async move {
                    let Ok(mut socket) = acceptor.accept(socket).await else { return };
                    let mut buffer = [0; 4096];
                    if socket.read(&mut buffer).await.unwrap_or(0) > 0 {
                        seen.fetch_add(1, Ordering::SeqCst);
                        let answer = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}";
                        let _ = socket.write_all(answer).await;
                        let _ = socket.shutdown().await;
                    }
                });
            }
        });
        (url, requests)
    }
}

async fn call(url: &str, extra: Option<&Authority>) -> orgconnect::Result<()> {
    let mut builder = Client::builder("ID", "SECRET").base_url(url);
    if let Some(authority) = extra {
        builder = builder.extra_ca_certificate(authority.0.pem());
    }
    builder.build()?.internal_organization().send("organization.list_members", Map::new()).await.map(|_| ())
}

#[tokio::test]
async fn a_custom_authority_is_trusted_when_it_is_given_and_only_then() {
    let authority = Authority::new();
    let (url, requests) = authority.serve("localhost", false).await;
    assert_eq!(call(&url, None).await.unwrap_err().kind(), ErrorKind::Network);
    assert_eq!(call(&url, Some(&Authority::new())).await.unwrap_err().kind(), ErrorKind::Network);
    assert_eq!(
        requests.load(Ordering::SeqCst),
        0,
        "no byte of a request went to a server that is not trusted"
    );
    call(&url, Some(&authority)).await.unwrap();
}

#[tokio::test]
async fn a_certificate_for_another_host_or_an_expired_one_is_refused() {
    let authority = Authority::new();
    for (name, expired) in [("other.example", false), ("localhost", true)] {
        let (url, requests) = authority.serve(name, expired).await;
        assert_eq!(call(&url, Some(&authority)).await.unwrap_err().kind(), ErrorKind::Network, "{name}");
        assert_eq!(requests.load(Ordering::SeqCst), 0);
    }
}
