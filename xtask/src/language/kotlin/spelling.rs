//! How Kotlin spells the model: names, reserved words, types, and the expressions that read and write them.

use heck::{ToLowerCamelCase, ToPascalCase, ToShoutySnakeCase};
use serde::Serialize;

use crate::language::document;
use crate::model::{Definition, Field, Format, Member, Shape, Step, Type};

/// Words that can't be names without backticks.
const RESERVED: &[&str] = &[
    "as",
    "break",
    "class",
    "continue",
    "do",
    "else",
    "false",
    "for",
    "fun",
    "if",
    "in",
    "interface",
    "is",
    "null",
    "object",
    "package",
    "return",
    "super",
    "this",
    "throw",
    "true",
    "try",
    "typealias",
    "typeof",
    "val",
    "var",
    "when",
    "while",
];

/// Types whose name means something else in this package.
const RENAMED: &[(&str, &str)] = &[("Pages", "PagePosition")];

/// The width of generated lines.
pub(super) const WIDTH: usize = 120;

/// How far a block stands to the right of what opens it.
pub(super) const INDENT: usize = 4;

/// A property, method or argument.
pub fn name(name: &str) -> String {
    let name = name.to_lower_camel_case();
    if RESERVED.contains(&name.as_str()) { format!("`{name}`") } else { name }
}

/// A type.
pub fn type_name(name: &str) -> String {
    let renamed = RENAMED.iter().find(|(from, _)| *from == name);
    renamed.map_or_else(|| name.to_pascal_case(), |(_, to)| (*to).to_owned())
}

/// The class of a member of a union.
pub fn class(name: &str) -> String {
    name.to_pascal_case()
}

/// The constant of a value of an open enum.
pub fn constant(value: &str) -> String {
    let name = value.to_shouty_snake_case();
    if name.starts_with(|first: char| first.is_ascii_digit()) { format!("V_{name}") } else { name }
}

/// A text between quotes.
pub fn literal(text: &str) -> String {
    format!("{text:?}").replace('$', "\\$")
}

/// A type where it is used.
pub fn type_of(ty: &Type) -> String {
    match ty {
        Type::Any => "JsonElement".into(),
        Type::Boolean => "Boolean".into(),
        Type::Integer { .. } => "Int".into(),
        Type::Number => "Double".into(),
        Type::Text { secret: true, .. } => "Secret".into(),
        Type::Text { format: Format::Time, .. } => "Time".into(),
        Type::Text { format: Format::Date, .. } => "LocalDate".into(),
        Type::Constant { value } if value.is_boolean() => "Boolean".into(),
        Type::Text { .. } | Type::Constant { .. } => "String".into(),
        Type::List { item, .. } => format!("List<{}>", type_of(item)),
        Type::Map { value } => format!("Map<String, {}>", type_of(value)),
        Type::Named { name } => type_name(name),
        Type::Nullable { of } => format!("{}?", type_of(of)),
    }
}

/// A type with what its values are read and written by, where the compiler plugin does not find that out.
pub fn property_type(ty: &Type) -> String {
    match ty {
        Type::Text { format: Format::Date, secret: false, .. } => {
            "@Serializable(with = LocalDateSerializer::class) LocalDate".into()
        }
        Type::List { item, .. } => format!("List<{}>", property_type(item)),
        Type::Map { value } => format!("Map<String, {}>", property_type(value)),
        Type::Nullable { of } => format!("{}?", property_type(of)),
        other => type_of(other),
    }
}

/// What reads and writes a type.
pub fn serializer(ty: &Type) -> String {
    match ty {
        Type::Any => "JsonElement.serializer()".into(),
        Type::List { item, .. } => format!("ListSerializer({})", serializer(item)),
        Type::Map { value } => format!("MapSerializer(String.serializer(), {})", serializer(value)),
        Type::Nullable { of } => format!("{}.nullable", serializer(of)),
        Type::Text { format: Format::Date, secret: false, .. } => "LocalDateSerializer".into(),
        other => format!("{}.serializer()", type_of(other)),
    }
}

/// A member of a union, spelled.
#[derive(Debug, Serialize)]
pub struct Variant {
    /// Its description.
    pub description: String,
    /// The name of its class.
    pub name: String,
    /// The type of its value; none for one that has no value.
    #[serde(rename = "type")]
    pub ty: Option<String>,
    /// What has to hold of `element` before it is read; empty where the type alone decides.
    pub condition: String,
    /// The expression that reads its value from `element`, or null.
    pub reader: String,
    /// The expression that writes `value`.
    pub writer: String,
}

/// The members of a union, spelled.
pub fn variants(definition: &Definition) -> Vec<Variant> {
    let Shape::Union { told, members } = &definition.shape else { return Vec::new() };
    let names: Vec<String> = members.iter().map(|member| class(&member.name)).collect();
    let told = serde_json::to_value(told).unwrap_or_default();
    members.iter().map(|member| variant(member, told.as_str().unwrap_or_default(), &names)).collect()
}

fn variant(member: &Member, told: &str, names: &[String]) -> Variant {
    let is_time = matches!(&member.ty, Type::Text { format: Format::Time, .. });
    let is_date = matches!(&member.ty, Type::Text { format: Format::Date, .. });
    let plain = if is_time { "Instant".to_owned() } else { type_of(&member.ty) };
    // Within the union a member's name hides the type of the same name.
    let ty = if names.contains(&plain) && matches!(member.ty, Type::Named { .. }) {
        format!("io.github.orgconnect.api.{plain}")
    } else {
        plain
    };
    let by = if names.contains(&type_of(&member.ty)) && matches!(member.ty, Type::Named { .. }) {
        format!("{ty}.serializer()")
    } else {
        serializer(&member.ty)
    };
    let condition = match told {
        "fields" => format!(
            "element.has({})",
            member.fields.iter().map(|field| literal(field)).collect::<Vec<_>>().join(", ")
        ),
        "const" => member
            .constants
            .iter()
            .map(|(field, value)| format!("element.says({}, JsonPrimitive({value}))", literal(field)))
            .collect::<Vec<_>>()
            .join(" && "),
        _ => String::new(),
    };
    let (ty, reader, writer) = match &member.ty {
        Type::Constant { value } => {
            (None, format!("element == JsonPrimitive({value})"), format!("JsonPrimitive({value})"))
        }
        _ if is_time => (Some(ty), "element.asInstant()".into(), "value.value.toJson()".into()),
        _ if is_date => (
            Some(ty),
            "element.asLocalDate()".into(),
            "json.encodeToJsonElement(LocalDateSerializer, value.value)".into(),
        ),
        _ => (
            Some(ty),
            format!("json.read({by}, element)"),
            format!("json.encodeToJsonElement({by}, value.value)"),
        ),
    };
    Variant {
        description: member.description.clone(),
        name: class(&member.name),
        ty,
        condition,
        reader,
        writer,
    }
}

/// A field of a class, spelled.
#[derive(Debug, Serialize)]
pub struct Spelled {
    /// What is said about it.
    pub description: String,
    /// Whether a value is asked for.
    pub required: bool,
    /// The name.
    pub name: String,
    /// The name after `with`.
    pub capital: String,
    /// The annotation with the wire name, if that is another.
    pub serial_name: Option<String>,
    /// The type of the property.
    #[serde(rename = "type")]
    pub ty: String,
    /// The type in signatures.
    pub argument: String,
    /// The default value; none for one that must be given.
    pub unset: Option<&'static str>,
    /// The expression that makes the property's value of the argument of its setter.
    pub value: String,
    /// The type of the argument of its setter.
    pub setter: String,
    /// Whether the default is written, too.
    pub always: bool,
}

/// The fields of a class, spelled.
pub fn fields(definition: &Definition) -> Vec<Spelled> {
    match &definition.shape {
        Shape::Object { fields, .. } => fields.iter().map(|field| spell(field, definition)).collect(),
        _ => Vec::new(),
    }
}

fn spell(field: &Field, definition: &Definition) -> Spelled {
    let name = name(&field.name);
    let nullable = matches!(field.ty, Type::Nullable { .. });
    let bare = field.ty.bare();
    let removable = definition.sent && nullable && !field.required;
    let is_list = matches!(bare, Type::List { .. });
    let (ty, argument, unset) = if removable {
        let inner = format!("Nullable<{}>", property_type(bare));
        (inner, format!("Nullable<{}>", type_of(bare)), Some("Nullable.Absent"))
    } else if field.required && !nullable {
        let unset = (definition.received && is_list && !definition.secret).then_some("emptyList()");
        (property_type(bare), type_of(bare), unset)
    } else {
        let unset = (!field.required || !definition.sent).then_some("null");
        (format!("{}?", property_type(bare)), format!("{}?", type_of(bare)), unset)
    };
    let setter = if removable { format!("{}?", type_of(bare)) } else { type_of(bare) };
    Spelled {
        description: document::field(field),
        required: field.required,
        capital: field.name.to_pascal_case(),
        serial_name: (name.trim_matches('`') != field.wire).then(|| literal(&field.wire)),
        value: if removable { format!("Nullable.of({name})") } else { name.clone() },
        always: unset == Some("emptyList()") && definition.sent,
        name,
        ty,
        argument,
        unset,
        setter,
    }
}

/// The expression that takes the items out of a page, `it`.
pub fn path(steps: &[Step]) -> String {
    let mut expression = "it".to_owned();
    let mut optional = false;
    for step in steps {
        let dot = if optional { "?." } else { "." };
        expression = format!("{expression}{dot}{}", name(&step.name));
        optional |= step.optional;
    }
    if optional { format!("{expression}.orEmpty()") } else { expression }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_in_camel_case_and_reserved_words_in_backticks() {
        assert_eq!(name("event_id"), "eventId");
        assert_eq!(name("object"), "`object`");
        assert_eq!(constant("needs_action"), "NEEDS_ACTION");
        assert_eq!(constant("30_days"), "V_30_DAYS");
        assert_eq!(type_name("Pages"), "PagePosition");
    }

    #[test]
    fn a_dollar_is_no_template() {
        assert_eq!(literal("a $b \"c\""), "\"a \\$b \\\"c\\\"\"");
    }

    #[test]
    fn items_are_taken_from_any_depth() {
        let step = |name: &str, optional| Step { name: name.to_owned(), optional };
        assert_eq!(path(&[step("events", false)]), "it.events");
        assert_eq!(path(&[step("a_b", true), step("c", false)]), "it.aB?.c.orEmpty()");
    }
}
