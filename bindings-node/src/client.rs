//! The client: authorizes, completes, and opens handles.

use napi_derive::napi;
use orgconnect::{AuthorizationRequest, Client, ConnectionId, Handle};

use crate::{
    authorization::{Pending, Request},
    channel::{Channel, Done},
    clock::NativeClock,
    connection::{NativeConnection, summary},
    convert::count,
    error::{Result, thrown},
    handle::NativeHandle,
    refresher::{NativeRefresher, RefresherSettings},
    settings::Settings,
    store::NativeStore,
    webhook::NativeVerifier,
};

#[napi(js_name = "Client")]
pub struct NativeClient {
    client: Client,
}

#[napi]
impl NativeClient {
    #[napi(factory, catch_unwind)]
    pub fn build(
        settings: Settings,
        store: Option<&NativeStore>,
        clock: Option<&NativeClock>,
    ) -> Result<Self> {
        settings.build(store, clock).map(|client| Self { client }).map_err(thrown)
    }

    #[napi(catch_unwind)]
    pub fn authorize(&self, request: Request) -> Result<Pending> {
        self.begin(request.organization())
    }

    #[napi(catch_unwind)]
    pub fn authorize_individual(&self, request: Request) -> Result<Pending> {
        self.begin(request.individual())
    }

    #[napi(catch_unwind)]
    pub fn authorize_enterprise(&self, request: Request) -> Result<Pending> {
        self.begin(request.enterprise())
    }

    /// Reads a pending authorization back from its text.
    #[napi(catch_unwind)]
    pub fn pending(&self, text: String) -> Result<Pending> {
        let pending = self.client.pending(&text).map_err(thrown)?;
        Ok(Pending::of(&pending, text))
    }

    #[napi(catch_unwind)]
    pub fn complete(&self, channel: &Channel, id: i32, pending: String, callback: String) -> Result<()> {
        let client = self.client.clone();
        channel.run(id, true, move || async move {
            let connection = client.complete(&client.pending(&pending)?, callback).await?;
            Ok(Done::Connection(Box::new(NativeConnection::of(connection))))
        })
    }

    #[napi(catch_unwind)]
    pub fn complete_delegated(
        &self,
        channel: &Channel,
        id: i32,
        code: String,
        callback_url: String,
        connection_id: Option<String>,
    ) -> Result<()> {
        let client = self.client.clone();
        channel.run(id, true, move || async move {
            let connection_id = connection_id.map(ConnectionId::new).transpose()?;
            let connection = client.complete_delegated(code, &callback_url, connection_id).await?;
            Ok(Done::Connection(Box::new(NativeConnection::of(connection))))
        })
    }

    #[napi(catch_unwind)]
    pub fn import_connection(
        &self,
        channel: &Channel,
        id: i32,
        connection_id: String,
        refresh_token: String,
    ) -> Result<()> {
        let client = self.client.clone();
        channel.run(id, true, move || async move {
            let connection = client.import_connection(connection_id.as_str(), refresh_token).await?;
            Ok(Done::Connection(Box::new(NativeConnection::of(connection))))
        })
    }

    #[napi(catch_unwind)]
    pub fn application_calendar(&self, channel: &Channel, id: i32, calendar: String) -> Result<()> {
        let client = self.client.clone();
        channel.run(id, true, move || async move {
            let account = client.application_calendar(&calendar).await?;
            Ok(Done::Handle(Box::new(NativeHandle::of(Handle::from(&account)))))
        })
    }

    #[napi(catch_unwind)]
    pub fn refresher(&self, settings: RefresherSettings) -> NativeRefresher {
        NativeRefresher::new(self.client.refresher(), settings)
    }

    #[napi(catch_unwind)]
    pub fn connection(&self, id: String) -> Result<NativeConnection> {
        self.client.connection(id).map(NativeConnection::of).map_err(thrown)
    }

    #[napi(catch_unwind)]
    pub fn organization(&self, id: String) -> Result<NativeHandle> {
        self.client.organization(id).map(NativeHandle::of_an_organization).map_err(thrown)
    }

    #[napi(catch_unwind)]
    pub fn internal_organization(&self) -> NativeHandle {
        NativeHandle::of_an_organization(self.client.internal_organization())
    }

    #[napi(catch_unwind)]
    pub fn account(&self, id: String) -> Result<NativeHandle> {
        self.client.account(id).map(|account| NativeHandle::of(Handle::from(&account))).map_err(thrown)
    }

    #[napi(catch_unwind)]
    pub fn service_account(&self, id: String) -> Result<NativeHandle> {
        self.client
            .service_account(id)
            .map(|account| NativeHandle::of(Handle::from(&account)))
            .map_err(thrown)
    }

    /// The client with an Admin API key as its credential.
    #[napi(catch_unwind)]
    pub fn admin(&self, key: String) -> Result<NativeHandle> {
        self.client.admin(key).map(|client| NativeHandle::of(Handle::from(&client))).map_err(thrown)
    }

    /// What the client's own operations are called on.
    #[napi(catch_unwind)]
    pub fn handle(&self) -> NativeHandle {
        NativeHandle::of(Handle::from(&self.client))
    }

    /// Lists connections; what comes is summaries as JSON.
    #[napi(catch_unwind)]
    pub fn connections(&self, channel: &Channel, id: i32, after: Option<String>, limit: f64) -> Result<()> {
        let client = self.client.clone();
        channel.run(id, true, move || async move {
            let after = after.map(ConnectionId::new).transpose()?;
            let found = client.connections(after.as_ref(), count(limit) as usize).await?;
            let summaries = found.iter().map(summary);
            Ok(Done::Text(summaries.collect::<serde_json::Value>().to_string()))
        })
    }

    #[napi(catch_unwind)]
    pub fn revoke_sub(&self, channel: &Channel, id: i32, sub: String) -> Result<()> {
        let client = self.client.clone();
        channel.run(id, true, move || async move { client.revoke_sub(&sub).await.map(|()| Done::Nothing) })
    }

    #[napi(catch_unwind)]
    pub fn settle(&self, channel: &Channel, id: i32) -> Result<()> {
        let client = self.client.clone();
        channel.run(id, true, move || async move { client.settle().await.map(|()| Done::Nothing) })
    }

    #[napi(catch_unwind)]
    pub fn namespace(&self) -> String {
        self.client.namespace()
    }

    #[napi(catch_unwind)]
    pub fn webhooks(&self) -> NativeVerifier {
        NativeVerifier::of(self.client.webhooks())
    }
}

impl NativeClient {
    fn begin(&self, request: AuthorizationRequest) -> Result<Pending> {
        let pending = self.client.authorize(request).map_err(thrown)?;
        let text = self.client.serialize_pending(&pending);
        Ok(Pending::of(&pending, text))
    }
}
