//! `GET /v1/userinfo`: who a token stands for, with profiles and calendars.
//! <https://docs.cronofy.com/developers/api/identity/userinfo/>

use axum::Json;
use axum::Router;
use axum::response::IntoResponse;
use axum::routing::get;
use serde_json::{Value, json};

use super::calendars::calendar_json;
use super::profiles::{profile_json, relink_url};
use crate::auth::{Acting, Caller, Scope};
use crate::call::{Call, operation};
use crate::errors::ApiResult;
use crate::server::State;
use crate::world::World;
use crate::world::accounts::{ConferencingProfile, Profile, ServiceAccount};
use crate::world::authorizations::Connection;
use crate::world::calendars::Calendar;

pub(super) fn router() -> Router<State> {
    Router::new().route("/v1/userinfo", get(operation(read)))
}

fn read(world: &World, call: &Call) -> ApiResult {
    let info = match call.caller(world)? {
        Caller::Organization { connection: Some(connection), impersonated: None, .. } => json!({
            "sub": connection.grant.sub,
            "cronofy.type": "organizational_unit",
            "cronofy.data": { "authorization": authorization(&connection.grant.scope) },
        }),
        Caller::ServiceAccount(connection, account) => service_account(&connection, &account),
        caller => userinfo(world, call, &caller.into_acting(world, Scope::Any)?)?,
    };
    Ok(Json(info).into_response())
}

/// What userinfo says of an account; writes with `include_userinfo` say it, too.
pub(super) fn userinfo(world: &World, call: &Call, acting: &Acting) -> ApiResult<Value> {
    let account = &acting.account;
    let calendars = world.store.list::<Calendar>(&account.sub)?;
    let mut profiles = Vec::new();
    for profile in world.store.list::<Profile>(&account.sub)? {
        let mut own = Vec::new();
        for calendar in calendars.iter().filter(|calendar| calendar.profile_id == profile.profile_id) {
            own.push(calendar_json(world, &acting.client_id, calendar)?);
        }
        let mut json = profile_json(&profile, call);
        json["profile_initial_sync_required"] = false.into();
        json["profile_calendars"] = own.into();
        profiles.push(json);
    }
    let conferencing = world.store.list::<ConferencingProfile>(&account.sub)?;
    let conferencing: Vec<_> = conferencing.iter().map(|profile| conferencing_json(profile, call)).collect();
    let kind = if account.application_calendar.is_some() { "application_calendar" } else { "account" };
    let mut info = json!({
        "sub": account.sub,
        "name": account.name,
        "zoneinfo": account.zoneinfo,
        "cronofy.type": kind,
        "cronofy.data": {
            "authorization": authorization(&acting.scope),
            "profiles": profiles,
            "conferencing_profiles": conferencing,
        },
    });
    if !account.email.is_empty() {
        info["email"] = account.email.clone().into();
    }
    Ok(info)
}

fn service_account(connection: &Connection, account: &ServiceAccount) -> Value {
    let mut authorization = authorization(&connection.grant.scope);
    if let Some(delegated) = &connection.grant.delegated_scope {
        authorization["delegated_scope"] = delegated.clone().into();
    }
    json!({
        "sub": account.sub,
        "email": account.email,
        "cronofy.type": "service_account",
        "cronofy.data": {
            "authorization": authorization,
            "service_account": { "provider_name": account.provider_name, "domain": account.domain },
        },
    })
}

fn authorization(scope: &str) -> Value {
    json!({ "scope": scope, "status": "active" })
}

fn conferencing_json(profile: &ConferencingProfile, call: &Call) -> Value {
    let mut json = json!({
        "provider_name": profile.provider_name,
        "profile_id": profile.profile_id,
        "profile_name": profile.profile_name,
        "profile_connected": profile.connected,
    });
    if !profile.connected {
        json["profile_relink_url"] = relink_url(&profile.profile_id, call).into();
    }
    json
}
