//! Reads what is to be scheduled, and says field by field what is wrong with it.

use serde_json::{Map, Value};

use crate::auth::ActingOrganization;
use crate::availability::{AvailabilityQuery, Limits};
use crate::call::Call;
use crate::errors::{ApiError, ApiResult};
use crate::params::Params;
use crate::world::World;
use crate::world::accounts::Account;
use crate::world::ids::unguessable;
use crate::world::scheduling_requests::{Group, Host, Recipient, SchedulingRequest, SlotSelection};

/// How long a meeting is that is given no duration.
const DEFAULT_MINUTES: i64 = 30;

/// The longest meeting: a day.
const LONGEST_MINUTES: i64 = 24 * 60;

/// The most recipients, groups and members that are taken; Cronofy documents no limits.
const RECIPIENTS: usize = 100;
const GROUPS: usize = 10;
const MEMBERS: usize = 100;

/// Reads the body of a create call; nothing is stored yet.
pub(super) fn read(world: &World, call: &Call, caller: &ActingOrganization) -> ApiResult<SchedulingRequest> {
    let mut params = call.params()?;
    let host = host(world, caller, &mut params)?;
    let recipients = recipients(&mut params);
    let mut collaborator_groups = Vec::new();
    for value in params.list("collaborator_groups", GROUPS).unwrap_or_default() {
        let mut inner = Params::within(value, "collaborator_groups");
        collaborator_groups.extend(group(world, caller, &mut inner)?);
        params.absorb(inner);
    }
    let (event, inner_minutes) = event(&mut params);
    let minutes = params.duration("duration").or(inner_minutes).unwrap_or(DEFAULT_MINUTES);
    if !(1..=LONGEST_MINUTES).contains(&minutes) {
        params.wrong("event.duration", "invalid", "must be from a minute to a day");
    }
    params.text("availability_mode", 100);
    let kept = |name: &str| params.value(name).cloned();
    let (buffer, query_periods, start_interval, tags) =
        (kept("buffer"), kept("query_periods"), kept("start_interval"), kept("tags"));
    params.finish()?;
    let Some(host) = host else { return Err(ApiError::NotFound) };
    let request = SchedulingRequest {
        id: world.ids.id("srq_"),
        client_id: caller.client_id.clone(),
        organization_id: caller.organization_id.clone(),
        host,
        collaborator_groups,
        recipients,
        event: Value::Object(event),
        tags,
        duration_minutes: minutes,
        buffer,
        query_periods,
        start_interval,
        slot_selection: SlotSelection::Pending,
        chosen: None,
        metadata: Map::new(),
        view_token: unguessable(),
    };
    // What the query finds wrong with periods, buffer and interval is what is wrong with the request.
    AvailabilityQuery::parse(&request.query(world)?, &Limits::default())?;
    Ok(request)
}

/// The member that the call acts for, or else the host or group that the body names.
fn host(world: &World, caller: &ActingOrganization, params: &mut Params<'_>) -> ApiResult<Option<Host>> {
    if let Some(account) = &caller.impersonated {
        return Ok(Some(Host::One { sub: account.sub.clone() }));
    }
    match (params.object("host"), params.object("host_group")) {
        (Some(_), Some(_)) => {
            params.wrong("host_group", "invalid", "and host exclude each other");
            Ok(None)
        }
        (Some(value), None) => {
            let mut inner = Params::within(value, "host");
            let sub = member(world, caller, &mut inner)?;
            params.absorb(inner);
            Ok(sub.map(|sub| Host::One { sub }))
        }
        (None, Some(value)) => {
            let mut inner = Params::within(value, "host_group");
            let group = group(world, caller, &mut inner)?;
            params.absorb(inner);
            Ok(group.map(Host::Group))
        }
        (None, None) => {
            if !params.has("host") && !params.has("host_group") {
                params.wrong("host", "required", "or host_group must be specified, or a member impersonated");
            }
            Ok(None)
        }
    }
}

fn group(world: &World, caller: &ActingOrganization, params: &mut Params<'_>) -> ApiResult<Option<Group>> {
    if params.value("sub").is_some() {
        params.wrong(
            "sub",
            "invalid",
            "must be one of the organization's selection rules, and there are none",
        );
        return Ok(None);
    }
    let name = params.text("name", 1024);
    let mut subs = Vec::new();
    let members = params.list("members", MEMBERS).unwrap_or_default();
    if members.is_empty() {
        params.wrong("members", "required", "must have at least one entry");
    }
    for value in members {
        let mut inner = Params::within(value, "members");
        subs.extend(member(world, caller, &mut inner)?);
        params.absorb(inner);
    }
    let most = i64::try_from(members.len().max(1)).unwrap_or(i64::MAX);
    let required = params.integer("required", 1..=most).and_then(|required| usize::try_from(required).ok());
    Ok(Some(Group { name, subs, required: required.unwrap_or(1) }))
}

/// `sub`, which must be a member's who has calendars.
fn member(world: &World, caller: &ActingOrganization, params: &mut Params<'_>) -> ApiResult<Option<String>> {
    let Some(sub) = params.required_text("sub", 200) else { return Ok(None) };
    let is_member = world.is_member(&caller.organization_id, &sub)?;
    if !is_member || world.store.get::<Account>(&sub)?.is_none() {
        params.wrong("sub", "invalid", "must be a member of the organization");
        return Ok(None);
    }
    Ok(Some(sub))
}

fn recipients(params: &mut Params<'_>) -> Vec<Recipient> {
    let list = params.list("recipients", RECIPIENTS).unwrap_or_default();
    if list.is_empty() {
        params.wrong("recipients", "required", "must have at least one entry");
    }
    let mut recipients = Vec::new();
    for value in list {
        let mut inner = Params::within(value, "recipients");
        let email = inner.required_text("email", 320);
        if email.as_ref().is_some_and(|email| !email.contains('@')) {
            inner.wrong("email", "invalid", "must be an e-mail address");
        }
        let display_name = inner.text("display_name", 1024);
        let is_slot_selector = inner.boolean("slot_selector").unwrap_or(false);
        params.absorb(inner);
        let email = email.unwrap_or_default();
        recipients.push(Recipient { email, display_name, is_slot_selector, token: unguessable() });
    }
    // Somebody has to choose.
    if recipients.iter().all(|recipient| !recipient.is_slot_selector)
        && let Some(first) = recipients.first_mut()
    {
        first.is_slot_selector = true;
    }
    recipients
}

/// The event to write, and the duration that stands in it.
fn event(params: &mut Params<'_>) -> (Map<String, Value>, Option<i64>) {
    let mut event = Map::new();
    if params.value("event").is_none() {
        params.wrong("event.summary", "required", "must be specified");
    }
    let Some(value) = params.object("event") else { return (event, None) };
    let mut inner = Params::within(value, "event");
    let texts = [
        ("summary", inner.required_text("summary", 1024)),
        ("description", inner.text("description", 4096)),
        ("locale", inner.text("locale", 35)),
    ];
    for (name, text) in texts {
        if let Some(text) = text {
            event.insert(name.into(), text.into());
        }
    }
    if let Some(location) = inner.object("location") {
        let mut place = Params::within(location, "event.location");
        place.text("description", 1024);
        inner.absorb(place);
        event.insert("location".into(), location.clone());
    }
    let minutes = inner.duration("duration");
    params.absorb(inner);
    (event, minutes)
}
