//! `GET /v1/account`: the older sibling of userinfo.

use axum::Json;
use axum::Router;
use axum::response::IntoResponse;
use axum::routing::get;
use serde_json::json;

use crate::auth::Scope;
use crate::call::{Call, operation};
use crate::errors::ApiResult;
use crate::server::State;
use crate::world::World;

pub(super) fn router() -> Router<State> {
    Router::new().route("/v1/account", get(operation(read)))
}

fn read(world: &World, call: &Call) -> ApiResult {
    let acting = call.account(world, Scope::Any)?;
    let account = acting.account;
    Ok(Json(json!({
        "account": {
            "account_id": account.sub,
            "email": account.email,
            "name": account.name,
            "default_tzid": account.zoneinfo,
            "scope": acting.scope,
        }
    }))
    .into_response())
}
