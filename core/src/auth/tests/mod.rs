//! Tests of the pure halves of authorization: URLs, callbacks, token replies, persisted forms.

mod authorize;
mod callback;
mod token;

use jiff::Timestamp;

use super::authorize::{AuthorizationRequest, PendingAuthorization, authorize};
use crate::config::{DataCenter, Endpoints};

const STATE: &str = "a-state-that-nobody-can-guess";

fn now() -> Timestamp {
    "2026-03-01T12:00:00Z".parse().unwrap()
}

fn pending_for(request: AuthorizationRequest, data_center: DataCenter) -> PendingAuthorization {
    authorize(request, "CLIENT_ID", &Endpoints::of(data_center), now()).unwrap()
}

fn organization() -> AuthorizationRequest {
    AuthorizationRequest::organization("https://app.example/callback").state(STATE)
}
