//! Deletes one event of a calendar, or everything the application wrote.

use axum::response::Response;

use super::write::{answer, external_event};
use super::{Options, extras};
use crate::auth::{Acting, Scope};
use crate::call::Call;
use crate::errors::{ApiError, ApiResult, accepted};
use crate::params::Params;
use crate::world::World;
use crate::world::calendars::Calendar;

/// `DELETE /v1/calendars/{calendar_id}/events` with `event_id` or `event_uid`, in the body or the query.
pub(super) fn one(world: &World, call: &Call) -> ApiResult {
    let acting = call.account(world, Scope::DeleteEvent)?;
    let calendar = world.writable_calendar_of(&acting.account.sub, call.path("calendar_id"))?;
    let fields = call.query_and_body()?;
    let mut params = Params::new(&fields);
    let include_userinfo = params.boolean("include_userinfo").unwrap_or(false);
    if params.value("event_uid").is_some() {
        let event = external_event(world, &acting, &calendar, &mut params)?;
        if !Options::of(world, &acting.client_id, &calendar, &event)?.delete {
            return Err(ApiError::Forbidden);
        }
        params.finish()?;
        extras::delete(world, &acting, event)?;
    } else {
        let event_id = params.required_text("event_id", 1024);
        params.finish()?;
        // Deleting what is not there is done already.
        if let Some(event) =
            world.managed_event(&acting.client_id, &calendar.calendar_id, &event_id.unwrap_or_default())?
        {
            extras::delete(world, &acting, event)?;
        }
    }
    answer(world, call, &acting, include_userinfo)
}

/// `DELETE /v1/events` with either `delete_all` or `calendar_ids`, in the body or the query.
pub(super) fn bulk(world: &World, call: &Call) -> ApiResult<Response> {
    let acting = call.account(world, Scope::DeleteEvent)?;
    let fields = call.query_and_body()?;
    let mut params = Params::new(&fields);
    let delete_all = params.boolean("delete_all");
    let calendar_ids = params.texts("calendar_ids", usize::MAX);
    let own = world.store.list::<Calendar>(&acting.account.sub)?;
    match (params.has("delete_all"), &calendar_ids) {
        (true, Some(_)) => params.wrong("delete_all", "invalid", "and calendar_ids exclude each other"),
        (true, None) if delete_all == Some(false) => {
            params.wrong("delete_all", "invalid", "must be true where calendar_ids is not specified");
        }
        (false, None) if !params.has("calendar_ids") => {
            params.wrong("delete_all", "required", "or calendar_ids must be specified");
        }
        (false, Some(ids)) => {
            let known = |id: &String| own.iter().any(|calendar| calendar.calendar_id == *id);
            if ids.is_empty() || !ids.iter().all(known) {
                params.wrong("calendar_ids", "invalid_calendar_ids", "must name calendars of the account");
            }
        }
        _ => {}
    }
    params.finish()?;
    for calendar in own {
        if calendar_ids.as_ref().is_none_or(|ids| ids.contains(&calendar.calendar_id)) {
            delete_written(world, &acting, &calendar)?;
        }
    }
    Ok(accepted())
}

fn delete_written(world: &World, acting: &Acting, calendar: &Calendar) -> ApiResult<()> {
    for event in world.events_in(&calendar.calendar_id)? {
        if event.is_managed_by(&acting.client_id) {
            extras::delete(world, acting, event)?;
        }
    }
    Ok(())
}
