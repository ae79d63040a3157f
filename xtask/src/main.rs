//! Tasks of this repository: `cargo xtask generate [--check]`.

use std::path::Path;
use std::process::ExitCode;

use xtask::generate::{Drift, generate};

const USAGE: &str = "usage: cargo xtask generate [--check]

  generate           writes the operation table and the typed facades from api/
  generate --check   writes nothing; fails and names the files if any would change";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let check = match arguments.as_slice() {
        ["generate"] => false,
        ["generate", "--check"] => true,
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."));
    let drift = match generate(repository, check) {
        Ok(drift) => drift,
        Err(failure) => {
            eprintln!("{failure}");
            return ExitCode::FAILURE;
        }
    };
    let (changed, orphaned) =
        if check { ("differs", "is not generated any more") } else { ("wrote", "removed") };
    for path in &drift.changed {
        println!("{changed}: {}", path.display());
    }
    for path in &drift.orphaned {
        println!("{orphaned}: {}", path.display());
    }
    if check && drift != Drift::default() {
        eprintln!("run `cargo xtask generate` and commit what it writes");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
