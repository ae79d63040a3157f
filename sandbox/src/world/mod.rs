//! The world: all state of the sandbox, behind one mutex, read and changed in one transaction a request.
//!
//! An area keeps its record types in a file of its own here. A record is a serde struct that implements
//! [`Record`](store::Record); the store then reads, writes and lists it. Functions that more than one route needs take
//! `&World` and stand beside their record.

pub(crate) mod accounts;
pub(crate) mod add_to_calendar;
pub(crate) mod applications;
pub(crate) mod attachments;
pub(crate) mod authorizations;
pub(crate) mod availability;
pub(crate) mod bookable_events;
pub(crate) mod calendars;
pub(crate) mod channels;
pub(crate) mod consents;
pub(crate) mod delegations;
pub(crate) mod deliveries;
pub(crate) mod event_time;
pub(crate) mod events;
pub(crate) mod ids;
pub(crate) mod meeting_agents;
pub(crate) mod organizations;
pub(crate) mod scheduling_conversations;
pub(crate) mod scheduling_links;
pub(crate) mod scheduling_requests;
mod seed;
pub(crate) mod smart_invites;
pub(crate) mod store;

use std::cell::{Ref, RefCell};
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use self::ids::{Ids, Place};
use self::store::{Record, Store, StoreError};
use crate::clock::Clock;
use crate::settings::Settings;

/// All state, and what reading or changing it takes: ids, the clock, the settings.
pub(crate) struct World {
    pub(crate) store: Store,
    pub(crate) ids: Ids,
    clock: Arc<Clock>,
    settings: RefCell<Settings>,
}

impl World {
    /// Opens a world; an empty one is given the default inhabitants.
    pub(crate) fn open(
        path: Option<&Path>,
        seed: Option<u64>,
        clock: Arc<Clock>,
    ) -> Result<Self, StoreError> {
        let store = Store::open(path)?;
        let world = Self { store, ids: Ids::new(seed), clock, settings: RefCell::default() };
        if world.store.is_empty()? {
            world.transaction(seed::populate)?;
        } else {
            let kept = world.store.get::<KeptPlace>(KeptPlace::ID)?.and_then(|kept| kept.place);
            if kept.map(|place| place.seed) == seed {
                world.ids.resume(kept);
            }
            if let Some(kept) = world.store.get::<KeptSettings>(KeptSettings::ID)? {
                world.settings.replace(kept.settings);
            }
        }
        Ok(world)
    }

    /// Runs a closure that is undone whole when it fails.
    pub(crate) fn transaction<T, E: From<StoreError>>(
        &self,
        work: impl FnOnce(&Self) -> Result<T, E>,
    ) -> Result<T, E> {
        let before = self.ids.place();
        let transaction = self.store.begin()?;
        let value = work(self)?;
        if self.ids.place() != before {
            self.store.put(&KeptPlace { place: self.ids.place() })?;
        }
        transaction.commit().map_err(StoreError::from)?;
        Ok(value)
    }

    /// Forgets everything, settings too, and starts again with the default inhabitants.
    pub(crate) fn reset(&self, seed: Option<u64>) -> Result<(), StoreError> {
        self.ids.resume(seed.map(|seed| Place { seed, drawn: 0 }));
        self.settings.replace(Settings::default());
        self.transaction(|world| {
            world.store.clear()?;
            seed::populate(world)
        })
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }

    pub(crate) fn settings(&self) -> Ref<'_, Settings> {
        self.settings.borrow()
    }

    pub(crate) fn change_settings(&self, settings: Settings) -> Result<(), StoreError> {
        let kept = KeptSettings { settings };
        self.store.put(&kept)?;
        self.settings.replace(kept.settings);
        Ok(())
    }
}

/// Where the seeded sequence of ids stands.
#[derive(Serialize, Deserialize)]
struct KeptPlace {
    place: Option<Place>,
}

impl KeptPlace {
    const ID: &str = "ids";
}

impl Record for KeptPlace {
    const KIND: &'static str = "place";
    fn id(&self) -> &str {
        Self::ID
    }
}

#[derive(Serialize, Deserialize)]
struct KeptSettings {
    settings: Settings,
}

impl KeptSettings {
    const ID: &str = "settings";
}

impl Record for KeptSettings {
    const KIND: &'static str = "settings";
    fn id(&self) -> &str {
        Self::ID
    }
}
