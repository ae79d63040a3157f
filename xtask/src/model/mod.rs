//! What the templates see: the API in the terms of a facade, without the spelling of any language.

mod build;
mod conform;
mod definition;
mod reach;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

pub use crate::description::operation::Paging;
pub use crate::description::schema::{Format, Told};
pub use crate::description::words::{Authority, Method, Repeat, Stability};

/// The whole API.
#[derive(Debug, Clone, Serialize)]
pub struct Api {
    /// The areas, in the order of their names.
    pub areas: Vec<Area>,
    /// The types that several areas use.
    pub shared: Vec<Definition>,
    /// The named types that arguments are made of, in the order of their names.
    pub shapes: Vec<Definition>,
}

/// One area: its calls and its types.
#[derive(Debug, Clone, Serialize)]
pub struct Area {
    /// The name, for example `events`.
    pub name: String,
    /// The file that describes it, from the root of the repository.
    pub file: String,
    /// What it is for.
    pub description: String,
    /// The operations.
    pub operations: Vec<Operation>,
    /// How the operations hang on the handles.
    pub groups: Vec<Group>,
    /// The types.
    pub definitions: Vec<Definition>,
}

/// Operations that are reached by the same property of the same handles.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Group {
    /// The name of the property, for example `events`.
    pub property: String,
    /// The name of the type, in words: the property, after a handle where handles differ in what they may do.
    pub type_name: String,
    /// The same, after a handle where another area has a group of that name: for languages in which all are in one place.
    pub unique_name: String,
    /// Where the property is.
    pub handles: Vec<Handle>,
    /// What it offers: operations by their places in the area.
    pub operations: Vec<usize>,
}

/// What a caller holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Handle {
    /// One user.
    Account,
    /// An organization.
    Organization,
    /// A service account.
    ServiceAccount,
    /// The application.
    Client,
}

impl Handle {
    /// The name in words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Organization => "organization",
            Self::ServiceAccount => "service_account",
            Self::Client => "client",
        }
    }
}

/// One call.
#[derive(Debug, Clone, Serialize)]
pub struct Operation {
    /// `<area>.<verb>[_<object>]`.
    pub name: String,
    /// The name within its group: `upsert`, or `list` for `organization.list_members`.
    pub method_name: String,
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
    /// The status codes that mean success.
    pub success: Vec<u16>,
    /// All arguments: path, then query, then body.
    pub arguments: Vec<Argument>,
    /// What is always sent.
    pub constants: Vec<(String, Json)>,
    /// The type that holds the arguments outside the path, if there are any.
    pub request: Option<String>,
    /// An example of it.
    pub request_example: Option<Json>,
    /// What comes back.
    pub reply: Reply,
}

/// What a call answers with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Reply {
    /// No body.
    Nothing,
    /// A body.
    Body {
        /// Its type.
        name: String,
        /// Whether it may be missing.
        optional: bool,
    },
    /// A page, with others after it.
    Pages {
        /// The type of a page.
        name: String,
    },
}

/// One argument of a call.
#[derive(Debug, Clone, Serialize)]
pub struct Argument {
    /// Where the value goes.
    pub place: Place,
    /// Name, type and description.
    #[serde(flatten)]
    pub field: Field,
}

/// Where an argument's value goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// Into the path.
    Path,
    /// Into the query.
    Query,
    /// Into the body.
    Body,
}

/// A named type.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "they are independent facts, which templates ask for one by one"
)]
pub struct Definition {
    /// The name, `PascalCase`.
    pub name: String,
    /// What it is.
    pub description: String,
    /// Whether it is on its way out.
    pub deprecated: bool,
    /// Whether callers make values of it.
    pub sent: bool,
    /// Whether replies hold it.
    pub received: bool,
    /// Whether it is the request of a call, whose constants the core adds.
    pub request: bool,
    /// Whether a secret is in it, however deep.
    pub secret: bool,
    /// Values of it.
    pub examples: Vec<Json>,
    /// What values it has.
    pub shape: Shape,
    /// Where the items are, for a page of a list, and their type.
    pub page: Option<Page>,
}

/// Where a page of a list holds its items.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Page {
    /// The path to the items.
    pub items: Vec<Step>,
    /// The type of an item.
    pub item: Type,
}

/// One step of a path.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Step {
    /// The name in code before spelling.
    pub name: String,
    /// Whether it may be missing.
    pub optional: bool,
}

/// What values a named type has.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Shape {
    /// Fields.
    Object {
        /// The fields that callers see, the required ones first.
        fields: Vec<Field>,
        /// Fields that never vary.
        constants: Vec<(String, Json)>,
        /// Whether other fields are refused.
        closed: bool,
        /// Whether other fields belong to it, so that facades hold them too.
        kept: bool,
    },
    /// A text, mostly one of these.
    OpenEnum {
        /// The values that are known.
        values: Vec<String>,
    },
    /// One of several types.
    Union {
        /// How they are told apart.
        told: Told,
        /// The types.
        members: Vec<Member>,
    },
    /// Another name of a type.
    Alias {
        /// The type.
        of: Type,
    },
}

/// One type of a union.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Member {
    /// A name among the others, in words.
    pub name: String,
    /// What it is.
    pub description: String,
    /// The type.
    #[serde(rename = "type")]
    pub ty: Type,
    /// The properties that tell it from the others, for unions that are told by fields.
    pub fields: Vec<String>,
    /// The property and its value that tell it from the others, for unions that are told by a constant.
    pub constants: Vec<(String, Json)>,
}

/// One field of an object.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Field {
    /// The wire name.
    pub wire: String,
    /// The name in code before spelling, in `snake_case`.
    pub name: String,
    /// Whether it must be given, or is promised.
    pub required: bool,
    /// What it is.
    pub description: String,
    /// Whether it is on its way out.
    pub deprecated: bool,
    /// What an absent value means.
    pub default: Option<Json>,
    /// A value of it.
    pub example: Option<Json>,
    /// The type.
    #[serde(rename = "type")]
    pub ty: Type,
}

/// A type where it is used.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Type {
    /// Any JSON value.
    Any,
    /// A boolean.
    Boolean,
    /// A whole number within bounds.
    Integer {
        /// The smallest.
        min: i32,
        /// The largest.
        max: i32,
    },
    /// A number.
    Number,
    /// A text.
    Text {
        /// The fewest characters.
        min: u32,
        /// The most characters.
        max: u32,
        /// What it parses as.
        format: Format,
        /// Whether it must not be seen.
        secret: bool,
    },
    /// Exactly one value.
    Constant {
        /// The value.
        value: Json,
    },
    /// A list.
    List {
        /// What it is a list of.
        item: Box<Type>,
        /// The fewest items.
        min: u32,
        /// The most items.
        max: u32,
    },
    /// An object with any names.
    Map {
        /// What the names stand for.
        value: Box<Type>,
    },
    /// A type with a name.
    Named {
        /// The name.
        name: String,
    },
    /// The type, or null.
    Nullable {
        /// The type.
        of: Box<Type>,
    },
}

impl Type {
    /// The type without null.
    pub fn bare(&self) -> &Self {
        match self {
            Self::Nullable { of } => of.bare(),
            other => other,
        }
    }

    /// The named type at its core, if there is one.
    pub fn named(&self) -> Option<&str> {
        match self {
            Self::Named { name } => Some(name),
            Self::List { item: inner, .. } | Self::Map { value: inner } | Self::Nullable { of: inner } => {
                inner.named()
            }
            _ => None,
        }
    }
}

impl Definition {
    /// Whether values are written as JSON: requests, and replies that hold no secret.
    pub fn serializes(&self) -> bool {
        self.sent || !self.secret
    }

    /// Whether values are read from JSON.
    pub fn deserializes(&self) -> bool {
        self.received
    }

    /// Whether an object has a field for what it doesn't name: replies do, so that what Cronofy adds is there before we
    /// know it. Those with a secret don't: what they gain may be one as well, and whoever prints the object sees the
    /// field. Neither do those with a constant, which would be taken for an unknown field.
    pub fn holds_extra(&self) -> bool {
        match &self.shape {
            Shape::Object { kept, constants, .. } => {
                *kept || self.received && !self.secret && constants.is_empty()
            }
            _ => false,
        }
    }

    /// The types that it is made of.
    pub fn parts(&self) -> Vec<&Type> {
        match &self.shape {
            Shape::Object { fields, .. } => fields.iter().map(|field| &field.ty).collect(),
            Shape::OpenEnum { .. } => Vec::new(),
            Shape::Union { members, .. } => members.iter().map(|member| &member.ty).collect(),
            Shape::Alias { of } => vec![of],
        }
    }
}

impl Api {
    /// Every named type that a facade needs, by its name.
    pub fn definitions(&self) -> BTreeMap<&str, &Definition> {
        let own = self.areas.iter().flat_map(|area| &area.definitions);
        self.shared.iter().chain(own).map(|definition| (definition.name.as_str(), definition)).collect()
    }

    /// The name of the area that describes a type; none for shared types.
    pub fn home(&self, name: &str) -> Option<&str> {
        let holds = |area: &&Area| area.definitions.iter().any(|definition| definition.name == name);
        self.areas.iter().find(holds).map(|area| area.name.as_str())
    }

    /// All operations, in the order of their names.
    pub fn operations(&self) -> Vec<&Operation> {
        let mut operations: Vec<_> = self.areas.iter().flat_map(|area| &area.operations).collect();
        operations.sort_by(|a, b| a.name.cmp(&b.name));
        operations
    }
}
