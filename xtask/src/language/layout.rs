//! Lays expressions out as formatters of Swift and Kotlin do: on one line if it fits, otherwise with each part on a line of
//! its own.

/// How far a part stands to the right of its brackets.
const INDENT: usize = 4;

/// Which last parts on a line of their own have a comma.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LastComma {
    /// Those of a list with several items: Swift's habit.
    Lists,
    /// All: Kotlin's.
    All,
}

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
    pub(super) fn within(
        &self,
        before: &str,
        after: &str,
        indent: usize,
        width: usize,
        last: LastComma,
    ) -> String {
        let flat = format!("{before}{}{after}", self.flat());
        match self {
            Self::Group { open, parts, close }
                if indent + flat.chars().count() > width && !parts.is_empty() =>
            {
                let deeper = indent + INDENT;
                let mut text = format!("{before}{open}\n");
                for (index, (label, part)) in parts.iter().enumerate() {
                    let lists = index > 0 && close.starts_with(']');
                    let comma =
                        if index + 1 < parts.len() || last == LastComma::All || lists { "," } else { "" };
                    text.push_str(&" ".repeat(deeper));
                    text.push_str(&part.within(label, comma, deeper, width, last));
                    text.push('\n');
                }
                format!("{text}{}{close}{after}", " ".repeat(indent))
            }
            _ => flat,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_stays_on_a_line_and_what_does_not_is_broken_from_outside() {
        let inner = Expression::group("B(", vec![("x: ".into(), Expression::atom("1"))], ")");
        let outer = Expression::group("A(", vec![("b: ".into(), inner.clone()), (String::new(), inner)], ")");
        let laid = |width, last| outer.within("let a = ", "", 0, width, last);
        assert_eq!(laid(80, LastComma::Lists), "let a = A(b: B(x: 1), B(x: 1))");
        assert_eq!(laid(20, LastComma::Lists), "let a = A(\n    b: B(x: 1),\n    B(x: 1)\n)");
        assert_eq!(laid(20, LastComma::All), "let a = A(\n    b: B(x: 1),\n    B(x: 1),\n)");
    }
}
