//! The lane of the virtual machine's REST calls. A future of `uniffi` takes about a dozen crossings, each of which JNA makes
//! dear; a call on the lane takes one to begin, and what has finished meanwhile goes back together, in one more.
//!
//! What crosses is written as `uniffi` writes it, so the host reads it with what was generated. A call has a number that the
//! host gives it. Handles are known here by numbers, too, so that no address can be wrong: the number of a handle that is
//! closed names nothing.
#![allow(unsafe_code, reason = "functions that another language calls by their names")]

use std::{
    collections::HashMap,
    panic::{AssertUnwindSafe, catch_unwind},
    slice,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use orgconnect::{Handle, Reply};
use tokio::{sync::Notify, task::AbortHandle};
use uniffi::{Lift, Lower};

use crate::{
    UniFfiTag,
    error::{NativeError, NativeFailure, NativeResult},
    handle::{NativeCallOptions, NativeHandle, NativeReply},
    runtime,
};

/// Takes finished calls: where they are, and how many octets. They are gone when it returns.
type Deliver = extern "C" fn(address: u64, length: u64);

/// What begin says: it has begun; the lane is not open, or has no threads; the handle was closed; the request is unreadable.
const BEGUN: i32 = 0;
const NOT_OPEN: i32 = 1;
const CLOSED: i32 = 2;
const UNREADABLE: i32 = 3;

/// How a call that the host hears of ended.
const SUCCEEDED: u8 = 0;
const FAILED: u8 = 1;
const LOST: u8 = 2;

/// More than this is not kept for the next delivery.
const KEPT: usize = 256 * 1024;

static LANE: OnceLock<Lane> = OnceLock::new();
static HANDLES: Mutex<Option<HashMap<u64, Handle>>> = Mutex::new(None);
static NUMBERS: AtomicU64 = AtomicU64::new(1);

struct Lane {
    jobs: Mutex<Vec<Job>>,
    arrived: Notify,
    /// What has finished: a number, a length and so many octets for each call.
    finished: Mutex<Vec<u8>>,
    delivery: Notify,
    running: Mutex<HashMap<u64, AbortHandle>>,
    deliver: Deliver,
}

/// A call that is to begin, or without a request, to be cancelled.
type Job = (u64, Option<Request>);

struct Request {
    handle: Handle,
    follows: bool,
    operation: String,
    arguments: Vec<u8>,
}

/// Opens the lane. Whoever opens it again is not heard: it is open. 0, or why not.
#[unsafe(no_mangle)]
pub extern "C" fn orgconnect_lane_open(deliver: Deliver) -> i32 {
    guarded(|| {
        let mut is_new = false;
        let lane = LANE.get_or_init(|| {
            is_new = true;
            Lane {
                jobs: Mutex::default(),
                arrived: Notify::new(),
                finished: Mutex::default(),
                delivery: Notify::new(),
                running: Mutex::default(),
                deliver,
            }
        });
        if is_new && (runtime::start(lane.serve()).is_err() || runtime::start(lane.hand_over()).is_err()) {
            return NOT_OPEN;
        }
        BEGUN
    })
}

/// The number of a handle, which `uniffi` has cloned for this. It is good until the handle is closed. 0: it could not be read.
#[unsafe(no_mangle)]
pub extern "C" fn orgconnect_lane_handle(handle: u64) -> u64 {
    let number = catch_unwind(|| {
        let handle =
            <Arc<NativeHandle> as Lift<UniFfiTag>>::try_lift(uniffi::Handle::from_raw_unchecked(handle));
        handle.map_or(0, |handle| handle.number())
    });
    number.unwrap_or(0)
}

/// Begins a call. The request holds whether it follows a link (a boolean), the operation (a string), the arguments or the link
/// (bytes), and the options, each as `uniffi` writes it.
///
/// # Safety
/// There are `length` octets at `request` until this returns.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orgconnect_lane_begin(
    call: u64,
    handle: u64,
    request: *const u8,
    length: u64,
) -> i32 {
    guarded(|| {
        let Some(lane) = LANE.get() else { return NOT_OPEN };
        let Some(handle) = lock(&HANDLES).as_ref().and_then(|handles| handles.get(&handle).cloned()) else {
            return CLOSED;
        };
        let length = usize::try_from(length).unwrap_or(0);
        let request = if length == 0 { &[] } else { unsafe { slice::from_raw_parts(request, length) } };
        let Some(request) = Request::read(handle, request) else { return UNREADABLE };
        lane.tell((call, Some(request)));
        BEGUN
    })
}

/// Cancels a call. One that has ended, or is not known, is left alone.
#[unsafe(no_mangle)]
pub extern "C" fn orgconnect_lane_cancel(call: u64) {
    guarded(|| {
        if let Some(lane) = LANE.get() {
            lane.tell((call, None));
        }
        BEGUN
    });
}

/// Gives a handle its number.
pub(crate) fn enter(handle: &Handle) -> u64 {
    let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
    lock(&HANDLES).get_or_insert_default().insert(number, handle.clone());
    number
}

/// Takes the number of a handle away.
pub(crate) fn leave(number: u64) {
    // It is dropped when the lock is free again.
    let left = lock(&HANDLES).as_mut().and_then(|handles| handles.remove(&number));
    drop(left);
}

impl Request {
    /// Reads what [`orgconnect_lane_begin`] is given.
    fn read(handle: Handle, mut from: &[u8]) -> Option<Self> {
        let from = &mut from;
        let follows = <bool as Lift<UniFfiTag>>::try_read(from).ok()?;
        let operation = <String as Lift<UniFfiTag>>::try_read(from).ok()?;
        let arguments = <Vec<u8> as Lift<UniFfiTag>>::try_read(from).ok()?;
        let options = <Option<NativeCallOptions> as Lift<UniFfiTag>>::try_read(from).ok()?;
        let handle = match options {
            Some(options) => handle.with_options(options.try_into().ok()?),
            None => handle,
        };
        Some(Self { handle, follows, operation, arguments })
    }

    async fn carry_out(self) -> NativeResult<Reply> {
        let Self { handle, follows, operation, arguments } = self;
        if !follows {
            return Ok(handle.send_json(&operation, &arguments).await?);
        }
        let link = String::from_utf8_lossy(&arguments);
        Ok(handle.follow(&operation, &link).await?)
    }
}

impl Lane {
    fn tell(&self, job: Job) {
        let is_first = {
            let mut jobs = lock(&self.jobs);
            jobs.push(job);
            jobs.len() == 1
        };
        // Whoever finds others waiting knows that the thread has been woken and has not come yet.
        if is_first {
            self.arrived.notify_one();
        }
    }

    /// Begins and cancels what the host says.
    async fn serve(&'static self) {
        loop {
            self.arrived.notified().await;
            let jobs = std::mem::take(&mut *lock(&self.jobs));
            for (call, request) in jobs {
                if let Some(request) = request {
                    let task = tokio::spawn(self.run(call, request));
                    lock(&self.running).insert(call, task.abort_handle());
                } else {
                    let task = lock(&self.running).remove(&call);
                    if let Some(task) = task {
                        task.abort();
                    }
                }
            }
        }
    }

    async fn run(&'static self, call: u64, request: Request) {
        let mut ticket = Ticket { lane: self, call, outcome: None };
        ticket.outcome = Some(request.carry_out().await);
    }

    /// Hands over what has finished. The calls that end in one round of the runtime go together, since this task comes after theirs.
    async fn hand_over(&'static self) {
        let mut batch = Vec::new();
        loop {
            self.delivery.notified().await;
            std::mem::swap(&mut *lock(&self.finished), &mut batch);
            (self.deliver)(batch.as_ptr() as u64, batch.len() as u64);
            batch.clear();
            batch.shrink_to(KEPT);
        }
    }

    fn finish(&self, call: u64, outcome: Option<NativeResult<Reply>>) {
        let mut finished = lock(&self.finished);
        let is_first = finished.is_empty();
        <u64 as Lower<UniFfiTag>>::write(call, &mut finished);
        let begin = finished.len();
        <i32 as Lower<UniFfiTag>>::write(0, &mut finished);
        match outcome {
            Some(Ok(reply)) => {
                finished.push(SUCCEEDED);
                <NativeReply as Lower<UniFfiTag>>::write(reply.into(), &mut finished);
            }
            Some(Err(NativeError::Failed { failure })) => {
                finished.push(FAILED);
                <NativeFailure as Lower<UniFfiTag>>::write(failure, &mut finished);
            }
            Some(Err(NativeError::Cancelled)) | None => finished.push(LOST),
        }
        let body = begin + size_of::<i32>();
        let length = i32::try_from(finished.len() - body).unwrap_or(i32::MAX);
        finished[begin..body].copy_from_slice(&length.to_be_bytes());
        if is_first {
            self.delivery.notify_one();
        }
    }
}

/// Reports the outcome when it is dropped, so that a call which breaks is reported too.
struct Ticket {
    lane: &'static Lane,
    call: u64,
    outcome: Option<NativeResult<Reply>>,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        lock(&self.lane.running).remove(&self.call);
        self.lane.finish(self.call, self.outcome.take());
    }
}

/// No panic may leave a function that another language calls.
fn guarded(work: impl FnOnce() -> i32) -> i32 {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or(NOT_OPEN)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
