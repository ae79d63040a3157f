//! Turns an operation and its arguments into a request. Pure: no I/O, no clock.

use std::fmt;

use bytes::Bytes;
use http::{HeaderValue, Uri};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value};
use url::Url;
use zeroize::{Zeroize, Zeroizing};

use crate::{
    Error, ErrorKind, Result,
    config::Endpoints,
    operation::{Constant, Method, Operation, Place},
    secret::{self, Secret},
    shape,
};

/// Everything but RFC 3986's unreserved characters, so that no value can leave its place in a URL.
pub(crate) const STRICT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A request that needs only its credential.
#[derive(Clone)]
pub(crate) struct Prepared {
    pub(crate) method: http::Method,
    pub(crate) uri: Uri,
    /// JSON.
    pub(crate) body: Option<Bytes>,
}

impl fmt::Debug for Prepared {
    /// Neither the query nor the body, which may hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prepared")
            .field("method", &self.method)
            .field("path", &self.uri.path())
            .finish_non_exhaustive()
    }
}

/// The application's credentials, for the operations that carry them in the body.
pub(crate) struct BodyCredentials<'a> {
    pub(crate) client_id: &'a str,
    pub(crate) client_secret: &'a Secret,
}

impl From<Method> for http::Method {
    fn from(method: Method) -> Self {
        match method {
            Method::Get => Self::GET,
            Method::Post => Self::POST,
            Method::Delete => Self::DELETE,
        }
    }
}

/// Builds the request of an operation.
///
/// # Errors
/// [`Invalid`](ErrorKind::Invalid), naming every argument that is wrong.
pub(crate) fn build(
    operation: &Operation,
    mut arguments: Map<String, Value>,
    extra: &Map<String, Value>,
    credentials: Option<&BodyCredentials<'_>>,
    endpoints: &Endpoints,
) -> Result<Prepared> {
    shape::check_arguments(operation, &arguments)?;
    let mut target = address(operation, &mut arguments, endpoints)?;
    let mut query = String::new();
    for argument in operation.arguments.iter().filter(|argument| argument.place == Place::Query) {
        if let Some(value) = arguments.remove(argument.name) {
            append_query(&mut query, argument.name, &value);
        }
    }
    for (name, constant) in operation.constants {
        arguments.insert((*name).to_owned(), constant.to_value());
    }
    let body = if operation.method == Method::Get {
        for (name, value) in extra {
            append_query(&mut query, name, value);
        }
        None
    } else {
        arguments.extend(extra.iter().map(|(name, value)| (name.clone(), value.clone())));
        body_of(operation.method, arguments, credentials)?
    };
    if !query.is_empty() {
        target.push(if target.contains('?') { '&' } else { '?' });
        target.push_str(&query);
    }
    Ok(Prepared { method: operation.method.into(), uri: uri(target)?, body })
}

/// Builds a request for a path that no operation describes.
///
/// # Errors
/// [`Invalid`](ErrorKind::Invalid) if the path does not begin with `/v1/`, or leaves it; for a method that opens a tunnel, or
/// has credentials sent back.
pub(crate) fn build_raw(
    method: http::Method,
    path: &str,
    query: &[(String, String)],
    body: Option<&Value>,
    endpoints: &Endpoints,
) -> Result<Prepared> {
    if matches!(method, http::Method::CONNECT | http::Method::TRACE) {
        return Err(Error::invalid("method", "must be one that asks for something of the API, like GET"));
    }
    let refuse = || Error::invalid("path", "must begin with /v1/ and stay below it, like /v1/events");
    // An encoded slash or dot is a path of its own to us, and may be another to what stands before the server.
    let hidden = ["%2f", "%5c", "%2e"].iter().any(|hidden| path.to_ascii_lowercase().contains(hidden));
    if !path.starts_with("/v1/")
        || hidden
        || path.contains(['\\', '#', '?'])
        || path.chars().any(char::is_control)
    {
        return Err(refuse());
    }
    let mut url = Url::parse(&format!("{}{path}", endpoints.api)).map_err(|_| refuse())?;
    if !url.path().starts_with("/v1/") || !endpoints.serves(&url) {
        return Err(refuse());
    }
    if !query.is_empty() {
        let mut text = String::new();
        for (name, value) in query {
            append_pair(&mut text, name, value);
        }
        url.set_query(Some(&text));
    }
    let body = body.map(to_json).transpose()?;
    Ok(Prepared { method, uri: uri(url.into())?, body })
}

/// Builds the request for a link that Cronofy returned: only if it stays on the API.
///
/// # Errors
/// [`Invalid`](ErrorKind::Invalid), naming `field`, for any other link. Credentials never follow it.
pub(crate) fn build_link(
    method: http::Method,
    field: &str,
    link: &str,
    endpoints: &Endpoints,
) -> Result<Prepared> {
    let url = Url::parse(link).ok().filter(|url| endpoints.serves(url) && url.path().starts_with("/v1/"));
    let Some(uri) = url.and_then(|url| uri(url.into()).ok()) else {
        return Err(Error::invalid(
            field,
            "does not lead to Cronofy's API, so it was not followed; pass the link exactly as Cronofy returned it",
        ));
    };
    Ok(Prepared { method, uri, body: None })
}

/// Reads what was put together from an origin that was checked and values that were encoded.
fn uri(target: String) -> Result<Uri> {
    Uri::from_maybe_shared(Bytes::from(target)).map_err(|_| {
        Error::invalid(
            "path",
            "does not make a URL of at most 65,534 characters; pass fewer or shorter values",
        )
    })
}

/// Checks that a text can be a header's value, before it is used as one.
pub(crate) fn header(field: &str, value: &str) -> Result<HeaderValue> {
    HeaderValue::from_str(value).ok().filter(|_| is_visible(value)).ok_or_else(|| not_visible(field))
}

/// `Authorization: Bearer …`, marked so that no log shows it, and erased when it is dropped.
pub(crate) fn bearer(token: &Secret) -> Result<HeaderValue> {
    let refuse = || not_visible("access_token");
    if !is_visible(token.expose()) {
        return Err(refuse());
    }
    let text = Bytes::from_owner(Zeroizing::new(["Bearer ", token.expose()].concat()));
    let mut value = HeaderValue::from_maybe_shared(text).map_err(|_| refuse())?;
    value.set_sensitive(true);
    Ok(value)
}

fn is_visible(text: &str) -> bool {
    text.bytes().all(|octet| octet == b' ' || octet.is_ascii_graphic())
}

fn not_visible(field: &str) -> Error {
    Error::invalid(field, "must be visible ASCII without line breaks, since it is sent in a header")
}

pub(crate) fn to_json(value: &impl serde::Serialize) -> Result<Bytes> {
    serde_json::to_vec(value).map(Bytes::from).map_err(not_json)
}

fn not_json(error: serde_json::Error) -> Error {
    Error::new(ErrorKind::Invalid, "the arguments can't be written as JSON; check for maps with odd keys")
        .with_source(error)
}

fn address(
    operation: &Operation,
    arguments: &mut Map<String, Value>,
    endpoints: &Endpoints,
) -> Result<String> {
    if let Some(name) = operation.path.strip_prefix('{').and_then(|path| path.strip_suffix('}')) {
        let link = arguments.remove(name);
        let link = link.as_ref().and_then(Value::as_str).unwrap_or_default();
        return build_link(operation.method.into(), name, link, endpoints)
            .map(|prepared| prepared.uri.to_string());
    }
    let mut target = String::with_capacity(endpoints.api.len() + operation.path.len() + 64);
    target.push_str(&endpoints.api);
    let mut rest = operation.path;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}').unwrap_or((after, ""));
        target.push_str(before);
        let value = arguments.remove(name);
        let text = value.as_ref().and_then(Value::as_str).unwrap_or_default();
        if text.is_empty() || text == "." || text == ".." {
            return Err(Error::invalid(name, "must be an id; it becomes a part of the path"));
        }
        target.extend(utf8_percent_encode(text, STRICT));
        rest = after;
    }
    target.push_str(rest);
    Ok(target)
}

fn body_of(
    method: Method,
    mut fields: Map<String, Value>,
    credentials: Option<&BodyCredentials<'_>>,
) -> Result<Option<Bytes>> {
    if let Some(credentials) = credentials {
        fields.insert("client_id".to_owned(), credentials.client_id.into());
        fields.insert("client_secret".to_owned(), credentials.client_secret.expose().into());
        let text = secret::to_json(&fields).map_err(not_json);
        if let Some(Value::String(secret)) = fields.get_mut("client_secret") {
            secret.zeroize();
        }
        return text.map(|text| Some(Bytes::from_owner(text)));
    }
    // A DELETE that says nothing has no body; a POST always has one, so that its content type is never in doubt.
    if fields.is_empty() && method == Method::Delete {
        return Ok(None);
    }
    to_json(&fields).map(Some)
}

fn append_query(query: &mut String, name: &str, value: &Value) {
    match value {
        Value::Null => {}
        Value::Array(items) => {
            let name = format!("{name}[]");
            for item in items {
                append_query(query, &name, item);
            }
        }
        Value::String(text) => append_pair(query, name, text),
        other => append_pair(query, name, &other.to_string()),
    }
}

pub(crate) fn append_pair(query: &mut String, name: &str, value: &str) {
    if !query.is_empty() {
        query.push('&');
    }
    query.extend(utf8_percent_encode(name, STRICT));
    query.push('=');
    query.extend(utf8_percent_encode(value, STRICT));
}

impl Constant {
    fn to_value(self) -> Value {
        match self {
            Self::Text(text) => Value::from(text),
            Self::Boolean(value) => Value::from(value),
        }
    }
}
