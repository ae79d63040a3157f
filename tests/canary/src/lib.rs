//! Lets a test's process write all that it logs at TRACE, and every panic, into a file. `tools/canary` searches these files,
//! and what the suites print, for secrets: those that sandboxes made to be recognized, and those that were sent to them.
//!
//! Nothing happens unless the environment variable `ORGCONNECT_CANARY` names a folder, as it does in `tools/test`.
#![forbid(unsafe_code)]

use std::{
    fmt::Debug,
    fs::{File, OpenOptions},
    io::Write,
    path::PathBuf,
    sync::{LazyLock, Mutex, PoisonError},
};

use tracing_subscriber::{EnvFilter, fmt::format::FmtSpan, util::SubscriberInitExt};

static LOG: LazyLock<Option<Mutex<File>>> = LazyLock::new(open);

/// Begins to write, once in a process.
pub fn watch() {
    LazyLock::force(&LOG);
}

/// Writes down what a user could see of a value, and could print.
pub fn note(value: &dyn Debug) {
    line(&format!("{value:?}\n{value:#?}"));
}

/// Writes down what a program has printed.
pub fn line(text: &str) {
    if let Some(log) = &*LOG {
        let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
        // What can't be written is not searched; the search counts what it has read.
        let _ = writeln!(log, "{text}");
    }
}

fn open() -> Option<Mutex<File>> {
    let folder = PathBuf::from(std::env::var_os("ORGCONNECT_CANARY").filter(|name| !name.is_empty())?);
    let program = std::env::current_exe().ok()?;
    let name = format!("{}-{}.trace", program.file_stem()?.to_string_lossy(), std::process::id());
    let file = OpenOptions::new().create(true).append(true).open(folder.join(name)).ok()?;
    let log = file.try_clone().ok()?;
    let subscriber = tracing_subscriber::fmt()
        // Of everything that is compiled in, HTTP, TLS and databases included.
        .with_env_filter(EnvFilter::new("trace"))
        .with_span_events(FmtSpan::NEW | FmtSpan::CLOSE)
        .with_ansi(false)
        .with_writer(Mutex::new(log))
        .finish();
    // What is logged by `log` is written as well. A test that looks at logs of its own sets them for its thread.
    let _ = subscriber.try_init();
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        line(&panic.to_string());
        hook(panic);
    }));
    Some(Mutex::new(file))
}
