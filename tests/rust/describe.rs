//! Prints the description in `api/` as one JSON document, for tools that read one file.

use std::process::ExitCode;

use orgconnect_tests::description::Description;

fn main() -> ExitCode {
    match Description::read() {
        Ok(description) => {
            println!("{}", description.document());
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}
