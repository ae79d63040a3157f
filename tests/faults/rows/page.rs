//! The table of a full run: printed, kept as JSON beside the rows so that it can be measured in parts, and written into
//! the reliability page.

use std::{
    collections::BTreeMap,
    fmt::Write,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use crate::sheet::{Row, Sheet};

const BEGIN: &str = "<!-- measured: begin -->";
const END: &str = "<!-- measured: end -->";

/// What is known of a part of a row, or of a whole one.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Measured {
    runs: u64,
    lost: u64,
    leaked: u64,
    /// Why it is broken, if it is.
    broken: Option<String>,
    measured: Vec<String>,
    short: Vec<String>,
    seconds: u64,
    on: String,
}

/// By row and part.
type Kept = BTreeMap<String, BTreeMap<String, Measured>>;

static PLAYED: Mutex<Kept> = Mutex::new(BTreeMap::new());

impl Measured {
    fn verdict(&self) -> String {
        match &self.broken {
            Some(why) => format!("broken: {why}"),
            None if self.short.is_empty() => "held".to_owned(),
            None => "held, in part".to_owned(),
        }
    }

    /// The row that its parts add up to.
    fn of(row: &Row, found: &BTreeMap<String, Self>) -> Self {
        let parts = (row.parts)();
        let mut whole = Self::default();
        for (name, part) in parts.iter().filter_map(|name| Some((name, found.get(name)?))) {
            whole.runs += part.runs;
            whole.lost += part.lost;
            whole.leaked += part.leaked;
            whole.seconds += part.seconds;
            whole.broken =
                whole.broken.or(part.broken.as_ref().map(|why| format!("{name} {why}").trim().to_owned()));
            for (all, own) in [(&mut whole.measured, &part.measured), (&mut whole.short, &part.short)] {
                let named = own.iter().map(|note| match name.as_str() {
                    "" => note.clone(),
                    name => format!("{name}: {note}"),
                });
                all.extend(named);
            }
            whole.on = whole.on.max(part.on.clone());
        }
        let missing: Vec<&str> =
            parts.iter().map(String::as_str).filter(|name| !found.contains_key(*name)).collect();
        if !missing.is_empty() {
            whole.short.push(missing.join(", "));
        }
        whole
    }
}

/// Notes how a part of a row ended, in the file and on the page.
pub fn record(
    rows: &[Row],
    row: &Row,
    sheet: &Sheet,
    verdict: &Result<(), String>,
    took: Duration,
) -> io::Result<()> {
    let measured = Measured {
        runs: sheet.runs,
        lost: sheet.lost,
        leaked: sheet.leaked,
        broken: verdict.clone().err(),
        measured: sheet.measured.clone(),
        short: sheet.short.clone(),
        seconds: took.as_secs(),
        on: jiff::Timestamp::now().to_string().chars().take(10).collect(),
    };
    let insert = |kept: &mut Kept| {
        kept.entry(row.number.to_owned()).or_default().insert(sheet.part().to_owned(), measured.clone());
    };
    insert(&mut PLAYED.lock().unwrap_or_else(PoisonError::into_inner));
    let (kept, page) = (root().join("tests/faults/measured.json"), root().join("docs/reliability.md"));
    // Another run may play other rows meanwhile.
    let lock = File::open(&page)?;
    lock.lock()?;
    let mut all: Kept = serde_json::from_str(&fs::read_to_string(&kept).unwrap_or_else(|_| "{}".to_owned()))?;
    insert(&mut all);
    fs::write(&kept, serde_json::to_string_pretty(&all)? + "\n")?;
    let text = fs::read_to_string(&page)?;
    let (Some(before), Some(after)) = (text.split(BEGIN).next(), text.split(END).nth(1)) else {
        return Err(io::Error::other(format!("{} has no place for the table", page.display())));
    };
    fs::write(&page, format!("{before}{BEGIN}\n{}{END}{after}", table(rows, &all)))
}

pub fn print() {
    let played = PLAYED.lock().unwrap_or_else(PoisonError::into_inner);
    println!("\n{:<24} {:>9} {:>6} {:>7}  verdict", "fault", "runs", "lost", "leaked");
    for (number, parts) in &*played {
        for (part, row) in parts {
            let name = format!("{number} {part}");
            println!("{name:<24} {:>9} {:>6} {:>7}  {}", row.runs, row.lost, row.leaked, row.verdict());
        }
    }
}

fn table(rows: &[Row], all: &Kept) -> String {
    let mut text = "| row | fault | runs | lost | leaked | verdict | measured |\n| --- | --- | --- | --- | --- | --- | --- |\n".to_owned();
    for row in rows {
        let _ = match all.get(row.number).map(|found| Measured::of(row, found)) {
            None => {
                writeln!(text, "| {} | {}: {} | – | – | – | not run | |", row.number, row.name, row.provoked)
            }
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
                    found.verdict(),
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
