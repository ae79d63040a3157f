//! Swift: the typed areas and models of the package in `uniffi/swift`, and the examples of its documentation as code that
//! the package's tests compile.
//!
//! The text comes out as swift-format would lay it out, so that generating needs no Swift; the package's tests check that.

mod example;
pub mod spelling;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;
use std::sync::Arc;

use minijinja::value::Serde;
use minijinja::{Environment, Error, ErrorKind, Value};
use serde::de::DeserializeOwned;
use serde_json::json;

use super::layout::{Expression, LastComma};
use super::{File, Language, document};
use crate::model::{Api, Argument, Definition, Field, Member, Operation, Place, Reply, Shape, Step, Type};

/// The package.
#[derive(Debug)]
pub struct Swift;

/// The examples of its documentation.
#[derive(Debug)]
pub struct SwiftExamples;

/// The file of the types of several areas.
const SHARED: &str = "shared";

impl Language for Swift {
    fn name(&self) -> &'static str {
        "swift"
    }

    fn output(&self) -> &'static str {
        "uniffi/swift/Sources/OrgconnectCore/API"
    }

    fn comment(&self) -> &'static str {
        "//"
    }

    fn files(&self, api: &Api) -> Vec<File> {
        let shared = json!({ "definitions": &api.shared });
        let mut files =
            vec![File::new(spelling::file(SHARED), "shared.swift.jinja", "api/openapi.yaml", shared)];
        files.extend(api.areas.iter().map(|area| {
            let context = json!({ "area": area, "definitions": &area.definitions });
            File::new(spelling::file(&area.name), "area.swift.jinja", &area.file, context)
        }));
        files
    }

    fn teach(&self, environment: &mut Environment<'static>, api: &Api) -> io::Result<()> {
        teach(environment, api);
        Ok(())
    }

    fn format(&self, _: &Path, _: &Path) -> io::Result<()> {
        Ok(())
    }
}

impl Language for SwiftExamples {
    fn name(&self) -> &'static str {
        "swift"
    }

    fn output(&self) -> &'static str {
        "uniffi/swift/Tests/OrgconnectTests/API"
    }

    fn comment(&self) -> &'static str {
        "//"
    }

    fn files(&self, api: &Api) -> Vec<File> {
        let context = json!({ "areas": &api.areas });
        vec![File::new(
            "Examples.swift",
            "examples.swift.jinja",
            "api/openapi.yaml and api/areas/*.yaml",
            context,
        )]
    }

    fn teach(&self, environment: &mut Environment<'static>, api: &Api) -> io::Result<()> {
        teach(environment, api);
        Ok(())
    }

    fn format(&self, _: &Path, _: &Path) -> io::Result<()> {
        Ok(())
    }
}

fn teach(environment: &mut Environment<'static>, api: &Api) {
    environment.add_filter("name", |name: &str| spelling::name(name));
    environment.add_filter("label", |name: &str| spelling::label(name));
    environment.add_filter("value_name", |value: &str| spelling::value(value));
    environment.add_filter("type_name", |name: &str| spelling::type_name(name));
    environment.add_filter("literal", |text: &str| spelling::literal(text));
    environment.add_filter("json", |value: Value| serde_json::to_string(&value).unwrap_or_default());
    environment
        .add_filter("doc", |text: &str, indent: Option<usize>| comment(text, indent.unwrap_or_default()));
    environment.add_filter("field_doc", |value: Value| {
        read::<Field>(value).map(|field| comment(&document::field(&field), 4))
    });
    environment.add_filter("fields_of", |value: Value| {
        read::<Definition>(value).map(|definition| Value::from(Serde(spelling::fields(&definition))))
    });
    environment.add_filter("parameters", |value: Value| {
        read::<Definition>(value).map(|definition| parameters(&definition))
    });
    environment
        .add_filter("known", |value: Value| read::<Definition>(value).map(|definition| known(&definition)));
    environment.add_filter("protocols", |value: Value| {
        read::<Definition>(value).map(|definition| spelling::protocols(&definition))
    });
    environment.add_filter("holds_extra", |value: Value| {
        read::<Definition>(value).map(|definition| definition.holds_extra())
    });
    environment.add_filter("type", |value: Value| read::<Type>(value).map(|ty| spelling::type_of(&ty)));
    environment.add_filter("member_type", |value: Value| {
        read::<Member>(value).map(|member| spelling::member_type(&member.ty))
    });
    environment.add_filter("member_reader", |value: Value| {
        read::<Member>(value).map(|member| spelling::member_reader(&member.ty))
    });
    environment
        .add_filter("items", |value: Value| read::<Vec<Step>>(value).map(|steps| spelling::items(&steps)));
    environment.add_filter("imports", |body: &str| imports(body));
    let owned = Arc::new(Known::new(api));
    let known = Arc::clone(&owned);
    environment.add_filter("call_doc", move |name: &str, property: &str, handle: &str| {
        known
            .operation(name)
            .map(|operation| comment(&known.document(operation, property, handle), spelling::INDENT))
    });
    let known = Arc::clone(&owned);
    environment.add_filter("signature", move |name: &str| {
        known.operation(name).map(|operation| known.signature(operation))
    });
    let known = Arc::clone(&owned);
    environment.add_filter("sending", move |name: &str| known.operation(name).map(sending));
    environment.add_filter("example", move |name: &str, property: &str, handle: &str| {
        let width = spelling::WIDTH - spelling::INDENT;
        let example = example::call(owned.operation(name)?, property, handle, &owned.definitions, width);
        Ok::<_, Error>(indented(&example, spelling::INDENT))
    });
}

/// What filters look up by name.
struct Known {
    operations: BTreeMap<String, Operation>,
    definitions: BTreeMap<String, Definition>,
}

impl Known {
    fn new(api: &Api) -> Self {
        let definitions = api.definitions();
        let definitions =
            definitions.into_iter().map(|(name, definition)| (name.to_owned(), definition.clone()));
        let operations = api.operations().into_iter();
        let operations = operations.map(|operation| (operation.name.clone(), operation.clone()));
        Self { definitions: definitions.collect(), operations: operations.collect() }
    }

    fn operation(&self, name: &str) -> Result<&Operation, Error> {
        let unknown = || Error::new(ErrorKind::InvalidOperation, format!("`{name}` is not an operation"));
        self.operations.get(name).ok_or_else(unknown)
    }

    /// What is said about a call.
    fn document(&self, operation: &Operation, property: &str, handle: &str) -> String {
        let width = spelling::WIDTH - spelling::INDENT - "/// ".len();
        let example = example::call(operation, property, handle, &self.definitions, width);
        document::operation(operation, spelling::label, &format!("```swift\n{example}\n```"))
    }

    /// The head of a method.
    fn signature(&self, operation: &Operation) -> String {
        let path = operation.arguments.iter().filter(|argument| is_path(argument));
        let mut parts: Vec<(String, Expression)> = path
            .map(|argument| {
                (String::new(), Expression::atom(format!("{}: String", spelling::name(&argument.field.name))))
            })
            .collect();
        if let Some(request) = &operation.request {
            let name = spelling::type_name(request);
            let all_optional = match self.definitions.get(request).map(|definition| &definition.shape) {
                Some(Shape::Object { fields, .. }) => fields.iter().all(|field| !field.required),
                _ => false,
            };
            let default = if all_optional { format!(" = {name}()") } else { String::new() };
            parts.push((String::new(), Expression::atom(format!("_ request: {name}{default}"))));
        }
        let result = match &operation.reply {
            Reply::Nothing => " async throws".to_owned(),
            Reply::Body { name, optional } => {
                format!(" async throws -> {}{}", spelling::type_name(name), if *optional { "?" } else { "" })
            }
            Reply::Pages { name } => format!(" -> Pages<{}>", spelling::type_name(name)),
        };
        let head = format!("public func {}(", spelling::name(&operation.method_name));
        declared(&Expression::group(head, parts, ")"), "", &format!("{result} {{"), spelling::INDENT)
    }
}

/// The body of a method.
fn sending(operation: &Operation) -> String {
    let mut parts = vec![(String::new(), Expression::atom(spelling::literal(&operation.name)))];
    let path: Vec<(String, Expression)> = operation
        .arguments
        .iter()
        .filter(|argument| is_path(argument))
        .map(|argument| {
            let field = &argument.field;
            (format!("{}: ", spelling::literal(&field.wire)), Expression::atom(spelling::name(&field.name)))
        })
        .collect();
    if !path.is_empty() {
        parts.push(("path: ".into(), Expression::group("[", path, "]")));
    }
    if operation.request.is_some() {
        parts.push((String::new(), Expression::atom("request")));
    }
    let (before, open, after) = match operation.reply {
        Reply::Nothing => ("try await ", "caller.send(", ""),
        Reply::Body { optional: false, .. } => ("try await ", "caller.send(", ".decode()"),
        Reply::Body { optional: true, .. } => ("try await ", "caller.send(", ".decodeIfPresent()"),
        Reply::Pages { .. } => ("", "Pages(", ""),
    };
    if matches!(operation.reply, Reply::Pages { .. }) {
        parts.insert(0, (String::new(), Expression::atom("caller")));
    }
    declared(&Expression::group(open, parts, ")"), before, after, 2 * spelling::INDENT)
}

fn is_path(argument: &Argument) -> bool {
    argument.place == Place::Path
}

/// The head of an initializer.
fn parameters(definition: &Definition) -> String {
    let mut parts: Vec<(String, Expression)> = spelling::fields(definition)
        .into_iter()
        .map(|field| {
            let default = field.default.map(|default| format!(" = {default}")).unwrap_or_default();
            (String::new(), Expression::atom(format!("{}: {}{default}", field.name, field.ty)))
        })
        .collect();
    if matches!(definition.shape, Shape::Object { kept: true, .. }) {
        parts.push((String::new(), Expression::atom("extra: [String: JSONValue] = [:]")));
    }
    declared(&Expression::group("public init(", parts, ")"), "", " {", spelling::INDENT)
}

/// The statement that reads the fields that an object has no names for.
fn known(definition: &Definition) -> String {
    let Shape::Object { fields, constants, .. } = &definition.shape else { return String::new() };
    let wires = fields.iter().map(|field| &field.wire).chain(constants.iter().map(|(wire, _)| wire));
    let names: Vec<(String, Expression)> =
        wires.map(|wire| (String::new(), Expression::atom(spelling::literal(wire)))).collect();
    let known = Expression::group("[", names, "]");
    declared(&known, "private static let known: Set<String> = ", "", spelling::INDENT)
}

/// A declaration: an expression between `before` and `after`, at this depth.
fn declared(expression: &Expression, before: &str, after: &str, indent: usize) -> String {
    expression.within(before, after, indent, spelling::WIDTH, LastComma::Lists)
}

fn comment(text: &str, indent: usize) -> String {
    indented(&document::comment(text, "///", spelling::WIDTH - indent), indent)
}

/// A text whose lines but the first begin with so many blanks.
fn indented(text: &str, indent: usize) -> String {
    let mut lines = text.lines();
    let first = lines.next().unwrap_or_default().to_owned();
    lines.fold(first, |text, line| {
        if line.is_empty() { format!("{text}\n") } else { format!("{text}\n{}{line}", " ".repeat(indent)) }
    })
}

/// What a file has to import.
fn imports(body: &str) -> String {
    let code = body.lines().filter(|line| !line.trim_start().starts_with("//"));
    let words: BTreeSet<&str> = code.flat_map(|line| line.split(|c: char| !c.is_alphanumeric())).collect();
    if words.contains("Date") { "import Foundation\n\n".to_owned() } else { String::new() }
}

fn read<T: DeserializeOwned>(value: Value) -> Result<T, Error> {
    T::deserialize(value)
}
