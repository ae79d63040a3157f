//! Answers a sequenced query: several events, one after the other, each with its own people, time and room around it.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::{Value, json};

use super::calendar::{Interval, MemberCalendar};
use super::common::{AvailableTime, CommonTime};
use super::minutes::Minutes;
use super::query::{Buffer, SequenceId, SequencedQuery, Step};
use super::single::slots;

/// The answer to a [`SequencedQuery`]: sequences in order of their start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SequencedAvailability {
    /// The sequences, each with one time for every step.
    pub sequences: Vec<Vec<SequencedTime>>,
}

/// A time for one step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SequencedTime {
    /// The step.
    pub sequence_id: SequenceId,
    /// When it can take place, and with whom.
    #[serde(flatten)]
    pub time: AvailableTime,
}

impl SequencedAvailability {
    /// The body of the response.
    pub fn body(&self) -> Value {
        let sequences: Vec<Value> =
            self.sequences.iter().map(|sequence| json!({ "sequence": sequence })).collect();
        json!({ "sequences": sequences })
    }
}

/// Finds sequences: one for each time the first step can take, with every later step as early as can be.
///
/// Steps follow one another in order. The time from the end of one to the start of the next obeys both buffers that meet
/// there: at least the larger minimum, at most the smaller maximum. Minimums also keep time free in calendars, before
/// and after each step, as they do for a single event.
///
/// `calendars` is by sub, and should have one for each of the query's; a member without one is never free.
pub fn sequenced_availability(
    query: &SequencedQuery,
    calendars: &BTreeMap<String, MemberCalendar>,
) -> SequencedAvailability {
    let steps: Vec<CommonTime<'_>> = query
        .steps
        .iter()
        .map(|step| {
            CommonTime::new(&step.groups, calendars, &step.query_periods, step.buffer, &query.excluded_events)
        })
        .collect();
    let chains = chains(&query.steps, &steps);
    let firsts = chains.first().map_or(0, Vec::len).min(query.max_results);
    let sequence = |first: usize| {
        let mut at = first;
        let mut times = Vec::with_capacity(steps.len());
        for ((step, common), chain) in query.steps.iter().zip(&steps).zip(&chains) {
            let link = &chain[at];
            times.push(SequencedTime {
                sequence_id: step.sequence_id.clone(),
                time: common.answer(&link.slot),
            });
            at = link.next;
        }
        times
    };
    SequencedAvailability { sequences: (0..firsts).map(sequence).collect() }
}

/// A time a step can take that leaves time for all that follow.
struct Link {
    slot: Interval,
    /// The earliest time of the next step that may follow, as an index into that step's chain.
    next: usize,
}

/// For each step the times from which the sequence can be completed, found from the last step backwards.
fn chains(steps: &[Step], common: &[CommonTime<'_>]) -> Vec<Vec<Link>> {
    let mut chains: Vec<Vec<Link>> = Vec::with_capacity(steps.len());
    let mut following: Option<&Step> = None;
    for (step, common) in steps.iter().zip(common).rev() {
        let slots = slots(
            &common.periods(),
            step.start_interval,
            step.required_duration,
            step.start_interval,
            usize::MAX,
        );
        let chain = match (following, chains.last()) {
            (Some(following), Some(later)) => {
                let gaps = Gaps::between(step.buffer, following.buffer);
                slots.into_iter().filter_map(|slot| gaps.link(slot, later)).collect()
            }
            _ => slots.into_iter().map(|slot| Link { slot, next: 0 }).collect(),
        };
        chains.push(chain);
        following = Some(step);
    }
    chains.reverse();
    chains
}

/// The bounds of the time between two neighbouring steps.
struct Gaps {
    least: SignedDuration,
    most: Option<SignedDuration>,
}

impl Gaps {
    fn between(earlier: Buffer, later: Buffer) -> Self {
        let maximums = [earlier.after.maximum, later.before.maximum];
        Self {
            least: earlier.after.minimum.max(later.before.minimum).duration(),
            most: maximums.into_iter().flatten().min().map(Minutes::duration),
        }
    }

    /// Ties a slot to the earliest of the next step's that may follow it.
    fn link(&self, slot: Interval, later: &[Link]) -> Option<Link> {
        let from = slot.end().checked_add(self.least).ok()?;
        let until =
            self.most.map_or(Timestamp::MAX, |most| slot.end().checked_add(most).unwrap_or(Timestamp::MAX));
        let next = later.partition_point(|link| link.slot.start() < from);
        (later.get(next)?.slot.start() <= until).then_some(Link { slot, next })
    }
}

#[cfg(test)]
mod tests {
    use crate::availability::{BusyEvent, Limits};

    use super::*;

    const DOC: &str = "acc_5ba21743f408617d1269ea1e";

    fn time(clock: &str) -> Timestamp {
        format!("2026-11-24T{clock}:00Z").parse().unwrap()
    }

    fn calendars(busy: &[(&str, &str)]) -> BTreeMap<String, MemberCalendar> {
        let event = |(start, end): &(&str, &str)| BusyEvent {
            calendar_id: "cal_1".to_owned(),
            event_id: None,
            event_uid: None,
            interval: Interval::new(time(start), time(end)).unwrap(),
            transparent: false,
            tentative: false,
            managed: false,
            tags: Vec::new(),
        };
        let calendar = MemberCalendar { busy: busy.iter().map(event).collect(), ..MemberCalendar::default() };
        BTreeMap::from([(DOC.to_owned(), calendar)])
    }

    fn step(sequence_id: &str, more: &Value) -> Value {
        let mut step = json!({
            "sequence_id": sequence_id,
            "participants": [{"members": [{"sub": DOC}], "required": "all"}],
            "required_duration": {"minutes": 30},
            "start_interval": {"minutes": 30},
        });
        step.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        step
    }

    /// `first 09:00, second 09:30` for each sequence between nine and noon.
    fn found(steps: &[Value], busy: &[(&str, &str)]) -> Vec<String> {
        let body = json!({
            "query_periods": [{"start": "2026-11-24T09:00:00Z", "end": "2026-11-24T12:00:00Z"}],
            "sequence": steps,
        });
        let query = SequencedQuery::parse(&body, &Limits::default()).unwrap();
        let show = |time: &SequencedTime| match &time.sequence_id {
            SequenceId::Text(id) => format!("{id} {}", time.time.start.strftime("%H:%M")),
            SequenceId::Number(id) => format!("{id} {}", time.time.start.strftime("%H:%M")),
        };
        let sequences = sequenced_availability(&query, &calendars(busy)).sequences;
        sequences.iter().map(|sequence| sequence.iter().map(show).collect::<Vec<_>>().join(", ")).collect()
    }

    #[test]
    fn a_step_may_begin_as_the_one_before_it_ends_or_after_a_busy_time() {
        let steps = [step("first", &json!({})), step("second", &json!({}))];
        assert_eq!(
            found(&steps, &[("10:00", "11:00")]),
            ["first 09:00, second 09:30", "first 09:30, second 11:00", "first 11:00, second 11:30"]
        );
    }

    #[test]
    fn steps_follow_their_ordinals() {
        let steps = [step("second", &json!({"ordinal": 2})), step("first", &json!({"ordinal": 1}))];
        assert_eq!(found(&steps, &[("09:00", "11:00")]), ["first 11:00, second 11:30"]);
    }

    #[test]
    fn the_gap_between_steps_obeys_both_buffers_that_meet_there() {
        let after = json!({"buffer": {"after": {"minimum": {"minutes": 30}, "maximum": {"hours": 1}}}});
        let before = json!({"buffer": {"before": {"minimum": {"hours": 1}, "maximum": {"minutes": 90}}}});
        let steps = [step("first", &after), step("second", &before)];
        assert_eq!(
            found(&steps, &[]),
            ["first 09:00, second 10:30", "first 09:30, second 11:00", "first 10:00, second 11:30"]
        );
        // The second can only begin at half past eleven, which is too late after anything but ten.
        assert_eq!(found(&steps, &[("10:15", "10:30")]), Vec::<String>::new());
    }

    #[test]
    fn a_maximum_holds_a_step_back_until_the_next_can_follow() {
        let close = json!({"buffer": {"after": {"maximum": {"minutes": 0}}}});
        let late =
            json!({"query_periods": [{"start": "2026-11-24T11:00:00Z", "end": "2026-11-24T12:00:00Z"}]});
        let steps = [step("first", &close), step("second", &late)];
        assert_eq!(found(&steps, &[]), ["first 10:30, second 11:00", "first 11:00, second 11:30"]);
    }

    #[test]
    fn minimums_keep_time_free_in_calendars() {
        let prepared = json!({"buffer": {"before": {"minutes": 30}, "after": {"minutes": 30}}});
        assert_eq!(
            found(&[step("only", &prepared)], &[("09:30", "10:00")]),
            ["only 10:30", "only 11:00", "only 11:30"]
        );
    }

    #[test]
    fn the_body_is_nested_as_the_documentation_shows() {
        let body = json!({
            "available_periods": [{"start": "2026-11-24T09:00:00Z", "end": "2026-11-24T09:30:00Z"}],
            "sequence": [step("123", &json!({"sequence_id": 123}))],
        });
        let query = SequencedQuery::parse(&body, &Limits::default()).unwrap();
        let expected = json!({"sequences": [{"sequence": [{
            "sequence_id": 123,
            "start": "2026-11-24T09:00:00Z",
            "end": "2026-11-24T09:30:00Z",
            "participants": [{"sub": DOC}],
        }]}]});
        assert_eq!(sequenced_availability(&query, &calendars(&[])).body(), expected);
    }
}
