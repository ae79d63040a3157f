//! The runtime that everything happens on, and calls that can be cancelled.
//!
//! The work of a call runs on this runtime; the host only waits for its end. So each call wakes the host once, and not at
//! each step of its I/O.

use std::{
    future::Future,
    io,
    panic::resume_unwind,
    pin::Pin,
    sync::{Arc, LazyLock},
    thread,
};

#[cfg(feature = "server")]
use tokio::runtime::EnterGuard;
use tokio::{
    runtime::{Builder, Handle},
    sync::watch,
    task::JoinHandle,
};

use crate::error::{NativeError, NativeResult};

/// One thread: to wake another costs more than what a call has to do, and calls that are begun together wake it once.
static RUNTIME: LazyLock<io::Result<Handle>> = LazyLock::new(|| {
    let runtime = Builder::new_current_thread().thread_name("orgconnect-blocking").enable_all().build()?;
    let handle = runtime.handle().clone();
    // It ends with the process.
    thread::Builder::new()
        .name("orgconnect".to_owned())
        .spawn(move || runtime.block_on(std::future::pending::<()>()))?;
    Ok(handle)
});

/// Cancels the calls that it was given to. For hosts whose own cancellation doesn't reach the call, such as Swift's.
#[derive(Debug, uniffi::Object)]
pub struct CancelHandle(watch::Sender<bool>);

#[uniffi::export]
impl CancelHandle {
    /// One that has not been used.
    #[uniffi::constructor]
    pub fn new() -> Arc<Self> {
        Arc::new(Self(watch::Sender::new(false)))
    }

    /// Cancels the calls that have it, and those that will.
    pub fn cancel(&self) -> NativeResult<()> {
        self.0.send_replace(true);
        Ok(())
    }
}

impl CancelHandle {
    async fn cancelled(this: Option<&Self>) {
        let Some(this) = this else { return std::future::pending().await };
        // The sender is held, so that the channel can't be closed.
        let _ = this.0.subscribe().wait_for(|cancelled| *cancelled).await;
    }
}

/// Ends the task when the caller goes away.
struct Task<T>(JoinHandle<T>);

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Work whose type is known by what comes of it alone: the runtime's code for a task is there once for each type of them.
type Work<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Does the work of a call: to its end, until it is cancelled, or until the host drops it.
pub(crate) fn run<T: Send + 'static>(
    cancel: Option<Arc<CancelHandle>>,
    work: impl Future<Output = NativeResult<T>> + Send + 'static,
) -> Work<NativeResult<T>> {
    Box::pin(drive(cancel, Box::pin(work)))
}

async fn drive<T: Send + 'static>(
    cancel: Option<Arc<CancelHandle>>,
    work: Work<NativeResult<T>>,
) -> NativeResult<T> {
    if cancel.as_ref().is_some_and(|cancel| *cancel.0.borrow()) {
        return Err(NativeError::Cancelled);
    }
    let mut task = Task(runtime()?.spawn(work));
    tokio::select! {
        biased;
        () = CancelHandle::cancelled(cancel.as_deref()) => Err(NativeError::Cancelled),
        ended = &mut task.0 => match ended {
            Ok(outcome) => outcome,
            Err(error) if error.is_panic() => resume_unwind(error.into_panic()),
            Err(_) => Err(NativeError::Cancelled),
        },
    }
}

/// Makes the runtime that of this thread until the value is dropped, for what starts tasks of its own.
#[cfg(feature = "server")]
pub(crate) fn enter() -> NativeResult<EnterGuard<'static>> {
    Ok(runtime()?.enter())
}

/// Begins what nobody waits for.
pub(crate) fn start(work: impl Future<Output = ()> + Send + 'static) -> NativeResult<()> {
    let work: Work<()> = Box::pin(work);
    runtime()?.spawn(work);
    Ok(())
}

fn runtime() -> NativeResult<&'static Handle> {
    RUNTIME.as_ref().map_err(|error| {
        orgconnect::Error::config(
            "runtime",
            format!("the threads of orgconnect can't be started ({error}); check the limits of the process"),
        )
        .into()
    })
}
