//! Checks arguments against the shapes of an operation's row, before any I/O, and names every field that is wrong.

use std::collections::BTreeMap;

use jiff::{Timestamp, civil};
use serde_json::{Map, Value};

use crate::{
    Error, ErrorKind, FieldError, Result,
    operation::{Field, Format, Operation, Place, Shape},
};

type Complaints = BTreeMap<String, Vec<FieldError>>;

/// Checks the arguments of a call.
///
/// # Errors
/// [`Invalid`](ErrorKind::Invalid) with every complaint in its fields.
pub(crate) fn check_arguments(operation: &Operation, arguments: &Map<String, Value>) -> Result<()> {
    let mut complaints = Complaints::new();
    for argument in operation.arguments {
        match arguments.get(argument.name) {
            // A missing value and null are the same thing outside the body, where null may mean "remove".
            None => require(argument.required, argument.name, &mut complaints),
            Some(Value::Null) if argument.place != Place::Body => {
                require(argument.required, argument.name, &mut complaints);
            }
            Some(value) => check(argument.shape, value, argument.name, &mut complaints),
        }
    }
    if arguments.len() > operation.arguments.len() || !all_known(operation, arguments) {
        for name in arguments.keys() {
            if !operation.arguments.iter().any(|argument| argument.name == name) {
                complain(&mut complaints, name, "errors.unknown", &unknown(operation, name));
            }
        }
    }
    if complaints.is_empty() { Ok(()) } else { Err(refusal(operation, complaints)) }
}

fn all_known(operation: &Operation, arguments: &Map<String, Value>) -> bool {
    arguments.keys().all(|name| operation.arguments.iter().any(|argument| argument.name == name))
}

fn unknown(operation: &Operation, name: &str) -> String {
    let wanted = operation.arguments.iter().map(|argument| argument.name);
    match closest(name, wanted) {
        Some(known) => format!("is not an argument of {}; did you mean `{known}`?", operation.name),
        None => {
            format!("is not an argument of {}; send it as an extra field if Cronofy takes it", operation.name)
        }
    }
}

fn refusal(operation: &Operation, complaints: Complaints) -> Error {
    let mut said = String::new();
    for (field, reasons) in &complaints {
        for reason in reasons {
            if !said.is_empty() {
                said.push_str("; ");
            }
            said.push_str(field);
            said.push(' ');
            said.push_str(&reason.description);
        }
    }
    Error::new(ErrorKind::Invalid, format!("{}: {said}", operation.name)).with_fields(complaints)
}

fn require(required: bool, name: &str, complaints: &mut Complaints) {
    if required {
        complain(complaints, name, "errors.required", "must be given");
    }
}

fn complain(complaints: &mut Complaints, field: &str, key: &str, description: &str) {
    complaints.entry(field.to_owned()).or_default().push(FieldError::new(key, description));
}

fn check(shape: &Shape, value: &Value, at: &str, complaints: &mut Complaints) {
    match (shape, value) {
        (Shape::Any, _)
        | (Shape::Nullable(_), Value::Null)
        | (Shape::Boolean, Value::Bool(_))
        | (Shape::Number, Value::Number(_)) => {}
        (Shape::Nullable(shape), value) => check(shape, value, at, complaints),
        (Shape::Integer { min, max }, Value::Number(number)) => {
            check_integer(*min, *max, number, at, complaints);
        }
        (Shape::Text { min, max, format }, Value::String(text)) => {
            check_text(*min, *max, *format, text, at, complaints);
        }
        (Shape::Exactly(expected), Value::String(text)) if text == expected => {}
        (Shape::List { item, min, max }, Value::Array(items)) => {
            check_length(items.len(), *min, *max, "items", at, complaints);
            for (index, value) in items.iter().enumerate() {
                if !matches(item, value) {
                    check(item, value, &format!("{at}[{index}]"), complaints);
                }
            }
        }
        (Shape::Object { fields, closed }, Value::Object(object)) => {
            check_object(fields, *closed, object, at, complaints);
        }
        (Shape::OneOf(shapes), value) => check_union(shapes, value, at, complaints),
        (shape, _) => complain(complaints, at, "errors.type", &format!("must be {}", name_of(shape))),
    }
}

fn check_object(
    fields: &[Field],
    closed: bool,
    object: &Map<String, Value>,
    at: &str,
    complaints: &mut Complaints,
) {
    for field in fields {
        match object.get(field.name) {
            None => {
                if field.required {
                    complain(complaints, &format!("{at}.{}", field.name), "errors.required", "must be given");
                }
            }
            Some(value) if matches(field.shape, value) => {}
            Some(value) => check(field.shape, value, &format!("{at}.{}", field.name), complaints),
        }
    }
    if closed {
        for name in object.keys() {
            if !fields.iter().any(|field| field.name == name) {
                complain(complaints, &format!("{at}.{name}"), "errors.unknown", "is not a known field");
            }
        }
    }
}

/// A union is satisfied by any member. If none fits, the complaints are those of the member that the value resembles.
fn check_union(shapes: &[Shape], value: &Value, at: &str, complaints: &mut Complaints) {
    if shapes.iter().any(|shape| matches(shape, value)) {
        return;
    }
    let mut alike = shapes.iter().filter(|shape| is_alike(shape, value));
    if let (Some(shape), None) = (alike.next(), alike.next()) {
        return check(shape, value, at, complaints);
    }
    let names: Vec<String> = shapes.iter().map(name_of).collect();
    complain(complaints, at, "errors.type", &format!("must be {}", names.join(", or ")));
}

/// Whether the value is right, without saying why not: the quick path of every call.
fn matches(shape: &Shape, value: &Value) -> bool {
    let mut complaints = Complaints::new();
    check(shape, value, "", &mut complaints);
    complaints.is_empty()
}

fn is_alike(shape: &Shape, value: &Value) -> bool {
    match (shape, value) {
        (Shape::Nullable(shape), value) => is_alike(shape, value),
        (Shape::Text { .. } | Shape::Exactly(_), Value::String(_))
        | (Shape::Integer { .. } | Shape::Number, Value::Number(_))
        | (Shape::List { .. }, Value::Array(_)) => true,
        (Shape::Object { fields, .. }, Value::Object(object)) => {
            fields.iter().any(|field| object.contains_key(field.name))
        }
        _ => false,
    }
}

fn check_integer(min: i32, max: i32, number: &serde_json::Number, at: &str, complaints: &mut Complaints) {
    match number.as_i64() {
        Some(value) if (i64::from(min)..=i64::from(max)).contains(&value) => {}
        Some(_) => complain(complaints, at, "errors.range", &format!("must be from {min} to {max}")),
        None => complain(complaints, at, "errors.type", "must be an integer"),
    }
}

fn check_text(min: u32, max: u32, format: Format, text: &str, at: &str, complaints: &mut Complaints) {
    // Bytes are never fewer than characters: only a text that may be too long is counted.
    if min > 0 || text.len() > max as usize {
        check_length(text.chars().count(), min, max, "characters", at, complaints);
    }
    let (fits, wanted) = match format {
        Format::Free => return,
        Format::Date => (text.parse::<civil::Date>().is_ok() && text.len() == 10, "a date like 2026-08-05"),
        Format::Time => (
            text.parse::<Timestamp>().is_ok_and(|time| time.subsec_nanosecond() == 0),
            "a time like 2026-08-05T14:30:00Z, with an offset and without a fraction of a second",
        ),
        Format::Uri => (
            url::Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host()),
            "an absolute http or https URL",
        ),
        Format::Identifier => (
            !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_graphic()),
            "visible ASCII without blanks",
        ),
    };
    if !fits {
        complain(complaints, at, "errors.format", &format!("must be {wanted}"));
    }
}

fn check_length(length: usize, min: u32, max: u32, of: &str, at: &str, complaints: &mut Complaints) {
    if length < min as usize {
        complain(complaints, at, "errors.length", &format!("must have at least {min} {of}"));
    } else if length > max as usize {
        complain(complaints, at, "errors.length", &format!("has {length} {of}; at most {max} are accepted"));
    }
}

fn name_of(shape: &Shape) -> String {
    match shape {
        Shape::Any => "any value".into(),
        Shape::Boolean => "true or false".into(),
        Shape::Integer { .. } => "an integer".into(),
        Shape::Number => "a number".into(),
        Shape::Text { format: Format::Date, .. } => "a date like 2026-08-05".into(),
        Shape::Text { format: Format::Time, .. } => "a time like 2026-08-05T14:30:00Z".into(),
        Shape::Text { .. } => "a string".into(),
        Shape::Exactly(text) => format!("\"{text}\""),
        Shape::List { .. } => "a list".into(),
        Shape::Object { fields, .. } => {
            let required: Vec<&str> =
                fields.iter().filter(|field| field.required).map(|field| field.name).collect();
            if required.is_empty() {
                "an object".into()
            } else {
                format!("an object with {}", required.join(", "))
            }
        }
        Shape::Nullable(shape) => format!("{}, or null", name_of(shape)),
        Shape::OneOf(shapes) => shapes.iter().map(name_of).collect::<Vec<_>>().join(", or "),
    }
}

/// The known name that `name` was probably meant to be: at most a third of it differs.
pub(crate) fn closest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let near = |distance: usize, candidate: &str| distance * 3 <= candidate.len().max(3);
    known
        // The lengths alone tell most of them apart, and a name of any length costs no more than they do.
        .filter(|candidate| near(name.len().abs_diff(candidate.len()), candidate))
        .map(|candidate| (distance(name, candidate), candidate))
        .filter(|(distance, candidate)| near(*distance, candidate))
        .min()
        .map(|(_, candidate)| candidate)
}

/// Levenshtein's distance in octets.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.bytes().enumerate() {
            let next = (diagonal + usize::from(x != y)).min(row[j] + 1).min(row[j + 1] + 1);
            diagonal = row[j + 1];
            row[j + 1] = next;
        }
    }
    row[b.len()]
}
