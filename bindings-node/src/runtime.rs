//! The thread that all I/O of this process happens on, and the way to it.
//!
//! One thread, because every hop between threads costs more than a call does: calls that are begun together wake it once.
//! It belongs to the process and not to a JavaScript thread, so that a refresh outlives the worker that caused it.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use tokio::sync::Notify;

type Job = Pin<Box<dyn Future<Output = ()> + Send>>;

struct Runtime {
    jobs: Mutex<Vec<Job>>,
    arrived: Notify,
}

static RUNTIME: OnceLock<Result<Arc<Runtime>, String>> = OnceLock::new();

/// Begins something on the runtime's thread.
///
/// # Errors
/// Why the thread could not be started.
pub(crate) fn begin(job: impl Future<Output = ()> + Send + 'static) -> Result<(), String> {
    let runtime = RUNTIME.get_or_init(start).as_ref().map_err(Clone::clone)?;
    let is_first = {
        let mut jobs = runtime.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        jobs.push(Box::pin(job));
        jobs.len() == 1
    };
    // Whoever finds others waiting knows that the thread has been woken and has not come yet.
    if is_first {
        runtime.arrived.notify_one();
    }
    Ok(())
}

fn start() -> Result<Arc<Runtime>, String> {
    let tokio = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .thread_name("orgconnect-blocking")
        .build()
        .map_err(|error| error.to_string())?;
    let runtime = Arc::new(Runtime { jobs: Mutex::default(), arrived: Notify::new() });
    let own = Arc::clone(&runtime);
    std::thread::Builder::new()
        .name("orgconnect".into())
        .spawn(move || tokio.block_on(own.serve()))
        .map_err(|error| error.to_string())?;
    Ok(runtime)
}

impl Runtime {
    async fn serve(&self) {
        loop {
            self.arrived.notified().await;
            let jobs = std::mem::take(&mut *self.jobs.lock().unwrap_or_else(PoisonError::into_inner));
            for job in jobs {
                tokio::spawn(job);
            }
        }
    }
}
