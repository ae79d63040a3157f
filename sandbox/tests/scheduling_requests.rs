//! Scheduling requests: created for a host, chosen by a recipient on a page, told of, moved and called off.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)] // tests

mod common;
#[path = "common/receiver.rs"]
mod receiver;

use common::{Clinic, Reply, in_path, send, text};
use orgconnect_sandbox::{Sandbox, Timestamp};
use receiver::Receiver;
use reqwest::Method;
use serde_json::{Value, json};

const PATH: &str = "/v1/scheduling_requests";

/// A clinic on a Monday noon with its organization connected, and a receiver of callbacks.
struct Desk {
    clinic: Clinic,
    receiver: Receiver,
    token: String,
}

impl Desk {
    async fn open() -> Self {
        let noon: Timestamp = "2026-03-02T12:00:00Z".parse().unwrap();
        let clinic = Clinic::with(Sandbox::builder().seed(7).time(noon).start().await.unwrap());
        let receiver = Receiver::open().await;
        let id = &clinic.application.client_id;
        clinic.control().set_push_url(id, Some(receiver.at("/push"))).unwrap();
        let token = clinic.organization().await;
        Self { clinic, receiver, token }
    }

    fn body(&self) -> Value {
        json!({
            "host": { "sub": self.clinic.member("nurse@example.com") },
            "recipients": [
                { "email": "pat@patients.example", "display_name": "Pat", "slot_selector": true },
                { "email": "kin@patients.example", "display_name": "Kin", "slot_selector": false },
            ],
            "event": { "summary": "Consultation", "description": "Bring your papers", "duration": { "minutes": 60 } },
            "query_periods": [{ "start": "2026-03-05T09:00:00Z", "end": "2026-03-05T12:00:00Z" }],
        })
    }

    async fn create(&self, body: &Value) -> Reply {
        self.clinic.post(PATH, &self.token, body).await
    }

    async fn created(&self, body: &Value) -> Value {
        let reply = self.create(body).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        reply.json()["scheduling_request"].clone()
    }

    async fn query(&self, id: &Value) -> Value {
        let reply = self
            .clinic
            .post(&format!("{PATH}/query"), &self.token, &json!({ "scheduling_request_ids": [id] }))
            .await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        reply.json()["scheduling_requests"][0]["scheduling_request"].clone()
    }

    async fn pick(&self, url: &str, fields: &[(&str, &str)]) -> Reply {
        send(self.clinic.request(Method::POST, url, "").form(fields)).await
    }

    async fn managed(&self, email: &str) -> Vec<Value> {
        let token = self.clinic.account(email).await;
        let reply = self.clinic.get("/v1/events?tzid=Etc/UTC&only_managed=true", &token).await.json();
        reply["events"].as_array().unwrap().clone()
    }
}

/// The starts that a page offers.
fn starts(page: &Reply) -> Vec<String> {
    let parts = page.text.split("name=\"start\" value=\"").skip(1);
    parts.map(|part| part.split('"').next().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_recipient_chooses_a_time_and_the_host_has_the_event() {
    let desk = Desk::open().await;
    let request = desk.created(&desk.body()).await;
    assert!(text(&request["scheduling_request_id"]).starts_with("srq_"));
    assert_eq!(request["slot_selection"], "pending");
    assert_eq!(request["duration"], json!({ "minutes": 60 }));
    assert_eq!(request["summary"], "Consultation");
    assert_eq!(request["primary_select_url"], request["recipients"][0]["select_url"]);
    assert_eq!(request["recipient_operations"].as_object().unwrap().len(), 1);

    let url = text(&request["primary_select_url"]);
    let page = desk.clinic.get(&format!("{url}?tzid=Europe/London&correlation_id=c1"), "").await;
    let hours = ["2026-03-05T09:00:00Z", "2026-03-05T10:00:00Z", "2026-03-05T11:00:00Z"];
    assert_eq!(starts(&page), hours);
    assert!(page.text.contains("Consultation") && page.text.contains("Thursday 5 March 2026"));
    let page = desk.clinic.get(&format!("{url}?start={}", hours[1]), "").await;
    assert!(page.text.contains("Confirm"));
    let page = desk.pick(&url, &[("start", hours[1]), ("answer", "confirm")]).await;
    assert!(page.text.contains("your time is booked"), "{}", page.text);

    let events = desk.managed("nurse@example.com").await;
    assert_eq!(events.len(), 1);
    assert_eq!((&events[0]["summary"], &events[0]["start"]), (&json!("Consultation"), &json!(hours[1])));
    let invited: Vec<_> =
        events[0]["attendees"].as_array().unwrap().iter().map(|one| text(&one["email"])).collect();
    assert_eq!(invited, ["pat@patients.example", "kin@patients.example"]);

    let known = desk.query(&request["scheduling_request_id"]).await;
    assert_eq!((&known["slot_selection"], &known["event"]["start"]), (&json!("complete"), &json!(hours[1])));
    assert_eq!(known["event"]["metadata"]["scheduler"], json!({ "correlation_id": "c1" }));
    assert!(text(&known["recipient_operations"]["reschedule_url"]).ends_with("?reschedule=true"));
    desk.clinic.control().settle().await;
    let post = desk.receiver.only();
    assert!(post.is_signed_with(&desk.clinic.application.client_secret));
    assert_eq!(post.json()["notification"]["type"], "scheduling_request_time_chosen");
    assert!(post.json()["notification"]["triggered_at"].is_string());
    assert_eq!(post.json()["scheduling_request"], known);
    // A second answer changes nothing.
    desk.pick(&url, &[("start", hours[2])]).await;
    assert_eq!(desk.managed("nurse@example.com").await[0]["start"], hours[1]);
}

#[tokio::test]
async fn only_slot_selectors_choose_and_a_time_that_is_taken_is_not_given_twice() {
    let desk = Desk::open().await;
    let request = desk.created(&desk.body()).await;
    let kins = text(&request["recipients"][1]["select_url"]);
    let page = desk.pick(&kins, &[("start", "2026-03-05T09:00:00Z")]).await;
    assert!(page.text.contains("No time has been chosen yet"));
    assert_eq!(desk.managed("nurse@example.com").await, [] as [Value; 0]);

    let second = desk.created(&desk.body()).await;
    desk.pick(&text(&request["primary_select_url"]), &[("start", "2026-03-05T09:00:00Z")]).await;
    let page = desk.pick(&text(&second["primary_select_url"]), &[("start", "2026-03-05T09:00:00Z")]).await;
    assert!(page.text.contains("no longer free"));
    assert_eq!(starts(&page), ["2026-03-05T10:00:00Z", "2026-03-05T11:00:00Z"]);
    assert_eq!(desk.clinic.get("/scheduler/requests/unknown", "").await.status, 404);
}

#[tokio::test]
async fn a_chosen_time_can_be_moved_and_called_off_on_its_pages() {
    let desk = Desk::open().await;
    let request = desk.created(&desk.body()).await;
    let id = &request["scheduling_request_id"];
    desk.pick(&text(&request["primary_select_url"]), &[("start", "2026-03-05T09:00:00Z")]).await;
    let operations = desk.query(id).await["recipient_operations"].clone();
    let reschedule = text(&operations["reschedule_url"]);
    // The time that is held is free for this meeting itself.
    assert_eq!(starts(&desk.clinic.get(&reschedule, "").await).len(), 3);
    let page = desk.pick(&reschedule, &[("start", "2026-03-05T11:00:00Z")]).await;
    assert!(page.text.contains("booked"), "{}", page.text);
    let events = desk.managed("nurse@example.com").await;
    assert_eq!((events.len(), &events[0]["start"]), (1, &json!("2026-03-05T11:00:00Z")));

    let decline = text(&operations["decline_url"]);
    assert!(desk.clinic.get(&decline, "").await.text.contains("Call it off"));
    let page = desk.pick(&decline, &[("answer", "decline")]).await;
    assert!(page.text.contains("does not take place"));
    assert_eq!(desk.managed("nurse@example.com").await, [] as [Value; 0]);
    assert_eq!(desk.query(id).await["slot_selection"], "cancelled");
    desk.clinic.control().settle().await;
    assert_eq!(desk.receiver.all().len(), 2);
}

#[tokio::test]
async fn the_member_who_is_impersonated_is_the_host() {
    let desk = Desk::open().await;
    let doctor = desk.clinic.member("doc@example.com");
    let request = desk.clinic.request(Method::POST, PATH, &desk.token);
    let reply = send(request.header("Cronofy-Impersonate", &doctor).json(&desk.body())).await;
    assert_eq!(reply.json()["scheduling_request"]["host"]["sub"], doctor.as_str());

    // An Internal Application calls with its key.
    let internal = desk.clinic.internal();
    let request = desk.clinic.request(Method::POST, PATH, &internal.client_secret);
    let reply = send(request.header("Cronofy-Impersonate", &doctor).json(&desk.body())).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    let member = desk.clinic.account("doc@example.com").await;
    assert_eq!(desk.clinic.post(PATH, &member, &desk.body()).await.status, 403);
}

#[tokio::test]
async fn a_group_is_hosted_by_whoever_is_free() {
    let desk = Desk::open().await;
    let (nurse, doctor) = (desk.clinic.member("nurse@example.com"), desk.clinic.member("doc@example.com"));
    let token = desk.clinic.account("nurse@example.com").await;
    let path = format!("/v1/calendars/{}/events", in_path(&desk.clinic.primary(&token).await));
    let busy = json!({
        "event_id": "busy", "summary": "Busy", "start": "2026-03-05T09:00:00Z", "end": "2026-03-05T10:00:00Z",
    });
    assert_eq!(desk.clinic.post(&path, &token, &busy).await.status, 202);
    let mut body = desk.body();
    body.as_object_mut().unwrap().remove("host");
    body["host_group"] =
        json!({ "name": "Team", "members": [{ "sub": nurse }, { "sub": doctor }], "required": 1 });
    body["collaborator_groups"] = json!([
        { "name": "Desk", "members": [{ "sub": desk.clinic.member("reception@example.com") }], "required": 1 },
    ]);
    let request = desk.created(&body).await;
    assert_eq!(request["host_group"]["required"], 1);
    assert_eq!(request["collaborator_groups"][0]["name"], "Desk");
    desk.pick(&text(&request["primary_select_url"]), &[("start", "2026-03-05T09:00:00Z")]).await;
    let known = desk.query(&request["scheduling_request_id"]).await;
    assert_eq!(known["host"]["sub"], doctor.as_str());
    let events = desk.managed("doc@example.com").await;
    assert!(events[0]["attendees"].to_string().contains("reception@example.com"));
}

#[tokio::test]
async fn without_periods_times_are_offered_for_a_fortnight_in_hours_of_work_or_rules() {
    let desk = Desk::open().await;
    let mut body = desk.body();
    body.as_object_mut().unwrap().remove("query_periods");
    let request = desk.created(&body).await;
    let offered = starts(&desk.clinic.get(&text(&request["primary_select_url"]), "").await);
    assert_eq!(offered[0], "2026-03-02T12:15:00Z");
    assert!(
        offered
            .iter()
            .all(|start| start.as_str() > "2026-03-02T12:00" && start.as_str() < "2026-03-16T12:00")
    );
    assert!(offered.iter().all(|start| ("09:00".."17:00").contains(&&start[11..16])), "{offered:?}");
    assert!(!offered.iter().any(|start| start.starts_with("2026-03-07") || start.starts_with("2026-03-08")));

    let token = text(&desk.clinic.tokens("read_write", "nurse@example.com").await["access_token"]);
    let rule = json!({
        "availability_rule_id": "late", "tzid": "Europe/London",
        "weekly_periods": [{ "day": "saturday", "start_time": "20:00", "end_time": "21:00" }],
    });
    assert_eq!(desk.clinic.post("/v1/availability_rules", &token, &rule).await.status, 200);
    let offered = starts(&desk.clinic.get(&text(&request["primary_select_url"]), "").await);
    assert_eq!(offered, ["2026-03-07T20:00:00Z", "2026-03-14T20:00:00Z"]);
}

#[tokio::test]
async fn cancelling_ends_the_request_and_its_event() {
    let desk = Desk::open().await;
    let request = desk.created(&desk.body()).await;
    let id = &request["scheduling_request_id"];
    desk.pick(&text(&request["primary_select_url"]), &[("start", "2026-03-05T09:00:00Z")]).await;
    let cancel = async |id: Value| {
        let body = json!({ "scheduling_request_id": id });
        desk.clinic.post(&format!("{PATH}/cancel"), &desk.token, &body).await
    };
    let reply = cancel(id.clone()).await;
    assert_eq!((reply.status.as_u16(), reply.text.as_str()), (202, ""));
    assert_eq!(cancel(id.clone()).await.status, 202);
    assert_eq!(desk.query(id).await["slot_selection"], "cancelled");
    assert_eq!(desk.managed("nurse@example.com").await, [] as [Value; 0]);
    assert_eq!(cancel("srq_unknown".into()).await.status, 404);
    assert_eq!(cancel(Value::Null).await.error_keys("scheduling_request_id"), ["errors.required"]);
}

#[tokio::test]
async fn a_query_wraps_each_request_and_leaves_out_what_is_unknown() {
    let desk = Desk::open().await;
    let one = desk.created(&desk.body()).await;
    let two = desk.created(&desk.body()).await;
    let ids = json!([one["scheduling_request_id"], "srq_unknown", two["scheduling_request_id"]]);
    let path = format!("{PATH}/query");
    let reply = desk.clinic.post(&path, &desk.token, &json!({ "scheduling_request_ids": ids })).await;
    let wrapped = json!([{ "scheduling_request": one }, { "scheduling_request": two }]);
    assert_eq!(reply.json()["scheduling_requests"], wrapped);
    let reply = desk.clinic.post(&path, &desk.token, &json!({})).await;
    assert_eq!(reply.error_keys("scheduling_request_ids"), ["errors.required"]);
    let other = desk.clinic.internal();
    let ids = json!({ "scheduling_request_ids": [one["scheduling_request_id"]] });
    let reply = desk.clinic.post(&path, &other.client_secret, &ids).await;
    assert_eq!(reply.json()["scheduling_requests"], json!([]));
}

#[tokio::test]
async fn what_is_wrong_with_a_request_is_said_by_field() {
    let desk = Desk::open().await;
    let reply = desk.create(&json!({})).await;
    for field in ["host", "recipients", "event.summary"] {
        assert_eq!(reply.error_keys(field), ["errors.required"], "{field}");
    }
    let stranger = desk.clinic.control().members(&desk.clinic.control().organizations()[1].organization_id)
        [0]
    .sub
    .clone();
    let mut body = desk.body();
    body["host"]["sub"] = stranger.into();
    body["recipients"][0]["email"] = "nobody".into();
    let reply = desk.create(&body).await;
    assert_eq!(reply.error_keys("host.sub"), ["errors.invalid"]);
    assert_eq!(reply.error_keys("recipients.email"), ["errors.invalid"]);
    let mut body = desk.body();
    body["host_group"] = json!({ "members": [] });
    assert_eq!(desk.create(&body).await.error_keys("host_group"), ["errors.invalid"]);
    let mut body = desk.body();
    body["query_periods"] = json!([{ "start": "2026-03-05T12:00:00Z", "end": "2026-03-05T09:00:00Z" }]);
    assert_eq!(desk.create(&body).await.status, 422);
    desk.clinic.control().update_settings(|settings| settings.scheduling_request_status = 202);
    assert_eq!(desk.create(&desk.body()).await.status, 202);
}

#[tokio::test]
async fn the_deprecated_call_answers_under_its_own_names() {
    let desk = Desk::open().await;
    let reply = desk.clinic.post("/v1/scheduler_requests", &desk.token, &desk.body()).await;
    let request = reply.json()["scheduler_request"].clone();
    assert!(text(&request["scheduler_request_id"]).starts_with("srq_"));
    assert!(request.get("scheduling_request_id").is_none());
    assert!(request["recipients"][0]["select_url"].is_string());
}
