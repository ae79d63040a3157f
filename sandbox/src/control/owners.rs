//! What people do in their own calendars, and what happens to their accounts, as channels hear of it.

use axum::extract::{Path, State as FromState};
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Control;
use super::http::{Fields, Reply, created, done};
use crate::errors::SandboxError;
use crate::world::World;
use crate::world::accounts::Account;
use crate::world::calendars::Calendar;
use crate::world::event_time::{EventTime, Moment};
use crate::world::events::{Event, default_transparency};

/// An event as the owner of a calendar writes it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OwnEvent {
    /// The event to change; none makes a new one.
    pub event_uid: Option<String>,
    /// What it is called.
    pub summary: Option<String>,
    /// What it is about.
    pub description: Option<String>,
    /// When it starts: a date, a time or `{time, tzid}`.
    pub start: Option<Value>,
    /// When it ends.
    pub end: Option<Value>,
    /// `opaque` or `transparent`.
    pub transparency: Option<String>,
}

/// The notifications that tell of an account as a whole.
const KINDS: [&str; 4] = [
    "profile_disconnected",
    "conferencing_profile_disconnected",
    "profile_initial_sync_completed",
    "gdpr_requested",
];

/// Owners.
impl Control {
    /// Writes an event as the owner of the calendar does, in whatever program. Returns its `event_uid`; channels are
    /// told.
    pub fn write_own_event(&self, calendar_id: &str, written: &OwnEvent) -> Result<String, SandboxError> {
        self.attempt(|world| {
            let calendar = known_calendar(world, calendar_id)?;
            let mut event = match &written.event_uid {
                Some(uid) => known_event(world, &calendar, uid)?,
                None => new_event(world, &calendar, written)?,
            };
            let start = moment(written.start.as_ref(), "start")?;
            let end = moment(written.end.as_ref(), "end")?;
            let times = (start.unwrap_or(event.start), end.unwrap_or(event.end));
            let is_ordered = times.0.instant(&TimeZone::UTC) <= times.1.instant(&TimeZone::UTC);
            if times.0.is_date() != times.1.is_date() || !is_ordered {
                return refuse("end must be of the kind of start and not before it");
            }
            event.move_to(times.0, times.1);
            event.summary = written.summary.clone().unwrap_or(event.summary);
            event.description = written.description.clone().unwrap_or(event.description);
            match written.transparency.as_deref() {
                None => {}
                Some(word @ ("opaque" | "transparent")) => event.transparency = word.into(),
                Some(_) => return refuse("transparency must be opaque or transparent"),
            }
            event.updated = world.now();
            event.deleted = false;
            world.save_event(&event, None)?;
            Ok(event.event_uid)
        })
    }

    /// Deletes an event as the owner of the calendar does. Channels are told.
    pub fn delete_own_event(&self, calendar_id: &str, event_uid: &str) -> Result<(), SandboxError> {
        self.attempt(|world| {
            let calendar = known_calendar(world, calendar_id)?;
            let event = known_event(world, &calendar, event_uid)?;
            Ok(world.delete_event(event, None)?)
        })
    }

    /// Sends every channel of an account a notification of this type, such as `profile_initial_sync_completed`.
    pub fn notify_account(&self, sub: &str, kind: &str) -> Result<(), SandboxError> {
        self.attempt(|world| {
            if world.store.get::<Account>(sub)?.is_none() {
                return Err(SandboxError::Unknown { what: "account", name: sub.into() });
            }
            if !KINDS.contains(&kind) {
                return refuse(&format!("type must be one of {}", KINDS.join(", ")));
            }
            Ok(world.account_changed(sub, kind)?)
        })
    }
}

pub(super) async fn write_event(
    FromState(control): FromState<Control>,
    Path(calendar_id): Path<String>,
    Fields(event): Fields<OwnEvent>,
) -> Reply {
    Ok(created(json!({ "event_uid": control.write_own_event(&calendar_id, &event)? })))
}

pub(super) async fn delete_event(
    FromState(control): FromState<Control>,
    Path((calendar_id, event_uid)): Path<(String, String)>,
) -> Reply {
    control.delete_own_event(&calendar_id, &event_uid)?;
    Ok(done())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Notice {
    r#type: String,
}

pub(super) async fn notify(
    FromState(control): FromState<Control>,
    Path(sub): Path<String>,
    Fields(notice): Fields<Notice>,
) -> Reply {
    control.notify_account(&sub, &notice.r#type)?;
    Ok(done())
}

fn new_event(world: &World, calendar: &Calendar, written: &OwnEvent) -> Result<Event, SandboxError> {
    let (Some(start), Some(end)) =
        (moment(written.start.as_ref(), "start")?, moment(written.end.as_ref(), "end")?)
    else {
        return refuse("start and end must be specified");
    };
    let uid = world.ids.id("evt_external_");
    let event = Event::new(uid, &calendar.calendar_id, start, end, world.now());
    Ok(Event { transparency: default_transparency(start).into(), ..event })
}

fn moment(value: Option<&Value>, name: &str) -> Result<Option<Moment>, SandboxError> {
    let Some(value) = value else { return Ok(None) };
    match EventTime::read(value) {
        Ok(time) => Ok(Some(time.moment)),
        Err(error) => refuse(&format!("{name} {}", error.describe().1)),
    }
}

fn refuse<T>(why: &str) -> Result<T, SandboxError> {
    Err(SandboxError::Refused(why.to_owned()))
}

fn known_calendar(world: &World, calendar_id: &str) -> Result<Calendar, SandboxError> {
    let calendar = world.store.get::<Calendar>(calendar_id)?;
    calendar.ok_or_else(|| SandboxError::Unknown { what: "calendar", name: calendar_id.into() })
}

fn known_event(world: &World, calendar: &Calendar, event_uid: &str) -> Result<Event, SandboxError> {
    let event = world.store.get::<Event>(event_uid)?;
    event
        .filter(|event| event.calendar_id == calendar.calendar_id)
        .ok_or_else(|| SandboxError::Unknown { what: "event", name: event_uid.into() })
}
