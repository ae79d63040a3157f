//! The client that holds no secret: where its tokens come from, what it asks for twice, and what it can't do.
#![allow(
    clippy::unwrap_used,
    clippy::pedantic,
    reason = "a test that can't go on fails, and shows one thing plainly"
)]

mod common;

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use common::{DOC, World};
use orgconnect::{
    AccessToken, AccessTokenSource, AuthorizationRequest, Connection, Error, ErrorKind, PublicClient, Secret,
    TokenSourceError,
};
use serde_json::{Map, Value};
use tokio::sync::Semaphore;

/// A backend of the tests' own: it hands out the access token of a connection, when the gate lets it.
#[derive(Debug)]
struct Backend {
    connection: Connection,
    asked: AtomicUsize,
    rejected: Mutex<Vec<Option<String>>>,
    lifetime: Option<Duration>,
    gate: Semaphore,
    clock: Arc<orgconnect::ManualClock>,
}

#[derive(Debug, Clone)]
struct Source(Arc<Backend>);

#[async_trait::async_trait]
impl AccessTokenSource for Source {
    async fn access_token(&self, rejected: Option<&Secret>) -> Result<AccessToken, TokenSourceError> {
        let backend = &self.0;
        backend.asked.fetch_add(1, Ordering::SeqCst);
        backend.rejected.lock().unwrap().push(rejected.map(|token| token.expose().to_owned()));
        backend.gate.acquire().await.unwrap().forget();
        let down = |error: Error| TokenSourceError::Unavailable(error.to_string());
        if rejected.is_some() {
            backend.connection.refresh().await.map_err(down)?;
        }
        let token = AccessToken::new(backend.connection.access_token().await.map_err(down)?);
        Ok(match backend.lifetime {
            Some(lifetime) => token.expires_at(orgconnect::Clock::now(&*backend.clock) + lifetime),
            None => token,
        })
    }
}

struct Phone {
    world: World,
    backend: Arc<Backend>,
    client: PublicClient,
}

impl Phone {
    /// An app whose user has connected a calendar through the backend. The backend answers `answers` questions.
    async fn open(lifetime: Option<Duration>, answers: usize) -> Self {
        let world = World::open().await;
        let server = world.client();
        let request = AuthorizationRequest::individual(common::REDIRECT, ["read_events", "create_event"]);
        let pending = server.authorize(request).unwrap();
        let callback = world.control().approve(pending.url(), DOC).unwrap();
        let connection = server.complete(&pending, callback).await.unwrap();
        let backend = Arc::new(Backend {
            connection,
            asked: AtomicUsize::new(0),
            rejected: Mutex::default(),
            lifetime,
            gate: Semaphore::new(answers),
            clock: Arc::clone(&world.clock),
        });
        let client = PublicClient::builder(Source(Arc::clone(&backend)))
            .base_url(world.sandbox.url())
            .clock(Arc::clone(&world.clock) as _)
            .build()
            .unwrap();
        Self { world, backend, client }
    }

    async fn userinfo(&self) -> orgconnect::Result<Value> {
        self.client.account().send("userinfo.read", Map::new()).await?.decode()
    }

    fn asked(&self) -> usize {
        self.backend.asked.load(Ordering::SeqCst)
    }
}

#[tokio::test]
async fn a_call_carries_the_token_that_the_source_hands_out_and_asks_once_for_many_calls() {
    let phone = Phone::open(None, 10).await;
    let found = phone.userinfo().await.unwrap();
    assert_eq!(found["email"], DOC);
    phone.userinfo().await.unwrap();
    assert_eq!(phone.asked(), 1);
}

#[tokio::test]
async fn calls_at_the_same_time_share_one_question() {
    let phone = Phone::open(None, 0).await;
    let account = phone.client.account();
    let calls: Vec<_> = (0..50)
        .map(|_| {
            let account = account.clone();
            tokio::spawn(async move { account.send("userinfo.read", Map::new()).await.unwrap().status })
        })
        .collect();
    while phone.asked() == 0 {
        tokio::task::yield_now().await;
    }
    phone.backend.gate.add_permits(10);
    for call in calls {
        assert_eq!(call.await.unwrap(), 200);
    }
    assert_eq!(phone.asked(), 1);
}

#[tokio::test]
async fn a_token_that_is_refused_is_asked_for_once_more_and_its_source_told_so() {
    let phone = Phone::open(None, 10).await;
    phone.userinfo().await.unwrap();
    let first = phone.backend.connection.access_token().await.unwrap();
    phone.world.control().expire_access_tokens(None);
    phone.userinfo().await.unwrap();
    let rejected = phone.backend.rejected.lock().unwrap().clone();
    assert_eq!(rejected.len(), 2);
    assert!(rejected[0].is_none() && first.matches(rejected[1].as_deref().unwrap()));
}

#[tokio::test]
async fn a_second_refusal_is_the_users_to_mend_and_no_third_request_is_made() {
    let phone = Phone::open(None, 10).await;
    phone.userinfo().await.unwrap();
    let sent = phone.world.requests_to("/v1/userinfo");
    phone.world.control().add_fault(orgconnect_sandbox::Fault::status(401).on("GET", "/v1/userinfo"));
    let error = phone.userinfo().await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Authorization, Some("invalid_token")));
    assert_eq!(phone.world.requests_to("/v1/userinfo"), sent + 2);
    assert_eq!(phone.asked(), 2);
}

#[tokio::test]
async fn a_token_is_replaced_shortly_before_it_ends() {
    let phone = Phone::open(Some(Duration::from_secs(600)), 10).await;
    phone.userinfo().await.unwrap();
    phone.world.advance(Duration::from_secs(560));
    phone.userinfo().await.unwrap();
    assert_eq!(phone.asked(), 1);
    phone.world.advance(Duration::from_secs(15));
    phone.userinfo().await.unwrap();
    assert_eq!(phone.asked(), 2);
}

#[tokio::test]
async fn a_caller_that_goes_away_does_not_take_the_question_along() {
    let phone = Phone::open(None, 0).await;
    let account = phone.client.account();
    let gone = tokio::spawn({
        let account = account.clone();
        async move { account.send("userinfo.read", Map::new()).await }
    });
    while phone.asked() == 0 {
        tokio::task::yield_now().await;
    }
    gone.abort();
    assert!(gone.await.unwrap_err().is_cancelled());
    phone.backend.gate.add_permits(10);
    assert_eq!(account.send("userinfo.read", Map::new()).await.unwrap().status, 200);
    assert_eq!(phone.asked(), 1);
}

#[tokio::test]
async fn what_needs_the_secret_or_an_organization_is_refused_before_any_request() {
    let phone = Phone::open(None, 10).await;
    let sent = phone.world.control().counters().requests;
    for operation in ["organization.list_members", "service_account.list_resources", "element_tokens.create"]
    {
        if let Err(error) = phone.client.account().send(operation, Map::new()).await {
            assert_eq!(error.kind(), ErrorKind::Invalid, "{operation}: {error}");
        } else {
            panic!("{operation} was sent");
        }
    }
    assert_eq!(phone.world.control().counters().requests, sent);
    assert_eq!(phone.asked(), 0);
}

#[derive(Debug)]
struct Failing(TokenSourceError);

#[async_trait::async_trait]
impl AccessTokenSource for Failing {
    async fn access_token(&self, _rejected: Option<&Secret>) -> Result<AccessToken, TokenSourceError> {
        Err(self.0.clone())
    }
}

#[tokio::test]
async fn a_source_that_fails_says_whether_the_user_can_mend_it() {
    let call = async |source: TokenSourceError| {
        let client = PublicClient::builder(Failing(source)).base_url("http://127.0.0.1:9").build().unwrap();
        client.account().send("userinfo.read", Map::new()).await.unwrap_err()
    };
    let error = call(TokenSourceError::SignedOut("nobody is signed in".into())).await;
    assert!(error.needs_reauthorization() && !error.is_transient(), "{error:?}");
    let error = call(TokenSourceError::Unavailable("the backend is down".into())).await;
    assert!(error.is_transient() && !error.needs_reauthorization(), "{error:?}");
}

#[derive(Debug)]
struct Broken;

#[async_trait::async_trait]
impl AccessTokenSource for Broken {
    async fn access_token(&self, rejected: Option<&Secret>) -> Result<AccessToken, TokenSourceError> {
        assert!(rejected.is_some(), "a source that breaks");
        Ok(AccessToken::new("two\r\nlines"))
    }
}

#[tokio::test]
async fn a_source_that_breaks_is_an_error_for_each_call_and_never_a_call_that_waits_for_ever() {
    let client = PublicClient::builder(Broken).base_url("http://127.0.0.1:9").build().unwrap();
    for _ in 0..2 {
        let error = client.account().send("userinfo.read", Map::new()).await.unwrap_err();
        assert_eq!(error.code(), Some("token_source_unavailable"));
    }
}
