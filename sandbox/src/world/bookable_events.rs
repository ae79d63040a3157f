//! Bookable events: events with a number of places, and who registered for them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::World;
use super::store::{Record, StoreError};

/// An event that people register for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct BookableEvent {
    pub(crate) id: String,
    pub(crate) client_id: String,
    pub(crate) bookable_event_id: String,
    pub(crate) start: Timestamp,
    pub(crate) end: Timestamp,
    pub(crate) status: String,
    /// How many places there are; none for any number.
    pub(crate) capacity: Option<i64>,
}

/// Somebody's registration.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Registration {
    pub(crate) id: String,
    pub(crate) event: String,
    pub(crate) registration_id: String,
    pub(crate) status: String,
    pub(crate) metadata: Value,
}

impl Record for BookableEvent {
    const KIND: &'static str = "bookable_event";
    fn id(&self) -> &str {
        &self.id
    }
    fn parent(&self) -> &str {
        &self.client_id
    }
}

impl Record for Registration {
    const KIND: &'static str = "bookable_event_registration";
    fn id(&self) -> &str {
        &self.id
    }
    fn parent(&self) -> &str {
        &self.event
    }
}

impl BookableEvent {
    pub(crate) fn new(client_id: &str, bookable_event_id: &str, start: Timestamp, end: Timestamp) -> Self {
        Self {
            id: format!("{client_id}/{bookable_event_id}"),
            client_id: client_id.into(),
            bookable_event_id: bookable_event_id.into(),
            start,
            end,
            status: "confirmed".into(),
            capacity: None,
        }
    }
}

impl Registration {
    pub(crate) fn new(event: &BookableEvent, registration_id: &str, status: String) -> Self {
        Self {
            id: format!("{}/{registration_id}", event.id),
            event: event.id.clone(),
            registration_id: registration_id.into(),
            status,
            metadata: Value::Object(serde_json::Map::new()),
        }
    }

    /// Whether it takes one of the places.
    pub(crate) fn takes_place(&self) -> bool {
        matches!(self.status.as_str(), "pending" | "accepted" | "tentative")
    }
}

impl World {
    pub(crate) fn bookable_event(
        &self,
        client_id: &str,
        bookable_event_id: &str,
    ) -> Result<Option<BookableEvent>, StoreError> {
        self.store.get(&format!("{client_id}/{bookable_event_id}"))
    }

    /// The registrations in the order in which they were first made.
    pub(crate) fn registrations(&self, event: &BookableEvent) -> Result<Vec<Registration>, StoreError> {
        self.store.list(&event.id)
    }
}
