//! Tokens: what the token endpoint answers, read as tolerantly as is safe, and the record in which a connection keeps
//! them. Pure functions; the time is an argument.
//!
//! Sources: RFC 6749 sections 5.1 and 5.2,
//! <https://docs.cronofy.com/developers/api/authorization/request-token/>.

use std::{fmt, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::{
    Error, ErrorKind, Result, hex,
    http::response,
    secret::{self, Secret},
};

/// Assumed when the reply does not say how long a token lives: Cronofy's usual lifetime.
const USUAL_LIFETIME: Duration = Duration::from_hours(1);
/// Cronofy documents lifetimes up to this many seconds.
const LONGEST_LIFETIME: Duration = Duration::from_secs(i32::MAX as u64);
/// A new token is taken to be good for this long, whatever the reply says, so that an odd `expires_in` never becomes a
/// storm of refreshes.
pub(crate) const SHORTEST_USE: Duration = Duration::from_secs(5);

/// What came with a grant and is nested deeper than this is not kept: JSON is read to a limit, and a record that nests one level
/// more than the reply did could not be read again.
const DEEPEST: usize = 32;
/// The most that is kept of what came with a grant, in octets of JSON, and of its scope and its `sub`: far more than
/// Cronofy sends, and far less than what a store refuses to read.
const MOST_EXTRA: usize = 64 << 10;
const LONGEST_TEXT: usize = 16 << 10;

/// What a connection is for, told by what came with its grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ConnectionKind {
    /// Organization Connect: scope `organizational_unit_scheduler`.
    Organization,
    /// Individual Connect, a delegated authorization, or an application calendar.
    Account,
    /// Enterprise Connect.
    ServiceAccount,
    /// It can't be told: the record can't be read, or was imported and never refreshed.
    Unknown,
}

/// Everything that is known of a connection. Persisted as JSON; see [`TokenRecord::to_payload`].
#[derive(Clone)]
pub(crate) struct TokenRecord {
    pub(crate) kind: ConnectionKind,
    pub(crate) access_token: Secret,
    pub(crate) refresh_token: Option<Secret>,
    pub(crate) issued_at: Timestamp,
    pub(crate) lifetime: Duration,
    pub(crate) scope: Option<String>,
    pub(crate) sub: Option<String>,
    /// What else came with the grant: `account_id`, `linking_profile` and fields that are not known yet.
    pub(crate) extra: Map<String, Value>,
    pub(crate) state: ConnectionState,
    pub(crate) intent: Option<Intent>,
    /// When somebody last wanted a token of it, noted now and then.
    pub(crate) used_at: Timestamp,
    /// Nobody has used it for long: it is not kept fresh until somebody does.
    pub(crate) resting: bool,
}

/// Whether a connection can be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
#[non_exhaustive]
pub enum ConnectionState {
    /// In use.
    Active,
    /// Cronofy answered that the grant is gone. The dead tokens are kept, for the inquest.
    Dead {
        /// When it was found out.
        at: Timestamp,
        /// Whether a refresh of another process had been interrupted before, which may be what lost the grant.
        interrupted: bool,
    },
    /// The application revokes it, and Cronofy has not confirmed yet.
    Revoking {
        /// Since when.
        at: Timestamp,
    },
    /// The application has revoked it. The tokens are erased.
    Revoked {
        /// When.
        at: Timestamp,
    },
    /// There is a record, and it can't be read: damaged, sealed with another key, or written by a newer version. Only seen
    /// in lists, and never stored.
    #[serde(skip)]
    Unreadable {
        /// Why, and what to do.
        reason: String,
    },
}

/// The note that a refresh leaves before it sends the refresh token, so that whoever comes after a crash knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Intent {
    pub(crate) owner: String,
    pub(crate) at: Timestamp,
    /// Fingerprint of the refresh token that was about to be sent.
    pub(crate) refresh_token: String,
}

/// A good answer of the token endpoint.
#[derive(Clone)]
pub(crate) struct TokenReply {
    pub(crate) access_token: Secret,
    pub(crate) refresh_token: Option<Secret>,
    pub(crate) lifetime: Duration,
    pub(crate) scope: Option<String>,
    pub(crate) sub: Option<String>,
    pub(crate) extra: Map<String, Value>,
}

impl TokenReply {
    /// Reads the body of a success.
    ///
    /// Only `access_token` is demanded; everything else may be missing or odd, and fields that are not known are kept.
    ///
    /// # Errors
    /// [`Decode`](ErrorKind::Decode), which never holds the body.
    pub(crate) fn read(body: &[u8]) -> Result<Self> {
        let refuse = |field: &str, what: &str| {
            Error::new(
                ErrorKind::Decode,
                format!("the token reply {what}; nothing was stored; try again, and check for a proxy that changes replies"),
            )
            .with_field(field, "errors.invalid", what)
        };
        if body.iter().all(u8::is_ascii_whitespace) {
            return Err(refuse("body", "is empty"));
        }
        let value: Value = serde_json::from_slice(body).map_err(|error| {
            let what = match body.iter().find(|octet| !octet.is_ascii_whitespace()) {
                Some(b'<') => "is HTML and not JSON",
                _ if error.is_eof() => "is cut off",
                _ => "is not JSON",
            };
            refuse("body", what)
        })?;
        let Value::Object(mut fields) = value else { return Err(refuse("body", "is not a JSON object")) };
        let token = |field: &str, value: Option<Value>| match value {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) if is_token(&text) => Ok(Some(Secret::from(text))),
            Some(_) => Err(refuse(field, "holds a token that is not 1 to 4096 visible ASCII characters")),
        };
        let access_token = token("access_token", fields.remove("access_token"))?
            .ok_or_else(|| refuse("access_token", "holds no access_token"))?;
        let refresh_token = token("refresh_token", fields.remove("refresh_token"))?;
        match fields.remove("token_type") {
            Some(Value::String(kind)) if !kind.eq_ignore_ascii_case("bearer") => {
                return Err(refuse("token_type", "holds a token that is not a bearer token"));
            }
            _ => {}
        }
        let lifetime = lifetime(fields.remove("expires_in").as_ref());
        let (scope, sub) = (text(fields.remove("scope")), text(fields.remove("sub")));
        fields.retain(|_, value| is_shallow(value, DEEPEST));
        keep_what_fits(&mut fields);
        Ok(Self { access_token, refresh_token, lifetime, scope, sub, extra: fields })
    }

    /// The `sub` of the grant, by whichever name it came.
    pub(crate) fn subject(&self) -> Option<&str> {
        let named = |name: &str| self.extra.get(name).and_then(Value::as_str);
        self.sub.as_deref().or_else(|| named("account_id")).or_else(|| named("service_account_id"))
    }

    pub(crate) fn kind(&self) -> ConnectionKind {
        let scopes = self.scope.as_deref().unwrap_or_default();
        if scopes.split(' ').any(|scope| scope == super::ORGANIZATION_SCOPE) {
            ConnectionKind::Organization
        } else if self.extra.contains_key("service_account_id")
            || scopes.split(' ').any(|scope| scope.starts_with("service_account/"))
        {
            ConnectionKind::ServiceAccount
        } else {
            ConnectionKind::Account
        }
    }
}

/// How long a token lives by what `expires_in` says, which may be anything.
fn lifetime(expires_in: Option<&Value>) -> Duration {
    let seconds = match expires_in {
        Some(Value::Number(number)) => number.as_f64(),
        Some(Value::String(text)) => text.trim().parse::<f64>().ok(),
        _ => None,
    };
    match seconds {
        Some(seconds) if seconds.is_nan() => USUAL_LIFETIME,
        Some(seconds) => Duration::from_secs_f64(seconds.clamp(0.0, LONGEST_LIFETIME.as_secs_f64())),
        None => USUAL_LIFETIME,
    }
}

/// Leaves out fields that would make a record too large to be read again.
fn keep_what_fits(fields: &mut Map<String, Value>) {
    let mut room = MOST_EXTRA;
    fields.retain(|name, value| {
        let left = room.checked_sub(name.len() + value.to_string().len());
        room = left.unwrap_or(room);
        left.is_some()
    });
}

fn is_shallow(value: &Value, levels: usize) -> bool {
    match value {
        Value::Array(items) => levels > 0 && items.iter().all(|item| is_shallow(item, levels - 1)),
        Value::Object(fields) => levels > 0 && fields.values().all(|field| is_shallow(field, levels - 1)),
        _ => true,
    }
}

/// Whether a text can be a token: 1 to 4096 visible ASCII characters.
pub(crate) fn is_token(text: &str) -> bool {
    (1..=4096).contains(&text.len()) && text.bytes().all(|octet| octet.is_ascii_graphic())
}

fn text(value: Option<Value>) -> Option<String> {
    match value {
        Some(Value::String(text)) if (1..=LONGEST_TEXT).contains(&text.len()) => Some(text),
        _ => None,
    }
}

/// What the token endpoint said, as far as the caller must tell answers apart.
pub(crate) enum TokenVerdict {
    /// Tokens.
    Granted(Box<TokenReply>),
    /// The grant, or the code, is gone for good.
    InvalidGrant(Error),
    /// Anything else: the application's credentials, the weather.
    Failed(Error),
}

/// Judges an answer of the token endpoint. Only a 400 or 401 with `invalid_grant` speaks about the grant; the same word
/// behind any other status is weather.
pub(crate) fn judge(status: StatusCode, headers: &HeaderMap, body: &Bytes) -> TokenVerdict {
    let request_id = response::request_id(headers);
    if status.is_success() {
        return match TokenReply::read(body) {
            Ok(reply) => TokenVerdict::Granted(Box::new(reply)),
            Err(error) => {
                TokenVerdict::Failed(error.with_status(status.as_u16()).with_request_id(request_id))
            }
        };
    }
    let code = serde_json::from_slice::<Value>(body)
        .ok()
        .and_then(|body| body.get("error").and_then(Value::as_str).map(str::to_owned))
        .filter(|code| {
            code.len() <= 64 && code.bytes().all(|octet| octet.is_ascii_lowercase() || octet == b'_')
        });
    let oauth_status = matches!(status, StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED);
    match code.as_deref() {
        Some("invalid_grant") if oauth_status => TokenVerdict::InvalidGrant(
            Error::authorization("invalid_grant", "Cronofy answered that the grant is not valid")
                .with_status(status.as_u16())
                .with_request_id(request_id),
        ),
        Some("invalid_client") if oauth_status => TokenVerdict::Failed(
            Error::config(
                "client_secret",
                "Cronofy does not recognize this client_id and client_secret; check both, and the data center",
            )
            .with_code("invalid_client")
            .with_status(status.as_u16())
            .with_request_id(request_id),
        ),
        code => {
            let error = response::failure("the token endpoint", status, headers, &Bytes::new());
            TokenVerdict::Failed(match code {
                Some(code) if error.code().is_none() => error.with_code(code),
                _ => error,
            })
        }
    }
}

/// A short, irreversible name of a token: enough to tell two apart, nothing to break in with.
pub(crate) fn fingerprint(token: &Secret) -> String {
    let hash = Sha256::digest(token.expose().as_bytes());
    hex::of(&hash[..8])
}

#[derive(Deserialize)]
struct Persisted {
    kind: ConnectionKind,
    access_token: Secret,
    refresh_token: Option<Secret>,
    issued_at_ms: i64,
    lifetime_s: u64,
    scope: Option<String>,
    sub: Option<String>,
    #[serde(default)]
    extra: Map<String, Value>,
    #[serde(flatten)]
    state: ConnectionState,
    intent: Option<Intent>,
    used_at_ms: Option<i64>,
    #[serde(default)]
    resting: bool,
}

#[derive(Serialize)]
struct Persisting<'a> {
    v: u32,
    kind: ConnectionKind,
    access_token: &'a str,
    refresh_token: Option<&'a str>,
    issued_at_ms: i64,
    lifetime_s: u64,
    scope: Option<&'a str>,
    sub: Option<&'a str>,
    extra: &'a Map<String, Value>,
    #[serde(flatten)]
    state: &'a ConnectionState,
    intent: Option<&'a Intent>,
    used_at_ms: i64,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    resting: bool,
}

/// The version of the persisted form. A reader refuses a later one.
const PAYLOAD_VERSION: u64 = 1;

impl TokenRecord {
    pub(crate) fn new(reply: TokenReply, now: Timestamp) -> Self {
        Self {
            kind: reply.kind(),
            sub: reply.subject().map(str::to_owned),
            access_token: reply.access_token,
            refresh_token: reply.refresh_token,
            issued_at: now,
            lifetime: reply.lifetime,
            scope: reply.scope,
            extra: reply.extra,
            state: ConnectionState::Active,
            intent: None,
            used_at: now,
            resting: false,
        }
    }

    /// The record of a refresh token that was obtained elsewhere: its access token has ended, and what it is for is told
    /// by the first refresh.
    pub(crate) fn imported(refresh_token: Secret, now: Timestamp) -> Self {
        Self {
            kind: ConnectionKind::Unknown,
            sub: None,
            access_token: Secret::from(""),
            refresh_token: Some(refresh_token),
            issued_at: Timestamp::UNIX_EPOCH,
            lifetime: Duration::ZERO,
            scope: None,
            extra: Map::new(),
            state: ConnectionState::Active,
            intent: None,
            used_at: now,
            resting: false,
        }
    }

    /// Whether it was imported and no refresh has succeeded since.
    pub(crate) fn is_untried(&self) -> bool {
        self.access_token.expose().is_empty()
    }

    /// The record after a refresh: what the reply leaves out stays as it was, the refresh token included.
    pub(crate) fn refreshed(&self, reply: TokenReply, now: Timestamp) -> Self {
        let kind = if self.is_untried() { reply.kind() } else { self.kind };
        let sub = reply.subject().map(str::to_owned).or_else(|| self.sub.clone());
        let mut extra = self.extra.clone();
        extra.extend(reply.extra);
        keep_what_fits(&mut extra);
        Self {
            kind,
            sub,
            access_token: reply.access_token,
            refresh_token: reply.refresh_token.or_else(|| self.refresh_token.clone()),
            issued_at: now,
            lifetime: reply.lifetime,
            scope: reply.scope.or_else(|| self.scope.clone()),
            extra,
            state: ConnectionState::Active,
            intent: None,
            used_at: self.used_at,
            resting: false,
        }
    }

    /// When the access token ends by the reply, but not before it could be used at all.
    pub(crate) fn expires_at(&self) -> Timestamp {
        let lifetime =
            SignedDuration::try_from(self.lifetime.max(SHORTEST_USE)).unwrap_or(SignedDuration::MAX);
        self.issued_at.saturating_add(lifetime).unwrap_or(Timestamp::MAX)
    }

    /// When to refresh ahead of the end: min(5 minutes, a tenth of the lifetime) before it, spread by up to half as
    /// much again so that many processes don't all do it in the same second. `spread` is in `0.0..1.0`.
    pub(crate) fn refresh_at(&self, spread: f64) -> Timestamp {
        let margin = (self.lifetime / 10).min(Duration::from_mins(5)).mul_f64(1.0 + spread / 2.0);
        let wait = SignedDuration::try_from(self.lifetime.saturating_sub(margin).max(SHORTEST_USE))
            .unwrap_or(SignedDuration::MAX);
        self.issued_at.saturating_add(wait).unwrap_or(Timestamp::MAX)
    }

    /// When to refresh ahead of demand: `ahead` of the end, but never in the first three quarters of the lifetime, so that
    /// tokens of a short life are not refreshed all the time.
    pub(crate) fn refresh_ahead_at(&self, ahead: Duration) -> Timestamp {
        let wait = self.lifetime.saturating_sub(ahead.min(self.lifetime / 4)).max(SHORTEST_USE);
        self.issued_at
            .saturating_add(SignedDuration::try_from(wait).unwrap_or(SignedDuration::MAX))
            .unwrap_or(Timestamp::MAX)
    }

    /// The record wants attention while it can be kept fresh, and somebody uses it.
    pub(crate) fn to_record(&self) -> Result<crate::store::Record> {
        let wanted = self.state == ConnectionState::Active && self.refresh_token.is_some() && !self.resting;
        let expires_at = wanted.then(|| self.expires_at());
        Ok(crate::store::Record { payload: self.to_payload()?, expires_at })
    }

    fn to_payload(&self) -> Result<Zeroizing<String>> {
        let persisting = Persisting {
            v: 1,
            kind: self.kind,
            access_token: self.access_token.expose(),
            refresh_token: self.refresh_token.as_ref().map(Secret::expose),
            issued_at_ms: self.issued_at.as_millisecond(),
            lifetime_s: self.lifetime.as_secs(),
            scope: self.scope.as_deref(),
            sub: self.sub.as_deref(),
            extra: &self.extra,
            state: &self.state,
            intent: self.intent.as_ref(),
            used_at_ms: self.used_at.as_millisecond(),
            resting: self.resting,
        };
        let failed = || Error::new(ErrorKind::Store, "the tokens can't be written as JSON; report this");
        let mut text = secret::to_json(&persisting).map_err(|error| failed().with_source(error))?;
        String::from_utf8(std::mem::take(&mut *text)).map(Zeroizing::new).map_err(|_| failed())
    }

    pub(crate) fn from_payload(payload: &str) -> Result<Self> {
        let damaged = || {
            Error::new(
                ErrorKind::Store,
                "a stored connection is damaged; restore the store from a backup, or send the owner through authorize again",
            )
            .with_code("store_unreadable")
        };
        let value: Value = serde_json::from_str(payload).map_err(|_| damaged())?;
        if value.get("v").and_then(Value::as_u64).is_some_and(|version| version > PAYLOAD_VERSION) {
            return Err(Error::new(
                ErrorKind::Store,
                "a stored connection was written by a newer version of orgconnect; upgrade this program",
            )
            .with_code("store_unreadable"));
        }
        let read = Persisted::deserialize(value).map_err(|_| damaged())?;
        let used_at_ms = read.used_at_ms.unwrap_or(read.issued_at_ms);
        Ok(Self {
            used_at: Timestamp::from_millisecond(used_at_ms).map_err(|_| damaged())?,
            resting: read.resting,
            kind: read.kind,
            access_token: read.access_token,
            refresh_token: read.refresh_token,
            issued_at: Timestamp::from_millisecond(read.issued_at_ms).map_err(|_| damaged())?,
            lifetime: Duration::from_secs(read.lifetime_s),
            scope: read.scope,
            sub: read.sub,
            extra: read.extra,
            state: read.state,
            intent: read.intent,
        })
    }
}

impl fmt::Debug for TokenRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenRecord")
            .field("kind", &self.kind)
            .field("sub", &self.sub)
            .field("scope", &self.scope)
            .field("issued_at", &self.issued_at)
            .field("lifetime", &self.lifetime)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}
