//! Holds calls back: for as long as a 429 asks for, and, where the application wants it, to the documented rate.
//!
//! Source: <https://docs.cronofy.com/developers/faqs/rate-limits> (50 requests a second, 500 a minute).

use std::{
    fmt,
    num::NonZeroU32,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use governor::{Quota, RateLimiter};
use tokio::time::Instant;

/// How many requests a client sends. Shared by everything that uses the same client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// At most this many in a second.
    pub per_second: NonZeroU32,
    /// At most this many in a minute.
    pub per_minute: NonZeroU32,
}

impl RateLimit {
    /// What Cronofy allows an application by default: 50 a second and 500 a minute.
    pub const CRONOFY: Self = Self { per_second: nonzero(50), per_minute: nonzero(500) };
}

const fn nonzero(number: u32) -> NonZeroU32 {
    match NonZeroU32::new(number) {
        Some(number) => number,
        None => NonZeroU32::MIN,
    }
}

const LONGEST_PAUSE: Duration = Duration::from_mins(5);

/// The gate that every request passes.
pub(crate) struct Gate {
    /// No request before this time: somebody was told to wait.
    closed_until: Mutex<Option<Instant>>,
    limiters: Vec<governor::DefaultDirectRateLimiter>,
}

impl Gate {
    pub(crate) fn new(limit: Option<RateLimit>) -> Self {
        let limiters = limit.map_or_else(Vec::new, |limit| {
            vec![
                RateLimiter::direct(Quota::per_second(limit.per_second)),
                RateLimiter::direct(Quota::per_minute(limit.per_minute)),
            ]
        });
        Self { closed_until: Mutex::default(), limiters }
    }

    /// Waits until a request may go, but not beyond `deadline`.
    ///
    /// # Errors
    /// How long it would have to wait, if that is beyond the deadline.
    pub(crate) async fn pass(&self, deadline: Instant) -> Result<(), Duration> {
        loop {
            let closed_until = *self.closed_until.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(until) = closed_until else { break };
            let now = Instant::now();
            if until <= now {
                self.open(until);
                break;
            }
            if until > deadline {
                return Err(until - now);
            }
            tokio::time::sleep_until(until).await;
        }
        for limiter in &self.limiters {
            tokio::time::timeout_at(deadline, limiter.until_ready())
                .await
                .map_err(|_| Duration::from_secs(1))?;
        }
        Ok(())
    }

    /// Keeps every request back for a while: at most five minutes, lest a wrong clock silences a client for ever.
    pub(crate) fn close(&self, pause: Duration) {
        let until = Instant::now() + pause.min(LONGEST_PAUSE);
        let mut closed_until = self.closed_until.lock().unwrap_or_else(PoisonError::into_inner);
        if closed_until.is_none_or(|before| before < until) {
            *closed_until = Some(until);
        }
    }

    fn open(&self, since: Instant) {
        let mut closed_until = self.closed_until.lock().unwrap_or_else(PoisonError::into_inner);
        if *closed_until == Some(since) {
            *closed_until = None;
        }
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate").field("limited", &!self.limiters.is_empty()).finish_non_exhaustive()
    }
}
