//! Turns the description into the model: operations with their arguments and replies, and how they hang on handles.

use std::collections::BTreeMap;

use super::definition::Definitions;
use super::{
    Api, Area, Argument, Authority, Definition, Group, Handle, Operation, Place, Reply, Shape, Type, conform,
    reach,
};
use crate::description::{self, Description, operation as described};
use crate::refusal::{Refusal, Refusals};

/// The verbs of operations; longer ones before those they begin with.
const VERBS: [&str; 15] = [
    "bulk_delete",
    "list",
    "read",
    "lookup",
    "query",
    "create",
    "upsert",
    "update",
    "delete",
    "cancel",
    "disable",
    "close",
    "revoke",
    "select",
    "request",
];

/// Areas that are named like a handle: there the object comes first.
const HANDLES: [&str; 4] = ["account", "organization", "service_account", "client"];

impl Api {
    /// Builds the model.
    ///
    /// # Errors
    /// Everything that the description leaves open or contradicts, at once.
    pub fn build(description: &Description) -> Result<Self, Refusals> {
        let mut refusals = Refusals::default();
        let mut definitions = Definitions::collect(description, &mut refusals);
        let mut areas = Vec::new();
        for area in &description.areas {
            let mut operations = Vec::new();
            for operation in &area.operations {
                operations.extend(refusals.keep(build_operation(operation, &area.file, &mut definitions)));
            }
            areas.push(Area {
                name: area.name.clone(),
                file: area.file.clone(),
                description: area.description.clone(),
                groups: group(&area.name, &operations),
                operations,
                definitions: Vec::new(),
            });
        }
        name_groups(&mut areas);
        check_names(description, &mut refusals);
        check_properties(description, &areas, &mut refusals);
        conform::check(description, &definitions, &mut refusals);
        let reached = reach::mark(&areas, definitions.into_map(), &mut refusals);
        for area in &mut areas {
            area.definitions = reached.of(&area.file);
        }
        areas.sort_by(|a, b| a.name.cmp(&b.name));
        let api = Self { areas, shared: reached.of(description::ROOT), shapes: Vec::new() };
        let shapes = reach::shapes(&api);
        refusals.or(Self { shapes, ..api })
    }
}

/// Gives each group a name that no other has.
fn name_groups(areas: &mut [Area]) {
    let mut uses: BTreeMap<String, usize> = BTreeMap::new();
    for group in areas.iter().flat_map(|area| &area.groups) {
        *uses.entry(group.type_name.clone()).or_default() += 1;
    }
    for group in areas.iter_mut().flat_map(|area| &mut area.groups) {
        group.unique_name = match uses.get(&group.type_name) {
            Some(1) => group.type_name.clone(),
            _ => format!("{}_{}", group.handles[0].as_str(), group.type_name),
        };
    }
}

/// Sees to it that no two operations have the same name.
fn check_names(description: &Description, refusals: &mut Refusals) {
    let mut seen = BTreeMap::new();
    for operation in description.areas.iter().flat_map(|area| &area.operations) {
        if let Some(earlier) = seen.insert(&operation.name, &operation.spot) {
            refusals.add(operation.spot.refuse(
                format!("`{}` stands twice (first at {earlier})", operation.name),
                "rename one of them",
            ));
        }
    }
}

/// Sees to it that no handle gets two properties of the same name.
fn check_properties(description: &Description, areas: &[Area], refusals: &mut Refusals) {
    let mut seen: BTreeMap<(Handle, &str), &str> = BTreeMap::new();
    for area in areas {
        let groups =
            area.groups.iter().flat_map(|group| group.handles.iter().map(move |handle| (*handle, group)));
        for (handle, group) in groups {
            let earlier = seen.insert((handle, &group.property), &area.name);
            let Some(earlier) = earlier.filter(|earlier| *earlier != area.name) else { continue };
            let described = description.areas.iter().find(|own| own.name == area.name);
            if let Some(operation) = described.and_then(|own| own.operations.first()) {
                let handle = handle.as_str();
                refusals.add(operation.spot.refuse(
                    format!("`{handle}.{}` is also what `{earlier}` is reached by", group.property),
                    "rename the area, or the object of its operations",
                ));
            }
        }
    }
}

fn build_operation(
    operation: &described::Operation,
    file: &str,
    definitions: &mut Definitions,
) -> Result<Operation, Refusal> {
    let (area, verb, object) = parts(operation)?;
    let is_handle = HANDLES.contains(&area);
    let method_name = match object {
        Some(object) if !is_handle => format!("{verb}_{object}"),
        None if is_handle => {
            return Err(operation
                .spot
                .refuse("no object in an area that is named like a handle", "name what it is done to"));
        }
        _ => verb.to_owned(),
    };
    let mut arguments = Vec::new();
    let mut query = Vec::new();
    for parameter in &operation.parameters {
        let field = definitions.parameter(parameter)?;
        if parameter.in_path {
            arguments.push(Argument { place: Place::Path, field });
        } else {
            query.push(field);
        }
    }
    let mut constants = Vec::new();
    let (request, place) = match &operation.body {
        Some(body) if query.is_empty() => (Some(definitions.request(body)?), Place::Body),
        Some(body) => {
            return Err(body.spot.refuse("a query beside a body", "move the query parameters into the body"));
        }
        None if query.is_empty() => (None, Place::Query),
        None => {
            let name = format!("{verb}_{}", object.unwrap_or(area));
            (Some(definitions.synthesize(&name, file, operation, query)?), Place::Query)
        }
    };
    let mut request_example = None;
    let mut request_name = None;
    if let Some(Definition {
        shape: Shape::Object { fields, constants: fixed, .. }, name, examples, ..
    }) = request
    {
        constants.clone_from(fixed);
        arguments.extend(fields.iter().map(|field| Argument { place, field: field.clone() }));
        if !fields.is_empty() {
            request_name = Some(name.clone());
            request_example = examples.first().cloned();
        }
    }
    Ok(Operation {
        name: operation.name.clone(),
        method_name,
        summary: operation.summary.clone(),
        description: operation.description.clone(),
        method: operation.method,
        path: operation.path.clone(),
        authorities: operation.authorities.clone(),
        impersonable: operation.impersonable,
        repeat: operation.repeat,
        repeat_reason: operation.repeat_reason.clone(),
        paging: operation.paging.clone(),
        stability: operation.stability,
        documentation: operation.documentation.clone(),
        success: operation.successes.iter().map(|success| success.status).collect(),
        arguments,
        constants,
        request: request_name,
        request_example,
        reply: build_reply(operation, definitions)?,
    })
}

/// Takes a name apart into area, verb and object.
fn parts(operation: &described::Operation) -> Result<(&str, &str, Option<&str>), Refusal> {
    let (area, call) = operation.name.split_once('.').unwrap_or((&operation.name, ""));
    for verb in VERBS {
        match call.strip_prefix(verb) {
            Some("") => return Ok((area, verb, None)),
            Some(object) if object.starts_with('_') && object.len() > 1 => {
                return Ok((area, verb, Some(&object[1..])));
            }
            _ => {}
        }
    }
    Err(operation.spot.refuse(
        format!("`{}` is not `<area>.<verb>[_<object>]`", operation.name),
        format!("use one of the verbs {}", VERBS.join(", ")),
    ))
}

fn build_reply(operation: &described::Operation, definitions: &mut Definitions) -> Result<Reply, Refusal> {
    let bodies: Vec<_> = operation.successes.iter().filter_map(|success| success.body.as_ref()).collect();
    let Some(first) = bodies.first() else {
        return match &operation.paging {
            None => Ok(Reply::Nothing),
            Some(paging) => Err(paging.spot.refuse("paging without a body", "describe the body")),
        };
    };
    let name = definitions.reply(first)?;
    for body in &bodies[1..] {
        if definitions.reply(body)? != name {
            return Err(body
                .spot
                .refuse("a success with another body", format!("use `{name}` in all of them")));
        }
    }
    let optional = operation.successes.iter().any(|success| success.body_optional || success.body.is_none());
    match &operation.paging {
        None => Ok(Reply::Body { name, optional }),
        Some(paging) if optional => {
            Err(paging.spot.refuse("paging of a body that may be missing", "promise it"))
        }
        Some(paging) => {
            definitions.mark_page(&name, paging)?;
            Ok(Reply::Pages { name })
        }
    }
}

/// Hangs operations on handles. Handles that offer the same share a group; those that offer less have their own.
fn group(area: &str, operations: &[Operation]) -> Vec<Group> {
    let mut offers: BTreeMap<String, BTreeMap<Handle, Vec<usize>>> = BTreeMap::new();
    for (index, operation) in operations.iter().enumerate() {
        let call = operation.name.split_once('.').map_or("", |(_, call)| call);
        let property = match call.strip_prefix(&operation.method_name).and_then(|rest| rest.strip_prefix('_'))
        {
            Some(object) if HANDLES.contains(&area) => object,
            _ => area,
        };
        for handle in handles(operation) {
            offers.entry(property.to_owned()).or_default().entry(handle).or_default().push(index);
        }
    }
    let mut groups = Vec::new();
    for (property, by_handle) in offers {
        let mut own: Vec<Group> = Vec::new();
        for (handle, operations) in by_handle {
            match own.iter_mut().find(|group| group.operations == operations) {
                Some(group) => group.handles.push(handle),
                None => own.push(Group {
                    property: property.clone(),
                    type_name: String::new(),
                    unique_name: String::new(),
                    handles: vec![handle],
                    operations,
                }),
            }
        }
        own.sort_by_key(|group| std::cmp::Reverse(group.operations.len()));
        for (rank, group) in own.iter_mut().enumerate() {
            let handle = group.handles[0].as_str();
            group.type_name = if rank == 0 { property.clone() } else { format!("{handle}_{property}") };
        }
        groups.extend(own);
    }
    groups
}

/// The handles that an operation is offered on.
fn handles(operation: &Operation) -> Vec<Handle> {
    let mut handles: Vec<Handle> = operation
        .authorities
        .iter()
        .map(|authority| match authority {
            Authority::Connection => Handle::Account,
            Authority::Organization => Handle::Organization,
            Authority::ServiceAccount => Handle::ServiceAccount,
            Authority::Application | Authority::ClientCredentials | Authority::Admin => Handle::Client,
        })
        .collect();
    if operation.impersonable {
        handles.push(Handle::Account);
    }
    handles.sort_unstable();
    handles.dedup();
    handles
}

impl Type {
    /// The definition's name, if the type is nothing but a name.
    pub(super) fn as_name(&self) -> Option<&str> {
        match self {
            Self::Named { name } => Some(name),
            _ => None,
        }
    }
}
