//! `POST /v1/permissions`: more rights in calendars, which a person allows on a page. Accounts that were connected
//! through a service account with unrestricted access have them at once.
//! <https://docs.cronofy.com/developers/api/authorization/extended-permissions/>

use axum::Json;
use axum::Router;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::post;
use serde_json::json;

use super::conferencing_service_authorizations::redirect_uri;
use super::consents;
use crate::auth::{Caller, Scope};
use crate::call::{Call, operation};
use crate::errors::{ApiError, ApiResult};
use crate::params::Params;
use crate::server::State;
use crate::settings::PermissionLevel;
use crate::world::World;
use crate::world::authorizations::Connection;
use crate::world::calendars::Calendar;
use crate::world::consents::Wish;

/// What a service account must have been granted to raise its users' rights.
const UNRESTRICTED: &str = "service_account/accounts/unrestricted_access";

pub(super) fn router() -> Router<State> {
    Router::new().route("/v1/permissions", post(operation(request)))
}

fn request(world: &World, call: &Call) -> ApiResult {
    let caller = call.caller(world)?;
    let through = match &caller {
        Caller::Account(connection, _) => connection.grant.through.clone(),
        _ => None,
    };
    let acting = caller.into_acting(world, Scope::Any)?;
    let mut params = call.params()?;
    let calendars = world.store.list::<Calendar>(&acting.account.sub)?;
    let levels = levels(&mut params, &calendars);
    let redirect_uri = match &through {
        Some(_) => None,
        None => redirect_uri(world, &acting.client_id, &mut params)?,
    };
    params.finish()?;
    let status = StatusCode::from_u16(world.settings().permissions_status).unwrap_or(StatusCode::OK);
    let Some(service_account) = through else {
        let wish = Wish::Permissions { levels };
        let consent =
            world.ask(&acting.client_id, &acting.account.sub, redirect_uri.unwrap_or_default(), wish)?;
        let body = json!({ "permissions_request": { "url": consents::url(call, &consent) } });
        return Ok((status, Json(body)).into_response());
    };
    let granted = world.connection(&acting.client_id, &service_account)?;
    if !granted.as_ref().is_some_and(is_unrestricted) {
        return Err(ApiError::Forbidden);
    }
    for (calendar_id, level) in levels {
        world.set_permission_level(&acting.client_id, &calendar_id, level)?;
    }
    Ok((status, Json(json!({ "permissions_request": { "accepted": true } }))).into_response())
}

fn levels(params: &mut Params<'_>, calendars: &[Calendar]) -> Vec<(String, PermissionLevel)> {
    let list = params.list("permissions", 1_000).unwrap_or_default();
    if list.is_empty() {
        params.wrong("permissions", "required", "must have at least one entry");
    }
    let mut levels = Vec::new();
    for value in list {
        let mut inner = Params::within(value, "permissions");
        let calendar_id = inner.required_text("calendar_id", 1024);
        if let Some(id) = &calendar_id
            && !calendars.iter().any(|calendar| calendar.calendar_id == *id && !calendar.deleted)
        {
            inner.wrong("calendar_id", "invalid", "must be one of the account's calendars");
        }
        if inner.value("permission_level").is_none() {
            inner.wrong("permission_level", "required", "must be specified");
        }
        let level = inner.choice("permission_level", &["unrestricted", "sandbox"]);
        let level = level.map(|level| match level.as_str() {
            "unrestricted" => PermissionLevel::Unrestricted,
            _ => PermissionLevel::Sandbox,
        });
        levels.extend(calendar_id.zip(level));
        params.absorb(inner);
    }
    levels
}

fn is_unrestricted(connection: &Connection) -> bool {
    connection.grant.scope.split_ascii_whitespace().any(|scope| scope == UNRESTRICTED)
}
