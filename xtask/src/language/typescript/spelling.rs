//! How TypeScript spells the model: names, reserved words, and types. Fields keep their wire names.

use std::collections::BTreeSet;

use heck::{ToKebabCase, ToLowerCamelCase, ToPascalCase};

use crate::language::document;
use crate::model::{Definition, Field, Operation, Shape, Type};

/// Words that can't be names of parameters.
const RESERVED: &[&str] = &[
    "arguments",
    "await",
    "break",
    "case",
    "catch",
    "class",
    "const",
    "continue",
    "debugger",
    "default",
    "delete",
    "do",
    "else",
    "enum",
    "eval",
    "export",
    "extends",
    "false",
    "finally",
    "for",
    "function",
    "if",
    "implements",
    "import",
    "in",
    "instanceof",
    "interface",
    "let",
    "new",
    "null",
    "package",
    "private",
    "protected",
    "public",
    "return",
    "static",
    "super",
    "switch",
    "this",
    "throw",
    "true",
    "try",
    "typeof",
    "var",
    "void",
    "while",
    "with",
    "yield",
];

/// Types whose name means something else in this package.
const RENAMED: &[(&str, &str)] = &[("Pages", "PagePosition")];

/// The width of generated lines, which is that of `.prettierrc.json`.
pub(super) const WIDTH: usize = 110;

/// A method or an argument.
pub fn name(name: &str) -> String {
    let name = name.to_lower_camel_case();
    if RESERVED.contains(&name.as_str()) && name != "delete" { format!("{name}_") } else { name }
}

/// A name that begins with a capital letter.
pub fn pascal(name: &str) -> String {
    name.to_pascal_case()
}

/// A type.
pub fn type_name(name: &str) -> String {
    let renamed = RENAMED.iter().find(|(from, _)| *from == name);
    renamed.map_or_else(|| name.to_pascal_case(), |(_, to)| (*to).to_owned())
}

/// The file of an area, without its ending.
pub fn module(area: &str) -> String {
    area.to_kebab_case()
}

/// The class that offers the operations of a group. Modules are exported together, so a name that says too little alone is
/// preceded by that of its area.
pub fn area_class(group: &str, area: &str) -> String {
    let own = group == area || group.ends_with(&format!("_{area}"));
    let name = if own { group.to_owned() } else { format!("{area}_{group}") };
    format!("{}Api", name.to_pascal_case())
}

/// A field in an object, by its wire name.
pub fn property(wire: &str) -> String {
    let is_word = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '$');
    let begins_well = !wire.starts_with(|c: char| c.is_ascii_digit());
    if !wire.is_empty() && begins_well && is_word(wire) { wire.to_owned() } else { literal(wire) }
}

/// A text between quotes.
pub fn literal(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('\'', "\\'").replace('\n', "\\n").replace('\r', "\\r");
    format!("'{escaped}'")
}

/// A type where it is used.
pub fn type_of(ty: &Type) -> String {
    match ty {
        Type::Any => "unknown".into(),
        Type::Boolean => "boolean".into(),
        Type::Integer { .. } | Type::Number => "number".into(),
        Type::Text { .. } => "string".into(),
        Type::Constant { value } => value.as_str().map_or_else(|| value.to_string(), literal),
        Type::List { item, .. } => {
            let item = type_of(item);
            if item.contains(['|', '&']) { format!("({item})[]") } else { format!("{item}[]") }
        }
        Type::Map { value } => format!("Record<string, {}>", type_of(value)),
        Type::Named { name } => type_name(name),
        Type::Nullable { of } => format!("{} | null", type_of(of)),
    }
}

/// The members of a union or an open enum, as one type.
pub fn union_of(definition: &Definition) -> String {
    let mut members: Vec<String> = match &definition.shape {
        Shape::OpenEnum { values } => values.iter().map(|value| literal(value)).collect(),
        Shape::Union { members, .. } => members.iter().map(|member| type_of(&member.ty)).collect(),
        Shape::Alias { of } => vec![type_of(of)],
        Shape::Object { .. } => Vec::new(),
    };
    let mut seen = BTreeSet::new();
    members.retain(|member| seen.insert(member.clone()));
    if matches!(definition.shape, Shape::OpenEnum { .. }) {
        // Any other text passes too, and editors still offer those that are known.
        members.push("(string & {})".into());
    }
    members.join(" | ")
}

/// Whether nothing must be given.
pub fn is_all_optional(definition: &Definition) -> bool {
    match &definition.shape {
        Shape::Object { fields, .. } => fields.iter().all(|field| !field.required),
        _ => false,
    }
}

/// What is said about a field.
pub fn field_document(field: &Field) -> String {
    let is_secret = matches!(field.ty.bare(), Type::Text { secret: true, .. });
    let text = document::field(field);
    let text = text.replace("\n\nDeprecated.", "\n\n@deprecated");
    if is_secret { format!("{text} It is a secret: keep it out of logs.") } else { text }
}

/// What is said about a call; the arguments in the path are its parameters.
pub fn call_document(operation: &Operation, example: &str) -> String {
    let example = format!("@example\n\n```ts\n{example}\n```");
    document::operation(operation, name, &example)
}

/// The words of code, comments left out.
pub fn words(body: &str) -> BTreeSet<&str> {
    let code = body.lines().filter(|line| !line.trim_start().starts_with(['*', '/']));
    code.flat_map(|line| line.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_spelled_as_typescript_does() {
        assert_eq!(name("calendar_id"), "calendarId");
        assert_eq!(name("delete"), "delete");
        assert_eq!(name("package"), "package_");
        assert_eq!(property("cronofy.type"), "'cronofy.type'");
        assert_eq!(property("type"), "type");
        assert_eq!(literal("it's"), "'it\\'s'");
    }

    #[test]
    fn classes_of_modules_that_are_exported_together_have_names_of_their_own() {
        assert_eq!(area_class("events", "events"), "EventsApi");
        assert_eq!(area_class("organization_channels", "channels"), "OrganizationChannelsApi");
        assert_eq!(area_class("members", "organization"), "OrganizationMembersApi");
        assert_eq!(area_class("resources", "service_account"), "ServiceAccountResourcesApi");
    }

    #[test]
    fn a_list_of_alternatives_is_put_in_parentheses() {
        let of = Box::new(Type::Nullable { of: Box::new(Type::Boolean) });
        assert_eq!(type_of(&Type::List { item: of, min: 0, max: 1 }), "(boolean | null)[]");
    }

    #[test]
    fn what_comments_mention_is_no_word_of_the_code() {
        let body = "/** A Call. */\n * Pages\nexport class A { b: Event; }";
        let found = words(body);
        assert!(found.contains("Event") && !found.contains("Call") && !found.contains("Pages"));
    }
}
