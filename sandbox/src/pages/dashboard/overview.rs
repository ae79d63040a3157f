//! The first page: what the sandbox is, what it holds, and the first steps as commands to paste. Beside it the page that
//! plays the part of an application's callback.

use axum::Router;
use axum::response::Response;
use axum::routing::get;
use minijinja::context;
use minijinja::value::Serde;
use serde::Serialize;

use super::application::{Kind, authorization_url};
use super::requests::latest;
use super::visit::{Visit, show};
use super::words;
use crate::errors::SandboxError;
use crate::server::State;
use crate::world::applications::{Application, Mode};
use crate::world::authorizations::ConnectionStatus;

/// How many requests the first page shows.
const LATEST: usize = 5;

/// The page that shows what an application's callback would get.
pub(super) const CALLBACK: &str = "/dashboard/callback";

#[derive(Serialize)]
struct Tile {
    name: &'static str,
    value: u64,
}

#[derive(Serialize)]
struct Commands {
    create: String,
    approve: String,
    exchange: String,
    call: String,
}

/// The application to try things with.
#[derive(Serialize)]
struct Trial {
    application: String,
    page: String,
    href: String,
}

pub(super) fn router() -> Router<State> {
    Router::new().route("/dashboard", get(show(overview))).route(CALLBACK, get(show(callback)))
}

fn overview(visit: &Visit) -> Result<Response, SandboxError> {
    let application = application_to_try(visit);
    let url =
        application.as_ref().map(|application| authorization_url(visit, application, Kind::Organization, ""));
    let commands = commands(visit, application.as_ref(), url.as_deref().unwrap_or_default());
    let trial = application.zip(url).map(|(application, href)| Trial {
        page: format!("/dashboard/applications/{}", application.client_id),
        application: application.name,
        href,
    });
    visit.page(
        "dashboard/overview.html",
        context! {
            tiles => Serde(tiles(visit)),
            commands => Serde(commands),
            trial => Serde(trial),
            requests => Serde(latest(visit, LATEST)?),
        },
    )
}

fn callback(visit: &Visit) -> Result<Response, SandboxError> {
    let parameters = visit.call.query.as_object().into_iter().flatten();
    let parameters: Vec<_> = parameters
        .filter_map(|(name, value)| Some(context! { name => name, value => value.as_str()? }))
        .collect();
    let code = visit.query("code");
    let ttl_ms = i64::try_from(visit.control.settings().code_ttl_ms).unwrap_or(i64::MAX);
    visit.page(
        "dashboard/callback.html",
        context! {
            parameters,
            code,
            code_life => words::span(ttl_ms),
            command => exchange_command(visit.origin(), "$CLIENT_ID", "$CLIENT_SECRET", &shell_word(code)),
        },
    )
}

/// The first application that can show an authorization page which leads back to the dashboard.
fn application_to_try(visit: &Visit) -> Option<Application> {
    let applications = visit.control.applications();
    applications.into_iter().find(|known| known.internal_to.is_none() && known.mode == Mode::Development)
}

fn tiles(visit: &Visit) -> Vec<Tile> {
    let (counters, connections) = (visit.control.counters(), visit.control.connections());
    let active = connections.iter().filter(|known| known.status == ConnectionStatus::Active).count();
    let amount = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    vec![
        Tile { name: "Active connections", value: amount(active) },
        Tile { name: "Requests", value: counters.requests },
        Tile { name: "Impersonated", value: counters.impersonations.values().sum() },
        Tile { name: "Refreshes", value: counters.refreshes.values().sum() },
        Tile { name: "Refused with 401", value: counters.unauthorized },
        Tile { name: "Faults in force", value: amount(visit.control.faults().len()) },
    ]
}

fn commands(visit: &Visit, application: Option<&Application>, url: &str) -> Commands {
    let origin = visit.origin();
    let client_id = application.map_or("CLIENT_ID", |application| application.client_id.as_str());
    let (owner, member) = owner_and_member(visit);
    Commands {
        create: format!("curl -s {origin}/sandbox/applications -d '{{\"name\":\"Rota\"}}'"),
        approve: format!(
            "curl -s {origin}/sandbox/authorize -d '{{\"approver\":\"{owner}\",\n  \"url\":\"{url}\"}}'"
        ),
        exchange: exchange_command(origin, client_id, "CLIENT_SECRET", "CODE"),
        call: format!(
            "curl -s {origin}/v1/userinfo \\\n  -H 'Authorization: Bearer ACCESS_TOKEN' \\\n  \
             -H 'Cronofy-Impersonate: {member}'"
        ),
    }
}

fn exchange_command(origin: &str, client_id: &str, client_secret: &str, code: &str) -> String {
    format!(
        "curl -s {origin}/oauth/token -d grant_type=authorization_code \\\n  -d \"client_id={client_id}\" \\\n  \
         -d \"client_secret={client_secret}\" \\\n  -d code={code} \\\n  -d redirect_uri={origin}{CALLBACK}"
    )
}

/// The e-mail address of the first owner, and the `sub` of somebody else in the same organization.
fn owner_and_member(visit: &Visit) -> (String, String) {
    for organization in visit.control.organizations() {
        let members = visit.control.members(&organization.organization_id);
        let is_owner = |roles: &[String]| roles.iter().any(|role| role == "owner");
        let owner = members.iter().find(|member| is_owner(&member.roles));
        let other = members.iter().find(|member| !is_owner(&member.roles));
        if let Some(owner) = owner {
            let quotable = |text: &str| !text.contains(['\'', '"', '\\']);
            if quotable(&owner.email) {
                return (owner.email.clone(), other.unwrap_or(owner).sub.clone());
            }
        }
    }
    ("OWNER".into(), "SUB".into())
}

/// A text that came in an address as one word of a shell, whatever is in it.
fn shell_word(text: &str) -> String {
    if text.chars().all(|letter| letter.is_ascii_alphanumeric()) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_in_an_address_cannot_add_to_a_command() {
        assert_eq!(shell_word("abc123"), "abc123");
        assert_eq!(shell_word("$(rm x)'; y"), r"'$(rm x)'\''; y'");
    }
}
