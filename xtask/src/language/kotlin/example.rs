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
        let value = writer.object(request, example.as_object().unwrap_or(&Map::new()));
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
                (format!("{} = ", spelling::name(&field.name)), self.argument(field, definition, value))
            })
            .collect();
        let own: Map<String, Json> = example
            .iter()
            .filter(|(name, _)| *kept && fields.iter().all(|field| field.wire != **name))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        if !own.is_empty() {
            parts.push(("extra = ".into(), json(&Json::Object(own))));
        }
        call_of(&spelling::type_name(&definition.name), parts)
    }

    fn argument(&self, field: &Field, definition: &Definition, value: &Json) -> Expression {
        let removable = definition.sent && matches!(field.ty, Type::Nullable { .. }) && !field.required;
        match (removable, value) {
            (true, Json::Null) => Expression::atom("Nullable.Null"),
            (true, value) => one("Nullable.of", self.value(field.ty.bare(), value)),
            (false, value) => self.value(&field.ty, value),
        }
    }

    /// An expression of a type.
    fn value(&self, ty: &Type, value: &Json) -> Expression {
        match (ty, value) {
            (Type::Nullable { .. }, Json::Null) => Expression::atom("null"),
            (Type::Nullable { of }, value) => self.value(of, value),
            (Type::Any, value) => json(value),
            (Type::Number, Json::Number(number)) => {
                Expression::atom(format!("{:?}", number.as_f64().unwrap_or_default()))
            }
            (Type::Text { secret: true, .. }, Json::String(given)) => one("Secret", text(given)),
            (Type::Text { format: Format::Time, .. }, Json::String(given)) => one("Time.of", instant(given)),
            (Type::Text { format: Format::Date, .. }, Json::String(given)) => date(given),
            (Type::List { item, .. }, Json::Array(items)) => call_of(
                "listOf",
                items.iter().map(|value| (String::new(), self.value(item, value))).collect(),
            ),
            (Type::Map { value: ty }, Json::Object(entries)) => {
                let entries = entries
                    .iter()
                    .map(|(key, value)| (format!("{} to ", spelling::literal(key)), self.value(ty, value)))
                    .collect();
                call_of("mapOf", entries)
            }
            (Type::Named { name }, value) => self.named(name, value),
            (_, Json::String(given)) => text(given),
            (_, value) => Expression::atom(value.to_string()),
        }
    }

    fn named(&self, name: &str, value: &Json) -> Expression {
        let Some(definition) = self.definitions.get(name) else { return json(value) };
        match (&definition.shape, value) {
            (Shape::Object { .. }, Json::Object(example)) => self.object(definition, example),
            (Shape::OpenEnum { values }, Json::String(given)) if values.contains(given) => {
                Expression::atom(format!("{}.{}", spelling::type_name(name), spelling::constant(given)))
            }
            (Shape::OpenEnum { .. }, Json::String(given)) => one(&spelling::type_name(name), text(given)),
            (Shape::Union { members, .. }, value) => {
                let member = members.iter().find(|member| member.takes(value));
                member.map_or_else(|| json(value), |member| self.member(name, member, value))
            }
            (Shape::Alias { of }, value) => self.value(of, value),
            (_, value) => json(value),
        }
    }

    fn member(&self, union: &str, member: &Member, value: &Json) -> Expression {
        let union = spelling::type_name(union);
        let inner = match (&member.ty, value) {
            (Type::Constant { .. }, _) => {
                return Expression::atom(format!("{union}.{}", spelling::class(&member.name)));
            }
            (Type::Text { format: Format::Time, .. }, Json::String(given)) => instant(given),
            (ty, value) => self.value(ty, value),
        };
        one(&format!("{union}.of"), inner)
    }
}

/// Any JSON value.
fn json(value: &Json) -> Expression {
    match value {
        Json::Null => Expression::atom("JsonNull"),
        Json::String(given) => one("JsonPrimitive", text(given)),
        Json::Array(items) => {
            let items = items.iter().map(|item| (String::new(), json(item))).collect();
            one("JsonArray", call_of("listOf", items))
        }
        Json::Object(entries) => {
            let entries = entries
                .iter()
                .map(|(key, value)| (format!("{} to ", spelling::literal(key)), json(value)))
                .collect();
            one("JsonObject", call_of("mapOf", entries))
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

fn instant(given: &str) -> Expression {
    one("Instant.parse", text(given))
}

fn date(given: &str) -> Expression {
    one("LocalDate.parse", text(given))
}
