//! The fault suite. Each row provokes one fault and computes its verdict; the quick form uses smaller numbers, the full
//! form (`ORGCONNECT_FAULTS=full`, `make test-faults`) those that are promised, and writes the reliability page.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::pedantic,
    missing_docs,
    unreachable_pub,
    reason = "a row that can't go on fails, and shows one thing plainly"
)]

mod gate;
mod herd;
mod keyring;
mod lost;
mod page;
mod process;
mod sheet;
mod stores;
mod weather;
mod world;

use std::{process::ExitCode, time::Instant};

use libtest_mimic::{Arguments, Failed, Trial};

use self::sheet::{Row, Sheet};

fn rows() -> Vec<Row> {
    [herd::rows(), lost::rows(), process::rows(), weather::rows(), gate::rows(), keyring::rows()]
        .into_iter()
        .flatten()
        .collect()
}

/// The rows that `ORGCONNECT_FAULTS_ROWS` names, or all, each with its parts. `A4` is a row, `A4:postgres:strict` those of
/// its parts that have both words.
fn chosen() -> Vec<(Row, String)> {
    let names = std::env::var("ORGCONNECT_FAULTS_ROWS").unwrap_or_default();
    let names: Vec<Vec<&str>> = names.split_whitespace().map(|name| name.split(':').collect()).collect();
    let is_named = |row: &Row, part: &str| {
        names.iter().any(|name| {
            name[0] == row.number && name[1..].iter().all(|word| part.split(' ').any(|own| own == *word))
        })
    };
    rows()
        .into_iter()
        .flat_map(|row| (row.parts)().into_iter().map(move |part| (row, part)))
        .filter(|(row, part)| names.is_empty() || is_named(row, part))
        .collect()
}

fn main() -> ExitCode {
    if keyring::second_process().is_some() {
        return ExitCode::SUCCESS;
    }
    let mut arguments = Arguments::from_args();
    let full = std::env::var("ORGCONNECT_FAULTS").is_ok_and(|form| form == "full");
    if full {
        // Numbers are measured with the machine to themselves.
        arguments.test_threads = Some(1);
    }
    let trials = chosen()
        .into_iter()
        .map(|(row, part)| {
            let title = format!("{} {part}: {}", row.number, row.name).replace(" :", ":");
            Trial::test(title, move || play(row, &part, full)).with_kind("row")
        })
        .collect();
    let conclusion = libtest_mimic::run(&arguments, trials);
    if full && !arguments.list {
        page::print();
    }
    conclusion.exit_code()
}

/// Plays a part of a row on a runtime of its own.
fn play(row: Row, part: &str, full: bool) -> Result<(), Failed> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build()?;
    let mut sheet = Sheet::new(full, part);
    let began = Instant::now();
    let play = row.play;
    let (sheet, finished) = std::thread::scope(|scope| {
        let played = scope.spawn(|| {
            runtime.block_on(play(&mut sheet));
            sheet
        });
        match played.join() {
            Ok(sheet) => (sheet, Ok(())),
            Err(panic) => {
                let why = panic.downcast_ref::<String>().map(String::as_str);
                let why =
                    why.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("panicked").to_owned();
                (Sheet::new(full, part), Err(why))
            }
        }
    });
    runtime.shutdown_background();
    let verdict = finished.and_then(|()| sheet.verdict());
    if full {
        // At once: a run that is ended early keeps what it has measured.
        page::record(&rows(), &row, &sheet, &verdict, began.elapsed())?;
    }
    verdict.map_err(|why| Failed::from(format!("{why}\n{}", sheet.measured.join("\n"))))
}
