//! Smart invites: sent, changed, called off, answered, with iCalendar text a mail can carry.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)] // tests

mod common;
#[path = "common/receiver.rs"]
mod receiver;

use common::{Clinic, Reply, text};
use orgconnect_sandbox::{InviteStatus, ProposedTimes, RemovedRecipients, SmartInviteReply};
use receiver::Receiver;
use serde_json::{Value, json};

const PATH: &str = "/v1/smart_invites";

fn invite() -> Value {
    json!({
        "method": "request",
        "smart_invite_id": "visit-1",
        "recipient": { "email": "anna+1@example.net" },
        "callback_url": "http://127.0.0.1:9/invites",
        "event": {
            "summary": "Check-up", "description": "Bring your card; please",
            "start": { "time": "2026-07-10T09:00:00Z", "tzid": "Europe/London" },
            "end": "2026-07-10T09:30:00Z", "tzid": "Etc/UTC",
            "location": { "description": "Room 1" }, "reminders": [{ "minutes": 15 }],
        },
        "organizer": { "name": "Northwind Clinic" },
    })
}

/// The same for two, who share it.
fn shared() -> Value {
    let mut body = invite();
    body.as_object_mut().unwrap().remove("recipient");
    body["recipients"] =
        json!([{ "email": "anna+1@example.net" }, { "email": "ben@example.net", "status": "accepted" }]);
    body
}

async fn send(clinic: &Clinic, body: &Value) -> Reply {
    clinic.post(PATH, &clinic.application.client_secret, body).await
}

async fn sent(clinic: &Clinic, body: &Value) -> Value {
    let reply = send(clinic, body).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    reply.json()
}

async fn read(clinic: &Clinic, query: &str) -> Reply {
    clinic.get(&format!("{PATH}?{query}"), &clinic.application.client_secret).await
}

/// The lines of the iCalendar text, unfolded.
fn lines(icalendar: &Value) -> Vec<String> {
    let text = icalendar.as_str().unwrap();
    assert!(text.lines().all(|line| line.len() <= 75));
    text.replace("\r\n ", "").split_terminator("\r\n").map(str::to_owned).collect()
}

fn ics(invite: &Value) -> Vec<String> {
    lines(&invite["attachments"]["icalendar"])
}

fn line(lines: &[String], name: &str) -> String {
    lines
        .iter()
        .find(|line| line.starts_with(name))
        .unwrap_or_else(|| panic!("no {name} in {lines:#?}"))
        .clone()
}

#[tokio::test]
async fn an_invitation_comes_with_text_to_attach_and_is_read_back() {
    let clinic = Clinic::open().await;
    let reply = sent(&clinic, &invite()).await;
    assert_eq!(reply["recipient"], json!({ "email": "anna+1@example.net", "status": "pending" }));
    assert_eq!(reply["event"]["start"], json!({ "time": "2026-07-10T09:00:00Z", "tzid": "Europe/London" }));
    assert_eq!(reply["event"]["end"], json!({ "time": "2026-07-10T09:30:00Z", "tzid": "Etc/UTC" }));
    assert_eq!((&reply["method"], &reply["callback_url"]), (&json!("request"), &invite()["callback_url"]));
    let ics = ics(&reply);
    for expected in [
        "METHOD:REQUEST",
        "SEQUENCE:0",
        "SUMMARY:Check-up",
        "DESCRIPTION:Bring your card\\; please",
        "LOCATION:Room 1",
        "DTSTART;TZID=Europe/London:20260710T100000",
        "DTEND:20260710T093000Z",
        "TRIGGER:-PT15M",
    ] {
        assert!(ics.contains(&expected.to_owned()), "{expected} in {ics:#?}");
    }
    assert!(line(&ics, "ATTENDEE").ends_with("mailto:anna+1@example.net"));
    assert!(line(&ics, "ORGANIZER").starts_with("ORGANIZER;CN=Northwind Clinic:mailto:invite-"));
    // The Ruby client does not encode the plus.
    for email in ["anna%2B1@example.net", "anna+1@example.net", "ANNA%2B1@EXAMPLE.NET"] {
        let known = read(&clinic, &format!("smart_invite_id=visit-1&recipient_email={email}")).await;
        assert_eq!((known.status.as_u16(), known.json()), (200, reply.clone()), "{email}");
    }
    assert_eq!(read(&clinic, "smart_invite_id=visit-1").await.status, 404, "there is no shared one");
    assert_eq!(read(&clinic, "").await.error_keys("smart_invite_id"), ["errors.required"]);
}

#[tokio::test]
async fn an_update_keeps_the_uid_and_raises_the_sequence_once() {
    let clinic = Clinic::open().await;
    let first = ics(&sent(&clinic, &invite()).await);
    assert_eq!(line(&ics(&sent(&clinic, &invite()).await), "SEQUENCE"), "SEQUENCE:0", "nothing has changed");
    let mut changed = invite();
    changed["event"]["summary"] = "Check-up and X-ray".into();
    let second = ics(&sent(&clinic, &changed).await);
    assert_eq!(line(&second, "SEQUENCE"), "SEQUENCE:1");
    assert_eq!(line(&second, "UID"), line(&first, "UID"));
    assert_eq!(line(&second, "ORGANIZER"), line(&first, "ORGANIZER"));
    let mut other = invite();
    other["recipient"]["email"] = "ben@example.net".into();
    assert_ne!(
        line(&ics(&sent(&clinic, &other).await), "UID"),
        line(&first, "UID"),
        "another recipient, another key"
    );
}

#[tokio::test]
async fn a_cancellation_says_so_and_an_unknown_one_is_not_found() {
    let clinic = Clinic::open().await;
    sent(&clinic, &invite()).await;
    let body = json!({ "method": "cancel", "smart_invite_id": "visit-1", "recipient": { "email": "anna+1@example.net" } });
    let cancelled = sent(&clinic, &body).await;
    let text = ics(&cancelled);
    assert_eq!(
        (line(&text, "METHOD"), line(&text, "STATUS")),
        ("METHOD:CANCEL".into(), "STATUS:CANCELLED".into())
    );
    assert_eq!((line(&text, "SEQUENCE"), &cancelled["method"]), ("SEQUENCE:1".into(), &json!("cancel")));
    assert_eq!(sent(&clinic, &body).await["attachments"], cancelled["attachments"]);
    let unknown = json!({ "method": "cancel", "smart_invite_id": "visit-2", "recipient": { "email": "anna+1@example.net" } });
    assert_eq!(send(&clinic, &unknown).await.status, 404);
    assert_eq!(line(&ics(&sent(&clinic, &invite()).await), "METHOD"), "METHOD:REQUEST", "invited again");
}

#[tokio::test]
async fn several_recipients_share_one_invitation_and_can_be_removed() {
    let clinic = Clinic::open().await;
    let reply = sent(&clinic, &shared()).await;
    assert_eq!(reply.get("recipient"), None);
    assert_eq!(reply["recipients"][1], json!({ "email": "ben@example.net", "status": "accepted" }));
    assert_eq!(ics(&reply).iter().filter(|line| line.starts_with("ATTENDEE")).count(), 2);
    assert_eq!(read(&clinic, "smart_invite_id=visit-1").await.json(), reply);

    let body = json!({ "method": "remove", "smart_invite_id": "visit-1", "recipient": { "email": "ben@example.net" } });
    let removed = sent(&clinic, &body).await;
    assert_eq!(removed["recipients"], json!([{ "email": "anna+1@example.net", "status": "pending" }]));
    let farewell = &removed["attachments"]["removed"][0];
    assert_eq!(farewell["email"], "ben@example.net");
    assert_eq!(line(&lines(&farewell["icalendar"]), "METHOD"), "METHOD:CANCEL");
    assert!(!removed["attachments"]["icalendar"].as_str().unwrap().contains("ben@example.net"));
    assert_eq!(send(&clinic, &body).await.status, 404, "he is gone");
    clinic.control().update_settings(|settings| settings.removed_recipients = RemovedRecipients::Object);
    let last = json!({ "method": "remove", "smart_invite_id": "visit-1", "recipient": { "email": "anna+1@example.net" } });
    let last = sent(&clinic, &last).await;
    assert_eq!(last["attachments"]["removed"]["email"], "anna+1@example.net");
    assert_eq!(last["method"], "cancel", "nobody is left");
}

#[tokio::test]
async fn whoever_a_new_list_leaves_out_is_removed() {
    let clinic = Clinic::open().await;
    sent(&clinic, &shared()).await;
    let mut only = shared();
    only["recipients"] = json!([{ "email": "ben@example.net" }]);
    let reply = sent(&clinic, &only).await;
    assert_eq!(reply["recipients"], json!([{ "email": "ben@example.net", "status": "accepted" }]));
    assert_eq!(reply["attachments"]["removed"][0]["email"], "anna+1@example.net");
    assert_eq!(line(&ics(&reply), "SEQUENCE"), "SEQUENCE:1");
}

#[tokio::test]
async fn all_day_events_are_dates() {
    let clinic = Clinic::open().await;
    let mut days = invite();
    days["event"] =
        json!({ "summary": "Leave", "start": "2026-07-10", "end": "2026-07-12", "tzid": "Europe/Paris" });
    let reply = sent(&clinic, &days).await;
    assert_eq!(reply["event"]["start"], json!({ "time": "2026-07-10", "tzid": "Europe/Paris" }));
    assert_eq!(line(&ics(&reply), "DTEND"), "DTEND;VALUE=DATE:20260712");
}

#[tokio::test]
async fn every_wrong_field_of_an_invitation_is_named() {
    let clinic = Clinic::open().await;
    let nothing = send(&clinic, &json!({})).await;
    for field in ["smart_invite_id", "recipient", "event"] {
        assert_eq!(nothing.error_keys(field), ["errors.required"], "{field}");
    }
    let mut wrong = shared();
    wrong["callback_url"] = "ftp://a.example".into();
    wrong["recipients"] =
        json!([{ "email": "a@b.example" }, { "email": "A@b.example" }, { "email": "nobody" }, {}]);
    wrong["organizer"] = json!({ "email": "x y@z" });
    wrong["event"] = json!({ "start": "2026-07-10", "end": "2026-07-10T09:30:00Z", "reminders": [{}],
        "tzid": "Mars/Olympus", "location": { "description": 7 } });
    let refused = send(&clinic, &wrong).await;
    let errors = refused.json()["errors"].clone();
    for field in [
        "callback_url",
        "recipients",
        "recipients.email",
        "organizer.name",
        "organizer.email",
        "event.summary",
        "event.end",
        "event.tzid",
        "event.reminders.minutes",
        "event.location.description",
    ] {
        assert!(errors.get(field).is_some(), "{field} in {errors}");
    }
    let mut both = shared();
    both["recipient"] = json!({ "email": "a@b.example" });
    assert_eq!(send(&clinic, &both).await.error_keys("recipients"), ["errors.invalid"]);
    assert_eq!(clinic.post(PATH, &clinic.account("nurse@example.com").await, &invite()).await.status, 401);
}

#[tokio::test]
async fn a_value_cannot_begin_a_line_of_its_own() {
    let clinic = Clinic::open().await;
    let mut body = invite();
    body["event"]["summary"] = "Check-up\r\nATTENDEE:mailto:evil@example.net".into();
    let reply = sent(&clinic, &body).await;
    assert!(!ics(&reply).iter().any(|line| line.starts_with("ATTENDEE:mailto:evil")));
    assert!(text(&reply["attachments"]["icalendar"]).contains("\\nATTENDEE"));
}

fn yes(clinic: &Clinic) -> SmartInviteReply {
    SmartInviteReply {
        client_id: clinic.application.client_id.clone(),
        smart_invite_id: "visit-1".into(),
        email: "Anna+1@example.net".into(),
        status: InviteStatus::Accepted,
        comment: None,
        proposal: None,
    }
}

#[tokio::test]
async fn a_reply_is_told_in_a_signed_post_and_read_back() {
    let clinic = Clinic::open().await;
    let receiver = Receiver::open().await;
    let mut body = invite();
    body["callback_url"] = receiver.at("/invites?from=cronofy").into();
    sent(&clinic, &body).await;
    let proposal = ProposedTimes {
        start: "2026-07-11T09:00:00Z".parse().unwrap(),
        end: "2026-07-11T09:30:00Z".parse().unwrap(),
    };
    let no = SmartInviteReply {
        status: InviteStatus::Declined,
        comment: Some("Another day?".into()),
        proposal: Some(proposal),
        ..yes(&clinic)
    };
    clinic.control().reply_to_smart_invite(&no).unwrap();
    clinic.control().settle().await;
    let post = receiver.only();
    assert_eq!(post.path, "/invites?from=cronofy");
    assert!(post.is_signed_with(&clinic.application.client_secret));
    let told = post.json();
    assert_eq!(told["notification"], json!({ "type": "smart_invite" }));
    let expected = json!({
        "email": "anna+1@example.net", "status": "declined", "comment": "Another day?",
        "proposal": {
            "start": { "time": "2026-07-11T10:00:00+01:00", "tzid": "Europe/London" },
            "end": { "time": "2026-07-11T10:30:00+01:00", "tzid": "Europe/London" },
        },
    });
    let invite = &told["smart_invite"];
    assert_eq!((&invite["reply"], &invite["recipient"]), (&expected, &expected));
    assert_eq!(
        (&invite["smart_invite_id"], &invite["callback_url"]),
        (&json!("visit-1"), &body["callback_url"])
    );

    let known = read(&clinic, "smart_invite_id=visit-1&recipient_email=anna%2B1@example.net").await.json();
    assert_eq!((&known["recipient"], &known["replies"]), (&expected, &json!([expected])));
    assert!(line(&ics(&known), "ATTENDEE").contains("PARTSTAT=DECLINED"));
}

#[tokio::test]
async fn a_move_asks_again_unless_the_settings_say_otherwise() {
    let clinic = Clinic::open().await;
    let mut body = invite();
    body.as_object_mut().unwrap().remove("callback_url");
    sent(&clinic, &body).await;
    clinic.control().reply_to_smart_invite(&yes(&clinic)).unwrap();
    body["event"]["summary"] = "Another title".into();
    assert_eq!(sent(&clinic, &body).await["recipient"]["status"], "accepted", "nothing was moved");
    body["event"]["end"] = "2026-07-10T10:00:00Z".into();
    assert_eq!(sent(&clinic, &body).await["recipient"]["status"], "pending");
    clinic.control().reply_to_smart_invite(&yes(&clinic)).unwrap();
    clinic.control().update_settings(|settings| settings.smart_invite_move_asks_again = false);
    body["event"]["end"] = "2026-07-10T11:00:00Z".into();
    assert_eq!(sent(&clinic, &body).await["recipient"]["status"], "accepted");
    assert!(clinic.control().deliveries().is_empty(), "there is nobody to tell");
}

#[tokio::test]
async fn replies_come_over_http_too_and_from_recipients_only() {
    let clinic = Clinic::open().await;
    sent(&clinic, &shared()).await;
    let reply = json!({ "client_id": clinic.application.client_id, "smart_invite_id": "visit-1",
        "email": "anna+1@example.net", "status": "tentative", "comment": "Perhaps" });
    let path = "/sandbox/smart_invites/reply";
    assert_eq!(clinic.post(path, "", &reply).await.status, 204);
    let known = read(&clinic, "smart_invite_id=visit-1").await.json();
    assert_eq!(
        known["recipients"][0],
        json!({ "email": "anna+1@example.net", "status": "tentative", "comment": "Perhaps" })
    );
    assert_eq!(known["recipients"][1]["status"], "accepted");
    for (field, value, status) in
        [("email", "eve@example.net", 404), ("smart_invite_id", "visit-2", 404), ("status", "pending", 422)]
    {
        let mut wrong = reply.clone();
        wrong[field] = value.into();
        assert_eq!(clinic.post(path, "", &wrong).await.status, status, "{field}");
    }
}
