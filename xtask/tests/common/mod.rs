//! The small description that the tests generate from.

use std::path::Path;

use xtask::description::{self, Description, Files};
use xtask::model::Api;

pub(crate) const NOTES: &str = "api/areas/notes.yaml";

/// The files of the fixture.
pub(crate) fn fixture() -> Files {
    description::load(&folder()).expect("the fixture is readable")
}

/// The folder of the fixture.
pub(crate) fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixture")
}

/// The model of a description, or why it is refused.
pub(crate) fn build(files: &Files) -> Result<Api, String> {
    let description = Description::read(files).map_err(|refusals| refusals.to_string())?;
    Api::build(&description).map_err(|refusals| refusals.to_string())
}
