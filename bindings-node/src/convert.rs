//! Durations and times, which are milliseconds in JavaScript, and JSON objects, which are text.

use std::time::Duration;

use jiff::Timestamp;
use orgconnect::{CallOptions, Error, Result};
use serde_json::{Map, Value};

/// A duration. What is less than nothing is nothing, and what is longer than can be said is the longest there is: the core
/// refuses both where they make no sense.
pub(crate) fn duration(milliseconds: f64) -> Duration {
    if milliseconds.is_nan() || milliseconds <= 0.0 {
        return Duration::ZERO;
    }
    Duration::try_from_secs_f64(milliseconds / 1000.0).unwrap_or(Duration::MAX)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "JavaScript counts milliseconds in doubles, exactly for 285,000 years"
)]
pub(crate) fn milliseconds(at: Timestamp) -> f64 {
    at.as_millisecond() as f64
}

/// A point in time, cut at the ends of what can be said.
#[expect(clippy::cast_possible_truncation, reason = "a cast of a double saturates")]
pub(crate) fn timestamp(milliseconds: f64) -> Timestamp {
    let whole = milliseconds as i64;
    Timestamp::from_millisecond(whole).unwrap_or(if whole < 0 { Timestamp::MIN } else { Timestamp::MAX })
}

/// A JSON object. TypeScript has just written it, and may write what is none: a list, half a character, too many levels.
pub(crate) fn object(field: &str, text: &str) -> Result<Map<String, Value>> {
    serde_json::from_str(text).map_err(|_| {
        Error::invalid(
            field,
            "must be an object of at most 127 levels, in whose texts no half of a surrogate pair stands alone",
        )
    })
}

/// How a call is carried out.
pub(crate) fn call_options(
    timeout: Option<f64>,
    attempts: Option<f64>,
    extra: Option<String>,
) -> Result<CallOptions> {
    let mut options = CallOptions::new();
    options.timeout = timeout.map(duration);
    options.attempts = attempts.map(count);
    if let Some(extra) = extra {
        options.extra = object("extra", &extra)?;
    }
    Ok(options)
}

/// A count, cut at the ends of what can be said.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a cast of a double saturates")]
pub(crate) fn count(number: f64) -> u32 {
    number as u32
}

/// A method of HTTP.
pub(crate) fn method(text: &str) -> Result<http::Method> {
    text.parse().map_err(|_| Error::invalid("method", "is no method of HTTP; write it like GET"))
}
