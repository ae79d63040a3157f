//! Writes an example of a call from the examples of the description.

use std::collections::BTreeMap;

use serde_json::{Map, Number, Value as Json};

use super::spelling;
use crate::language::example::{Reader, Spelling};
use crate::language::layout::{Expression, LastComma};
use crate::model::{Definition, Field, Format, Member, Operation, Place, Reply};

/// The lines of an example: an operation on a property of a handle, at most `width` wide.
pub(super) fn call(
    operation: &Operation,
    property: &str,
    handle: &str,
    definitions: &BTreeMap<String, Definition>,
    width: usize,
) -> String {
    let reader = Reader { definitions, spelling: Swift };
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
        let value = reader.object(request, example.as_object().unwrap_or(&Map::new()));
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

struct Swift;

/// Names of types are left to the place where an expression stands.
impl Spelling for Swift {
    fn object(&self, name: &str, fields: Vec<(&Field, Expression)>, extra: &Map<String, Json>) -> Expression {
        let mut arguments: Vec<(String, Expression)> = fields
            .into_iter()
            .map(|(field, value)| (format!("{}: ", spelling::label(&field.name)), value))
            .collect();
        if !extra.is_empty() {
            arguments.push(("extra: ".into(), json(&Json::Object(extra.clone()))));
        }
        Expression::group(format!("{}(", spelling::type_name(name)), arguments, ")")
    }

    fn removable(&self, value: Option<Expression>) -> Expression {
        value.map_or_else(|| Expression::atom(".null"), |value| one(".value(", value))
    }

    fn null(&self) -> Expression {
        Expression::atom("nil")
    }

    fn text(&self, text: &str, format: Format, _secret: bool) -> Expression {
        if format == Format::Date { date(text) } else { literal(text) }
    }

    fn time(&self, text: &str) -> Expression {
        Expression::atom(format!("Date({}, strategy: .iso8601)", spelling::literal(text)))
    }

    fn number(&self, number: &Number) -> Expression {
        Expression::atom(number.to_string())
    }

    fn list(&self, items: Vec<Expression>) -> Expression {
        Expression::group("[", items.into_iter().map(|item| (String::new(), item)).collect(), "]")
    }

    fn map(&self, entries: Vec<(&str, Expression)>) -> Expression {
        if entries.is_empty() {
            return Expression::atom("[:]");
        }
        let entries =
            entries.into_iter().map(|(key, value)| (format!("{}: ", spelling::literal(key)), value));
        Expression::group("[", entries.collect(), "]")
    }

    fn choice(&self, _name: &str, value: &str, known: bool) -> Expression {
        if known {
            Expression::atom(format!(".{}", spelling::value(value).trim_matches('`')))
        } else {
            literal(value)
        }
    }

    fn member(&self, _union: &str, member: &Member, value: Option<Expression>) -> Expression {
        let name = spelling::label(&member.name);
        match value {
            Some(value) => one(&format!(".{name}("), value),
            None => Expression::atom(format!(".{name}")),
        }
    }

    fn json(&self, value: &Json) -> Expression {
        json(value)
    }
}

/// Any JSON value as the literal that `JSONValue` is made of.
fn json(value: &Json) -> Expression {
    match value {
        Json::Null => Swift.null(),
        Json::String(text) => literal(text),
        Json::Array(items) => Swift.list(items.iter().map(json).collect()),
        Json::Object(entries) => {
            Swift.map(entries.iter().map(|(key, value)| (key.as_str(), json(value))).collect())
        }
        other => Expression::atom(other.to_string()),
    }
}

fn one(open: &str, argument: Expression) -> Expression {
    Expression::group(open, vec![(String::new(), argument)], ")")
}

fn literal(text: &str) -> Expression {
    Expression::atom(spelling::literal(text))
}

fn date(text: &str) -> Expression {
    let parts: Vec<&str> = text.split('-').map(|part| part.trim_start_matches('0')).collect();
    match parts.as_slice() {
        [year, month, day] => {
            Expression::atom(format!("CivilDate(year: {year}, month: {month}, day: {day})"))
        }
        _ => literal(text),
    }
}
