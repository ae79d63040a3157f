//! The runtime of this process. Waking another thread costs more than a call does, so whoever waits does the work: a thread
//! that waits for a call carries the whole runtime on meanwhile. When nobody waits, and for event loops, whose threads have
//! other things to do, a thread of the runtime's own does: the keeper.
//!
//! A forked child has none of its parent's threads: it gets a runtime of its own.

use std::{
    cell::Cell,
    io,
    pin::Pin,
    sync::{
        Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    thread::{self, Thread},
    time::{Duration, Instant},
};

use tokio::{
    runtime::{Builder, Runtime},
    sync::Notify,
    task::yield_now,
};

/// How many threads may block at once for stores and name look-ups.
pub(crate) const BLOCKING: usize = 16;

/// How long the keeper leaves the runtime to callers after their last call: the next one would have to ask for it again.
/// What goes on in the background rests that long at the most.
const LINGER: Duration = Duration::from_millis(20);

/// A runtime that was left alone for longer than this may not know yet that connections were closed.
const STALE: Duration = Duration::from_millis(1);

type Job = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What carries out the calls of one process.
pub(crate) struct Home {
    tokio: Runtime,
    began: Instant,
    /// Callers that wait on their own threads at this moment, and how many there have been.
    waiting: AtomicUsize,
    calls: AtomicU64,
    /// When the last of them was done, in microseconds since the beginning.
    left_at: AtomicU64,
    /// Whether the keeper carries the runtime on, or is about to.
    is_kept: AtomicBool,
    /// Whether the keeper is to come back at once.
    is_wanted: AtomicBool,
    leave: Notify,
    keeper: OnceLock<Thread>,
    /// What was begun and is not done, such as calls of event loops.
    begun: AtomicUsize,
    arrived: Notify,
    jobs: Mutex<Vec<Job>>,
}

/// Runtimes live as long as their processes: one that belongs to the parent must not be dropped in a child, which has none
/// of its threads.
static HOME: Mutex<Option<(u32, &'static Home)>> = Mutex::new(None);

thread_local! {
    static KNOWN: Cell<Option<(u32, &'static Home)>> = const { Cell::new(None) };
}

/// That of this process, made when it is first needed.
pub(crate) fn home() -> io::Result<&'static Home> {
    let process = std::process::id();
    if let Some((owner, home)) = KNOWN.get()
        && owner == process
    {
        return Ok(home);
    }
    let mut slot = lock(&HOME);
    let home = match *slot {
        Some((owner, home)) if owner == process => home,
        _ => {
            let home: &'static Home = Box::leak(Box::new(Home::new()?));
            home.start()?;
            *slot = Some((process, home));
            home
        }
    };
    KNOWN.set(Some((process, home)));
    Ok(home)
}

/// That of this process, if there is one.
pub(crate) fn existing() -> Option<&'static Home> {
    let process = std::process::id();
    lock(&HOME).and_then(|(owner, home)| (owner == process).then_some(home))
}

impl Home {
    fn new() -> io::Result<Self> {
        let tokio = Builder::new_current_thread()
            .max_blocking_threads(BLOCKING)
            .thread_name("orgconnect-blocking")
            .enable_all()
            .build()?;
        Ok(Self {
            tokio,
            began: Instant::now(),
            waiting: AtomicUsize::new(0),
            calls: AtomicU64::new(0),
            left_at: AtomicU64::new(0),
            is_kept: AtomicBool::new(true),
            is_wanted: AtomicBool::new(false),
            leave: Notify::new(),
            keeper: OnceLock::new(),
            begun: AtomicUsize::new(0),
            arrived: Notify::new(),
            jobs: Mutex::default(),
        })
    }

    fn start(&'static self) -> io::Result<()> {
        self.tokio.spawn(self.admit());
        let keeper = thread::Builder::new().name("orgconnect".into()).spawn(|| self.keep())?;
        let _ = self.keeper.set(keeper.thread().clone());
        Ok(())
    }

    /// Lets what is made meanwhile belong to this runtime.
    pub(crate) fn enter(&self) -> tokio::runtime::EnterGuard<'_> {
        self.tokio.enter()
    }

    /// Waits on this thread, and carries everything on meanwhile.
    pub(crate) fn wait_for<T>(&self, call: impl Future<Output = T>) -> T {
        struct Leave<'a>(&'a Home);
        impl Drop for Leave<'_> {
            fn drop(&mut self) {
                self.0.left_at.store(self.0.age(), Ordering::Relaxed);
                self.0.waiting.fetch_sub(1, Ordering::SeqCst);
            }
        }
        self.waiting.fetch_add(1, Ordering::SeqCst);
        let _leave = Leave(self);
        self.calls.fetch_add(1, Ordering::SeqCst);
        let mut is_stale = false;
        if !self.is_kept.load(Ordering::SeqCst) {
            let away = self.age().saturating_sub(self.left_at.load(Ordering::Relaxed));
            is_stale = u128::from(away) > STALE.as_micros();
        } else if self.begun.load(Ordering::SeqCst) == 0 && self.is_kept.swap(false, Ordering::SeqCst) {
            self.leave.notify_one();
        }
        let tasks = || self.tokio.metrics().num_alive_tasks();
        let before = tasks();
        let outcome = self.tokio.block_on(async {
            if is_stale {
                // Once to hear what has happened, and once for whom it concerns.
                yield_now().await;
                yield_now().await;
            }
            let outcome = call.await;
            if tasks() > before {
                // What is nearly done, such as giving a connection back, is done now.
                yield_now().await;
            }
            outcome
        });
        if tasks() > before {
            // A refresh, perhaps, that is not to wait for the next call.
            self.keep_on();
        }
        outcome
    }

    /// Begins something that goes on by itself. What is begun together wakes the runtime once.
    pub(crate) fn begin(&self, job: impl Future<Output = ()> + Send + 'static) {
        self.begun.fetch_add(1, Ordering::SeqCst);
        let is_first = {
            let mut jobs = lock(&self.jobs);
            jobs.push(Box::pin(job));
            jobs.len() == 1
        };
        // Whoever finds others waiting knows that the runtime has been woken and has not come yet.
        if is_first {
            self.arrived.notify_one();
        }
        if !self.is_kept.load(Ordering::SeqCst) {
            self.keep_on();
        }
    }

    /// Has the keeper carry on at once what somebody has left.
    pub(crate) fn keep_on(&self) {
        self.is_wanted.store(true, Ordering::SeqCst);
        if let Some(keeper) = self.keeper.get() {
            keeper.unpark();
        }
    }

    async fn admit(&'static self) {
        struct Done(&'static Home);
        impl Drop for Done {
            fn drop(&mut self) {
                self.0.begun.fetch_sub(1, Ordering::SeqCst);
            }
        }
        loop {
            self.arrived.notified().await;
            let jobs = std::mem::take(&mut *lock(&self.jobs));
            for job in jobs {
                let done = Done(self);
                tokio::spawn(async move {
                    let _done = done;
                    job.await;
                });
            }
        }
    }

    fn keep(&self) {
        loop {
            self.is_kept.store(true, Ordering::SeqCst);
            self.tokio.block_on(self.leave.notified());
            self.stand_by();
        }
    }

    /// Waits until no caller has come for a while, or there is something that no caller waits for.
    fn stand_by(&self) {
        let mut calls = self.calls.load(Ordering::SeqCst);
        while self.begun.load(Ordering::SeqCst) == 0 && !self.is_wanted.swap(false, Ordering::SeqCst) {
            thread::park_timeout(LINGER);
            let now = self.calls.load(Ordering::SeqCst);
            if now == calls && self.waiting.load(Ordering::SeqCst) == 0 {
                return;
            }
            calls = now;
        }
    }

    /// In microseconds.
    fn age(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
