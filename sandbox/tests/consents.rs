//! Conferencing services and extended permissions: asked for by the application, allowed or not on a page.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)] // tests

mod common;

use common::{Clinic, Reply, send, text};
use reqwest::Method;
use serde_json::{Value, json};

const BACK: &str = "http://127.0.0.1:9/back?flow=1";

async fn ask(clinic: &Clinic, token: &str, path: &str, extra: Value, field: &str) -> String {
    let mut body = json!({ "redirect_uri": BACK });
    body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    let reply = clinic.post(path, token, &body).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    text(&reply.json()[field]["url"])
}

async fn conferencing(clinic: &Clinic, token: &str, extra: Value) -> String {
    ask(clinic, token, "/v1/conferencing_service_authorizations", extra, "authorization_request").await
}

async fn decide(clinic: &Clinic, url: &str, fields: &[(&str, &str)]) -> Reply {
    send(clinic.request(Method::POST, url, "").form(fields)).await
}

async fn services(clinic: &Clinic, token: &str) -> Vec<String> {
    let info = clinic.get("/v1/userinfo", token).await.json();
    let profiles = info["cronofy.data"]["conferencing_profiles"].as_array().unwrap().clone();
    profiles.iter().map(|profile| text(&profile["provider_name"])).collect()
}

#[tokio::test]
async fn approving_connects_the_service_and_leads_back() {
    let clinic = Clinic::open().await;
    let token = clinic.account("nurse@example.com").await;
    assert_eq!(services(&clinic, &token).await, [""; 0]);
    let url = conferencing(&clinic, &token, json!({ "provider_name": "zoom" })).await;
    let page = clinic.get(&url, "").await;
    assert_eq!(page.status, 200);
    for shown in ["Rota", "nurse@example.com", "Zoom", "Approve", "Deny"] {
        assert!(page.text.contains(shown), "{shown}");
    }
    assert!(!page.text.contains("Microsoft Teams"));
    let reply = decide(&clinic, &url, &[("decision", "approve"), ("provider_name", "ms_teams")]).await;
    assert_eq!((reply.status.as_u16(), reply.header("location")), (303, Some(BACK)));
    // The service that was asked for, whatever the form says.
    assert_eq!(services(&clinic, &token).await, ["zoom"]);
    assert_eq!(clinic.get(&url, "").await.status, 404);
}

#[tokio::test]
async fn a_person_chooses_where_no_service_was_named_and_an_event_uses_it() {
    let clinic = Clinic::open().await;
    let token = clinic.account("nurse@example.com").await;
    let url = conferencing(&clinic, &token, json!({})).await;
    decide(&clinic, &url, &[("decision", "approve"), ("provider_name", "go_to")]).await;
    assert_eq!(services(&clinic, &token).await, ["go_to"]);
}

#[tokio::test]
async fn denying_leads_back_with_an_error_and_changes_nothing() {
    let clinic = Clinic::open().await;
    let token = clinic.account("nurse@example.com").await;
    let url = conferencing(&clinic, &token, json!({})).await;
    assert_eq!(decide(&clinic, &url, &[]).await.status, 400);
    let reply = decide(&clinic, &url, &[("decision", "deny")]).await;
    assert_eq!(reply.header("location"), Some("http://127.0.0.1:9/back?flow=1&error=access_denied"));
    assert_eq!(services(&clinic, &token).await, [""; 0]);
    assert_eq!(decide(&clinic, &url, &[("decision", "approve")]).await.status, 404);
}

#[tokio::test]
async fn what_is_wrong_with_a_conferencing_request_is_said_by_field() {
    let clinic = Clinic::open().await;
    let token = clinic.account("nurse@example.com").await;
    let path = "/v1/conferencing_service_authorizations";
    let reply = clinic.post(path, &token, &json!({ "provider_name": "carrier_pigeon" })).await;
    assert_eq!(reply.error_keys("redirect_uri"), ["errors.required"]);
    assert_eq!(reply.error_keys("provider_name"), ["errors.invalid"]);
    assert_eq!(clinic.post(path, &clinic.application.client_secret, &json!({})).await.status, 401);
}

#[tokio::test]
async fn extended_permissions_are_granted_on_the_page() {
    let clinic = Clinic::open().await;
    let token = clinic.account("nurse@example.com").await;
    let calendar = clinic.primary(&token).await;
    let wish = json!({ "permissions": [{ "calendar_id": calendar, "permission_level": "unrestricted" }] });
    let level = async || {
        let calendars = clinic.calendars(&token).await;
        text(&calendars.iter().find(|known| known["calendar_id"] == *calendar).unwrap()["permission_level"])
    };
    let url = ask(&clinic, &token, "/v1/permissions", wish.clone(), "permissions_request").await;
    assert!(clinic.get(&url, "").await.text.contains("Change and delete any event in nurse@example.com"));
    decide(&clinic, &url, &[("decision", "deny")]).await;
    assert_eq!(level().await, "sandbox");
    let url = ask(&clinic, &token, "/v1/permissions", wish, "permissions_request").await;
    decide(&clinic, &url, &[("decision", "approve")]).await;
    assert_eq!(level().await, "unrestricted");
}

#[tokio::test]
async fn what_is_wrong_with_permissions_is_said_by_field() {
    let clinic = Clinic::open().await;
    let token = clinic.account("nurse@example.com").await;
    let body = json!({ "permissions": [{ "calendar_id": "cal_x", "permission_level": "all" }] });
    let reply = clinic.post("/v1/permissions", &token, &body).await;
    assert_eq!(reply.error_keys("permissions.calendar_id"), ["errors.invalid"]);
    assert_eq!(reply.error_keys("permissions.permission_level"), ["errors.invalid"]);
    assert_eq!(reply.error_keys("redirect_uri"), ["errors.required"]);
    let reply = clinic.post("/v1/permissions", &token, &json!({ "redirect_uri": BACK })).await;
    assert_eq!(reply.error_keys("permissions"), ["errors.required"]);
}

#[tokio::test]
async fn a_sandbox_that_approves_by_itself_leads_back_at_once() {
    let clinic = Clinic::open().await;
    clinic.control().update_settings(|settings| settings.auto_approve = true);
    let token = clinic.account("nurse@example.com").await;
    let url = conferencing(&clinic, &token, json!({ "provider_name": "ms_teams" })).await;
    assert_eq!(clinic.get(&url, "").await.header("location"), Some(BACK));
    assert_eq!(services(&clinic, &token).await, ["ms_teams"]);
}
