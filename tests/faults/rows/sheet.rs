//! What a row is, and the sheet on which it counts what happened. The verdict follows from the sheet alone.

use std::{fmt::Display, future::Future, pin::Pin};

/// A row of the table.
#[derive(Clone, Copy)]
pub struct Row {
    /// Its number, which issues and tests cite.
    pub number: &'static str,
    /// The behaviour that is shown.
    pub name: &'static str,
    /// What is done, with the full numbers.
    pub provoked: &'static str,
    /// What it is measured for one after the other, each in words that `ROWS` may name; a row that is not split has one
    /// part without a name.
    pub parts: fn() -> Vec<String>,
    pub play: for<'a> fn(&'a mut Sheet) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>>,
}

/// Makes a [`Row`] of an async function, and of one that lists its parts if it has any.
macro_rules! row {
    ($number:literal, $name:literal, $provoked:literal, $play:path) => {
        $crate::sheet::row!($number, $name, $provoked, || vec![String::new()], $play)
    };
    ($number:literal, $name:literal, $provoked:literal, $parts:expr, $play:path) => {
        $crate::sheet::Row {
            number: $number,
            name: $name,
            provoked: $provoked,
            parts: $parts,
            play: |sheet| Box::pin($play(sheet)),
        }
    };
}
pub(crate) use row;

/// What happened in a row.
#[derive(Debug, Default)]
pub struct Sheet {
    full: bool,
    part: String,
    pub runs: u64,
    pub lost: u64,
    pub leaked: u64,
    pub measured: Vec<String>,
    pub short: Vec<String>,
    broken: Vec<String>,
}

impl Sheet {
    pub fn new(full: bool, part: &str) -> Self {
        Self { full, part: part.to_owned(), ..Self::default() }
    }

    /// The part of the row that is played.
    pub fn part(&self) -> &str {
        &self.part
    }

    /// The number for this form. `ORGCONNECT_FAULTS_SHARE` (percent) makes the full one smaller, which the page says.
    pub fn scale(&mut self, what: &str, quick: u64, full: u64) -> u64 {
        if !self.full {
            return quick;
        }
        let share = std::env::var("ORGCONNECT_FAULTS_SHARE").ok().and_then(|share| share.parse::<u64>().ok());
        let number = share.map_or(full, |share| (full * share / 100).max(quick));
        if number < full {
            self.short_of(format!("{number} of {full} {what}, to fit the time there was"));
        }
        number
    }

    pub fn is_full(&self) -> bool {
        self.full
    }

    /// Says what was measured.
    pub fn note(&mut self, what: impl Display) {
        self.measured.push(what.to_string());
    }

    /// Says which promised number was not tried, and why.
    pub fn short_of(&mut self, what: impl Display) {
        self.short.push(what.to_string());
    }

    /// A promise; broken unless it holds.
    pub fn hold(&mut self, promise: impl Display, holds: bool) {
        let promise = promise.to_string();
        if !holds && !self.broken.contains(&promise) {
            self.broken.push(promise);
        }
    }

    /// A promise about two numbers that must be the same.
    pub fn equal(&mut self, promise: &str, found: impl Display + PartialEq<u64>, wanted: u64) {
        let holds = found == wanted;
        self.hold(format!("{promise}: {found}, and not {wanted}"), holds);
    }

    /// The verdict: every promise held, nothing was lost, nothing leaked, and something ran.
    pub fn verdict(&self) -> Result<(), String> {
        let mut broken = self.broken.clone();
        if self.runs == 0 {
            broken.push("nothing ran".to_owned());
        }
        if self.lost > 0 {
            broken.push(format!("{} lost", self.lost));
        }
        if self.leaked > 0 {
            broken.push(format!("{} leaked", self.leaked));
        }
        if broken.is_empty() { Ok(()) } else { Err(broken.join("; ")) }
    }
}
