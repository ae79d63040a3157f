//! Writes an example of a call from the examples of the description.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

use super::spelling;
use crate::language::layout::{Expression, LastComma};
use crate::model::{Definition, Field, Format, Member, Operation, Place, Reply, Shape, Type};

/// The lines of an example: an operation on a property of a handle, at most `width` wide.
pub(super) fn call(
    operation: &Operation,
    property: &str,
    handle: &str,
    definitions: &BTreeMap<String, Definition>,
    width: usize,
) -> String {
    let writer = Writer { definitions };
    let mut lines = Vec::new();
    let mut arguments: Vec<(String, Expression)> = operation
        .arguments
        .iter()
        .filter(|argument| argument.place == Place::Path)
        .map(|argument| {
            let example = argument.field.example.as_ref().and_then(Json::as_str);
            let literal = spelling::literal(example.unwrap_or(&argument.field.name));
            (format!("{}: ", spelling::label(&argument.field.name)), Expression::atom(literal))
        })
        .collect();
    if let Some(request) = operation.request.as_deref().and_then(|name| definitions.get(name)) {
        let example = operation.request_example.clone().unwrap_or(Json::Null);
        let value = writer.object(request, example.as_object().unwrap_or(&Map::new()));
        let attempt = if value.flat().contains("strategy: .iso8601") { "try " } else { "" };
        lines.push(value.within(&format!("let request = {attempt}"), "", 0, width, LastComma::Lists));
        arguments.push((String::new(), Expression::atom("request")));
    }
    let method = spelling::label(&operation.method_name);
    let call = format!("{}.{}.{method}(", spelling::label(handle), spelling::label(property));
    let (before, close) = match operation.reply {
        Reply::Nothing => ("try await ", ")"),
        Reply::Body { .. } => ("let reply = try await ", ")"),
        Reply::Pages { .. } => ("let items = try await ", ").all()"),
    };
    lines.push(Expression::group(call, arguments, close).within(before, "", 0, width, LastComma::Lists));
    lines.join("\n")
}

struct Writer<'a> {
    definitions: &'a BTreeMap<String, Definition>,
}

impl Writer<'_> {
    /// The call that makes an object.
    fn object(&self, definition: &Definition, example: &Map<String, Json>) -> Expression {
        let Shape::Object { fields, kept, .. } = &definition.shape else { return Expression::atom("") };
        let mut parts: Vec<(String, Expression)> = fields
            .iter()
            .filter(|field| field.required || example.contains_key(&field.wire))
            .map(|field| {
                let value = example.get(&field.wire).unwrap_or(&Json::Null);
                (format!("{}: ", spelling::label(&field.name)), self.argument(field, definition, value))
            })
            .collect();
        let own: Map<String, Json> = example
            .iter()
            .filter(|(name, _)| *kept && fields.iter().all(|field| field.wire != **name))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        if !own.is_empty() {
            parts.push(("extra: ".into(), json(&Json::Object(own))));
        }
        Expression::group(format!("{}(", spelling::type_name(&definition.name)), parts, ")")
    }

    fn argument(&self, field: &Field, definition: &Definition, value: &Json) -> Expression {
        let removable = definition.sent && matches!(field.ty, Type::Nullable { .. }) && !field.required;
        match (removable, value) {
            (true, Json::Null) => Expression::atom(".null"),
            (true, value) => {
                Expression::group(".value(", vec![(String::new(), self.value(field.ty.bare(), value))], ")")
            }
            (false, value) => self.value(&field.ty, value),
        }
    }

    /// An expression of a type that the place where it stands knows.
    fn value(&self, ty: &Type, value: &Json) -> Expression {
        match (ty, value) {
            (Type::Nullable { .. }, Json::Null) => Expression::atom("nil"),
            (Type::Nullable { of }, value) => self.value(of, value),
            (Type::Any, value) => json(value),
            (Type::Text { format: Format::Date, .. }, Json::String(text)) => date(text),
            (Type::Text { .. }, Json::String(text)) => Expression::atom(spelling::literal(text)),
            (Type::List { item, .. }, Json::Array(items)) => {
                let items = items.iter().map(|value| (String::new(), self.value(item, value))).collect();
                Expression::group("[", items, "]")
            }
            (Type::Map { .. }, Json::Object(entries)) if entries.is_empty() => Expression::atom("[:]"),
            (Type::Map { value: ty }, Json::Object(entries)) => {
                let entries = entries
                    .iter()
                    .map(|(key, value)| (format!("{}: ", spelling::literal(key)), self.value(ty, value)))
                    .collect();
                Expression::group("[", entries, "]")
            }
            (Type::Named { name }, value) => self.named(name, value),
            (_, value) => Expression::atom(value.to_string()),
        }
    }

    fn named(&self, name: &str, value: &Json) -> Expression {
        let Some(definition) = self.definitions.get(name) else { return json(value) };
        match (&definition.shape, value) {
            (Shape::Object { .. }, Json::Object(example)) => self.object(definition, example),
            (Shape::OpenEnum { values }, Json::String(text)) => Expression::atom(if values.contains(text) {
                format!(".{}", spelling::value(text).trim_matches('`'))
            } else {
                spelling::literal(text)
            }),
            (Shape::Union { members, .. }, value) => {
                match members.iter().find(|member| member.takes(value)) {
                    Some(member) => self.member(member, value),
                    None => json(value),
                }
            }
            (Shape::Alias { of }, value) => self.value(of, value),
            (_, value) => json(value),
        }
    }

    fn member(&self, member: &Member, value: &Json) -> Expression {
        let name = spelling::label(&member.name);
        let inner = match (&member.ty, value) {
            (Type::Constant { .. }, _) => return Expression::atom(format!(".{name}")),
            (Type::Text { format: Format::Time, .. }, Json::String(text)) => {
                Expression::atom(format!("Date({}, strategy: .iso8601)", spelling::literal(text)))
            }
            (ty, value) => self.value(ty, value),
        };
        Expression::group(format!(".{name}("), vec![(String::new(), inner)], ")")
    }
}

/// Any JSON value as the literal that `JSONValue` is made of.
fn json(value: &Json) -> Expression {
    match value {
        Json::Null => Expression::atom("nil"),
        Json::String(text) => Expression::atom(spelling::literal(text)),
        Json::Array(items) => {
            Expression::group("[", items.iter().map(|item| (String::new(), json(item))).collect(), "]")
        }
        Json::Object(entries) if entries.is_empty() => Expression::atom("[:]"),
        Json::Object(entries) => {
            let entries = entries
                .iter()
                .map(|(key, value)| (format!("{}: ", spelling::literal(key)), json(value)))
                .collect();
            Expression::group("[", entries, "]")
        }
        other => Expression::atom(other.to_string()),
    }
}

fn date(text: &str) -> Expression {
    let parts: Vec<&str> = text.split('-').map(|part| part.trim_start_matches('0')).collect();
    match parts.as_slice() {
        [year, month, day] => {
            Expression::atom(format!("CivilDate(year: {year}, month: {month}, day: {day})"))
        }
        _ => Expression::atom(spelling::literal(text)),
    }
}
