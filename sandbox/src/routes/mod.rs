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

mod account;
mod availability;
mod availability_rules;
mod available_periods;
mod bookable_events;
mod calendars;
mod events;
mod free_busy;
mod link_tokens;
mod organizational_unit;
mod profiles;
mod smart_invites;
mod userinfo;

use axum::Router;

use crate::server::State;

pub(crate) fn router() -> Router<State> {
    Router::new()
        .merge(account::router())
        .merge(availability::router())
        .merge(availability_rules::router())
        .merge(available_periods::router())
        .merge(bookable_events::router())
        .merge(calendars::router())
        .merge(events::router())
        .merge(free_busy::router())
        .merge(link_tokens::router())
        .merge(organizational_unit::router())
        .merge(profiles::router())
        .merge(smart_invites::router())
        .merge(userinfo::router())
}
