//! When events start and end: a date, an instant, or either with a time zone; read as Cronofy reads them, written as it
//! writes them.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A date or an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Moment {
    Time(Timestamp),
    Date(Date),
}

/// Why a value is not a [`Moment`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MomentError {
    Malformed,
    Milliseconds,
    UnknownTimeZone,
}

/// A moment as it was written, with the zone where one was named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EventTime {
    pub(crate) moment: Moment,
    pub(crate) tzid: Option<String>,
}

impl EventTime {
    /// Reads `"2014-08-05"`, `"2014-08-05T14:30:00Z"`, or an object `{time, tzid}` of either.
    pub(crate) fn read(value: &Value) -> Result<Self, MomentError> {
        match value {
            Value::String(text) => Ok(Self { moment: Moment::read(text)?, tzid: None }),
            Value::Object(fields) => {
                let time = fields.get("time").and_then(Value::as_str).ok_or(MomentError::Malformed)?;
                let tzid = match fields.get("tzid") {
                    None | Some(Value::Null) => None,
                    Some(Value::String(tzid)) => {
                        time_zone(tzid).ok_or(MomentError::UnknownTimeZone)?;
                        Some(tzid.clone())
                    }
                    Some(_) => return Err(MomentError::UnknownTimeZone),
                };
                Ok(Self { moment: Moment::read(time)?, tzid })
            }
            _ => Err(MomentError::Malformed),
        }
    }
}

impl Moment {
    pub(crate) fn read(text: &str) -> Result<Self, MomentError> {
        if text.len() == 10 {
            return text.parse().map(Self::Date).map_err(|_| MomentError::Malformed);
        }
        let time: Timestamp = text.parse().map_err(|_| MomentError::Malformed)?;
        if time.subsec_nanosecond() != 0 {
            return Err(MomentError::Milliseconds);
        }
        Ok(Self::Time(time))
    }

    pub(crate) fn is_date(self) -> bool {
        matches!(self, Self::Date(_))
    }

    /// The instant this is in a zone; a date is its first instant there.
    pub(crate) fn instant(self, zone: &TimeZone) -> Timestamp {
        match self {
            Self::Time(time) => time,
            // Only a date at the very end of the calendar has no instant.
            Self::Date(date) => {
                date.to_zoned_datetime(zone.clone()).map_or(Timestamp::MAX, |zoned| zoned.timestamp())
            }
        }
    }

    /// As Cronofy writes it: bare, or with `localized_times` as an object whose time carries the zone's offset.
    pub(crate) fn to_json(self, localized: bool, tzid: Option<&str>) -> Value {
        if !localized {
            return Value::String(self.to_string());
        }
        let tzid = tzid.unwrap_or("Etc/UTC");
        let time = match (self, time_zone(tzid)) {
            (Self::Time(time), Some(zone)) if !is_utc(tzid) => {
                let offset = zone.to_offset(time);
                time.display_with_offset(offset).to_string()
            }
            _ => self.to_string(),
        };
        json!({ "time": time, "tzid": tzid })
    }
}

impl std::fmt::Display for Moment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Time(time) => time.fmt(f),
            Self::Date(date) => date.fmt(f),
        }
    }
}

impl MomentError {
    /// The key and the description of the 422 this becomes.
    pub(crate) fn describe(self) -> (&'static str, &'static str) {
        match self {
            Self::Malformed => {
                ("invalid", "must be a date (YYYY-MM-DD), a time (YYYY-MM-DDTHH:MM:SSZ) or {time, tzid}")
            }
            Self::Milliseconds => ("invalid", "must not have milliseconds"),
            Self::UnknownTimeZone => ("invalid_tzid", "tzid must be an IANA time zone"),
        }
    }
}

/// A zone by its IANA name.
pub(crate) fn time_zone(tzid: &str) -> Option<TimeZone> {
    TimeZone::get(tzid).ok()
}

/// A span of time in which to look, half open.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window {
    pub(crate) from: Timestamp,
    pub(crate) to: Timestamp,
}

impl Window {
    /// Whether something that lasts from `start` to `end` belongs: it starts before the window ends and ends no earlier
    /// than the window begins.
    pub(crate) fn holds(&self, start: Timestamp, end: Timestamp) -> bool {
        start < self.to && end >= self.from
    }
}

/// How far back and ahead of now a read without `from` or `to` looks.
pub(crate) const DAYS_BACK: i64 = 42;
pub(crate) const DAYS_AHEAD: i64 = 201;

/// The start of the day that lies this many days from now, in a zone.
pub(crate) fn day_from(now: Timestamp, days: i64, zone: &TimeZone) -> Timestamp {
    let there = now.saturating_add(SignedDuration::from_hours(24 * days)).unwrap_or(now);
    Moment::Date(there.to_zoned_datetime(zone.clone()).date()).instant(zone)
}

/// Cronofy writes no fractions of a second.
pub(crate) fn whole_seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

fn is_utc(tzid: &str) -> bool {
    matches!(tzid, "UTC" | "Etc/UTC" | "Etc/GMT" | "GMT")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spellings_that_clients_send_are_read() {
        for text in [
            "2014-08-05T15:30:00Z",
            "2014-08-05 15:30:00Z",
            "2014-08-05T15:30:00+00:00",
            "2014-08-05T17:30:00+02:00",
            "2014-08-05T15:30:00.000Z",
        ] {
            assert_eq!(
                Moment::read(text).map(|m| m.to_string()),
                Ok("2014-08-05T15:30:00Z".into()),
                "{text}"
            );
        }
        assert_eq!(Moment::read("2014-08-05").map(|m| m.to_string()), Ok("2014-08-05".into()));
        assert_eq!(
            Moment::read("0000-12-29T00:00:00Z").map(|m| m.to_string()),
            Ok("0000-12-29T00:00:00Z".into())
        );
    }

    #[test]
    fn milliseconds_and_times_without_a_zone_are_refused() {
        assert_eq!(Moment::read("2014-08-05T15:30:00.250Z"), Err(MomentError::Milliseconds));
        assert_eq!(Moment::read("2014-08-05T15:30:00"), Err(MomentError::Malformed));
        assert_eq!(Moment::read("tomorrow"), Err(MomentError::Malformed));
        let unknown = json!({ "time": "2014-08-05T15:30:00Z", "tzid": "Mars/Olympus" });
        assert_eq!(EventTime::read(&unknown), Err(MomentError::UnknownTimeZone));
    }

    #[test]
    fn a_localized_time_carries_the_offset_of_its_zone() {
        let moment = Moment::read("2014-09-13T21:00:00Z").unwrap();
        assert_eq!(
            moment.to_json(true, Some("Europe/Paris")),
            json!({ "time": "2014-09-13T23:00:00+02:00", "tzid": "Europe/Paris" })
        );
        assert_eq!(moment.to_json(true, None), json!({ "time": "2014-09-13T21:00:00Z", "tzid": "Etc/UTC" }));
        let date = Moment::read("2014-09-06").unwrap();
        assert_eq!(
            date.to_json(true, Some("Europe/Paris")),
            json!({ "time": "2014-09-06", "tzid": "Europe/Paris" })
        );
    }
}
