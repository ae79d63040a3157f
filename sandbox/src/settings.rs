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
    /// Whether notifications and callbacks are posted to other machines, too.
    pub deliver_beyond_loopback: bool,
    /// How long receivers may take, instead of 5 s, and 7 s for event triggers.
    pub delivery_timeout_ms: Option<u64>,
    /// How many channels an application may have for one account.
    pub channel_limit: usize,
    /// The longest `callback_url` that a channel takes, where there is a limit; older documentation says 128.
    pub channel_url_limit: Option<usize>,
    /// The status with which `/v1/permissions` answers: 200 or 202.
    pub permissions_status: u16,
    /// The status with which an element token's unknown permissions are refused: 422 or 400.
    pub element_permission_status: u16,
    /// Whether meeting agents are sent for access tokens, too, and not for API keys alone.
    pub meeting_agents_with_access_token: bool,
    /// What the check of an attachment comes to.
    pub attachment_verdict: AttachmentVerdict,
    /// Whether redirect URIs are verified as soon as they are submitted, and not when somebody says so.
    pub verify_applications_at_once: bool,
    /// The status with which a scheduling request is created: 200 or 202.
    pub scheduling_request_status: u16,
    /// Whether the plan includes geographic locations (`include_geo`).
    pub geo_plan: bool,
    /// Whether availability is told to access tokens, too, and not to API keys alone.
    pub availability_with_access_token: bool,
    /// What becomes of an availability query about somebody the application is not connected to.
    pub unknown_participants: UnknownParticipants,
    /// What deleting a rule, a period or a registration that is not there answers.
    pub missing_deletes: MissingDeletes,
    /// Whether reading one availability rule wraps it in `availability_rule`.
    pub wrap_availability_rule: bool,
    /// Whether moving a smart invite asks its recipients again.
    pub smart_invite_move_asks_again: bool,
    /// How a smart invite tells of the recipients it removed.
    pub removed_recipients: RemovedRecipients,
    /// Whether a real-time scheduling or sequencing link must come with `oauth.redirect_uri`.
    pub scheduling_needs_oauth: bool,
    /// Whether replies wrap a bookable event in `bookable_event`.
    pub wrap_bookable_event: bool,
    /// What creating a bookable event whose id is taken does.
    pub repeated_bookable_event: RepeatedCreate,
    /// The status that removing a registration answers: 202 with no body, or 200 with the bookable event.
    pub remove_registration_status: u16,
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
            deliver_beyond_loopback: false,
            delivery_timeout_ms: None,
            channel_limit: 128,
            channel_url_limit: None,
            permissions_status: 200,
            element_permission_status: 422,
            meeting_agents_with_access_token: true,
            attachment_verdict: AttachmentVerdict::Approved,
            verify_applications_at_once: false,
            scheduling_request_status: 200,
            geo_plan: true,
            availability_with_access_token: true,
            unknown_participants: UnknownParticipants::Refuse,
            missing_deletes: MissingDeletes::Accept,
            wrap_availability_rule: true,
            smart_invite_move_asks_again: true,
            removed_recipients: RemovedRecipients::List,
            scheduling_needs_oauth: true,
            wrap_bookable_event: false,
            repeated_bookable_event: RepeatedCreate::Update,
            remove_registration_status: 202,
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
        if !matches!(self.permissions_status, 200 | 202) {
            return Some(("permissions_status", "must be 200 or 202"));
        }
        if !matches!(self.scheduling_request_status, 200 | 202) {
            return Some(("scheduling_request_status", "must be 200 or 202"));
        }
        if !matches!(self.element_permission_status, 400 | 422) {
            return Some(("element_permission_status", "must be 400 or 422"));
        }
        if !matches!(self.remove_registration_status, 200 | 202) {
            return Some(("remove_registration_status", "must be 200 or 202"));
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

/// What becomes of an availability query about somebody the application is not connected to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnknownParticipants {
    /// It is refused with 422.
    Refuse,
    /// They count as never free.
    NeverFree,
}

/// What deleting something that is not there answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MissingDeletes {
    /// What deleting it the first time did.
    Accept,
    /// 404.
    Refuse,
}

/// How a smart invite tells of the recipients it removed, in `attachments.removed`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RemovedRecipients {
    /// As a list of objects with `email` and `icalendar`.
    List,
    /// As one such object.
    Object,
}

/// What creating something whose id is taken does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RepeatedCreate {
    /// Updates what there is.
    Update,
    /// Nothing: it is refused with 422.
    Refuse,
}

/// What the check of an attachment comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttachmentVerdict {
    /// It is approved at once.
    Approved,
    /// It is rejected at once.
    Rejected,
    /// There is none.
    Open,
}
