//! The clock everything asks: real time plus an offset, or a frozen instant.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

/// Tells the sandbox's time. It starts as real time.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    setting: Mutex<Setting>,
    /// Rings when something may have become due: the clock was set, or there is something new to post.
    pub(crate) alarm: Notify,
}

#[derive(Debug, Default, Clone, Copy)]
struct Setting {
    offset: SignedDuration,
    frozen: Option<Timestamp>,
}

/// What the clock shows and how it is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockStatus {
    /// The sandbox's present time.
    pub now: Timestamp,
    /// How far the clock is ahead of real time; of no effect while it is frozen.
    pub offset_ms: i64,
    /// Whether time stands still.
    pub frozen: bool,
}

impl Clock {
    pub(crate) fn now(&self) -> Timestamp {
        let setting = *lock(&self.setting);
        setting.frozen.unwrap_or_else(|| shift(Timestamp::now(), setting.offset))
    }

    pub(crate) fn now_ms(&self) -> i64 {
        self.now().as_millisecond()
    }

    /// Moves the clock forward, frozen or not.
    pub(crate) fn advance(&self, by: Duration) {
        let by = SignedDuration::try_from(by).unwrap_or(SignedDuration::MAX);
        let mut setting = lock(&self.setting);
        match &mut setting.frozen {
            Some(frozen) => *frozen = shift(*frozen, by),
            None => setting.offset = setting.offset.saturating_add(by),
        }
        self.alarm.notify_one();
    }

    /// Sets the distance to real time and lets the clock run.
    pub(crate) fn set_offset(&self, offset: SignedDuration) {
        *lock(&self.setting) = Setting { offset, frozen: None };
        self.alarm.notify_one();
    }

    /// Stops the clock at an instant, or lets it run again.
    pub(crate) fn freeze(&self, at: Option<Timestamp>) {
        lock(&self.setting).frozen = at;
        self.alarm.notify_one();
    }

    pub(crate) fn status(&self) -> ClockStatus {
        let setting = *lock(&self.setting);
        ClockStatus {
            now: self.now(),
            offset_ms: i64::try_from(setting.offset.as_millis()).unwrap_or(i64::MAX),
            frozen: setting.frozen.is_some(),
        }
    }
}

fn shift(from: Timestamp, by: SignedDuration) -> Timestamp {
    from.saturating_add(by).unwrap_or(from)
}

/// Takes a mutex whose holder may have panicked: every value behind one stays whole between statements.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frozen_clock_stands_still_until_it_is_advanced() {
        let clock = Clock::default();
        let noon: Timestamp = "2026-03-01T12:00:00Z".parse().unwrap();
        clock.freeze(Some(noon));
        assert_eq!(clock.now(), noon);
        clock.advance(Duration::from_secs(90));
        assert_eq!(clock.now().to_string(), "2026-03-01T12:01:30Z");
        assert!(clock.status().frozen);
    }

    #[test]
    fn an_offset_moves_a_running_clock_either_way() {
        let clock = Clock::default();
        clock.set_offset(SignedDuration::from_hours(-5));
        assert!(Timestamp::now() - clock.now() >= SignedDuration::from_hours(4));
        assert_eq!(clock.status().offset_ms, -5 * 3_600_000);
    }
}
