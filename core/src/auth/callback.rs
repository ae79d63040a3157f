//! The callback: takes what the browser brought back, and decides, without any request, whether it answers the
//! authorization that is pending.
//!
//! Sources: RFC 6749 sections 4.1.2 and 10.12; RFC 9207 section 2.4; RFC 9700 sections 4.4 and 4.7.

use std::fmt;

use jiff::Timestamp;
use subtle::ConstantTimeEq;
use url::{Url, form_urlencoded};

use super::authorize::PendingAuthorization;
use crate::{Error, Result, config::Endpoints, secret::Secret};

/// Longer ones are no callback of Cronofy's.
const LONGEST: usize = 16 * 1024;

/// What came back on the redirect: a full URL, a query string, or its parameters.
///
/// A full URL is checked against the redirect URI. Behind a proxy that rewrites URLs pass the query string alone.
pub struct Callback {
    /// The URL without its query, if one was given.
    location: Option<String>,
    parameters: Result<Vec<(String, String)>>,
}

impl Callback {
    pub(super) fn parameters(self) -> Result<Vec<(String, String)>> {
        self.parameters
    }

    /// Takes decoded parameters, every occurrence of each.
    pub fn from_parameters<N: Into<String>, V: Into<String>>(
        parameters: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        let parameters = parameters.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        Self { location: None, parameters: Ok(parameters) }
    }

    fn from_text(text: &str) -> Self {
        let failed = |why: &str| Self { location: None, parameters: Err(malformed(why)) };
        if text.len() > LONGEST {
            return failed("is longer than any callback");
        }
        if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return failed("holds blanks or control characters");
        }
        // What begins with `name=` is a query string, whatever addresses its values hold.
        let name = text.split('=').next().filter(|name| name.len() < text.len()).unwrap_or_default();
        let bare = !name.is_empty() && !name.contains(['?', '/', ':']);
        let (location, query) = match text.split_once('?') {
            _ if bare => ("", text),
            Some((location, query)) => (location, query),
            None => return failed("has no query"),
        };
        // Some servers add an empty fragment; one that carries parameters was not sent to a code redirect.
        let (query, fragment) = query.split_once('#').unwrap_or((query, ""));
        if fragment.contains('=') && fragment != "_=_" {
            return failed("carries parameters in its fragment");
        }
        let location = match location {
            "" => None,
            path if path.starts_with('/') => None,
            url => match Url::parse(url) {
                Ok(_) => Some(url.to_owned()),
                Err(_) => return failed("is not a URL"),
            },
        };
        let parameters = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        Self { location, parameters: Ok(parameters) }
    }
}

impl From<&str> for Callback {
    fn from(text: &str) -> Self {
        Self::from_text(text)
    }
}

impl From<String> for Callback {
    fn from(text: String) -> Self {
        Self::from_text(&text)
    }
}

impl From<&String> for Callback {
    fn from(text: &String) -> Self {
        Self::from_text(text)
    }
}

impl From<&Url> for Callback {
    fn from(url: &Url) -> Self {
        Self::from_text(url.as_str())
    }
}

impl fmt::Debug for Callback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Callback").field("location", &self.location).finish_non_exhaustive()
    }
}

/// Checks a callback against the pending authorization, and takes the code out of it.
///
/// # Errors
/// [`Authorization`](crate::ErrorKind::Authorization) with a code: `callback_malformed`, `state_missing`,
/// `state_mismatch`, `state_expired`, `issuer_mismatch`, `client_mismatch`, `redirect_mismatch`, or the `error` that
/// Cronofy sent, such as `access_denied`.
pub(crate) fn read(
    callback: Callback,
    pending: &PendingAuthorization,
    client_id: &str,
    endpoints: &Endpoints,
    now: Timestamp,
) -> Result<Secret> {
    let fields = &pending.fields;
    if fields.client_id != client_id || fields.endpoints != endpoints.name {
        return Err(again(
            "client_mismatch",
            "pending",
            "the authorization was begun for another application or data center; complete it with the client that began it",
        ));
    }
    let parameters = callback.parameters?;
    if let Some(location) = &callback.location
        && !same_place(location, &fields.redirect_uri)
    {
        return Err(again(
            "redirect_mismatch",
            "callback",
            "the callback came to another address than the redirect URI; pass the query string alone if a proxy rewrites URLs",
        ));
    }
    let state = single(&parameters, "state")?.unwrap_or_default();
    if state.is_empty() {
        return Err(again(
            "state_missing",
            "state",
            "the callback has no state; it was not caused by this authorization",
        ));
    }
    if !bool::from(state.as_bytes().ct_eq(fields.state.as_bytes())) {
        return Err(again(
            "state_mismatch",
            "state",
            "the state is not that of this session's authorization; it may be forged or from another tab",
        ));
    }
    if now.as_millisecond() >= fields.expires_at_ms {
        return Err(again("state_expired", "state", "the authorization was begun too long ago"));
    }
    if let Some(issuer) = single(&parameters, "iss")?
        && issuer != endpoints.app
        && issuer != endpoints.api
    {
        return Err(again(
            "issuer_mismatch",
            "iss",
            "the callback names another issuer than this data center",
        ));
    }
    let (code, error) = (single(&parameters, "code")?, single(&parameters, "error")?);
    match (code, error) {
        (Some(code), None) if is_code(code) => Ok(Secret::from(code)),
        (Some(_), None) => Err(malformed("has a code that is not 1 to 512 visible ASCII characters")),
        (None, Some(error)) => Err(refusal(error)),
        (Some(_), Some(_)) => Err(malformed("has both a code and an error")),
        (None, None) => Err(malformed("has neither a code nor an error")),
    }
}

/// A parameter that may be there once. A doubled one is a sign of tampering: two readers would read two values.
pub(super) fn single<'a>(parameters: &'a [(String, String)], name: &str) -> Result<Option<&'a str>> {
    let mut values = parameters.iter().filter(|(found, _)| found == name).map(|(_, value)| value.as_str());
    match (values.next(), values.next()) {
        (value, None) => Ok(value),
        _ => Err(malformed(&format!("has the parameter `{name}` more than once"))),
    }
}

pub(super) fn is_code(code: &str) -> bool {
    (1..=512).contains(&code.len()) && code.bytes().all(|octet| octet.is_ascii_graphic())
}

/// Scheme, host, port and path; the redirect URI's own query may have been added to.
pub(super) fn same_place(location: &str, redirect_uri: &str) -> bool {
    match (Url::parse(location), Url::parse(redirect_uri)) {
        (Ok(a), Ok(b)) => a.origin() == b.origin() && a.path() == b.path() && a.username().is_empty(),
        _ => false,
    }
}

pub(super) fn refusal(error: &str) -> Error {
    // RFC 6749 section 4.1.2.1: visible ASCII; anything else is not repeated in a message.
    let fits = (1..=64).contains(&error.len())
        && error.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b'_' || octet == b'-');
    let code = if fits { error } else { "authorization_failed" };
    let message = match code {
        "access_denied" => {
            "the owner denied the authorization (access_denied); explain why it is needed and offer to try again".to_owned()
        }
        "server_error" | "temporarily_unavailable" => {
            format!("Cronofy could not carry out the authorization ({code}); try again later")
        }
        _ => format!("Cronofy refused the authorization request ({code}); check scope, redirect URI and application"),
    };
    let transient = matches!(code, "server_error" | "temporarily_unavailable");
    Error::authorization(code, message).reauthorize().with_transient(transient)
}

pub(super) fn malformed(why: &str) -> Error {
    Error::authorization(
        "callback_malformed",
        format!("the callback {why}; pass the URL or query string exactly as the browser brought it"),
    )
    .with_field("callback", "errors.invalid", why)
}

pub(super) fn again(code: &str, field: &str, why: &str) -> Error {
    Error::authorization(code, format!("{why}; nothing was sent; send the owner through authorize again"))
        .with_field(field, "errors.invalid", why)
        .reauthorize()
}
