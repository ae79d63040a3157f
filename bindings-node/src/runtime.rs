//! The thread that all I/O of this process happens on, and the way to it.
//!
//! One thread, because every hop between threads costs more than a call does: calls that are begun together wake it once.
//! It belongs to the process and not to a JavaScript thread, so that a refresh outlives the worker that caused it.

use std::{
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};

use orgconnect::Error;
use tokio::{runtime::Handle, sync::Notify, time::timeout};

/// Begins a task. It is called on the runtime's thread.
type Job = Box<dyn FnOnce() + Send>;

/// How long the thread keeps a timer running after the last job. Without one that ends earlier, the deadline of each new call
/// would have tokio wake the thread that is already at work, which costs a call to the kernel.
const BUSY: Duration = Duration::from_secs(1);

struct Runtime {
    queue: Arc<Queue>,
    handle: Handle,
}

/// Jobs that have not begun.
#[derive(Default)]
struct Queue {
    jobs: Mutex<Vec<Job>>,
    arrived: Notify,
}

static RUNTIME: OnceLock<Result<Runtime, String>> = OnceLock::new();

/// Begins something on the runtime's thread, where its future is made.
///
/// # Errors
/// [`Config`](orgconnect::ErrorKind::Config) if the thread could not be started.
pub(crate) fn begin<F>(job: impl FnOnce() -> F + Send + 'static) -> orgconnect::Result<()>
where
    F: Future<Output = ()> + Send + 'static,
{
    let queue = &runtime()?.queue;
    let is_first = {
        let mut jobs = queue.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        jobs.push(Box::new(move || drop(tokio::spawn(job()))));
        jobs.len() == 1
    };
    // Whoever finds others waiting knows that the thread has been woken and has not come yet.
    if is_first {
        queue.arrived.notify_one();
    }
    Ok(())
}

/// Does something that spawns tasks of its own, which then run on the runtime's thread.
///
/// # Errors
/// [`Config`](orgconnect::ErrorKind::Config) if the thread could not be started.
pub(crate) fn within<T>(act: impl FnOnce() -> T) -> orgconnect::Result<T> {
    let _within = runtime()?.handle.enter();
    Ok(act())
}

fn runtime() -> orgconnect::Result<&'static Runtime> {
    RUNTIME
        .get_or_init(start)
        .as_ref()
        .map_err(|why| Error::config("process", format!("a thread could not be started: {why}")))
}

fn start() -> Result<Runtime, String> {
    let tokio = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .thread_name("orgconnect-blocking")
        .build()
        .map_err(|error| error.to_string())?;
    let (queue, handle) = (Arc::new(Queue::default()), tokio.handle().clone());
    let own = Arc::clone(&queue);
    std::thread::Builder::new()
        .name("orgconnect".into())
        .spawn(move || tokio.block_on(own.serve()))
        .map_err(|error| error.to_string())?;
    Ok(Runtime { queue, handle })
}

impl Queue {
    async fn serve(&self) {
        let mut is_busy = false;
        loop {
            let arrived = self.arrived.notified();
            if !is_busy {
                arrived.await;
            } else if timeout(BUSY, arrived).await.is_err() {
                is_busy = false;
                continue;
            }
            is_busy = true;
            let jobs = std::mem::take(&mut *self.jobs.lock().unwrap_or_else(PoisonError::into_inner));
            for job in jobs {
                job();
            }
        }
    }
}
