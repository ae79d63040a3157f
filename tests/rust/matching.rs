//! Compares what came with what is expected: an object may have more than is expected, everything else must be equal, and
//! an object with a key such as `$matches` says it in another way.

use regex::Regex;
use serde_json::{Map, Value};

use crate::Outcome;

/// Says where a value is not what is expected.
///
/// # Errors
/// The first place that differs, as a JSON Pointer, and how.
pub fn matches(expected: &Value, found: &Value) -> Outcome {
    compare(expected, Some(found), "")
}

fn compare(expected: &Value, found: Option<&Value>, at: &str) -> Outcome {
    if let Some((rule, operand)) = rule(expected) {
        return apply(rule, operand, found, at);
    }
    let Some(found) = found else { return Err(format!("{at}: is absent and should be {expected}")) };
    match (expected, found) {
        (Value::Object(expected), Value::Object(found)) => expected
            .iter()
            .try_for_each(|(key, expected)| compare(expected, found.get(key), &format!("{at}/{key}"))),
        (Value::Array(expected), Value::Array(items)) => {
            if expected.len() != items.len() {
                return Err(format!(
                    "{at}: has {} items and should have {}: {found}",
                    items.len(),
                    expected.len()
                ));
            }
            (0..).zip(expected.iter().zip(items)).try_for_each(|(index, (expected, item))| {
                compare(expected, Some(item), &format!("{at}/{index}"))
            })
        }
        _ if same(expected, found) => Ok(()),
        _ => Err(format!("{at}: is {found} and should be {expected}")),
    }
}

/// Whether two scalars are the same; `1` and `1.0` are.
fn same(expected: &Value, found: &Value) -> bool {
    expected == found
        || matches!((expected, found), (Value::Number(a), Value::Number(b)) if a.as_f64() == b.as_f64())
}

/// The rule of an object with one key that begins with a dollar.
fn rule(expected: &Value) -> Option<(&str, &Value)> {
    let object = expected.as_object().filter(|object| object.len() == 1)?;
    let (key, operand) = object.iter().next()?;
    Some((key.strip_prefix('$')?, operand))
}

fn apply(rule: &str, operand: &Value, found: Option<&Value>, at: &str) -> Outcome {
    if rule == "absent" {
        let absent = found.is_none_or(Value::is_null);
        let wanted = operand.as_bool().ok_or("$absent takes true or false")?;
        return if absent == wanted {
            Ok(())
        } else {
            Err(format!("{at}: is {}", if absent { "absent" } else { "there" }))
        };
    }
    let Some(found) = found else { return Err(format!("{at}: is absent")) };
    let judge = |holds: bool, should: &str| {
        if holds { Ok(()) } else { Err(format!("{at}: is {found} and should {should}")) }
    };
    match (rule, operand) {
        ("is", Value::String(kind)) => judge(kind_of(found) == kind, &format!("be a value of type {kind}")),
        ("matches", Value::String(pattern)) => {
            let regex = Regex::new(pattern).map_err(|error| format!("{at}: {error}"))?;
            judge(found.as_str().is_some_and(|text| regex.is_match(text)), &format!("match {pattern}"))
        }
        ("length", length) => {
            let count = match found {
                Value::Array(items) => Some(items.len()),
                Value::String(text) => Some(text.chars().count()),
                _ => None,
            };
            let count = count.ok_or_else(|| format!("{at}: has no length"))?;
            compare(length, Some(&count.into()), &format!("{at}/length"))
        }
        ("contains", Value::Array(wanted)) => {
            let items = found.as_array().ok_or_else(|| format!("{at}: is no array"))?;
            wanted.iter().try_for_each(|wanted| {
                judge(
                    items.iter().any(|item| compare(wanted, Some(item), at).is_ok()),
                    &format!("contain {wanted}"),
                )
            })
        }
        ("lacks", wanted) => {
            let items = found.as_array().ok_or_else(|| format!("{at}: is no array"))?;
            judge(
                items.iter().all(|item| compare(wanted, Some(item), at).is_err()),
                &format!("lack {wanted}"),
            )
        }
        ("not", wanted) => judge(compare(wanted, Some(found), at).is_err(), &format!("not be {wanted}")),
        ("exactly", wanted) => {
            compare(wanted, Some(found), at)?;
            let keys = |value: &Value| value.as_object().map(Map::len);
            judge(keys(found) == keys(wanted), &format!("have no more than {wanted}"))
        }
        ("at_least", Value::Number(least)) => {
            judge(found.as_f64() >= least.as_f64(), &format!("be at least {least}"))
        }
        ("at_most", Value::Number(most)) => {
            judge(found.is_number() && found.as_f64() <= most.as_f64(), &format!("be at most {most}"))
        }
        _ => Err(format!("{at}: ${rule} with {operand} is no rule")),
    }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_object_may_have_more_and_nothing_else_may_differ() {
        assert!(matches(&json!({"a": 1}), &json!({"a": 1, "b": 2})).is_ok());
        assert!(matches(&json!({"a": 1}), &json!({"b": 2})).is_err());
        assert!(matches(&json!([1]), &json!([1, 2])).is_err());
        assert!(matches(&json!([{"a": 1}]), &json!([{"a": 1, "b": 2}])).is_ok());
        assert!(matches(&json!("1"), &json!(1)).is_err());
        let place = matches(&json!({"a": [0, {"b": true}]}), &json!({"a": [0, {"b": false}]})).unwrap_err();
        assert!(place.starts_with("/a/1/b: "), "{place}");
    }

    #[test]
    fn each_rule_accepts_what_it_names_and_refuses_the_rest() {
        for (rule, good, bad) in [
            (json!({"$is": "string"}), json!("x"), json!(1)),
            (json!({"$is": "integer"}), json!(1), json!(1.5)),
            (json!({"$matches": "^evt_"}), json!("evt_1"), json!("cal_1")),
            (json!({"$length": 2}), json!([1, 2]), json!([1])),
            (json!({"$length": {"$at_least": 1}}), json!([1]), json!([])),
            (json!({"$contains": [{"a": 1}]}), json!([{"a": 2}, {"a": 1, "b": 1}]), json!([{"a": 2}])),
            (json!({"$lacks": {"a": 1}}), json!([{"a": 2}]), json!([{"a": 1}])),
            (json!({"$not": "x"}), json!("y"), json!("x")),
            (json!({"$exactly": {"a": 1}}), json!({"a": 1}), json!({"a": 1, "b": 2})),
            (json!({"$at_least": 2}), json!(2), json!(1)),
            (json!({"$at_most": 2}), json!(2), json!(3)),
            (json!({"$absent": false}), json!(2), json!(null)),
            (json!({"$absent": true}), json!(null), json!(0)),
        ] {
            assert!(matches(&rule, &good).is_ok(), "{rule} {good}");
            assert!(matches(&rule, &bad).is_err(), "{rule} {bad}");
        }
        assert!(matches(&json!({"$mistyped": 1}), &json!(1)).is_err());
        assert!(matches(&json!({"a": {"$absent": true}}), &json!({})).is_ok());
    }
}
