//! Schemas as the description spells them, within the subset.

use serde_json::Value as Json;

use super::mapping::Mapping;
use super::reference::Reference;
use crate::refusal::{Refusal, Spot};
use crate::yaml::{Node, Value};

/// One schema.
#[derive(Debug, Clone)]
pub struct Schema {
    /// Where it stands.
    pub spot: Spot,
    /// What values it takes.
    pub kind: Kind,
    /// Whether it takes `null` as well.
    pub nullable: bool,
    /// What it says about itself.
    pub description: Option<String>,
    /// Whether it is on its way out.
    pub deprecated: bool,
    /// What an absent value means.
    pub default: Option<Json>,
    /// Values it takes.
    pub examples: Vec<(Json, Spot)>,
    /// The name in code, where the wire name doesn't do.
    pub name: Option<String>,
}

/// What values a schema takes.
#[derive(Debug, Clone)]
pub enum Kind {
    /// Any.
    Any,
    /// What a named schema takes.
    Reference(Reference),
    /// A text.
    Text(Text),
    /// A whole number within bounds.
    Integer(i32, i32),
    /// A number.
    Number,
    /// A boolean.
    Boolean,
    /// A list of so many items.
    List(Box<Schema>, u32, u32),
    /// An object.
    Object(Vec<Property>, Additional),
    /// Exactly one value, a text or a boolean.
    Constant(Json),
    /// One of several, and how they are told apart.
    Union(Option<Told>, Vec<Schema>),
}

/// What is known about a text.
#[derive(Debug, Clone)]
pub struct Text {
    /// The fewest characters.
    pub min: u32,
    /// The most characters.
    pub max: u32,
    /// What it parses as.
    pub format: Format,
    /// What it matches.
    pub pattern: Option<String>,
    /// The known values, when it is enum-like.
    pub values: Vec<String>,
    /// Whether it must not be seen.
    pub secret: bool,
}

/// What a text parses as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Anything.
    Free,
    /// A calendar date.
    Date,
    /// An instant.
    Time,
    /// An absolute URI.
    Uri,
    /// Visible ASCII without blanks.
    Identifier,
}

/// One property of an object.
#[derive(Debug, Clone)]
pub struct Property {
    /// The wire name.
    pub wire: String,
    /// Whether it is always there.
    pub required: bool,
    /// Whether the core fills it in.
    pub credential: bool,
    /// What it holds.
    pub schema: Schema,
}

/// What an object says of properties it doesn't name.
#[derive(Debug, Clone)]
pub enum Additional {
    /// They pass: nothing is said about them.
    Open,
    /// They pass, and belong to it.
    Kept,
    /// They are refused.
    Closed,
    /// They pass when they fit.
    Values(Box<Schema>),
}

/// How the members of a union are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Told {
    /// By JSON type, and texts by format.
    Type,
    /// By a property that is a constant in each.
    Const,
    /// By the properties that each requires.
    Fields,
}

const COMMON: [&str; 6] = ["type", "description", "deprecated", "default", "examples", "x-name"];

/// Where a schema stands, which decides what it may be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Under a name of its own: anything.
    Named,
    /// A property, an item or a parameter: objects, unions and open enums only by reference.
    Inline,
    /// A request of several variants: a union of references, which are told apart elsewhere.
    Request,
}

impl Schema {
    /// Reads a schema under `components`.
    pub fn read_named(node: Node) -> Result<Self, Refusal> {
        Self::read_at(node, Place::Named)
    }

    /// Reads a schema that stands where it is used.
    pub fn read(node: Node) -> Result<Self, Refusal> {
        Self::read_at(node, Place::Inline)
    }

    /// Reads the schema of a request.
    pub fn read_request(node: Node) -> Result<Self, Refusal> {
        Self::read_at(node, Place::Request)
    }

    /// A schema that is a reference and nothing else.
    pub fn referring(reference: Reference) -> Self {
        Self { spot: reference.spot.clone(), kind: Kind::Reference(reference), ..Self::any() }
    }

    /// The schema of an address that Cronofy returned.
    pub fn link(spot: &Spot, description: &str) -> Self {
        let text = Text {
            min: 1,
            max: u32::MAX,
            format: Format::Uri,
            pattern: None,
            values: Vec::new(),
            secret: false,
        };
        Self {
            spot: spot.clone(),
            kind: Kind::Text(text),
            description: Some(description.to_owned()),
            ..Self::any()
        }
    }

    fn any() -> Self {
        Self {
            spot: Spot::start_of(super::ROOT),
            kind: Kind::Any,
            nullable: false,
            description: None,
            deprecated: false,
            default: None,
            examples: Vec::new(),
            name: None,
        }
    }

    fn read_at(node: Node, place: Place) -> Result<Self, Refusal> {
        let mut map = Mapping::of(node, "a schema")?;
        let (type_name, mut nullable) = type_of(&mut map)?;
        let kind = match type_name.as_deref() {
            None if map.has("$ref") => reference(&mut map)?,
            None if map.has("oneOf") => union(&mut map, &mut nullable, place)?,
            None => {
                map.allow(&COMMON)?;
                Kind::Any
            }
            Some("string" | "boolean") if map.has("const") => constant(&mut map)?,
            Some("string") => text(&mut map, place)?,
            Some("integer") => integer(&mut map)?,
            Some("number") => number(&mut map)?,
            Some("boolean") => {
                map.allow(&COMMON)?;
                Kind::Boolean
            }
            Some("array") => list(&mut map)?,
            Some("object") => object(&mut map, place)?,
            Some(other) => {
                return Err(map.refuse(
                    format!("a schema of type `{other}`"),
                    "use string, integer, number, boolean, array or object",
                ));
            }
        };
        let mut examples = Vec::new();
        for node in map.list("examples")? {
            examples.push((node.to_json(), node.spot));
        }
        Ok(Self {
            kind,
            nullable,
            description: map.text("description")?,
            deprecated: map.boolean("deprecated")?.unwrap_or_default(),
            default: map.json("default").map(|(value, _)| value),
            examples,
            name: map.text("x-name")?,
            spot: map.spot,
        })
    }
}

fn allow(map: &Mapping, own: &[&str]) -> Result<(), Refusal> {
    let keys: Vec<&str> = COMMON.iter().chain(own).copied().collect();
    map.allow(&keys)
}

/// Takes `type`: one name, or `[name, 'null']`.
fn type_of(map: &mut Mapping) -> Result<(Option<String>, bool), Refusal> {
    let Some(node) = map.take("type") else { return Ok((None, false)) };
    let mend = "write one type, or `[T, 'null']`";
    match node.value {
        Value::Text(name) if name != "null" => Ok((Some(name), false)),
        Value::List(items) => {
            let names: Vec<_> = items
                .into_iter()
                .filter_map(|item| if let Value::Text(name) = item.value { Some(name) } else { None })
                .collect();
            match names.as_slice() {
                [name, null] if null == "null" && name != "null" => Ok((Some(name.clone()), true)),
                _ => Err(node.spot.refuse("a list of types", mend)),
            }
        }
        _ => Err(node.spot.refuse("a type that is no name", mend)),
    }
}

fn reference(map: &mut Mapping) -> Result<Kind, Refusal> {
    map.allow(&["$ref", "description", "deprecated", "x-name"])?;
    let node = map.require("$ref")?;
    Ok(Kind::Reference(Reference::read(&node, "schemas")?))
}

fn constant(map: &mut Mapping) -> Result<Kind, Refusal> {
    allow(map, &["const"])?;
    let node = map.require("const")?;
    match node.value {
        Value::Text(_) | Value::Boolean(_) => Ok(Kind::Constant(node.to_json())),
        _ => Err(node.spot.refuse(format!("a `const` that is {}", node.kind()), "use a text or a boolean")),
    }
}

fn text(map: &mut Mapping, place: Place) -> Result<Kind, Refusal> {
    allow(map, &["format", "minLength", "maxLength", "pattern", "x-open-enum", "x-secret", "x-credential"])?;
    let values = map.texts("x-open-enum")?;
    if !values.is_empty() && place != Place::Named {
        return Err(
            map.refuse("an open enum without a name", "name it under `components.schemas` and refer to it")
        );
    }
    let mut sorted = values.clone();
    sorted.sort();
    sorted.dedup();
    if sorted.len() < values.len() {
        return Err(map.refuse("an open enum with a value twice", "list it once"));
    }
    let format = [
        ("date", Format::Date),
        ("date-time", Format::Time),
        ("uri", Format::Uri),
        ("identifier", Format::Identifier),
    ];
    Ok(Kind::Text(Text {
        min: map.integer("minLength")?.unwrap_or(0),
        max: map.integer("maxLength")?.unwrap_or(u32::MAX),
        format: map.word("format", &format)?.unwrap_or(Format::Free),
        pattern: map.text("pattern")?,
        values,
        secret: map.boolean("x-credential")?.unwrap_or_default()
            | map.boolean("x-secret")?.unwrap_or_default(),
    }))
}

fn integer(map: &mut Mapping) -> Result<Kind, Refusal> {
    allow(map, &["format", "minimum", "maximum"])?;
    map.word("format", &[("int32", ())])?;
    let min = map.integer("minimum")?.unwrap_or(i32::MIN);
    let max = map.integer("maximum")?.unwrap_or(i32::MAX);
    if min > max {
        return Err(map.refuse(format!("no integer is between {min} and {max}"), "mend the bounds"));
    }
    Ok(Kind::Integer(min, max))
}

fn number(map: &mut Mapping) -> Result<Kind, Refusal> {
    allow(map, &["format", "minimum", "maximum"])?;
    map.word("format", &[("float", ())])?;
    for key in ["minimum", "maximum"] {
        if let Some(node) = map.take(key)
            && !matches!(node.value, Value::Integer(_) | Value::Float(_))
        {
            return Err(node.spot.refuse(format!("`{key}` is {}", node.kind()), "write a number"));
        }
    }
    Ok(Kind::Number)
}

fn list(map: &mut Mapping) -> Result<Kind, Refusal> {
    allow(map, &["items", "minItems", "maxItems"])?;
    let item = Schema::read(map.require("items")?)?;
    let min = map.integer("minItems")?.unwrap_or(0);
    let max = map.integer("maxItems")?.unwrap_or(u32::MAX);
    Ok(Kind::List(Box::new(item), min, max))
}

fn object(map: &mut Mapping, place: Place) -> Result<Kind, Refusal> {
    if place != Place::Named && map.has("properties") {
        return Err(
            map.refuse("an object without a name", "name it under `components.schemas` and refer to it")
        );
    }
    allow(map, &["properties", "required", "additionalProperties"])?;
    let required_nodes = map.list("required")?;
    let mut properties = Vec::new();
    for (key, node) in map.entries("properties")? {
        let credential = flag(&node, "x-credential");
        let schema = Schema::read(node)?;
        properties.push(Property { wire: key.text, required: false, credential, schema });
    }
    // The order of `required` is the order of constructors, so required properties come first, in that order.
    let mut ordered = Vec::with_capacity(properties.len());
    for node in required_nodes {
        let Value::Text(name) = &node.value else {
            return Err(node.spot.refuse("a required property that is no name", "write its name"));
        };
        let Some(index) = properties.iter().position(|property| property.wire == *name) else {
            return Err(node
                .spot
                .refuse(format!("`{name}` is required but no property"), "describe it or leave it out"));
        };
        ordered.push(Property { required: true, ..properties.remove(index) });
    }
    ordered.append(&mut properties);
    let additional = match map.take("additionalProperties") {
        None => Additional::Open,
        Some(Node { value: Value::Boolean(true), .. }) => Additional::Kept,
        Some(Node { value: Value::Boolean(false), .. }) => Additional::Closed,
        Some(node) => Additional::Values(Box::new(Schema::read(node)?)),
    };
    if !ordered.is_empty() && matches!(additional, Additional::Values(_)) {
        return Err(map.refuse(
            "an object with both `properties` and a schema for others",
            "use `additionalProperties: true`, or a map without properties",
        ));
    }
    Ok(Kind::Object(ordered, additional))
}

/// Reads `oneOf`. A member `type: 'null'` makes the whole nullable; a single member that is left stands for itself.
fn union(map: &mut Mapping, nullable: &mut bool, place: Place) -> Result<Kind, Refusal> {
    allow(map, &["oneOf", "x-union"])?;
    let told =
        map.word("x-union", &[("type", Told::Type), ("const", Told::Const), ("fields", Told::Fields)])?;
    let mut members = Vec::new();
    for node in map.list("oneOf")? {
        if is_null(&node) {
            *nullable = true;
        } else {
            members.push(Schema::read(node)?);
        }
    }
    match (members.len(), told) {
        (0, _) => Err(map.refuse("a union without members", "list them under `oneOf`")),
        (1, _) if *nullable => Ok(members.remove(0).kind),
        (1, _) => Err(map.refuse("a union of one member", "use the member itself")),
        (_, Some(_)) if place != Place::Named => {
            Err(map.refuse("a union without a name", "name it under `components.schemas` and refer to it"))
        }
        (_, None) if place != Place::Request => Err(map.refuse(
            "a union that doesn't say how its members are told apart",
            "add `x-union: type`, `const` or `fields`",
        )),
        _ => Ok(Kind::Union(told, members)),
    }
}

fn flag(node: &Node, key: &str) -> bool {
    match &node.value {
        Value::Map(entries) => {
            entries.iter().any(|(own, value)| own.text == key && value.value == Value::Boolean(true))
        }
        _ => false,
    }
}

fn is_null(node: &Node) -> bool {
    match &node.value {
        Value::Map(entries) => match entries.as_slice() {
            [(key, value)] => key.text == "type" && value.value == Value::Text("null".to_owned()),
            _ => false,
        },
        _ => false,
    }
}
