//! `GET /v1/free_busy` and its pages: when an account is busy, and no more than that.
//! <https://docs.cronofy.com/developers/api/events/free-busy/>

use axum::Router;
use axum::routing::get;
use serde_json::{Map, Value};

use super::events::select::{Selected, Selection};
use crate::auth::{Acting, Scope};
use crate::call::{Call, operation};
use crate::errors::ApiResult;
use crate::paging::Listing;
use crate::server::State;
use crate::world::World;

const PATH: &str = "/v1/free_busy";

pub(super) fn router() -> Router<State> {
    Router::new()
        .route(PATH, get(operation(list)))
        .route(&format!("{PATH}/pages/{{page_token}}"), get(operation(page)))
}

fn list(world: &World, call: &Call) -> ApiResult {
    let acting = call.account(world, Scope::ReadFreeBusy)?;
    let mut params = call.query();
    let selection = Selection::read(&mut params);
    let include_ids = params.boolean("include_ids").unwrap_or(false);
    let include_free = params.boolean("include_free").unwrap_or(false);
    params.finish()?;
    let selected = selection.events(world, &acting)?;
    let periods = selected
        .iter()
        .filter(|selected| include_free || selected.event.free_busy_status() != "free")
        .map(|selected| period(&acting, selected, selection.localized_times, include_ids));
    listing(&acting).first_page(world, call, periods.collect())
}

fn page(world: &World, call: &Call) -> ApiResult {
    listing(&call.account(world, Scope::ReadFreeBusy)?).page(world, call)
}

fn listing(acting: &Acting) -> Listing<'_> {
    Listing { client_id: &acting.client_id, owner: &acting.account.sub, path: PATH, name: "free_busy" }
}

fn period(acting: &Acting, selected: &Selected, localized: bool, include_ids: bool) -> Value {
    let Selected { calendar, event, .. } = selected;
    let mut json = Map::new();
    json.insert("calendar_id".into(), calendar.calendar_id.clone().into());
    json.insert("start".into(), event.start.to_json(localized, event.start_tzid.as_deref()));
    json.insert("end".into(), event.end.to_json(localized, event.end_tzid.as_deref()));
    json.insert("free_busy_status".into(), event.free_busy_status().into());
    if include_ids {
        json.insert("event_uid".into(), event.event_uid.clone().into());
        if let Some(managed) = event.managed.as_ref().filter(|managed| managed.client_id == acting.client_id)
        {
            json.insert("event_id".into(), managed.event_id.clone().into());
        }
        json.insert("deleted".into(), event.deleted.into());
    }
    Value::Object(json)
}
