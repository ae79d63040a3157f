//! For tests that search everything a program prints for secrets. Where the environment variable `ORGCONNECT_CANARY` names a
//! folder, every secret that a sandbox makes has a word near its beginning and at its end that is easily found; and what others
//! made and sent as a secret, such as a state, is written into a file of that folder.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::PathBuf;
use std::sync::{LazyLock, Mutex, PoisonError};

/// The word: letters that stand in base64, too, and longer than what masks let through.
const WORD: &str = "CaNaRy7x";
/// Masks let six letters of a secret through, which tell one from another: they stay as they are, and base64 stays in step.
const SHOWN: usize = 8;
/// Shorter texts are no secrets, or no secret ones.
const SHORTEST: usize = 20;

static FOLDER: LazyLock<Option<PathBuf>> =
    LazyLock::new(|| std::env::var_os("ORGCONNECT_CANARY").filter(|name| !name.is_empty()).map(Into::into));
static NOTES: LazyLock<Option<Mutex<File>>> = LazyLock::new(|| {
    let path = FOLDER.as_ref()?.join(format!("sent-{}.secrets", std::process::id()));
    OpenOptions::new().create(true).append(true).open(path).ok().map(Mutex::new)
});

/// The secret, with the word at both ends if that is wanted.
pub(crate) fn marked(secret: String) -> String {
    if FOLDER.is_some() { mark(&secret) } else { secret }
}

fn mark(secret: &str) -> String {
    let middle = SHOWN + WORD.len()..secret.len().saturating_sub(WORD.len());
    match (secret.get(..SHOWN), secret.get(middle)) {
        (Some(shown), Some(middle)) => format!("{shown}{WORD}{middle}{WORD}"),
        _ => secret.to_owned(),
    }
}

/// Writes down a secret that somebody else made.
pub(crate) fn note(secret: &str) {
    if let Some(notes) = &*NOTES
        && secret.len() >= SHORTEST
        && !secret.contains(WORD)
        && !secret.contains(char::is_control)
    {
        let mut file = notes.lock().unwrap_or_else(PoisonError::into_inner);
        // A test that loses its notes finds less; nothing else depends on them.
        let _ = writeln!(file, "{secret}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marked_secret_is_as_long_as_before_and_still_not_guessed() {
        let marked = mark("0123456789abcdefghijklmnopqrstuv");
        assert_eq!(marked, "01234567CaNaRy7xghijklmnCaNaRy7x");
        assert_eq!(mark("short"), "short");
    }
}
