//! Forks. Everything rests while the process is copied, so that the child inherits no lock that is held; what was made
//! before the fork is made again in the child by whoever needs it ([`Renewed`]).

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc::{self, Receiver, Sender},
    },
    thread,
    time::{Duration, Instant},
};

use pyo3::prelude::*;

use crate::{
    ending::{self, detach},
    runtime::{self, BLOCKING},
};

/// How long a fork waits for others to come to rest.
const REST: Duration = Duration::from_millis(500);

/// Ends the rests that [`before_fork`] began.
static RESTING: Mutex<Vec<Sender<()>>> = Mutex::new(Vec::new());

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

/// Calls that are worked on, on their callers' threads, at this moment.
static INSIDE: AtomicUsize = AtomicUsize::new(0);
/// Whether a fork is being prepared, so that nothing begins.
static CLOSED: AtomicBool = AtomicBool::new(false);

/// Runs `work`, unless a fork is being prepared, which is then waited for. Called without the interpreter.
pub(crate) fn between_forks<T>(work: impl FnOnce() -> T) -> T {
    let _inside = loop {
        match Inside::step() {
            Some(inside) => break inside,
            None => pause(),
        }
    };
    work()
}

/// Runs `work`, unless a fork is being prepared.
pub(crate) fn unless_forking<T>(work: impl FnOnce() -> T) -> Option<T> {
    let _inside = Inside::step()?;
    Some(work())
}

struct Inside;

impl Inside {
    fn step() -> Option<Self> {
        INSIDE.fetch_add(1, Ordering::SeqCst);
        let inside = Self;
        (!CLOSED.load(Ordering::SeqCst)).then_some(inside)
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        INSIDE.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Waits a little for a fork to be over.
pub(crate) fn pause() {
    thread::sleep(Duration::from_micros(100));
}

/// Something that is at rest until the other end is dropped, or a fork has failed.
pub(crate) fn rest(rests: &Sender<()>, ended: &Receiver<()>) {
    let _ = rests.send(());
    let _ = ended.recv_timeout(REST * 4);
}

/// Brings everything to rest, so that no lock is held while the process is copied: neither by threads that wait
/// for calls, nor by whoever carries the runtime on, nor by those that block for it.
#[pyfunction]
pub(crate) fn before_fork(py: Python<'_>) {
    // A store of the application's own may need the interpreter to come to its end.
    let resting = detach(py, || {
        let until = Instant::now() + REST;
        CLOSED.store(true, Ordering::SeqCst);
        while INSIDE.load(Ordering::SeqCst) > 0 && Instant::now() < until {
            thread::sleep(Duration::from_micros(50));
        }
        let mut resting = Vec::new();
        if let Some(home) = runtime::existing() {
            resting
                .extend(all_rest(1, until, |rests, ended| home.begin(async move { rest(&rests, &ended) })));
            // As many as there may be: when all of them rest, nothing else is running.
            let _context = home.enter();
            resting.extend(all_rest(BLOCKING, until, |rests, ended| {
                drop(tokio::task::spawn_blocking(move || rest(&rests, &ended)));
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
    ending::after_fork_in_child();
    CLOSED.store(false, Ordering::SeqCst);
}
