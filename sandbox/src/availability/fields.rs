//! Reads JSON field by field and collects everything that is wrong with it, as the `errors` of a 422 name it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::Value;

/// What is wrong with a request, by the name of the field.
///
/// A name is the parameter's as the documentation lists it, such as `participants.members.sub`; the description says
/// which one of several it is. Serializes as the value of `errors` in the body of a 422.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldErrors(BTreeMap<String, Vec<FieldProblem>>);

/// One thing that is wrong with a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldProblem {
    /// The kind of problem, such as `required`; the wire puts `errors.` before it.
    pub key: &'static str,
    /// A sentence for people.
    pub description: String,
}

impl FieldErrors {
    /// The problems in order of field name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &FieldProblem)> {
        self.0
            .iter()
            .flat_map(|(field, problems)| problems.iter().map(move |problem| (field.as_str(), problem)))
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn add(&mut self, field: &str, key: &'static str, description: String) {
        self.0.entry(field.to_owned()).or_default().push(FieldProblem { key, description });
    }
}

impl fmt::Display for FieldErrors {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, (_, problem)) in self.iter().enumerate() {
            let separator = if position == 0 { "" } else { "; " };
            write!(formatter, "{separator}{}", problem.description)?;
        }
        Ok(())
    }
}

impl std::error::Error for FieldErrors {}

impl Serialize for FieldErrors {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (field, problems) in &self.0 {
            map.serialize_entry(field, problems)?;
        }
        map.end()
    }
}

impl Serialize for FieldProblem {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("key", &format!("errors.{}", self.key))?;
        map.serialize_entry("description", &self.description)?;
        map.end()
    }
}

/// Reads a body with a function that answers `None` only after it has refused a field.
pub(super) fn read<T>(body: &Value, reader: impl FnOnce(&Node<'_>) -> Option<T>) -> Result<T, FieldErrors> {
    let errors = RefCell::default();
    let root = Node { value: body, name: String::new(), place: String::new(), errors: &errors };
    let value = root.object().and_then(|()| reader(&root));
    let errors = errors.into_inner();
    match value {
        Some(value) if errors.is_empty() => Ok(value),
        _ => Err(errors),
    }
}

/// A value in a request, with the way to it and the list to report to.
///
/// Methods that answer `None` have reported why, except [`get`](Self::get) and [`first_of`](Self::first_of), for which
/// absence is an answer.
pub(super) struct Node<'a> {
    value: &'a Value,
    /// The field as the documentation names it: `participants.members.sub`.
    name: String,
    /// The field as this request has it: `participants[0].members[1].sub`.
    place: String,
    errors: &'a RefCell<FieldErrors>,
}

impl<'a> Node<'a> {
    /// Reports that the value is wrong. The sentence goes on from the field's place: "must be …".
    pub(super) fn refuse<T>(&self, key: &'static str, sentence: &str) -> Option<T> {
        let (name, place) =
            if self.name.is_empty() { ("body", "the body") } else { (&*self.name, &*self.place) };
        self.errors.borrow_mut().add(name, key, format!("{place} {sentence}"));
        None
    }

    /// A field that may be left out; null and `{}` count as left out, as clients send them for options not given.
    pub(super) fn get(&self, key: &str) -> Option<Node<'a>> {
        let value = self.value.get(key).filter(|value| !value.is_null())?;
        let given = value.as_object().is_none_or(|object| !object.is_empty());
        given.then(|| self.child(key, value))
    }

    /// A field that must be there and must not be empty.
    pub(super) fn require(&self, key: &str) -> Option<Node<'a>> {
        let empty = |node: &Node<'_>| match node.value {
            Value::String(text) => text.is_empty(),
            Value::Array(items) => items.is_empty(),
            _ => false,
        };
        match self.get(key).filter(|node| !empty(node)) {
            Some(node) => Some(node),
            None => self.child(key, &Value::Null).refuse("required", "must be specified"),
        }
    }

    /// The first of several names for the same field that is given and not an empty list.
    pub(super) fn first_of(&self, keys: &[&str]) -> Option<Node<'a>> {
        keys.iter()
            .filter_map(|key| self.get(key))
            .find(|node| !node.value.as_array().is_some_and(Vec::is_empty))
    }

    /// Reads each element of a list, leaving out those that were refused.
    pub(super) fn each<T>(&self, reader: impl FnMut(&Node<'a>) -> Option<T>) -> Vec<T> {
        self.elements().iter().filter_map(reader).collect()
    }

    /// The elements of a list of objects.
    pub(super) fn elements(&self) -> Vec<Node<'a>> {
        self.list().into_iter().filter(|element| element.object().is_some()).collect()
    }

    /// A list of strings.
    pub(super) fn texts(&self) -> Vec<String> {
        self.list().iter().filter_map(|element| element.text().map(str::to_owned)).collect()
    }

    fn list(&self) -> Vec<Node<'a>> {
        let Some(items) = self.value.as_array() else {
            return self.refuse("must_be_array", "must be an array").unwrap_or_default();
        };
        let element = |(index, value)| Node {
            value,
            name: self.name.clone(),
            place: format!("{}[{index}]", self.place),
            errors: self.errors,
        };
        items.iter().enumerate().map(element).collect()
    }

    /// Whether a list has at most `limit` elements.
    pub(super) fn at_most(&self, limit: usize) -> Option<()> {
        match self.value.as_array() {
            Some(items) if items.len() > limit => {
                self.refuse("too_many", &format!("must have at most {limit} entries"))
            }
            _ => Some(()),
        }
    }

    pub(super) fn object(&self) -> Option<()> {
        if self.value.is_object() { Some(()) } else { self.refuse("must_be_object", "must be an object") }
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = (&'a str, Node<'a>)> {
        self.value
            .as_object()
            .into_iter()
            .flatten()
            .map(|(key, value)| (key.as_str(), self.child(key, value)))
    }

    pub(super) fn text(&self) -> Option<&'a str> {
        match self.value {
            Value::String(text) => Some(text),
            _ => self.refuse("must_be_string", "must be a string"),
        }
    }

    /// A string that an application chose as an id.
    pub(super) fn id(&self, limit: usize) -> Option<String> {
        let id = self.text()?;
        let printable = id.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
        if printable && !id.is_empty() && id.len() <= limit {
            return Some(id.to_owned());
        }
        self.refuse("must_be_id", &format!("must be 1 to {limit} printable ASCII characters"))
    }

    pub(super) fn boolean(&self) -> Option<bool> {
        match self.value {
            Value::Bool(value) => Some(*value),
            _ => self.refuse("must_be_boolean", "must be true or false"),
        }
    }

    /// A whole number of at least `least` that fits the 32 bits Cronofy's integers have.
    pub(super) fn integer(&self, least: u32) -> Option<u32> {
        let number = self.value.as_i64().and_then(|number| i32::try_from(number).ok());
        match number.and_then(|number| u32::try_from(number).ok()).filter(|number| *number >= least) {
            Some(number) => Some(number),
            None => self.refuse("must_be_integer", &format!("must be a whole number of at least {least}")),
        }
    }

    /// One of the words that the wire knows here.
    pub(super) fn one_of<T: Copy>(&self, words: &[(&str, T)]) -> Option<T> {
        let text = self.text()?;
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
            return Some(*value);
        }
        let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        self.refuse("must_be_one_of", &format!("must be one of {}", known.join(", ")))
    }

    /// An instant: ISO 8601 with seconds and an offset, and no fraction of a second but zero.
    pub(super) fn time(&self) -> Option<Timestamp> {
        match time(self.text()?) {
            Some(time) => Some(time),
            None => {
                self.refuse("must_be_time", "must be a time such as 2026-11-24T09:30:00Z, in whole seconds")
            }
        }
    }

    /// The IANA name of a time zone.
    pub(super) fn time_zone(&self) -> Option<TimeZone> {
        match TimeZone::get(self.text()?) {
            Ok(time_zone) => Some(time_zone),
            Err(_) => self.refuse("must_be_tzid", "must be the IANA name of a time zone"),
        }
    }

    /// A value of another kind, for the few fields that are unions.
    pub(super) fn value(&self) -> &'a Value {
        self.value
    }

    fn child(&self, key: &str, value: &'a Value) -> Node<'a> {
        Node { value, name: join(&self.name, key), place: join(&self.place, key), errors: self.errors }
    }
}

fn join(parent: &str, key: &str) -> String {
    if parent.is_empty() { key.to_owned() } else { format!("{parent}.{key}") }
}

/// Stricter than the parser it ends in, which takes dates, local times and fractions too. A space may stand for the `T`,
/// as .NET's universal format has it.
fn time(text: &str) -> Option<Timestamp> {
    let (local, rest) = text.split_at_checked(19)?;
    let shape = |(position, byte): (usize, u8)| match position {
        4 | 7 => byte == b'-',
        10 => byte == b'T' || byte == b' ',
        13 | 16 => byte == b':',
        _ => byte.is_ascii_digit(),
    };
    let offset = match rest.strip_prefix('.') {
        Some(fraction) => {
            let offset = fraction.trim_start_matches('0');
            (offset.len() < fraction.len()).then_some(offset)?
        }
        None => rest,
    };
    let starts_well = offset == "Z" || offset.starts_with(['+', '-']);
    let offset_shape = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'Z' | b'+' | b'-' | b':');
    (local.bytes().enumerate().all(shape) && starts_well && offset.bytes().all(offset_shape))
        .then(|| format!("{local}{offset}").parse().ok())?
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn times_are_read_as_the_sdks_spell_them() {
        for text in [
            "2014-08-05T15:30:00Z",
            "2014-08-05 15:30:00Z",
            "2014-08-05T15:30:00.000Z",
            "2014-08-05T15:30:00+00:00",
            "2014-08-05T17:30:00+02:00",
        ] {
            assert_eq!(time(text).unwrap().to_string(), "2014-08-05T15:30:00Z", "{text}");
        }
        assert!(time("0000-12-29T00:00:00Z").is_some());
    }

    #[test]
    fn other_spellings_of_time_are_refused() {
        for text in [
            "",
            "2014-08-05",
            "2014-08-05T15:30Z",
            "2014-08-05T15:30:00",
            "2014-08-05T15:30:00.001Z",
            "2014-08-05T15:30:00.Z",
            "2014-08-05T25:30:00Z",
            "2014-08-05T15:30:00Z[Europe/London]",
            "2014-08-05T15:30:00é",
            "٢٠١٤-08-05T15:30:00Z",
        ] {
            assert_eq!(time(text), None, "{text}");
        }
    }

    #[test]
    fn errors_serialize_as_cronofy_shows_them() {
        let refused = read(&json!({}), |body| body.require("summary").map(|_| ())).unwrap_err();
        let expected =
            json!({"summary": [{"key": "errors.required", "description": "summary must be specified"}]});
        assert_eq!(serde_json::to_value(&refused).unwrap(), expected);
        assert_eq!(refused.to_string(), "summary must be specified");
    }

    #[test]
    fn a_body_that_is_not_an_object_is_refused() {
        for body in [json!([]), json!("x"), json!(null)] {
            let refused = read(&body, |_| Some(())).unwrap_err();
            assert_eq!(refused.iter().next().unwrap().0, "body");
        }
    }
}
