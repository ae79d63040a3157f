//! Checks of signatures, and notifications as JSON.

use napi::bindgen_prelude::Uint8Array;
use napi_derive::napi;
use orgconnect::webhook::{Notification, ReplayGuard, Verifier};
use serde_json::{Value, json};

use crate::{
    convert::{count, duration},
    error::{Result, thrown},
};

#[napi(js_name = "Verifier")]
pub struct NativeVerifier {
    verifier: Verifier,
}

#[napi]
impl NativeVerifier {
    #[napi(constructor, catch_unwind)]
    pub fn new(client_secrets: Vec<String>) -> Self {
        let mut secrets = client_secrets.into_iter();
        let first = Verifier::new(secrets.next().unwrap_or_default());
        Self { verifier: secrets.fold(first, Verifier::or_secret) }
    }

    #[napi(catch_unwind)]
    pub fn or_secret(&self, client_secret: String) -> Self {
        Self { verifier: self.verifier.clone().or_secret(client_secret) }
    }

    #[napi(catch_unwind)]
    pub fn verify(&self, signature: String, body: Uint8Array) -> bool {
        self.verifier.verify(&signature, &body)
    }

    /// What comes is a notification as JSON.
    #[napi(catch_unwind)]
    pub fn receive(&self, signature: String, body: Uint8Array) -> Result<String> {
        self.verifier.receive(&signature, &body).map(|found| notification(found).to_string()).map_err(thrown)
    }
}

impl NativeVerifier {
    pub(crate) fn of(verifier: Verifier) -> Self {
        Self { verifier }
    }
}

fn notification(found: Notification) -> Value {
    match found {
        Notification::Channel(found) => {
            json!({
                "kind": "channel", "event": found.kind.as_str(), "changesSince": found.kind.changes_since(),
                "channelId": found.channel_id, "body": found.body,
            })
        }
        Notification::EventSubscription(found) => json!({
            "kind": "event_subscription", "interactions": found.interactions,
            "event": found.event, "body": found.body,
        }),
        Notification::SmartInvite(found) => json!({
            "kind": "smart_invite", "smartInviteId": found.smart_invite_id, "email": found.email,
            "status": found.status, "comment": found.comment, "body": found.body,
        }),
        Notification::SchedulingRequest(found) => json!({
            "kind": "scheduling_request", "event": found.kind,
            "schedulingRequestId": found.scheduling_request_id,
            "schedulingRequest": found.scheduling_request,
        }),
        Notification::SchedulingCompleted(found) => json!({
            "kind": "scheduling_completed", "event": found.event, "body": found.body,
        }),
        Notification::DelegatedAuthorization(found) => json!({
            "kind": "delegated_authorization", "code": found.code.map(|code| code.expose().to_owned()),
            "error": found.error, "errorDescription": found.error_description,
            "state": found.state.map(|state| state.expose().to_owned()),
        }),
        Notification::Unknown(body) => json!({ "kind": "unknown", "body": body }),
        _ => json!({ "kind": "unknown", "body": null }),
    }
}

#[napi(js_name = "ReplayGuard")]
pub struct NativeReplayGuard {
    guard: ReplayGuard,
}

#[napi]
impl NativeReplayGuard {
    #[napi(constructor, catch_unwind)]
    pub fn new(window: f64, capacity: f64) -> Self {
        Self { guard: ReplayGuard::new(duration(window), count(capacity) as usize) }
    }

    #[napi(catch_unwind)]
    pub fn first_time(&self, body: Uint8Array) -> bool {
        self.guard.first_time(&body)
    }

    #[napi(catch_unwind)]
    pub fn forget(&self, body: Uint8Array) {
        self.guard.forget(&body);
    }
}
