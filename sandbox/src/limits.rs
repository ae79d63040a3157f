//! The rate limit: 50 calls a second and 500 a minute for each application, by the sandbox's clock.
//! <https://docs.cronofy.com/developers/faqs/rate-limits/>

use std::collections::{HashMap, VecDeque};
use std::sync::Mutex;

use crate::clock::lock;
use crate::errors::{ApiError, ApiResult};
use crate::settings::RateLimit;

/// How many calls may lie within how many milliseconds.
const WINDOWS: [(usize, i64); 2] = [(50, 1_000), (500, 60_000)];

/// When each application called in the last minute.
#[derive(Debug, Default)]
pub(crate) struct Limits {
    calls: Mutex<HashMap<String, VecDeque<i64>>>,
}

impl Limits {
    /// Counts a call, or refuses it with 429. Refused calls do not count.
    pub(crate) fn admit(&self, client_id: &str, now_ms: i64, setting: RateLimit) -> ApiResult<()> {
        if setting == RateLimit::Off {
            return Ok(());
        }
        let mut calls = lock(&self.calls);
        let calls = calls.entry(client_id.to_owned()).or_default();
        // A clock that was set back must not leave calls in the future that never grow old.
        calls.retain(|at| (now_ms - 60_000..=now_ms).contains(at));
        for (most, span_ms) in WINDOWS {
            let within = calls.iter().rev().take_while(|at| now_ms - **at < span_ms).count();
            if within >= most {
                let oldest = calls[calls.len() - most];
                let wait_ms = u64::try_from(oldest + span_ms - now_ms).unwrap_or(0);
                let wait = (setting == RateLimit::WithRetryAfter).then(|| wait_ms.div_ceil(1_000).max(1));
                return Err(ApiError::TooManyRequests(wait));
            }
        }
        calls.push_back(now_ms);
        Ok(())
    }

    pub(crate) fn reset(&self) {
        lock(&self.calls).clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admitted(limits: &Limits, now_ms: i64) -> bool {
        limits.admit("app", now_ms, RateLimit::On).is_ok()
    }

    #[test]
    fn the_fifty_first_call_of_a_second_and_the_501st_of_a_minute_are_refused() {
        let limits = Limits::default();
        assert!((0..50).all(|_| admitted(&limits, 0)));
        assert!(!admitted(&limits, 999));
        assert!(limits.admit("another", 999, RateLimit::On).is_ok());
        for second in 1..10 {
            assert!((0..50).all(|_| admitted(&limits, second * 1_000)), "{second}");
        }
        assert!(!admitted(&limits, 30_000));
        assert!(admitted(&limits, 60_001));
    }

    #[test]
    fn the_wait_is_told_only_where_it_is_asked_for() {
        let limits = Limits::default();
        assert!((0..50).all(|_| admitted(&limits, 0)));
        let refused = limits.admit("app", 400, RateLimit::WithRetryAfter);
        assert!(matches!(refused, Err(ApiError::TooManyRequests(Some(1)))));
        assert!(matches!(limits.admit("app", 400, RateLimit::On), Err(ApiError::TooManyRequests(None))));
    }
}
