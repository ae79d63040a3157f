//! What is outside the subset is refused with its place, what is wrong, and the mend.
#![allow(clippy::expect_used, missing_docs, reason = "a test that can't read its fixture fails")]

mod common;

use common::{NOTES, build, fixture};
use xtask::description::ROOT;

/// What the generator says when `old` is replaced by `new` in a file of the fixture.
fn refused(file: &str, old: &str, new: &str) -> String {
    let mut files = fixture();
    let text = files.get_mut(file).expect("the file is in the fixture");
    assert!(text.contains(old), "`{old}` is not in {file}");
    *text = text.replacen(old, new, 1);
    build(&files).expect_err(&format!("`{new}` was accepted"))
}

#[test]
fn the_fixture_itself_is_accepted() {
    build(&fixture()).expect("accepted");
}

#[test]
fn openapi_outside_the_subset_is_refused() {
    let changes = [
        ("x-open-enum: [red", "enum: [red"),
        ("      x-union: const\n      oneOf:", "      anyOf:"),
        ("type: array, maxItems: 5", "type: array, uniqueItems: true"),
        ("type: number, minimum: 0", "type: number, exclusiveMinimum: 0"),
        ("[string, 'null'], format: uri", "[string, integer]"),
        ("type: [string, 'null'], format: uri", "type: string, nullable: true"),
        (
            "type: object, additionalProperties: {type: string}",
            "type: object, properties: {en: {type: string}}",
        ),
        ("description: The text.", "example: x, description: The text."),
        ("format: int32", "format: int64"),
        ("type: boolean, const: true", "const: 1"),
        ("in: query", "in: cookie"),
        ("          x-brackets: true\n", ""),
        ("  /v1/notes:\n    get:", "  /v1/notes:\n    put:"),
        ("'422': {$ref", "default: {$ref"),
        (
            "        required: true\n        content:\n          application/json:",
            "        required: true\n        content:\n          text/plain:",
        ),
    ];
    let said: Vec<String> = changes.iter().map(|(old, new)| refused(NOTES, old, new)).collect();
    insta::assert_snapshot!(said.join("\n"));
}

#[test]
fn what_contradicts_itself_is_refused() {
    let changes = [
        ("operationId: notes.list", "operationId: notes.fetch"),
        ("operationId: notes.list", "operationId: letters.list"),
        ("operationId: notes.cancel", "operationId: notes.upsert"),
        ("security: [{connection: []}, {organization: []}]", "security: [{connection: []}]"),
        ("x-impersonable: true", "x-impersonable: false"),
        ("x-paging: {items: [found, notes]", "x-paging: {items: [found, letters]"),
        ("name: note_id", "name: note"),
        ("request: '#/components/schemas/CancelNote'", "request: '#/components/schemas/Reader'"),
        ("schemas/FoundNotes'", "schemas/LostNotes'"),
        ("'../openapi.yaml#/components/schemas/Pages'", "'organization.yaml#/components/schemas/Pages'"),
        ("required: [text, due]", "required: [text, when]"),
        ("x-name: note_author", "deprecated: false"),
        ("[red, dark_green, unknown]", "[red, dark_green, dark-green]"),
        ("[red, dark_green, unknown]", "[red, red]"),
        ("{type: string, description: The title.}", "{$ref: '#/components/schemas/Note'}"),
        ("    UpsertNote:\n", "    upsertNote:\n"),
        ("    Unused:\n", "    When:\n"),
        ("x-stability: beta", "x-stability: young"),
        ("      x-repeat-reason: It only reads.\n", ""),
        ("description: The colour.", "deprecated: false"),
        ("          description: A page of notes.\n", "          description: ''\n"),
        ("      x-stability: beta\n", "      x-stability: beta\n      x-new: 1\n"),
        ("responses/Invalid'", "responses/Wrong'"),
    ];
    let said: Vec<String> = changes.iter().map(|(old, new)| refused(NOTES, old, new)).collect();
    insta::assert_snapshot!(said.join("\n"));
}

#[test]
fn an_example_that_does_not_fit_is_refused() {
    let changes = [
        ("- text: Water the plants", "- text: 1"),
        ("due: '2026-12-05'\n", "due: tomorrow\n"),
        ("extent: all", "extent: 0"),
        ("who: {team: nurses}", "who: {group: nurses}"),
        ("kind: book, title: Diary", "kind: shelf, title: Diary"),
        ("pages: {current: 1}}\n", "pages: {}}\n"),
        ("examples: [{cancelled: true}]", "examples: [{cancelled: false}]"),
        ("examples: [note_1]", "examples: [a note]"),
        ("      examples: [{cancelled: true}]\n", ""),
    ];
    let said: Vec<String> = changes.iter().map(|(old, new)| refused(NOTES, old, new)).collect();
    insta::assert_snapshot!(said.join("\n"));
}

#[test]
fn paths_and_areas_that_the_root_does_not_know_are_refused() {
    let mut said = vec![
        refused(ROOT, "  /v1/notes: {$ref: 'areas/notes.yaml#/paths/~1v1~1notes'}\n", ""),
        refused(ROOT, "'areas/notes.yaml#/paths/~1v1~1notes'", "'areas/notes.yaml#/paths/~1v1~1letters'"),
        refused(ROOT, "  /v1/people:", "  /v1/persons:"),
        refused(ROOT, "  - {name: notes,", "  - {name: letters,"),
        refused(ROOT, "openapi: 3.1.0", "openapi: 3.0.3"),
        refused(ROOT, "    connection: {type", "    bearer: {type"),
    ];
    said.push(refused(NOTES, "components:\n", "components:\n  responses: {}\n"));
    insta::assert_snapshot!(said.join("\n"));
}

#[test]
fn everything_that_is_wrong_is_said_at_once_in_the_order_of_the_files() {
    let mut files = fixture();
    for (old, new) in [("x-open-enum: [red", "enum: [red"), ("x-stability: legacy", "x-stability: old")] {
        let text = files.get_mut(NOTES).expect("the file is in the fixture");
        *text = text.replacen(old, new, 1);
    }
    let said = build(&files).expect_err("refused");
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines.len(), 2, "{said}");
    assert!(lines[0].contains("`enum`") && lines[1].contains("x-stability"), "{said}");
}
