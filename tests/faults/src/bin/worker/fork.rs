//! Forks a process that has used the SDK, as application servers do that load an application before they fork.

use std::{
    collections::BTreeMap,
    sync::Arc,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use orgconnect::Client;
use orgconnect_faults::worker::variable;
use serde_json::json;

use crate::{Outcome, call, client, say, setting};

/// How long a child may take for everything.
const PATIENCE: Duration = Duration::from_secs(5);

/// Forks again and again while other threads use the client. Each child first calls on the runtime that the parent made,
/// which must fail clearly within a second, and then on one of its own, which must work.
pub(crate) fn run(forks: u32) -> Outcome<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let (client, connection) = (runtime.block_on(client())?, setting(variable::CONNECTION)?);
    runtime.block_on(call(&client, &connection))?;
    let stop = Arc::new(AtomicBool::new(false));
    for _ in 0..2 {
        let (client, connection, stop) = (client.clone(), connection.clone(), Arc::clone(&stop));
        runtime.spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                let _ = call(&client, &connection).await;
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        });
    }
    let mut ends = BTreeMap::<String, u32>::new();
    for _ in 0..forks {
        *ends.entry(one(|| child(&runtime, &client, &connection))?).or_default() += 1;
    }
    stop.store(true, Ordering::Relaxed);
    say(&json!({ "forks": forks, "ends": ends }))
}

/// What a child does; its exit status says which step failed.
fn child(inherited: &tokio::runtime::Runtime, client: &Client, connection: &str) -> i32 {
    let began = Instant::now();
    match inherited.block_on(call(client, connection)) {
        Err(error) if error.code() == Some("forked") => {}
        Err(_) => return 2,
        Ok(()) => return 3,
    }
    if began.elapsed() > Duration::from_secs(1) {
        return 4;
    }
    let Ok(own) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return 5 };
    match own.block_on(call(client, connection)) {
        Ok(()) => 0,
        Err(error) if error.code() == Some("store_refused") && error.message().contains("forked") => 7,
        Err(_) => 6,
    }
}

/// Forks once and waits for the child; a word for how it ended.
#[allow(unsafe_code, reason = "the calls that fork, wait and leave")]
fn one(work: impl FnOnce() -> i32) -> Outcome<String> {
    // SAFETY: the child runs `work` and leaves without unwinding into what it shares with the parent.
    match unsafe { libc::fork() } {
        -1 => Err(std::io::Error::last_os_error().into()),
        0 => {
            let status = work();
            // SAFETY: leaves at once, without destructors: the parent's threads that they would wait for aren't here.
            unsafe { libc::_exit(status) }
        }
        child => {
            let began = Instant::now();
            let mut status = 0;
            // SAFETY: `status` outlives the call.
            while unsafe { libc::waitpid(child, &raw mut status, libc::WNOHANG) } == 0 {
                if began.elapsed() > PATIENCE {
                    // SAFETY: ends and collects our own child.
                    unsafe {
                        libc::kill(child, libc::SIGKILL);
                        libc::waitpid(child, &raw mut status, 0);
                    }
                    return Ok("hung".to_owned());
                }
                std::thread::sleep(Duration::from_millis(1));
            }
            Ok(match libc::WEXITSTATUS(status) {
                0 if libc::WIFEXITED(status) => "fine".to_owned(),
                7 if libc::WIFEXITED(status) => "refused".to_owned(),
                code if libc::WIFEXITED(status) => format!("step {code}"),
                _ => "crashed".to_owned(),
            })
        }
    }
}
