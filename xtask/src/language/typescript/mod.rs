//! TypeScript: the models and the typed areas of the npm package, with wire names.

mod example;
pub mod spelling;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use minijinja::{Environment, Error, ErrorKind, Value};
use serde::de::DeserializeOwned;
use serde_json::json;

use super::{File, Language, document};
use crate::model::{Api, Definition, Field, Handle, Operation, Type};

/// The facade of the npm package.
#[derive(Debug)]
pub struct TypeScript;

/// The module that holds the types of several areas.
const SHARED: &str = "shared";

/// Where npm puts the formatter that `bindings-node/package.json` pins.
const FORMATTER: &str = "bindings-node/node_modules/prettier/bin/prettier.cjs";
const SETTINGS: &str = "bindings-node/.prettierrc.json";

const HANDLES: [Handle; 4] = [Handle::Account, Handle::Organization, Handle::ServiceAccount, Handle::Client];

impl Language for TypeScript {
    fn name(&self) -> &'static str {
        "typescript"
    }

    fn output(&self) -> &'static str {
        "bindings-node/ts/api"
    }

    fn comment(&self) -> &'static str {
        "//"
    }

    fn files(&self, api: &Api) -> Vec<File> {
        let all = "api/openapi.yaml and api/areas/*.yaml";
        let mut files = vec![
            File::new("index.ts", "index.ts.jinja", all, json!({ "areas": &api.areas, "handles": HANDLES })),
            File::new(
                "handles.ts",
                "handles.ts.jinja",
                all,
                json!({ "areas": &api.areas, "handles": HANDLES }),
            ),
            File::new(
                format!("{SHARED}.ts"),
                "shared.ts.jinja",
                "api/openapi.yaml",
                json!({ "definitions": &api.shared, "module": SHARED }),
            ),
        ];
        for area in &api.areas {
            files.push(File::new(
                format!("{}.ts", spelling::module(&area.name)),
                "area.ts.jinja",
                &area.file,
                json!({ "area": area, "definitions": &area.definitions, "module": &area.name }),
            ));
        }
        files
    }

    fn teach(&self, environment: &mut Environment<'static>, api: &Api) -> io::Result<()> {
        environment.add_filter("name", |name: &str| spelling::name(name));
        environment.add_filter("pascal", |name: &str| spelling::pascal(name));
        environment.add_filter("type_name", |name: &str| spelling::type_name(name));
        environment.add_filter("property", |wire: &str| spelling::property(wire));
        environment.add_filter("module", |area: &str| spelling::module(area));
        environment.add_filter("literal", |text: &str| spelling::literal(text));
        environment.add_filter("area_class", |group: &str, area: &str| spelling::area_class(group, area));
        environment.add_filter("json", |value: Value| serde_json::to_string(&value).unwrap_or_default());
        environment
            .add_filter("doc", |text: &str, indent: Option<usize>| comment(text, indent.unwrap_or_default()));
        environment.add_filter("type", |value: Value| read::<Type>(value).map(|ty| spelling::type_of(&ty)));
        environment.add_filter("union_of", |value: Value| {
            read::<Definition>(value).map(|definition| spelling::union_of(&definition))
        });
        environment.add_filter("field_doc", |value: Value| {
            read::<Field>(value).map(|field| comment(&spelling::field_document(&field), 2))
        });
        environment.add_filter("all_optional", {
            let optional = all_optional(api);
            move |name: &str| optional.contains(name)
        });
        let known = Arc::new(Known::new(api)?);
        let own = Arc::clone(&known);
        environment.add_filter("imports", move |body: &str, module: &str| own.imports(body, module));
        environment.add_filter("call_doc", move |name: &str, handle: &str| known.call(name, handle));
        let items: BTreeMap<String, String> = api
            .definitions()
            .into_iter()
            .filter_map(|(name, own)| {
                own.page.as_ref().map(|page| (name.to_owned(), spelling::type_of(&page.item)))
            })
            .collect();
        environment.add_filter("item_type", move |name: &str| items.get(name).cloned().unwrap_or_default());
        Ok(())
    }

    fn format(&self, _repository: &Path, folder: &Path) -> io::Result<()> {
        let settings = repository().join(SETTINGS);
        prettier(
            &["--config", &settings.to_string_lossy(), "--write", "--log-level", "warn"],
            &folder.join("**/*.ts"),
        )
    }
}

/// A text as a comment that is moved to the right by `indent`.
fn comment(text: &str, indent: usize) -> String {
    document::block(text, spelling::WIDTH - indent).replace(" * @example\n *\n", " * @example\n")
}

/// The requests that nothing must be given for.
fn all_optional(api: &Api) -> BTreeSet<String> {
    let definitions = api.definitions();
    let optional = definitions.into_iter().filter(|(_, definition)| spelling::is_all_optional(definition));
    optional.map(|(name, _)| name.to_owned()).collect()
}

/// What filters look up by name.
struct Known {
    operations: BTreeMap<String, Operation>,
    homes: BTreeMap<String, String>,
    examples: BTreeMap<String, String>,
}

impl Known {
    fn new(api: &Api) -> io::Result<Self> {
        let homes = api
            .definitions()
            .into_keys()
            .map(|name| (spelling::type_name(name), spelling::module(api.home(name).unwrap_or(SHARED))));
        let operations = api.operations().into_iter().map(|own| (own.name.clone(), own.clone()));
        Ok(Self { operations: operations.collect(), homes: homes.collect(), examples: example::calls(api)? })
    }

    /// The imports that a module needs: what it mentions and doesn't define.
    fn imports(&self, body: &str, module: &str) -> String {
        const FACADE: [(&str, &str, bool); 5] = [
            ("Caller", "../call.js", true),
            ("Call", "../call.js", true),
            ("CallOptions", "../call.js", true),
            ("Pages", "../pages.js", true),
            ("Handle", "../handle.js", false),
        ];
        let mentioned = spelling::words(body);
        let module = spelling::module(module);
        let mut imports: BTreeMap<(String, bool), BTreeSet<&str>> = BTreeMap::new();
        for (name, from, is_type) in FACADE {
            if mentioned.contains(name) {
                imports.entry((from.to_owned(), is_type)).or_default().insert(name);
            }
        }
        for (name, home) in &self.homes {
            if *home != module && mentioned.contains(name.as_str()) {
                imports.entry((format!("./{home}.js"), true)).or_default().insert(name);
            }
        }
        let lines = imports.into_iter().map(|((from, is_type), names)| {
            let names: Vec<&str> = names.into_iter().collect();
            let kind = if is_type { "import type" } else { "import" };
            format!("{kind} {{ {} }} from '{from}';", names.join(", "))
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    /// The documentation of a method.
    fn call(&self, name: &str, handle: &str) -> Result<String, Error> {
        let operation = self.operations.get(name);
        let example = self.examples.get(&example::key(name, handle));
        let (Some(operation), Some(example)) = (operation, example) else {
            return Err(Error::new(ErrorKind::InvalidOperation, format!("`{name}` is not an operation")));
        };
        Ok(comment(&spelling::call_document(operation, example), 2))
    }
}

/// Lays out a module within a width.
fn lay_out(module: &str, width: usize) -> io::Result<String> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("example.ts");
    std::fs::write(&file, module)?;
    let width = width.to_string();
    prettier(
        &["--no-config", "--single-quote", "--print-width", &width, "--write", "--log-level", "warn"],
        &file,
    )?;
    std::fs::read_to_string(file)
}

fn prettier(arguments: &[&str], files: &Path) -> io::Result<()> {
    let formatter = repository().join(FORMATTER);
    if !formatter.exists() {
        return Err(io::Error::other("prettier is not there; run `tools/setup typescript`"));
    }
    // Files are formatted wherever they lie, whatever a project says about ignoring them.
    let output = Command::new("node")
        .arg(formatter)
        .args(["--no-editorconfig", "--ignore-path", "/dev/null"])
        .args(arguments)
        .arg(files)
        .output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(io::Error::other(format!("prettier: {}", String::from_utf8_lossy(&output.stderr).trim())))
}

/// The repository that the formatter is installed in.
fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."))
}

fn read<T: DeserializeOwned>(value: Value) -> Result<T, Error> {
    T::deserialize(value)
}
