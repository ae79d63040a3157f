//! Lays Swift expressions out as swift-format does: on one line if it fits, otherwise with each part on a line of its own.

use super::spelling::{INDENT, WIDTH};

/// An expression or a list of parameters.
#[derive(Debug, Clone)]
pub(super) enum Expression {
    /// A text that is never broken.
    Atom(String),
    /// Parts between brackets. Each has what stands before it: a label, or nothing.
    Group {
        /// What stands before the parts, the bracket included.
        open: String,
        /// The parts.
        parts: Vec<(String, Expression)>,
        /// The bracket that closes, and what follows at once.
        close: String,
    },
}

impl Expression {
    /// Something that is never broken.
    pub(super) fn atom(text: impl Into<String>) -> Self {
        Self::Atom(text.into())
    }

    /// Parts between brackets.
    pub(super) fn group(open: impl Into<String>, parts: Vec<(String, Self)>, close: &str) -> Self {
        Self::Group { open: open.into(), parts, close: close.to_owned() }
    }

    /// The expression on one line.
    pub(super) fn flat(&self) -> String {
        match self {
            Self::Atom(text) => text.clone(),
            Self::Group { open, parts, close } => {
                let parts: Vec<String> =
                    parts.iter().map(|(label, part)| format!("{label}{}", part.flat())).collect();
                format!("{open}{}{close}", parts.join(", "))
            }
        }
    }

    /// The expression between `before` and `after`, on lines that begin with `indent` blanks and are at most `width` long.
    pub(super) fn within(&self, before: &str, after: &str, indent: usize, width: usize) -> String {
        let flat = format!("{before}{}{after}", self.flat());
        match self {
            Self::Group { open, parts, close }
                if indent + flat.chars().count() > width && !parts.is_empty() =>
            {
                let deeper = indent + INDENT;
                let mut text = format!("{before}{open}\n");
                for (index, (label, part)) in parts.iter().enumerate() {
                    // The last of several items of a list has a comma, too; the last argument has none.
                    let comma =
                        if index + 1 < parts.len() || index > 0 && close.starts_with(']') { "," } else { "" };
                    text.push_str(&" ".repeat(deeper));
                    text.push_str(&part.within(label, comma, deeper, width));
                    text.push('\n');
                }
                format!("{text}{}{close}{after}", " ".repeat(indent))
            }
            _ => flat,
        }
    }

    /// A declaration: the expression between `before` and `after`, at this depth.
    pub(super) fn declared(&self, before: &str, after: &str, indent: usize) -> String {
        self.within(before, after, indent, WIDTH)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_stays_on_a_line_and_what_does_not_is_broken_from_outside() {
        let inner = Expression::group("B(", vec![("x: ".into(), Expression::atom("1"))], ")");
        let outer = Expression::group("A(", vec![("b: ".into(), inner.clone()), (String::new(), inner)], ")");
        assert_eq!(outer.within("let a = ", "", 0, 80), "let a = A(b: B(x: 1), B(x: 1))");
        assert_eq!(outer.within("let a = ", "", 0, 20), "let a = A(\n    b: B(x: 1),\n    B(x: 1)\n)");
    }
}
