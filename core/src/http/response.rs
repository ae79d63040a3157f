//! Judges answers: a [`Reply`] for a success, an [`Error`] that says what to do for anything else. Pure.

use std::{
    collections::BTreeMap,
    fmt,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{Error, ErrorKind, FieldError, Result, operation::Paging};

/// What explains a failure is a few kilobytes; of what is longer only the status is believed.
const LARGEST_EXPLANATION: usize = 1 << 20;
/// A message says no more than this of it; [`Error::fields`] and [`Error::body`] have it all.
const LONGEST_MESSAGE: usize = 2_000;
const LONGEST_SAYING: usize = 500;

/// The answer to a call that succeeded. The body is as it was received.
#[derive(Clone)]
#[non_exhaustive]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The id that the server gave the request, if it gives any.
    pub request_id: Option<String>,
    /// The headers as they were received.
    pub headers: HeaderMap,
    /// The link to the next page of a reply that pages, if there is one.
    pub next_page: Option<String>,
    /// The body.
    pub body: Bytes,
}

impl Reply {
    /// Decodes the body.
    ///
    /// # Errors
    /// [`Decode`](ErrorKind::Decode) if it is not the JSON that was asked for; the body is kept in the error.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_slice(&self.body).map_err(|error| {
            Error::new(
                ErrorKind::Decode,
                format!(
                    "the answer is not what was expected (line {}, column {}); read `Reply::body`, and upgrade if Cronofy has changed",
                    error.line(),
                    error.column()
                ),
            )
            .with_status(self.status)
            .with_request_id(self.request_id.clone())
            .with_body(self.body.clone())
        })
    }
}

impl fmt::Debug for Reply {
    /// Everything but the content, which may hold tokens or personal data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply")
            .field("status", &self.status)
            .field("request_id", &self.request_id)
            .field("has_next_page", &self.next_page.is_some())
            .field("body", &format_args!("{} bytes", self.body.len()))
            .finish_non_exhaustive()
    }
}

/// Judges an answer of the API.
pub(crate) fn judge(
    what: &str,
    paging: Option<&Paging>,
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Reply> {
    if !status.is_success() {
        return Err(failure(what, status, &headers, &body));
    }
    let next_page = paging.and_then(|paging| next_page(paging, &body));
    Ok(Reply { status: status.as_u16(), request_id: request_id(&headers), headers, next_page, body })
}

/// Makes the error of an answer that is not a success.
pub(crate) fn failure(what: &str, status: StatusCode, headers: &HeaderMap, body: &Bytes) -> Error {
    let number = status.as_u16();
    let (kind, said) = match number {
        401 => (ErrorKind::Authorization, "the credential was not accepted (401)".to_owned()),
        402 => (ErrorKind::Plan, "your Cronofy plan doesn't include this (402); ask Cronofy to enable it".to_owned()),
        403 => (
            ErrorKind::Permission,
            "the authorization doesn't cover this (403); check the scope, and that the member belongs to the organization"
                .to_owned(),
        ),
        404 | 410 => (
            ErrorKind::NotFound,
            format!("there is no such thing, or this authorization can't see it ({number}); check the ids"),
        ),
        408 => (ErrorKind::Timeout, "the server gave up waiting (408); try again".to_owned()),
        422 => (ErrorKind::Invalid, "arguments were refused (422)".to_owned()),
        423 => (
            ErrorKind::Locked,
            "the account or profile can't be written to (423); ask its owner to reconnect the calendar".to_owned(),
        ),
        429 => (ErrorKind::RateLimited, "too many requests (429); wait, and spread calls out".to_owned()),
        300..=399 => (
            ErrorKind::Server,
            format!("the answer is a redirect ({number}), which is never followed; check the data center or base URL"),
        ),
        400..=499 => (ErrorKind::Invalid, format!("the request was refused ({number})")),
        _ => (ErrorKind::Server, format!("Cronofy failed ({number}); try again later")),
    };
    let mut message = format!("{what}: {said}");
    let mut error_code = None;
    let mut fields = BTreeMap::new();
    if body.len() <= LARGEST_EXPLANATION
        && let Ok(Value::Object(parsed)) = serde_json::from_slice::<Value>(body)
    {
        if let Some(code) = parsed.get("error").and_then(Value::as_str).filter(|code| is_word(code)) {
            error_code = Some(code.to_owned());
        }
        if let Some(errors) = parsed.get("errors") {
            fields = read_fields(errors);
        }
    }
    for (field, complaint) in fields.iter().flat_map(|(field, all)| all.iter().map(move |one| (field, one))) {
        if message.len() > LONGEST_MESSAGE {
            message.push_str("; …");
            break;
        }
        let said = if complaint.description.is_empty() { &complaint.key } else { &complaint.description };
        for part in ["; ", field, ": ", said] {
            message.extend(part.chars().take(LONGEST_SAYING));
        }
    }
    let error = Error::new(kind, message)
        .with_status(number)
        .with_request_id(request_id(headers))
        .with_retry_after(retry_after(headers, SystemTime::now()))
        .with_fields(fields)
        .with_body(body.clone());
    let error = if status.is_redirection() {
        error.with_code("unexpected_redirect").with_transient(false)
    } else {
        error
    };
    match error_code {
        Some(code) => error.with_code(code),
        None => error,
    }
}

/// The id of a request, as servers commonly name it.
pub(crate) fn request_id(headers: &HeaderMap) -> Option<String> {
    let value = headers.get("x-request-id")?.to_str().ok()?;
    (!value.is_empty() && value.len() <= 200).then(|| value.to_owned())
}

/// How long `Retry-After` asks to wait, in either of its two forms.
pub(crate) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let value = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = value.parse::<u32>() {
        return Some(Duration::from_secs(seconds.into()));
    }
    let until = httpdate::parse_http_date(value).ok()?;
    Some(until.duration_since(now).unwrap_or(Duration::ZERO))
}

/// Reads the link to the next page without decoding the items.
fn next_page(paging: &Paging, body: &[u8]) -> Option<String> {
    /// Walks down one path of a JSON document and skips everything beside it.
    struct Walk<'a>(&'a [&'a str]);

    impl<'de> serde::de::DeserializeSeed<'de> for Walk<'_> {
        type Value = Option<String>;

        fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
            if self.0.is_empty() {
                return Option::<String>::deserialize(deserializer);
            }
            deserializer.deserialize_any(self)
        }
    }

    impl<'de> serde::de::Visitor<'de> for Walk<'_> {
        type Value = Option<String>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_unit<E: serde::de::Error>(self) -> Result<Self::Value, E> {
            Ok(None)
        }

        fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut found = None;
            while let Some(key) = map.next_key::<std::borrow::Cow<'_, str>>()? {
                if self.0.first().is_some_and(|step| *step == key) {
                    found = map.next_value_seed(Walk(&self.0[1..]))?;
                } else {
                    map.next_value::<serde::de::IgnoredAny>()?;
                }
            }
            Ok(found)
        }
    }

    let path: Vec<&str> = paging.pages.iter().copied().chain(["next_page"]).collect();
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let found = serde::de::DeserializeSeed::deserialize(Walk(&path), &mut deserializer).ok()?;
    found.filter(|link| !link.is_empty())
}

/// Reads `{"field": [{"key", "description"}]}`, and forgives every other shape.
fn read_fields(errors: &Value) -> BTreeMap<String, Vec<FieldError>> {
    let Value::Object(errors) = errors else { return BTreeMap::new() };
    errors
        .iter()
        .map(|(field, complaints)| {
            let complaints = match complaints {
                Value::Array(items) => items.iter().map(read_field).collect(),
                other => vec![read_field(other)],
            };
            (field.clone(), complaints)
        })
        .collect()
}

fn read_field(complaint: &Value) -> FieldError {
    match complaint {
        Value::String(text) => FieldError::new("", text),
        other => {
            serde_json::from_value(other.clone()).unwrap_or_else(|_| FieldError::new("", other.to_string()))
        }
    }
}

fn is_word(code: &str) -> bool {
    (1..=64).contains(&code.len())
        && code.bytes().all(|octet| octet.is_ascii_alphanumeric() || b"_.-".contains(&octet))
}
