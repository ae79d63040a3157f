//! Reads the participants of a query: groups of members, and how each member's time is to be judged.

use std::collections::BTreeSet;

use jiff::tz::TimeZone;

use super::calendar::Tag;
use super::fields::Node;
use super::query::{Calendars, Constraint, ConstraintPeriod, Group, Member, Required};
use super::request::{Reader, buffer, flag};

impl Reader {
    /// The groups of a query or step.
    pub(super) fn groups(&self, body: &Node<'_>) -> Option<Vec<Group>> {
        let participants = body.require("participants")?;
        participants.at_most(self.limits.groups)?;
        Some(participants.each(|node| self.group(node)))
    }

    fn group(&self, node: &Node<'_>) -> Option<Group> {
        let members = node.require("members").and_then(|list| {
            list.at_most(self.limits.members)?;
            let mut subs = BTreeSet::new();
            Some(list.each(|member| self.member(member, &mut subs)))
        });
        let required = match node.get("required") {
            Some(required) => {
                let listed = node.get("members").and_then(|list| list.value().as_array().map(Vec::len));
                required_members(&required, listed.unwrap_or(usize::MAX))
            }
            None => Some(Required::All),
        };
        Some(Group { members: members?, required: required? })
    }

    fn member(&self, node: &Node<'_>, subs: &mut BTreeSet<String>) -> Option<Member> {
        let sub = node.require("sub").and_then(|sub| {
            let text = sub.text()?.to_owned();
            if subs.insert(text.clone()) {
                Some(text)
            } else {
                sub.refuse("duplicate", "must occur once in a group")
            }
        });
        let ids = |ids: Node<'_>| ids.texts().into_iter().collect::<BTreeSet<_>>();
        let calendars = match node.get("calendar_ids") {
            Some(_) => node.require("calendar_ids").map(|list| Calendars::Only(ids(list))),
            None => Some(Calendars::All),
        };
        let available_periods = node.get("available_periods").map(|periods| self.periods(&periods));
        let constraints = node.get("availability_constraints").and_then(|list| {
            list.at_most(self.limits.entries)?;
            Some(list.each(constraint))
        });
        Some(Member {
            available_periods: available_periods.map(Option::unwrap_or_default),
            managed_availability: flag(node, "managed_availability"),
            availability_rule_ids: node.get("availability_rule_ids").map(ids),
            buffer: node.get("buffer").map(|_| buffer(node)),
            only_managed_events: flag(node, "only_managed_events"),
            ignore_tentative: flag(node, "ignore_tentative"),
            availability_constraints: constraints.unwrap_or_default(),
            sub: sub?,
            calendars: calendars?,
        })
    }
}

fn required_members(node: &Node<'_>, members: usize) -> Option<Required> {
    let count = node.value().as_u64().and_then(|count| usize::try_from(count).ok());
    match count {
        Some(count) if (1..=members).contains(&count) => Some(Required::Count(count)),
        _ if node.value() == "all" => Some(Required::All),
        _ => node.refuse("invalid_required", "must be \"all\" or a number from 1 to that of the members"),
    }
}

fn constraint(node: &Node<'_>) -> Option<Constraint> {
    let periods = [("day", ConstraintPeriod::Day), ("week", ConstraintPeriod::Week)];
    let period = node.require("period").and_then(|period| period.one_of(&periods));
    let limit = node.require("limit").and_then(|limit| limit.integer(0));
    let time_zone = node.get("tzid").map_or(Some(TimeZone::UTC), |tzid| tzid.time_zone());
    let tags = node.get("tags").map(|tags| read_tags(&tags)).unwrap_or_default();
    Some(Constraint { period: period?, limit: usize::try_from(limit?).ok()?, tags, time_zone: time_zone? })
}

/// Tags by context, each `{"value": …}`.
fn read_tags(node: &Node<'_>) -> Vec<Tag> {
    let mut tags = Vec::new();
    if node.object().is_none() {
        return tags;
    }
    for (context, list) in node.entries() {
        let values = list.each(|tag| tag.require("value")?.text().map(str::to_owned));
        tags.extend(values.into_iter().map(|value| Tag { context: context.to_owned(), value }));
    }
    tags
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::availability::{AvailabilityQuery, Limits, Minutes};

    fn read(participants: &Value) -> Result<Vec<Group>, Vec<(String, &'static str)>> {
        let body = json!({
            "participants": participants,
            "required_duration": {"minutes": 30},
            "query_periods": [{"start": "2026-11-24T09:00:00Z", "end": "2026-11-24T18:00:00Z"}],
        });
        let parsed = AvailabilityQuery::parse(&body, &Limits::default());
        parsed
            .map(|query| query.groups)
            .map_err(|errors| errors.iter().map(|(field, problem)| (field.to_owned(), problem.key)).collect())
    }

    #[test]
    fn a_member_may_be_described_in_full() {
        let member = json!({
            "sub": "acc_567236000909002",
            "calendar_ids": ["cal_1"],
            "available_periods": [{"start": "2026-11-24T09:00:00Z", "end": "2026-11-24T12:00:00Z"}],
            "managed_availability": true,
            "availability_rule_ids": [],
            "buffer": {"before": {"minutes": 10}},
            "only_managed_events": true,
            "ignore_tentative": true,
            "availability_constraints": [
                {"period": "day", "limit": 2, "tzid": "Europe/London", "tags": {"private": [{"value": "Interview"}]}},
                {"period": "week", "limit": 10},
            ],
        });
        let groups = read(&json!([{"members": [member]}])).unwrap();
        let member = &groups[0].members[0];
        assert_eq!(groups[0].required, Required::All);
        assert_eq!(member.calendars, Calendars::Only(["cal_1".to_owned()].into()));
        assert_eq!(member.available_periods.as_ref().map(|periods| periods.iter().count()), Some(1));
        assert_eq!(member.availability_rule_ids, Some([].into()));
        assert_eq!(member.buffer.map(|buffer| buffer.before.minimum), Some(Minutes(10)));
        assert!(member.managed_availability && member.only_managed_events && member.ignore_tentative);
        let [day, week] = &member.availability_constraints[..] else { unreachable!() };
        assert_eq!((day.period, day.limit), (ConstraintPeriod::Day, 2));
        assert_eq!(day.tags, [Tag { context: "private".to_owned(), value: "Interview".to_owned() }]);
        assert_eq!((week.period, week.limit, week.tags.len()), (ConstraintPeriod::Week, 10, 0));
        assert_eq!(week.time_zone.iana_name(), Some("UTC"));
    }

    #[test]
    fn rules_not_named_are_all_rules() {
        let groups = read(&json!([{"members": [{"sub": "acc_1", "availability_rule_ids": null}]}])).unwrap();
        assert_eq!(groups[0].members[0].availability_rule_ids, None);
        assert_eq!(groups[0].members[0].calendars, Calendars::All);
    }

    #[test]
    fn required_is_all_or_a_number_that_the_group_can_meet() {
        let group = |required: Value| {
            read(&json!([{"members": [{"sub": "acc_1"}, {"sub": "acc_2"}], "required": required}]))
        };
        assert_eq!(group(json!("all")).unwrap()[0].required, Required::All);
        assert_eq!(group(json!(null)).unwrap()[0].required, Required::All);
        assert_eq!(group(json!(2)).unwrap()[0].required, Required::Count(2));
        for wrong in [json!(0), json!(3), json!("some"), json!("1"), json!(1.5), json!([])] {
            let refused = group(wrong.clone()).unwrap_err();
            assert_eq!(refused, [("participants.required".to_owned(), "invalid_required")], "{wrong}");
        }
    }

    #[test]
    fn members_are_checked_one_by_one() {
        let member = json!({
            "sub": "acc_1",
            "calendar_ids": [],
            "managed_availability": "true",
            "availability_constraints": [{"period": "month", "limit": -1, "tzid": "Mars", "tags": []}, {}],
        });
        let members = json!([member, {"sub": "acc_1"}, {"sub": 5}, {}, "acc_2"]);
        let found = read(&json!([{"members": members, "required": 5}, {}])).unwrap_err();
        let expected = [
            ("participants.members", "must_be_object"),
            ("participants.members", "required"),
            ("participants.members.availability_constraints.limit", "must_be_integer"),
            ("participants.members.availability_constraints.limit", "required"),
            ("participants.members.availability_constraints.period", "must_be_one_of"),
            ("participants.members.availability_constraints.period", "required"),
            ("participants.members.availability_constraints.tags", "must_be_object"),
            ("participants.members.availability_constraints.tzid", "must_be_tzid"),
            ("participants.members.calendar_ids", "required"),
            ("participants.members.managed_availability", "must_be_boolean"),
            ("participants.members.sub", "duplicate"),
            ("participants.members.sub", "must_be_string"),
            ("participants.members.sub", "required"),
        ];
        let found: Vec<(&str, &str)> = found.iter().map(|(field, key)| (&**field, *key)).collect();
        assert_eq!(found, expected);
    }
}
