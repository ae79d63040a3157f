//! Holds calls back: for as long as a 429 asks for, and, where the application wants it, to the documented rate.
//!
//! Source: <https://docs.cronofy.com/developers/faqs/rate-limits> (50 requests a second, 500 a minute).

use std::{fmt, num::NonZeroU32, sync::Mutex, time::Duration};

use governor::{Quota, RateLimiter};
use tokio::time::Instant;

use crate::lock::lock;

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
            [(limit.per_second, Duration::from_secs(1)), (limit.per_minute, Duration::from_mins(1))]
                .into_iter()
                .filter_map(|(most, window)| quota(most, window))
                .map(RateLimiter::direct)
                .collect()
        });
        Self { closed_until: Mutex::default(), limiters }
    }

    /// Waits until a request may go, but not beyond `deadline`.
    ///
    /// # Errors
    /// How long it would have to wait, if that is beyond the deadline.
    pub(crate) async fn pass(&self, deadline: Instant) -> Result<(), Duration> {
        loop {
            let closed_until = *lock(&self.closed_until);
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
        let mut closed_until = lock(&self.closed_until);
        if closed_until.is_none_or(|before| before < until) {
            *closed_until = Some(until);
        }
    }

    fn open(&self, since: Instant) {
        let mut closed_until = lock(&self.closed_until);
        if *closed_until == Some(since) {
            *closed_until = None;
        }
    }
}

/// At most `most` in any window, wherever it begins: what may come at once, and what is let through during the window
/// after it, are `most` together.
fn quota(most: NonZeroU32, window: Duration) -> Option<Quota> {
    let at_once = nonzero(most.get() / 10);
    let steadily = nonzero(most.get().saturating_sub(at_once.get()));
    Some(Quota::with_period(window / steadily.get())?.allow_burst(at_once))
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate").field("limited", &!self.limiters.is_empty()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_window_holds_more_than_the_limit_wherever_it_begins() {
        for most in [1, 2, 6, 50, 500] {
            let clock = governor::clock::FakeRelativeClock::default();
            let quota = quota(nonzero(most), Duration::from_secs(1)).unwrap();
            let limiter = RateLimiter::direct_with_clock(quota, clock.clone());
            let mut passed: Vec<u32> = Vec::new();
            for millisecond in 0..3_000_u32 {
                while limiter.check().is_ok() {
                    passed.push(millisecond);
                }
                let within = passed.iter().rev().take_while(|at| millisecond - **at < 1_000).count();
                assert!(within <= most as usize, "{within} of {most} in the second up to {millisecond} ms");
                clock.advance(Duration::from_millis(1));
            }
            assert!(passed.len() >= most as usize, "{} of {most} in three seconds", passed.len());
        }
    }
}
