//! The log of requests, which reloads itself while it is watched live, and the page of one request with its headers.
//! Everything is masked before it is shown.

use std::collections::BTreeSet;

use axum::Router;
use axum::response::Response;
use axum::routing::{get, post};
use minijinja::context;
use minijinja::value::Serde;
use serde::Serialize;

use super::names::{Named, Names};
use super::request_filter::Filter;
use super::visit::{Done, Visit, change, done, show};
use super::words;
use crate::body;
use crate::clock::lock;
use crate::errors::SandboxError;
use crate::recorder::RecordedRequest;
use crate::server::State;
use crate::world::World;
use crate::world::store::StoreError;

pub(super) const PAGE: &str = "/dashboard/requests";

/// How often the log reloads itself while it is live.
const EVERY_S: u32 = 2;

/// How many requests one page shows.
const SHOWN: usize = 100;

/// A request as the log shows it.
#[derive(Serialize)]
pub(super) struct View {
    number: u64,
    href: String,
    day: String,
    clock: String,
    method: String,
    path: String,
    query: String,
    status: Option<u16>,
    /// How the status is coloured.
    tone: &'static str,
    took: Option<String>,
    request_id: String,
    application: String,
    connection: Option<Named>,
    impersonated: Option<Named>,
    fault: Option<u64>,
}

#[derive(Serialize)]
struct Choice {
    value: String,
    label: String,
}

#[derive(Serialize)]
struct Links {
    live: String,
    paused: String,
    older: Option<String>,
}

#[derive(Serialize)]
struct Pair {
    name: String,
    value: String,
}

/// What the log holds of each kind, to choose from.
#[derive(Default)]
struct Found {
    fitting: usize,
    shown: Vec<RecordedRequest>,
    is_more: bool,
    statuses: BTreeSet<u16>,
    applications: BTreeSet<String>,
    impersonated: BTreeSet<String>,
}

pub(super) fn router() -> Router<State> {
    Router::new()
        .route(PAGE, get(show(log)))
        .route("/dashboard/requests/clear", post(change(clear)))
        .route("/dashboard/requests/{number}", get(show(request)))
}

/// The newest requests.
pub(super) fn latest(visit: &Visit, most: usize) -> Result<Vec<View>, SandboxError> {
    let requests: Vec<_> = lock(&visit.call.state.recorder).newest_first().take(most).cloned().collect();
    visit.world(|world| views(world, requests))
}

fn log(visit: &Visit) -> Result<Response, SandboxError> {
    let (filter, live) = (Filter::of(visit), visit.query("live") == "on");
    let before = visit.query("before").parse().unwrap_or(u64::MAX);
    let found = Found::look(visit, &filter, before);
    let older = found.shown.last().filter(|_| found.is_more).map(|last| last.number.to_string());
    let links = Links {
        live: filter.address(&[("live", "on")]),
        paused: filter.address(&[]),
        older: older.map(|number| filter.address(&[("before", &number)])),
    };
    let (applications, people, described, requests) = visit.world(|world| {
        let mut names = Names::new(world)?;
        let applications = choices(found.applications.iter().map(|id| (id.clone(), names.application(id))));
        let mut people = Vec::new();
        for sub in &found.impersonated {
            people.push((sub.clone(), names.of(sub)?.name));
        }
        let described = describe(&filter, &mut names)?;
        Ok((applications, choices(people.into_iter()), described, views(world, found.shown)?))
    })?;
    visit.page(
        "dashboard/requests.html",
        context! {
            live,
            every_s => EVERY_S,
            links => Serde(links),
            filter => Serde(&filter),
            described,
            statuses => Serde(statuses(&found.statuses)),
            applications => Serde(applications),
            people => Serde(people),
            count => words::count(found.fitting, "request", "requests"),
            requests => Serde(requests),
        },
    )
}

fn clear(visit: &Visit) -> Result<Done, SandboxError> {
    visit.control.clear_requests();
    done(PAGE, "The log was cleared.")
}

fn request(visit: &Visit) -> Result<Response, SandboxError> {
    let number = visit.call.path("number");
    let wanted = number.parse().ok();
    let found =
        lock(&visit.call.state.recorder).newest_first().find(|known| Some(known.number) == wanted).cloned();
    let Some(found) = found else {
        return Err(SandboxError::Unknown { what: "request", name: number.into() });
    };
    let found = found.masked();
    let parameters: Vec<_> = url::form_urlencoded::parse(found.query.as_bytes())
        .map(|(name, value)| Pair { name: name.into_owned(), value: value.into_owned() })
        .collect();
    let headers: Vec<_> = found.headers.iter().cloned().map(|(name, value)| Pair { name, value }).collect();
    let body = legible(&found);
    let view = visit.world(|world| views(world, vec![found]))?.pop();
    visit.page(
        "dashboard/request.html",
        context! { request => Serde(view), parameters => Serde(parameters), headers => Serde(headers), body },
    )
}

impl Found {
    fn look(visit: &Visit, filter: &Filter, before: u64) -> Self {
        let mut found = Self::default();
        for request in lock(&visit.call.state.recorder).newest_first() {
            found.statuses.extend(request.status);
            found.applications.extend(request.application.clone());
            found.impersonated.extend(request.impersonated.clone());
            if !filter.fits(request) {
                continue;
            }
            found.fitting += 1;
            if request.number >= before {
                continue;
            }
            if found.shown.len() < SHOWN {
                found.shown.push(request.clone());
            } else {
                found.is_more = true;
            }
        }
        found
    }
}

fn views(world: &World, requests: Vec<RecordedRequest>) -> Result<Vec<View>, StoreError> {
    let mut names = Names::new(world)?;
    requests.into_iter().map(|request| View::of(request.masked(), &mut names)).collect()
}

impl View {
    /// A request that was masked.
    fn of(request: RecordedRequest, names: &mut Names<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            href: format!("{PAGE}/{}", request.number),
            day: words::day(request.time),
            clock: words::time_of_day(request.time),
            tone: match request.status {
                Some(200..300) => "good",
                Some(400..500) => "warn",
                Some(500..) => "bad",
                _ => "",
            },
            took: request.duration_ms.map(|took| format!("{took:.1} ms")),
            application: request.application.map(|id| names.application(&id)).unwrap_or_default(),
            connection: request.connection.map(|sub| names.of(&sub)).transpose()?,
            impersonated: request.impersonated.map(|sub| names.of(&sub)).transpose()?,
            number: request.number,
            method: request.method,
            path: request.path,
            query: request.query,
            status: request.status,
            request_id: request.request_id,
            fault: request.fault,
        })
    }
}

/// The body with JSON laid out and forms decoded.
fn legible(masked: &RecordedRequest) -> String {
    let is_form = masked
        .header("content-type")
        .is_some_and(|kind| kind.trim_start().starts_with("application/x-www-form-urlencoded"));
    let json = if is_form {
        Some(body::unfold(masked.body.as_bytes()))
    } else {
        serde_json::from_str::<serde_json::Value>(&masked.body).ok()
    };
    json.filter(|_| !masked.body.is_empty())
        .and_then(|json| serde_json::to_string_pretty(&json).ok())
        .unwrap_or_else(|| masked.body.clone())
}

fn describe(filter: &Filter, names: &mut Names<'_>) -> Result<String, StoreError> {
    let mut parts = Vec::new();
    if !filter.method.is_empty() {
        parts.push(format!("method {}", filter.method));
    }
    if !filter.path.is_empty() {
        parts.push(format!("path contains {}", filter.path));
    }
    if !filter.status.is_empty() {
        parts.push(format!("status {}", filter.status));
    }
    if !filter.application.is_empty() {
        parts.push(format!("application {}", names.application(&filter.application)));
    }
    match filter.impersonated.as_str() {
        "" => {}
        "any" => parts.push("somebody was impersonated".into()),
        "none" => parts.push("nobody was impersonated".into()),
        sub => parts.push(format!("{} was impersonated", names.of(sub)?.name)),
    }
    Ok(parts.join(", "))
}

fn statuses(seen: &BTreeSet<u16>) -> Vec<Choice> {
    let classes =
        [("2xx", "2xx success"), ("3xx", "3xx redirect"), ("4xx", "4xx refused"), ("5xx", "5xx failed")];
    let classes = classes.map(|(value, label)| (value.to_owned(), label.to_owned()));
    choices(classes.into_iter().chain(seen.iter().map(|status| (status.to_string(), status.to_string()))))
}

fn choices(pairs: impl Iterator<Item = (String, String)>) -> Vec<Choice> {
    pairs.map(|(value, label)| Choice { value, label }).collect()
}
