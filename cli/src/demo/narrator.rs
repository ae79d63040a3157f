//! Tells the steps of the demo: one line each, what was sent and what came back.

use std::time::Instant;

use serde_json::json;

use crate::output::{Output, line};

pub(crate) struct Narrator {
    output: Output,
    began: Instant,
    number: usize,
}

impl Narrator {
    pub(crate) fn new(output: Output) -> Self {
        Self { output, began: Instant::now(), number: 0 }
    }

    pub(crate) fn step(&mut self, name: &str, sent: &str, received: &str) {
        self.number += 1;
        if self.output.is_json() {
            line(&json!({"step": self.number, "name": name, "sent": sent, "received": received}).to_string());
        } else {
            let mark = self.output.good("✓");
            line(&format!(
                "{mark} {:>2} {name:<11} {sent} {} {received}",
                self.number,
                self.output.faint("→")
            ));
        }
    }

    pub(crate) fn skip(&mut self, name: &str, why: &str) {
        self.number += 1;
        if self.output.is_json() {
            line(&json!({"step": self.number, "name": name, "skipped": why}).to_string());
        } else {
            line(&format!("- {:>2} {name:<11} skipped: {why}", self.number));
        }
    }

    pub(crate) fn end(&self) {
        let seconds = self.began.elapsed().as_secs_f64();
        if self.output.is_json() {
            line(&json!({"steps": self.number, "seconds": seconds}).to_string());
        } else {
            line(&format!("\nDone in {seconds:.1} s."));
        }
    }
}
