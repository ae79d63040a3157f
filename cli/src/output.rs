//! What is printed: text for people, JSON for programs; colours and a spinner on a terminal only.

use std::{io::IsTerminal, time::Duration};

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;

use crate::failure::Failure;

const RED: &str = "\x1b[31m";
const GREEN: &str = "\x1b[32m";
const FAINT: &str = "\x1b[2m";
const PLAIN: &str = "\x1b[0m";

#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    json: bool,
    colour: bool,
    colour_errors: bool,
}

impl Output {
    pub(crate) fn new(json: bool) -> Self {
        let plain = json || std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self {
            json,
            colour: !plain && std::io::stdout().is_terminal(),
            colour_errors: !plain && std::io::stderr().is_terminal(),
        }
    }

    pub(crate) fn is_json(self) -> bool {
        self.json
    }

    /// Prints a value: as JSON, or as the text that `text` makes of it.
    pub(crate) fn value(self, value: &Value, text: impl FnOnce(&Value) -> String) {
        if self.json { line(&escaped(&value.to_string())) } else { line(text(value).trim_end()) }
    }

    /// Prints the value itself, indented for people.
    pub(crate) fn body(self, value: &Value) {
        self.value(value, |value| escaped(&format!("{value:#}")));
    }

    /// Prints a line for people; programs don't see it.
    pub(crate) fn note(self, text: &str) {
        if !self.json {
            line(text);
        }
    }

    pub(crate) fn failure(self, failure: &Failure) {
        if self.json {
            eprintln!("{}", escaped(&failure.to_json().to_string()));
        } else {
            let (before, after) = if self.colour_errors { (RED, PLAIN) } else { ("", "") };
            eprintln!("{before}orgconnect: {}{after}", harmless(&failure.to_string()));
        }
    }

    pub(crate) fn good(self, text: &str) -> String {
        if self.colour { format!("{GREEN}{text}{PLAIN}") } else { text.to_owned() }
    }

    pub(crate) fn faint(self, text: &str) -> String {
        if self.colour { format!("{FAINT}{text}{PLAIN}") } else { text.to_owned() }
    }

    /// Waits for a future, with a spinner if it takes longer than a second and somebody watches.
    pub(crate) async fn wait<F: Future>(self, what: &str, future: F) -> F::Output {
        tokio::pin!(future);
        if let Ok(done) = tokio::time::timeout(Duration::from_secs(1), &mut future).await {
            return done;
        }
        if self.json || !std::io::stderr().is_terminal() {
            return future.await;
        }
        let spinner = ProgressBar::new_spinner().with_message(what.to_owned());
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} ({elapsed})") {
            spinner.set_style(style);
        }
        spinner.enable_steady_tick(Duration::from_millis(100));
        let done = future.await;
        spinner.finish_and_clear();
        done
    }
}

/// Prints lines. What a server has said steers no terminal: see [`harmless`]. A reader that has gone away (`| head`) is no
/// error.
pub(crate) fn line(text: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stdout(), "{}", harmless(text));
}

/// A text with a mark in place of everything that would move a cursor, name a window, or turn text around; line ends, tabs and
/// our own colours stay.
fn harmless(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let colour = [RED, GREEN, FAINT, PLAIN].into_iter().find(|colour| rest.starts_with(colour));
        let taken = colour.map_or(c.len_utf8(), str::len);
        match colour {
            Some(colour) => shown.push_str(colour),
            None if steers(c) && c != '\n' && c != '\t' => shown.push(char::REPLACEMENT_CHARACTER),
            None => shown.push(c),
        }
        rest = &rest[taken..];
    }
    shown
}

/// JSON that means the same, with all of that escaped: JSON itself asks for the escape of some only.
fn escaped(json: &str) -> String {
    use std::fmt::Write;
    let mut shown = String::with_capacity(json.len());
    for c in json.chars() {
        if steers(c) && c != '\n' {
            let _ = write!(shown, "\\u{:04x}", u32::from(c));
        } else {
            shown.push(c);
        }
    }
    shown
}

/// Whether a character steers a terminal, or changes the direction of the text around it.
fn steers(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A table with columns as wide as they need.
pub(crate) fn table(header: &[&str], rows: &[Vec<String>]) -> String {
    let mut widths: Vec<usize> = header.iter().map(|title| title.len()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let render = |cells: &mut dyn Iterator<Item = &str>| {
        let cells: Vec<String> = cells.zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        cells.join("  ").trim_end().to_owned() + "\n"
    };
    let mut text = render(&mut header.iter().copied());
    for row in rows {
        text += &render(&mut row.iter().map(String::as_str));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_a_terminal_is_shown_as_a_mark_and_our_colours_stay() {
        let colours = format!("{GREEN}ok{PLAIN}\ta\nb");
        assert_eq!(harmless(&colours), colours);
        let hostile = "\u{1b}]0;title\u{7}\u{1b}[2J\u{9b}31m\r\u{202e}é";
        assert_eq!(harmless(hostile), "\u{fffd}]0;title\u{fffd}\u{fffd}[2J\u{fffd}31m\u{fffd}\u{fffd}é");
    }

    #[test]
    fn json_that_is_printed_means_the_same_and_steers_nothing() {
        let value = Value::from("\u{1b}\u{7f}\u{9b}\u{202e}\r\n\té");
        let shown = escaped(&format!("{value:#}"));
        assert_eq!(serde_json::from_str::<Value>(&shown).unwrap(), value);
        assert!(!shown.chars().any(steers), "{shown}");
    }
}
