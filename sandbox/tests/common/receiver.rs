//! Somebody who receives what the sandbox posts.

#![allow(dead_code)] // each test file uses its own part

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// A server on loopback that accepts every POST and remembers it.
pub(crate) struct Receiver {
    pub(crate) url: String,
    received: Arc<Mutex<Vec<Received>>>,
}

/// One POST.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    pub(crate) path: String,
    pub(crate) signature: String,
    pub(crate) raw: String,
}

impl Receiver {
    pub(crate) async fn open() -> Self {
        let received: Arc<Mutex<Vec<Received>>> = Arc::default();
        let router = Router::new().fallback(remember).with_state(received.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, received }
    }

    pub(crate) fn at(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    pub(crate) fn all(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }

    /// The only POST there was.
    pub(crate) fn only(&self) -> Received {
        let all = self.all();
        assert_eq!(all.len(), 1, "{all:#?}");
        all[0].clone()
    }
}

impl Received {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.raw).unwrap()
    }

    /// Whether the body was signed with this secret.
    pub(crate) fn is_signed_with(&self, secret: &str) -> bool {
        use hmac::{Hmac, KeyInit, Mac};
        let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).unwrap();
        mac.update(self.raw.as_bytes());
        self.signature.split(',').any(|one| one == STANDARD.encode(mac.clone().finalize().into_bytes()))
    }
}

async fn remember(
    State(received): State<Arc<Mutex<Vec<Received>>>>,
    uri: Uri,
    headers: HeaderMap,
    raw: String,
) -> StatusCode {
    let signature = headers.get("Cronofy-HMAC-SHA256").map_or("", |value| value.to_str().unwrap()).to_owned();
    received.lock().unwrap().push(Received { path: uri.to_string(), signature, raw });
    StatusCode::OK
}
