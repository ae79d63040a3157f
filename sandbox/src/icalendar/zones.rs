//! Time zones as RFC 5545 has them: what a zone's clocks did around an event, from the zone's own transitions.

use std::collections::BTreeMap;

use jiff::civil::{Date, DateTime};
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp, ZonedDateTime};

use super::lines::{Lines, Property, basic, offset, shown_zone};

/// Appends a `VTIMEZONE` for each zone that an event is shown in.
pub(super) fn add(ics: &mut Lines, start: &ZonedDateTime, end: &ZonedDateTime) {
    let zones: BTreeMap<&str, &TimeZone> =
        [start, end].into_iter().filter_map(|time| Some((shown_zone(time)?, time.time_zone()))).collect();
    for (tzid, time_zone) in zones {
        ics.component("VTIMEZONE", |ics| {
            ics.add(&Property::new("TZID").text(tzid));
            for observance in observances(time_zone, start.timestamp(), end.timestamp()) {
                observance.add(ics);
            }
        });
    }
}

/// What holds in a time zone from one change to the next.
struct Observance {
    daylight: bool,
    /// The change, as a clock showed it that had not been changed yet.
    onset: DateTime,
    from: Offset,
    to: Offset,
    name: String,
}

impl Observance {
    fn add(&self, ics: &mut Lines) {
        ics.component(if self.daylight { "DAYLIGHT" } else { "STANDARD" }, |ics| {
            ics.add(&Property::new("DTSTART").token(&basic(self.onset)));
            ics.add(&Property::new("TZOFFSETFROM").token(&offset(self.from)));
            ics.add(&Property::new("TZOFFSETTO").token(&offset(self.to)));
            ics.add(&Property::new("TZNAME").text(&self.name));
        });
    }
}

/// What holds in a time zone from the year of `start` to that of `end`, beginning with what held when that year began.
fn observances(time_zone: &TimeZone, start: Timestamp, end: Timestamp) -> Vec<Observance> {
    let first = year_start(time_zone, start, 0).unwrap_or(start);
    let last = year_start(time_zone, end.max(start), 1).unwrap_or(Timestamp::MAX);
    let just_after = first.checked_add(SignedDuration::from_secs(1)).unwrap_or(first);
    let earlier = time_zone.preceding(just_after).next();
    let changes = time_zone.following(first).take_while(|change| change.timestamp() < last);
    let mut observances: Vec<Observance> = Vec::new();
    for change in earlier.into_iter().chain(changes) {
        let before =
            change.timestamp().checked_sub(SignedDuration::from_secs(1)).unwrap_or(change.timestamp());
        let from = time_zone.to_offset(before);
        observances.push(Observance {
            daylight: change.dst().is_dst(),
            onset: from.to_datetime(change.timestamp()),
            from,
            to: change.offset(),
            name: change.abbreviation().to_owned(),
        });
    }
    if time_zone.preceding(just_after).next().is_none() {
        let held = time_zone.to_offset_info(first);
        let always = Observance {
            daylight: held.dst().is_dst(),
            onset: held.offset().to_datetime(first.min(Timestamp::UNIX_EPOCH)),
            from: held.offset(),
            to: held.offset(),
            name: held.abbreviation().to_owned(),
        };
        observances.insert(0, always);
    }
    observances
}

/// When the year of an instant, or one some years later, begins in a time zone.
fn year_start(time_zone: &TimeZone, time: Timestamp, later: i16) -> Option<Timestamp> {
    let date = Date::new(time_zone.to_datetime(time).year().checked_add(later)?, 1, 1).ok()?;
    Some(date.to_zoned_datetime(time_zone.clone()).ok()?.timestamp())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(start: &ZonedDateTime, end: &ZonedDateTime) -> String {
        let mut ics = Lines::default();
        add(&mut ics, start, end);
        ics.into_text()
    }

    #[test]
    fn a_zone_that_never_changed_has_one_observance() {
        let time: ZonedDateTime = "2026-12-31T22:00:00[Etc/GMT+5]".parse().unwrap();
        let expected = "BEGIN:VTIMEZONE\r\nTZID:Etc/GMT+5\r\nBEGIN:STANDARD\r\nDTSTART:19691231T190000\r\n\
                        TZOFFSETFROM:-0500\r\nTZOFFSETTO:-0500\r\nTZNAME:-05\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\n";
        assert_eq!(written(&time, &time), expected);
    }

    #[test]
    fn a_change_at_the_very_start_of_the_year_is_covered() {
        let time: ZonedDateTime = "1986-06-01T12:00:00[Asia/Kathmandu]".parse().unwrap();
        let ics = written(&time, &time);
        assert!(
            ics.contains("DTSTART:19860101T000000\r\nTZOFFSETFROM:+0530\r\nTZOFFSETTO:+0545\r\n"),
            "{ics}"
        );
    }

    #[test]
    fn a_time_before_a_zones_first_change_is_covered() {
        let time: ZonedDateTime = "1850-06-01T12:00:00[America/New_York]".parse().unwrap();
        let ics = written(&time, &time);
        assert!(
            ics.contains("DTSTART:18500101T000000\r\nTZOFFSETFROM:-045602\r\nTZOFFSETTO:-045602\r\n"),
            "{ics}"
        );
    }

    fn times() -> impl Strategy<Value = (ZonedDateTime, ZonedDateTime)> {
        let zones = [
            "Europe/London",
            "Europe/Dublin",
            "America/New_York",
            "Australia/Lord_Howe",
            "Asia/Kathmandu",
            "Africa/Casablanca",
            "Pacific/Apia",
            "America/Sao_Paulo",
        ];
        (prop::sample::select(zones.to_vec()), 0_i64..4_102_444_800, 1_i64..40_000_000).prop_map(
            |(zone, start, length)| {
                let zone = TimeZone::get(zone).unwrap();
                let at = |second| Timestamp::from_second(second).unwrap().to_zoned_datetime(zone.clone());
                (at(start), at(start + length))
            },
        )
    }

    /// The offset that the VTIMEZONE of an object gives for an instant.
    fn offset_by_vtimezone(ics: &str, at: Timestamp) -> i32 {
        let seconds = |text: &str| {
            let part = |range: std::ops::Range<usize>| {
                text.get(range).map_or(0, |digits| digits.parse::<i32>().unwrap())
            };
            let size = part(1..3) * 3600 + part(3..5) * 60 + part(5..7);
            if text.starts_with('-') { -size } else { size }
        };
        let mut best = None;
        for block in ics
            .split("\r\nBEGIN:")
            .filter(|block| block.starts_with("STANDARD") || block.starts_with("DAYLIGHT"))
        {
            let field = |name: &str| block.split("\r\n").find_map(|line| line.strip_prefix(name)).unwrap();
            let local = DateTime::strptime("%Y%m%dT%H%M%S", field("DTSTART:")).unwrap();
            let from = Offset::from_seconds(seconds(field("TZOFFSETFROM:"))).unwrap();
            let onset = from.to_timestamp(local).unwrap();
            if onset <= at && best.is_none_or(|(latest, _)| latest <= onset) {
                best = Some((onset, seconds(field("TZOFFSETTO:"))));
            }
        }
        best.unwrap().1
    }

    proptest! {
        #[test]
        fn an_object_gives_the_zones_own_offsets((start, end) in times()) {
            let ics = written(&start, &end);
            for time in [&start, &end] {
                let shown = ics.contains("VTIMEZONE").then(|| offset_by_vtimezone(&ics, time.timestamp()));
                let needed = shown_zone(&start).or(shown_zone(&end)).map(|_| time.offset().seconds());
                prop_assert_eq!(shown, needed, "{} {}", time, ics);
            }
        }
    }
}
