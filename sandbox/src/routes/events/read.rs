//! `GET /v1/events` and its pages.

use serde_json::{Map, Value, json};

use super::Options;
use super::select::{Selected, Selection};
use crate::auth::{Acting, Scope};
use crate::call::Call;
use crate::errors::{ApiError, ApiResult};
use crate::paging::Listing;
use crate::world::World;
use crate::world::event_time::whole_seconds;
use crate::world::events::{Event, Location};

const PATH: &str = "/v1/events";

pub(super) fn list(world: &World, call: &Call) -> ApiResult {
    let mut params = call.query();
    let selection = Selection::read(&mut params);
    let include_geo = params.boolean("include_geo").unwrap_or(false);
    let google_event_ids = params.boolean("google_event_ids").unwrap_or(false);
    // What an application wrote itself it may read without a scope for reading.
    let scope = if selection.only_managed { Scope::Any } else { Scope::ReadEvents };
    let acting = call.account(world, scope)?;
    params.finish()?;
    if include_geo && !world.settings().geo_plan {
        return Err(ApiError::PaymentRequired);
    }
    let mut events = Vec::new();
    for selected in selection.events(world, &acting)? {
        let mut json = event_json(world, &acting, &selected, selection.localized_times, include_geo)?;
        if google_event_ids && selected.profile.provider_name == "google" {
            let id = selected.event.event_uid.trim_start_matches("evt_external_").trim_start_matches("evt_");
            json.insert("google_event_id".into(), id.into());
        }
        events.push(Value::Object(json));
    }
    listing(&acting).first_page(world, call, events)
}

/// A page needs no scope of its own: its address was given to whoever may read it.
pub(super) fn page(world: &World, call: &Call) -> ApiResult {
    listing(&call.account(world, Scope::Any)?).page(world, call)
}

fn listing(acting: &Acting) -> Listing<'_> {
    Listing { client_id: &acting.client_id, owner: &acting.account.sub, path: PATH, name: "events" }
}

/// An event as an application reads it.
pub(super) fn event_json(
    world: &World,
    acting: &Acting,
    selected: &Selected,
    localized: bool,
    geo: bool,
) -> ApiResult<Map<String, Value>> {
    let Selected { calendar, event, .. } = selected;
    let options = Options::of(world, &acting.client_id, calendar, event)?;
    let mut json = Map::new();
    let mut set = |name: &str, value: Value| json.insert(name.into(), value);
    set("calendar_id", calendar.calendar_id.clone().into());
    set("event_uid", event.event_uid.clone().into());
    if let Some(managed) = event.managed.as_ref().filter(|managed| managed.client_id == acting.client_id) {
        set("event_id", managed.event_id.clone().into());
    }
    set("summary", event.summary.clone().into());
    set("description", filled_in(event, &event.description).into());
    set("start", event.start.to_json(localized, event.start_tzid.as_deref()));
    set("end", event.end.to_json(localized, event.end_tzid.as_deref()));
    set("deleted", event.deleted.into());
    set("created", whole_seconds(event.created).to_string().into());
    set("updated", whole_seconds(event.updated).to_string().into());
    if let Some(location) = &event.location {
        set("location", location_json(event, location, geo));
    }
    set("participation_status", event.participation_status.clone().into());
    set("attendees", json!(event.attendees));
    if let Some(organizer) = &event.organizer {
        set("organizer", json!(organizer));
    }
    set("transparency", event.transparency.clone().into());
    set(
        "extended_transparency",
        event.extended_transparency.as_ref().unwrap_or(&event.transparency).clone().into(),
    );
    set("status", event.status.clone().into());
    set("categories", json!(event.categories));
    set("recurring", event.recurring.into());
    if event.recurring {
        set("series_identifier", event.event_uid.clone().into());
    }
    set("event_private", event.event_private.into());
    set(
        "options",
        json!({
            "delete": options.delete,
            "update": options.update,
            "change_participation_status": options.change_participation_status,
        }),
    );
    if let Some(meeting) = event.written.get("meeting") {
        set("meeting_url", meeting.get("join_url").cloned().unwrap_or_default());
        set("conferencing", meeting.clone());
    }
    Ok(json)
}

fn location_json(event: &Event, location: &Location, geo: bool) -> Value {
    let mut json = Map::new();
    if let Some(description) = &location.description {
        json.insert("description".into(), filled_in(event, description).into());
    }
    for (name, value) in [("lat", &location.lat), ("long", &location.long)] {
        if let Some(value) = value.as_ref().filter(|_| geo) {
            json.insert(name.into(), value.clone().into());
        }
    }
    Value::Object(json)
}

/// Puts the conference's address where the text has a place for it.
fn filled_in(event: &Event, text: &str) -> String {
    let url =
        event.written.get("meeting").and_then(|meeting| meeting.get("join_url")).and_then(Value::as_str);
    let Some(url) = url else { return text.to_owned() };
    text.replace("{{ cronofy.conferencing.join_url }}", url)
        .replace("{{ cronofy.conferencing.invite_block }}", &format!("Join the meeting: {url}"))
}
