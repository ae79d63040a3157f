//! Types that generated models are made of: times, fields that can be removed, and what open enums have in common.

use std::{convert::Infallible, fmt, str::FromStr};

use jiff::{Timestamp, civil::Date};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::DeserializeOwned};
use serde_json::{Map, Value};

use crate::{Reply, Result, caller::to_arguments};

/// An instant as Cronofy writes it.
///
/// Sent, it has whole seconds: Cronofy refuses fractions. Received, a text that is no instant of the years -9999 to 9999
/// is kept as it is, so that one odd time doesn't spoil a whole page.
///
/// ```
/// # fn main() -> Result<(), jiff::Error> {
/// let time = orgconnect::Time::from("2026-12-07T09:00:00Z".parse::<jiff::Timestamp>()?);
/// assert_eq!(time.to_string(), "2026-12-07T09:00:00Z");
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Time {
    /// An instant.
    At(Timestamp),
    /// A text that is none.
    Other(String),
}

impl Time {
    /// The instant, unless it is none.
    pub fn timestamp(&self) -> Option<Timestamp> {
        match self {
            Self::At(timestamp) => Some(*timestamp),
            Self::Other(_) => None,
        }
    }
}

impl From<Timestamp> for Time {
    fn from(timestamp: Timestamp) -> Self {
        Self::At(timestamp)
    }
}

impl From<&str> for Time {
    fn from(text: &str) -> Self {
        text.parse().map_or_else(|_| Self::Other(text.to_owned()), Self::At)
    }
}

impl FromStr for Time {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self::from(text))
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(timestamp) => whole_seconds(*timestamp).fmt(f),
            Self::Other(text) => f.write_str(text),
        }
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl serde::de::Visitor<'_> for Visitor {
            type Value = Time;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a time")
            }

            fn visit_str<E>(self, text: &str) -> Result<Time, E> {
                Ok(Time::from(text))
            }
        }

        deserializer.deserialize_str(Visitor)
    }
}

/// A field that can be left as it is, removed, or set.
///
/// ```
/// use orgconnect::Nullable;
/// assert_eq!(Nullable::from("https://example.com"), Nullable::Value("https://example.com".to_owned()));
/// assert_eq!(Nullable::<String>::from(None), Nullable::Null);
/// assert!(Nullable::<String>::default().is_absent());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Nullable<T> {
    /// Not sent: it stays as it is.
    #[default]
    Absent,
    /// Sent as null: it is removed.
    Null,
    /// Set to this.
    Value(T),
}

impl<T> Nullable<T> {
    /// Whether it is not sent.
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }

    /// The value, if there is one.
    pub fn as_value(&self) -> Option<&T> {
        match self {
            Self::Value(value) => Some(value),
            Self::Absent | Self::Null => None,
        }
    }
}

impl<T> From<T> for Nullable<T> {
    fn from(value: T) -> Self {
        Self::Value(value)
    }
}

impl<T> From<Option<T>> for Nullable<T> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Self::Value)
    }
}

impl From<&str> for Nullable<String> {
    fn from(value: &str) -> Self {
        Self::Value(value.to_owned())
    }
}

impl<T: Serialize> Serialize for Nullable<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.as_value().serialize(serializer)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Nullable<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Option::deserialize(deserializer).map(Self::from)
    }
}

/// Gives an open enum what follows from `as_str` and `From<&str>`.
macro_rules! open_enum {
    ($name:ident) => {
        impl From<String> for $name {
            fn from(value: String) -> Self {
                Self::from(value.as_str())
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_str($crate::types::TextVisitor::new())
            }
        }
    };
}

pub(crate) use open_enum;

/// Makes a value of a text without keeping the text.
pub(crate) struct TextVisitor<T>(std::marker::PhantomData<T>);

impl<T> TextVisitor<T> {
    pub(crate) fn new() -> Self {
        Self(std::marker::PhantomData)
    }
}

impl<T: for<'a> From<&'a str>> serde::de::Visitor<'_> for TextVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E>(self, text: &str) -> Result<T, E> {
        Ok(T::from(text))
    }
}

/// The instant without its fraction of a second, which Cronofy refuses.
pub(crate) fn whole_seconds(timestamp: Timestamp) -> Timestamp {
    Timestamp::from_second(timestamp.as_second()).unwrap_or(timestamp)
}

/// Reads a member of a union.
pub(crate) fn read<T: DeserializeOwned>(value: &Value) -> Option<T> {
    T::deserialize(value).ok()
}

/// Reads a date, and nothing that is longer than one.
pub(crate) fn read_date(value: &Value) -> Option<Date> {
    value.as_str().filter(|text| text.len() == 10)?.parse().ok()
}

/// Reads an instant.
pub(crate) fn read_time(value: &Value) -> Option<Timestamp> {
    value.as_str()?.parse().ok()
}

/// The arguments of a call that has only those in its path.
pub(crate) fn path(path: &[(&str, &str)]) -> Map<String, Value> {
    path.iter().map(|(name, value)| ((*name).to_owned(), Value::from(*value))).collect()
}

/// The arguments of a call: those in its path, and those of its request.
pub(crate) fn arguments(in_path: &[(&str, &str)], request: &impl Serialize) -> Result<Map<String, Value>> {
    let mut arguments = to_arguments(request)?;
    arguments.extend(path(in_path));
    Ok(arguments)
}

/// Decodes a body that may be missing.
pub(crate) fn decode_optional<T: DeserializeOwned>(reply: &Reply) -> Result<Option<T>> {
    if reply.body.trim_ascii().is_empty() { Ok(None) } else { reply.decode() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_time_is_sent_with_whole_seconds() {
        let timestamp: Timestamp = "2026-12-07T09:00:00.250Z".parse().unwrap();
        assert_eq!(serde_json::to_value(Time::from(timestamp)).unwrap(), json!("2026-12-07T09:00:00Z"));
    }

    #[test]
    fn a_time_with_an_offset_is_read_as_the_instant_it_is() {
        let time: Time = serde_json::from_value(json!("2026-12-07T10:00:00+01:00")).unwrap();
        assert_eq!(time.to_string(), "2026-12-07T09:00:00Z");
    }

    #[test]
    fn a_time_that_no_calendar_has_is_kept_as_it_was_received() {
        for text in ["12026-12-07T09:00:00Z", "soon", ""] {
            let time: Time = serde_json::from_value(json!(text)).unwrap();
            assert_eq!(time.timestamp(), None);
            assert_eq!(serde_json::to_value(time).unwrap(), json!(text));
        }
    }

    #[test]
    fn a_field_is_absent_null_or_a_value_on_its_way_out_and_back() {
        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        struct Fields {
            #[serde(default, skip_serializing_if = "Nullable::is_absent")]
            url: Nullable<String>,
        }
        for (url, text) in [
            (Nullable::Absent, json!({})),
            (Nullable::Null, json!({"url": null})),
            (Nullable::from("x"), json!({"url": "x"})),
        ] {
            let fields = Fields { url };
            assert_eq!(serde_json::to_value(&fields).unwrap(), text);
            assert_eq!(serde_json::from_value::<Fields>(text).unwrap(), fields);
        }
    }
}
