//! When people are free: the arithmetic behind availability and sequenced availability, as functions of their arguments.
//!
//! A route reads the request's JSON into a query ([`AvailabilityQuery::parse`], [`SequencedQuery::parse`]), loads one
//! [`MemberCalendar`] for each of the query's [`subs`](AvailabilityQuery::subs) over its
//! [`horizon`](AvailabilityQuery::horizon), and asks [`availability`] or [`sequenced_availability`] for the answer, whose
//! `body` is the JSON to send. Nothing here reads a clock, a store or a socket.
//!
//! How a member's free time is found, in this order:
//! 1. The time asked about: the query's periods, or its slots.
//! 2. Under `managed_availability`, only the hours of the selected rules and the stored available periods. With neither
//!    stored the member is never free.
//! 3. Only the member's own `available_periods`, where the request names some.
//! 4. Without the events that count as busy: not transparent, not excluded, and in a calendar that is considered.
//!    `ignore_tentative` passes over tentative ones, `only_managed_events` over those the application did not write. Each
//!    event is widened by the buffers, which ask for free time beside it and may reach past the hours of work and past
//!    the time asked about.
//! 5. Without the days and weeks whose limit of managed events is reached.
//!
//! See <https://docs.cronofy.com/developers/api/scheduling/availability/> and
//! <https://docs.cronofy.com/developers/api/scheduling/sequenced-availability/>.

#[cfg(test)]
mod agreement;
mod calendar;
mod common;
mod fields;
mod free;
mod minutes;
#[cfg(test)]
mod oracle;
mod participants;
mod query;
mod request;
mod rules;
mod sequenced;
mod single;

pub use calendar::{BusyEvent, Interval, MemberCalendar, SyncStatus, Tag};
pub use common::AvailableTime;
pub use fields::FieldErrors;
pub use minutes::Minutes;
pub use query::{AvailabilityQuery, ResponseFormat, SequencedQuery};
pub use request::Limits;
pub use rules::Rule;
pub use sequenced::sequenced_availability;
pub use single::availability;
