//! Answers every request with a fixed reply, as cheaply as can be, so that what a benchmark measures is the client. All
//! languages measure themselves and their peers against it.
//!
//! `orgconnect-fixed [PORT]` listens on loopback (port 0, the default: any free one) and prints its address. It knows
//! `GET /v1/userinfo`, `GET /v1/organizational_unit_members` (100 members), `GET /v1/events` (100 events) and
//! `POST /oauth/token`; any other POST is accepted with 202 and no body. Credentials are not looked at.

use std::{convert::Infallible, io, net::Ipv4Addr};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// How many members and events a page has.
const PAGE: usize = 100;

fn main() -> io::Result<()> {
    let port = std::env::args().nth(1).map_or(Ok(0), |port| port.parse()).map_err(io::Error::other)?;
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(serve(port))
}

async fn serve(port: u16) -> io::Result<()> {
    let replies: &'static Replies = Box::leak(Box::new(Replies::new()));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    println!("http://{}", listener.local_addr()?);
    loop {
        let (socket, _) = listener.accept().await?;
        socket.set_nodelay(true)?;
        tokio::spawn(async move {
            let service =
                service_fn(
                    |request: Request<Incoming>| async move { Ok::<_, Infallible>(replies.to(&request)) },
                );
            // A client that goes away is none of the server's business.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(socket), service).await;
        });
    }
}

struct Replies {
    userinfo: Bytes,
    members: Bytes,
    events: Bytes,
    token: Bytes,
}

impl Replies {
    fn new() -> Self {
        let pages = json!({ "current": 1, "total": 1 });
        let members: Vec<Value> = (0..PAGE).map(member).collect();
        let events: Vec<Value> = (0..PAGE).map(event).collect();
        let bytes = |value: Value| Bytes::from(value.to_string());
        Self {
            userinfo: bytes(userinfo()),
            members: bytes(json!({ "pages": pages, "organizational_unit_members": members })),
            events: bytes(json!({ "pages": pages, "events": events })),
            token: bytes(json!({
                "token_type": "bearer", "access_token": "fixed-access-token", "expires_in": 10_800,
                "refresh_token": "fixed-refresh-token", "scope": "organizational_unit_scheduler",
                "sub": "opu_5700a00eb0ccd07000000000",
            })),
        }
    }

    fn to(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        let body = match (request.method(), request.uri().path()) {
            (&Method::GET, "/v1/userinfo") => Some(&self.userinfo),
            (&Method::GET, "/v1/organizational_unit_members") => Some(&self.members),
            (&Method::GET, "/v1/events") => Some(&self.events),
            (&Method::POST, "/oauth/token") => Some(&self.token),
            _ => None,
        };
        let status = match (body, request.method()) {
            (Some(_), _) => StatusCode::OK,
            (None, &Method::POST) => StatusCode::ACCEPTED,
            (None, _) => StatusCode::NOT_FOUND,
        };
        let mut response = Response::new(Full::new(body.cloned().unwrap_or_default()));
        *response.status_mut() = status;
        let json = header::HeaderValue::from_static("application/json; charset=utf-8");
        response.headers_mut().insert(header::CONTENT_TYPE, json);
        response
    }
}

fn userinfo() -> Value {
    json!({
        "sub": "acc_5700a00eb0ccd07000000000", "cronofy.type": "account",
        "email": "doc@example.com", "name": "Dorothy Clarke", "zoneinfo": "Europe/London",
        "cronofy.data": {
            "authorization": { "scope": "organizational_unit_scheduler", "status": "active" },
            "profiles": [{
                "provider_name": "google", "provider_service": "gsuite",
                "profile_id": "pro_5700a00eb0ccd07000000000", "profile_name": "doc@example.com",
                "profile_connected": true, "profile_initial_sync_required": false,
                "profile_calendars": [{
                    "calendar_id": "cal_5700a00eb0ccd07000000000", "calendar_name": "Work",
                    "calendar_readonly": false, "calendar_deleted": false, "calendar_primary": true,
                    "calendar_integrated_conferencing_available": true, "permission_level": "unrestricted",
                }],
            }],
        },
    })
}

fn member(number: usize) -> Value {
    json!({
        "sub": format!("acc_{number:024x}"), "email": format!("member{number}@example.com"),
        "roles": ["member"],
        "scheduler": { "enabled": true, "public_url": format!("https://app.cronofy.com/pls/{number:08}") },
    })
}

fn event(number: usize) -> Value {
    let day = number % 28 + 1;
    json!({
        "calendar_id": "cal_5700a00eb0ccd07000000000", "event_uid": format!("evt_external_{number:024x}"),
        "summary": format!("Check-up {number}"), "description": "",
        "start": format!("2026-12-{day:02}T15:30:00Z"), "end": format!("2026-12-{day:02}T17:00:00Z"),
        "deleted": false, "created": "2026-09-01T08:00:01Z", "updated": "2026-09-01T09:24:16Z",
        "location": { "description": "Room 4" }, "participation_status": "needs_action",
        "attendees": [{
            "email": format!("patient{number}@example.com"), "display_name": "A patient",
            "status": "needs_action",
        }],
        "organizer": { "email": "reception@example.com", "display_name": "Reception" },
        "transparency": "opaque", "status": "confirmed", "categories": [], "recurring": false,
        "event_private": false,
        "options": { "delete": true, "update": true, "change_participation_status": true },
    })
}
