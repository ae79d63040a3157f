//! Applications: registered with an Admin API key, and submitted for verification with their own.
//! <https://docs.cronofy.com/developers/admin-api/>

use axum::Router;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::post;
use axum::{Json, http::header};
use serde_json::json;

use crate::auth::bearer;
use crate::call::{Call, operation};
use crate::errors::{ApiError, ApiResult};
use crate::params::Params;
use crate::server::State;
use crate::world::World;
use crate::world::applications::{AdminApiKey, Mode, NewApplication, verifiable};

/// The most redirect URIs that are taken at once; Cronofy documents no limit.
const REDIRECT_URIS: usize = 100;

pub(super) fn router() -> Router<State> {
    Router::new()
        .route("/v1/applications", post(operation(create)))
        .route("/v1/application_verification", post(operation(verify)))
}

fn create(world: &World, call: &Call) -> ApiResult {
    let key = call.headers.get(header::AUTHORIZATION).and_then(|value| bearer(value.to_str().ok()?));
    let key = key.map_or(Ok(None), |key| world.store.get::<AdminApiKey>(key))?;
    key.ok_or(ApiError::Unauthorized)?;
    let mut params = call.params()?;
    let name = params.required_text("name", 1024);
    let url = params.required_address("url");
    params.finish()?;
    let application = world.create_application(NewApplication {
        name: name.unwrap_or_default(),
        url: url.unwrap_or_default(),
        mode: Mode::Development,
        internal_to: None,
    })?;
    call.note(&application.client_id, None);
    Ok(Json(json!({
        "oauth_client": {
            "client_id": application.client_id,
            "client_secret": application.client_secret,
        }
    }))
    .into_response())
}

fn verify(world: &World, call: &Call) -> ApiResult {
    let mut application = call.application(world)?;
    let mut params = call.params()?;
    let uris = params.texts("redirect_uris", REDIRECT_URIS).unwrap_or_default();
    if uris.is_empty() {
        params.wrong("redirect_uris", "required", "must have at least one entry");
    }
    if !uris.iter().all(|uri| verifiable(uri)) {
        params.wrong("redirect_uris", "invalid", "must be http or https addresses");
    }
    contact(&mut params);
    params.finish()?;
    let at_once = world.settings().verify_applications_at_once;
    application.submit(&uris);
    if at_once {
        application.verify();
    }
    world.store.put(&application)?;
    Ok((StatusCode::ACCEPTED, Json(json!({}))).into_response())
}

fn contact(params: &mut Params<'_>) {
    if params.value("contact").is_none() {
        params.wrong("contact.email", "required", "must be specified");
    }
    let Some(value) = params.object("contact") else { return };
    let mut inner = Params::within(value, "contact");
    if inner.required_text("email", 320).is_some_and(|email| !email.contains('@')) {
        inner.wrong("email", "invalid", "must be an e-mail address");
    }
    inner.text("display_name", 1024);
    params.absorb(inner);
}
