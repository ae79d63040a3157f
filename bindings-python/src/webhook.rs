//! Checks what Cronofy posts, and reads it.

use std::time::Duration;

use orgconnect::webhook::{self, Notification};
use pyo3::{prelude::*, types::PyBytes};
use serde_json::{Value, json};

use crate::{
    convert::{Text, duration, json as text, taken},
    error::Raise,
};

/// Checks signatures with one or several client secrets.
#[pyclass(frozen, module = "orgconnect._native")]
pub(crate) struct Verifier(pub(crate) webhook::Verifier);

#[pymethods]
impl Verifier {
    #[new]
    fn new(client_secret: Text<'_>) -> Self {
        Self(webhook::Verifier::new(String::from(client_secret)))
    }

    /// Accepts what another secret has signed, too.
    fn or_secret(&self, client_secret: Text<'_>) -> Self {
        Self(self.0.clone().or_secret(String::from(client_secret)))
    }

    /// Whether one of the signatures is that of the body.
    fn verify(&self, signature: Text<'_>, body: &[u8]) -> bool {
        self.0.verify(&signature, body)
    }

    /// Checks the signature and reads the notification: the name of its class and its fields as JSON.
    fn receive<'py>(
        &self,
        py: Python<'py>,
        signature: Text<'_>,
        body: &[u8],
    ) -> PyResult<(&'static str, Bound<'py, PyBytes>)> {
        let notification = self.0.receive(&signature, body).or_raise(py)?;
        let (name, fields) = fields(notification);
        Ok((name, PyBytes::new(py, &text(&fields))))
    }
}

/// The class of a notification in `orgconnect.webhooks`, and its fields.
fn fields(notification: Notification) -> (&'static str, Value) {
    match notification {
        Notification::Channel(found) => (
            "ChannelNotification",
            json!({
                "kind": found.kind.as_str(), "changes_since": found.kind.changes_since(),
                "channel_id": found.channel_id, "body": found.body,
            }),
        ),
        Notification::EventSubscription(found) => (
            "EventSubscription",
            json!({"interactions": found.interactions, "event": found.event, "body": found.body}),
        ),
        Notification::SmartInvite(found) => (
            "SmartInviteReply",
            json!({
                "smart_invite_id": found.smart_invite_id, "email": found.email, "status": found.status,
                "comment": found.comment, "body": found.body,
            }),
        ),
        Notification::SchedulingRequest(found) => (
            "SchedulingRequestNotification",
            json!({
                "kind": found.kind, "scheduling_request_id": found.scheduling_request_id,
                "scheduling_request": found.scheduling_request,
            }),
        ),
        Notification::SchedulingCompleted(found) => {
            ("SchedulingCompleted", json!({"event": found.event, "body": found.body}))
        }
        Notification::DelegatedAuthorization(found) => (
            "DelegatedAuthorization",
            json!({
                "code": found.code.map(|code| code.expose().to_owned()), "error": found.error,
                "error_description": found.error_description,
                "state": found.state.map(|state| state.expose().to_owned()),
            }),
        ),
        Notification::Unknown(body) => ("UnknownNotification", json!({ "body": body })),
        _ => ("UnknownNotification", json!({ "body": null })),
    }
}

/// Remembers what has been processed.
#[pyclass(frozen, module = "orgconnect._native")]
pub(crate) struct ReplayGuard(webhook::ReplayGuard);

#[pymethods]
impl ReplayGuard {
    #[new]
    fn new(window: &Bound<'_, PyAny>, capacity: &Bound<'_, PyAny>) -> PyResult<Self> {
        let window: Duration = duration("window", window)?;
        let capacity = taken("config", "capacity", capacity, "must be a whole number, and not negative")?;
        Ok(Self(webhook::ReplayGuard::new(window, capacity)))
    }

    /// Whether this body comes for the first time within the window, and remembers it if so.
    fn first_time(&self, body: &[u8]) -> bool {
        self.0.first_time(body)
    }

    /// Forgets a body whose processing failed.
    fn forget(&self, body: &[u8]) {
        self.0.forget(body);
    }
}
