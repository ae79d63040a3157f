//! Calendars: listed, created, and those of the application itself.
//! <https://docs.cronofy.com/developers/api/calendars/>

use axum::Json;
use axum::Router;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use serde_json::{Value, json};

use crate::auth::Scope;
use crate::call::{Call, operation};
use crate::errors::{ApiError, ApiResult};
use crate::oauth::token::{reply, unstored};
use crate::params::Params;
use crate::server::State;
use crate::world::World;
use crate::world::accounts::Profile;
use crate::world::authorizations::{ConnectionKind, Grant};
use crate::world::calendars::Calendar;
use crate::world::store::StoreError;

pub(super) fn router() -> Router<State> {
    Router::new()
        .route("/v1/calendars", get(operation(list)).post(operation(create)))
        .route("/v1/application_calendars", post(operation(application_calendar)))
}

fn list(world: &World, call: &Call) -> ApiResult {
    let acting = call.account(world, Scope::Any)?;
    let mut calendars = Vec::new();
    for calendar in world.store.list::<Calendar>(&acting.account.sub)? {
        let Some(profile) = world.store.get::<Profile>(&calendar.profile_id)? else { continue };
        let mut json = calendar_json(world, &acting.client_id, &calendar)?;
        json["provider_name"] = profile.provider_name.into();
        json["profile_id"] = profile.profile_id.into();
        json["profile_name"] = profile.profile_name.into();
        calendars.push(json);
    }
    Ok(Json(json!({ "sub": acting.account.sub, "calendars": calendars })).into_response())
}

fn create(world: &World, call: &Call) -> ApiResult {
    let acting = call.account(world, Scope::CreateCalendar)?;
    let mut params = call.params()?;
    let (profile_id, name, color) =
        (params.required_text("profile_id", 200), params.required_text("name", 1024), color(&mut params));
    let profile = profile_id.as_deref().map_or(Ok(None), |id| world.store.get::<Profile>(id))?;
    let profile = profile.filter(|profile| profile.sub == acting.account.sub);
    if profile_id.is_some() && profile.is_none() {
        params.wrong("profile_id", "invalid", "must be one of the account's profiles");
    }
    if let (Some(profile), Some(name)) = (&profile, &name) {
        let same = |calendar: &Calendar| {
            calendar.profile_id == profile.profile_id && calendar.name == *name && !calendar.deleted
        };
        if world.store.list::<Calendar>(&acting.account.sub)?.iter().any(same) {
            params.wrong("name", "duplicate_calendar_name", "is the name of another calendar");
        }
    }
    params.finish()?;
    let (Some(profile), Some(name)) = (profile, name) else { return Err(ApiError::NotFound) };
    if !profile.connected {
        return Err(ApiError::Locked);
    }
    let calendar = Calendar { color, ..world.new_calendar(&profile, &name) };
    world.store.put(&calendar)?;
    Ok(Json(json!({
        "calendar": {
            "provider_name": profile.provider_name,
            "profile_id": profile.profile_id,
            "profile_name": profile.profile_name,
            "calendar_id": calendar.calendar_id,
            "calendar_name": calendar.name,
            "calendar_readonly": calendar.readonly,
            "calendar_deleted": calendar.deleted,
        }
    }))
    .into_response())
}

fn application_calendar(world: &World, call: &Call) -> ApiResult {
    let application = call.client(world)?;
    let mut params = call.params()?;
    let id = params.required_text("application_calendar_id", 1024);
    params.finish()?;
    let account = world.application_calendar(&application.client_id, &id.unwrap_or_default())?;
    call.note(&application.client_id, Some(&account.sub));
    let issued = world.connect(Grant {
        client_id: application.client_id,
        kind: ConnectionKind::ApplicationCalendar,
        sub: account.sub.clone(),
        subject: account.sub,
        scope: "read_write".into(),
        delegated_scope: None,
        through: None,
    })?;
    Ok(unstored(Json(reply(world, &issued, true)?).into_response()))
}

/// A calendar as userinfo shows it; the calendars' own list adds the profile.
pub(super) fn calendar_json(
    world: &World,
    client_id: &str,
    calendar: &Calendar,
) -> Result<Value, StoreError> {
    Ok(json!({
        "calendar_id": calendar.calendar_id,
        "calendar_name": calendar.name,
        "calendar_readonly": calendar.readonly,
        "calendar_deleted": calendar.deleted,
        "calendar_primary": calendar.primary,
        "calendar_integrated_conferencing_available": calendar.integrated_conferencing_available,
        "calendar_attachments_available": calendar.attachments_available,
        "permission_level": world.permission_level(client_id, &calendar.calendar_id)?,
    }))
}

/// A colour such as `#49BED8`.
pub(super) fn color(params: &mut Params<'_>) -> Option<String> {
    let color = params.text("color", 7)?;
    let digits = color.strip_prefix('#').unwrap_or_default();
    if digits.len() == 6 && digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return Some(color);
    }
    params.wrong("color", "invalid", "must be a hex colour such as #49BED8");
    None
}
