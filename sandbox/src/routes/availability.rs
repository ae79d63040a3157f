//! When people are free together: one event, or several after one another, computed from what is stored.
//! <https://docs.cronofy.com/developers/api/scheduling/availability/> and
//! <https://docs.cronofy.com/developers/api/scheduling/sequenced-availability/>.

use std::borrow::Cow;
use std::collections::BTreeMap;

use axum::Json;
use axum::Router;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::post;
use serde_json::Value;

use crate::auth::Caller;
use crate::availability::{
    AvailabilityQuery, Interval, Limits, MemberCalendar, SequencedQuery, availability, sequenced_availability,
};
use crate::call::{Call, operation};
use crate::errors::{ApiError, ApiResult, FieldErrors};
use crate::server::State;
use crate::settings::UnknownParticipants;
use crate::world::World;
use crate::world::store::StoreError;

/// The fields of a query that are numbers, and those that are true or false.
const NUMBERS: [&str; 6] = ["hours", "limit", "max_results", "minutes", "ordinal", "required"];
const FLAGS: [&str; 4] =
    ["ignore_tentative", "include_member_statuses", "managed_availability", "only_managed_events"];

pub(super) fn router() -> Router<State> {
    Router::new()
        .route("/v1/availability", post(operation(read)))
        .route("/v1/sequenced_availability", post(operation(read_sequenced)))
}

fn read(world: &World, call: &Call) -> ApiResult {
    let client_id = asker(world, call)?;
    let body = typed(call)?;
    let query = AvailabilityQuery::parse(&body, &Limits::default())?;
    let calendars = calendars(world, &client_id, &query.subs(), query.horizon())?;
    Ok(Json(availability(&query, &calendars).body()).into_response())
}

fn read_sequenced(world: &World, call: &Call) -> ApiResult {
    let client_id = asker(world, call)?;
    let body = typed(call)?;
    let query = SequencedQuery::parse(&body, &Limits::default())?;
    let calendars = calendars(world, &client_id, &query.subs(), query.horizon())?;
    Ok(Json(sequenced_availability(&query, &calendars).body()).into_response())
}

/// The application that asks. Documented is its API key; most clients send an access token instead.
fn asker(world: &World, call: &Call) -> ApiResult<String> {
    let with_token = world.settings().availability_with_access_token;
    match call.caller(world)? {
        Caller::Application(application) => Ok(application.client_id),
        Caller::Organization { client_id, connection: None, .. } => Ok(client_id),
        Caller::Account(..) | Caller::Organization { .. } if !with_token => Err(ApiError::Unauthorized),
        Caller::Account(connection, _) => Ok(connection.grant.client_id),
        Caller::Organization { client_id, .. } => Ok(client_id),
        Caller::ServiceAccount(..) => Err(ApiError::Forbidden),
    }
}

/// The participants' calendars. Somebody the application may not ask about is refused, or by the settings never free.
fn calendars(
    world: &World,
    client_id: &str,
    subs: &[&str],
    horizon: Option<Interval>,
) -> ApiResult<BTreeMap<String, MemberCalendar>> {
    let (known, errors) = known_participants(world, client_id, subs)?;
    errors.finish()?;
    let Some(horizon) = horizon else { return Ok(BTreeMap::new()) };
    Ok(world.member_calendars(client_id, &known, horizon)?)
}

/// Those of the participants whom the application may ask about, and what to say of the others: nothing where the
/// settings pass over them.
pub(super) fn known_participants<'s>(
    world: &World,
    client_id: &str,
    subs: &[&'s str],
) -> Result<(Vec<&'s str>, FieldErrors), StoreError> {
    let mut errors = FieldErrors::default();
    let mut known = Vec::new();
    for sub in subs {
        if world.reaches(client_id, sub)? {
            known.push(*sub);
        } else if world.settings().unknown_participants == UnknownParticipants::Refuse {
            let description = format!("{sub} is not known to the application");
            errors.add("participants.members.sub", "invalid", &description);
        }
    }
    Ok((known, errors))
}

/// The body with the numbers and booleans that a form can only spell.
fn typed(call: &Call) -> ApiResult<Cow<'_, Value>> {
    let kind = call.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let mut body = Cow::Borrowed(call.body()?);
    if kind.trim_start().starts_with("application/x-www-form-urlencoded") {
        spell_out(body.to_mut());
    }
    Ok(body)
}

fn spell_out(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(spell_out),
        Value::Object(fields) => {
            for (name, field) in fields {
                let Some(text) = field.as_str() else {
                    spell_out(field);
                    continue;
                };
                if NUMBERS.contains(&name.as_str()) {
                    if let Ok(number) = text.parse::<i64>() {
                        *field = number.into();
                    }
                } else if FLAGS.contains(&name.as_str())
                    && let Ok(flag) = text.to_ascii_lowercase().parse::<bool>()
                {
                    *field = flag.into();
                }
            }
        }
        _ => {}
    }
}
