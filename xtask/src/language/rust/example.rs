//! Writes an example of a call from the examples of the description.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use heck::ToPascalCase;
use serde_json::{Map, Value as Json};

use super::spelling::{self, WIDTH};
use crate::model::{Definition, Field, Format, Operation, Place, Reply, Shape, Type};

/// Writes an example of each call: of operations by their names, on a property of a handle.
///
/// # Errors
/// That of rustfmt, which lays them out.
pub(super) fn calls<'a>(
    calls: impl Iterator<Item = (&'a Operation, &'a str, &'static str)>,
    definitions: &BTreeMap<String, Definition>,
    homes: &BTreeMap<String, String>,
) -> io::Result<BTreeMap<String, String>> {
    let (mut functions, mut heads) = (String::new(), Vec::new());
    for (operation, property, handle) in calls {
        let body = body(operation, property, handle, definitions, homes);
        functions.extend([START, "\nasync fn example() {\n", &body, "\n}\n"]);
        let handle_type = handle.to_pascal_case();
        let head = format!(
            "# async fn example({handle}: orgconnect::{handle_type}) -> Result<(), Box<dyn std::error::Error>> {{"
        );
        heads.push((key(&operation.name, handle), head));
    }
    let formatted = super::rustfmt(&functions, WIDTH - "    /// ".len() + "    ".len())?;
    let blocks = formatted.split(START).skip(1).zip(heads).map(|(function, (key, head))| {
        let lines: Vec<&str> = function.trim().lines().collect();
        let inner = lines.get(1..lines.len().saturating_sub(1)).unwrap_or_default();
        let inner: Vec<&str> = inner.iter().map(|line| line.strip_prefix("    ").unwrap_or(line)).collect();
        (key, format!("```no_run\n{head}\n{}\n# Ok(()) }}\n```", inner.join("\n")))
    });
    Ok(blocks.collect())
}

/// What an example is found by.
pub(super) fn key(operation: &str, handle: &str) -> String {
    format!("{operation} {handle}")
}

/// What stands before each example while they are laid out together.
const START: &str = "// example";

fn body(
    operation: &Operation,
    property: &str,
    handle: &str,
    definitions: &BTreeMap<String, Definition>,
    homes: &BTreeMap<String, String>,
) -> String {
    let mut writer = Writer { definitions, homes, uses: BTreeMap::new() };
    let mut arguments: Vec<String> = operation
        .arguments
        .iter()
        .filter(|argument| argument.place == Place::Path)
        .map(|argument| {
            let example = argument.field.example.as_ref().and_then(Json::as_str);
            spelling::literal(example.unwrap_or(&argument.field.name))
        })
        .collect();
    let mut lines = Vec::new();
    if let Some(request) = operation.request.as_deref().and_then(|name| definitions.get(name)) {
        let example = operation.request_example.clone().unwrap_or(Json::Null);
        let steps = writer.steps(request, example.as_object().unwrap_or(&Map::new()));
        lines.push(format!("let request = {};", steps.concat()));
        arguments.push("&request".to_owned());
    }
    let method = spelling::name(&operation.method_name);
    let call = format!("{handle}.{}().{method}({})", spelling::name(property), arguments.join(", "));
    lines.push(match operation.reply {
        Reply::Nothing => format!("{call}.await?;"),
        Reply::Body { .. } => format!("let reply = {call}.await?;"),
        Reply::Pages { .. } => format!("let items = {call}.all().await?;"),
    });
    let mut uses: Vec<String> = writer
        .uses
        .iter()
        .map(|(module, names)| {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            match names.as_slice() {
                [name] => format!("use {module}::{name};"),
                names => format!("use {module}::{{{}}};", names.join(", ")),
            }
        })
        .collect();
    if !uses.is_empty() {
        uses.push(String::new());
    }
    uses.into_iter().chain(lines).collect::<Vec<_>>().join("\n")
}

struct Writer<'a> {
    definitions: &'a BTreeMap<String, Definition>,
    homes: &'a BTreeMap<String, String>,
    uses: BTreeMap<String, BTreeSet<String>>,
}

impl Writer<'_> {
    /// The calls that build an object: its constructor, and a setter for each optional field.
    fn steps(&mut self, definition: &Definition, example: &Map<String, Json>) -> Vec<String> {
        let Shape::Object { fields, .. } = &definition.shape else { return Vec::new() };
        let required: Vec<String> = fields
            .iter()
            .filter(|field| field.required)
            .map(|field| self.argument(field, example.get(&field.wire).unwrap_or(&Json::Null)))
            .collect();
        let name = self.mention(&definition.name);
        let mut steps = vec![format!("{name}::new({})", required.join(", "))];
        for field in fields.iter().filter(|field| !field.required) {
            if let Some(value) = example.get(&field.wire) {
                steps.push(format!(".{}({})", spelling::name(&field.name), self.argument(field, value)));
            }
        }
        steps
    }

    /// A value as the argument of a constructor or a setter.
    fn argument(&mut self, field: &Field, value: &Json) -> String {
        match &field.ty {
            Type::Nullable { .. } if value.is_null() && field.required => "None".to_owned(),
            Type::Nullable { .. } if value.is_null() => {
                self.uses.entry("orgconnect".into()).or_default().insert("Nullable".into());
                "Nullable::Null".to_owned()
            }
            Type::Nullable { of } if field.required => format!("Some({})", self.exact(of, value)),
            ty => self.convertible(ty.bare(), value),
        }
    }

    /// An expression that `Into` makes the type from, or an iterator of its items.
    fn convertible(&mut self, ty: &Type, value: &Json) -> String {
        match (ty, value) {
            (Type::Text { format: Format::Time, .. }, Json::String(text)) => time(text),
            (Type::Text { format: Format::Date, .. }, Json::String(text)) => date(text),
            (Type::Text { .. }, Json::String(text)) => spelling::literal(text),
            (Type::List { item, .. }, Json::Array(items)) => {
                let is_text = matches!(**item, Type::Text { .. });
                if items.is_empty() && is_text {
                    return "Vec::<String>::new()".into();
                }
                let items: Vec<String> = items
                    .iter()
                    .map(
                        |value| if is_text { self.convertible(item, value) } else { self.exact(item, value) },
                    )
                    .collect();
                format!("[{}]", items.join(", "))
            }
            (Type::Map { value: ty }, Json::Object(entries)) => {
                let entries: Vec<String> = entries
                    .iter()
                    .map(|(key, value)| format!("({}, {})", spelling::literal(key), self.exact(ty, value)))
                    .collect();
                format!("[{}]", entries.join(", "))
            }
            (Type::Named { name }, value) => self.named(name, value),
            (ty, value) => self.exact(ty, value),
        }
    }

    /// An expression of exactly the type.
    fn exact(&mut self, ty: &Type, value: &Json) -> String {
        match (ty, value) {
            (Type::Nullable { .. }, Json::Null) => "None".into(),
            (Type::Nullable { of }, value) => format!("Some({})", self.exact(of, value)),
            (Type::Any, value) => format!("serde_json::json!({value})"),
            (Type::Text { .. } | Type::List { .. } | Type::Map { .. }, value) => {
                format!("{}.into()", self.convertible(ty, value))
            }
            (Type::Named { name }, value) => {
                let is_union =
                    self.definitions.get(name).is_some_and(|own| matches!(own.shape, Shape::Union { .. }));
                let expression = self.named(name, value);
                if is_union { format!("{expression}.into()") } else { expression }
            }
            (Type::Number, Json::Number(number)) => {
                let text = number.to_string();
                if text.contains('.') { text } else { format!("{text}.0") }
            }
            (_, value) => value.to_string(),
        }
    }

    fn named(&mut self, name: &str, value: &Json) -> String {
        let Some(definition) = self.definitions.get(name) else { return value.to_string() };
        match (&definition.shape, value) {
            (Shape::Object { .. }, Json::Object(example)) => self.steps(definition, example).concat(),
            (Shape::OpenEnum { values }, Json::String(text)) => {
                if values.contains(text) {
                    format!("{}::{}", self.mention(name), spelling::variant(text))
                } else {
                    format!("{}::from({})", self.mention(name), spelling::literal(text))
                }
            }
            (Shape::Union { members, .. }, value) => {
                let member = members.iter().find(|member| member.takes(value));
                match member.map(|member| (&member.ty, &member.name)) {
                    Some((Type::Constant { .. }, member)) => {
                        format!("{}::{}", self.mention(name), spelling::variant(member))
                    }
                    Some((ty, _)) => self.convertible(ty, value),
                    None => value.to_string(),
                }
            }
            (Shape::Alias { of }, value) => self.convertible(of, value),
            (_, value) => value.to_string(),
        }
    }

    /// Notes that a type is imported, and spells it.
    fn mention(&mut self, name: &str) -> String {
        let spelled = spelling::type_name(name);
        let module = match self.homes.get(name).map(String::as_str) {
            None | Some(super::SHARED) => "orgconnect::api".to_owned(),
            Some(area) => format!("orgconnect::api::{}", spelling::module(area)),
        };
        self.uses.entry(module).or_default().insert(spelled.clone());
        spelled
    }
}

fn time(text: &str) -> String {
    format!("{text:?}.parse::<jiff::Timestamp>()?")
}

fn date(text: &str) -> String {
    let parts: Vec<String> = text.split('-').map(|part| part.trim_start_matches('0').to_owned()).collect();
    format!("jiff::civil::date({})", parts.join(", "))
}
