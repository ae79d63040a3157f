//! What an object says, and what no field can make it say.

use proptest::prelude::*;

use super::*;

fn person(email: &str, name: Option<&str>) -> Person {
    Person { email: email.to_owned(), name: name.map(str::to_owned) }
}

fn zoned(text: &str) -> ZonedDateTime {
    text.parse().unwrap()
}

fn invite() -> Invite {
    Invite {
        method: Method::Request,
        uid: "qTtZdczOccgaPncGJaCiLg@sandbox.example".to_owned(),
        sequence: 2,
        stamp: "2026-11-24T08:00:00Z".parse().unwrap(),
        when: When::Timed {
            start: zoned("2026-11-24T09:30:00[Europe/London]"),
            end: zoned("2026-11-24T10:00:00[Europe/London]"),
        },
        summary: "Check-up".to_owned(),
        description: Some("Bring:\n- your card; or\r\n- a letter, please".to_owned()),
        location: Some("Room 3, Northwind Clinic".to_owned()),
        url: Some("https://clinic.example/visits/1?from=mail".to_owned()),
        organizer: person("owner@example.com", Some("Northwind Clinic")),
        attendees: vec![Attendee {
            person: person("anna@example.com", Some("Anna \"Ann\" O'Neill, MD")),
            participation: Participation::NeedsAction,
        }],
        reminders: vec![15, 0],
        transparent: false,
        private: false,
    }
}

/// The content lines, unfolded.
fn unfolded(ics: &str) -> Vec<String> {
    let joined = ics.replace("\r\n ", "");
    joined.strip_suffix("\r\n").unwrap().split("\r\n").map(str::to_owned).collect()
}

/// The name of each content line.
fn names(ics: &str) -> Vec<String> {
    unfolded(ics).iter().map(|line| line.split([':', ';']).next().unwrap().to_owned()).collect()
}

/// The value of the first property with a name.
fn value(ics: &str, name: &str) -> String {
    let line = unfolded(ics).into_iter().find(|line| line.starts_with(name)).unwrap();
    line.split_once(':').unwrap().1.to_owned()
}

fn unescaped(text: &str) -> String {
    let mut plain = String::new();
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        plain.push(match character {
            '\\' => match characters.next().unwrap() {
                'n' => '\n',
                other => other,
            },
            other => other,
        });
    }
    plain
}

#[test]
fn an_invitation_reads_as_the_standards_have_it() {
    let expected = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//orgconnect//Sandbox//EN",
        "CALSCALE:GREGORIAN",
        "METHOD:REQUEST",
        "BEGIN:VTIMEZONE",
        "TZID:Europe/London",
        "BEGIN:STANDARD",
        "DTSTART:20251026T020000",
        "TZOFFSETFROM:+0100",
        "TZOFFSETTO:+0000",
        "TZNAME:GMT",
        "END:STANDARD",
        "BEGIN:DAYLIGHT",
        "DTSTART:20260329T010000",
        "TZOFFSETFROM:+0000",
        "TZOFFSETTO:+0100",
        "TZNAME:BST",
        "END:DAYLIGHT",
        "BEGIN:STANDARD",
        "DTSTART:20261025T020000",
        "TZOFFSETFROM:+0100",
        "TZOFFSETTO:+0000",
        "TZNAME:GMT",
        "END:STANDARD",
        "END:VTIMEZONE",
        "BEGIN:VEVENT",
        "UID:qTtZdczOccgaPncGJaCiLg@sandbox.example",
        "DTSTAMP:20261124T080000Z",
        "SEQUENCE:2",
        "DTSTART;TZID=Europe/London:20261124T093000",
        "DTEND;TZID=Europe/London:20261124T100000",
        "SUMMARY:Check-up",
        "DESCRIPTION:Bring:\\n- your card\\; or\\n- a letter\\, please",
        "LOCATION:Room 3\\, Northwind Clinic",
        "URL:https://clinic.example/visits/1?from=mail",
        "ORGANIZER;CN=Northwind Clinic:mailto:owner@example.com",
        "ATTENDEE;CUTYPE=INDIVIDUAL;ROLE=REQ-PARTICIPANT;PARTSTAT=NEEDS-ACTION;RSVP=TRUE;\
         CN=\"Anna ^'Ann^' O'Neill, MD\":mailto:anna@example.com",
        "STATUS:CONFIRMED",
        "TRANSP:OPAQUE",
        "BEGIN:VALARM",
        "ACTION:DISPLAY",
        "DESCRIPTION:Check-up",
        "TRIGGER:-PT15M",
        "END:VALARM",
        "BEGIN:VALARM",
        "ACTION:DISPLAY",
        "DESCRIPTION:Check-up",
        "TRIGGER:-PT0M",
        "END:VALARM",
        "END:VEVENT",
        "END:VCALENDAR",
    ];
    assert_eq!(unfolded(&invite().to_ics()), expected);
}

#[test]
fn a_cancellation_says_so_and_reminds_nobody() {
    let ics = Invite { method: Method::Cancel, private: true, transparent: true, ..invite() }.to_ics();
    assert_eq!(value(&ics, "METHOD"), "CANCEL");
    assert_eq!(value(&ics, "STATUS"), "CANCELLED");
    assert_eq!(value(&ics, "TRANSP"), "TRANSPARENT");
    assert_eq!(value(&ics, "CLASS"), "PRIVATE");
    assert!(!ics.contains("VALARM") && !ics.contains("RSVP"));
}

#[test]
fn all_day_events_have_dates() {
    let days = |start, end| Invite { when: When::AllDay { start, end }, ..invite() }.to_ics();
    let (first, third) = (jiff::civil::date(2026, 11, 24), jiff::civil::date(2026, 11, 26));
    let ics = days(first, third);
    assert!(ics.contains("\r\nDTSTART;VALUE=DATE:20261124\r\nDTEND;VALUE=DATE:20261126\r\n"));
    assert!(!ics.contains("VTIMEZONE"));
    assert!(!days(first, first).contains("DTEND"));
}

#[test]
fn utc_and_nameless_offsets_are_written_in_utc() {
    for zone in ["[UTC]", "[Etc/UTC]"] {
        let when = When::Timed {
            start: zoned(&format!("2026-11-24T09:30:00{zone}")),
            end: zoned("2026-11-24T15:00:00+05:00[+05:00]"),
        };
        let ics = Invite { when, ..invite() }.to_ics();
        assert!(ics.contains("\r\nDTSTART:20261124T093000Z\r\nDTEND:20261124T100000Z\r\n"), "{ics}");
        assert!(!ics.contains("VTIMEZONE"));
    }
}

#[test]
fn an_hour_that_the_clock_repeats_is_written_in_utc_the_second_time() {
    let when = When::Timed {
        start: zoned("2026-10-25T01:30:00+01:00[Europe/London]"),
        end: zoned("2026-10-25T01:30:00+00:00[Europe/London]"),
    };
    let ics = Invite { when, ..invite() }.to_ics();
    assert!(
        ics.contains("\r\nDTSTART;TZID=Europe/London:20261025T013000\r\nDTEND:20261025T013000Z\r\n"),
        "{ics}"
    );
}

#[test]
fn an_event_across_two_zones_and_years_brings_both_zones() {
    let when = When::Timed {
        start: zoned("2026-12-31T22:00:00[Europe/London]"),
        end: zoned("2027-01-01T06:00:00[America/Phoenix]"),
    };
    let ics = Invite { when, ..invite() }.to_ics();
    assert!(ics.contains("TZID:America/Phoenix\r\nBEGIN:STANDARD\r\nDTSTART:19671029T020000\r\n"), "{ics}");
    assert!(ics.contains("TZID:Europe/London\r\nBEGIN:STANDARD\r\nDTSTART:20251026T020000\r\n"));
    assert!(ics.contains("DTSTART:20270328T010000\r\n"));
}

#[test]
fn addresses_are_encoded() {
    let odd =
        person("o'neill+a b\r\nX-EVIL:1;=é@example.com", Some("A\r\nATTENDEE:mailto:evil^@example.com"));
    let ics = Invite { organizer: odd, url: Some("https://x.example/ä b\"\r\nX:1".to_owned()), ..invite() }
        .to_ics();
    let organizer = unfolded(&ics).into_iter().find(|line| line.starts_with("ORGANIZER")).unwrap();
    assert_eq!(
        organizer,
        "ORGANIZER;CN=\"A ATTENDEE:mailto:evil^^@example.com\":\
         mailto:o'neill+a%20b%0D%0AX-EVIL%3A1%3B%3D%C3%A9@example.com"
    );
    assert_eq!(value(&ics, "URL"), "https://x.example/%C3%A4%20b%22%0D%0AX:1");
}

#[test]
fn every_kind_of_line_break_becomes_one_and_other_controls_vanish() {
    let summary = "a\r\nb\rc\nd\u{b}e\u{c}f\u{85}g\u{2028}h\u{2029}i\u{0}\u{7f}\u{9b}\tj".to_owned();
    let ics = Invite { summary, ..invite() }.to_ics();
    assert_eq!(value(&ics, "SUMMARY"), "a\\nb\\nc\\nd\\ne\\nf\\ng\\nh\\ni\tj");
}

#[test]
fn long_lines_are_folded_between_characters() {
    let summary = "ü€😀".repeat(40);
    let ics = Invite { summary: summary.clone(), ..invite() }.to_ics();
    assert!(ics.split("\r\n").all(|line| line.len() <= 75));
    assert_eq!(value(&ics, "SUMMARY"), summary);
}

fn hostile() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        any::<char>().prop_map(String::from),
        prop::sample::select(&[
            "\r\n",
            "\n",
            "\r",
            "\r\n ",
            "BEGIN:VEVENT",
            ":",
            ";",
            ",",
            "\"",
            "\\",
            "\\n",
            "^n"
        ])
        .prop_map(str::to_owned),
        "[a-z ]{0,40}",
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn no_field_can_begin_a_line_of_its_own(
        (uid, summary, description) in (hostile(), hostile(), hostile()),
        (location, url, email, name) in (hostile(), hostile(), hostile(), hostile()),
    ) {
        let ics = Invite {
            uid: uid.clone(),
            summary: summary.clone(),
            description: Some(description.clone()),
            location: Some(location),
            url: Some(url),
            organizer: person(&email, Some(&format!("x{name}"))),
            attendees: vec![Attendee { person: person(&email, Some(&format!("x{name}"))), ..invite().attendees[0].clone() }],
            ..invite()
        }
        .to_ics();
        prop_assert_eq!(names(&ics), names(&invite().to_ics()));
        for line in ics.split("\r\n") {
            prop_assert!(line.len() <= 75, "{}", line);
            let breaks = |c: char| (c.is_control() && c != '\t') || matches!(c, '\u{2028}' | '\u{2029}');
            prop_assert!(!line.chars().any(breaks));
        }
        for (name, text) in [("UID", &uid), ("SUMMARY", &summary), ("DESCRIPTION", &description)] {
            prop_assert_eq!(unescaped(&value(&ics, name)), lines::visible(text).collect::<String>());
        }
    }
}
