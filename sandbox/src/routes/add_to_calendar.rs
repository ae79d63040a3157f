//! `POST /v1/add_to_calendar`: a link behind which a person adds an event to a calendar of their own, and thereby
//! authorizes the application. An older call that clients still have.

use axum::Json;
use axum::Router;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use jiff::tz::TimeZone;
use minijinja::context;
use minijinja::value::Serde;
use serde_json::{Value, json};

use crate::auth::Acting;
use crate::call::{Call, operation};
use crate::errors::{ApiError, ApiResult};
use crate::oauth::authorize::redirect;
use crate::oauth::request::AuthorizationRequest;
use crate::pages::page;
use crate::params::Params;
use crate::routes::events::write::upsert;
use crate::routes::real_time::page::unknown_link;
use crate::server::State;
use crate::world::World;
use crate::world::accounts::Account;
use crate::world::add_to_calendar::AddToCalendarLink;
use crate::world::applications::Application;
use crate::world::authorizations::ConnectionKind;
use crate::world::calendars::Calendar;
use crate::world::event_time::{EventTime, Moment, time_zone};

/// What adding an event takes, where the call asks for nothing more.
const SCOPE: &str = "create_event";

pub(super) fn router() -> Router<State> {
    Router::new()
        .route("/v1/add_to_calendar", post(operation(create)))
        .route("/add_to_calendar/{token}", get(operation(show)).post(operation(answer)))
}

fn create(world: &World, call: &Call) -> ApiResult {
    let application = call.client(world)?;
    let mut params = call.params()?;
    let request = request(&application, &mut params);
    let event = required_object(&mut params, "event");
    if let Some(event) = &event {
        judge(&mut params, event);
    }
    let is_twelve_hour = params.object("formatting").is_some_and(|formatting| {
        let mut inner = Params::within(formatting, "formatting");
        let format = inner.choice("hour_format", &["H", "h"]);
        params.absorb(inner);
        format.as_deref() == Some("h")
    });
    params.finish()?;
    let (Some(request), Some(event)) = (request, event) else { return Err(ApiError::NotFound) };
    let link = AddToCalendarLink { token: world.ids.token(), request, event, is_twelve_hour };
    world.store.put(&link)?;
    Ok(Json(json!({ "url": format!("{}/add_to_calendar/{}", call.origin, link.token) })).into_response())
}

/// The authorization that the link asks for.
fn request(application: &Application, params: &mut Params<'_>) -> Option<AuthorizationRequest> {
    let value = required_object(params, "oauth")?;
    let mut inner = Params::within(&value, "oauth");
    let redirect_uri = inner.required_text("redirect_uri", 2048);
    if redirect_uri.as_deref().is_some_and(|uri| !application.accepts(uri)) {
        inner.wrong("redirect_uri", "invalid", "must be one that the application may redirect to");
    }
    let scope = inner.text("scope", 1024).filter(|scope| !scope.is_empty());
    let state = inner.text("state", 4096);
    params.absorb(inner);
    Some(AuthorizationRequest {
        kind: ConnectionKind::Account,
        client_id: application.client_id.clone(),
        redirect_uri: redirect_uri?,
        scope: scope.unwrap_or_else(|| SCOPE.into()),
        delegated_scope: None,
        state,
        provider_name: None,
        link: None,
    })
}

/// Says what is wrong with an event before it is known whose calendar it goes to.
fn judge(params: &mut Params<'_>, event: &Value) {
    let mut inner = Params::within(event, "event");
    inner.required_text("event_id", 1024);
    inner.required_text("summary", 1024);
    inner.text("description", 4096);
    inner.time_zone("tzid");
    for name in ["start", "end"] {
        if inner.value(name).is_none() {
            inner.wrong(name, "required", "must be specified");
        }
    }
    let (start, end) = (inner.event_time("start"), inner.event_time("end"));
    if let (Some(start), Some(end)) = (start, end) {
        let instant = |time: &EventTime| time.moment.instant(&TimeZone::UTC);
        if start.moment.is_date() != end.moment.is_date() {
            inner.wrong("end", "invalid", "must be a date when start is one, and a time when start is one");
        } else if instant(&start) > instant(&end) {
            inner.wrong("end", "invalid", "must not be before start");
        }
    }
    params.absorb(inner);
}

/// The page: what is to be added, and to whose calendar.
fn show(world: &World, call: &Call) -> ApiResult {
    match world.store.get::<AddToCalendarLink>(call.path("token"))? {
        Some(link) => ask(world, call, &link, None),
        None => Ok(unknown_link()),
    }
}

/// Adds the event and sends the browser to the application, with a code; or without one where the person would not.
fn answer(world: &World, call: &Call) -> ApiResult {
    let Some(link) = world.store.get::<AddToCalendarLink>(call.path("token"))? else {
        return Ok(unknown_link());
    };
    let mut params = call.params()?;
    let (decision, account) = (params.text("decision", 100), params.text("account", 200));
    if decision.as_deref() == Some("cancel") {
        call.note(&link.request.client_id, None);
        return Ok(redirect(&link.request.deny()));
    }
    let candidates = link.request.candidates(world)?;
    let chosen = candidates.iter().find(|candidate| account.as_ref() == Some(&candidate.value));
    let Some(candidate) = chosen else {
        return ask(world, call, &link, Some("Choose whose calendar it is."));
    };
    let Some(account) = world.store.get::<Account>(&candidate.value)? else { return Ok(unknown_link()) };
    let calendars = world.store.list::<Calendar>(&account.sub)?;
    let primary = calendars.iter().find(|calendar| calendar.primary);
    let calendar = match primary.map(|known| world.writable_calendar_of(&account.sub, &known.calendar_id)) {
        Some(Ok(calendar)) => calendar,
        Some(Err(ApiError::Store(error))) => return Err(error.into()),
        _ => return ask(world, call, &link, Some("That calendar cannot be written to at the moment.")),
    };
    let acting =
        Acting { client_id: link.request.client_id.clone(), account, scope: link.request.scope.clone() };
    match upsert(world, &acting, &calendar, &link.event) {
        Ok(_) => Ok(redirect(&link.request.approve(world, candidate)?)),
        // Some services are not to be had in every calendar, such as a conference of its own.
        Err(ApiError::Invalid(_)) => ask(world, call, &link, Some("That calendar does not take this event.")),
        Err(error) => Err(error),
    }
}

fn ask(world: &World, call: &Call, link: &AddToCalendarLink, notice: Option<&str>) -> ApiResult {
    call.note(&link.request.client_id, None);
    let application = world.store.get::<Application>(&link.request.client_id)?.ok_or(ApiError::NotFound)?;
    let returns_to = url::Url::parse(&link.request.redirect_uri).ok();
    let returns_to = returns_to.and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default();
    Ok(page(
        StatusCode::OK,
        "scheduling/add.html",
        context! {
            application => application.name,
            summary => link.event["summary"].as_str(),
            when => when(link),
            wishes => link.request.wishes(),
            candidates => Serde(&link.request.candidates(world)?),
            path => &call.uri_path,
            notice => notice,
            returns_to => returns_to,
        },
    ))
}

/// When the event takes place, for people.
fn when(link: &AddToCalendarLink) -> String {
    let Ok(start) = EventTime::read(&link.event["start"]) else { return String::new() };
    let tzid = start.tzid.as_deref().or(link.event["tzid"].as_str()).unwrap_or("Etc/UTC");
    let zone = time_zone(tzid).unwrap_or(TimeZone::UTC);
    match start.moment {
        Moment::Date(date) => date.strftime("%A %-d %B %Y").to_string(),
        Moment::Time(time) => {
            let format = if link.is_twelve_hour { "%A %-d %B %Y, %-I:%M %P" } else { "%A %-d %B %Y, %H:%M" };
            format!("{} ({})", time.to_zoned_datetime(zone).strftime(format), tzid.replace('_', " "))
        }
    }
}

fn required_object(params: &mut Params<'_>, name: &str) -> Option<Value> {
    if params.value(name).is_none() {
        params.wrong(name, "required", "must be specified");
    }
    params.object(name).cloned()
}
