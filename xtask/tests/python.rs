//! Python is generated from the fixture as it should be.
#![allow(clippy::expect_used, missing_docs, reason = "a test that can't read its fixture fails")]

#[allow(dead_code, reason = "other tests need the rest of it")]
mod common;

use common::{build, fixture};
use xtask::generate::render;
use xtask::language::Language;
use xtask::language::python::Python;

#[test]
fn the_fixture_becomes_this_python() {
    let api = build(&fixture()).expect("accepted");
    let folder = tempfile::tempdir().expect("a folder");
    let rendered = render(&Python, &api).expect("rendered");
    for (file, text) in &rendered {
        std::fs::write(folder.path().join(file), text).expect("written");
    }
    Python.format(folder.path(), folder.path()).expect("formatted");
    for file in rendered.keys() {
        let text = std::fs::read_to_string(folder.path().join(file)).expect("readable");
        insta::assert_snapshot!(file.as_str(), text);
    }
}
