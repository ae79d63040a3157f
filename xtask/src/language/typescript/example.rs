//! Writes an example of a call from the examples of the description. Wire names make it the JSON itself.

use std::collections::BTreeMap;
use std::io;

use serde_json::{Map, Value as Json};

use super::spelling::{self, WIDTH};
use crate::model::{Api, Operation, Place, Reply};

/// What stands before each example while they are laid out together.
const START: &str = "// example";

/// What an example is found by.
pub(super) fn key(operation: &str, handle: &str) -> String {
    format!("{operation} {handle}")
}

/// Writes an example of each call of each group, on the first of its handles.
///
/// # Errors
/// That of the formatter, which lays them out.
pub(super) fn calls(api: &Api) -> io::Result<BTreeMap<String, String>> {
    let (mut module, mut keys) = (String::new(), Vec::new());
    for area in &api.areas {
        for group in &area.groups {
            let handle = group.handles[0].as_str();
            for operation in group.operations.iter().map(|index| &area.operations[*index]) {
                module.extend([START, "\n", &statement(operation, &group.property, handle), "\n\n"]);
                keys.push(key(&operation.name, handle));
            }
        }
    }
    let formatted = super::lay_out(&module, WIDTH - "   * ".len())?;
    let examples = formatted.split(START).skip(1).map(|example| example.trim().to_owned());
    Ok(keys.into_iter().zip(examples).collect())
}

/// The arguments outside the path, in the order of their description.
fn object(operation: &Operation, example: &Map<String, Json>) -> String {
    let fields = operation.arguments.iter().filter_map(|argument| {
        let wire = &argument.field.wire;
        example.get(wire).map(|value| format!("{}: {value}", spelling::property(wire)))
    });
    format!("{{ {} }}", fields.collect::<Vec<_>>().join(", "))
}

fn statement(operation: &Operation, property: &str, handle: &str) -> String {
    let mut arguments: Vec<String> = operation
        .arguments
        .iter()
        .filter(|argument| argument.place == Place::Path)
        .map(|argument| {
            let example = argument.field.example.as_ref().and_then(Json::as_str);
            spelling::literal(example.unwrap_or(&argument.field.name))
        })
        .collect();
    if operation.request.is_some() {
        match operation.request_example.as_ref().and_then(Json::as_object) {
            Some(example) if !example.is_empty() => arguments.push(object(operation, example)),
            _ => {}
        }
    }
    let path = format!("{}.{}", spelling::name(handle), spelling::name(property));
    let call = format!("{path}.{}({})", spelling::name(&operation.method_name), arguments.join(", "));
    match operation.reply {
        Reply::Nothing => format!("await {call};"),
        Reply::Body { .. } => format!("const reply = await {call};"),
        Reply::Pages { .. } => format!("const items = await {call}.all();"),
    }
}
