//! Writes an example of a call from the examples of the description.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value as Json};

use super::spelling::{self, literal};
use crate::model::{Definition, Field, Format, Operation, Place, Reply, Shape, Type};

/// Stands for an address that Cronofy has given.
const A_LINK: &str = "https://api.cronofy.com/v1/a_link_from_an_earlier_reply";

/// The statements of an example: what is imported, and the call on a property of a handle.
pub(super) fn call(
    operation: &Operation,
    property: &str,
    handle: &str,
    definitions: &BTreeMap<String, Definition>,
    homes: &BTreeMap<String, String>,
) -> String {
    let mut writer = Writer { definitions, homes, uses: BTreeMap::new() };
    let mut arguments = Vec::new();
    let example = operation.request_example.clone().unwrap_or(Json::Null);
    for argument in &operation.arguments {
        let field = &argument.field;
        if argument.place == Place::Path {
            let value = field.example.as_ref().and_then(Json::as_str);
            let is_link = matches!(field.ty, Type::Text { format: Format::Uri, .. });
            arguments.push(literal(value.unwrap_or(if is_link { A_LINK } else { &field.name })));
        } else if let Some(value) = example.get(&field.wire) {
            arguments.push(format!("{}={}", spelling::name(&field.name), writer.value(&field.ty, value)));
        }
    }
    let method = spelling::name(&operation.method_name);
    let call = format!("{handle}.{}.{method}({})", spelling::name(property), arguments.join(", "));
    let call = match operation.reply {
        Reply::Nothing => call,
        Reply::Body { .. } => format!("reply = {call}"),
        Reply::Pages { .. } => format!("items = {call}.all()"),
    };
    let mut lines: Vec<String> = writer
        .uses
        .iter()
        .map(|(module, names)| {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            format!("from {module} import {}", names.join(", "))
        })
        .collect();
    if !lines.is_empty() {
        lines.push(String::new());
    }
    lines.push(call);
    lines.join("\n")
}

struct Writer<'a> {
    definitions: &'a BTreeMap<String, Definition>,
    homes: &'a BTreeMap<String, String>,
    uses: BTreeMap<String, BTreeSet<String>>,
}

impl Writer<'_> {
    /// A value as an expression of the type.
    fn value(&mut self, ty: &Type, value: &Json) -> String {
        match (ty.bare(), value) {
            (Type::List { item, .. }, Json::Array(items)) => {
                let items: Vec<String> = items.iter().map(|value| self.value(item, value)).collect();
                format!("[{}]", items.join(", "))
            }
            (Type::Map { value: ty }, Json::Object(entries)) => {
                let entries: Vec<String> = entries
                    .iter()
                    .map(|(key, value)| format!("{}: {}", literal(key), self.value(ty, value)))
                    .collect();
                format!("{{{}}}", entries.join(", "))
            }
            (Type::Named { name }, value) => self.named(name, value),
            (_, value) => plain(value),
        }
    }

    fn named(&mut self, name: &str, value: &Json) -> String {
        let Some(definition) = self.definitions.get(name) else { return plain(value) };
        match (&definition.shape, value) {
            (Shape::Object { kept: false, fields, .. }, Json::Object(example)) => {
                self.object(name, fields, example)
            }
            (Shape::OpenEnum { values }, Json::String(text)) if values.contains(text) => {
                format!("{}.{}", self.mention(name), spelling::member(text))
            }
            (Shape::Union { members, .. }, Json::Object(_)) => {
                let member = members
                    .iter()
                    .find(|member| matches!(member.ty, Type::Named { .. }) && member.is_told_by(value));
                member.map_or_else(|| plain(value), |member| self.value(&member.ty, value))
            }
            (Shape::Alias { of }, value) => self.value(of, value),
            (_, value) => plain(value),
        }
    }

    fn object(&mut self, name: &str, fields: &[Field], example: &Map<String, Json>) -> String {
        let given: Vec<String> = fields
            .iter()
            .filter_map(|field| {
                let value = example.get(&field.wire)?;
                Some(format!("{}={}", spelling::name(&field.name), self.value(&field.ty, value)))
            })
            .collect();
        format!("{}({})", self.mention(name), given.join(", "))
    }

    /// Notes that a type is imported, and spells it.
    fn mention(&mut self, name: &str) -> String {
        let spelled = spelling::type_name(name);
        let module = match self.homes.get(name).map(String::as_str) {
            None | Some(super::SHARED) => "orgconnect.api".to_owned(),
            Some(area) => format!("orgconnect.api.{area}"),
        };
        self.uses.entry(module).or_default().insert(spelled.clone());
        spelled
    }
}

/// JSON as a Python expression.
fn plain(value: &Json) -> String {
    match value {
        Json::Null => "None".into(),
        Json::Bool(true) => "True".into(),
        Json::Bool(false) => "False".into(),
        Json::Number(number) => number.to_string(),
        Json::String(text) => literal(text),
        Json::Array(items) => {
            let items: Vec<String> = items.iter().map(plain).collect();
            format!("[{}]", items.join(", "))
        }
        Json::Object(entries) => {
            let entries: Vec<String> =
                entries.iter().map(|(key, value)| format!("{}: {}", literal(key), plain(value))).collect();
            format!("{{{}}}", entries.join(", "))
        }
    }
}
