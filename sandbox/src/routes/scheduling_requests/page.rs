//! The pages behind a request's links: a recipient chooses a time, and everybody sees how things stand. They work
//! without JavaScript.

use axum::Router;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use minijinja::context;
use serde_json::{Value, json};

use super::call_off;
use crate::auth::Acting;
use crate::availability::AvailableTime;
use crate::call::{Call, operation};
use crate::errors::{ApiError, ApiResult};
use crate::outbox::Outgoing;
use crate::pages::page;
use crate::params::Params;
use crate::routes::events::write::upsert;
use crate::routes::real_time::page::{unknown_link, unwritable, zones};
use crate::server::State;
use crate::world::World;
use crate::world::accounts::Account;
use crate::world::applications::Application;
use crate::world::calendars::Calendar;
use crate::world::event_time::{Moment, time_zone, whole_seconds};
use crate::world::events::Event;
use crate::world::scheduling_requests::{ChosenSlot, SchedulingRequest, SelectLink, SlotSelection};

/// What a link's query may say of where somebody came from; each at most 128 characters.
const METADATA: [&str; 6] =
    ["correlation_id", "utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content"];
const METADATA_LIMIT: usize = 128;

const TAKEN: &str = "That time is no longer free. Please choose another one.";

pub(super) fn router() -> Router<State> {
    Router::new().route("/scheduler/requests/{token}", get(operation(show)).post(operation(answer)))
}

fn show(world: &World, call: &Call) -> ApiResult {
    let Some((link, request)) = named(world, call)? else { return Ok(unknown_link()) };
    let request = with_metadata(world, call, request)?;
    let mut params = call.query();
    let view = View::of(world, call, &request, &mut params)?;
    let is_asked = |name: &str| call.query[name].as_str() == Some("true");
    let is_complete = request.slot_selection == SlotSelection::Complete;
    if is_complete && is_asked("decline") {
        return Ok(view.ask_to_decline());
    }
    if !view.may_choose(&link) {
        return Ok(view.standing());
    }
    let slots = request.slots(world)?;
    let asked = call.query["start"].as_str();
    match asked.map(|start| slots.iter().find(|slot| start_of(slot) == start)) {
        Some(Some(slot)) => Ok(view.confirm(slot)),
        Some(None) => Ok(view.choose(&slots, Some(TAKEN))),
        None => Ok(view.choose(&slots, None)),
    }
}

/// Takes the time that was chosen, or that the meeting is off.
fn answer(world: &World, call: &Call) -> ApiResult {
    let Some((link, request)) = named(world, call)? else { return Ok(unknown_link()) };
    let mut params = call.params()?;
    let view = View::of(world, call, &request, &mut params)?;
    let start = params.text("start", 100);
    let is_declined = params.value("answer").and_then(Value::as_str) == Some("decline");
    if is_declined && request.slot_selection == SlotSelection::Complete {
        let request = call_off(world, request.clone())?;
        return Ok(View { request: &request, ..view }.standing());
    }
    if !view.may_choose(&link) {
        return Ok(view.standing());
    }
    let slots = request.slots(world)?;
    let Some(slot) = slots.iter().find(|slot| Some(start_of(slot)) == start) else {
        return Ok(view.choose(&slots, Some(TAKEN)));
    };
    match complete(world, call, &request, slot) {
        Ok(request) => Ok(View { request: &request, ..view }.standing()),
        Err(ApiError::Store(error)) => Err(error.into()),
        Err(_) => Ok(unwritable()),
    }
}

fn named(world: &World, call: &Call) -> ApiResult<Option<(SelectLink, SchedulingRequest)>> {
    let Some(link) = world.store.get::<SelectLink>(call.path("token"))? else { return Ok(None) };
    let request = world.store.get::<SchedulingRequest>(&link.scheduling_request_id)?;
    if let Some(request) = &request {
        call.note(&request.client_id, None);
    }
    Ok(request.map(|request| (link, request)))
}

/// Keeps what the address says of where somebody came from.
fn with_metadata(world: &World, call: &Call, mut request: SchedulingRequest) -> ApiResult<SchedulingRequest> {
    let before = request.metadata.len();
    for name in METADATA {
        let value = call.query[name].as_str();
        if let Some(value) = value.filter(|value| value.chars().count() <= METADATA_LIMIT) {
            request.metadata.insert(name.into(), value.into());
        }
    }
    if request.metadata.len() != before {
        world.store.put(&request)?;
    }
    Ok(request)
}

/// Writes the event to the host's calendar, in place of one for an earlier choice, and tells the application.
fn complete(
    world: &World,
    call: &Call,
    request: &SchedulingRequest,
    slot: &AvailableTime,
) -> ApiResult<SchedulingRequest> {
    let host = request.host_at(slot).ok_or(ApiError::NotFound)?;
    let account = world.store.get::<Account>(&host)?.ok_or(ApiError::NotFound)?;
    let calendars = world.store.list::<Calendar>(&host)?;
    let primary = calendars.iter().find(|calendar| calendar.primary && !calendar.deleted);
    let calendar = world.writable_calendar_of(&host, &primary.ok_or(ApiError::NotFound)?.calendar_id)?;
    let body = event_body(world, request, slot, &account)?;
    let acting = Acting { client_id: request.client_id.clone(), account, scope: String::new() };
    let event = upsert(world, &acting, &calendar, &body)?;
    if let Some(earlier) = &request.chosen
        && earlier.event_uid != event.event_uid
        && let Some(event) = world.store.get::<Event>(&earlier.event_uid)?
    {
        world.delete_event(event, Some(&request.client_id))?;
    }
    let chosen = ChosenSlot { start: slot.start, end: slot.end, host, event_uid: event.event_uid };
    let request = SchedulingRequest {
        slot_selection: SlotSelection::Complete,
        chosen: Some(chosen),
        ..request.clone()
    };
    world.store.put(&request)?;
    let application = world.store.get::<Application>(&request.client_id)?;
    if let Some(url) = application.and_then(|application| application.push_url) {
        let body = json!({
            "notification": {
                "type": "scheduling_request_time_chosen",
                "triggered_at": whole_seconds(world.now()),
            },
            "scheduling_request": request.to_json(&call.origin),
        });
        world.post(Outgoing::callback(&request.client_id, &url, &body))?;
    }
    Ok(request)
}

/// The event as it is written: with its times, and everybody who is to come.
fn event_body(
    world: &World,
    request: &SchedulingRequest,
    slot: &AvailableTime,
    host: &Account,
) -> ApiResult<Value> {
    let mut invite: Vec<Value> = Vec::new();
    for recipient in &request.recipients {
        invite.push(json!({ "email": recipient.email, "display_name": recipient.display_name }));
    }
    for participant in slot.participants.iter().filter(|participant| participant.sub != host.sub) {
        if let Some(account) = world.store.get::<Account>(&participant.sub)? {
            invite.push(json!({ "email": account.email, "display_name": account.name }));
        }
    }
    let mut body = request.event.clone();
    let time = |time: Timestamp| json!({ "time": Moment::Time(time).to_string(), "tzid": host.zoneinfo });
    body["event_id"] = request.id.clone().into();
    body["start"] = time(slot.start);
    body["end"] = time(slot.end);
    body["attendees"] = json!({ "invite": invite });
    Ok(body)
}

/// When a slot begins, as a form sends it back.
fn start_of(slot: &AvailableTime) -> String {
    Moment::Time(slot.start).to_string()
}

/// A request as one person looks at it.
struct View<'a> {
    request: &'a SchedulingRequest,
    application: String,
    zone: TimeZone,
    tzid: String,
    path: String,
    is_rescheduled: bool,
}

impl<'a> View<'a> {
    fn of(
        world: &World,
        call: &Call,
        request: &'a SchedulingRequest,
        params: &mut Params<'_>,
    ) -> ApiResult<Self> {
        let asked = params.text("tzid", 100).filter(|tzid| time_zone(tzid).is_some());
        let first = request.subs().first().map(|sub| world.store.get::<Account>(sub)).transpose()?.flatten();
        let home = || first.map_or_else(|| "Etc/UTC".into(), |account| account.zoneinfo);
        let tzid = asked.unwrap_or_else(home);
        let application = world.store.get::<Application>(&request.client_id)?;
        // The form that picks another time comes from the address that says so.
        let is_rescheduled = call.query["reschedule"].as_str() == Some("true");
        let suffix = if is_rescheduled { "?reschedule=true" } else { "" };
        Ok(Self {
            request,
            application: application.map(|application| application.name).unwrap_or_default(),
            zone: time_zone(&tzid).unwrap_or(TimeZone::UTC),
            tzid,
            path: format!("{}{suffix}", call.uri_path),
            is_rescheduled,
        })
    }

    /// Whether whoever follows this link may choose a time now.
    fn may_choose(&self, link: &SelectLink) -> bool {
        match self.request.slot_selection {
            SlotSelection::Pending => link.may_select,
            SlotSelection::Complete => self.is_rescheduled,
            SlotSelection::Cancelled => false,
        }
    }

    fn choose(&self, slots: &[AvailableTime], notice: Option<&str>) -> Response {
        let mut days: Vec<(String, Vec<minijinja::Value>)> = Vec::new();
        for slot in slots {
            let label = self.day(slot.start);
            let time = context! { start => start_of(slot), label => self.hours(slot.start, slot.end) };
            match days.last_mut().filter(|(day, _)| *day == label) {
                Some((_, times)) => times.push(time),
                None => days.push((label, vec![time])),
            }
        }
        let days: Vec<_> = days.into_iter().map(|(label, times)| context! { label, times }).collect();
        page(
            StatusCode::OK,
            "scheduling/choose.html",
            context! {
                application => &self.application,
                summary => self.request.summary(),
                path => &self.path,
                tzid => &self.tzid,
                zones => zones(),
                days,
                notice,
                // Forms that are sent with GET drop the query of their address, which a new choice needs.
                is_rescheduled => self.is_rescheduled,
                may_decline => false,
            },
        )
    }

    fn confirm(&self, slot: &AvailableTime) -> Response {
        page(
            StatusCode::OK,
            "scheduling/confirm.html",
            context! {
                application => &self.application,
                summary => self.request.summary(),
                path => &self.path,
                tzid => &self.tzid,
                start => start_of(slot),
                others => self.others(),
                entries => vec![self.entry(slot.start, slot.end)],
            },
        )
    }

    fn ask_to_decline(&self) -> Response {
        page(
            StatusCode::OK,
            "scheduling/decline.html",
            context! { summary => self.request.summary(), path => &self.path, tzid => &self.tzid, entries => self.entries() },
        )
    }

    /// How things stand.
    fn standing(&self) -> Response {
        let message = match self.request.slot_selection {
            SlotSelection::Pending => Some("No time has been chosen yet."),
            SlotSelection::Complete => None,
            SlotSelection::Cancelled => Some("This meeting does not take place."),
        };
        page(
            StatusCode::OK,
            "scheduling/closed.html",
            context! {
                application => &self.application,
                summary => self.request.summary(),
                tzid => &self.tzid,
                message,
                entries => self.entries(),
            },
        )
    }

    fn others(&self) -> String {
        let separator = if self.path.contains('?') { '&' } else { '?' };
        let query =
            url::form_urlencoded::Serializer::new(String::new()).append_pair("tzid", &self.tzid).finish();
        format!("{}{separator}{query}", self.path)
    }

    fn entries(&self) -> Vec<minijinja::Value> {
        self.request.chosen.iter().map(|chosen| self.entry(chosen.start, chosen.end)).collect()
    }

    fn entry(&self, start: Timestamp, end: Timestamp) -> minijinja::Value {
        context! { summary => self.request.summary(), day => self.day(start), hours => self.hours(start, end) }
    }

    fn day(&self, time: Timestamp) -> String {
        time.to_zoned_datetime(self.zone.clone()).strftime("%A %-d %B %Y").to_string()
    }

    fn hours(&self, start: Timestamp, end: Timestamp) -> String {
        let there = |time: Timestamp| time.to_zoned_datetime(self.zone.clone()).strftime("%H:%M").to_string();
        format!("{} – {}", there(start), there(end))
    }
}
