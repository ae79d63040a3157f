//! Reads what a link is made of, and says field by field what is wrong with it.

use serde_json::{Map, Value};

use super::complete::acting_for;
use crate::availability::{AvailabilityQuery, Limits, Minutes, SequencedQuery};
use crate::call::Call;
use crate::errors::{ApiError, ApiResult, FieldErrors};
use crate::params::Params;
use crate::routes::availability::known_participants;
use crate::routes::events::write::judge;
use crate::world::World;
use crate::world::applications::{Application, web_address};
use crate::world::scheduling_links::{LinkKind, LinkStatus, LinkUrls, SchedulingLink, TargetCalendar};

/// The most calendars one link writes to; Cronofy documents no limit.
const TARGETS: usize = 50;

/// A day on which events are judged before anybody has picked one. Any day would do.
const SOME_DAY: [(&str, &str); 2] = [("start", "2026-01-01T09:00:00Z"), ("end", "2026-01-01T10:00:00Z")];

/// The link that a body asks for.
pub(super) fn read(
    world: &World,
    call: &Call,
    application: &Application,
    kind: LinkKind,
) -> ApiResult<SchedulingLink> {
    let mut params = call.params()?;
    oauth(world, application, &mut params);
    let targets = targets(world, application, &mut params)?;
    let availability = availability(world, application, kind, &mut params)?;
    let event = object(&mut params, "event", kind == LinkKind::Scheduling);
    match kind {
        LinkKind::Scheduling => {
            let errors =
                event.as_ref().map(|event| judged(world, application, &targets, event)).transpose()?;
            params.errors.absorb(errors.unwrap_or_default().under("event"));
        }
        LinkKind::Sequencing => {
            steps(world, application, &targets, event.as_ref(), &availability, &mut params)?;
        }
    }
    let event_creation = params.choice("event_creation", &["default", "single"]);
    let selection_mode = params.text("selection_mode", 100);
    let minimum_notice =
        match params.value("minimum_notice").map(|value| Minutes::parse(value, "minimum_notice")) {
            Some(Err(errors)) => {
                params.errors.absorb(errors.into());
                Minutes::default()
            }
            Some(Ok(notice)) => notice,
            None => Minutes::default(),
        };
    let link = SchedulingLink {
        id: world.ids.id(kind.id_prefix()),
        token: world.ids.token(),
        client_id: application.client_id.clone(),
        kind,
        status: LinkStatus::Open,
        display_message: None,
        event: event.unwrap_or_else(|| Value::Object(Map::new())),
        availability,
        targets,
        is_single_event: event_creation.as_deref() == Some("single"),
        is_unconfirmed: selection_mode.as_deref() == Some("no_confirm"),
        tzid: params.time_zone("tzid"),
        is_twelve_hour: hour_format(&mut params).as_deref() == Some("h"),
        minimum_notice_minutes: minimum_notice.0,
        urls: urls(&mut params),
        chosen: Vec::new(),
    };
    params.finish()?;
    Ok(link)
}

/// Where people would be sent to connect a calendar of their own.
pub(in crate::routes) fn oauth(world: &World, application: &Application, params: &mut Params<'_>) {
    let needed = world.settings().scheduling_needs_oauth;
    let Some(value) = object(params, "oauth", needed) else { return };
    let mut inner = Params::within(&value, "oauth");
    let redirect_uri = if needed || inner.value("redirect_uri").is_some() {
        inner.required_text("redirect_uri", 2048)
    } else {
        None
    };
    if redirect_uri.is_some_and(|uri| !application.accepts(&uri)) {
        inner.wrong("redirect_uri", "invalid", "must be one that the application may redirect to");
    }
    inner.text("scope", 1024);
    inner.text("state", 4096);
    params.absorb(inner);
}

/// The calendars to write to, each one that the application reaches and that can be written to.
fn targets(
    world: &World,
    application: &Application,
    params: &mut Params<'_>,
) -> ApiResult<Vec<TargetCalendar>> {
    let mut targets = Vec::new();
    for value in params.list("target_calendars", TARGETS).unwrap_or_default() {
        let mut inner = Params::within(value, "target_calendars");
        let (sub, calendar_id) = (inner.required_text("sub", 200), inner.required_text("calendar_id", 1024));
        if let (Some(sub), Some(calendar_id)) = (sub, calendar_id) {
            let reached = world.reaches(&application.client_id, &sub)?;
            match world.writable_calendar_of(&sub, &calendar_id) {
                Err(ApiError::Store(error)) => return Err(error.into()),
                _ if !reached => inner.wrong("sub", "invalid", "must be known to the application"),
                Ok(_) => targets.push(TargetCalendar { sub, calendar_id }),
                Err(_) => {
                    inner.wrong(
                        "calendar_id",
                        "invalid",
                        "must be a calendar of the account that can be written to",
                    );
                }
            }
        }
        params.absorb(inner);
    }
    Ok(targets)
}

/// The query, as it was sent, once it was found to be one.
fn availability(
    world: &World,
    application: &Application,
    kind: LinkKind,
    params: &mut Params<'_>,
) -> ApiResult<Value> {
    let Some(value) = object(params, "availability", true) else { return Ok(Value::Null) };
    let (limits, client_id) = (Limits::default(), &application.client_id);
    let errors = match kind {
        LinkKind::Scheduling => match AvailabilityQuery::parse(&value, &limits) {
            Ok(query) => known_participants(world, client_id, &query.subs())?.1,
            Err(errors) => errors.into(),
        },
        LinkKind::Sequencing => match SequencedQuery::parse(&value, &limits) {
            Ok(query) => known_participants(world, client_id, &query.subs())?.1,
            Err(errors) => errors.into(),
        },
    };
    params.errors.absorb(errors.under("availability"));
    Ok(value)
}

/// Judges the events of a sequence's steps.
fn steps(
    world: &World,
    application: &Application,
    targets: &[TargetCalendar],
    common: Option<&Value>,
    availability: &Value,
    params: &mut Params<'_>,
) -> ApiResult<()> {
    let mut ids = Vec::new();
    for step in availability["sequence"].as_array().into_iter().flatten() {
        let Some(own) = step["event"].as_object() else {
            params.wrong("availability.sequence.event", "required", "must be specified");
            continue;
        };
        if !own.contains_key("event_id") {
            params.wrong("availability.sequence.event.event_id", "required", "must be specified");
            continue;
        }
        if ids.contains(&&own["event_id"]) {
            params.wrong("availability.sequence.event.event_id", "duplicate", "must differ between steps");
        }
        ids.push(&own["event_id"]);
        let mut event = common.and_then(Value::as_object).cloned().unwrap_or_default();
        event.extend(own.clone());
        let errors = judged(world, application, targets, &Value::Object(event))?;
        params.errors.absorb(errors.under("availability.sequence.event"));
    }
    Ok(())
}

/// What is wrong with an event that is to be written to the targets once its times are known.
fn judged(
    world: &World,
    application: &Application,
    targets: &[TargetCalendar],
    event: &Value,
) -> ApiResult<FieldErrors> {
    let mut event = event.clone();
    for (name, time) in SOME_DAY {
        event[name] = time.into();
    }
    for target in targets {
        let Some(acting) = acting_for(world, &application.client_id, &target.sub)? else { continue };
        let calendar = world.calendar_of(&target.sub, &target.calendar_id)?;
        if let Some(errors) = refusal(judge(world, &acting, &calendar, &event))? {
            return Ok(errors);
        }
    }
    if targets.is_empty() {
        let mut params = Params::new(&event);
        params.required_text("event_id", 1024);
        params.required_text("summary", 1024);
        params.text("description", 4096);
        params.time_zone("tzid");
        return Ok(params.errors);
    }
    Ok(FieldErrors::default())
}

fn refusal<T>(judged: ApiResult<T>) -> ApiResult<Option<FieldErrors>> {
    match judged {
        Ok(_) => Ok(None),
        Err(ApiError::Invalid(errors)) => Ok(Some(errors)),
        Err(error) => Err(error),
    }
}

/// `H` for 24 hours, `h` for twice 12.
fn hour_format(params: &mut Params<'_>) -> Option<String> {
    let formatting = params.object("formatting")?;
    let mut inner = Params::within(formatting, "formatting");
    let format = inner.choice("hour_format", &["H", "h"]);
    params.absorb(inner);
    format
}

fn urls(params: &mut Params<'_>) -> LinkUrls {
    let mut group = |name: &str, keys: [&str; 3]| {
        let Some(value) = params.object(name) else { return [None, None, None] };
        let mut inner = Params::within(value, name);
        let found = keys.map(|key| address(&mut inner, key));
        params.absorb(inner);
        found
    };
    let [completed, no_times_suitable, no_times_displayed] =
        group("callback_urls", ["completed_url", "no_times_suitable_url", "no_times_displayed_url"]);
    let [redirect, ..] = group("redirect_urls", ["completed_url", "", ""]);
    // The older parameter, still sent by most clients.
    let completed = completed.or(address(params, "callback_url"));
    LinkUrls { completed, no_times_suitable, no_times_displayed, redirect }
}

fn address(params: &mut Params<'_>, name: &str) -> Option<String> {
    let url = params.text(name, 2048).filter(|url| !url.is_empty())?;
    if web_address(&url).is_none() {
        params.wrong(name, "invalid", "must be an http or https address");
    }
    Some(url)
}

fn object(params: &mut Params<'_>, name: &str, required: bool) -> Option<Value> {
    if required && params.value(name).is_none() {
        params.wrong(name, "required", "must be specified");
    }
    params.object(name).cloned()
}
