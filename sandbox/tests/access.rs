//! Who may call what: credentials, scopes, impersonation, the rate limit, and the guard at the door.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)] // tests

mod common;

use common::{Clinic, ORGANIZATION, send, text};
use orgconnect_sandbox::{Impersonation, RateLimit};
use reqwest::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[tokio::test]
async fn unknown_credentials_are_refused_with_a_challenge_and_no_body() {
    let clinic = Clinic::open().await;
    for header in ["", "Bearer ", "Bearer unknown", "Basic abc", "Bearer undefined"] {
        let reply =
            send(clinic.request(Method::GET, "/v1/userinfo", "").header("Authorization", header)).await;
        assert_eq!(
            (reply.status.as_u16(), reply.header("www-authenticate"), reply.text.as_str()),
            (401, Some("Bearer"), ""),
            "{header}"
        );
    }
    assert_eq!(clinic.get("/v1/userinfo", "").await.status, 401);
    assert_eq!(clinic.control().counters().unauthorized, 6);
}

#[tokio::test]
async fn every_reply_carries_a_request_id() {
    let clinic = Clinic::open().await;
    let mut seen = std::collections::BTreeSet::new();
    for path in ["/v1/userinfo", "/nowhere", "/", "/sandbox/status", "/oauth/authorize"] {
        seen.insert(clinic.get(path, "").await.header("x-request-id").unwrap().to_owned());
    }
    assert_eq!(seen.len(), 5);
}

#[tokio::test]
async fn api_keys_and_access_tokens_are_not_interchangeable() {
    let clinic = Clinic::open().await;
    let key = clinic.application.client_secret.clone();
    assert_eq!(clinic.get("/v1/calendars", &key).await.status, 401);
    assert_eq!(clinic.get_as("/v1/calendars", &key, &clinic.member("doc@example.com")).await.status, 403);
    assert_eq!(clinic.get("/v1/organizational_unit_members", &key).await.status, 403);
}

#[tokio::test]
async fn a_scope_that_was_not_granted_is_403() {
    let clinic = Clinic::open().await;
    let token = text(&clinic.tokens("read_free_busy", "doc@example.com").await["access_token"]);
    let calendar = common::in_path(&clinic.primary(&token).await);
    assert_eq!(clinic.get("/v1/free_busy?tzid=Etc/UTC", &token).await.status, 200);
    assert_eq!(clinic.get("/v1/events?tzid=Etc/UTC", &token).await.status, 403);
    assert_eq!(clinic.get("/v1/events?tzid=Etc/UTC&only_managed=true", &token).await.status, 200);
    let path = format!("/v1/calendars/{calendar}/events");
    assert_eq!(clinic.post(&path, &token, &json!({})).await.status, 403);
    assert_eq!(clinic.delete(&path, &token, &json!({})).await.status, 403);
    assert_eq!(clinic.delete("/v1/events", &token, &json!({})).await.status, 403);
    assert_eq!(clinic.post("/v1/calendars", &token, &json!({})).await.status, 403);
}

#[tokio::test]
async fn an_organization_acts_as_its_members_and_nobody_else() {
    let clinic = Clinic::open().await;
    let token = clinic.organization().await;
    let doc = clinic.member("doc@example.com");
    let info = clinic.get_as("/v1/userinfo", &token, &doc).await.json();
    assert_eq!((&info["sub"], &info["email"]), (&json!(doc), &json!("doc@example.com")));
    assert_eq!(clinic.get_as("/v1/events?tzid=Etc/UTC", &token, &doc).await.status, 200);

    let fabrikam = clinic.control().organizations()[1].organization_id.clone();
    let stranger = clinic.control().members(&fabrikam)[0].sub.clone();
    for sub in [stranger.as_str(), "acc_unknown", "", "opu_000000000000000000000000"] {
        assert_eq!(clinic.get_as("/v1/userinfo", &token, sub).await.status, 403, "{sub}");
    }
    assert_eq!(
        clinic.get("/v1/calendars", &token).await.status,
        403,
        "an organization has no calendars of its own"
    );
    let twice = clinic.request(Method::GET, "/v1/userinfo", &token);
    let twice = twice.header("Cronofy-Impersonate", &doc).header("Cronofy-Impersonate", &doc);
    assert_eq!(send(twice).await.status, 403);
    assert_eq!(clinic.control().counters().impersonations[&doc], 3);
}

#[tokio::test]
async fn the_organizations_reach_is_a_setting() {
    let clinic = Clinic::open().await;
    let token = clinic.organization().await;
    let doc = clinic.member("doc@example.com");
    clinic.control().update_settings(|settings| {
        settings.impersonation_reaches_user_endpoints = false;
        settings.members_with_organization_token = false;
    });
    assert_eq!(clinic.get_as("/v1/calendars", &token, &doc).await.status, 403);
    assert_eq!(clinic.get("/v1/organizational_unit_members", &token).await.status, 403);
    let internal = clinic.internal().client_secret;
    assert_eq!(clinic.get_as("/v1/calendars", &internal, &doc).await.status, 200);
    assert_eq!(clinic.get("/v1/organizational_unit_members", &internal).await.status, 200);
}

#[tokio::test]
async fn an_internal_application_uses_its_secret() {
    let clinic = Clinic::open().await;
    let key = clinic.internal().client_secret;
    let doc = clinic.member("doc@example.com");
    assert_eq!(clinic.get_as("/v1/userinfo", &key, &doc).await.json()["sub"], json!(doc));
    assert_eq!(clinic.get("/v1/calendars", &key).await.status, 403);
    assert_eq!(clinic.get_as("/v1/userinfo", &key, "acc_unknown").await.status, 403);
}

#[tokio::test]
async fn impersonation_beside_a_users_token_is_ignored_or_refused() {
    let clinic = Clinic::open().await;
    let token = clinic.account("nurse@example.com").await;
    let doc = clinic.member("doc@example.com");
    let info = clinic.get_as("/v1/userinfo", &token, &doc).await.json();
    assert_eq!(info["email"], "nurse@example.com");
    clinic
        .control()
        .update_settings(|settings| settings.impersonation_with_user_token = Impersonation::Refuse);
    assert_eq!(clinic.get_as("/v1/userinfo", &token, &doc).await.status, 403);
}

#[tokio::test]
async fn the_rate_limit_counts_for_each_application() {
    let clinic = Clinic::open().await;
    let token = clinic.organization().await;
    clinic.control().freeze_clock(Some(clinic.control().now()));
    clinic.control().update_settings(|settings| settings.rate_limit = RateLimit::On);
    for _ in 0..50 {
        assert_eq!(clinic.get("/v1/userinfo", &token).await.status, 200);
    }
    let refused = clinic.get("/v1/userinfo", &token).await;
    assert_eq!((refused.status.as_u16(), refused.header("retry-after")), (429, None));
    clinic.control().update_settings(|settings| settings.rate_limit = RateLimit::WithRetryAfter);
    assert_eq!(clinic.get("/v1/userinfo", &token).await.header("retry-after"), Some("1"));
    assert_eq!(clinic.refresh(&json!("x")).await.status, 429, "token requests count, too");
    assert_eq!(
        clinic.get("/v1/userinfo", &clinic.internal().client_secret).await.status,
        403,
        "another application"
    );
    clinic.control().advance(std::time::Duration::from_secs(1));
    assert_eq!(clinic.get("/v1/userinfo", &token).await.status, 200);
}

/// Sends a request as it stands and returns the reply's status.
async fn raw(clinic: &Clinic, request: &str) -> u16 {
    let mut stream = TcpStream::connect(clinic.sandbox.address()).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).await.unwrap();
    reply.split(' ').nth(1).unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_foreign_host_is_turned_away_everywhere() {
    let clinic = Clinic::open().await;
    let port = clinic.sandbox.address().port();
    for path in ["/", "/v1/userinfo", "/sandbox/status", "/oauth/token"] {
        for host in [
            "evil.example",
            &format!("evil.example:{port}"),
            "127.0.0.1:1",
            &format!("127.0.0.1.evil.example:{port}"),
        ] {
            let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
            assert_eq!(raw(&clinic, &request).await, 421, "{host}{path}");
        }
    }
    let two = format!(
        "GET / HTTP/1.1\r\nHost: localhost:{port}\r\nHost: evil.example\r\nConnection: close\r\n\r\n"
    );
    assert!(matches!(raw(&clinic, &two).await, 400 | 421));
    let absolute =
        format!("GET http://evil.example/ HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\n\r\n");
    assert_eq!(raw(&clinic, &absolute).await, 421);
    let own = format!("GET /dashboard HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\n\r\n");
    assert_eq!(raw(&clinic, &own).await, 200);
}

#[tokio::test]
async fn other_sites_change_nothing() {
    let clinic = Clinic::open().await;
    let own = clinic.sandbox.url().to_owned();
    let post = |path: &str, name: &str, value: &str| {
        let request = clinic.request(Method::POST, path, "").header(name, value).json(&json!({}));
        send(request)
    };
    for path in ["/sandbox/reset", "/sandbox/faults", "/oauth/authorize", "/dashboard/anything"] {
        assert_eq!(post(path, "Origin", "http://evil.example").await.status, 403, "{path}");
        assert_eq!(post(path, "Origin", "null").await.status, 403, "{path}");
        assert_eq!(post(path, "Sec-Fetch-Site", "cross-site").await.status, 403, "{path}");
    }
    assert_eq!(post("/sandbox/reset", "Origin", &own).await.status, 204);
    assert_eq!(post("/sandbox/reset", "Sec-Fetch-Site", "same-origin").await.status, 204);
}

#[tokio::test]
async fn a_body_past_the_limit_is_refused() {
    let clinic = Clinic::open().await;
    let body = vec![b' '; 9 * 1024 * 1024];
    // The server may close before it has read everything, which the client sees as a broken connection.
    match clinic.request(Method::POST, "/oauth/token", "").body(body).send().await {
        Ok(reply) => assert_eq!(reply.status(), 413),
        Err(error) => assert!(error.is_request(), "{error}"),
    }
}

#[tokio::test]
async fn a_service_account_is_itself_and_no_user() {
    let clinic = Clinic::open().await;
    let token =
        text(&clinic.tokens("service_account/accounts/manage", "owner@example.com").await["access_token"]);
    let info = clinic.get("/v1/userinfo", &token).await.json();
    assert_eq!(info["cronofy.type"], "service_account");
    assert_eq!(info["cronofy.data"]["service_account"]["domain"], "example.com");
    assert_eq!(info["cronofy.data"]["authorization"]["delegated_scope"], "read_write");
    assert_eq!(clinic.get("/v1/calendars", &token).await.status, 403);
}

#[tokio::test]
async fn an_organization_is_described_by_userinfo() {
    let clinic = Clinic::open().await;
    let tokens = clinic.tokens(ORGANIZATION, "owner@example.com").await;
    let info = clinic.get("/v1/userinfo", &text(&tokens["access_token"])).await.json();
    assert_eq!(
        info,
        json!({
            "sub": tokens["sub"],
            "cronofy.type": "organizational_unit",
            "cronofy.data": { "authorization": { "scope": ORGANIZATION, "status": "active" } },
        })
    );
}
