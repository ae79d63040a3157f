//! TLS against servers of ours: only a certificate that a trusted authority gave to the right host is accepted.
#![allow(
    clippy::unwrap_used,
    clippy::pedantic,
    reason = "a test that can't go on fails, and shows one thing plainly"
)]

use std::{
    convert::Infallible,
    io::{BufRead, BufReader},
    process::{Child, ChildStdout, Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use http::HeaderValue;
use http_body_util::Full;
use hyper::{
    Request, Response,
    body::{Bytes, Incoming},
    service::service_fn,
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use orgconnect::{CallOptions, Client, ClientBuilder, ErrorKind};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use serde_json::{Map, Value};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
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

    /// A certificate for `name` that is good today, and its key.
    fn certify(&self, name: &str) -> (rcgen::Certificate, KeyPair) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        (params.signed_by(&key, &self.0).unwrap(), key)
    }

    /// What a server with a certificate for `name` is set up with.
    fn config(&self, name: &str, expired: bool) -> ServerConfig {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        if expired {
            params.not_before = rcgen::date_time_ymd(2020, 1, 1);
            params.not_after = rcgen::date_time_ymd(2021, 1, 1);
        }
        let certificate = params.signed_by(&key, &self.0).unwrap();
        ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[&version::TLS12, &version::TLS13])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key.serialize_der().try_into().unwrap())
            .unwrap()
    }

    /// A server with a certificate for `name`; its address, and how many requests it has read.
    async fn serve(&self, name: &str, expired: bool) -> (String, Arc<AtomicUsize>) {
        let acceptor = TlsAcceptor::from(Arc::new(self.config(name, expired)));
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

fn builder(url: &str, extra: Option<&Authority>) -> ClientBuilder {
    let builder = Client::builder("ID", "SECRET").base_url(url);
    match extra {
        Some(authority) => builder.extra_ca_certificate(authority.0.pem()),
        None => builder,
    }
}

async fn call(url: &str, extra: Option<&Authority>) -> orgconnect::Result<()> {
    let organization = builder(url, extra).build()?.internal_organization();
    organization.send("organization.list_members", Map::new()).await.map(|_| ())
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

/// A server that speaks one version of TLS and no other: OpenSSL's, driven by Python.
struct OldServer {
    process: Child,
    lines: BufReader<ChildStdout>,
    url: String,
    _certificate: TempDir,
}

impl OldServer {
    fn speaking(version: &str, authority: &Authority) -> Self {
        // OpenSSL keeps the old versions for those who lower its level of security to nothing.
        const PROGRAM: &str = "
import socket, ssl, sys
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.set_ciphers('ALL:@SECLEVEL=0')
context.minimum_version = context.maximum_version = ssl.TLSVersion[sys.argv[1]]
context.load_cert_chain(sys.argv[2], sys.argv[3])
listener = socket.create_server(('127.0.0.1', 0))
print(listener.getsockname()[1], flush=True)
while True:
    peer, _ = listener.accept()
    peer.settimeout(10)
    try:
        with context.wrap_socket(peer, server_side=True) as secure:
            secure.recv(4096)
            secure.sendall(b'HTTP/1.1 200 OK\\r\\nconnection: close\\r\\ncontent-length: 2\\r\\n\\r\\n{}')
            print('request over', secure.version(), flush=True)
    except (ssl.SSLError, OSError) as error:
        print('refused', error, flush=True)
";
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = authority.certify("localhost");
        let (at, key_at) = (folder.path().join("certificate.pem"), folder.path().join("key.pem"));
        std::fs::write(&at, certificate.pem()).unwrap();
        std::fs::write(&key_at, key.serialize_pem()).unwrap();
        let mut process = Command::new("python3")
            .args(["-W", "ignore", "-c", PROGRAM, version])
            .args([&at, &key_at])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap());
        let mut server = Self { process, lines, url: String::new(), _certificate: folder };
        server.url = format!("https://localhost:{}", server.said());
        server
    }

    /// Its next line.
    fn said(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        line.trim().to_owned()
    }
}

impl Drop for OldServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_speaks_only_tls_1_0_or_1_1_is_refused() {
    let authority = Authority::new();
    for (version, spoken) in [("TLSv1", "TLSv1"), ("TLSv1_1", "TLSv1.1")] {
        let mut server = OldServer::speaking(version, &authority);
        let error = call(&server.url, Some(&authority)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Network, "{version}: {error}");
        // It is tried more than once, since nothing ever arrived.
        // The same server answers those who still speak what it does.
        let answer = Command::new("python3")
            .args(["-W", "ignore", "-c", OLD_CLIENT, version, server.url.rsplit(':').next().unwrap()])
            .output()
            .unwrap();
        assert!(answer.status.success(), "{}", String::from_utf8_lossy(&answer.stderr));
        let mut refused = 0;
        let said = loop {
            let said = server.said();
            if !said.starts_with("refused") {
                break said;
            }
            assert!(said.to_uppercase().contains("PROTOCOL"), "{version}: {said}");
            refused += 1;
        };
        assert_eq!(said, format!("request over {spoken}"));
        assert!(refused > 0);
    }
    for version in ["TLSv1_2", "TLSv1_3"] {
        let mut server = OldServer::speaking(version, &authority);
        call(&server.url, Some(&authority)).await.unwrap();
        assert!(server.said().starts_with("request over TLSv1."), "{version}");
    }
}

/// A client that takes any version and any certificate.
const OLD_CLIENT: &str = "
import socket, ssl, sys
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
context.set_ciphers('ALL:@SECLEVEL=0')
context.minimum_version = context.maximum_version = ssl.TLSVersion[sys.argv[1]]
with context.wrap_socket(socket.create_connection(('127.0.0.1', int(sys.argv[2])), 10)) as secure:
    secure.sendall(b'GET / HTTP/1.1\\r\\n\\r\\n')
    assert secure.recv(4096).startswith(b'HTTP/1.1 200')
";

#[tokio::test]
async fn a_certificate_for_another_host_or_an_expired_one_is_refused() {
    let authority = Authority::new();
    for (name, expired) in [("other.example", false), ("localhost", true)] {
        let (url, requests) = authority.serve(name, expired).await;
        assert_eq!(call(&url, Some(&authority)).await.unwrap_err().kind(), ErrorKind::Network, "{name}");
        assert_eq!(requests.load(Ordering::SeqCst), 0);
    }
}

/// A server that speaks HTTP/2 and nothing else, and answers with what it was asked.
async fn http_2(authority: &Authority) -> (String, Arc<AtomicUsize>) {
    let mut config = authority.config("localhost", false);
    config.alpn_protocols = vec![b"h2".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    let connections = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&connections);
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            seen.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(async move {
                let answer = service_fn(async |request: Request<Incoming>| {
                    let said = |name| {
                        request.headers().get(name).is_some_and(|value: &HeaderValue| !value.is_empty())
                    };
                    let body = serde_json::json!({
                        "version": format!("{:?}", request.version()),
                        "path": request.uri().path(),
                        "signed": said("authorization"),
                        "for": request.headers()["cronofy-impersonate"].to_str().unwrap(),
                    });
                    Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(body.to_string()))))
                });
                let Ok(socket) = acceptor.accept(socket).await else { return };
                let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
                let _ = server.serve_connection(TokioIo::new(socket), answer).await;
            });
        }
    });
    (url, connections)
}

#[tokio::test]
async fn http_2_is_spoken_with_a_server_that_offers_it_and_one_connection_carries_all_calls() {
    let authority = Authority::new();
    let (url, connections) = http_2(&authority).await;
    let organization = builder(&url, Some(&authority)).build().unwrap().internal_organization();
    let doc = organization.impersonate("acc_1").unwrap();
    let first: Value = doc.send("userinfo.read", Map::new()).await.unwrap().decode().unwrap();
    assert_eq!(
        first,
        serde_json::json!({"version": "HTTP/2.0", "path": "/v1/userinfo", "signed": true, "for": "acc_1"})
    );
    let calls = (0..32).map(|_| doc.send("userinfo.read", Map::new()));
    for outcome in futures_util::future::join_all(calls).await {
        outcome.unwrap();
    }
    assert_eq!(connections.load(Ordering::SeqCst), 1);
}

/// A proxy that makes the tunnels that it is asked for, to those who know its password.
async fn tunnelling_proxy(authorization: &'static str) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let heads: Arc<Mutex<Vec<String>>> = Arc::default();
    let seen = Arc::clone(&heads);
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let seen = Arc::clone(&seen);
            tokio::spawn(async move {
                let mut buffer = [0; 4096];
                let count = socket.read(&mut buffer).await.unwrap();
                let head = String::from_utf8_lossy(&buffer[..count]).into_owned();
                seen.lock().unwrap().push(head.clone());
                if !head
                    .to_lowercase()
                    .contains(&format!("proxy-authorization: {authorization}").to_lowercase())
                {
                    let _ = socket.write_all(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n").await;
                    return;
                }
                let target = head.split(' ').nth(1).unwrap();
                let mut server = TcpStream::connect(target).await.unwrap();
                socket.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut socket, &mut server).await;
            });
        }
    });
    (address, heads)
}

#[tokio::test]
async fn a_proxy_carries_tls_to_the_server_and_sees_nothing_but_its_own_password() {
    let authority = Authority::new();
    let (url, requests) = authority.serve("localhost", false).await;
    // user:passw0rd
    let (proxy, heads) = tunnelling_proxy("Basic dXNlcjpwYXNzdzByZA==").await;
    let through = |address: String| {
        let quick = CallOptions::new().attempts(1);
        builder(&url, Some(&authority))
            .proxy(address)
            .build()
            .unwrap()
            .internal_organization()
            .with_options(quick)
    };
    let organization = through(format!("http://user:passw0rd@{proxy}"));
    organization.send("organization.list_members", Map::new()).await.unwrap();
    assert_eq!(requests.load(Ordering::SeqCst), 1);
    let error = through(format!("http://user:wr0ng@{proxy}"))
        .send("organization.list_members", Map::new())
        .await
        .unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Network, Some("unreachable")));
    assert!(!format!("{error:?} {error}").contains("wr0ng"), "{error:?}");
    assert_eq!(requests.load(Ordering::SeqCst), 1);
    let heads = heads.lock().unwrap();
    assert_eq!(heads.len(), 2);
    for head in &*heads {
        assert!(head.starts_with("CONNECT localhost:"), "{head}");
        assert!(!head.contains("SECRET"), "the credential is not the proxy's to see: {head}");
    }
}
