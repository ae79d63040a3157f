//! The command `orgconnect`: everything the SDK does, from a terminal. Decisions about Cronofy's API are the core's; this
//! crate reads arguments, calls, and prints.
#![forbid(unsafe_code)]

mod browser;
mod cli;
mod commands;
mod context;
mod demo;
mod failure;
mod loopback;
mod output;
mod values;

use std::process::ExitCode;

use clap::Parser;

use crate::{cli::Cli, context::Context, output::Output};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let output = Output::new(cli.global.json);
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("orgconnect: the runtime can't be started: {error}");
            return ExitCode::FAILURE;
        }
    };
    let context = Context::new(cli.global, output);
    match runtime.block_on(commands::run(cli.command, &context)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            context.output.failure(&failure);
            ExitCode::from(failure.exit_code())
        }
    }
}
