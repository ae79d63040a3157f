//! `POST /v1/calendars/{calendar_id}/events`: an application's own event is created or updated by `event_id`, an event
//! that was there anyway is edited by `event_uid`.

use axum::Json;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use serde_json::{Map, Value, json};

use super::{Options, conferencing, extras};
use crate::auth::{Acting, Scope};
use crate::call::Call;
use crate::errors::{ApiError, ApiResult, accepted};
use crate::params::Params;
use crate::routes::calendars::color;
use crate::routes::userinfo::userinfo;
use crate::world::World;
use crate::world::calendars::Calendar;
use crate::world::event_time::EventTime;
use crate::world::events::{Attendee, Event, Location, Managed, Organizer, default_transparency};

const STATUSES: [&str; 2] = ["opaque", "transparent"];
const EXTENDED: [&str; 6] =
    ["opaque", "transparent", "working_elsewhere", "tentative", "out_of_office", "unknown"];
const FREQUENCIES: [&str; 4] = ["daily", "weekly", "monthly", "yearly"];

/// What is kept as it was written, for the areas that act on it.
const KEPT: [&str; 8] = [
    "attachments",
    "event_classes",
    "locale",
    "meeting_agent",
    "reminders_create_only",
    "subscriptions",
    "tags",
    "tzid",
];

pub(super) fn write(world: &World, call: &Call) -> ApiResult {
    let acting = call.account(world, Scope::CreateEvent)?;
    let calendar = world.writable_calendar_of(&acting.account.sub, call.path("calendar_id"))?;
    let mut params = call.params()?;
    let include_userinfo = params.boolean("include_userinfo").unwrap_or(false);
    let (event, is_new) = match (params.value("event_id").is_some(), params.value("event_uid").is_some()) {
        (true, true) => {
            return Err(ApiError::field("event_uid", "invalid", "event_id and event_uid exclude each other"));
        }
        (false, true) => (external(world, &acting, &calendar, &mut params)?, false),
        _ => managed(world, &acting, &calendar, &mut params)?,
    };
    let event = changed(world, &acting, &calendar, &mut params, event, is_new)?;
    params.finish()?;
    extras::save(world, &acting, &calendar, event)?;
    answer(world, call, &acting, include_userinfo)
}

/// Writes an application's own event for somebody else than the API's caller, such as a person who picked a time on a
/// page. `body` is that of the call.
pub(in crate::routes) fn upsert(
    world: &World,
    acting: &Acting,
    calendar: &Calendar,
    body: &Value,
) -> ApiResult<Event> {
    let event = judge(world, acting, calendar, body)?;
    extras::save(world, acting, calendar, event)
}

/// The event that [`upsert`] would write, or what is wrong with the body.
pub(in crate::routes) fn judge(
    world: &World,
    acting: &Acting,
    calendar: &Calendar,
    body: &Value,
) -> ApiResult<Event> {
    let mut params = Params::new(body);
    let (event, is_new) = managed(world, acting, calendar, &mut params)?;
    let event = changed(world, acting, calendar, &mut params, event, is_new)?;
    params.finish()?;
    Ok(event)
}

/// 202, with the account where `include_userinfo` asks for it.
pub(super) fn answer(world: &World, call: &Call, acting: &Acting, include_userinfo: bool) -> ApiResult {
    if !include_userinfo {
        return Ok(accepted());
    }
    let userinfo = userinfo(world, call, acting)?;
    Ok((StatusCode::ACCEPTED, Json(json!({ "userinfo": userinfo }))).into_response())
}

/// The application's event of this id, or a new one; and whether it is new.
fn managed(
    world: &World,
    acting: &Acting,
    calendar: &Calendar,
    params: &mut Params<'_>,
) -> ApiResult<(Event, bool)> {
    let event_id = params.required_text("event_id", 1024).unwrap_or_default();
    if let Some(event) = world.managed_event(&acting.client_id, &calendar.calendar_id, &event_id)? {
        let is_new = event.deleted;
        return Ok((Event { deleted: false, ..event }, is_new));
    }
    let now = world.now();
    // Replaced when the times are read; without them the call is refused.
    let anytime = crate::world::event_time::Moment::Time(now);
    let event = Event::new(world.ids.id("evt_"), &calendar.calendar_id, anytime, anytime, now);
    Ok((Event { managed: Some(Managed { client_id: acting.client_id.clone(), event_id }), ..event }, true))
}

/// An event that was not written by the application, which may be edited but not created.
fn external(
    world: &World,
    acting: &Acting,
    calendar: &Calendar,
    params: &mut Params<'_>,
) -> ApiResult<Event> {
    let event = external_event(world, acting, calendar, params)?;
    if event.deleted {
        return Err(ApiError::NotFound);
    }
    if !Options::of(world, &acting.client_id, calendar, &event)?.update {
        return Err(ApiError::Forbidden);
    }
    Ok(event)
}

/// Finds the external event that `event_uid` names; 422 where it names none.
pub(super) fn external_event(
    world: &World,
    acting: &Acting,
    calendar: &Calendar,
    params: &mut Params<'_>,
) -> ApiResult<Event> {
    let uid = params.required_text("event_uid", 1024).unwrap_or_default();
    let event = world.store.get::<Event>(&uid)?;
    event
        .filter(|event| event.calendar_id == calendar.calendar_id && !event.is_managed_by(&acting.client_id))
        .ok_or_else(|| {
            ApiError::field(
                "event_uid",
                "must_be_external_event_uid",
                "event_uid must be that of an external event",
            )
        })
}

/// The event with what the body says of it. What an update leaves out stays.
fn changed(
    world: &World,
    acting: &Acting,
    calendar: &Calendar,
    params: &mut Params<'_>,
    mut event: Event,
    is_new: bool,
) -> ApiResult<Event> {
    if is_new || params.has("summary") {
        event.summary = params.required_text("summary", 1024).unwrap_or_default();
    }
    if let Some(description) = params.text("description", 4096) {
        event.description = description;
    }
    times(params, &mut event, is_new);
    location(params, &mut event);
    attendees(acting, params, &mut event);
    if let Some(transparency) = params.choice("transparency", &STATUSES) {
        event.transparency = transparency;
    } else if is_new {
        event.transparency = default_transparency(event.start).into();
    }
    if let Some(extended) = params.choice("extended_transparency", &EXTENDED) {
        let opaque = !matches!(extended.as_str(), "transparent" | "working_elsewhere");
        event.transparency = if opaque { "opaque" } else { "transparent" }.into();
        event.extended_transparency = Some(extended);
    } else if params.has("transparency") {
        event.extended_transparency = None;
    }
    if let Some(private) = params.boolean("event_private") {
        event.event_private = private;
    }
    if let Some(color) = color(params) {
        event.written.insert("color".into(), color.into());
    }
    url(params, &mut event.written);
    reminders(params, &mut event.written);
    recurrence(params, &mut event);
    conferencing::apply(world, acting, calendar, params, &mut event.written)?;
    extras::judge(world, acting, calendar, params)?;
    for name in KEPT {
        if let Some(value) = params.value(name) {
            event.written.insert(name.into(), value.clone());
        }
    }
    event.updated = world.now();
    Ok(event)
}

fn times(params: &mut Params<'_>, event: &mut Event, is_new: bool) {
    for name in ["start", "end"] {
        if params.value(name).is_none() && (is_new || params.has(name)) {
            params.wrong(name, "required", "must be specified");
        }
    }
    let tzid = params.time_zone("tzid");
    let (start, end) = (params.event_time("start"), params.event_time("end"));
    let moments = (
        start.as_ref().map_or(event.start, |start| start.moment),
        end.as_ref().map_or(event.end, |end| end.moment),
    );
    let judged = if is_new { start.is_some() && end.is_some() } else { start.is_some() || end.is_some() };
    if judged {
        if moments.0.is_date() != moments.1.is_date() {
            params.wrong("end", "invalid", "must be a date when start is one, and a time when start is one");
        } else if moments.0.instant(&jiff::tz::TimeZone::UTC) > moments.1.instant(&jiff::tz::TimeZone::UTC) {
            params.wrong("end", "invalid", "must not be before start");
        } else if is_new {
            (event.start, event.end) = moments;
            event.moved_from.clear();
        } else {
            event.move_to(moments.0, moments.1);
        }
    }
    let zone = |time: Option<EventTime>, known: &mut Option<String>| {
        if let Some(time) = time {
            *known = time.tzid.or_else(|| tzid.clone());
        } else if tzid.is_some() {
            known.clone_from(&tzid);
        }
    };
    zone(start, &mut event.start_tzid);
    zone(end, &mut event.end_tzid);
}

fn location(params: &mut Params<'_>, event: &mut Event) {
    if params.has("location") && params.value("location").is_none() {
        event.location = None;
    }
    let Some(value) = params.object("location") else { return };
    let mut inner = Params::within(value, "location");
    event.location = Some(Location {
        description: inner.text("description", 1024),
        lat: inner.text("lat", 50),
        long: inner.text("long", 50),
    });
    params.absorb(inner);
}

/// Takes the lists of whom to invite and whom to remove: a change, not the whole.
fn attendees(acting: &Acting, params: &mut Params<'_>, event: &mut Event) {
    let Some(value) = params.object("attendees") else { return };
    let mut inner = Params::within(value, "attendees");
    let invited = people(&mut inner, "invite");
    let removed = people(&mut inner, "remove");
    if !invited.is_empty() && acting.account.application_calendar.is_some() {
        inner.wrong("invite", "invalid", "is not possible from an application calendar");
    }
    params.absorb(inner);
    let same = |one: &str, other: &str| one.eq_ignore_ascii_case(other);
    event.attendees.retain(|known| !removed.iter().any(|(email, _)| same(email, &known.email)));
    for (email, display_name) in invited {
        match event.attendees.iter_mut().find(|known| same(&email, &known.email)) {
            Some(known) => known.display_name = display_name.or(known.display_name.take()),
            None => event.attendees.push(Attendee { email, display_name, status: "needs_action".into() }),
        }
    }
    if !event.attendees.is_empty() && event.organizer.is_none() {
        event.organizer = Some(Organizer {
            email: acting.account.email.clone(),
            display_name: Some(acting.account.name.clone()),
        });
    }
}

fn people(params: &mut Params<'_>, list: &str) -> Vec<(String, Option<String>)> {
    let mut people = Vec::new();
    for person in params.list(list, usize::MAX).unwrap_or_default() {
        let mut inner = Params::within(person, &format!("attendees.{list}"));
        if let Some(email) = inner.required_text("email", 320) {
            people.push((email, inner.text("display_name", 1024)));
        }
        params.absorb(inner);
    }
    people
}

/// Absent keeps the address, null removes it.
fn url(params: &mut Params<'_>, written: &mut Map<String, Value>) {
    if params.has("url") {
        match params.text("url", 4096) {
            Some(url) => written.insert("url".into(), url.into()),
            None => written.remove("url"),
        };
    }
}

/// Up to five, in the order of their importance; an empty list means none at all.
fn reminders(params: &mut Params<'_>, written: &mut Map<String, Value>) {
    let Some(reminders) = params.list("reminders", 5) else { return };
    for reminder in reminders {
        let mut inner = Params::within(reminder, "reminders");
        if inner.integer("minutes", 0..=i64::from(i32::MAX)).is_none() && inner.value("minutes").is_none() {
            inner.wrong("minutes", "required", "must be specified");
        }
        params.absorb(inner);
    }
    written.insert("reminders".into(), reminders.into());
}

/// Absent keeps the rules, an empty list removes them.
fn recurrence(params: &mut Params<'_>, event: &mut Event) {
    let Some(value) = params.object("recurrence") else { return };
    let mut inner = Params::within(value, "recurrence");
    let rules = inner.list("rules", 1).unwrap_or_default();
    for rule in rules {
        let mut each = Params::within(rule, "recurrence.rules");
        if each.value("frequency").is_none() {
            each.wrong("frequency", "required", "must be specified");
        }
        each.choice("frequency", &FREQUENCIES);
        each.integer("interval", 1..=i64::from(i32::MAX));
        inner.absorb(each);
    }
    event.recurring = !rules.is_empty();
    event.written.insert("recurrence".into(), value.clone());
    params.absorb(inner);
}
