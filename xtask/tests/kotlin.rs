//! Kotlin is generated from the fixture as it should be.
#![allow(clippy::expect_used, missing_docs, reason = "a test that can't read its fixture fails")]

#[allow(dead_code, reason = "other tests need the rest of it")]
mod common;

use common::{build, fixture};
use xtask::generate::render;
use xtask::language::kotlin::{Kotlin, KotlinExamples};

#[test]
fn the_fixture_becomes_this_kotlin() {
    let api = build(&fixture()).expect("accepted");
    for (file, text) in render(&Kotlin, &api).expect("rendered") {
        insta::assert_snapshot!(file, text);
    }
    let examples = render(&KotlinExamples, &api).expect("rendered");
    insta::assert_snapshot!("Examples.kt", examples["Examples.kt"]);
}
