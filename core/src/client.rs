//! The client: one application at one Cronofy, its settings, its store and its pool of connections.

use std::{
    collections::{HashMap, HashSet},
    fmt,
    sync::{Arc, LazyLock, Mutex},
    time::Duration,
};

use http::HeaderValue;
use jiff::Timestamp;
use serde_json::{Map, Value};
use tokio::time::Instant;
use tracing::Instrument;

use crate::{
    Account, CallOptions, Connection, ConnectionId, Error, Organization, Reply, Result, Secret,
    ServiceAccount,
    auth::{
        authorize::{self, AuthorizationRequest, PendingAuthorization},
        callback::Callback,
        endpoint::Revoked,
        token::TokenRecord,
        tokens::Tokens,
    },
    caller::{Caller, Credential, find_operation},
    connection::{self, ConnectionSummary},
    http::request,
    lock::lock,
    process::{self, PerProcess},
    refresher::Refresher,
    store::{ConnectionKey, Deadline, MemoryStore, StoreError, StoredRecord, TokenStore},
    webhook::Verifier,
    wire::{Wire, WireSettings, wire_settings, within},
};

/// How many idle connections keep their tokens in memory before the idle ones are forgotten (the store has them).
const REMEMBERED: usize = 4096;

/// An application, ready to authorize and to call. Cheap to clone; clones share everything.
///
/// ```
/// use orgconnect::{AuthorizationRequest, Client, DataCenter};
/// # fn main() -> orgconnect::Result<()> {
/// let client = Client::builder("CLIENT_ID", "CLIENT_SECRET").data_center(DataCenter::Uk).build()?;
/// let pending = client.authorize(AuthorizationRequest::organization("https://app.example/callback"))?;
/// assert!(pending.url().starts_with("https://app-uk.cronofy.com/oauth/authorize?response_type=code&client_id=CLIENT_ID"));
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
    caller: Caller,
}

/// What a client is made of.
pub(crate) struct Inner {
    pub(crate) settings: Settings,
    pub(crate) wire: Arc<Wire>,
    store: Deadline,
    store_identity: String,
    connections: PerProcess<Mutex<HashMap<ConnectionId, Arc<Tokens>>>>,
    /// When marks of used states were last cleared away.
    pub(crate) swept_at: Mutex<Option<Instant>>,
}

pub(crate) struct Settings {
    pub(crate) client_id: String,
    pub(crate) client_secret: Secret,
    pub(crate) application_key: HeaderValue,
    pub(crate) token_timeout: Duration,
    pub(crate) lease: Duration,
}

/// Sets a client up. Every setting has a default; what is wrong is said by [`build`](Self::build).
#[derive(Clone)]
#[must_use]
pub struct ClientBuilder {
    client_id: String,
    client_secret: Secret,
    store: Option<Arc<dyn TokenStore>>,
    token_timeout: Duration,
    store_timeout: Duration,
    require_encryption: bool,
    wire: WireSettings,
}

wire_settings!(ClientBuilder);

impl Client {
    /// Begins to set up a client for an application, by its credentials from Cronofy's dashboard.
    pub fn builder(client_id: impl Into<String>, client_secret: impl Into<Secret>) -> ClientBuilder {
        ClientBuilder {
            client_id: client_id.into(),
            client_secret: client_secret.into(),
            store: None,
            token_timeout: Duration::from_secs(20),
            store_timeout: Duration::from_secs(15),
            require_encryption: false,
            wire: WireSettings::default(),
        }
    }

    /// Builds the URL to send an owner to, and the value that its callback is checked against. No I/O.
    pub fn authorize(&self, request: AuthorizationRequest) -> Result<PendingAuthorization> {
        let inner = &self.inner;
        authorize::authorize(request, &inner.settings.client_id, &inner.wire.endpoints, inner.now())
    }

    /// Turns a pending authorization into one opaque text for the owner's session. It is signed, not encrypted.
    pub fn serialize_pending(&self, pending: &PendingAuthorization) -> String {
        pending.seal(&self.inner.settings.client_secret)
    }

    /// Reads a pending authorization back from the owner's session.
    ///
    /// # Errors
    /// [`Authorization`](crate::ErrorKind::Authorization), code `pending_invalid`, if it is not one that this
    /// application made.
    pub fn pending(&self, text: &str) -> Result<PendingAuthorization> {
        PendingAuthorization::unseal(text, &self.inner.settings.client_secret)
    }

    /// Waits for refreshes that are under way in the background, and for tokens that could not be saved yet. Writes the
    /// token store.
    ///
    /// Call it before a short-lived program ends: a refresh that is cut off between Cronofy's answer and the store may
    /// cost the connection.
    ///
    /// # Errors
    /// [`Store`](crate::ErrorKind::Store) if tokens still can't be saved; they are lost if the process ends now.
    pub async fn settle(&self) -> Result<()> {
        process::notice()?;
        let connections: Vec<Arc<Tokens>> = lock(self.inner.connections()).values().cloned().collect();
        let mut outcome = Ok(());
        for tokens in connections {
            if let Err(error) = self.inner.settle(&tokens).await {
                outcome = Err(error);
            }
        }
        outcome
    }

    /// Completes an authorization: checks the callback, exchanges the code, stores the tokens. Writes the token store.
    ///
    /// It goes on to its end in a task of its own even if the caller goes away: a code that was spent is not lost.
    ///
    /// The callback is the full URL, or its query string, as the browser brought it. Nothing is sent unless the state is
    /// that of the pending authorization, unexpired and unused.
    ///
    /// # Errors
    /// [`Authorization`](crate::ErrorKind::Authorization) if the owner denied it (code `access_denied`), if the callback
    /// doesn't belong to the pending authorization, or if Cronofy doesn't accept the code.
    pub async fn complete(
        &self,
        pending: &PendingAuthorization,
        callback: impl Into<Callback>,
    ) -> Result<Connection> {
        let (inner, owned, callback) = (Arc::clone(&self.inner), pending.clone(), callback.into());
        let (id, tokens) = finish(async move { inner.complete(&owned, callback).await }).await?;
        Ok(Connection::new(Arc::clone(&self.inner), id, tokens, pending.fields.payload.clone()))
    }

    /// Exchanges the code that came to the `callback_url` of a delegated authorization (Enterprise Connect, Business
    /// Connect). Writes the token store. `connection_id` defaults to the `sub` of the grant.
    pub async fn complete_delegated(
        &self,
        code: impl Into<Secret>,
        callback_url: &str,
        connection_id: Option<ConnectionId>,
    ) -> Result<Connection> {
        let (inner, code, callback_url) = (Arc::clone(&self.inner), code.into(), callback_url.to_owned());
        let exchange = async move { inner.complete_delegated(&code, &callback_url, connection_id).await };
        let (id, tokens) = finish(exchange).await?;
        Ok(Connection::new(Arc::clone(&self.inner), id, tokens, None))
    }

    /// Opens the application calendar with this id of your own, which Cronofy creates at the first call. Writes the
    /// token store, under the `sub` of the calendar.
    pub async fn application_calendar(&self, application_calendar_id: &str) -> Result<Account> {
        let operation = find_operation("application_calendars.create")?;
        let mut arguments = Map::new();
        arguments.insert("application_calendar_id".to_owned(), application_calendar_id.into());
        let reply = self.caller.send(operation, arguments).await?;
        let (id, tokens) = self.inner.establish_from(None, &reply.body).await?;
        Ok(Connection::new(Arc::clone(&self.inner), id, tokens, None).account())
    }

    /// Takes over a refresh token that was obtained elsewhere, by another SDK of the same application, under an id of your
    /// choice: it is stored, and refreshed at once. Writes the token store.
    ///
    /// From then on it is kept here alone: Cronofy may change a refresh token when it is used, so whatever used it before
    /// must stop. Call it again with the same arguments if the error is transient: the refresh token is kept until it works.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid), code `connection_exists`, if the id is in use;
    /// [`Authorization`](crate::ErrorKind::Authorization) if Cronofy does not accept the refresh token.
    pub async fn import_connection(
        &self,
        id: impl TryInto<ConnectionId, Error: Into<Error>>,
        refresh_token: impl Into<Secret>,
    ) -> Result<Connection> {
        let (inner, id, refresh_token) =
            (Arc::clone(&self.inner), id.try_into().map_err(Into::into)?, refresh_token.into());
        let (id, tokens) = finish(async move { inner.import(id, refresh_token).await }).await?;
        Ok(Connection::new(Arc::clone(&self.inner), id, tokens, None))
    }

    /// A connection by its id. No I/O: whether it exists is found out when it is used.
    pub fn connection(&self, id: impl TryInto<ConnectionId, Error: Into<Error>>) -> Result<Connection> {
        let id = id.try_into().map_err(Into::into)?;
        let tokens = self.inner.tokens(&id);
        Ok(Connection::new(Arc::clone(&self.inner), id, tokens, None))
    }

    /// The organization of a connection of Organization Connect. No I/O.
    pub fn organization(&self, id: impl TryInto<ConnectionId, Error: Into<Error>>) -> Result<Organization> {
        self.connection(id).map(|connection| connection.organization())
    }

    /// The organization of an Internal Application: the `client_secret` is its bearer, and there is nothing to connect.
    pub fn internal_organization(&self) -> Organization {
        let credential = Credential::InternalApplication(Arc::clone(&self.inner));
        Organization::new(Caller::new(Arc::clone(&self.inner.wire), credential))
    }

    /// The account of a connection of Individual Connect, of a delegated authorization, or an application calendar. No
    /// I/O.
    pub fn account(&self, id: impl TryInto<ConnectionId, Error: Into<Error>>) -> Result<Account> {
        self.connection(id).map(|connection| connection.account())
    }

    /// The service account of a connection of Enterprise Connect. No I/O.
    pub fn service_account(
        &self,
        id: impl TryInto<ConnectionId, Error: Into<Error>>,
    ) -> Result<ServiceAccount> {
        self.connection(id).map(|connection| connection.service_account())
    }

    /// The same client with an Admin API key as its credential, for provisioning applications.
    pub fn admin(&self, key: impl Into<Secret>) -> Result<Self> {
        let bad = |_| {
            Error::invalid("key", "must be visible ASCII; copy the Admin API key from Cronofy's dashboard")
        };
        let credential = Credential::Admin(request::bearer(&key.into()).map_err(bad)?);
        Ok(Self {
            inner: Arc::clone(&self.inner),
            caller: Caller::new(Arc::clone(&self.inner.wire), credential),
        })
    }

    /// Lists stored connections in the order of their ids, at most `limit`, beginning after `after`. Reads the token
    /// store only. One whose record can't be read is listed as [`Unreadable`](crate::ConnectionState::Unreadable). A page may
    /// be short; only an empty one is the end.
    pub async fn connections(
        &self,
        after: Option<&ConnectionId>,
        limit: usize,
    ) -> Result<Vec<ConnectionSummary>> {
        connection::list(&self.inner, after, limit).await
    }

    /// Revokes by `sub`: an account, an application calendar, a service account (with everything obtained through it) or
    /// an organization. Tokens in the store are left as they are: Cronofy refuses them from then on.
    pub async fn revoke_sub(&self, sub: &str) -> Result<()> {
        request::header("sub", sub)?;
        self.inner.send_revocation(Revoked::Sub(sub)).await
    }

    /// The namespace of this application's records in the store: data center (or base URL) and client id.
    pub fn namespace(&self) -> String {
        self.inner.namespace()
    }

    /// Sets up a refresher, which keeps connections fresh ahead of demand. No I/O: it works once it is started.
    pub fn refresher(&self) -> Refresher {
        Refresher::new(Arc::clone(&self.inner))
    }

    /// Checks the signatures of what Cronofy posts to this application.
    pub fn webhooks(&self) -> Verifier {
        Verifier::new(self.inner.settings.client_secret.clone())
    }

    /// Calls an operation that takes the application's own credentials, by its name and with arguments by their wire
    /// names.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid), before any I/O, for an unknown operation and for arguments that are
    /// missing, unknown or of the wrong shape.
    pub async fn send(&self, operation: &str, arguments: Map<String, Value>) -> Result<Reply> {
        self.caller.send(find_operation(operation)?, arguments).await
    }

    /// Follows the link to the next page that an earlier reply of `operation` held.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid), naming `next_page`, if the link leads anywhere but to Cronofy's API.
    pub async fn follow(&self, operation: &str, next_page: &str) -> Result<Reply> {
        self.caller.follow(find_operation(operation)?, next_page).await
    }

    /// Calls a path that this version doesn't know, with the application's credentials. A `GET`, `PUT` or `DELETE` may be
    /// repeated, anything else only if it surely never arrived.
    pub async fn request(
        &self,
        method: http::Method,
        path: &str,
        query: &[(String, String)],
        body: Option<&Value>,
    ) -> Result<Reply> {
        self.caller.request(method, path, query, body).await
    }

    /// The same client with other options for its calls. A cheap view.
    pub fn with_options(&self, options: CallOptions) -> Self {
        Self { inner: Arc::clone(&self.inner), caller: self.caller.with_options(options) }
    }

    pub(crate) fn caller(&self) -> Caller {
        self.caller.clone()
    }
}

/// Runs something to its end in a task of its own, whatever becomes of the caller.
async fn finish<T: Send + 'static>(work: impl Future<Output = Result<T>> + Send + 'static) -> Result<T> {
    process::notice()?;
    tokio::spawn(work.in_current_span()).await.unwrap_or_else(|error| {
        let message = "the program's runtime ended before the tokens were stored; send the owner through authorize again";
        Err(Error::new(crate::ErrorKind::Store, message).with_source(error))
    })
}

impl Inner {
    pub(crate) fn now(&self) -> Timestamp {
        self.wire.now()
    }

    fn connections(&self) -> &Mutex<HashMap<ConnectionId, Arc<Tokens>>> {
        self.connections.get(Mutex::default)
    }

    pub(crate) fn store(&self) -> &dyn TokenStore {
        &self.store
    }

    /// The namespace of this application's records.
    pub(crate) fn namespace(&self) -> String {
        format!("{}/{}", self.wire.endpoints.name, self.settings.client_id)
    }

    pub(crate) fn key(&self, connection: &ConnectionId) -> ConnectionKey {
        ConnectionKey { namespace: self.namespace(), connection: connection.clone() }
    }

    /// The shared state of a connection's tokens.
    pub(crate) fn tokens(&self, connection: &ConnectionId) -> Arc<Tokens> {
        process::current();
        let mut connections = lock(self.connections());
        if let Some(tokens) = connections.get(connection) {
            return Arc::clone(tokens);
        }
        if connections.len() >= REMEMBERED {
            connections.retain(|_, tokens| !tokens.is_idle());
        }
        let tokens = Tokens::shared(&self.store_identity, &self.key(connection));
        connections.insert(connection.clone(), Arc::clone(&tokens));
        tokens
    }

    pub(crate) async fn load(&self, key: &ConnectionKey) -> Result<Option<StoredRecord>> {
        let span = tracing::trace_span!("orgconnect.store", access = "load", connection = %key.connection);
        Ok(self.store.load(key).instrument(span).await?)
    }

    pub(crate) async fn save(
        &self,
        key: &ConnectionKey,
        record: &TokenRecord,
        expected: u64,
    ) -> Result<u64, StoreError> {
        let record = record.to_record().map_err(|error| {
            StoreError::new(crate::store::StoreErrorKind::Refused, error.message().to_owned())
                .with_source(error)
        })?;
        let span = tracing::trace_span!(
            "orgconnect.store",
            access = "save",
            connection = %key.connection,
            version = expected + 1,
        );
        self.store.save(key, &record, expected).instrument(span).await
    }
}

impl ClientBuilder {
    /// Where tokens are kept. Default: in the memory of this process.
    pub fn store(self, store: impl TokenStore) -> Self {
        self.shared_store(Arc::new(store))
    }

    /// Like [`store`](Self::store), for one that others use too.
    pub fn shared_store(mut self, store: Arc<dyn TokenStore>) -> Self {
        self.store = Some(store);
        self
    }

    /// Refuses a store that keeps tokens in clear text. Default false: then such a store is warned of, once.
    ///
    /// For production: wrap the store in a `SealedStore`, whose key is not where the tokens are.
    pub fn require_encryption(mut self, required: bool) -> Self {
        self.require_encryption = required;
        self
    }

    /// The time for a call to the store. Default 15 s.
    pub fn store_timeout(mut self, timeout: Duration) -> Self {
        self.store_timeout = timeout;
        self
    }

    /// The time for a token request, repetitions included: at most 2 minutes. Default 20 s. The lease under which it
    /// happens is longer, by the time to store what it brings.
    pub fn token_timeout(mut self, timeout: Duration) -> Self {
        self.token_timeout = timeout;
        self
    }

    /// Checks the settings and makes the client. No I/O but reading certificates.
    ///
    /// # Errors
    /// [`Config`](crate::ErrorKind::Config), naming the setting.
    pub fn build(self) -> Result<Client> {
        let visible = |text: &str| {
            (1..=200).contains(&text.len()) && text.bytes().all(|octet| octet.is_ascii_graphic())
        };
        if !visible(&self.client_id) {
            return Err(Error::config(
                "client_id",
                "must be 1 to 200 visible ASCII characters; copy it from Cronofy's dashboard",
            ));
        }
        if !visible(self.client_secret.expose()) {
            return Err(Error::config(
                "client_secret",
                "must be 1 to 200 visible ASCII characters; copy it from Cronofy's dashboard",
            ));
        }
        within("token_timeout", self.token_timeout, Duration::from_mins(2))?;
        within("store_timeout", self.store_timeout, Duration::from_mins(2))?;
        let wire = Arc::new(self.wire.build()?);
        let store = self.store.unwrap_or_else(|| Arc::new(MemoryStore::new()));
        let store_identity = store.identity();
        if !store.is_encrypted() {
            if self.require_encryption {
                return Err(Error::config(
                    "store",
                    "keeps tokens in clear text, and require_encryption is set; wrap it in a SealedStore",
                ));
            }
            warn_of_clear_text(&store_identity);
        }
        let settings = Settings {
            application_key: request::bearer(&self.client_secret)?,
            client_id: self.client_id,
            client_secret: self.client_secret,
            token_timeout: self.token_timeout,
            lease: lease(self.token_timeout, self.store_timeout),
        };
        let inner = Arc::new(Inner {
            settings,
            wire: Arc::clone(&wire),
            store: Deadline::new(store, self.store_timeout),
            store_identity,
            connections: PerProcess::new(Mutex::default()),
            swept_at: Mutex::default(),
        });
        let caller = Caller::new(wire, Credential::Application(Arc::clone(&inner)));
        Ok(Client { inner, caller })
    }
}

/// How long others are kept from refreshing: longer than the token request may take, whose deadline is counted from when
/// the lease was taken, with time to store what it brought.
fn lease(token_timeout: Duration, store_timeout: Duration) -> Duration {
    token_timeout + store_timeout + Duration::from_secs(5)
}

/// Says once for each store that it keeps tokens in clear text.
fn warn_of_clear_text(store: &str) {
    static WARNED: LazyLock<Mutex<HashSet<String>>> = LazyLock::new(Mutex::default);
    let mut warned = lock(&WARNED);
    if warned.len() < 1000 && warned.insert(store.to_owned()) {
        tracing::warn!(
            store,
            "tokens are kept in clear text; wrap the store in a SealedStore, and set require_encryption"
        );
    }
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inner")
            .field("client_id", &self.settings.client_id)
            .field("endpoints", &self.wire.endpoints.name)
            .field("store", &self.store)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("client_id", &self.inner.settings.client_id)
            .field("endpoints", &self.inner.wire.endpoints.name)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder")
            .field("client_id", &self.client_id)
            .field("data_center", &self.wire.data_center)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_outlives_the_token_request_and_the_storing_of_what_it_brings() {
        for (token, store) in [(1, 1), (20, 15), (120, 120), (120, 1), (1, 120)] {
            let (token, store) = (Duration::from_secs(token), Duration::from_secs(store));
            assert!(lease(token, store) > token + store);
        }
    }
}
