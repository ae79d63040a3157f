//! The command `orgconnect`: everything the SDK does, from a terminal. Decisions about Cronofy's API are the core's; this
//! crate reads arguments, calls, and prints.
#![forbid(unsafe_code)]

mod browser;
mod cli;
mod commands;
mod context;
mod demo;
mod failure;
mod interrupt;
mod loopback;
mod output;
mod values;

use std::process::ExitCode;

use clap::Parser;

use crate::{cli::Cli, context::Context, failure::Failure, output::Output};

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(refusal) => return refused(&refusal),
    };
    let output = Output::new(cli.global.json);
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("orgconnect: the runtime can't be started: {error}");
            return ExitCode::FAILURE;
        }
    };
    let context = Context::new(cli.global, output);
    let outcome = runtime.block_on(async {
        let outcome = commands::run(cli.command, &context).await;
        outcome.and(context.settle().await)
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            context.output.failure(&failure);
            ExitCode::from(failure.exit_code())
        }
    }
}

/// Prints what is wrong with the command line, or the help that was asked for.
fn refused(refusal: &clap::Error) -> ExitCode {
    let for_programs = std::env::args_os().any(|argument| argument == "--json");
    if !refusal.use_stderr() || !for_programs {
        refusal.exit();
    }
    let said = refusal.render().to_string();
    let failure = Failure::usage(said.trim_start_matches("error: ").trim());
    Output::new(true).failure(&failure);
    ExitCode::from(failure.exit_code())
}
