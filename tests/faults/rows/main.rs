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

/// The rows that `ORGCONNECT_FAULTS_ROWS` names, or all.
fn chosen() -> Vec<Row> {
    let names = std::env::var("ORGCONNECT_FAULTS_ROWS").unwrap_or_default();
    let names: Vec<&str> = names.split_whitespace().collect();
    rows().into_iter().filter(|row| names.is_empty() || names.contains(&row.number)).collect()
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
        .map(|row| {
            Trial::test(format!("{} {}", row.number, row.name), move || play(row, full)).with_kind("row")
        })
        .collect();
    let conclusion = libtest_mimic::run(&arguments, trials);
    if full && !arguments.list {
        page::print();
        page::write(&rows()).expect("the reliability page can be written");
    }
    conclusion.exit_code()
}

/// Plays a row on a runtime of its own.
fn play(row: Row, full: bool) -> Result<(), Failed> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build()?;
    let mut sheet = Sheet::new(full);
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
                (Sheet::new(full), Err(why))
            }
        }
    });
    runtime.shutdown_background();
    let verdict = finished.and_then(|()| sheet.verdict());
    page::record(&row, &sheet, &verdict, began.elapsed());
    verdict.map_err(|why| Failed::from(format!("{why}\n{}", sheet.measured.join("\n"))))
}
