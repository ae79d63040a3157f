//! Real-time scheduling and sequencing: links behind which a person picks a time, whereupon the events are written.
//! <https://docs.cronofy.com/developers/api/scheduling/real-time-scheduling/> and
//! <https://docs.cronofy.com/developers/api/scheduling/real-time-sequencing/>.

mod complete;
pub(super) mod page;
mod request;

use axum::Json;
use axum::Router;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};

use crate::call::{Call, operation};
use crate::errors::{ApiError, ApiResult};
use crate::server::State;
use crate::world::World;
use crate::world::event_time::Moment;
use crate::world::scheduling_links::{LinkKind, LinkStatus, SchedulingLink};

/// The longest message that a disabled link shows.
const MESSAGE_LIMIT: usize = 500;

pub(super) fn router() -> Router<State> {
    Router::new()
        .route("/v1/real_time_scheduling", get(operation(lookup)).post(operation(create_scheduling)))
        .route("/v1/real_time_scheduling/{id}", get(operation(read)))
        .route("/v1/real_time_scheduling/{id}/disable", post(operation(disable_scheduling)))
        .route("/v1/real_time_sequencing", post(operation(create_sequencing)))
        .route("/v1/real_time_sequencing/{id}/disable", post(operation(disable_sequencing)))
        .merge(page::router())
}

fn create_scheduling(world: &World, call: &Call) -> ApiResult {
    create(world, call, LinkKind::Scheduling)
}

fn create_sequencing(world: &World, call: &Call) -> ApiResult {
    create(world, call, LinkKind::Sequencing)
}

fn create(world: &World, call: &Call, kind: LinkKind) -> ApiResult {
    let application = call.credentials_or_key(world)?;
    let link = request::read(world, call, &application, kind)?;
    world.store.put(&link)?;
    Ok(reply(call, &link))
}

fn read(world: &World, call: &Call) -> ApiResult {
    let link = own(world, call, LinkKind::Scheduling)?;
    Ok(reply(call, &link))
}

/// Finds a link by the last part of its address.
fn lookup(world: &World, call: &Call) -> ApiResult {
    let application = call.application(world)?;
    let mut params = call.query();
    let token = params.required_text("token", 200);
    params.finish()?;
    let link = world.store.find::<SchedulingLink>(&token.unwrap_or_default())?;
    let own =
        |link: &SchedulingLink| link.client_id == application.client_id && link.kind == LinkKind::Scheduling;
    let link = link.filter(own).ok_or(ApiError::NotFound)?;
    Ok(reply(call, &link))
}

fn disable_scheduling(world: &World, call: &Call) -> ApiResult {
    disable(world, call, LinkKind::Scheduling)
}

fn disable_sequencing(world: &World, call: &Call) -> ApiResult {
    disable(world, call, LinkKind::Sequencing)
}

/// Closes a link that was not used yet; its page then shows the message.
fn disable(world: &World, call: &Call, kind: LinkKind) -> ApiResult {
    let link = own(world, call, kind)?;
    let mut params = call.params()?;
    let message = params.required_text("display_message", MESSAGE_LIMIT);
    if link.status == LinkStatus::Completed {
        params.wrong("status", "already_completed", "must not be completed");
    }
    params.finish()?;
    let link = SchedulingLink { status: LinkStatus::Disabled, display_message: message, ..link };
    world.store.put(&link)?;
    Ok(reply(call, &link))
}

/// The application's link of the id in the path.
fn own(world: &World, call: &Call, kind: LinkKind) -> ApiResult<SchedulingLink> {
    let application = call.credentials_or_key(world)?;
    let link = world.store.get::<SchedulingLink>(call.path("id"))?;
    let own = |link: &SchedulingLink| link.client_id == application.client_id && link.kind == kind;
    link.filter(own).ok_or(ApiError::NotFound)
}

/// The link with its address both inside and beside it, as different clients look for it.
fn reply(call: &Call, link: &SchedulingLink) -> Response {
    let url = link.url(&call.origin);
    Json(json!({ link.kind.name(): link_json(link, &url), "url": url })).into_response()
}

fn link_json(link: &SchedulingLink, url: &str) -> Value {
    let mut event = link.event.clone();
    if let ([first, ..], [.., last]) = (link.chosen.as_slice(), link.chosen.as_slice()) {
        event["start"] = time_json(link, first.start);
        event["end"] = time_json(link, last.end);
    }
    let mut json = json!({ "url": url, "event": event, "status": link.status.word() });
    json[format!("{}_id", link.kind.name())] = link.id.clone().into();
    json
}

/// A time as events are written and callbacks are posted: in UTC, with the zone it is meant for.
fn time_json(link: &SchedulingLink, time: jiff::Timestamp) -> Value {
    json!({ "time": Moment::Time(time).to_string(), "tzid": zone_of(link) })
}

/// The zone of the event, or else the one the link is shown in.
fn zone_of(link: &SchedulingLink) -> &str {
    link.event["tzid"].as_str().or(link.tzid.as_deref()).unwrap_or("Etc/UTC")
}
