//! Faults: what a client sees, and whether the request was carried out.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)] // tests

mod common;

use std::time::{Duration, Instant};

use common::{Clinic, ORGANIZATION, send};
use orgconnect_sandbox::{Fault, FaultBody, RefreshMode};
use reqwest::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[tokio::test]
async fn a_status_of_its_own_replaces_the_reply_and_nothing_is_committed() {
    let clinic = Clinic::open().await;
    let code = clinic.code(ORGANIZATION, "owner@example.com");
    clinic.control().add_fault(Fault {
        headers: vec![("x-odd".into(), "1".into())],
        retry_after: Some("7".into()),
        body: Some(FaultBody::Text("<html>busy</html>".into())),
        ..Fault::status(503).on("POST", "/oauth/token").times(1)
    });
    let reply = clinic.exchange(&code).await;
    assert_eq!((reply.status.as_u16(), reply.text.as_str()), (503, "<html>busy</html>"));
    assert_eq!((reply.header("retry-after"), reply.header("x-odd")), (Some("7"), Some("1")));
    assert!(reply.header("x-request-id").is_some());
    assert_eq!(clinic.exchange(&code).await.status, 200, "the code was not used up");
}

#[tokio::test]
async fn a_fault_may_commit_and_still_reply_with_its_own_status() {
    let clinic = Clinic::open().await;
    let code = clinic.code(ORGANIZATION, "owner@example.com");
    clinic.control().add_fault(Fault {
        commit: Some(true),
        body: Some(FaultBody::Json(json!({ "error": "odd" }))),
        ..Fault::status(500).times(1)
    });
    let reply = clinic.exchange(&code).await;
    assert_eq!((reply.status.as_u16(), reply.json()), (500, json!({ "error": "odd" })));
    assert_eq!(clinic.exchange(&code).await.json()["error"], "invalid_grant");
}

#[tokio::test]
async fn a_lost_reply_was_committed_and_a_dropped_request_was_not() {
    let clinic = Clinic::open().await;
    clinic.control().update_settings(|settings| settings.refresh_mode = RefreshMode::Strict);
    let tokens = clinic.tokens(ORGANIZATION, "owner@example.com").await;
    let refresh = || {
        let fields = json!({
            "client_id": clinic.application.client_id, "client_secret": clinic.application.client_secret,
            "grant_type": "refresh_token", "refresh_token": tokens["refresh_token"],
        });
        clinic.request(Method::POST, "/oauth/token", "").json(&fields)
    };
    clinic
        .control()
        .add_fault(Fault { grant_type: Some("refresh_token".into()), ..Fault::dropped().times(1) });
    clinic
        .control()
        .add_fault(Fault { grant_type: Some("refresh_token".into()), ..Fault::lost_reply().times(1) });
    assert!(refresh().send().await.is_err());
    assert_eq!(clinic.control().connections()[0].refreshes, 0);
    assert!(refresh().send().await.is_err());
    assert_eq!(clinic.control().connections()[0].refreshes, 1);
    assert_eq!(
        send(refresh()).await.json()["error"],
        "invalid_grant",
        "the predecessor was presented in strict mode"
    );
}

/// All bytes of the reply to a plain request.
async fn bytes(clinic: &Clinic) -> Vec<u8> {
    let mut stream = TcpStream::connect(clinic.sandbox.address()).await.unwrap();
    let request = format!(
        "GET /v1/userinfo HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
        clinic.sandbox.address()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut reply = Vec::new();
    stream.read_to_end(&mut reply).await.unwrap();
    reply
}

#[tokio::test]
async fn a_reply_is_cut_at_exactly_the_byte_that_was_ordered() {
    let clinic = Clinic::open().await;
    let whole = bytes(&clinic).await;
    assert!(whole.starts_with(b"HTTP/1.1 401"));
    for offset in 0..=whole.len() {
        clinic.control().clear_faults();
        clinic.control().add_fault(Fault { cut_after: Some(offset as u64), ..Fault::default() });
        assert_eq!(bytes(&clinic).await.len(), offset);
    }
    clinic.control().clear_faults();
    assert_eq!(bytes(&clinic).await.len(), whole.len());
}

#[tokio::test]
async fn a_cut_body_is_an_error_to_the_client() {
    let clinic = Clinic::open().await;
    let token = clinic.account("doc@example.com").await;
    clinic.control().add_fault(Fault { cut_after: Some(600), ..Fault::default().on("GET", "/v1/userinfo") });
    let reply = clinic.request(Method::GET, "/v1/userinfo", &token).send().await.unwrap();
    assert_eq!(reply.status(), 200);
    assert!(reply.text().await.is_err());
    assert_eq!(clinic.get("/v1/calendars", &token).await.status, 200, "other paths are spared");
}

#[tokio::test]
async fn a_garbled_body_is_no_json() {
    let clinic = Clinic::open().await;
    let token = clinic.organization().await;
    clinic.control().add_fault(Fault { garble: true, ..Fault::default().times(1) });
    let reply = clinic.request(Method::GET, "/v1/userinfo", &token).send().await.unwrap();
    assert_eq!(reply.status(), 200);
    let body = reply.bytes().await.unwrap();
    assert!(!body.is_empty() && serde_json::from_slice::<serde_json::Value>(&body).is_err());
}

#[tokio::test]
async fn delays_lie_before_or_after_the_commit() {
    let clinic = Clinic::open().await;
    let token = clinic.organization().await;
    let timed = async |fault: Fault| {
        clinic.control().clear_faults();
        clinic.control().add_fault(fault);
        let begun = Instant::now();
        assert_eq!(clinic.get("/v1/userinfo", &token).await.status, 200);
        begun.elapsed()
    };
    assert!(timed(Fault { delay_before_ms: 60, ..Fault::default() }).await >= Duration::from_millis(60));
    assert!(timed(Fault { delay_after_ms: 60, ..Fault::default() }).await >= Duration::from_millis(60));
}

#[tokio::test]
async fn a_client_that_goes_away_does_not_stop_what_it_asked_for() {
    let clinic = Clinic::open().await;
    let tokens = clinic.tokens(ORGANIZATION, "owner@example.com").await;
    clinic
        .control()
        .add_fault(Fault { delay_before_ms: 50, ..Fault::default().on("POST", "/oauth/token").times(1) });
    let impatient =
        tokio::time::timeout(Duration::from_millis(10), clinic.refresh(&tokens["refresh_token"])).await;
    assert!(impatient.is_err());
    let refreshed = async {
        while clinic.control().connections()[0].refreshes == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), refreshed)
        .await
        .expect("the refresh is carried out all the same");
}

#[tokio::test]
async fn a_fault_may_meet_one_account_only() {
    let clinic = Clinic::open().await;
    let organization = clinic.organization().await;
    let (doc, nurse) = (clinic.member("doc@example.com"), clinic.member("nurse@example.com"));
    let own = clinic.account("doc@example.com").await;
    clinic.control().add_fault(Fault { account: Some(doc.clone()), ..Fault::status(503) });
    assert_eq!(clinic.get_as("/v1/userinfo", &organization, &doc).await.status, 503);
    assert_eq!(clinic.get("/v1/userinfo", &own).await.status, 503);
    assert_eq!(clinic.get_as("/v1/userinfo", &organization, &nurse).await.status, 200);
}

#[tokio::test]
async fn the_first_rule_that_meets_a_request_applies() {
    let clinic = Clinic::open().await;
    let token = clinic.organization().await;
    let first = clinic.control().add_fault(Fault { skip: 1, ..Fault::status(500).times(1) });
    clinic.control().add_fault(Fault::status(502).on("GET", "/v1/*/pages"));
    clinic.control().add_fault(Fault::status(503).on("GET", "/v1/"));
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(clinic.get("/v1/userinfo", &token).await.status.as_u16());
    }
    assert_eq!(statuses, [503, 500, 503]);
    let state = clinic.control().faults();
    assert_eq!((state[0].id, state[0].met, state[0].applied, state[2].applied), (first, 2, 1, 2));
    assert_eq!(clinic.control().requests().last().unwrap().fault, Some(state[2].id));
    assert!(clinic.control().remove_fault(first) && !clinic.control().remove_fault(first));
    clinic.control().clear_faults();
    assert_eq!(clinic.get("/v1/userinfo", &token).await.status, 200);
}

#[tokio::test]
async fn the_control_api_and_the_dashboard_meet_no_faults() {
    let clinic = Clinic::open().await;
    clinic.control().add_fault(Fault::status(500));
    assert_eq!(clinic.get("/sandbox/status", "").await.status, 200);
    assert_eq!(clinic.get("/dashboard", "").await.status, 200);
    assert_eq!(clinic.get(&clinic.authorize_url(ORGANIZATION), "").await.status, 500);
    assert_eq!(clinic.get("/v1/userinfo", "").await.status, 500);
}
