//! The sandbox's clock: what it shows, and the forms that move, stop and start it.

use std::time::Duration;

use axum::Router;
use axum::response::Response;
use axum::routing::{get, post};
use jiff::SignedDuration;
use minijinja::context;

use super::visit::{Done, Visit, change, done, show};
use super::words;
use crate::errors::SandboxError;
use crate::server::State;

const PAGE: &str = "/dashboard/clock";

/// Ten years: further away, times begin to leave what clients can read.
const FURTHEST_S: i64 = 315_360_000;

const UNITS: [(&str, u64); 4] = [("seconds", 1), ("minutes", 60), ("hours", 3_600), ("days", 86_400)];

pub(super) fn router() -> Router<State> {
    Router::new()
        .route(PAGE, get(show(clock)))
        .route("/dashboard/clock/advance", post(change(advance)))
        .route("/dashboard/clock/offset", post(change(set_offset)))
        .route("/dashboard/clock/freeze", post(change(freeze)))
        .route("/dashboard/clock/run", post(change(run)))
        .route("/dashboard/clock/real", post(change(real)))
}

fn clock(visit: &Visit) -> Result<Response, SandboxError> {
    let clock = visit.control.clock();
    let sign = if clock.offset_ms < 0 { "−" } else { "" };
    visit.page(
        "dashboard/clock.html",
        context! { clock => context! {
            now => words::day_and_time(clock.now),
            offset => format!("{sign}{}", words::span(clock.offset_ms)),
            offset_s => (clock.offset_ms / 1_000).to_string(),
            frozen => clock.frozen,
        } },
    )
}

fn advance(visit: &Visit) -> Result<Done, SandboxError> {
    let amount: Option<u64> = visit.number("amount", "by how much")?;
    let unit = UNITS.iter().find(|(unit, _)| *unit == visit.field("unit"));
    let seconds = amount.zip(unit).and_then(|(amount, (_, unit))| amount.checked_mul(*unit));
    let within = |seconds: &u64| *seconds > 0 && *seconds <= FURTHEST_S.unsigned_abs();
    let Some(seconds) = seconds.filter(within) else {
        return Err(SandboxError::Refused("the clock can be advanced by up to ten years at once".into()));
    };
    visit.control.advance(Duration::from_secs(seconds));
    let by = words::span(i64::try_from(seconds.saturating_mul(1_000)).unwrap_or(i64::MAX));
    done(PAGE, format!("The clock was advanced by {by}."))
}

fn set_offset(visit: &Visit) -> Result<Done, SandboxError> {
    let seconds: Option<i64> = visit.number("offset_s", "the offset")?;
    let Some(seconds) = seconds.filter(|seconds| (-FURTHEST_S..=FURTHEST_S).contains(seconds)) else {
        return Err(SandboxError::Refused("the offset must be within ten years".into()));
    };
    visit.control.set_clock_offset(SignedDuration::from_secs(seconds));
    done(PAGE, "The clock was set and runs.")
}

fn freeze(visit: &Visit) -> Result<Done, SandboxError> {
    visit.control.freeze_clock(Some(visit.control.now()));
    done(PAGE, "The clock stands still. It can still be advanced.")
}

/// Goes on from where the clock stood.
fn run(visit: &Visit) -> Result<Done, SandboxError> {
    visit.control.freeze_clock(None);
    done(PAGE, "The clock runs.")
}

fn real(visit: &Visit) -> Result<Done, SandboxError> {
    visit.control.set_clock_offset(SignedDuration::ZERO);
    done(PAGE, "The clock shows real time.")
}
