//! Reads the bodies of availability requests into queries, and says field by field what is wrong with them.
//!
//! Null and `{}` stand for a field left out, unknown fields are passed over, and every problem is reported at once.

use std::collections::BTreeSet;

use serde_json::Value;

use super::calendar::{Interval, IntervalSet};
use super::fields::{FieldErrors, Node, read};
use super::minutes::Minutes;
use super::query::{
    AvailabilityQuery, Buffer, ExcludedEvents, Gap, ResponseFormat, SequenceId, SequencedQuery, Step, Window,
};

/// How much one query may ask for.
///
/// Cronofy enforces limits of this kind without publishing the numbers. The defaults let every documented example and
/// any reasonable query through, and stop one that would occupy the server for long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Groups of participants in a query or step.
    pub groups: usize,
    /// Members in a group.
    pub members: usize,
    /// Entries in `query_periods`, `query_slots`, `available_periods`, `excluded_events` and the like.
    pub entries: usize,
    /// Days from the start of the first period to the end of the last; by default as far ahead as events are read.
    pub days: u32,
    /// Steps in a sequence.
    pub steps: usize,
    /// Results in a response; `max_results` can only lower it.
    pub results: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { groups: 20, members: 100, entries: 512, days: 201, steps: 10, results: 512 }
    }
}

/// Names for the time asked about; the second is the older one.
const PERIODS: [&str; 2] = ["query_periods", "available_periods"];

impl AvailabilityQuery {
    /// Reads the body of `POST /v1/availability`, or the `availability` of a scheduling link.
    ///
    /// # Errors
    /// Names each field that is missing, malformed or beyond the limits.
    pub fn parse(body: &Value, limits: &Limits) -> Result<Self, FieldErrors> {
        read(body, |body| Reader { limits: *limits }.availability(body))
    }
}

impl SequencedQuery {
    /// Reads the body of `POST /v1/sequenced_availability`, or the `availability` of a sequencing link.
    ///
    /// # Errors
    /// Names each field that is missing, malformed or beyond the limits.
    pub fn parse(body: &Value, limits: &Limits) -> Result<Self, FieldErrors> {
        read(body, |body| Reader { limits: *limits }.sequenced(body))
    }
}

/// Reads parts of a request that are held to the limits.
pub(super) struct Reader {
    pub(super) limits: Limits,
}

impl Reader {
    fn availability(&self, body: &Node<'_>) -> Option<AvailabilityQuery> {
        let groups = self.groups(body);
        let required_duration = body.require("required_duration").and_then(|node| Minutes::read(&node, 1));
        let window = self.window(body, required_duration);
        let formats = [
            ("periods", ResponseFormat::Periods),
            ("slots", ResponseFormat::Slots),
            ("overlapping_slots", ResponseFormat::OverlappingSlots),
        ];
        let response_format = body.get("response_format").map(|node| node.one_of(&formats));
        let start_interval = body.get("start_interval").and_then(|node| Minutes::read(&node, 1));
        Some(AvailabilityQuery {
            buffer: buffer(body),
            start_interval,
            response_format: response_format.unwrap_or_default().unwrap_or_default(),
            max_results: self.max_results(body),
            include_member_statuses: flag(body, "include_member_statuses"),
            excluded_events: self.excluded_events(body),
            groups: groups?,
            required_duration: required_duration?,
            window: window?,
        })
    }

    fn sequenced(&self, body: &Node<'_>) -> Option<SequencedQuery> {
        let root = body.first_of(&PERIODS);
        let common = root.as_ref().and_then(|node| self.periods(node));
        let sequence = body.require("sequence");
        let entries = sequence.as_ref().map(Node::elements).unwrap_or_default();
        if let Some(sequence) = &sequence {
            sequence.at_most(self.limits.steps)?;
        }
        let mut ids = BTreeSet::new();
        let mut without_time = false;
        let mut steps: Vec<(u32, Step)> = Vec::new();
        for (position, node) in (1..).zip(&entries) {
            let own = node.first_of(&PERIODS);
            let periods = own.as_ref().map_or_else(|| common.clone(), |own| self.periods(own));
            without_time |= own.is_none() && root.is_none();
            let sequence_id = node.require("sequence_id").and_then(|id| {
                let value = sequence_id(&id)?;
                if ids.insert(value.clone()) {
                    Some(value)
                } else {
                    id.refuse("duplicate", "must differ between steps")
                }
            });
            let ordinal = node.get("ordinal").and_then(|ordinal| ordinal.integer(0)).unwrap_or(position);
            steps.extend(self.step(node, sequence_id, periods).map(|step| (ordinal, step)));
        }
        if without_time {
            body.require(PERIODS[0])?;
        }
        // A stable sort: steps without an ordinal, or with the same one, keep the order of the request.
        steps.sort_by_key(|(ordinal, _)| *ordinal);
        self.span(root.as_ref().or(sequence.as_ref())?, steps.iter().map(|(_, step)| &step.query_periods))?;
        Some(SequencedQuery {
            steps: steps.into_iter().map(|(_, step)| step).collect(),
            max_results: self.max_results(body),
            excluded_events: self.excluded_events(body),
        })
    }

    fn step(&self, node: &Node<'_>, id: Option<SequenceId>, periods: Option<IntervalSet>) -> Option<Step> {
        let groups = self.groups(node);
        let required_duration = node.require("required_duration").and_then(|node| Minutes::read(&node, 1));
        let start_interval = node.get("start_interval").and_then(|node| Minutes::read(&node, 1));
        Some(Step {
            buffer: buffer(node),
            start_interval: start_interval.unwrap_or(Minutes::DEFAULT_START_INTERVAL),
            sequence_id: id?,
            groups: groups?,
            required_duration: required_duration?,
            query_periods: periods?,
        })
    }

    fn window(&self, body: &Node<'_>, required_duration: Option<Minutes>) -> Option<Window> {
        let periods = body.first_of(&PERIODS);
        let slots = body.first_of(&["query_slots"]);
        match (periods, slots) {
            (Some(_), Some(slots)) => {
                slots.refuse("ambiguous", "must not be given together with query_periods")
            }
            (Some(node), None) => {
                let periods = self.periods(&node)?;
                self.span(&node, [&periods])?;
                Some(Window::Periods(periods))
            }
            (None, Some(node)) => {
                node.at_most(self.limits.entries)?;
                let starts: BTreeSet<_> =
                    node.each(|slot| slot.require("start")?.time()).into_iter().collect();
                let slots: IntervalSet =
                    starts.iter().filter_map(|&start| required_duration?.from(start)).collect();
                self.span(&node, [&slots])?;
                Some(Window::Slots(starts.into_iter().collect()))
            }
            (None, None) => body.require(PERIODS[0]).and(None),
        }
    }

    /// A list of `{start, end}`.
    pub(super) fn periods(&self, node: &Node<'_>) -> Option<IntervalSet> {
        node.at_most(self.limits.entries)?;
        let period = |period: &Node<'_>| {
            let start = period.require("start").and_then(|start| start.time());
            let end = period.require("end");
            let until = end.as_ref().and_then(Node::time);
            match Interval::new(start?, until?) {
                Some(interval) => Some(interval),
                None => end?.refuse("must_be_after_start", "must be after start"),
            }
        };
        Some(node.each(period).into_iter().collect())
    }

    /// Whether the periods lie close enough together.
    fn span<'s>(&self, node: &Node<'_>, sets: impl IntoIterator<Item = &'s IntervalSet>) -> Option<()> {
        let hull = sets.into_iter().filter_map(IntervalSet::hull).reduce(|all, one| all.hull(&one));
        let limit = Minutes(self.limits.days.saturating_mul(24 * 60)).duration();
        if hull.is_some_and(|hull| hull.duration() > limit) {
            return node.refuse("too_long", &format!("must span at most {} days", self.limits.days));
        }
        Some(())
    }

    fn max_results(&self, body: &Node<'_>) -> usize {
        let asked = body.get("max_results").and_then(|node| node.integer(1));
        asked.and_then(|asked| usize::try_from(asked).ok()).unwrap_or(usize::MAX).min(self.limits.results)
    }

    fn excluded_events(&self, body: &Node<'_>) -> ExcludedEvents {
        let mut excluded = ExcludedEvents::default();
        let Some(list) = body.get("excluded_events") else { return excluded };
        if list.at_most(self.limits.entries).is_none() {
            return excluded;
        }
        for event in list.elements() {
            let text = |key: &str| event.get(key).and_then(|id| id.text().map(str::to_owned));
            if event.get("event_uid").is_none() && event.require("event_id").is_none() {
                continue;
            }
            excluded.event_ids.extend(text("event_id"));
            excluded.event_uids.extend(text("event_uid"));
        }
        excluded
    }
}

fn sequence_id(node: &Node<'_>) -> Option<SequenceId> {
    match node.value().as_i64() {
        Some(number) => Some(SequenceId::Number(number)),
        None => node.text().map(|text| SequenceId::Text(text.to_owned())),
    }
}

pub(super) fn flag(node: &Node<'_>, key: &str) -> bool {
    node.get(key).and_then(|flag| flag.boolean()).unwrap_or_default()
}

pub(super) fn buffer(node: &Node<'_>) -> Buffer {
    let Some(buffer) = node.get("buffer") else { return Buffer::default() };
    Buffer { before: gap(&buffer, "before"), after: gap(&buffer, "after") }
}

/// A Duration, or an object of a minimum and a maximum.
fn gap(buffer: &Node<'_>, key: &str) -> Gap {
    let Some(node) = buffer.get(key) else { return Gap::default() };
    let bound = |key: &str| node.get(key).and_then(|bound| Minutes::read(&bound, 0));
    if node.value().get("minimum").is_none() && node.value().get("maximum").is_none() {
        return Gap { minimum: Minutes::read(&node, 0).unwrap_or_default(), maximum: None };
    }
    let gap = Gap { minimum: bound("minimum").unwrap_or_default(), maximum: bound("maximum") };
    if gap.maximum.is_some_and(|maximum| maximum < gap.minimum) {
        return node
            .refuse("must_not_be_below_minimum", "must have a maximum not below its minimum")
            .unwrap_or_default();
    }
    gap
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::availability::query::Required;

    fn documented() -> Value {
        json!({
            "participants": [
                {
                    "members": [
                        {"sub": "acc_5ba21743f408617d1269ea1e", "managed_availability": true},
                        {"sub": "acc_64b17d868090ea21640c914c", "calendar_ids": ["cal_n23kjnwrw2_jsdfjksn234"]},
                    ],
                    "required": "all",
                },
                {
                    "members": [{"sub": "res_5ba21743f408617d12693521"}, {"sub": "res_5ba21743f4000563a26934ea"}],
                    "required": 1,
                },
            ],
            "required_duration": {"minutes": 60},
            "query_periods": [
                {"start": "2026-11-24T09:00:00Z", "end": "2026-11-24T18:00:00Z"},
                {"start": "2026-11-25T09:00:00Z", "end": "2026-11-25T18:00:00Z"},
            ],
            "buffer": {"before": {"minutes": 30}, "after": {"minutes": 15}},
            "response_format": "slots",
        })
    }

    fn changed(changes: &Value) -> Value {
        let mut body = documented();
        body.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        body
    }

    fn parse(changes: &Value) -> Result<AvailabilityQuery, FieldErrors> {
        AvailabilityQuery::parse(&changed(changes), &Limits::default())
    }

    /// The fields that are refused, with the kind of problem.
    fn refused(changes: &Value) -> Vec<(String, &'static str)> {
        let errors = parse(changes).unwrap_err();
        errors.iter().map(|(field, problem)| (field.to_owned(), problem.key)).collect()
    }

    #[test]
    fn a_documented_query_is_understood() {
        let query = parse(&json!({})).unwrap();
        assert_eq!(query.groups[0].required, Required::All);
        assert!(query.groups[0].members[0].managed_availability);
        assert_eq!(query.groups[1].required, Required::Count(1));
        assert_eq!(query.required_duration, Minutes(60));
        assert_eq!(query.buffer.before, Gap { minimum: Minutes(30), maximum: None });
        assert_eq!(query.response_format, ResponseFormat::Slots);
        assert_eq!(query.start_interval, None);
        assert_eq!(query.max_results, Limits::default().results);
        assert_eq!(query.subs().len(), 4);
        let horizon = query.horizon().unwrap();
        assert_eq!(horizon.start().to_string(), "2026-11-24T08:30:00Z");
        assert_eq!(horizon.end().to_string(), "2026-11-25T18:15:00Z");
    }

    #[test]
    fn the_older_name_of_query_periods_is_understood() {
        let mut body = documented();
        let periods = body["query_periods"].take();
        body["available_periods"] = periods;
        let query = AvailabilityQuery::parse(&body, &Limits::default()).unwrap();
        assert_eq!(query.window, parse(&json!({})).unwrap().window);
    }

    #[test]
    fn options_that_clients_send_empty_count_as_left_out() {
        let empty = json!({
            "buffer": {},
            "start_interval": null,
            "response_format": null,
            "excluded_events": null,
            "available_periods": [],
            "query_slots": [],
        });
        let query = parse(&empty).unwrap();
        assert_eq!(query.buffer, Buffer::default());
        assert_eq!(query.response_format, ResponseFormat::Periods);
    }

    #[test]
    fn an_empty_body_is_told_everything_that_is_missing() {
        let errors = AvailabilityQuery::parse(&json!({}), &Limits::default()).unwrap_err();
        let expected = json!({
            "participants": [{"key": "errors.required", "description": "participants must be specified"}],
            "query_periods": [{"key": "errors.required", "description": "query_periods must be specified"}],
            "required_duration": [{"key": "errors.required", "description": "required_duration must be specified"}],
        });
        assert_eq!(serde_json::to_value(errors).unwrap(), expected);
    }

    #[test]
    fn periods_must_be_times_in_order() {
        let period = |start: &str, end: &str| json!({"query_periods": [{"start": start, "end": end}]});
        let end = "query_periods.end".to_owned();
        let backwards = period("2026-11-24T09:00:00Z", "2026-11-24T09:00:00Z");
        assert_eq!(refused(&backwards), [(end.clone(), "must_be_after_start")]);
        assert_eq!(refused(&period("2026-11-24T09:00:00Z", "2026-11-25")), [(end, "must_be_time")]);
        let fraction = period("2026-11-24T09:00:00.001Z", "2026-11-24T10:00:00Z");
        assert_eq!(refused(&fraction), [("query_periods.start".to_owned(), "must_be_time")]);
        let errors = parse(&json!({"query_periods": [{"start": "2026-11-24T09:00:00Z"}, 5]})).unwrap_err();
        let told: Vec<&str> = errors.iter().map(|(_, problem)| &*problem.description).collect();
        assert_eq!(told, ["query_periods[1] must be an object", "query_periods[0].end must be specified"]);
    }

    #[test]
    fn slots_and_periods_exclude_each_other() {
        let slots = json!({"query_slots": [{"start": "2026-11-24T09:00:00Z"}]});
        assert_eq!(refused(&slots), [("query_slots".to_owned(), "ambiguous")]);
    }

    #[test]
    fn each_option_is_checked_under_its_own_name() {
        let wrong = json!({
            "buffer": {"before": {"minutes": -1}, "after": {"minimum": {"minutes": 9}, "maximum": {"minutes": 8}}},
            "excluded_events": [{}, {"event_id": 5}],
            "include_member_statuses": "yes",
            "max_results": 0,
            "response_format": "days",
            "start_interval": {"minutes": 0},
        });
        let expected = [
            ("buffer.after", "must_not_be_below_minimum"),
            ("buffer.before.minutes", "must_be_integer"),
            ("excluded_events.event_id", "required"),
            ("excluded_events.event_id", "must_be_string"),
            ("include_member_statuses", "must_be_boolean"),
            ("max_results", "must_be_integer"),
            ("response_format", "must_be_one_of"),
            ("start_interval", "must_be_duration"),
        ];
        let found = refused(&wrong);
        let found: Vec<(&str, &str)> = found.iter().map(|(field, key)| (&**field, *key)).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_query_beyond_the_limits_is_refused() {
        let limits = Limits { groups: 1, members: 1, entries: 1, days: 1, ..Limits::default() };
        let errors = AvailabilityQuery::parse(&documented(), &limits).unwrap_err();
        let fields: Vec<&str> = errors.iter().map(|(field, _)| field).collect();
        assert_eq!(fields, ["participants", "query_periods"]);
        let long =
            json!({"query_periods": [{"start": "2026-01-01T00:00:00Z", "end": "2027-01-01T00:00:00Z"}]});
        assert_eq!(refused(&long), [("query_periods".to_owned(), "too_long")]);
        let forever =
            json!({"query_periods": [{"start": "0000-01-01T00:00:00Z", "end": "9999-01-01T00:00:00Z"}]});
        assert_eq!(refused(&forever), [("query_periods".to_owned(), "too_long")]);
    }

    fn sequence(steps: &Value) -> Result<SequencedQuery, FieldErrors> {
        let body = json!({
            "query_periods": [{"start": "2026-11-24T09:00:00Z", "end": "2026-11-24T18:00:00Z"}],
            "sequence": steps,
        });
        SequencedQuery::parse(&body, &Limits::default())
    }

    #[test]
    fn a_step_has_its_own_periods_or_the_queries() {
        let step = json!({
            "sequence_id": "1234",
            "participants": [{"members": [{"sub": "acc_567236000909002"}]}],
            "required_duration": {"minutes": 30},
            "buffer": {"before": {"minimum": {"minutes": 30}, "maximum": {"minutes": 45}}},
        });
        let mut own = step.clone();
        own["sequence_id"] = json!(4567);
        own["available_periods"] = json!([{"start": "2026-11-26T09:00:00Z", "end": "2026-11-26T18:00:00Z"}]);
        let query = sequence(&json!([step, own])).unwrap();
        assert_eq!(query.steps[0].sequence_id, SequenceId::Text("1234".to_owned()));
        assert_eq!(query.steps[0].start_interval, Minutes::DEFAULT_START_INTERVAL);
        assert_eq!(query.steps[0].buffer.before, Gap { minimum: Minutes(30), maximum: Some(Minutes(45)) });
        assert_eq!(query.steps[1].sequence_id, SequenceId::Number(4567));
        assert_eq!(query.steps[1].query_periods.hull().unwrap().start().to_string(), "2026-11-26T09:00:00Z");
        let horizon = query.horizon().unwrap();
        assert_eq!(horizon.start().to_string(), "2026-11-24T08:30:00Z");
        assert_eq!(horizon.end().to_string(), "2026-11-26T18:00:00Z");
    }

    #[test]
    fn steps_are_checked_one_by_one() {
        let step = json!({
            "sequence_id": "a",
            "participants": [{"members": [{"sub": "acc_1"}]}],
            "required_duration": {"minutes": 30},
        });
        let errors = sequence(&json!([step, step, {"ordinal": "first"}])).unwrap_err();
        let told: Vec<&str> = errors.iter().map(|(_, problem)| &*problem.description).collect();
        assert_eq!(
            told,
            [
                "sequence[2].ordinal must be a whole number of at least 0",
                "sequence[2].participants must be specified",
                "sequence[2].required_duration must be specified",
                "sequence[1].sequence_id must differ between steps",
                "sequence[2].sequence_id must be specified",
            ]
        );
        let nothing = SequencedQuery::parse(&json!({"sequence": [step]}), &Limits::default()).unwrap_err();
        assert_eq!(nothing.to_string(), "query_periods must be specified");
    }
}
