//! A sandbox with an application, and a client for it whose clock a test moves.
#![allow(dead_code, reason = "each test file uses its own part")]
#![allow(
    clippy::unwrap_used,
    clippy::pedantic,
    reason = "a test that can't go on fails, and shows one thing plainly"
)]

pub(crate) mod authority;
pub(crate) mod log;
pub(crate) mod raw;
pub(crate) mod records;
pub(crate) mod stores;

use std::{sync::Arc, time::Duration};

use orgconnect::{
    AuthorizationRequest, Client, ClientBuilder, Connection, ManualClock, MemoryStore, Organization,
    TokenStore,
};
use orgconnect_sandbox::{Application, Control, NewApplication, Sandbox};
use serde_json::{Map, Value};

pub(crate) const REDIRECT: &str = "http://127.0.0.1:9/callback";
pub(crate) const OWNER: &str = "owner@example.com";
pub(crate) const DOC: &str = "doc@example.com";

pub(crate) struct World {
    pub(crate) sandbox: Sandbox,
    pub(crate) application: Application,
    pub(crate) store: Arc<dyn TokenStore>,
    pub(crate) clock: Arc<ManualClock>,
}

impl World {
    pub(crate) async fn open() -> Self {
        Self::with_store(Arc::new(MemoryStore::new())).await
    }

    pub(crate) async fn with_store(store: Arc<dyn TokenStore>) -> Self {
        orgconnect_test_canary::watch();
        let sandbox = Sandbox::builder().start().await.unwrap();
        let application = sandbox
            .control()
            .create_application(NewApplication { name: "Rota".into(), ..NewApplication::default() });
        let clock = Arc::new(ManualClock::starting_at(orgconnect_sandbox::Timestamp::now()));
        Self { sandbox, application, store, clock }
    }

    pub(crate) fn control(&self) -> &Control {
        self.sandbox.control()
    }

    pub(crate) fn builder(&self) -> ClientBuilder {
        Client::builder(&self.application.client_id, self.application.client_secret.as_str())
            .base_url(self.sandbox.url())
            .shared_store(Arc::clone(&self.store))
            .clock(Arc::clone(&self.clock) as _)
    }

    pub(crate) fn client(&self) -> Client {
        self.builder().build().unwrap()
    }

    /// Approves as the owner; the callback URL.
    pub(crate) fn approve(&self, url: &str) -> String {
        self.control().approve(url, OWNER).unwrap()
    }

    pub(crate) async fn connect(&self, client: &Client) -> Connection {
        let request = AuthorizationRequest::organization(REDIRECT).connection_id("clinic");
        let pending = client.authorize(request).unwrap();
        let callback = self.approve(pending.url());
        client.complete(&pending, callback).await.unwrap()
    }

    /// A client that has just connected the organization.
    pub(crate) async fn connected(&self) -> (Client, Organization) {
        let client = self.client();
        let connection = self.connect(&client).await;
        (client, connection.organization())
    }

    /// A refresh token of the organization that another program of the application has obtained.
    pub(crate) async fn refresh_token_of_another_program(&self) -> String {
        let pending = self.client().authorize(AuthorizationRequest::organization(REDIRECT)).unwrap();
        let callback = self.approve(pending.url());
        let code = callback.split_once("code=").unwrap().1.split('&').next().unwrap().to_owned();
        let body = serde_json::json!({
            "client_id": self.application.client_id,
            "client_secret": self.application.client_secret.as_str(),
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": REDIRECT,
        });
        // What reqwest asks for, even where nothing is encrypted.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let request = reqwest::Client::builder().no_proxy().build().unwrap();
        let request = request.post(format!("{}/oauth/token", self.sandbox.url()));
        let reply = request.header("content-type", "application/json").body(body.to_string()).send().await;
        let reply: Value = serde_json::from_slice(&reply.unwrap().bytes().await.unwrap()).unwrap();
        reply["refresh_token"].as_str().unwrap().to_owned()
    }

    /// Moves both clocks, ours and the sandbox's.
    pub(crate) fn advance(&self, by: Duration) {
        self.clock.advance(by);
        self.control().advance(by);
    }

    /// Token requests with a refresh token that have reached the sandbox.
    pub(crate) fn refresh_requests(&self) -> u64 {
        self.control().counters().token_requests.get("refresh_token").copied().unwrap_or(0)
    }

    /// Requests under a path that have reached the sandbox.
    pub(crate) fn requests_to(&self, path: &str) -> usize {
        self.control().requests().iter().filter(|request| request.path.starts_with(path)).count()
    }
}

/// Arguments from a JSON object.
pub(crate) fn arguments(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => panic!("{other}"),
    }
}

/// Two refreshers with stores of their own on one place share the work, and refresh each connection once.
pub(crate) async fn refreshers_share_the_work(one: Arc<dyn TokenStore>, other: &Arc<dyn TokenStore>) {
    let world = World::with_store(one).await;
    let client = world.client();
    for number in 0..40 {
        let request = AuthorizationRequest::organization(REDIRECT).connection_id(format!("c{number:02}"));
        let pending = client.authorize(request).unwrap();
        let callback = world.approve(pending.url());
        client.complete(&pending, callback).await.unwrap();
    }
    world.advance(Duration::from_mins(55));
    let elsewhere = world.builder().shared_store(stores::OtherProcess::on(other)).build().unwrap();
    let refresher = |client: &Client| client.refresher().concurrency(4);
    let (here, there) = (refresher(&client), refresher(&elsewhere));
    let (here, there) = tokio::join!(here.run_once(), there.run_once());
    let (here, there) = (here.unwrap(), there.unwrap());
    // One may find all that is left in the other's hands; what it passed over is done by then.
    assert_eq!(here.refreshed + there.refreshed, 40, "{here:?} {there:?}");
    assert!(here.refreshed > 0 && there.refreshed > 0, "{here:?} {there:?}");
    assert_eq!(world.refresh_requests(), 40);
    assert_eq!(refresher(&client).run_once().await.unwrap().claimed, 0);
}
