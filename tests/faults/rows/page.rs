//! The table of a full run: printed, kept as JSON beside the rows so that it can be measured in parts, and written into
//! the reliability page.

use std::{
    collections::BTreeMap,
    fmt::Write,
    fs, io,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use crate::sheet::{Row, Sheet};

const BEGIN: &str = "<!-- measured: begin -->";
const END: &str = "<!-- measured: end -->";

/// What is known of a row.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Measured {
    runs: u64,
    lost: u64,
    leaked: u64,
    verdict: String,
    measured: Vec<String>,
    short: Vec<String>,
    seconds: u64,
    on: String,
}

static PLAYED: Mutex<BTreeMap<String, Measured>> = Mutex::new(BTreeMap::new());

pub fn record(row: &Row, sheet: &Sheet, verdict: &Result<(), String>, took: Duration) {
    let verdict = match verdict {
        Ok(()) if sheet.short.is_empty() => "held".to_owned(),
        Ok(()) => "held, in part".to_owned(),
        Err(why) => format!("broken: {why}"),
    };
    let measured = Measured {
        runs: sheet.runs,
        lost: sheet.lost,
        leaked: sheet.leaked,
        verdict,
        measured: sheet.measured.clone(),
        short: sheet.short.clone(),
        seconds: took.as_secs(),
        on: jiff::Timestamp::now().to_string().chars().take(10).collect(),
    };
    PLAYED.lock().unwrap_or_else(PoisonError::into_inner).insert(row.number.to_owned(), measured);
}

pub fn print() {
    let played = PLAYED.lock().unwrap_or_else(PoisonError::into_inner);
    println!("\n{:<5} {:>9} {:>6} {:>7}  verdict", "fault", "runs", "lost", "leaked");
    for (number, row) in &*played {
        println!("{number:<5} {:>9} {:>6} {:>7}  {}", row.runs, row.lost, row.leaked, row.verdict);
    }
}

/// Adds what was played to what was measured before, and writes both into the page.
pub fn write(rows: &[Row]) -> io::Result<()> {
    let (kept, page) = (root().join("tests/faults/measured.json"), root().join("docs/reliability.md"));
    let mut all: BTreeMap<String, Measured> =
        fs::read_to_string(&kept).ok().and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
    all.extend(PLAYED.lock().unwrap_or_else(PoisonError::into_inner).clone());
    fs::write(&kept, serde_json::to_string_pretty(&all).map_err(io::Error::other)? + "\n")?;
    let text = fs::read_to_string(&page)?;
    let (Some(before), Some(after)) = (text.split(BEGIN).next(), text.split(END).nth(1)) else {
        return Err(io::Error::other(format!("{} has no place for the table", page.display())));
    };
    fs::write(&page, format!("{before}{BEGIN}\n{}{END}{after}", table(rows, &all)))
}

fn table(rows: &[Row], all: &BTreeMap<String, Measured>) -> String {
    let mut text = "| row | fault | runs | lost | leaked | verdict | measured |\n| --- | --- | --- | --- | --- | --- | --- |\n".to_owned();
    for row in rows {
        let _ = match all.get(row.number) {
            None => writeln!(text, "| {} | {} | – | – | – | not run | |", row.number, row.provoked),
            Some(found) => {
                let mut notes = found.measured.clone();
                notes.extend(found.short.iter().map(|short| format!("not reached: {short}")));
                notes.push(format!("{} s, {}", found.seconds, found.on));
                writeln!(
                    text,
                    "| {} | {}: {} | {} | {} | {} | {} | {} |",
                    row.number,
                    row.name,
                    row.provoked,
                    found.runs,
                    found.lost,
                    found.leaked,
                    found.verdict,
                    notes.join("; ")
                )
            }
        };
    }
    text
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}
