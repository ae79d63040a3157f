//! The control API over HTTP, what is counted and recorded, and that nothing secret leaves through it.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)] // tests

mod common;

use common::{Clinic, ORGANIZATION, REDIRECT, parameter, send, text};
use reqwest::Method;
use serde_json::{Value, json};

async fn get(clinic: &Clinic, path: &str) -> Value {
    let reply = clinic.get(path, "").await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    reply.json()
}

#[tokio::test]
async fn the_whole_way_can_be_gone_over_http_alone() {
    let clinic = Clinic::open().await;
    let created = clinic
        .post("/sandbox/applications", "", &json!({ "name": "By hand", "url": "https://a.example" }))
        .await;
    assert_eq!(created.status, 201);
    let application = created.json();
    let secret = text(&application["client_secret"]);
    assert!(secret.starts_with("CRN_") && secret.len() == 42);
    let listed = get(&clinic, "/sandbox/applications").await.to_string();
    assert!(listed.contains("By hand") && !listed.contains(&secret));

    let url = clinic.authorize_url_with(&[("client_id", application["client_id"].as_str().unwrap())]);
    let approved = clinic
        .post("/sandbox/authorize", "", &json!({ "url": url, "approver": "owner@example.com" }))
        .await
        .json();
    let code = parameter(approved["redirect"].as_str().unwrap(), "code").unwrap();
    let fields = json!({
        "client_id": application["client_id"], "client_secret": secret,
        "grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT,
    });
    let tokens = clinic.post("/oauth/token", "", &fields).await.json();
    let token = text(&tokens["access_token"]);
    let denied = clinic.post("/sandbox/authorize", "", &json!({ "url": url })).await.json();
    assert_eq!(denied["redirect"], format!("{REDIRECT}?error=access_denied"));

    let connections = get(&clinic, "/sandbox/connections").await;
    assert_eq!(
        (&connections["connections"][0]["sub"], &connections["connections"][0]["of"]),
        (&tokens["sub"], &json!("Northwind Clinic"))
    );
    assert!(!connections.to_string().contains(&token));
    assert_eq!(
        clinic.post("/sandbox/connections/expire", "", &json!({ "sub": tokens["sub"] })).await.json()["expired"],
        1
    );
    assert_eq!(clinic.get("/v1/userinfo", &token).await.status, 401);
    assert_eq!(
        clinic.post("/sandbox/connections/revoke", "", &json!({ "sub": tokens["sub"] })).await.json()["revoked"],
        1
    );
    assert_eq!(get(&clinic, "/sandbox/connections").await["connections"][0]["status"], "revoked");
    assert_eq!(clinic.post("/sandbox/connections/revoke", "", &json!({ "sub": "acc_x" })).await.status, 404);
}

#[tokio::test]
async fn organizations_members_and_resources_are_made() {
    let clinic = Clinic::open().await;
    let organization = clinic.post("/sandbox/organizations", "", &json!({ "name": "Contoso" })).await.json();
    let base = format!("/sandbox/organizations/{}", text(&organization["organization_id"]));
    let member = json!({ "email": "ceo@contoso.example", "name": "Carla", "roles": ["owner"] });
    assert_eq!(clinic.post(&format!("{base}/members"), "", &member).await.json()["roles"], json!(["owner"]));
    assert_eq!(clinic.post(&format!("{base}/members/bulk"), "", &json!({ "count": 3 })).await.status, 201);
    assert_eq!(
        clinic
            .post(&format!("{base}/resources"), "", &json!({ "email": "r@contoso.example", "name": "Room" }))
            .await
            .status,
        201
    );
    assert_eq!(get(&clinic, &format!("{base}/members")).await["members"].as_array().unwrap().len(), 4);
    assert_eq!(get(&clinic, &format!("{base}/resources")).await["resources"][0]["name"], "Room");
    assert_eq!(clinic.post(&format!("{base}/members"), "", &json!({ "email": "nobody" })).await.status, 422);
    assert_eq!(clinic.post("/sandbox/organizations/org_x/members", "", &member).await.status, 404);
    assert!(clinic.control().approve(&clinic.authorize_url(ORGANIZATION), "ceo@contoso.example").is_ok());
}

#[tokio::test]
async fn redirect_uris_are_submitted_and_verified() {
    let clinic = Clinic::open().await;
    let base = format!("/sandbox/applications/{}", clinic.application.client_id);
    let uris = json!({ "redirect_uris": ["https://*.example.com/callback"] });
    let submitted = clinic.post(&format!("{base}/redirect_uris"), "", &uris).await.json();
    assert_eq!(
        submitted["redirect_uris"][0],
        json!({ "uri": "https://*.example.com/callback", "verified": false })
    );
    let verified = clinic.post(&format!("{base}/verify"), "", &json!({})).await.json();
    assert_eq!(
        (&verified["mode"], &verified["redirect_uris"][0]["verified"]),
        (&json!("production"), &json!(true))
    );
    assert_eq!(
        clinic.post(&format!("{base}/mode"), "", &json!({ "mode": "development" })).await.json()["mode"],
        "development"
    );
    assert_eq!(
        clinic.post(&format!("{base}/redirect_uris"), "", &json!({ "redirect_uris": ["x"] })).await.status,
        422
    );
    assert_eq!(clinic.post("/sandbox/applications/unknown/verify", "", &json!({})).await.status, 404);
}

#[tokio::test]
async fn the_clock_is_read_and_set() {
    let clinic = Clinic::open().await;
    let set = async |body: Value| clinic.post("/sandbox/clock", "", &body).await.json();
    assert_eq!(set(json!({ "freeze_at": "2026-03-01T12:00:00Z" })).await["now"], "2026-03-01T12:00:00Z");
    assert_eq!(set(json!({ "advance_ms": 1500 })).await["now"], "2026-03-01T12:00:01.5Z");
    assert_eq!(set(json!({ "run": true })).await["frozen"], false);
    assert_eq!(set(json!({ "offset_ms": -60_000 })).await["offset_ms"], -60_000);
    assert_eq!(get(&clinic, "/sandbox/clock").await["offset_ms"], -60_000);
    assert_eq!(clinic.post("/sandbox/clock", "", &json!({ "backwards": 1 })).await.status, 422);
}

#[tokio::test]
async fn settings_are_changed_one_by_one_and_checked() {
    let clinic = Clinic::open().await;
    let patch =
        async |body: Value| send(clinic.request(Method::PATCH, "/sandbox/settings", "").json(&body)).await;
    let settings =
        patch(json!({ "refresh_mode": "strict", "expires_in": { "value": "soon" }, "page_size": 2 }))
            .await
            .json();
    assert_eq!((&settings["refresh_mode"], &settings["code_ttl_ms"]), (&json!("strict"), &json!(300_000)));
    assert_eq!(get(&clinic, "/sandbox/settings").await, settings);
    for wrong in [
        json!({ "page_size": 0 }),
        json!({ "invalid_client_status": 418 }),
        json!({ "unknown": 1 }),
        json!({ "refresh_mode": "odd" }),
    ] {
        assert_eq!(patch(wrong).await.status, 422);
    }
    assert_eq!(get(&clinic, "/sandbox/settings").await, settings);
}

#[tokio::test]
async fn faults_are_ordered_and_taken_back() {
    let clinic = Clinic::open().await;
    let fault = json!({ "path": "/v1/userinfo", "status": 503, "times": 1, "body": { "bytes": "AAEC" } });
    let id = clinic.post("/sandbox/faults", "", &fault).await.json()["id"].clone();
    let reply = clinic.request(Method::GET, "/v1/userinfo", "").send().await.unwrap();
    assert_eq!((reply.status().as_u16(), reply.bytes().await.unwrap().as_ref()), (503, [0, 1, 2].as_slice()));
    let faults = get(&clinic, "/sandbox/faults").await;
    assert_eq!((&faults["faults"][0]["id"], &faults["faults"][0]["applied"]), (&id, &json!(1)));
    assert_eq!(clinic.delete(&format!("/sandbox/faults/{id}"), "", &json!({})).await.status, 204);
    assert_eq!(clinic.delete(&format!("/sandbox/faults/{id}"), "", &json!({})).await.status, 404);
    assert_eq!(clinic.delete("/sandbox/faults", "", &json!({})).await.status, 204);
    for (field, bad) in [
        ("statsu", json!({ "statsu": 503 })),
        ("status", json!({ "status": 99 })),
        ("headers", json!({ "headers": [["x-a", "b\nc"]] })),
        ("headers", json!({ "headers": [["x a", "b"]] })),
        ("retry_after", json!({ "retry_after": "1\r\n" })),
    ] {
        let refused = clinic.post("/sandbox/faults", "", &bad).await;
        assert_eq!(refused.status, 422, "{bad}");
        assert!(refused.json()["error"].as_str().unwrap().contains(field), "{bad}");
    }
}

#[tokio::test]
async fn counters_tell_routes_grants_and_superfluous_refreshes() {
    let clinic = Clinic::open().await;
    let tokens = clinic.tokens(ORGANIZATION, "owner@example.com").await;
    let sub = text(&tokens["sub"]);
    for _ in 0..2 {
        clinic.control().expire_access_tokens(Some(&sub));
        clinic.refresh(&tokens["refresh_token"]).await;
    }
    clinic.refresh(&tokens["refresh_token"]).await;
    clinic.refresh(&json!("unknown")).await;
    clinic.get("/v1/calendars/cal_a/events", "x").await;
    clinic.get("/v1/events/pages/abc", "x").await;
    clinic.get("/nowhere", "x").await;
    let counters = get(&clinic, "/sandbox/counters").await;
    assert_eq!(counters["requests"], 8);
    assert_eq!(counters["token_requests"], json!({ "authorization_code": 1, "refresh_token": 4 }));
    assert_eq!(counters["refreshes"], json!({ sub.as_str(): 3 }));
    assert_eq!(counters["refreshes_by_epoch"][&sub], json!({ "1": 1, "2": 2 }), "the third was superfluous");
    assert_eq!(counters["unauthorized"], 1);
    assert_eq!(counters["routes"]["POST /oauth/token"], 5);
    assert_eq!(counters["routes"]["GET /v1/events/pages/{page_token}"], 1);
    assert_eq!(counters["routes"]["GET (no route)"], 1);
    assert_eq!(clinic.delete("/sandbox/counters", "", &json!({})).await.status, 204);
    assert_eq!(clinic.control().counters().requests, 0);
}

#[tokio::test]
async fn requests_are_recorded_raw_for_tests_and_masked_for_everybody_else() {
    let clinic = Clinic::open().await;
    let tokens = clinic.tokens(ORGANIZATION, "owner@example.com").await;
    let token = text(&tokens["access_token"]);
    let doc = clinic.member("doc@example.com");
    let request = clinic.request(Method::GET, "/v1/events?tzid=Etc/UTC", &token);
    send(request.header("X-First", "1").header("Cronofy-Impersonate", &doc).header("X-Last", "2")).await;
    clinic.get(&clinic.authorize_url(ORGANIZATION), "").await;

    let requests = clinic.control().requests();
    assert_eq!(requests.len(), 3);
    let exchange: Value = serde_json::from_str(&requests[0].body).unwrap();
    assert_eq!(exchange["client_secret"], json!(clinic.application.client_secret));
    assert_eq!(requests[0].connection.as_deref(), tokens["sub"].as_str());
    let read = &requests[1];
    assert_eq!(
        (read.method.as_str(), read.path.as_str(), read.query.as_str(), read.status),
        ("GET", "/v1/events", "tzid=Etc/UTC", Some(200))
    );
    assert_eq!(read.header("authorization"), Some(format!("Bearer {token}").as_str()));
    assert_eq!(read.impersonated.as_deref(), Some(doc.as_str()));
    assert_eq!(read.application.as_ref(), Some(&clinic.application.client_id));
    assert!(read.duration_ms.is_some() && read.request_id.len() == 32);
    let names: Vec<_> = read
        .headers
        .iter()
        .map(|(name, _)| name.as_str())
        .filter(|name| name.starts_with("x-") || name.starts_with("cronofy"))
        .collect();
    assert_eq!(names, ["x-first", "cronofy-impersonate", "x-last"]);

    let masked = get(&clinic, "/sandbox/requests").await.to_string();
    let debug = format!("{requests:?}");
    let code = text(&exchange["code"]);
    for secret in [&token, &clinic.application.client_secret, &code, "st4te"] {
        assert!(!masked.contains(secret) && !debug.contains(secret), "{secret}");
    }
    assert!(masked.contains(&doc));
    assert_eq!(clinic.delete("/sandbox/requests", "", &json!({})).await.status, 204);
    assert_eq!(clinic.control().requests().len(), 0);
}

#[tokio::test]
async fn a_reset_starts_over() {
    let clinic = Clinic::open().await;
    let before = clinic.control().organizations();
    clinic.organization().await;
    clinic.control().update_settings(|settings| settings.page_size = 1);
    assert_eq!(clinic.post("/sandbox/reset", "", &json!({ "seed": 7 })).await.status, 204);
    let status = get(&clinic, "/sandbox/status").await;
    assert_eq!(
        (&status["applications"], &status["connections"], &status["requests"]),
        (&json!(0), &json!(0), &json!(0))
    );
    assert_eq!(clinic.control().settings().page_size, 100);
    assert_eq!(clinic.control().organizations(), before, "the same seed makes the same world");
    clinic.control().reset(None);
    assert_ne!(clinic.control().organizations(), before);
}

#[tokio::test]
async fn the_dashboard_names_applications_and_shows_no_secret() {
    let clinic = Clinic::open().await;
    let page = clinic.get("/dashboard", "").await;
    assert!(page.text.contains("Rota") && page.text.contains(&clinic.application.client_id));
    assert!(!page.text.contains(&clinic.application.client_secret));
}
