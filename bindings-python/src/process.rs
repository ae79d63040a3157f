//! The runtime of this process. A forked child has none of its parent's threads: it gets a runtime of its own, and what
//! was made before the fork is made again by whoever needs it ([`Renewed`]).

use std::{
    cell::Cell,
    sync::{
        Mutex, PoisonError,
        mpsc::{self, Sender},
    },
    time::Duration,
};

use pyo3::prelude::*;
use tokio::runtime::{Builder, Runtime};

/// How long a fork waits for the worker to come to rest. It never waits for Python, so this is never used up.
const REST: Duration = Duration::from_millis(500);

/// Runtimes live as long as their processes: one that belongs to the parent must not be dropped in a child, which has none
/// of its threads.
static RUNTIME: Mutex<Option<(u32, &'static Runtime)>> = Mutex::new(None);
/// Ends the rest of the worker that [`before_fork`] began.
static RESTING: Mutex<Option<Sender<()>>> = Mutex::new(None);

thread_local! {
    static KNOWN: Cell<Option<(u32, &'static Runtime)>> = const { Cell::new(None) };
}

/// The runtime of this process.
///
/// One worker thread is enough for far more calls than Cronofy takes, and each further one costs time to wake. Callers
/// that wait synchronously carry out their calls on their own threads.
pub(crate) fn runtime() -> std::io::Result<&'static Runtime> {
    let process = std::process::id();
    if let Some((owner, runtime)) = KNOWN.get()
        && owner == process
    {
        return Ok(runtime);
    }
    let mut slot = RUNTIME.lock().unwrap_or_else(PoisonError::into_inner);
    let runtime = match *slot {
        Some((owner, runtime)) if owner == process => runtime,
        _ => {
            let built = Builder::new_multi_thread()
                .worker_threads(1)
                .thread_name("orgconnect")
                .enable_all()
                .build()?;
            let runtime: &'static Runtime = Box::leak(Box::new(built));
            *slot = Some((process, runtime));
            runtime
        }
    };
    KNOWN.set(Some((process, runtime)));
    Ok(runtime)
}

/// A value that belongs to a process, and is made again in a forked child. The old one is left alone there: what it holds,
/// such as sockets and locks, is its parent's.
pub(crate) struct Renewed<T>(Mutex<(u32, T)>);

impl<T: Clone> Renewed<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(Mutex::new((std::process::id(), value)))
    }

    pub(crate) fn get<E>(&self, renew: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        let process = std::process::id();
        let mut slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if slot.0 != process {
            let old = std::mem::replace(&mut *slot, (process, renew()?));
            std::mem::forget(old);
        }
        Ok(slot.1.clone())
    }
}

/// Brings the worker to rest, so that no lock is held while the process is copied.
#[pyfunction]
pub(crate) fn before_fork() {
    let slot = *RUNTIME.lock().unwrap_or_else(PoisonError::into_inner);
    let Some((owner, runtime)) = slot else { return };
    if owner != std::process::id() {
        return;
    }
    let (rests, resting) = mpsc::channel();
    let (end, ended) = mpsc::channel::<()>();
    runtime.spawn(async move {
        let _ = rests.send(());
        // The other end is dropped as soon as the fork is done.
        let _ = ended.recv_timeout(REST * 4);
    });
    let _ = resting.recv_timeout(REST);
    *RESTING.lock().unwrap_or_else(PoisonError::into_inner) = Some(end);
}

/// Lets the worker go on.
#[pyfunction]
pub(crate) fn after_fork_in_parent() {
    RESTING.lock().unwrap_or_else(PoisonError::into_inner).take();
}

/// Forgets the parent's worker.
#[pyfunction]
pub(crate) fn after_fork_in_child() {
    std::mem::forget(RESTING.lock().unwrap_or_else(PoisonError::into_inner).take());
}
