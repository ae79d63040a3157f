//! Available periods: written, read in pages, deleted one by one and all at once.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)] // tests

mod common;

use common::{Clinic, text};
use orgconnect_sandbox::MissingDeletes;
use serde_json::{Value, json};

const PATH: &str = "/v1/available_periods";

fn period(id: &str, start: &str, end: &str) -> Value {
    json!({ "available_period_id": id, "start": start, "end": end })
}

async fn desk() -> (Clinic, String) {
    let clinic = Clinic::open().await;
    let token = clinic.account("nurse@example.com").await;
    for (id, day) in [("b", 11), ("a", 10), ("c", 12)] {
        let body = period(id, &format!("2026-03-{day}T09:00:00Z"), &format!("2026-03-{day}T17:00:00Z"));
        let reply = clinic.post(PATH, &token, &body).await;
        assert_eq!((reply.status.as_u16(), reply.text.as_str()), (202, ""));
    }
    (clinic, token)
}

async fn ids(clinic: &Clinic, token: &str, query: &str) -> Vec<String> {
    let reply = clinic.get(&format!("{PATH}{query}"), token).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    let periods = reply.json()["available_periods"].clone();
    periods.as_array().unwrap().iter().map(|period| text(&period["available_period_id"])).collect()
}

#[tokio::test]
async fn periods_are_read_by_start_within_a_window() {
    let (clinic, token) = desk().await;
    assert_eq!(ids(&clinic, &token, "").await, ["a", "b", "c"]);
    assert_eq!(ids(&clinic, &token, "?from=2026-03-11&to=2026-03-12&tzid=Etc/UTC").await, ["b"]);
    let first = clinic.get(PATH, &token).await.json();
    assert_eq!(first["pages"], json!({ "current": 1, "total": 1 }));
    assert_eq!(first["available_periods"][0], period("a", "2026-03-10T09:00:00Z", "2026-03-10T17:00:00Z"));
    let refused = clinic.get(&format!("{PATH}?from=2026-03-11"), &token).await;
    assert_eq!(refused.error_keys("tzid"), ["errors.required"]);
}

#[tokio::test]
async fn times_are_shown_in_their_zone_where_it_is_asked_for() {
    let (clinic, token) = desk().await;
    let summer = json!({ "available_period_id": "z", "tzid": "Europe/London",
        "start": { "time": "2026-07-10T09:00:00Z", "tzid": "Europe/Paris" }, "end": "2026-07-10T10:00:00Z" });
    assert_eq!(clinic.post(PATH, &token, &summer).await.status, 202);
    let reply =
        clinic.get(&format!("{PATH}?localized_times=true&tzid=America/New_York"), &token).await.json();
    let shown = &reply["available_periods"];
    assert_eq!(shown[3]["start"], json!({ "time": "2026-07-10T11:00:00+02:00", "tzid": "Europe/Paris" }));
    assert_eq!(shown[3]["end"], json!({ "time": "2026-07-10T11:00:00+01:00", "tzid": "Europe/London" }));
    assert_eq!(shown[0]["start"], json!({ "time": "2026-03-10T05:00:00-04:00", "tzid": "America/New_York" }));
}

#[tokio::test]
async fn a_period_written_again_moves_and_pages_are_followed_to_the_end() {
    let (clinic, token) = desk().await;
    clinic.post(PATH, &token, &period("a", "2026-03-13T09:00:00Z", "2026-03-13T10:00:00Z")).await;
    clinic.control().update_settings(|settings| settings.page_size = 2);
    let first = clinic.get(PATH, &token).await.json();
    assert_eq!((&first["pages"]["current"], &first["pages"]["total"]), (&json!(1), &json!(2)));
    let next = text(&first["pages"]["next_page"]);
    assert!(next.contains("/v1/available_periods/pages/"), "{next}");
    let second = clinic.get(&next, &token).await.json();
    assert_eq!(second["pages"], json!({ "current": 2, "total": 2 }));
    assert_eq!(second["available_periods"][0]["available_period_id"], "a");
    let stranger = clinic.account("reception@example.com").await;
    assert_eq!(clinic.get(&next, &stranger).await.status, 404);
}

#[tokio::test]
async fn one_period_or_all_are_deleted() {
    let (clinic, token) = desk().await;
    let one = json!({ "available_period_id": "b" });
    // The PHP client adds a slash.
    assert_eq!(clinic.delete(&format!("{PATH}/"), &token, &one).await.status, 202);
    assert_eq!(ids(&clinic, &token, "").await, ["a", "c"]);
    assert_eq!(clinic.delete(PATH, &token, &one).await.status, 202, "it is gone already");
    clinic.control().update_settings(|settings| settings.missing_deletes = MissingDeletes::Refuse);
    assert_eq!(clinic.delete(PATH, &token, &one).await.status, 404);
    for wrong in [json!({ "delete_all": false }), json!({ "delete_all": true, "available_period_id": "a" })] {
        assert_eq!(clinic.delete(PATH, &token, &wrong).await.error_keys("delete_all").len(), 1);
    }
    assert_eq!(clinic.delete(PATH, &token, &json!({ "delete_all": true })).await.status, 202);
    assert_eq!(ids(&clinic, &token, "").await, Vec::<String>::new());
    assert_eq!(
        clinic.delete(PATH, &token, &json!({})).await.error_keys("available_period_id"),
        ["errors.required"]
    );
}

#[tokio::test]
async fn every_wrong_field_of_a_period_is_named() {
    let (clinic, token) = desk().await;
    let nothing = clinic.post(PATH, &token, &json!({})).await;
    for field in ["available_period_id", "start", "end"] {
        assert_eq!(nothing.error_keys(field), ["errors.required"], "{field}");
    }
    let days = clinic.post(PATH, &token, &period("é", "2026-03-10", "2026-03-11")).await;
    assert_eq!(days.error_keys("available_period_id"), ["errors.must_be_id"]);
    assert_eq!(days.error_keys("start"), ["errors.must_be_time"]);
    let backwards = period("x", "2026-03-10T10:00:00Z", "2026-03-10T10:00:00Z");
    assert_eq!(clinic.post(PATH, &token, &backwards).await.error_keys("end"), ["errors.must_be_after_start"]);
    let long = period(&"x".repeat(65), "2026-03-10T10:00:00Z", "2026-03-10T11:00:00Z");
    assert_eq!(clinic.post(PATH, &token, &long).await.error_keys("available_period_id"), ["errors.too_long"]);
}
