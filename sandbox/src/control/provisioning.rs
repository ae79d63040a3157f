//! What is set up outside the API: Admin API keys, what rooms hold, where an application hears of scheduling, and how
//! meetings with an agent end.

use axum::extract::{Path, State as FromState};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::http::{Fields, Reply, created, done};
use super::{Control, known_application, known_organization};
use crate::errors::SandboxError;
use crate::routes::end_meeting_agent;
use crate::world::applications::{AdminApiKey, web_address};
use crate::world::delegations::ResourceDetails;
use crate::world::meeting_agents::{AgentState, MeetingAgent};
use crate::world::organizations::Resource;

/// What a room holds and where it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RoomDetails {
    /// How many people it holds.
    pub capacity: Option<u32>,
    /// Building, floor, address and coordinates, as `/v1/resources` shows them.
    pub location: Option<Value>,
}

/// Provisioning.
impl Control {
    /// Makes an Admin API key of an organization, which registers applications.
    pub fn create_admin_api_key(&self, organization_id: &str) -> Result<String, SandboxError> {
        self.attempt(|world| {
            let organization = known_organization(world, organization_id)?;
            let key = world.ids.admin_api_key();
            world
                .store
                .put(&AdminApiKey { key: key.clone(), organization_id: organization.organization_id })?;
            Ok(key)
        })
    }

    /// Ends an Admin API key and says whether there was one.
    pub fn revoke_admin_api_key(&self, key: &str) -> bool {
        self.run(|world| world.store.delete::<AdminApiKey>(key))
    }

    /// Says what a resource holds and where it is.
    pub fn set_room_details(&self, sub: &str, details: RoomDetails) -> Result<(), SandboxError> {
        self.attempt(|world| {
            if world.store.get::<Resource>(sub)?.is_none() {
                return Err(SandboxError::Unknown { what: "resource", name: sub.into() });
            }
            let RoomDetails { capacity, location } = details;
            Ok(world.store.put(&ResourceDetails { sub: sub.into(), capacity, location })?)
        })
    }

    /// Says where an application is told of chosen times, or that it is not.
    pub fn set_push_url(&self, client_id: &str, url: Option<String>) -> Result<(), SandboxError> {
        self.attempt(|world| {
            let mut application = known_application(world, client_id)?;
            if url.as_ref().is_some_and(|url| web_address(url).is_none()) {
                return Err(SandboxError::Refused("url must be an http or https address".into()));
            }
            application.push_url = url;
            Ok(world.store.put(&application)?)
        })
    }

    /// Lets a meeting agent's meeting end well or badly. Its subscriptions are told.
    pub fn end_meeting_agent(&self, sub: &str, state: AgentState) -> Result<(), SandboxError> {
        self.attempt(|world| {
            let agent = world.store.get::<MeetingAgent>(sub)?;
            let agent =
                agent.ok_or_else(|| SandboxError::Unknown { what: "meeting agent", name: sub.into() })?;
            let interaction = match state {
                AgentState::Complete => "meeting_agent_complete",
                AgentState::Failed => "meeting_agent_failed",
                AgentState::Created | AgentState::Active => {
                    return Err(SandboxError::Refused("state must be complete or failed".into()));
                }
            };
            Ok(end_meeting_agent(world, agent, state, interaction)?)
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewKey {
    organization_id: String,
}

pub(super) async fn create_key(FromState(control): FromState<Control>, Fields(new): Fields<NewKey>) -> Reply {
    let key = control.create_admin_api_key(&new.organization_id)?;
    Ok(created(json!({ "admin_api_key": key })))
}

pub(super) async fn room_details(
    FromState(control): FromState<Control>,
    Path(sub): Path<String>,
    Fields(details): Fields<RoomDetails>,
) -> Reply {
    control.set_room_details(&sub, details)?;
    Ok(done())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PushUrl {
    url: Option<String>,
}

pub(super) async fn push_url(
    FromState(control): FromState<Control>,
    Path(client_id): Path<String>,
    Fields(PushUrl { url }): Fields<PushUrl>,
) -> Reply {
    control.set_push_url(&client_id, url)?;
    Ok(done())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Ending {
    state: AgentState,
}

pub(super) async fn end_agent(
    FromState(control): FromState<Control>,
    Path(sub): Path<String>,
    Fields(Ending { state }): Fields<Ending>,
) -> Reply {
    control.end_meeting_agent(&sub, state)?;
    Ok(done())
}
