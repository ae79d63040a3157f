//! The list of applications, and the form that creates one.

use std::collections::HashMap;

use axum::Router;
use axum::response::Response;
use axum::routing::{get, post};
use minijinja::context;
use minijinja::value::Serde;
use serde::Serialize;

use super::visit::{Done, Visit, change, done, show};
use crate::errors::SandboxError;
use crate::server::State;
use crate::world::applications::{Application, Mode, NewApplication, web_address};

/// An application in the list.
#[derive(Serialize)]
struct Summary {
    href: String,
    name: String,
    url: String,
    client_id: String,
    in_production: bool,
    is_internal: bool,
    connections: usize,
}

pub(super) fn router() -> Router<State> {
    Router::new()
        .route("/dashboard/applications", get(show(list)))
        .route("/dashboard/applications/create", post(change(create)))
}

/// The address of an application's own page.
pub(super) fn page_of(application: &Application) -> String {
    format!("/dashboard/applications/{}", application.client_id)
}

fn list(visit: &Visit) -> Result<Response, SandboxError> {
    let mut connections = HashMap::<String, usize>::new();
    for connection in visit.control.connections() {
        *connections.entry(connection.client_id).or_default() += 1;
    }
    let summarize = |application: Application| Summary {
        href: page_of(&application),
        in_production: application.mode == Mode::Production,
        is_internal: application.internal_to.is_some(),
        connections: connections.get(&application.client_id).copied().unwrap_or_default(),
        name: application.name,
        url: application.url,
        client_id: application.client_id,
    };
    let applications: Vec<_> = visit.control.applications().into_iter().map(summarize).collect();
    visit.page(
        "dashboard/applications.html",
        context! {
            applications => Serde(applications),
            organizations => Serde(visit.control.organizations()),
        },
    )
}

fn create(visit: &Visit) -> Result<Done, SandboxError> {
    let (name, url, internal_to) =
        (visit.required("name", "the name")?, visit.field("url"), visit.field("internal_to"));
    if !url.is_empty() && web_address(url).is_none() {
        return Err(SandboxError::Refused("the homepage must be an http or https address".into()));
    }
    let known = visit.control.organizations();
    if !internal_to.is_empty() && known.iter().all(|known| known.organization_id != internal_to) {
        return Err(SandboxError::Refused("there is no such organization".into()));
    }
    let application = visit.control.create_application(NewApplication {
        name: name.into(),
        url: url.into(),
        mode: mode_of(visit),
        internal_to: (!internal_to.is_empty()).then(|| internal_to.into()),
    });
    done(page_of(&application), format!("{} was created.", application.name))
}

/// The mode that a form asks for.
pub(super) fn mode_of(visit: &Visit) -> Mode {
    if visit.field("mode") == "production" { Mode::Production } else { Mode::Development }
}
