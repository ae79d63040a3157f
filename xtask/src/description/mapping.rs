//! A mapping of the description whose keys are taken one by one; a key that the subset doesn't have is refused.

use serde_json::Value as Json;

use crate::refusal::{Refusal, Spot};
use crate::yaml::{Key, Node, Value};

/// OpenAPI that we refuse although it is valid, and what says the same within the subset.
const MENDS: &[(&str, &str)] = &[
    ("enum", "list the known values in `x-open-enum`; unknown ones pass through"),
    ("allOf", "write the properties out"),
    ("anyOf", "use `oneOf` with `x-union`"),
    ("not", "say it in the description"),
    ("discriminator", "use `oneOf` with `x-union: const`"),
    ("nullable", "use `type: [T, 'null']`"),
    ("example", "use `examples: [...]`"),
    ("readOnly", "use one schema for requests and one for responses"),
    ("writeOnly", "use one schema for requests and one for responses"),
    ("patternProperties", "use `additionalProperties` with a schema"),
    ("exclusiveMinimum", "use `minimum`"),
    ("exclusiveMaximum", "use `maximum`"),
    ("prefixItems", "use `items`"),
    ("uniqueItems", "say it in the description"),
    ("title", "use `description`"),
    ("callbacks", "describe callbacks in prose"),
    ("deprecated", "put it into the schema, or use `x-stability: legacy` for a whole operation"),
];

/// The entries of one mapping.
#[derive(Debug)]
pub struct Mapping {
    /// Where the mapping begins.
    pub spot: Spot,
    what: &'static str,
    entries: Vec<(Key, Node)>,
}

impl Mapping {
    /// Takes `node` as a mapping. `what` names it in refusals, for example `a schema`.
    pub fn of(node: Node, what: &'static str) -> Result<Self, Refusal> {
        match node.value {
            Value::Map(entries) => Ok(Self { spot: node.spot, what, entries }),
            _ => Err(node.spot.refuse(format!("{what} that is {}", node.kind()), "write a mapping")),
        }
    }

    /// Refuses every key that is not among `keys`.
    pub fn allow(&self, keys: &[&str]) -> Result<(), Refusal> {
        match self.entries.iter().find(|(key, _)| !keys.contains(&key.text.as_str())) {
            None => Ok(()),
            Some((key, _)) => {
                let known =
                    MENDS.iter().find(|(name, _)| *name == key.text).map(|(_, mend)| (*mend).to_owned());
                let mend = known.unwrap_or_else(|| format!("use only {}", keys.join(", ")));
                Err(key.spot.refuse(format!("`{}` in {}", key.text, self.what), mend))
            }
        }
    }

    /// Refuses the mapping itself.
    pub fn refuse(&self, what: impl Into<String>, mend: impl Into<String>) -> Refusal {
        self.spot.refuse(what, mend)
    }

    /// Whether `key` is still there.
    pub fn has(&self, key: &str) -> bool {
        self.entries.iter().any(|(own, _)| own.text == key)
    }

    /// Takes the value of `key`.
    pub fn take(&mut self, key: &str) -> Option<Node> {
        let index = self.entries.iter().position(|(own, _)| own.text == key)?;
        Some(self.entries.remove(index).1)
    }

    /// Takes the value of `key`, which must be there.
    pub fn require(&mut self, key: &str) -> Result<Node, Refusal> {
        self.take(key)
            .ok_or_else(|| self.refuse(format!("{} without `{key}`", self.what), format!("add `{key}`")))
    }

    /// Takes a text.
    pub fn text(&mut self, key: &str) -> Result<Option<String>, Refusal> {
        self.take(key).map(|node| text(node, key)).transpose()
    }

    /// Takes a text that must be there and not be blank.
    pub fn require_text(&mut self, key: &str) -> Result<String, Refusal> {
        let node = self.require(key)?;
        text(node, key)
    }

    /// Takes a boolean.
    pub fn boolean(&mut self, key: &str) -> Result<Option<bool>, Refusal> {
        match self.take(key) {
            None => Ok(None),
            Some(Node { value: Value::Boolean(value), .. }) => Ok(Some(value)),
            Some(node) => Err(node.spot.refuse(format!("`{key}` is {}", node.kind()), "write true or false")),
        }
    }

    /// Takes a whole number.
    pub fn integer<T: TryFrom<i64>>(&mut self, key: &str) -> Result<Option<T>, Refusal> {
        let Some(node) = self.take(key) else { return Ok(None) };
        let value = if let Value::Integer(value) = node.value { T::try_from(value).ok() } else { None };
        match value {
            Some(value) => Ok(Some(value)),
            None => Err(node
                .spot
                .refuse(format!("`{key}` is not a fitting integer"), "write a smaller whole number")),
        }
    }

    /// Takes a list; an absent one is empty.
    pub fn list(&mut self, key: &str) -> Result<Vec<Node>, Refusal> {
        match self.take(key) {
            None => Ok(Vec::new()),
            Some(Node { value: Value::List(items), .. }) => Ok(items),
            Some(node) => Err(node.spot.refuse(format!("`{key}` is {}", node.kind()), "write a list")),
        }
    }

    /// Takes a list of texts; an absent one is empty.
    pub fn texts(&mut self, key: &str) -> Result<Vec<String>, Refusal> {
        self.list(key)?.into_iter().map(|node| text(node, key)).collect()
    }

    /// Takes a mapping, whose entries may have any name; an absent one is empty.
    pub fn entries(&mut self, key: &str) -> Result<Vec<(Key, Node)>, Refusal> {
        match self.take(key) {
            None => Ok(Vec::new()),
            Some(Node { value: Value::Map(entries), .. }) => Ok(entries),
            Some(node) => Err(node.spot.refuse(format!("`{key}` is {}", node.kind()), "write a mapping")),
        }
    }

    /// Takes a value as JSON, with its place.
    pub fn json(&mut self, key: &str) -> Option<(Json, Spot)> {
        self.take(key).map(|node| (node.to_json(), node.spot))
    }

    /// Takes a text that must be one of `words`, each of which stands for a value.
    pub fn word<T: Copy>(&mut self, key: &str, words: &[(&str, T)]) -> Result<Option<T>, Refusal> {
        self.take(key).map(|node| word(&node, key, words)).transpose()
    }

    /// Takes a list of such texts; an absent one is empty.
    pub fn words<T: Copy>(&mut self, key: &str, words: &[(&str, T)]) -> Result<Vec<T>, Refusal> {
        self.list(key)?.iter().map(|node| word(node, key, words)).collect()
    }
}

fn text(node: Node, key: &str) -> Result<String, Refusal> {
    match node.value {
        Value::Text(text) if !text.trim().is_empty() => Ok(text.trim().to_owned()),
        _ => Err(node.spot.refuse(format!("`{key}` is {}", node.kind()), "write a text that is not blank")),
    }
}

fn word<T: Copy>(node: &Node, key: &str, words: &[(&str, T)]) -> Result<T, Refusal> {
    let found = match &node.value {
        Value::Text(text) => words.iter().find(|(name, _)| name == text),
        _ => None,
    };
    found.map(|(_, value)| *value).ok_or_else(|| {
        let names: Vec<_> = words.iter().map(|(name, _)| *name).collect();
        node.spot.refuse(format!("`{key}` is not a known word"), format!("use one of {}", names.join(", ")))
    })
}
