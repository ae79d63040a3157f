//! Authorization URLs, and the value that ties a callback to the request that it answers.
//!
//! Sources: RFC 6749 section 4.1.1; RFC 9700 section 4.7;
//! <https://docs.cronofy.com/developers/api/organization-connect/request-authorization/>,
//! <https://docs.cronofy.com/developers/api/authorization/request-authorization/>,
//! <https://docs.cronofy.com/developers/api/enterprise-connect/request-authorization/>.

use std::{fmt, time::Duration};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use url::Url;

use super::ORGANIZATION_SCOPE;
use crate::{
    ConnectionId, Error, Result, config::Endpoints, http::request::append_pair, random, secret::Secret,
};

/// How long the owner has to approve, unless the request says otherwise.
const DEFAULT_LIFETIME: Duration = Duration::from_mins(10);
const LONGEST_LIFETIME: Duration = Duration::from_hours(24);
const LONGEST_PAYLOAD: usize = 1024;
/// A state that the application makes itself must be unguessable too; shorter texts can't be.
const SHORTEST_STATE: usize = 22;
const LONGEST_STATE: usize = 512;

/// What to ask an owner for. Start with one of the constructors, then add what is wanted.
///
/// ```
/// use orgconnect::AuthorizationRequest;
/// let request = AuthorizationRequest::organization("https://app.example/callback").locale("de").payload("tenant-7");
/// # let _ = request;
/// ```
#[derive(Debug, Clone)]
pub struct AuthorizationRequest {
    flow: Flow,
    redirect_uri: String,
    scopes: Vec<String>,
    delegated_scopes: Vec<String>,
    state: Option<Secret>,
    payload: Option<String>,
    locale: Option<String>,
    avoid_linking: Option<bool>,
    provider_name: Option<String>,
    link_token: Option<Secret>,
    connection_id: Option<String>,
    lifetime: Duration,
}

/// Which of Cronofy's flows an authorization uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Flow {
    /// Organization Connect: a whole organizational unit.
    Organization,
    /// Individual Connect: one account.
    Individual,
    /// Enterprise Connect: a service account.
    Enterprise,
}

impl AuthorizationRequest {
    /// Organization Connect. The redirect URI is where the owner comes back with a code: http or https.
    pub fn organization(redirect_uri: impl Into<String>) -> Self {
        Self::new(Flow::Organization, redirect_uri, vec![ORGANIZATION_SCOPE.to_owned()])
    }

    /// Individual Connect, with its scopes: `read_events`, `create_event`, …
    pub fn individual<S: Into<String>>(
        redirect_uri: impl Into<String>,
        scopes: impl IntoIterator<Item = S>,
    ) -> Self {
        Self::new(Flow::Individual, redirect_uri, scopes.into_iter().map(Into::into).collect())
    }

    /// Enterprise Connect, with the scopes of the service account and those that it may later delegate.
    pub fn enterprise<S: Into<String>, D: Into<String>>(
        redirect_uri: impl Into<String>,
        scopes: impl IntoIterator<Item = S>,
        delegated_scopes: impl IntoIterator<Item = D>,
    ) -> Self {
        let mut request =
            Self::new(Flow::Enterprise, redirect_uri, scopes.into_iter().map(Into::into).collect());
        request.delegated_scopes = delegated_scopes.into_iter().map(Into::into).collect();
        request
    }

    fn new(flow: Flow, redirect_uri: impl Into<String>, scopes: Vec<String>) -> Self {
        Self {
            flow,
            redirect_uri: redirect_uri.into(),
            scopes,
            delegated_scopes: Vec::new(),
            state: None,
            payload: None,
            locale: None,
            avoid_linking: None,
            provider_name: None,
            link_token: None,
            connection_id: None,
            lifetime: DEFAULT_LIFETIME,
        }
    }

    /// The display language of the pages, for example `de`. Default: the browser's.
    pub fn locale(mut self, locale: impl Into<String>) -> Self {
        self.locale = Some(locale.into());
        self
    }

    /// Text that rides along, in the state unless that is your own, and is handed back by `complete`. It can be read by whoever sees the URL, so
    /// it must not be secret; it can't be changed unnoticed. At most 1,024 octets.
    pub fn payload(mut self, payload: impl Into<String>) -> Self {
        self.payload = Some(payload.into());
        self
    }

    /// Uses this state instead of a random one: 22 to 512 visible ASCII characters, unguessable, never used before.
    pub fn state(mut self, state: impl Into<String>) -> Self {
        self.state = Some(Secret::from(state.into()));
        self
    }

    /// Keeps the new calendar account apart from one that the same browser has connected before.
    pub fn avoid_linking(mut self, avoid: bool) -> Self {
        self.avoid_linking = Some(avoid);
        self
    }

    /// Selects the calendar provider beforehand: `google`, `office365`, `apple`, …; `cronofy` for no calendar access.
    pub fn provider_name(mut self, provider_name: impl Into<String>) -> Self {
        self.provider_name = Some(provider_name.into());
        self
    }

    /// Links the calendar account to an existing Cronofy account, by a token from `link_tokens.create`.
    pub fn link_token(mut self, link_token: impl Into<Secret>) -> Self {
        self.link_token = Some(link_token.into());
        self
    }

    /// Asks for scopes that may later be granted to users or resources. Enterprise Connect and Business Connect.
    pub fn delegated_scopes<S: Into<String>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.delegated_scopes = scopes.into_iter().map(Into::into).collect();
        self
    }

    /// Names the connection in the token store, for example after a tenant. Default: the `sub` of the grant.
    pub fn connection_id(mut self, connection_id: impl Into<String>) -> Self {
        self.connection_id = Some(connection_id.into());
        self
    }

    /// How long the owner has to approve: at most 24 hours. Default 10 minutes.
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }
}

/// An authorization that waits for its callback. Send the owner to [`url`](Self::url), and keep what
/// [`Client::serialize_pending`](crate::Client::serialize_pending) makes of it in the owner's session until the callback
/// arrives.
#[derive(Clone)]
pub struct PendingAuthorization {
    pub(crate) url: Url,
    pub(crate) fields: PendingFields,
}

#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct PendingFields {
    /// `client_id` and data center (or base URL) that the request was made for.
    pub(crate) client_id: String,
    pub(crate) endpoints: String,
    pub(crate) flow: Flow,
    pub(crate) redirect_uri: String,
    pub(crate) state: String,
    pub(crate) payload: Option<String>,
    pub(crate) connection_id: Option<String>,
    pub(crate) expires_at_ms: i64,
    url: String,
}

impl PendingAuthorization {
    /// Where to send the owner.
    pub fn url(&self) -> &str {
        self.url.as_str()
    }

    /// Which flow it is.
    pub fn flow(&self) -> Flow {
        self.fields.flow
    }

    /// The payload that rides along.
    pub fn payload(&self) -> Option<&str> {
        self.fields.payload.as_deref()
    }

    /// When it is too late to complete.
    pub fn expires_at(&self) -> Timestamp {
        Timestamp::from_millisecond(self.fields.expires_at_ms).unwrap_or(Timestamp::MIN)
    }
}

/// Builds the URL and its pending authorization.
pub(crate) fn authorize(
    request: AuthorizationRequest,
    client_id: &str,
    endpoints: &Endpoints,
    now: Timestamp,
) -> Result<PendingAuthorization> {
    let redirect_uri = check_redirect_uri(&request.redirect_uri)?;
    let scope = join("scope", &request.scopes)?;
    if scope.is_empty() {
        return Err(Error::invalid("scope", "must name at least one scope, like read_events"));
    }
    let delegated_scope = join("delegated_scope", &request.delegated_scopes)?;
    if request.flow == Flow::Enterprise && delegated_scope.is_empty() {
        return Err(Error::invalid("delegated_scope", "must name at least one scope that may be delegated"));
    }
    if request.lifetime.is_zero() || request.lifetime > LONGEST_LIFETIME {
        return Err(Error::invalid("lifetime", "must be longer than nothing and at most 24 hours"));
    }
    if let Some(id) = &request.connection_id {
        ConnectionId::new(id.as_str())?;
    }
    let state = state(request.state, request.payload.as_deref())?;
    let mut query = String::new();
    let mut add = |name: &str, value: Option<&str>| {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            append_pair(&mut query, name, value);
        }
    };
    add("response_type", Some("code"));
    add("client_id", Some(client_id));
    add("redirect_uri", Some(&redirect_uri));
    add("scope", Some(&scope));
    add("delegated_scope", Some(&delegated_scope));
    add("state", Some(&state));
    add("locale", request.locale.as_deref());
    add("avoid_linking", request.avoid_linking.map(|avoid| if avoid { "true" } else { "false" }));
    add("provider_name", request.provider_name.as_deref());
    add("link_token", request.link_token.as_ref().map(Secret::expose));
    let path = match request.flow {
        Flow::Enterprise => "/enterprise_connect/oauth/authorize",
        Flow::Organization | Flow::Individual => "/oauth/authorize",
    };
    let url = Url::parse(&format!("{}{path}?{query}", endpoints.app))
        .map_err(|_| Error::config("base_url", "does not make an authorization URL"))?;
    let lifetime = SignedDuration::try_from(request.lifetime).unwrap_or(SignedDuration::ZERO);
    let expires_at = now.saturating_add(lifetime).unwrap_or(Timestamp::MAX);
    let fields = PendingFields {
        client_id: client_id.to_owned(),
        endpoints: endpoints.name.clone(),
        flow: request.flow,
        redirect_uri,
        state,
        payload: request.payload,
        connection_id: request.connection_id,
        expires_at_ms: expires_at.as_millisecond(),
        url: url.as_str().to_owned(),
    };
    Ok(PendingAuthorization { url, fields })
}

fn check_redirect_uri(text: &str) -> Result<String> {
    let refuse = |why: &str| Err(Error::invalid("redirect_uri", why));
    let Ok(url) = Url::parse(text) else {
        return refuse("is not a URL; write it like https://app.example/callback");
    };
    if !matches!(url.scheme(), "http" | "https") {
        return refuse(
            "must be http or https; Cronofy does not redirect to app schemes, use a universal or app link",
        );
    }
    if url.fragment().is_some() {
        return refuse("must not have a fragment");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return refuse("must not hold a user name or password");
    }
    if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return refuse("must not hold blanks or control characters");
    }
    // Cronofy compares the text itself, so it is sent as it was registered.
    Ok(text.to_owned())
}

fn join(field: &str, scopes: &[String]) -> Result<String> {
    for scope in scopes {
        // RFC 6749 section 3.3: scope-token.
        let fits = |octet: u8| octet.is_ascii_graphic() && octet != b'"' && octet != b'\\';
        if scope.trim().is_empty() || !scope.bytes().all(|octet| fits(octet) || octet == b' ') {
            return Err(Error::invalid(field, "holds a scope that is not visible ASCII"));
        }
    }
    Ok(scopes.join(" "))
}

fn state(own: Option<Secret>, payload: Option<&str>) -> Result<String> {
    if payload.is_some_and(|payload| payload.len() > LONGEST_PAYLOAD) {
        return Err(Error::invalid("payload", "is longer than 1024 octets; keep it in the session instead"));
    }
    if let Some(own) = own {
        let own = own.expose().to_owned();
        let fits = (SHORTEST_STATE..=LONGEST_STATE).contains(&own.len())
            && own.bytes().all(|octet| octet.is_ascii_graphic());
        if !fits {
            return Err(Error::invalid(
                "state",
                "must be 22 to 512 visible ASCII characters that nobody can guess; leave it out to have one made",
            ));
        }
        return Ok(own);
    }
    let mut state = random::token();
    if let Some(payload) = payload {
        state.push('.');
        URL_SAFE_NO_PAD.encode_string(payload, &mut state);
    }
    Ok(state)
}

/// `p1.<fields>.<tag>`: the fields in base64, and their HMAC under a key derived from the client secret, so that a
/// session that can be written by its user can't lead the exchange astray.
const PREFIX: &str = "p1";

impl PendingAuthorization {
    pub(crate) fn seal(&self, client_secret: &Secret) -> String {
        let fields = serde_json::to_vec(&self.fields).unwrap_or_default();
        let signed = format!("{PREFIX}.{}", URL_SAFE_NO_PAD.encode(fields));
        let tag = URL_SAFE_NO_PAD.encode(mac(client_secret, signed.as_bytes()).finalize().into_bytes());
        format!("{signed}.{tag}")
    }

    pub(crate) fn unseal(text: &str, client_secret: &Secret) -> Result<Self> {
        let refuse = || {
            Error::authorization(
                "pending_invalid",
                "the pending authorization from the session is not one that this application made; send the owner through authorize again",
            )
            .with_field("pending", "errors.invalid", "is damaged, foreign, or made with another client_secret")
        };
        let (signed, tag) = text.rsplit_once('.').ok_or_else(refuse)?;
        let tag = URL_SAFE_NO_PAD.decode(tag).map_err(|_| refuse())?;
        mac(client_secret, signed.as_bytes()).verify_slice(&tag).map_err(|_| refuse())?;
        let fields =
            signed.strip_prefix(PREFIX).and_then(|rest| rest.strip_prefix('.')).ok_or_else(refuse)?;
        let fields = URL_SAFE_NO_PAD.decode(fields).map_err(|_| refuse())?;
        let fields: PendingFields = serde_json::from_slice(&fields).map_err(|_| refuse())?;
        let url = Url::parse(&fields.url).map_err(|_| refuse())?;
        Ok(Self { url, fields })
    }
}

#[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
fn mac(client_secret: &Secret, message: &[u8]) -> Hmac<Sha256> {
    let new = |key: &[u8]| Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    let key =
        new(client_secret.expose().as_bytes()).chain_update(b"orgconnect pending authorization 1").finalize();
    new(&key.into_bytes()).chain_update(message)
}

impl fmt::Debug for PendingAuthorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PendingAuthorization")
            .field("flow", &self.fields.flow)
            .field("redirect_uri", &self.fields.redirect_uri)
            .field("expires_at", &self.expires_at())
            .finish_non_exhaustive()
    }
}
