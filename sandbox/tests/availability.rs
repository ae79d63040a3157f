//! Availability and sequenced availability: computed from the events, rules and periods that are stored.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)] // tests

mod common;

use common::{Clinic, Reply, in_path, text};
use orgconnect_sandbox::{NewResource, Sandbox, Timestamp, UnknownParticipants};
use serde_json::{Value, json};

/// A clinic on a fixed day, with the nurse and reception connected.
struct Rota {
    clinic: Clinic,
    nurse: Person,
    reception: Person,
}

struct Person {
    sub: String,
    token: String,
    calendar: String,
}

impl Rota {
    async fn open() -> Self {
        let noon: Timestamp = "2026-03-02T12:00:00Z".parse().unwrap();
        let clinic = Clinic::with(Sandbox::builder().seed(7).time(noon).start().await.unwrap());
        clinic.control().freeze_clock(Some(noon));
        let nurse = Person::of(&clinic, "nurse@example.com").await;
        let reception = Person::of(&clinic, "reception@example.com").await;
        Self { clinic, nurse, reception }
    }

    async fn write(&self, person: &Person, event: Value) {
        let path = format!("/v1/calendars/{}/events", in_path(&person.calendar));
        let reply = self.clinic.post(&path, &person.token, &event).await;
        assert_eq!(reply.status, 202, "{}", reply.text);
    }

    async fn ask(&self, query: &Value) -> Reply {
        self.clinic.post("/v1/availability", &self.clinic.application.client_secret, query).await
    }

    async fn periods(&self, query: &Value) -> Vec<String> {
        let reply = self.ask(query).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        times(&reply.json()["available_periods"])
    }

    /// The nurse alone, over the working day of 20 March, with fields of `more` for the member.
    fn nurse_on_friday(&self, more: &Value) -> Value {
        let mut member = json!({ "sub": self.nurse.sub });
        member.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        friday(&json!([{ "members": [member], "required": "all" }]))
    }
}

impl Person {
    async fn of(clinic: &Clinic, email: &str) -> Self {
        let token = clinic.account(email).await;
        Self { sub: clinic.member(email), calendar: clinic.primary(&token).await, token }
    }
}

fn friday(participants: &Value) -> Value {
    json!({
        "participants": participants,
        "required_duration": { "minutes": 60 },
        "query_periods": [{ "start": "2026-03-20T09:00:00Z", "end": "2026-03-20T17:00:00Z" }],
    })
}

fn event(id: &str, start: &str, end: &str) -> Value {
    json!({ "event_id": id, "summary": "Visit", "start": format!("2026-03-20T{start}:00Z"),
        "end": format!("2026-03-20T{end}:00Z") })
}

/// `09:00-10:00` for each time.
fn times(found: &Value) -> Vec<String> {
    let clock = |time: &Value| time.as_str().unwrap()[11..16].to_owned();
    let all = found.as_array().unwrap_or_else(|| panic!("{found} is no list"));
    all.iter().map(|time| format!("{}-{}", clock(&time["start"]), clock(&time["end"]))).collect()
}

#[tokio::test]
async fn events_take_time_away_and_deleting_them_gives_it_back() {
    let rota = Rota::open().await;
    let both = friday(&json!([{ "members": [{ "sub": rota.nurse.sub }, { "sub": rota.reception.sub }],
        "required": "all" }]));
    assert_eq!(rota.periods(&both).await, ["09:00-17:00"]);
    rota.write(&rota.nurse, event("1", "10:00", "10:30")).await;
    rota.write(&rota.reception, event("2", "15:00", "16:30")).await;
    assert_eq!(rota.periods(&both).await, ["09:00-10:00", "10:30-15:00"]);

    let path = format!("/v1/calendars/{}/events", in_path(&rota.nurse.calendar));
    rota.clinic.delete(&path, &rota.nurse.token, &json!({ "event_id": "1" })).await;
    assert_eq!(rota.periods(&both).await, ["09:00-15:00"]);
}

#[tokio::test]
async fn slots_stand_under_their_own_key_with_everyone_who_is_free() {
    let rota = Rota::open().await;
    rota.write(&rota.nurse, event("1", "09:00", "16:00")).await;
    let mut query = friday(&json!([{ "members": [{ "sub": rota.nurse.sub }, { "sub": rota.reception.sub }],
        "required": 1 }]));
    query["response_format"] = "slots".into();
    query["include_member_statuses"] = true.into();
    let reply = rota.ask(&query).await.json();
    assert_eq!(reply.get("available_periods"), None);
    assert_eq!(times(&reply["available_slots"]).len(), 8);
    assert_eq!(reply["available_slots"][0]["participants"], json!([{ "sub": rota.reception.sub }]));
    assert_eq!(
        reply["available_slots"][7]["participants"],
        json!([{ "sub": rota.nurse.sub }, { "sub": rota.reception.sub }])
    );
    assert_eq!(reply["member_statuses"][0], json!({ "sub": rota.nurse.sub, "sync_status": "active" }));
}

#[tokio::test]
async fn managed_availability_goes_by_stored_rules_and_periods() {
    let rota = Rota::open().await;
    let managed = rota.nurse_on_friday(&json!({ "managed_availability": true }));
    assert_eq!(rota.periods(&managed).await, Vec::<String>::new(), "nothing is stored yet");
    let rule = json!({ "availability_rule_id": "work", "tzid": "Europe/Paris",
        "weekly_periods": [{ "day": "friday", "start_time": "11:00", "end_time": "13:00" }] });
    let stored = rota.clinic.post("/v1/availability_rules", &rota.nurse.token, &rule).await;
    assert_eq!(stored.status, 200, "{}", stored.text);
    let period = json!({ "available_period_id": "1", "start": "2026-03-20T14:00:00Z",
        "end": { "time": "2026-03-20T15:30:00Z", "tzid": "Europe/London" } });
    assert_eq!(rota.clinic.post("/v1/available_periods", &rota.nurse.token, &period).await.status, 202);
    assert_eq!(rota.periods(&managed).await, ["10:00-12:00", "14:00-15:30"]);
    let no_rules = json!({ "managed_availability": true, "availability_rule_ids": [] });
    assert_eq!(rota.periods(&rota.nurse_on_friday(&no_rules)).await, ["14:00-15:30"]);

    let other =
        Clinic { application: rota.clinic.internal(), sandbox: rota.clinic.sandbox, http: common::http() };
    let reply = other.post("/v1/availability", &other.application.client_secret, &managed).await;
    assert_eq!(reply.json()["available_periods"], json!([]), "another application's rules are not ours");
}

#[tokio::test]
async fn tentative_transparent_tagged_and_excluded_events_count_as_asked() {
    let rota = Rota::open().await;
    let with = |mut event: Value, more: Value| {
        event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        event
    };
    rota.write(
        &rota.nurse,
        with(event("1", "09:00", "10:00"), json!({ "extended_transparency": "tentative" })),
    )
    .await;
    rota.write(&rota.nurse, with(event("2", "11:00", "12:00"), json!({ "transparency": "transparent" })))
        .await;
    rota.write(
        &rota.nurse,
        with(event("3", "16:00", "17:00"), json!({ "tags": { "private": [{ "value": "Interview" }] } })),
    )
    .await;
    rota.write(
        &rota.nurse,
        json!({ "event_id": "4", "summary": "Leave", "start": "2026-03-20", "end": "2026-03-21" }),
    )
    .await;
    assert_eq!(rota.periods(&rota.nurse_on_friday(&json!({}))).await, ["10:00-16:00"]);
    let ignoring = rota.nurse_on_friday(&json!({ "ignore_tentative": true }));
    assert_eq!(rota.periods(&ignoring).await, ["09:00-16:00"]);
    let mut excluding = rota.nurse_on_friday(&json!({}));
    excluding["excluded_events"] = json!([{ "event_id": "3" }]);
    assert_eq!(rota.periods(&excluding).await, ["10:00-17:00"]);
    let constraint = |tag: &str| json!({ "availability_constraints": [{ "period": "day", "limit": 1, "tags": { "private": [{ "value": tag }] } }] });
    assert_eq!(rota.periods(&rota.nurse_on_friday(&constraint("Interview"))).await, Vec::<String>::new());
    assert_eq!(rota.periods(&rota.nurse_on_friday(&constraint("Check-up"))).await, ["10:00-16:00"]);
}

#[tokio::test]
async fn a_room_is_taken_while_an_event_takes_place_to_which_it_is_invited() {
    let rota = Rota::open().await;
    rota.clinic.organization().await;
    let clinic_id = rota.clinic.clinic_id();
    let new = NewResource { email: "scanner@example.com".into(), name: "Scanner".into() };
    let room = rota.clinic.control().add_resource(&clinic_id, new).unwrap();
    let query = friday(&json!([{ "members": [{ "sub": room.sub }] }]));
    assert_eq!(rota.periods(&query).await, ["09:00-17:00"]);
    let mut booked = event("1", "09:00", "12:00");
    booked["attendees"] = json!({ "invite": [{ "email": "Scanner@example.com" }] });
    rota.write(&rota.nurse, booked).await;
    assert_eq!(rota.periods(&query).await, ["12:00-17:00"]);
}

#[tokio::test]
async fn sequences_keep_to_their_order() {
    let rota = Rota::open().await;
    rota.write(&rota.reception, event("1", "09:00", "15:00")).await;
    let step = |id: &str, sub: &str, minutes: i64| {
        json!({ "sequence_id": id, "participants": [{ "members": [{ "sub": sub }], "required": "all" }],
            "required_duration": { "minutes": minutes }, "start_interval": { "minutes": 30 } })
    };
    let query = json!({
        "query_periods": [{ "start": "2026-03-20T09:00:00Z", "end": "2026-03-20T17:00:00Z" }],
        "sequence": [step("check", &rota.nurse.sub, 30), step("talk", &rota.reception.sub, 60)],
        "max_results": 2,
    });
    let secret = &rota.clinic.application.client_secret;
    let reply = rota.clinic.post("/v1/sequenced_availability", secret, &query).await;
    let sequences = reply.json()["sequences"].clone();
    assert_eq!(sequences.as_array().unwrap().len(), 2);
    assert_eq!(times(&sequences[0]["sequence"]), ["09:00-09:30", "15:00-16:00"]);
    assert_eq!(sequences[0]["sequence"][1]["sequence_id"], "talk");
    let wrong = rota.clinic.post("/v1/sequenced_availability", secret, &json!({})).await;
    assert_eq!(wrong.error_keys("sequence"), ["errors.required"]);
}

#[tokio::test]
async fn an_access_token_may_ask_unless_the_settings_say_otherwise() {
    let rota = Rota::open().await;
    let query = rota.nurse_on_friday(&json!({}));
    let organization = rota.clinic.organization().await;
    for token in [&rota.nurse.token, &organization] {
        assert_eq!(rota.clinic.post("/v1/availability", token, &query).await.status, 200);
    }
    rota.clinic.control().update_settings(|settings| settings.availability_with_access_token = false);
    assert_eq!(rota.clinic.post("/v1/availability", &rota.nurse.token, &query).await.status, 401);
    assert_eq!(rota.ask(&query).await.status, 200);
    assert_eq!(rota.clinic.post("/v1/availability", "", &query).await.status, 401);
}

#[tokio::test]
async fn people_the_application_is_not_connected_to_are_refused_or_never_free() {
    let rota = Rota::open().await;
    let doctor = rota.clinic.member("doc@example.com");
    let query = friday(&json!([{ "members": [{ "sub": doctor }] }]));
    let refused = rota.ask(&query).await;
    assert_eq!(refused.error_keys("participants.members.sub"), ["errors.invalid"]);
    assert!(refused.text.contains(&doctor));
    rota.clinic.control().update_settings(|s| s.unknown_participants = UnknownParticipants::NeverFree);
    assert_eq!(rota.periods(&query).await, Vec::<String>::new());
    rota.clinic.control().update_settings(|s| s.unknown_participants = UnknownParticipants::Refuse);
    rota.clinic.organization().await;
    assert_eq!(rota.periods(&query).await, ["09:00-17:00"], "a member of a connected organization");
}

#[tokio::test]
async fn an_application_calendar_takes_part() {
    let rota = Rota::open().await;
    let application = &rota.clinic.application;
    let reply = rota
        .clinic
        .post(
            "/v1/application_calendars",
            "",
            &json!({ "client_id": application.client_id,
            "client_secret": application.client_secret, "application_calendar_id": "machine" }),
        )
        .await
        .json();
    let machine = Person {
        sub: text(&reply["sub"]),
        calendar: rota.clinic.primary(&text(&reply["access_token"])).await,
        token: text(&reply["access_token"]),
    };
    rota.write(&machine, event("1", "09:00", "13:00")).await;
    let query = friday(&json!([{ "members": [{ "sub": machine.sub }] }]));
    assert_eq!(rota.periods(&query).await, ["13:00-17:00"]);
}

#[tokio::test]
async fn every_wrong_field_is_named_at_once() {
    let rota = Rota::open().await;
    let nothing = rota.ask(&json!({})).await;
    for field in ["participants", "required_duration", "query_periods"] {
        assert_eq!(nothing.error_keys(field), ["errors.required"], "{field}");
    }
    let wrong = rota
        .ask(&json!({
            "participants": [{ "members": [{ "sub": rota.nurse.sub }], "required": 3 }],
            "required_duration": 60,
            "query_periods": [{ "start": "2026-03-20T09:00:00.250Z", "end": "2026-03-20" }],
            "response_format": "weeks",
        }))
        .await;
    let fields = wrong.json()["errors"].clone();
    for field in [
        "participants.required",
        "required_duration",
        "query_periods.start",
        "query_periods.end",
        "response_format",
    ] {
        assert!(fields.get(field).is_some(), "{field} in {fields}");
    }
}

#[tokio::test]
async fn forms_ask_like_json() {
    let rota = Rota::open().await;
    rota.write(&rota.nurse, event("1", "09:00", "16:00")).await;
    let form = [
        ("participants[][members][][sub]", rota.nurse.sub.as_str()),
        ("participants[][required]", "1"),
        ("required_duration[minutes]", "60"),
        ("query_periods[][start]", "2026-03-20T09:00:00Z"),
        ("query_periods[][end]", "2026-03-20T17:00:00Z"),
        ("include_member_statuses", "True"),
    ];
    let secret = &rota.clinic.application.client_secret;
    let request = rota.clinic.request(reqwest::Method::POST, "/v1/availability", secret).form(&form);
    let reply = common::send(request).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    assert_eq!(times(&reply.json()["available_periods"]), ["16:00-17:00"]);
    assert_eq!(reply.json()["member_statuses"][0]["sync_status"], "active");
}
