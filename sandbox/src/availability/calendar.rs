//! What is known of one member's time, and the algebra of half-open intervals that availability is computed with.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::rules::Rule;

/// Everything that decides when one member is free, loaded before a query is answered.
///
/// `busy` and `available_periods` may be in any order and may overlap. They need to reach over the query's
/// [`horizon`](super::AvailabilityQuery::horizon); what lies outside is ignored.
#[derive(Clone, Debug, Default)]
pub struct MemberCalendar {
    /// The events of all of the member's calendars, except deleted, cancelled and declined ones.
    pub busy: Vec<BusyEvent>,
    /// The member's stored availability rules.
    pub rules: Vec<Rule>,
    /// The member's stored available periods.
    pub available_periods: Vec<Interval>,
    /// Whether the member's calendars are being kept in step.
    pub sync_status: SyncStatus,
}

/// One event as far as availability cares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BusyEvent {
    /// The calendar that holds the event.
    pub calendar_id: String,
    /// The id the application gave it; managed events only.
    pub event_id: Option<String>,
    /// The id it was given here.
    pub event_uid: Option<String>,
    /// From its start to its end; an all-day event spans [`Interval::days`].
    pub interval: Interval,
    /// Leaves its time free: a transparent event counts only towards constraints.
    pub transparent: bool,
    /// Holds its time tentatively: counts as busy unless the request ignores tentative events.
    pub tentative: bool,
    /// Written by the application that asks.
    pub managed: bool,
    /// The tags the application gave it.
    pub tags: Vec<Tag>,
}

/// A word about an event in a named context, such as `Interview` in `private`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag {
    /// The list the tag stands in.
    pub context: String,
    /// The tag itself.
    pub value: String,
}

/// How well a member's calendars are being kept in step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SyncStatus {
    /// In step.
    #[default]
    Active,
    /// The member has to relink a profile.
    Disconnected,
}

/// The synchronization of one participant, as `member_statuses` lists it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MemberStatus {
    /// The participant.
    pub sub: String,
    /// How well their calendars are being kept in step; `None` for a `sub` without a calendar.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sync_status: Option<SyncStatus>,
}

/// A stretch of time with a start before its end; the end is not part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Interval {
    start: Timestamp,
    end: Timestamp,
}

impl Interval {
    /// The time from `start` up to `end`, or `None` where that is no time at all.
    pub fn new(start: Timestamp, end: Timestamp) -> Option<Self> {
        (start < end).then_some(Self { start, end })
    }

    /// The whole days from `start` up to `end` as they pass in a time zone, or `None` where that is no day.
    pub fn days(start: Date, end: Date, time_zone: &TimeZone) -> Option<Self> {
        let midnight = |date: Date| Some(date.to_zoned_datetime(time_zone.clone()).ok()?.timestamp());
        Self::new(midnight(start)?, midnight(end)?)
    }

    /// When it begins.
    pub fn start(&self) -> Timestamp {
        self.start
    }

    /// When it is over.
    pub fn end(&self) -> Timestamp {
        self.end
    }

    /// How long it lasts.
    pub fn duration(&self) -> SignedDuration {
        self.start.duration_until(self.end)
    }

    /// Whether the two have any time in common.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.start < other.end && other.start < self.end
    }

    /// Whether all of `other` lies within.
    pub fn contains(&self, other: &Self) -> bool {
        self.start <= other.start && other.end <= self.end
    }

    /// Begins `before` earlier and ends `after` later, within what a [`Timestamp`] can say.
    pub fn widened(&self, before: SignedDuration, after: SignedDuration) -> Self {
        Self {
            start: self.start.checked_sub(before).unwrap_or(Timestamp::MIN),
            end: self.end.checked_add(after).unwrap_or(Timestamp::MAX),
        }
    }

    /// The smallest interval around both.
    pub fn hull(&self, other: &Self) -> Self {
        Self { start: self.start.min(other.start), end: self.end.max(other.end) }
    }
}

/// A set of instants, kept as sorted intervals that neither overlap nor touch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IntervalSet(Vec<Interval>);

impl FromIterator<Interval> for IntervalSet {
    fn from_iter<I: IntoIterator<Item = Interval>>(intervals: I) -> Self {
        let mut sorted: Vec<Interval> = intervals.into_iter().collect();
        sorted.sort_unstable();
        let mut merged: Vec<Interval> = Vec::with_capacity(sorted.len());
        for interval in sorted {
            match merged.last_mut() {
                Some(last) if interval.start <= last.end => last.end = last.end.max(interval.end),
                _ => merged.push(interval),
            }
        }
        Self(merged)
    }
}

impl<'s> IntoIterator for &'s IntervalSet {
    type Item = &'s Interval;
    type IntoIter = std::slice::Iter<'s, Interval>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl IntervalSet {
    /// The intervals in order of time.
    pub fn iter(&self) -> std::slice::Iter<'_, Interval> {
        self.0.iter()
    }

    /// Whether there is no time in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The time in either.
    pub fn union(&self, other: &Self) -> Self {
        self.iter().chain(other.iter()).copied().collect()
    }

    /// The time in both.
    pub fn intersection(&self, other: &Self) -> Self {
        let (mut left, mut right) = (self.iter().peekable(), other.iter().peekable());
        let mut common = Vec::new();
        while let (Some(&&a), Some(&&b)) = (left.peek(), right.peek()) {
            common.extend(Interval::new(a.start.max(b.start), a.end.min(b.end)));
            if a.end <= b.end {
                left.next();
            } else {
                right.next();
            }
        }
        Self(common)
    }

    /// The time here that is not in `other`.
    pub fn difference(&self, other: &Self) -> Self {
        let mut rest = Vec::new();
        let mut removed = other.iter().peekable();
        for interval in self {
            let mut start = interval.start;
            while let Some(gap) = removed.peek() {
                if gap.start >= interval.end {
                    break;
                }
                rest.extend(Interval::new(start, gap.start));
                start = start.max(gap.end);
                if gap.end > interval.end {
                    break;
                }
                removed.next();
            }
            rest.extend(Interval::new(start, interval.end));
        }
        Self(rest)
    }

    /// The interval an instant lies in.
    pub fn containing(&self, instant: Timestamp) -> Option<Interval> {
        let after = self.0.partition_point(|interval| interval.start <= instant);
        self.0[..after].last().copied().filter(|interval| instant < interval.end)
    }

    /// Whether all of an interval is in the set.
    pub fn covers(&self, interval: &Interval) -> bool {
        self.containing(interval.start).is_some_and(|around| interval.end <= around.end)
    }

    /// The smallest interval around all of it.
    pub fn hull(&self) -> Option<Interval> {
        Some(self.0.first()?.hull(self.0.last()?))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn interval(start: i64, end: i64) -> Interval {
        Interval::new(Timestamp::from_second(start).unwrap(), Timestamp::from_second(end).unwrap()).unwrap()
    }

    fn set(intervals: &[(i64, i64)]) -> IntervalSet {
        intervals.iter().map(|&(start, end)| interval(start, end)).collect()
    }

    #[test]
    fn an_interval_has_a_start_before_its_end() {
        let noon = Timestamp::from_second(43_200).unwrap();
        assert_eq!(Interval::new(noon, noon), None);
        assert_eq!(Interval::new(noon, Timestamp::UNIX_EPOCH), None);
    }

    #[test]
    fn touching_intervals_become_one() {
        assert_eq!(set(&[(5, 9), (0, 5), (12, 13)]), set(&[(0, 9), (12, 13)]));
    }

    #[test]
    fn a_day_is_as_long_as_its_time_zone_makes_it() {
        let london = TimeZone::get("Europe/London").unwrap();
        let day = |month, day| {
            let date = jiff::civil::date(2026, month, day);
            Interval::days(date, date.tomorrow().unwrap(), &london).unwrap().duration()
        };
        assert_eq!(day(3, 29), SignedDuration::from_hours(23));
        assert_eq!(day(6, 1), SignedDuration::from_hours(24));
        assert_eq!(day(10, 25), SignedDuration::from_hours(25));
    }

    #[test]
    fn widening_stops_at_the_edge_of_time() {
        let all = Interval::new(Timestamp::MIN, Timestamp::MAX).unwrap();
        assert_eq!(all.widened(SignedDuration::from_hours(1), SignedDuration::from_hours(1)), all);
    }

    proptest! {
        #[test]
        fn the_algebra_agrees_with_sets_of_single_instants(
            left in prop::collection::vec((0_i64..60, 1_i64..12), 0..8),
            right in prop::collection::vec((0_i64..60, 1_i64..12), 0..8),
        ) {
            let build = |spans: &[(i64, i64)]| -> IntervalSet {
                spans.iter().map(|&(start, length)| interval(start, start + length)).collect()
            };
            let has = |spans: &[(i64, i64)], at: i64| spans.iter().any(|&(s, l)| s <= at && at < s + l);
            let (a, b) = (build(&left), build(&right));
            for at in 0..80 {
                let (in_a, in_b) = (has(&left, at), has(&right, at));
                let instant = Timestamp::from_second(at).unwrap();
                let holds = |set: &IntervalSet| set.containing(instant).is_some();
                prop_assert_eq!(holds(&a.union(&b)), in_a || in_b);
                prop_assert_eq!(holds(&a.intersection(&b)), in_a && in_b);
                prop_assert_eq!(holds(&a.difference(&b)), in_a && !in_b);
            }
            for result in [a.union(&b), a.intersection(&b), a.difference(&b)] {
                prop_assert_eq!(result.iter().copied().collect::<IntervalSet>(), result);
            }
        }
    }
}
