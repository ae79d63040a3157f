//! Real-time sequencing: one choice books several events after one another.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)] // tests

mod common;
#[path = "common/receiver.rs"]
mod receiver;

use common::{Clinic, Reply, send, text};
use orgconnect_sandbox::{Sandbox, Timestamp};
use receiver::Receiver;
use reqwest::Method;
use serde_json::{Value, json};

const PATH: &str = "/v1/real_time_sequencing";

struct Desk {
    clinic: Clinic,
    receiver: Receiver,
    token: String,
    calendar: String,
    secret: String,
}

impl Desk {
    async fn open() -> Self {
        let noon: Timestamp = "2026-03-02T12:00:00Z".parse().unwrap();
        let clinic = Clinic::with(Sandbox::builder().seed(7).time(noon).start().await.unwrap());
        clinic.control().freeze_clock(Some(noon));
        let token = clinic.account("nurse@example.com").await;
        clinic.account("reception@example.com").await;
        let calendar = clinic.primary(&token).await;
        let secret = clinic.application.client_secret.clone();
        Self { clinic, receiver: Receiver::open().await, token, calendar, secret }
    }

    fn step(&self, id: &str, email: &str, minutes: i64) -> Value {
        json!({
            "sequence_id": id, "ordinal": 1,
            "participants": [{ "members": [{ "sub": self.clinic.member(email) }], "required": "all" }],
            "required_duration": { "minutes": minutes }, "start_interval": { "minutes": 30 },
            "event": { "event_id": format!("event-{id}"), "summary": format!("The {id}") },
        })
    }

    fn body(&self) -> Value {
        json!({
            "oauth": { "redirect_uri": "http://127.0.0.1:9/callback" },
            "event": { "summary": "Your visit", "tzid": "Europe/London", "description": "Bring your card" },
            "availability": {
                "sequence": [self.step("check", "nurse@example.com", 30), self.step("talk", "reception@example.com", 60)],
                "query_periods": [{ "start": "2026-07-10T09:00:00Z", "end": "2026-07-10T11:00:00Z" }],
            },
            "target_calendars": [{ "sub": self.clinic.member("nurse@example.com"), "calendar_id": self.calendar }],
            "callback_url": self.receiver.at("/sequenced"),
        })
    }

    async fn create(&self, body: &Value) -> Reply {
        self.clinic.post(PATH, &self.secret, body).await
    }

    async fn events(&self) -> Vec<Value> {
        let path = "/v1/events?tzid=Etc/UTC&only_managed=true";
        self.clinic.get(path, &self.token).await.json()["events"].as_array().unwrap().clone()
    }
}

#[tokio::test]
async fn one_choice_books_every_step() {
    let desk = Desk::open().await;
    let made = desk.create(&desk.body()).await;
    assert_eq!(made.status, 200, "{}", made.text);
    let link = made.json()["real_time_sequencing"].clone();
    assert!(text(&link["real_time_sequencing_id"]).starts_with("seq_"));
    let url = text(&made.json()["url"]);
    let page = desk.clinic.get(&url, "").await;
    assert!(page.text.contains("Your visit") && page.text.contains("10:00 – 11:30"), "{}", page.text);
    let confirm = desk.clinic.get(&format!("{url}?start=2026-07-10T09:30:00Z"), "").await;
    for expected in ["The check", "10:30 – 11:00", "The talk", "11:00 – 12:00"] {
        assert!(confirm.text.contains(expected), "{expected} in {}", confirm.text);
    }
    let done =
        send(desk.clinic.request(Method::POST, &url, "").form(&[("start", "2026-07-10T09:30:00Z")])).await;
    assert!(done.text.contains("your time is booked"), "{}", done.text);
    let events = desk.events().await;
    let shown: Vec<_> =
        events.iter().map(|event| (text(&event["event_id"]), text(&event["start"]))).collect();
    assert_eq!(
        shown,
        [
            ("event-check".into(), "2026-07-10T09:30:00Z".into()),
            ("event-talk".into(), "2026-07-10T10:00:00Z".into())
        ]
    );
    assert_eq!(events[1]["description"], "Bring your card", "what the events have in common");

    desk.clinic.control().settle().await;
    let post = desk.receiver.only();
    assert!(post.path == "/sequenced" && post.is_signed_with(&desk.secret));
    let sequence = post.json()["sequence"].clone();
    assert_eq!(
        (&sequence[1]["sequence_id"], &sequence[1]["event"]["event_id"]),
        (&json!("talk"), &json!("event-talk"))
    );
    assert_eq!(
        sequence[1]["event"]["start"],
        json!({ "time": "2026-07-10T10:00:00Z", "tzid": "Europe/London" })
    );
    assert_eq!(sequence[0]["participants"], json!([{ "sub": desk.clinic.member("nurse@example.com") }]));
}

#[tokio::test]
async fn a_sequence_is_disabled_with_a_message() {
    let desk = Desk::open().await;
    let made = desk.create(&desk.body()).await.json();
    let id = text(&made["real_time_sequencing"]["real_time_sequencing_id"]);
    let path = format!("{PATH}/{id}/disable");
    let disabled = desk.clinic.post(&path, &desk.secret, &json!({ "display_message": "Closed" })).await;
    assert_eq!(
        (disabled.status.as_u16(), &disabled.json()["real_time_sequencing"]["status"]),
        (200, &json!("disabled"))
    );
    assert!(desk.clinic.get(&text(&made["url"]), "").await.text.contains("Closed"));
    let elsewhere = format!("/v1/real_time_scheduling/{id}");
    assert_eq!(desk.clinic.get(&elsewhere, &desk.secret).await.status, 404, "it is no scheduling link");
    assert_eq!(
        desk.clinic.post(&path, &desk.secret, &json!({})).await.error_keys("display_message").len(),
        1
    );
}

#[tokio::test]
async fn credentials_may_stand_in_the_body() {
    let desk = Desk::open().await;
    let mut body = desk.body();
    body["client_id"] = desk.clinic.application.client_id.clone().into();
    body["client_secret"] = desk.secret.clone().into();
    assert_eq!(desk.clinic.post(PATH, "undefined", &body).await.status, 200);
    assert_eq!(desk.clinic.post(PATH, "undefined", &desk.body()).await.status, 401);
}

#[tokio::test]
async fn every_wrong_field_of_a_sequence_is_named() {
    let desk = Desk::open().await;
    let nothing = desk.create(&json!({})).await;
    for field in ["oauth", "availability"] {
        assert_eq!(nothing.error_keys(field), ["errors.required"], "{field}");
    }
    let mut wrong = desk.body();
    // The .NET client spells it so.
    wrong["availablity"] = wrong["availability"].take();
    assert_eq!(desk.create(&wrong).await.error_keys("availability"), ["errors.required"]);
    let mut wrong = desk.body();
    wrong["availability"]["sequence"][0]["event"] = Value::Null;
    wrong["availability"]["sequence"][1]["event"]["summary"] = "x".repeat(1025).into();
    wrong["availability"]["sequence"][1]["sequence_id"] = "check".into();
    let refused = desk.create(&wrong).await;
    assert_eq!(refused.error_keys("availability.sequence.event"), ["errors.required"]);
    assert_eq!(refused.error_keys("availability.sequence.event.summary"), ["errors.too_long"]);
    assert_eq!(refused.error_keys("availability.sequence.sequence_id"), ["errors.duplicate"]);
    let mut same = desk.body();
    same["availability"]["sequence"][1]["event"]["event_id"] = "event-check".into();
    assert_eq!(
        desk.create(&same).await.error_keys("availability.sequence.event.event_id"),
        ["errors.duplicate"]
    );
}
