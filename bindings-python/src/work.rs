//! Something to be waited for: begun when it is waited for, once, on either side of Python.

use std::{
    future::poll_fn,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::{Pin, pin},
    sync::{Mutex, PoisonError},
    task::Poll,
    time::Duration,
};

use futures_util::FutureExt;
use pyo3::{exceptions::PyRuntimeError, prelude::*};
use tokio::time::sleep;

use crate::{
    ending::{Asking, detach},
    error::{defect, raised},
    process, runtime,
};

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
        // A panic is an outcome, too: the caller is not to wait for ever, nor the process to end. Combined rather than
        // awaited: an `async` block would hold, and move, the call twice.
        let begun = AssertUnwindSafe(call).catch_unwind().map(move |result| {
            let deliver: Deliver = Box::new(move |py| {
                let converted = catch_unwind(AssertUnwindSafe(|| match result {
                    Ok(Ok(value)) => convert(py, value),
                    Ok(Err(error)) => Err(raised(py, &error)),
                    Err(_) => Err(defect(py)),
                }));
                converted.unwrap_or_else(|_| Err(defect(py)))
            });
            deliver
        });
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
        let deliver = detach(py, || drive(begun))?;
        deliver(py)
    }

    /// One that panics: while it is carried out, or while its result is converted. For the tests of this package.
    #[cfg(debug_assertions)]
    #[staticmethod]
    fn _panicking(late: bool) -> Self {
        let call = async move {
            tokio::task::yield_now().await;
            assert!(late, "a test asked for this panic, while the call is made");
            Ok(())
        };
        Self::new(call, |_, ()| panic!("a test asked for this panic, while the result is converted"))
    }
}

/// Carries out a call on this thread. Returns early with what a signal's handler raised; the call is dropped then, and what
/// the core does in tasks of its own goes on.
fn drive(mut begun: Begun) -> PyResult<Deliver> {
    let home = process::between_forks(runtime::home)?;
    loop {
        let outcome = home.wait_for(async {
            let mut look = pin!(sleep(LOOK));
            poll_fn(|context| match process::unless_forking(|| begun.as_mut().poll(context)) {
                Some(Poll::Ready(deliver)) => Poll::Ready(Some(deliver)),
                Some(Poll::Pending) => look.as_mut().poll(context).map(|()| None),
                None => {
                    process::pause();
                    context.waker().wake_by_ref();
                    Poll::Pending
                }
            })
            .await
        });
        if let Some(deliver) = outcome {
            return Ok(deliver);
        }
        // Handlers run here, where they may make calls of their own.
        let asking = Asking::begin();
        #[expect(clippy::redundant_closure_for_method_calls, reason = "the method is not general enough")]
        let handled = Python::attach(|py| py.check_signals());
        drop(asking);
        if let Err(raised) = handled {
            home.keep_on();
            return Err(raised);
        }
    }
}
