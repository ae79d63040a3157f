//! The one error type of the crate. Its kind says what the caller should do; its message says what happened and ends
//! with what to do next, and never holds a secret or a query string.

use std::{borrow::Cow, collections::BTreeMap, error::Error as StdError, fmt, sync::Arc, time::Duration};

use bytes::Bytes;

/// The result of every fallible call of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, what it means and what to do about it.
///
/// Cheap to clone: many callers may wait for one refresh, and all of them receive its error.
///
/// ```
/// # fn handle(error: orgconnect::Error) {
/// use orgconnect::ErrorKind;
/// match error.kind() {
///     ErrorKind::Authorization if error.needs_reauthorization() => println!("send the owner through authorize again"),
///     ErrorKind::RateLimited => println!("wait {:?}", error.retry_after()),
///     _ if error.is_transient() => println!("try again later"),
///     _ => println!("{error}"),
/// }
/// # }
/// ```
#[derive(Clone)]
pub struct Error(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    message: Cow<'static, str>,
    status: Option<u16>,
    code: Option<String>,
    needs_reauthorization: bool,
    transient: bool,
    retry_after: Option<Duration>,
    request_id: Option<String>,
    fields: BTreeMap<String, Vec<FieldError>>,
    body: Option<Bytes>,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

/// What the caller should do about an [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The client is set up wrongly: mend the configuration.
    Config,
    /// Nobody is authorized: if [`Error::needs_reauthorization`], send the owner through `authorize` again.
    Authorization,
    /// Somebody is authorized, but not for this: ask for the scope or the permission that is missing.
    Permission,
    /// What was asked for does not exist, or is not visible to this authorization.
    NotFound,
    /// An argument is wrong: [`Error::fields`] names it.
    Invalid,
    /// Too many requests: wait for [`Error::retry_after`].
    RateLimited,
    /// The account or profile can't be written to now: ask its owner to reconnect it.
    Locked,
    /// The plan of the application doesn't include the feature.
    Plan,
    /// Cronofy failed: try again later.
    Server,
    /// Cronofy could not be reached, or the connection broke.
    Network,
    /// The deadline passed before an answer was there.
    Timeout,
    /// The answer could not be understood.
    Decode,
    /// The token store failed or is not readable.
    Store,
}

/// One complaint about one field.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct FieldError {
    /// A stable key, for example `errors.required`.
    #[serde(default)]
    pub key: String,
    /// A sentence for people.
    #[serde(default)]
    pub description: String,
}

impl FieldError {
    /// Makes a complaint from its key and its sentence.
    pub fn new(key: impl Into<String>, description: impl Into<String>) -> Self {
        Self { key: key.into(), description: description.into() }
    }
}

impl ErrorKind {
    /// The name of the kind, the same in every language of this SDK.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Config => "config",
            Self::Authorization => "authorization",
            Self::Permission => "permission",
            Self::NotFound => "not_found",
            Self::Invalid => "invalid",
            Self::RateLimited => "rate_limited",
            Self::Locked => "locked",
            Self::Plan => "plan",
            Self::Server => "server",
            Self::Network => "network",
            Self::Timeout => "timeout",
            Self::Decode => "decode",
            Self::Store => "store",
        }
    }

    const fn is_transient(self) -> bool {
        matches!(self, Self::RateLimited | Self::Server | Self::Network | Self::Timeout)
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Error {
    /// What the caller should do.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// What happened, and what to do next.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The HTTP status, when an answer was received.
    pub fn status(&self) -> Option<u16> {
        self.0.status
    }

    /// A stable word for the exact reason, for example `invalid_grant`, `access_denied` or `state_mismatch`.
    pub fn code(&self) -> Option<&str> {
        self.0.code.as_deref()
    }

    /// Whether only a new authorization by the owner can help.
    pub fn needs_reauthorization(&self) -> bool {
        self.0.needs_reauthorization
    }

    /// Whether the same call may succeed later without any change.
    pub fn is_transient(&self) -> bool {
        self.0.transient
    }

    /// How long to wait before the next try, when that is known.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// The id that the server gave the request, to quote to support.
    pub fn request_id(&self) -> Option<&str> {
        self.0.request_id.as_deref()
    }

    /// The complaints by field, with the wire name of the argument (dotted for nested ones).
    pub fn fields(&self) -> &BTreeMap<String, Vec<FieldError>> {
        &self.0.fields
    }

    /// The body of the answer, as received. Answers of the token endpoint are never kept.
    pub fn body(&self) -> Option<&[u8]> {
        self.0.body.as_deref()
    }

    pub(crate) fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self(Arc::new(Inner {
            kind,
            message: plain(message.into()),
            status: None,
            code: None,
            needs_reauthorization: false,
            transient: kind.is_transient(),
            retry_after: None,
            request_id: None,
            fields: BTreeMap::new(),
            body: None,
            source: None,
        }))
    }

    /// A setting that can't be used. For packages of other languages, whose values may not even be of the right type.
    pub fn config(field: &str, message: impl fmt::Display) -> Self {
        Self::new(ErrorKind::Config, format!("{field}: {message}")).with_field(
            field,
            "errors.invalid",
            message,
        )
    }

    /// An argument that can't be used. For packages of other languages, whose values may not even be of the right type.
    pub fn invalid(field: &str, message: impl fmt::Display) -> Self {
        Self::new(ErrorKind::Invalid, format!("{field}: {message}")).with_field(
            field,
            "errors.invalid",
            message,
        )
    }

    pub(crate) fn authorization(code: &str, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::Authorization, message).with_code(code)
    }

    fn edit(mut self, edit: impl FnOnce(&mut Inner)) -> Self {
        edit(Arc::make_mut(&mut self.0));
        self
    }

    pub(crate) fn with_status(self, status: u16) -> Self {
        self.edit(|inner| inner.status = Some(status))
    }

    pub(crate) fn with_code(self, code: impl Into<String>) -> Self {
        self.edit(|inner| inner.code = Some(code.into()))
    }

    pub(crate) fn reauthorize(self) -> Self {
        self.edit(|inner| inner.needs_reauthorization = true)
    }

    pub(crate) fn with_transient(self, transient: bool) -> Self {
        self.edit(|inner| inner.transient = transient)
    }

    pub(crate) fn with_retry_after(self, retry_after: Option<Duration>) -> Self {
        self.edit(|inner| inner.retry_after = retry_after)
    }

    pub(crate) fn with_request_id(self, request_id: Option<String>) -> Self {
        self.edit(|inner| inner.request_id = request_id)
    }

    pub(crate) fn with_fields(self, fields: BTreeMap<String, Vec<FieldError>>) -> Self {
        self.edit(|inner| inner.fields = fields)
    }

    pub(crate) fn with_field(self, field: &str, key: &str, description: impl fmt::Display) -> Self {
        self.edit(|inner| {
            inner
                .fields
                .entry(field.to_owned())
                .or_default()
                .push(FieldError { key: key.to_owned(), description: description.to_string() });
        })
    }

    pub(crate) fn with_body(self, body: Bytes) -> Self {
        self.edit(|inner| inner.body = Some(body))
    }

    pub(crate) fn with_source(self, source: impl StdError + Send + Sync + 'static) -> Self {
        self.edit(|inner| inner.source = Some(Arc::new(source)))
    }
}

/// A message without what could pass for another line of a log, steer a terminal, or turn the text around: it may repeat what
/// a server or a user has said.
fn plain(message: Cow<'static, str>) -> Cow<'static, str> {
    if message.chars().any(misleads) {
        return message.chars().map(|c| if misleads(c) { ' ' } else { c }).collect();
    }
    message
}

/// Whether a character is a control, a separator of lines, or one of those that change the direction of text.
fn misleads(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    /// Everything but the body, which may hold personal data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Error");
        shown.field("kind", &self.0.kind).field("message", &self.0.message);
        if let Some(status) = self.0.status {
            shown.field("status", &status);
        }
        if let Some(code) = &self.0.code {
            shown.field("code", code);
        }
        if self.0.needs_reauthorization {
            shown.field("needs_reauthorization", &true);
        }
        if let Some(retry_after) = self.0.retry_after {
            shown.field("retry_after", &retry_after);
        }
        if let Some(request_id) = &self.0.request_id {
            shown.field("request_id", request_id);
        }
        if !self.0.fields.is_empty() {
            shown.field("fields", &self.0.fields);
        }
        if let Some(body) = &self.0.body {
            shown.field("body", &format_args!("{} bytes", body.len()));
        }
        if let Some(source) = &self.0.source {
            shown.field("source", source);
        }
        shown.finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_that_pass_by_themselves_are_transient_and_no_others() {
        let transient = [ErrorKind::RateLimited, ErrorKind::Server, ErrorKind::Network, ErrorKind::Timeout];
        for kind in transient {
            assert!(Error::new(kind, "x").is_transient());
        }
        for kind in [ErrorKind::Config, ErrorKind::Authorization, ErrorKind::Invalid, ErrorKind::Store] {
            assert!(!Error::new(kind, "x").is_transient());
        }
    }

    #[test]
    fn debug_shows_the_size_of_a_body_and_not_its_content() {
        let error = Error::new(ErrorKind::Server, "x").with_body(Bytes::from_static(b"patient: Jane Roe"));
        let shown = format!("{error:?}");
        assert!(shown.contains("17 bytes") && !shown.contains("Jane"), "{shown}");
    }

    #[test]
    fn no_message_forges_a_line_steers_a_terminal_or_turns_text_around() {
        let error = Error::invalid("a\r\nb", "is \u{1b}]0;x\u{7} \u{9b}31m \u{2028} \u{202e} odd");
        assert_eq!(error.message(), "a  b: is  ]0;x   31m     odd");
    }

    #[test]
    fn an_invalid_argument_is_named_in_the_message_and_in_the_fields() {
        let error = Error::invalid("sub", "must be visible ASCII");
        assert_eq!(error.to_string(), "sub: must be visible ASCII");
        assert_eq!(error.fields()["sub"][0].key, "errors.invalid");
    }
}
