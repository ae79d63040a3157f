//! A clock that tests move.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use orgconnect::{Clock, ManualClock};

use crate::error::NativeResult;

/// A clock that moves only when told to, for tests.
#[derive(Debug, uniffi::Object)]
pub struct NativeClock(pub(crate) Arc<ManualClock>);

#[uniffi::export]
impl NativeClock {
    /// A clock that stands at a time, in milliseconds since 1970.
    #[uniffi::constructor]
    pub fn starting_at(unix_ms: i64) -> NativeResult<Arc<Self>> {
        let now = Timestamp::from_millisecond(unix_ms)
            .map_err(|_| orgconnect::Error::config("clock", "the time is out of range"))?;
        Ok(Arc::new(Self(Arc::new(ManualClock::starting_at(now)))))
    }

    /// Moves the clock either way.
    pub fn shift(&self, by_ms: i64) -> NativeResult<()> {
        self.0.shift(SignedDuration::from_millis(by_ms));
        Ok(())
    }

    /// The time that it shows, in milliseconds since 1970.
    pub fn now(&self) -> NativeResult<i64> {
        Ok(self.0.now().as_millisecond())
    }
}
