//! How Rust spells the model: names, reserved words, and types.

use heck::{ToPascalCase, ToShoutySnakeCase};
use serde::Serialize;

use crate::model::{Definition, Field, Format, Shape, Step, Type};

/// Words that can't be names of fields and methods.
const RESERVED: &[&str] = &[
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate", "do", "dyn",
    "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop",
    "macro", "match", "mod", "move", "mut", "override", "priv", "pub", "ref", "return", "self", "static",
    "struct", "super", "trait", "true", "try", "type", "typeof", "unsafe", "unsized", "use", "virtual",
    "where", "while", "yield",
];

/// Setters that look like an operator's trait to clippy.
const OPERATORS: &[&str] = &["add", "sub", "mul", "div", "rem", "shl", "shr"];

/// Types whose name means something else in this crate.
const RENAMED: &[(&str, &str)] = &[("Pages", "PagePosition")];

/// The width of generated lines, which is that of `rustfmt.toml`.
pub(super) const WIDTH: usize = 110;

/// A field, method or argument.
pub fn name(name: &str) -> String {
    if RESERVED.contains(&name) { format!("{name}_") } else { name.to_owned() }
}

/// A module.
pub fn module(area: &str) -> String {
    name(area)
}

/// A type.
pub fn type_name(name: &str) -> String {
    let renamed = RENAMED.iter().find(|(from, _)| *from == name);
    renamed.map_or_else(|| name.to_pascal_case(), |(_, to)| (*to).to_owned())
}

/// A variant of an enum.
pub fn variant(value: &str) -> String {
    let name = value.to_pascal_case();
    if name.starts_with(|first: char| first.is_ascii_digit()) { format!("V{name}") } else { name }
}

/// A constant or static.
pub fn constant(name: &str) -> String {
    name.replace('.', "_").to_shouty_snake_case()
}

/// A text between quotes; a long one is broken at blanks, since rustfmt leaves an expression with a longer line alone.
pub fn literal(text: &str) -> String {
    const LONGEST: usize = 80;
    let escaped = format!("{text:?}");
    if escaped.len() <= LONGEST {
        return escaped;
    }
    let mut lines = vec![String::new()];
    for word in escaped.split_inclusive(' ') {
        match lines.last_mut() {
            Some(line) if line.is_empty() || line.len() + word.len() <= LONGEST => line.push_str(word),
            _ => lines.push(word.to_owned()),
        }
    }
    lines.join("\\\n")
}

/// A type where it is used.
pub fn type_of(ty: &Type) -> String {
    match ty {
        Type::Any => "Value".into(),
        Type::Boolean => "bool".into(),
        Type::Integer { .. } => "i32".into(),
        Type::Number => "f64".into(),
        Type::Text { secret: true, .. } => "Secret".into(),
        Type::Text { format: Format::Time, .. } => "Time".into(),
        Type::Text { format: Format::Date, .. } => "Date".into(),
        Type::Constant { value } if value.is_boolean() => "bool".into(),
        Type::Text { .. } | Type::Constant { .. } => "String".into(),
        Type::List { item, .. } => format!("Vec<{}>", type_of(item)),
        Type::Map { value } => format!("BTreeMap<String, {}>", type_of(value)),
        Type::Named { name } => type_name(name),
        Type::Nullable { of } => format!("Option<{}>", type_of(of)),
    }
}

/// The type in a variant of a union. Times are plain there, since the union itself takes what is no time.
pub fn member_type(ty: &Type) -> String {
    match ty {
        Type::Text { format: Format::Time, .. } => "Timestamp".into(),
        other => type_of(other),
    }
}

/// The expression that reads a member of a union from `value`.
pub fn member_reader(ty: &Type) -> String {
    match ty {
        Type::Text { format: Format::Time, .. } => "types::read_time(&value)".into(),
        Type::Text { format: Format::Date, .. } => "types::read_date(&value)".into(),
        other => format!("types::read::<{}>(&value)", type_of(other)),
    }
}

/// A field of a struct, spelled.
#[derive(Debug, Serialize)]
pub struct Spelled {
    /// The field as it was.
    pub field: Field,
    /// The name.
    pub name: String,
    /// The type.
    #[serde(rename = "type")]
    pub ty: String,
    /// What `#[serde(…)]` says about it.
    pub serde: String,
    /// The type of the argument that sets it.
    pub argument: String,
    /// The expression that makes its value from the argument, without the wrapping of an optional one.
    pub value: String,
    /// What an optional field is wrapped in when it is set.
    pub wrapped: String,
    /// The value of an optional field that was not set.
    pub unset: String,
    /// Whether the setter is named like an operator.
    pub operator: bool,
}

/// The fields of a struct, spelled.
pub fn fields(definition: &Definition) -> Vec<Spelled> {
    match &definition.shape {
        Shape::Object { fields, .. } => fields.iter().map(|field| spell(field, definition)).collect(),
        _ => Vec::new(),
    }
}

fn spell(field: &Field, definition: &Definition) -> Spelled {
    let name = name(&field.name);
    let bare = field.ty.bare();
    let nullable = matches!(field.ty, Type::Nullable { .. });
    let inner = type_of(bare);
    let is_list = matches!(bare, Type::List { .. });
    let (argument, value) = setter(bare, &name);
    let mut serde = Vec::new();
    if name != field.wire {
        serde.push(format!("rename = {:?}", field.wire));
    }
    let removable = definition.sent && nullable && !field.required;
    let (ty, wrapped) = if removable {
        serde.push("default".into());
        serde.push("skip_serializing_if = \"Nullable::is_absent\"".into());
        (format!("Nullable<{inner}>"), "argument.into()".to_owned())
    } else if field.required && !nullable {
        if definition.received && is_list && !definition.secret {
            serde.push("default".into());
        }
        (inner, value.clone())
    } else {
        if !field.required && definition.serializes() {
            serde.push("skip_serializing_if = \"Option::is_none\"".into());
        }
        (format!("Option<{inner}>"), format!("Some({value})"))
    };
    if !definition.deserializes() {
        serde.retain(|part| part != "default");
    }
    Spelled {
        argument: if removable {
            format!("impl Into<Nullable<{}>>", type_of(bare))
        } else if field.required && nullable {
            ty.clone()
        } else {
            argument
        },
        value: if removable {
            format!("{name}.into()")
        } else if field.required && nullable {
            name.clone()
        } else {
            value
        },
        wrapped: if removable { format!("{name}.into()") } else { wrapped },
        unset: if removable { "Nullable::Absent".into() } else { "None".into() },
        serde: serde.join(", "),
        operator: OPERATORS.contains(&name.as_str()),
        field: field.clone(),
        name,
        ty,
    }
}

/// The argument of a setter, and the expression that makes the field's value from it.
fn setter(ty: &Type, name: &str) -> (String, String) {
    match ty {
        Type::Text { format: Format::Date, .. } => ("Date".into(), name.into()),
        Type::Text { .. } | Type::Named { .. } | Type::Any => {
            (format!("impl Into<{}>", type_of(ty)), format!("{name}.into()"))
        }
        Type::List { item, .. } => match &**item {
            Type::Text { .. } => (
                format!("impl IntoIterator<Item = impl Into<{}>>", type_of(item)),
                format!("{name}.into_iter().map(Into::into).collect()"),
            ),
            item => (
                format!("impl IntoIterator<Item = {}>", type_of(item)),
                format!("{name}.into_iter().collect()"),
            ),
        },
        Type::Map { value } => (
            format!("impl IntoIterator<Item = (impl Into<String>, {})>", type_of(value)),
            format!("{name}.into_iter().map(|(key, value)| (key.into(), value)).collect()"),
        ),
        other => (type_of(other), name.into()),
    }
}

/// What a struct or enum derives.
pub fn derives(definition: &Definition) -> String {
    let mut derives = vec!["Debug", "Clone"];
    let all_optional = match &definition.shape {
        Shape::Object { fields, .. } => fields.iter().all(|field| !field.required),
        _ => false,
    };
    if definition.sent && all_optional {
        derives.push("Default");
    }
    if !definition.secret {
        derives.push("PartialEq");
    }
    let is_object = matches!(definition.shape, Shape::Object { .. });
    if is_object && definition.serializes() {
        derives.push("Serialize");
    }
    if is_object && definition.deserializes() {
        derives.push("Deserialize");
    }
    derives.join(", ")
}

/// The expression that takes the items out of a page, `self`.
pub fn path(steps: &[Step]) -> String {
    let mut expression = "self".to_owned();
    let mut optional = false;
    for step in steps {
        let name = name(&step.name);
        expression = match (optional, step.optional) {
            (false, _) => format!("{expression}.{name}"),
            (true, false) => format!("{expression}.map(|inner| inner.{name})"),
            (true, true) => format!("{expression}.and_then(|inner| inner.{name})"),
        };
        optional |= step.optional;
    }
    if optional { format!("{expression}.unwrap_or_default()") } else { expression }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserved_words_get_a_mark_and_others_stay() {
        assert_eq!(name("type"), "type_");
        assert_eq!(name("match"), "match_");
        assert_eq!(name("summary"), "summary");
    }

    #[test]
    fn values_become_variants_that_rust_accepts() {
        assert_eq!(variant("needs_action"), "NeedsAction");
        assert_eq!(variant("30_days"), "V30Days");
        assert_eq!(constant("events.read_page"), "EVENTS_READ_PAGE");
    }

    #[test]
    fn a_name_that_the_crate_uses_for_something_else_is_changed() {
        assert_eq!(type_name("Pages"), "PagePosition");
        assert_eq!(type_name("EventsPage"), "EventsPage");
    }

    #[test]
    fn a_long_text_is_broken_at_blanks_and_means_the_same() {
        let text = "word ".repeat(40);
        let literal = literal(&text);
        assert!(literal.lines().all(|line| line.len() <= 81), "{literal}");
        assert_eq!(literal.replace("\\\n", ""), format!("{text:?}"));
    }

    #[test]
    fn items_are_taken_from_any_depth() {
        let step = |name: &str, optional| Step { name: name.to_owned(), optional };
        assert_eq!(path(&[step("events", false)]), "self.events");
        assert_eq!(path(&[step("events", true)]), "self.events.unwrap_or_default()");
        assert_eq!(path(&[step("a", false), step("b", false)]), "self.a.b");
        assert_eq!(
            path(&[step("a", true), step("b", false), step("c", true)]),
            "self.a.map(|inner| inner.b).and_then(|inner| inner.c).unwrap_or_default()"
        );
    }
}
