//! `subscriptions`: what the writer of an event, an attachment or a meeting agent wants to be told, and where.
//! <https://docs.cronofy.com/developers/api/event-triggers/>

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::outbox::Outgoing;
use crate::params::Params;
use crate::world::World;
use crate::world::store::StoreError;

pub(super) const EVENT: [&str; 5] = [
    "conferencing_assigned",
    "conferencing_failing",
    "meeting_agent_activated",
    "meeting_agent_complete",
    "meeting_agent_failed",
];
pub(super) const MEETING_AGENT: [&str; 3] =
    ["meeting_agent_activated", "meeting_agent_complete", "meeting_agent_failed"];
pub(super) const ATTACHMENT: [&str; 2] = ["attachment_approved", "attachment_rejected"];

const ANCHORS: [&str; 2] = ["event_start", "event_end"];

/// One subscription.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Subscription {
    uri: String,
    interactions: Vec<String>,
    transitions: Vec<Transition>,
}

/// A moment before or after an event's start or end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Transition {
    is_after: bool,
    /// `event_start` or `event_end`.
    anchor: String,
    offset_minutes: i64,
}

impl Transition {
    fn due(&self, start: Timestamp, end: Timestamp) -> Timestamp {
        let anchor = if self.anchor == "event_end" { end } else { start };
        let minutes = if self.is_after { self.offset_minutes } else { -self.offset_minutes };
        anchor.saturating_add(SignedDuration::from_mins(minutes)).unwrap_or(anchor)
    }

    fn to_json(&self) -> Value {
        let side = if self.is_after { "after" } else { "before" };
        json!({ side: self.anchor, "offset": { "minutes": self.offset_minutes } })
    }
}

/// Reads the list; what may happen to the thing they are about is in `interactions`.
pub(super) fn read(params: &mut Params<'_>, interactions: &[&str]) -> Vec<Subscription> {
    let list = params.list("subscriptions", 100).unwrap_or_default();
    list.iter().filter_map(|value| one(params, value, interactions)).collect()
}

fn one(params: &mut Params<'_>, value: &Value, known: &[&str]) -> Option<Subscription> {
    let mut inner = Params::within(value, "subscriptions");
    if inner.value("type").is_none() {
        inner.wrong("type", "required", "must be specified");
    }
    inner.choice("type", &["webhook"]);
    let uri = inner.required_address("uri");
    let mut interactions = Vec::new();
    for value in inner.list("interactions", 100).unwrap_or_default() {
        let mut each = Params::within(value, "subscriptions.interactions");
        if each.value("type").is_none() {
            each.wrong("type", "required", "must be specified");
        }
        interactions.extend(each.choice("type", known));
        inner.absorb(each);
    }
    let mut transitions = Vec::new();
    for value in inner.list("transitions", 100).unwrap_or_default() {
        let mut each = Params::within(value, "subscriptions.transitions");
        transitions.extend(transition(&mut each));
        inner.absorb(each);
    }
    params.absorb(inner);
    Some(Subscription { uri: uri?, interactions, transitions })
}

fn transition(params: &mut Params<'_>) -> Option<Transition> {
    let (before, after) = (params.choice("before", &ANCHORS), params.choice("after", &ANCHORS));
    if params.has("before") == params.has("after") {
        params.wrong("before", "invalid", "or after must be specified, and not both");
    }
    let offset_minutes = params.duration("offset").unwrap_or(0);
    let is_after = before.is_none();
    Some(Transition { is_after, anchor: before.or(after)?, offset_minutes })
}

/// Tells those who asked for it that something happened now. `about` holds what it happened to, by its name.
pub(super) fn interact(
    world: &World,
    client_id: &str,
    subscriptions: &[Subscription],
    interaction: &str,
    about: &Value,
) -> Result<(), StoreError> {
    for subscription in subscriptions {
        if subscription.interactions.iter().any(|asked| asked == interaction) {
            let body = body("interactions", &json!([{ "type": interaction }]), about);
            world.post(Outgoing::callback(client_id, &subscription.uri, &body))?;
        }
    }
    Ok(())
}

/// Tells those who asked for it at a later time that something happens then, unless it is withdrawn: under `key` and
/// the subscription's place in the list.
pub(super) fn interact_at(
    world: &World,
    client_id: &str,
    subscriptions: &[Subscription],
    (interaction, due): (&str, Timestamp),
    about: &Value,
    key: &str,
) -> Result<(), StoreError> {
    for (place, subscription) in subscriptions.iter().enumerate() {
        if subscription.interactions.iter().any(|asked| asked == interaction) {
            let body = body("interactions", &json!([{ "type": interaction }]), about);
            let outgoing = Outgoing::callback(client_id, &subscription.uri, &body);
            world.post(outgoing.at(due).under(format!("{key}/{place}")))?;
        }
    }
    Ok(())
}

/// Waits for the moments that were asked for around an event, in place of those that were waited for before.
pub(super) fn arm(
    world: &World,
    client_id: &str,
    subscriptions: &[Subscription],
    (start, end): (Timestamp, Timestamp),
    about: &Value,
    key: &str,
) -> Result<(), StoreError> {
    disarm(world, key)?;
    let asked = subscriptions.iter().flat_map(|subscription| {
        subscription.transitions.iter().map(move |transition| (&subscription.uri, transition))
    });
    for (place, (uri, transition)) in asked.enumerate() {
        let due = transition.due(start, end);
        // What lies in the past when the event is written does not happen any more.
        if due >= world.now() {
            let body = body("transitions", &json!([transition.to_json()]), about);
            let outgoing = Outgoing::trigger(client_id, uri, &body);
            world.post(outgoing.at(due).under(format!("{key}/{place}")))?;
        }
    }
    Ok(())
}

/// Waits for nothing any more under a key.
pub(super) fn disarm(world: &World, key: &str) -> Result<(), StoreError> {
    world.withdraw_all(&format!("{key}/"))
}

fn body(kind: &str, what: &Value, about: &Value) -> Value {
    let mut body = json!({ "notification": { "type": "event_subscription", kind: what } });
    if let (Some(body), Some(about)) = (body.as_object_mut(), about.as_object()) {
        body.extend(about.clone());
    }
    body
}
