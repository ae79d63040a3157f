//! When the groups of a query are free together.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Serialize;

use super::calendar::{Interval, IntervalSet, MemberCalendar};
use super::free::free_time;
use super::query::{Buffer, ExcludedEvents, Group};

/// A time at which enough people are free, with everyone who is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AvailableTime {
    /// Its start.
    pub start: Timestamp,
    /// Its end.
    pub end: Timestamp,
    /// Each member who is free from start to end, in the order of the request.
    pub participants: Vec<Participant>,
}

/// Someone who is free.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Participant {
    /// The account, application calendar or resource.
    pub sub: String,
}

/// The free time of every member, and how many of each group it takes.
pub(super) struct CommonTime<'q> {
    groups: Vec<GroupTime<'q>>,
}

struct GroupTime<'q> {
    quorum: usize,
    members: Vec<(&'q str, IntervalSet)>,
}

impl<'q> CommonTime<'q> {
    /// Works out the free time of everyone within `window`. A member without a calendar is never free.
    pub(super) fn new(
        groups: &'q [Group],
        calendars: &BTreeMap<String, MemberCalendar>,
        window: &IntervalSet,
        buffer: Buffer,
        excluded: &ExcludedEvents,
    ) -> Self {
        let of_group = |group: &'q Group| {
            let members = group.members.iter().map(|member| {
                let calendar = calendars.get(&member.sub);
                let free = calendar.map(|calendar| free_time(member, calendar, window, buffer, excluded));
                (member.sub.as_str(), free.unwrap_or_default())
            });
            GroupTime { quorum: group.quorum(), members: members.collect() }
        };
        Self { groups: groups.iter().map(of_group).collect() }
    }

    /// The longest intervals through which the same people satisfy every group, in order of start and of end.
    ///
    /// Where a group asks for only some of its members the intervals may overlap: one person's morning and another's
    /// midday are two answers, and neither is the whole.
    pub(super) fn periods(&self) -> Vec<Interval> {
        let members = self.groups.iter().flat_map(|group| &group.members);
        let starts: BTreeSet<Timestamp> =
            members.flat_map(|(_, free)| free.iter().map(Interval::start)).collect();
        let mut periods: Vec<Interval> = Vec::new();
        for start in starts {
            let Some(period) = self.end(start).and_then(|end| Interval::new(start, end)) else { continue };
            // A later start is a new period only if it lasts longer than the one that is running.
            if periods.last().is_none_or(|last| last.end() < period.end()) {
                periods.push(period);
            }
        }
        periods
    }

    /// How long the people who are free at `start` go on satisfying every group.
    fn end(&self, start: Timestamp) -> Option<Timestamp> {
        self.groups
            .iter()
            .map(|group| group.end(start))
            .try_fold(Timestamp::MAX, |all, one| Some(all.min(one?)))
    }

    /// Whether enough members of every group are free throughout.
    pub(super) fn admits(&self, slot: &Interval) -> bool {
        let free = |group: &GroupTime<'_>| group.members.iter().filter(|(_, free)| free.covers(slot)).count();
        self.groups.iter().all(|group| free(group) >= group.quorum)
    }

    /// The interval as an answer, with everyone who is free throughout.
    pub(super) fn answer(&self, interval: &Interval) -> AvailableTime {
        let mut seen = BTreeSet::new();
        let members = self.groups.iter().flat_map(|group| &group.members);
        let free = members.filter(|(sub, free)| free.covers(interval) && seen.insert(*sub));
        let participants = free.map(|(sub, _)| Participant { sub: (*sub).to_owned() }).collect();
        AvailableTime { start: interval.start(), end: interval.end(), participants }
    }
}

impl GroupTime<'_> {
    fn end(&self, start: Timestamp) -> Option<Timestamp> {
        let free = self.members.iter().filter_map(|(_, free)| free.containing(start));
        let mut ends: Vec<Timestamp> = free.map(|interval| interval.end()).collect();
        ends.sort_unstable_by(|left, right| right.cmp(left));
        ends.get(self.quorum.checked_sub(1)?).copied()
    }
}
