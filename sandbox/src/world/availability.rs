//! What decides when somebody is free: availability rules and available periods as applications stored them, and the
//! view of accounts and resources that the [engine](crate::availability) computes with.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::World;
use super::accounts::{Account, Profile};
use super::applications::Application;
use super::authorizations::{Connection, ConnectionKind, ConnectionStatus};
use super::calendars::Calendar;
use super::event_time::{Moment, time_zone};
use super::events::Event;
use super::organizations::Resource;
use super::store::{Record, StoreError};
use crate::availability::{BusyEvent, Interval, MemberCalendar, Rule, SyncStatus, Tag};

/// A rule that an application stored for an account.
#[derive(Serialize, Deserialize)]
pub(crate) struct AvailabilityRule {
    pub(crate) id: String,
    pub(crate) owner: String,
    pub(crate) rule: Rule,
}

/// A period that an application stored for an account.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct AvailablePeriod {
    pub(crate) id: String,
    pub(crate) owner: String,
    pub(crate) available_period_id: String,
    pub(crate) start: Timestamp,
    pub(crate) start_tzid: Option<String>,
    pub(crate) end: Timestamp,
    pub(crate) end_tzid: Option<String>,
}

impl Record for AvailabilityRule {
    const KIND: &'static str = "availability_rule";
    fn id(&self) -> &str {
        &self.id
    }
    fn parent(&self) -> &str {
        &self.owner
    }
}

impl Record for AvailablePeriod {
    const KIND: &'static str = "available_period";
    fn id(&self) -> &str {
        &self.id
    }
    fn parent(&self) -> &str {
        &self.owner
    }
}

impl AvailabilityRule {
    pub(crate) fn new(client_id: &str, sub: &str, rule: Rule) -> Self {
        let owner = owner(client_id, sub);
        Self { id: format!("{owner}/{}", rule.availability_rule_id), owner, rule }
    }
}

impl AvailablePeriod {
    pub(crate) fn new(client_id: &str, sub: &str, available_period_id: String) -> Self {
        let owner = owner(client_id, sub);
        Self {
            id: format!("{owner}/{available_period_id}"),
            owner,
            available_period_id,
            start: Timestamp::UNIX_EPOCH,
            start_tzid: None,
            end: Timestamp::UNIX_EPOCH,
            end_tzid: None,
        }
    }
}

impl World {
    /// The rules that an application stored for an account, in the order in which they were first stored.
    pub(crate) fn availability_rules(
        &self,
        client_id: &str,
        sub: &str,
    ) -> Result<Vec<AvailabilityRule>, StoreError> {
        self.store.list(&owner(client_id, sub))
    }

    pub(crate) fn availability_rule(
        &self,
        client_id: &str,
        sub: &str,
        availability_rule_id: &str,
    ) -> Result<Option<AvailabilityRule>, StoreError> {
        self.store.get(&format!("{}/{availability_rule_id}", owner(client_id, sub)))
    }

    /// The periods that an application stored for an account, by start.
    pub(crate) fn available_periods(
        &self,
        client_id: &str,
        sub: &str,
    ) -> Result<Vec<AvailablePeriod>, StoreError> {
        let mut periods = self.store.list::<AvailablePeriod>(&owner(client_id, sub))?;
        periods.sort_by_key(|period| period.start);
        Ok(periods)
    }

    /// What an application's query needs to know of each `sub`; those that are nobody's are left out.
    pub(crate) fn member_calendars(
        &self,
        client_id: &str,
        subs: &[&str],
        horizon: Interval,
    ) -> Result<BTreeMap<String, MemberCalendar>, StoreError> {
        let mut calendars = BTreeMap::new();
        for sub in subs {
            if let Some(account) = self.store.get::<Account>(sub)? {
                calendars.insert((*sub).to_owned(), self.account_calendar(client_id, &account, horizon)?);
            } else if let Some(resource) = self.store.get::<Resource>(sub)? {
                calendars.insert((*sub).to_owned(), self.resource_calendar(client_id, &resource, horizon)?);
            }
        }
        Ok(calendars)
    }

    /// Whether an application may ask about a `sub`: it is connected to it, or to an organization it belongs to.
    pub(crate) fn reaches(&self, client_id: &str, sub: &str) -> Result<bool, StoreError> {
        let active = |connection: &Connection| connection.status == ConnectionStatus::Active;
        if self.connection(client_id, sub)?.as_ref().is_some_and(active) {
            return Ok(true);
        }
        let connections = self.store.list::<Connection>(client_id)?.into_iter();
        let mut organizations: Vec<String> = connections
            .filter(|known| known.grant.kind == ConnectionKind::Organization && active(known))
            .map(|known| known.grant.subject)
            .collect();
        organizations.extend(self.store.get::<Application>(client_id)?.and_then(|known| known.internal_to));
        let resource = self.store.get::<Resource>(sub)?;
        for id in organizations {
            let owns = resource.as_ref().is_some_and(|resource| resource.organization_id == id);
            if owns || self.is_member(&id, sub)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn account_calendar(
        &self,
        client_id: &str,
        account: &Account,
        horizon: Interval,
    ) -> Result<MemberCalendar, StoreError> {
        let zone = time_zone(&account.zoneinfo).unwrap_or(TimeZone::UTC);
        let mut busy = Vec::new();
        for calendar in self.store.list::<Calendar>(&account.sub)? {
            if !calendar.deleted {
                let events = self.events_in(&calendar.calendar_id)?;
                busy.extend(
                    events.iter().filter_map(|event| busy_event(event, client_id, &zone, horizon, false)),
                );
            }
        }
        let profiles = self.store.list::<Profile>(&account.sub)?;
        let disconnected = profiles.iter().any(|profile| !profile.connected);
        let rules = self.availability_rules(client_id, &account.sub)?;
        let periods = self.available_periods(client_id, &account.sub)?;
        Ok(MemberCalendar {
            busy,
            rules: rules.into_iter().map(|stored| stored.rule).collect(),
            available_periods: periods.iter().filter_map(|p| Interval::new(p.start, p.end)).collect(),
            sync_status: if disconnected { SyncStatus::Disconnected } else { SyncStatus::Active },
        })
    }

    /// A resource has no calendar of its own here: it is taken while an event takes place to which it is invited.
    fn resource_calendar(
        &self,
        client_id: &str,
        resource: &Resource,
        horizon: Interval,
    ) -> Result<MemberCalendar, StoreError> {
        let invited = |event: &&Event| {
            event.attendees.iter().any(|attendee| {
                attendee.email.eq_ignore_ascii_case(&resource.email) && attendee.status != "declined"
            })
        };
        let events = self.store.all::<Event>()?;
        let busy = events
            .iter()
            .filter(invited)
            .filter_map(|event| busy_event(event, client_id, &TimeZone::UTC, horizon, true))
            .collect();
        Ok(MemberCalendar { busy, ..MemberCalendar::default() })
    }
}

/// An event as it counts for whoever has it; None where it takes none of the horizon, or none of their time.
fn busy_event(
    event: &Event,
    client_id: &str,
    zone: &TimeZone,
    horizon: Interval,
    is_anothers: bool,
) -> Option<BusyEvent> {
    let declined = !is_anothers && event.participation_status == "declined";
    if event.deleted || event.status == "cancelled" || declined {
        return None;
    }
    let interval = match (event.start, event.end) {
        (Moment::Date(start), Moment::Date(end)) => Interval::days(start, end, zone),
        (start, end) => Interval::new(start.instant(zone), end.instant(zone)),
    };
    let managed = event.managed.as_ref().filter(|managed| managed.client_id == client_id);
    Some(BusyEvent {
        calendar_id: event.calendar_id.clone(),
        event_id: managed.map(|managed| managed.event_id.clone()),
        event_uid: Some(event.event_uid.clone()),
        interval: interval.filter(|interval| interval.overlaps(&horizon))?,
        transparent: event.transparency == "transparent",
        tentative: event.free_busy_status() == "tentative"
            || event.extended_transparency.as_deref() == Some("tentative"),
        managed: managed.is_some(),
        tags: event.written.get("tags").map(tags).unwrap_or_default(),
    })
}

/// Reads `{"private": [{"value": "Interview"}]}`.
fn tags(written: &Value) -> Vec<Tag> {
    let contexts = written.as_object().into_iter().flatten();
    contexts
        .flat_map(|(context, tags)| {
            let values = tags.as_array().into_iter().flatten().filter_map(|tag| tag["value"].as_str());
            values.map(|value| Tag { context: context.clone(), value: value.to_owned() })
        })
        .collect()
}

fn owner(client_id: &str, sub: &str) -> String {
    format!("{client_id}/{sub}")
}
