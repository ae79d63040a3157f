//! Scheduling conversations: two participants agree on one of the times at which the organizer is free; then the event
//! is written. <https://docs.cronofy.com/developers/api-alpha/scheduling-conversations/>

use axum::Json;
use axum::Router;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use serde_json::{Map, Value, json};

use super::events::write::upsert;
use crate::auth::{Acting, Scope};
use crate::availability::{AvailabilityQuery, Limits, availability};
use crate::call::{Call, operation};
use crate::errors::{ApiError, ApiResult};
use crate::params::Params;
use crate::server::State;
use crate::world::World;
use crate::world::accounts::Account;
use crate::world::calendars::Calendar;
use crate::world::event_time::Moment;
use crate::world::ids::unguessable;
use crate::world::scheduling_conversations::{Conversation, ConversationToken, Participant, Slot};

const PATH: &str = "/v1/scheduling_conversations";
const JOINED: &str = "scheduling_conversation_joined";
const UPDATED: &str = "scheduling_conversation_updated";

pub(super) fn router() -> Router<State> {
    let slots = get(operation(list_slots)).post(operation(select_slots));
    Router::new()
        .route(PATH, post(operation(create)).get(operation(lookup)))
        .route(&format!("{PATH}/{{scheduling_conversation_id}}"), get(operation(read)))
        .route(&format!("{PATH}/{{scheduling_conversation_id}}/participants/{{token}}/slots"), slots)
}

fn create(world: &World, call: &Call) -> ApiResult {
    let acting = call.account(world, Scope::Any)?;
    let mut params = call.params()?;
    let participants = participants(world, &acting, &mut params)?;
    let tzid = params.time_zone("tzid").unwrap_or_else(|| acting.account.zoneinfo.clone());
    let subject = params.text("subject", 1024);
    let required_minutes = params.duration("required_duration").unwrap_or(0);
    if params.value("required_duration").is_none() {
        params.wrong("required_duration", "required", "must be specified");
    }
    let event = event(&mut params, subject.as_deref());
    let available_periods = params.value("available_periods").cloned();
    params.finish()?;
    let organizer = participants.first().and_then(|participant| participant.sub.clone());
    let organizer = organizer.unwrap_or_else(|| acting.account.sub.clone());
    let query = json!({
        "participants": [{ "members": [{ "sub": organizer }], "required": "all" }],
        "required_duration": { "minutes": required_minutes },
        "available_periods": available_periods,
        "response_format": "slots",
    });
    let query = AvailabilityQuery::parse(&query, &Limits::default())?;
    let calendars = match query.horizon() {
        Some(horizon) => world.member_calendars(&acting.client_id, &query.subs(), horizon)?,
        None => std::collections::BTreeMap::new(),
    };
    let times = availability(&query, &calendars).times.into_iter();
    let slots: Vec<_> =
        times.map(|time| Slot { slot_id: world.ids.id("slt_"), start: time.start, end: time.end }).collect();
    let mut conversation = Conversation {
        id: world.ids.id("scv_"),
        client_id: acting.client_id,
        sub: acting.account.sub,
        participants,
        tzid,
        subject,
        event: Value::Object(event),
        required_minutes,
        available_periods: available_periods.unwrap_or_default(),
        slots,
        agreed: None,
    };
    let all: Vec<_> = conversation.slots.iter().map(|slot| slot.slot_id.clone()).collect();
    for participant in &mut conversation.participants {
        if participant.is_automatic {
            participant.selected = Some(all.clone());
        }
        let token = participant.token.clone();
        world.store.put(&ConversationToken { token, conversation_id: conversation.id.clone() })?;
    }
    world.store.put(&conversation)?;
    Ok(Json(json!({ "scheduling_conversation": conversation.to_json(&call.origin) })).into_response())
}

fn read(world: &World, call: &Call) -> ApiResult {
    let conversation = own(world, call)?;
    Ok(Json(json!({ "scheduling_conversation": conversation.to_json(&call.origin) })).into_response())
}

/// The conversation and the participant that a token stands for, who has joined by that.
fn lookup(world: &World, call: &Call) -> ApiResult {
    let acting = call.account(world, Scope::Any)?;
    let mut params = call.query();
    let token = params.required_text("token", 200).unwrap_or_default();
    params.finish()?;
    let conversation = world.conversation_by_token(&token)?;
    let conversation = conversation.filter(|conversation| conversation.client_id == acting.client_id);
    let mut conversation = conversation.ok_or(ApiError::NotFound)?;
    let joined = conversation.participants.iter_mut().find(|participant| participant.token == token);
    let joined = joined.ok_or(ApiError::NotFound)?;
    let is_new = !std::mem::replace(&mut joined.has_joined, true);
    let participant = joined.clone();
    if is_new {
        world.store.put(&conversation)?;
        tell(world, &conversation, JOINED)?;
    }
    Ok(Json(json!({
        "participant": conversation.participant_json(&participant, &call.origin),
        "scheduling_conversation": conversation.to_json(&call.origin),
    }))
    .into_response())
}

fn list_slots(world: &World, call: &Call) -> ApiResult {
    let (conversation, _) = linked(world, call)?;
    let slots: Vec<_> = conversation.slots.iter().map(Slot::to_json).collect();
    Ok(Json(json!({ "slots": slots })).into_response())
}

fn select_slots(world: &World, call: &Call) -> ApiResult {
    let (mut conversation, token) = linked(world, call)?;
    let mut params = call.params()?;
    let selected = selection(&mut params, &conversation);
    params.finish()?;
    for participant in &mut conversation.participants {
        if participant.token == token {
            participant.selected = Some(selected.clone());
        }
    }
    if let Some(slot) = conversation.agreement().cloned() {
        conversation.agreed = Some(slot.slot_id.clone());
        book(world, &conversation, &slot)?;
    }
    world.store.put(&conversation)?;
    tell(world, &conversation, UPDATED)?;
    Ok(Json(json!({ "scheduling_conversation": conversation.to_json(&call.origin) })).into_response())
}

/// The ids of slots: `selected_slots` (or, as older clients write, `slots`) of objects with `slot_id`, or `slot_ids`.
fn selection(params: &mut Params<'_>, conversation: &Conversation) -> Vec<String> {
    let mut ids = params.texts("slot_ids", usize::MAX).unwrap_or_default();
    let mut field = "selected_slots";
    for name in ["selected_slots", "slots"] {
        for value in params.list(name, 10_000).unwrap_or_default() {
            field = name;
            let mut inner = Params::within(value, name);
            ids.extend(inner.required_text("slot_id", 200));
            params.absorb(inner);
        }
    }
    let known = |id: &String| conversation.slots.iter().any(|slot| slot.slot_id == *id);
    if conversation.agreed.is_some() {
        params.wrong(field, "already_complete", "must not be chosen once a time is agreed");
    } else if ids.is_empty() {
        params.wrong(field, "required", "must have at least one entry");
    } else if !ids.iter().all(known) {
        params.wrong(field, "invalid", "must be slots of the conversation");
    }
    ids
}

/// Writes the event to the organizer's primary calendar.
fn book(world: &World, conversation: &Conversation, slot: &Slot) -> ApiResult<()> {
    let organizer = conversation.participants.first().and_then(|participant| participant.sub.as_deref());
    let sub = organizer.unwrap_or(&conversation.sub);
    let account = world.store.get::<Account>(sub)?.ok_or(ApiError::NotFound)?;
    let calendars = world.store.list::<Calendar>(sub)?;
    let primary = calendars.iter().find(|calendar| calendar.primary && !calendar.deleted);
    let calendar = world.writable_calendar_of(sub, &primary.ok_or(ApiError::NotFound)?.calendar_id)?;
    let mut invite = Vec::new();
    for guest in conversation.participants.iter().skip(1) {
        let known = match &guest.sub {
            Some(sub) => world.store.get::<Account>(sub)?.map(|account| account.email),
            None => None,
        };
        if let Some(email) = guest.email.clone().or(known) {
            invite.push(json!({ "email": email, "display_name": guest.common_name }));
        }
    }
    let mut body = conversation.event.clone();
    let time = |time| json!({ "time": Moment::Time(time).to_string(), "tzid": conversation.tzid });
    if body.get("event_id").is_none() {
        body["event_id"] = conversation.id.clone().into();
    }
    body["start"] = time(slot.start);
    body["end"] = time(slot.end);
    body["attendees"] = json!({ "invite": invite });
    let acting = Acting { client_id: conversation.client_id.clone(), account, scope: String::new() };
    upsert(world, &acting, &calendar, &body)?;
    Ok(())
}

fn tell(world: &World, conversation: &Conversation, kind: &str) -> ApiResult<()> {
    let (client_id, id) = (&conversation.client_id, &conversation.id);
    Ok(world.conversation_changed(client_id, &conversation.sub, id, kind)?)
}

/// The conversation of the id in the path, which the calling account must have begun.
fn own(world: &World, call: &Call) -> ApiResult<Conversation> {
    let acting = call.account(world, Scope::Any)?;
    let conversation = world.store.get::<Conversation>(call.path("scheduling_conversation_id"))?;
    let own = |known: &Conversation| known.client_id == acting.client_id && known.sub == acting.account.sub;
    conversation.filter(own).ok_or(ApiError::NotFound)
}

/// The conversation that a participant's link leads to, and their token.
fn linked(world: &World, call: &Call) -> ApiResult<(Conversation, String)> {
    let acting = call.account(world, Scope::Any)?;
    let token = call.path("token").to_owned();
    let conversation = world.conversation_by_token(&token)?;
    let id = call.path("scheduling_conversation_id");
    let fits = |known: &Conversation| known.client_id == acting.client_id && known.id == id;
    conversation.filter(fits).map(|conversation| (conversation, token)).ok_or(ApiError::NotFound)
}

fn participants(world: &World, acting: &Acting, params: &mut Params<'_>) -> ApiResult<Vec<Participant>> {
    let list = params.list("participants", 2).unwrap_or_default();
    if params.value("participants").is_none_or(|value| value == &json!([])) {
        params.wrong("participants", "required", "must have at least one entry");
    }
    let mut participants = Vec::new();
    for value in list {
        let mut inner = Params::within(value, "participants");
        let participant_id = inner.text("participant_id", 1024);
        let (sub, email) = (inner.text("sub", 200), inner.text("email", 320));
        if participant_id.is_none() && sub.is_none() && email.is_none() {
            inner.wrong("participant_id", "required", "or sub or email must be specified");
        }
        if let Some(sub) = &sub
            && *sub != acting.account.sub
            && !world.reaches(&acting.client_id, sub)?
        {
            inner.wrong("sub", "invalid", "must be known to the application");
        }
        let common_name = inner.text("common_name", 1024);
        inner.boolean("managed_availability");
        let mut is_automatic = false;
        if let Some(slots) = inner.object("slots") {
            let mut each = Params::within(slots, "participants.slots");
            // An older spelling is still sent by Cronofy's Ruby client.
            let method = each.choice("selection_method", &["auto", "manual"]);
            let method = method.or_else(|| each.choice("choice_method", &["auto", "manual"]));
            is_automatic = method.as_deref() == Some("auto");
            inner.absorb(each);
        }
        params.absorb(inner);
        participants.push(Participant {
            participant_id: participant_id.unwrap_or_else(|| world.ids.id("par_")),
            sub,
            email,
            common_name,
            is_automatic,
            token: unguessable(),
            has_joined: false,
            selected: None,
        });
    }
    Ok(participants)
}

/// The event to write; it is called after the subject where it has no summary.
fn event(params: &mut Params<'_>, subject: Option<&str>) -> Map<String, Value> {
    let mut event = params.object("event").and_then(Value::as_object).cloned().unwrap_or_default();
    if !event.contains_key("summary") {
        match subject {
            Some(subject) => {
                event.insert("summary".into(), subject.into());
            }
            None => params.wrong("event.summary", "required", "or subject must be specified"),
        }
    }
    event
}
