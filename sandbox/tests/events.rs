//! Events: written, read back, paged, deleted, answered; and free/busy.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)] // tests

mod common;

use common::{Clinic, Reply, in_path, send, text};
use orgconnect_sandbox::{PermissionLevel, Sandbox, Timestamp};
use reqwest::Method;
use serde_json::{Value, json};

const ALL: &str = "/v1/events?tzid=Europe/London&include_managed=true";

/// A clinic on a fixed day, somebody's token and the path of their primary calendar's events.
struct Desk {
    clinic: Clinic,
    token: String,
    calendar: String,
    path: String,
}

impl Desk {
    async fn of(email: &str) -> Self {
        let noon: Timestamp = "2026-03-02T12:00:00Z".parse().unwrap();
        let clinic = Clinic::with(Sandbox::builder().seed(7).time(noon).start().await.unwrap());
        clinic.control().freeze_clock(Some(noon));
        let token = clinic.account(email).await;
        let calendar = clinic.primary(&token).await;
        Self { path: format!("/v1/calendars/{}/events", in_path(&calendar)), clinic, token, calendar }
    }

    async fn write(&self, body: Value) -> Reply {
        self.clinic.post(&self.path, &self.token, &body).await
    }

    /// Writes an event and reads it back.
    async fn written(&self, body: Value) -> Value {
        let id = body["event_id"].clone();
        let reply = self.write(body).await;
        assert_eq!((reply.status.as_u16(), reply.text.as_str()), (202, ""));
        self.events(ALL).await.into_iter().find(|event| event.get("event_id") == Some(&id)).unwrap()
    }

    async fn events(&self, path: &str) -> Vec<Value> {
        let reply = self.clinic.get(path, &self.token).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        reply.json()["events"].as_array().unwrap().clone()
    }

    fn unrestrict(&self) {
        let client_id = &self.clinic.application.client_id;
        self.clinic
            .control()
            .set_permission_level(client_id, &self.calendar, PermissionLevel::Unrestricted)
            .unwrap();
    }
}

fn check_up() -> Value {
    json!({
        "event_id": "1", "summary": "Check-up", "description": "",
        "start": "2026-03-10T09:00:00Z", "end": "2026-03-10T09:30:00Z",
    })
}

#[tokio::test]
async fn what_is_written_is_read_back() {
    let desk = Desk::of("nurse@example.com").await;
    let event = desk.written(check_up()).await;
    assert_eq!(event["calendar_id"], json!(desk.calendar));
    assert_eq!((&event["summary"], &event["start"]), (&json!("Check-up"), &json!("2026-03-10T09:00:00Z")));
    assert_eq!(
        (&event["transparency"], &event["status"], &event["deleted"]),
        (&json!("opaque"), &json!("confirmed"), &json!(false))
    );
    assert_eq!(event["created"], "2026-03-02T12:00:00Z");
    assert_eq!(
        event["options"],
        json!({ "delete": true, "update": true, "change_participation_status": false })
    );
    assert_eq!(event.get("location"), None);
}

#[tokio::test]
async fn writing_again_updates_and_leaves_out_what_stays() {
    let desk = Desk::of("nurse@example.com").await;
    let first = desk
        .written(json!({ "event_id": "1", "summary": "Check-up", "start": "2026-03-10T09:00:00Z",
        "end": "2026-03-10T09:30:00Z", "location": { "description": "Room 1" } }))
        .await;
    let second = desk
        .written(json!({ "event_id": "1", "summary": "Moved", "start": "2026-03-11T09:00:00Z",
        "end": "2026-03-11T09:30:00Z" }))
        .await;
    assert_eq!(second["event_uid"], first["event_uid"]);
    assert_eq!(
        (&second["summary"], &second["location"]),
        (&json!("Moved"), &json!({ "description": "Room 1" }))
    );
    let partial = desk.written(json!({ "event_id": "1", "description": "Bring the form" })).await;
    assert_eq!((&partial["summary"], &partial["start"]), (&second["summary"], &second["start"]));
}

#[tokio::test]
async fn an_event_id_belongs_to_its_calendar_and_application() {
    let mut desk = Desk::of("nurse@example.com").await;
    let mine = desk.written(check_up()).await;
    desk.clinic = Clinic::with(desk.clinic.sandbox);
    desk.token = desk.clinic.account("nurse@example.com").await;
    let theirs = desk.events("/v1/events?tzid=Etc/UTC").await;
    let seen = theirs.iter().find(|event| event["event_uid"] == mine["event_uid"]).unwrap();
    assert_eq!(seen.get("event_id"), None, "another application's event is an external one");
    assert_ne!(desk.written(check_up()).await["event_uid"], mine["event_uid"]);
}

#[tokio::test]
async fn zones_are_kept_and_shown_when_they_are_asked_for() {
    let desk = Desk::of("nurse@example.com").await;
    desk.written(json!({ "event_id": "1", "summary": "Call",
        "start": { "time": "2026-07-10T09:00:00Z", "tzid": "Europe/Paris" },
        "end": { "time": "2026-07-10 10:00:00Z", "tzid": "America/New_York" } }))
        .await;
    let events = desk.events(&format!("{ALL}&localized_times=TRUE&only_managed=true")).await;
    assert_eq!(events[0]["start"], json!({ "time": "2026-07-10T11:00:00+02:00", "tzid": "Europe/Paris" }));
    assert_eq!(events[0]["end"], json!({ "time": "2026-07-10T06:00:00-04:00", "tzid": "America/New_York" }));
    let plain = desk
        .written(json!({ "event_id": "2", "summary": "Leave", "tzid": "Europe/Paris",
        "start": "2026-07-10", "end": "2026-07-12" }))
        .await;
    assert_eq!((&plain["start"], &plain["transparency"]), (&json!("2026-07-10"), &json!("transparent")));
    let events = desk.events(&format!("{ALL}&localized_times=true&only_managed=true")).await;
    let leave = events.iter().find(|event| event["event_id"] == "2").unwrap();
    assert_eq!(leave["end"], json!({ "time": "2026-07-12", "tzid": "Europe/Paris" }));
}

#[tokio::test]
async fn every_wrong_field_is_named_at_once() {
    let desk = Desk::of("nurse@example.com").await;
    let nothing = desk.write(json!({})).await;
    for field in ["event_id", "summary", "start", "end"] {
        assert_eq!(nothing.error_keys(field), ["errors.required"], "{field}");
    }
    let wrong = desk
        .write(json!({
            "event_id": "1", "summary": "x".repeat(1025), "description": "x".repeat(4097), "tzid": "Mars/Olympus",
            "start": "2026-03-10T09:00:00.250Z", "end": "soon", "transparency": "glass", "color": "red", "url": 7,
            "reminders": [{ "minutes": 1 }, { "minutes": 2 }, { "minutes": 3 }, { "minutes": 4 }, { "minutes": 5 }, { "minutes": 6 }],
            "attendees": { "invite": [{ "display_name": "No Address" }] }, "location": "Room 1",
            "recurrence": { "rules": [{ "frequency": "hourly" }] }, "event_private": "perhaps",
            "conferencing": { "profile_id": "pro_unknown" },
        }))
        .await;
    for field in [
        "summary",
        "description",
        "tzid",
        "start",
        "end",
        "transparency",
        "color",
        "url",
        "reminders",
        "attendees.invite.email",
        "location",
        "recurrence.rules.frequency",
        "event_private",
        "conferencing.profile_id",
    ] {
        assert_eq!(wrong.error_keys(field).len(), 1, "{field} in {}", wrong.text);
    }
    let mixed = desk
        .write(
            json!({ "event_id": "1", "summary": "x", "start": "2026-03-10", "end": "2026-03-10T09:00:00Z" }),
        )
        .await;
    assert_eq!(mixed.error_keys("end"), ["errors.invalid"]);
    let backwards = desk.write(json!({ "event_id": "1", "summary": "x", "start": "2026-03-10T09:00:00Z", "end": "2026-03-10T08:00:00Z" })).await;
    assert_eq!(backwards.error_keys("end"), ["errors.invalid"]);
    assert!(desk.events(&format!("{ALL}&only_managed=true")).await.is_empty(), "nothing was kept");
}

#[tokio::test]
async fn a_body_that_is_not_json_is_a_422() {
    let desk = Desk::of("nurse@example.com").await;
    let request = desk.clinic.request(Method::POST, &desk.path, &desk.token);
    let reply = send(request.header("content-type", "application/json").body("{")).await;
    assert_eq!(reply.error_keys("body"), ["errors.invalid"]);
}

#[tokio::test]
async fn forms_write_events_too() {
    let desk = Desk::of("nurse@example.com").await;
    let form = [
        ("event_id", "1"),
        ("summary", "From a form"),
        ("start[time]", "2026-03-10T09:00:00Z"),
        ("start[tzid]", "Europe/Paris"),
        ("end", "2026-03-10T10:00:00Z"),
        ("attendees[invite][][email]", "a@example.com"),
        ("event_private", "true"),
        ("reminders[][minutes]", "10"),
    ];
    let reply = send(desk.clinic.request(Method::POST, &desk.path, &desk.token).form(&form)).await;
    assert_eq!(reply.status, 202, "{}", reply.text);
    let event = &desk.events(&format!("{ALL}&only_managed=true")).await[0];
    assert_eq!(
        (&event["event_private"], &event["attendees"][0]["email"]),
        (&json!(true), &json!("a@example.com"))
    );
}

#[tokio::test]
async fn attendees_are_changed_not_replaced() {
    let desk = Desk::of("nurse@example.com").await;
    let mut body = check_up();
    body["attendees"] = json!({ "invite": [{ "email": "a@example.com", "display_name": "A" }, { "email": "b@example.com" }] });
    let event = desk.written(body).await;
    assert_eq!(
        event["attendees"][1],
        json!({ "email": "b@example.com", "display_name": null, "status": "needs_action" })
    );
    assert_eq!(event["organizer"]["email"], "nurse@example.com");
    let mut body = check_up();
    body["attendees"] =
        json!({ "invite": [{ "email": "c@example.com" }], "remove": [{ "email": "A@example.com" }] });
    let event = desk.written(body).await;
    let emails: Vec<_> =
        event["attendees"].as_array().unwrap().iter().map(|one| text(&one["email"])).collect();
    assert_eq!(emails, ["b@example.com", "c@example.com"]);
}

#[tokio::test]
async fn locations_show_where_they_are_only_when_asked_and_paid_for() {
    let desk = Desk::of("nurse@example.com").await;
    let mut body = check_up();
    body["location"] = json!({ "description": "Room 1", "lat": "52.9", "long": "-1.1" });
    assert_eq!(desk.written(body).await["location"], json!({ "description": "Room 1" }));
    let path = format!("{ALL}&only_managed=true&include_geo=true");
    assert_eq!(desk.events(&path).await[0]["location"]["lat"], "52.9");
    desk.clinic.control().update_settings(|settings| settings.geo_plan = false);
    assert_eq!(desk.clinic.get(&path, &desk.token).await.status, 402);
    let mut body = check_up();
    body["location"] = Value::Null;
    assert_eq!(desk.written(body).await.get("location"), None);
}

#[tokio::test]
async fn a_conference_is_assigned_and_named_in_the_text() {
    let desk = Desk::of("doc@example.com").await;
    let mut body = check_up();
    body["conferencing"] = json!({ "profile_id": "default" });
    body["description"] = "Join: {{ cronofy.conferencing.join_url }}".into();
    let event = desk.written(body).await;
    let url = text(&event["conferencing"]["join_url"]);
    assert_eq!(
        (&event["conferencing"]["provider_name"], &event["meeting_url"]),
        (&json!("zoom"), &json!(url))
    );
    assert_eq!(event["description"], json!(format!("Join: {url}")));
    assert_eq!(desk.written(check_up()).await["meeting_url"], json!(url), "left out, it stays");
    let mut body = check_up();
    body["conferencing"] =
        json!({ "profile_id": "explicit", "provider_description": "Phone", "join_url": "tel:1" });
    assert_eq!(
        desk.written(body).await["conferencing"],
        json!({ "provider_name": "Phone", "join_url": "tel:1" })
    );
    let mut body = check_up();
    body["conferencing"] = json!({ "profile_id": "none" });
    assert_eq!(desk.written(body).await.get("conferencing"), None);
}

#[tokio::test]
async fn unknown_foreign_and_read_only_calendars_are_refused() {
    let desk = Desk::of("doc@example.com").await;
    let nurse = desk.clinic.account("nurse@example.com").await;
    let foreign = desk.clinic.primary(&nurse).await;
    for calendar in ["cal_unknown", &foreign] {
        let path = format!("/v1/calendars/{}/events", in_path(calendar));
        assert_eq!(desk.clinic.post(&path, &desk.token, &check_up()).await.status, 404);
        assert_eq!(desk.clinic.delete(&path, &desk.token, &json!({ "event_id": "1" })).await.status, 404);
    }
    let calendars = desk.clinic.calendars(&desk.token).await;
    let readonly = calendars.iter().find(|calendar| calendar["calendar_readonly"] == true).unwrap();
    let path = format!("/v1/calendars/{}/events", in_path(readonly["calendar_id"].as_str().unwrap()));
    let reply = desk.clinic.post(&path, &desk.token, &check_up()).await;
    assert_eq!(reply.error_keys("calendar_id"), ["errors.calendar_readonly"]);
}

#[tokio::test]
async fn a_calendar_id_with_an_at_sign_is_reached_encoded_and_bare() {
    let desk = Desk::of("doc@example.com").await;
    let calendars = desk.clinic.calendars(&desk.token).await;
    let id =
        calendars.iter().map(|calendar| text(&calendar["calendar_id"])).find(|id| id.contains('@')).unwrap();
    for path in [format!("/v1/calendars/{id}/events"), format!("/v1/calendars/{}/events", in_path(&id))] {
        assert_eq!(desk.clinic.post(&path, &desk.token, &check_up()).await.status, 202, "{path}");
    }
}

#[tokio::test]
async fn managed_events_come_only_when_asked_for_and_from_all_time() {
    let desk = Desk::of("nurse@example.com").await;
    let mut old = check_up();
    old["start"] = "2019-01-01T09:00:00Z".into();
    old["end"] = "2019-01-01T10:00:00Z".into();
    desk.written(old).await;
    let external = desk.events("/v1/events?tzid=Etc/UTC").await;
    assert_eq!(external.len(), 4);
    assert!(external.iter().all(|event| text(&event["event_uid"]).starts_with("evt_external_")));
    assert_eq!(desk.events(ALL).await.len(), 5);
    assert_eq!(desk.events("/v1/events?tzid=Etc/UTC&only_managed=True").await.len(), 1);
    assert_eq!(desk.events("/v1/events?tzid=Etc/UTC&only_managed=true&from=2026-01-01").await.len(), 0);
}

#[tokio::test]
async fn the_window_is_half_open_and_days_are_those_of_the_zone() {
    let desk = Desk::of("nurse@example.com").await;
    let mut body = check_up();
    body["start"] = "2026-03-10T03:30:00Z".into();
    body["end"] = "2026-03-10T04:00:00Z".into();
    desk.written(body).await;
    let found = async |query: &str| desk.events(&format!("/v1/events?only_managed=true&{query}")).await.len();
    assert_eq!(found("tzid=Etc/UTC&from=2026-03-10&to=2026-03-11").await, 1);
    assert_eq!(found("tzid=Etc/UTC&from=2026-03-09&to=2026-03-10").await, 0, "to is exclusive");
    assert_eq!(
        found("tzid=America/New_York&from=2026-03-09&to=2026-03-10").await,
        1,
        "still the 9th in New York"
    );
    assert_eq!(
        found("tzid=Etc/UTC&from=2026-03-10T04:00:00Z&to=2026-03-10T05:00:00Z").await,
        1,
        "ends at from"
    );
    assert_eq!(found("tzid=Etc/UTC&from=2026-03-10T04:00:01Z").await, 0);
    assert_eq!(found("tzid=Etc/UTC&to=2026-03-10T03:30:00Z").await, 0, "starts at to");
}

#[tokio::test]
async fn reads_need_a_zone_and_right_parameters() {
    let desk = Desk::of("nurse@example.com").await;
    let get = async |query: &str| desk.clinic.get(&format!("/v1/events{query}"), &desk.token).await;
    assert_eq!(get("").await.error_keys("tzid"), ["errors.required"]);
    assert_eq!(get("?tzid=Nowhere/Land").await.error_keys("tzid"), ["errors.invalid_tzid"]);
    assert_eq!(get("?tzid=Etc/UTC&from=soon").await.error_keys("from"), ["errors.invalid"]);
    assert_eq!(
        get("?tzid=Etc/UTC&include_managed=perhaps").await.error_keys("include_managed"),
        ["errors.must_be_boolean"]
    );
    assert_eq!(
        get("?tzid=Etc/UTC&from=&to=&unknown=1").await.status,
        200,
        "empty and unknown parameters pass"
    );
}

#[tokio::test]
async fn calendars_are_chosen_in_both_spellings() {
    let desk = Desk::of("doc@example.com").await;
    let id = &desk.calendar;
    for query in [
        format!("calendar_ids[]={id}"),
        format!("calendar_ids%5B%5D={id}"),
        format!("calendar_ids[]={id}&calendar_ids[]=cal_x"),
    ] {
        let events = desk.events(&format!("/v1/events?tzid=Etc/UTC&{query}")).await;
        assert_eq!(events.len(), 4);
        assert!(events.iter().all(|event| event["calendar_id"] == json!(id)));
    }
    assert_eq!(desk.events("/v1/events?tzid=Etc/UTC").await.len(), 7);
}

#[tokio::test]
async fn events_come_in_pages_that_do_not_shift() {
    let desk = Desk::of("nurse@example.com").await;
    desk.clinic.control().update_settings(|settings| settings.page_size = 3);
    for number in 0..7 {
        let mut body = check_up();
        body["event_id"] = number.to_string().into();
        desk.write(body).await;
    }
    let mut reply = desk.clinic.get("/v1/events?tzid=Etc/UTC&only_managed=true", &desk.token).await.json();
    let mut extra = check_up();
    extra["event_id"] = "late".into();
    desk.write(extra).await;
    let mut seen = Vec::new();
    let mut count = 0;
    loop {
        count += 1;
        assert_eq!((&reply["pages"]["current"], &reply["pages"]["total"]), (&json!(count), &json!(3)));
        seen.extend(reply["events"].as_array().unwrap().iter().map(|event| text(&event["event_id"])));
        let Some(next) = reply["pages"].get("next_page").and_then(Value::as_str) else { break };
        let nurse_as_other = desk.clinic.account("doc@example.com").await;
        assert_eq!(desk.clinic.get(next, &nurse_as_other).await.status, 404);
        reply = desk.clinic.get(next, &desk.token).await.json();
    }
    seen.sort();
    assert_eq!(seen, ["0", "1", "2", "3", "4", "5", "6"]);
    assert_eq!(desk.clinic.get("/v1/events/pages/unknown", &desk.token).await.status, 404);
}

#[tokio::test]
async fn a_deleted_event_shows_only_where_deleted_ones_are_asked_for() {
    let desk = Desk::of("nurse@example.com").await;
    desk.written(check_up()).await;
    for _ in 0..2 {
        let reply = desk.clinic.delete(&desk.path, &desk.token, &json!({ "event_id": "1" })).await;
        assert_eq!((reply.status.as_u16(), reply.text.as_str()), (202, ""));
    }
    assert!(desk.events(&format!("{ALL}&only_managed=true")).await.is_empty());
    let deleted = desk.events(&format!("{ALL}&only_managed=true&include_deleted=true")).await;
    assert_eq!(deleted[0]["deleted"], true);
    assert_eq!(
        desk.clinic.delete(&desk.path, &desk.token, &json!({})).await.error_keys("event_id"),
        ["errors.required"]
    );
    assert_eq!(desk.written(check_up()).await["deleted"], false, "written again it is there again");
}

#[tokio::test]
async fn changes_since_a_time_and_former_places_can_be_asked_for() {
    let desk = Desk::of("nurse@example.com").await;
    desk.written(check_up()).await;
    desk.clinic.control().advance(std::time::Duration::from_mins(1));
    let mut moved = check_up();
    moved["start"] = "2026-04-10T09:00:00Z".into();
    moved["end"] = "2026-04-10T09:30:00Z".into();
    desk.written(moved).await;
    let found = async |query: &str| {
        desk.events(&format!("/v1/events?tzid=Etc/UTC&only_managed=true&{query}")).await.len()
    };
    assert_eq!(found("from=2026-03-10&to=2026-03-11").await, 0);
    assert_eq!(found("from=2026-03-10&to=2026-03-11&include_moved=true").await, 1);
    assert_eq!(found("last_modified=2026-03-02T12:01:00Z").await, 1);
    assert_eq!(found("last_modified=2026-03-02T12:01:01Z").await, 0);
}

#[tokio::test]
async fn an_external_event_is_edited_and_deleted_only_where_that_was_granted() {
    let desk = Desk::of("nurse@example.com").await;
    let external = desk.events("/v1/events?tzid=Etc/UTC").await[0].clone();
    let edit = json!({ "event_uid": external["event_uid"], "summary": "Edited" });
    assert_eq!(
        external["options"],
        json!({ "delete": false, "update": false, "change_participation_status": false })
    );
    assert_eq!(desk.write(edit.clone()).await.status, 403);
    desk.unrestrict();
    assert_eq!(desk.write(edit).await.status, 202);
    let edited = desk.events("/v1/events?tzid=Etc/UTC").await[0].clone();
    assert_eq!((&edited["summary"], &edited["start"]), (&json!("Edited"), &external["start"]));
    assert_eq!(
        desk.clinic
            .delete(&desk.path, &desk.token, &json!({ "event_uid": external["event_uid"] }))
            .await
            .status,
        202
    );
    assert_eq!(desk.events("/v1/events?tzid=Etc/UTC").await.len(), 3);
    assert_eq!(
        desk.write(json!({ "event_uid": external["event_uid"], "summary": "Back" })).await.status,
        404
    );

    let managed = desk.written(check_up()).await;
    for uid in [&json!("evt_external_unknown"), &managed["event_uid"]] {
        let reply = desk.clinic.delete(&desk.path, &desk.token, &json!({ "event_uid": uid })).await;
        assert_eq!(reply.error_keys("event_uid"), ["errors.must_be_external_event_uid"]);
    }
}

#[tokio::test]
async fn bulk_deletion_takes_one_choice_from_body_or_query_and_spares_external_events() {
    let desk = Desk::of("nurse@example.com").await;
    let bulk = async |body: Value| desk.clinic.delete("/v1/events", &desk.token, &body).await;
    let left = async || desk.events(ALL).await.len();
    desk.written(check_up()).await;
    assert_eq!(left().await, 5);
    assert_eq!(bulk(json!({})).await.error_keys("delete_all"), ["errors.required"]);
    assert_eq!(
        bulk(json!({ "delete_all": true, "calendar_ids": ["x"] })).await.error_keys("delete_all"),
        ["errors.invalid"]
    );
    assert_eq!(
        bulk(json!({ "delete_all": "all" })).await.error_keys("delete_all"),
        ["errors.must_be_boolean"]
    );
    assert_eq!(
        bulk(json!({ "calendar_ids": ["cal_x"] })).await.error_keys("calendar_ids"),
        ["errors.invalid_calendar_ids"]
    );
    assert_eq!(
        bulk(json!({ "calendar_ids": [] })).await.error_keys("calendar_ids"),
        ["errors.invalid_calendar_ids"]
    );
    assert_eq!(left().await, 5);
    assert_eq!(bulk(json!({ "calendar_ids": [desk.calendar] })).await.status, 202);
    assert_eq!(left().await, 4);
    desk.written(check_up()).await;
    let request =
        desk.clinic.request(Method::DELETE, "/v1/events?delete_all=True", &desk.token).json(&json!({}));
    assert_eq!(send(request).await.status, 202);
    assert_eq!(left().await, 4);
}

#[tokio::test]
async fn an_invitation_is_answered_and_declining_it_at_microsofts_drops_it() {
    let desk = Desk::of("doc@example.com").await;
    let find = async || {
        let events = desk.events("/v1/events?tzid=Etc/UTC").await;
        events.into_iter().find(|event| event["summary"] == "Planning the new wing")
    };
    let invitation = find().await.unwrap();
    assert_eq!(invitation["options"]["change_participation_status"], true);
    let path = format!(
        "/v1/calendars/{}/events/{}/participation_status",
        in_path(&text(&invitation["calendar_id"])),
        text(&invitation["event_uid"])
    );
    let answer =
        async |status: &str| desk.clinic.post(&path, &desk.token, &json!({ "status": status })).await;
    assert_eq!(answer("perhaps").await.error_keys("status"), ["errors.invalid"]);
    assert_eq!(answer("tentative").await.status, 202);
    let event = find().await.unwrap();
    assert_eq!(
        (&event["participation_status"], &event["attendees"][0]["status"]),
        (&json!("tentative"), &json!("tentative"))
    );
    assert_eq!(answer("declined").await.status, 202);
    assert_eq!(find().await, None);
    assert_eq!(answer("accepted").await.status, 404);
    let own = desk.written(check_up()).await;
    let path = format!("{}/{}/participation_status", desk.path, text(&own["event_uid"]));
    assert_eq!(desk.clinic.post(&path, &desk.token, &json!({ "status": "accepted" })).await.status, 403);
}

#[tokio::test]
async fn a_write_answers_with_the_account_when_asked() {
    let desk = Desk::of("nurse@example.com").await;
    let mut body = check_up();
    body["include_userinfo"] = true.into();
    let reply = desk.write(body).await;
    assert_eq!(
        (reply.status.as_u16(), reply.json()["userinfo"]["email"].clone()),
        (202, json!("nurse@example.com"))
    );
}

#[tokio::test]
async fn an_organization_writes_for_a_member() {
    let desk = Desk::of("nurse@example.com").await;
    let organization = desk.clinic.organization().await;
    let nurse = desk.clinic.member("nurse@example.com");
    let request =
        desk.clinic.request(Method::POST, &desk.path, &organization).header("Cronofy-Impersonate", &nurse);
    assert_eq!(send(request.json(&check_up())).await.status, 202);
    assert_eq!(
        desk.events(&format!("{ALL}&only_managed=true")).await.len(),
        1,
        "the same application reads it"
    );
}

#[tokio::test]
async fn free_busy_says_when_and_no_more() {
    let desk = Desk::of("doc@example.com").await;
    let get = async |query: &str| {
        let reply = desk.clinic.get(&format!("/v1/free_busy?tzid=Europe/London{query}"), &desk.token).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        reply.json()["free_busy"].as_array().unwrap().clone()
    };
    let busy = get("").await;
    assert_eq!(busy.len(), 6, "the day off is free time");
    let names: Vec<_> = busy[0].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names, ["calendar_id", "end", "free_busy_status", "start"]);
    let with_free = get("&include_free=true").await;
    assert_eq!(with_free.iter().filter(|period| period["free_busy_status"] == "free").count(), 1);
    desk.written(check_up()).await;
    assert_eq!(get("").await.len(), 6);
    let all = get("&include_managed=true&include_ids=true&localized_times=true").await;
    let own = all.iter().find(|period| period.get("event_id").is_some()).unwrap();
    assert_eq!((&own["event_id"], &own["start"]["tzid"]), (&json!("1"), &json!("Etc/UTC")));
    desk.clinic.control().update_settings(|settings| settings.page_size = 2);
    let first = desk.clinic.get("/v1/free_busy?tzid=Etc/UTC", &desk.token).await.json();
    assert_eq!(first["pages"]["total"], 3);
    let second = desk.clinic.get(first["pages"]["next_page"].as_str().unwrap(), &desk.token).await.json();
    assert_eq!((&second["pages"]["current"], second["free_busy"].as_array().unwrap().len()), (&json!(2), 2));
}
