//! How Swift spells the model: names, reserved words, and types.

use heck::{ToLowerCamelCase, ToPascalCase};
use serde::Serialize;

use crate::model::{Definition, Field, Format, Shape, Step, Type};

/// Words that need backticks where they name a property, a method or an argument.
const RESERVED: &[&str] = &[
    "Any",
    "Self",
    "as",
    "associatedtype",
    "break",
    "case",
    "catch",
    "class",
    "continue",
    "default",
    "defer",
    "deinit",
    "do",
    "else",
    "enum",
    "extension",
    "fallthrough",
    "false",
    "fileprivate",
    "for",
    "func",
    "guard",
    "if",
    "import",
    "in",
    "init",
    "inout",
    "internal",
    "is",
    "let",
    "nil",
    "operator",
    "precedencegroup",
    "private",
    "protocol",
    "public",
    "repeat",
    "rethrows",
    "return",
    "self",
    "static",
    "struct",
    "subscript",
    "super",
    "switch",
    "throw",
    "throws",
    "true",
    "try",
    "typealias",
    "var",
    "where",
    "while",
];

/// Names that Swift, Foundation, Combine or `SwiftUI` use for something else: whoever imports both would have to say which
/// is meant at each use. They begin with the maker's name here.
const TAKEN: &[&str] = &[
    "Array",
    "Binding",
    "Calendar",
    "Character",
    "Color",
    "Data",
    "Date",
    "Duration",
    "Error",
    "Form",
    "Group",
    "Host",
    "Image",
    "Label",
    "Link",
    "List",
    "Locale",
    "Menu",
    "Notification",
    "Operation",
    "Optional",
    "Progress",
    "Result",
    "Section",
    "Set",
    "State",
    "String",
    "Subscription",
    "Table",
    "Task",
    "Text",
    "Timer",
    "Transaction",
    "Transition",
    "Unit",
    "View",
];

/// Types whose name means something else in this package.
const RENAMED: &[(&str, &str)] = &[("Pages", "PagePosition")];

/// Words that Swift writes in capitals, unless a name begins with them.
const CAPITALS: &[(&str, &str)] = &[
    ("Id", "ID"),
    ("Ids", "IDs"),
    ("Url", "URL"),
    ("Urls", "URLs"),
    ("Uri", "URI"),
    ("Uris", "URIs"),
    ("Uid", "UID"),
];

/// The width of generated lines, which is that of `.swift-format`.
pub(super) const WIDTH: usize = 120;
/// What one level is indented by.
pub(super) const INDENT: usize = 4;

/// A property, method or argument as it is written where it is declared or used alone.
pub fn name(name: &str) -> String {
    let name = label(name);
    if RESERVED.contains(&name.as_str()) { format!("`{name}`") } else { name }
}

/// A name as it is written after a dot or before a colon, where reserved words are names like others.
pub fn label(name: &str) -> String {
    let words = name.to_lower_camel_case();
    let mut parts = split(&words).into_iter();
    let first = parts.next().unwrap_or_default();
    let rest: Vec<String> = parts.map(|part| capitals(&part)).collect();
    format!("{first}{}", rest.concat())
}

/// A type.
pub fn type_name(name: &str) -> String {
    if let Some((_, to)) = RENAMED.iter().find(|(from, _)| *from == name) {
        return (*to).to_owned();
    }
    let words: Vec<String> = split(&name.to_pascal_case()).iter().map(|part| capitals(part)).collect();
    let name = words.concat();
    if TAKEN.contains(&name.as_str()) { format!("Cronofy{name}") } else { name }
}

/// A file.
pub fn file(area: &str) -> String {
    format!("{}.swift", area.to_pascal_case())
}

/// The name of a value of an open enum, as it is declared. One that is called `none` would hide that of optionals.
pub fn value(value: &str) -> String {
    match label(value).as_str() {
        "none" => "noneValue".to_owned(),
        label if label.starts_with(|first: char| first.is_ascii_digit()) => format!("v{label}"),
        _ => name(value),
    }
}

/// The words of a name that is written without separators.
fn split(name: &str) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    for character in name.chars() {
        match parts.last_mut() {
            Some(part) if !character.is_uppercase() => part.push(character),
            _ => parts.push(character.to_string()),
        }
    }
    parts
}

fn capitals(word: &str) -> String {
    CAPITALS
        .iter()
        .find(|(from, _)| *from == word)
        .map_or_else(|| word.to_owned(), |(_, to)| (*to).to_owned())
}

/// A text between quotes.
pub fn literal(text: &str) -> String {
    let escaped: Vec<String> = text
        .chars()
        .map(|character| match character {
            '"' => "\\\"".into(),
            '\\' => "\\\\".into(),
            '\n' => "\\n".into(),
            '\r' => "\\r".into(),
            '\t' => "\\t".into(),
            other if other.is_control() => format!("\\u{{{:x}}}", u32::from(other)),
            other => other.into(),
        })
        .collect();
    format!("\"{}\"", escaped.concat())
}

/// A type where it is used.
pub fn type_of(ty: &Type) -> String {
    match ty {
        Type::Any => "JSONValue".into(),
        Type::Boolean => "Bool".into(),
        Type::Integer { .. } => "Int".into(),
        Type::Number => "Double".into(),
        Type::Text { secret: true, .. } => "Secret".into(),
        Type::Text { format: Format::Time, .. } => "Time".into(),
        Type::Text { format: Format::Date, .. } => "CivilDate".into(),
        Type::Constant { value } if value.is_boolean() => "Bool".into(),
        Type::Text { .. } | Type::Constant { .. } => "String".into(),
        Type::List { item, .. } => format!("[{}]", type_of(item)),
        Type::Map { value } => format!("[String: {}]", type_of(value)),
        Type::Named { name } => type_name(name),
        Type::Nullable { of } => format!("{}?", type_of(of)),
    }
}

/// The type in a case of a union. Times are plain there, since the union itself takes what is no time.
pub fn member_type(ty: &Type) -> String {
    match ty {
        Type::Text { format: Format::Time, .. } => "Date".into(),
        other => type_of(other),
    }
}

/// The expression that reads a member of a union from `candidate`.
pub fn member_reader(ty: &Type) -> String {
    match ty {
        Type::Text { format: Format::Time, .. } => "candidate.time()".into(),
        other => format!("candidate.read({}.self)", type_of(other)),
    }
}

/// A field of a struct, spelled.
#[derive(Debug, Serialize)]
pub struct Spelled {
    /// The field as it was.
    pub field: Field,
    /// The name where it is declared.
    pub name: String,
    /// The name after a dot and before a colon.
    pub label: String,
    /// The type.
    #[serde(rename = "type")]
    pub ty: String,
    /// What an argument that is left out is.
    pub default: Option<String>,
    /// The expression that reads it from `fields`.
    pub read: String,
    /// The statement that writes it into `fields`.
    pub write: String,
}

/// The fields of a struct, spelled.
pub fn fields(definition: &Definition) -> Vec<Spelled> {
    match &definition.shape {
        Shape::Object { fields, .. } => fields.iter().map(|field| spell(field, definition)).collect(),
        _ => Vec::new(),
    }
}

fn spell(field: &Field, definition: &Definition) -> Spelled {
    let (name, label) = (name(&field.name), label(&field.name));
    let nullable = matches!(field.ty, Type::Nullable { .. });
    let inner = type_of(field.ty.bare());
    let is_list = matches!(field.ty.bare(), Type::List { .. });
    let (ty, default, read, write) = if definition.sent && nullable && !field.required {
        (format!("Nullable<{inner}>"), Some(".absent"), "nullable", "writeNullable")
    } else if field.required && !nullable {
        (inner, None, if is_list && !definition.secret { "list" } else { "required" }, "write")
    } else if field.required {
        // What is required is sent as null.
        (format!("{inner}?"), None, "optional", "write")
    } else {
        (format!("{inner}?"), Some("nil"), "optional", "writeIfPresent")
    };
    let key = literal(&field.wire);
    Spelled {
        read: format!("try fields.{read}({key})"),
        write: format!("try fields.{write}({name}, {key})"),
        default: default.map(ToOwned::to_owned),
        field: field.clone(),
        name,
        label,
        ty,
    }
}

/// The protocols of a struct or of a union. What holds a secret is neither compared nor written.
pub fn protocols(definition: &Definition) -> String {
    let mut protocols = Vec::new();
    protocols.push(match (definition.serializes(), definition.deserializes()) {
        (true, true) => "Codable",
        (false, _) => "Decodable",
        (true, false) => "Encodable",
    });
    if !definition.secret {
        protocols.push("Hashable");
    }
    protocols.push("Sendable");
    protocols.join(", ")
}

/// The statement that returns the items of a page.
pub fn items(steps: &[Step]) -> String {
    let mut expression = String::new();
    let mut optional = false;
    for (index, step) in steps.iter().enumerate() {
        let own = if index == 0 { name(&step.name) } else { label(&step.name) };
        expression = match (index, steps[..index].last().is_some_and(|step| step.optional)) {
            (0, _) => own,
            (_, true) => format!("{expression}?.{own}"),
            (_, false) => format!("{expression}.{own}"),
        };
        optional |= step.optional;
    }
    if optional { format!("{expression} ?? []") } else { expression }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_in_camel_case_with_capitals_where_swift_has_them() {
        assert_eq!(name("calendar_ids"), "calendarIDs");
        assert_eq!(name("url"), "url");
        assert_eq!(name("next_page_url"), "nextPageURL");
        assert_eq!(name("identity"), "identity");
        assert_eq!(type_name("PermissionsRequestUrl"), "PermissionsRequestURL");
        assert_eq!(type_name("ExcludedEventId"), "ExcludedEventID");
    }

    #[test]
    fn reserved_words_stand_in_backticks_where_they_must() {
        assert_eq!(name("default"), "`default`");
        assert_eq!(label("default"), "default");
        assert_eq!(name("type"), "type");
    }

    #[test]
    fn a_name_that_swift_uses_for_something_else_is_changed() {
        assert_eq!(type_name("Pages"), "PagePosition");
        assert_eq!(type_name("Calendar"), "CronofyCalendar");
        assert_eq!(type_name("CalendarsPage"), "CalendarsPage");
    }

    #[test]
    fn values_become_names_that_hide_nothing() {
        assert_eq!(value("needs_action"), "needsAction");
        assert_eq!(value("POST"), "post");
        assert_eq!(value("default"), "`default`");
        assert_eq!(value("none"), "noneValue");
    }

    #[test]
    fn items_are_taken_from_any_depth() {
        let step = |name: &str, optional| Step { name: name.to_owned(), optional };
        assert_eq!(items(&[step("events", false)]), "events");
        assert_eq!(items(&[step("events", true)]), "events ?? []");
        assert_eq!(items(&[step("a", false), step("b", false)]), "a.b");
        assert_eq!(items(&[step("a", true), step("b", false), step("c", true)]), "a?.b.c ?? []");
    }
}
