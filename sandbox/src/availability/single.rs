//! Answers an availability query: the periods or slots at which everyone who is needed is free.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::calendar::{Interval, IntervalSet, MemberCalendar, MemberStatus};
use super::common::{AvailableTime, CommonTime};
use super::minutes::Minutes;
use super::query::{AvailabilityQuery, ResponseFormat, Window};

/// The answer to an [`AvailabilityQuery`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Availability {
    /// What the times are, and the key they stand under.
    pub response_format: ResponseFormat,
    /// The times in order.
    pub times: Vec<AvailableTime>,
    /// How well the participants' calendars are kept in step, where the query asks.
    pub member_statuses: Option<Vec<MemberStatus>>,
}

impl Availability {
    /// The body of the response.
    pub fn body(&self) -> Value {
        let mut body = Map::new();
        body.insert(self.response_format.key().to_owned(), json!(self.times));
        if let Some(statuses) = &self.member_statuses {
            body.insert("member_statuses".to_owned(), json!(statuses));
        }
        Value::Object(body)
    }
}

/// Finds the times at which enough people are free.
///
/// - Periods last as long as the same people stay free. With a start interval they begin on one.
/// - Slots begin on a start interval, by default each quarter of an hour; `slots` leaves out what overlaps the one before.
/// - For `query_slots` each is answered as it was asked, whatever the interval.
///
/// `calendars` is by sub, and should have one for each of the query's; a member without one is never free.
pub fn availability(query: &AvailabilityQuery, calendars: &BTreeMap<String, MemberCalendar>) -> Availability {
    let window: IntervalSet = match &query.window {
        Window::Periods(periods) => periods.clone(),
        Window::Slots(starts) => query.slots(starts).collect(),
    };
    let common = CommonTime::new(&query.groups, calendars, &window, query.buffer, &query.excluded_events);
    let found = match (&query.window, query.response_format) {
        (Window::Slots(starts), _) => query.slots(starts).filter(|slot| common.admits(slot)).collect(),
        (Window::Periods(_), ResponseFormat::Periods) => {
            rounded(common.periods(), query.start_interval, query.required_duration)
        }
        (Window::Periods(_), format) => {
            let interval = query.start_interval.unwrap_or(Minutes::DEFAULT_START_INTERVAL);
            let apart = if format == ResponseFormat::Slots { query.required_duration } else { interval };
            slots(&common.periods(), interval, query.required_duration, apart, query.max_results)
        }
    };
    Availability {
        response_format: query.response_format,
        times: found.iter().take(query.max_results).map(|interval| common.answer(interval)).collect(),
        member_statuses: query.include_member_statuses.then(|| statuses(query, calendars)),
    }
}

/// Periods that begin on an interval, where one is given, and are long enough.
fn rounded(periods: Vec<Interval>, interval: Option<Minutes>, duration: Minutes) -> Vec<Interval> {
    let mut kept: Vec<Interval> = Vec::new();
    for period in periods {
        let start = interval.map_or(Some(period.start()), |interval| interval.align(period.start()));
        let Some(period) = start.and_then(|start| Interval::new(start, period.end())) else { continue };
        // Two that began apart may begin together now; the later one lasts longer and says it all.
        kept.pop_if(|last| period.contains(last));
        kept.push(period);
    }
    kept.retain(|period| period.duration() >= duration.duration());
    kept
}

/// The slots within periods, in order, each starting at least `apart` after the one before, and no more than `limit`.
pub(super) fn slots(
    periods: &[Interval],
    interval: Minutes,
    duration: Minutes,
    apart: Minutes,
    limit: usize,
) -> Vec<Interval> {
    let mut found = Vec::new();
    let mut earliest = Timestamp::MIN;
    for period in periods {
        while found.len() < limit {
            let start = interval.align(period.start().max(earliest));
            let Some(slot) = start.and_then(|start| duration.from(start)) else { break };
            if !period.contains(&slot) {
                break;
            }
            found.push(slot);
            earliest = slot.start().checked_add(apart.duration()).unwrap_or(Timestamp::MAX);
        }
    }
    found
}

fn statuses(query: &AvailabilityQuery, calendars: &BTreeMap<String, MemberCalendar>) -> Vec<MemberStatus> {
    let status = |sub: &str| MemberStatus {
        sub: sub.to_owned(),
        sync_status: calendars.get(sub).map(|calendar| calendar.sync_status),
    };
    query.subs().into_iter().map(status).collect()
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use crate::availability::{BusyEvent, Limits, Rule, SyncStatus};

    use super::*;

    const DOC: &str = "acc_5ba21743f408617d1269ea1e";
    const NURSE: &str = "acc_64b17d868090ea21640c914c";

    fn interval(text: &str) -> Interval {
        let (start, end) = text.split_once('/').unwrap();
        let time = |clock: &str| format!("2026-11-24T{clock}:00Z").parse().unwrap();
        Interval::new(time(start), time(end)).unwrap()
    }

    fn event(text: &str) -> BusyEvent {
        BusyEvent {
            calendar_id: "cal_1".to_owned(),
            event_id: None,
            event_uid: None,
            interval: interval(text),
            transparent: false,
            tentative: false,
            managed: false,
            tags: Vec::new(),
        }
    }

    fn calendar(busy: &[&str]) -> MemberCalendar {
        MemberCalendar { busy: busy.iter().map(|text| event(text)).collect(), ..MemberCalendar::default() }
    }

    fn calendars(all: &[(&str, &[&str])]) -> BTreeMap<String, MemberCalendar> {
        all.iter().map(|(sub, busy)| ((*sub).to_owned(), calendar(busy))).collect()
    }

    /// One group, asked about 24 November 2026 from nine to one, with fields of `more` added or replaced.
    fn query(required: &Value, more: &Value) -> AvailabilityQuery {
        let mut body = json!({
            "participants": [{"members": [{"sub": DOC}, {"sub": NURSE}], "required": required}],
            "required_duration": {"minutes": 60},
            "query_periods": [{"start": "2026-11-24T09:00:00Z", "end": "2026-11-24T13:00:00Z"}],
        });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        AvailabilityQuery::parse(&body, &Limits::default()).unwrap()
    }

    /// `09:00/10:00 2` for an hour at which two are free.
    fn shown(availability: &Availability) -> Vec<String> {
        let clock = |time: Timestamp| time.strftime("%H:%M").to_string();
        let show = |time: &AvailableTime| {
            format!("{}/{} {}", clock(time.start), clock(time.end), time.participants.len())
        };
        availability.times.iter().map(show).collect()
    }

    #[test]
    fn periods_are_when_everyone_is_free_for_long_enough() {
        let all = calendars(&[(DOC, &["09:30/10:00"]), (NURSE, &["11:30/12:30"])]);
        assert_eq!(shown(&availability(&query(&json!("all"), &json!({})), &all)), ["10:00/11:30 2"]);
    }

    #[test]
    fn slots_follow_one_another_and_overlapping_slots_start_at_every_interval() {
        let all = calendars(&[(DOC, &["10:10/10:20"]), (NURSE, &[])]);
        let slots = query(&json!("all"), &json!({"response_format": "slots"}));
        assert_eq!(shown(&availability(&slots, &all)), ["09:00/10:00 2", "10:30/11:30 2", "11:30/12:30 2"]);
        let more = json!({"response_format": "overlapping_slots", "start_interval": {"minutes": 30}});
        let overlapping = query(&json!("all"), &more);
        assert_eq!(
            shown(&availability(&overlapping, &all)),
            ["09:00/10:00 2", "10:30/11:30 2", "11:00/12:00 2", "11:30/12:30 2", "12:00/13:00 2"]
        );
    }

    #[test]
    fn one_of_several_may_be_free_for_each_slot() {
        let all = calendars(&[(DOC, &["10:00/13:00"]), (NURSE, &["09:00/11:00"])]);
        let slots = query(&json!(1), &json!({"response_format": "slots"}));
        let found = availability(&slots, &all);
        assert_eq!(shown(&found), ["09:00/10:00 1", "11:00/12:00 1", "12:00/13:00 1"]);
        let subs: Vec<&str> = found.times.iter().map(|time| time.participants[0].sub.as_str()).collect();
        assert_eq!(subs, [DOC, NURSE, NURSE]);
    }

    #[test]
    fn periods_of_different_people_may_overlap() {
        let all = calendars(&[(DOC, &["11:00/13:00"]), (NURSE, &["09:00/10:00"])]);
        assert_eq!(
            shown(&availability(&query(&json!(1), &json!({})), &all)),
            ["09:00/11:00 1", "10:00/13:00 1"]
        );
    }

    #[test]
    fn periods_that_round_to_the_same_start_are_one() {
        let all = calendars(&[(DOC, &["09:00/09:05", "11:00/13:00"]), (NURSE, &["09:00/09:10"])]);
        let rounded = query(&json!(1), &json!({"start_interval": {"minutes": 15}}));
        assert_eq!(shown(&availability(&rounded, &all)), ["09:15/13:00 1"]);
    }

    #[test]
    fn buffers_keep_time_free_beside_events_but_not_at_the_edges() {
        let all = calendars(&[(DOC, &["10:45/11:00"]), (NURSE, &[])]);
        let buffered =
            query(&json!("all"), &json!({"buffer": {"before": {"minutes": 30}, "after": {"minutes": 45}}}));
        assert_eq!(shown(&availability(&buffered, &all)), ["09:00/10:00 2", "11:30/13:00 2"]);
    }

    #[test]
    fn an_event_outside_the_period_asked_about_counts_through_its_buffer() {
        let all = calendars(&[(DOC, &["08:00/08:50"]), (NURSE, &["13:10/14:00"])]);
        let buffer = json!({"buffer": {"before": {"hours": 1}, "after": {"minutes": 30}}});
        assert_eq!(shown(&availability(&query(&json!("all"), &buffer), &all)), ["09:50/12:40 2"]);
    }

    #[test]
    fn slots_that_are_asked_for_are_answered_as_they_are() {
        let all = calendars(&[(DOC, &["10:00/10:05"]), (NURSE, &[])]);
        let starts =
            ["2026-11-24T10:05:00Z", "2026-11-24T09:03:00Z", "2026-11-24T10:35:00Z", "2026-11-24T08:00:00Z"];
        let starts: Vec<Value> = starts.iter().map(|start| json!({"start": start})).collect();
        let more = json!({"query_periods": null, "query_slots": starts});
        let found = availability(&query(&json!("all"), &more), &all);
        assert_eq!(shown(&found), ["08:00/09:00 2", "10:05/11:05 2", "10:35/11:35 2"]);
        assert!(found.body().get("available_periods").is_some());
    }

    #[test]
    fn max_results_limits_every_format() {
        let all = calendars(&[(DOC, &["10:00/10:05", "11:10/11:15"]), (NURSE, &[])]);
        for format in ["periods", "slots", "overlapping_slots"] {
            let limited = query(&json!("all"), &json!({"response_format": format, "max_results": 2}));
            assert_eq!(availability(&limited, &all).times.len(), 2, "{format}");
        }
    }

    #[test]
    fn a_rule_looks_only_at_its_own_calendars() {
        let mut all = calendars(&[(DOC, &["09:00/10:00", "11:00/12:00"]), (NURSE, &[])]);
        let doc = all.get_mut(DOC).unwrap();
        doc.busy[0].calendar_id = "cal_private".to_owned();
        let rule = json!({
            "availability_rule_id": "clinic",
            "tzid": "Europe/London",
            "calendar_ids": ["cal_1"],
            "weekly_periods": [{"day": "tuesday", "start_time": "08:00", "end_time": "13:00"}],
        });
        doc.rules.push(Rule::parse(&rule).unwrap());
        let members = json!([{"members": [{"sub": DOC, "managed_availability": true}]}]);
        let found = availability(&query(&json!(1), &json!({"participants": members})), &all);
        assert_eq!(shown(&found), ["09:00/11:00 1", "12:00/13:00 1"]);
    }

    #[test]
    fn managed_availability_without_rules_or_periods_is_never_free() {
        let all = calendars(&[(DOC, &[])]);
        let members = json!([{"members": [{"sub": DOC, "managed_availability": true}]}]);
        assert!(availability(&query(&json!(1), &json!({"participants": members})), &all).times.is_empty());
    }

    #[test]
    fn no_rules_selected_leaves_the_stored_periods() {
        let mut all = calendars(&[(DOC, &[])]);
        all.get_mut(DOC).unwrap().available_periods = vec![interval("10:00/11:00")];
        let members =
            json!([{"members": [{"sub": DOC, "managed_availability": true, "availability_rule_ids": []}]}]);
        let found = availability(&query(&json!(1), &json!({"participants": members})), &all);
        assert_eq!(shown(&found), ["10:00/11:00 1"]);
    }

    #[test]
    fn a_full_day_is_not_available_and_a_full_week_neither() {
        let mut all = calendars(&[(DOC, &["07:00/07:30"])]);
        all.get_mut(DOC).unwrap().busy[0].managed = true;
        let ask = |period: &str, limit: u32, tzid: &str| {
            let constraint = json!({"period": period, "limit": limit, "tzid": tzid});
            let members = json!([{"members": [{"sub": DOC, "availability_constraints": [constraint]}]}]);
            let next_day = json!({"start": "2026-11-25T09:00:00Z", "end": "2026-11-25T13:00:00Z"});
            let periods = json!([{"start": "2026-11-24T09:00:00Z", "end": "2026-11-24T13:00:00Z"}, next_day]);
            let more = json!({"participants": members, "query_periods": periods});
            availability(&query(&json!(1), &more), &all).times.len()
        };
        assert_eq!(ask("day", 2, "Etc/UTC"), 2);
        assert_eq!(ask("day", 1, "Etc/UTC"), 1);
        assert_eq!(ask("week", 1, "Etc/UTC"), 0);
        // In New York it is two in the morning: still the same day. In Honolulu it was the evening before.
        assert_eq!(ask("day", 1, "America/New_York"), 1);
        assert_eq!(ask("day", 1, "Pacific/Honolulu"), 2);
    }

    #[test]
    fn a_week_begins_on_monday() {
        let ask = |day: &str| {
            let mut all = calendars(&[(DOC, &["07:00/07:30"])]);
            let event = &mut all.get_mut(DOC).unwrap().busy[0];
            event.managed = true;
            event.interval = Minutes(30).from(format!("{day}T07:00:00Z").parse().unwrap()).unwrap();
            let constraint = json!({"period": "week", "limit": 1});
            let members = json!([{"members": [{"sub": DOC, "availability_constraints": [constraint]}]}]);
            availability(&query(&json!(1), &json!({"participants": members})), &all).times.len()
        };
        assert_eq!(["2026-11-22", "2026-11-23", "2026-11-29", "2026-11-30"].map(ask), [1, 0, 0, 1]);
    }

    #[test]
    fn the_body_is_what_the_documentation_shows() {
        let mut all = calendars(&[(DOC, &[]), (NURSE, &[])]);
        all.get_mut(NURSE).unwrap().sync_status = SyncStatus::Disconnected;
        let more = json!({"response_format": "slots", "max_results": 1, "include_member_statuses": true});
        let body = availability(&query(&json!("all"), &more), &all).body();
        let expected = json!({
            "available_slots": [{
                "start": "2026-11-24T09:00:00Z",
                "end": "2026-11-24T10:00:00Z",
                "participants": [{"sub": DOC}, {"sub": NURSE}],
            }],
            "member_statuses": [
                {"sub": DOC, "sync_status": "active"},
                {"sub": NURSE, "sync_status": "disconnected"},
            ],
        });
        assert_eq!(body, expected);
    }

    #[test]
    fn ten_people_with_full_calendars_are_answered_in_milliseconds() {
        let subs: Vec<String> = (0..10).map(|number| format!("acc_{number}")).collect();
        let start: Timestamp = "2026-11-23T00:00:00Z".parse().unwrap();
        let busy = |person: i64| {
            (0..50).map(move |number| {
                let from = start + jiff::SignedDuration::from_mins(number * 400 + person * 7);
                BusyEvent { interval: Minutes(45).from(from).unwrap(), ..event("09:00/10:00") }
            })
        };
        let days = ["monday", "tuesday", "wednesday", "thursday", "friday"];
        let hours = days.map(|day| json!({"day": day, "start_time": "08:00", "end_time": "20:00"}));
        let rule = json!({"availability_rule_id": "work", "tzid": "Europe/London", "weekly_periods": hours});
        let all: BTreeMap<String, MemberCalendar> = (0..)
            .zip(&subs)
            .map(|(person, sub)| {
                let calendar = MemberCalendar {
                    busy: busy(person).collect(),
                    rules: vec![Rule::parse(&rule).unwrap()],
                    ..MemberCalendar::default()
                };
                (sub.clone(), calendar)
            })
            .collect();
        let members: Vec<Value> =
            subs.iter().map(|sub| json!({"sub": sub, "managed_availability": true})).collect();
        for (required, format) in
            [(json!(7), "periods"), (json!(7), "overlapping_slots"), (json!("all"), "slots")]
        {
            let more = json!({
                "participants": [{"members": members, "required": required}],
                "query_periods": [{"start": "2026-11-23T00:00:00Z", "end": "2026-12-07T00:00:00Z"}],
                "required_duration": {"minutes": 30},
                "response_format": format,
            });
            let query = query(&required, &more);
            // The best of several runs: the machine may be busy with other tests.
            let time = |_| {
                let begun = Instant::now();
                let found = availability(&query, &all);
                (begun.elapsed(), found.times.len())
            };
            let (elapsed, found) = (0..20).map(time).min().unwrap();
            assert!(found > 0, "{format}");
            assert!(elapsed < Duration::from_millis(20), "{format} took {elapsed:?}");
        }
    }
}
