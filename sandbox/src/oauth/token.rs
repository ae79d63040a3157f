//! `POST /oauth/token`: exchanges codes and refresh tokens.
//! <https://docs.cronofy.com/developers/api/authorization/request-token/>

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use crate::call::Call;
use crate::clock::lock;
use crate::errors::{ApiError, ApiResult};
use crate::settings::ExpiresIn;
use crate::world::World;
use crate::world::accounts::{Account, Profile};
use crate::world::applications::Application;
use crate::world::authorizations::{ConnectionKind, Issued};

pub(super) fn token(world: &World, call: &Call) -> ApiResult {
    let response = match exchange(world, call) {
        Ok(reply) => Json(reply).into_response(),
        // A refused refresh may have ended a family, which must not be undone.
        Err(error @ ApiError::OAuth(..)) => error.into_response(),
        Err(error) => return Err(error),
    };
    Ok(unstored(response))
}

fn exchange(world: &World, call: &Call) -> ApiResult<Value> {
    let grant_type = field(call, "grant_type")?;
    if !matches!(grant_type.as_str(), "authorization_code" | "refresh_token") {
        return Err(refused("unsupported_grant_type"));
    }
    let application = client(world, call)?;
    if grant_type == "authorization_code" {
        let (code, redirect_uri) = (field(call, "code")?, field(call, "redirect_uri")?);
        let issued = world.redeem_code(&application.client_id, &code, &redirect_uri)?;
        let issued = issued.ok_or_else(|| refused("invalid_grant"))?;
        call.note(&application.client_id, Some(&issued.connection.grant.sub));
        return reply(world, &issued, true);
    }
    let issued = world.refresh(&application.client_id, &field(call, "refresh_token")?)?;
    let issued = issued.ok_or_else(|| refused("invalid_grant"))?;
    let connection = &issued.connection;
    call.note(&application.client_id, Some(&connection.grant.sub));
    lock(&call.state.counters).count_refresh(&connection.grant.sub, connection.epoch);
    let carries_sub = world.settings().refresh_reply_carries_sub;
    reply(world, &issued, carries_sub)
}

/// The application whose credentials stand in the body. The `Authorization` header is ignored: some clients send
/// nonsense there.
pub(super) fn client(world: &World, call: &Call) -> ApiResult<Application> {
    let (client_id, secret) = (field(call, "client_id")?, field(call, "client_secret")?);
    let application = world.store.get::<Application>(&client_id)?;
    let status =
        StatusCode::from_u16(world.settings().invalid_client_status).unwrap_or(StatusCode::BAD_REQUEST);
    let application = application
        .filter(|application| application.is_proven_by(&secret))
        .ok_or(ApiError::OAuth(status, "invalid_client"))?;
    call.admit(world, &application.client_id, None)?;
    Ok(application)
}

/// A field that must be there.
pub(super) fn field(call: &Call, name: &str) -> ApiResult<String> {
    optional_field(call, name)?.ok_or_else(|| refused("invalid_request"))
}

pub(super) fn optional_field(call: &Call, name: &str) -> ApiResult<Option<String>> {
    let body = call.body().map_err(|_| refused("invalid_request"))?;
    let text = body.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    Ok(text.map(str::to_owned))
}

pub(super) fn refused(error: &'static str) -> ApiError {
    ApiError::OAuth(StatusCode::BAD_REQUEST, error)
}

/// The reply that carries tokens; with `identity`, also the fields that say whose they are.
pub(crate) fn reply(world: &World, issued: &Issued, identity: bool) -> ApiResult<Value> {
    let grant = &issued.connection.grant;
    let mut reply = Map::new();
    reply.insert("token_type".into(), "bearer".into());
    reply.insert("access_token".into(), issued.access_token.clone().into());
    match &world.settings().expires_in {
        // A lifetime below a second, which only tests have, is said to be one: zero is not in the documented range.
        ExpiresIn::Real => {
            reply.insert("expires_in".into(), (issued.ttl_ms / 1_000).max(1).into());
        }
        ExpiresIn::Omitted => {}
        ExpiresIn::Value(value) => {
            reply.insert("expires_in".into(), value.clone());
        }
    }
    reply.insert("refresh_token".into(), issued.refresh_token.clone().into());
    reply.insert("scope".into(), grant.scope.clone().into());
    if !identity {
        return Ok(Value::Object(reply));
    }
    match grant.kind {
        ConnectionKind::Organization => {
            reply.insert("sub".into(), grant.sub.clone().into());
        }
        ConnectionKind::ServiceAccount => {
            reply.insert("service_account_id".into(), grant.sub.clone().into());
        }
        ConnectionKind::Account => {
            reply.insert("account_id".into(), grant.sub.clone().into());
            reply.insert("sub".into(), grant.sub.clone().into());
            reply.insert("linking_profile".into(), linking_profile(world, &grant.sub, true)?);
        }
        ConnectionKind::ApplicationCalendar => {
            let account = world.store.get::<Account>(&grant.sub)?;
            let own_id = account.and_then(|account| account.application_calendar);
            reply.insert(
                "application_calendar_id".into(),
                json!(own_id.map(|own| own.application_calendar_id)),
            );
            reply.insert("sub".into(), grant.sub.clone().into());
            reply.insert("linking_profile".into(), linking_profile(world, &grant.sub, false)?);
        }
    }
    Ok(Value::Object(reply))
}

fn linking_profile(world: &World, sub: &str, with_service: bool) -> ApiResult<Value> {
    let Some(profile) = world.store.list::<Profile>(sub)?.into_iter().next() else { return Ok(Value::Null) };
    let mut linking = json!({
        "provider_name": profile.provider_name,
        "profile_id": profile.profile_id,
        "profile_name": profile.profile_name,
    });
    if with_service {
        linking["provider_service"] = profile.provider_service.into();
    }
    Ok(linking)
}

/// Replies that hold tokens are kept by nobody (RFC 6749, section 5.1).
pub(crate) fn unstored(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    response
}
