//! Rust: the operation table of the core, and the typed areas behind its feature `api`.

mod example;
mod import;
mod shape;
pub mod spelling;

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use minijinja::value::Serde;
use minijinja::{Environment, Error, ErrorKind, Value};
use serde::de::DeserializeOwned;
use serde_json::json;

use super::{File, Language, document};
use crate::model::{Api, Definition, Field, Member, Operation, Step, Type};

/// The Rust core.
#[derive(Debug)]
pub struct Rust;

/// The module that holds the types of several areas.
const SHARED: &str = "shared";

impl Language for Rust {
    fn name(&self) -> &'static str {
        "rust"
    }

    fn output(&self) -> &'static str {
        "core/src/api"
    }

    fn comment(&self) -> &'static str {
        "//"
    }

    fn files(&self, api: &Api) -> Vec<File> {
        let all = "api/openapi.yaml and api/areas/*.yaml";
        let root = "api/openapi.yaml";
        let mut files = vec![
            File::new("mod.rs", "mod.rs.jinja", all, json!({ "areas": &api.areas })),
            File::new(
                "operations.rs",
                "operations.rs.jinja",
                all,
                json!({ "operations": api.operations(), "shapes": &api.shapes }),
            ),
            File::new(
                format!("{SHARED}.rs"),
                "shared.rs.jinja",
                root,
                json!({ "definitions": &api.shared, "module": SHARED }),
            ),
        ];
        for area in &api.areas {
            let path = format!("{}.rs", spelling::module(&area.name));
            files.push(File::new(
                path,
                "area.rs.jinja",
                &area.file,
                json!({ "area": area, "definitions": &area.definitions, "module": &area.name }),
            ));
        }
        files
    }

    fn teach(&self, environment: &mut Environment<'static>, api: &Api) -> io::Result<()> {
        environment.add_filter("name", |name: &str| spelling::name(name));
        environment.add_filter("module", |name: &str| spelling::module(name));
        environment.add_filter("variant", |name: &str| spelling::variant(name));
        environment.add_filter("type_name", |name: &str| spelling::type_name(name));
        environment.add_filter("constant", |name: &str| spelling::constant(name));
        environment.add_filter("literal", |text: &str| spelling::literal(text));
        environment.add_filter("json", |value: Value| serde_json::to_string(&value).unwrap_or_default());
        environment.add_filter("doc", |text: &str, indent: Option<usize>| {
            document::comment(text, "///", spelling::WIDTH - indent.unwrap_or_default())
        });
        environment.add_filter("module_doc", |text: &str| document::comment(text, "//!", spelling::WIDTH));
        environment.add_filter("shape", |value: Value| read::<Type>(value).map(|ty| shape::of_type(&ty)));
        environment.add_filter("shape_of", |value: Value| {
            read::<Definition>(value).map(|definition| shape::of_definition(&definition))
        });
        environment.add_filter("fields_of", |value: Value| {
            let definition: Definition = read(value)?;
            Ok::<_, Error>(Value::from(Serde(spelling::fields(&definition))))
        });
        environment.add_filter("derives", |value: Value| {
            read::<Definition>(value).map(|definition| spelling::derives(&definition))
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
        environment.add_filter("field_doc", |value: Value| {
            read::<Field>(value)
                .map(|field| document::comment(&document::field(&field), "///", spelling::WIDTH - 4))
        });
        environment
            .add_filter("items", |value: Value| read::<Vec<Step>>(value).map(|steps| spelling::path(&steps)));
        let owned = Arc::new(Known::new(api)?);
        let known = Arc::clone(&owned);
        environment.add_filter("imports", move |body: &str, module: &str| known.imports(body, module));
        let known = Arc::clone(&owned);
        environment.add_filter("call_doc", move |name: &str, handle: &str| known.call(name, handle));
        Ok(())
    }

    fn format(&self, repository: &Path, folder: &Path) -> io::Result<()> {
        // The other files are modules of the first, so that one run formats all of them.
        let settings = repository.join("rustfmt.toml");
        run_rustfmt(&["--config-path", &settings.to_string_lossy()], &folder.join("mod.rs"))
    }
}

/// What filters look up by name.
struct Known {
    operations: BTreeMap<String, Operation>,
    homes: BTreeMap<String, String>,
    examples: BTreeMap<String, String>,
}

impl Known {
    fn new(api: &Api) -> io::Result<Self> {
        let definitions: BTreeMap<String, Definition> = api
            .definitions()
            .into_iter()
            .map(|(name, definition)| (name.to_owned(), definition.clone()))
            .collect();
        let homes = definitions
            .keys()
            .map(|name| (name.clone(), api.home(name).unwrap_or(SHARED).to_owned()))
            .collect();
        let operations = api
            .operations()
            .into_iter()
            .map(|operation| (operation.name.clone(), operation.clone()))
            .collect();
        let calls = api.areas.iter().flat_map(|area| {
            area.groups.iter().flat_map(|group| {
                let handle = group.handles[0].as_str();
                let operations = group.operations.iter().map(|index| &area.operations[*index]);
                operations.map(move |operation| (operation, group.property.as_str(), handle))
            })
        });
        let examples = example::calls(calls, &definitions, &homes)?;
        Ok(Self { operations, homes, examples })
    }

    /// The `use` items that a module needs.
    fn imports(&self, body: &str, module: &str) -> String {
        let types = self.homes.iter().map(|(name, home)| (spelling::type_name(name), home.as_str()));
        import::imports(body, module, types)
    }

    /// The documentation of a method.
    fn call(&self, name: &str, handle: &str) -> Result<String, Error> {
        let operation = self.operations.get(name);
        let example = self.examples.get(&example::key(name, handle));
        let (Some(operation), Some(example)) = (operation, example) else { return Err(unknown(name)) };
        Ok(document::comment(
            &document::operation(operation, spelling::name, example),
            "///",
            spelling::WIDTH - 4,
        ))
    }
}

/// Lays out items within a width.
fn rustfmt(items: &str, width: usize) -> io::Result<String> {
    let file = tempfile::Builder::new().suffix(".rs").tempfile()?;
    std::fs::write(file.path(), items)?;
    run_rustfmt(&["--config", &format!("max_width={width},use_small_heuristics=Max")], file.path())?;
    std::fs::read_to_string(file.path())
}

fn run_rustfmt(arguments: &[&str], file: &Path) -> io::Result<()> {
    let output = Command::new("rustfmt").args(["--edition", "2024"]).args(arguments).arg(file).output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(io::Error::other(format!("rustfmt: {}", String::from_utf8_lossy(&output.stderr).trim())))
}

fn unknown(name: &str) -> Error {
    Error::new(ErrorKind::InvalidOperation, format!("`{name}` is not an operation"))
}

fn read<T: DeserializeOwned>(value: Value) -> Result<T, Error> {
    T::deserialize(value)
}
