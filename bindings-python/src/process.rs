//! The runtime of this process. A forked child has none of its parent's threads: it gets a runtime of its own, and what
//! was made before the fork is made again by whoever needs it ([`Renewed`]).

use std::{
    cell::Cell,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc::{self, Receiver, Sender},
    },
    thread,
    time::{Duration, Instant},
};

use pyo3::prelude::*;
use tokio::runtime::{Builder, Runtime};

/// How long a fork waits for others to come to rest.
const REST: Duration = Duration::from_millis(500);

/// Runtimes live as long as their processes: one that belongs to the parent must not be dropped in a child, which has none
/// of its threads.
static RUNTIME: Mutex<Option<(u32, &'static Runtime)>> = Mutex::new(None);
/// Ends the rests that [`before_fork`] began.
static RESTING: Mutex<Vec<Sender<()>>> = Mutex::new(Vec::new());

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
                .max_blocking_threads(BLOCKING)
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

/// How many threads may block at once for stores and name look-ups.
const BLOCKING: usize = 16;

/// Calls that are being carried out on their callers' threads at this moment.
static INSIDE: AtomicUsize = AtomicUsize::new(0);
/// Whether a fork is being prepared, so that nothing begins.
static CLOSED: AtomicBool = AtomicBool::new(false);

/// Runs `work`, unless a fork is being prepared, which is then waited for. Called without the interpreter.
pub(crate) fn between_forks<T>(work: impl FnOnce() -> T) -> T {
    struct Leave;
    impl Drop for Leave {
        fn drop(&mut self) {
            INSIDE.fetch_sub(1, Ordering::SeqCst);
        }
    }
    loop {
        INSIDE.fetch_add(1, Ordering::SeqCst);
        let leave = Leave;
        if !CLOSED.load(Ordering::SeqCst) {
            let done = work();
            drop(leave);
            return done;
        }
        drop(leave);
        thread::sleep(Duration::from_micros(100));
    }
}

/// Something that is at rest until the other end is dropped, or a fork has failed.
pub(crate) fn rest(rests: &Sender<()>, ended: &Receiver<()>) {
    let _ = rests.send(());
    let _ = ended.recv_timeout(REST * 4);
}

/// Brings everything to rest, so that no lock is held while the process is copied: neither by threads that carry out
/// calls, nor by the worker, nor by those that block for it.
#[pyfunction]
pub(crate) fn before_fork(py: Python<'_>) {
    // A store of the application's own may need the interpreter to come to its end.
    let resting = py.detach(|| {
        let until = Instant::now() + REST;
        CLOSED.store(true, Ordering::SeqCst);
        while INSIDE.load(Ordering::SeqCst) > 0 && Instant::now() < until {
            thread::sleep(Duration::from_micros(50));
        }
        let slot = *RUNTIME.lock().unwrap_or_else(PoisonError::into_inner);
        let mut resting = Vec::new();
        if let Some((owner, runtime)) = slot
            && owner == std::process::id()
        {
            resting.extend(all_rest(1, until, |rests, ended| {
                runtime.spawn(async move { rest(&rests, &ended) });
            }));
            // As many as there may be: when all of them rest, nothing else is running.
            resting.extend(all_rest(BLOCKING, until, |rests, ended| {
                drop(runtime.spawn_blocking(move || rest(&rests, &ended)));
            }));
        }
        #[cfg(feature = "sandbox")]
        resting.extend(crate::sandbox::rest_all(until));
        resting
    });
    *RESTING.lock().unwrap_or_else(PoisonError::into_inner) = resting;
}

/// Starts so many rests, and waits until all have begun. They end when what is returned is dropped.
pub(crate) fn all_rest(
    count: usize,
    until: Instant,
    mut start: impl FnMut(Sender<()>, Receiver<()>),
) -> Vec<Sender<()>> {
    let (rests, resting) = mpsc::channel();
    let ends: Vec<_> = (0..count)
        .map(|_| {
            let (end, ended) = mpsc::channel();
            start(rests.clone(), ended);
            end
        })
        .collect();
    for _ in 0..count {
        if resting.recv_timeout(until.saturating_duration_since(Instant::now())).is_err() {
            break;
        }
    }
    ends
}

/// Lets everything go on.
#[pyfunction]
pub(crate) fn after_fork_in_parent() {
    RESTING.lock().unwrap_or_else(PoisonError::into_inner).clear();
    CLOSED.store(false, Ordering::SeqCst);
}

/// Forgets the parent's threads.
#[pyfunction]
pub(crate) fn after_fork_in_child() {
    let resting = std::mem::take(&mut *RESTING.lock().unwrap_or_else(PoisonError::into_inner));
    std::mem::forget(resting);
    INSIDE.store(0, Ordering::SeqCst);
    CLOSED.store(false, Ordering::SeqCst);
}
