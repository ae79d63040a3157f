//! The imports of a file, and its blank lines.

use std::collections::BTreeSet;

/// Names that generated code may mention, with where they come from.
const NAMES: &[&str] = &[
    "io.github.orgconnect.Account",
    "io.github.orgconnect.Client",
    "io.github.orgconnect.Handle",
    "io.github.orgconnect.Nullable",
    "io.github.orgconnect.Organization",
    "io.github.orgconnect.Pages",
    "io.github.orgconnect.Secret",
    "io.github.orgconnect.ServiceAccount",
    "io.github.orgconnect.Time",
    "io.github.orgconnect.internal.Calls",
    "io.github.orgconnect.internal.ExtraSerializer",
    "io.github.orgconnect.internal.LocalDateSerializer",
    "io.github.orgconnect.internal.OpenEnum",
    "io.github.orgconnect.internal.OpenEnumSerializer",
    "io.github.orgconnect.internal.UnionSerializer",
    "io.github.orgconnect.internal.asInstant",
    "io.github.orgconnect.internal.asLocalDate",
    "io.github.orgconnect.internal.has",
    "io.github.orgconnect.internal.read",
    "io.github.orgconnect.internal.says",
    "io.github.orgconnect.internal.toJson",
    "kotlinx.serialization.EncodeDefault",
    "kotlinx.serialization.ExperimentalSerializationApi",
    "kotlinx.serialization.KeepGeneratedSerializer",
    "kotlinx.serialization.SerialName",
    "kotlinx.serialization.Serializable",
    "kotlinx.serialization.Transient",
    "kotlinx.serialization.builtins.ListSerializer",
    "kotlinx.serialization.builtins.MapSerializer",
    "kotlinx.serialization.builtins.nullable",
    "kotlinx.serialization.builtins.serializer",
    "kotlinx.serialization.json.Json",
    "kotlinx.serialization.json.JsonArray",
    "kotlinx.serialization.json.JsonElement",
    "kotlinx.serialization.json.JsonNull",
    "kotlinx.serialization.json.JsonObject",
    "kotlinx.serialization.json.JsonPrimitive",
    "java.time.Instant",
    "java.time.LocalDate",
];

/// The import lines that `body` needs.
pub(super) fn imports(body: &str) -> String {
    let code: String = body.lines().filter(|line| !is_comment(line)).collect::<Vec<_>>().join("\n");
    let words: BTreeSet<&str> = code.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
    let lines: Vec<String> = NAMES
        .iter()
        .filter(|name| {
            let last = name.rsplit('.').next().unwrap_or(name);
            match last {
                // Members of a companion need no import; these are those of the basic types.
                "serializer" => ["String", "Int", "Boolean", "Double"]
                    .iter()
                    .any(|ty| code.contains(&format!("{ty}.serializer()"))),
                "read" => code.contains("json.read("),
                "ExperimentalSerializationApi" => {
                    words.contains("EncodeDefault") || words.contains("KeepGeneratedSerializer")
                }
                "has" => code.contains("element.has("),
                "nullable" => code.contains(").nullable"),
                other => words.contains(other),
            }
        })
        .map(|name| format!("import {name}"))
        .collect();
    lines.join("\n")
}

/// Takes away blank lines that follow another or stand at the edge of a block.
pub(super) fn settle(text: &str) -> String {
    let mut lines: Vec<&str> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if index == 1 && !line.is_empty() {
            // What names the source stands apart.
            lines.push("");
        }
        let line = line.trim_end();
        let closes = line.trim_start().starts_with(['}', ')']);
        if closes && lines.last().is_some_and(|last| last.is_empty()) {
            lines.pop();
        }
        let opened = lines.last().is_some_and(|last| last.ends_with(['{', '(']) || last.is_empty());
        if !(line.is_empty() && opened) {
            lines.push(line);
        }
    }
    let mut text = lines.join("\n").trim_end().to_owned();
    text.push('\n');
    text
}

fn is_comment(line: &str) -> bool {
    line.trim_start().starts_with(['*', '/'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_code_mentions_is_imported_and_what_a_comment_mentions_is_not() {
        let body = "/** A Secret. */\nval a: Nullable<String> = String.serializer()";
        assert_eq!(
            imports(body),
            "import io.github.orgconnect.Nullable\nimport kotlinx.serialization.builtins.serializer"
        );
    }

    #[test]
    fn blank_lines_stand_between_things_alone() {
        assert_eq!(settle("a {\n\n\n    b  \n\n\n    c\n\n}\n\n"), "a {\n    b\n\n    c\n}\n");
    }
}
