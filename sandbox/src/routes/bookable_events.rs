//! Bookable events: made, read with their registrations in pages, registered for.
//! <https://docs.cronofy.com/developers/api/scheduling/bookable-events/>

use axum::Json;
use axum::Router;
use axum::response::IntoResponse;
use axum::routing::{delete, get, post};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::call::{Call, operation};
use crate::errors::{ApiError, ApiResult, accepted};
use crate::paging::Listing;
use crate::params::Params;
use crate::server::State;
use crate::settings::{MissingDeletes, RepeatedCreate};
use crate::world::World;
use crate::world::applications::Application;
use crate::world::bookable_events::{BookableEvent, Registration};
use crate::world::event_time::Moment;

const PATH: &str = "/v1/bookable_events";
const STATUSES: [&str; 5] = ["pending", "accepted", "tentative", "declined", "removed"];

/// The longest id that is taken; Cronofy documents only the letters.
const ID_LIMIT: usize = 256;

pub(super) fn router() -> Router<State> {
    let one = format!("{PATH}/{{bookable_event_id}}");
    let registrations = format!("{one}/registrations");
    Router::new()
        .route(PATH, post(operation(create)))
        .route(&one, get(operation(read)))
        .route(&registrations, post(operation(register)))
        .route(&format!("{registrations}/{{registration_id}}"), delete(operation(remove)))
        .route(&format!("{registrations}/pages/{{page_token}}"), get(operation(page)))
}

fn create(world: &World, call: &Call) -> ApiResult {
    let application = call.application(world)?;
    let mut params = call.params()?;
    let id = id(&mut params, "bookable_event_id");
    let (start, end) = (instant(&mut params, "start"), instant(&mut params, "end"));
    if start.zip(end).is_some_and(|(start, end)| start >= end) {
        params.wrong("end", "must_be_after_start", "must be after start");
    }
    let status = params.choice("status", &["confirmed", "cancelled"]);
    let capacity = params.object("registration").and_then(|registration| {
        let mut inner = Params::within(registration, "registration");
        let capacity = inner.integer("capacity", 1..=256);
        params.absorb(inner);
        capacity
    });
    let taken = match &id {
        Some(id) => world.bookable_event(&application.client_id, id)?.is_some(),
        None => false,
    };
    if taken && world.settings().repeated_bookable_event == RepeatedCreate::Refuse {
        params.wrong("bookable_event_id", "duplicate", "is taken");
    }
    params.finish()?;
    let (Some(id), Some(start), Some(end)) = (id, start, end) else { return Err(ApiError::NotFound) };
    let event = BookableEvent::new(&application.client_id, &id, start, end);
    let event = BookableEvent { status: status.unwrap_or_else(|| event.status.clone()), capacity, ..event };
    world.store.put(&event)?;
    reply(world, call, &application, &event)
}

fn read(world: &World, call: &Call) -> ApiResult {
    let (application, event) = named(world, call)?;
    reply(world, call, &application, &event)
}

/// A later page of the registrations, in the event they belong to.
fn page(world: &World, call: &Call) -> ApiResult {
    let (application, event) = named(world, call)?;
    let path = registrations_path(&event);
    let page = listing(&application, &event, &path).named(world, call)?;
    wrapped(world, &event, page)
}

fn register(world: &World, call: &Call) -> ApiResult {
    let (application, event) = named(world, call)?;
    let mut params = call.params()?;
    let registration_id = id(&mut params, "registration_id");
    if params.value("status").is_none() {
        params.wrong("status", "required", "must be specified");
    }
    let status = params.choice("status", &STATUSES);
    let metadata = params.object("metadata").cloned();
    if let Some(metadata) = &metadata {
        let mut inner = Params::within(metadata, "metadata");
        for name in ["email", "name", "locale"] {
            inner.text(name, 1024);
        }
        inner.time_zone("zoneinfo");
        params.absorb(inner);
    }
    params.finish()?;
    let (Some(registration_id), Some(status)) = (registration_id, status) else {
        return Err(ApiError::NotFound);
    };
    let known = world.registrations(&event)?;
    let new = Registration::new(&event, &registration_id, status);
    let (same, others): (Vec<_>, Vec<_>) =
        known.into_iter().partition(|known| known.registration_id == registration_id);
    if new.takes_place() {
        let taken = others.iter().filter(|other| other.takes_place()).count();
        let full =
            event.capacity.is_some_and(|capacity| i64::try_from(taken).unwrap_or(i64::MAX) >= capacity);
        let had_place = same.iter().any(Registration::takes_place);
        if full && !had_place {
            let why = "registration_id cannot be registered: every place is taken";
            return Err(ApiError::field("registration_id", "capacity_reached", why));
        }
        if event.status == "cancelled" && !had_place {
            let why = "registration_id cannot be registered: the event is cancelled";
            return Err(ApiError::field("registration_id", "event_cancelled", why));
        }
    }
    let known_metadata = same.into_iter().next().map(|known| known.metadata);
    let metadata = metadata.or(known_metadata).unwrap_or_else(|| new.metadata.clone());
    world.store.put(&Registration { metadata, ..new })?;
    reply(world, call, &application, &event)
}

/// Frees the place of a registration, which stays in the list as `removed`.
fn remove(world: &World, call: &Call) -> ApiResult {
    let (application, event) = named(world, call)?;
    let known = world.registrations(&event)?;
    let known = known.into_iter().find(|known| known.registration_id == call.path("registration_id"));
    match known {
        Some(registration) => world.store.put(&Registration { status: "removed".into(), ..registration })?,
        None if world.settings().missing_deletes == MissingDeletes::Refuse => return Err(ApiError::NotFound),
        None => {}
    }
    if world.settings().remove_registration_status == 202 {
        return Ok(accepted());
    }
    reply(world, call, &application, &event)
}

fn named(world: &World, call: &Call) -> ApiResult<(Application, BookableEvent)> {
    let application = call.application(world)?;
    let event = world.bookable_event(&application.client_id, call.path("bookable_event_id"))?;
    Ok((application, event.ok_or(ApiError::NotFound)?))
}

fn reply(world: &World, call: &Call, application: &Application, event: &BookableEvent) -> ApiResult {
    let registrations = world.registrations(event)?.into_iter().map(|registration| {
        json!({
            "registration_id": registration.registration_id,
            "status": registration.status,
            "metadata": registration.metadata,
        })
    });
    let path = registrations_path(event);
    let page = listing(application, event, &path).first(world, call, registrations.collect())?;
    wrapped(world, event, page)
}

/// The event with a page of its registrations.
fn wrapped(world: &World, event: &BookableEvent, page: Map<String, Value>) -> ApiResult {
    let all = world.registrations(event)?;
    let mut registration = page;
    registration.insert("capacity".into(), json!(event.capacity));
    let taken = all.iter().filter(|registration| registration.takes_place()).count();
    registration.insert("registered_count".into(), taken.into());
    registration.insert("total_count".into(), all.len().into());
    let event = json!({
        "bookable_event_id": event.bookable_event_id,
        "start": event.start,
        "end": event.end,
        "status": event.status,
        "registration": registration,
    });
    let body = if world.settings().wrap_bookable_event { json!({ "bookable_event": event }) } else { event };
    Ok(Json(body).into_response())
}

fn registrations_path(event: &BookableEvent) -> String {
    format!("{PATH}/{}/registrations", event.bookable_event_id)
}

fn listing<'a>(application: &'a Application, event: &'a BookableEvent, path: &'a str) -> Listing<'a> {
    Listing {
        client_id: &application.client_id,
        owner: &event.bookable_event_id,
        path,
        name: "registrations",
    }
}

fn id(params: &mut Params<'_>, name: &str) -> Option<String> {
    let id = params.required_text(name, ID_LIMIT)?;
    if id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-') {
        return Some(id);
    }
    params.wrong(name, "must_be_id", "must be letters, digits, _ and - only");
    None
}

fn instant(params: &mut Params<'_>, name: &str) -> Option<Timestamp> {
    if params.value(name).is_none() {
        params.wrong(name, "required", "must be specified");
    }
    match params.event_time(name)?.moment {
        Moment::Time(time) => Some(time),
        Moment::Date(_) => {
            params.wrong(name, "must_be_time", "must be a time, not a date");
            None
        }
    }
}
