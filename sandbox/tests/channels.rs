//! Channels: verified, filtered, limited, told of other people's changes and never of one's own.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)] // tests

mod common;
#[path = "common/receiver.rs"]
mod receiver;

use common::{ALL_SCOPES, Clinic, REDIRECT, in_path, parameter, text};
use orgconnect_sandbox::{NewApplication, OwnEvent};
use receiver::Receiver;
use serde_json::{Value, json};

/// A clinic with the nurse connected, and a receiver of notifications.
struct Desk {
    clinic: Clinic,
    receiver: Receiver,
    token: String,
    calendar: String,
}

impl Desk {
    async fn open() -> Self {
        let clinic = Clinic::open().await;
        let token = clinic.account("nurse@example.com").await;
        let calendar = clinic.primary(&token).await;
        Self { clinic, receiver: Receiver::open().await, token, calendar }
    }

    async fn channel(&self, extra: Value) -> Value {
        let mut body = json!({ "callback_url": self.receiver.at("/hook") });
        body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        let reply = self.clinic.post("/v1/channels", &self.token, &body).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        reply.json()["channel"].clone()
    }

    /// The types of the notifications that came, after those that are due have been posted.
    async fn types(&self) -> Vec<String> {
        self.clinic.control().settle().await;
        self.receiver.all().iter().map(|post| text(&post.json()["notification"]["type"])).collect()
    }

    async fn write(&self, token: &str, event_id: &str) {
        let path = format!("/v1/calendars/{}/events", in_path(&self.calendar));
        let body = json!({
            "event_id": event_id, "summary": "Check-up",
            "start": "2027-01-05T10:00:00Z", "end": "2027-01-05T11:00:00Z",
        });
        assert_eq!(self.clinic.post(&path, token, &body).await.status, 202);
    }

    /// A token of another application for the same account.
    async fn other_application(&self) -> String {
        let other = NewApplication { name: "Other".into(), ..NewApplication::default() };
        let other = self.clinic.control().create_application(other);
        let url = self.clinic.authorize_url_with(&[
            ("client_id", &other.client_id),
            ("scope", ALL_SCOPES),
            ("state", "s"),
        ]);
        let code = parameter(&self.clinic.control().approve(&url, "nurse@example.com").unwrap(), "code");
        let body = json!({
            "client_id": other.client_id, "client_secret": other.client_secret,
            "grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT,
        });
        text(&self.clinic.post("/oauth/token", "", &body).await.json()["access_token"])
    }
}

fn own_event() -> OwnEvent {
    OwnEvent {
        summary: Some("Dentist".into()),
        start: Some("2027-01-04T10:00:00Z".into()),
        end: Some("2027-01-04T11:00:00Z".into()),
        ..OwnEvent::default()
    }
}

#[tokio::test]
async fn a_new_channel_is_verified_listed_and_closed() {
    let desk = Desk::open().await;
    let channel = desk.channel(json!({ "filters": { "only_managed": true } })).await;
    assert_eq!(channel["filters"], json!({ "only_managed": true }));
    assert_eq!(desk.types().await, ["verification"]);
    assert_eq!(desk.receiver.only().json()["channel"], channel);
    let listed = desk.clinic.get("/v1/channels", &desk.token).await.json();
    assert_eq!(listed["channels"], json!([channel]));

    let path = format!("/v1/channels/{}", text(&channel["channel_id"]));
    let strangers = desk.clinic.account("doc@example.com").await;
    assert_eq!(desk.clinic.delete(&path, &strangers, &json!({})).await.status, 404);
    let reply = desk.clinic.delete(&path, &desk.token, &json!({})).await;
    assert_eq!((reply.status.as_u16(), reply.text.as_str()), (202, ""));
    assert_eq!(desk.clinic.get("/v1/channels", &desk.token).await.json()["channels"], json!([]));
    assert_eq!(desk.clinic.delete(&path, &desk.token, &json!({})).await.status, 404);
}

#[tokio::test]
async fn changes_by_the_owner_and_by_other_applications_are_told_and_ones_own_are_not() {
    let desk = Desk::open().await;
    desk.channel(json!({})).await;
    desk.write(&desk.token, "mine").await;
    assert_eq!(desk.types().await, ["verification"]);

    let before = desk.clinic.control().now();
    desk.clinic.control().write_own_event(&desk.calendar, &own_event()).unwrap();
    assert_eq!(desk.types().await, ["verification", "change"]);
    let since = desk.receiver.all()[1].json()["notification"]["changes_since"].clone();
    let since: orgconnect_sandbox::Timestamp = text(&since).parse().unwrap();
    assert!(since.as_second() >= before.as_second() && since.subsec_nanosecond() == 0);
    // What `changes_since` promises: reading from there finds the change.
    let query = format!("/v1/events?tzid=Etc/UTC&last_modified={since}");
    let found = desk.clinic.get(&query, &desk.token).await.json();
    assert!(found["events"].as_array().unwrap().iter().any(|event| event["summary"] == "Dentist"));

    let other = desk.other_application().await;
    desk.write(&other, "theirs").await;
    assert_eq!(desk.types().await, ["verification", "change", "change"]);
    let path = format!("/v1/calendars/{}/events", in_path(&desk.calendar));
    assert_eq!(desk.clinic.delete(&path, &other, &json!({ "event_id": "theirs" })).await.status, 202);
    assert_eq!(desk.types().await.len(), 4);
}

#[tokio::test]
async fn filters_hold_back_what_was_not_asked_for() {
    let desk = Desk::open().await;
    let calendars = desk.clinic.calendars(&desk.token).await;
    let second = text(&calendars[1]["calendar_id"]);
    desk.channel(json!({ "filters": { "calendar_ids": [second] } })).await;
    desk.clinic.control().write_own_event(&desk.calendar, &own_event()).unwrap();
    assert_eq!(desk.types().await, ["verification"]);
    desk.clinic.control().write_own_event(&second, &own_event()).unwrap();
    assert_eq!(desk.types().await, ["verification", "change"]);

    let desk = Desk::open().await;
    desk.channel(json!({ "filters": { "only_managed": true } })).await;
    desk.write(&desk.token, "mine").await;
    let uid = desk.clinic.control().write_own_event(&desk.calendar, &own_event()).unwrap();
    assert_eq!(desk.types().await, ["verification"]);
    let query = "/v1/events?tzid=Etc/UTC&only_managed=true";
    let managed = desk.clinic.get(query, &desk.token).await.json()["events"][0]["event_uid"].clone();
    assert_ne!(text(&managed), uid);
    let moved =
        OwnEvent { event_uid: Some(text(&managed)), summary: Some("Moved".into()), ..OwnEvent::default() };
    desk.clinic.control().write_own_event(&desk.calendar, &moved).unwrap();
    assert_eq!(desk.types().await, ["verification", "change"]);
}

#[tokio::test]
async fn what_happens_to_the_account_is_told() {
    let desk = Desk::open().await;
    desk.channel(json!({})).await;
    let profile = text(&desk.clinic.calendars(&desk.token).await[0]["profile_id"]);
    desk.clinic.control().set_profile_connected(&profile, false).unwrap();
    // It is told when it happens, not as long as it lasts.
    desk.clinic.control().set_profile_connected(&profile, false).unwrap();
    let sub = desk.clinic.member("nurse@example.com");
    desk.clinic.control().notify_account(&sub, "profile_initial_sync_completed").unwrap();
    let types = desk.types().await;
    assert_eq!(types, ["verification", "profile_disconnected", "profile_initial_sync_completed"]);
    assert!(desk.clinic.control().notify_account(&sub, "nonsense").is_err());
}

#[tokio::test]
async fn an_application_that_lost_its_access_hears_nothing() {
    let desk = Desk::open().await;
    desk.channel(json!({})).await;
    desk.clinic.control().settle().await;
    desk.clinic.control().revoke_connection(&desk.clinic.member("nurse@example.com"));
    desk.clinic.control().write_own_event(&desk.calendar, &own_event()).unwrap();
    assert_eq!(desk.types().await, ["verification"]);
}

#[tokio::test]
async fn an_account_has_so_many_channels_and_no_more() {
    let desk = Desk::open().await;
    assert_eq!(desk.clinic.control().settings().channel_limit, 128);
    desk.clinic.control().update_settings(|settings| settings.channel_limit = 2);
    desk.channel(json!({})).await;
    desk.channel(json!({})).await;
    let body = json!({ "callback_url": desk.receiver.at("/hook") });
    let reply = desk.clinic.post("/v1/channels", &desk.token, &body).await;
    assert_eq!(reply.error_keys("channel"), ["errors.too_many"]);
}

#[tokio::test]
async fn what_is_wrong_with_a_channel_is_said_by_field() {
    let desk = Desk::open().await;
    let post = async |body: Value| desk.clinic.post("/v1/channels", &desk.token, &body).await;
    assert_eq!(post(json!({})).await.error_keys("callback_url"), ["errors.required"]);
    assert_eq!(
        post(json!({ "callback_url": "ftp://x/" })).await.error_keys("callback_url"),
        ["errors.invalid"]
    );
    for ids in [json!([]), json!(["cal_unknown"])] {
        let body = json!({ "callback_url": "http://127.0.0.1:9/", "filters": { "calendar_ids": ids } });
        assert_eq!(post(body).await.error_keys("filters.calendar_ids"), ["errors.invalid_calendar_ids"]);
    }
    let body = json!({ "callback_url": "http://127.0.0.1:9/", "filters": { "only_managed": "perhaps" } });
    assert_eq!(post(body).await.error_keys("filters.only_managed"), ["errors.must_be_boolean"]);
    desk.clinic.control().update_settings(|settings| settings.channel_url_limit = Some(128));
    let long = format!("http://127.0.0.1:9/{}", "x".repeat(128));
    let reply = post(json!({ "callback_url": long })).await;
    assert_eq!(reply.error_keys("callback_url"), ["errors.too_long"]);
}

#[tokio::test]
async fn an_organization_has_channels_for_its_members() {
    let desk = Desk::open().await;
    let organization = desk.clinic.organization().await;
    let sub = desk.clinic.member("doc@example.com");
    let body = json!({ "callback_url": desk.receiver.at("/hook") });
    let request = desk.clinic.request(reqwest::Method::POST, "/v1/channels", &organization);
    let reply = common::send(request.header("Cronofy-Impersonate", &sub).json(&body)).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    let doctor = desk.clinic.account("doc@example.com").await;
    let calendar = desk.clinic.primary(&doctor).await;
    desk.clinic.control().write_own_event(&calendar, &own_event()).unwrap();
    assert_eq!(desk.types().await, ["verification", "change"]);
}

#[tokio::test]
async fn owners_write_over_http_too() {
    let desk = Desk::open().await;
    let path = format!("/sandbox/calendars/{}/events", in_path(&desk.calendar));
    let body = json!({ "summary": "Dentist", "start": "2027-01-04", "end": "2027-01-05" });
    let reply = desk.clinic.post(&path, "", &body).await;
    assert_eq!(reply.status, 201, "{}", reply.text);
    let uid = text(&reply.json()["event_uid"]);
    assert_eq!(desk.clinic.delete(&format!("{path}/{uid}"), "", &json!({})).await.status, 204);
    assert_eq!(desk.clinic.post(&path, "", &json!({ "start": "2027-01-04" })).await.status, 422);
    assert_eq!(desk.clinic.post("/sandbox/calendars/none/events", "", &body).await.status, 404);
}
