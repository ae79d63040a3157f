//! The world a new sandbox starts with: a clinic with its staff and rooms, a second organization, and a bystander.

use jiff::SignedDuration;
use serde_json::json;

use super::World;
use super::accounts::{Account, ConferencingProfile};
use super::calendars::Calendar;
use super::delegations::ResourceDetails;
use super::event_time::{Moment, day_from, time_zone};
use super::events::{Attendee, Event, Location, Organizer};
use super::organizations::{NewMember, NewResource};
use super::store::StoreError;

/// E-mail address, name, roles.
type Person = (&'static str, &'static str, &'static [&'static str]);

const CLINIC: [Person; 5] = [
    ("owner@example.com", "Olivia Owens", &["owner", "member"]),
    ("doc@example.com", "Dorothy Clarke", &["member"]),
    ("nurse@example.com", "Noah Price", &["member"]),
    ("reception@example.com", "Rita Khan", &["member"]),
    ("developer@example.com", "Dev Sharma", &["developer", "member"]),
];

const FABRIKAM: [Person; 2] = [
    ("owner@fabrikam.example", "Fiona Barnes", &["owner", "member"]),
    ("sales@fabrikam.example", "Sam Fields", &["member"]),
];

/// Fills an empty world.
pub(super) fn populate(world: &World) -> Result<(), StoreError> {
    let clinic = world.create_organization("Northwind Clinic")?;
    for person in CLINIC {
        add(world, &clinic.organization_id, person)?;
    }
    for (email, name) in
        [("room1@example.com", "Consulting room 1"), ("room2@example.com", "Consulting room 2")]
    {
        let new = NewResource { email: email.into(), name: name.into() };
        let room = world.add_resource(&clinic.organization_id, new)?;
        world.store.put(&details(room.sub))?;
    }
    let fabrikam = world.create_organization("Fabrikam")?;
    for person in FABRIKAM {
        add(world, &fabrikam.organization_id, person)?;
    }
    world.create_account("someone@elsewhere.example", "Sandy Else", "America/New_York")?;

    if let Some(doctor) = world.account_by_email("doc@example.com")? {
        enrich(world, &doctor)?;
        let page = format!("https://app.cronofy.com/pls/{}", world.ids.hex::<6>());
        world.set_public_url(&clinic.organization_id, &doctor.sub, Some(page))?;
    }
    Ok(())
}

/// What is known of a consulting room.
fn details(sub: String) -> ResourceDetails {
    let location = json!({
        "building_name": "Northwind House",
        "floor_name": "2",
        "floor_section": "East",
        "address": {
            "lines": ["1 Wheeler Gate"],
            "locality": "Nottingham",
            "region": "Nottinghamshire",
            "postal_code": "NG1 2NA",
            "country": "GB",
        },
        "coordinates": { "lat": 52.9526, "long": -1.1512 },
    });
    ResourceDetails { sub, capacity: Some(4), location: Some(location) }
}

fn add(world: &World, organization_id: &str, (email, name, roles): Person) -> Result<(), StoreError> {
    let roles = roles.iter().map(|role| (*role).to_owned()).collect();
    let member = world.add_member(
        organization_id,
        NewMember { email: email.into(), name: name.into(), roles, ..NewMember::default() },
    )?;
    let calendar = world.store.list::<Calendar>(&member.sub)?.into_iter().find(|calendar| calendar.primary);
    if let Some(calendar) = calendar {
        for (days, hour, minutes, summary) in [
            (1, 9, 30, "Team meeting"),
            (2, 12, 60, "Lunch"),
            (8, 9, 30, "Team meeting"),
            (10, 14, 90, "Training"),
        ] {
            world.store.put(&busy(world, &calendar, days, hour, minutes, summary))?;
        }
    }
    Ok(())
}

/// Gives one member all that a calendar can hold: a second provider, an id with `@`, a read-only calendar, a day off,
/// an invitation, a series.
fn enrich(world: &World, doctor: &Account) -> Result<(), StoreError> {
    let profile = world.add_profile(&doctor.sub, "exchange", "office365", "doc@clinic.example")?;
    let calendar = world.new_calendar(&profile, "Clinic");
    let calendar = Calendar { calendar_id: calendar.calendar_id.replacen('_', "_@", 2), ..calendar };
    world.store.put(&calendar)?;
    world.store.put(&Calendar { readonly: true, ..world.new_calendar(&profile, "Public holidays") })?;

    world.store.put(&ConferencingProfile {
        profile_id: world.ids.id("pro_"),
        sub: doctor.sub.clone(),
        provider_name: "zoom".into(),
        profile_name: doctor.email.clone(),
        connected: true,
    })?;

    let day_off = busy(world, &calendar, 15, 0, 24 * 60, "Day off");
    let zone = time_zone(&doctor.zoneinfo).unwrap_or(jiff::tz::TimeZone::UTC);
    let date = |time: Moment| Moment::Date(time.instant(&zone).to_zoned_datetime(zone.clone()).date());
    let start = date(day_off.start);
    let end = date(day_off.end);
    world.store.put(&Event { start, end, transparency: "transparent".into(), ..day_off })?;

    world.store.put(&Event {
        organizer: Some(Organizer {
            email: "owner@example.com".into(),
            display_name: Some("Olivia Owens".into()),
        }),
        attendees: vec![
            Attendee {
                email: doctor.email.clone(),
                display_name: Some(doctor.name.clone()),
                status: "needs_action".into(),
            },
            Attendee { email: "nurse@example.com".into(), display_name: None, status: "accepted".into() },
        ],
        participation_status: "needs_action".into(),
        location: Some(Location {
            description: Some("Board room".into()),
            lat: Some("52.9548".into()),
            long: Some("-1.1581".into()),
        }),
        ..busy(world, &calendar, 5, 11, 60, "Planning the new wing")
    })?;
    world.store.put(&Event { recurring: true, ..busy(world, &calendar, 4, 8, 30, "Ward round") })
}

/// An external event some days from now, at an hour of the clinic's day.
fn busy(world: &World, calendar: &Calendar, days: i64, hour: i64, minutes: i64, summary: &str) -> Event {
    const ZONE: &str = "Europe/London";
    let zone = time_zone(ZONE).unwrap_or(jiff::tz::TimeZone::UTC);
    let day = day_from(world.now(), days, &zone);
    let after = |minutes| Moment::Time(day.saturating_add(SignedDuration::from_mins(minutes)).unwrap_or(day));
    let (start, end) = (after(hour * 60), after(hour * 60 + minutes));
    let event = Event::new(world.ids.id("evt_external_"), &calendar.calendar_id, start, end, world.now());
    Event { summary: summary.into(), start_tzid: Some(ZONE.into()), end_tzid: Some(ZONE.into()), ..event }
}
