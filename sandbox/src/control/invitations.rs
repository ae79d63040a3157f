//! Recipients of smart invites answer here, as they would by mail.

use axum::extract::State as FromState;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::http::{Fields, Reply, done};
use super::{Control, known_application};
use crate::errors::SandboxError;
use crate::outbox::Outgoing;
use crate::world::smart_invites::{InviteReply, InviteStatus, proposal};

/// What a recipient of a smart invite answers.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SmartInviteReply {
    /// The application that invited.
    pub client_id: String,
    /// The invitation.
    pub smart_invite_id: String,
    /// Who answers.
    pub email: String,
    /// Yes, no or perhaps.
    pub status: InviteStatus,
    /// A word with it.
    #[serde(default)]
    pub comment: Option<String>,
    /// Other times instead.
    #[serde(default)]
    pub proposal: Option<ProposedTimes>,
}

/// Times that a recipient proposes instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProposedTimes {
    /// When it should begin.
    pub start: Timestamp,
    /// When it should end.
    pub end: Timestamp,
}

/// Smart invites.
impl Control {
    /// Answers a smart invite as one of its recipients. The invitation's `callback_url` is told.
    pub fn reply_to_smart_invite(&self, answer: &SmartInviteReply) -> Result<(), SandboxError> {
        self.attempt(|world| {
            known_application(world, &answer.client_id)?;
            if answer.status == InviteStatus::Pending {
                return Err(SandboxError::Refused("status must be accepted, tentative or declined".into()));
            }
            let find = |email| world.smart_invite(&answer.client_id, &answer.smart_invite_id, email);
            let addressed = match find(Some(&answer.email))? {
                Some(invite) => Some(invite),
                None => find(None)?,
            };
            let unknown =
                || SandboxError::Unknown { what: "smart invite", name: answer.smart_invite_id.clone() };
            let mut invite = addressed.ok_or_else(unknown)?;
            let other_times = answer.proposal.map(|times| proposal(&invite.event, times.start, times.end));
            let Some(recipient) = invite.recipient_mut(&answer.email) else {
                let name = answer.email.clone();
                return Err(SandboxError::Unknown { what: "recipient of this smart invite", name });
            };
            recipient.status = answer.status;
            recipient.comment.clone_from(&answer.comment);
            recipient.proposal.clone_from(&other_times);
            let given = InviteReply {
                email: recipient.email.clone(),
                status: answer.status,
                comment: answer.comment.clone(),
                proposal: other_times,
            };
            invite.replies.push(given.clone());
            world.store.put(&invite)?;
            if let Some(url) = &invite.callback_url {
                world.post(Outgoing::callback(&invite.client_id, url, &invite.notification(&given)))?;
            }
            Ok(())
        })
    }
}

/// `POST /sandbox/smart_invites/reply`.
pub(super) async fn answer(
    FromState(control): FromState<Control>,
    Fields(given): Fields<SmartInviteReply>,
) -> Reply {
    control.reply_to_smart_invite(&given)?;
    Ok(done())
}
