//! Pages on which a person allows an application something beside its authorization, or does not, and goes back to it:
//! a conferencing service, or more rights in calendars.

use axum::Router;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use minijinja::context;
use url::Url;

use crate::call::{Call, operation};
use crate::errors::{ApiError, ApiResult};
use crate::oauth::authorize::redirect;
use crate::pages::{error_page, page};
use crate::server::State;
use crate::settings::PermissionLevel;
use crate::world::World;
use crate::world::accounts::{Account, ConferencingProfile};
use crate::world::applications::Application;
use crate::world::calendars::Calendar;
use crate::world::consents::{Consent, Wish};

/// The conferencing services that can be connected, and what people call them.
pub(super) const CONFERENCING: [(&str, &str); 3] =
    [("ms_teams", "Microsoft Teams"), ("go_to", "GoTo Meeting"), ("zoom", "Zoom")];

pub(super) fn router() -> Router<State> {
    Router::new().route("/consents/{token}", get(operation(show)).post(operation(decide)))
}

/// Where the person is to be sent.
pub(super) fn url(call: &Call, consent: &Consent) -> String {
    format!("{}/consents/{}", call.origin, consent.token)
}

fn show(world: &World, call: &Call) -> ApiResult {
    let Some(consent) = open(world, call)? else { return Ok(expired()) };
    if world.settings().auto_approve {
        return approve(world, &consent, None);
    }
    let application = world.store.get::<Application>(&consent.client_id)?.ok_or(ApiError::NotFound)?;
    let account = world.store.get::<Account>(&consent.sub)?.ok_or(ApiError::NotFound)?;
    let (wishes, services) = match &consent.wish {
        Wish::Conferencing { provider_name } => {
            let services = CONFERENCING.iter();
            let offered = |name: &str| provider_name.as_deref().is_none_or(|asked| asked == name);
            let services = services.filter(|(name, _)| offered(name));
            let services =
                services.map(|(value, name)| context! { value => *value, name => *name }).collect::<Vec<_>>();
            (vec!["Create meetings with your conferencing service".to_owned()], services)
        }
        Wish::Permissions { levels } => {
            let mut wishes = Vec::new();
            for (calendar_id, level) in levels {
                let calendar = world.store.get::<Calendar>(calendar_id)?.ok_or(ApiError::NotFound)?;
                let what = match level {
                    PermissionLevel::Unrestricted => "Change and delete any event in",
                    PermissionLevel::Sandbox => "Change and delete only its own events in",
                };
                wishes.push(format!("{what} {}", calendar.name));
            }
            (wishes, Vec::new())
        }
    };
    let returns_to = Url::parse(&consent.redirect_uri).ok();
    let returns_to = returns_to.and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default();
    Ok(page(
        StatusCode::OK,
        "consents/ask.html",
        context! {
            action => &call.uri_path,
            application => &application.name,
            account => context! { name => &account.name, email => &account.email },
            wishes,
            services,
            returns_to,
        },
    ))
}

/// Takes the answer, which is good once, and sends the browser back to the application.
fn decide(world: &World, call: &Call) -> ApiResult {
    let Some(consent) = open(world, call)? else { return Ok(expired()) };
    let mut params = call.params()?;
    let decision = params.choice("decision", &["approve", "deny"]);
    let service = params.text("provider_name", 100);
    match decision.as_deref() {
        Some("approve") => approve(world, &consent, service.as_deref()),
        Some("deny") => {
            world.store.delete::<Consent>(&consent.token)?;
            Ok(redirect(&refusal(&consent.redirect_uri)))
        }
        _ => Ok(error_page(
            StatusCode::BAD_REQUEST,
            "Nothing was decided",
            "Choose Approve or Deny. Go back to the application and start again.",
        )),
    }
}

fn approve(world: &World, consent: &Consent, service: Option<&str>) -> ApiResult {
    world.store.delete::<Consent>(&consent.token)?;
    match &consent.wish {
        Wish::Conferencing { provider_name } => {
            let asked = provider_name.as_deref().or(service);
            let chosen =
                CONFERENCING.iter().find(|(name, _)| Some(*name) == asked).unwrap_or(&CONFERENCING[0]);
            connect(world, &consent.sub, chosen.0)?;
        }
        Wish::Permissions { levels } => {
            for (calendar_id, level) in levels {
                world.set_permission_level(&consent.client_id, calendar_id, *level)?;
            }
        }
    }
    Ok(redirect(&consent.redirect_uri))
}

/// Connects a conferencing service; one that was connected before is connected again.
fn connect(world: &World, sub: &str, provider_name: &str) -> ApiResult<()> {
    let account = world.store.get::<Account>(sub)?.ok_or(ApiError::NotFound)?;
    let known = world.store.list::<ConferencingProfile>(sub)?;
    let known = known.into_iter().find(|profile| profile.provider_name == provider_name);
    let profile = known.unwrap_or_else(|| ConferencingProfile {
        profile_id: world.ids.id("pro_"),
        sub: sub.into(),
        provider_name: provider_name.into(),
        profile_name: account.email,
        connected: true,
    });
    Ok(world.store.put(&ConferencingProfile { connected: true, ..profile })?)
}

fn open(world: &World, call: &Call) -> ApiResult<Option<Consent>> {
    let consent = world.store.get::<Consent>(call.path("token"))?;
    let consent = consent.filter(|consent| world.now_ms() < consent.expires_ms);
    if let Some(consent) = &consent {
        call.note(&consent.client_id, Some(&consent.sub));
    }
    Ok(consent)
}

fn refusal(redirect_uri: &str) -> String {
    // It was parsed when it was asked for.
    let Ok(mut url) = Url::parse(redirect_uri) else { return String::new() };
    url.query_pairs_mut().append_pair("error", "access_denied");
    url.into()
}

fn expired() -> Response {
    error_page(
        StatusCode::NOT_FOUND,
        "This page has expired",
        "It was answered before, or too long ago. Go back to the application and start again.",
    )
}
