//! Posts notifications and callbacks: signed, one at a time to each address, again and again until they are taken or a
//! day has passed. A handler hands them over with [`World::post`](crate::world::World::post) in its own transaction, so
//! what is undone is never told.

mod post;
mod signature;

use std::collections::HashSet;
use std::sync::Mutex;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::watch;

use self::post::Poster;
use crate::clock::lock;
use crate::server::{Shared, State};
use crate::world::applications::Application;
use crate::world::deliveries::{Delivery, DeliveryAttempt};
use crate::world::store::StoreError;

/// Callbacks are to be answered within this time: <https://docs.cronofy.com/developers/push-notifications/>.
const CALLBACK_TIMEOUT: Duration = Duration::from_secs(5);

/// Event triggers have a little longer: <https://docs.cronofy.com/developers/api/event-triggers/>.
const TRIGGER_TIMEOUT: Duration = Duration::from_secs(7);

/// How long to wait where nothing is due: the alarm rings when that changes.
const IDLE: Duration = Duration::from_hours(1);

/// Something to post.
#[derive(Clone)]
pub(crate) struct Outgoing {
    pub(crate) client_id: String,
    pub(crate) url: String,
    pub(crate) body: String,
    /// How long the receiver may take.
    pub(crate) timeout: Duration,
    /// When to post it first; at once by default.
    pub(crate) due: Option<Timestamp>,
    /// A name under which it can be withdrawn or replaced while it waits.
    pub(crate) key: Option<String>,
    /// The channel to close where nobody takes it for a day.
    pub(crate) channel_id: Option<String>,
}

impl Outgoing {
    /// A body for an application's address, posted at once.
    pub(crate) fn callback(client_id: &str, url: &str, body: &Value) -> Self {
        Self {
            client_id: client_id.into(),
            url: url.into(),
            body: body.to_string(),
            timeout: CALLBACK_TIMEOUT,
            due: None,
            key: None,
            channel_id: None,
        }
    }

    /// A body that an event's subscription asks for.
    pub(crate) fn trigger(client_id: &str, url: &str, body: &Value) -> Self {
        Self::callback(client_id, url, body).within(TRIGGER_TIMEOUT)
    }

    /// Posts it no earlier than this.
    pub(crate) fn at(self, due: Timestamp) -> Self {
        Self { due: Some(due), ..self }
    }

    /// Gives the receiver this long to answer.
    pub(crate) fn within(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// Replaces what waits under the same name.
    pub(crate) fn under(self, key: String) -> Self {
        Self { key: Some(key), ..self }
    }

    /// Closes this channel where nobody takes it for a day.
    pub(crate) fn through(self, channel_id: &str) -> Self {
        Self { channel_id: Some(channel_id.into()), ..self }
    }
}

/// What is on its way.
pub(crate) struct Outbox {
    /// The addresses that are being posted to.
    busy: Mutex<HashSet<String>>,
    /// Told after every attempt, and when the outbox closes.
    progress: watch::Sender<Progress>,
}

#[derive(Default)]
struct Progress {
    attempts: u64,
    closed: bool,
}

impl Default for Outbox {
    fn default() -> Self {
        Self { busy: Mutex::default(), progress: watch::Sender::new(Progress::default()) }
    }
}

impl Outbox {
    /// Waits until nothing is due or on its way, or the sandbox has stopped.
    pub(crate) async fn settle(&self, shared: &Shared) -> Result<(), StoreError> {
        let mut progress = self.progress.subscribe();
        loop {
            // Seen before the look, so that progress made during it is not slept through.
            let closed = progress.borrow_and_update().closed;
            let due = lock(&shared.world).due_deliveries()?;
            let is_idle = due.is_empty() && lock(&self.busy).is_empty();
            if is_idle || closed || progress.changed().await.is_err() {
                return Ok(());
            }
        }
    }

    fn attempted(&self, url: &str) {
        lock(&self.busy).remove(url);
        self.progress.send_modify(|progress| progress.attempts += 1);
    }
}

/// Posts what is due until the sandbox stops.
pub(crate) async fn run(state: State) {
    let _closing = Closing(state.clone());
    let poster = Poster::new();
    loop {
        // A store that fails now says so to whoever calls the API; posting goes on when it works again.
        let wait = begin_due(&state, &poster).unwrap_or(IDLE);
        tokio::select! {
            () = state.clock.alarm.notified() => {}
            () = tokio::time::sleep(wait) => {}
        }
    }
}

/// Lets nobody wait for an outbox that is gone.
struct Closing(State);

impl Drop for Closing {
    fn drop(&mut self) {
        self.0.outbox.progress.send_modify(|progress| progress.closed = true);
    }
}

/// Starts posting what is due and says how long until there is more.
fn begin_due(state: &State, poster: &Poster) -> Result<Duration, StoreError> {
    let world = lock(&state.world);
    for delivery in world.due_deliveries()? {
        // One at a time to an address, so that it hears of things in their order.
        if !lock(&state.outbox.busy).insert(delivery.url.clone()) {
            continue;
        }
        let application = world.store.get::<Application>(&delivery.client_id)?;
        let secrets = application.iter().flat_map(Application::secrets);
        let signature = signature::sign(delivery.body.as_bytes(), secrets);
        let settings = world.settings();
        let timeout = settings.delivery_timeout_ms.unwrap_or(delivery.timeout_ms);
        let beyond_loopback = settings.deliver_beyond_loopback;
        tokio::spawn(attempt(state.clone(), poster.clone(), delivery, signature, timeout, beyond_loopback));
    }
    Ok(world.next_delivery()?.map_or(IDLE, |due| {
        Duration::try_from(due - world.now()).unwrap_or_default().clamp(Duration::from_millis(1), IDLE)
    }))
}

/// Posts one delivery once and writes down what came of it.
async fn attempt(
    state: State,
    poster: Poster,
    delivery: Delivery,
    signature: String,
    timeout_ms: u64,
    beyond_loopback: bool,
) {
    let is_refused = !beyond_loopback && !post::is_loopback(&delivery.url);
    let outcome = if is_refused {
        Err("the address is not on this machine; the setting deliver_beyond_loopback allows it".to_owned())
    } else {
        poster.post(&delivery.url, &delivery.body, &signature, Duration::from_millis(timeout_ms)).await
    };
    {
        let world = lock(&state.world);
        let attempt = DeliveryAttempt {
            at: world.now(),
            status: outcome.as_ref().ok().copied(),
            error: outcome.err(),
            signature,
        };
        // What could not be written down is tried again, as after a crash.
        let _ = world.transaction(|world| world.record_attempt(&delivery.delivery_id, attempt, is_refused));
    }
    state.outbox.attempted(&delivery.url);
    state.clock.alarm.notify_one();
}
