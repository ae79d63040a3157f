//! Swift is generated from the fixture as it should be.
#![allow(clippy::expect_used, missing_docs, reason = "a test that can't read its fixture fails")]

#[allow(dead_code, reason = "other tests need the rest of it")]
mod common;

use common::{build, fixture};
use xtask::generate::render;
use xtask::language::swift::{Swift, SwiftExamples};

#[test]
fn the_fixture_becomes_this_swift() {
    let api = build(&fixture()).expect("accepted");
    for (file, text) in render(&Swift, &api).expect("rendered") {
        insta::assert_snapshot!(file, text);
    }
    let examples = render(&SwiftExamples, &api).expect("rendered");
    insta::assert_snapshot!("Examples.swift", examples["Examples.swift"]);
}

#[test]
fn no_line_is_longer_than_the_formatter_allows() {
    let api = build(&fixture()).expect("accepted");
    for (file, text) in render(&Swift, &api).expect("rendered") {
        for line in text.lines() {
            assert!(line.chars().count() <= 120 || line.starts_with("// @generated"), "{file}: {line}");
        }
    }
}
