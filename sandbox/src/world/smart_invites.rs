//! Smart invites: an event, whom it was sent to, what they answered, and the iCalendar text that says so.

use jiff::tz::TimeZone;
use jiff::{Timestamp, ZonedDateTime};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::World;
use super::event_time::{Moment, time_zone, whole_seconds};
use super::store::{Record, StoreError};
use crate::icalendar::{Attendee, Invite, Method, Participation, Person, When};
use crate::settings::RemovedRecipients;

/// An invitation to one recipient, or to several who share it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct SmartInvite {
    pub(crate) id: String,
    pub(crate) client_id: String,
    pub(crate) smart_invite_id: String,
    /// Whether it was addressed with `recipients`; replies then list them, too.
    pub(crate) is_shared: bool,
    pub(crate) recipients: Vec<Recipient>,
    pub(crate) callback_url: Option<String>,
    pub(crate) event: InvitedEvent,
    pub(crate) organizer: InviteOrganizer,
    pub(crate) is_cancelled: bool,
    pub(crate) replies: Vec<InviteReply>,
    /// The same in every message about the event.
    pub(crate) uid: String,
    /// Rises with every message that changes something.
    pub(crate) sequence: u32,
    pub(crate) stamp: Timestamp,
}

/// Somebody who is invited, with the latest that is known of their answer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Recipient {
    pub(crate) email: String,
    pub(crate) status: InviteStatus,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) comment: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) proposal: Option<Value>,
}

/// One answer, as it came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct InviteReply {
    pub(crate) email: String,
    pub(crate) status: InviteStatus,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) comment: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) proposal: Option<Value>,
}

/// What a recipient says to a smart invite.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InviteStatus {
    /// Nothing yet.
    #[default]
    Pending,
    /// Yes.
    Accepted,
    /// Perhaps.
    Tentative,
    /// No.
    Declined,
}

/// What people are invited to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct InvitedEvent {
    pub(crate) start: Moment,
    pub(crate) start_tzid: String,
    pub(crate) end: Moment,
    pub(crate) end_tzid: String,
    /// Everything else, as it was written.
    pub(crate) written: Map<String, Value>,
}

/// Who invites.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct InviteOrganizer {
    pub(crate) name: String,
    pub(crate) email: String,
}

impl Record for SmartInvite {
    const KIND: &'static str = "smart_invite";
    fn id(&self) -> &str {
        &self.id
    }
    fn parent(&self) -> &str {
        &self.client_id
    }
}

impl World {
    /// The invitation of this id that was addressed to one recipient alone, or without one the shared one.
    pub(crate) fn smart_invite(
        &self,
        client_id: &str,
        smart_invite_id: &str,
        recipient_email: Option<&str>,
    ) -> Result<Option<SmartInvite>, StoreError> {
        self.store.get(&record_id(client_id, smart_invite_id, recipient_email))
    }

    /// An invitation that is not stored yet and was not sent to anybody.
    pub(crate) fn new_smart_invite(
        &self,
        client_id: &str,
        smart_invite_id: &str,
        recipient_email: Option<&str>,
        event: InvitedEvent,
        organizer: InviteOrganizer,
    ) -> SmartInvite {
        SmartInvite {
            id: record_id(client_id, smart_invite_id, recipient_email),
            client_id: client_id.into(),
            smart_invite_id: smart_invite_id.into(),
            is_shared: recipient_email.is_none(),
            recipients: Vec::new(),
            callback_url: None,
            event,
            organizer,
            is_cancelled: false,
            replies: Vec::new(),
            uid: format!("{}@invites.sandbox.example", self.ids.hex::<12>()),
            sequence: 0,
            stamp: whole_seconds(self.now()),
        }
    }
}

impl SmartInvite {
    /// The recipient with this address.
    pub(crate) fn recipient_mut(&mut self, email: &str) -> Option<&mut Recipient> {
        self.recipients.iter_mut().find(|recipient| recipient.email.eq_ignore_ascii_case(email))
    }

    /// The invitation as replies show it: `recipient` or `recipients`, and the text to send.
    pub(crate) fn to_json(&self) -> Value {
        let mut json = json!({
            "smart_invite_id": self.smart_invite_id,
            "method": if self.is_cancelled { "cancel" } else { "request" },
            "event": self.event.to_json(),
            "attachments": { "icalendar": self.icalendar() },
        });
        self.address(&mut json);
        json
    }

    /// What a callback says after a recipient has answered.
    pub(crate) fn notification(&self, reply: &InviteReply) -> Value {
        let mut invite = json!({ "smart_invite_id": self.smart_invite_id, "reply": reply });
        self.address(&mut invite);
        json!({ "notification": { "type": "smart_invite" }, "smart_invite": invite })
    }

    /// Adds who was invited and where answers are told.
    fn address(&self, json: &mut Value) {
        if let Some(url) = &self.callback_url {
            json["callback_url"] = url.clone().into();
        }
        match self.recipients.as_slice() {
            [only] if !self.is_shared => json["recipient"] = json!(only),
            all => json["recipients"] = json!(all),
        }
    }

    /// The message to everybody who is invited.
    pub(crate) fn icalendar(&self) -> String {
        let method = if self.is_cancelled { Method::Cancel } else { Method::Request };
        self.message(method, &self.recipients)
    }

    /// The messages to those who are no longer invited, in the form that the settings choose.
    pub(crate) fn removed(&self, recipients: &[Recipient], form: RemovedRecipients) -> Option<Value> {
        let messages = recipients.iter().map(|recipient| {
            let text = self.message(Method::Cancel, std::slice::from_ref(recipient));
            json!({ "email": recipient.email, "icalendar": text })
        });
        let mut messages: Vec<Value> = messages.collect();
        match form {
            _ if messages.is_empty() => None,
            RemovedRecipients::Object => Some(messages.swap_remove(0)),
            RemovedRecipients::List => Some(messages.into()),
        }
    }

    fn message(&self, method: Method, recipients: &[Recipient]) -> String {
        let event = &self.event;
        let attendees = recipients.iter().map(|recipient| Attendee {
            person: Person { email: recipient.email.clone(), name: None },
            participation: recipient.status.participation(),
        });
        let reminders = event.written.get("reminders").and_then(Value::as_array).into_iter().flatten();
        Invite {
            method,
            uid: self.uid.clone(),
            sequence: self.sequence,
            stamp: self.stamp,
            when: event.when(),
            summary: event.text("summary").unwrap_or_default(),
            description: event.text("description"),
            location: event.written.get("location").and_then(|location| text(&location["description"])),
            url: event.text("url"),
            organizer: Person {
                email: self.organizer.email.clone(),
                name: Some(self.organizer.name.clone()),
            },
            attendees: attendees.collect(),
            reminders: reminders.filter_map(|reminder| minutes(&reminder["minutes"])).collect(),
            transparent: event
                .text("transparency")
                .map_or(event.start.is_date(), |word| word == "transparent"),
            private: event.written.get("event_private") == Some(&Value::Bool(true)),
        }
        .to_ics()
    }
}

impl InvitedEvent {
    /// As it was written, with the times always as objects.
    fn to_json(&self) -> Value {
        let time = |moment: Moment, tzid: &str| json!({ "time": moment.to_string(), "tzid": tzid });
        let mut json = self.written.clone();
        json.insert("start".into(), time(self.start, &self.start_tzid));
        json.insert("end".into(), time(self.end, &self.end_tzid));
        Value::Object(json)
    }

    fn when(&self) -> When {
        match (self.start, self.end) {
            (Moment::Date(start), Moment::Date(end)) => When::AllDay { start, end },
            (start, end) => {
                When::Timed { start: zoned(start, &self.start_tzid), end: zoned(end, &self.end_tzid) }
            }
        }
    }

    fn text(&self, name: &str) -> Option<String> {
        self.written.get(name).and_then(text)
    }
}

impl InviteStatus {
    fn participation(self) -> Participation {
        match self {
            Self::Pending => Participation::NeedsAction,
            Self::Accepted => Participation::Accepted,
            Self::Tentative => Participation::Tentative,
            Self::Declined => Participation::Declined,
        }
    }
}

/// The times that somebody proposes instead, as callbacks show them: with the zone's offset.
pub(crate) fn proposal(event: &InvitedEvent, start: Timestamp, end: Timestamp) -> Value {
    let time = |time: Timestamp| Moment::Time(whole_seconds(time)).to_json(true, Some(&event.start_tzid));
    json!({ "start": time(start), "end": time(end) })
}

fn zoned(moment: Moment, tzid: &str) -> ZonedDateTime {
    let zone = time_zone(tzid).unwrap_or(TimeZone::UTC);
    moment.instant(&zone).to_zoned_datetime(zone)
}

/// A whole number, or in what a form wrote its digits.
fn minutes(value: &Value) -> Option<u32> {
    match value {
        Value::String(digits) => digits.parse().ok(),
        number => u32::try_from(number.as_u64()?).ok(),
    }
}

fn text(value: &Value) -> Option<String> {
    value.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

/// Addresses are told apart without regard to case; no id or address contains a line break.
fn record_id(client_id: &str, smart_invite_id: &str, recipient_email: Option<&str>) -> String {
    format!("{client_id}\n{smart_invite_id}\n{}", recipient_email.unwrap_or_default().to_lowercase())
}
