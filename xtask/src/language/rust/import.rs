//! Finds out which names a module has to import: those that its code mentions and doesn't define.

use std::collections::{BTreeMap, BTreeSet};

/// Names that generated code may mention, and the modules they come from.
const NAMES: &[(&str, &str)] = &[
    ("BTreeMap", "std::collections"),
    ("Date", "jiff::civil"),
    ("Timestamp", "jiff"),
    ("Deserialize", "serde"),
    ("Deserializer", "serde"),
    ("Serialize", "serde"),
    ("Serializer", "serde"),
    ("Map", "serde_json"),
    ("Value", "serde_json"),
    ("Result", "crate"),
    ("Secret", "crate"),
    ("operations", "crate::api"),
    ("Caller", "crate::caller"),
    ("to_arguments", "crate::caller"),
    ("Page", "crate::paging"),
    ("Pages", "crate::paging"),
    ("Nullable", "crate::types"),
    ("Time", "crate::types"),
    ("types", "crate"),
    ("open_enum", "crate::types"),
];

/// The handles, which variants may be named like: they are imported where they are extended.
const HANDLES: &[&str] = &["Account", "Client", "Organization", "ServiceAccount"];

/// The `use` items for `body`, which is the code of `module`. `types` are the generated types and their modules.
pub(super) fn imports<'a>(
    body: &str,
    module: &str,
    types: impl Iterator<Item = (String, &'a str)>,
) -> String {
    let words = mentioned(body);
    let mut by_module: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut own = BTreeSet::new();
    for (name, home) in types {
        if home == module {
            own.insert(name);
        } else if words.contains(name.as_str()) {
            by_module.entry(format!("super::{home}")).or_default().insert(name);
        }
    }
    for (name, from) in NAMES {
        if words.contains(name) && !own.contains(*name) {
            // A module is imported with what is imported from it.
            let (from, name) = if *name == "types" { ("crate::types", "self") } else { (*from, *name) };
            by_module.entry(from.to_owned()).or_default().insert(name.to_owned());
        }
    }
    for name in HANDLES {
        if body.contains(&format!("\nimpl {name} {{")) {
            by_module.entry("crate".to_owned()).or_default().insert((*name).to_owned());
        }
    }
    let group = |roots: &[&str], others: bool| {
        let mut trees: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for (path, names) in &by_module {
            let (root, rest) = path.split_once("::").unwrap_or((path, ""));
            if roots.contains(&root) == others {
                continue;
            }
            let mut names: Vec<String> = names.iter().cloned().collect();
            names.sort_by_key(|name| name != "self");
            let tree = trees.entry(root).or_default();
            match (rest, names.as_slice()) {
                ("", _) => tree.extend(names),
                (rest, [name]) if name == "self" => tree.push(rest.to_owned()),
                (rest, [name]) => tree.push(format!("{rest}::{name}")),
                (rest, names) => tree.push(format!("{rest}::{{{}}}", names.join(", "))),
            }
        }
        let lines: Vec<String> = trees
            .into_iter()
            .map(|(root, tree)| match tree.as_slice() {
                [leaf] => format!("use {root}::{leaf};"),
                leaves => format!("use {root}::{{{}}};", leaves.join(", ")),
            })
            .collect();
        lines.join("\n")
    };
    let groups =
        [group(&["std"], false), group(&["std", "super", "crate"], true), group(&["super", "crate"], false)];
    let groups: Vec<String> = groups.into_iter().filter(|lines| !lines.is_empty()).collect();
    groups.join("\n\n")
}

/// The identifiers in the code, comments left out, that don't follow `::`.
fn mentioned(body: &str) -> BTreeSet<&str> {
    let code = body.lines().filter(|line| !line.trim_start().starts_with("//"));
    let mut words = BTreeSet::new();
    for line in code {
        let mut start = None;
        let mut qualified = false;
        for (index, character) in line.char_indices().chain([(line.len(), ' ')]) {
            let in_word = character.is_ascii_alphanumeric() || character == '_';
            match (in_word, start) {
                (true, None) => {
                    qualified = line[..index].ends_with("::") || line[..index].ends_with('.');
                    start = Some(index);
                }
                (false, Some(begin)) => {
                    if !qualified {
                        words.insert(&line[begin..index]);
                    }
                    start = None;
                }
                _ => {}
            }
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_code_mentions_is_imported_and_nothing_else() {
        let body = "/// A Value in a comment.\npub struct A { b: Map<String, Shared>, c: types::D, e: Own }\nimpl Account {\n";
        let types = [("Shared", "shared"), ("Own", "notes"), ("Unused", "shared")];
        let types = types.into_iter().map(|(name, home)| (name.to_owned(), home));
        assert_eq!(
            imports(body, "notes", types),
            "use serde_json::Map;\n\nuse crate::{Account, types};\nuse super::shared::Shared;"
        );
    }
}
