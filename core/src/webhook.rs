//! What Cronofy posts to you: checks its signature over the raw body, and reads it into types that let unknown kinds
//! pass through.
//!
//! Every push notification and callback carries `Cronofy-HMAC-SHA256`: a list, separated by commas, of the base64 of
//! HMAC-SHA256 over the body, one for each of the application's client secrets that are active while one is being
//! replaced. Source: <https://docs.cronofy.com/developers/push-notifications/authentication>.
//!
//! ```
//! use orgconnect::webhook::{Notification, Verifier};
//! # fn main() -> orgconnect::Result<()> {
//! let verifier = Verifier::new("CRN_NggYusqPGLxwjw5FHOJYOqSrTPNXy8WQf14OID");
//! let body = br#"{"example":"well-known"}"#;
//! let notification = verifier.receive("5DxentQi5YSXODEzTVv06sRwJ3pULIz1KrYv20qxEK0=", body)?;
//! assert!(matches!(notification, Notification::Unknown(_)));
//! # Ok(()) }
//! ```

use std::{
    collections::HashMap,
    fmt,
    sync::Mutex,
    time::{Duration, Instant},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use serde::Deserialize;
use serde_json::{Map, Value};
use sha2::Sha256;
use subtle::{Choice, ConstantTimeEq};

use crate::{Error, ErrorKind, Result, Secret, lock::lock};

/// The header that carries the signature.
pub const SIGNATURE_HEADER: &str = "Cronofy-HMAC-SHA256";
/// More candidates than an application ever has secrets: a longer list is an attack on our time.
const MOST_CANDIDATES: usize = 32;

/// Checks signatures with one or several client secrets.
#[derive(Clone)]
pub struct Verifier {
    secrets: Vec<Secret>,
}

impl Verifier {
    /// Checks with the application's client secret.
    pub fn new(client_secret: impl Into<Secret>) -> Self {
        Self { secrets: vec![client_secret.into()] }
    }

    /// Accepts what another secret has signed, too: for the time in which one is being replaced.
    pub fn or_secret(mut self, client_secret: impl Into<Secret>) -> Self {
        self.secrets.push(client_secret.into());
        self
    }

    /// Whether one of the signatures is that of the body under one of the secrets.
    ///
    /// `body` is the raw body as it was received: JSON that was parsed and written again has other octets. The time does
    /// not depend on which candidate fits, or how far one does.
    pub fn verify(&self, signature: &str, body: &[u8]) -> bool {
        let candidates: Vec<Vec<u8>> = signature
            .split(',')
            .map(str::trim)
            .filter(|candidate| !candidate.is_empty())
            .take(MOST_CANDIDATES)
            .filter_map(|candidate| STANDARD.decode(candidate).ok())
            .collect();
        let mut fits = Choice::from(0);
        for secret in self.secrets.iter().filter(|secret| !secret.is_empty()) {
            let expected = sign(secret, body);
            for candidate in &candidates {
                fits |= candidate.as_slice().ct_eq(&expected);
            }
        }
        fits.into()
    }

    /// Checks the signature and reads the notification.
    ///
    /// # Errors
    /// [`Authorization`](ErrorKind::Authorization), code `signature_mismatch`, if no signature fits;
    /// [`Decode`](ErrorKind::Decode) if the body is not JSON. Answer 401 to the former.
    pub fn receive(&self, signature: &str, body: &[u8]) -> Result<Notification> {
        if !self.verify(signature, body) {
            return Err(Error::authorization(
                "signature_mismatch",
                "the notification is not signed with this application's client_secret; answer 401, and check that the raw body is verified, before any JSON parser has touched it",
            )
            .with_field(SIGNATURE_HEADER, "errors.invalid", "does not fit the body"));
        }
        Notification::read(body)
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier").field("secrets", &self.secrets.len()).finish()
    }
}

#[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
fn sign(secret: &Secret, body: &[u8]) -> [u8; 32] {
    let mac =
        Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()).expect("HMAC takes a key of any length");
    mac.chain_update(body).finalize().into_bytes().into()
}

/// What Cronofy says. Kinds that this version doesn't know are [`Unknown`](Self::Unknown), never an error.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Notification {
    /// Something happened to what a channel watches.
    Channel(ChannelNotification),
    /// A trigger of an event, its conferencing or its meeting agent.
    EventSubscription(EventSubscription),
    /// A recipient answered a smart invite.
    SmartInvite(SmartInviteReply),
    /// A scheduling request moved on, for example `scheduling_request_time_chosen`.
    SchedulingRequest(SchedulingRequestNotification),
    /// A real-time scheduling link was completed. It has no `notification` envelope.
    SchedulingCompleted(SchedulingCompleted),
    /// A delegated authorization was granted or refused; a code goes to
    /// [`Client::complete_delegated`](crate::Client::complete_delegated).
    DelegatedAuthorization(DelegatedAuthorization),
    /// Anything else, as it came.
    Unknown(Value),
}

/// A notification of a channel.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ChannelNotification {
    /// What happened.
    pub kind: ChannelEvent,
    /// The channel's id.
    pub channel_id: String,
    /// The whole body, for what is not named here: the channel's filters, ids of conversations.
    pub body: Map<String, Value>,
}

/// What a channel reports.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChannelEvent {
    /// The channel was just made. Answer 2xx.
    Verification,
    /// Something changed: read events with `last_modified` set to this time.
    Change {
        /// An ISO 8601 instant, as it came.
        changes_since: Option<String>,
    },
    /// A calendar profile was disconnected: ask its owner to reconnect it.
    ProfileDisconnected,
    /// A conferencing profile was disconnected.
    ConferencingProfileDisconnected,
    /// All calendars of a profile have been read for the first time.
    ProfileInitialSyncCompleted,
    /// The account asks for erasure of its data.
    GdprRequested,
    /// Another kind, by its name.
    Other(String),
}

impl ChannelEvent {
    /// The name of the kind, as Cronofy writes it.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Verification => "verification",
            Self::Change { .. } => "change",
            Self::ProfileDisconnected => "profile_disconnected",
            Self::ConferencingProfileDisconnected => "conferencing_profile_disconnected",
            Self::ProfileInitialSyncCompleted => "profile_initial_sync_completed",
            Self::GdprRequested => "gdpr_requested",
            Self::Other(kind) => kind,
        }
    }

    /// Since when something has changed, for a change: an ISO 8601 instant, as it came.
    pub fn changes_since(&self) -> Option<&str> {
        match self {
            Self::Change { changes_since } => changes_since.as_deref(),
            _ => None,
        }
    }
}

/// A notification of a subscription.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct EventSubscription {
    /// What happened, for example `conferencing_assigned`; empty for a trigger by time.
    pub interactions: Vec<String>,
    /// The event, by wire names.
    pub event: Map<String, Value>,
    /// The whole body.
    pub body: Map<String, Value>,
}

/// An answer to a smart invite.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct SmartInviteReply {
    /// The id that you gave the invite.
    pub smart_invite_id: String,
    /// Who answered.
    pub email: Option<String>,
    /// `accepted`, `declined`, `tentative`, or another word.
    pub status: Option<String>,
    /// What the recipient wrote.
    pub comment: Option<String>,
    /// The whole body: the proposal, the recipient, the event.
    pub body: Map<String, Value>,
}

/// News of a scheduling request.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct SchedulingRequestNotification {
    /// What happened, for example `scheduling_request_time_chosen`.
    pub kind: String,
    /// The request's id.
    pub scheduling_request_id: Option<String>,
    /// The request, by wire names.
    pub scheduling_request: Map<String, Value>,
}

/// A slot was picked on a real-time scheduling page.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct SchedulingCompleted {
    /// The event with its start and end, by wire names.
    pub event: Map<String, Value>,
    /// The whole body: participants, user.
    pub body: Map<String, Value>,
}

/// The outcome of a delegated authorization.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct DelegatedAuthorization {
    /// The code, if it was granted.
    pub code: Option<Secret>,
    /// The error, if it was not.
    pub error: Option<String>,
    /// A sentence about the error.
    pub error_description: Option<String>,
    /// The state that the request carried. Compare it with what you kept.
    pub state: Option<Secret>,
}

impl PartialEq for DelegatedAuthorization {
    /// Codes and states are compared in constant time.
    fn eq(&self, other: &Self) -> bool {
        let same = |a: &Option<Secret>, b: &Option<Secret>| match (a, b) {
            (Some(a), Some(b)) => a.matches(b.expose()),
            (None, None) => true,
            _ => false,
        };
        same(&self.code, &other.code)
            && same(&self.state, &other.state)
            && (&self.error, &self.error_description) == (&other.error, &other.error_description)
    }
}

impl Notification {
    /// Reads a body whose signature has been checked.
    ///
    /// # Errors
    /// [`Decode`](ErrorKind::Decode) if the body is not JSON.
    pub fn read(body: &[u8]) -> Result<Self> {
        let value: Value = serde_json::from_slice(body).map_err(|error| {
            Error::new(ErrorKind::Decode, "the notification is not JSON; answer 400").with_source(error)
        })?;
        let Value::Object(body) = value else { return Ok(Self::Unknown(value)) };
        Ok(Self::of(body))
    }

    fn of(mut body: Map<String, Value>) -> Self {
        if let Some(Value::Object(authorization)) = body.get_mut("authorization") {
            // Moved and not copied: the code is erased with its owner.
            let mut take = |name: &str| match authorization.remove(name) {
                Some(Value::String(text)) => Some(text),
                _ => None,
            };
            return Self::DelegatedAuthorization(DelegatedAuthorization {
                code: take("code").map(Secret::from),
                error: take("error"),
                error_description: take("error_description"),
                state: take("state").map(Secret::from),
            });
        }
        let object = |name: &str| body.get(name).and_then(Value::as_object);
        let text =
            |of: &Map<String, Value>, name: &str| of.get(name).and_then(Value::as_str).map(str::to_owned);
        let Some(notification) = object("notification") else {
            return match object("event") {
                Some(event) if body.contains_key("participants") => {
                    Self::SchedulingCompleted(SchedulingCompleted { event: event.clone(), body })
                }
                _ => Self::Unknown(Value::Object(body)),
            };
        };
        let kind = text(notification, "type").unwrap_or_default();
        if let Some(request) = object("scheduling_request") {
            return Self::SchedulingRequest(SchedulingRequestNotification {
                kind,
                scheduling_request_id: text(request, "scheduling_request_id"),
                scheduling_request: request.clone(),
            });
        }
        if let Some(invite) = object("smart_invite") {
            let reply = invite.get("reply").and_then(Value::as_object).cloned().unwrap_or_default();
            return Self::SmartInvite(SmartInviteReply {
                smart_invite_id: text(invite, "smart_invite_id").unwrap_or_default(),
                email: text(&reply, "email"),
                status: text(&reply, "status"),
                comment: text(&reply, "comment"),
                body,
            });
        }
        if kind == "event_subscription" {
            #[derive(Deserialize)]
            struct Interaction {
                #[serde(rename = "type")]
                kind: String,
            }
            let listed =
                notification.get("interactions").and_then(Value::as_array).cloned().unwrap_or_default();
            // An entry of another shape says nothing that could be told; the others still count.
            let interactions =
                listed.into_iter().filter_map(|entry| serde_json::from_value::<Interaction>(entry).ok());
            return Self::EventSubscription(EventSubscription {
                interactions: interactions.map(|interaction| interaction.kind).collect(),
                event: object("event").cloned().unwrap_or_default(),
                body,
            });
        }
        let Some(channel_id) = object("channel").and_then(|channel| text(channel, "channel_id")) else {
            return Self::Unknown(Value::Object(body));
        };
        let kind = match kind.as_str() {
            "verification" => ChannelEvent::Verification,
            "change" => ChannelEvent::Change { changes_since: text(notification, "changes_since") },
            "profile_disconnected" => ChannelEvent::ProfileDisconnected,
            "conferencing_profile_disconnected" => ChannelEvent::ConferencingProfileDisconnected,
            "profile_initial_sync_completed" => ChannelEvent::ProfileInitialSyncCompleted,
            "gdpr_requested" => ChannelEvent::GdprRequested,
            _ => ChannelEvent::Other(kind),
        };
        Self::Channel(ChannelNotification { kind, channel_id, body })
    }
}

/// Remembers what has been processed, so that a notification which is sent again does nothing.
///
/// Cronofy's notifications have no id and no time, so a repetition is told by its body alone, and only within this
/// process: use it where doing a thing twice would hurt, and keep the window short.
pub struct ReplayGuard {
    window: Duration,
    capacity: usize,
    seen: Mutex<HashMap<[u8; 32], Instant>>,
}

impl ReplayGuard {
    /// Remembers bodies for `window`, and at most `capacity` of them.
    pub fn new(window: Duration, capacity: usize) -> Self {
        Self { window, capacity: capacity.max(1), seen: Mutex::default() }
    }

    /// Whether this body comes for the first time within the window, and remembers it if so.
    pub fn first_time(&self, body: &[u8]) -> bool {
        let now = Instant::now();
        let mut seen = lock(&self.seen);
        seen.retain(|_, at| now.duration_since(*at) < self.window);
        let digest = digest(body);
        if seen.contains_key(&digest) {
            return false;
        }
        if seen.len() >= self.capacity
            && let Some(oldest) = seen.iter().min_by_key(|(_, at)| **at).map(|(digest, _)| *digest)
        {
            seen.remove(&oldest);
        }
        seen.insert(digest, now);
        true
    }

    /// Forgets a body whose processing failed, so that Cronofy's next try counts.
    pub fn forget(&self, body: &[u8]) {
        lock(&self.seen).remove(&digest(body));
    }
}

impl fmt::Debug for ReplayGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReplayGuard")
            .field("window", &self.window)
            .field("capacity", &self.capacity)
            .finish_non_exhaustive()
    }
}

fn digest(body: &[u8]) -> [u8; 32] {
    use sha2::Digest;
    Sha256::digest(body).into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const BODY: &[u8] = br#"{"example":"well-known"}"#;
    const FIRST: (&str, &str) =
        ("CRN_NggYusqPGLxwjw5FHOJYOqSrTPNXy8WQf14OID", "5DxentQi5YSXODEzTVv06sRwJ3pULIz1KrYv20qxEK0=");
    const SECOND: (&str, &str) = ("pDY0Oi7TJSP2hfNmZNkm5", "6r2/HjBkqymGegX0wOfifieeUXbbHwtV/LohHS+jv6c=");

    #[test]
    fn both_published_vectors_are_accepted() {
        for (secret, signature) in [FIRST, SECOND] {
            assert!(Verifier::new(secret).verify(signature, BODY));
        }
    }

    #[test]
    fn any_fitting_entry_of_a_list_is_enough_with_blanks_around_it() {
        let verifier = Verifier::new(SECOND.0);
        for list in [
            format!("PNNVJ9J2e8N174koxcKDzktZ9Qkt8YUzP+V+l5lG8F4=,{}", SECOND.1),
            format!("  {} , {} ", FIRST.1, SECOND.1),
            format!(",,{},", SECOND.1),
            format!("not base64!,{}", SECOND.1),
        ] {
            assert!(verifier.verify(&list, BODY), "{list}");
        }
    }

    #[test]
    fn while_a_secret_is_replaced_both_are_accepted() {
        let verifier = Verifier::new(FIRST.0).or_secret(SECOND.0);
        assert!(verifier.verify(FIRST.1, BODY) && verifier.verify(SECOND.1, BODY));
    }

    #[test]
    fn everything_else_is_refused() {
        let verifier = Verifier::new(FIRST.0);
        for signature in
            ["", " ", ",", "=", SECOND.1, &FIRST.1[1..], &FIRST.1.replace('=', ""), &format!("{}x", FIRST.1)]
        {
            assert!(!verifier.verify(signature, BODY), "{signature}");
        }
        assert!(!verifier.verify(FIRST.1, br#"{"example": "well-known"}"#), "parsed and written again");
        assert!(
            !Verifier::new("").verify(&STANDARD.encode(sign(&Secret::from(""), BODY)), BODY),
            "an empty secret"
        );
        let many = format!("{},{}", ["AAAA"; 1000].join(","), FIRST.1);
        assert!(!verifier.verify(&many, BODY), "only a handful of candidates is looked at");
        assert_eq!(verifier.receive("x", BODY).unwrap_err().code(), Some("signature_mismatch"));
    }

    #[test]
    fn each_kind_of_notification_is_read_and_unknown_ones_pass_through() {
        let read = |value: Value| Notification::read(value.to_string().as_bytes()).unwrap();
        let channel = json!({"channel_id": "chn_1", "callback_url": "https://app.example", "filters": {}});
        for (kind, expected) in [
            ("verification", ChannelEvent::Verification),
            ("change", ChannelEvent::Change { changes_since: Some("2026-01-01T00:00:00Z".into()) }),
            ("profile_disconnected", ChannelEvent::ProfileDisconnected),
            ("conferencing_profile_disconnected", ChannelEvent::ConferencingProfileDisconnected),
            ("profile_initial_sync_completed", ChannelEvent::ProfileInitialSyncCompleted),
            ("gdpr_requested", ChannelEvent::GdprRequested),
            ("brand_new", ChannelEvent::Other("brand_new".into())),
        ] {
            let notification = json!({"type": kind, "changes_since": "2026-01-01T00:00:00Z"});
            match read(json!({"notification": notification, "channel": channel})) {
                Notification::Channel(found) => {
                    assert_eq!(found.kind.as_str(), kind);
                    assert_eq!((found.kind, found.channel_id.as_str()), (expected, "chn_1"));
                }
                other => panic!("{other:?}"),
            }
        }
        let subscription = json!({
            "notification": {"type": "event_subscription", "interactions": [{"type": "conferencing_assigned"}]},
            "event": {"event_id": "1"},
        });
        assert!(
            matches!(read(subscription), Notification::EventSubscription(found) if found.interactions == ["conferencing_assigned"])
        );
        let invite = json!({
            "notification": {"type": "smart_invite"},
            "smart_invite": {"smart_invite_id": "i", "reply": {"email": "a@example.com", "status": "accepted"}},
        });
        assert!(
            matches!(read(invite), Notification::SmartInvite(found) if found.status.as_deref() == Some("accepted"))
        );
        let request = json!({
            "notification": {"type": "scheduling_request_time_chosen"},
            "scheduling_request": {"scheduling_request_id": "srq_1"},
        });
        assert!(
            matches!(read(request), Notification::SchedulingRequest(found) if found.scheduling_request_id.as_deref() == Some("srq_1"))
        );
        let completed = json!({"event": {"event_id": "1"}, "participants": [], "user": {}});
        assert!(matches!(read(completed), Notification::SchedulingCompleted(_)));
        let granted = read(json!({"authorization": {"code": "CANARY", "state": "s"}}));
        assert!(!format!("{granted:?}").contains("CANARY"));
        assert!(
            matches!(granted, Notification::DelegatedAuthorization(found) if found.code.as_ref().unwrap().matches("CANARY"))
        );
        for odd in [
            json!({}),
            json!([]),
            json!({"notification": {"type": "x"}}),
            json!({"notification": 1}),
            json!(null),
        ] {
            assert_eq!(read(odd.clone()), Notification::Unknown(odd));
        }
    }

    #[test]
    fn a_repeated_body_is_noticed_until_it_is_forgotten() {
        let guard = ReplayGuard::new(Duration::from_mins(5), 2);
        assert!(guard.first_time(b"a") && !guard.first_time(b"a"));
        guard.forget(b"a");
        assert!(guard.first_time(b"a"));
        assert!(
            guard.first_time(b"b") && guard.first_time(b"c"),
            "the capacity is kept by dropping the oldest"
        );
        assert!(!guard.first_time(b"c"));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(5_000))]

        #[test]
        fn a_changed_body_or_signature_is_never_accepted(position in 0..BODY.len(), bit in 0..8u8, header in ".{0,80}") {
            let mut body = BODY.to_vec();
            body[position] ^= 1 << bit;
            let verifier = Verifier::new(FIRST.0);
            prop_assert!(!verifier.verify(FIRST.1, &body));
            prop_assert!(!verifier.verify(&header, BODY));
        }
    }
}
