//! Scheduling requests: whom somebody is to meet, and the time that was chosen for it.

use std::collections::BTreeMap;

use jiff::civil::{Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::World;
use super::accounts::Account;
use super::event_time::{Moment, time_zone};
use super::store::{Record, StoreError};
use crate::availability::{AvailabilityQuery, AvailableTime, Limits, availability};

/// How far ahead times are offered where no period was named.
const DAYS_AHEAD: i64 = 14;

/// When people are met who stored no rules: nine to five, Monday to Friday, where they live.
const HOURS: (i8, i8) = (9, 17);

/// A wish that recipients choose a time to meet somebody.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct SchedulingRequest {
    /// `srq_` and 24 hex digits.
    pub(crate) id: String,
    pub(crate) client_id: String,
    pub(crate) organization_id: String,
    pub(crate) host: Host,
    pub(crate) collaborator_groups: Vec<Group>,
    pub(crate) recipients: Vec<Recipient>,
    /// The event to write, without its times.
    pub(crate) event: Value,
    pub(crate) tags: Option<Value>,
    pub(crate) duration_minutes: i64,
    /// As it was sent: `before` and `after`.
    pub(crate) buffer: Option<Value>,
    /// The periods that were named.
    pub(crate) query_periods: Option<Value>,
    pub(crate) start_interval: Option<Value>,
    pub(crate) slot_selection: SlotSelection,
    pub(crate) chosen: Option<ChosenSlot>,
    /// What the links' addresses said of where people came from.
    pub(crate) metadata: Map<String, Value>,
    /// The last part of the address on which everybody sees how things stand.
    pub(crate) view_token: String,
}

/// Who is met.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Host {
    One { sub: String },
    Group(Group),
}

/// People of whom some number has to come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Group {
    pub(crate) name: Option<String>,
    pub(crate) subs: Vec<String>,
    pub(crate) required: usize,
}

/// Somebody who is asked for a time, or told of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Recipient {
    pub(crate) email: String,
    pub(crate) display_name: Option<String>,
    pub(crate) is_slot_selector: bool,
    /// The last part of their own address.
    pub(crate) token: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SlotSelection {
    Pending,
    Complete,
    Cancelled,
}

/// The time that was chosen, and the event that was written for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ChosenSlot {
    pub(crate) start: Timestamp,
    pub(crate) end: Timestamp,
    /// The account in whose calendar the event is.
    pub(crate) host: String,
    pub(crate) event_uid: String,
}

/// Whose page an address is.
#[derive(Serialize, Deserialize)]
pub(crate) struct SelectLink {
    pub(crate) token: String,
    pub(crate) scheduling_request_id: String,
    pub(crate) may_select: bool,
}

impl Record for SchedulingRequest {
    const KIND: &'static str = "scheduling_request";
    fn id(&self) -> &str {
        &self.id
    }
    fn parent(&self) -> &str {
        &self.client_id
    }
}

impl Record for SelectLink {
    const KIND: &'static str = "select_link";
    fn id(&self) -> &str {
        &self.token
    }
    fn parent(&self) -> &str {
        &self.scheduling_request_id
    }
}

impl Group {
    fn to_json(&self) -> Value {
        let members: Vec<_> = self.subs.iter().map(|sub| json!({ "sub": sub })).collect();
        json!({ "name": self.name, "members": members, "required": self.required })
    }
}

impl SchedulingRequest {
    /// As replies and notifications show it.
    pub(crate) fn to_json(&self, origin: &str) -> Value {
        let url = |token: &str| format!("{origin}/scheduler/requests/{token}");
        let view_url = url(&self.view_token);
        let recipients = self.recipients.iter().map(|recipient| {
            json!({
                "email": recipient.email,
                "display_name": recipient.display_name,
                "slot_selector": recipient.is_slot_selector,
                "select_url": url(&recipient.token),
            })
        });
        let primary = self.recipients.iter().find(|recipient| recipient.is_slot_selector);
        let mut operations = json!({ "view_url": view_url });
        if self.slot_selection == SlotSelection::Complete {
            operations["reschedule_url"] = format!("{view_url}?reschedule=true").into();
            operations["decline_url"] = format!("{view_url}?decline=true").into();
        }
        let mut event = self.event.clone();
        if let Some(chosen) = &self.chosen {
            event["start"] = Moment::Time(chosen.start).to_string().into();
            event["end"] = Moment::Time(chosen.end).to_string().into();
            event["event_uid"] = chosen.event_uid.clone().into();
        }
        event["metadata"] = json!({ "scheduler": self.metadata });
        let mut json = json!({
            "scheduling_request_id": self.id,
            "slot_selection": self.slot_selection,
            "primary_select_url": primary.map(|recipient| url(&recipient.token)),
            "dashboard_url": view_url,
            "summary": self.event["summary"],
            "duration": { "minutes": self.duration_minutes },
            "recipients": recipients.collect::<Vec<_>>(),
            "recipient_operations": operations,
            "event": event,
        });
        match (&self.host, &self.chosen) {
            (_, Some(chosen)) => json["host"] = json!({ "sub": chosen.host }),
            (Host::One { sub }, None) => json["host"] = json!({ "sub": sub }),
            (Host::Group(_), None) => {}
        }
        if let Host::Group(group) = &self.host {
            json["host_group"] = group.to_json();
        }
        if !self.collaborator_groups.is_empty() {
            json["collaborator_groups"] = self.collaborator_groups.iter().map(Group::to_json).collect();
        }
        if let Some(buffer) = &self.buffer {
            json["buffer"] = buffer.clone();
        }
        if let Some(tags) = &self.tags {
            json["tags"] = tags.clone();
        }
        json
    }

    /// What people call it.
    pub(crate) fn summary(&self) -> &str {
        self.event["summary"].as_str().unwrap_or_default()
    }

    /// Every account that may have to come.
    pub(crate) fn subs(&self) -> Vec<&str> {
        let hosts = match &self.host {
            Host::One { sub } => std::slice::from_ref(sub),
            Host::Group(group) => &group.subs,
        };
        let collaborators = self.collaborator_groups.iter().flat_map(|group| &group.subs);
        hosts.iter().chain(collaborators).map(String::as_str).collect()
    }

    /// Who is met at a time: the host, or the first of the group who is free then.
    pub(crate) fn host_at(&self, time: &AvailableTime) -> Option<String> {
        match &self.host {
            Host::One { sub } => Some(sub.clone()),
            Host::Group(group) => {
                let is_free = |sub: &&String| time.participants.iter().any(|known| known.sub == **sub);
                group.subs.iter().find(is_free).cloned()
            }
        }
    }

    /// The query that finds times, as it would be sent to `/v1/availability`.
    pub(crate) fn query(&self, world: &World) -> Result<Value, StoreError> {
        let now = world.now();
        let until = now.saturating_add(SignedDuration::from_hours(24 * DAYS_AHEAD)).unwrap_or(now);
        let mut hosts = match &self.host {
            Host::One { sub } => vec![(std::slice::from_ref(sub), 1)],
            Host::Group(group) => vec![(group.subs.as_slice(), group.required)],
        };
        hosts.extend(self.collaborator_groups.iter().map(|group| (group.subs.as_slice(), group.required)));
        let mut participants = Vec::new();
        for (subs, required) in hosts {
            let mut members = Vec::new();
            for sub in subs {
                let mut member = json!({ "sub": sub });
                if self.query_periods.is_none() {
                    if world.availability_rules(&self.client_id, sub)?.is_empty() {
                        let account = world.store.get::<Account>(sub)?;
                        let zone = account.and_then(|account| time_zone(&account.zoneinfo));
                        member["available_periods"] = hours(now, until, &zone.unwrap_or(TimeZone::UTC));
                    } else {
                        member["managed_availability"] = true.into();
                    }
                }
                members.push(member);
            }
            participants.push(json!({ "members": members, "required": required }));
        }
        let default_periods = || json!([{ "start": whole_minute(now), "end": whole_minute(until) }]);
        let mut query = json!({
            "participants": participants,
            "required_duration": { "minutes": self.duration_minutes },
            "query_periods": self.query_periods.clone().unwrap_or_else(default_periods),
            "response_format": "slots",
        });
        for (name, value) in [("buffer", &self.buffer), ("start_interval", &self.start_interval)] {
            if let Some(value) = value {
                query[name] = value.clone();
            }
        }
        if let Some(chosen) = &self.chosen {
            query["excluded_events"] = json!([{ "event_uid": chosen.event_uid }]);
        }
        Ok(query)
    }

    /// The times that can be chosen now.
    pub(crate) fn slots(&self, world: &World) -> Result<Vec<AvailableTime>, StoreError> {
        let query = self.query(world)?;
        // It was judged when the request was made; what no longer reads offers no time.
        let Ok(mut query) = AvailabilityQuery::parse(&query, &Limits::default()) else {
            return Ok(Vec::new());
        };
        let most = std::mem::replace(&mut query.max_results, usize::MAX);
        let calendars = match query.horizon() {
            Some(horizon) => world.member_calendars(&self.client_id, &self.subs(), horizon)?,
            None => BTreeMap::new(),
        };
        let now = world.now();
        let mut times = availability(&query, &calendars).times;
        times.retain(|time| time.start > now);
        times.truncate(most);
        Ok(times)
    }
}

/// The hours of work of every working day in a stretch of time.
fn hours(from: Timestamp, to: Timestamp, zone: &TimeZone) -> Value {
    let (first, last) =
        (from.to_zoned_datetime(zone.clone()).date(), to.to_zoned_datetime(zone.clone()).date());
    let days = first.series(1.day()).take_while(|day| *day <= last);
    let at_work = days.filter(|day| !matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday));
    let periods = at_work.filter_map(|day| {
        let at = |hour| {
            let time =
                day.to_datetime(Time::new(hour, 0, 0, 0).ok()?).to_zoned_datetime(zone.clone()).ok()?;
            Some(Moment::Time(time.timestamp()).to_string())
        };
        Some(json!({ "start": at(HOURS.0)?, "end": at(HOURS.1)? }))
    });
    periods.collect()
}

/// The first whole minute that is not before a time.
fn whole_minute(time: Timestamp) -> String {
    let second = time.as_second() + i64::from(time.subsec_nanosecond() > 0);
    let minute = second.div_euclid(60) + i64::from(second.rem_euclid(60) > 0);
    Moment::Time(Timestamp::from_second(minute * 60).unwrap_or(time)).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_without_rules_are_met_in_the_hours_of_work_where_they_live() {
        let zone = time_zone("Europe/London").unwrap();
        let periods =
            hours("2026-03-27T10:00:00Z".parse().unwrap(), "2026-03-30T10:00:00Z".parse().unwrap(), &zone);
        // A Friday, a weekend in which the clocks change, a Monday.
        assert_eq!(
            periods,
            json!([
                { "start": "2026-03-27T09:00:00Z", "end": "2026-03-27T17:00:00Z" },
                { "start": "2026-03-30T08:00:00Z", "end": "2026-03-30T16:00:00Z" },
            ])
        );
    }

    #[test]
    fn times_are_asked_for_from_the_next_whole_minute() {
        assert_eq!(whole_minute("2026-03-27T10:00:00Z".parse().unwrap()), "2026-03-27T10:00:00Z");
        assert_eq!(whole_minute("2026-03-27T10:00:00.1Z".parse().unwrap()), "2026-03-27T10:01:00Z");
        assert_eq!(whole_minute("2026-03-27T10:00:59Z".parse().unwrap()), "2026-03-27T10:01:00Z");
    }
}
