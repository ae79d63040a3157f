//! `POST /v1/link_tokens`: a token that ties the next authorization to the account that calls.

use axum::Json;
use axum::Router;
use axum::response::IntoResponse;
use axum::routing::post;
use serde_json::json;

use crate::auth::Scope;
use crate::call::{Call, operation};
use crate::errors::ApiResult;
use crate::oauth::request::LinkToken;
use crate::server::State;
use crate::world::World;

/// Five minutes: time to go through the pages, no more.
const TTL_MS: i64 = 5 * 60 * 1000;

pub(super) fn router() -> Router<State> {
    Router::new().route("/v1/link_tokens", post(operation(create)))
}

fn create(world: &World, call: &Call) -> ApiResult {
    let acting = call.account(world, Scope::Any)?;
    let link = LinkToken {
        token: world.ids.token(),
        client_id: acting.client_id,
        sub: acting.account.sub,
        expires_ms: world.now_ms() + TTL_MS,
    };
    world.store.put(&link)?;
    Ok(Json(json!({ "link_token": link.token })).into_response())
}
