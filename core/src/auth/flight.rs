//! The state machine of flights: what a process knows of one connection, at most one refresh of it in the air, and
//! everybody who waits for that one. It knows nothing of tokens, stores, time or tokio, so that its every interleaving can
//! be tried: `tests/models/` compiles this very file on loom's and shuttle's primitives.
//!
//! ```text
//!   ┌────────┐  board: nobody flies   ┌────────┐  land: publish, clear, wake   ┌────────┐
//!   │ ground │ ─────────────────────► │ flying │ ────────────────────────────► │ ground │
//!   └────────┘   the caller's pilot   └────────┘  pilot dropped: clear, wake   └────────┘
//!                                       ▲    │ board: join and wait
//!                                       └────┘
//! ```
//!
//! A new authorization or a revocation supersedes what is known; a flight that began before it lands without publishing.

use std::{
    future::poll_fn,
    task::{Poll, Waker},
};

use super::primitives::{Arc, AtomicU64, Mutex, MutexGuard, Ordering, PoisonError, RwLock};

/// How a flight ended.
pub(crate) type Outcome<S, E> = Result<Arc<S>, E>;

/// What is known of one connection, and the flight that is in the air for it.
pub(crate) struct Board<S, E> {
    current: RwLock<Option<Arc<S>>>,
    flight: Mutex<Option<Arrival<Outcome<S, E>>>>,
    /// Counts what superseded, so that a flight which began before does not publish after.
    epoch: AtomicU64,
}

/// How a caller got on board.
pub(crate) enum Boarding<S, E> {
    /// No flight is needed: one has landed in this very moment.
    Known(Arc<S>),
    /// A flight was under way.
    Joined(Arrival<Outcome<S, E>>),
    /// There was none: the caller must let the pilot fly.
    Started(Arrival<Outcome<S, E>>, Pilot<S, E>),
}

/// The right to fly, and the duty to land. Dropped without landing it leaves those who wait to start again.
pub(crate) struct Pilot<S, E> {
    board: Arc<Board<S, E>>,
    epoch: u64,
    arrival: Arrival<Outcome<S, E>>,
    landed: bool,
}

/// What a landed flight leaves for new callers.
pub(crate) enum Publish {
    /// What it brought.
    Brought,
    /// Nothing: what was known is good for nothing.
    Nothing,
    /// What was known before.
    Unchanged,
}

impl<S, E: Clone> Board<S, E> {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { current: RwLock::new(None), flight: Mutex::new(None), epoch: AtomicU64::new(0) })
    }

    pub(crate) fn current(&self) -> Option<Arc<S>> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::SeqCst)
    }

    /// Publishes what was found, unless something has superseded since `epoch`.
    pub(crate) fn publish(&self, epoch: u64, found: Option<Arc<S>>) {
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        if self.epoch.load(Ordering::SeqCst) == epoch {
            *current = found;
        }
    }

    /// Replaces what is known, whatever is in the air.
    pub(crate) fn supersede(&self, known: Option<Arc<S>>) {
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        self.epoch.fetch_add(1, Ordering::SeqCst);
        *current = known;
    }

    /// The flight that is in the air.
    pub(crate) fn flight(&self) -> Option<Arrival<Outcome<S, E>>> {
        lock(&self.flight).clone()
    }

    /// Joins the flight in the air, or begins one unless `refuse` says why not.
    pub(crate) fn board(
        self: &Arc<Self>,
        is_good: impl Fn(&S) -> bool,
        refuse: impl FnOnce() -> Option<E>,
    ) -> Result<Boarding<S, E>, E> {
        let mut flight = lock(&self.flight);
        if let Some(flight) = &*flight {
            return Ok(Boarding::Joined(flight.clone()));
        }
        // Looked at with the slot locked: whoever landed since the caller looked has published before that.
        if let Some(known) = self.current().filter(|known| is_good(known)) {
            return Ok(Boarding::Known(known));
        }
        if let Some(reason) = refuse() {
            return Err(reason);
        }
        let arrival = Arrival::new();
        *flight = Some(arrival.clone());
        let (board, epoch) = (Arc::clone(self), self.epoch());
        let pilot = Pilot { board, epoch, arrival: arrival.clone(), landed: false };
        Ok(Boarding::Started(arrival, pilot))
    }

    /// Something good: what is known, or what a flight brings. `start` lets a pilot fly.
    ///
    /// # Errors
    /// What the flight or `refuse` said; `None` if flights ended again and again without serving the caller.
    pub(crate) async fn join(
        self: &Arc<Self>,
        is_good: impl Fn(&S) -> bool,
        refuse: impl Fn() -> Option<E>,
        start: impl Fn(Pilot<S, E>),
    ) -> Result<Arc<S>, Option<E>> {
        // A flight that was under way for another need may end without serving this one; and one whose runtime was shut
        // down ends without a word. Both are followed by one of our own.
        for _ in 0..3 {
            if let Some(known) = self.current().filter(|known| is_good(known)) {
                return Ok(known);
            }
            let (arrival, started) = match self.board(&is_good, &refuse).map_err(Some)? {
                Boarding::Known(known) => return Ok(known),
                Boarding::Joined(arrival) => (arrival, false),
                Boarding::Started(arrival, pilot) => {
                    start(pilot);
                    (arrival, true)
                }
            };
            match arrival.wait().await {
                // What a flight for this very need has brought is all there is, even if it is the same again.
                Some(Ok(brought)) if started || is_good(&brought) => return Ok(brought),
                Some(Err(error)) => return Err(Some(error)),
                Some(Ok(_)) | None => {}
            }
        }
        Err(None)
    }
}

impl<S, E> Pilot<S, E> {
    /// Ends the flight. First what new callers look at, then the slot, then those who wait: nobody can join a flight that
    /// has landed.
    pub(crate) fn land(mut self, outcome: Outcome<S, E>, publish: &Publish)
    where
        E: Clone,
    {
        match (publish, &outcome) {
            (Publish::Brought, Ok(brought)) => self.board.publish(self.epoch, Some(Arc::clone(brought))),
            (Publish::Nothing, _) => self.board.publish(self.epoch, None),
            (Publish::Brought | Publish::Unchanged, _) => {}
        }
        self.landed = true;
        *lock(&self.board.flight) = None;
        self.arrival.settle(State::Arrived(outcome));
    }
}

impl<S, E> Drop for Pilot<S, E> {
    fn drop(&mut self) {
        if !self.landed {
            *lock(&self.board.flight) = None;
            self.arrival.settle(State::Lost);
        }
    }
}

/// A value that arrives once, or never, and is waited for by many.
pub(crate) struct Arrival<T>(Arc<Mutex<Waiting<T>>>);

struct Waiting<T> {
    state: State<T>,
    wakers: Vec<Waker>,
}

enum State<T> {
    Awaited,
    Arrived(T),
    Lost,
}

impl<T> Clone for Arrival<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Arrival<T> {
    fn new() -> Self {
        Self(Arc::new(Mutex::new(Waiting { state: State::Awaited, wakers: Vec::new() })))
    }

    fn settle(&self, state: State<T>) {
        let wakers = {
            let mut waiting = lock(&self.0);
            waiting.state = state;
            std::mem::take(&mut waiting.wakers)
        };
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Waits; `None` if it will never arrive.
    pub(crate) async fn wait(&self) -> Option<T>
    where
        T: Clone,
    {
        poll_fn(|context| {
            let mut waiting = lock(&self.0);
            match &waiting.state {
                State::Arrived(value) => Poll::Ready(Some(value.clone())),
                State::Lost => Poll::Ready(None),
                State::Awaited => {
                    let waker = context.waker();
                    if !waiting.wakers.iter().any(|known| known.will_wake(waker)) {
                        waiting.wakers.push(waker.clone());
                    }
                    Poll::Pending
                }
            }
        })
        .await
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
