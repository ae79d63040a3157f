//! Authorization: the pages people approve or deny on, the token endpoint, revocation.

pub(crate) mod authorize;
pub(crate) mod request;
mod revoke;
pub(crate) mod token;

use axum::Router;
use axum::routing::{get, post};

use crate::call::operation;
use crate::server::State;

pub(crate) fn router() -> Router<State> {
    Router::new()
        .route("/oauth/authorize", get(operation(authorize::show)).post(operation(authorize::decide)))
        .route(
            "/enterprise_connect/oauth/authorize",
            get(operation(authorize::show)).post(operation(authorize::decide)),
        )
        .route("/oauth/token", post(operation(token::token)))
        .route("/oauth/token/revoke", post(operation(revoke::revoke)))
}
