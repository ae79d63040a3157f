//! Reads `api/`: one root, one file per area. What comes out is what the files say, with the place of everything, and
//! nothing that is outside the subset that `api/README.md` describes.

pub mod mapping;
pub mod operation;
mod path;
pub mod reference;
pub mod schema;
pub mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::{fs, io};

use self::mapping::Mapping;
use self::operation::Operation;
use self::schema::Schema;
use self::words::AUTHORITIES;
use crate::refusal::{Refusal, Refusals, Spot};
use crate::yaml::{Key, Node};

/// The root of the description.
pub const ROOT: &str = "api/openapi.yaml";
/// The folder of the areas.
pub const AREAS: &str = "api/areas";

/// The files of the description by their paths from the root of the repository.
pub type Files = BTreeMap<String, String>;

/// All that `api/` says.
#[derive(Debug)]
pub struct Description {
    /// The schemas that areas share.
    pub shared: Vec<Named>,
    /// The areas in the order of the root's tags.
    pub areas: Vec<Area>,
}

/// What one area's file says.
#[derive(Debug)]
pub struct Area {
    /// The name: that of the file.
    pub name: String,
    /// The file, from the root of the repository.
    pub file: String,
    /// What the area is for.
    pub description: String,
    /// The operations in the order of the file.
    pub operations: Vec<Operation>,
    /// The schemas in the order of the file.
    pub schemas: Vec<Named>,
}

/// A schema with its name.
#[derive(Debug)]
pub struct Named {
    /// The name.
    pub name: String,
    /// Where the name stands.
    pub spot: Spot,
    /// The schema.
    pub schema: Schema,
}

/// Reads the files of the description below `repository`.
pub fn load(repository: &std::path::Path) -> io::Result<Files> {
    let mut files = Files::new();
    files.insert(ROOT.to_owned(), fs::read_to_string(repository.join(ROOT))?);
    for entry in fs::read_dir(repository.join(AREAS))? {
        let path = entry?.path();
        let (Some(name), Some("yaml")) =
            (path.file_name().and_then(|name| name.to_str()), path.extension().and_then(|end| end.to_str()))
        else {
            continue;
        };
        files.insert(format!("{AREAS}/{name}"), fs::read_to_string(&path)?);
    }
    Ok(files)
}

impl Description {
    /// Reads the description from the texts of its files.
    ///
    /// # Errors
    /// Everything that is not within the subset, at once.
    pub fn read(files: &Files) -> Result<Self, Refusals> {
        let text = files.get(ROOT).map(String::as_str).unwrap_or_default();
        let root = Root::read(Node::parse(ROOT, text)?)?;
        let mut refusals = Refusals::default();
        let mut areas = Vec::new();
        let mut found = BTreeSet::new();
        for (name, (spot, description)) in &root.tags {
            let file = format!("{AREAS}/{name}.yaml");
            let Some(text) = files.get(&file) else {
                refusals.add(spot.refuse(format!("the area `{name}` has no file"), format!("write {file}")));
                continue;
            };
            let read = read_area(&file, name, description, text, &mut found);
            areas.extend(refusals.keep_all(read));
        }
        for file in files.keys().filter_map(|file| file.strip_prefix("api/areas/")) {
            let name = file.trim_end_matches(".yaml");
            if !root.tags.iter().any(|(tag, _)| tag == name) {
                refusals.add(
                    Spot::start_of(&format!("{AREAS}/{file}"))
                        .refuse("an area without a tag", format!("add the tag `{name}` to {ROOT}")),
                );
            }
        }
        check_paths(&root, &found, &mut refusals);
        check_failures(&root, &areas, &mut refusals);
        refusals.or(Self { shared: root.schemas, areas })
    }
}

/// Sees to it that the root lists exactly the paths that the areas describe.
fn check_paths(root: &Root, found: &BTreeSet<(String, String, Spot)>, refusals: &mut Refusals) {
    for (path, file, spot) in &root.paths {
        if !found.iter().any(|(other, other_file, _)| (other, other_file) == (path, file)) {
            refusals.add(spot.refuse(
                format!("`{path}` is not described in {file}"),
                "describe it there, or leave it out here",
            ));
        }
    }
    for (path, file, spot) in found {
        if !root.paths.iter().any(|(other, other_file, _)| (other, other_file) == (path, file)) {
            let pointer = path.replace('~', "~0").replace('/', "~1");
            let short = file.trim_start_matches("api/");
            refusals.add(spot.refuse(
                format!("`{path}` is not listed in {ROOT}"),
                format!("add `{path}: {{$ref: '{short}#/paths/{pointer}'}}` there"),
            ));
        }
    }
}

/// Sees to it that every failure is one of the root's responses.
fn check_failures(root: &Root, areas: &[Area], refusals: &mut Refusals) {
    for failure in areas.iter().flat_map(|area| &area.operations).flat_map(|operation| &operation.failures) {
        let response = &failure.response;
        if response.file != ROOT || !root.responses.contains(&response.name) {
            refusals.add(response.spot.refuse(
                format!(
                    "there is no response `{}` in {ROOT} for the status {}",
                    response.name, failure.status
                ),
                format!("use one of {}", root.responses.join(", ")),
            ));
        }
    }
}

struct Root {
    tags: Vec<(String, (Spot, String))>,
    paths: Vec<(String, String, Spot)>,
    responses: Vec<String>,
    schemas: Vec<Named>,
}

impl Root {
    fn read(node: Node) -> Result<Self, Refusals> {
        let mut refusals = Refusals::default();
        let mut map = Mapping::of(node, "the root")?;
        map.allow(&["openapi", "info", "externalDocs", "servers", "tags", "paths", "components"])?;
        let version = map.require_text("openapi")?;
        if version != "3.1.0" {
            return Err(map.refuse(format!("OpenAPI {version}"), "write `openapi: 3.1.0`").into());
        }
        let mut tags = Vec::new();
        for node in map.list("tags")? {
            let mut tag = Mapping::of(node, "a tag")?;
            tag.allow(&["name", "description"])?;
            tags.push((tag.require_text("name")?, (tag.spot.clone(), tag.require_text("description")?)));
        }
        let mut paths = Vec::new();
        for (key, node) in map.entries("paths")? {
            paths.extend(refusals.keep(read_path_reference(&key, node)));
        }
        let mut components = Mapping::of(map.require("components")?, "`components`")?;
        components.allow(&["securitySchemes", "parameters", "responses", "schemas"])?;
        for (key, _) in components.entries("securitySchemes")? {
            if !AUTHORITIES.iter().any(|(name, _)| *name == key.text) {
                let refusal =
                    key.spot.refuse(format!("the scheme `{}`", key.text), "name it like an authority");
                refusals.add(refusal);
            }
        }
        let responses = components.entries("responses")?.into_iter().map(|(key, _)| key.text).collect();
        let schemas = read_schemas(&mut components, &mut refusals)?;
        refusals.or(Self { tags, paths, responses, schemas })
    }
}

/// Reads `<path>: {$ref: 'areas/<area>.yaml#/paths/<path>'}`.
fn read_path_reference(key: &Key, node: Node) -> Result<(String, String, Spot), Refusal> {
    let mut item = Mapping::of(node, "a path of the root")?;
    item.allow(&["$ref"])?;
    let reference = item.require_text("$ref")?;
    let pointer = format!("#/paths/{}", key.text.replace('~', "~0").replace('/', "~1"));
    match reference.strip_suffix(&pointer) {
        Some(file) => Ok((key.text.clone(), format!("api/{file}"), key.spot.clone())),
        None => Err(item.refuse(
            format!("`{reference}` is not the path `{}`", key.text),
            format!("write `areas/<area>.yaml{pointer}`"),
        )),
    }
}

fn read_area(
    file: &str,
    name: &str,
    description: &str,
    text: &str,
    found: &mut BTreeSet<(String, String, Spot)>,
) -> Result<Area, Refusals> {
    let mut refusals = Refusals::default();
    let mut map = Mapping::of(Node::parse(file, text)?, "an area")?;
    map.allow(&["paths", "components", "x-links"])?;
    let mut operations = Vec::new();
    for (key, node) in map.entries("paths")? {
        found.insert((key.text.clone(), file.to_owned(), key.spot.clone()));
        operations.extend(refusals.keep(path::read_path(&key.text, node)).unwrap_or_default());
    }
    for node in map.list("x-links")? {
        operations.extend(refusals.keep(path::read_link(node)));
    }
    for operation in &operations {
        if operation.name.split('.').next() != Some(name) {
            refusals.add(operation.spot.refuse(
                format!("`{}` in the area `{name}`", operation.name),
                "begin its name with the area, or move it",
            ));
        }
    }
    let schemas = match map.take("components") {
        None => Vec::new(),
        Some(node) => {
            let mut components = Mapping::of(node, "`components` of an area")?;
            components.allow(&["schemas"])?;
            read_schemas(&mut components, &mut refusals)?
        }
    };
    refusals.or(Area {
        name: name.to_owned(),
        file: file.to_owned(),
        description: description.to_owned(),
        operations,
        schemas,
    })
}

fn read_schemas(components: &mut Mapping, refusals: &mut Refusals) -> Result<Vec<Named>, Refusal> {
    let mut schemas = Vec::new();
    for (key, node) in components.entries("schemas")? {
        if let Some(schema) = refusals.keep(Schema::read_named(node)) {
            schemas.push(Named { name: key.text, spot: key.spot, schema });
        }
    }
    Ok(schemas)
}
