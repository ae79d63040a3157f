//! Which events a read is about; free/busy chooses by the same rules.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::auth::Acting;
use crate::errors::ApiResult;
use crate::params::Params;
use crate::world::World;
use crate::world::accounts::Profile;
use crate::world::calendars::Calendar;
use crate::world::event_time::{DAYS_AHEAD, DAYS_BACK, Moment, Window, day_from, time_zone};
use crate::world::events::Event;

/// The filters of a read.
#[allow(clippy::struct_excessive_bools)] // each is a parameter of its own
pub(crate) struct Selection {
    pub(crate) zone: TimeZone,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    include_deleted: bool,
    include_moved: bool,
    include_managed: bool,
    pub(crate) only_managed: bool,
    last_modified: Option<Timestamp>,
    calendar_ids: Option<Vec<String>>,
    pub(crate) localized_times: bool,
}

/// An event with where it is.
pub(crate) struct Selected {
    pub(crate) profile: Profile,
    pub(crate) calendar: Calendar,
    pub(crate) event: Event,
}

impl Selection {
    /// Reads the filters; errors stay with the parameters.
    pub(crate) fn read(params: &mut Params<'_>) -> Self {
        if params.value("tzid").is_none_or(|value| value.as_str() == Some("")) {
            params.wrong("tzid", "required", "must be specified");
        }
        let zone = params.time_zone("tzid").and_then(|tzid| time_zone(&tzid)).unwrap_or(TimeZone::UTC);
        Self {
            from: moment(params, "from").map(|from| from.instant(&zone)),
            to: moment(params, "to").map(|to| to.instant(&zone)),
            include_deleted: params.boolean("include_deleted").unwrap_or(false),
            include_moved: params.boolean("include_moved").unwrap_or(false),
            include_managed: params.boolean("include_managed").unwrap_or(false),
            only_managed: params.boolean("only_managed").unwrap_or(false),
            last_modified: moment(params, "last_modified").map(|time| time.instant(&zone)),
            calendar_ids: params.texts("calendar_ids", usize::MAX),
            localized_times: params.boolean("localized_times").unwrap_or(false),
            zone,
        }
    }

    /// The events that pass, by start.
    pub(crate) fn events(&self, world: &World, acting: &Acting) -> ApiResult<Vec<Selected>> {
        let now = world.now();
        let usual = Window {
            from: self.from.unwrap_or_else(|| day_from(now, -DAYS_BACK, &self.zone)),
            to: self.to.unwrap_or_else(|| day_from(now, DAYS_AHEAD, &self.zone)),
        };
        // What the application wrote is bounded by what it asks for, not by the default.
        let managed =
            Window { from: self.from.unwrap_or(Timestamp::MIN), to: self.to.unwrap_or(Timestamp::MAX) };
        let mut selected = Vec::new();
        for calendar in world.store.list::<Calendar>(&acting.account.sub)? {
            let asked = self.calendar_ids.as_ref().is_none_or(|ids| ids.contains(&calendar.calendar_id));
            if !asked || calendar.deleted {
                continue;
            }
            let Some(profile) = world.store.get::<Profile>(&calendar.profile_id)? else { continue };
            for event in world.events_in(&calendar.calendar_id)? {
                let own = event.is_managed_by(&acting.client_id);
                let window = if own { managed } else { usual };
                if self.admits(&event, own) && event.is_within(&window, &self.zone, self.include_moved) {
                    selected.push(Selected { profile: profile.clone(), calendar: calendar.clone(), event });
                }
            }
        }
        selected.sort_by_cached_key(|selected| {
            (selected.event.start.instant(&self.zone), selected.event.event_uid.clone())
        });
        Ok(selected)
    }

    fn admits(&self, event: &Event, own: bool) -> bool {
        let wanted = if own { self.include_managed || self.only_managed } else { !self.only_managed };
        wanted
            && (!event.deleted || self.include_deleted)
            && self.last_modified.is_none_or(|since| event.updated >= since)
    }
}

fn moment(params: &mut Params<'_>, name: &str) -> Option<Moment> {
    let text = params.text(name, 100).filter(|text| !text.is_empty())?;
    match Moment::read(&text) {
        Ok(moment) => Some(moment),
        Err(error) => {
            let (key, description) = error.describe();
            params.wrong(name, key, description);
            None
        }
    }
}
