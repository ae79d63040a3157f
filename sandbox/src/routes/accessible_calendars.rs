//! `GET /v1/accessible_calendars`: the colleagues' and rooms' calendars to which an account could ask for access.
//! <https://docs.cronofy.com/developers/api-alpha/business-connect/accessible-calendars/>

use axum::Json;
use axum::Router;
use axum::response::IntoResponse;
use axum::routing::get;
use serde_json::json;

use crate::auth::Scope;
use crate::call::{Call, operation};
use crate::errors::ApiResult;
use crate::params::Params;
use crate::server::State;
use crate::world::World;
use crate::world::accounts::Profile;

pub(super) fn router() -> Router<State> {
    Router::new().route("/v1/accessible_calendars", get(operation(list)))
}

fn list(world: &World, call: &Call) -> ApiResult {
    let acting = call.account(world, Scope::Any)?;
    let mut params = call.query();
    let wanted = params.text("calendar_type", 100);
    own_profile(world, &acting.account.sub, &mut params)?;
    params.finish()?;
    let accessible = world.accessible_calendars(&acting.account.sub)?.into_iter();
    let accessible =
        accessible.filter(|known| wanted.as_deref().is_none_or(|wanted| wanted == known.calendar_type)).map(
            |known| json!({ "calendar_type": known.calendar_type, "email": known.email, "name": known.name }),
        );
    Ok(Json(json!({ "accessible_calendars": accessible.collect::<Vec<_>>() })).into_response())
}

/// `profile_id`, which must be one of the account's.
pub(super) fn own_profile(world: &World, sub: &str, params: &mut Params<'_>) -> ApiResult<Option<String>> {
    let Some(id) = params.required_text("profile_id", 200) else { return Ok(None) };
    let profile = world.store.get::<Profile>(&id)?;
    if profile.is_none_or(|profile| profile.sub != sub) {
        params.wrong("profile_id", "invalid", "must be one of the account's profiles");
    }
    Ok(Some(id))
}
