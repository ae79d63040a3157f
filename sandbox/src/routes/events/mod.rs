//! Events: read in pages, written, deleted, answered.
//! <https://docs.cronofy.com/developers/api/events/>

mod conferencing;
mod delete;
mod extras;
mod participation;
mod read;
pub(super) mod select;
pub(super) mod write;

use axum::Router;
use axum::routing::{delete, get, post};

use crate::call::operation;
use crate::server::State;
use crate::settings::PermissionLevel;
use crate::world::World;
use crate::world::calendars::Calendar;
use crate::world::events::Event;
use crate::world::store::StoreError;

pub(super) fn router() -> Router<State> {
    Router::new()
        .route("/v1/events", get(operation(read::list)).delete(operation(delete::bulk)))
        .route("/v1/events/pages/{page_token}", get(operation(read::page)))
        .route("/v1/calendars/{calendar_id}/events", post(operation(write::write)))
        .route("/v1/calendars/{calendar_id}/events", delete(operation(delete::one)))
        .route(
            "/v1/calendars/{calendar_id}/events/{event_uid}/participation_status",
            post(operation(participation::change)),
        )
}

/// The writes that may stand in a batch.
pub(super) fn batchable() -> Router<State> {
    Router::new()
        .route("/v1/calendars/{calendar_id}/events", post(operation(write::write)))
        .route("/v1/calendars/{calendar_id}/events", delete(operation(delete::one)))
}

/// What an application may do with an event.
struct Options {
    delete: bool,
    update: bool,
    change_participation_status: bool,
}

impl Options {
    fn of(world: &World, client_id: &str, calendar: &Calendar, event: &Event) -> Result<Self, StoreError> {
        if event.is_managed_by(client_id) {
            return Ok(Self { delete: true, update: true, change_participation_status: false });
        }
        let level = world.permission_level(client_id, &calendar.calendar_id)?;
        let free = level == PermissionLevel::Unrestricted && !calendar.readonly;
        Ok(Self {
            delete: free,
            update: free && !event.recurring,
            change_participation_status: !calendar.readonly && !event.attendees.is_empty(),
        })
    }
}
