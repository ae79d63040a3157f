//! Proxies: the one that is set, those of the environment, and what never goes through either. A process's environment
//! is its own, so each case is a process: this program, started again for one ignored test.
#![allow(
    clippy::unwrap_used,
    clippy::pedantic,
    reason = "a test that can't go on fails, and shows one thing plainly"
)]

use std::{
    io::{Read, Write},
    net::TcpListener,
    process::Command,
    sync::{Arc, Mutex},
    time::Duration,
};

use orgconnect::{CallOptions, Client};
use serde_json::Map;

/// A proxy that refuses everything, and what it was asked for.
fn proxy() -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let asked: Arc<Mutex<Vec<String>>> = Arc::default();
    let seen = Arc::clone(&asked);
    std::thread::spawn(move || {
        for socket in listener.incoming() {
            let (mut socket, mut buffer) = (socket.unwrap(), [0; 4096]);
            let count = socket.read(&mut buffer).unwrap_or(0);
            let head = String::from_utf8_lossy(&buffer[..count]).into_owned();
            seen.lock().unwrap().push(head);
            let _ = socket.write_all(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n");
        }
    });
    (url, asked)
}

/// Makes one call of a process with this environment; what the proxy was asked for.
fn asked_of_proxy(base_url: &str, environment: &[(&str, &str)]) -> Vec<String> {
    let (url, asked) = proxy();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "--ignored", "--nocapture", "one_call"]);
    for name in ["http_proxy", "https_proxy", "all_proxy", "no_proxy"] {
        command.env_remove(name).env_remove(name.to_uppercase());
    }
    command.env("TEST_BASE_URL", base_url).env_remove("REQUEST_METHOD");
    for (name, value) in environment {
        command.env(name, value.replace("PROXY", &url));
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    let asked = asked.lock().unwrap();
    for head in &*asked {
        assert!(!head.contains("CLIENT_SECRET"), "the credential is not the proxy's to see: {head}");
    }
    asked.iter().map(|head| head.lines().next().unwrap_or_default().to_owned()).collect()
}

#[tokio::test]
#[ignore = "run by the other tests, in a process of its own"]
async fn one_call() {
    let mut builder =
        Client::builder("ID", "CLIENT_SECRET").base_url(std::env::var("TEST_BASE_URL").unwrap());
    if let Ok(proxy) = std::env::var("TEST_PROXY") {
        builder = builder.proxy(proxy);
    }
    let quick = CallOptions::new().timeout(Duration::from_secs(5)).attempts(1);
    let organization = builder.build().unwrap().internal_organization().with_options(quick);
    organization.send("organization.list_members", Map::new()).await.unwrap_err();
}

const GATEWAY: &str = "https://gateway.invalid";
const CONNECT: &str = "CONNECT gateway.invalid:443 HTTP/1.1";

#[test]
fn proxies_of_the_environment_are_used() {
    for name in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"] {
        assert_eq!(asked_of_proxy(GATEWAY, &[(name, "PROXY")]), [CONNECT], "{name}");
    }
}

#[test]
fn hosts_that_are_excepted_are_reached_directly() {
    for excepted in ["gateway.invalid", ".invalid", "*"] {
        let environment = [("HTTPS_PROXY", "PROXY"), ("NO_PROXY", excepted)];
        assert!(asked_of_proxy(GATEWAY, &environment).is_empty(), "{excepted}");
    }
}

#[test]
fn a_proxy_that_is_set_counts_before_the_environment() {
    let environment = [("TEST_PROXY", "PROXY"), ("HTTPS_PROXY", "http://127.0.0.1:9"), ("NO_PROXY", "*")];
    assert_eq!(asked_of_proxy(GATEWAY, &environment), [CONNECT]);
}

#[test]
fn a_server_on_loopback_is_never_reached_through_a_proxy_of_the_environment() {
    for name in ["HTTP_PROXY", "http_proxy", "ALL_PROXY"] {
        assert!(asked_of_proxy("http://127.0.0.1:9", &[(name, "PROXY")]).is_empty(), "{name}");
    }
}
