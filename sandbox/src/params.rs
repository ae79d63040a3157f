//! Reads the parameters of a call, from JSON, a form or a query alike, and gathers what is wrong with them by field.

use serde_json::{Map, Value};

use crate::errors::{ApiResult, FieldErrors};
use crate::world::applications::web_address;
use crate::world::event_time::{EventTime, time_zone};

/// Parameters, and what was wrong with those that were read. A parameter that is null or wrong reads as absent; the
/// error is returned by [`Params::finish`], so all fields are judged before the first reply.
pub(crate) struct Params<'a> {
    fields: Option<&'a Map<String, Value>>,
    /// What stands before the names in errors: `start.` and the like.
    prefix: String,
    pub(crate) errors: FieldErrors,
}

impl<'a> Params<'a> {
    pub(crate) fn new(value: &'a Value) -> Self {
        Self { fields: value.as_object(), prefix: String::new(), errors: FieldErrors::default() }
    }

    /// Parameters of an object inside a parameter.
    pub(crate) fn within(value: &'a Value, name: &str) -> Self {
        Self { prefix: format!("{name}."), ..Self::new(value) }
    }

    /// Whether the parameter was sent, even as null.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.fields.is_some_and(|fields| fields.contains_key(name))
    }

    /// The parameter as it was sent, unless it is null.
    pub(crate) fn value(&self, name: &str) -> Option<&'a Value> {
        self.fields?.get(name).filter(|value| !value.is_null())
    }

    pub(crate) fn wrong(&mut self, name: &str, key: &str, description: &str) {
        self.errors.add(&format!("{}{name}", self.prefix), key, &format!("{name} {description}"));
    }

    pub(crate) fn text(&mut self, name: &str, longest: usize) -> Option<String> {
        let value = self.value(name)?;
        let Some(text) = value.as_str() else {
            self.wrong(name, "must_be_string", "must be a string");
            return None;
        };
        if text.chars().count() > longest {
            self.wrong(name, "too_long", &format!("must be at most {longest} characters"));
            return None;
        }
        Some(text.to_owned())
    }

    /// A text that must be there and not be empty.
    pub(crate) fn required_text(&mut self, name: &str, longest: usize) -> Option<String> {
        let missing = self.value(name).is_none_or(|value| value.as_str() == Some(""));
        if missing {
            self.wrong(name, "required", "must be specified");
            return None;
        }
        self.text(name, longest)
    }

    /// An http or https address that must be there.
    pub(crate) fn required_address(&mut self, name: &str) -> Option<String> {
        let address = self.required_text(name, 8192)?;
        if web_address(&address).is_some() {
            return Some(address);
        }
        self.wrong(name, "invalid", "must be an http or https address");
        None
    }

    /// A duration in minutes: `hours`, `minutes` or both, the minutes below 60 beside hours.
    pub(crate) fn duration(&mut self, name: &str) -> Option<i64> {
        const LONGEST: i64 = i32::MAX as i64 / 60;
        let value = self.object(name)?;
        let mut inner = Params::within(value, &format!("{}{name}", self.prefix));
        let has_hours = inner.value("hours").is_some();
        let hours = inner.integer("hours", 0..=LONGEST);
        let minutes = inner.integer("minutes", 0..=if has_hours { 59 } else { LONGEST });
        if !has_hours && inner.value("minutes").is_none() {
            inner.wrong("minutes", "required", "or hours must be specified");
        }
        let is_right = inner.errors.is_empty();
        self.absorb(inner);
        is_right.then(|| hours.unwrap_or(0) * 60 + minutes.unwrap_or(0))
    }

    /// `true` and `false`, or in queries and forms the same words in any case.
    pub(crate) fn boolean(&mut self, name: &str) -> Option<bool> {
        let value = self.value(name)?;
        let read = match value {
            Value::Bool(value) => Some(*value),
            Value::String(text) if text.eq_ignore_ascii_case("true") => Some(true),
            Value::String(text) if text.eq_ignore_ascii_case("false") => Some(false),
            _ => None,
        };
        if read.is_none() {
            self.wrong(name, "must_be_boolean", "must be true or false");
        }
        read
    }

    /// A whole number in a range, or in queries and forms its digits.
    pub(crate) fn integer(&mut self, name: &str, range: std::ops::RangeInclusive<i64>) -> Option<i64> {
        let value = self.value(name)?;
        let read = match value {
            Value::String(text) => text.parse().ok(),
            value => value.as_i64(),
        };
        let read = read.filter(|number| range.contains(number));
        if read.is_none() {
            let (least, most) = (range.start(), range.end());
            self.wrong(name, "invalid", &format!("must be a whole number from {least} to {most}"));
        }
        read
    }

    /// One of several words.
    pub(crate) fn choice(&mut self, name: &str, words: &[&str]) -> Option<String> {
        let text = self.text(name, usize::MAX)?;
        if words.contains(&text.as_str()) {
            return Some(text);
        }
        self.wrong(name, "invalid", &format!("must be one of {}", words.join(", ")));
        None
    }

    pub(crate) fn list(&mut self, name: &str, most: usize) -> Option<&'a [Value]> {
        let Some(items) = self.value(name)?.as_array() else {
            self.wrong(name, "must_be_array", "must be an array");
            return None;
        };
        if items.len() > most {
            self.wrong(name, "too_many", &format!("must have at most {most} items"));
            return None;
        }
        Some(items)
    }

    /// A list of texts; in a query a single one may stand without brackets.
    pub(crate) fn texts(&mut self, name: &str, most: usize) -> Option<Vec<String>> {
        if let Some(Value::String(one)) = self.value(name) {
            return Some(vec![one.clone()]);
        }
        let items = self.list(name, most)?;
        let texts: Option<Vec<_>> = items.iter().map(|item| item.as_str().map(str::to_owned)).collect();
        if texts.is_none() {
            self.wrong(name, "must_be_array", "must be an array of strings");
        }
        texts
    }

    pub(crate) fn object(&mut self, name: &str) -> Option<&'a Value> {
        let value = self.value(name)?;
        if value.is_object() {
            return Some(value);
        }
        self.wrong(name, "must_be_object", "must be an object");
        None
    }

    /// When something starts or ends: a date, a time or `{time, tzid}`.
    pub(crate) fn event_time(&mut self, name: &str) -> Option<EventTime> {
        match EventTime::read(self.value(name)?) {
            Ok(time) => Some(time),
            Err(error) => {
                let (key, description) = error.describe();
                self.wrong(name, key, description);
                None
            }
        }
    }

    pub(crate) fn time_zone(&mut self, name: &str) -> Option<String> {
        let tzid = self.text(name, 100)?;
        if time_zone(&tzid).is_some() {
            return Some(tzid);
        }
        self.wrong(name, "invalid_tzid", "must be an IANA time zone");
        None
    }

    /// Takes over the errors of parameters inside a parameter.
    pub(crate) fn absorb(&mut self, inner: Params<'_>) {
        self.errors.absorb(inner.errors);
    }

    /// Ok where everything that was read is right.
    pub(crate) fn finish(self) -> ApiResult<()> {
        self.errors.finish()
    }
}
