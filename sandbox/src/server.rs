//! Accepts connections and answers each request: guards, counts, records, plays faults, routes.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, UNIX_EPOCH};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{MatchedPath, Request};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tower::ServiceExt;

use crate::auth::{IMPERSONATE, bearer};
use crate::call::{Notes, Origin};
use crate::clock::{Clock, lock};
use crate::counters::Counters;
use crate::fault_play::{Played, play};
use crate::faults::{Faults, Seen};
use crate::guard::Guard;
use crate::limits::Limits;
use crate::outbox::Outbox;
use crate::recorder::{BODY_CAPACITY, RecordedRequest, Recorder};
use crate::socket::{Cut, Socket};
use crate::world::World;
use crate::world::ids::unguessable;
use crate::{body, control, oauth, outbox, pages, routes};

/// The largest body that is read; larger ones are refused with 413.
pub(crate) const BODY_LIMIT: usize = 8 * 1024 * 1024;

/// All that requests share.
pub(crate) struct Shared {
    pub(crate) world: Mutex<World>,
    pub(crate) clock: Arc<Clock>,
    pub(crate) faults: Faults,
    pub(crate) counters: Mutex<Counters>,
    pub(crate) recorder: Mutex<Recorder>,
    pub(crate) limits: Limits,
    pub(crate) guard: Guard,
    pub(crate) outbox: Outbox,
}

pub(crate) type State = Arc<Shared>;

impl Shared {
    pub(crate) fn new(world: World, clock: Arc<Clock>, address: SocketAddr) -> Self {
        Self {
            world: Mutex::new(world),
            clock,
            faults: Faults::default(),
            counters: Mutex::default(),
            recorder: Mutex::default(),
            limits: Limits::default(),
            guard: Guard::new(address),
            outbox: Outbox::default(),
        }
    }
}

/// Serves until the sender of `stop` says so or is gone.
pub(crate) async fn serve(listener: TcpListener, state: State, mut stop: watch::Receiver<bool>) {
    let router = router().with_state(state.clone());
    tokio::spawn(outbox::run(state.clone()));
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.changed() => return,
        };
        // A connection that was gone before it was accepted is no reason to stop.
        let Ok((stream, _)) = accepted else { continue };
        tokio::spawn(connection(stream, state.clone(), router.clone()));
    }
}

fn router() -> Router<State> {
    Router::new()
        .merge(oauth::router())
        .merge(routes::router())
        .merge(pages::router())
        .merge(control::http::router())
        .layer(from_fn(tell_route))
}

async fn connection(stream: TcpStream, state: State, router: Router) {
    // Replies are small and waited for.
    let _ = stream.set_nodelay(true);
    let cut = Cut::default();
    let socket = TokioIo::new(Socket::new(stream, cut.clone()));
    let service = service_fn(move |request| {
        let (state, router, cut) = (state.clone(), router.clone(), cut.clone());
        async move {
            cut.after(None);
            let played = answer(state, router, request).await;
            cut.after(played.cut_after);
            // Without a reply hyper closes the connection, which is a cut before the first byte.
            if played.cut_after == Some(0) { Err("cut") } else { Ok(played.response) }
        }
    });
    // A client that goes away in mid-request is no failure of ours.
    let _ = http1::Builder::new().serve_connection(socket, service).await;
}

async fn answer(state: State, router: Router, request: hyper::Request<Incoming>) -> Played {
    let (request_id, clock) = (unguessable(), state.clock.clone());
    let (mut parts, incoming) = request.into_parts();
    let mut played = match state.guard.admit(&parts) {
        Err(refusal) => Played { response: *refusal, cut_after: None },
        Ok(origin) => match to_bytes(Body::new(incoming), BODY_LIMIT).await {
            // A body that ended early is nobody's request: its sender is gone.
            Err(_) if is_of_bearable_length(&parts) => {
                Played { response: StatusCode::BAD_REQUEST.into_response(), cut_after: Some(0) }
            }
            Err(_) => Played { response: too_large(), cut_after: None },
            Ok(body) => {
                parts.extensions.insert(Origin(origin));
                let observed = Observed { state, router, parts, body, request_id: request_id.clone() };
                // In a task of its own: what a client asked for happens even when it no longer waits.
                let answered = tokio::spawn(observed.answer()).await;
                answered.unwrap_or_else(|_| Played {
                    response: StatusCode::INTERNAL_SERVER_ERROR.into_response(),
                    cut_after: None,
                })
            }
        },
    };
    // By our own clock, which clients compare with theirs.
    let since_epoch = Duration::from_secs(u64::try_from(clock.now().as_second()).unwrap_or(0));
    let date = httpdate::fmt_http_date(UNIX_EPOCH + since_epoch);
    if let Ok(date) = HeaderValue::try_from(date) {
        played.response.headers_mut().entry(header::DATE).or_insert(date);
    }
    if let Ok(id) = HeaderValue::try_from(request_id) {
        played.response.headers_mut().insert(HeaderName::from_static("x-request-id"), id);
    }
    played
}

/// Whether a request says that its body is within the limit.
fn is_of_bearable_length(parts: &Parts) -> bool {
    let length =
        parts.headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    length.is_some_and(|length: usize| length <= BODY_LIMIT)
}

/// A request that passed the guard.
struct Observed {
    state: State,
    router: Router,
    parts: Parts,
    body: Bytes,
    request_id: String,
}

impl Observed {
    async fn answer(mut self) -> Played {
        let notes = Notes::default();
        self.parts.extensions.insert(notes.clone());
        if is_unobserved(self.parts.uri.path()) {
            return Played { response: self.route().await, cut_after: None };
        }
        let started = Instant::now();
        let route = self.route_template().await;
        let impersonated = self.header(IMPERSONATE).map(str::to_owned);
        lock(&self.state.counters).count_request(route, impersonated.as_deref());
        let number = lock(&self.state.recorder).begin(self.record(impersonated));

        let fault = self.fault();
        let (state, is_api) = (self.state.clone(), self.parts.uri.path().starts_with("/v1/"));
        let fault_id = fault.as_ref().map(|(id, _)| *id);
        let played = match fault {
            Some((_, fault)) => play(fault, self.route()).await,
            None => Played { response: self.route().await, cut_after: None },
        };

        let status = played.response.status();
        if is_api && status == StatusCode::UNAUTHORIZED {
            lock(&state.counters).unauthorized += 1;
        }
        let known = notes.read();
        lock(&state.recorder).amend(number, |request| {
            request.status = Some(status.as_u16());
            request.duration_ms = Some(started.elapsed().as_secs_f64() * 1_000.0);
            request.application = known.application;
            request.connection = known.connection;
            request.fault = fault_id;
        });
        played
    }

    async fn route(self) -> Response {
        let request = Request::from_parts(self.parts, Body::from(self.body));
        match self.router.oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }

    /// The method and the route's path with its parameters' names, found by a probe that no handler sees.
    async fn route_template(&self) -> String {
        let mut probe = Request::new(Body::empty());
        *probe.method_mut() = self.parts.method.clone();
        *probe.uri_mut() = self.parts.uri.clone();
        probe.extensions_mut().insert(Probe);
        let response = match self.router.clone().oneshot(probe).await {
            Ok(response) => response,
            Err(never) => match never {},
        };
        let path = response.extensions().get::<MatchedPath>().map_or("(no route)", MatchedPath::as_str);
        format!("{} {path}", self.parts.method)
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.parts.headers.get(name)?.to_str().ok()
    }

    fn record(&self, impersonated: Option<String>) -> RecordedRequest {
        let headers = self.parts.headers.iter();
        let body = self.body.get(..BODY_CAPACITY).unwrap_or(&self.body);
        RecordedRequest {
            number: 0,
            time: self.state.clock.now(),
            method: self.parts.method.to_string(),
            path: self.parts.uri.path().to_owned(),
            query: self.parts.uri.query().unwrap_or_default().to_owned(),
            headers: headers
                .map(|(name, value)| {
                    (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())
                })
                .collect(),
            body: String::from_utf8_lossy(body).into_owned(),
            status: None,
            duration_ms: None,
            request_id: self.request_id.clone(),
            application: None,
            connection: None,
            impersonated,
            fault: None,
        }
    }

    /// The fault that this request meets. A token request is counted on the way.
    fn fault(&self) -> Option<(u64, crate::faults::Fault)> {
        let path = self.parts.uri.path();
        let content_type = self.header(header::CONTENT_TYPE.as_str());
        let fields = if path == "/oauth/token" { body::read(content_type, &self.body) } else { None };
        let field = |name: &str| fields.as_ref()?.get(name)?.as_str();
        if let Some(grant_type) = field("grant_type") {
            lock(&self.state.counters).count_token_request(grant_type);
        }
        let account =
            if self.state.faults.ask_for_account() { self.acting_sub(field("refresh_token")) } else { None };
        self.state.faults.take(&Seen {
            method: self.parts.method.as_str(),
            path,
            grant_type: field("grant_type"),
            account: account.as_deref(),
        })
    }

    /// The `sub` a request acts as, as far as that can be told before it is handled.
    fn acting_sub(&self, refresh_token: Option<&str>) -> Option<String> {
        if let Some(sub) = self.header(IMPERSONATE) {
            return Some(sub.to_owned());
        }
        let token = refresh_token.or_else(|| bearer(self.header(header::AUTHORIZATION.as_str())?))?;
        let world = lock(&self.state.world);
        Some(world.connection_by_any_token(token).ok()??.grant.sub)
    }
}

/// Marks a request that only asks which route it would take.
#[derive(Clone, Copy)]
struct Probe;

async fn tell_route(request: Request, next: Next) -> Response {
    let matched = request.extensions().get::<MatchedPath>().cloned();
    if request.extensions().get::<Probe>().is_none() {
        let mut response = next.run(request).await;
        if let Some(kind) = response.headers_mut().get_mut(header::CONTENT_TYPE)
            && kind == "application/json"
        {
            *kind = HeaderValue::from_static("application/json; charset=utf-8");
        }
        return response;
    }
    let mut response = StatusCode::NO_CONTENT.into_response();
    if let Some(matched) = matched {
        response.extensions_mut().insert(matched);
    }
    response
}

/// The dashboard and the control API neither meet faults nor are they recorded.
fn is_unobserved(path: &str) -> bool {
    path == "/"
        || path == "/favicon.ico"
        || ["/sandbox", "/dashboard", "/assets"]
            .iter()
            .any(|own| path.strip_prefix(own).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
}

pub(crate) fn too_large() -> Response {
    StatusCode::PAYLOAD_TOO_LARGE.into_response()
}
