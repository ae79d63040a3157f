//! Access to other people's calendars, asked for and answered at a callback address: by a service account for users and
//! resources of its domain, and by an account for calendars shared with it.
//! <https://docs.cronofy.com/developers/api/enterprise-connect/delegated-access/>

use axum::Router;
use axum::routing::post;
use serde_json::Value;

use super::accessible_calendars::own_profile;
use crate::auth::Caller;
use crate::call::{Call, operation};
use crate::errors::{ApiError, ApiResult, accepted};
use crate::params::Params;
use crate::server::State;
use crate::world::World;
use crate::world::accounts::ServiceAccount;
use crate::world::authorizations::Connection;
use crate::world::delegations::{Delegation, covers, domain_of};

/// What a service account must have been granted to ask for people's calendars, and for rooms'.
const ACCOUNTS: &str = "service_account/accounts/manage";
const RESOURCES: &str = "service_account/resources/manage";

/// The most accounts that can be asked for at once.
const COLLECTION: usize = 50;

/// The name of the list where several are asked for at once.
const LIST: &str = "service_account_authorizations";

pub(super) fn router() -> Router<State> {
    Router::new()
        .route("/v1/service_account_authorizations", post(operation(by_service_account)))
        .route("/v1/delegated_authorizations", post(operation(by_account)))
}

fn by_service_account(world: &World, call: &Call) -> ApiResult {
    let (connection, service_account) = service_account(world, call)?;
    let mut params = call.params()?;
    let mut asked = Vec::new();
    if params.has(LIST) {
        if ["email", "callback_url", "scope", "state"].iter().any(|name| params.has(name)) {
            params.wrong(LIST, "invalid", "and the fields of a single request exclude each other");
        }
        let list = params.list(LIST, COLLECTION).unwrap_or_default();
        if list.is_empty() {
            params.wrong(LIST, "required", "must have at least one entry");
        }
        for value in list {
            let mut inner = Params::within(value, LIST);
            asked.extend(delegation(&mut inner, &connection));
            if !value.is_object() {
                inner.wrong("email", "invalid", "must be in an object");
            }
            params.absorb(inner);
        }
    } else {
        asked.extend(delegation(&mut params, &connection));
    }
    params.finish()?;
    for one in asked {
        let rooms = world.resources_of_domain(&service_account.domain)?;
        let is_room = rooms.iter().any(|room| room.email.eq_ignore_ascii_case(&one.email));
        let account = if has_scope(&connection, if is_room { RESOURCES } else { ACCOUNTS }) {
            world.delegable_account(&service_account.domain, &one.email)?
        } else {
            None
        };
        world.delegate(&one, account.as_ref())?;
    }
    Ok(accepted())
}

fn by_account(world: &World, call: &Call) -> ApiResult {
    let (connection, account) = match call.caller(world)? {
        Caller::Account(connection, account) => (connection, account),
        Caller::Application(_) => return Err(ApiError::Unauthorized),
        _ => return Err(ApiError::Forbidden),
    };
    let mut params = call.params()?;
    own_profile(world, &account.sub, &mut params)?;
    let asked = delegation(&mut params, &connection);
    params.finish()?;
    let Some(asked) = asked else { return Err(ApiError::NotFound) };
    let accessible = world.accessible_calendars(&account.sub)?;
    let is_shared = accessible.iter().any(|known| known.email.eq_ignore_ascii_case(&asked.email));
    let found =
        if is_shared { world.delegable_account(&domain_of(&asked.email), &asked.email)? } else { None };
    world.delegate(&asked, found.as_ref())?;
    Ok(accepted())
}

/// The service account that calls, where it may ask for anybody's access at all.
fn service_account(world: &World, call: &Call) -> ApiResult<(Connection, ServiceAccount)> {
    match call.service_account(world, ACCOUNTS) {
        Err(ApiError::Forbidden) => call.service_account(world, RESOURCES),
        outcome => outcome,
    }
}

fn delegation(params: &mut Params<'_>, connection: &Connection) -> Option<Delegation> {
    let email = params.required_text("email", 320);
    if email.as_ref().is_some_and(|email| !email.contains('@')) {
        params.wrong("email", "invalid", "must be an e-mail address");
    }
    let callback_url = params.required_address("callback_url");
    let scope = params.required_text("scope", 1024);
    let delegated = connection.grant.delegated_scope.as_deref().unwrap_or_default();
    if scope.as_ref().is_some_and(|scope| !covers(delegated, scope)) {
        params.wrong("scope", "invalid", "must lie within the delegated_scope that was granted");
    }
    // Some clients send numbers.
    let state = match params.value("state") {
        Some(Value::Number(number)) => Some(number.to_string()),
        _ => params.text("state", 4096),
    };
    Some(Delegation {
        client_id: connection.grant.client_id.clone(),
        through: connection.grant.sub.clone(),
        email: email?,
        callback_url: callback_url?,
        scope: scope?,
        state,
    })
}

fn has_scope(connection: &Connection, scope: &str) -> bool {
    connection.grant.scope.split_ascii_whitespace().any(|granted| granted == scope)
}
