//! Something to be waited for: begun when it is waited for, once, on either side of Python.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
    time::{Duration, Instant},
};

use pyo3::{exceptions::PyRuntimeError, prelude::*};

use crate::{error::raised, process};

/// How often a waiting thread looks whether a signal has arrived: Ctrl-C is answered within this time.
const LOOK: Duration = Duration::from_millis(50);

/// Makes the outcome into a Python object, attached to the interpreter.
pub(crate) type Deliver = Box<dyn FnOnce(Python<'_>) -> PyResult<Py<PyAny>> + Send>;
pub(crate) type Begun = Pin<Box<dyn Future<Output = Deliver> + Send>>;

/// A call that has not begun yet.
#[pyclass(frozen, module = "orgconnect._native")]
pub(crate) struct Work(Mutex<Option<Begun>>);

impl Work {
    /// A call of the core, and what to make of its result.
    pub(crate) fn new<T: Send + 'static>(
        call: impl Future<Output = orgconnect::Result<T>> + Send + 'static,
        convert: impl FnOnce(Python<'_>, T) -> PyResult<Py<PyAny>> + Send + 'static,
    ) -> Self {
        let begun = async move {
            let result = call.await;
            let deliver: Deliver = Box::new(move |py| match result {
                Ok(value) => convert(py, value),
                Err(error) => Err(raised(py, &error)),
            });
            deliver
        };
        Self(Mutex::new(Some(Box::pin(begun))))
    }

    pub(crate) fn take(&self) -> PyResult<Begun> {
        let taken = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        taken.ok_or_else(|| PyRuntimeError::new_err("a call can be waited for once"))
    }
}

#[pymethods]
impl Work {
    /// Makes the call on this thread, with the interpreter free for others, and returns its result.
    fn wait(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let begun = self.take()?;
        let deliver = py.detach(|| drive(begun))?;
        deliver(py)
    }
}

/// Carries out a call on this thread. Returns early with what a signal's handler raised; the call is dropped then, and what
/// the core does in tasks of its own goes on.
fn drive(mut begun: Begun) -> PyResult<Deliver> {
    let _context = process::runtime()?.enter();
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut looked = Instant::now();
    loop {
        let polled = process::between_forks(|| begun.as_mut().poll(&mut context));
        if let Poll::Ready(deliver) = polled {
            return Ok(deliver);
        }
        thread::park_timeout(LOOK);
        if looked.elapsed() >= LOOK {
            #[expect(
                clippy::redundant_closure_for_method_calls,
                reason = "the method is not general enough"
            )]
            Python::attach(|py| py.check_signals())?;
            looked = Instant::now();
        }
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.unpark();
    }
}
