//! What every language says in its documentation, in the same words, and how a text is laid out as a comment.

use crate::model::{Field, Operation, Repeat, Stability};

/// A text as a comment: each line within `width` characters and begun with `mark`. A language that moves the comment to
/// the right gives the width that is left.
pub(super) fn comment(text: &str, mark: &str, width: usize) -> String {
    let comments: Vec<String> = lines(text, width - mark.len() - 1)
        .iter()
        .map(|line| format!("{mark} {line}").trim_end().to_owned())
        .collect();
    comments.join("\n")
}

/// A text as a comment between `/**` and `*/`: on one line if it fits within `width` characters.
pub(super) fn block(text: &str, width: usize) -> String {
    let text = text.replace("*/", "*\\/");
    let lines = lines(&text, width - " * ".len());
    match lines.as_slice() {
        [line] if line.chars().count() + "/**  */".len() <= width => format!("/** {line} */"),
        lines => {
            let lines: Vec<String> =
                lines.iter().map(|line| format!(" * {line}").trim_end().to_owned()).collect();
            format!("/**\n{}\n */", lines.join("\n"))
        }
    }
}

/// A text, wrapped at `width` characters. Code and lists keep their lines.
pub(super) fn lines(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut fenced = false;
    for (index, paragraph) in text.trim().split("\n\n").enumerate() {
        if index > 0 {
            lines.push(String::new());
        }
        if fenced || paragraph.starts_with("```") {
            fenced ^= paragraph.matches("```").count() % 2 == 1;
            lines.extend(paragraph.lines().map(ToOwned::to_owned));
        } else if paragraph.lines().any(|line| line.starts_with(['-', '*', '|', '#'])) {
            lines.extend(paragraph.lines().map(ToOwned::to_owned));
        } else {
            wrap(paragraph, width, &mut lines);
        }
    }
    lines
}

fn wrap(paragraph: &str, width: usize, lines: &mut Vec<String>) {
    let mut line = String::new();
    for word in words(paragraph) {
        // A word that would begin a list or a heading stays on the line before.
        let begins_block =
            word.starts_with(['-', '+', '#', '*', '>']) || word.ends_with('.') && word.len() < 3;
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > width && !begins_block {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(&word);
    }
    if !line.is_empty() {
        lines.push(line);
    }
}

/// The words of a paragraph; what stands between backticks is one word.
fn words(paragraph: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut open = false;
    for word in paragraph.split_whitespace() {
        match words.last_mut() {
            Some(last) if open => {
                last.push(' ');
                last.push_str(word);
            }
            _ => words.push(word.to_owned()),
        }
        open ^= word.matches('`').count() % 2 == 1;
    }
    words
}

/// What is said about a field.
pub(super) fn field(field: &Field) -> String {
    let mut text = field.description.clone();
    if let Some(default) = &field.default {
        text = format!("{text} Default: `{default}`.");
    }
    if field.deprecated {
        text = format!("{text}\n\nDeprecated.");
    }
    text
}

/// What is said about a call. Arguments in the path, which `spell` writes, are explained here; `example` ends it, in the
/// language's own fences.
pub(super) fn operation(operation: &Operation, spell: impl Fn(&str) -> String, example: &str) -> String {
    let mut paragraphs = vec![operation.summary.clone(), operation.description.clone()];
    paragraphs.extend(operation.arguments.iter().filter(|argument| is_path(argument)).map(|argument| {
        let field = &argument.field;
        format!("`{}`: {}", spell(&field.name), lower_first(&field.description))
    }));
    let stability = match operation.stability {
        Stability::Stable => None,
        Stability::Beta => Some("Cronofy marks it as beta."),
        Stability::Alpha => Some("Cronofy marks it as alpha: it may change at any time."),
        Stability::Prerelease => Some(
            "Cronofy marks it as a pre-release: it is enabled for an application on request, and may change.",
        ),
        Stability::Legacy => Some("Cronofy still answers it, and no longer documents or recommends it."),
    };
    let repeat = match operation.repeat {
        Repeat::Safe => "It is sent again when its outcome is unknown: ",
        Repeat::Never => "It is never sent again when its outcome is unknown: ",
        Repeat::Entries => "Whether it is sent again when its outcome is unknown depends on its entries: ",
    };
    paragraphs.extend(stability.map(ToOwned::to_owned));
    paragraphs.push(format!("{repeat}{}", lower_first(&operation.repeat_reason)));
    paragraphs.push(format!("See <{}>.", operation.documentation));
    paragraphs.push(example.to_owned());
    paragraphs.join("\n\n")
}

fn is_path(argument: &crate::model::Argument) -> bool {
    argument.place == crate::model::Place::Path
}

/// The text as it continues a sentence.
pub(super) fn lower_first(text: &str) -> String {
    let mut characters = text.chars();
    match (characters.next(), characters.clone().next()) {
        (Some(first), Some(second)) if second.is_lowercase() || second == ' ' => {
            first.to_lowercase().chain(characters).collect()
        }
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_wrapped_and_keeps_its_paragraphs() {
        let text = format!("{}\n\nEnd.", "word ".repeat(30));
        let comment = comment(&text, "///", 106);
        assert!(comment.lines().all(|line| line.starts_with("///") && line.len() <= 106), "{comment}");
        assert!(comment.ends_with("word\n///\n/// End."), "{comment}");
    }

    #[test]
    fn code_is_never_broken_nor_are_lists() {
        let spaced = format!("{} `{{{{ cronofy.join url }}}}` end", "x".repeat(96));
        assert!(comment(&spaced, "///", 110).contains("\n/// `{{ cronofy.join url }}`"));
        let list = "- one\n- two";
        assert_eq!(comment(list, "///", 110), "/// - one\n/// - two");
        let code = "```\nlet a = 1;\n\nlet b = 2;\n```\n\nText.";
        assert_eq!(comment(code, "///", 110).replace("/// ", "").replace("///", ""), code);
    }

    #[test]
    fn no_line_begins_like_a_list_or_a_heading_by_accident() {
        let text = format!("{} # 1. - * end", "x".repeat(105));
        assert!(comment(&text, "///", 110).lines().skip(1).all(|line| !line.starts_with("/// #")), "{text}");
    }

    #[test]
    fn a_sentence_goes_on_in_lower_case_unless_it_begins_with_a_name() {
        assert_eq!(lower_first("It only reads."), "it only reads.");
        assert_eq!(lower_first("A booking."), "a booking.");
        assert_eq!(lower_first("URLs differ."), "URLs differ.");
        assert_eq!(lower_first("`x` is set."), "`x` is set.");
    }
}
