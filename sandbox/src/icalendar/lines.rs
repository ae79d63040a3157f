//! Content lines of RFC 5545: names, parameters and values, encoded so that a value stays where it was put, and folded.

use std::fmt::Write as _;

use jiff::civil::{Date, DateTime};
use jiff::tz::Offset;
use jiff::{Timestamp, ZonedDateTime};

/// Content lines as they are to be sent.
#[derive(Default)]
pub(super) struct Lines(String);

impl Lines {
    /// Appends a content line.
    pub(super) fn add(&mut self, property: &Property) {
        fold(&property.0, &mut self.0);
    }

    /// Appends the content lines there are.
    pub(super) fn extend(&mut self, properties: impl IntoIterator<Item = Property>) {
        for property in properties {
            self.add(&property);
        }
    }

    /// Appends a component: what `content` appends, between its first line and its last.
    pub(super) fn component(&mut self, name: &str, content: impl FnOnce(&mut Self)) {
        self.add(&Property::new("BEGIN").token(name));
        content(self);
        self.add(&Property::new("END").token(name));
    }

    pub(super) fn into_text(self) -> String {
        self.0
    }
}

/// One content line, before folding: a name with its parameters, and after a colon the value.
pub(super) struct Property(String);

impl Property {
    /// `name` is written here, never by a caller of this module.
    pub(super) fn new(name: &str) -> Self {
        Self(name.to_owned())
    }

    /// A parameter, in quotes where it needs them. Quotes and carets within are encoded as RFC 6868 has it.
    pub(super) fn parameter(mut self, name: &str, value: &str) -> Self {
        let quote = if value.contains([':', ';', ',']) { "\"" } else { "" };
        let _ = write!(self.0, ";{name}={quote}");
        for character in visible(value) {
            match character {
                '^' => self.0.push_str("^^"),
                '"' => self.0.push_str("^'"),
                '\n' => self.0.push(' '),
                other => self.0.push(other),
            }
        }
        self.0.push_str(quote);
        self
    }

    /// A value from a fixed vocabulary.
    pub(super) fn token(mut self, value: &str) -> Self {
        let _ = write!(self.0, ":{value}");
        self
    }

    /// A TEXT value.
    pub(super) fn text(mut self, value: &str) -> Self {
        self.0.push(':');
        for character in visible(value) {
            match character {
                '\\' | ';' | ',' => self.0.extend(['\\', character]),
                '\n' => self.0.push_str("\\n"),
                other => self.0.push(other),
            }
        }
        self
    }

    /// A URI. What may not stand in one is percent-encoded, non-ASCII characters in UTF-8.
    pub(super) fn uri(self, value: &str) -> Self {
        self.token(&percent_encoded(value, b"-._~:/?#[]@!$&'()*+,;=%"))
    }

    /// An e-mail address as a URI of RFC 6068.
    pub(super) fn mailto(self, email: &str) -> Self {
        self.token(&format!("mailto:{}", percent_encoded(email, b"-._~!$'*+@")))
    }

    pub(super) fn date(self, date: Date) -> Self {
        Self(format!("{};VALUE=DATE", self.0)).token(&basic_date(date))
    }

    pub(super) fn utc(self, time: Timestamp) -> Self {
        self.token(&format!("{}Z", basic(Offset::UTC.to_datetime(time))))
    }

    pub(super) fn time(self, time: &ZonedDateTime) -> Self {
        match shown_zone(time) {
            Some(tzid) => self.parameter("TZID", tzid).token(&basic(time.datetime())),
            None => self.utc(time.timestamp()),
        }
    }
}

/// The zone to show a time in, or `None` for UTC: also for a time that local time alone would not tell from another.
pub(super) fn shown_zone(time: &ZonedDateTime) -> Option<&str> {
    const UTC: [&str; 9] =
        ["UTC", "UCT", "Zulu", "Universal", "Etc/UTC", "Etc/UCT", "Etc/Zulu", "Etc/Universal", "Etc/Unknown"];
    let time_zone = time.time_zone();
    let unmistakable = time_zone.to_timestamp(time.datetime()).is_ok_and(|read| read == time.timestamp());
    time_zone.iana_name().filter(|name| unmistakable && !UTC.contains(name))
}

/// `20261124`
fn basic_date(date: Date) -> String {
    format!("{:04}{:02}{:02}", date.year(), date.month(), date.day())
}

/// `20261124T093000`
pub(super) fn basic(time: DateTime) -> String {
    format!("{}T{:02}{:02}{:02}", basic_date(time.date()), time.hour(), time.minute(), time.second())
}

/// `+0100`, with seconds where there are any.
pub(super) fn offset(offset: Offset) -> String {
    let seconds = offset.seconds();
    let (sign, size) = (if seconds < 0 { '-' } else { '+' }, seconds.unsigned_abs());
    let odd = if size % 60 == 0 { String::new() } else { format!("{:02}", size % 60) };
    format!("{sign}{:02}{:02}{odd}", size / 3600, size / 60 % 60)
}

/// The characters of a value that may be written, with every kind of line break as one `\n`.
pub(super) fn visible(value: &str) -> impl Iterator<Item = char> {
    let mut after_return = false;
    value.chars().filter_map(move |character| {
        let second_half = after_return && character == '\n';
        after_return = character == '\r';
        match character {
            '\n' if second_half => None,
            // With vertical tab, form feed, next line and the Unicode separators, where some readers end a line.
            '\r' | '\n' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}' => Some('\n'),
            '\t' => Some('\t'),
            other if other.is_control() => None,
            other => Some(other),
        }
    })
}

/// Letters, digits and the bytes of `allowed` as they are, everything else as `%XX`.
fn percent_encoded(value: &str, allowed: &[u8]) -> String {
    let mut encoded = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || allowed.contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

/// Appends a content line in pieces of at most 75 octets, none of which ends within a character.
fn fold(line: &str, text: &mut String) {
    const LIMIT: usize = 75;
    let mut room = LIMIT;
    for character in line.chars() {
        if character.len_utf8() > room {
            text.push_str("\r\n ");
            room = LIMIT - 1;
        }
        text.push(character);
        room -= character.len_utf8();
    }
    text.push_str("\r\n");
}
