//! `GET /v1/resources`: the rooms and other resources of a service account's domain.
//! <https://docs.cronofy.com/developers/api/enterprise-connect/list-resources/>

use axum::Json;
use axum::Router;
use axum::response::IntoResponse;
use axum::routing::get;
use serde_json::json;

use crate::call::{Call, operation};
use crate::errors::ApiResult;
use crate::server::State;
use crate::world::World;
use crate::world::delegations::ResourceDetails;

pub(super) fn router() -> Router<State> {
    Router::new().route("/v1/resources", get(operation(list)))
}

fn list(world: &World, call: &Call) -> ApiResult {
    let (_, service_account) = call.service_account(world, "service_account/resources/manage")?;
    let mut params = call.query();
    let wanted = params.text("include_details", 1024).unwrap_or_default();
    params.finish()?;
    let is_wanted = |detail: &str| wanted.split_ascii_whitespace().any(|known| known == detail);
    let mut resources = Vec::new();
    for resource in world.resources_of_domain(&service_account.domain)? {
        let mut json = json!({ "email": resource.email, "name": resource.name });
        let details = world.store.get::<ResourceDetails>(&resource.sub)?.unwrap_or_default();
        if let Some(capacity) = details.capacity.filter(|_| is_wanted("capacity")) {
            json["capacity"] = capacity.into();
        }
        if let Some(location) = details.location.filter(|_| is_wanted("location")) {
            json["location"] = location;
        }
        resources.push(json);
    }
    Ok(Json(json!({ "resources": resources })).into_response())
}
