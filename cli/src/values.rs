//! Reads `key=value` into arguments, with the types that the operation's row asks for.

use orgconnect::operation::{Operation, Shape};
use serde_json::{Map, Value};

use crate::failure::{Failure, Result};

/// Reads all arguments of a call.
pub(crate) fn read(operation: &Operation, words: &[String]) -> Result<Map<String, Value>> {
    let mut arguments = Map::new();
    for word in words {
        let (path, value) = read_one(operation, word)?;
        insert(&mut arguments, &path, value).map_err(|()| {
            Failure::usage(format!("{word}: `{}` was given another kind of value before", path.join(".")))
        })?;
    }
    Ok(arguments)
}

fn read_one(operation: &Operation, word: &str) -> Result<(Vec<String>, Value)> {
    let Some((key, text)) = word.split_once('=') else {
        return Err(Failure::usage(format!("{word}: arguments are key=value, or key:=JSON")));
    };
    let (key, raw) = key.strip_suffix(':').map_or((key, false), |key| (key, true));
    let path: Vec<String> = key.split('.').map(str::to_owned).collect();
    if path.iter().any(String::is_empty) {
        return Err(Failure::usage(format!("{word}: the key is empty")));
    }
    let text = match text.strip_prefix('@') {
        Some("-") => std::io::read_to_string(std::io::stdin())
            .map_err(|error| Failure::machine(format_args!("{key}=@-"), error))?,
        Some(file) => std::fs::read_to_string(file)
            .map_err(|error| Failure::machine(format_args!("{key}=@{file}"), error))?,
        None => text.to_owned(),
    };
    if raw {
        let value = serde_json::from_str(&text)
            .map_err(|error| Failure::usage(format!("{key}:= is not JSON: {error}")))?;
        return Ok((path, value));
    }
    let shape = shape_at(operation, &path);
    Ok((path, shape.map_or_else(|| Value::from(text.as_str()), |shape| convert(shape, &text))))
}

/// The shape of a possibly nested argument.
fn shape_at(operation: &Operation, path: &[String]) -> Option<&'static Shape> {
    let (first, rest) = path.split_first()?;
    let mut shape = operation.arguments.iter().find(|argument| argument.name == first)?.shape;
    for step in rest {
        shape = field_of(shape, step)?;
    }
    Some(shape)
}

fn field_of(shape: &'static Shape, name: &str) -> Option<&'static Shape> {
    match shape {
        Shape::Object { fields, .. } => {
            fields.iter().find(|field| field.name == name).map(|field| field.shape)
        }
        Shape::List { item, .. } if name.parse::<usize>().is_ok() => Some(item),
        Shape::Nullable(shape) => field_of(shape, name),
        Shape::OneOf(shapes) => shapes.iter().find_map(|shape| field_of(shape, name)),
        _ => None,
    }
}

/// Text as the type that the shape wants. What doesn't fit stays text: the core names what is wrong with it.
fn convert(shape: &Shape, text: &str) -> Value {
    match shape {
        Shape::Boolean => match text {
            "true" => true.into(),
            "false" => false.into(),
            _ => text.into(),
        },
        Shape::Integer { .. } => text.parse::<i64>().map_or_else(|_| text.into(), Value::from),
        Shape::Number => text.parse::<f64>().map_or_else(|_| text.into(), Value::from),
        Shape::List { item, .. } => Value::Array(vec![convert(item, text)]),
        Shape::Nullable(_) if text == "null" => Value::Null,
        Shape::Nullable(shape) => convert(shape, text),
        Shape::OneOf(shapes) => shapes
            .iter()
            .map(|shape| convert(shape, text))
            .find(|value| !value.is_string() && !value.is_array())
            .unwrap_or_else(|| text.into()),
        _ => text.into(),
    }
}

/// Puts a value where the path leads, making the objects and lists on the way.
fn insert(object: &mut Map<String, Value>, path: &[String], value: Value) -> Result<(), ()> {
    let Some((first, rest)) = path.split_first() else { return Err(()) };
    place(object.entry(first.clone()).or_insert(Value::Null), rest, value)
}

fn place(slot: &mut Value, path: &[String], value: Value) -> Result<(), ()> {
    if slot.is_null()
        && let Some(empty) = object_or_list(path)
    {
        *slot = empty;
    }
    let Some((first, rest)) = path.split_first() else {
        match (slot, value) {
            (slot @ Value::Null, value) => *slot = value,
            (Value::Array(items), Value::Array(more)) => items.extend(more),
            _ => return Err(()),
        }
        return Ok(());
    };
    let inner = match slot {
        Value::Object(fields) => fields.entry(first.clone()).or_insert(Value::Null),
        Value::Array(items) => {
            let index: usize = first.parse().map_err(|_| ())?;
            if index == items.len() {
                items.push(Value::Null);
            }
            items.get_mut(index).ok_or(())?
        }
        _ => return Err(()),
    };
    place(inner, rest, value)
}

/// What the next step of a path leads into: a list if it is a number, an object if it is a name.
fn object_or_list(path: &[String]) -> Option<Value> {
    let next = path.first()?;
    let is_index = next.parse::<usize>().is_ok();
    Some(if is_index { Value::Array(Vec::new()) } else { Value::Object(Map::new()) })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(operation: &str, words: &[&str]) -> Result<Value> {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        read(orgconnect::find_operation(operation).unwrap(), &words).map(Value::Object)
    }

    #[test]
    fn values_take_the_type_that_the_operation_asks_for() {
        let read =
            of("events.read", &["tzid=Etc/UTC", "include_managed=true", "calendar_ids=a", "calendar_ids=b"]);
        assert_eq!(
            read.unwrap(),
            json!({"tzid": "Etc/UTC", "include_managed": true, "calendar_ids": ["a", "b"]})
        );
    }

    #[test]
    fn nested_keys_and_json_are_taken_as_they_are() {
        let read = of(
            "events.upsert",
            &["location.description=Room 4", "reminders:=[{\"minutes\":5}]", "summary=a=b"],
        );
        let expected =
            json!({"location": {"description": "Room 4"}, "reminders": [{"minutes": 5}], "summary": "a=b"});
        assert_eq!(read.unwrap(), expected);
    }

    #[test]
    fn a_number_in_a_key_is_the_place_in_a_list() {
        let words = [
            "participants.0.required=all",
            "participants.0.members.0.sub=acc_1",
            "participants.0.members.1.sub=acc_2",
            "required_duration.minutes=30",
        ];
        let expected = json!({
            "participants": [{"required": "all", "members": [{"sub": "acc_1"}, {"sub": "acc_2"}]}],
            "required_duration": {"minutes": 30},
        });
        assert_eq!(of("availability.query", &words).unwrap(), expected);
        for words in [["participants.1.required=all", ""], ["participants.0=x", "participants.a=y"]] {
            assert!(of("availability.query", &words).is_err(), "{words:?}");
        }
    }

    #[test]
    fn what_is_no_argument_is_refused_with_the_form() {
        for word in ["tzid", "=x", "a..b=c", "x:=not json"] {
            assert!(matches!(of("events.read", &[word]), Err(Failure::Usage(_))), "{word}");
        }
        assert!(of("events.read", &["tzid=a", "tzid=b"]).is_err());
    }
}
