//! A local server that behaves like Cronofy: authorization pages, tokens, organizations, members, calendars and events,
//! with faults and a clock that a test can set. Nothing leaves this machine and no Cronofy account is needed.
//!
//! ```no_run
//! use orgconnect_sandbox::{Mode, NewApplication, Sandbox};
//!
//! # async fn example() -> Result<(), orgconnect_sandbox::SandboxError> {
//! let sandbox = Sandbox::builder().seed(7).start().await?;
//! let application = sandbox.control().create_application(NewApplication {
//!     name: "Rota".into(),
//!     mode: Mode::Development,
//!     ..NewApplication::default()
//! });
//! let url = format!(
//!     "{}/oauth/authorize?response_type=code&client_id={}&redirect_uri=http://127.0.0.1/callback\
//!      &scope=organizational_unit_scheduler&state=s",
//!     sandbox.url(),
//!     application.client_id,
//! );
//! let redirect = sandbox.control().approve(&url, "owner@example.com")?;
//! assert!(redirect.starts_with("http://127.0.0.1/callback?code="));
//! sandbox.shutdown().await;
//! # Ok(())
//! # }
//! ```
//!
//! # How the pieces lie
//! - `server` accepts connections, guards them, plays faults, records, and hands each request to the routes.
//! - `world` is all state: typed records in one document store.
//! - `oauth`, `routes` and `pages` answer requests. A new area is one file in `routes`; its module says how.
//! - [`Control`] is what a test holds; the same calls are served as JSON under `/sandbox/`.

#![forbid(unsafe_code)]
// Records carry the field names of Cronofy's API: `calendar_id` in `Calendar`, `event_uid` in `Event`.
#![allow(clippy::struct_field_names)]

mod auth;
#[allow(unreachable_pub)] // arithmetic that knows nothing of the sandbox, written as a library is
mod availability;
mod body;
mod call;
mod canary;
mod clock;
mod control;
mod counters;
mod errors;
mod fault_play;
mod faults;
mod guard;
#[allow(unreachable_pub)] // a writer of one format, written as a library is
mod icalendar;
mod limits;
mod oauth;
mod outbox;
mod pages;
mod paging;
mod params;
mod recorder;
mod routes;
mod sandbox;
mod server;
mod settings;
mod socket;
mod world;

pub use clock::ClockStatus;
pub use control::Control;
pub use control::owners::OwnEvent;
pub use control::provisioning::RoomDetails;
pub use counters::Counters;
pub use errors::SandboxError;
pub use faults::{Fault, FaultBody, FaultStatus};
pub use jiff::{SignedDuration, Timestamp};
pub use recorder::RecordedRequest;
pub use sandbox::{Sandbox, SandboxBuilder};
pub use settings::{
    AttachmentVerdict, ExpiresIn, Impersonation, MissingDeletes, PermissionLevel, RateLimit, RefreshMode,
    RemovedRecipients, RepeatedCreate, Settings, UnknownParticipants,
};
pub use world::applications::{Application, Mode, NewApplication, RedirectUri};
pub use world::authorizations::{ConnectionKind, ConnectionStatus};
pub use world::deliveries::{Delivery, DeliveryAttempt, DeliveryStatus};
pub use world::meeting_agents::AgentState;
pub use world::organizations::{Member, NewMember, NewResource, Organization, Resource};
pub use world::smart_invites::InviteStatus;

pub use control::invitations::{ProposedTimes, SmartInviteReply};
pub use control::views::ConnectionView;
