//! What applications do with their own key: provisioning and verification, element tokens, attachments, meeting agents.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)] // tests

mod common;
#[path = "common/receiver.rs"]
mod receiver;

use std::time::Duration;

use common::{Clinic, Reply, in_path, text};
use orgconnect_sandbox::{AgentState, AttachmentVerdict, Mode, Timestamp};
use receiver::Receiver;
use serde_json::{Value, json};

const HELLO: &str = "SGVsbG8=";

fn key(clinic: &Clinic) -> &str {
    &clinic.application.client_secret
}

#[tokio::test]
async fn an_admin_key_registers_an_application_that_works() {
    let clinic = Clinic::open().await;
    let admin = clinic.control().create_admin_api_key(&clinic.clinic_id()).unwrap();
    let body = json!({ "name": "Made by a machine", "url": "https://app.example.com" });
    let reply = clinic.post("/v1/applications", &admin, &body).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    let client = reply.json()["oauth_client"].clone();
    let known = clinic.control().applications();
    let known = known.iter().find(|known| known.client_id == text(&client["client_id"])).unwrap();
    assert_eq!((known.name.as_str(), known.mode), ("Made by a machine", Mode::Development));
    let agenda = json!({ "permissions": ["agenda"], "origin": "https://app.example.com" });
    let secret = text(&client["client_secret"]);
    assert_eq!(clinic.post("/v1/element_tokens", &secret, &agenda).await.status, 200);

    let reply = clinic.post("/v1/applications", &admin, &json!({ "url": "app" })).await;
    assert_eq!(reply.error_keys("name"), ["errors.required"]);
    assert_eq!(reply.error_keys("url"), ["errors.invalid"]);
    assert_eq!(clinic.post("/v1/applications", key(&clinic), &body).await.status, 401);
    assert!(clinic.control().revoke_admin_api_key(&admin));
    assert_eq!(clinic.post("/v1/applications", &admin, &body).await.status, 401);
    let over_http = json!({ "organization_id": clinic.clinic_id() });
    assert_eq!(clinic.post("/sandbox/admin_api_keys", "", &over_http).await.status, 201);
}

#[tokio::test]
async fn redirect_uris_are_submitted_one_beside_the_other_and_verified_by_somebody() {
    let clinic = Clinic::open().await;
    let submit = async |uris: Value| {
        let contact = json!({ "email": "dev@example.com", "display_name": "Dev" });
        let body = json!({ "redirect_uris": uris, "contact": contact });
        clinic.post("/v1/application_verification", key(&clinic), &body).await
    };
    let reply = submit(json!(["https://a.example/back"])).await;
    assert_eq!((reply.status.as_u16(), reply.json()), (202, json!({})));
    submit(json!(["https://a.example/back", "https://*.b.example/back"])).await;
    let known = || clinic.control().applications().remove(0);
    assert_eq!(known().mode, Mode::Development);
    assert_eq!(known().redirect_uris.len(), 2);
    assert!(known().redirect_uris.iter().all(|uri| !uri.verified));
    clinic.control().update_settings(|settings| settings.verify_applications_at_once = true);
    submit(json!(["https://c.example/back"])).await;
    assert_eq!(known().mode, Mode::Production);
    assert!(known().redirect_uris.iter().all(|uri| uri.verified));

    assert_eq!(submit(json!([])).await.error_keys("redirect_uris"), ["errors.required"]);
    assert_eq!(submit(json!(["app://back"])).await.error_keys("redirect_uris"), ["errors.invalid"]);
    let reply = clinic.post("/v1/application_verification", key(&clinic), &json!({})).await;
    assert_eq!(reply.error_keys("contact.email"), ["errors.required"]);
}

#[tokio::test]
async fn an_element_token_says_what_it_is_good_for() {
    let clinic = Clinic::open().await;
    clinic.account("doc@example.com").await;
    let create = async |body: Value| clinic.post("/v1/element_tokens", key(&clinic), &body).await;
    let body = json!({
        "version": "1", "permissions": ["agenda", "availability"],
        "subs": [clinic.member("doc@example.com")], "origin": "http://localhost:3000",
    });
    let token = create(body.clone()).await.json()["element_token"].clone();
    assert_eq!(token["permissions"], json!(["agenda", "availability"]));
    assert_eq!(token["origin"], "http://localhost:3000");
    assert_eq!(token["expires_in"], 64_800);
    assert_ne!(token["token"], create(body).await.json()["element_token"]["token"]);
}

#[tokio::test]
async fn what_is_wrong_with_an_element_token_is_said_by_field() {
    let clinic = Clinic::open().await;
    let create = async |body: Value| clinic.post("/v1/element_tokens", key(&clinic), &body).await;
    let wrong = json!({
        "version": "2", "permissions": ["everything"], "subs": ["acc_unknown"], "origin": "https://app.example.com/page",
    });
    let reply = create(wrong.clone()).await;
    assert_eq!(reply.error_keys("version"), ["errors.invalid"]);
    assert_eq!(reply.error_keys("permissions"), ["errors.not_recognized"]);
    assert_eq!(reply.error_keys("subs"), ["errors.invalid"]);
    assert_eq!(reply.error_keys("origin"), ["errors.invalid"]);
    let reply = create(json!({})).await;
    assert_eq!(reply.error_keys("permissions"), ["errors.required"]);
    assert_eq!(reply.error_keys("origin"), ["errors.required"]);
    clinic.control().update_settings(|settings| settings.element_permission_status = 400);
    let reply = create(wrong).await;
    assert_eq!((reply.status.as_u16(), reply.json()), (400, json!({ "permissions": "not_recognized" })));
}

async fn attach(clinic: &Clinic, file_name: &str, content_type: &str, extra: Value) -> Reply {
    let mut body = json!({
        "attachment": { "file_name": file_name, "content_type": content_type, "base64_content": HELLO },
    });
    body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    clinic.post("/v1/attachments", key(clinic), &body).await
}

#[tokio::test]
async fn an_attachment_is_kept_for_events_and_its_verdict_is_told() {
    let clinic = Clinic::open().await;
    let receiver = Receiver::open().await;
    let types = [json!({ "type": "attachment_approved" }), json!({ "type": "attachment_rejected" })];
    let subscriptions = json!({
        "subscriptions": [{ "type": "webhook", "uri": receiver.at("/file"), "interactions": types }],
    });
    let reply = attach(&clinic, "hello.txt", "text/plain", subscriptions.clone()).await;
    let attachment = reply.json()["attachment"].clone();
    // RFC 1321's algorithm over "Hello".
    assert_eq!(attachment["md5"], "8b1a9953c4611296a827abf8c47804d7");
    assert_eq!(
        (&attachment["file_name"], &attachment["content_type"]),
        (&json!("hello.txt"), &json!("text/plain"))
    );
    clinic.control().update_settings(|settings| settings.attachment_verdict = AttachmentVerdict::Rejected);
    attach(&clinic, "hello.txt", "text/plain", subscriptions).await;
    clinic.control().settle().await;
    let told: Vec<_> = receiver
        .all()
        .iter()
        .map(|post| post.json()["notification"]["interactions"][0]["type"].clone())
        .collect();
    assert_eq!(told, ["attachment_approved", "attachment_rejected"]);
    assert_eq!(receiver.all()[0].json()["attachment"], attachment);

    let token = clinic.account("nurse@example.com").await;
    let path = format!("/v1/calendars/{}/events", in_path(&clinic.primary(&token).await));
    let event = |id: &Value| {
        json!({
            "event_id": "1", "summary": "x", "start": "2027-01-05", "end": "2027-01-06",
            "attachments": [{ "attachment_id": id }],
        })
    };
    assert_eq!(clinic.post(&path, &token, &event(&attachment["attachment_id"])).await.status, 202);
    let reply = clinic.post(&path, &token, &event(&json!("att_unknown"))).await;
    assert_eq!(reply.error_keys("attachments.attachment_id"), ["errors.invalid"]);
}

#[tokio::test]
async fn what_is_wrong_with_an_attachment_is_said_by_field() {
    let clinic = Clinic::open().await;
    let keys = async |file_name: &str, content_type: &str, field: &str| {
        attach(&clinic, file_name, content_type, json!({})).await.error_keys(field)
    };
    assert_eq!(keys("hello.pdf", "text/plain", "attachment.content_type").await, ["errors.invalid"]);
    for name in ["hello", "../hello.txt", ".txt", "he\"llo.txt"] {
        assert_eq!(keys(name, "text/plain", "attachment.file_name").await, ["errors.invalid"], "{name}");
    }
    let reply = clinic.post("/v1/attachments", key(&clinic), &json!({})).await;
    assert_eq!(reply.error_keys("attachment"), ["errors.required"]);
    let body = json!({ "attachment": { "base64_content": "%" } });
    let reply = clinic.post("/v1/attachments", key(&clinic), &body).await;
    assert_eq!(reply.error_keys("attachment.base64_content"), ["errors.invalid"]);
    assert_eq!(reply.error_keys("attachment.file_name"), ["errors.required"]);
}

/// What a meeting agent's subscriptions were told, in order.
async fn told(clinic: &Clinic, receiver: &Receiver) -> Vec<(String, Value)> {
    clinic.control().settle().await;
    let posts = receiver.all();
    let told = posts.iter().map(receiver::Received::json);
    told.map(|body| (text(&body["notification"]["interactions"][0]["type"]), body["meeting_agent"].clone()))
        .collect()
}

fn agent(receiver: &Receiver) -> Value {
    let types = ["meeting_agent_activated", "meeting_agent_complete"].map(|kind| json!({ "type": kind }));
    json!({
        "join_url": "https://meet.example/1",
        "subscriptions": [{ "type": "webhook", "uri": receiver.at("/agent"), "interactions": types }],
    })
}

#[tokio::test]
async fn an_agent_joins_at_once_and_leaves_something_to_read() {
    let clinic = Clinic::open().await;
    let receiver = Receiver::open().await;
    let reply = clinic.post("/v1/meeting_agents", key(&clinic), &agent(&receiver)).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    let sub = text(&reply.json()["sub"]);
    assert!(sub.starts_with("agt_"));
    assert_eq!(reply.json()["state"], "created");
    clinic.control().end_meeting_agent(&sub, AgentState::Complete).unwrap();
    let told = told(&clinic, &receiver).await;
    assert_eq!(told[0].0, "meeting_agent_activated");
    assert_eq!((told[1].0.as_str(), &told[1].1["state"]), ("meeting_agent_complete", &json!("complete")));
    let url = text(&told[1].1["resources"][0]["url"]);
    assert!(clinic.get(&url, "").await.text.starts_with("WEBVTT"));
}

#[tokio::test]
async fn a_scheduled_agent_joins_when_its_time_has_come_unless_it_is_called_back() {
    let clinic = Clinic::open().await;
    let now: Timestamp = "2027-01-04T09:00:00Z".parse().unwrap();
    clinic.control().freeze_clock(Some(now));
    let receiver = Receiver::open().await;
    let schedule = async |key_of: &str, time: &str| {
        let mut body = agent(&receiver);
        body["scheduling_key"] = key_of.into();
        body["join_time"] = time.into();
        clinic.post("/v1/meeting_agents", key(&clinic), &body).await
    };
    let call_back = async |key_of: &str| {
        let body = json!({ "scheduling_key": key_of });
        assert_eq!(clinic.delete("/v1/meeting_agents", key(&clinic), &body).await.status, 202);
    };
    let reply = schedule("one", "2027-01-04T10:00:00Z").await;
    assert_eq!((reply.status.as_u16(), reply.text.as_str()), (202, ""));
    schedule("two", "2027-01-04T10:00:00Z").await;
    // The same key moves the agent.
    schedule("two", "2027-01-04T11:00:00Z").await;
    schedule("three", "2027-01-04T11:00:00Z").await;
    call_back("three").await;
    assert_eq!(told(&clinic, &receiver).await.len(), 0);
    clinic.control().advance(Duration::from_hours(1));
    assert_eq!(told(&clinic, &receiver).await.len(), 1);
    call_back("one").await;
    let reply = schedule("one", "2027-01-04T12:00:00Z").await;
    assert_eq!(reply.error_keys("scheduling_key"), ["errors.already_joined"]);
    clinic.control().advance(Duration::from_hours(1));
    assert_eq!(told(&clinic, &receiver).await.len(), 2);
}

#[tokio::test]
async fn what_is_wrong_with_an_agent_is_said_by_field() {
    let clinic = Clinic::open().await;
    let post = async |body: Value| clinic.post("/v1/meeting_agents", key(&clinic), &body).await;
    assert_eq!(post(json!({})).await.error_keys("join_url"), ["errors.required"]);
    let reply = post(json!({ "join_url": "https://meet.example", "scheduling_key": "k" })).await;
    assert_eq!(reply.error_keys("join_time"), ["errors.required"]);
    let reply =
        post(json!({ "join_url": "https://meet.example", "join_time": "2027-01-04T10:00:00Z" })).await;
    assert_eq!(reply.error_keys("scheduling_key"), ["errors.required"]);
    let subscriptions = json!([{ "type": "pigeon", "uri": "x", "interactions": [{ "type": "y" }] }]);
    let reply = post(json!({ "join_url": "https://meet.example", "subscriptions": subscriptions })).await;
    for field in ["subscriptions.type", "subscriptions.uri", "subscriptions.interactions.type"] {
        assert_eq!(reply.error_keys(field), ["errors.invalid"], "{field}");
    }
    let reply = clinic.delete("/v1/meeting_agents", key(&clinic), &json!({})).await;
    assert_eq!(reply.error_keys("scheduling_key"), ["errors.required"]);

    let token = clinic.account("doc@example.com").await;
    let body = json!({ "join_url": "https://meet.example" });
    assert_eq!(clinic.post("/v1/meeting_agents", &token, &body).await.status, 200);
    clinic.control().update_settings(|settings| settings.meeting_agents_with_access_token = false);
    assert_eq!(clinic.post("/v1/meeting_agents", &token, &body).await.status, 401);
}
