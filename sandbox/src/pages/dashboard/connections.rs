//! Connections with their tokens masked, and the buttons that expire or revoke them.

use axum::Router;
use axum::response::Response;
use axum::routing::{get, post};
use jiff::Timestamp;
use minijinja::context;
use minijinja::value::Serde;
use serde::Serialize;

use super::visit::{Done, Visit, change, done, show};
use super::words;
use crate::control::views::ConnectionView;
use crate::errors::SandboxError;
use crate::server::State;
use crate::world::authorizations::{Connection, ConnectionKind, ConnectionStatus};

const PAGE: &str = "/dashboard/connections";

/// A connection as its panel shows it.
#[derive(Serialize)]
struct View {
    of: String,
    application: String,
    client_id: String,
    sub: String,
    kind: &'static str,
    scope: String,
    is_active: bool,
    is_expired: bool,
    access_token: String,
    refresh_token: String,
    /// When the access token expires, or that it has.
    expiry: String,
    created: String,
    refreshes: String,
}

pub(super) fn router() -> Router<State> {
    Router::new()
        .route(PAGE, get(show(list)))
        .route("/dashboard/connections/expire", post(change(expire)))
        .route("/dashboard/connections/expire-all", post(change(expire_all)))
        .route("/dashboard/connections/revoke", post(change(revoke)))
}

fn list(visit: &Visit) -> Result<Response, SandboxError> {
    let now = visit.control.now();
    let connections: Vec<_> =
        visit.control.connections().into_iter().rev().map(|known| View::of(known, now)).collect();
    let any_active = connections.iter().any(|known| known.is_active);
    visit.page("dashboard/connections.html", context! { connections => Serde(connections), any_active })
}

fn expire(visit: &Visit) -> Result<Done, SandboxError> {
    let connection = chosen(visit)?;
    let sub = connection.grant.sub.clone();
    let expired = visit.world(|world| world.expire_access_tokens_of(connection))?;
    let said = match expired {
        0 => format!("No access token of {sub} was left to expire."),
        count => format!("{} of {sub} expired.", words::count(count, "access token", "access tokens")),
    };
    done(PAGE, said)
}

fn expire_all(visit: &Visit) -> Result<Done, SandboxError> {
    let expired = visit.control.expire_access_tokens(None);
    done(PAGE, format!("{} expired.", words::count(expired, "access token", "access tokens")))
}

fn revoke(visit: &Visit) -> Result<Done, SandboxError> {
    let connection = chosen(visit)?;
    let sub = connection.grant.sub.clone();
    visit.world(|world| world.revoke(connection))?;
    done(PAGE, format!("The connection of {sub} was revoked."))
}

fn chosen(visit: &Visit) -> Result<Connection, SandboxError> {
    let (client_id, sub) = (visit.field("client_id"), visit.field("sub"));
    let found = visit.world(|world| world.connection(client_id, sub))?;
    found.ok_or_else(|| SandboxError::Refused("there is no such connection any more".into()))
}

impl View {
    fn of(connection: ConnectionView, now: Timestamp) -> Self {
        let left_ms = connection.access_token_expires.as_millisecond() - now.as_millisecond();
        let refreshes = usize::try_from(connection.refreshes).unwrap_or(usize::MAX);
        Self {
            kind: kind(connection.kind),
            is_active: connection.status == ConnectionStatus::Active,
            is_expired: left_ms <= 0,
            expiry: if left_ms > 0 {
                format!("expires in {}", words::span(left_ms))
            } else {
                format!("expired {} ago", words::span(left_ms))
            },
            access_token: connection.access_token.unwrap_or_default(),
            refresh_token: connection.refresh_token.unwrap_or_default(),
            created: words::day_and_time(connection.created),
            refreshes: words::count(refreshes, "time", "times"),
            of: connection.of,
            application: connection.application,
            client_id: connection.client_id,
            sub: connection.sub,
            scope: connection.scope,
        }
    }
}

fn kind(kind: ConnectionKind) -> &'static str {
    match kind {
        ConnectionKind::Organization => "Organization Connect",
        ConnectionKind::Account => "Individual Connect",
        ConnectionKind::ServiceAccount => "Enterprise Connect",
        ConnectionKind::ApplicationCalendar => "Application calendar",
    }
}
