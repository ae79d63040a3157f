//! What is printed: text for people, JSON for programs; colours and a spinner on a terminal only.

use std::{io::IsTerminal, time::Duration};

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;

use crate::failure::Failure;

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
        if self.json { line(&value.to_string()) } else { line(text(value).trim_end()) }
    }

    /// Prints the value itself, indented for people.
    pub(crate) fn body(self, value: &Value) {
        self.value(value, |value| format!("{value:#}"));
    }

    /// Prints a line for people; programs don't see it.
    pub(crate) fn note(self, text: &str) {
        if !self.json {
            line(text);
        }
    }

    pub(crate) fn failure(self, failure: &Failure) {
        if self.json {
            eprintln!("{}", failure.to_json());
        } else {
            let (before, after) = if self.colour_errors { ("\x1b[31m", "\x1b[0m") } else { ("", "") };
            eprintln!("{before}orgconnect: {failure}{after}");
        }
    }

    pub(crate) fn good(self, text: &str) -> String {
        if self.colour { format!("\x1b[32m{text}\x1b[0m") } else { text.to_owned() }
    }

    pub(crate) fn faint(self, text: &str) -> String {
        if self.colour { format!("\x1b[2m{text}\x1b[0m") } else { text.to_owned() }
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

/// Prints a line. A reader that has gone away (`| head`) is no error.
pub(crate) fn line(text: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stdout(), "{text}");
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
