//! The typed form of availability queries: what is asked of whom, over which time, with how much room around it.

use std::collections::BTreeSet;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::calendar::{BusyEvent, Interval, IntervalSet, Tag};
use super::minutes::Minutes;

/// When is there time for one event?
#[derive(Clone, Debug)]
pub struct AvailabilityQuery {
    /// Who has to be there. Every group must be satisfied.
    pub groups: Vec<Group>,
    /// How long the event is.
    pub required_duration: Minutes,
    /// The time asked about.
    pub window: Window,
    /// What results start on multiples of; slots default to [`Minutes::DEFAULT_START_INTERVAL`], periods to no rounding.
    pub start_interval: Option<Minutes>,
    /// The time to keep free around the event.
    pub buffer: Buffer,
    /// What kind of result is wanted, and the key it stands under.
    pub response_format: ResponseFormat,
    /// How many results to give at most.
    pub max_results: usize,
    /// Whether to say how well each participant's calendars are kept in step.
    pub include_member_statuses: bool,
    /// Events to look through.
    pub excluded_events: ExcludedEvents,
}

/// When is there time for several events, one after the other?
#[derive(Clone, Debug)]
pub struct SequencedQuery {
    /// The events in the order in which they have to take place.
    pub steps: Vec<Step>,
    /// How many sequences to give at most.
    pub max_results: usize,
    /// Events to look through.
    pub excluded_events: ExcludedEvents,
}

/// One event of a sequence.
#[derive(Clone, Debug)]
pub struct Step {
    /// The application's name for the step, given back with each result.
    pub sequence_id: SequenceId,
    /// Who has to be there.
    pub groups: Vec<Group>,
    /// How long the event is.
    pub required_duration: Minutes,
    /// What the step starts on multiples of.
    pub start_interval: Minutes,
    /// The room around the step. The minimum is kept free in calendars; both bounds hold for the gap to the neighbouring
    /// step.
    pub buffer: Buffer,
    /// The time the step may take place in: its own, or else the query's.
    pub query_periods: IntervalSet,
}

/// A step's name as the request gave it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(untagged)]
pub enum SequenceId {
    /// A string, as documented.
    Text(String),
    /// A number, as some clients send.
    Number(i64),
}

/// The time an [`AvailabilityQuery`] asks about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Window {
    /// Any time within periods.
    Periods(IntervalSet),
    /// Slots that start at exactly these instants, in order and each once.
    Slots(Vec<Timestamp>),
}

/// People of whom all, or some number, have to be free.
#[derive(Clone, Debug)]
pub struct Group {
    /// The people.
    pub members: Vec<Member>,
    /// How many of them.
    pub required: Required,
}

/// How many members of a group have to be free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Required {
    /// Each of them.
    All,
    /// At least this many.
    Count(usize),
}

/// One person or resource, and how to judge their time.
#[derive(Clone, Debug)]
pub struct Member {
    /// The account, application calendar or resource.
    pub sub: String,
    /// The calendars that count.
    pub calendars: Calendars,
    /// The only time the member may be asked for, where the request limits it.
    pub available_periods: Option<IntervalSet>,
    /// Whether the stored rules and available periods apply.
    pub managed_availability: bool,
    /// The rules that apply: all of them where `None`, none where empty.
    pub availability_rule_ids: Option<BTreeSet<String>>,
    /// The member's own buffer, instead of the query's.
    pub buffer: Option<Buffer>,
    /// Whether only events written by the application count as busy.
    pub only_managed_events: bool,
    /// Whether tentative events leave their time free.
    pub ignore_tentative: bool,
    /// How many managed events the member takes a day or week.
    pub availability_constraints: Vec<Constraint>,
}

/// Which calendars count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Calendars {
    /// Each of the member's.
    #[default]
    All,
    /// Only these.
    Only(BTreeSet<String>),
}

/// A limit on the managed events in each day or week; time in one that has reached it is not available.
///
/// An event counts in every day or week it has a part in. Stored events count, not the steps of a sequence.
#[derive(Clone, Debug)]
pub struct Constraint {
    /// Over how long events are counted.
    pub period: ConstraintPeriod,
    /// The number of events that fills it.
    pub limit: usize,
    /// Count only events that have all of these tags.
    pub tags: Vec<Tag>,
    /// Where days begin at midnight and weeks on Monday.
    pub time_zone: TimeZone,
}

/// Over how long a [`Constraint`] counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConstraintPeriod {
    /// From midnight to midnight.
    Day,
    /// From Monday to Sunday.
    Week,
}

/// The time to keep free before and after an event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Buffer {
    /// Before its start.
    pub before: Gap,
    /// After its end.
    pub after: Gap,
}

/// The length of a buffer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gap {
    /// How much time there must be at least.
    pub minimum: Minutes,
    /// How far away the neighbouring step of a sequence may be; without meaning outside sequences.
    pub maximum: Option<Minutes>,
}

/// What kind of result is wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ResponseFormat {
    /// Stretches of time, as long as they last and at least as long as the event.
    #[default]
    Periods,
    /// Times for the event that do not overlap.
    Slots,
    /// A time for the event at every start interval.
    OverlappingSlots,
}

/// Events that do not count, by either of their ids.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExcludedEvents {
    /// Ids that the application gave.
    pub event_ids: BTreeSet<String>,
    /// Ids that were given here.
    pub event_uids: BTreeSet<String>,
}

impl AvailabilityQuery {
    /// The subs whose calendars are needed, each once, in order of first mention.
    pub fn subs(&self) -> Vec<&str> {
        subs(&self.groups)
    }

    /// The time over which calendars are needed, buffers and the weeks of constraints included.
    pub fn horizon(&self) -> Option<Interval> {
        let window = match &self.window {
            Window::Periods(periods) => periods.hull(),
            Window::Slots(starts) => self.slots(starts).reduce(|all, slot| all.hull(&slot)),
        };
        Some(horizon(window?, &self.groups, self.buffer))
    }

    /// The slots that begin at given instants.
    pub(super) fn slots(&self, starts: &[Timestamp]) -> impl Iterator<Item = Interval> {
        starts.iter().filter_map(|&start| self.required_duration.from(start))
    }
}

impl SequencedQuery {
    /// The subs whose calendars are needed, each once, in order of first mention.
    pub fn subs(&self) -> Vec<&str> {
        subs(self.steps.iter().flat_map(|step| &step.groups))
    }

    /// The time over which calendars are needed, buffers and the weeks of constraints included.
    pub fn horizon(&self) -> Option<Interval> {
        let of_step = |step: &Step| Some(horizon(step.query_periods.hull()?, &step.groups, step.buffer));
        self.steps.iter().filter_map(of_step).reduce(|all, one| all.hull(&one))
    }
}

impl Group {
    /// How many members have to be free.
    pub(super) fn quorum(&self) -> usize {
        match self.required {
            Required::All => self.members.len(),
            Required::Count(count) => count,
        }
    }
}

impl Calendars {
    /// Whether events in a calendar count.
    pub(super) fn include(&self, calendar_id: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(ids) => ids.contains(calendar_id),
        }
    }
}

impl ResponseFormat {
    /// The key of the response that results stand under.
    pub fn key(self) -> &'static str {
        match self {
            Self::Periods => "available_periods",
            Self::Slots | Self::OverlappingSlots => "available_slots",
        }
    }
}

impl ExcludedEvents {
    /// Whether an event is one of them.
    pub(super) fn contain(&self, event: &BusyEvent) -> bool {
        event.event_id.as_ref().is_some_and(|id| self.event_ids.contains(id))
            || event.event_uid.as_ref().is_some_and(|uid| self.event_uids.contains(uid))
    }
}

/// How far the week around an instant may reach: seven days, and two more for days that begin at odd hours of UTC.
const CONSTRAINT_REACH: SignedDuration = SignedDuration::from_hours(24 * 9);

fn subs<'q>(groups: impl IntoIterator<Item = &'q Group>) -> Vec<&'q str> {
    let mut seen = BTreeSet::new();
    let members = groups.into_iter().flat_map(|group| &group.members);
    members.map(|member| member.sub.as_str()).filter(|sub| seen.insert(*sub)).collect()
}

fn horizon(window: Interval, groups: &[Group], buffer: Buffer) -> Interval {
    let members = || groups.iter().flat_map(|group| &group.members);
    let buffers = || members().filter_map(|member| member.buffer).chain([buffer]);
    let before = buffers().map(|buffer| buffer.before.minimum).max().unwrap_or_default();
    let after = buffers().map(|buffer| buffer.after.minimum).max().unwrap_or_default();
    let constrained = members().any(|member| !member.availability_constraints.is_empty());
    let reach = if constrained { CONSTRAINT_REACH } else { SignedDuration::ZERO };
    window.widened(before.duration() + reach, after.duration() + reach)
}
