//! Operations as the description spells them: one each, also where several share a method and a path.

use super::reference::Reference;
use super::schema::Schema;
use super::words::{Authority, Method, Repeat, Stability};
use crate::refusal::Spot;

/// One operation.
#[derive(Debug, Clone)]
pub struct Operation {
    /// Where it stands.
    pub spot: Spot,
    /// `<area>.<verb>[_<object>]`.
    pub name: String,
    /// What the call does, in one sentence.
    pub summary: String,
    /// The effect, then constraints, defaults and errors.
    pub description: String,
    /// The HTTP method.
    pub method: Method,
    /// The path template.
    pub path: String,
    /// Who may make the call, in order of preference.
    pub authorities: Vec<Authority>,
    /// Whether it may be made for a member.
    pub impersonable: bool,
    /// Whether it may be sent again.
    pub repeat: Repeat,
    /// Why.
    pub repeat_reason: String,
    /// How it pages.
    pub paging: Option<Paging>,
    /// What Cronofy promises about it.
    pub stability: Stability,
    /// The page of Cronofy's documentation.
    pub documentation: String,
    /// What goes into path and query.
    pub parameters: Vec<Parameter>,
    /// What goes into the body.
    pub body: Option<Schema>,
    /// What comes back.
    pub successes: Vec<Success>,
    /// What may go wrong.
    pub failures: Vec<Failure>,
}

/// Where the reply holds its items and its paging object.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Paging {
    /// The path to the items.
    pub items: Vec<String>,
    /// The path to the paging object.
    pub pages: Vec<String>,
    /// Where it is described.
    #[serde(skip)]
    pub spot: Spot,
}

/// Something that goes into the path or the query.
#[derive(Debug, Clone)]
pub struct Parameter {
    /// Where it stands.
    pub spot: Spot,
    /// The wire name.
    pub wire: String,
    /// Whether it goes into the path; into the query otherwise.
    pub in_path: bool,
    /// Whether a call without it is refused.
    pub required: bool,
    /// What it holds; carries the parameter's description and example.
    pub schema: Schema,
}

/// A status that means success, and what comes with it.
#[derive(Debug, Clone)]
pub struct Success {
    /// The status.
    pub status: u16,
    /// The body.
    pub body: Option<Schema>,
    /// Whether the body may be empty all the same.
    pub body_optional: bool,
}

/// A status that means failure.
#[derive(Debug, Clone)]
pub struct Failure {
    /// The status, or `5XX`.
    pub status: String,
    /// The shared response that describes it.
    pub response: Reference,
}
