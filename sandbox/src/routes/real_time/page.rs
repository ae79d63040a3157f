//! The page behind a link: times by day, a question, and a word of thanks. It works without JavaScript.

use axum::Router;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ZonedDateTime};
use minijinja::context;
use minijinja::value::Serde;
use serde::Serialize;

use super::complete::{bookings, complete, shown_zone, start_of, tell_of_no_times};
use crate::call::{Call, operation};
use crate::errors::{ApiError, ApiResult};
use crate::oauth::authorize::redirect;
use crate::pages::{error_page, page};
use crate::params::Params;
use crate::server::State;
use crate::world::World;
use crate::world::applications::Application;
use crate::world::event_time::time_zone;
use crate::world::scheduling_links::{Chosen, LinkStatus, SchedulingLink};

pub(super) fn router() -> Router<State> {
    Router::new().route("/rts/{token}", get(operation(show)).post(operation(answer)))
}

/// Times to choose from; or with `start` the question whether it is to be that one.
fn show(world: &World, call: &Call) -> ApiResult {
    let Some(link) = named(world, call)? else { return Ok(unknown_link()) };
    let view = View::of(world, call, &link, &mut call.query())?;
    if link.status != LinkStatus::Open {
        return Ok(view.closed());
    }
    let choices = link.choices(world)?;
    let asked = call.query["start"].as_str();
    match asked.map(|start| choices.iter().find(|choice| start_of(choice) == start)) {
        Some(Some(choice)) => Ok(view.confirm(choice)),
        Some(None) => view.choose(world, &choices, Some(TAKEN)),
        None => view.choose(world, &choices, None),
    }
}

/// Takes what was picked, or that nothing suits.
fn answer(world: &World, call: &Call) -> ApiResult {
    let Some(link) = named(world, call)? else { return Ok(unknown_link()) };
    let mut params = call.params()?;
    let view = View::of(world, call, &link, &mut params)?;
    if link.status != LinkStatus::Open {
        return Ok(view.closed());
    }
    let start = params.text("start", 100);
    let suits_none = params.value("answer").and_then(|answer| answer.as_str()) == Some("none");
    if suits_none && let Some(url) = &link.urls.no_times_suitable {
        tell_of_no_times(world, &link, url, "no_times_suitable", &link.url(&call.origin), &view.tzid)?;
        return Ok(view.told());
    }
    let choices = link.choices(world)?;
    let Some(choice) = choices.iter().find(|choice| Some(start_of(choice)) == start) else {
        return view.choose(world, &choices, Some(TAKEN));
    };
    // Judged before anything is written, so that all calendars are written to or none.
    let bookings = match bookings(world, &link, choice) {
        Ok(bookings) => bookings,
        Err(ApiError::Store(error)) => return Err(error.into()),
        Err(_) => return Ok(unwritable()),
    };
    let link = complete(world, &link, choice.clone(), &bookings, &view.tzid)?;
    match &link.urls.redirect {
        Some(address) => Ok(redirect(address)),
        None => Ok(View { link: &link, ..view }.closed()),
    }
}

const TAKEN: &str = "That time is no longer free. Please choose another one.";

fn named(world: &World, call: &Call) -> ApiResult<Option<SchedulingLink>> {
    let link = world.store.find::<SchedulingLink>(call.path("token"))?;
    if let Some(link) = &link {
        call.note(&link.client_id, None);
    }
    Ok(link)
}

/// A link as one person looks at it.
struct View<'a> {
    link: &'a SchedulingLink,
    application: String,
    zone: TimeZone,
    tzid: String,
    path: String,
    page_url: String,
}

/// A day with its times.
#[derive(Serialize)]
struct Day {
    label: String,
    times: Vec<Time>,
}

/// A time to choose.
#[derive(Serialize)]
struct Time {
    start: String,
    label: String,
}

/// One event of what was or is to be chosen.
#[derive(Serialize)]
struct Entry {
    summary: String,
    day: String,
    hours: String,
}

impl<'a> View<'a> {
    fn of(world: &World, call: &Call, link: &'a SchedulingLink, params: &mut Params<'_>) -> ApiResult<Self> {
        let tzid = params.text("tzid", 100).filter(|tzid| time_zone(tzid).is_some());
        let tzid = tzid.unwrap_or_else(|| shown_zone(link).to_owned());
        let application = world.store.get::<Application>(&link.client_id)?;
        Ok(Self {
            link,
            application: application.map(|application| application.name).unwrap_or_default(),
            zone: time_zone(&tzid).unwrap_or(TimeZone::UTC),
            tzid,
            path: format!("/rts/{}", link.token),
            page_url: link.url(&call.origin),
        })
    }

    fn choose(&self, world: &World, choices: &[Vec<Chosen>], notice: Option<&str>) -> ApiResult {
        if choices.is_empty()
            && let Some(url) = &self.link.urls.no_times_displayed
        {
            tell_of_no_times(world, self.link, url, "no_times_displayed", &self.page_url, &self.tzid)?;
        }
        let mut days: Vec<Day> = Vec::new();
        for choice in choices {
            let (Some(first), Some(last)) = (choice.first(), choice.last()) else { continue };
            let label = self.day(first.start);
            let time = Time { start: start_of(choice), label: self.hours(first.start, last.end) };
            match days.last_mut().filter(|day| day.label == label) {
                Some(day) => day.times.push(time),
                None => days.push(Day { label, times: vec![time] }),
            }
        }
        Ok(page(
            StatusCode::OK,
            "scheduling/choose.html",
            context! {
                application => &self.application,
                summary => self.summary(),
                path => &self.path,
                tzid => &self.tzid,
                zones => zones(),
                days => Serde(&days),
                notice => notice,
                is_unconfirmed => self.link.is_unconfirmed,
                may_decline => self.link.urls.no_times_suitable.is_some(),
            },
        ))
    }

    fn confirm(&self, choice: &[Chosen]) -> Response {
        page(
            StatusCode::OK,
            "scheduling/confirm.html",
            context! {
                application => &self.application,
                summary => self.summary(),
                path => &self.path,
                tzid => &self.tzid,
                start => start_of(choice),
                others => self.address(),
                entries => Serde(&self.entries(choice)),
            },
        )
    }

    /// A link that takes no answer any more: used, or disabled.
    fn closed(&self) -> Response {
        let entries = self.entries(&self.link.chosen);
        page(
            StatusCode::OK,
            "scheduling/closed.html",
            context! {
                application => &self.application,
                summary => self.summary(),
                tzid => &self.tzid,
                message => &self.link.display_message,
                entries => Serde(&entries),
            },
        )
    }

    fn told(&self) -> Response {
        page(
            StatusCode::OK,
            "scheduling/closed.html",
            context! {
                application => &self.application,
                summary => self.summary(),
                message => format!("Thank you. {} now knows that none of these times suits you.", self.application),
            },
        )
    }

    /// The page with the times, in the zone that was chosen.
    fn address(&self) -> String {
        let query =
            url::form_urlencoded::Serializer::new(String::new()).append_pair("tzid", &self.tzid).finish();
        format!("{}?{query}", self.path)
    }

    fn summary(&self) -> String {
        self.link.event["summary"].as_str().unwrap_or("Choose a time").to_owned()
    }

    fn entries(&self, choice: &[Chosen]) -> Vec<Entry> {
        let entry = |time: &Chosen| Entry {
            summary: self.link.event_of(&time.sequence_id)["summary"].as_str().unwrap_or_default().to_owned(),
            day: self.day(time.start),
            hours: self.hours(time.start, time.end),
        };
        choice.iter().map(entry).collect()
    }

    fn day(&self, time: Timestamp) -> String {
        self.there(time).strftime("%A %-d %B %Y").to_string()
    }

    fn hours(&self, start: Timestamp, end: Timestamp) -> String {
        let clock = if self.link.is_twelve_hour { "%-I:%M %P" } else { "%H:%M" };
        format!("{} – {}", self.there(start).strftime(clock), self.there(end).strftime(clock))
    }

    fn there(&self, time: Timestamp) -> ZonedDateTime {
        time.to_zoned_datetime(self.zone.clone())
    }
}

/// The time zones a person may choose: those named after places, and UTC.
pub(in crate::routes) fn zones() -> Vec<String> {
    let mut zones: Vec<String> = jiff::tz::db()
        .available()
        .map(|name| name.to_string())
        .filter(|name| name == "Etc/UTC" || (name.contains('/') && !name.starts_with("Etc/")))
        .collect();
    zones.sort_unstable();
    zones
}

/// What a link that nobody made shows.
pub(in crate::routes) fn unknown_link() -> Response {
    error_page(
        StatusCode::NOT_FOUND,
        "This link leads nowhere",
        "It may have been copied incompletely. Ask whoever sent it to you for a new one.",
    )
}

/// What is said where a calendar that must be written to cannot be.
pub(in crate::routes) fn unwritable() -> Response {
    error_page(
        StatusCode::CONFLICT,
        "Nothing was booked",
        "One of the calendars cannot be written to at the moment. Try again later, or ask whoever sent you the link.",
    )
}
