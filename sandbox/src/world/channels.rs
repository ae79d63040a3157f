//! Channels: where applications want to hear of changes in somebody's calendars, and what they are told.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::World;
use super::authorizations::ConnectionStatus;
use super::calendars::Calendar;
use super::event_time::whole_seconds;
use super::events::Event;
use super::store::{Record, StoreError};
use crate::outbox::Outgoing;

/// An application's wish to be told at an address what happens to an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Channel {
    pub(crate) channel_id: String,
    pub(crate) client_id: String,
    /// The account.
    pub(crate) sub: String,
    /// The connection whose access this is; none for an Internal Application.
    pub(crate) connection: Option<String>,
    pub(crate) callback_url: String,
    pub(crate) filters: ChannelFilters,
    /// Whether it is told of scheduling conversations, where that was said.
    pub(crate) scheduling_conversations: Option<bool>,
}

/// Which changes a channel is told of; all of them where nothing is said.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ChannelFilters {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) calendar_ids: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) only_managed: Option<bool>,
}

impl Record for Channel {
    const KIND: &'static str = "channel";
    fn id(&self) -> &str {
        &self.channel_id
    }
    fn parent(&self) -> &str {
        &self.sub
    }
}

impl Channel {
    /// As replies and notifications show it.
    pub(crate) fn to_json(&self) -> Value {
        let mut json = json!({
            "channel_id": self.channel_id,
            "callback_url": self.callback_url,
            "filters": self.filters,
        });
        if let Some(enabled) = self.scheduling_conversations {
            json["scheduling_conversations"] = json!({ "enabled": enabled });
        }
        json
    }

    fn admits(&self, calendar: &Calendar, event: &Event) -> bool {
        let filters = &self.filters;
        filters.calendar_ids.as_ref().is_none_or(|ids| ids.contains(&calendar.calendar_id))
            && (filters.only_managed != Some(true) || event.is_managed_by(&self.client_id))
    }
}

impl World {
    /// The channels that an application has for an account, oldest first.
    pub(crate) fn channels(&self, client_id: &str, sub: &str) -> Result<Vec<Channel>, StoreError> {
        let channels = self.store.list::<Channel>(sub)?.into_iter();
        Ok(channels.filter(|channel| channel.client_id == client_id).collect())
    }

    /// Tells everybody who listens that an event was written or deleted, but for the application that did it.
    pub(crate) fn event_changed(&self, event: &Event, by: Option<&str>) -> Result<(), StoreError> {
        let Some(calendar) = self.store.get::<Calendar>(&event.calendar_id)? else { return Ok(()) };
        let notification = json!({ "type": "change", "changes_since": whole_seconds(self.now()) });
        for channel in self.store.list::<Channel>(&calendar.sub)? {
            if by != Some(channel.client_id.as_str()) && channel.admits(&calendar, event) {
                self.notify(&channel, &notification)?;
            }
        }
        Ok(())
    }

    /// Tells everybody who listens what happened to an account, such as `profile_disconnected`.
    pub(crate) fn account_changed(&self, sub: &str, kind: &str) -> Result<(), StoreError> {
        for channel in self.store.list::<Channel>(sub)? {
            self.notify(&channel, &json!({ "type": kind }))?;
        }
        Ok(())
    }

    /// Tells the channels of an account that asked to hear of scheduling conversations.
    pub(crate) fn conversation_changed(
        &self,
        client_id: &str,
        sub: &str,
        conversation_id: &str,
        kind: &str,
    ) -> Result<(), StoreError> {
        let notification = json!({ "type": kind, "scheduling_conversation_id": conversation_id });
        for channel in self.channels(client_id, sub)? {
            if channel.scheduling_conversations == Some(true) {
                self.notify(&channel, &notification)?;
            }
        }
        Ok(())
    }

    /// Posts a notification through a channel as long as the application still has access.
    pub(crate) fn notify(&self, channel: &Channel, notification: &Value) -> Result<(), StoreError> {
        if let Some(sub) = &channel.connection {
            let connection = self.connection(&channel.client_id, sub)?;
            if connection.is_none_or(|known| known.status == ConnectionStatus::Revoked) {
                return Ok(());
            }
        }
        let body = json!({ "notification": notification, "channel": channel.to_json() });
        let outgoing = Outgoing::callback(&channel.client_id, &channel.callback_url, &body);
        self.post(outgoing.through(&channel.channel_id))
    }
}
