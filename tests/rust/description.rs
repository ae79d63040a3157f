//! The description in `api/` as one JSON document, and the judgement whether an answer is one that it allows.

use std::{collections::BTreeMap, fs, path::Path};

use jsonschema::Draft;
use serde_json::{Map, Value, json};

use crate::Outcome;

/// Cronofy's API as `api/` describes it.
#[derive(Debug)]
pub struct Description {
    document: Value,
    operations: BTreeMap<String, Described>,
}

/// What is described of one operation.
#[derive(Debug, Clone)]
pub struct Described {
    /// The method in upper case.
    pub method: String,
    /// The path template; none for an operation whose address Cronofy returns earlier.
    pub path: Option<String>,
    /// Responses by status, or by a class of them such as `5XX`.
    responses: Map<String, Value>,
}

impl Description {
    /// Reads `api/` and puts its files together.
    ///
    /// # Errors
    /// The file that is not YAML, or the reference that leads nowhere.
    pub fn read() -> Outcome<Self> {
        let folder = crate::repository().join("api");
        let mut document = read_yaml(&folder.join("openapi.yaml"))?;
        let mut links = Vec::new();
        let mut files: Vec<_> = fs::read_dir(folder.join("areas"))
            .map_err(|error| format!("api/areas: {error}"))?
            .filter_map(|entry| entry.ok().map(|entry| entry.path()))
            .filter(|path| path.extension().is_some_and(|ending| ending == "yaml"))
            .collect();
        files.sort();
        for file in &files {
            let mut area = read_yaml(file)?;
            for (kind, into) in [("/components/schemas", "/components/schemas"), ("/paths", "/paths")] {
                let Some(Value::Object(found)) = area.pointer_mut(kind).map(Value::take) else { continue };
                let whole = document.pointer_mut(into).and_then(Value::as_object_mut);
                whole.ok_or_else(|| format!("api/openapi.yaml: has no {into}"))?.extend(found);
            }
            if let Some(Value::Array(found)) = area.get_mut("x-links").map(Value::take) {
                links.extend(found);
            }
        }
        document["x-links"] = Value::Array(links);
        shorten_references(&mut document);
        let operations = operations(&document)?;
        Ok(Self { document, operations })
    }

    /// The one document.
    pub fn document(&self) -> &Value {
        &self.document
    }

    /// The operations by name.
    pub fn operations(&self) -> &BTreeMap<String, Described> {
        &self.operations
    }

    /// Says in what an answer departs from the description.
    ///
    /// # Errors
    /// What is not described: the status, a body, a value in it.
    pub fn judge(&self, operation: &str, status: u16, body: &[u8]) -> Outcome {
        let described =
            self.operations.get(operation).ok_or_else(|| format!("{operation} is not described"))?;
        let class = format!("{}XX", status / 100);
        let response =
            described.responses.get(&status.to_string()).or_else(|| described.responses.get(&class));
        let response =
            response.ok_or_else(|| format!("{operation}: the status {status} is not described"))?;
        let response = self.follow(response);
        let schema = response.pointer("/content/application~1json/schema");
        let optional = response["x-body-optional"] == true;
        match (schema, body.is_empty()) {
            // What Cronofy says in most refusals is not documented.
            (None, _) if status >= 400 => Ok(()),
            (None, true) => Ok(()),
            // An empty object says no more than an empty body.
            (None, false) if body == b"{}" => Ok(()),
            (None, false) => {
                Err(format!("{operation}: {status} has a body and none is described: {}", text(body)))
            }
            (Some(_), true) if optional => Ok(()),
            (Some(_), true) => Err(format!("{operation}: {status} has no body")),
            (Some(schema), false) => self
                .validate(schema, body)
                .map_err(|why| format!("{operation}: {status}: {why} in {}", text(body))),
        }
    }

    fn validate(&self, schema: &Value, body: &[u8]) -> Outcome {
        let found: Value = serde_json::from_slice(body).map_err(|error| format!("the body: {error}"))?;
        // References lead to the components, which therefore ride along.
        let whole = json!({ "allOf": [schema], "components": self.document["components"] });
        let validator = jsonschema::options()
            .with_draft(Draft::Draft202012)
            .should_validate_formats(true)
            .with_format("identifier", is_identifier)
            .build(&whole)
            .map_err(|error| format!("the description is no schema: {error}"))?;
        let errors: Vec<String> = validator
            .iter_errors(&found)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        if errors.is_empty() { Ok(()) } else { Err(errors.join("; ")) }
    }

    fn follow<'a>(&'a self, value: &'a Value) -> &'a Value {
        let target = value["$ref"].as_str().and_then(|reference| reference.strip_prefix('#'));
        target.and_then(|path| self.document.pointer(path)).unwrap_or(value)
    }
}

/// Finds the operations of a document: those on paths, their variants, and those behind links.
fn operations(document: &Value) -> Outcome<BTreeMap<String, Described>> {
    let mut found = BTreeMap::new();
    let mut add = |operation: &Value, method: &str, path: Option<&str>| -> Outcome {
        let shared = operation["responses"].as_object().cloned().unwrap_or_default();
        let described =
            |responses| Described { method: method.to_uppercase(), path: path.map(str::to_owned), responses };
        if let Some(name) = operation["operationId"].as_str() {
            found.insert(name.to_owned(), described(shared.clone()));
        }
        for variant in operation["x-variants"].as_array().into_iter().flatten() {
            let name = variant["operationId"].as_str().ok_or("a variant has no operationId")?;
            found.insert(name.to_owned(), described(variant_responses(variant, &shared)));
        }
        Ok(())
    };
    for (path, item) in document["paths"].as_object().into_iter().flatten() {
        for method in ["get", "post", "delete"] {
            if let Some(operation) = item.get(method) {
                add(operation, method, Some(path))?;
            }
        }
    }
    for link in document["x-links"].as_array().into_iter().flatten() {
        add(link, link["method"].as_str().ok_or("a link has no method")?, None)?;
    }
    Ok(found)
}

/// The responses of a variant: the shared ones, with successes of its own.
fn variant_responses(variant: &Value, shared: &Map<String, Value>) -> Map<String, Value> {
    let own: Option<Vec<String>> = variant["x-success"].as_array().map(|codes| {
        codes.iter().map(|code| code.as_str().map_or_else(|| code.to_string(), str::to_owned)).collect()
    });
    let is_success = |code: &str| code.starts_with('2');
    let is_own = |code: &str| own.as_ref().is_none_or(|own| own.iter().any(|known| known == code));
    let responses = shared.iter().filter(|(code, _)| !is_success(code) || is_own(code));
    responses
        .map(|(code, response)| {
            if !is_success(code) {
                return (code.clone(), response.clone());
            }
            let mut response = json!({ "description": response["description"] });
            if let Some(schema) = variant["response"].as_str() {
                let schema = json!({ "$ref": from_hash(schema) });
                response["content"] = json!({ "application/json": { "schema": schema } });
                response["x-body-optional"] = variant["x-body-optional"].clone();
            }
            (code.clone(), response)
        })
        .collect()
}

fn read_yaml(file: &Path) -> Outcome<Value> {
    let wrong = |error: &dyn std::fmt::Display| format!("{}: {error}", file.display());
    let text = fs::read_to_string(file).map_err(|error| wrong(&error))?;
    serde_saphyr::from_str(&text).map_err(|error| wrong(&error))
}

/// Lets every reference lead into the one document.
fn shorten_references(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                match value {
                    Value::String(target) if key == "$ref" => *target = from_hash(target).to_owned(),
                    other => shorten_references(other),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(shorten_references),
        _ => {}
    }
}

fn from_hash(reference: &str) -> &str {
    reference.find('#').map_or(reference, |hash| &reference[hash..])
}

/// Visible ASCII without blanks.
fn is_identifier(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_graphic())
}

fn text(body: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(body)
}
