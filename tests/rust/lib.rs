//! Runs the scenarios of `tests/scenarios` against an embedded sandbox with the public API of `orgconnect`, and reads the
//! description in `api/` to judge what the sandbox answered. `tests/README.md` says what a scenario is.
#![forbid(unsafe_code)]

pub mod description;
pub mod matching;
pub mod names;
pub mod requests;
pub mod runner;
pub mod scenario;
pub mod world;

/// What a step or a whole scenario came to; the text says where it went wrong and how.
pub type Outcome<T = ()> = Result<T, String>;

/// The root of the repository.
pub fn repository() -> &'static std::path::Path {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(std::path::Path::new("."))
}
