//! Scheduling conversations: two people who agree on a time, each choosing among what suits.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::World;
use super::event_time::Moment;
use super::store::{Record, StoreError};

/// A conversation about when to meet.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Conversation {
    /// `scv_` and 24 hex digits.
    pub(crate) id: String,
    pub(crate) client_id: String,
    /// The account that began it.
    pub(crate) sub: String,
    /// The organizer first.
    pub(crate) participants: Vec<Participant>,
    pub(crate) tzid: String,
    pub(crate) subject: Option<String>,
    /// The event to write, without its times.
    pub(crate) event: Value,
    pub(crate) required_minutes: i64,
    pub(crate) available_periods: Value,
    pub(crate) slots: Vec<Slot>,
    /// The slot that was agreed on.
    pub(crate) agreed: Option<String>,
}

/// Somebody who takes part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Participant {
    pub(crate) participant_id: String,
    pub(crate) sub: Option<String>,
    pub(crate) email: Option<String>,
    pub(crate) common_name: Option<String>,
    /// Whether every time at which they are free suits them.
    pub(crate) is_automatic: bool,
    /// Stands for the participant in links; whoever has it is taken for them.
    pub(crate) token: String,
    pub(crate) has_joined: bool,
    /// The slots they chose, once they have.
    pub(crate) selected: Option<Vec<String>>,
}

/// A time that is offered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Slot {
    /// `slt_` and 24 hex digits.
    pub(crate) slot_id: String,
    pub(crate) start: Timestamp,
    pub(crate) end: Timestamp,
}

/// Which conversation a participant's token belongs to.
#[derive(Serialize, Deserialize)]
pub(crate) struct ConversationToken {
    pub(crate) token: String,
    pub(crate) conversation_id: String,
}

impl Record for Conversation {
    const KIND: &'static str = "scheduling_conversation";
    fn id(&self) -> &str {
        &self.id
    }
    fn parent(&self) -> &str {
        &self.sub
    }
}

impl Record for ConversationToken {
    const KIND: &'static str = "scheduling_conversation_token";
    fn id(&self) -> &str {
        &self.token
    }
}

impl Slot {
    pub(crate) fn to_json(&self) -> Value {
        json!({
            "slot_id": self.slot_id,
            "start": Moment::Time(self.start).to_string(),
            "end": Moment::Time(self.end).to_string(),
        })
    }
}

impl Conversation {
    /// As replies show it.
    pub(crate) fn to_json(&self, origin: &str) -> Value {
        let participants =
            self.participants.iter().map(|participant| self.participant_json(participant, origin));
        let mut event = self.event.clone();
        let agreed = self.agreed.as_ref().and_then(|id| self.slots.iter().find(|slot| slot.slot_id == *id));
        if let Some(slot) = agreed {
            event["start"] = Moment::Time(slot.start).to_string().into();
            event["end"] = Moment::Time(slot.end).to_string().into();
        }
        json!({
            "scheduling_conversation_id": self.id,
            "status": if agreed.is_some() { "complete" } else { "pending" },
            "participants": participants.collect::<Vec<_>>(),
            "tzid": self.tzid,
            "subject": self.subject,
            "event": event,
            "required_duration": { "minutes": self.required_minutes },
            "available_periods": self.available_periods,
        })
    }

    /// A participant with the links that list and choose slots for them.
    pub(crate) fn participant_json(&self, participant: &Participant, origin: &str) -> Value {
        let base =
            format!("{origin}/v1/scheduling_conversations/{}/participants/{}", self.id, participant.token);
        let method = if participant.is_automatic { "auto" } else { "manual" };
        let selected = participant.selected.as_ref();
        let mut json = json!({
            "participant_id": participant.participant_id,
            "common_name": participant.common_name,
            "token": participant.token,
            "status": if selected.is_some() { "responded" } else { "pending" },
            "slots": {
                "selection_method": method,
                "choice_method": method,
                "selected": selected.into_iter().flatten().map(|id| json!({ "slot_id": id })).collect::<Vec<_>>(),
            },
            "slots_list": { "url": format!("{base}/slots") },
            "slots_select": { "url": format!("{base}/slots") },
        });
        for (name, value) in [("sub", &participant.sub), ("email", &participant.email)] {
            if let Some(value) = value {
                json[name] = value.clone().into();
            }
        }
        json
    }

    /// The first slot that suits everybody, once everybody has chosen.
    pub(crate) fn agreement(&self) -> Option<&Slot> {
        if self.participants.iter().any(|participant| participant.selected.is_none()) {
            return None;
        }
        self.slots.iter().find(|slot| {
            let suits = |chosen: &Vec<String>| chosen.contains(&slot.slot_id);
            self.participants.iter().all(|participant| participant.selected.as_ref().is_some_and(suits))
        })
    }
}

impl World {
    /// The conversation that a participant's token belongs to.
    pub(crate) fn conversation_by_token(&self, token: &str) -> Result<Option<Conversation>, StoreError> {
        match self.store.get::<ConversationToken>(token)? {
            Some(known) => self.store.get(&known.conversation_id),
            None => Ok(None),
        }
    }
}
