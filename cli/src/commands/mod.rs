//! The commands, each in a file of its name.

pub(crate) mod call;
mod connections;
mod doctor;
mod login;
mod members;
mod sandbox;
mod token;
mod webhook;
mod whoami;

use clap::CommandFactory;

use crate::{
    cli::{Cli, Command},
    context::Context,
    demo,
    failure::Result,
    output::line,
};

pub(crate) async fn run(command: Command, context: &Context) -> Result<()> {
    match command {
        Command::Demo(arguments) => demo::run(&arguments, context).await,
        Command::Sandbox(arguments) => sandbox::run(&arguments, context).await,
        Command::Login(arguments) => login::run(arguments, context).await,
        Command::Connections { command } => connections::run(command, context).await,
        Command::Doctor(arguments) => doctor::run(&arguments, context).await,
        Command::Members(acting) => members::run(&acting, context).await,
        Command::Whoami(acting) => whoami::run(&acting, context).await,
        Command::Call(arguments) => call::run(&arguments, context).await,
        Command::Token(command) => token::run(command, context).await,
        Command::Webhook(command) => webhook::run(command, context),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "orgconnect", &mut script);
            line(String::from_utf8_lossy(&script).trim_end());
            Ok(())
        }
    }
}
