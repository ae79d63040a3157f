//! What the sandbox posted to applications, or is about to.

use axum::extract::State as FromState;
use axum::response::Response;
use serde_json::json;

use super::http::{done, reply};
use super::{Control, usable};
use crate::world::deliveries::Delivery;

/// Deliveries.
impl Control {
    /// Notifications and callbacks in the order in which they were handed over; the last 500 finished ones and all that
    /// wait. Their bodies may hold codes.
    pub fn deliveries(&self) -> Vec<Delivery> {
        self.run(|world| world.store.all())
    }

    /// Waits until nothing is due or on its way. What is to be tried again later is not waited for.
    pub async fn settle(&self) {
        usable(self.state.outbox.settle(&self.state).await);
    }
}

pub(super) async fn list(FromState(control): FromState<Control>) -> Response {
    let deliveries: Vec<_> = control.deliveries().into_iter().map(Delivery::masked).collect();
    reply(json!({ "deliveries": deliveries }))
}

pub(super) async fn settle(FromState(control): FromState<Control>) -> Response {
    control.settle().await;
    done()
}
