//! Reads YAML into a tree in which every key and value knows its line and column. Whatever two YAML readers may
//! disagree on (anchors, tags, doubled keys, plain scalars that mean different things in YAML 1.1 and 1.2) is refused.

use std::borrow::Cow;
use std::sync::Arc;

use saphyr_parser::{Event, Parser, ScalarStyle, Span, StrInput};

use crate::refusal::{Refusal, Spot};

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// The value.
    pub value: Value,
    /// Where it begins.
    pub spot: Spot,
}

/// What a YAML node holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `null`, `~` or nothing.
    Null,
    /// `true` or `false`.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// Any other number.
    Float(f64),
    /// A text.
    Text(String),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping, in the order of the file.
    Map(Vec<(Key, Node)>),
}

/// A key of a mapping and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// The key.
    pub text: String,
    /// Where it begins.
    pub spot: Spot,
}

impl Node {
    /// Reads the one document in `text`. `file` is the name that refusals give.
    pub fn parse(file: &str, text: &str) -> Result<Self, Refusal> {
        let mut reader = Reader { file: file.into(), parser: Parser::new_from_str(text) };
        let root = loop {
            let (event, span) = reader.next()?;
            match event {
                Event::StreamStart | Event::DocumentStart(_) => {}
                Event::StreamEnd => {
                    return Err(reader.spot(span).refuse("the file is empty", "describe something"));
                }
                _ => break reader.node(event, span)?,
            }
        };
        loop {
            let (event, span) = reader.next()?;
            match event {
                Event::StreamEnd => return Ok(root),
                Event::DocumentStart(_) => {
                    return Err(reader.spot(span).refuse("a second document", "keep one document in a file"));
                }
                _ => {}
            }
        }
    }

    /// The same value as JSON, for examples, defaults and constants.
    pub fn to_json(&self) -> serde_json::Value {
        match &self.value {
            Value::Null => serde_json::Value::Null,
            Value::Boolean(value) => (*value).into(),
            Value::Integer(value) => (*value).into(),
            Value::Float(value) => (*value).into(),
            Value::Text(value) => value.clone().into(),
            Value::List(items) => items.iter().map(Self::to_json).collect(),
            Value::Map(entries) => {
                entries.iter().map(|(key, value)| (key.text.clone(), value.to_json())).collect()
            }
        }
    }

    /// What kind of value this is, in words.
    pub fn kind(&self) -> &'static str {
        match self.value {
            Value::Null => "null",
            Value::Boolean(_) => "a boolean",
            Value::Integer(_) => "an integer",
            Value::Float(_) => "a number",
            Value::Text(_) => "a text",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
        }
    }
}

struct Reader<'text> {
    file: Arc<str>,
    parser: Parser<'text, StrInput<'text>>,
}

impl<'text> Reader<'text> {
    fn next(&mut self) -> Result<(Event<'text>, Span), Refusal> {
        match self.parser.next_event() {
            Some(Ok(next)) => Ok(next),
            Some(Err(error)) => {
                let spot = Spot {
                    file: self.file.clone(),
                    line: error.marker().line(),
                    column: error.marker().col() + 1,
                };
                Err(spot.refuse(format!("not YAML: {}", error.info()), "mend the syntax"))
            }
            None => Err(Spot::start_of(&self.file).refuse("the file ends too early", "complete it")),
        }
    }

    fn spot(&self, span: Span) -> Spot {
        Spot { file: self.file.clone(), line: span.start.line(), column: span.start.col() + 1 }
    }

    fn node(&mut self, event: Event<'text>, span: Span) -> Result<Node, Refusal> {
        let spot = self.spot(span);
        let (anchor, tagged) = match &event {
            Event::Scalar(_, _, anchor, tag)
            | Event::SequenceStart(anchor, tag)
            | Event::MappingStart(anchor, tag) => (*anchor, tag.is_some()),
            _ => (0, false),
        };
        if anchor != 0 || matches!(event, Event::Alias(_)) {
            return Err(
                spot.refuse("an anchor or alias", "name what is shared as a component and use `$ref`")
            );
        }
        if tagged {
            return Err(spot.refuse("a YAML tag", "leave it out"));
        }
        let value = match event {
            Event::Scalar(text, ScalarStyle::Plain, ..) => plain(&text, &spot)?,
            Event::Scalar(text, ..) => Value::Text(text.into_owned()),
            Event::SequenceStart(..) => self.list()?,
            Event::MappingStart(..) => self.map()?,
            _ => return Err(spot.refuse("a value is missing", "write one")),
        };
        Ok(Node { value, spot })
    }

    fn list(&mut self) -> Result<Value, Refusal> {
        let mut items = Vec::new();
        loop {
            let (event, span) = self.next()?;
            if event == Event::SequenceEnd {
                return Ok(Value::List(items));
            }
            items.push(self.node(event, span)?);
        }
    }

    fn map(&mut self) -> Result<Value, Refusal> {
        let mut entries: Vec<(Key, Node)> = Vec::new();
        loop {
            let (event, span) = self.next()?;
            let spot = self.spot(span);
            let text = match event {
                Event::MappingEnd => return Ok(Value::Map(entries)),
                Event::Scalar(text, _, 0, None) => Cow::into_owned(text),
                _ => {
                    return Err(
                        spot.refuse("a key that is not a plain text", "use a text without anchor or tag")
                    );
                }
            };
            if let Some((earlier, _)) = entries.iter().find(|(key, _)| key.text == text) {
                let line = earlier.spot.line;
                return Err(
                    spot.refuse(format!("`{text}` stands twice (first in line {line})"), "keep one of them")
                );
            }
            let (event, span) = self.next()?;
            let value = self.node(event, span)?;
            entries.push((Key { text, spot }, value));
        }
    }
}

fn plain(text: &str, spot: &Spot) -> Result<Value, Refusal> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Ok(Value::Null),
        "true" | "True" | "TRUE" => return Ok(Value::Boolean(true)),
        "false" | "False" | "FALSE" => return Ok(Value::Boolean(false)),
        _ => {}
    }
    if differs_in_yaml_1_1(text) {
        return Err(spot.refuse(
            format!("`{text}` is a text here, and something else to readers of YAML 1.1"),
            "put it in quotes",
        ));
    }
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.starts_with(|first: char| first.is_ascii_digit()) {
        if let Ok(value) = text.parse() {
            return Ok(Value::Integer(value));
        }
        if let Ok(value) = text.parse() {
            return Ok(Value::Float(value));
        }
    }
    Ok(Value::Text(text.to_owned()))
}

/// Words that were booleans, dates, base-60 numbers (`10:30`) and octal numbers (`0644`).
fn differs_in_yaml_1_1(text: &str) -> bool {
    const WORDS: [&str; 6] = ["y", "n", "yes", "no", "on", "off"];
    if WORDS.iter().any(|word| text.eq_ignore_ascii_case(word)) {
        return true;
    }
    let mut characters = text.chars();
    let numeric = characters.next().is_some_and(|first| first.is_ascii_digit())
        && text.chars().all(|character| character.is_ascii_digit() || "-:_.TZtz+ ".contains(character));
    numeric && (text.contains([':', '_', ' ']) || text.matches('-').count() == 2 || octal(text))
}

fn octal(text: &str) -> bool {
    text.len() > 1 && text.starts_with('0') && text.chars().all(|character| character.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        Node::parse("a.yaml", text).unwrap_err().to_string()
    }

    #[test]
    fn every_value_knows_its_place() {
        let root = Node::parse("a.yaml", "one: 1\ntwo:\n  - x\n  - {y: true}\n").unwrap();
        let Value::Map(entries) = root.value else { panic!("a mapping") };
        assert_eq!(entries[0].0.spot.to_string(), "a.yaml:1:1");
        assert_eq!(entries[0].1.spot.to_string(), "a.yaml:1:6");
        let Value::List(items) = &entries[1].1.value else { panic!("a list") };
        assert_eq!(items[0].spot.to_string(), "a.yaml:3:5");
        let Value::Map(inner) = &items[1].value else { panic!("a mapping") };
        assert_eq!(inner[0].0.spot.to_string(), "a.yaml:4:6");
    }

    #[test]
    fn scalars_follow_yaml_1_2() {
        let root = Node::parse("a", "[1, -2, 1.5, true, null, ~, text, '7', \"true\", 1a, v1.2]").unwrap();
        assert_eq!(
            root.to_json(),
            serde_json::json!([1, -2, 1.5, true, null, null, "text", "7", "true", "1a", "v1.2"])
        );
    }

    #[test]
    fn block_texts_keep_their_lines() {
        let root = Node::parse("a", "text: |\n  one\n  two\n").unwrap();
        assert_eq!(root.to_json(), serde_json::json!({"text": "one\ntwo\n"}));
    }

    #[test]
    fn a_doubled_key_is_refused_with_both_places() {
        assert_eq!(
            refusal("a: 1\nb: 2\na: 3\n"),
            "a.yaml:3:1: `a` stands twice (first in line 1); keep one of them"
        );
    }

    #[test]
    fn anchors_aliases_and_tags_are_refused() {
        assert!(refusal("a: &x 1\nb: *x\n").contains("a.yaml:1:"));
        assert!(refusal("a: &x {b: 1}\n").contains("an anchor or alias"));
        assert!(refusal("a: !!str 1\n").contains("a YAML tag"));
    }

    #[test]
    fn a_second_document_is_refused() {
        assert!(refusal("a: 1\n---\nb: 2\n").contains("a second document"));
    }

    #[test]
    fn an_empty_file_is_refused() {
        assert!(refusal("").contains("the file is empty"));
        assert!(refusal("# nothing\n").contains("the file is empty"));
    }

    #[test]
    fn broken_syntax_is_refused_with_its_place() {
        let message = refusal("a: [1, 2\nb: 3\n");
        assert!(message.starts_with("a.yaml:2:"), "{message}");
        assert!(message.contains("not YAML"), "{message}");
    }

    #[test]
    fn plain_scalars_that_yaml_1_1_reads_otherwise_are_refused() {
        for text in ["2026-08-05", "2026-08-05T14:30:00Z", "10:30", "yes", "Off", "0644", "1_000"] {
            assert!(refusal(&format!("a: {text}\n")).contains("put it in quotes"), "{text}");
        }
        for text in ["2026", "0", "0.5", "1.0.0", "cal_1", "yesterday"] {
            assert!(Node::parse("a", &format!("a: {text}\n")).is_ok(), "{text}");
        }
    }
}
