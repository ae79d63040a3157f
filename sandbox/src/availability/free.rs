//! One member's free time: the hours they can be asked for, less the events that count and the days that are full.

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};

use super::calendar::{BusyEvent, Interval, IntervalSet, MemberCalendar};
use super::query::{Buffer, Constraint, ConstraintPeriod, ExcludedEvents, Member};
use super::rules::Rule;

/// The part of `window` in which a member is free, with the time that `buffer` wants around events taken away.
pub(super) fn free_time(
    member: &Member,
    calendar: &MemberCalendar,
    window: &IntervalSet,
    buffer: Buffer,
    excluded: &ExcludedEvents,
) -> IntervalSet {
    let asked = match &member.available_periods {
        Some(periods) => window.intersection(periods),
        None => window.clone(),
    };
    let Some(hull) = asked.hull() else { return asked };
    let buffer = member.buffer.unwrap_or(buffer);
    let known: Vec<&BusyEvent> = calendar
        .busy
        .iter()
        .filter(|event| member.calendars.include(&event.calendar_id) && !excluded.contain(event))
        .collect();
    let busy = |calendar_ids: Option<&[String]>| -> IntervalSet {
        let considered =
            |event: &&&BusyEvent| calendar_ids.is_none_or(|ids| ids.contains(&event.calendar_id));
        let occupying = known.iter().filter(|event| member.is_occupied_by(event)).filter(considered);
        occupying.map(|event| keep_clear(event, buffer)).filter(|interval| interval.overlaps(&hull)).collect()
    };
    let free = if member.managed_availability {
        let periods: IntervalSet = calendar.available_periods.iter().copied().collect();
        let mut free = periods.intersection(&asked).difference(&busy(None));
        for rule in calendar.rules.iter().filter(|rule| member.goes_by(rule)) {
            let hours = rule.hours(hull).intersection(&asked);
            free = free.union(&hours.difference(&busy(rule.calendar_ids.as_deref())));
        }
        free
    } else {
        asked.difference(&busy(None))
    };
    let constraints = member.availability_constraints.iter();
    let full = constraints.flat_map(|constraint| full_periods(constraint, &known, hull)).collect();
    free.difference(&full)
}

impl Member {
    fn is_occupied_by(&self, event: &BusyEvent) -> bool {
        let passed_over = event.transparent
            || (self.only_managed_events && !event.managed)
            || (self.ignore_tentative && event.tentative);
        !passed_over
    }

    fn goes_by(&self, rule: &Rule) -> bool {
        self.availability_rule_ids.as_ref().is_none_or(|ids| ids.contains(&rule.availability_rule_id))
    }
}

/// The time that a new event must not touch so that its buffers stay clear of this one: what follows is kept away by the
/// buffer before it, what precedes by the buffer after it.
fn keep_clear(event: &BusyEvent, buffer: Buffer) -> Interval {
    event.interval.widened(buffer.after.minimum.duration(), buffer.before.minimum.duration())
}

/// The days or weeks around `hull` in which a constraint's limit is reached.
fn full_periods(constraint: &Constraint, events: &[&BusyEvent], hull: Interval) -> Vec<Interval> {
    let counted: Vec<&&BusyEvent> = events
        .iter()
        .filter(|event| event.managed && constraint.tags.iter().all(|tag| event.tags.contains(tag)))
        .collect();
    let is_full = |period: &Interval| {
        counted.iter().filter(|event| event.interval.overlaps(period)).count() >= constraint.limit
    };
    constraint.periods(hull).into_iter().filter(is_full).collect()
}

impl Constraint {
    /// The days or weeks that have a part in `hull`.
    fn periods(&self, hull: Interval) -> Vec<Interval> {
        let today = self.time_zone.to_datetime(hull.start()).date();
        let (mut date, length) = match self.period {
            ConstraintPeriod::Day => (today, 1.days()),
            ConstraintPeriod::Week => (monday(today), 7.days()),
        };
        let mut periods = Vec::new();
        while let Ok(next) = date.checked_add(length) {
            periods.extend(Interval::days(date, next, &self.time_zone));
            if self.begins(next).is_none_or(|begins| begins >= hull.end()) {
                break;
            }
            date = next;
        }
        periods
    }

    fn begins(&self, date: Date) -> Option<Timestamp> {
        Some(date.to_zoned_datetime(self.time_zone.clone()).ok()?.timestamp())
    }
}

/// The Monday of the week that a date is in.
fn monday(date: Date) -> Date {
    let since = i64::from(date.weekday().to_monday_zero_offset());
    date.checked_sub(since.days()).unwrap_or(date)
}
