//! The sandbox as a program: starts it, says where it is, and runs until it is interrupted.

#![forbid(unsafe_code)]

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use orgconnect_sandbox::{Application, NewApplication, Sandbox, SandboxError};
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};

/// A local server that behaves like Cronofy.
///
/// It listens on 127.0.0.1 only, needs no account, and is in memory unless --data names a file. The control API is under
/// /sandbox/.
#[derive(Debug, Parser)]
#[command(name = "orgconnect-sandbox", version)]
struct Arguments {
    /// The port to listen on; 0 takes a free one
    #[arg(long, default_value_t = 8787)]
    port: u16,
    /// Keep the world in this SQLite file
    #[arg(long, value_name = "FILE")]
    data: Option<PathBuf>,
    /// Make ids and secrets the same every time; without it they are random
    #[arg(long)]
    seed: Option<u64>,
    /// Approve every authorization at once, without a page
    #[arg(long)]
    auto_approve: bool,
    /// Print one line of JSON instead of text
    #[arg(long)]
    json: bool,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("orgconnect-sandbox: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), SandboxError> {
    let mut builder = Sandbox::builder()
        .auto_approve(arguments.auto_approve)
        .listen(SocketAddr::from((Ipv4Addr::LOCALHOST, arguments.port)));
    if let Some(seed) = arguments.seed {
        builder = builder.seed(seed);
    }
    if let Some(path) = arguments.data {
        builder = builder.data(path);
    }
    let sandbox = builder.start().await?;
    let (application, is_new) = demo_application(&sandbox);
    if arguments.json {
        print_json(&sandbox, &application, is_new);
    } else {
        print_text(&sandbox, &application, is_new);
    }
    interrupted().await;
    sandbox.shutdown().await;
    Ok(())
}

/// The first application, made when there is none; and whether it was made now.
fn demo_application(sandbox: &Sandbox) -> (Application, bool) {
    if let Some(application) = sandbox.control().applications().into_iter().next() {
        return (application, false);
    }
    let new =
        NewApplication { name: "Demo".into(), url: "http://localhost/".into(), ..NewApplication::default() };
    (sandbox.control().create_application(new), true)
}

fn print_json(sandbox: &Sandbox, application: &Application, is_new: bool) {
    let mut line = json!({ "url": sandbox.url(), "client_id": application.client_id });
    if is_new {
        line["client_secret"] = application.client_secret.clone().into();
    }
    println!("{line}");
}

fn print_text(sandbox: &Sandbox, application: &Application, is_new: bool) {
    println!("Sandbox:        {}", sandbox.url());
    println!("Dashboard:      {}/", sandbox.url());
    println!("Application:    {}", application.name);
    println!("Client id:      {}", application.client_id);
    if is_new {
        println!("Client secret:  {}  (shown once)", application.client_secret);
    }
    println!("Stop with Ctrl-C.");
}

/// Waits for Ctrl-C or a request to terminate.
async fn interrupted() {
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        let _ = tokio::signal::ctrl_c().await;
        return;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}
