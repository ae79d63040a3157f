//! `POST /v1/conferencing_service_authorizations`: a page on which a person connects a conferencing service.
//! <https://docs.cronofy.com/developers/api/conferencing-services/authorization/>

use axum::Json;
use axum::Router;
use axum::response::IntoResponse;
use axum::routing::post;
use serde_json::json;

use super::consents::{self, CONFERENCING};
use crate::auth::Scope;
use crate::call::{Call, operation};
use crate::errors::ApiResult;
use crate::params::Params;
use crate::server::State;
use crate::world::World;
use crate::world::applications::Application;
use crate::world::consents::Wish;
use crate::world::store::StoreError;

pub(super) fn router() -> Router<State> {
    Router::new().route("/v1/conferencing_service_authorizations", post(operation(create)))
}

fn create(world: &World, call: &Call) -> ApiResult {
    let acting = call.account(world, Scope::Any)?;
    let mut params = call.params()?;
    let redirect_uri = redirect_uri(world, &acting.client_id, &mut params)?;
    let provider_name = params.choice("provider_name", &CONFERENCING.map(|(name, _)| name));
    params.finish()?;
    let wish = Wish::Conferencing { provider_name };
    let consent =
        world.ask(&acting.client_id, &acting.account.sub, redirect_uri.unwrap_or_default(), wish)?;
    Ok(Json(json!({ "authorization_request": { "url": consents::url(call, &consent) } })).into_response())
}

/// An address that people may be sent back to, as with an authorization.
pub(super) fn redirect_uri(
    world: &World,
    client_id: &str,
    params: &mut Params<'_>,
) -> Result<Option<String>, StoreError> {
    let Some(address) = params.required_address("redirect_uri") else { return Ok(None) };
    let application = world.store.get::<Application>(client_id)?;
    if !application.is_some_and(|application| application.accepts(&address)) {
        params.wrong("redirect_uri", "invalid", "must be one of the application's verified redirect URIs");
    }
    Ok(Some(address))
}
