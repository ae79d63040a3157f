//! Meeting agents: sent to a meeting at once or at a time, and called back as long as they have not joined.
//! <https://docs.cronofy.com/developers/api/meeting-agents/>

use axum::Json;
use axum::Router;
use axum::http::StatusCode;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use jiff::Timestamp;
use serde_json::json;

use super::subscriptions::{self, interact, interact_at};
use crate::auth::Caller;
use crate::call::{Call, operation};
use crate::errors::{ApiError, ApiResult, accepted};
use crate::params::Params;
use crate::server::State;
use crate::world::World;
use crate::world::event_time::Moment;
use crate::world::meeting_agents::{AgentState, MeetingAgent};
use crate::world::store::StoreError;

const ACTIVATED: &str = "meeting_agent_activated";

pub(super) fn router() -> Router<State> {
    Router::new()
        .route("/v1/meeting_agents", post(operation(schedule)).delete(operation(cancel)))
        .route("/meeting_agents/{sub}/transcript", get(operation(transcript)))
}

fn schedule(world: &World, call: &Call) -> ApiResult {
    let client_id = caller(world, call)?;
    let mut params = call.params()?;
    let join_url = params.required_address("join_url");
    let scheduling_key = params.text("scheduling_key", 1024).filter(|key| !key.is_empty());
    let join_time = join_time(&mut params);
    for (name, other, missing) in [
        ("scheduling_key", "join_time", scheduling_key.is_none() && params.has("join_time")),
        ("join_time", "scheduling_key", scheduling_key.is_some() && !params.has("join_time")),
    ] {
        if missing {
            params.wrong(name, "required", &format!("must be specified beside {other}"));
        }
    }
    params.text("display_name", 1024);
    let subscriptions = subscriptions::read(&mut params, &subscriptions::MEETING_AGENT);
    params.finish()?;
    let known = scheduling_key.as_deref().map_or(Ok(None), |key| world.agent_by_key(&client_id, key))?;
    if known.as_ref().is_some_and(|known| known.has_joined(world.now())) {
        return Err(ApiError::field(
            "scheduling_key",
            "already_joined",
            "scheduling_key must be of an agent that has not joined",
        ));
    }
    let agent = MeetingAgent {
        sub: known.map_or_else(|| world.ids.id("agt_"), |known| known.sub),
        client_id,
        scheduling_key,
        join_url: join_url.unwrap_or_default(),
        join_time: join_time.unwrap_or_else(|| world.now()),
        ended: None,
        origin: call.origin.clone(),
        subscriptions,
    };
    world.store.put(&agent)?;
    subscriptions::disarm(world, &agent.key())?;
    let about = json!({ "meeting_agent": agent.to_json(AgentState::Active) });
    if agent.scheduling_key.is_some() {
        let moment = (ACTIVATED, agent.join_time);
        interact_at(world, &agent.client_id, &agent.subscriptions, moment, &about, &agent.key())?;
        return Ok(accepted());
    }
    interact(world, &agent.client_id, &agent.subscriptions, ACTIVATED, &about)?;
    Ok(Json(agent.to_json(AgentState::Created)).into_response())
}

/// Calls a scheduled agent back. One that has joined stays, and one that is unknown was called back before.
fn cancel(world: &World, call: &Call) -> ApiResult {
    let client_id = caller(world, call)?;
    let fields = call.query_and_body()?;
    let mut params = Params::new(&fields);
    let key = params.required_text("scheduling_key", 1024);
    params.finish()?;
    let agent = world.agent_by_key(&client_id, &key.unwrap_or_default())?;
    if let Some(agent) = agent.filter(|agent| !agent.has_joined(world.now())) {
        subscriptions::disarm(world, &agent.key())?;
        world.store.delete::<MeetingAgent>(&agent.sub)?;
    }
    Ok(accepted())
}

/// Ends an agent's meeting and tells its subscribers.
pub(crate) fn end_meeting_agent(
    world: &World,
    agent: MeetingAgent,
    state: AgentState,
    interaction: &str,
) -> Result<(), StoreError> {
    subscriptions::disarm(world, &agent.key())?;
    let agent = MeetingAgent { ended: Some(state), join_time: agent.join_time.min(world.now()), ..agent };
    world.store.put(&agent)?;
    let about = json!({ "meeting_agent": agent.to_json(state) });
    interact(world, &agent.client_id, &agent.subscriptions, interaction, &about)
}

/// What an agent that left a meeting wrote down.
fn transcript(world: &World, call: &Call) -> ApiResult {
    let agent = world.store.get::<MeetingAgent>(call.path("sub"))?;
    let agent = agent.filter(|agent| agent.ended == Some(AgentState::Complete)).ok_or(ApiError::NotFound)?;
    let text = format!("WEBVTT\n\n00:00.000 --> 00:05.000\nThe meeting at {} is over.\n", agent.join_url);
    Ok((StatusCode::OK, [(header::CONTENT_TYPE, "text/vtt")], text).into_response())
}

/// The application that calls. Cronofy's examples show its API key for agents that join at once and an access token for
/// those that join later; either is taken for both, unless the settings say otherwise.
fn caller(world: &World, call: &Call) -> ApiResult<String> {
    let with_token = world.settings().meeting_agents_with_access_token;
    match call.caller(world)? {
        Caller::Application(application) => Ok(application.client_id),
        Caller::Organization { client_id, connection: None, .. } => Ok(client_id),
        Caller::Account(..) | Caller::Organization { .. } if !with_token => Err(ApiError::Unauthorized),
        Caller::Account(connection, _) => Ok(connection.grant.client_id),
        Caller::Organization { client_id, .. } => Ok(client_id),
        Caller::ServiceAccount(..) => Err(ApiError::Forbidden),
    }
}

fn join_time(params: &mut Params<'_>) -> Option<Timestamp> {
    match params.event_time("join_time")?.moment {
        Moment::Time(time) => Some(time),
        Moment::Date(_) => {
            params.wrong("join_time", "invalid", "must be a time");
            None
        }
    }
}
