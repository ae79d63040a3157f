//! `POST …/participation_status`: answers an invitation for the account.

use super::Options;
use crate::auth::Scope;
use crate::call::Call;
use crate::errors::{ApiError, ApiResult, accepted};
use crate::world::World;
use crate::world::accounts::Profile;
use crate::world::events::Event;

const ANSWERS: [&str; 3] = ["accepted", "tentative", "declined"];

pub(super) fn change(world: &World, call: &Call) -> ApiResult {
    let acting = call.account(world, Scope::ChangeParticipationStatus)?;
    let calendar = world.calendar_of(&acting.account.sub, call.path("calendar_id"))?;
    let event = world.store.get::<Event>(call.path("event_uid"))?;
    let found = event.filter(|event| event.calendar_id == calendar.calendar_id && !event.deleted);
    let mut event = found.ok_or(ApiError::NotFound)?;
    let mut params = call.params()?;
    if params.value("status").is_none() {
        params.wrong("status", "required", "must be specified");
    }
    let status = params.choice("status", &ANSWERS).unwrap_or_default();
    params.finish()?;
    if !Options::of(world, &acting.client_id, &calendar, &event)?.change_participation_status {
        return Err(ApiError::Forbidden);
    }
    let profile = world.store.get::<Profile>(&calendar.profile_id)?;
    let is_own = |email: &str| {
        email.eq_ignore_ascii_case(&acting.account.email)
            || profile.as_ref().is_some_and(|profile| email.eq_ignore_ascii_case(&profile.profile_name))
    };
    for attendee in event.attendees.iter_mut().filter(|attendee| is_own(&attendee.email)) {
        attendee.status.clone_from(&status);
    }
    // Microsoft's calendars drop what is declined.
    let drops =
        profile.is_some_and(|profile| matches!(profile.provider_name.as_str(), "exchange" | "office365"));
    event.deleted = drops && status == "declined";
    event.participation_status = status;
    event.updated = world.now();
    world.save_event(&event, Some(&acting.client_id))?;
    Ok(accepted())
}
