//! An application's own page: its credentials, its mode, its redirect URLs, and authorization URLs to try.

use axum::Router;
use axum::response::Response;
use axum::routing::{get, post};
use minijinja::context;
use minijinja::value::Serde;
use serde::Serialize;
use url::Url;

use super::applications::{mode_of, page_of};
use super::overview::CALLBACK;
use super::visit::{Done, Visit, change, done, show};
use crate::errors::SandboxError;
use crate::oauth::request::ENTERPRISE;
use crate::recorder::mask;
use crate::server::State;
use crate::world::applications::{Application, Mode, RedirectUri, web_address};
use crate::world::ids::unguessable;

/// What an application may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Organization,
    Individual,
    Enterprise,
}

/// An application as its page shows it.
#[derive(Serialize)]
struct View {
    href: String,
    name: String,
    /// The homepage where it can be linked to.
    homepage: Option<String>,
    client_id: String,
    client_secret: String,
    masked_secret: String,
    in_production: bool,
    is_internal: bool,
    /// The name of the organization an Internal Application serves.
    internal_to: Option<String>,
    redirect_uris: Vec<RedirectUri>,
    /// Whether some redirect URL waits for approval.
    has_submitted: bool,
}

#[derive(Serialize)]
struct Choice {
    value: &'static str,
    label: &'static str,
    chosen: bool,
}

#[derive(Serialize)]
struct Redirect {
    uri: String,
    chosen: bool,
}

pub(super) fn router() -> Router<State> {
    Router::new()
        .route("/dashboard/applications/{client_id}", get(show(application)))
        .route("/dashboard/applications/{client_id}/mode", post(change(set_mode)))
        .route("/dashboard/applications/{client_id}/submit", post(change(submit)))
        .route("/dashboard/applications/{client_id}/verify", post(change(verify)))
}

/// An authorization URL with a fresh state; without a redirect URI it leads back to the dashboard.
pub(super) fn authorization_url(
    visit: &Visit,
    application: &Application,
    kind: Kind,
    redirect_uri: &str,
) -> String {
    let own = format!("{}{CALLBACK}", visit.origin());
    let redirect_uri = if redirect_uri.is_empty() { &own } else { redirect_uri };
    let state = unguessable();
    let mut parameters = vec![
        ("response_type", "code"),
        ("client_id", &application.client_id),
        ("redirect_uri", redirect_uri),
        ("scope", kind.scope()),
        ("state", &state),
    ];
    if kind == Kind::Enterprise {
        parameters.push(("delegated_scope", "read_write"));
    }
    let address = format!("{}{}", visit.origin(), kind.path());
    // Spaces as RFC 6749 has them, rather than as forms do.
    Url::parse_with_params(&address, parameters)
        .map(|url| url.as_str().replace('+', "%20"))
        .unwrap_or_default()
}

fn application(visit: &Visit) -> Result<Response, SandboxError> {
    let application = known(visit)?;
    let kind = Kind::ALL.into_iter().find(|kind| kind.word() == visit.query("connect"));
    let kind = kind.unwrap_or(Kind::Organization);
    let redirects = redirects(visit, &application);
    let redirect_uri =
        redirects.iter().find(|redirect| redirect.chosen).map(|redirect| redirect.uri.as_str());
    let authorization_url = authorization_url(visit, &application, kind, redirect_uri.unwrap_or_default());
    let is_accepted = redirect_uri.is_some_and(|uri| application.accepts(uri));
    let internal_command = format!(
        "curl -s {}/v1/organizational_unit_members -H 'Authorization: Bearer CLIENT_SECRET'",
        visit.origin()
    );
    let kinds =
        Kind::ALL.map(|known| Choice { value: known.word(), label: known.label(), chosen: known == kind });
    visit.page(
        "dashboard/application.html",
        context! {
            application => Serde(View::of(visit, application)),
            kinds => Serde(kinds),
            redirects => Serde(redirects),
            authorization_url,
            is_accepted,
            internal_command,
        },
    )
}

fn set_mode(visit: &Visit) -> Result<Done, SandboxError> {
    let application = visit.control.set_mode(visit.call.path("client_id"), mode_of(visit))?;
    let mode = if application.mode == Mode::Production { "production" } else { "development" };
    done(page_of(&application), format!("{} is in {mode} now.", application.name))
}

fn submit(visit: &Visit) -> Result<Done, SandboxError> {
    let uri = visit.required("redirect_uri", "the redirect URL")?;
    let application = visit.control.submit_redirect_uris(visit.call.path("client_id"), &[uri.to_owned()])?;
    done(page_of(&application), format!("{uri} was submitted. It counts once it is approved."))
}

fn verify(visit: &Visit) -> Result<Done, SandboxError> {
    let application = visit.control.verify_redirect_uris(visit.call.path("client_id"))?;
    let said = format!("The redirect URLs of {} are verified; it is in production now.", application.name);
    done(page_of(&application), said)
}

fn known(visit: &Visit) -> Result<Application, SandboxError> {
    let client_id = visit.call.path("client_id");
    let found = visit.world(|world| world.store.get::<Application>(client_id))?;
    found.ok_or_else(|| SandboxError::Unknown { what: "application", name: client_id.into() })
}

/// Where people can be sent: to the dashboard, or to any address that was submitted and is no pattern.
fn redirects(visit: &Visit, application: &Application) -> Vec<Redirect> {
    let submitted = application.redirect_uris.iter().map(|known| known.uri.clone());
    let mut uris = vec![format!("{}{CALLBACK}", visit.origin())];
    uris.extend(submitted.filter(|uri| !uri.contains("://*.")));
    let asked = visit.query("redirect_uri");
    let default = uris.iter().position(|uri| uri == asked);
    // In production the first address that will be accepted.
    let default = default.or_else(|| uris.iter().position(|uri| application.accepts(uri))).unwrap_or(0);
    uris.into_iter().enumerate().map(|(at, uri)| Redirect { uri, chosen: at == default }).collect()
}

impl View {
    fn of(visit: &Visit, application: Application) -> Self {
        let organizations = visit.control.organizations();
        let internal_to = application.internal_to.as_ref();
        let organization = internal_to
            .map(|id| organizations.iter().find(|known| known.organization_id == *id))
            .map(|known| known.map_or_else(|| "nobody".into(), |known| known.name.clone()));
        Self {
            href: page_of(&application),
            homepage: web_address(&application.url).map(|_| application.url.clone()),
            masked_secret: mask(&application.client_secret),
            in_production: application.mode == Mode::Production,
            is_internal: application.internal_to.is_some(),
            internal_to: organization,
            has_submitted: application.redirect_uris.iter().any(|known| !known.verified),
            name: application.name,
            client_id: application.client_id,
            client_secret: application.client_secret,
            redirect_uris: application.redirect_uris,
        }
    }
}

impl Kind {
    const ALL: [Self; 3] = [Self::Organization, Self::Individual, Self::Enterprise];

    fn word(self) -> &'static str {
        match self {
            Self::Organization => "organization",
            Self::Individual => "individual",
            Self::Enterprise => "enterprise",
        }
    }

    fn label(self) -> &'static str {
        match self {
            Self::Organization => "An organization (Organization Connect)",
            Self::Individual => "One person (Individual Connect)",
            Self::Enterprise => "A whole domain (Enterprise Connect)",
        }
    }

    fn scope(self) -> &'static str {
        match self {
            Self::Organization => "organizational_unit_scheduler",
            Self::Individual => "read_account list_calendars read_events create_event delete_event",
            Self::Enterprise => "service_account/accounts/manage service_account/resources/manage",
        }
    }

    fn path(self) -> &'static str {
        if self == Self::Enterprise { ENTERPRISE } else { "/oauth/authorize" }
    }
}
