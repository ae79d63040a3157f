//! Scheduling requests: created for a host, queried and cancelled by an organization; behind their links recipients
//! choose a time. <https://docs.cronofy.com/developers/api/scheduling-requests/>

mod page;
mod request;

use axum::Json;
use axum::Router;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::post;
use serde_json::{Value, json};

use crate::auth::ActingOrganization;
use crate::call::{Call, operation};
use crate::errors::{ApiError, ApiResult, accepted};
use crate::server::State;
use crate::world::World;
use crate::world::events::Event;
use crate::world::scheduling_requests::{SchedulingRequest, SelectLink, SlotSelection};

/// The most requests that can be asked for at once; Cronofy documents no limit.
const QUERY_LIMIT: usize = 100;

pub(super) fn router() -> Router<State> {
    Router::new()
        .route("/v1/scheduling_requests", post(operation(create)))
        .route("/v1/scheduling_requests/query", post(operation(query)))
        .route("/v1/scheduling_requests/cancel", post(operation(cancel)))
        .route("/v1/scheduler_requests", post(operation(create_deprecated)))
        .merge(page::router())
}

fn create(world: &World, call: &Call) -> ApiResult {
    let request = created(world, call)?;
    let status = StatusCode::from_u16(world.settings().scheduling_request_status).unwrap_or(StatusCode::OK);
    Ok((status, Json(json!({ "scheduling_request": request.to_json(&call.origin) }))).into_response())
}

/// The deprecated call, which answers under other names.
fn create_deprecated(world: &World, call: &Call) -> ApiResult {
    let mut json = created(world, call)?.to_json(&call.origin);
    if let Some(fields) = json.as_object_mut()
        && let Some(id) = fields.remove("scheduling_request_id")
    {
        fields.insert("scheduler_request_id".into(), id);
    }
    Ok(Json(json!({ "scheduler_request": json })).into_response())
}

fn created(world: &World, call: &Call) -> ApiResult<SchedulingRequest> {
    let caller = call.organization(world)?;
    let request = request::read(world, call, &caller)?;
    world.store.put(&request)?;
    let links = request.recipients.iter().map(|recipient| (&recipient.token, recipient.is_slot_selector));
    for (token, may_select) in links.chain([(&request.view_token, false)]) {
        let scheduling_request_id = request.id.clone();
        world.store.put(&SelectLink { token: token.clone(), scheduling_request_id, may_select })?;
    }
    Ok(request)
}

/// Unknown ids are left out.
fn query(world: &World, call: &Call) -> ApiResult {
    let caller = call.organization(world)?;
    let mut params = call.params()?;
    let ids = params.texts("scheduling_request_ids", QUERY_LIMIT).unwrap_or_default();
    if ids.is_empty() {
        params.wrong("scheduling_request_ids", "required", "must have at least one entry");
    }
    params.finish()?;
    let mut requests: Vec<Value> = Vec::new();
    for id in ids {
        if let Some(request) = own(world, &caller, &id)? {
            requests.push(json!({ "scheduling_request": request.to_json(&call.origin) }));
        }
    }
    Ok(Json(json!({ "scheduling_requests": requests })).into_response())
}

fn cancel(world: &World, call: &Call) -> ApiResult {
    let caller = call.organization(world)?;
    let mut params = call.params()?;
    let id = params.required_text("scheduling_request_id", 200);
    params.finish()?;
    let request = own(world, &caller, &id.unwrap_or_default())?.ok_or(ApiError::NotFound)?;
    call_off(world, request)?;
    Ok(accepted())
}

/// Ends a request; the event that was written for it is deleted.
fn call_off(world: &World, mut request: SchedulingRequest) -> ApiResult<SchedulingRequest> {
    request.slot_selection = SlotSelection::Cancelled;
    if let Some(chosen) = request.chosen.take()
        && let Some(event) = world.store.get::<Event>(&chosen.event_uid)?
    {
        world.delete_event(event, Some(&request.client_id))?;
    }
    world.store.put(&request)?;
    Ok(request)
}

fn own(world: &World, caller: &ActingOrganization, id: &str) -> ApiResult<Option<SchedulingRequest>> {
    let request = world.store.get::<SchedulingRequest>(id)?;
    Ok(request.filter(|request| {
        request.client_id == caller.client_id && request.organization_id == caller.organization_id
    }))
}
