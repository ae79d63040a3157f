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

fn insert(object: &mut Map<String, Value>, path: &[String], value: Value) -> Result<(), ()> {
    let Some((first, rest)) = path.split_first() else { return Err(()) };
    if !rest.is_empty() {
        let inner = object.entry(first.clone()).or_insert_with(|| Value::Object(Map::new()));
        return insert(inner.as_object_mut().ok_or(())?, rest, value);
    }
    match (object.get_mut(first), value) {
        (None, value) => {
            object.insert(first.clone(), value);
            Ok(())
        }
        (Some(Value::Array(items)), Value::Array(more)) => {
            items.extend(more);
            Ok(())
        }
        (Some(_), _) => Err(()),
    }
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
    fn what_is_no_argument_is_refused_with_the_form() {
        for word in ["tzid", "=x", "a..b=c", "x:=not json"] {
            assert!(matches!(of("events.read", &[word]), Err(Failure::Usage(_))), "{word}");
        }
        assert!(of("events.read", &["tzid=a", "tzid=b"]).is_err());
    }
}
