//! Gives an event a conference: the calendar's own service, one of the account's, or an address that is given.

use serde_json::{Map, Value, json};

use crate::auth::Acting;
use crate::params::Params;
use crate::world::World;
use crate::world::accounts::ConferencingProfile;
use crate::world::calendars::Calendar;
use crate::world::store::StoreError;

/// Reads `conferencing` and keeps the conference under `meeting` in what the event holds; absent leaves it as it is.
pub(super) fn apply(
    world: &World,
    acting: &Acting,
    calendar: &Calendar,
    params: &mut Params<'_>,
    written: &mut Map<String, Value>,
) -> Result<(), StoreError> {
    let Some(value) = params.object("conferencing") else { return Ok(()) };
    let mut inner = Params::within(value, "conferencing");
    let profile_id = inner.required_text("profile_id", 200);
    let own = world.store.list::<ConferencingProfile>(&acting.account.sub)?;
    let chosen = match profile_id.as_deref() {
        Some("none") => {
            written.remove("meeting");
            None
        }
        Some("explicit") => {
            let provider = inner.required_text("provider_description", 1024);
            let url = inner.required_text("join_url", 4096);
            provider.zip(url).map(|(provider, url)| json!({ "provider_name": provider, "join_url": url }))
        }
        Some("integrated") if !calendar.integrated_conferencing_available => {
            inner.wrong("profile_id", "invalid", "integrated is not available in this calendar");
            None
        }
        Some("integrated") => Some(meeting(world, "integrated")),
        Some("default") => match own.iter().find(|profile| profile.connected) {
            Some(profile) => Some(meeting(world, &profile.provider_name)),
            None if calendar.integrated_conferencing_available => Some(meeting(world, "integrated")),
            None => None,
        },
        Some(id) => {
            let profile = own.iter().find(|profile| profile.profile_id == id);
            if profile.is_none() {
                inner.wrong("profile_id", "invalid", "must be one of the account's conferencing profiles");
            }
            profile.map(|profile| meeting(world, &profile.provider_name))
        }
        None => None,
    };
    params.absorb(inner);
    match (chosen, written.get("meeting")) {
        // The same service keeps its room when an event is written again.
        (Some(new), Some(known))
            if new["provider_name"] == known["provider_name"]
                && profile_id.as_deref() != Some("explicit") => {}
        (Some(new), _) => {
            written.insert("meeting".into(), new);
        }
        (None, _) => {}
    }
    Ok(())
}

fn meeting(world: &World, provider_name: &str) -> Value {
    let room = world.ids.hex::<6>();
    json!({ "provider_name": provider_name, "join_url": format!("https://{provider_name}.example/j/{room}") })
}
