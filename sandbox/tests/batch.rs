//! Batches: carried out in order, with one verdict for each entry.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)] // tests

mod common;

use common::{Clinic, in_path, text};
use serde_json::{Value, json};

fn write(calendar: &str, event_id: &str, summary: &str) -> Value {
    json!({
        "method": "POST",
        "relative_url": format!("/v1/calendars/{}/events", in_path(calendar)),
        "data": {
            "event_id": event_id, "summary": summary,
            "start": "2027-01-05T10:00:00Z", "end": "2027-01-05T11:00:00Z",
        },
    })
}

async fn managed(clinic: &Clinic, token: &str) -> Vec<String> {
    let reply = clinic.get("/v1/events?tzid=Etc/UTC&only_managed=true", token).await.json();
    reply["events"].as_array().unwrap().iter().map(|event| text(&event["summary"])).collect()
}

#[tokio::test]
async fn entries_are_carried_out_in_order_and_each_has_its_verdict() {
    let clinic = Clinic::open().await;
    let token = clinic.account("doc@example.com").await;
    let calendar = clinic.primary(&token).await;
    let batch = json!([
        write(&calendar, "1", "First"),
        write(&calendar, "1", "Again"),
        { "method": "POST", "relative_url": format!("/v1/calendars/{}/events", in_path(&calendar)), "data": { "event_id": "2" } },
        write("cal_unknown", "3", "Nowhere"),
        write(&calendar, "4", "Fourth"),
        {
            "method": "DELETE",
            "relative_url": format!("/v1/calendars/{}/events", in_path(&calendar)),
            "data": { "event_id": "4" },
        },
        {
            "method": "POST", "relative_url": "/v1/available_periods",
            "data": { "available_period_id": "p", "start": "2027-01-05T09:00:00Z", "end": "2027-01-05T17:00:00Z" },
        },
        { "method": "POST", "relative_url": "/v1/calendars", "data": {} },
        { "method": "GET", "relative_url": "/v1/events" },
        { "method": "POST", "relative_url": "https://elsewhere.example/v1/x" },
    ]);
    let reply = clinic.post("/v1/batch", &token, &json!({ "batch": batch })).await;
    assert_eq!(reply.status, 207, "{}", reply.text);
    let verdicts = reply.json()["batch"].as_array().unwrap().clone();
    let statuses: Vec<_> = verdicts.iter().map(|verdict| verdict["status"].as_u64().unwrap()).collect();
    assert_eq!(statuses, [202, 202, 422, 404, 202, 202, 202, 404, 422, 422]);
    assert_eq!(verdicts[0], json!({ "status": 202 }));
    assert_eq!(verdicts[2]["data"]["errors"]["summary"][0]["key"], "errors.required");
    assert_eq!(managed(&clinic, &token).await, ["Again"]);
    let periods = clinic.get("/v1/available_periods", &token).await.json();
    assert_eq!(periods["available_periods"][0]["available_period_id"], "p");
}

#[tokio::test]
async fn a_batch_acts_as_the_member_who_is_impersonated() {
    let clinic = Clinic::open().await;
    let organization = clinic.organization().await;
    let doctor = clinic.account("doc@example.com").await;
    let calendar = clinic.primary(&doctor).await;
    let body = json!({ "batch": [write(&calendar, "1", "Round")] });
    let request = clinic.request(reqwest::Method::POST, "/v1/batch", &organization);
    let sub = clinic.member("doc@example.com");
    let reply = common::send(request.header("Cronofy-Impersonate", sub).json(&body)).await;
    assert_eq!(reply.json()["batch"], json!([{ "status": 202 }]));
    assert_eq!(clinic.post("/v1/batch", &organization, &body).await.status, 403);
    assert_eq!(clinic.post("/v1/batch", "nonsense", &body).await.status, 401);
}

#[tokio::test]
async fn an_entry_meets_the_scopes_of_its_own_call() {
    let clinic = Clinic::open().await;
    let token = text(&clinic.tokens("read_only", "doc@example.com").await["access_token"]);
    let calendar = clinic.primary(&token).await;
    let reply = clinic.post("/v1/batch", &token, &json!({ "batch": [write(&calendar, "1", "x")] })).await;
    assert_eq!(reply.json()["batch"][0]["status"], 403);
}

#[tokio::test]
async fn a_batch_is_refused_whole_where_it_is_none() {
    let clinic = Clinic::open().await;
    let token = clinic.account("doc@example.com").await;
    let refused = async |batch: Value| {
        let reply = clinic.post("/v1/batch", &token, &json!({ "batch": batch })).await;
        reply.error_keys("batch")
    };
    assert_eq!(refused(Value::Null).await, ["errors.required"]);
    assert_eq!(refused(json!([])).await, ["errors.required"]);
    assert_eq!(refused(json!(["x"])).await, ["errors.invalid"]);
    assert_eq!(refused(json!("x")).await, ["errors.must_be_array"]);
    let entry = write("cal_unknown", "1", "x");
    assert_eq!(refused(Value::Array(vec![entry.clone(); 51])).await, ["errors.too_many"]);
    let fifty = json!({ "batch": vec![entry; 50] });
    assert_eq!(clinic.post("/v1/batch", &token, &fifty).await.status, 207);
}
