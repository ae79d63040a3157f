//! What one REST operation of Cronofy is: the row type of the operation table, and the shapes that its arguments
//! must have.
//!
//! The rows themselves are generated from `api/` into [`crate::api`]. Everything that happens to a call (where an
//! argument goes, who may make it, whether it may be repeated, how it pages) is read from its row, so that no
//! operation is special anywhere else.

/// One REST operation, as described in `api/`.
#[derive(Debug)]
pub struct Operation {
    /// `<area>.<verb>[_<object>]`, for example `events.upsert`.
    pub name: &'static str,
    /// One sentence, active and present: what the call does.
    pub summary: &'static str,
    /// The HTTP method.
    pub method: Method,
    /// The path template, for example `/v1/calendars/{calendar_id}/events`; or a single `{argument}` whose value is
    /// an absolute link that Cronofy returned earlier.
    pub path: &'static str,
    /// Who may make the call, in order of preference.
    pub authorities: &'static [Authority],
    /// Whether the call may be made for a member with `Cronofy-Impersonate`.
    pub impersonable: bool,
    /// Whether the call may be sent again when its outcome is unknown.
    pub repeat: Repeat,
    /// How the reply pages, if it does.
    pub paging: Option<Paging>,
    /// The status codes that mean success.
    pub success: &'static [u16],
    /// Every argument that the call takes, path first, then query, then body.
    pub arguments: &'static [Argument],
    /// Body fields that tell this operation from others on the same method and path; sent always, never an argument.
    pub constants: &'static [(&'static str, Constant)],
    /// What Cronofy promises about the interface.
    pub stability: Stability,
    /// The page of Cronofy's documentation that describes the call.
    pub documentation: &'static str,
}

/// An HTTP method that Cronofy uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// `GET`: arguments outside the path go to the query.
    Get,
    /// `POST`: arguments go where their row says.
    Post,
    /// `DELETE`: Cronofy reads a JSON body on it.
    Delete,
}

/// The credential that an operation is made with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Authority {
    /// The application's `client_secret` as the bearer.
    Application,
    /// The application's `client_id` and `client_secret` as body fields, without an `Authorization` header.
    ClientCredentials,
    /// The access token of an account: its own connection, or an organization's with impersonation.
    Connection,
    /// The access token of an organization, or an Internal Application's `client_secret`.
    Organization,
    /// The access token of a service account (Enterprise Connect).
    ServiceAccount,
    /// An Admin API key.
    Admin,
}

/// Whether a call may be sent again when nobody knows if the first one arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeat {
    /// It reads, or has the same effect however often it is sent.
    Safe,
    /// It may create a second thing: sent again only when the first surely never reached the server.
    Never,
    /// It is as safe as the least safe of the entries it carries.
    Entries,
}

/// How the reply of an operation pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paging {
    /// JSON path of the item array, for example `["events"]`.
    pub items: &'static [&'static str],
    /// JSON path of the paging object, for example `["pages"]`.
    pub pages: &'static [&'static str],
}

/// What Cronofy promises about an interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stability {
    /// No marker in Cronofy's documentation.
    Stable,
    /// The interface is stable, the feature is young.
    Beta,
    /// May change at any time.
    Alpha,
    /// Enabled for an application on request; may change.
    Prerelease,
    /// Still answered, no longer documented or recommended.
    Legacy,
}

/// One argument of an operation.
#[derive(Debug)]
pub struct Argument {
    /// The wire name, for example `calendar_id`.
    pub name: &'static str,
    /// Where its value goes.
    pub place: Place,
    /// Whether a call without it is refused.
    pub required: bool,
    /// What its value must look like.
    pub shape: &'static Shape,
}

/// Where an argument's value goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Into the path template, percent-encoded.
    Path,
    /// Into the query; arrays as `name[]=a&name[]=b`.
    Query,
    /// Into the JSON body.
    Body,
}

/// The value of a body field that never varies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Constant {
    /// A JSON string.
    Text(&'static str),
    /// A JSON boolean.
    Boolean(bool),
}

/// What a value must look like for Cronofy to accept it.
///
/// Shapes hold what Cronofy documents and no more: values of enum-like fields stay open, and objects let unknown
/// fields pass unless the row says otherwise.
#[derive(Debug, Clone, Copy)]
pub enum Shape {
    /// Any JSON value.
    Any,
    /// `true` or `false`.
    Boolean,
    /// A 32-bit signed integer within the bounds.
    Integer {
        /// The smallest value accepted.
        min: i32,
        /// The largest value accepted.
        max: i32,
    },
    /// Any JSON number.
    Number,
    /// A string of `min` to `max` characters, in one of `formats` if it names any.
    Text {
        /// The fewest characters accepted.
        min: u32,
        /// The most characters accepted; `u32::MAX` where no limit is documented.
        max: u32,
        /// What the text must parse as.
        format: Format,
    },
    /// Exactly this string: a union member that is told by its value, such as `"all"`.
    Exactly(&'static str),
    /// An array of `min` to `max` items.
    List {
        /// What each item must look like.
        item: &'static Shape,
        /// The fewest items accepted.
        min: u32,
        /// The most items accepted; `u32::MAX` where no limit is documented.
        max: u32,
    },
    /// An object.
    Object {
        /// The fields that are known.
        fields: &'static [Field],
        /// Whether a field that is not known is refused.
        closed: bool,
    },
    /// The shape, or `null`, which then has a meaning of its own (mostly: remove).
    Nullable(&'static Shape),
    /// One of several shapes.
    OneOf(&'static [Shape]),
}

/// What a text must parse as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Anything.
    Free,
    /// A calendar date, `2026-08-05`.
    Date,
    /// An instant, `2026-08-05T14:30:00Z`: an offset is required, and fractions of a second must be zero.
    Time,
    /// An absolute `http` or `https` URI.
    Uri,
    /// Visible ASCII without blanks: an identifier of the caller's own.
    Identifier,
}

/// One field of an object.
#[derive(Debug)]
pub struct Field {
    /// The wire name.
    pub name: &'static str,
    /// Whether an object without it is refused.
    pub required: bool,
    /// What its value must look like.
    pub shape: &'static Shape,
}
