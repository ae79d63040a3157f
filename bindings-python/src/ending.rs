//! The end of the interpreter. Until Python 3.14 a thread that asks for the interpreter when it has begun to end is ended where
//! it stands, by unwinding, which no frame of Rust survives. So nobody asks any more once the end is near: whoever has come from
//! a call by then waits, as a daemon thread, for the process to be over, and the end waits for those who have just asked.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::{self, ThreadId},
    time::{Duration, Instant},
};

use pyo3::prelude::*;

/// How long the end waits for those who have asked for the interpreter, or work in it.
const LAST: Duration = Duration::from_secs(1);

static IS_NEAR: AtomicBool = AtomicBool::new(false);
/// Those who have asked for the interpreter, or are called back by this package.
static ASKING: AtomicUsize = AtomicUsize::new(0);
/// The thread that ends the interpreter: it goes on as ever.
static ENDING: Mutex<Option<ThreadId>> = Mutex::new(None);

/// Somebody asks for the interpreter, until this is dropped.
pub(crate) struct Asking;

impl Asking {
    /// None if the end is near.
    pub(crate) fn unless_near() -> Option<Self> {
        ASKING.fetch_add(1, Ordering::SeqCst);
        let asking = Self;
        let is_allowed = !IS_NEAR.load(Ordering::SeqCst) || is_ending();
        is_allowed.then_some(asking)
    }

    /// Does not return if the end is near.
    pub(crate) fn begin() -> Self {
        loop {
            if let Some(asking) = Self::unless_near() {
                return asking;
            }
            thread::park_timeout(LAST);
        }
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        ASKING.fetch_sub(1, Ordering::SeqCst);
    }
}

fn is_ending() -> bool {
    *ENDING.lock().unwrap_or_else(PoisonError::into_inner) == Some(thread::current().id())
}

/// Works with the interpreter free for others.
pub(crate) fn detach<T: Send>(py: Python<'_>, work: impl FnOnce() -> T + Send) -> T {
    let (value, asking) = py.detach(|| {
        let value = work();
        (value, Asking::begin())
    });
    drop(asking);
    value
}

/// The interpreter is about to end. Called by `atexit`, after everything that was registered since this package was imported.
#[pyfunction]
pub(crate) fn before_end(py: Python<'_>) {
    *ENDING.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread::current().id());
    IS_NEAR.store(true, Ordering::SeqCst);
    if ASKING.load(Ordering::SeqCst) == 0 {
        // A subinterpreter that ends with the process would not get back what it lets go.
        return;
    }
    py.detach(|| {
        let until = Instant::now() + LAST;
        while ASKING.load(Ordering::SeqCst) > 0 && Instant::now() < until {
            thread::sleep(Duration::from_micros(50));
        }
    });
}

/// Forgets the parent's threads.
pub(crate) fn after_fork_in_child() {
    ASKING.store(0, Ordering::SeqCst);
}
