//! Available periods: single stretches of time in which an account can be booked, which managed availability goes by.
//! <https://docs.cronofy.com/developers/api/scheduling/available-periods/>

use axum::Router;
use axum::routing::{delete, get, post};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::json;

use crate::auth::{Acting, Scope};
use crate::call::{Call, operation};
use crate::errors::{ApiError, ApiResult, accepted};
use crate::paging::Listing;
use crate::params::Params;
use crate::server::State;
use crate::settings::MissingDeletes;
use crate::world::World;
use crate::world::availability::AvailablePeriod;
use crate::world::event_time::{Moment, Window, time_zone};

const PATH: &str = "/v1/available_periods";

/// The longest `available_period_id` that Cronofy documents.
const ID_LIMIT: usize = 64;

pub(super) fn router() -> Router<State> {
    let all = get(operation(list)).post(operation(upsert)).delete(operation(remove));
    Router::new()
        .route(PATH, all)
        // The PHP client deletes here.
        .route(&format!("{PATH}/"), delete(operation(remove)))
        .route(&format!("{PATH}/pages/{{page_token}}"), get(operation(page)))
}

/// The writes that may stand in a batch.
pub(super) fn batchable() -> Router<State> {
    Router::new().route(PATH, post(operation(upsert)).delete(operation(remove)))
}

fn upsert(world: &World, call: &Call) -> ApiResult {
    let acting = call.account(world, Scope::Any)?;
    let mut params = call.params()?;
    let id = period_id(&mut params);
    let tzid = params.time_zone("tzid");
    let (start, end) =
        (bound(&mut params, "start", tzid.as_deref()), bound(&mut params, "end", tzid.as_deref()));
    if let (Some((start, _)), Some((end, _))) = (&start, &end)
        && start >= end
    {
        params.wrong("end", "must_be_after_start", "must be after start");
    }
    params.finish()?;
    let (Some(id), Some((start, start_tzid)), Some((end, end_tzid))) = (id, start, end) else {
        return Err(ApiError::NotFound);
    };
    let period = AvailablePeriod::new(&acting.client_id, &acting.account.sub, id);
    world.store.put(&AvailablePeriod { start, start_tzid, end, end_tzid, ..period })?;
    Ok(accepted())
}

fn list(world: &World, call: &Call) -> ApiResult {
    let acting = call.account(world, Scope::Any)?;
    let mut params = call.query();
    let tzid = params.time_zone("tzid");
    let zone = tzid.as_deref().and_then(time_zone).unwrap_or(TimeZone::UTC);
    let (from, to) = (params.event_time("from"), params.event_time("to"));
    if (params.has("from") || params.has("to")) && params.value("tzid").is_none() {
        params.wrong("tzid", "required", "must be specified");
    }
    let localized = params.boolean("localized_times").unwrap_or(false);
    params.finish()?;
    let window = Window {
        from: from.map_or(Timestamp::MIN, |from| from.moment.instant(&zone)),
        to: to.map_or(Timestamp::MAX, |to| to.moment.instant(&zone)),
    };
    let periods = world.available_periods(&acting.client_id, &acting.account.sub)?.into_iter();
    let periods = periods.filter(|period| window.holds(period.start, period.end)).map(|period| {
        let shown = |time: Timestamp, own: &Option<String>| {
            Moment::Time(time).to_json(localized, own.as_deref().or(tzid.as_deref()))
        };
        json!({
            "available_period_id": period.available_period_id,
            "start": shown(period.start, &period.start_tzid),
            "end": shown(period.end, &period.end_tzid),
        })
    });
    listing(&acting).first_page(world, call, periods.collect())
}

fn page(world: &World, call: &Call) -> ApiResult {
    listing(&call.account(world, Scope::Any)?).page(world, call)
}

/// Deletes one period by its id, or with `delete_all` every one; named in the body or the query.
fn remove(world: &World, call: &Call) -> ApiResult {
    let acting = call.account(world, Scope::Any)?;
    let fields = call.query_and_body()?;
    let mut params = Params::new(&fields);
    let all = params.has("delete_all");
    if params.boolean("delete_all") == Some(false) {
        params.wrong("delete_all", "must_be_true", "must be true");
    }
    if all && params.value("available_period_id").is_some() {
        params.wrong("delete_all", "invalid", "and available_period_id exclude each other");
    }
    let id = if all { None } else { period_id(&mut params) };
    params.finish()?;
    let mut known = world.available_periods(&acting.client_id, &acting.account.sub)?;
    known.retain(|period| id.as_ref().is_none_or(|id| period.available_period_id == *id));
    if !all && known.is_empty() && world.settings().missing_deletes == MissingDeletes::Refuse {
        return Err(ApiError::NotFound);
    }
    for period in known {
        world.store.delete::<AvailablePeriod>(&period.id)?;
    }
    Ok(accepted())
}

fn listing(acting: &Acting) -> Listing<'_> {
    Listing {
        client_id: &acting.client_id,
        owner: &acting.account.sub,
        path: PATH,
        name: "available_periods",
    }
}

fn period_id(params: &mut Params<'_>) -> Option<String> {
    let id = params.required_text("available_period_id", ID_LIMIT)?;
    if id.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ') {
        return Some(id);
    }
    params.wrong("available_period_id", "must_be_id", "must be printable ASCII");
    None
}

/// A time with its zone. Whole days are no periods.
fn bound(params: &mut Params<'_>, name: &str, tzid: Option<&str>) -> Option<(Timestamp, Option<String>)> {
    if params.value(name).is_none() {
        params.wrong(name, "required", "must be specified");
        return None;
    }
    let time = params.event_time(name)?;
    match time.moment {
        Moment::Time(instant) => Some((instant, time.tzid.or_else(|| tzid.map(str::to_owned)))),
        Moment::Date(_) => {
            params.wrong(name, "must_be_time", "must be a time, not a date");
            None
        }
    }
}
