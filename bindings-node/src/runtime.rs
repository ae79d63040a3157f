//! The thread that all I/O of this process happens on, and the way to it.
//!
//! One thread, because every hop between threads costs more than a call does: calls that are begun together wake it once,
//! and one that follows on the last that ended finds it awake. It belongs to the process and not to a JavaScript thread, so
//! that a refresh outlives the worker that caused it.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use orgconnect::Error;
use tokio::{runtime::Handle, sync::Notify, time::timeout};

/// Begins a task. It is called on the runtime's thread.
type Job = Box<dyn FnOnce() + Send>;

/// How long the thread keeps a timer running after the last job. Without one that ends earlier, the deadline of each new call
/// would have tokio wake the thread that is already at work, which costs a call to the kernel.
const BUSY: Duration = Duration::from_secs(1);
/// How long the thread looks out for another job when the last call has ended, before it sleeps. A program that makes one call
/// after the other begins the next within this time, and waking a thread takes as long.
const LOOKOUT: Duration = Duration::from_micros(50);

struct Runtime {
    queue: Arc<Queue>,
    handle: Handle,
}

/// Jobs that have not begun.
#[derive(Default)]
struct Queue {
    waiting: Mutex<Waiting>,
    /// Whether there are any, for a glance without the lock.
    has_jobs: AtomicBool,
    arrived: Notify,
    /// Tasks that have not ended.
    running: AtomicUsize,
    /// Whether the last of them has ended since the thread slept.
    has_ended: AtomicBool,
}

#[derive(Default)]
struct Waiting {
    jobs: Vec<Job>,
    /// Whether the thread looks out for jobs, and needs no waking.
    is_watched: bool,
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
    let running = Running::new(queue);
    queue.push(Box::new(move || {
        let task = job();
        drop(tokio::spawn(async move {
            let _running = running;
            task.await;
        }));
    }));
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
    let queue = Arc::new(Queue::default());
    let mut builder = tokio::runtime::Builder::new_current_thread();
    // On a single processor, looking out would keep from working whoever is to bring the job.
    if thread::available_parallelism().is_ok_and(|threads| threads.get() > 1) {
        let own = Arc::clone(&queue);
        builder.on_thread_park(move || own.look_out());
    }
    let tokio =
        builder.enable_all().thread_name("orgconnect-blocking").build().map_err(|error| error.to_string())?;
    let (own, handle) = (Arc::clone(&queue), tokio.handle().clone());
    thread::Builder::new()
        .name("orgconnect".into())
        .spawn(move || tokio.block_on(own.serve()))
        .map_err(|error| error.to_string())?;
    Ok(Runtime { queue, handle })
}

impl Queue {
    fn push(&self, job: Job) {
        let must_wake = {
            let mut waiting = self.waiting();
            waiting.jobs.push(job);
            self.has_jobs.store(true, Ordering::Relaxed);
            // Whoever finds others waiting knows that the thread has been woken and has not come yet.
            waiting.jobs.len() == 1 && !waiting.is_watched
        };
        if must_wake {
            self.arrived.notify_one();
        }
    }

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
            self.begin_jobs(false);
        }
    }

    /// Begins what waits. Whether it is watched from now on is settled together with that.
    fn begin_jobs(&self, is_watched: bool) {
        let jobs = {
            let mut waiting = self.waiting();
            waiting.is_watched = is_watched;
            self.has_jobs.store(false, Ordering::Relaxed);
            std::mem::take(&mut waiting.jobs)
        };
        for job in jobs {
            job();
        }
    }

    /// Looks out for a job for a moment when the last call has ended. The thread is about to sleep, and does not if this begins
    /// a task.
    fn look_out(&self) {
        if !self.has_ended.swap(false, Ordering::Relaxed) || self.running.load(Ordering::Relaxed) > 0 {
            return;
        }
        let until = Instant::now() + LOOKOUT;
        self.begin_jobs(true);
        while !self.has_jobs.load(Ordering::Relaxed) && Instant::now() < until {
            std::hint::spin_loop();
        }
        self.begin_jobs(false);
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts a task from the moment it is asked for to its end.
struct Running(Arc<Queue>);

impl Running {
    fn new(queue: &Arc<Queue>) -> Self {
        queue.running.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(queue))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.0.running.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.0.has_ended.store(true, Ordering::Relaxed);
        }
    }
}
