//! Bodies and queries as one JSON value: `application/json` as it is, forms and query strings with their brackets
//! (`calendar_ids[]=a`, `start[time]=…`, `batch[][method]=…`) unfolded.

use serde_json::{Map, Value};

/// How deep brackets may nest; Cronofy's deepest parameter needs five.
const DEPTH: usize = 10;

/// Reads a body by its content type. An empty one is an empty object; None means that it is malformed.
pub(crate) fn read(content_type: Option<&str>, bytes: &[u8]) -> Option<Value> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Some(Value::Object(Map::new()));
    }
    if content_type.is_some_and(|kind| kind.trim_start().starts_with("application/x-www-form-urlencoded")) {
        return Some(unfold(bytes));
    }
    serde_json::from_slice(bytes).ok()
}

/// Unfolds a form or a query string. Every leaf is a string.
pub(crate) fn unfold(form: &[u8]) -> Value {
    let mut root = Map::new();
    for (name, value) in url::form_urlencoded::parse(form) {
        let path = keys(&name);
        if let Some((first, rest)) = path.split_first() {
            let slot = root.entry((*first).to_owned()).or_insert(Value::Null);
            place(slot, rest, value.into_owned());
        }
    }
    Value::Object(root)
}

/// `a[b][][c]` is the path a, b, "", c. A name whose brackets do not close is a name like any other.
fn keys(name: &str) -> Vec<&str> {
    let Some((first, rest)) = name.split_once('[') else { return vec![name] };
    let Some(inner) = rest.strip_suffix(']') else { return vec![name] };
    let path: Vec<_> = std::iter::once(first).chain(inner.split("][")).collect();
    if path.len() > DEPTH { vec![name] } else { path }
}

fn place(slot: &mut Value, path: &[&str], leaf: String) {
    let Some((key, rest)) = path.split_first() else {
        *slot = Value::String(leaf);
        return;
    };
    if key.is_empty() {
        if !slot.is_array() {
            *slot = Value::Array(Vec::new());
        }
        let Value::Array(items) = slot else { return };
        // As Rack does: a key that the last element has already begins the next element.
        let begins = match (rest.first(), items.last()) {
            (Some(next), Some(Value::Object(last))) => rest.len() == 1 && last.contains_key(*next),
            _ => true,
        };
        if begins {
            items.push(Value::Null);
        }
        if let Some(last) = items.last_mut() {
            place(last, rest, leaf);
        }
        return;
    }
    if !slot.is_object() {
        *slot = Value::Object(Map::new());
    }
    if let Value::Object(fields) = slot {
        place(fields.entry((*key).to_owned()).or_insert(Value::Null), rest, leaf);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn brackets_become_lists_and_objects() {
        let form = b"calendar_ids%5B%5D=a&calendar_ids[]=b&start[time]=x&start[tzid]=y&plain=1";
        assert_eq!(
            unfold(form),
            json!({ "calendar_ids": ["a", "b"], "start": { "time": "x", "tzid": "y" }, "plain": "1" })
        );
    }

    #[test]
    fn a_repeated_key_begins_the_next_element() {
        let form = b"invite[][email]=a&invite[][display_name]=A&invite[][email]=b";
        assert_eq!(
            unfold(form),
            json!({ "invite": [{ "email": "a", "display_name": "A" }, { "email": "b" }] })
        );
    }

    #[test]
    fn hostile_names_are_only_names() {
        for name in ["[", "a[", "a]b", "[]", "a[b", &format!("a{}", "[b]".repeat(5_000))] {
            let _ = unfold(format!("{name}=1").as_bytes());
        }
        assert_eq!(unfold(b"a[=1"), json!({ "a[": "1" }));
    }

    #[test]
    fn an_empty_body_is_an_empty_object_and_a_broken_one_is_noticed() {
        assert_eq!(read(None, b" "), Some(json!({})));
        assert_eq!(read(Some("application/json"), b"{"), None);
    }
}
