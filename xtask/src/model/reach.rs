//! Keeps the types that calls reach, and notes for each which way it travels and whether it holds a secret.

use std::collections::{BTreeMap, BTreeSet};

use super::definition::Entry;
use super::{Api, Area, Definition, Reply, Shape, Type};
use crate::refusal::Refusals;

/// The types that calls reach.
pub(super) struct Reached(BTreeMap<String, Entry>);

impl Reached {
    /// The types of one file, in its order.
    pub(super) fn of(&self, file: &str) -> Vec<Definition> {
        let mut entries: Vec<_> = self.0.values().filter(|entry| entry.file == file).collect();
        entries.sort_by_key(|entry| entry.order);
        entries.into_iter().map(|entry| entry.definition.clone()).collect()
    }
}

/// Marks the types that calls send and receive, and drops the others.
pub(super) fn mark(areas: &[Area], mut all: BTreeMap<String, Entry>, refusals: &mut Refusals) -> Reached {
    let operations: Vec<_> = areas.iter().flat_map(|area| &area.operations).collect();
    let sent = operations.iter().flat_map(|operation| {
        let arguments = operation.arguments.iter().filter_map(|argument| argument.field.ty.named());
        operation.request.as_deref().into_iter().chain(arguments)
    });
    let received = operations.iter().filter_map(|operation| match &operation.reply {
        Reply::Nothing => None,
        Reply::Body { name, .. } | Reply::Pages { name } => Some(name.as_str()),
    });
    let sent = closure(&all, sent);
    let received = closure(&all, received);
    let secret: BTreeSet<String> = all
        .keys()
        .filter(|name| closure(&all, [name.as_str()]).iter().any(|name| has_secret(&all[name])))
        .cloned()
        .collect();
    for (name, entry) in &all {
        let inside = entry.definition.parts().into_iter().filter_map(Type::named);
        let inside: Vec<_> = inside.collect();
        if closure(&all, inside.iter().copied()).contains(name) {
            refusals.add(
                entry.spot.refuse(format!("`{name}` holds itself"), "describe the inner one without it"),
            );
        }
        for part in inside {
            let Some(part) = all.get(part) else { continue };
            // The core adds the constants of requests; elsewhere one text is what tells an object from others.
            if let Shape::Object { constants, .. } = &part.definition.shape
                && (constants.len() > 1
                    || constants.iter().any(|(_, value)| !value.is_string() || part.definition.request))
            {
                refusals.add(part.spot.refuse(
                    format!("`{}` has constants and is inside `{name}`", part.definition.name),
                    "keep one `const` of type string, and don't use it as a request as well",
                ));
            }
        }
    }
    all.retain(|name, _| sent.contains(name) || received.contains(name));
    for (name, entry) in &mut all {
        entry.definition.sent = sent.contains(name);
        entry.definition.received = received.contains(name);
        entry.definition.secret = secret.contains(name);
    }
    Reached(all)
}

/// The named types that arguments are made of, in the order of their names.
pub(super) fn shapes(api: &Api) -> Vec<Definition> {
    let definitions = api.definitions();
    let mut open: Vec<&str> = Vec::new();
    for operation in api.operations() {
        open.extend(operation.arguments.iter().filter_map(|argument| argument.field.ty.named()));
    }
    let mut found = BTreeSet::new();
    while let Some(name) = open.pop() {
        if let Some(definition) = definitions.get(name)
            && found.insert(name)
        {
            open.extend(definition.parts().into_iter().filter_map(Type::named));
        }
    }
    found.into_iter().map(|name| definitions[name].clone()).collect()
}

/// The names given and everything that they are made of.
fn closure<'a>(all: &BTreeMap<String, Entry>, names: impl IntoIterator<Item = &'a str>) -> BTreeSet<String> {
    let mut open: Vec<String> = names.into_iter().map(ToOwned::to_owned).collect();
    let mut found = BTreeSet::new();
    while let Some(name) = open.pop() {
        if let Some(entry) = all.get(&name)
            && found.insert(name)
        {
            open.extend(entry.definition.parts().into_iter().filter_map(Type::named).map(ToOwned::to_owned));
        }
    }
    found
}

fn has_secret(entry: &Entry) -> bool {
    entry
        .definition
        .parts()
        .into_iter()
        .any(|part| matches!(innermost(part), Type::Text { secret: true, .. }))
}

fn innermost(ty: &Type) -> &Type {
    match ty {
        Type::List { item: inner, .. } | Type::Map { value: inner } | Type::Nullable { of: inner } => {
            innermost(inner)
        }
        other => other,
    }
}
