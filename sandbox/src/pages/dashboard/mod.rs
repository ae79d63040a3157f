//! The developer dashboard: what the sandbox holds, and forms for everything [`Control`](crate::Control) can do.
//!
//! One file holds a section: its routes, its handlers, and the views that its templates show. A form posts to the address
//! of its page with one verb added (`/dashboard/connections` → `/dashboard/connections/expire`), which changes something
//! and leads back with a message; where it is refused it leads back with the reason and with what was entered.

mod application;
mod applications;
mod clock;
mod connections;
mod fault_form;
mod faults;
mod flash;
mod names;
mod organizations;
mod overview;
mod request_filter;
mod requests;
mod setting_words;
mod settings;
mod visit;
mod words;

use axum::Router;

use crate::server::State;

pub(super) fn router() -> Router<State> {
    Router::new()
        .merge(overview::router())
        .merge(applications::router())
        .merge(application::router())
        .merge(organizations::router())
        .merge(connections::router())
        .merge(requests::router())
        .merge(faults::router())
        .merge(clock::router())
        .merge(settings::router())
}
