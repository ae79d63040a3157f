//! Forks. A child process inherits memory, but none of the threads that keep connections, runtimes and locks going: what
//! depends on them is made afresh in the child, and a runtime that was inherited is refused.

use std::{
    cell::Cell,
    sync::{
        LazyLock, Mutex, OnceLock,
        atomic::{AtomicU32, Ordering},
    },
};

use tokio::runtime::{Handle, Id};

use crate::{Error, ErrorKind, Result, lock::lock};

/// The process as it was noticed last.
static NOTICED: AtomicU32 = AtomicU32::new(0);

/// The runtimes that were used, with the process in which each was used first.
static RUNTIMES: LazyLock<Mutex<Vec<(Id, u32)>>> = LazyLock::new(Mutex::default);
/// More runtimes than this are not remembered; programs have one or two, test suites many.
const MOST_RUNTIMES: usize = 4096;

thread_local! {
    /// The runtime and the process that this thread was found in last.
    static HERE: Cell<Option<(Id, u32)>> = const { Cell::new(None) };
}

/// Notices whether this is a process that was forked since. Every call and every access to the store begins with it.
///
/// # Errors
/// [`Config`](ErrorKind::Config), code `forked`, on a runtime that was started before the fork: its threads are in the
/// parent, so waiting on it would never end.
pub(crate) fn notice() -> Result<()> {
    let process = current();
    let Ok(runtime) = Handle::try_current().map(|handle| handle.id()) else { return Ok(()) };
    if HERE.get() == Some((runtime, process)) {
        return Ok(());
    }
    let mut runtimes = lock(&RUNTIMES);
    match runtimes.iter().find(|(known, _)| *known == runtime) {
        Some((_, first)) if *first != process => Err(Error::new(
            ErrorKind::Config,
            "this process was forked after its async runtime was started, and the runtime did not come along; start a runtime in the child",
        )
        .with_code("forked")),
        Some(_) => {
            HERE.set(Some((runtime, process)));
            Ok(())
        }
        None => {
            if runtimes.len() >= MOST_RUNTIMES {
                runtimes.remove(0);
            }
            runtimes.push((runtime, process));
            HERE.set(Some((runtime, process)));
            Ok(())
        }
    }
}

/// Notices a fork where nothing is waited for, and any runtime will do.
pub(crate) fn current() -> u32 {
    let process = std::process::id();
    if NOTICED.load(Ordering::Relaxed) != process {
        NOTICED.store(process, Ordering::SeqCst);
    }
    process
}

/// A value that each process has one of its own of: a forked child never sees the one that it inherited, whose locks may
/// be held by threads that don't exist any more.
pub(crate) struct PerProcess<T> {
    process: u32,
    value: T,
    /// That of a child of this process.
    next: OnceLock<Box<PerProcess<T>>>,
}

impl<T> PerProcess<T> {
    pub(crate) fn new(value: T) -> Self {
        Self { process: current(), value, next: OnceLock::new() }
    }

    /// The value of this process, as it was [noticed](notice) last.
    pub(crate) fn get(&self, afresh: impl FnOnce() -> T) -> &T {
        let process = NOTICED.load(Ordering::Relaxed);
        let mut found = self;
        while found.process != process {
            let Some(next) = found.next.get() else {
                // Another thread may be first; what it makes is of this process, too.
                let own = || Box::new(Self { process, value: afresh(), next: OnceLock::new() });
                return &found.next.get_or_init(own).value;
            };
            found = next;
        }
        &found.value
    }
}
