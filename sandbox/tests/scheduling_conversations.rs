//! Scheduling conversations: two people agree on a time, and the organizer has the event.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)] // tests

mod common;
#[path = "common/receiver.rs"]
mod receiver;

use common::{Clinic, text};
use orgconnect_sandbox::{Sandbox, Timestamp};
use receiver::Receiver;
use serde_json::{Value, json};

const PATH: &str = "/v1/scheduling_conversations";

struct Desk {
    clinic: Clinic,
    token: String,
}

impl Desk {
    async fn open() -> Self {
        let noon: Timestamp = "2026-03-02T12:00:00Z".parse().unwrap();
        let clinic = Clinic::with(Sandbox::builder().seed(7).time(noon).start().await.unwrap());
        let token = clinic.account("nurse@example.com").await;
        Self { clinic, token }
    }

    fn body(&self, organizers_method: &str) -> Value {
        json!({
            "participants": [
                {
                    "participant_id": "@host", "sub": self.clinic.member("nurse@example.com"),
                    "slots": { "selection_method": organizers_method },
                },
                { "email": "pat@patients.example", "common_name": "Pat" },
            ],
            "subject": "Consultation",
            "tzid": "Europe/London",
            "required_duration": { "hours": 1 },
            "event": { "description": "Bring your papers" },
            "available_periods": [{ "start": "2026-03-05T09:00:00Z", "end": "2026-03-05T12:00:00Z" }],
        })
    }

    async fn created(&self, organizers_method: &str) -> Value {
        let reply = self.clinic.post(PATH, &self.token, &self.body(organizers_method)).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        reply.json()["scheduling_conversation"].clone()
    }

    async fn select(&self, participant: &Value, ids: &[&Value]) -> Value {
        let slots: Vec<_> = ids.iter().map(|id| json!({ "slot_id": id })).collect();
        let url = text(&participant["slots_select"]["url"]);
        let reply = self.clinic.post(&url, &self.token, &json!({ "slots": slots })).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        reply.json()["scheduling_conversation"].clone()
    }

    async fn slots(&self, participant: &Value) -> Vec<Value> {
        let reply = self.clinic.get(&text(&participant["slots_list"]["url"]), &self.token).await;
        reply.json()["slots"].as_array().unwrap().clone()
    }
}

#[tokio::test]
async fn with_an_automatic_organizer_the_guests_choice_is_the_time() {
    let desk = Desk::open().await;
    let conversation = desk.created("auto").await;
    let guest = &conversation["participants"][1];
    let slots = desk.slots(guest).await;
    let starts: Vec<_> = slots.iter().map(|slot| text(&slot["start"])).collect();
    assert_eq!(starts, ["2026-03-05T09:00:00Z", "2026-03-05T10:00:00Z", "2026-03-05T11:00:00Z"]);
    assert!(text(&slots[0]["slot_id"]).starts_with("slt_"));
    let agreed = desk.select(guest, &[&slots[1]["slot_id"]]).await;
    assert_eq!((&agreed["status"], &agreed["event"]["start"]), (&json!("complete"), &slots[1]["start"]));
    let events = desk.clinic.get("/v1/events?tzid=Etc/UTC&only_managed=true", &desk.token).await.json();
    assert_eq!(events["events"][0]["summary"], "Consultation");
    assert_eq!(events["events"][0]["start"], slots[1]["start"]);
    assert_eq!(events["events"][0]["attendees"][0]["email"], "pat@patients.example");
    let url = text(&guest["slots_select"]["url"]);
    let again = json!({ "slots": [{ "slot_id": slots[0]["slot_id"] }] });
    let reply = desk.clinic.post(&url, &desk.token, &again).await;
    assert_eq!(reply.error_keys("slots"), ["errors.already_complete"]);
}

#[tokio::test]
async fn two_people_agree_on_the_first_slot_that_both_chose() {
    let desk = Desk::open().await;
    let conversation = desk.created("manual").await;
    let (host, guest) = (&conversation["participants"][0], &conversation["participants"][1]);
    let slots = desk.slots(host).await;
    let ids: Vec<_> = slots.iter().map(|slot| &slot["slot_id"]).collect();
    assert_eq!(desk.select(guest, &[ids[1], ids[2]]).await["status"], "pending");
    assert_eq!(desk.select(host, &[ids[0]]).await["status"], "pending");
    let agreed = desk.select(host, &[ids[0], ids[2]]).await;
    assert_eq!((&agreed["status"], &agreed["event"]["start"]), (&json!("complete"), &slots[2]["start"]));
}

#[tokio::test]
async fn it_is_read_by_id_and_looked_up_by_a_participants_token_and_told_of() {
    let desk = Desk::open().await;
    let receiver = Receiver::open().await;
    let channel =
        json!({ "callback_url": receiver.at("/hook"), "scheduling_conversations": { "enabled": true } });
    desk.clinic.post("/v1/channels", &desk.token, &channel).await;
    let conversation = desk.created("auto").await;
    let id = text(&conversation["scheduling_conversation_id"]);
    let read = desk.clinic.get(&format!("{PATH}/{id}"), &desk.token).await.json();
    assert_eq!(read["scheduling_conversation"], conversation);
    let token = text(&conversation["participants"][1]["token"]);
    for _ in 0..2 {
        let found = desk.clinic.get(&format!("{PATH}?token={token}"), &desk.token).await.json();
        assert_eq!(found["participant"]["common_name"], "Pat");
        assert_eq!(found["scheduling_conversation"]["scheduling_conversation_id"], id.as_str());
    }
    let slots = desk.slots(&conversation["participants"][1]).await;
    desk.select(&conversation["participants"][1], &[&slots[0]["slot_id"]]).await;
    desk.clinic.control().settle().await;
    let told: Vec<_> = receiver.all().iter().map(|post| post.json()["notification"].clone()).collect();
    assert_eq!(told.len(), 3);
    assert_eq!(
        told[1],
        json!({ "type": "scheduling_conversation_joined", "scheduling_conversation_id": id })
    );
    assert_eq!(told[2]["type"], "scheduling_conversation_updated");

    assert_eq!(desk.clinic.get(&format!("{PATH}?token=unknown"), &desk.token).await.status, 404);
    let other = desk.clinic.account("doc@example.com").await;
    assert_eq!(desk.clinic.get(&format!("{PATH}/{id}"), &other).await.status, 404);
}

#[tokio::test]
async fn what_is_wrong_with_a_conversation_is_said_by_field() {
    let desk = Desk::open().await;
    let post = async |body: &Value| desk.clinic.post(PATH, &desk.token, body).await;
    let reply = post(&json!({})).await;
    for field in ["participants", "required_duration", "event.summary"] {
        assert_eq!(reply.error_keys(field), ["errors.required"], "{field}");
    }
    let mut body = desk.body("never");
    body["participants"][1] = json!({});
    let reply = post(&body).await;
    assert_eq!(reply.error_keys("participants.slots.selection_method"), ["errors.invalid"]);
    assert_eq!(reply.error_keys("participants.participant_id"), ["errors.required"]);
    let mut body = desk.body("auto");
    body["participants"] = json!([{ "email": "a@x" }, { "email": "b@x" }, { "email": "c@x" }]);
    assert_eq!(post(&body).await.error_keys("participants"), ["errors.too_many"]);
    let conversation = desk.created("auto").await;
    let url = text(&conversation["participants"][1]["slots_select"]["url"]);
    for (body, key) in [
        (json!({}), "errors.required"),
        (json!({ "selected_slots": [{ "slot_id": "slt_x" }] }), "errors.invalid"),
    ] {
        assert_eq!(desk.clinic.post(&url, &desk.token, &body).await.error_keys("selected_slots"), [key]);
    }
}
