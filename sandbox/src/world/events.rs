//! Events: those that applications wrote (managed) and those that were in a calendar anyway (external).

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::World;
use super::event_time::{Moment, Window};
use super::store::{Record, StoreError};

/// One event in one calendar.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Event {
    pub(crate) event_uid: String,
    pub(crate) calendar_id: String,
    /// The application that wrote the event, and its own id for it; none for external events.
    pub(crate) managed: Option<Managed>,
    pub(crate) summary: String,
    pub(crate) description: String,
    pub(crate) start: Moment,
    pub(crate) start_tzid: Option<String>,
    pub(crate) end: Moment,
    pub(crate) end_tzid: Option<String>,
    /// Where the event used to be, oldest first.
    pub(crate) moved_from: Vec<(Moment, Moment)>,
    pub(crate) location: Option<Location>,
    pub(crate) attendees: Vec<Attendee>,
    pub(crate) organizer: Option<Organizer>,
    pub(crate) participation_status: String,
    pub(crate) transparency: String,
    pub(crate) extended_transparency: Option<String>,
    pub(crate) status: String,
    pub(crate) categories: Vec<String>,
    pub(crate) recurring: bool,
    pub(crate) event_private: bool,
    pub(crate) deleted: bool,
    pub(crate) created: Timestamp,
    pub(crate) updated: Timestamp,
    /// What was written and is kept, but takes no part in reads: reminders, color, url, subscriptions and the like.
    pub(crate) written: Map<String, Value>,
}

/// Who wrote an event, under which id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Managed {
    pub(crate) client_id: String,
    pub(crate) event_id: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Location {
    pub(crate) description: Option<String>,
    pub(crate) lat: Option<String>,
    pub(crate) long: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Attendee {
    pub(crate) email: String,
    pub(crate) display_name: Option<String>,
    pub(crate) status: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Organizer {
    pub(crate) email: String,
    pub(crate) display_name: Option<String>,
}

impl Record for Event {
    const KIND: &'static str = "event";
    fn id(&self) -> &str {
        &self.event_uid
    }
    fn parent(&self) -> &str {
        &self.calendar_id
    }
    fn key(&self) -> Option<String> {
        let managed = self.managed.as_ref()?;
        Some(managed_key(&managed.client_id, &self.calendar_id, &managed.event_id))
    }
}

impl Event {
    /// An event nobody is invited to, written by nobody.
    pub(crate) fn new(
        event_uid: String,
        calendar_id: &str,
        start: Moment,
        end: Moment,
        now: Timestamp,
    ) -> Self {
        Self {
            event_uid,
            calendar_id: calendar_id.into(),
            managed: None,
            summary: String::new(),
            description: String::new(),
            start,
            start_tzid: None,
            end,
            end_tzid: None,
            moved_from: Vec::new(),
            location: None,
            attendees: Vec::new(),
            organizer: None,
            participation_status: "accepted".into(),
            transparency: default_transparency(start).into(),
            extended_transparency: None,
            status: "confirmed".into(),
            categories: Vec::new(),
            recurring: false,
            event_private: false,
            deleted: false,
            created: now,
            updated: now,
            written: Map::new(),
        }
    }

    pub(crate) fn is_managed_by(&self, client_id: &str) -> bool {
        self.managed.as_ref().is_some_and(|managed| managed.client_id == client_id)
    }

    /// Whether the event is in the window, or with `moved` ever was.
    pub(crate) fn is_within(&self, window: &Window, zone: &TimeZone, moved: bool) -> bool {
        let holds = |start: Moment, end: Moment| window.holds(start.instant(zone), end.instant(zone));
        holds(self.start, self.end)
            || (moved && self.moved_from.iter().any(|(start, end)| holds(*start, *end)))
    }

    /// Moves the event and remembers where it was.
    pub(crate) fn move_to(&mut self, start: Moment, end: Moment) {
        if (self.start, self.end) != (start, end) {
            self.moved_from.push((self.start, self.end));
            (self.start, self.end) = (start, end);
        }
    }

    /// How the event stands in free/busy.
    pub(crate) fn free_busy_status(&self) -> &'static str {
        if self.transparency == "transparent" {
            "free"
        } else if self.status == "tentative" || self.participation_status == "tentative" {
            "tentative"
        } else {
            "busy"
        }
    }
}

/// Whole days leave a person free, hours do not.
pub(crate) fn default_transparency(start: Moment) -> &'static str {
    if start.is_date() { "transparent" } else { "opaque" }
}

impl World {
    pub(crate) fn managed_event(
        &self,
        client_id: &str,
        calendar_id: &str,
        event_id: &str,
    ) -> Result<Option<Event>, StoreError> {
        self.store.find(&managed_key(client_id, calendar_id, event_id))
    }

    pub(crate) fn events_in(&self, calendar_id: &str) -> Result<Vec<Event>, StoreError> {
        self.store.list(calendar_id)
    }

    /// Stores an event and tells those who listen for changes by others than `by`, the application that wrote it.
    pub(crate) fn save_event(&self, event: &Event, by: Option<&str>) -> Result<(), StoreError> {
        self.store.put(event)?;
        self.event_changed(event, by)
    }

    /// Marks an event deleted, and tells those who listen; reads with `include_deleted` still show it.
    pub(crate) fn delete_event(&self, event: Event, by: Option<&str>) -> Result<(), StoreError> {
        if event.deleted {
            return Ok(());
        }
        self.save_event(&Event { deleted: true, updated: self.now(), ..event }, by)
    }
}

fn managed_key(client_id: &str, calendar_id: &str, event_id: &str) -> String {
    format!("{client_id}\n{calendar_id}\n{event_id}")
}
