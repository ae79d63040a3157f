//! Python: models and typed calls, synchronous and asynchronous, for the package `orgconnect`.

mod example;
mod spelling;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use minijinja::value::Serde;
use minijinja::{Environment, Error, ErrorKind, Value};
use serde::de::DeserializeOwned;
use serde_json::json;

use self::spelling::{Types, Way};
use super::{File, Language, document};
use crate::model::{Api, Definition, Field, Handle, Operation, Place, Shape, Step, Type};

/// The Python package.
#[derive(Debug)]
pub struct Python;

/// The module that holds the types of several areas.
const SHARED: &str = "shared";

/// The width of generated lines.
const WIDTH: usize = 120;

impl Language for Python {
    fn name(&self) -> &'static str {
        "python"
    }

    fn output(&self) -> &'static str {
        "bindings-python/python/orgconnect/api"
    }

    fn comment(&self) -> &'static str {
        "#"
    }

    fn files(&self, api: &Api) -> Vec<File> {
        let all = "api/openapi.yaml and api/areas/*.yaml";
        let root = "api/openapi.yaml";
        let used = used(api);
        let kept = |definitions: &[Definition]| -> Vec<Definition> {
            definitions.iter().filter(|definition| used.contains(&definition.name)).cloned().collect()
        };
        let shared = kept(&api.shared);
        let names: Vec<&str> = shared.iter().map(|definition| definition.name.as_str()).collect();
        let handles: Vec<_> = [Handle::Account, Handle::Organization, Handle::ServiceAccount, Handle::Client]
            .into_iter()
            .map(|handle| {
                let groups = api.areas.iter().flat_map(|area| {
                    let groups = area.groups.iter().filter(|group| group.handles.contains(&handle));
                    groups.map(|group| json!({ "area": &area.name, "group": group, "description": &area.description }))
                });
                json!({ "name": handle, "groups": groups.collect::<Vec<_>>() })
            })
            .collect();
        let mut files = vec![
            File::new("__init__.py", "init.py.jinja", all, json!({ "names": &names, "areas": &api.areas })),
            File::new(
                "_handles.py",
                "handles.py.jinja",
                all,
                json!({ "areas": &api.areas, "handles": handles }),
            ),
            File::new(
                format!("{SHARED}.py"),
                "shared.py.jinja",
                root,
                json!({ "definitions": &shared, "module": SHARED }),
            ),
        ];
        for area in &api.areas {
            files.push(File::new(
                format!("{}.py", area.name),
                "area.py.jinja",
                &area.file,
                json!({ "area": area, "definitions": kept(&area.definitions), "module": &area.name }),
            ));
        }
        files
    }

    fn teach(&self, environment: &mut Environment<'static>, api: &Api) -> io::Result<()> {
        environment.add_filter("name", |name: &str| spelling::name(name));
        environment.add_filter("type_name", |name: &str| spelling::type_name(name));
        environment.add_filter("member", |value: &str| spelling::member(value));
        environment.add_filter("constant", |name: &str| spelling::constant(name));
        environment.add_filter("literal", |text: &str| spelling::literal(text));
        environment.add_filter("doc", |text: &str, indent: Option<usize>| {
            docstring(text, indent.unwrap_or_default())
        });
        environment
            .add_filter("items", |value: Value| read::<Vec<Step>>(value).map(|steps| spelling::path(&steps)));
        let owned = Arc::new(Known::new(api)?);
        let known = Arc::clone(&owned);
        environment.add_filter("field_doc", move |value: Value, indent: usize| {
            read::<Field>(value).map(|field| docstring(&document::field(&field), indent))
        });
        environment.add_filter("imports", move |body: &str, module: &str| known.imports(body, module));
        let known = Arc::clone(&owned);
        environment.add_filter("call_doc", move |name: &str, handle: &str, is_async: bool| {
            known.call(name, handle, is_async)
        });
        let known = Arc::clone(&owned);
        environment.add_filter("arguments", move |value: Value, place: &str| {
            let operation: String = read(value)?;
            known.arguments(&operation, place == "path")
        });
        let known = Arc::clone(&owned);
        environment.add_filter("fields_of", move |value: Value| {
            let definition: Definition = read(value)?;
            Ok::<_, Error>(Value::from(Serde(known.types().fields(&definition))))
        });
        let known = Arc::clone(&owned);
        environment.add_filter("received", move |value: Value| {
            read::<Type>(value).map(|ty| known.types().spell(&ty, Way::Received))
        });
        let known = Arc::clone(&owned);
        environment.add_filter("way_of", move |value: Value, ty: Value| {
            let definition: Definition = read(value)?;
            let way = if definition.received { Way::Received } else { Way::Sent };
            read::<Type>(ty).map(|ty| known.types().spell(&ty, way))
        });
        environment.add_filter("is_plain", |value: Value| {
            let definition: Definition = read(value)?;
            let Shape::Union { told, members } = &definition.shape else { return Ok(false) };
            Ok::<_, Error>(spelling::is_plain(*told, members))
        });
        let known = owned;
        environment.add_filter("item_of", move |name: &str| {
            let page = known.definitions.get(name).and_then(|definition| definition.page.as_ref());
            page.map(|page| known.types().spell(&page.item, Way::Received)).ok_or_else(|| unknown(name))
        });
        let pages: BTreeMap<String, Vec<Step>> = api
            .definitions()
            .into_iter()
            .filter_map(|(name, definition)| Some((name.to_owned(), definition.page.as_ref()?.items.clone())))
            .collect();
        environment.add_filter("items_of", move |name: &str| {
            pages.get(name).map(|steps| spelling::path(steps)).ok_or_else(|| unknown(name))
        });
        Ok(())
    }

    fn format(&self, _repository: &Path, folder: &Path) -> io::Result<()> {
        let ruff = ruff();
        run(
            &ruff,
            &[
                "check",
                "--quiet",
                "--isolated",
                "--fix",
                "--select",
                "F401,I",
                "--line-length",
                "120",
                "--ignore-noqa",
            ],
            folder,
        )?;
        run(
            &ruff,
            &["format", "--quiet", "--isolated", "--line-length", "120", "--target-version", "py310"],
            folder,
        )
    }
}

/// The types that the package needs: all but those of which callers give the fields one by one.
fn used(api: &Api) -> BTreeSet<String> {
    let definitions = api.definitions();
    let operations = api.operations();
    let arguments =
        operations.iter().flat_map(|operation| operation.arguments.iter().map(|own| &own.field.ty));
    let mut open: Vec<&str> = arguments.filter_map(Type::named).collect();
    open.extend(definitions.values().filter(|own| own.received).map(|own| own.name.as_str()));
    let mut found = BTreeSet::new();
    while let Some(name) = open.pop() {
        if let Some(definition) = definitions.get(name)
            && found.insert(name.to_owned())
        {
            open.extend(definition.parts().into_iter().filter_map(Type::named));
        }
    }
    found
}

/// What filters look up by name.
struct Known {
    operations: BTreeMap<String, Operation>,
    definitions: BTreeMap<String, Definition>,
    homes: BTreeMap<String, String>,
    used: BTreeSet<String>,
    /// Examples of calls by operation and handle, laid out.
    examples: Examples,
}

/// Examples by operation, handle, and whether they are asynchronous.
type Examples = BTreeMap<(String, String, bool), String>;

impl Known {
    fn new(api: &Api) -> io::Result<Self> {
        let definitions: BTreeMap<String, Definition> = api
            .definitions()
            .into_iter()
            .map(|(name, definition)| (name.to_owned(), definition.clone()))
            .collect();
        let homes: BTreeMap<String, String> = definitions
            .keys()
            .map(|name| (name.clone(), api.home(name).unwrap_or(SHARED).to_owned()))
            .collect();
        let operations = api
            .operations()
            .into_iter()
            .map(|operation| (operation.name.clone(), operation.clone()))
            .collect();
        let mut examples = BTreeMap::new();
        for area in &api.areas {
            for group in &area.groups {
                let handle = group.handles[0].as_str();
                for index in &group.operations {
                    let operation = &area.operations[*index];
                    let text = example::call(operation, &group.property, handle, &definitions, &homes);
                    let asynchronous = text.replace(&format!("{handle}."), &format!("await {handle}."));
                    for (text, is_async) in [(text, false), (asynchronous, true)] {
                        examples.insert((operation.name.clone(), handle.to_owned(), is_async), text);
                    }
                }
            }
        }
        let examples = lay_out(examples)?;
        Ok(Self { operations, definitions, homes, used: used(api), examples })
    }

    fn types(&self) -> Types<'_> {
        Types(&self.definitions)
    }

    /// The imports of a module from its siblings. What is not needed is taken away when the file is formatted.
    fn imports(&self, body: &str, module: &str) -> String {
        let words: BTreeSet<&str> =
            body.split(|character: char| !character.is_alphanumeric() && character != '_').collect();
        let mut by_module: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
        for (name, home) in
            self.homes.iter().filter(|(name, home)| *home != module && self.used.contains(*name))
        {
            let spelled = spelling::type_name(name);
            if words.contains(spelled.as_str()) {
                by_module.entry(home).or_default().insert(spelled);
            }
        }
        let lines: Vec<String> = by_module
            .into_iter()
            .map(|(home, names)| {
                format!("from .{home} import {}", names.into_iter().collect::<Vec<_>>().join(", "))
            })
            .collect();
        lines.join("\n")
    }

    /// The documentation of a method.
    fn call(&self, name: &str, handle: &str, is_async: bool) -> Result<String, Error> {
        let operation = self.operations.get(name);
        let example = self.examples.get(&(name.to_owned(), handle.to_owned(), is_async));
        let (Some(operation), Some(example)) = (operation, example) else { return Err(unknown(name)) };
        let others = operation.arguments.iter().filter(|argument| argument.place != Place::Path);
        let mut last: Vec<String> = others
            .map(|argument| {
                let text = document::field(&argument.field);
                format!("`{}`: {}", spelling::name(&argument.field.name), document::lower_first(&text))
            })
            .collect();
        last.push(format!("```python\n{example}\n```"));
        let text = document::operation(operation, spelling::name, &last.join("\n\n"));
        Ok(docstring(&text, 8))
    }

    /// The arguments of a call: those in the path, or the others.
    fn arguments(&self, name: &str, in_path: bool) -> Result<Value, Error> {
        let operation = self.operations.get(name).ok_or_else(|| unknown(name))?;
        let arguments = operation
            .arguments
            .iter()
            .filter(|argument| (argument.place == Place::Path) == in_path)
            .map(|argument| self.types().argument(&argument.field));
        let mut arguments: Vec<_> = arguments.collect();
        arguments.sort_by_key(spelling::Argument::is_optional);
        Ok(Value::from(Serde(arguments)))
    }
}

/// A text between triple quotes, wrapped to what `indent` leaves of a line, and indented but for its first line.
fn docstring(text: &str, indent: usize) -> String {
    let lines = document::lines(text, WIDTH - indent - 6);
    let lines: Vec<String> =
        lines.iter().map(|line| line.replace('\\', "\\\\").replace("\"\"\"", "'''")).collect();
    let margin = " ".repeat(indent);
    match lines.as_slice() {
        [line] => format!("\"\"\"{line}\"\"\""),
        lines => {
            let text: Vec<String> =
                lines
                    .iter()
                    .enumerate()
                    .map(|(number, line)| {
                        if number == 0 || line.is_empty() { line.clone() } else { format!("{margin}{line}") }
                    })
                    .collect();
            format!("\"\"\"{}\n{margin}\"\"\"", text.join("\n"))
        }
    }
}

/// Lays out examples with the formatter, all in one run.
fn lay_out(examples: Examples) -> io::Result<Examples> {
    let folder = tempfile::tempdir()?;
    for (number, text) in examples.values().enumerate() {
        std::fs::write(folder.path().join(format!("{number}.py")), text)?;
    }
    let width = (WIDTH - 8).to_string();
    run(&ruff(), &["format", "--quiet", "--isolated", "--line-length", &width], folder.path())?;
    let keys = examples.into_keys().enumerate();
    keys.map(|(number, key)| {
        let text = std::fs::read_to_string(folder.path().join(format!("{number}.py")))?;
        Ok((key, text.trim().to_owned()))
    })
    .collect()
}

/// The formatter: that of the repository's own set-up, or the one on the path.
fn ruff() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.cache/python/bin/ruff");
    if own.exists() { own } else { PathBuf::from("ruff") }
}

fn run(ruff: &Path, arguments: &[&str], folder: &Path) -> io::Result<()> {
    let output =
        Command::new(ruff).args(arguments).arg("--no-cache").arg(folder).output().map_err(|error| {
            io::Error::other(format!("ruff can't be run ({error}); `tools/setup python` installs it"))
        })?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].concat();
    Err(io::Error::other(format!("ruff: {}", String::from_utf8_lossy(&said).trim())))
}

fn unknown(name: &str) -> Error {
    Error::new(ErrorKind::InvalidOperation, format!("`{name}` is not known"))
}

fn read<T: DeserializeOwned>(value: Value) -> Result<T, Error> {
    T::deserialize(value)
}
