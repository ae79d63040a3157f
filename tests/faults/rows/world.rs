//! A sandbox with an application, a clock that a row moves, and workers of its own.

use std::{
    path::Path,
    sync::{Arc, LazyLock},
    time::Duration,
};

use orgconnect::{
    AuthorizationRequest, Client, ClientBuilder, Connection, ManualClock, MemoryStore, TokenStore,
};
use orgconnect_faults::{Proxy, StoreAt, WorkerBuilder, worker::variable};
use orgconnect_sandbox::{Application, Control, NewApplication, RefreshMode, Sandbox};
use orgconnect_test_services::{Postgres, Redis};

pub const REDIRECT: &str = "http://127.0.0.1:9/callback";
pub const OWNER: &str = "owner@example.com";
pub const HOUR: Duration = Duration::from_hours(1);
pub const LIST: &str = "organization.list_members";

pub const MODES: [RefreshMode; 3] = [RefreshMode::Static, RefreshMode::Grace, RefreshMode::Strict];

pub struct World {
    pub sandbox: Sandbox,
    pub application: Application,
    pub store: Arc<dyn TokenStore>,
    pub clock: Arc<ManualClock>,
}

impl World {
    pub async fn open() -> Self {
        Self::on(Arc::new(MemoryStore::new())).await
    }

    pub async fn on(store: Arc<dyn TokenStore>) -> Self {
        orgconnect_test_canary::watch();
        let sandbox = Sandbox::builder().start().await.unwrap();
        let application = sandbox
            .control()
            .create_application(NewApplication { name: "Rota".into(), ..NewApplication::default() });
        let clock = Arc::new(ManualClock::starting_at(orgconnect_sandbox::Timestamp::now()));
        Self { sandbox, application, store, clock }
    }

    pub async fn in_mode(mode: RefreshMode) -> Self {
        let world = Self::open().await;
        world.control().update_settings(|settings| settings.refresh_mode = mode);
        world
    }

    pub fn control(&self) -> &Control {
        self.sandbox.control()
    }

    pub fn builder(&self) -> ClientBuilder {
        self.running().clock(Arc::clone(&self.clock) as _)
    }

    /// A client by the system's clock, as workers have.
    pub fn running(&self) -> ClientBuilder {
        Client::builder(&self.application.client_id, self.application.client_secret.as_str())
            .base_url(self.sandbox.url())
            .shared_store(Arc::clone(&self.store))
    }

    pub fn client(&self) -> Client {
        self.builder().build().unwrap()
    }

    pub async fn connect(&self, client: &Client, id: &str) -> Connection {
        let request = AuthorizationRequest::organization(REDIRECT).connection_id(id);
        let pending = client.authorize(request).unwrap();
        let callback = self.control().approve(pending.url(), OWNER).unwrap();
        client.complete(&pending, callback).await.unwrap()
    }

    /// Moves both clocks, ours and the sandbox's.
    pub fn advance(&self, by: Duration) {
        self.clock.advance(by);
        self.control().advance(by);
    }

    /// Token requests with a refresh token that have reached the sandbox.
    pub fn refreshes(&self) -> u64 {
        self.control().counters().token_requests.get("refresh_token").copied().unwrap_or(0)
    }

    /// Expiries in which the sandbox granted a refresh, and refreshes beyond one for each.
    pub fn expiries(&self) -> (u64, u64) {
        let epochs = self.control().counters().refreshes_by_epoch;
        let counts: Vec<u64> = epochs.values().flat_map(|epochs| epochs.values().copied()).collect();
        (counts.len() as u64, counts.iter().map(|count| count - 1).sum())
    }

    /// A proxy in front of the sandbox.
    pub async fn proxy(&self) -> Proxy {
        let proxy = Proxy::to(self.sandbox.address()).await.unwrap();
        self.control().allow_host_port(proxy.address().port());
        proxy
    }

    /// The worker in Rust on a store, ready to be started.
    pub fn worker(&self, store: &StoreAt, connection: &str) -> WorkerBuilder {
        self.worker_of([env!("CARGO_BIN_EXE_orgconnect-fault-worker")], store, connection)
    }

    /// A worker of a program on a store, ready to be started.
    pub fn worker_of(
        &self,
        program: impl IntoIterator<Item = impl Into<String>>,
        store: &StoreAt,
        connection: &str,
    ) -> WorkerBuilder {
        WorkerBuilder::new(program)
            .set(variable::BASE_URL, self.sandbox.url())
            .set(variable::CLIENT_ID, &self.application.client_id)
            .set(variable::CLIENT_SECRET, &self.application.client_secret)
            .set(variable::STORE, store)
            .set(variable::CONNECTION, connection)
    }
}

/// Servers for all rows; a row that stops one has its own.
static POSTGRES: LazyLock<Postgres> = LazyLock::new(|| Postgres::start().unwrap());
static REDIS: LazyLock<Redis> = LazyLock::new(|| Redis::start().unwrap());

/// The parts of a row that is played on every store that processes can share.
pub fn shared_stores() -> Vec<String> {
    ["file", "sqlite", "postgres", "redis"].map(str::to_owned).into()
}

/// Those that keep files of their own.
pub fn local_stores() -> Vec<String> {
    ["file", "sqlite"].map(str::to_owned).into()
}

/// The store that the part of a row names, in a directory or on a server. Rows don't meet there: each has a sandbox, and so
/// a namespace, of its own.
pub fn store_of(part: &str, directory: &Path) -> StoreAt {
    match part.split(' ').next() {
        Some("file") => StoreAt::File(directory.join("tokens")),
        Some("sqlite") => StoreAt::Sqlite(directory.join("tokens.db")),
        Some("postgres") => StoreAt::Postgres(POSTGRES.url()),
        Some("redis") => StoreAt::Redis(REDIS.url()),
        _ => panic!("`{part}` names no store"),
    }
}

/// The parts of a row that is played on some stores in every rotation mode.
pub fn in_every_mode(stores: Vec<String>) -> Vec<String> {
    let with_modes = |store| MODES.map(|mode| format!("{store} {}", name_of(mode)));
    stores.into_iter().flat_map(with_modes).collect()
}

/// The rotation mode that the part of a row names.
pub fn mode_of(part: &str) -> RefreshMode {
    MODES.into_iter().find(|mode| part.ends_with(name_of(*mode))).unwrap()
}

fn name_of(mode: RefreshMode) -> &'static str {
    match mode {
        RefreshMode::Static => "static",
        RefreshMode::Grace => "grace",
        RefreshMode::Strict => "strict",
    }
}
