//! The token endpoint: codes, refresh in its three modes, what replies hold, revocation.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)] // tests

mod common;

use std::time::Duration;

use common::{ALL_SCOPES, Clinic, ORGANIZATION, REDIRECT, send, text};
use orgconnect_sandbox::{ConnectionStatus, ExpiresIn, RefreshMode};
use reqwest::Method;
use serde_json::{Value, json};

fn keys(tokens: &Value) -> Vec<&str> {
    tokens.as_object().unwrap().keys().map(String::as_str).collect()
}

#[tokio::test]
async fn an_organizations_tokens_have_a_sub_and_no_account() {
    let clinic = Clinic::open().await;
    let reply = clinic.exchange(&clinic.code(ORGANIZATION, "owner@example.com")).await;
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    assert_eq!(reply.header("pragma"), Some("no-cache"));
    assert_eq!(reply.header("content-type"), Some("application/json; charset=utf-8"));
    let tokens = reply.json();
    assert_eq!(keys(&tokens), ["access_token", "expires_in", "refresh_token", "scope", "sub", "token_type"]);
    assert_eq!(tokens["token_type"], "bearer");
    assert_eq!(tokens["expires_in"], 3600);
    assert_eq!(text(&tokens["access_token"]).len(), 32);
    assert!(text(&tokens["sub"]).starts_with("opu_") && text(&tokens["sub"]).len() == 28);
}

#[tokio::test]
async fn a_service_accounts_tokens_live_half_as_long() {
    let clinic = Clinic::open().await;
    let tokens = clinic.tokens("service_account/accounts/manage", "owner@example.com").await;
    assert_eq!(tokens["expires_in"], 1800);
    assert!(text(&tokens["service_account_id"]).starts_with("ser_"));
    assert_eq!(tokens.get("sub"), None);
}

#[tokio::test]
async fn forms_are_read_like_json_and_a_nonsense_header_is_ignored() {
    let clinic = Clinic::open().await;
    let code = clinic.code(ORGANIZATION, "owner@example.com");
    let form = [
        ("client_id", clinic.application.client_id.as_str()),
        ("client_secret", &clinic.application.client_secret),
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", REDIRECT),
    ];
    let reply = send(clinic.request(Method::POST, "/oauth/token", "undefined").form(&form)).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
}

#[tokio::test]
async fn a_code_is_refused_the_second_time_and_its_tokens_stay_good() {
    let clinic = Clinic::open().await;
    let code = clinic.code(ORGANIZATION, "owner@example.com");
    let tokens = clinic.exchange(&code).await.json();
    let again = clinic.exchange(&code).await;
    assert_eq!((again.status.as_u16(), again.json()), (400, json!({ "error": "invalid_grant" })));
    assert_eq!(clinic.get("/v1/userinfo", &text(&tokens["access_token"])).await.status, 200);
}

#[tokio::test]
async fn a_code_is_refused_when_it_is_old_or_anothers_or_the_address_differs() {
    let clinic = Clinic::open().await;
    let old = clinic.code(ORGANIZATION, "owner@example.com");
    clinic.control().advance(Duration::from_secs(301));
    assert_eq!(clinic.exchange(&old).await.json()["error"], "invalid_grant");

    let elsewhere = clinic.code(ORGANIZATION, "owner@example.com");
    let fields = json!({ "grant_type": "authorization_code", "code": elsewhere, "redirect_uri": "http://127.0.0.1:9/other" });
    assert_eq!(clinic.token(fields).await.json()["error"], "invalid_grant");

    let code = clinic.code(ORGANIZATION, "owner@example.com");
    let other = clinic.production("https://a.example/");
    let fields = json!({
        "grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT,
        "client_id": other.client_id, "client_secret": other.client_secret,
    });
    assert_eq!(clinic.post("/oauth/token", "", &fields).await.json()["error"], "invalid_grant");
    assert_eq!(clinic.exchange(&code).await.status, 200, "the attempt of another did not use it up");
}

#[tokio::test]
async fn oauth_errors_are_those_of_the_standard() {
    let clinic = Clinic::open().await;
    for (fields, error) in [
        (json!({}), "invalid_request"),
        (json!({ "grant_type": "client_credentials" }), "unsupported_grant_type"),
        (json!({ "grant_type": "authorization_code" }), "invalid_request"),
        (json!({ "grant_type": "refresh_token" }), "invalid_request"),
        (json!({ "grant_type": "refresh_token", "refresh_token": "unknown" }), "invalid_grant"),
    ] {
        let reply = clinic.token(fields).await;
        assert_eq!((reply.status.as_u16(), reply.json()), (400, json!({ "error": error })));
    }
    let broken =
        clinic.request(Method::POST, "/oauth/token", "").header("content-type", "application/json").body("{");
    assert_eq!(send(broken).await.json()["error"], "invalid_request");
}

#[tokio::test]
async fn a_wrong_secret_is_invalid_client_with_the_status_that_is_set() {
    let clinic = Clinic::open().await;
    let fields = json!({
        "client_id": clinic.application.client_id, "client_secret": "CRN_wrong",
        "grant_type": "refresh_token", "refresh_token": "x",
    });
    let reply = clinic.post("/oauth/token", "", &fields).await;
    assert_eq!((reply.status.as_u16(), reply.json()), (400, json!({ "error": "invalid_client" })));
    clinic.control().update_settings(|settings| settings.invalid_client_status = 401);
    assert_eq!(clinic.post("/oauth/token", "", &fields).await.status, 401);
}

#[tokio::test]
async fn a_static_refresh_token_stays_and_the_old_access_token_lives_on() {
    let clinic = Clinic::open().await;
    let tokens = clinic.tokens(ALL_SCOPES, "doc@example.com").await;
    let refreshed = clinic.refresh(&tokens["refresh_token"]).await.json();
    assert_eq!(keys(&refreshed), ["access_token", "expires_in", "refresh_token", "scope", "token_type"]);
    assert_eq!(refreshed["refresh_token"], tokens["refresh_token"]);
    assert_ne!(refreshed["access_token"], tokens["access_token"]);
    for token in [&tokens, &refreshed] {
        assert_eq!(clinic.get("/v1/account", &text(&token["access_token"])).await.status, 200);
    }
    clinic.control().update_settings(|settings| {
        settings.refresh_invalidates_access_token = true;
        settings.refresh_reply_carries_sub = true;
    });
    let newest = clinic.refresh(&tokens["refresh_token"]).await.json();
    assert_eq!(newest["sub"], tokens["sub"]);
    assert_eq!(clinic.get("/v1/account", &text(&tokens["access_token"])).await.status, 401);
    assert_eq!(clinic.get("/v1/account", &text(&newest["access_token"])).await.status, 200);
}

#[tokio::test]
async fn in_grace_mode_the_predecessor_is_honoured_until_the_successor_is_used() {
    let clinic = Clinic::open().await;
    clinic.control().update_settings(|settings| settings.refresh_mode = RefreshMode::Grace);
    let first = clinic.tokens(ORGANIZATION, "owner@example.com").await;
    let second = clinic.refresh(&first["refresh_token"]).await.json();
    assert_ne!(second["refresh_token"], first["refresh_token"]);
    let lost = clinic.refresh(&first["refresh_token"]).await.json();
    assert_eq!(lost["refresh_token"], second["refresh_token"], "a reply that was lost is made good");
    assert_eq!(clinic.refresh(&second["refresh_token"]).await.status, 200);
    assert_eq!(clinic.refresh(&first["refresh_token"]).await.json()["error"], "invalid_grant");
    assert_eq!(clinic.control().connections()[0].status, ConnectionStatus::Active);
}

#[tokio::test]
async fn in_strict_mode_presenting_the_predecessor_revokes_the_family() {
    let clinic = Clinic::open().await;
    clinic.control().update_settings(|settings| settings.refresh_mode = RefreshMode::Strict);
    let first = clinic.tokens(ORGANIZATION, "owner@example.com").await;
    let second = clinic.refresh(&first["refresh_token"]).await.json();
    assert_eq!(clinic.refresh(&first["refresh_token"]).await.json()["error"], "invalid_grant");
    assert_eq!(clinic.refresh(&second["refresh_token"]).await.json()["error"], "invalid_grant");
    assert_eq!(clinic.get("/v1/userinfo", &text(&second["access_token"])).await.status, 401);
    assert_eq!(clinic.control().connections()[0].status, ConnectionStatus::Revoked);
}

#[tokio::test]
async fn authorizing_again_gives_the_same_refresh_token() {
    let clinic = Clinic::open().await;
    let first = clinic.tokens(ORGANIZATION, "owner@example.com").await;
    let second = clinic.tokens(ORGANIZATION, "owner@example.com").await;
    assert_eq!((&first["sub"], &first["refresh_token"]), (&second["sub"], &second["refresh_token"]));
    assert_eq!(clinic.control().connections().len(), 1);
}

#[tokio::test]
async fn the_lifetime_is_as_set_and_ends_with_401() {
    let clinic = Clinic::open().await;
    clinic.control().update_settings(|settings| settings.access_token_ttl_ms = Some(90_000));
    let tokens = clinic.tokens(ORGANIZATION, "owner@example.com").await;
    assert_eq!(tokens["expires_in"], 90);
    let token = text(&tokens["access_token"]);
    assert_eq!(clinic.get("/v1/userinfo", &token).await.status, 200);
    clinic.control().advance(Duration::from_secs(91));
    let expired = clinic.get("/v1/userinfo", &token).await;
    assert_eq!(
        (expired.status.as_u16(), expired.header("www-authenticate"), expired.text.as_str()),
        (401, Some("Bearer"), "")
    );
}

#[tokio::test]
async fn expires_in_may_be_anything_or_nothing() {
    let clinic = Clinic::open().await;
    for value in [json!(0), json!(-1), json!("3600"), json!(1e18), json!(null), json!({ "odd": true })] {
        clinic.control().update_settings(|settings| settings.expires_in = ExpiresIn::Value(value.clone()));
        assert_eq!(clinic.tokens(ORGANIZATION, "owner@example.com").await.get("expires_in"), Some(&value));
    }
    clinic.control().update_settings(|settings| settings.expires_in = ExpiresIn::Omitted);
    assert_eq!(clinic.tokens(ORGANIZATION, "owner@example.com").await.get("expires_in"), None);
}

#[tokio::test]
async fn revoking_by_token_or_sub_ends_the_connection() {
    let clinic = Clinic::open().await;
    for name in ["refresh_token", "access_token", "sub"] {
        let tokens = clinic.tokens(ORGANIZATION, "owner@example.com").await;
        let field = if name == "sub" { "sub" } else { "token" };
        let reply = clinic.revoke(json!({ field: tokens[name] })).await;
        assert_eq!((reply.status.as_u16(), reply.text.as_str()), (200, ""), "{name}");
        assert_eq!(clinic.get("/v1/userinfo", &text(&tokens["access_token"])).await.status, 401);
        assert_eq!(clinic.refresh(&tokens["refresh_token"]).await.json()["error"], "invalid_grant");
    }
}

#[tokio::test]
async fn the_token_wins_over_the_sub_and_the_unknown_is_answered_alike() {
    let clinic = Clinic::open().await;
    let doc = clinic.tokens(ALL_SCOPES, "doc@example.com").await;
    let nurse = clinic.tokens(ALL_SCOPES, "nurse@example.com").await;
    let both = json!({ "token": doc["refresh_token"], "sub": nurse["sub"] });
    assert_eq!(clinic.revoke(both).await.status, 200);
    assert_eq!(clinic.get("/v1/account", &text(&doc["access_token"])).await.status, 401);
    assert_eq!(clinic.get("/v1/account", &text(&nurse["access_token"])).await.status, 200);
    assert_eq!(clinic.revoke(json!({ "token": "unknown" })).await.status, 200);
    assert_eq!(clinic.revoke(json!({ "sub": "acc_unknown" })).await.status, 200);
    assert_eq!(clinic.revoke(json!({})).await.json()["error"], "invalid_request");
}

#[tokio::test]
async fn an_application_cannot_revoke_anothers_connection() {
    let clinic = Clinic::open().await;
    let tokens = clinic.tokens(ORGANIZATION, "owner@example.com").await;
    let other = clinic.production("https://a.example/");
    let fields = json!({ "client_id": other.client_id, "client_secret": other.client_secret, "token": tokens["refresh_token"] });
    assert_eq!(clinic.post("/oauth/token/revoke", "", &fields).await.status, 200);
    assert_eq!(clinic.get("/v1/userinfo", &text(&tokens["access_token"])).await.status, 200);
}

#[tokio::test]
async fn an_application_calendar_is_made_once_and_its_token_reaches_it() {
    let clinic = Clinic::open().await;
    let fields = json!({
        "client_id": clinic.application.client_id, "client_secret": clinic.application.client_secret,
        "application_calendar_id": "room-7",
    });
    let first = clinic.post("/v1/application_calendars", "", &fields).await;
    assert_eq!((first.status.as_u16(), first.header("cache-control")), (200, Some("no-store")));
    let (first, second) = (first.json(), clinic.post("/v1/application_calendars", "", &fields).await.json());
    assert_eq!(first["sub"], second["sub"]);
    assert!(text(&first["sub"]).starts_with("apc_"));
    assert_eq!(first["application_calendar_id"], "room-7");
    assert_eq!(first["linking_profile"]["provider_name"], "cronofy");
    let token = text(&second["access_token"]);
    assert_eq!(clinic.calendars(&token).await.len(), 1);
    let invitation = json!({
        "event_id": "1", "summary": "x", "start": "2030-01-01T09:00:00Z", "end": "2030-01-01T10:00:00Z",
        "attendees": { "invite": [{ "email": "doc@example.com" }] },
    });
    let calendar = clinic.primary(&token).await;
    let reply = clinic.post(&format!("/v1/calendars/{calendar}/events"), &token, &invitation).await;
    assert_eq!(reply.error_keys("attendees.invite"), ["errors.invalid"]);
}

#[tokio::test]
async fn the_date_of_an_answer_is_by_the_sandboxes_clock() {
    let clinic = Clinic::open().await;
    clinic.control().freeze_clock(Some("2031-03-03T09:00:00Z".parse().unwrap()));
    let reply = clinic.get("/v1/userinfo", "").await;
    assert_eq!(reply.headers["date"], "Mon, 03 Mar 2031 09:00:00 GMT");
}
