//! What a scenario may refer to: the world's own names, and the replies of earlier steps. `$name/path` is a value,
//! `${name/path}` a part of a text.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::Outcome;

/// Values by name.
#[derive(Debug, Default, Clone)]
pub struct Names(BTreeMap<String, Value>);

impl Names {
    /// Gives a value a name; a later one takes the place of an earlier one.
    pub fn put(&mut self, name: &str, value: Value) {
        self.0.insert(name.to_owned(), value);
    }

    /// The value with every reference replaced by what it refers to.
    ///
    /// # Errors
    /// The reference that leads nowhere.
    pub fn resolve(&self, value: &Value) -> Outcome<Value> {
        match value {
            Value::String(text) => self.resolve_text(text),
            Value::Array(items) => items.iter().map(|item| self.resolve(item)).collect(),
            Value::Object(fields) => self.resolve_fields(fields).map(Value::Object),
            other => Ok(other.clone()),
        }
    }

    /// The same for the values of an object.
    ///
    /// # Errors
    /// The reference that leads nowhere.
    pub fn resolve_fields(&self, fields: &Map<String, Value>) -> Outcome<Map<String, Value>> {
        fields.iter().map(|(key, value)| Ok((key.clone(), self.resolve(value)?))).collect()
    }

    /// The same for a text that must stay one.
    ///
    /// # Errors
    /// The reference that leads nowhere or to something that is no text.
    pub fn text(&self, text: &str) -> Outcome<String> {
        match self.resolve_text(text)? {
            Value::String(text) => Ok(text),
            other => Err(format!("{text} is {other} and should be a text")),
        }
    }

    fn resolve_text(&self, text: &str) -> Outcome<Value> {
        if let Some(escaped) = text.strip_prefix("$$") {
            return Ok(format!("${escaped}").into());
        }
        if let Some(reference) = text.strip_prefix('$').filter(|rest| !rest.starts_with('{')) {
            return self.find(reference);
        }
        let mut rest = text;
        let mut whole = String::new();
        while let Some((before, after)) = rest.split_once("${") {
            let (reference, after) =
                after.split_once('}').ok_or_else(|| format!("{text}: a brace is not closed"))?;
            whole.push_str(before);
            match self.find(reference)? {
                Value::String(text) => whole.push_str(&text),
                other => whole.push_str(&other.to_string()),
            }
            rest = after;
        }
        whole.push_str(rest);
        Ok(whole.into())
    }

    fn find(&self, reference: &str) -> Outcome<Value> {
        let (name, path) = reference.split_at(reference.find('/').unwrap_or(reference.len()));
        let value = self.0.get(name).ok_or_else(|| format!("${reference}: nothing is called {name}"))?;
        let found = path.split('/').skip(1).try_fold(value.clone(), descend);
        found.ok_or_else(|| format!("${reference}: leads nowhere in {value}"))
    }
}

/// One step down: the field of an object; the item of an array by its index or by the text of one of its fields; of an
/// address a segment, counted from its end, or a parameter.
fn descend(value: Value, step: &str) -> Option<Value> {
    match value {
        Value::Object(mut fields) => fields.remove(step),
        Value::Array(items) => match step.split_once('=') {
            Some((field, text)) => items.into_iter().find(|item| item[field] == text),
            None => items.into_iter().nth(step.parse().ok()?),
        },
        Value::String(text) => match step.strip_prefix('?') {
            Some(name) => {
                let url = url::Url::parse(&text).ok()?;
                url.query_pairs().find(|(known, _)| known == name).map(|(_, value)| value.into())
            }
            None if step.starts_with('-') => {
                let from_the_end: usize = step[1..].parse().ok()?;
                text.rsplit('/').nth(from_the_end.checked_sub(1)?).map(Value::from)
            }
            None => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn references_are_values_or_parts_of_texts() {
        let mut names = Names::default();
        names.put(
            "me",
            json!({"cronofy.data": {"ids": ["a", 2]}, "list": [{"id": "x"}, {"id": "y", "n": 3}]}),
        );
        assert_eq!(names.resolve(&json!("$me/list/id=y/n")).unwrap(), 3);
        assert_eq!(names.resolve(&json!({"x": ["$me/cronofy.data/ids/1"]})).unwrap(), json!({"x": [2]}));
        assert_eq!(names.resolve(&json!("/v1/${me/cronofy.data/ids/0}/x")).unwrap(), json!("/v1/a/x"));
        names.put("page", json!({"location": "http://a.example/b/c?code=d%20e"}));
        assert_eq!(names.resolve(&json!("$page/location/?code")).unwrap(), "d e");
        assert_eq!(names.resolve(&json!("$page/location/-1")).unwrap(), "c?code=d%20e");
        assert_eq!(names.resolve(&json!("$page/location/-2")).unwrap(), "b");
        assert_eq!(names.resolve(&json!("$$me")).unwrap(), json!("$me"));
        assert!(names.resolve(&json!("$me/nowhere")).is_err());
        assert!(names.resolve(&json!("$nobody")).is_err());
    }
}
