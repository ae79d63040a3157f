//! Kotlin: the typed areas and models of the package in `uniffi/kotlin`.
//!
//! The templates write what ktlint accepts, so nothing is formatted afterwards: generating needs no JVM.

mod example;
mod imports;
pub mod spelling;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;

use heck::ToPascalCase;
use minijinja::value::Serde;
use minijinja::{Environment, Error, ErrorKind, Value};
use serde::de::DeserializeOwned;
use serde_json::json;

use super::{File, Language, document};
use crate::model::{Api, Definition, Operation, Step, Type};

/// The Kotlin package.
#[derive(Debug)]
pub struct Kotlin;

/// The examples of its documentation.
#[derive(Debug)]
pub struct KotlinExamples;

impl Language for Kotlin {
    fn name(&self) -> &'static str {
        "kotlin"
    }

    fn output(&self) -> &'static str {
        "uniffi/kotlin/src/main/kotlin/io/github/orgconnect/api"
    }

    fn comment(&self) -> &'static str {
        "//"
    }

    fn files(&self, api: &Api) -> Vec<File> {
        let all = "api/openapi.yaml and api/areas/*.yaml";
        let mut files = vec![
            File::new("Handles.kt", "handles.kt.jinja", all, json!({ "handles": handles(api) })),
            File::new(
                "Shared.kt",
                "shared.kt.jinja",
                "api/openapi.yaml",
                json!({ "definitions": &api.shared }),
            ),
        ];
        for area in &api.areas {
            files.push(File::new(
                format!("{}.kt", area.name.to_pascal_case()),
                "area.kt.jinja",
                &area.file,
                json!({ "area": area, "definitions": &area.definitions }),
            ));
        }
        files
    }

    fn teach(&self, environment: &mut Environment<'static>, api: &Api) -> io::Result<()> {
        environment.add_filter("name", |name: &str| spelling::name(name));
        environment.add_filter("pascal", |name: &str| name.to_pascal_case());
        environment.add_filter("type_name", |name: &str| spelling::type_name(name));
        environment.add_filter("constant", |name: &str| spelling::constant(name));
        environment.add_filter("literal", |text: &str| spelling::literal(text));
        environment.add_filter("json", |value: Value| serde_json::to_string(&value).unwrap_or_default());
        environment
            .add_filter("doc", |text: &str, indent: Option<usize>| doc(text, indent.unwrap_or_default()));
        environment.add_filter("type", |value: Value| read::<Type>(value).map(|ty| spelling::type_of(&ty)));
        environment.add_filter("fields_of", |value: Value| {
            let definition: Definition = read(value)?;
            Ok::<_, Error>(Value::from(Serde(spelling::fields(&definition))))
        });
        environment.add_filter("variants_of", |value: Value| {
            let definition: Definition = read(value)?;
            Ok::<_, Error>(Value::from(Serde(spelling::variants(&definition))))
        });
        environment
            .add_filter("items", |value: Value| read::<Vec<Step>>(value).map(|steps| spelling::path(&steps)));
        environment.add_filter("imports", |body: &str| imports::imports(body));
        let known = Known::of(api);
        environment.add_filter("call_doc", move |name: &str, property: &str, handle: &str| {
            let width = spelling::WIDTH - spelling::INDENT - " * ".len();
            let example = known.example(name, property, handle, width)?;
            let text =
                document::operation(known.operation(name)?, spelling::name, &format!("```\n{example}\n```"));
            Ok::<_, Error>(doc(&text, spelling::INDENT))
        });
        // A request whose fields are all optional need not be given.
        let optional: BTreeSet<String> = api
            .definitions()
            .into_values()
            .filter(|definition| spelling::fields(definition).iter().all(|field| field.unset.is_some()))
            .map(|definition| definition.name.clone())
            .collect();
        environment.add_filter("may_be_left_out", move |name: &str| optional.contains(name));
        let items: BTreeMap<String, (String, String)> = api
            .definitions()
            .into_values()
            .filter_map(|definition| {
                let page = definition.page.as_ref()?;
                Some((definition.name.clone(), (spelling::type_of(&page.item), spelling::path(&page.items))))
            })
            .collect();
        let paths = items.clone();
        environment.add_filter("item_type", move |name: &str| items.get(name).map(|(ty, _)| ty.clone()));
        environment.add_filter("item_path", move |name: &str| paths.get(name).map(|(_, path)| path.clone()));
        Ok(())
    }

    fn format(&self, _repository: &Path, folder: &Path) -> io::Result<()> {
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            let text = std::fs::read_to_string(&path)?;
            std::fs::write(&path, imports::settle(&text))?;
        }
        Ok(())
    }
}

impl Language for KotlinExamples {
    fn name(&self) -> &'static str {
        "kotlin"
    }

    fn output(&self) -> &'static str {
        "uniffi/kotlin/src/test/kotlin/io/github/orgconnect/api"
    }

    fn comment(&self) -> &'static str {
        "//"
    }

    fn files(&self, api: &Api) -> Vec<File> {
        let context = json!({ "areas": &api.areas });
        let source = "api/openapi.yaml and api/areas/*.yaml";
        vec![File::new("Examples.kt", "examples.kt.jinja", source, context)]
    }

    fn teach(&self, environment: &mut Environment<'static>, api: &Api) -> io::Result<()> {
        environment.add_filter("name", |name: &str| spelling::name(name));
        environment.add_filter("pascal", |name: &str| name.to_pascal_case());
        environment.add_filter("imports", |body: &str| imports::imports(body));
        let known = Known::of(api);
        environment.add_filter("example", move |name: &str, property: &str, handle: &str| {
            let width = spelling::WIDTH - spelling::INDENT;
            let example = known.example(name, property, handle, width)?;
            Ok::<_, Error>(example.replace('\n', &format!("\n{}", " ".repeat(spelling::INDENT))))
        });
        Ok(())
    }

    fn format(&self, repository: &Path, folder: &Path) -> io::Result<()> {
        Kotlin.format(repository, folder)
    }
}

/// What examples are written from.
struct Known {
    operations: BTreeMap<String, Operation>,
    definitions: BTreeMap<String, Definition>,
}

impl Known {
    fn of(api: &Api) -> Self {
        let named = |operation: &Operation| (operation.name.clone(), operation.clone());
        Self {
            operations: api.operations().into_iter().map(named).collect(),
            definitions: api
                .definitions()
                .into_iter()
                .map(|(name, definition)| (name.to_owned(), definition.clone()))
                .collect(),
        }
    }

    fn operation(&self, name: &str) -> Result<&Operation, Error> {
        let unknown = || Error::new(ErrorKind::InvalidOperation, format!("`{name}` is not an operation"));
        self.operations.get(name).ok_or_else(unknown)
    }

    fn example(&self, name: &str, property: &str, handle: &str, width: usize) -> Result<String, Error> {
        Ok(example::call(self.operation(name)?, property, handle, &self.definitions, width))
    }
}

/// The properties of each handle: the areas, as their types.
fn handles(api: &Api) -> serde_json::Value {
    let mut handles: BTreeMap<&str, Vec<serde_json::Value>> = BTreeMap::new();
    for area in &api.areas {
        for group in &area.groups {
            for handle in &group.handles {
                handles.entry(handle.as_str()).or_default().push(json!({
                    "property": group.property,
                    "type": format!("{}Api", group.unique_name.to_pascal_case()),
                    "description": area.description,
                }));
            }
        }
    }
    handles
        .into_iter()
        .map(|(handle, areas)| json!({ "name": handle, "areas": areas }))
        .collect::<Vec<_>>()
        .into()
}

/// A text as `KDoc`.
fn doc(text: &str, indent: usize) -> String {
    // A comment can't hold the mark of its end; and comments nest.
    let text = text.trim().replace("*/", "*&#47;").replace("/*", "/&#42;");
    let margin = " ".repeat(indent);
    let lines = document::lines(&text, spelling::WIDTH - indent - " * ".len());
    match lines.as_slice() {
        [line] if indent + line.chars().count() + "/**  */".len() <= spelling::WIDTH => {
            format!("/** {line} */")
        }
        lines => {
            let lines: Vec<String> =
                lines.iter().map(|line| format!("{margin} * {line}").trim_end().to_owned()).collect();
            format!("/**\n{}\n{margin} */", lines.join("\n"))
        }
    }
}

fn read<T: DeserializeOwned>(value: Value) -> Result<T, Error> {
    T::deserialize(value)
}
