//! `POST /oauth/token/revoke`: ends an authorization, named by a token or by its `sub` (RFC 7009).
//! <https://docs.cronofy.com/developers/api/authorization/revoke/>

use axum::http::StatusCode;
use axum::response::IntoResponse;

use super::token::{client, optional_field, refused};
use crate::call::Call;
use crate::errors::ApiResult;
use crate::world::World;

pub(super) fn revoke(world: &World, call: &Call) -> ApiResult {
    let application = client(world, call)?;
    // Cronofy's Node client names the token by what it is.
    let token = match optional_field(call, "token")? {
        None => optional_field(call, "refresh_token")?,
        token => token,
    };
    let connection = match (token, optional_field(call, "sub")?) {
        (Some(token), _) => world.connection_by_any_token(&token)?,
        (None, Some(sub)) => world.connection(&application.client_id, &sub)?,
        (None, None) => return Err(refused("invalid_request")),
    };
    // What is unknown, revoked or another's is answered alike (RFC 7009, section 2.2).
    if let Some(connection) = connection.filter(|known| known.grant.client_id == application.client_id) {
        call.note(&application.client_id, Some(&connection.grant.sub));
        world.revoke(connection)?;
    }
    Ok(StatusCode::OK.into_response())
}
