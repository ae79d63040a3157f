//! Carries a fault out: waits, keeps the handler from running or its reply from arriving, spoils what arrives.

use std::future::Future;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::faults::{Fault, FaultBody};

/// What is sent, and after how many bytes the connection closes.
pub(crate) struct Played {
    pub(crate) response: Response,
    pub(crate) cut_after: Option<u64>,
}

/// Plays a fault around a handler, which has not begun yet.
pub(crate) async fn play(fault: Fault, handler: impl Future<Output = Response>) -> Played {
    wait(fault.delay_before_ms).await;
    let mut response =
        if fault.commits() { handler.await } else { StatusCode::SERVICE_UNAVAILABLE.into_response() };
    wait(fault.delay_after_ms).await;
    if let Some(status) = fault.status {
        *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    }
    if let Some(body) = fault.body {
        let (kind, bytes) = match body {
            FaultBody::Text(text) => ("text/plain; charset=utf-8", text.into_bytes()),
            FaultBody::Json(json) => ("application/json; charset=utf-8", json.to_string().into_bytes()),
            FaultBody::Bytes(bytes) => ("application/octet-stream", bytes),
        };
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        replace_body(&mut response, bytes);
    }
    if fault.garble {
        let body = std::mem::take(response.body_mut());
        let bytes = to_bytes(body, usize::MAX).await.unwrap_or_default();
        replace_body(&mut response, garbled(&bytes));
    }
    for (name, value) in fault.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().insert(name, value);
        }
    }
    if let Some(value) = fault.retry_after.and_then(|value| HeaderValue::try_from(value).ok()) {
        response.headers_mut().insert(header::RETRY_AFTER, value);
    }
    Played { response, cut_after: fault.cut_after }
}

async fn wait(milliseconds: u64) {
    if milliseconds > 0 {
        tokio::time::sleep(Duration::from_millis(milliseconds)).await;
    }
}

fn replace_body(response: &mut Response, bytes: Vec<u8>) {
    response.headers_mut().remove(header::CONTENT_LENGTH);
    *response.body_mut() = Body::from(bytes);
}

/// The same number of bytes, no longer JSON nor text; an empty body gets some.
fn garbled(bytes: &[u8]) -> Vec<u8> {
    if bytes.is_empty() {
        return vec![0xff, 0x00, 0xfe];
    }
    bytes.iter().enumerate().map(|(index, byte)| if index % 2 == 0 { byte ^ 0xa5 } else { *byte }).collect()
}
