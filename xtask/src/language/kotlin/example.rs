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
    let reader = Reader { definitions, spelling: Kotlin };
    let laid = |expression: &Expression, before: &str| {
        let text = expression.within(before, "", 0, width, LastComma::All);
        // What takes several lines begins on one of its own.
        match before.strip_suffix(" = ") {
            Some(name) if text.contains('\n') => {
                let text = expression.within("", "", 4, width, LastComma::All);
                format!("{name} =\n    {text}")
            }
            _ => text,
        }
    };
    let mut lines = Vec::new();
    let mut arguments: Vec<(String, Expression)> = operation
        .arguments
        .iter()
        .filter(|argument| argument.place == Place::Path)
        .map(|argument| {
            let example = argument.field.example.as_ref().and_then(Json::as_str);
            (String::new(), text(example.unwrap_or(&argument.field.name)))
        })
        .collect();
    if let Some(request) = operation.request.as_deref().and_then(|name| definitions.get(name)) {
        let example = operation.request_example.clone().unwrap_or(Json::Null);
        let value = reader.object(request, example.as_object().unwrap_or(&Map::new()));
        lines.push(laid(&value, "val request = "));
        arguments.push((String::new(), Expression::atom("request")));
    }
    let method = spelling::name(&operation.method_name);
    let call = format!("{}.{}.{method}(", spelling::name(handle), spelling::name(property));
    let (before, close) = match operation.reply {
        Reply::Nothing => ("", ")"),
        Reply::Body { .. } => ("val reply = ", ")"),
        Reply::Pages { .. } => ("val items = ", ").all()"),
    };
    lines.push(laid(&Expression::group(call, arguments, close), before));
    lines.join("\n")
}

struct Kotlin;

impl Spelling for Kotlin {
    fn object(&self, name: &str, fields: Vec<(&Field, Expression)>, extra: &Map<String, Json>) -> Expression {
        let mut arguments: Vec<(String, Expression)> = fields
            .into_iter()
            .map(|(field, value)| (format!("{} = ", spelling::name(&field.name)), value))
            .collect();
        if !extra.is_empty() {
            arguments.push(("extra = ".into(), json(&Json::Object(extra.clone()))));
        }
        call_of(&spelling::type_name(name), arguments)
    }

    fn removable(&self, value: Option<Expression>) -> Expression {
        value.map_or_else(|| Expression::atom("Nullable.Null"), |value| one("Nullable.of", value))
    }

    fn null(&self) -> Expression {
        Expression::atom("null")
    }

    fn text(&self, given: &str, format: Format, secret: bool) -> Expression {
        match format {
            _ if secret => one("Secret", text(given)),
            Format::Time => one("Time.of", self.time(given)),
            Format::Date => one("LocalDate.parse", text(given)),
            Format::Free | Format::Uri | Format::Identifier => text(given),
        }
    }

    fn time(&self, given: &str) -> Expression {
        one("Instant.parse", text(given))
    }

    fn number(&self, number: &Number) -> Expression {
        Expression::atom(format!("{:?}", number.as_f64().unwrap_or_default()))
    }

    fn list(&self, items: Vec<Expression>) -> Expression {
        call_of("listOf", items.into_iter().map(|item| (String::new(), item)).collect())
    }

    fn map(&self, entries: Vec<(&str, Expression)>) -> Expression {
        let entries =
            entries.into_iter().map(|(key, value)| (format!("{} to ", spelling::literal(key)), value));
        call_of("mapOf", entries.collect())
    }

    fn choice(&self, name: &str, value: &str, known: bool) -> Expression {
        let name = spelling::type_name(name);
        if known {
            Expression::atom(format!("{name}.{}", spelling::constant(value)))
        } else {
            one(&name, text(value))
        }
    }

    fn member(&self, union: &str, member: &Member, value: Option<Expression>) -> Expression {
        let union = spelling::type_name(union);
        match value {
            Some(value) => one(&format!("{union}.of"), value),
            None => Expression::atom(format!("{union}.{}", spelling::class(&member.name))),
        }
    }

    fn json(&self, value: &Json) -> Expression {
        json(value)
    }
}

/// Any JSON value.
fn json(value: &Json) -> Expression {
    match value {
        Json::Null => Expression::atom("JsonNull"),
        Json::String(given) => one("JsonPrimitive", text(given)),
        Json::Array(items) => one("JsonArray", Kotlin.list(items.iter().map(json).collect())),
        Json::Object(entries) => {
            let entries = entries.iter().map(|(key, value)| (key.as_str(), json(value)));
            one("JsonObject", Kotlin.map(entries.collect()))
        }
        other => one("JsonPrimitive", Expression::atom(other.to_string())),
    }
}

fn call_of(function: &str, arguments: Vec<(String, Expression)>) -> Expression {
    let function = match (function, arguments.is_empty()) {
        ("listOf", true) => "emptyList",
        ("mapOf", true) => "emptyMap",
        _ => function,
    };
    Expression::group(format!("{function}("), arguments, ")")
}

fn one(function: &str, argument: Expression) -> Expression {
    call_of(function, vec![(String::new(), argument)])
}

fn text(text: &str) -> Expression {
    Expression::atom(spelling::literal(text))
}
