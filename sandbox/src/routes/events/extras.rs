//! What comes with an event besides its own facts: attachments, the meeting agent, and the subscriptions of whoever
//! wrote it. <https://docs.cronofy.com/developers/api/event-triggers/>

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::read::event_json;
use super::select::Selected;
use crate::auth::Acting;
use crate::errors::ApiResult;
use crate::params::Params;
use crate::routes::subscriptions::{self, Subscription};
use crate::world::World;
use crate::world::accounts::Profile;
use crate::world::attachments::Attachment;
use crate::world::calendars::Calendar;
use crate::world::event_time::time_zone;
use crate::world::events::Event;

/// Where an event keeps the conference that its subscribers were told of.
const TOLD: &str = "meeting_told";

/// Says what is wrong with attachments, meeting agent and subscriptions.
pub(super) fn judge(
    world: &World,
    acting: &Acting,
    calendar: &Calendar,
    params: &mut Params<'_>,
) -> ApiResult<()> {
    let attachments = params.list("attachments", 100).unwrap_or_default();
    if !attachments.is_empty() && !calendar.attachments_available {
        params.wrong("attachments", "invalid", "are not available in this calendar");
    }
    for value in attachments {
        let mut inner = Params::within(value, "attachments");
        if let Some(id) = inner.required_text("attachment_id", 200) {
            let known = world.store.get::<Attachment>(&id)?;
            if known.is_none_or(|known| known.client_id != acting.client_id) {
                inner.wrong("attachment_id", "invalid", "must be one of the application's attachments");
            }
        }
        params.absorb(inner);
    }
    if let Some(value) = params.object("meeting_agent") {
        let mut inner = Params::within(value, "meeting_agent");
        if inner.value("profile_id").is_none() {
            inner.wrong("profile_id", "required", "must be specified");
        }
        inner.choice("profile_id", &["cronofy", "none"]);
        inner.text("display_name", 1024);
        params.absorb(inner);
    }
    subscriptions::read(params, &subscriptions::EVENT);
    Ok(())
}

/// Stores an event that the application wrote, tells whoever listens, and waits for the moments it subscribed to.
pub(super) fn save(
    world: &World,
    acting: &Acting,
    calendar: &Calendar,
    mut event: Event,
) -> ApiResult<Event> {
    let subscribed = subscribed(&event);
    let meeting = event.written.get("meeting").cloned();
    let is_assigned = meeting.is_some() && event.written.get(TOLD) != meeting.as_ref();
    if let Some(meeting) = meeting.filter(|_| is_assigned) {
        event.written.insert(TOLD.into(), meeting);
    }
    world.save_event(&event, Some(&acting.client_id))?;
    if subscribed.is_empty() {
        subscriptions::disarm(world, &key(&event))?;
        return Ok(event);
    }
    let about = about(world, acting, calendar, &event)?;
    if is_assigned {
        subscriptions::interact(world, &acting.client_id, &subscribed, "conferencing_assigned", &about)?;
    }
    subscriptions::arm(world, &acting.client_id, &subscribed, times(&event), &about, &key(&event))?;
    Ok(event)
}

/// Deletes an event for the application; its moments pass unnoticed.
pub(super) fn delete(world: &World, acting: &Acting, event: Event) -> ApiResult<()> {
    subscriptions::disarm(world, &key(&event))?;
    Ok(world.delete_event(event, Some(&acting.client_id))?)
}

/// The subscriptions as they were written; they were judged then.
fn subscribed(event: &Event) -> Vec<Subscription> {
    let written = json!({ "subscriptions": event.written.get("subscriptions") });
    subscriptions::read(&mut Params::new(&written), &subscriptions::EVENT)
}

fn about(world: &World, acting: &Acting, calendar: &Calendar, event: &Event) -> ApiResult<Value> {
    let Some(profile) = world.store.get::<Profile>(&calendar.profile_id)? else { return Ok(json!({})) };
    let selected = Selected { profile, calendar: calendar.clone(), event: event.clone() };
    Ok(json!({ "event": event_json(world, acting, &selected, false, false)? }))
}

fn times(event: &Event) -> (Timestamp, Timestamp) {
    let zone = |tzid: &Option<String>| tzid.as_deref().and_then(time_zone).unwrap_or(TimeZone::UTC);
    (event.start.instant(&zone(&event.start_tzid)), event.end.instant(&zone(&event.end_tzid)))
}

fn key(event: &Event) -> String {
    format!("event/{}", event.event_uid)
}
