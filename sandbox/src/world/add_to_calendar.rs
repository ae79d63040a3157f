//! Links behind which people add an event to a calendar of their own.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::store::Record;
use crate::oauth::request::AuthorizationRequest;

/// An event to add, and the authorization that comes with adding it.
#[derive(Serialize, Deserialize)]
pub(crate) struct AddToCalendarLink {
    /// The last part of the link's path.
    pub(crate) token: String,
    pub(crate) request: AuthorizationRequest,
    /// The event as it was sent.
    pub(crate) event: Value,
    pub(crate) is_twelve_hour: bool,
}

impl Record for AddToCalendarLink {
    const KIND: &'static str = "add_to_calendar_link";
    fn id(&self) -> &str {
        &self.token
    }
    fn parent(&self) -> &str {
        &self.request.client_id
    }
}
