//! Takes Python's values for the core's types: durations, ids, JSON.

use std::{ops::Deref, time::Duration};

use jiff::Timestamp;
use orgconnect::ConnectionId;
use pyo3::{
    intern,
    prelude::*,
    types::{PyDateTime, PyString, PyTzInfo},
};
use serde_json::{Map, Value};

use crate::error::{Raise, noticed, refused};

/// Text. Python's may hold half of a surrogate pair, which can't be encoded, and its own exception for that shows the text,
/// which may be a secret.
#[derive(Clone, Copy)]
pub(crate) struct Text<'a>(&'a str);

impl<'a> FromPyObject<'a, '_> for Text<'a> {
    type Error = PyErr;

    fn extract(value: Borrowed<'a, '_, PyAny>) -> PyResult<Self> {
        let text = <&str>::extract(value);
        let is_halved = text.is_err() && value.is_instance_of::<PyString>();
        text.map(Self)
            .map_err(|error| if is_halved { noticed(value.py(), "invalid", HALVED, None) } else { error })
    }
}

const HALVED: &str = "a text can't be encoded: it holds half of a character, a surrogate without its pair";

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        self.0
    }
}

impl From<Text<'_>> for String {
    fn from(text: Text<'_>) -> Self {
        text.0.to_owned()
    }
}

/// A value of the type that a setting has; `wanted` says what may be given.
pub(crate) fn taken<'py, T>(kind: &str, field: &str, value: &Bound<'py, PyAny>, wanted: &str) -> PyResult<T>
where
    T: for<'a> FromPyObject<'a, 'py>,
{
    value.extract().map_err(|_| refused(value.py(), kind, field, wanted))
}

/// A length of time: seconds, or a `timedelta`.
pub(crate) fn duration(field: &str, value: &Bound<'_, PyAny>) -> PyResult<Duration> {
    let py = value.py();
    let refuse =
        || refused(py, "config", field, "must be a number of seconds or a timedelta, and not negative");
    let seconds = match value.extract::<f64>() {
        Ok(seconds) => seconds,
        Err(_) => value
            .call_method0(intern!(py, "total_seconds"))
            .and_then(|seconds| seconds.extract())
            .map_err(|_| refuse())?,
    };
    Duration::try_from_secs_f64(seconds).map_err(|_| refuse())
}

/// A length of time, if there is one.
pub(crate) fn optional_duration(field: &str, value: Option<&Bound<'_, PyAny>>) -> PyResult<Option<Duration>> {
    value.map(|value| duration(field, value)).transpose()
}

/// When something is, as a `datetime` in UTC.
pub(crate) fn time(py: Python<'_>, at: Timestamp) -> PyResult<Bound<'_, PyDateTime>> {
    let utc = PyTzInfo::utc(py)?;
    let seconds = Duration::from_micros(at.as_microsecond().unsigned_abs()).as_secs_f64();
    PyDateTime::from_timestamp(py, if at.as_microsecond() < 0 { -seconds } else { seconds }, Some(&utc))
}

/// The instant that a `datetime` is.
pub(crate) fn instant(field: &str, value: &Bound<'_, PyAny>) -> PyResult<Timestamp> {
    let py = value.py();
    let refuse = || {
        refused(
            py,
            "invalid",
            field,
            "must be a datetime with a time zone, such as datetime.now(timezone.utc)",
        )
    };
    if value.getattr(intern!(py, "tzinfo")).map_err(|_| refuse())?.is_none() {
        return Err(refuse());
    }
    let text: String = value.call_method0(intern!(py, "isoformat"))?.extract()?;
    text.parse().map_err(|_| refuse())
}

/// A connection's name.
pub(crate) fn connection_id(py: Python<'_>, id: &str) -> PyResult<ConnectionId> {
    ConnectionId::new(id).or_raise(py)
}

/// The text of a JSON object.
pub(crate) fn object(py: Python<'_>, field: &str, text: &[u8]) -> PyResult<Map<String, Value>> {
    serde_json::from_slice(text).map_err(|_| refused(py, "invalid", field, "must be one JSON object"))
}

/// A value as the text of JSON.
pub(crate) fn json(value: &impl serde::Serialize) -> Vec<u8> {
    // Maps with text for keys always have a text.
    serde_json::to_vec(value).unwrap_or_default()
}
