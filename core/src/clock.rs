//! The wall clock, as a value, so that tests move it instead of sleeping.

use std::{
    fmt,
    sync::{
        Mutex,
        atomic::{AtomicI64, Ordering},
    },
};

use http::{HeaderMap, header};
use jiff::{SignedDuration, Timestamp};

use crate::lock::lock;

/// Tells the time by which tokens expire. The default is the system's clock.
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// The time now.
    fn now(&self) -> Timestamp;
}

/// The system's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// A clock that moves only when told to, for tests.
///
/// ```
/// use orgconnect::{Clock, ManualClock};
/// let clock = ManualClock::starting_at("2026-01-01T00:00:00Z".parse().unwrap());
/// clock.advance(std::time::Duration::from_secs(60));
/// assert_eq!(clock.now().to_string(), "2026-01-01T00:01:00Z");
/// ```
#[derive(Debug)]
pub struct ManualClock(Mutex<Timestamp>);

impl ManualClock {
    /// A clock that stands at `now`.
    pub fn starting_at(now: Timestamp) -> Self {
        Self(Mutex::new(now))
    }

    /// Moves the clock on.
    pub fn advance(&self, by: std::time::Duration) {
        self.shift(SignedDuration::try_from(by).unwrap_or(SignedDuration::MAX));
    }

    /// Moves the clock either way; it stops at the ends of representable time.
    pub fn shift(&self, by: SignedDuration) {
        let mut now = lock(&self.0);
        *now =
            now.saturating_add(by).unwrap_or(if by.is_negative() { Timestamp::MIN } else { Timestamp::MAX });
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *lock(&self.0)
    }
}

/// How far the clock is from the server's, learned from the `Date` of its answers. Machines that share a store and whose
/// clocks differ then agree on when a token ends.
#[derive(Debug, Default)]
pub(crate) struct Skew(AtomicI64);

/// `Date` counts whole seconds and an answer takes its time: less than this is no difference.
const NOTICEABLE_MS: i64 = 2_000;
/// A clock that is further off than this makes TLS fail first, so it is the `Date` that is wrong.
const BELIEVABLE_MS: i64 = 24 * 3_600 * 1_000;

impl Skew {
    /// Takes the `Date` of an answer that has just arrived. One that comes from a cache (it has an `Age`) says nothing.
    pub(crate) fn learn(&self, headers: &HeaderMap, now: Timestamp) {
        if headers.contains_key(header::AGE) {
            return;
        }
        let Some(date) = headers.get(header::DATE).and_then(|value| value.to_str().ok()) else { return };
        let Some(date) = httpdate::parse_http_date(date).ok().and_then(|date| Timestamp::try_from(date).ok())
        else {
            return;
        };
        // In the middle of the second that it names.
        let found = date.as_millisecond() + 500 - now.as_millisecond();
        if found.abs() <= BELIEVABLE_MS && (found - self.0.load(Ordering::Relaxed)).abs() > NOTICEABLE_MS {
            tracing::debug!(skew_ms = found, "the clock differs from the server's, which counts");
            self.0.store(found, Ordering::Relaxed);
        }
    }

    /// The server's time at this time of the clock.
    pub(crate) fn correct(&self, now: Timestamp) -> Timestamp {
        let skew = SignedDuration::from_millis(self.0.load(Ordering::Relaxed));
        now.saturating_add(skew).unwrap_or(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(date: &str, age: Option<&str>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::DATE, date.parse().unwrap());
        if let Some(age) = age {
            headers.insert(header::AGE, age.parse().unwrap());
        }
        headers
    }

    #[test]
    fn the_servers_date_corrects_a_clock_that_is_wrong() {
        let now: Timestamp = "2026-03-02T12:10:00Z".parse().unwrap();
        let skew = Skew::default();
        skew.learn(&headers("Mon, 02 Mar 2026 12:00:00 GMT", None), now);
        assert_eq!(skew.correct(now).to_string(), "2026-03-02T12:00:00.5Z");
        let mended = now - SignedDuration::from_mins(9);
        skew.learn(&headers("Mon, 02 Mar 2026 12:01:00 GMT", None), mended);
        assert_eq!(skew.correct(mended).to_string(), "2026-03-02T12:01:00.5Z");
    }

    #[test]
    fn small_differences_caches_and_dates_of_another_day_are_left_alone() {
        let now: Timestamp = "2026-03-02T12:00:01Z".parse().unwrap();
        let cases = [
            ("Mon, 02 Mar 2026 12:00:00 GMT", None),
            ("Mon, 02 Mar 2026 12:00:02 GMT", None),
            ("Mon, 02 Mar 2026 11:00:00 GMT", Some("3600")),
            ("Thu, 01 Jan 1970 00:00:00 GMT", None),
            ("yesterday", None),
        ];
        for (date, age) in cases {
            let skew = Skew::default();
            skew.learn(&headers(date, age), now);
            assert_eq!(skew.correct(now), now, "{date}");
        }
    }
}
