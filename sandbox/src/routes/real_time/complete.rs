//! What happens when a time is picked: the events are written, the application is told, the link is closed.

use serde_json::{Value, json};

use super::{link_json, time_json, zone_of};
use crate::auth::Acting;
use crate::errors::{ApiError, ApiResult};
use crate::outbox::Outgoing;
use crate::routes::events::write::{judge, upsert};
use crate::world::World;
use crate::world::accounts::Account;
use crate::world::calendars::Calendar;
use crate::world::event_time::Moment;
use crate::world::scheduling_links::{Chosen, LinkKind, LinkStatus, SchedulingLink, TargetCalendar};
use crate::world::store::StoreError;

/// The application at work in somebody's calendars; None for a `sub` that is nobody's.
pub(in crate::routes) fn acting_for(
    world: &World,
    client_id: &str,
    sub: &str,
) -> Result<Option<Acting>, StoreError> {
    let account = world.store.get::<Account>(sub)?;
    Ok(account.map(|account| Acting { client_id: client_id.into(), account, scope: String::new() }))
}

/// One event that a choice writes, where, and on whose behalf.
pub(super) struct Booking {
    acting: Acting,
    calendar: Calendar,
    event: Value,
}

/// The events that a choice writes to every target calendar; an error where one of them cannot be written.
pub(super) fn bookings(world: &World, link: &SchedulingLink, chosen: &[Chosen]) -> ApiResult<Vec<Booking>> {
    let (first, others) = link.targets.split_at(link.targets.len().min(1));
    let (hosts, guests) = if link.is_single_event { (first, others) } else { (&link.targets[..], &[][..]) };
    let mut bookings = Vec::new();
    for time in chosen {
        let mut event = link.event_of(&time.sequence_id);
        event["start"] = time_json(link, time.start);
        event["end"] = time_json(link, time.end);
        for host in hosts {
            if !world.reaches(&link.client_id, &host.sub)? {
                return Err(ApiError::Forbidden);
            }
            let acting = acting_for(world, &link.client_id, &host.sub)?.ok_or(ApiError::NotFound)?;
            let calendar = world.writable_calendar_of(&host.sub, &host.calendar_id)?;
            let event = with_guests(world, event.clone(), &acting.account, guests)?;
            judge(world, &acting, &calendar, &event)?;
            bookings.push(Booking { acting, calendar, event });
        }
    }
    Ok(bookings)
}

/// Writes the events of a choice, posts the callback and closes the link.
pub(super) fn complete(
    world: &World,
    link: &SchedulingLink,
    chosen: Vec<Chosen>,
    bookings: &[Booking],
    user_tzid: &str,
) -> ApiResult<SchedulingLink> {
    let link = SchedulingLink { status: LinkStatus::Completed, chosen, ..link.clone() };
    world.store.put(&link)?;
    for Booking { acting, calendar, event } in bookings {
        upsert(world, acting, calendar, event)?;
    }
    if let Some(url) = &link.urls.completed {
        world.post(Outgoing::callback(&link.client_id, url, &callback(&link, user_tzid)))?;
    }
    Ok(link)
}

/// Tells the application that somebody found no time that suits, or was shown none.
pub(super) fn tell_of_no_times(
    world: &World,
    link: &SchedulingLink,
    url: &str,
    what: &str,
    page_url: &str,
    user_tzid: &str,
) -> Result<(), StoreError> {
    let body = json!({
        "notification": { "type": what },
        link.kind.name(): link_json(link, page_url),
        "user": { "tzid": user_tzid },
    });
    world.post(Outgoing::callback(&link.client_id, url, &body))
}

/// Invites the owners of the other target calendars to the one event there is.
fn with_guests(
    world: &World,
    mut event: Value,
    host: &Account,
    targets: &[TargetCalendar],
) -> ApiResult<Value> {
    let mut invited = event["attendees"]["invite"].as_array().cloned().unwrap_or_default();
    for target in targets.iter().filter(|target| target.sub != host.sub) {
        if let Some(account) =
            world.store.get::<Account>(&target.sub)?.filter(|account| !account.email.is_empty())
        {
            let known = |guest: &Value| {
                guest["email"].as_str().is_some_and(|email| email.eq_ignore_ascii_case(&account.email))
            };
            if !invited.iter().any(known) {
                invited.push(json!({ "email": account.email, "display_name": account.name }));
            }
        }
    }
    if !invited.is_empty() {
        event["attendees"] = json!({ "invite": invited });
    }
    Ok(event)
}

/// What is posted to `completed_url`: the event with its times, no envelope.
fn callback(link: &SchedulingLink, user_tzid: &str) -> Value {
    let shown = |time: &Chosen| {
        let mut event = link.event_of(&time.sequence_id);
        event["start"] = time_json(link, time.start);
        event["end"] = time_json(link, time.end);
        event
    };
    let participants =
        |time: &Chosen| time.participants.iter().map(|sub| json!({ "sub": sub })).collect::<Vec<_>>();
    let user = json!({ "tzid": user_tzid });
    match (link.kind, link.chosen.as_slice()) {
        (LinkKind::Scheduling, [only, ..]) => {
            json!({ "event": shown(only), "participants": participants(only), "user": user })
        }
        (_, steps) => {
            let sequence = steps.iter().map(|step| {
                json!({
                    "sequence_id": step.sequence_id,
                    "event": shown(step),
                    "participants": participants(step),
                })
            });
            let sequence: Vec<_> = sequence.collect();
            json!({ "sequence": sequence, "user": user })
        }
    }
}

/// When a choice begins, as a form sends it back.
pub(super) fn start_of(choice: &[Chosen]) -> String {
    choice.first().map(|first| Moment::Time(first.start).to_string()).unwrap_or_default()
}

/// The zone in which somebody looks at a link who has named none.
pub(super) fn shown_zone(link: &SchedulingLink) -> &str {
    link.tzid.as_deref().unwrap_or_else(|| zone_of(link))
}
