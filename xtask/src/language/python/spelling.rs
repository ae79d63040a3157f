//! How Python spells the model: names, reserved words, types, and what is done to a value on its way out.

use std::collections::BTreeMap;

use heck::{ToPascalCase, ToShoutySnakeCase};
use serde::Serialize;

use crate::model::{Definition, Field, Format, Member, Shape, Step, Told, Type};

/// Words that can't be names of fields, methods and arguments.
const RESERVED: &[&str] = &[
    "and", "as", "assert", "async", "await", "break", "class", "continue", "def", "del", "elif", "else",
    "except", "finally", "for", "from", "global", "if", "import", "in", "is", "lambda", "nonlocal", "not",
    "or", "pass", "raise", "return", "self", "try", "while", "with", "yield",
];

/// Names that enums have for themselves.
const TAKEN: &[&str] = &["MRO", "NAME", "VALUE"];

/// Types whose name means something else in the package.
const RENAMED: &[(&str, &str)] = &[("Pages", "PagePosition")];

/// A field, method or argument.
pub(super) fn name(name: &str) -> String {
    if RESERVED.contains(&name) { format!("{name}_") } else { name.to_owned() }
}

/// A type.
pub(super) fn type_name(name: &str) -> String {
    let renamed = RENAMED.iter().find(|(from, _)| *from == name);
    renamed.map_or_else(|| name.to_pascal_case(), |(_, to)| (*to).to_owned())
}

/// A member of an enum.
pub(super) fn member(value: &str) -> String {
    let name = value.to_shouty_snake_case();
    if name.starts_with(|first: char| first.is_ascii_digit()) {
        format!("V{name}")
    } else if TAKEN.contains(&name.as_str()) {
        format!("{name}_")
    } else {
        name
    }
}

/// The constant that holds an operation.
pub(super) fn constant(name: &str) -> String {
    format!("_{}", name.replace('.', "_").to_shouty_snake_case())
}

/// A text between quotes.
pub(super) fn literal(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            '\n' => quoted.push_str("\\n"),
            other => quoted.push(other),
        }
    }
    quoted + "\""
}

/// Which way a value travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// Callers make it, and nobody else.
    Sent,
    /// Replies hold it.
    Received,
}

/// The named types, for what depends on more than a name.
pub(super) struct Types<'a>(pub(super) &'a BTreeMap<String, Definition>);

impl Types<'_> {
    /// A type where it is used.
    pub(super) fn spell(&self, ty: &Type, way: Way) -> String {
        let sent = way == Way::Sent;
        match ty {
            Type::Any => "Any".into(),
            Type::Boolean => "bool".into(),
            Type::Integer { .. } => "int".into(),
            Type::Number => "float".into(),
            Type::Text { secret: true, .. } => if sent { "str | Secret" } else { "Secret" }.into(),
            Type::Text { format: Format::Time, .. } => {
                if sent { "datetime | str" } else { "datetime" }.into()
            }
            Type::Text { format: Format::Date, .. } => if sent { "date | str" } else { "date" }.into(),
            Type::Text { .. } => "str".into(),
            Type::Constant { value } => {
                value.as_str().map_or_else(|| "bool".into(), |text| format!("Literal[{}]", literal(text)))
            }
            Type::List { item, .. } if sent => format!("Sequence[{}]", self.spell(item, way)),
            Type::List { item, .. } => format!("list[{}]", self.spell(item, way)),
            Type::Map { value } if sent => format!("Mapping[str, {}]", self.spell(value, way)),
            Type::Map { value } => format!("dict[str, {}]", self.spell(value, way)),
            Type::Named { name } if sent && self.is_text(name) => format!("{} | str", type_name(name)),
            Type::Named { name } => type_name(name),
            Type::Nullable { of } => format!("{} | None", self.spell(of, way)),
        }
    }

    /// Whether a named type can be written as text: open enums, and unions with a date or a time.
    fn is_text(&self, name: &str) -> bool {
        match self.0.get(name).map(|definition| &definition.shape) {
            Some(Shape::OpenEnum { .. }) => true,
            Some(Shape::Union { members, .. }) => members.iter().any(|member| is_temporal(&member.ty)),
            Some(Shape::Alias { of: Type::Named { name } }) => self.is_text(name),
            Some(Shape::Alias { of }) => is_temporal(of),
            _ => false,
        }
    }

    /// The expression that a value is sent as: times are made what Cronofy takes.
    pub(super) fn outward(&self, ty: &Type, field: &str, expression: &str) -> Option<String> {
        let function = match ty.bare() {
            Type::Text { format: Format::Time, .. } => "instant",
            Type::Text { format: Format::Date, .. } => "day",
            Type::List { item, .. } => {
                self.outward(item, field, expression).filter(|inner| inner.starts_with("instant("))?;
                "instants"
            }
            Type::Named { name } => match self.0.get(name).map(|definition| &definition.shape) {
                Some(Shape::Union { members, .. }) if members.iter().any(|member| is_time(&member.ty)) => {
                    "instant"
                }
                Some(Shape::Alias { of }) => return self.outward(of, field, expression),
                _ => return None,
            },
            _ => return None,
        };
        Some(format!("{function}({}, {expression})", literal(field)))
    }

    /// The fields of a struct, spelled.
    pub(super) fn fields(&self, definition: &Definition) -> Vec<Spelled> {
        let Shape::Object { fields, .. } = &definition.shape else { return Vec::new() };
        fields.iter().map(|field| self.field(field, definition)).collect()
    }

    fn field(&self, field: &Field, definition: &Definition) -> Spelled {
        let way = if definition.received { Way::Received } else { Way::Sent };
        let name = name(&field.name);
        let nullable = matches!(field.ty, Type::Nullable { .. });
        let mut ty = self.spell(field.ty.bare(), way);
        let default = if field.required && !nullable {
            let is_list = matches!(field.ty, Type::List { .. });
            (definition.received && is_list && !definition.secret).then_some("[]")
        } else if definition.sent && nullable && !field.required {
            ty = format!("{ty} | UnsetType | None");
            Some("UNSET")
        } else {
            ty = format!("{ty} | None");
            (!field.required || definition.received).then_some("None")
        };
        Spelled {
            outward: definition
                .sent
                .then(|| self.outward(&field.ty, &field.name, &format!("self.{name}")))
                .flatten(),
            default,
            field: field.clone(),
            name,
            ty,
        }
    }

    /// An argument of a call.
    pub(super) fn argument(&self, field: &Field) -> Argument {
        let name = name(&field.name);
        let nullable = matches!(field.ty, Type::Nullable { .. });
        let ty = self.spell(field.ty.bare(), Way::Sent);
        let (ty, default) = match (field.required, nullable) {
            (true, false) => (ty, None),
            (true, true) => (format!("{ty} | None"), None),
            (false, false) => (format!("{ty} | None"), Some("None")),
            (false, true) => (format!("{ty} | UnsetType | None"), Some("UNSET")),
        };
        Argument {
            value: self.outward(&field.ty, &field.name, &name).unwrap_or_else(|| name.clone()),
            wire: field.wire.clone(),
            is_nullable: nullable,
            name,
            ty,
            default,
        }
    }
}

impl Argument {
    /// Whether it may be left out.
    pub(super) fn is_optional(&self) -> bool {
        self.default.is_some()
    }
}

/// Whether msgspec reads the union by itself: it tells JSON types apart, and texts and objects not from each other.
pub(super) fn is_plain(told: Told, members: &[Member]) -> bool {
    let count = |wanted: fn(&Type) -> bool| members.iter().filter(|member| wanted(&member.ty)).count();
    told == Told::Type
        && count(|ty| matches!(ty, Type::Text { .. } | Type::Constant { .. })) < 2
        && count(|ty| matches!(ty, Type::Named { .. } | Type::Map { .. })) < 2
}

fn is_time(ty: &Type) -> bool {
    matches!(ty, Type::Text { format: Format::Time, .. })
}

fn is_temporal(ty: &Type) -> bool {
    matches!(ty, Type::Text { format: Format::Time | Format::Date, .. })
}

/// A field of a struct, spelled.
#[derive(Debug, Serialize)]
pub(super) struct Spelled {
    /// The field as it was.
    field: Field,
    /// The name.
    name: String,
    /// The type.
    #[serde(rename = "type")]
    ty: String,
    /// The value when it is not given.
    default: Option<&'static str>,
    /// The expression that makes it what Cronofy takes.
    outward: Option<String>,
}

/// An argument of a call, spelled.
#[derive(Debug, Serialize)]
pub(super) struct Argument {
    /// The name.
    name: String,
    /// The wire name.
    wire: String,
    /// The type.
    #[serde(rename = "type")]
    ty: String,
    /// The value when it is not given.
    default: Option<&'static str>,
    /// The expression that is sent.
    value: String,
    /// Whether null is a value of it.
    is_nullable: bool,
}

/// The expression that takes the items out of `page`.
pub(super) fn path(steps: &[Step]) -> String {
    let mut expression = "page".to_owned();
    let mut guards = Vec::new();
    for (position, step) in steps.iter().enumerate() {
        expression = format!("{expression}.{}", name(&step.name));
        if step.optional && position + 1 < steps.len() {
            guards.push(format!("{expression} is not None"));
        }
    }
    let optional = steps.last().is_some_and(|step| step.optional);
    let items = if optional { format!("{expression} or []") } else { expression };
    if guards.is_empty() { items } else { format!("({items}) if {} else []", guards.join(" and ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserved_words_get_a_mark_and_others_stay() {
        assert_eq!(name("from"), "from_");
        assert_eq!(name("type"), "type");
    }

    #[test]
    fn values_become_members_that_python_accepts() {
        assert_eq!(member("needs_action"), "NEEDS_ACTION");
        assert_eq!(member("30_days"), "V30_DAYS");
        assert_eq!(member("name"), "NAME_");
    }

    #[test]
    fn a_text_is_quoted_so_that_it_means_the_same() {
        assert_eq!(literal("a \"b\" \\ c\n"), r#""a \"b\" \\ c\n""#);
    }

    #[test]
    fn items_are_taken_from_any_depth() {
        let step = |name: &str, optional| Step { name: name.to_owned(), optional };
        assert_eq!(path(&[step("events", false)]), "page.events");
        assert_eq!(path(&[step("events", true)]), "page.events or []");
        assert_eq!(path(&[step("a", true), step("b", false)]), "(page.a.b) if page.a is not None else []");
    }
}
