//! Whether a call is sent again, and when. Pure decisions, and the budget that keeps retries from becoming a storm.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use http::StatusCode;

use super::Failure;
use crate::operation::Repeat;

/// How calls are repeated.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RetryPolicy {
    /// How often a call is sent at the most, the first time included. Default 3; 1 switches repeating off.
    pub attempts: u32,
    /// The longest pause before the second attempt; it doubles with each further one. Default 100 ms.
    pub base_delay: Duration,
    /// The longest pause before any attempt. Default 5 s.
    pub max_delay: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { attempts: 3, base_delay: Duration::from_millis(100), max_delay: Duration::from_secs(5) }
    }
}

/// How one attempt ended, as far as repeating goes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Outcome {
    Status(StatusCode),
    Failed {
        reached_server: bool,
    },
    /// There is an answer, but not one that is accepted; it would be the same again.
    Unacceptable,
}

impl From<&Failure> for Outcome {
    fn from(failure: &Failure) -> Self {
        match failure {
            Failure::TooLarge { .. } | Failure::Unusable(_) => Self::Unacceptable,
            other => Self::Failed { reached_server: other.may_have_reached_server() },
        }
    }
}

/// Whether the same request may be sent again after this outcome.
///
/// A request that surely was not processed (it never left, or was turned away with 429) may always be; one whose
/// fate is unknown only if repeating it does no harm.
pub(crate) fn may_repeat(repeat: Repeat, outcome: Outcome) -> bool {
    let harmless = repeat == Repeat::Safe;
    match outcome {
        Outcome::Failed { reached_server } => harmless || !reached_server,
        Outcome::Unacceptable => false,
        Outcome::Status(StatusCode::TOO_MANY_REQUESTS) => true,
        Outcome::Status(status) => harmless && matches!(status.as_u16(), 408 | 500 | 502 | 503 | 504),
    }
}

impl RetryPolicy {
    /// The pause before attempt `next` (2 is the first repetition): full jitter, `fraction` being in `0.0..1.0`; never
    /// shorter than the server asks for.
    pub(crate) fn pause(&self, next: u32, retry_after: Option<Duration>, fraction: f64) -> Duration {
        let doublings = next.saturating_sub(2).min(16);
        let ceiling = self.base_delay.saturating_mul(1 << doublings).min(self.max_delay);
        let jitter = ceiling.mul_f64(fraction);
        match retry_after {
            // Jitter comes on top, so that all who were turned away don't return in the same instant.
            Some(asked) => asked + jitter.min(Duration::from_millis(250)),
            None => jitter,
        }
    }
}

/// A bucket of tokens that repetitions draw from and successes fill. When it is empty nothing is repeated, so that a
/// server in trouble sees little more than the calls that are made.
#[derive(Debug)]
pub(crate) struct RetryBudget(AtomicU32);

const CAPACITY: u32 = 500;
const COST_OF_FAILURE: u32 = 14;
const COST_OF_THROTTLE: u32 = 5;

impl RetryBudget {
    pub(crate) fn new() -> Self {
        Self(AtomicU32::new(CAPACITY))
    }

    /// Draws what a repetition after `outcome` costs; `false` if there isn't as much.
    pub(crate) fn draw(&self, outcome: Outcome) -> bool {
        let cost = match outcome {
            Outcome::Status(StatusCode::TOO_MANY_REQUESTS) => COST_OF_THROTTLE,
            _ => COST_OF_FAILURE,
        };
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(cost)).is_ok()
    }

    /// Puts back one token for a call that succeeded.
    pub(crate) fn reward(&self) {
        // The usual case is a full bucket: a plain read keeps the hot path free of a contended write.
        if self.0.load(Ordering::Relaxed) < CAPACITY {
            let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                (left < CAPACITY).then_some(left + 1)
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_creating_call_is_repeated_only_when_it_surely_was_not_processed() {
        let sent = Outcome::Failed { reached_server: true };
        let unsent = Outcome::Failed { reached_server: false };
        let busy = Outcome::Status(StatusCode::SERVICE_UNAVAILABLE);
        let throttled = Outcome::Status(StatusCode::TOO_MANY_REQUESTS);
        assert!(!may_repeat(Repeat::Never, sent) && !may_repeat(Repeat::Never, busy));
        assert!(may_repeat(Repeat::Never, unsent) && may_repeat(Repeat::Never, throttled));
        assert!(may_repeat(Repeat::Safe, sent) && may_repeat(Repeat::Safe, busy));
    }

    #[test]
    fn verdicts_on_the_request_itself_are_never_repeated() {
        for status in [400, 401, 402, 403, 404, 422, 423, 501] {
            let outcome = Outcome::Status(StatusCode::from_u16(status).unwrap());
            assert!(!may_repeat(Repeat::Safe, outcome), "{status}");
        }
    }

    #[test]
    fn pauses_double_up_to_the_longest_and_honour_retry_after() {
        let policy = RetryPolicy::default();
        let ms = |next, fraction| policy.pause(next, None, fraction).as_millis();
        assert_eq!((ms(2, 0.0), ms(2, 1.0), ms(3, 1.0), ms(4, 0.5), ms(30, 1.0)), (0, 100, 200, 200, 5000));
        let asked = Duration::from_secs(7);
        assert!(policy.pause(2, Some(asked), 0.5) >= asked);
    }

    #[test]
    fn an_empty_budget_stops_repetitions_until_calls_succeed_again() {
        let budget = RetryBudget::new();
        let failed = Outcome::Status(StatusCode::BAD_GATEWAY);
        let drawn = (0..100).filter(|_| budget.draw(failed)).count();
        assert_eq!(drawn, 35, "500 tokens pay for 35 repetitions at 14 each");
        assert!(!budget.draw(failed));
        for _ in 0..14 {
            budget.reward();
        }
        assert!(budget.draw(failed));
    }
}
