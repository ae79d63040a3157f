//! Bookable events: places are taken, freed and counted, and registrations read in pages.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)] // tests

mod common;

use common::{Clinic, Reply, text};
use orgconnect_sandbox::{MissingDeletes, RepeatedCreate};
use serde_json::{Value, json};

const PATH: &str = "/v1/bookable_events";

fn class() -> Value {
    json!({
        "bookable_event_id": "first-aid_1", "start": "2026-07-10T09:00:00Z", "end": "2026-07-10T12:00:00Z",
        "registration": { "capacity": 2 },
    })
}

async fn clinic() -> (Clinic, String) {
    let clinic = Clinic::open().await;
    let secret = clinic.application.client_secret.clone();
    let reply = clinic.post(PATH, &secret, &class()).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    (clinic, secret)
}

async fn register(clinic: &Clinic, secret: &str, id: &str, status: &str) -> Reply {
    let body = json!({ "registration_id": id, "status": status,
        "metadata": { "email": format!("{id}@example.net"), "zoneinfo": "Europe/London" } });
    clinic.post(&format!("{PATH}/first-aid_1/registrations"), secret, &body).await
}

#[tokio::test]
async fn an_event_is_made_and_read_by_its_application() {
    let (clinic, secret) = clinic().await;
    let event = clinic.get(&format!("{PATH}/first-aid_1"), &secret).await.json();
    assert_eq!((&event["status"], &event["start"]), (&json!("confirmed"), &json!("2026-07-10T09:00:00Z")));
    assert_eq!(
        event["registration"],
        json!({ "capacity": 2, "registered_count": 0, "total_count": 0, "registrations": [],
            "pages": { "current": 1, "total": 1 } })
    );
    let stranger = clinic.internal().client_secret;
    assert_eq!(clinic.get(&format!("{PATH}/first-aid_1"), &stranger).await.status, 404);
    assert_eq!(clinic.get(&format!("{PATH}/first-aid_1"), "wrong").await.status, 401);
    clinic.control().update_settings(|settings| settings.wrap_bookable_event = true);
    let wrapped = clinic.get(&format!("{PATH}/first-aid_1"), &secret).await.json();
    assert_eq!(wrapped["bookable_event"], event);
}

#[tokio::test]
async fn places_run_out_and_are_freed() {
    let (clinic, secret) = clinic().await;
    assert_eq!(register(&clinic, &secret, "anna", "accepted").await.status, 200);
    let two = register(&clinic, &secret, "ben", "pending").await.json();
    assert_eq!(two["registration"]["registered_count"], 2);
    assert_eq!(two["registration"]["registrations"][1]["metadata"]["email"], "ben@example.net");
    let full = register(&clinic, &secret, "cleo", "accepted").await;
    assert_eq!(full.error_keys("registration_id"), ["errors.capacity_reached"]);
    assert_eq!(register(&clinic, &secret, "ben", "accepted").await.status, 200, "he has his place");
    assert_eq!(register(&clinic, &secret, "cleo", "declined").await.status, 200, "that takes no place");

    let path = format!("{PATH}/first-aid_1/registrations");
    let removed = clinic.delete(&format!("{path}/anna"), &secret, &json!({})).await;
    assert_eq!((removed.status.as_u16(), removed.text.as_str()), (202, ""));
    let known = json!({ "registration_id": "cleo", "status": "accepted" });
    let now = clinic.post(&path, &secret, &known).await.json();
    assert_eq!(
        (&now["registration"]["registered_count"], &now["registration"]["total_count"]),
        (&json!(2), &json!(3))
    );
    assert_eq!(now["registration"]["registrations"][0]["status"], "removed");
    assert_eq!(
        now["registration"]["registrations"][2]["metadata"]["email"], "cleo@example.net",
        "it was kept"
    );
}

#[tokio::test]
async fn removing_answers_as_the_settings_say() {
    let (clinic, secret) = clinic().await;
    let path = format!("{PATH}/first-aid_1/registrations/anna");
    assert_eq!(clinic.delete(&path, &secret, &json!({})).await.status, 202);
    clinic.control().update_settings(|settings| {
        settings.remove_registration_status = 200;
        settings.missing_deletes = MissingDeletes::Refuse;
    });
    assert_eq!(clinic.delete(&path, &secret, &json!({})).await.status, 404);
    register(&clinic, &secret, "anna", "accepted").await;
    let removed = clinic.delete(&path, &secret, &json!({})).await;
    assert_eq!(
        (removed.status.as_u16(), &removed.json()["registration"]["registered_count"]),
        (200, &json!(0))
    );
}

#[tokio::test]
async fn registrations_are_paged_inside_the_event() {
    let (clinic, secret) = clinic().await;
    let unlimited = json!({ "bookable_event_id": "first-aid_1", "start": "2026-07-10T09:00:00Z",
        "end": "2026-07-10T12:00:00Z", "registration": { "capacity": null } });
    let event = clinic.post(PATH, &secret, &unlimited).await.json();
    assert_eq!(event["registration"]["capacity"], Value::Null);
    for number in 0..5 {
        register(&clinic, &secret, &format!("r{number}"), "accepted").await;
    }
    clinic.control().update_settings(|settings| settings.page_size = 2);
    let mut page = clinic.get(&format!("{PATH}/first-aid_1"), &secret).await.json();
    let mut seen = Vec::new();
    loop {
        let registration = &page["registration"];
        assert_eq!((&registration["total_count"], &registration["pages"]["total"]), (&json!(5), &json!(3)));
        seen.extend(
            registration["registrations"].as_array().unwrap().iter().map(|r| text(&r["registration_id"])),
        );
        let Some(next) = registration["pages"].get("next_page") else { break };
        let next = text(next);
        assert!(next.contains("/v1/bookable_events/first-aid_1/registrations/pages/"), "{next}");
        page = clinic.get(&next, &secret).await.json();
    }
    assert_eq!(seen, ["r0", "r1", "r2", "r3", "r4"]);
}

#[tokio::test]
async fn making_it_again_updates_or_is_refused_and_a_cancelled_one_takes_nobody() {
    let (clinic, secret) = clinic().await;
    register(&clinic, &secret, "anna", "accepted").await;
    let mut cancelled = class();
    cancelled["status"] = "cancelled".into();
    let event = clinic.post(PATH, &secret, &cancelled).await.json();
    assert_eq!(
        (&event["status"], &event["registration"]["registered_count"]),
        (&json!("cancelled"), &json!(1))
    );
    let late = register(&clinic, &secret, "ben", "accepted").await;
    assert_eq!(late.error_keys("registration_id"), ["errors.event_cancelled"]);
    clinic.control().update_settings(|settings| settings.repeated_bookable_event = RepeatedCreate::Refuse);
    assert_eq!(
        clinic.post(PATH, &secret, &class()).await.error_keys("bookable_event_id"),
        ["errors.duplicate"]
    );
}

#[tokio::test]
async fn every_wrong_field_of_a_bookable_event_is_named() {
    let (clinic, secret) = clinic().await;
    let nothing = clinic.post(PATH, &secret, &json!({})).await;
    for field in ["bookable_event_id", "start", "end"] {
        assert_eq!(nothing.error_keys(field), ["errors.required"], "{field}");
    }
    let wrong = json!({ "bookable_event_id": "first aid", "start": "2026-07-10", "end": "2026-07-10T12:00:00Z",
        "status": "maybe", "registration": { "capacity": 257 } });
    let refused = clinic.post(PATH, &secret, &wrong).await;
    assert_eq!(refused.error_keys("bookable_event_id"), ["errors.must_be_id"]);
    assert_eq!(refused.error_keys("start"), ["errors.must_be_time"]);
    assert_eq!(refused.error_keys("status"), ["errors.invalid"]);
    assert_eq!(refused.error_keys("registration.capacity"), ["errors.invalid"]);
    let registration = json!({ "metadata": { "zoneinfo": "Mars/Olympus", "email": 7 } });
    let refused = clinic.post(&format!("{PATH}/first-aid_1/registrations"), &secret, &registration).await;
    for field in ["registration_id", "status"] {
        assert_eq!(refused.error_keys(field), ["errors.required"], "{field}");
    }
    assert_eq!(refused.error_keys("metadata.zoneinfo"), ["errors.invalid_tzid"]);
    assert_eq!(refused.error_keys("metadata.email"), ["errors.must_be_string"]);
    assert_eq!(register(&clinic, &secret, "anna", "maybe").await.error_keys("status"), ["errors.invalid"]);
}
