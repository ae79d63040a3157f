//! What is posted to applications: notifications and callbacks that wait, and those that were taken or given up.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::World;
use super::channels::Channel;
use super::store::{Record, StoreError};
use crate::outbox::Outgoing;
use crate::recorder::{masked_address, masked_body};

/// The wait after the first failure; it doubles with every other one.
const FIRST_WAIT: SignedDuration = SignedDuration::from_secs(10);

/// The longest wait between two attempts.
const LONGEST_WAIT: SignedDuration = SignedDuration::from_hours(1);

/// How long a delivery is tried: <https://docs.cronofy.com/developers/api/push-notifications/>.
const TRIED_FOR: SignedDuration = SignedDuration::from_hours(24);

/// How many finished deliveries are remembered.
const REMEMBERED: usize = 500;

const PENDING: &str = "pending";
const FINISHED: &str = "finished";

/// Something that is posted to an application. `Debug` shows it masked.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// `dlv_` and 24 hex digits.
    pub delivery_id: String,
    /// The application, whose secret signs the body.
    pub client_id: String,
    /// The channel it goes through, where it is one of a channel's notifications.
    pub channel_id: Option<String>,
    /// Where it is posted.
    pub url: String,
    /// The body, byte for byte.
    pub body: String,
    /// How far it has come.
    pub status: DeliveryStatus,
    /// When it was handed over.
    pub queued: Timestamp,
    /// When it is posted next; of no meaning once it is finished.
    pub due: Timestamp,
    /// How long the receiver may take, in milliseconds of real time.
    pub timeout_ms: u64,
    /// What came of it so far.
    pub attempts: Vec<DeliveryAttempt>,
    /// When it is given up.
    expires: Timestamp,
    key: Option<String>,
}

/// How far a delivery has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryStatus {
    /// It waits for its time, or for another attempt.
    Pending,
    /// It was taken with a 2xx.
    Delivered,
    /// It was given up after a day of failures.
    Failed,
    /// It was not sent: the address is not on this machine.
    Refused,
}

/// One try to post a delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryAttempt {
    /// When it ended.
    pub at: Timestamp,
    /// The receiver's status.
    pub status: Option<u16>,
    /// What went wrong where there is no status.
    pub error: Option<String>,
    /// The value of `Cronofy-HMAC-SHA256`.
    pub signature: String,
}

impl Record for Delivery {
    const KIND: &'static str = "delivery";
    fn id(&self) -> &str {
        &self.delivery_id
    }
    fn parent(&self) -> &str {
        if self.status == DeliveryStatus::Pending { PENDING } else { FINISHED }
    }
    fn key(&self) -> Option<String> {
        self.key.clone()
    }
}

impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let masked = self.clone().masked();
        f.debug_struct("Delivery")
            .field("delivery_id", &masked.delivery_id)
            .field("url", &masked.url)
            .field("body", &masked.body)
            .field("status", &masked.status)
            .field("due", &masked.due)
            .field("attempts", &masked.attempts)
            .finish_non_exhaustive()
    }
}

impl Delivery {
    /// The same delivery with codes and other secrets cut down to their first letters.
    pub fn masked(self) -> Self {
        Self { url: masked_address(&self.url), body: masked_body(&self.body), ..self }
    }

    /// Takes note of an attempt and decides whether there will be another.
    fn judge(mut self, attempt: DeliveryAttempt, is_refused: bool) -> Self {
        let now = attempt.at;
        self.status = match attempt.status {
            _ if is_refused => DeliveryStatus::Refused,
            Some(200..=299) => DeliveryStatus::Delivered,
            _ if now >= self.expires => DeliveryStatus::Failed,
            _ => DeliveryStatus::Pending,
        };
        let doubled = u32::try_from(self.attempts.len()).unwrap_or(u32::MAX).min(12);
        let wait = FIRST_WAIT.saturating_mul(1 << doubled).min(LONGEST_WAIT);
        self.attempts.push(attempt);
        if self.status == DeliveryStatus::Pending {
            self.due = after(now, wait).min(self.expires);
        } else {
            self.key = None;
        }
        self
    }
}

impl World {
    /// Hands over something to post. It leaves when this transaction is committed and it is due.
    pub(crate) fn post(&self, outgoing: Outgoing) -> Result<(), StoreError> {
        if let Some(key) = &outgoing.key {
            self.withdraw(key)?;
        }
        let now = self.now();
        let due = outgoing.due.unwrap_or(now).max(now);
        self.store.put(&Delivery {
            delivery_id: self.ids.id("dlv_"),
            client_id: outgoing.client_id,
            channel_id: outgoing.channel_id,
            url: outgoing.url,
            body: outgoing.body,
            status: DeliveryStatus::Pending,
            queued: now,
            due,
            timeout_ms: u64::try_from(outgoing.timeout.as_millis()).unwrap_or(u64::MAX),
            attempts: Vec::new(),
            expires: after(due, TRIED_FOR),
            key: outgoing.key,
        })?;
        self.clock.alarm.notify_one();
        Ok(())
    }

    /// Takes back what waits under a name; says whether there was anything.
    pub(crate) fn withdraw(&self, key: &str) -> Result<bool, StoreError> {
        match self.store.find::<Delivery>(key)? {
            Some(delivery) => self.store.delete::<Delivery>(&delivery.delivery_id),
            None => Ok(false),
        }
    }

    /// Takes back all that waits under names that begin so.
    pub(crate) fn withdraw_all(&self, beginning: &str) -> Result<(), StoreError> {
        for waiting in self.store.list::<Delivery>(PENDING)? {
            if waiting.key.as_ref().is_some_and(|key| key.starts_with(beginning)) {
                self.store.delete::<Delivery>(&waiting.delivery_id)?;
            }
        }
        Ok(())
    }

    /// What is to be posted now, the longest due first.
    pub(crate) fn due_deliveries(&self) -> Result<Vec<Delivery>, StoreError> {
        let now = self.now();
        let mut deliveries = self.store.list::<Delivery>(PENDING)?;
        deliveries.retain(|delivery| delivery.due <= now);
        deliveries.sort_by_key(|delivery| delivery.due);
        Ok(deliveries)
    }

    /// When the first delivery that waits for its time is due.
    pub(crate) fn next_delivery(&self) -> Result<Option<Timestamp>, StoreError> {
        let now = self.now();
        let pending = self.store.list::<Delivery>(PENDING)?.into_iter();
        Ok(pending.map(|delivery| delivery.due).filter(|due| *due > now).min())
    }

    /// Writes down what came of an attempt. A channel that nobody listened to for a day is closed.
    pub(crate) fn record_attempt(
        &self,
        delivery_id: &str,
        attempt: DeliveryAttempt,
        is_refused: bool,
    ) -> Result<(), StoreError> {
        // It may have been withdrawn in the meantime.
        let Some(delivery) = self.store.get::<Delivery>(delivery_id)? else { return Ok(()) };
        let delivery = delivery.judge(attempt, is_refused);
        self.store.put(&delivery)?;
        if let (DeliveryStatus::Failed, Some(channel_id)) = (delivery.status, &delivery.channel_id) {
            self.store.delete::<Channel>(channel_id)?;
            self.withdraw_notifications(channel_id)?;
        }
        let finished = self.store.list::<Delivery>(FINISHED)?;
        for old in finished.iter().take(finished.len().saturating_sub(REMEMBERED)) {
            self.store.delete::<Delivery>(&old.delivery_id)?;
        }
        Ok(())
    }

    /// Takes back what waits to go through a channel.
    pub(crate) fn withdraw_notifications(&self, channel_id: &str) -> Result<(), StoreError> {
        for waiting in self.store.list::<Delivery>(PENDING)? {
            if waiting.channel_id.as_deref() == Some(channel_id) {
                self.store.delete::<Delivery>(&waiting.delivery_id)?;
            }
        }
        Ok(())
    }
}

fn after(time: Timestamp, span: SignedDuration) -> Timestamp {
    time.saturating_add(span).unwrap_or(Timestamp::MAX)
}
