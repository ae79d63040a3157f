//! Event triggers: callbacks before and after events, which follow them when they move.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)] // tests

mod common;
#[path = "common/receiver.rs"]
mod receiver;

use std::time::Duration;

use common::{Clinic, Reply, in_path, text};
use orgconnect_sandbox::{DeliveryStatus, Timestamp};
use receiver::Receiver;
use serde_json::{Value, json};

struct Desk {
    clinic: Clinic,
    receiver: Receiver,
    token: String,
    path: String,
}

impl Desk {
    /// Monday, nine o'clock, and it stays so until the clock is moved.
    async fn open() -> Self {
        let clinic = Clinic::open().await;
        let nine: Timestamp = "2027-01-04T09:00:00Z".parse().unwrap();
        clinic.control().freeze_clock(Some(nine));
        let token = clinic.account("doc@example.com").await;
        let path = format!("/v1/calendars/{}/events", in_path(&clinic.primary(&token).await));
        Self { clinic, receiver: Receiver::open().await, token, path }
    }

    async fn write(&self, start: &str, end: &str, extra: Value) -> Reply {
        let transitions = json!([
            { "before": "event_start", "offset": { "minutes": 15 } },
            { "after": "event_end", "offset": { "hours": 1 } },
        ]);
        let mut body = json!({
            "event_id": "1", "summary": "Check-up", "start": start, "end": end,
            "subscriptions": [{
                "type": "webhook", "uri": self.receiver.at("/trigger"), "transitions": transitions,
                "interactions": [{ "type": "conferencing_assigned" }],
            }],
        });
        body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        self.clinic.post(&self.path, &self.token, &body).await
    }

    async fn told_after(&self, minutes: u64) -> Vec<Value> {
        self.clinic.control().advance(Duration::from_secs(60 * minutes));
        self.clinic.control().settle().await;
        self.receiver.all().iter().map(receiver::Received::json).collect()
    }
}

#[tokio::test]
async fn callbacks_come_before_and_after_the_event() {
    let desk = Desk::open().await;
    let reply = desk.write("2027-01-04T10:00:00Z", "2027-01-04T10:30:00Z", json!({})).await;
    assert_eq!(reply.status, 202, "{}", reply.text);
    assert_eq!(desk.told_after(44).await.len(), 0);
    let told = desk.told_after(1).await;
    assert_eq!(told.len(), 1);
    assert_eq!(told[0]["notification"]["type"], "event_subscription");
    assert_eq!(
        told[0]["notification"]["transitions"],
        json!([{ "before": "event_start", "offset": { "minutes": 15 } }])
    );
    assert_eq!(
        (&told[0]["event"]["event_id"], &told[0]["event"]["summary"]),
        (&json!("1"), &json!("Check-up"))
    );
    // From a quarter to ten to half past eleven.
    assert_eq!(desk.told_after(104).await.len(), 1);
    assert_eq!(desk.told_after(1).await.len(), 2);
    assert!(desk.clinic.control().deliveries().iter().all(|delivery| delivery.timeout_ms == 7_000));
}

#[tokio::test]
async fn callbacks_follow_an_event_that_moves_and_end_with_it() {
    let desk = Desk::open().await;
    desk.write("2027-01-04T10:00:00Z", "2027-01-04T10:30:00Z", json!({})).await;
    desk.write("2027-01-04T12:00:00Z", "2027-01-04T12:30:00Z", json!({})).await;
    assert_eq!(desk.told_after(60).await.len(), 0);
    assert_eq!(desk.told_after(105).await.len(), 1);
    let reply = desk
        .clinic
        .delete(&desk.path, &desk.clinic.account("doc@example.com").await, &json!({ "event_id": "1" }))
        .await;
    assert_eq!(reply.status, 202);
    assert_eq!(desk.told_after(24 * 60).await.len(), 1);
    let pending = desk.clinic.control().deliveries();
    assert!(pending.iter().all(|delivery| delivery.status == DeliveryStatus::Delivered));
}

#[tokio::test]
async fn what_lay_in_the_past_when_the_event_was_written_is_not_told() {
    let desk = Desk::open().await;
    desk.write("2027-01-04T09:10:00Z", "2027-01-04T09:20:00Z", json!({})).await;
    assert_eq!(desk.told_after(24 * 60).await.len(), 1);
}

#[tokio::test]
async fn a_conference_is_told_of_once() {
    let desk = Desk::open().await;
    let conferencing = json!({ "conferencing": { "profile_id": "default" } });
    desk.write("2027-01-04T10:00:00Z", "2027-01-04T10:30:00Z", conferencing.clone()).await;
    desk.write("2027-01-04T10:00:00Z", "2027-01-04T10:40:00Z", conferencing).await;
    let told = desk.told_after(0).await;
    assert_eq!(told.len(), 1);
    assert_eq!(told[0]["notification"]["interactions"], json!([{ "type": "conferencing_assigned" }]));
    assert!(text(&told[0]["event"]["conferencing"]["join_url"]).starts_with("https://"));
}

#[tokio::test]
async fn a_trigger_has_exactly_one_anchor() {
    let desk = Desk::open().await;
    for wrong in [
        json!({ "offset": { "minutes": 1 } }),
        json!({ "before": "event_start", "after": "event_end", "offset": { "minutes": 1 } }),
        json!({ "before": "lunch", "offset": { "minutes": 1 } }),
    ] {
        let subscription = json!({ "type": "webhook", "uri": "http://127.0.0.1:9/", "transitions": [wrong] });
        let extra = json!({ "subscriptions": [subscription] });
        let reply = desk.write("2027-01-04T10:00:00Z", "2027-01-04T10:30:00Z", extra).await;
        assert_eq!(
            reply.error_keys("subscriptions.transitions.before"),
            ["errors.invalid"],
            "{}",
            reply.text
        );
    }
    let transition = json!({ "before": "event_start", "offset": { "hours": 1, "minutes": 60 } });
    let subscription =
        json!({ "type": "webhook", "uri": "http://127.0.0.1:9/", "transitions": [transition] });
    let extra = json!({ "subscriptions": [subscription] });
    let reply = desk.write("2027-01-04T10:00:00Z", "2027-01-04T10:30:00Z", extra).await;
    assert_eq!(reply.error_keys("subscriptions.transitions.offset.minutes"), ["errors.invalid"]);
}
