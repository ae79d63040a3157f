//! Meeting agents: which meeting each was sent to, and what became of it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::World;
use super::store::{Record, StoreError};
use crate::routes::Subscription;

/// An agent that joins, has joined or has left a meeting.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct MeetingAgent {
    /// `agt_` and 24 hex digits.
    pub(crate) sub: String,
    pub(crate) client_id: String,
    /// The application's own name for an agent that joins later.
    pub(crate) scheduling_key: Option<String>,
    pub(crate) join_url: String,
    pub(crate) join_time: Timestamp,
    /// How it ended, once it has.
    pub(crate) ended: Option<AgentState>,
    /// Where what it wrote down can be had.
    pub(crate) origin: String,
    pub(crate) subscriptions: Vec<Subscription>,
}

/// What an agent is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AgentState {
    /// It is on its way.
    Created,
    /// It is in the meeting.
    Active,
    /// It left when the meeting was over.
    Complete,
    /// It could not join, or lost the meeting.
    Failed,
}

impl Record for MeetingAgent {
    const KIND: &'static str = "meeting_agent";
    fn id(&self) -> &str {
        &self.sub
    }
    fn parent(&self) -> &str {
        &self.client_id
    }
    fn key(&self) -> Option<String> {
        self.scheduling_key.as_ref().map(|key| agent_key(&self.client_id, key))
    }
}

impl MeetingAgent {
    pub(crate) fn has_joined(&self, now: Timestamp) -> bool {
        now >= self.join_time
    }

    /// The name under which its deliveries wait.
    pub(crate) fn key(&self) -> String {
        format!("meeting_agent/{}", self.sub)
    }

    /// As replies and callbacks show it. There is something to read once the meeting is over.
    pub(crate) fn to_json(&self, state: AgentState) -> Value {
        let resources = if state == AgentState::Complete {
            let url = format!("{}/meeting_agents/{}/transcript", self.origin, self.sub);
            json!([{ "category": "transcript", "type": "text/vtt", "url": url }])
        } else {
            json!([])
        };
        json!({ "sub": self.sub, "state": state, "resources": resources })
    }
}

impl World {
    pub(crate) fn agent_by_key(
        &self,
        client_id: &str,
        scheduling_key: &str,
    ) -> Result<Option<MeetingAgent>, StoreError> {
        self.store.find(&agent_key(client_id, scheduling_key))
    }
}

fn agent_key(client_id: &str, scheduling_key: &str) -> String {
    format!("{client_id}/{scheduling_key}")
}
