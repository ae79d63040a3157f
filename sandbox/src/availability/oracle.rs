//! A second, slow and plain statement of what availability means, minute by minute, to hold the engine against.
//!
//! It shares the queries and calendars with the engine and none of its arithmetic: no interval sets, no rounding, no
//! offsets, no search. Everything it is given begins and ends on whole minutes.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;

use super::calendar::{BusyEvent, MemberCalendar};
use super::common::AvailableTime;
use super::common::Participant;
use super::minutes::Minutes;
use super::query::{
    AvailabilityQuery, Buffer, Constraint, ConstraintPeriod, ExcludedEvents, Group, Member, Required,
    ResponseFormat, SequencedQuery, Window,
};
use super::rules::Rule;
use super::sequenced::SequencedTime;

pub(super) type Calendars = BTreeMap<String, MemberCalendar>;

/// A minute, counted from 1970.
pub(super) type Minute = i64;

pub(super) fn time(minute: Minute) -> Timestamp {
    Timestamp::from_second(minute * 60).unwrap()
}

pub(super) fn minute(time: Timestamp) -> Minute {
    assert_eq!(time.as_second() % 60, 0, "{time} is not a whole minute");
    time.as_second() / 60
}

fn length(minutes: Minutes) -> Minute {
    i64::from(minutes.0)
}

/// What a query says of all its participants at once.
#[derive(Clone, Copy)]
pub(super) struct Terms<'q> {
    pub(super) groups: &'q [Group],
    pub(super) buffer: Buffer,
    pub(super) excluded: &'q ExcludedEvents,
}

/// Whether an event stands in the way of a member who is to be busy during one minute.
fn in_the_way(member: &Member, terms: &Terms<'_>, event: &BusyEvent, at: Minute) -> bool {
    let buffer = member.buffer.unwrap_or(terms.buffer);
    let first = at - length(buffer.before.minimum);
    let last = at + 1 + length(buffer.after.minimum);
    let ignored = event.transparent
        || (event.tentative && member.ignore_tentative)
        || (!event.managed && member.only_managed_events);
    !ignored
        && is_known(member, terms, event)
        && minute(event.interval.start()) < last
        && first < minute(event.interval.end())
}

fn is_known(member: &Member, terms: &Terms<'_>, event: &BusyEvent) -> bool {
    let excluded = terms.excluded.event_ids.iter().any(|id| event.event_id.as_ref() == Some(id))
        || terms.excluded.event_uids.iter().any(|uid| event.event_uid.as_ref() == Some(uid));
    let calendar = match &member.calendars {
        super::query::Calendars::All => true,
        super::query::Calendars::Only(ids) => ids.iter().any(|id| *id == event.calendar_id),
    };
    calendar && !excluded
}

pub(super) fn works_at(rule: &Rule, at: Minute) -> bool {
    let local = rule.time_zone.to_datetime(time(at));
    let clock = format!("{:02}:{:02}", local.hour(), local.minute());
    rule.weekly_periods.iter().any(|period| {
        let (start, end) = (period.start_time.to_string(), period.end_time.to_string());
        period.day == local.weekday() && *start <= *clock && *clock < *end
    })
}

fn is_full(
    member: &Member,
    terms: &Terms<'_>,
    calendar: &MemberCalendar,
    constraint: &Constraint,
    at: Minute,
) -> bool {
    let day_of = |at: Minute| constraint.time_zone.to_datetime(time(at)).date();
    let period_of = |date: Date| match constraint.period {
        ConstraintPeriod::Day => (date.year(), i16::from(date.month()), date.day()),
        ConstraintPeriod::Week => (date.iso_week_date().year(), 0, date.iso_week_date().week()),
    };
    let this = period_of(day_of(at));
    let falls_in = |event: &&BusyEvent| {
        (minute(event.interval.start())..minute(event.interval.end())).any(|at| period_of(day_of(at)) == this)
    };
    let counts = |event: &&BusyEvent| {
        event.managed
            && is_known(member, terms, event)
            && constraint.tags.iter().all(|tag| event.tags.contains(tag))
    };
    calendar.busy.iter().filter(counts).filter(falls_in).count() >= constraint.limit
}

/// Whether a member has nothing in the way during one minute.
pub(super) fn free_at(member: &Member, terms: &Terms<'_>, calendar: &MemberCalendar, at: Minute) -> bool {
    let clear = |calendar_ids: Option<&Vec<String>>| {
        !calendar.busy.iter().any(|event| {
            calendar_ids.is_none_or(|ids| ids.contains(&event.calendar_id))
                && in_the_way(member, terms, event, at)
        })
    };
    let within = |start: Timestamp, end: Timestamp| start <= time(at) && time(at) < end;
    let asked = member
        .available_periods
        .as_ref()
        .is_none_or(|periods| periods.iter().any(|period| within(period.start(), period.end())));
    let selected = |rule: &&Rule| {
        member.availability_rule_ids.as_ref().is_none_or(|ids| ids.contains(&rule.availability_rule_id))
    };
    let by_rule = || {
        calendar
            .rules
            .iter()
            .filter(selected)
            .any(|rule| works_at(rule, at) && clear(rule.calendar_ids.as_ref()))
    };
    let by_period = || {
        calendar.available_periods.iter().any(|period| within(period.start(), period.end())) && clear(None)
    };
    let open = if member.managed_availability { by_rule() || by_period() } else { clear(None) };
    asked
        && open
        && !member.availability_constraints.iter().any(|limit| is_full(member, terms, calendar, limit, at))
}

/// Who is free in each minute, found once.
struct Board<'q> {
    terms: Terms<'q>,
    free: BTreeMap<(usize, usize, Minute), bool>,
}

impl<'q> Board<'q> {
    fn new(terms: Terms<'q>, calendars: &Calendars, open: &[(Minute, Minute)]) -> Self {
        let mut free = BTreeMap::new();
        for (g, group) in terms.groups.iter().enumerate() {
            for (m, member) in group.members.iter().enumerate() {
                let Some(calendar) = calendars.get(&member.sub) else { continue };
                for at in open.iter().flat_map(|&(start, end)| start..end) {
                    free.insert((g, m, at), free_at(member, &terms, calendar, at));
                }
            }
        }
        Self { terms, free }
    }

    fn is_free(&self, g: usize, m: usize, at: Minute) -> bool {
        self.free.get(&(g, m, at)).copied().unwrap_or_default()
    }

    fn satisfied(&self, start: Minute, end: Minute) -> bool {
        self.terms.groups.iter().enumerate().all(|(g, group)| {
            let free =
                (0..group.members.len()).filter(|&m| (start..end).all(|at| self.is_free(g, m, at))).count();
            match group.required {
                Required::All => free == group.members.len(),
                Required::Count(count) => free >= count,
            }
        })
    }

    fn answer(&self, (start, end): (Minute, Minute)) -> AvailableTime {
        let mut participants: Vec<Participant> = Vec::new();
        for (g, group) in self.terms.groups.iter().enumerate() {
            for (m, member) in group.members.iter().enumerate() {
                let participant = Participant { sub: member.sub.clone() };
                if (start..end).all(|at| self.is_free(g, m, at)) && !participants.contains(&participant) {
                    participants.push(participant);
                }
            }
        }
        AvailableTime { start: time(start), end: time(end), participants }
    }

    /// Every stretch that satisfies the groups and lies in no longer one that does.
    fn longest(&self, open: &[(Minute, Minute)]) -> Vec<(Minute, Minute)> {
        let mut found = Vec::new();
        for &(from, until) in open {
            for start in from..until {
                if let Some(end) = (start + 1..=until).rev().find(|&end| self.satisfied(start, end)) {
                    found.push((start, end));
                }
            }
        }
        outermost(&found)
    }

    /// Every slot on the interval's multiples.
    fn slots(
        &self,
        open: &[(Minute, Minute)],
        interval: Minutes,
        duration: Minutes,
    ) -> Vec<(Minute, Minute)> {
        let mut found = Vec::new();
        for &(from, until) in open {
            for start in (from..until).filter(|start| start % length(interval) == 0) {
                let end = start + length(duration);
                if end <= until && self.satisfied(start, end) {
                    found.push((start, end));
                }
            }
        }
        found
    }
}

fn outermost(spans: &[(Minute, Minute)]) -> Vec<(Minute, Minute)> {
    let inside = |inner: &(Minute, Minute), outer: &(Minute, Minute)| {
        inner != outer && outer.0 <= inner.0 && inner.1 <= outer.1
    };
    let mut kept: Vec<_> =
        spans.iter().filter(|span| !spans.iter().any(|other| inside(span, other))).copied().collect();
    kept.dedup();
    kept
}

/// What [`super::availability`] should find.
pub(super) fn availability(query: &AvailabilityQuery, calendars: &Calendars) -> Vec<AvailableTime> {
    let terms = Terms { groups: &query.groups, buffer: query.buffer, excluded: &query.excluded_events };
    let duration = length(query.required_duration);
    let found = match &query.window {
        Window::Slots(starts) => {
            let slots: Vec<_> =
                starts.iter().map(|&start| (minute(start), minute(start) + duration)).collect();
            let board = Board::new(terms, calendars, &slots);
            let fit: Vec<_> = slots.into_iter().filter(|&(start, end)| board.satisfied(start, end)).collect();
            fit.into_iter().map(|slot| board.answer(slot)).collect::<Vec<_>>()
        }
        Window::Periods(periods) => {
            let open: Vec<_> =
                periods.iter().map(|period| (minute(period.start()), minute(period.end()))).collect();
            let board = Board::new(terms, calendars, &open);
            let interval = query.start_interval.unwrap_or(Minutes(15));
            let spans = match query.response_format {
                ResponseFormat::Periods => {
                    let step = query.start_interval.map_or(1, length);
                    let round = |(start, end): (Minute, Minute)| {
                        ((start..start + step).find(|start| start % step == 0).unwrap(), end)
                    };
                    let rounded: Vec<_> = board.longest(&open).into_iter().map(round).collect();
                    let long = |(start, end): &(Minute, Minute)| end - start >= duration;
                    outermost(&rounded).into_iter().filter(long).collect()
                }
                ResponseFormat::OverlappingSlots => board.slots(&open, interval, query.required_duration),
                ResponseFormat::Slots => {
                    let mut apart: Vec<(Minute, Minute)> = Vec::new();
                    for slot in board.slots(&open, interval, query.required_duration) {
                        if apart.iter().all(|taken| taken.1 <= slot.0) {
                            apart.push(slot);
                        }
                    }
                    apart
                }
            };
            spans.into_iter().map(|span| board.answer(span)).collect()
        }
    };
    found.into_iter().take(query.max_results).collect()
}

/// What [`super::sequenced_availability`] should find: of all combinations, the first for each start of the first step.
pub(super) fn sequenced(query: &SequencedQuery, calendars: &Calendars) -> Vec<Vec<SequencedTime>> {
    let mut combinations: Vec<Vec<SequencedTime>> = vec![Vec::new()];
    for (index, step) in query.steps.iter().enumerate() {
        let terms = Terms { groups: &step.groups, buffer: step.buffer, excluded: &query.excluded_events };
        let open: Vec<_> =
            step.query_periods.iter().map(|period| (minute(period.start()), minute(period.end()))).collect();
        let board = Board::new(terms, calendars, &open);
        let slots = board.slots(&open, step.start_interval, step.required_duration);
        let mut longer = Vec::new();
        for combination in &combinations {
            for &slot in &slots {
                let fits = combination.last().is_none_or(|last: &SequencedTime| {
                    let gap = Minutes(u32::try_from((slot.0 - minute(last.time.end)).max(0)).unwrap());
                    let (after, before) = (query.steps[index - 1].buffer.after, step.buffer.before);
                    slot.0 >= minute(last.time.end)
                        && gap >= after.minimum
                        && gap >= before.minimum
                        && after.maximum.is_none_or(|most| gap <= most)
                        && before.maximum.is_none_or(|most| gap <= most)
                });
                if fits {
                    let time = board.answer(slot);
                    let next = SequencedTime { sequence_id: step.sequence_id.clone(), time };
                    longer.push(combination.iter().cloned().chain([next]).collect());
                }
            }
        }
        combinations = longer;
    }
    // Combinations were built in order of time, so the first of each start is the earliest.
    combinations.dedup_by_key(|combination| combination.first().map(|first| first.time.start));
    combinations.truncate(query.max_results);
    combinations
}
