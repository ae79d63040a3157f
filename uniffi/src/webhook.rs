//! What Cronofy posts: signatures, notifications, repetitions.

use std::{sync::Arc, time::Duration};

use orgconnect::webhook::{Notification, ReplayGuard, Verifier};
use serde_json::{Map, Value};

use crate::error::NativeResult;

/// Checks signatures with one or several client secrets.
#[derive(Debug, uniffi::Object)]
pub struct NativeVerifier(Verifier);

/// What Cronofy says. Bodies are the text of JSON objects, with wire names.
#[derive(uniffi::Enum)]
pub enum NativeNotification {
    /// Something happened to what a channel watches.
    Channel {
        /// What happened, as Cronofy names it.
        kind: String,
        /// For a change: read events with `last_modified` set to this time.
        changes_since: Option<String>,
        /// The channel's id.
        channel_id: String,
        /// The whole body.
        body: String,
    },
    /// A trigger of an event, its conferencing or its meeting agent.
    EventSubscription {
        /// What happened.
        interactions: Vec<String>,
        /// The event.
        event: String,
        /// The whole body.
        body: String,
    },
    /// A recipient answered a smart invite.
    SmartInvite {
        /// The id that you gave the invite.
        smart_invite_id: String,
        /// Who answered.
        email: Option<String>,
        /// The answer.
        status: Option<String>,
        /// What the recipient wrote.
        comment: Option<String>,
        /// The whole body.
        body: String,
    },
    /// A scheduling request moved on.
    SchedulingRequest {
        /// What happened.
        kind: String,
        /// The request's id.
        scheduling_request_id: Option<String>,
        /// The request.
        scheduling_request: String,
    },
    /// A real-time scheduling link was completed.
    SchedulingCompleted {
        /// The event.
        event: String,
        /// The whole body.
        body: String,
    },
    /// A delegated authorization was granted or refused.
    DelegatedAuthorization {
        /// The code, if it was granted.
        code: Option<String>,
        /// The error, if it was not.
        error: Option<String>,
        /// A sentence about the error.
        error_description: Option<String>,
        /// The state that the request carried.
        state: Option<String>,
    },
    /// Anything else, as JSON.
    Unknown {
        /// The whole body.
        body: String,
    },
}

#[uniffi::export]
impl NativeVerifier {
    /// Checks with these client secrets.
    #[uniffi::constructor]
    pub fn new(client_secrets: Vec<String>) -> NativeResult<Arc<Self>> {
        let mut secrets = client_secrets.into_iter();
        let first = Verifier::new(secrets.next().unwrap_or_default());
        Ok(Arc::new(Self(secrets.fold(first, Verifier::or_secret))))
    }

    /// Accepts what another secret has signed, too.
    pub fn or_secret(&self, client_secret: String) -> NativeResult<Arc<Self>> {
        Ok(Arc::new(Self(self.0.clone().or_secret(client_secret))))
    }

    /// Whether one of the signatures is that of the body.
    pub fn verify(&self, signature: String, body: Vec<u8>) -> NativeResult<bool> {
        Ok(self.0.verify(&signature, &body))
    }

    /// Checks the signature and reads the notification.
    pub fn receive(&self, signature: String, body: Vec<u8>) -> NativeResult<NativeNotification> {
        Ok(self.0.receive(&signature, &body)?.into())
    }
}

impl NativeVerifier {
    pub(crate) fn of(verifier: Verifier) -> Arc<Self> {
        Arc::new(Self(verifier))
    }
}

/// Remembers what has been processed.
#[derive(Debug, uniffi::Object)]
pub struct NativeReplayGuard(ReplayGuard);

#[uniffi::export]
impl NativeReplayGuard {
    /// Remembers bodies for a time, and at most so many of them.
    #[uniffi::constructor]
    pub fn new(window_ms: u64, capacity: u32) -> NativeResult<Arc<Self>> {
        let capacity = usize::try_from(capacity).unwrap_or(usize::MAX);
        Ok(Arc::new(Self(ReplayGuard::new(Duration::from_millis(window_ms), capacity))))
    }

    /// Whether this body comes for the first time, and remembers it if so.
    pub fn first_time(&self, body: Vec<u8>) -> NativeResult<bool> {
        Ok(self.0.first_time(&body))
    }

    /// Forgets a body whose processing failed.
    pub fn forget(&self, body: Vec<u8>) -> NativeResult<()> {
        self.0.forget(&body);
        Ok(())
    }
}

impl From<Notification> for NativeNotification {
    fn from(notification: Notification) -> Self {
        match notification {
            Notification::Channel(channel) => Self::Channel {
                kind: channel.kind.as_str().to_owned(),
                changes_since: channel.kind.changes_since().map(ToOwned::to_owned),
                channel_id: channel.channel_id,
                body: text(channel.body),
            },
            Notification::EventSubscription(subscription) => Self::EventSubscription {
                interactions: subscription.interactions,
                event: text(subscription.event),
                body: text(subscription.body),
            },
            Notification::SmartInvite(reply) => Self::SmartInvite {
                smart_invite_id: reply.smart_invite_id,
                email: reply.email,
                status: reply.status,
                comment: reply.comment,
                body: text(reply.body),
            },
            Notification::SchedulingRequest(news) => Self::SchedulingRequest {
                kind: news.kind,
                scheduling_request_id: news.scheduling_request_id,
                scheduling_request: text(news.scheduling_request),
            },
            Notification::SchedulingCompleted(completed) => {
                Self::SchedulingCompleted { event: text(completed.event), body: text(completed.body) }
            }
            Notification::DelegatedAuthorization(outcome) => Self::DelegatedAuthorization {
                code: outcome.code.map(|code| code.expose().to_owned()),
                error: outcome.error,
                error_description: outcome.error_description,
                state: outcome.state.map(|state| state.expose().to_owned()),
            },
            Notification::Unknown(body) => Self::Unknown { body: body.to_string() },
            _ => Self::Unknown { body: "null".to_owned() },
        }
    }
}

fn text(body: Map<String, Value>) -> String {
    Value::Object(body).to_string()
}
