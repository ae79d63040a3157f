//! Spells types as the shapes that the core checks arguments against.

use super::spelling::{constant, literal};
use crate::model::{Definition, Format, Shape, Type};

/// The shape of a type, as an expression.
pub(super) fn of_type(ty: &Type) -> String {
    match ty {
        Type::Any => "Shape::Any".into(),
        Type::Boolean => "Shape::Boolean".into(),
        Type::Integer { min, max } => {
            let min =
                if *min == i32::MIN { "i32::MIN".to_owned() } else { number(min.unsigned_abs(), *min < 0) };
            let max =
                if *max == i32::MAX { "i32::MAX".to_owned() } else { number(max.unsigned_abs(), *max < 0) };
            format!("Shape::Integer {{ min: {min}, max: {max} }}")
        }
        Type::Number => "Shape::Number".into(),
        Type::Text { min: 0, max: u32::MAX, format: Format::Free, .. } => "TEXT".into(),
        Type::Text { min, max, format, .. } => {
            let format = match format {
                Format::Free => "Free",
                Format::Date => "Date",
                Format::Time => "Time",
                Format::Uri => "Uri",
                Format::Identifier => "Identifier",
            };
            format!("Shape::Text {{ min: {min}, max: {}, format: Format::{format} }}", limit(*max))
        }
        Type::Constant { value } => match value.as_str() {
            Some(text) => format!("Shape::Exactly({})", literal(text)),
            None => "Shape::Boolean".into(),
        },
        Type::List { item, min, max } => {
            format!("Shape::List {{ item: &{}, min: {min}, max: {} }}", of_type(item), limit(*max))
        }
        Type::Map { .. } => "Shape::Object { fields: &[], closed: false }".into(),
        Type::Named { name } => format!("{}_SHAPE", constant(name)),
        Type::Nullable { of } => format!("Shape::Nullable(&{})", of_type(of)),
    }
}

/// The shape of a named type, as an expression.
pub(super) fn of_definition(definition: &Definition) -> String {
    match &definition.shape {
        Shape::Object { fields, constants, closed, .. } => {
            let field = |name: &str, required: bool, shape: &str| {
                format!("Field {{ name: {}, required: {required}, shape: &{shape} }}", literal(name))
            };
            let constants = constants
                .iter()
                .map(|(wire, value)| field(wire, true, &of_type(&Type::Constant { value: value.clone() })));
            let fields = fields.iter().map(|own| field(&own.wire, own.required, &of_type(&own.ty)));
            let fields: Vec<_> = constants.chain(fields).collect();
            format!("Shape::Object {{ fields: &[{}], closed: {closed} }}", fields.join(", "))
        }
        Shape::OpenEnum { .. } => "TEXT".into(),
        Shape::Union { members, .. } => {
            let members: Vec<_> = members.iter().map(|member| of_type(&member.ty)).collect();
            format!("Shape::OneOf(&[{}])", members.join(", "))
        }
        Shape::Alias { of } => of_type(of),
    }
}

fn limit(max: u32) -> String {
    if max == u32::MAX { "u32::MAX".into() } else { number(max, false) }
}

/// A number with its thousands set apart.
fn number(value: u32, negative: bool) -> String {
    let digits = value.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) && digits.len() > 4 {
            grouped.push('_');
        }
        grouped.push(digit);
    }
    if negative { format!("-{grouped}") } else { grouped }
}
