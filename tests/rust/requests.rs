//! Recorded requests as scenarios see them: paths and queries decoded, headers by name, bodies as JSON.

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

use crate::{Outcome, matching};

/// Compares the requests that a step caused with those that are expected, all of them and in order.
///
/// # Errors
/// The first request that differs, and how.
pub fn compare(expected: &[Value], found: &[Value]) -> Outcome {
    let seen: Vec<Value> = found.iter().map(view).collect();
    if seen.len() != expected.len() {
        let lines: Vec<String> =
            seen.iter().map(|request| format!("{} {}", request["method"], request["path"])).collect();
        return Err(format!(
            "{} requests were sent and should be {}: {}",
            seen.len(),
            expected.len(),
            lines.join(", ")
        ));
    }
    for (number, (expected, seen)) in (1..).zip(expected.iter().zip(&seen)) {
        matching::matches(&strict(expected), seen)
            .map_err(|difference| format!("request {number}: {difference}"))?;
    }
    Ok(())
}

/// A query that is expected is all of the query.
fn strict(expected: &Value) -> Value {
    let mut expected = expected.clone();
    if let Some(query) = expected.get_mut("query") {
        *query = json!({ "$exactly": query.take() });
    }
    expected
}

fn view(recorded: &Value) -> Value {
    let text = |name: &str| recorded[name].as_str().unwrap_or_default();
    let headers: Map<String, Value> = recorded["headers"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|pair| Some((pair[0].as_str()?.to_owned(), pair[1].clone())))
        .collect();
    let body = serde_json::from_str(text("body")).unwrap_or_else(|_| recorded["body"].clone());
    json!({
        "method": recorded["method"],
        "path": percent_decode_str(text("path")).decode_utf8_lossy(),
        "query": query(text("query")),
        "headers": headers,
        "body": body,
        "status": recorded["status"],
        "application": recorded["application"],
        "connection": recorded["connection"],
        "impersonated": recorded["impersonated"],
    })
}

/// Parameters by name; one whose name ends in `[]` is a list.
fn query(text: &str) -> Value {
    let mut parameters = Map::new();
    for (name, value) in url::form_urlencoded::parse(text.as_bytes()) {
        if name.ends_with("[]") {
            let list = parameters.entry(name).or_insert_with(|| Value::Array(Vec::new()));
            if let Value::Array(items) = list {
                items.push(value.into());
            }
        } else {
            parameters.insert(name.into_owned(), value.into());
        }
    }
    Value::Object(parameters)
}
