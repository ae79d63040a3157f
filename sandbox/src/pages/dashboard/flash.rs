//! The message that a form leaves for the next page. It is kept in the world under an unguessable name that stands in the
//! page's address, and shown once; no cookie, which every port of this machine would share.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::world::World;
use crate::world::ids::unguessable;
use crate::world::store::{Record, StoreError};

/// How long a message waits for its page.
const TTL_MS: i64 = 60 * 1000;

/// What a form did, or why it did not.
#[derive(Serialize, Deserialize)]
pub(super) struct Flash {
    id: String,
    text: String,
    refused: bool,
    /// What was entered into a form that was refused, so that nobody types it twice.
    entered: Value,
    expires_ms: i64,
}

impl Record for Flash {
    const KIND: &'static str = "flash";
    fn id(&self) -> &str {
        &self.id
    }
}

impl Flash {
    pub(super) fn done(text: String) -> Self {
        Self { id: unguessable(), text, refused: false, entered: Value::Null, expires_ms: 0 }
    }

    pub(super) fn refused(text: String, entered: Value) -> Self {
        Self { refused: true, entered, ..Self::done(text) }
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// The fields that were entered; none where nothing was refused.
    pub(super) fn entered(&self) -> Option<&Value> {
        Some(&self.entered).filter(|entered| entered.is_object())
    }

    /// Keeps the message until its page asks for it.
    pub(super) fn keep(mut self, world: &World) -> Result<(), StoreError> {
        world.store.delete_up_to::<Self>("expires_ms", world.now_ms())?;
        self.expires_ms = world.now_ms().saturating_add(TTL_MS);
        world.store.put(&self)
    }

    /// The message of this name, which is then forgotten.
    pub(super) fn take(world: &World, id: &str) -> Result<Option<Self>, StoreError> {
        if id.is_empty() {
            return Ok(None);
        }
        let flash = world.store.get::<Self>(id)?;
        world.store.delete::<Self>(id)?;
        Ok(flash)
    }
}
