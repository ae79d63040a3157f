//! Profiles: an account's logins with providers, listed and revoked.

use axum::Json;
use axum::Router;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use serde_json::{Value, json};

use crate::auth::Scope;
use crate::call::{Call, operation};
use crate::errors::{ApiError, ApiResult, accepted};
use crate::server::State;
use crate::world::World;
use crate::world::accounts::Profile;

pub(super) fn router() -> Router<State> {
    Router::new()
        .route("/v1/profiles", get(operation(list)))
        .route("/v1/profiles/{profile_id}/revoke", post(operation(revoke)))
}

fn list(world: &World, call: &Call) -> ApiResult {
    let acting = call.account(world, Scope::Any)?;
    let profiles = world.store.list::<Profile>(&acting.account.sub)?;
    let profiles: Vec<_> = profiles.iter().map(|profile| profile_json(profile, call)).collect();
    Ok(Json(json!({ "profiles": profiles })).into_response())
}

fn revoke(world: &World, call: &Call) -> ApiResult {
    let acting = call.account(world, Scope::Any)?;
    let profile = world.store.get::<Profile>(call.path("profile_id"))?;
    let profile = profile.filter(|profile| profile.sub == acting.account.sub).ok_or(ApiError::NotFound)?;
    world.remove_profile(&profile)?;
    Ok(accepted())
}

/// A profile as `/v1/profiles` and userinfo show it; one that lost its connection says where to restore it.
pub(super) fn profile_json(profile: &Profile, call: &Call) -> Value {
    let mut json = json!({
        "provider_name": profile.provider_name,
        "provider_service": profile.provider_service,
        "profile_id": profile.profile_id,
        "profile_name": profile.profile_name,
        "profile_connected": profile.connected,
    });
    if !profile.connected {
        json["profile_relink_url"] = relink_url(&profile.profile_id, call).into();
    }
    json
}

/// Where a person would restore a profile's connection.
pub(super) fn relink_url(profile_id: &str, call: &Call) -> String {
    format!("{}/profiles/{profile_id}/relink", call.origin)
}
