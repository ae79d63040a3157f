//! `POST /v1/element_tokens`: tokens with which a page's UI elements call on behalf of an application.
//! <https://docs.cronofy.com/developers/ui-elements/authentication/>

use axum::Json;
use axum::Router;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::post;
use serde_json::json;

use crate::call::{Call, operation};
use crate::errors::ApiResult;
use crate::params::Params;
use crate::server::State;
use crate::world::World;
use crate::world::applications::web_address;

const PERMISSIONS: [&str; 4] = ["agenda", "account_management", "availability", "managed_availability"];

/// Eighteen hours, as in Cronofy's example.
const EXPIRES_IN: u32 = 64_800;

pub(super) fn router() -> Router<State> {
    Router::new().route("/v1/element_tokens", post(operation(create)))
}

fn create(world: &World, call: &Call) -> ApiResult {
    let application = call.application(world)?;
    let mut params = call.params()?;
    // Cronofy's Ruby client leaves the version out.
    params.choice("version", &["1"]);
    let permissions = params.texts("permissions", 100).unwrap_or_default();
    let is_known = permissions.iter().all(|permission| PERMISSIONS.contains(&permission.as_str()));
    if !is_known && world.settings().element_permission_status == 400 {
        let body = json!({ "permissions": "not_recognized" });
        return Ok((StatusCode::BAD_REQUEST, Json(body)).into_response());
    }
    if permissions.is_empty() {
        params.wrong("permissions", "required", "must have at least one entry");
    } else if !is_known {
        params.wrong("permissions", "not_recognized", &format!("must be any of {}", PERMISSIONS.join(", ")));
    }
    for sub in params.texts("subs", 1_000).unwrap_or_default() {
        if !world.reaches(&application.client_id, &sub)? {
            params.wrong("subs", "invalid", &format!("must be known to the application, and {sub} is not"));
        }
    }
    params.texts("bookable_event_ids", 1_000);
    let origin = origin(&mut params);
    params.finish()?;
    Ok(Json(json!({
        "element_token": {
            "permissions": permissions,
            "origin": origin,
            "token": format!("ELEMENT_TOKEN_{}", world.ids.token()),
            "expires_in": EXPIRES_IN,
        }
    }))
    .into_response())
}

/// Scheme and host, perhaps a port, and nothing more.
fn origin(params: &mut Params<'_>) -> Option<String> {
    let origin = params.required_text("origin", 1024)?;
    let is_bare = web_address(&origin).is_some_and(|url| url.origin().ascii_serialization() == origin);
    if !is_bare {
        params.wrong("origin", "invalid", "must be a scheme and a host such as https://app.example.com");
    }
    Some(origin)
}
