//! Writes an invitation as an iCalendar object (RFC 5545) with the methods of RFC 5546, to be sent by mail as it is.
//!
//! Whatever stands in a field stays in that field: line breaks become `\n` in text and nothing at all elsewhere, other
//! control characters are dropped, and addresses are percent-encoded. No value can begin a line of its own.

mod lines;
#[cfg(test)]
mod tests;
mod zones;

use jiff::civil::Date;
use jiff::{Timestamp, ZonedDateTime};

use lines::{Lines, Property};

/// An event that people are invited to, or that is called off.
#[derive(Clone, Debug)]
pub struct Invite {
    /// Whether it invites or calls off.
    pub method: Method,
    /// The same for every message about the event.
    pub uid: String,
    /// Rises with every message about the event that changes it.
    pub sequence: u32,
    /// When the message was made.
    pub stamp: Timestamp,
    /// When the event takes place.
    pub when: When,
    /// Its title.
    pub summary: String,
    /// More about it.
    pub description: Option<String>,
    /// Where it takes place.
    pub location: Option<String>,
    /// A page about it.
    pub url: Option<String>,
    /// Who invites.
    pub organizer: Person,
    /// Who is invited. Both methods want at least one.
    pub attendees: Vec<Attendee>,
    /// Minutes before the start at which to remind; left out when the event is called off.
    pub reminders: Vec<u32>,
    /// Whether it leaves the time free.
    pub transparent: bool,
    /// Whether only those invited may see what it is.
    pub private: bool,
}

/// What a message does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Invites, or tells those invited of a change.
    Request,
    /// Calls the event off.
    Cancel,
}

/// When an event takes place. An end that is not after the start is left out: a timed event then takes no time and an
/// all-day event one day.
#[derive(Clone, Debug)]
pub enum When {
    /// Whole days; the last is the one before `end`.
    AllDay {
        /// The first day.
        start: Date,
        /// The day after the last.
        end: Date,
    },
    /// From one instant to another, each shown in its own time zone. UTC stands in for a zone without an IANA name, and
    /// for an hour that the clock repeats, the second time: local time alone would mean the first.
    Timed {
        /// The start.
        start: ZonedDateTime,
        /// The end.
        end: ZonedDateTime,
    },
}

/// Someone with an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// The e-mail address.
    pub email: String,
    /// The name to show.
    pub name: Option<String>,
}

/// Someone who is invited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attendee {
    /// Who it is.
    pub person: Person,
    /// What they have answered.
    pub participation: Participation,
}

/// What an attendee has answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Participation {
    /// Nothing yet.
    #[default]
    NeedsAction,
    /// Yes.
    Accepted,
    /// Perhaps.
    Tentative,
    /// No.
    Declined,
}

impl Invite {
    /// The text of the object: UTF-8 in lines of at most 75 octets that end in CR LF.
    ///
    /// Time zones other than UTC come with a `VTIMEZONE` that holds for the years of the event.
    pub fn to_ics(&self) -> String {
        let mut ics = Lines::default();
        ics.component("VCALENDAR", |ics| {
            ics.add(&Property::new("VERSION").token("2.0"));
            ics.add(&Property::new("PRODID").text("-//orgconnect//Sandbox//EN"));
            ics.add(&Property::new("CALSCALE").token("GREGORIAN"));
            ics.add(&Property::new("METHOD").token(self.method.word()));
            if let When::Timed { start, end } = &self.when {
                zones::add(ics, start, end);
            }
            ics.component("VEVENT", |ics| self.add_event(ics));
        });
        ics.into_text()
    }

    fn add_event(&self, ics: &mut Lines) {
        ics.add(&Property::new("UID").text(&self.uid));
        ics.add(&Property::new("DTSTAMP").utc(self.stamp));
        ics.add(&Property::new("SEQUENCE").token(&self.sequence.to_string()));
        self.when.add(ics);
        ics.add(&Property::new("SUMMARY").text(&self.summary));
        for (name, value) in [("DESCRIPTION", &self.description), ("LOCATION", &self.location)] {
            ics.extend(value.as_ref().map(|value| Property::new(name).text(value)));
        }
        ics.extend(self.url.as_ref().map(|url| Property::new("URL").uri(url)));
        ics.add(&self.organizer.complete(Property::new("ORGANIZER")));
        ics.extend(self.attendees.iter().map(|attendee| attendee.property(self.method)));
        ics.add(&Property::new("STATUS").token(self.method.status()));
        ics.add(&Property::new("TRANSP").token(if self.transparent { "TRANSPARENT" } else { "OPAQUE" }));
        ics.extend(self.private.then(|| Property::new("CLASS").token("PRIVATE")));
        if self.method == Method::Request {
            for minutes in &self.reminders {
                ics.component("VALARM", |ics| {
                    ics.add(&Property::new("ACTION").token("DISPLAY"));
                    ics.add(&Property::new("DESCRIPTION").text(&self.summary));
                    ics.add(&Property::new("TRIGGER").token(&format!("-PT{minutes}M")));
                });
            }
        }
    }
}

impl When {
    fn add(&self, ics: &mut Lines) {
        match self {
            Self::AllDay { start, end } => {
                ics.add(&Property::new("DTSTART").date(*start));
                ics.extend((start < end).then(|| Property::new("DTEND").date(*end)));
            }
            Self::Timed { start, end } => {
                ics.add(&Property::new("DTSTART").time(start));
                ics.extend((start < end).then(|| Property::new("DTEND").time(end)));
            }
        }
    }
}

impl Method {
    fn word(self) -> &'static str {
        match self {
            Self::Request => "REQUEST",
            Self::Cancel => "CANCEL",
        }
    }

    fn status(self) -> &'static str {
        match self {
            Self::Request => "CONFIRMED",
            Self::Cancel => "CANCELLED",
        }
    }
}

impl Person {
    /// Completes a property that is about a person.
    fn complete(&self, property: Property) -> Property {
        let named = self.name.as_ref().filter(|name| !name.is_empty());
        let property = match named {
            Some(name) => property.parameter("CN", name),
            None => property,
        };
        property.mailto(&self.email)
    }
}

impl Attendee {
    fn property(&self, method: Method) -> Property {
        let mut property = Property::new("ATTENDEE")
            .parameter("CUTYPE", "INDIVIDUAL")
            .parameter("ROLE", "REQ-PARTICIPANT")
            .parameter("PARTSTAT", self.participation.word());
        if method == Method::Request {
            property = property.parameter("RSVP", "TRUE");
        }
        self.person.complete(property)
    }
}

impl Participation {
    fn word(self) -> &'static str {
        match self {
            Self::NeedsAction => "NEEDS-ACTION",
            Self::Accepted => "ACCEPTED",
            Self::Tentative => "TENTATIVE",
            Self::Declined => "DECLINED",
        }
    }
}
