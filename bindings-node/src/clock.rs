//! A clock that tests move.

use std::{sync::Arc, time::Duration};

use napi_derive::napi;
use orgconnect::Clock;

use crate::convert::{duration, milliseconds, timestamp};

#[napi(js_name = "ManualClock")]
pub struct NativeClock {
    pub(crate) clock: Arc<orgconnect::ManualClock>,
}

#[napi]
impl NativeClock {
    #[napi(constructor, catch_unwind)]
    pub fn new(now: f64) -> Self {
        Self { clock: Arc::new(orgconnect::ManualClock::starting_at(timestamp(now))) }
    }

    #[napi(catch_unwind)]
    pub fn now(&self) -> f64 {
        milliseconds(self.clock.now())
    }

    #[napi(catch_unwind)]
    pub fn advance(&self, by: f64) {
        self.clock.advance(duration(by).min(Duration::from_secs(u64::from(u32::MAX))));
    }
}
