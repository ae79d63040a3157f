//! What a person or a test may switch while the sandbox runs. Where Cronofy's documentation leaves a question open, the
//! default is the likeliest answer and the setting is the other one.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How the sandbox behaves; kept in the store, so a data file remembers it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[allow(clippy::struct_excessive_bools)] // each is one switch of its own
pub struct Settings {
    /// What happens to a refresh token when it is used.
    pub refresh_mode: RefreshMode,
    /// Lifetime of access tokens; by default 3600 s, and 1800 s for service accounts.
    pub access_token_ttl_ms: Option<u64>,
    /// Lifetime of authorization codes.
    pub code_ttl_ms: u64,
    /// Lifetime of the tokens in `next_page`.
    pub page_token_ttl_ms: u64,
    /// Whether a refresh ends the access tokens given out before.
    pub refresh_invalidates_access_token: bool,
    /// Whether the reply to a refresh repeats `sub` and the id that belongs to the connection's kind.
    pub refresh_reply_carries_sub: bool,
    /// What token replies say in `expires_in`, whatever is true.
    pub expires_in: ExpiresIn,
    /// Approves every authorization at once, as the first owner, without showing a page.
    pub auto_approve: bool,
    /// Whether calls are counted against 50 a second and 500 a minute for each application.
    pub rate_limit: RateLimit,
    /// How many items a page of a list holds.
    pub page_size: usize,
    /// The status with which the token endpoint refuses a client: 400 or 401.
    pub invalid_client_status: u16,
    /// How an organization's `sub` begins.
    pub ou_sub_prefix: String,
    /// Whether an organization's access token, too, lists members and resources.
    pub members_with_organization_token: bool,
    /// Whether an organization's access token with `Cronofy-Impersonate` reaches the endpoints of one user.
    pub impersonation_reaches_user_endpoints: bool,
    /// What `Cronofy-Impersonate` does beside a token that is no organization's.
    pub impersonation_with_user_token: Impersonation,
    /// What applications may do with events they did not write, where nothing else was granted for a calendar.
    pub default_permission_level: PermissionLevel,
    /// Whether the plan includes geographic locations (`include_geo`).
    pub geo_plan: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            refresh_mode: RefreshMode::Static,
            access_token_ttl_ms: None,
            code_ttl_ms: 5 * 60 * 1000,
            page_token_ttl_ms: 60 * 60 * 1000,
            refresh_invalidates_access_token: false,
            refresh_reply_carries_sub: false,
            expires_in: ExpiresIn::Real,
            auto_approve: false,
            rate_limit: RateLimit::Off,
            page_size: 100,
            invalid_client_status: 400,
            ou_sub_prefix: "opu_".into(),
            members_with_organization_token: true,
            impersonation_reaches_user_endpoints: true,
            impersonation_with_user_token: Impersonation::Ignore,
            default_permission_level: PermissionLevel::Sandbox,
            geo_plan: true,
        }
    }
}

impl Settings {
    /// Says what is wrong with these settings, if anything: the field and what it must be.
    pub(crate) fn fault(&self) -> Option<(&'static str, &'static str)> {
        if self.page_size == 0 {
            return Some(("page_size", "must be at least 1"));
        }
        if !matches!(self.invalid_client_status, 400 | 401) {
            return Some(("invalid_client_status", "must be 400 or 401"));
        }
        None
    }
}

/// What happens to a refresh token when it is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefreshMode {
    /// It never changes.
    Static,
    /// It changes, and the predecessor is honoured until the successor is first used.
    Grace,
    /// It changes, and presenting the predecessor is refused and revokes the whole family.
    Strict,
}

/// What token replies say in `expires_in`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExpiresIn {
    /// The lifetime in seconds.
    Real,
    /// Nothing: the field is left out.
    Omitted,
    /// This value, of any type.
    Value(Value),
}

/// Whether calls are limited to 50 a second and 500 a minute for each application.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RateLimit {
    /// Calls are not limited.
    Off,
    /// Excess is refused with a bare 429.
    On,
    /// Excess is refused with a 429 that carries `Retry-After`.
    WithRetryAfter,
}

/// What `Cronofy-Impersonate` does beside a token that is no organization's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Impersonation {
    /// Nothing.
    Ignore,
    /// The call is refused with 403.
    Refuse,
}

/// What an application may do with a calendar's events that it did not write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PermissionLevel {
    /// Only read them.
    Sandbox,
    /// Edit and delete them, too.
    Unrestricted,
}
