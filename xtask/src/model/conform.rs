//! Checks the examples of the description against the schemas that they are examples of.

use serde_json::Value as Json;

use super::definition::Definitions;
use super::{Format, Member, Shape, Told, Type};
use crate::description::Description;
use crate::refusal::Refusals;

/// Refuses every example that doesn't fit.
pub(super) fn check(description: &Description, definitions: &Definitions, refusals: &mut Refusals) {
    let own = description.areas.iter().flat_map(|area| &area.schemas);
    for named in description.shared.iter().chain(own) {
        let ty = Type::Named { name: named.name.clone() };
        for (example, spot) in &named.schema.examples {
            if let Err(what) = fits(definitions, &ty, example) {
                refusals
                    .add(spot.refuse(format!("an example of `{}`{what}", named.name), "mend the example"));
            }
        }
    }
    for operation in description.areas.iter().flat_map(|area| &area.operations) {
        for parameter in &operation.parameters {
            let Ok(field) = definitions.parameter(parameter) else { continue };
            for (example, spot) in &parameter.schema.examples {
                if let Err(what) = fits(definitions, &field.ty, example) {
                    refusals.add(
                        spot.refuse(format!("an example of `{}`{what}", parameter.wire), "mend the example"),
                    );
                }
            }
        }
    }
}

/// Says where and why a value doesn't fit, in words that follow a name.
fn fits(definitions: &Definitions, ty: &Type, value: &Json) -> Result<(), String> {
    match (ty, value) {
        (Type::Any, _)
        | (Type::Nullable { .. }, Json::Null)
        | (Type::Boolean, Json::Bool(_))
        | (Type::Number, Json::Number(_)) => Ok(()),
        (Type::Nullable { of }, value) => fits(definitions, of, value),
        (Type::Integer { min, max }, Json::Number(number)) => match number.as_i64() {
            Some(value) if (i64::from(*min)..=i64::from(*max)).contains(&value) => Ok(()),
            _ => Err(format!(" is no integer from {min} to {max}")),
        },
        (Type::Text { min, max, format, .. }, Json::String(text)) => {
            let length = u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
            if length < *min || length > *max {
                return Err(format!(" has {length} characters"));
            }
            if has_format(*format, text) { Ok(()) } else { Err(" doesn't have its format".into()) }
        }
        (Type::Constant { value: own }, value) if own == value => Ok(()),
        (Type::List { item, min, max }, Json::Array(items)) => {
            let length = u32::try_from(items.len()).unwrap_or(u32::MAX);
            if length < *min || length > *max {
                return Err(format!(" has {length} items"));
            }
            let mut all = items.iter().enumerate();
            all.try_for_each(|(index, value)| {
                fits(definitions, item, value).map_err(|what| format!("[{index}]{what}"))
            })
        }
        (Type::Map { value: ty }, Json::Object(entries)) => entries.iter().try_for_each(|(key, value)| {
            fits(definitions, ty, value).map_err(|what| format!(".{key}{what}"))
        }),
        (Type::Named { name }, value) => match definitions.get(name).map(|definition| &definition.shape) {
            Some(shape) => fits_shape(definitions, shape, value),
            None => Ok(()),
        },
        _ => Err(" has another type".into()),
    }
}

fn fits_shape(definitions: &Definitions, shape: &Shape, value: &Json) -> Result<(), String> {
    match (shape, value) {
        (Shape::Object { fields, constants, closed, .. }, Json::Object(entries)) => {
            for (key, own) in constants {
                if entries.get(key) != Some(own) {
                    return Err(format!(".{key} is not {own}"));
                }
            }
            for field in fields {
                match entries.get(&field.wire) {
                    None if field.required => return Err(format!(".{} is missing", field.wire)),
                    None => {}
                    Some(value) => {
                        fits(definitions, &field.ty, value)
                            .map_err(|what| format!(".{}{what}", field.wire))?;
                    }
                }
            }
            let known = |key: &String| {
                fields.iter().any(|field| field.wire == *key) || constants.iter().any(|(own, _)| own == key)
            };
            match entries.keys().find(|key| *closed && !known(key)) {
                Some(key) => Err(format!(".{key} is not described")),
                None => Ok(()),
            }
        }
        (Shape::OpenEnum { .. }, Json::String(_)) => Ok(()),
        (Shape::Union { told, members }, value) => {
            let candidates: Vec<&Member> = match told {
                Told::Type => members.iter().collect(),
                Told::Const | Told::Fields => {
                    members.iter().filter(|member| member.is_told_by(value)).collect()
                }
            };
            if candidates.iter().any(|member| fits(definitions, &member.ty, value).is_ok()) {
                return Ok(());
            }
            match candidates.as_slice() {
                [only] => fits(definitions, &only.ty, value),
                _ => Err(" is none of the members".into()),
            }
        }
        (Shape::Alias { of }, value) => fits(definitions, of, value),
        _ => Err(" has another type".into()),
    }
}

impl Member {
    /// Whether a value that conforms to the union is one of this member: by its JSON type, a date told from a time by its length.
    pub fn takes(&self, value: &Json) -> bool {
        match (&self.ty, value) {
            (Type::Text { format: Format::Date, .. }, Json::String(text)) => text.len() == 10,
            (Type::Text { format: Format::Time, .. }, Json::String(text)) => text.len() > 10,
            (Type::Text { .. }, Json::String(_))
            | (Type::Integer { .. } | Type::Number, Json::Number(_))
            | (Type::List { .. }, Json::Array(_)) => true,
            (Type::Constant { value: own }, value) => own == value,
            (Type::Named { .. }, Json::Object(_)) => self.is_told_by(value),
            _ => false,
        }
    }

    /// Whether the fields and constants that tell this member from others are in a value.
    pub fn is_told_by(&self, value: &Json) -> bool {
        self.fields.iter().all(|field| value.get(field).is_some())
            && self.constants.iter().all(|(key, own)| value.get(key) == Some(own))
    }
}

fn has_format(format: Format, text: &str) -> bool {
    let has_date = |text: &str| {
        let parts: Vec<&str> = text.rsplitn(3, '-').collect();
        parts.len() == 3 && parts.iter().all(|part| part.trim_start_matches('-').parse::<u32>().is_ok())
    };
    match format {
        Format::Free => true,
        Format::Date => has_date(text),
        Format::Time => text.split_once('T').is_some_and(|(date, time)| has_date(date) && has_offset(time)),
        Format::Uri => text.starts_with("https://") || text.starts_with("http://"),
        Format::Identifier => !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic()),
    }
}

fn has_offset(time: &str) -> bool {
    time.get(8..).is_some_and(|offset| offset == "Z" || offset.starts_with(['+', '-', '.']))
}
