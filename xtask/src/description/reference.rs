//! `$ref`: which named component of which file is meant.

use crate::refusal::{Refusal, Spot};
use crate::yaml::{Node, Value};

/// A reference to a named component.
#[derive(Debug, Clone)]
pub struct Reference {
    /// Where the reference stands.
    pub spot: Spot,
    /// The file that holds the component, from the root of the repository.
    pub file: String,
    /// The component's name.
    pub name: String,
}

impl Reference {
    /// Reads the text of a `$ref` to a component of `section`: `schemas`, `parameters` or `responses`.
    pub fn read(node: &Node, section: &str) -> Result<Self, Refusal> {
        let mend = format!("write `<file>#/components/{section}/<Name>`");
        let Value::Text(text) = &node.value else {
            return Err(node.spot.refuse("a `$ref` that is no text", mend));
        };
        let found = text.split_once('#').and_then(|(file, pointer)| {
            let name = pointer.strip_prefix("/components/")?.strip_prefix(section)?.strip_prefix('/')?;
            (!name.contains('/')).then(|| (file, name.to_owned()))
        });
        let Some((file, name)) = found else {
            return Err(node.spot.refuse(format!("`$ref: {text}`"), mend));
        };
        let file = resolve(&node.spot.file, file);
        if file != super::ROOT && file != *node.spot.file {
            return Err(node.spot.refuse(
                format!("a reference to {file}"),
                format!("move what is shared to {}", super::ROOT),
            ));
        }
        Ok(Self { spot: node.spot.clone(), file, name })
    }

    /// Whether both mean the same component, wherever they stand.
    pub fn is_same(&self, other: &Self) -> bool {
        (&self.file, &self.name) == (&other.file, &other.name)
    }
}

/// The path of `relative` seen from the file `from`.
pub fn resolve(from: &str, relative: &str) -> String {
    if relative.is_empty() {
        return from.to_owned();
    }
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in relative.split('/') {
        match part {
            "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_resolved_from_the_file_it_stands_in() {
        assert_eq!(resolve("api/areas/events.yaml", ""), "api/areas/events.yaml");
        assert_eq!(resolve("api/areas/events.yaml", "../openapi.yaml"), "api/openapi.yaml");
        assert_eq!(resolve("api/areas/events.yaml", "./batch.yaml"), "api/areas/batch.yaml");
        assert_eq!(resolve("api/openapi.yaml", "areas/batch.yaml"), "api/areas/batch.yaml");
    }
}
