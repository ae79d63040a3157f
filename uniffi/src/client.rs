//! The door of servers: the application with its secret.

use std::{sync::Arc, time::Duration};

use orgconnect::{AuthorizationRequest, Client, ConnectionId, Flow, Organization, PendingAuthorization};

use crate::{
    connection::{NativeConnection, NativeSummary},
    error::NativeResult,
    handle::NativeHandle,
    refresher::{NativeRefresher, NativeRefresherSettings},
    runtime::{CancelHandle, run},
    settings::{NativeSettings, apply},
    store::NativeStore,
    webhook::NativeVerifier,
};

/// An application, ready to authorize and to call.
#[derive(Debug, uniffi::Object)]
pub struct NativeClient(Client);

/// The application, and what only the door of servers has.
#[derive(uniffi::Record)]
pub struct NativeApplication {
    /// The application's id.
    pub client_id: String,
    /// The application's secret.
    pub client_secret: String,
    /// Where tokens are kept. Absent: in memory.
    #[uniffi(default = None)]
    pub store: Option<Arc<NativeStore>>,
    /// The time for a token request.
    #[uniffi(default = None)]
    pub token_timeout_ms: Option<u64>,
    /// The time for a call to the store.
    #[uniffi(default = None)]
    pub store_timeout_ms: Option<u64>,
    /// Refuses a store that keeps tokens in clear text.
    #[uniffi(default = false)]
    pub require_encryption: bool,
}

/// Which of Cronofy's flows an authorization uses.
#[derive(Debug, Clone, Copy, uniffi::Enum)]
pub enum NativeFlow {
    /// Organization Connect.
    Organization,
    /// Individual Connect.
    Individual,
    /// Enterprise Connect.
    Enterprise,
}

/// What to ask an owner for.
#[derive(uniffi::Record)]
pub struct NativeAuthorizationRequest {
    /// The flow.
    pub flow: NativeFlow,
    /// Where the owner comes back with a code.
    pub redirect_uri: String,
    /// The scopes; not for Organization Connect.
    #[uniffi(default = [])]
    pub scopes: Vec<String>,
    /// Scopes that may later be granted to users or resources.
    #[uniffi(default = [])]
    pub delegated_scopes: Vec<String>,
    /// The display language of the pages.
    #[uniffi(default = None)]
    pub locale: Option<String>,
    /// Text that rides along.
    #[uniffi(default = None)]
    pub payload: Option<String>,
    /// The state to use instead of a random one.
    #[uniffi(default = None)]
    pub state: Option<String>,
    /// The name of the connection in the token store.
    #[uniffi(default = None)]
    pub connection_id: Option<String>,
    /// How long the owner has to approve.
    #[uniffi(default = None)]
    pub lifetime_ms: Option<u64>,
    /// Keeps the new calendar account apart from an earlier one.
    #[uniffi(default = None)]
    pub avoid_linking: Option<bool>,
    /// Selects the calendar provider beforehand.
    #[uniffi(default = None)]
    pub provider_name: Option<String>,
    /// Links the calendar account to an existing Cronofy account.
    #[uniffi(default = None)]
    pub link_token: Option<String>,
}

/// An authorization that waits for its callback.
#[derive(uniffi::Record)]
pub struct NativePending {
    /// The one opaque text for the owner's session.
    pub serialized: String,
    /// Where to send the owner.
    pub url: String,
    /// The flow.
    pub flow: NativeFlow,
    /// The payload that rides along.
    pub payload: Option<String>,
    /// When it is too late to complete, in milliseconds since 1970.
    pub expires_at_ms: i64,
}

#[uniffi::export]
impl NativeClient {
    /// Checks the settings and makes the client.
    #[uniffi::constructor]
    pub fn new(application: NativeApplication, settings: NativeSettings) -> NativeResult<Arc<Self>> {
        let mut builder = apply!(settings, Client::builder(application.client_id, application.client_secret));
        if let Some(store) = application.store {
            builder = builder.shared_store(store.shared());
        }
        if let Some(timeout) = application.token_timeout_ms {
            builder = builder.token_timeout(Duration::from_millis(timeout));
        }
        if let Some(timeout) = application.store_timeout_ms {
            builder = builder.store_timeout(Duration::from_millis(timeout));
        }
        builder = builder.require_encryption(application.require_encryption);
        Ok(Arc::new(Self(builder.build()?)))
    }

    /// Builds the URL to send an owner to.
    pub fn authorize(&self, request: NativeAuthorizationRequest) -> NativeResult<NativePending> {
        let pending = self.0.authorize(request.into())?;
        Ok(self.pending_record(&pending))
    }

    /// Reads a pending authorization back from the owner's session.
    pub fn pending(&self, serialized: String) -> NativeResult<NativePending> {
        let pending = self.0.pending(&serialized)?;
        Ok(self.pending_record(&pending))
    }

    /// Completes an authorization: checks the callback, exchanges the code, stores the tokens.
    pub async fn complete(
        &self,
        pending: String,
        callback: String,
        cancel: Option<Arc<CancelHandle>>,
    ) -> NativeResult<Arc<NativeConnection>> {
        let client = self.0.clone();
        run(cancel, async move {
            let pending = client.pending(&pending)?;
            Ok(NativeConnection::of(client.complete(&pending, callback).await?))
        })
        .await
    }

    /// Exchanges the code that came to the callback URL of a delegated authorization.
    pub async fn complete_delegated(
        &self,
        code: String,
        callback_url: String,
        connection_id: Option<String>,
        cancel: Option<Arc<CancelHandle>>,
    ) -> NativeResult<Arc<NativeConnection>> {
        let client = self.0.clone();
        run(cancel, async move {
            let id = connection_id.map(ConnectionId::new).transpose()?;
            Ok(NativeConnection::of(client.complete_delegated(code, &callback_url, id).await?))
        })
        .await
    }

    /// Opens the application calendar with this id of your own.
    pub async fn application_calendar(
        &self,
        application_calendar_id: String,
        cancel: Option<Arc<CancelHandle>>,
    ) -> NativeResult<Arc<NativeHandle>> {
        let client = self.0.clone();
        run(cancel, async move {
            let account = client.application_calendar(&application_calendar_id).await?;
            Ok(NativeHandle::of(&account))
        })
        .await
    }

    /// Takes over a refresh token that was obtained elsewhere.
    pub async fn import_connection(
        &self,
        id: String,
        refresh_token: String,
        cancel: Option<Arc<CancelHandle>>,
    ) -> NativeResult<Arc<NativeConnection>> {
        let client = self.0.clone();
        run(
            cancel,
            async move { Ok(NativeConnection::of(client.import_connection(id, refresh_token).await?)) },
        )
        .await
    }

    /// A connection by its id.
    pub fn connection(&self, id: String) -> NativeResult<Arc<NativeConnection>> {
        Ok(NativeConnection::of(self.0.connection(id)?))
    }

    /// The organization of an Internal Application.
    pub fn internal_organization(&self) -> NativeResult<Arc<NativeOrganization>> {
        Ok(NativeOrganization::of(self.0.internal_organization()))
    }

    /// The same client with an Admin API key as its credential.
    pub fn admin(&self, key: String) -> NativeResult<Arc<Self>> {
        Ok(Arc::new(Self(self.0.admin(key)?)))
    }

    /// Lists stored connections in the order of their ids.
    pub async fn connections(
        &self,
        after: Option<String>,
        limit: u32,
        cancel: Option<Arc<CancelHandle>>,
    ) -> NativeResult<Vec<NativeSummary>> {
        let client = self.0.clone();
        run(cancel, async move {
            let after = after.map(ConnectionId::new).transpose()?;
            let limit = usize::try_from(limit).unwrap_or(usize::MAX);
            let listed = client.connections(after.as_ref(), limit).await?;
            Ok(listed.into_iter().map(NativeSummary::from).collect())
        })
        .await
    }

    /// Revokes by `sub`.
    pub async fn revoke_sub(&self, sub: String, cancel: Option<Arc<CancelHandle>>) -> NativeResult<()> {
        let client = self.0.clone();
        run(cancel, async move { Ok(client.revoke_sub(&sub).await?) }).await
    }

    /// Waits for refreshes in the background, and for tokens that could not be saved yet.
    pub async fn settle(&self, cancel: Option<Arc<CancelHandle>>) -> NativeResult<()> {
        let client = self.0.clone();
        run(cancel, async move { Ok(client.settle().await?) }).await
    }

    /// The part of the token store that is this application's.
    pub fn namespace(&self) -> NativeResult<String> {
        Ok(self.0.namespace())
    }

    /// Refreshes connections before they end.
    pub fn refresher(&self, settings: NativeRefresherSettings) -> NativeResult<Arc<NativeRefresher>> {
        Ok(NativeRefresher::of(self.0.refresher(), &settings))
    }

    /// Checks the signatures of what Cronofy posts to this application.
    pub fn webhooks(&self) -> NativeResult<Arc<NativeVerifier>> {
        Ok(NativeVerifier::of(self.0.webhooks()))
    }

    /// Calls operations that take the application's own credentials.
    pub fn handle(&self) -> NativeResult<Arc<NativeHandle>> {
        Ok(NativeHandle::of(&self.0))
    }
}

impl NativeClient {
    fn pending_record(&self, pending: &PendingAuthorization) -> NativePending {
        NativePending {
            serialized: self.0.serialize_pending(pending),
            url: pending.url().to_owned(),
            flow: match pending.flow() {
                Flow::Individual => NativeFlow::Individual,
                Flow::Enterprise => NativeFlow::Enterprise,
                _ => NativeFlow::Organization,
            },
            payload: pending.payload().map(str::to_owned),
            expires_at_ms: pending.expires_at().as_millisecond(),
        }
    }
}

/// An organization: calls for itself, and for its members.
#[derive(Debug, uniffi::Object)]
pub struct NativeOrganization(Organization);

#[uniffi::export]
impl NativeOrganization {
    /// Calls for the organization itself.
    pub fn handle(&self) -> NativeResult<Arc<NativeHandle>> {
        Ok(NativeHandle::of(&self.0))
    }

    /// Acts as the member with this `sub`.
    pub fn impersonate(&self, sub: String) -> NativeResult<Arc<NativeMember>> {
        Ok(NativeMember::of(&self.0.impersonate(sub)?))
    }

    /// Acts as the member with this e-mail address, which is looked up.
    pub async fn impersonate_email(
        &self,
        email: String,
        cancel: Option<Arc<CancelHandle>>,
    ) -> NativeResult<Arc<NativeMember>> {
        let organization = self.0.clone();
        run(cancel, async move { Ok(NativeMember::of(&organization.impersonate_email(&email).await?)) }).await
    }
}

impl NativeOrganization {
    pub(crate) fn of(organization: Organization) -> Arc<Self> {
        Arc::new(Self(organization))
    }
}

/// A member who is impersonated.
#[derive(Debug, uniffi::Object)]
pub struct NativeMember {
    handle: Arc<NativeHandle>,
    sub: String,
}

#[uniffi::export]
impl NativeMember {
    /// Calls as the member.
    pub fn handle(&self) -> NativeResult<Arc<NativeHandle>> {
        Ok(Arc::clone(&self.handle))
    }

    /// The `sub` that calls are made as.
    pub fn sub(&self) -> NativeResult<String> {
        Ok(self.sub.clone())
    }
}

impl NativeMember {
    fn of(account: &orgconnect::Account) -> Arc<Self> {
        let sub = account.sub().map(ToString::to_string).unwrap_or_default();
        Arc::new(Self { handle: NativeHandle::of(account), sub })
    }
}

impl From<NativeAuthorizationRequest> for AuthorizationRequest {
    fn from(asked: NativeAuthorizationRequest) -> Self {
        let mut request = match asked.flow {
            NativeFlow::Organization => Self::organization(asked.redirect_uri),
            NativeFlow::Individual => Self::individual(asked.redirect_uri, asked.scopes),
            NativeFlow::Enterprise => {
                Self::enterprise(asked.redirect_uri, asked.scopes, asked.delegated_scopes.clone())
            }
        };
        request = request.delegated_scopes(asked.delegated_scopes);
        if let Some(locale) = asked.locale {
            request = request.locale(locale);
        }
        if let Some(payload) = asked.payload {
            request = request.payload(payload);
        }
        if let Some(state) = asked.state {
            request = request.state(state);
        }
        if let Some(id) = asked.connection_id {
            request = request.connection_id(id);
        }
        if let Some(lifetime) = asked.lifetime_ms {
            request = request.lifetime(Duration::from_millis(lifetime));
        }
        if let Some(avoid) = asked.avoid_linking {
            request = request.avoid_linking(avoid);
        }
        if let Some(provider) = asked.provider_name {
            request = request.provider_name(provider);
        }
        if let Some(token) = asked.link_token {
            request = request.link_token(token);
        }
        request
    }
}
