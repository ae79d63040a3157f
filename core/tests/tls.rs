//! TLS against servers of ours: only a certificate that a trusted authority gave to the right host is accepted.
#![allow(
    clippy::unwrap_used,
    clippy::pedantic,
    reason = "a test that can't go on fails, and shows one thing plainly"
)]

use std::{
    io::{BufRead, BufReader},
    process::{Child, ChildStdout, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use orgconnect::{Client, ErrorKind};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use serde_json::Map;
use tempfile::TempDir;
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

    /// A certificate for `name` that is good today, and its key.
    fn certify(&self, name: &str) -> (rcgen::Certificate, KeyPair) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        (params.signed_by(&key, &self.0).unwrap(), key)
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
