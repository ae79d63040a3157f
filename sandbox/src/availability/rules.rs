//! Availability rules: weekly working hours in a time zone, and the instants they stand for.
//!
//! Hours mean what a clock on the wall shows. An hour that daylight saving time skips is not there, one that it repeats
//! counts twice, and `00:00` to `24:00` is the whole day, however long.

use std::fmt;

use jiff::Timestamp;
use jiff::civil::Weekday;
use jiff::tz::{Offset, TimeZone};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::calendar::{Interval, IntervalSet};
use super::fields::{FieldErrors, Node, read};

const DAY: i64 = 24 * 60 * 60;

/// The longest `availability_rule_id` that Cronofy documents.
const ID_LIMIT: usize = 64;

/// One availability rule of an account.
///
/// Its serialized form is the wire's: `availability_rule_id`, `tzid`, `calendar_ids` where given, `weekly_periods`.
/// See <https://docs.cronofy.com/developers/api/scheduling/availability-rules/upsert/>.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "Value", into = "RuleOnTheWire")]
pub struct Rule {
    /// The id the application chose.
    pub availability_rule_id: String,
    /// Where the hours are kept.
    pub time_zone: TimeZone,
    /// The calendars whose events make the member busy during these hours; `None` for all.
    pub calendar_ids: Option<Vec<String>>,
    /// The hours. The same day may occur more than once.
    pub weekly_periods: Vec<WeeklyPeriod>,
}

/// Hours on one day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WeeklyPeriod {
    /// The day.
    pub day: Weekday,
    /// When the hours begin.
    pub start_time: TimeOfDay,
    /// When they are over; `24:00` for the end of the day.
    pub end_time: TimeOfDay,
}

/// A time on the clock in whole minutes, from `00:00` to `24:00`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TimeOfDay(u16);

impl Rule {
    /// Reads the body of an upsert.
    ///
    /// # Errors
    /// Names each field that is missing or malformed.
    pub fn parse(body: &Value) -> Result<Self, FieldErrors> {
        read(body, Self::read)
    }

    fn read(body: &Node<'_>) -> Option<Self> {
        let id = body.require("availability_rule_id").and_then(|id| id.id(ID_LIMIT));
        let time_zone = body.require("tzid").and_then(|tzid| tzid.time_zone());
        let calendar_ids = body.get("calendar_ids").and_then(|_| body.require("calendar_ids"));
        let weekly_periods = body.require("weekly_periods").map(|periods| periods.each(WeeklyPeriod::read));
        Some(Self {
            availability_rule_id: id?,
            time_zone: time_zone?,
            calendar_ids: calendar_ids.map(|ids| ids.texts()),
            weekly_periods: weekly_periods?,
        })
    }

    /// The working hours between two instants.
    pub fn hours(&self, within: Interval) -> IntervalSet {
        steady(&self.time_zone, within)
            .iter()
            .flat_map(|&(stretch, offset)| self.hours_at_offset(stretch, offset))
            .collect()
    }

    /// The hours in a stretch of time during which local time differs from UTC by a fixed offset.
    fn hours_at_offset(&self, stretch: Interval, offset: Offset) -> Vec<Interval> {
        let ahead = i64::from(offset.seconds());
        let (first, last) = (stretch.start().as_second() + ahead, stretch.end().as_second() + ahead);
        let mut hours = Vec::new();
        for day in first.div_euclid(DAY)..=last.div_euclid(DAY) {
            let weekday = (day + EPOCH_WEEKDAY).rem_euclid(7);
            let today = |period: &&WeeklyPeriod| i64::from(period.day.to_monday_zero_offset()) == weekday;
            for period in self.weekly_periods.iter().filter(today) {
                let utc = |time: TimeOfDay| Timestamp::from_second(day * DAY + time.seconds() - ahead).ok();
                let (Some(start), Some(end)) = (utc(period.start_time), utc(period.end_time)) else {
                    continue;
                };
                hours.extend(Interval::new(start.max(stretch.start()), end.min(stretch.end())));
            }
        }
        hours
    }
}

impl WeeklyPeriod {
    fn read(node: &Node<'_>) -> Option<Self> {
        let day = node.require("day").and_then(|day| day.one_of(&DAYS));
        let start_time = node.require("start_time").and_then(|time| TimeOfDay::read(&time));
        let end_node = node.require("end_time");
        let end_time = end_node.as_ref().and_then(TimeOfDay::read);
        let (day, start_time, end_time) = (day?, start_time?, end_time?);
        if end_time <= start_time {
            return end_node?.refuse("must_be_after_start_time", "must be after start_time");
        }
        Some(Self { day, start_time, end_time })
    }
}

impl TimeOfDay {
    /// Reads `HH:MM`.
    pub fn parse(text: &str) -> Option<Self> {
        let (hour, minute) = text.split_once(':')?;
        let number = |digits: &str| -> Option<u16> {
            (digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit()))
                .then(|| digits.parse().ok())?
        };
        let (hour, minute) = (number(hour)?, number(minute)?);
        (minute < 60 && hour * 60 + minute <= 24 * 60).then_some(Self(hour * 60 + minute))
    }

    fn read(node: &Node<'_>) -> Option<Self> {
        match Self::parse(node.text()?) {
            Some(time) => Some(time),
            None => node.refuse("must_be_time_of_day", "must be a time of day such as 09:30, at most 24:00"),
        }
    }

    fn seconds(self) -> i64 {
        i64::from(self.0) * 60
    }
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

/// The days as the wire spells them.
const DAYS: [(&str, Weekday); 7] = [
    ("monday", Weekday::Monday),
    ("tuesday", Weekday::Tuesday),
    ("wednesday", Weekday::Wednesday),
    ("thursday", Weekday::Thursday),
    ("friday", Weekday::Friday),
    ("saturday", Weekday::Saturday),
    ("sunday", Weekday::Sunday),
];

/// 1 January 1970 was a Thursday: three days after a Monday.
const EPOCH_WEEKDAY: i64 = 3;

/// Cuts an interval where the time zone's offset changes.
fn steady(time_zone: &TimeZone, within: Interval) -> Vec<(Interval, Offset)> {
    let mut stretches = Vec::new();
    let (mut start, mut offset) = (within.start(), time_zone.to_offset(within.start()));
    for change in time_zone.following(within.start()) {
        let end = change.timestamp().min(within.end());
        stretches.extend(Interval::new(start, end).map(|stretch| (stretch, offset)));
        (start, offset) = (end, change.offset());
        if change.timestamp() >= within.end() {
            break;
        }
    }
    stretches.extend(Interval::new(start, within.end()).map(|stretch| (stretch, offset)));
    stretches
}

#[derive(Serialize)]
struct RuleOnTheWire {
    availability_rule_id: String,
    tzid: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    calendar_ids: Option<Vec<String>>,
    weekly_periods: Vec<WeeklyPeriodOnTheWire>,
}

#[derive(Serialize)]
struct WeeklyPeriodOnTheWire {
    day: &'static str,
    start_time: String,
    end_time: String,
}

impl From<Rule> for RuleOnTheWire {
    fn from(rule: Rule) -> Self {
        Self {
            availability_rule_id: rule.availability_rule_id,
            tzid: rule.time_zone.iana_name().unwrap_or("Etc/UTC").to_owned(),
            calendar_ids: rule.calendar_ids,
            weekly_periods: rule.weekly_periods.iter().map(WeeklyPeriodOnTheWire::from).collect(),
        }
    }
}

impl From<&WeeklyPeriod> for WeeklyPeriodOnTheWire {
    fn from(period: &WeeklyPeriod) -> Self {
        let day = DAYS.iter().find(|(_, day)| *day == period.day).map_or("", |(name, _)| name);
        Self { day, start_time: period.start_time.to_string(), end_time: period.end_time.to_string() }
    }
}

impl TryFrom<Value> for Rule {
    type Error = FieldErrors;

    fn try_from(value: Value) -> Result<Self, FieldErrors> {
        Self::parse(&value)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rule(tzid: &str, periods: &[(&str, &str, &str)]) -> Rule {
        let periods: Vec<Value> = periods
            .iter()
            .map(|(day, start, end)| json!({"day": day, "start_time": start, "end_time": end}))
            .collect();
        Rule::parse(&json!({"availability_rule_id": "work", "tzid": tzid, "weekly_periods": periods}))
            .unwrap()
    }

    fn hours(rule: &Rule, from: &str, to: &str) -> Vec<String> {
        let within = Interval::new(from.parse().unwrap(), to.parse().unwrap()).unwrap();
        rule.hours(within).iter().map(|hours| format!("{}/{}", hours.start(), hours.end())).collect()
    }

    #[test]
    fn working_hours_keep_to_the_clock_on_the_wall_when_summer_begins() {
        let rule = rule("Europe/London", &[("friday", "09:00", "17:00"), ("monday", "09:00", "17:00")]);
        let found = hours(&rule, "2026-03-27T00:00:00Z", "2026-03-31T00:00:00Z");
        assert_eq!(
            found,
            ["2026-03-27T09:00:00Z/2026-03-27T17:00:00Z", "2026-03-30T08:00:00Z/2026-03-30T16:00:00Z"]
        );
    }

    #[test]
    fn an_hour_that_the_clock_skips_is_not_worked() {
        let within = ("2026-03-29T00:00:00Z", "2026-03-30T00:00:00Z");
        let skipped = rule("Europe/London", &[("sunday", "01:15", "01:45")]);
        assert_eq!(hours(&skipped, within.0, within.1), Vec::<String>::new());
        let around = rule("Europe/London", &[("sunday", "00:30", "02:30")]);
        assert_eq!(hours(&around, within.0, within.1), ["2026-03-29T00:30:00Z/2026-03-29T01:30:00Z"]);
    }

    #[test]
    fn an_hour_that_the_clock_repeats_is_worked_twice() {
        let repeated = rule("Europe/London", &[("sunday", "01:15", "01:45")]);
        assert_eq!(
            hours(&repeated, "2026-10-25T00:00:00Z", "2026-10-26T00:00:00Z"),
            ["2026-10-25T00:15:00Z/2026-10-25T00:45:00Z", "2026-10-25T01:15:00Z/2026-10-25T01:45:00Z"]
        );
    }

    #[test]
    fn the_whole_day_is_as_long_as_the_day() {
        let rule = rule("America/New_York", &[("sunday", "00:00", "24:00")]);
        assert_eq!(
            hours(&rule, "2026-11-01T00:00:00Z", "2026-11-03T00:00:00Z"),
            ["2026-11-01T04:00:00Z/2026-11-02T05:00:00Z"]
        );
    }

    #[test]
    fn midnight_joins_days_into_one_stretch() {
        let rule = rule("Asia/Kathmandu", &[("monday", "22:00", "24:00"), ("tuesday", "00:00", "02:00")]);
        assert_eq!(
            hours(&rule, "2026-11-23T00:00:00Z", "2026-11-25T00:00:00Z"),
            ["2026-11-23T16:15:00Z/2026-11-23T20:15:00Z"]
        );
    }

    #[test]
    fn a_day_that_a_country_left_out_has_no_hours() {
        let rule = rule("Pacific/Apia", &[("friday", "00:00", "24:00")]);
        let found = hours(&rule, "2011-12-28T00:00:00Z", "2012-01-05T00:00:00Z");
        assert_eq!(found, Vec::<String>::new());
    }

    #[test]
    fn hours_at_the_edges_of_time_are_cut_off() {
        let rule = rule("Europe/London", &[("monday", "00:00", "24:00"), ("friday", "00:00", "24:00")]);
        for within in [
            (Timestamp::MIN, Timestamp::MIN + jiff::SignedDuration::from_hours(24 * 8)),
            (Timestamp::MAX - jiff::SignedDuration::from_hours(24 * 8), Timestamp::MAX),
        ] {
            let within = Interval::new(within.0, within.1).unwrap();
            assert!(rule.hours(within).iter().all(|hours| within.contains(hours)));
        }
    }

    #[test]
    fn a_rule_reads_back_as_it_was_written() {
        let wire = json!({
            "availability_rule_id": "work",
            "tzid": "Europe/London",
            "calendar_ids": ["cal_n23kjnwrw2_jsdfjksn234"],
            "weekly_periods": [
                {"day": "monday", "start_time": "09:30", "end_time": "12:00"},
                {"day": "monday", "start_time": "13:00", "end_time": "24:00"},
            ],
        });
        let rule: Rule = serde_json::from_value(wire.clone()).unwrap();
        assert_eq!(serde_json::to_value(&rule).unwrap(), wire);
    }

    #[test]
    fn a_malformed_rule_is_refused_field_by_field() {
        let body = json!({
            "availability_rule_id": "x".repeat(65),
            "tzid": "Europe/Nowhere",
            "calendar_ids": [],
            "weekly_periods": [
                {"day": "Monday", "start_time": "9:00", "end_time": "24:01"},
                {"day": "monday", "start_time": "17:00", "end_time": "09:00"},
                {"start_time": "17:60"},
            ],
        });
        let errors = Rule::parse(&body).unwrap_err();
        let found: Vec<_> = errors.iter().map(|(field, problem)| (field, problem.key)).collect();
        assert_eq!(
            found,
            [
                ("availability_rule_id", "must_be_id"),
                ("calendar_ids", "required"),
                ("tzid", "must_be_tzid"),
                ("weekly_periods.day", "must_be_one_of"),
                ("weekly_periods.day", "required"),
                ("weekly_periods.end_time", "must_be_time_of_day"),
                ("weekly_periods.end_time", "must_be_after_start_time"),
                ("weekly_periods.end_time", "required"),
                ("weekly_periods.start_time", "must_be_time_of_day"),
                ("weekly_periods.start_time", "must_be_time_of_day"),
            ]
        );
    }
}
