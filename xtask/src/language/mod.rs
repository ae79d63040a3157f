//! What a language adds to the generator: where its files go, how it spells the model, and how it formats.

mod document;
mod example;
pub mod kotlin;
mod layout;
pub mod python;
pub mod rust;
pub mod swift;
pub mod typescript;

use std::io;
use std::path::Path;

use minijinja::value::Serde;
use minijinja::{Environment, Value};
use serde_json::Value as Json;

use crate::model::Api;

/// A language that facades are generated for.
pub trait Language {
    /// The folder of its templates below `xtask/templates`.
    fn name(&self) -> &'static str;

    /// The folder that it generates, and owns, from the root of the repository.
    fn output(&self) -> &'static str;

    /// What begins a comment that takes a line.
    fn comment(&self) -> &'static str;

    /// The files, and what each is rendered from.
    fn files(&self, api: &Api) -> Vec<File>;

    /// Teaches the templates how the language spells the model: filters and functions.
    fn teach(&self, environment: &mut Environment<'static>, api: &Api) -> io::Result<()>;

    /// Formats the rendered files below `folder` with the language's own formatter.
    fn format(&self, repository: &Path, folder: &Path) -> io::Result<()>;
}

/// One file to be rendered.
#[derive(Debug)]
pub struct File {
    /// The path below the language's folder.
    pub path: String,
    /// The template.
    pub template: &'static str,
    /// What the first line names as the source.
    pub source: String,
    /// What the template sees.
    pub context: Value,
}

impl File {
    /// A file that is rendered from `context`.
    pub fn new(path: impl Into<String>, template: &'static str, source: &str, context: Json) -> Self {
        Self { path: path.into(), template, source: source.to_owned(), context: Value::from(Serde(context)) }
    }
}

/// All languages.
pub fn all() -> Vec<Box<dyn Language>> {
    vec![
        Box::new(rust::Rust),
        Box::new(kotlin::Kotlin),
        Box::new(kotlin::KotlinExamples),
        Box::new(python::Python),
        Box::new(typescript::TypeScript),
        Box::new(swift::Swift),
        Box::new(swift::SwiftExamples),
    ]
}
