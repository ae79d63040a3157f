//! Calls against the sandbox and against a server that says exactly what a test wants: what is repeated, what is
//! refused before it is sent, and what never leaves.
#![allow(
    clippy::unwrap_used,
    clippy::pedantic,
    reason = "a test that can't go on fails, and shows one thing plainly"
)]

mod common;

use std::{
    num::NonZeroU32,
    time::{Duration, Instant},
};

use common::{
    DOC, World, arguments,
    raw::{Raw, reply},
};
use orgconnect::{CallOptions, Client, ErrorKind, Handle, RateLimit};
use orgconnect_sandbox::{Fault, NewApplication, NewMember};
use serde_json::{Map, Value, json};

/// A client whose only credential is the application's secret, for a server of ours.
fn client_for(url: &str) -> Client {
    Client::builder("CLIENT_ID", "CLIENT_SECRET").base_url(url).build().unwrap()
}

fn event(calendar_id: &str) -> Map<String, Value> {
    arguments(json!({
        "calendar_id": calendar_id, "event_id": "check-up", "summary": "Check-up",
        "start": "2026-12-07T09:00:00Z", "end": "2026-12-07T09:30:00Z",
    }))
}

async fn calendar_of(account: &orgconnect::Account) -> String {
    let calendars: Value = account.send("calendars.list", Map::new()).await.unwrap().decode().unwrap();
    let calendars = calendars["calendars"].as_array().unwrap();
    let writable = calendars.iter().find(|calendar| calendar["calendar_readonly"] == false).unwrap();
    writable["calendar_id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn an_event_is_written_read_updated_and_deleted_in_a_members_calendar() {
    let world = World::open().await;
    let (_client, organization) = world.connected().await;
    let doc = organization.impersonate_email(DOC).await.unwrap();
    let calendar_id = calendar_of(&doc).await;
    let written = doc.send("events.upsert", event(&calendar_id)).await.unwrap();
    assert_eq!((written.status, written.body.len()), (202, 0));
    let read = async || {
        let query = json!({"tzid": "Europe/London", "only_managed": true, "calendar_ids": [calendar_id]});
        let page: Value = doc.send("events.read", arguments(query)).await.unwrap().decode().unwrap();
        page["events"]
            .as_array()
            .unwrap()
            .iter()
            .map(|event| event["summary"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(read().await, ["Check-up"]);
    let mut changed = event(&calendar_id);
    changed.insert("summary".into(), "Moved".into());
    doc.send("events.upsert", changed).await.unwrap();
    assert_eq!(read().await, ["Moved"]);
    let which = json!({"calendar_id": calendar_id, "event_id": "check-up"});
    doc.send("events.delete", arguments(which)).await.unwrap();
    assert!(read().await.is_empty());
}

#[tokio::test]
async fn a_call_that_lacks_something_is_refused_before_any_request() {
    let world = World::open().await;
    let (client, organization) = world.connected().await;
    let doc = organization.impersonate("acc_0123456789abcdef01234567").unwrap();
    let before = world.control().counters().requests;
    let named = |error: orgconnect::Error| {
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
        (error.message().to_owned(), error.fields().keys().cloned().collect::<Vec<_>>())
    };
    let (message, fields) = named(doc.send("events.upsrt", Map::new()).await.unwrap_err());
    assert!(message.contains("did you mean `events.upsert`?") && fields == ["operation"], "{message}");
    let (_, fields) = named(doc.send("events.upsert", Map::new()).await.unwrap_err());
    assert_eq!(fields, ["calendar_id", "end", "event_id", "start", "summary"]);
    let (message, _) = named(organization.send("events.upsert", event("c")).await.unwrap_err());
    assert!(message.contains("impersonate"), "{message}");
    let (message, _) = named(client.send("organization.list_members", Map::new()).await.unwrap_err());
    assert!(message.contains("client.organization(id)"), "{message}");
    let (message, _) = named(doc.send("organization.list_members", Map::new()).await.unwrap_err());
    assert!(message.contains("without impersonating"), "{message}");
    for bad in ["acc_1\r\nX-Evil: 1", "acc_é", "", "doc@example.com"] {
        let (_, fields) = named(organization.impersonate(bad).unwrap_err());
        assert_eq!(fields, ["sub"], "{bad:?}");
    }
    assert_eq!(world.control().counters().requests, before);
}

#[tokio::test]
async fn settings_that_are_wrong_are_named_when_the_client_is_built() {
    let named = |builder: orgconnect::ClientBuilder| {
        let error = builder.build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        error.fields().keys().next().cloned().unwrap_or_default()
    };
    let good = || Client::builder("CLIENT_ID", "CLIENT_SECRET");
    assert_eq!(named(Client::builder("", "CLIENT_SECRET")), "client_id");
    assert_eq!(named(Client::builder("CLIENT_ID", "a\nb")), "client_secret");
    assert_eq!(named(good().base_url("http://api.example.com")), "base_url");
    assert_eq!(named(good().user_agent_suffix("a\r\nX-Evil: 1")), "user_agent_suffix");
    assert_eq!(named(good().timeout(Duration::ZERO)), "timeout");
    for proxy in
        ["::::", "proxy.example:3128", "socks5://127.0.0.1:1080", "http://", "http://proxy.example/path"]
    {
        assert_eq!(named(good().proxy(proxy)), "proxy", "{proxy}");
    }
    assert_eq!(named(good().extra_ca_certificate("not pem")), "extra_ca_certificate");
}

#[tokio::test]
async fn an_email_is_resolved_over_all_pages_and_cached() {
    let world = World::open().await;
    world.control().update_settings(|settings| settings.page_size = 3);
    let organizations = world.control().organizations();
    let unit = organizations.iter().find(|unit| unit.name == "Northwind Clinic").unwrap();
    world.control().add_members(&unit.organization_id, 20).unwrap();
    let (_client, organization) = world.connected().await;
    let last = world.control().members(&unit.organization_id).pop().unwrap().email;
    organization.impersonate_email(&last.to_uppercase()).await.unwrap();
    let pages = world.requests_to("/v1/organizational_unit_members");
    assert!(pages >= 8, "{pages}");
    organization.impersonate_email(DOC).await.unwrap();
    assert_eq!(world.requests_to("/v1/organizational_unit_members"), pages, "the second look-up asks nobody");
}

#[tokio::test]
async fn an_address_with_a_letter_that_only_unicode_takes_for_an_ascii_one_is_somebody_elses() {
    let world = World::open().await;
    let unit = world.control().organizations().remove(0);
    for email in ["kim@example.com", "\u{212a}ay@example.com"] {
        world
            .control()
            .add_member(&unit.organization_id, NewMember { email: email.into(), ..NewMember::default() })
            .unwrap();
    }
    let (_client, organization) = world.connected().await;
    organization.impersonate_email("KIM@example.com").await.unwrap();
    organization.impersonate_email("\u{212a}ay@example.com").await.unwrap();
    for email in ["\u{212a}im@example.com", "kay@example.com"] {
        let error = organization.impersonate_email(email).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound, "{email}");
    }
}

#[tokio::test]
async fn a_connection_that_is_given_to_another_organization_forgets_the_members_of_the_first() {
    let world = World::open().await;
    let (client, organization) = world.connected().await;
    organization.impersonate_email(DOC).await.unwrap();
    let other = world.control().create_organization("Southwind");
    let head = NewMember {
        email: "head@southwind.example".into(),
        roles: vec!["owner".into()],
        ..NewMember::default()
    };
    world.control().add_member(&other.organization_id, head).unwrap();
    let request = orgconnect::AuthorizationRequest::organization(common::REDIRECT).connection_id("clinic");
    let pending = client.authorize(request).unwrap();
    let callback = world.control().approve(pending.url(), "head@southwind.example").unwrap();
    client.complete(&pending, callback).await.unwrap();
    let error = organization.impersonate_email(DOC).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    organization.impersonate_email("head@southwind.example").await.unwrap();
}

#[tokio::test]
async fn an_email_that_nobody_or_several_members_have_is_an_error_that_says_so() {
    let world = World::open().await;
    let (_client, organization) = world.connected().await;
    let error = organization.impersonate_email("nobody@example.com").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.fields().contains_key("email"));
    let same = |sub: &str| json!({"sub": sub, "email": "twin@example.com"});
    let body = json!({"organizational_unit_members": [same("acc_1"), same("acc_2")], "pages": {"current": 1, "total": 1}});
    let raw = Raw::serving(vec![reply(200, &[], body.to_string().as_bytes())]).await;
    let twins = client_for(&raw.url).internal_organization();
    let error = twins.impersonate_email("twin@example.com").await.unwrap_err();
    assert!(error.message().contains("acc_1, acc_2"), "{error}");
}

#[tokio::test]
async fn an_internal_application_acts_for_members_with_its_secret() {
    let world = World::open().await;
    let unit = world.control().organizations()[0].organization_id.clone();
    let new =
        NewApplication { name: "Internal".into(), internal_to: Some(unit), ..NewApplication::default() };
    let internal = world.control().create_application(new);
    let client = Client::builder(&internal.client_id, internal.client_secret.as_str())
        .base_url(world.sandbox.url())
        .build()
        .unwrap();
    let organization = client.internal_organization();
    let doc = organization.impersonate_email(DOC).await.unwrap();
    let userinfo: Value = doc.send("userinfo.read", Map::new()).await.unwrap().decode().unwrap();
    assert_eq!(userinfo["email"], DOC);
    assert_eq!(world.requests_to("/oauth"), 0);
}

#[tokio::test]
async fn acting_for_somebody_outside_the_organization_is_refused_by_permission() {
    let world = World::open().await;
    let stranger = world.control().create_organization("Elsewhere");
    let new = NewMember { email: "x@elsewhere.example".into(), ..NewMember::default() };
    let member = world.control().add_member(&stranger.organization_id, new).unwrap();
    let (_client, organization) = world.connected().await;
    let error = organization
        .impersonate(member.sub.as_str())
        .unwrap()
        .send("userinfo.read", Map::new())
        .await
        .unwrap_err();
    assert_eq!((error.kind(), error.status()), (ErrorKind::Permission, Some(403)));
}

#[tokio::test]
async fn replies_over_a_hundred_members_at_once_never_cross() {
    let world = World::open().await;
    let organizations = world.control().organizations();
    let unit = organizations.iter().find(|unit| unit.name == "Northwind Clinic").unwrap();
    world.control().add_members(&unit.organization_id, 60).unwrap();
    let (_client, organization) = world.connected().await;
    let members = world.control().members(&unit.organization_id);
    let calls = members.iter().cycle().take(600).map(|member| {
        let account = organization.impersonate(member.sub.as_str()).unwrap();
        async move {
            let userinfo: Value = account.send("userinfo.read", Map::new()).await.unwrap().decode().unwrap();
            assert_eq!(userinfo["sub"], member.sub.as_str());
        }
    });
    futures_util::future::join_all(calls).await;
}

#[tokio::test]
async fn a_read_is_repeated_after_a_failure_and_a_create_is_not() {
    let world = World::open().await;
    let (_client, organization) = world.connected().await;
    let doc = organization.impersonate_email(DOC).await.unwrap();
    for fault in [Fault::status(503), Fault::dropped(), Fault::lost_reply()] {
        let id = world.control().add_fault(fault.clone().on("GET", "/v1/userinfo").times(2));
        doc.send("userinfo.read", Map::new()).await.unwrap();
        world.control().remove_fault(id);
        let id = world.control().add_fault(fault.clone().on("POST", "/v1/calendars").times(1));
        world.control().reset_counters();
        let new = arguments(json!({"profile_id": "pro_1", "name": "New"}));
        let error = doc.send("calendars.create", new).await.unwrap_err();
        assert!(error.is_transient(), "{fault:?}: {error}");
        assert_eq!(world.control().counters().requests, 1, "{fault:?}");
        world.control().remove_fault(id);
    }
}

#[tokio::test]
async fn an_event_is_upserted_again_after_a_lost_reply_and_stands_once() {
    let world = World::open().await;
    let (_client, organization) = world.connected().await;
    let doc = organization.impersonate_email(DOC).await.unwrap();
    let calendar_id = calendar_of(&doc).await;
    world.control().add_fault(Fault::lost_reply().on("POST", "/v1/calendars").times(2));
    doc.send("events.upsert", event(&calendar_id)).await.unwrap();
    let query = json!({"tzid": "UTC", "only_managed": true});
    let page: Value = doc.send("events.read", arguments(query)).await.unwrap().decode().unwrap();
    assert_eq!(page["events"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_429_is_waited_out_for_as_long_as_it_says_by_everyone() {
    let world = World::open().await;
    let (_client, organization) = world.connected().await;
    let limited = Fault { retry_after: Some("1".into()), ..Fault::status(429) };
    world.control().add_fault(limited.on("GET", "/v1/organizational_unit_members").times(1));
    let began = Instant::now();
    organization.send("organization.list_members", Map::new()).await.unwrap();
    assert!(began.elapsed() >= Duration::from_secs(1));
    let asked_for_a_minute = Fault { retry_after: Some("60".into()), ..Fault::status(429) };
    world.control().add_fault(asked_for_a_minute.on("GET", "/v1/organizational_unit_members").times(1));
    world.control().reset_counters();
    for _ in 0..3 {
        let error = organization.send("organization.list_members", Map::new()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::RateLimited);
        assert!(error.retry_after().unwrap() > Duration::from_secs(50));
    }
    assert_eq!(world.control().counters().requests, 1, "nobody asks again while the wait lasts");
}

#[tokio::test(start_paused = true)]
async fn a_rate_limit_spreads_calls_out() {
    let limit =
        RateLimit { per_second: NonZeroU32::new(1000).unwrap(), per_minute: NonZeroU32::new(1).unwrap() };
    let raw = Raw::serving(vec![reply(200, &[], b"{}")]).await;
    let client = Client::builder("ID", "SECRET")
        .base_url(&raw.url)
        .rate_limit(limit)
        .timeout(Duration::from_millis(200))
        .build()
        .unwrap();
    let organization = client.internal_organization();
    organization.send("organization.list_members", Map::new()).await.unwrap();
    let error = organization.send("organization.list_members", Map::new()).await.unwrap_err();
    assert_eq!((error.kind(), raw.requests().len()), (ErrorKind::RateLimited, 1));
}

#[tokio::test]
async fn no_redirect_is_followed_and_no_credential_leaves() {
    for status in [301, 302, 303, 307, 308] {
        let elsewhere = Raw::serving(vec![reply(200, &[], b"{}")]).await;
        let raw =
            Raw::serving(vec![reply(status, &[("location", &format!("{}/v1/x", elsewhere.url))], b"")]).await;
        let doc = client_for(&raw.url).internal_organization().impersonate("acc_1").unwrap();
        let error = doc.send("userinfo.read", Map::new()).await.unwrap_err();
        assert_eq!((error.code(), error.is_transient()), (Some("unexpected_redirect"), false));
        assert!(elsewhere.requests().is_empty());
    }
}

#[tokio::test]
async fn a_next_page_elsewhere_is_not_followed() {
    let elsewhere = Raw::serving(vec![reply(200, &[], b"{}")]).await;
    let link = format!("{}/v1/organizational_unit_members?page=2", elsewhere.url);
    let body =
        json!({"organizational_unit_members": [], "pages": {"current": 1, "total": 2, "next_page": link}});
    let raw = Raw::serving(vec![reply(200, &[], body.to_string().as_bytes())]).await;
    let organization = client_for(&raw.url).internal_organization();
    let error = organization.impersonate_email("a@example.com").await.unwrap_err();
    assert!(error.fields().contains_key("next_page"), "{error}");
    assert!(elsewhere.requests().is_empty());
}

#[tokio::test]
async fn an_answer_that_is_too_large_or_a_bomb_is_cut_off() {
    let gzip_of_zeros = {
        use std::io::Write;
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        for _ in 0..64 {
            encoder.write_all(&[b' '; 1 << 20]).unwrap();
        }
        encoder.finish().unwrap()
    };
    let bomb = reply(200, &[("content-encoding", "gzip")], &gzip_of_zeros);
    let large = reply(200, &[], &vec![b' '; 2 << 20]);
    for answer in [bomb, large] {
        let raw = Raw::serving(vec![answer]).await;
        let client =
            Client::builder("ID", "SECRET").base_url(&raw.url).max_response_bytes(1 << 20).build().unwrap();
        let error =
            client.internal_organization().send("organization.list_members", Map::new()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Decode, "{error}");
        assert!(error.message().contains("max_response_bytes"));
    }
}

#[tokio::test]
async fn compressed_answers_are_read() {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(br#"{"sub":"acc_1"}"#).unwrap();
    let raw =
        Raw::serving(vec![reply(200, &[("content-encoding", "gzip")], &encoder.finish().unwrap())]).await;
    let doc = client_for(&raw.url).internal_organization().impersonate("acc_1").unwrap();
    let userinfo: Value = doc.send("userinfo.read", Map::new()).await.unwrap().decode().unwrap();
    assert_eq!(userinfo["sub"], "acc_1");
    assert!(raw.requests()[0].to_lowercase().contains("accept-encoding: gzip"));
}

#[tokio::test]
async fn an_answer_in_many_pieces_is_read_whole_whether_its_length_is_announced_or_not() {
    let members = "x".repeat(300_000);
    let body = json!({"sub": members}).to_string();
    let chunked: Vec<u8> = {
        let head = b"HTTP/1.1 200 OK\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
        let pieces = body
            .as_bytes()
            .chunks(7_001)
            .flat_map(|piece| [format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat());
        head.into_iter().chain(pieces).chain(*b"0\r\n\r\n").collect()
    };
    let raw = Raw::serving(vec![reply(200, &[], body.as_bytes()), chunked]).await;
    let doc = client_for(&raw.url).internal_organization().impersonate("acc_1").unwrap();
    for _ in 0..2 {
        let reply = doc.send("userinfo.read", Map::new()).await.unwrap();
        assert_eq!(reply.body, body.as_bytes());
    }
}

#[tokio::test]
async fn a_compressed_answer_that_is_damaged_is_a_broken_connection() {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(br#"{"sub":"acc_1"}"#).unwrap();
    let whole = encoder.finish().unwrap();
    for damaged in [&whole[..whole.len() - 5], b"{}"] {
        let raw = Raw::serving(vec![reply(200, &[("content-encoding", "gzip")], damaged)]).await;
        let doc = client_for(&raw.url).internal_organization().impersonate("acc_1").unwrap();
        let error = doc
            .with_options(CallOptions::new().attempts(1))
            .send("userinfo.read", Map::new())
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Network, "{error}");
        assert!(error.is_transient());
    }
}

#[tokio::test]
async fn a_call_ends_at_its_deadline() {
    let world = World::open().await;
    let (_client, organization) = world.connected().await;
    world.control().add_fault(Fault { delay_before_ms: 20_000, ..Fault::default() }.on("GET", "/v1/"));
    let impatient = organization.with_options(CallOptions::new().timeout(Duration::from_millis(150)));
    let began = Instant::now();
    let error = impatient.send("organization.list_members", Map::new()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert!(began.elapsed() < Duration::from_secs(2));
}

#[tokio::test]
async fn an_answer_that_never_ends_is_given_up_at_the_deadline() {
    let half = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{".to_vec();
    let raw = Raw::serving(vec![half]).await;
    let client = Client::builder("ID", "SECRET")
        .base_url(&raw.url)
        .timeout(Duration::from_millis(500))
        .build()
        .unwrap();
    let organization = client.internal_organization();
    let error = organization.send("organization.list_members", Map::new()).await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Network | ErrorKind::Timeout), "{error}");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_a_network_error_that_says_so() {
    let error = client_for("http://127.0.0.1:9")
        .internal_organization()
        .send("organization.list_members", Map::new())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Network);
    assert!(error.is_transient() && error.message().contains("can't be reached"), "{error}");
    assert!(!format!("{error:?}").contains("CLIENT_SECRET"));
}

#[tokio::test]
async fn a_proxy_that_is_set_carries_the_request() {
    let proxy = Raw::serving(vec![reply(200, &[], br#"{"sub":"acc_1"}"#)]).await;
    let client =
        Client::builder("ID", "SECRET").base_url("http://127.0.0.1:9").proxy(&proxy.url).build().unwrap();
    client
        .internal_organization()
        .impersonate("acc_1")
        .unwrap()
        .send("userinfo.read", Map::new())
        .await
        .unwrap();
    assert!(proxy.requests()[0].starts_with("GET http://127.0.0.1:9/v1/userinfo HTTP/1.1"));
    assert!(!proxy.requests()[0].to_lowercase().contains("proxy-authorization"));
}

#[tokio::test]
async fn a_proxy_that_forwards_requests_is_told_its_password_with_each() {
    let proxy = Raw::serving(vec![reply(200, &[], br#"{"sub":"acc_1"}"#)]).await;
    let address = proxy.url.replace("http://", "http://user:passw0rd@");
    let client =
        Client::builder("ID", "SECRET").base_url("http://127.0.0.1:9").proxy(address).build().unwrap();
    client.internal_organization().send("organization.list_members", Map::new()).await.unwrap();
    assert!(proxy.requests()[0].contains("Basic dXNlcjpwYXNzdzByZA=="), "{}", proxy.requests()[0]);
    assert!(!format!("{client:?}").contains("passw0rd"));
}

#[tokio::test]
async fn a_path_that_is_not_known_is_called_raw_with_every_guard() {
    let world = World::open().await;
    let (_client, organization) = world.connected().await;
    let doc = organization.impersonate_email(DOC).await.unwrap();
    let userinfo: Value =
        doc.request(http::Method::GET, "/v1/userinfo", &[], None).await.unwrap().decode().unwrap();
    assert_eq!(userinfo["email"], DOC);
    let error = doc.request(http::Method::POST, "/oauth/token", &[], None).await.unwrap_err();
    assert!(error.fields().contains_key("path"));
    for method in [http::Method::CONNECT, http::Method::TRACE] {
        let error = doc.request(method, "/v1/userinfo", &[], None).await.unwrap_err();
        assert!(error.fields().contains_key("method"), "{error}");
    }
}

#[tokio::test]
async fn the_user_agent_names_us_the_language_and_the_application() {
    let raw = Raw::serving(vec![reply(200, &[], b"{}")]).await;
    let client = Client::builder("ID", "SECRET")
        .base_url(&raw.url)
        .host_language("python 3.11")
        .user_agent_suffix("clinic/2.1")
        .build()
        .unwrap();
    client.internal_organization().send("organization.list_members", Map::new()).await.unwrap();
    insta::assert_snapshot!(raw.requests()[0].replace(&raw.url["http://".len()..], "HOST"));
}

#[tokio::test]
async fn every_oauth_request_is_the_documented_one() {
    let tokens = br#"{"token_type":"bearer","access_token":"ACCESS","refresh_token":"REFRESH","expires_in":3600,"scope":"organizational_unit_scheduler","sub":"opu_1"}"#;
    let raw = Raw::serving(vec![reply(200, &[], tokens)]).await;
    let client = client_for(&raw.url);
    let request = orgconnect::AuthorizationRequest::organization("https://app.example/callback");
    let pending = client.authorize(request.state("a-state-that-nobody-can-guess")).unwrap();
    let callback = "https://app.example/callback?code=CODE&state=a-state-that-nobody-can-guess";
    let connection = client.complete(&pending, callback).await.unwrap();
    connection.refresh().await.unwrap();
    let refreshes = raw.requests().iter().filter(|request| request.contains("\"refresh_token\"")).count();
    assert_eq!(refreshes, 1, "the same access token again is no reason to ask again");
    client.revoke_sub("acc_1").await.unwrap();
    connection.revoke().await.unwrap();
    let mut shown: Vec<String> = Vec::new();
    for request in raw.requests() {
        let (head, body) = request.split_once("\r\n\r\n").unwrap();
        let kind = head.lines().find(|line| line.to_lowercase().starts_with("content-type")).unwrap();
        let told = format!("{}\n{kind}\n{body}", head.lines().next().unwrap());
        if !shown.contains(&told) {
            shown.push(told);
        }
    }
    insta::assert_snapshot!(shown.join("\n\n"));
}

#[tokio::test]
async fn any_handle_takes_its_arguments_as_json() {
    let handle = Handle::from(&client_for("http://127.0.0.1:9"));
    let error = handle.send_json("element_tokens.create", b"[\"CRN_not_to_be_shown\"]").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.fields().contains_key("arguments"), "{error}");
    assert!(!format!("{error} {error:?}").contains("CRN_"), "{error}");
    let error = handle.send_json("element_tokens.create", b"").await.unwrap_err();
    assert!(error.fields().contains_key("permissions"), "{error}");
}
