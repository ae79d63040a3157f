//! The REST API, one file for each area.
//!
//! To add an area, write one file here that exports `pub(super) fn router() -> Router<State>`, add its line to
//! [`router`], and keep its records in a file of their own under `world`. A handler is a plain function
//! `fn(&World, &Call) -> ApiResult`, made into a route by [`operation`](crate::call::operation):
//!
//! ```text
//! pub(super) fn router() -> Router<State> {
//!     Router::new().route("/v1/channels/{channel_id}", delete(operation(close)))
//! }
//!
//! fn close(world: &World, call: &Call) -> ApiResult {
//!     let acting = call.account(world, Scope::Any)?;              // who calls, or 401 or 403
//!     let mut params = call.params()?;                            // the body: JSON or form
//!     let reason = params.required_text("reason", 100);           // errors are gathered by field …
//!     params.finish()?;                                           // … and returned together as 422
//!     world.store.delete::<Channel>(call.path("channel_id"))?;    // one transaction; undone on any error
//!     Ok(accepted())
//! }
//! ```
//!
//! Lists in pages use [`Listing`](crate::paging::Listing).

mod accessible_calendars;
mod account;
mod add_to_calendar;
mod applications;
mod attachments;
mod availability;
mod availability_rules;
mod available_periods;
mod batch;
mod bookable_events;
mod calendars;
mod channels;
mod conferencing_service_authorizations;
mod consents;
mod delegated_access;
mod element_tokens;
mod events;
mod free_busy;
mod link_tokens;
mod meeting_agents;
mod organizational_unit;
mod permissions;
mod profiles;
mod real_time;
mod resources;
mod scheduling_conversations;
mod scheduling_requests;
mod smart_invites;
mod subscriptions;
mod userinfo;

use axum::Router;

use crate::server::State;

pub(crate) use self::meeting_agents::end_meeting_agent;
pub(crate) use self::subscriptions::Subscription;

pub(crate) fn router() -> Router<State> {
    Router::new()
        .merge(accessible_calendars::router())
        .merge(account::router())
        .merge(add_to_calendar::router())
        .merge(applications::router())
        .merge(attachments::router())
        .merge(availability::router())
        .merge(availability_rules::router())
        .merge(available_periods::router())
        .merge(batch::router())
        .merge(bookable_events::router())
        .merge(calendars::router())
        .merge(channels::router())
        .merge(conferencing_service_authorizations::router())
        .merge(consents::router())
        .merge(delegated_access::router())
        .merge(element_tokens::router())
        .merge(events::router())
        .merge(free_busy::router())
        .merge(link_tokens::router())
        .merge(meeting_agents::router())
        .merge(organizational_unit::router())
        .merge(permissions::router())
        .merge(profiles::router())
        .merge(real_time::router())
        .merge(resources::router())
        .merge(scheduling_conversations::router())
        .merge(scheduling_requests::router())
        .merge(smart_invites::router())
        .merge(userinfo::router())
}
