//! The older link behind which a person adds an event to a calendar of their own.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)] // tests

mod common;

use common::{Clinic, REDIRECT, Reply, parameter, send, text};
use reqwest::Method;
use serde_json::{Value, json};

const PATH: &str = "/v1/add_to_calendar";

fn body(clinic: &Clinic) -> Value {
    json!({
        "client_id": clinic.application.client_id,
        "client_secret": clinic.application.client_secret,
        "oauth": { "redirect_uri": REDIRECT, "scope": "read_events create_event", "state": "st4te" },
        "event": { "event_id": "party", "summary": "Summer party", "tzid": "Europe/London",
            "start": "2026-07-10T17:00:00Z", "end": "2026-07-10T20:00:00Z" },
        "formatting": { "hour_format": "h" },
    })
}

async fn link(clinic: &Clinic) -> String {
    // The Node client sends this header beside the credentials.
    let reply = clinic.post(PATH, "undefined", &body(clinic)).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    text(&reply.json()["url"])
}

async fn answer(clinic: &Clinic, url: &str, form: &[(&str, &str)]) -> Reply {
    send(clinic.request(Method::POST, url, "").form(form)).await
}

#[tokio::test]
async fn adding_writes_the_event_and_authorizes_the_application() {
    let clinic = Clinic::open().await;
    let url = link(&clinic).await;
    let page = clinic.get(&url, "").await;
    assert!(
        page.text.contains("Summer party") && page.text.contains("Friday 10 July 2026, 6:00 pm"),
        "{}",
        page.text
    );
    assert!(page.text.contains("Rota") && !page.text.contains("<script"));

    let nurse = clinic.member("nurse@example.com");
    let done = answer(&clinic, &url, &[("account", &nurse), ("decision", "add")]).await;
    assert_eq!(done.status, 303, "{}", done.text);
    let back = done.header("location").unwrap();
    assert_eq!(parameter(back, "state").as_deref(), Some("st4te"));
    let tokens = clinic.exchange(&parameter(back, "code").unwrap()).await.json();
    assert_eq!((&tokens["sub"], &tokens["scope"]), (&json!(nurse), &json!("read_events create_event")));
    let events = "/v1/events?tzid=Etc/UTC&only_managed=true";
    let events = clinic.get(events, &text(&tokens["access_token"])).await.json()["events"].clone();
    assert_eq!(
        (&events[0]["event_id"], &events[0]["start"]),
        (&json!("party"), &json!("2026-07-10T17:00:00Z"))
    );
    assert_eq!(events[0]["calendar_id"], json!(clinic.primary(&text(&tokens["access_token"])).await));
}

#[tokio::test]
async fn whoever_would_rather_not_goes_back_without_a_code() {
    let clinic = Clinic::open().await;
    let url = link(&clinic).await;
    let back = answer(&clinic, &url, &[("decision", "cancel")]).await;
    let back = back.header("location").unwrap();
    assert_eq!((parameter(back, "error").as_deref(), parameter(back, "code")), (Some("access_denied"), None));
    let undecided = answer(&clinic, &url, &[("decision", "add"), ("account", "acc_nobody")]).await;
    assert!(undecided.text.contains("Choose whose calendar"), "{}", undecided.text);
    assert_eq!(clinic.get("/add_to_calendar/unknown", "").await.status, 404);
}

#[tokio::test]
async fn every_wrong_field_is_named_and_credentials_are_checked() {
    let clinic = Clinic::open().await;
    let mut wrong = body(&clinic);
    wrong["oauth"] = json!({ "redirect_uri": "myapp://x" });
    wrong["event"] = json!({ "start": "2026-07-10", "end": "2026-07-10T20:00:00Z" });
    wrong["formatting"] = json!({ "hour_format": "12" });
    let refused = clinic.post(PATH, "", &wrong).await;
    assert_eq!(refused.status, 422);
    let errors = refused.json()["errors"].clone();
    for field in
        ["oauth.redirect_uri", "event.event_id", "event.summary", "event.end", "formatting.hour_format"]
    {
        assert!(errors.get(field).is_some(), "{field} in {errors}");
    }
    let mut bare = body(&clinic);
    bare.as_object_mut().unwrap().retain(|name, _| name.starts_with("client_"));
    let refused = clinic.post(PATH, "", &bare).await;
    for field in ["oauth", "event"] {
        assert_eq!(refused.error_keys(field), ["errors.required"], "{field}");
    }
    bare["client_secret"] = "wrong".into();
    assert_eq!(clinic.post(PATH, &clinic.application.client_secret, &bare).await.status, 401);
}
