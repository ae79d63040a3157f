//! The fixture becomes TypeScript as it should be: wire names, open enums, unions, pages, and comments that say the same.
#![allow(clippy::expect_used, missing_docs, reason = "a test that can't read its fixture fails")]

#[allow(dead_code, reason = "other tests need the rest of it")]
mod common;

use std::fs;

use common::{build, fixture, folder};
use xtask::generate::render;
use xtask::language::{Language, typescript::TypeScript};

#[test]
fn the_fixture_becomes_this_typescript() {
    let api = build(&fixture()).expect("the fixture is accepted");
    let rendered = tempfile::tempdir().expect("a folder");
    let files = render(&TypeScript, &api).expect("rendered");
    for (file, text) in &files {
        fs::write(rendered.path().join(file), text).expect("written");
    }
    TypeScript.format(&folder(), rendered.path()).expect("formatted");
    for file in files.keys() {
        let text = fs::read_to_string(rendered.path().join(file)).expect("readable");
        insta::assert_snapshot!(file.as_str(), text);
    }
}
