//! Two ways to break, for the tests of what becomes of a panic: one at once, one within a call. Never part of what ships.

use napi_derive::napi;

use crate::{
    channel::{Channel, Done},
    error::Result,
};

#[napi(catch_unwind)]
pub fn break_at_once() {
    panic!("on purpose");
}

#[napi(catch_unwind)]
pub fn break_within(channel: &Channel, id: i32) -> Result<()> {
    channel.run(id, false, || async { broken() })
}

fn broken() -> orgconnect::Result<Done> {
    panic!("on purpose");
}
