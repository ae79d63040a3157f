//! Reads an example of the description as a value of its type, for languages that write objects as calls with named arguments:
//! which fields are written, which member of a union it is, what is removed. The language spells what comes of it.

use std::collections::BTreeMap;

use serde_json::{Map, Number, Value as Json};

use super::layout::Expression;
use crate::model::{Definition, Field, Format, Member, Shape, Type};

/// What an expression of each kind looks like.
pub(super) trait Spelling {
    /// An object, of the values of its fields and of what it has beside them.
    fn object(&self, name: &str, fields: Vec<(&Field, Expression)>, extra: &Map<String, Json>) -> Expression;

    /// A field that can be removed: its value, or that it is removed.
    fn removable(&self, value: Option<Expression>) -> Expression;

    /// No value.
    fn null(&self) -> Expression;

    /// Text, which may stand for a date or a time.
    fn text(&self, text: &str, format: Format, secret: bool) -> Expression;

    /// A time as the native type has it.
    fn time(&self, text: &str) -> Expression;

    /// A floating-point number.
    fn number(&self, number: &Number) -> Expression;

    /// A list of values.
    fn list(&self, items: Vec<Expression>) -> Expression;

    /// Values by their keys.
    fn map(&self, entries: Vec<(&str, Expression)>) -> Expression;

    /// A value of an enumeration, which may be one that is not known.
    fn choice(&self, name: &str, value: &str, known: bool) -> Expression;

    /// A member of a union, of its value; a constant has none.
    fn member(&self, union: &str, member: &Member, value: Option<Expression>) -> Expression;

    /// Any JSON value.
    fn json(&self, value: &Json) -> Expression;
}

/// Reads examples of these definitions.
pub(super) struct Reader<'a, S> {
    pub(super) definitions: &'a BTreeMap<String, Definition>,
    pub(super) spelling: S,
}

impl<S: Spelling> Reader<'_, S> {
    /// An expression that makes an object. What is required and not in the example is null.
    pub(super) fn object(&self, definition: &Definition, example: &Map<String, Json>) -> Expression {
        let Shape::Object { fields, kept, .. } = &definition.shape else { return self.spelling.null() };
        let parts = fields
            .iter()
            .filter(|field| field.required || example.contains_key(&field.wire))
            .map(|field| {
                let value = example.get(&field.wire).unwrap_or(&Json::Null);
                (field, self.argument(field, definition, value))
            })
            .collect();
        let extra: Map<String, Json> = example
            .iter()
            .filter(|(name, _)| *kept && fields.iter().all(|field| field.wire != **name))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        self.spelling.object(&definition.name, parts, &extra)
    }

    fn argument(&self, field: &Field, definition: &Definition, value: &Json) -> Expression {
        let removable = definition.sent && matches!(field.ty, Type::Nullable { .. }) && !field.required;
        match (removable, value) {
            (true, Json::Null) => self.spelling.removable(None),
            (true, value) => self.spelling.removable(Some(self.value(field.ty.bare(), value))),
            (false, value) => self.value(&field.ty, value),
        }
    }

    fn value(&self, ty: &Type, value: &Json) -> Expression {
        match (ty, value) {
            (Type::Nullable { .. }, Json::Null) => self.spelling.null(),
            (Type::Nullable { of }, value) => self.value(of, value),
            (Type::Any, value) => self.spelling.json(value),
            (Type::Number, Json::Number(number)) => self.spelling.number(number),
            (Type::Text { format, secret, .. }, Json::String(text)) => {
                self.spelling.text(text, *format, *secret)
            }
            (Type::List { item, .. }, Json::Array(items)) => {
                self.spelling.list(items.iter().map(|value| self.value(item, value)).collect())
            }
            (Type::Map { value: ty }, Json::Object(entries)) => {
                let entries = entries.iter().map(|(key, value)| (key.as_str(), self.value(ty, value)));
                self.spelling.map(entries.collect())
            }
            (Type::Named { name }, value) => self.named(name, value),
            (_, Json::String(text)) => self.spelling.text(text, Format::Free, false),
            (_, value) => Expression::atom(value.to_string()),
        }
    }

    fn named(&self, name: &str, value: &Json) -> Expression {
        let Some(definition) = self.definitions.get(name) else { return self.spelling.json(value) };
        match (&definition.shape, value) {
            (Shape::Object { .. }, Json::Object(example)) => self.object(definition, example),
            (Shape::OpenEnum { values }, Json::String(text)) => {
                self.spelling.choice(name, text, values.contains(text))
            }
            (Shape::Union { members, .. }, value) => {
                match members.iter().find(|member| member.takes(value)) {
                    Some(member) => self.spelling.member(name, member, self.inner(&member.ty, value)),
                    None => self.spelling.json(value),
                }
            }
            (Shape::Alias { of }, value) => self.value(of, value),
            (_, value) => self.spelling.json(value),
        }
    }

    /// The value that a member of a union holds.
    fn inner(&self, ty: &Type, value: &Json) -> Option<Expression> {
        match (ty, value) {
            (Type::Constant { .. }, _) => None,
            (Type::Text { format: Format::Time, .. }, Json::String(text)) => Some(self.spelling.time(text)),
            (ty, value) => Some(self.value(ty, value)),
        }
    }
}
