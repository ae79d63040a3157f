//! The authorization pages: who asks for what, Approve and Deny. The form carries an unguessable token that stands for
//! the request which was shown and is good for one answer.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use minijinja::context;
use minijinja::value::Serde;
use serde::{Deserialize, Serialize};

use super::request::{AuthorizationRequest, Rejection};
use crate::call::Call;
use crate::errors::{ApiError, ApiResult};
use crate::pages::{error_page, page};
use crate::world::World;
use crate::world::applications::{Application, Mode, web_address};
use crate::world::authorizations::ConnectionKind;
use crate::world::ids::unguessable;
use crate::world::store::Record;

/// How long a page waits for its answer.
const PAGE_TTL_MS: i64 = 10 * 60 * 1000;

/// A request that was shown to somebody.
#[derive(Serialize, Deserialize)]
struct Pending {
    form_token: String,
    request: AuthorizationRequest,
    expires_ms: i64,
}

impl Record for Pending {
    const KIND: &'static str = "pending_authorization";
    fn id(&self) -> &str {
        &self.form_token
    }
}

/// `GET`: shows the page, or says why there is nothing to approve.
pub(super) fn show(world: &World, call: &Call) -> ApiResult {
    let request = match AuthorizationRequest::examine(world, &call.uri_path, &call.query)? {
        Ok(request) => request,
        Err(Rejection::Page(why)) => {
            return untrusted(world, call, why);
        }
        Err(Rejection::Redirect(address)) => return Ok(redirect(&address)),
    };
    call.note(&request.client_id, None);
    let candidates = request.candidates(world)?;
    if world.settings().auto_approve {
        let address = match candidates.first() {
            Some(candidate) => request.approve(world, candidate)?,
            None => request.deny(),
        };
        return Ok(redirect(&address));
    }
    let application = world.store.get::<Application>(&request.client_id)?.ok_or(ApiError::NotFound)?;
    let homepage = web_address(&application.url).map(|_| &application.url);
    let returns_to = url::Url::parse(&request.redirect_uri).ok();
    let returns_to = returns_to.and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default();
    world.store.delete_up_to::<Pending>("expires_ms", world.now_ms())?;
    let pending = Pending {
        form_token: unguessable(),
        expires_ms: world.now_ms() + PAGE_TTL_MS,
        request: request.clone(),
    };
    world.store.put(&pending)?;
    Ok(page(
        StatusCode::OK,
        "authorize.html",
        context! {
            action => &call.uri_path,
            form_token => &pending.form_token,
            application => context! { name => application.name, homepage => homepage },
            unverified => application.mode == Mode::Development,
            is_organization => request.kind == ConnectionKind::Organization,
            is_enterprise => request.kind == ConnectionKind::ServiceAccount,
            wishes => request.wishes(),
            delegated_wishes => request.delegated_wishes(),
            scope => &request.scope,
            provider_name => &request.provider_name,
            returns_to => returns_to,
            candidates => Serde(&candidates),
        },
    ))
}

/// `POST`: takes the answer and sends the browser back to the application.
pub(super) fn decide(world: &World, call: &Call) -> ApiResult {
    let mut params = call.params()?;
    let (form_token, decision, approver) = (
        params.required_text("form_token", 100),
        params.choice("decision", &["approve", "deny"]),
        params.text("approver", 200),
    );
    let pending = form_token.map_or(Ok(None), |token| world.store.get::<Pending>(&token))?;
    let Some(pending) = pending.filter(|pending| world.now_ms() < pending.expires_ms) else {
        return Ok(error_page(
            StatusCode::BAD_REQUEST,
            "This page has expired",
            "It was answered before, or too long ago. Go back to the application and start again.",
        ));
    };
    world.store.delete::<Pending>(&pending.form_token)?;
    let request = pending.request;
    call.note(&request.client_id, None);
    let candidates = request.candidates(world)?;
    let chosen = candidates.iter().find(|candidate| approver.as_ref() == Some(&candidate.value));
    match (decision.as_deref(), chosen) {
        (Some("deny"), _) => Ok(redirect(&request.deny())),
        (Some("approve"), Some(candidate)) => Ok(redirect(&request.approve(world, candidate)?)),
        _ => Ok(error_page(
            StatusCode::BAD_REQUEST,
            "Nothing was decided",
            "Choose who approves, then Approve or Deny. Go back to the application and start again.",
        )),
    }
}

/// Says why there is nothing to approve and where the developer mends it. Nobody is sent to an address that cannot be
/// trusted.
fn untrusted(world: &World, call: &Call, why: &str) -> ApiResult {
    let asked = |name: &str| call.query.get(name).and_then(serde_json::Value::as_str).unwrap_or_default();
    let details: Vec<_> = ["client_id", "redirect_uri"]
        .into_iter()
        .filter(|name| !asked(name).is_empty())
        .map(|name| context! { name => name, value => asked(name) })
        .collect();
    let application = world.store.get::<Application>(asked("client_id"))?;
    let mend = application.map_or_else(
        || {
            context! {
                words => "Every client id of this sandbox is listed on the dashboard.",
                href => "/dashboard/applications",
                label => "Open the applications",
            }
        },
        |application| {
            context! {
                words => format!("The redirect URLs, mode and kind of {} are set on its page.", application.name),
                href => format!("/dashboard/applications/{}", application.client_id),
                label => "Open its page",
            }
        },
    );
    Ok(page(
        StatusCode::BAD_REQUEST,
        "error.html",
        context! { title => "This application cannot be connected", message => why, details, mend },
    ))
}

/// 303, so that the browser asks for the application's page and does not repeat the form there.
pub(crate) fn redirect(address: &str) -> Response {
    let Ok(location) = HeaderValue::try_from(address) else {
        return error_page(
            StatusCode::BAD_REQUEST,
            "This application cannot be connected",
            "The redirect_uri is no address.",
        );
    };
    let headers = [
        (header::LOCATION, location),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    ];
    (StatusCode::SEE_OTHER, headers).into_response()
}
