//! Availability rules: stored, listed, read, deleted, each application's own.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)] // tests

mod common;

use common::Clinic;
use orgconnect_sandbox::MissingDeletes;
use serde_json::{Value, json};

const PATH: &str = "/v1/availability_rules";

fn rule(id: &str) -> Value {
    json!({
        "availability_rule_id": id, "tzid": "Europe/London",
        "weekly_periods": [
            { "day": "monday", "start_time": "09:30", "end_time": "12:30" },
            { "day": "monday", "start_time": "14:00", "end_time": "24:00" },
        ],
    })
}

#[tokio::test]
async fn a_rule_is_stored_replaced_listed_and_read() {
    let clinic = Clinic::open().await;
    let token = clinic.account("nurse@example.com").await;
    let stored = clinic.post(PATH, &token, &rule("work hours")).await;
    assert_eq!((stored.status.as_u16(), &stored.json()["availability_rule"]), (200, &rule("work hours")));
    clinic.post(PATH, &token, &rule("late")).await;
    let mut changed = rule("work hours");
    changed["calendar_ids"] = json!([clinic.primary(&token).await]);
    assert_eq!(clinic.post(PATH, &token, &changed).await.json()["availability_rule"], changed);
    let all = clinic.get(PATH, &token).await.json();
    assert_eq!(all, json!({ "availability_rules": [changed, rule("late")] }));
    let one = clinic.get(&format!("{PATH}/work%20hours"), &token).await;
    assert_eq!((one.status.as_u16(), one.json()), (200, json!({ "availability_rule": changed })));
    clinic.control().update_settings(|settings| settings.wrap_availability_rule = false);
    assert_eq!(clinic.get(&format!("{PATH}/late"), &token).await.json(), rule("late"));
}

#[tokio::test]
async fn a_deleted_rule_is_gone_and_deleting_it_again_is_accepted_or_refused() {
    let clinic = Clinic::open().await;
    let token = clinic.account("nurse@example.com").await;
    clinic.post(PATH, &token, &rule("work")).await;
    let path = format!("{PATH}/work");
    let deleted = clinic.delete(&path, &token, &json!({})).await;
    assert_eq!((deleted.status.as_u16(), deleted.text.as_str()), (202, ""));
    assert_eq!(clinic.get(&path, &token).await.status, 404);
    assert_eq!(clinic.delete(&path, &token, &json!({})).await.status, 202);
    clinic.control().update_settings(|settings| settings.missing_deletes = MissingDeletes::Refuse);
    assert_eq!(clinic.delete(&path, &token, &json!({})).await.status, 404);
}

#[tokio::test]
async fn rules_belong_to_an_account_and_can_be_written_as_one() {
    let clinic = Clinic::open().await;
    let nurse = clinic.account("nurse@example.com").await;
    clinic.post(PATH, &nurse, &rule("work")).await;
    let reception = clinic.account("reception@example.com").await;
    assert_eq!(clinic.get(PATH, &reception).await.json(), json!({ "availability_rules": [] }));
    assert_eq!(clinic.get(&format!("{PATH}/work"), &reception).await.status, 404);
    let organization = clinic.organization().await;
    let as_nurse = clinic.get_as(PATH, &organization, &clinic.member("nurse@example.com")).await;
    assert_eq!(as_nurse.json()["availability_rules"], json!([rule("work")]));
    assert_eq!(clinic.get(PATH, &clinic.application.client_secret).await.status, 401);
}

#[tokio::test]
async fn every_wrong_field_of_a_rule_is_named() {
    let clinic = Clinic::open().await;
    let token = clinic.account("nurse@example.com").await;
    let nothing = clinic.post(PATH, &token, &json!({})).await;
    for field in ["availability_rule_id", "tzid", "weekly_periods"] {
        assert_eq!(nothing.error_keys(field), ["errors.required"], "{field}");
    }
    let mut wrong = rule(&"x".repeat(65));
    wrong["weekly_periods"][0]["end_time"] = "09:00".into();
    wrong["weekly_periods"][1]["day"] = "someday".into();
    let refused = clinic.post(PATH, &token, &wrong).await;
    assert_eq!(refused.error_keys("availability_rule_id").len(), 1);
    assert_eq!(refused.error_keys("weekly_periods.end_time").len(), 1);
    assert_eq!(refused.error_keys("weekly_periods.day").len(), 1);
    let mut foreign = rule("work");
    foreign["calendar_ids"] = json!(["cal_nobodys"]);
    let refused = clinic.post(PATH, &token, &foreign).await;
    assert_eq!(refused.error_keys("calendar_ids"), ["errors.invalid_calendar_ids"]);
    assert_eq!(clinic.get(PATH, &token).await.json(), json!({ "availability_rules": [] }));
}
