//! Durations as the wire has them: hours and minutes in requests, minutes alone in responses and notifications.
//!
//! See <https://docs.cronofy.com/developers/api/data-types/>.

use jiff::{SignedDuration, Timestamp};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::Value;

use super::calendar::Interval;
use super::fields::{FieldErrors, Node, read};

/// The longest Duration that is read, in minutes: a year of anything is a mistake.
const LONGEST: u32 = 366 * 24 * 60;

/// A length of time in whole minutes. Serializes as responses and notifications show it: `{"minutes": 90}`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Minutes(pub u32);

impl Minutes {
    /// What slots and steps start on multiples of unless the request says otherwise: quarter-hours, the finest that
    /// people plan by.
    pub const DEFAULT_START_INTERVAL: Self = Self(15);

    /// Reads a Duration, `{"hours": 1, "minutes": 30}` with either part left out.
    ///
    /// # Errors
    /// Says what a Duration must be, under the name `field`.
    pub fn parse(value: &Value, field: &str) -> Result<Self, FieldErrors> {
        let wrapped = serde_json::json!({ field: value });
        read(&wrapped, |body| Self::read(&body.require(field)?, 0))
    }

    /// Reads a Duration of at least so many minutes; with hours the minutes are fewer than 60.
    pub(super) fn read(node: &Node<'_>, least: u32) -> Option<Self> {
        node.object()?;
        let part = |key: &str| node.get(key).map_or(Some(0), |part| part.integer(0));
        let (hours, minutes) = (part("hours"), part("minutes"));
        let (hours, minutes) = (hours?, minutes?);
        if node.get("hours").is_some() && minutes >= 60 {
            return node.refuse("must_be_duration", "must have fewer than 60 minutes beside hours");
        }
        match hours.checked_mul(60).and_then(|whole| whole.checked_add(minutes)) {
            Some(total) if (least..=LONGEST).contains(&total) => Some(Self(total)),
            _ => node
                .refuse("must_be_duration", &format!("must be a duration of {least} to {LONGEST} minutes")),
        }
    }

    /// The length as a duration.
    pub fn duration(self) -> SignedDuration {
        SignedDuration::from_mins(i64::from(self.0))
    }

    /// The stretch of this length that begins at an instant.
    pub(super) fn from(self, start: Timestamp) -> Option<Interval> {
        Interval::new(start, start.checked_add(self.duration()).ok()?)
    }

    /// The first instant from `time` on that is a multiple of this length away from the start of 1970 in UTC.
    ///
    /// For lengths that divide an hour this is what clocks show in every zone a whole number of hours from UTC.
    pub(super) fn align(self, time: Timestamp) -> Option<Timestamp> {
        let step = i64::from(self.0) * 60;
        let whole = time.as_second() + i64::from(time.subsec_nanosecond() > 0);
        let past = whole.checked_rem_euclid(step)?;
        let aligned = if past == 0 { whole } else { whole + step - past };
        Timestamp::from_second(aligned).ok()
    }
}

impl Serialize for Minutes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry("minutes", &self.0)?;
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn durations_have_hours_and_minutes() {
        let minutes = |value: Value| Minutes::parse(&value, "required_duration");
        assert_eq!(minutes(json!({"hours": 1, "minutes": 30})), Ok(Minutes(90)));
        assert_eq!(minutes(json!({"hours": 2})), Ok(Minutes(120)));
        assert_eq!(minutes(json!({"minutes": 90})), Ok(Minutes(90)));
        assert_eq!(serde_json::to_value(Minutes(90)).unwrap(), json!({"minutes": 90}));
        let wrong = [
            json!({"hours": 1, "minutes": 60}),
            json!({"minutes": -5}),
            json!({"minutes": 1.5}),
            json!({"minutes": "30"}),
            json!({"hours": 2_000_000_000, "minutes": 1}),
            json!({}),
            json!(30),
            json!(null),
        ];
        for value in wrong {
            assert!(minutes(value.clone()).is_err(), "{value}");
        }
    }

    #[test]
    fn alignment_goes_up_to_the_next_multiple() {
        let align =
            |minutes: u32, text: &str| Minutes(minutes).align(text.parse().unwrap()).unwrap().to_string();
        assert_eq!(align(15, "2026-11-24T09:00:00Z"), "2026-11-24T09:00:00Z");
        assert_eq!(align(15, "2026-11-24T09:00:00.5Z"), "2026-11-24T09:15:00Z");
        assert_eq!(align(15, "2026-11-24T09:00:01Z"), "2026-11-24T09:15:00Z");
        assert_eq!(align(60, "1969-12-31T23:30:00Z"), "1970-01-01T00:00:00Z");
        assert_eq!(Minutes(15).align(Timestamp::MAX), None);
    }
}
