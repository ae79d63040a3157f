//! Calls of one asyncio event loop. Completed calls queue up here, and the loop is woken once for all of them: by a byte on
//! a socket that it watches, so that the thread that completes calls never waits for the interpreter.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use futures_util::future::{AbortHandle, abortable};
use pyo3::{intern, prelude::*};

use crate::{
    ending::Asking,
    runtime,
    work::{Deliver, Work},
};

/// The calls that one event loop waits for.
#[pyclass(frozen, module = "orgconnect._native")]
pub(crate) struct Hub {
    done: Arc<Done>,
    waiting: Mutex<HashMap<u64, Waiting>>,
    next: AtomicU64,
}

struct Waiting {
    future: Py<PyAny>,
    end: AbortHandle,
}

/// What has completed and was not delivered yet.
struct Done {
    queue: Mutex<Vec<(u64, Deliver)>>,
    bell: Bell,
}

#[pymethods]
impl Hub {
    /// `wake` is called to wake the loop, from another thread; without it, the loop watches `fileno()`.
    #[new]
    #[pyo3(signature = (wake = None))]
    fn new(wake: Option<Py<PyAny>>) -> PyResult<Self> {
        let bell = match wake {
            Some(wake) => Bell::Call(Arc::new(wake)),
            None => Bell::socket()?,
        };
        let done = Done { queue: Mutex::default(), bell };
        Ok(Self { done: Arc::new(done), waiting: Mutex::default(), next: AtomicU64::new(0) })
    }

    /// What the loop watches; -1 where it is woken by a call.
    fn fileno(&self) -> i32 {
        self.done.bell.fileno()
    }

    /// Begins a call whose outcome is given to `future`, and returns its number.
    fn start(&self, work: &Work, future: Py<PyAny>) -> PyResult<u64> {
        let begun = work.take()?;
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let (done, home) = (Arc::clone(&self.done), runtime::home()?);
        let mut waiting = lock(&self.waiting);
        let (call, end) = abortable(begun);
        waiting.insert(number, Waiting { future, end });
        drop(waiting);
        home.begin(async move {
            if let Ok(deliver) = call.await {
                done.push(number, deliver);
            }
        });
        Ok(number)
    }

    /// Ends a call that nobody waits for any more. One that has completed is left alone.
    fn cancel(&self, number: u64) {
        let waiting = lock(&self.waiting).remove(&number);
        if let Some(waiting) = waiting {
            waiting.end.abort();
        }
    }

    /// Delivers what has completed. What one delivery raises, such as `KeyboardInterrupt`, keeps none of the others back.
    fn drain(&self, py: Python<'_>) -> PyResult<()> {
        let mut raised = Ok(());
        for (number, deliver) in self.done.take() {
            let Some(waiting) = lock(&self.waiting).remove(&number) else { continue };
            if let Err(error) = waiting.deliver(py, deliver) {
                raised = Err(error);
            }
        }
        raised
    }
}

impl Waiting {
    fn deliver(self, py: Python<'_>, deliver: Deliver) -> PyResult<()> {
        let future = self.future.bind(py);
        if future.call_method0(intern!(py, "done"))?.is_truthy()? {
            return Ok(());
        }
        match deliver(py) {
            Ok(value) => future.call_method1(intern!(py, "set_result"), (value,))?,
            Err(error) => future.call_method1(intern!(py, "set_exception"), (error,))?,
        };
        Ok(())
    }
}

impl Done {
    fn push(&self, number: u64, deliver: Deliver) {
        let was_empty = {
            let mut queue = lock(&self.queue);
            queue.push((number, deliver));
            queue.len() == 1
        };
        if was_empty {
            self.bell.ring();
        }
    }

    fn take(&self) -> Vec<(u64, Deliver)> {
        // First the bell, then the queue: what completes in between rings again.
        self.bell.hush();
        std::mem::take(&mut *lock(&self.queue))
    }
}

enum Bell {
    #[cfg(unix)]
    Socket {
        ours: std::os::unix::net::UnixStream,
        theirs: std::os::unix::net::UnixStream,
    },
    Call(Arc<Py<PyAny>>),
}

impl Bell {
    #[cfg(unix)]
    fn socket() -> PyResult<Self> {
        let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        theirs.set_nonblocking(true)?;
        Ok(Self::Socket { ours, theirs })
    }

    #[cfg(not(unix))]
    fn socket() -> PyResult<Self> {
        Err(pyo3::exceptions::PyNotImplementedError::new_err("event loops here are woken by a call"))
    }

    fn fileno(&self) -> i32 {
        match self {
            #[cfg(unix)]
            Self::Socket { theirs, .. } => std::os::fd::AsRawFd::as_raw_fd(theirs),
            Self::Call(_) => -1,
        }
    }

    fn ring(&self) {
        match self {
            // A full socket has rung already.
            #[cfg(unix)]
            Self::Socket { ours, .. } => drop(std::io::Write::write(&mut &*ours, &[1])),
            Self::Call(wake) => {
                let wake = Arc::clone(wake);
                // The interpreter may be busy, so not on the thread that completes calls. A loop that is closed needs no
                // waking, and an interpreter that ends takes no calls.
                tokio::task::spawn_blocking(move || {
                    let _asking = Asking::unless_near()?;
                    Python::try_attach(|py| wake.call0(py).map(drop)).and_then(Result::ok)
                });
            }
        }
    }

    fn hush(&self) {
        match self {
            #[cfg(unix)]
            Self::Socket { theirs, .. } => {
                drop(std::io::Read::read(&mut &*theirs, &mut [0; 64]));
            }
            Self::Call(_) => {}
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
