//! What the sandbox posts: signed, tried again, given up, and never sent beyond this machine unasked.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)] // tests

mod common;
#[path = "common/receiver.rs"]
mod receiver;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use common::Clinic;
use orgconnect_sandbox::{Delivery, DeliveryStatus, Sandbox};
use receiver::Receiver;
use serde_json::json;
use tokio::net::TcpListener;

const HOUR: Duration = Duration::from_hours(1);

/// Opens a channel of the nurse's at an address, which is a delivery: its verification.
async fn channel_at(clinic: &Clinic, url: &str) {
    let token = clinic.account("nurse@example.com").await;
    let reply = clinic.post("/v1/channels", &token, &json!({ "callback_url": url })).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
}

/// A receiver that answers with these statuses, and with 200 ever after; and how many it was asked for.
async fn moody(statuses: &[u16]) -> (String, Arc<Mutex<VecDeque<u16>>>) {
    let left: Arc<Mutex<VecDeque<u16>>> = Arc::new(Mutex::new(statuses.iter().copied().collect()));
    let answers = left.clone();
    let router = Router::new().fallback(move || {
        let status = answers.lock().unwrap().pop_front().unwrap_or(200);
        async move {
            let location = [(header::LOCATION, "/elsewhere")];
            (StatusCode::from_u16(status).unwrap(), location).into_response()
        }
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (url, left)
}

fn only(clinic: &Clinic) -> Delivery {
    let all = clinic.control().deliveries();
    assert_eq!(all.len(), 1, "{all:#?}");
    all[0].clone()
}

#[tokio::test]
async fn a_callback_is_signed_with_the_applications_secret() {
    let clinic = Clinic::open().await;
    let receiver = Receiver::open().await;
    channel_at(&clinic, &receiver.at("/hook")).await;
    clinic.control().settle().await;
    let post = receiver.only();
    assert!(post.is_signed_with(&clinic.application.client_secret));
    assert!(!post.signature.contains(','));
    let delivery = only(&clinic);
    assert_eq!(delivery.status, DeliveryStatus::Delivered);
    assert_eq!(delivery.body, post.raw);
    assert_eq!(delivery.attempts[0].signature, post.signature);
    assert_eq!(delivery.attempts[0].status, Some(200));
}

#[tokio::test]
async fn while_a_secret_is_rotated_both_sign_and_both_are_taken() {
    let clinic = Clinic::open().await;
    let receiver = Receiver::open().await;
    let (id, old) = (clinic.application.client_id.clone(), clinic.application.client_secret.clone());
    let new = clinic.control().rotate_secret(&id).unwrap().client_secret;
    assert_ne!(old, new);
    channel_at(&clinic, &receiver.at("/hook")).await;
    clinic.control().settle().await;
    let post = receiver.only();
    assert_eq!(post.signature.split(',').count(), 2);
    assert!(post.is_signed_with(&old) && post.is_signed_with(&new));

    let body = json!({ "permissions": ["agenda"], "origin": "https://app.example.com" });
    for secret in [&old, &new] {
        assert_eq!(clinic.post("/v1/element_tokens", secret, &body).await.status, 200);
    }
    clinic.control().retire_secret(&id).unwrap();
    assert_eq!(clinic.post("/v1/element_tokens", &old, &body).await.status, 401);
    assert_eq!(clinic.post("/v1/element_tokens", &new, &body).await.status, 200);
    assert_eq!(clinic.refresh(&json!("x")).await.json()["error"], "invalid_client");
}

#[tokio::test]
async fn what_is_not_taken_is_tried_again_when_its_time_has_come() {
    let clinic = Clinic::open().await;
    clinic.control().freeze_clock(Some(clinic.control().now()));
    let (url, left) = moody(&[500, 404]).await;
    channel_at(&clinic, &url).await;
    clinic.control().settle().await;
    let delivery = only(&clinic);
    assert_eq!((delivery.status, delivery.attempts.len()), (DeliveryStatus::Pending, 1));
    assert_eq!(delivery.attempts[0].status, Some(500));

    clinic.control().advance(Duration::from_secs(9));
    clinic.control().settle().await;
    assert_eq!(only(&clinic).attempts.len(), 1);
    clinic.control().advance(Duration::from_secs(1));
    clinic.control().settle().await;
    assert_eq!(only(&clinic).attempts.len(), 2);
    // The wait doubles.
    clinic.control().advance(Duration::from_secs(19));
    clinic.control().settle().await;
    assert_eq!(only(&clinic).attempts.len(), 2);
    clinic.control().advance(Duration::from_secs(1));
    clinic.control().settle().await;
    assert_eq!(only(&clinic).status, DeliveryStatus::Delivered);
    assert!(left.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_channel_that_nobody_listens_to_for_a_day_is_closed() {
    let clinic = Clinic::open().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    drop(listener);
    channel_at(&clinic, &url).await;
    clinic.control().settle().await;
    assert!(only(&clinic).attempts[0].error.as_deref().unwrap().contains("nobody listens"));

    clinic.control().advance(HOUR * 23);
    clinic.control().settle().await;
    assert_eq!(only(&clinic).status, DeliveryStatus::Pending);
    let token = clinic.account("nurse@example.com").await;
    let open = clinic.get("/v1/channels", &token).await.json();
    assert_eq!(open["channels"].as_array().unwrap().len(), 1);
    clinic.control().advance(HOUR);
    clinic.control().settle().await;
    assert_eq!(only(&clinic).status, DeliveryStatus::Failed);
    let token = clinic.account("nurse@example.com").await;
    assert_eq!(clinic.get("/v1/channels", &token).await.json()["channels"], json!([]));
}

#[tokio::test]
async fn other_machines_are_not_posted_to() {
    let clinic = Clinic::open().await;
    channel_at(&clinic, "http://192.0.2.1/hook").await;
    clinic.control().settle().await;
    let delivery = only(&clinic);
    assert_eq!(delivery.status, DeliveryStatus::Refused);
    assert!(delivery.attempts[0].error.as_deref().unwrap().contains("deliver_beyond_loopback"));
}

#[tokio::test]
async fn a_receiver_that_takes_too_long_has_not_taken_it() {
    let clinic = Clinic::open().await;
    clinic.control().update_settings(|settings| settings.delivery_timeout_ms = Some(50));
    // Connections are accepted by the system, and nobody ever answers.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    channel_at(&clinic, &format!("http://{}/hook", silent.local_addr().unwrap())).await;
    clinic.control().settle().await;
    let delivery = only(&clinic);
    assert_eq!(delivery.status, DeliveryStatus::Pending);
    assert_eq!(delivery.timeout_ms, 5_000);
    assert_eq!(delivery.attempts[0].error.as_deref(), Some("no answer within 50 ms"));
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_is_no_success() {
    let clinic = Clinic::open().await;
    let (url, _) = moody(&[302]).await;
    channel_at(&clinic, &url).await;
    clinic.control().settle().await;
    let delivery = only(&clinic);
    assert_eq!((delivery.status, delivery.attempts[0].status), (DeliveryStatus::Pending, Some(302)));
    assert_eq!(delivery.attempts.len(), 1);
}

#[tokio::test]
async fn what_waited_when_the_sandbox_stopped_is_posted_when_it_starts_again() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("world.db");
    let open = async || Clinic::with(Sandbox::builder().seed(7).data(&data).start().await.unwrap());
    let (url, left) = moody(&[503]).await;
    let clinic = open().await;
    channel_at(&clinic, &url).await;
    clinic.control().settle().await;
    clinic.sandbox.shutdown().await;

    let clinic = open().await;
    assert_eq!(only(&clinic).status, DeliveryStatus::Pending);
    clinic.control().advance(Duration::from_secs(10));
    clinic.control().settle().await;
    assert_eq!(only(&clinic).status, DeliveryStatus::Delivered);
    assert!(left.lock().unwrap().is_empty());
}

#[tokio::test]
async fn deliveries_are_listed_and_waited_for_over_http_with_their_secrets_masked() {
    let clinic = Clinic::open().await;
    let receiver = Receiver::open().await;
    let url = receiver.at("/hook?token=abcdefghijklmnopqrstuvwxyz");
    channel_at(&clinic, &url).await;
    assert_eq!(clinic.post("/sandbox/deliveries/settle", "", &json!({})).await.status, 204);
    receiver.only();
    let reply = clinic.get("/sandbox/deliveries", "").await;
    assert_eq!(reply.json()["deliveries"][0]["status"], "delivered");
    assert!(!reply.text.contains("klmnopqrstuvwxyz"), "{}", reply.text);
    assert!(!format!("{:?}", clinic.control().deliveries()).contains("klmnopqrstuvwxyz"));
    clinic.control().reset(None);
    assert_eq!(clinic.control().deliveries(), []);
}
