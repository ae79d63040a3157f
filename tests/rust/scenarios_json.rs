//! Prints all scenarios as one JSON array of `{name, scenario}`, for runners in languages without a YAML library that can be
//! had. What is printed has been read as a scenario before, so a mistake in a file is told here.

use std::process::ExitCode;

use orgconnect_tests::scenario;
use serde_json::{Value, json};

fn main() -> ExitCode {
    match scenario::documents() {
        Ok(documents) => {
            let documents: Vec<Value> = documents
                .into_iter()
                .map(|(name, scenario)| json!({ "name": name, "scenario": scenario }))
                .collect();
            println!("{}", Value::Array(documents));
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}
