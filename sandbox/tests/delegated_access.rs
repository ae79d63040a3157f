//! Enterprise Connect and shared calendars: access that is asked for and answered at a callback address.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)] // tests

mod common;
#[path = "common/receiver.rs"]
mod receiver;

use common::{Clinic, Reply, text};
use orgconnect_sandbox::RoomDetails;
use receiver::Receiver;
use serde_json::{Value, json};

const MANAGE: &str = "service_account/accounts/manage service_account/resources/manage";

/// The name of the list where several are asked for at once.
const LIST: &str = "service_account_authorizations";

struct Desk {
    clinic: Clinic,
    receiver: Receiver,
}

impl Desk {
    async fn open() -> Self {
        Self { clinic: Clinic::open().await, receiver: Receiver::open().await }
    }

    async fn service_account(&self, scope: &str) -> String {
        text(&self.clinic.tokens(scope, "owner@example.com").await["access_token"])
    }

    fn asked(&self, email: &str) -> Value {
        json!({
            "email": email, "callback_url": self.receiver.at("/granted?for=1"),
            "scope": "read_events create_event", "state": "s1",
        })
    }

    /// The answers that came, in their order.
    async fn answers(&self) -> Vec<Value> {
        self.clinic.control().settle().await;
        let all = self.receiver.all();
        assert!(all.iter().all(|post| post.is_signed_with(&self.clinic.application.client_secret)));
        all.iter().map(|post| post.json()["authorization"].clone()).collect()
    }

    async fn exchange(&self, code: &Value) -> Reply {
        let body = json!({
            "grant_type": "authorization_code", "code": code, "redirect_uri": self.receiver.at("/granted?for=1"),
        });
        self.clinic.token(body).await
    }
}

#[tokio::test]
async fn a_user_of_the_domain_is_authorized_with_a_code_that_exchanges() {
    let desk = Desk::open().await;
    let token = desk.service_account(MANAGE).await;
    let path = "/v1/service_account_authorizations";
    let reply = desk.clinic.post(path, &token, &desk.asked("doc@example.com")).await;
    assert_eq!((reply.status.as_u16(), reply.text.as_str()), (202, ""));
    let answers = desk.answers().await;
    assert_eq!(answers[0]["state"], "s1");
    let reply = desk.exchange(&answers[0]["code"]).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    assert_eq!(reply.json()["scope"], "read_events create_event");
    assert_eq!(text(&reply.json()["sub"]), desk.clinic.member("doc@example.com"));
    let granted = text(&reply.json()["access_token"]);
    assert_eq!(desk.clinic.get("/v1/userinfo", &granted).await.json()["email"], "doc@example.com");
    assert_eq!(desk.exchange(&answers[0]["code"]).await.status, 400);

    // Codes are masked where they are listed.
    let listed = desk.clinic.get("/sandbox/deliveries", "").await.text;
    assert!(!listed.contains(&text(&answers[0]["code"])), "{listed}");

    // Revoking the service account takes what came through it.
    let account = text(&desk.clinic.get("/v1/userinfo", &token).await.json()["sub"]);
    desk.clinic.control().revoke_connection(&account);
    assert_eq!(desk.clinic.get("/v1/userinfo", &granted).await.status, 401);
}

#[tokio::test]
async fn several_are_asked_for_at_once_and_answered_one_by_one() {
    let desk = Desk::open().await;
    let token = desk.service_account(MANAGE).await;
    let list: Vec<_> =
        ["doc@example.com", "ghost@example.com", "room1@example.com", "someone@elsewhere.example"]
            .map(|email| desk.asked(email))
            .into();
    let body = json!({ "service_account_authorizations": list });
    assert_eq!(desk.clinic.post("/v1/service_account_authorizations", &token, &body).await.status, 202);
    let answers = desk.answers().await;
    let outcomes: Vec<_> = answers.iter().map(|answer| answer["error"].as_str().unwrap_or("code")).collect();
    assert_eq!(outcomes, ["code", "access_denied", "code", "access_denied"]);
    assert!(answers[1]["error_key"].is_string() && answers[1]["error_description"].is_string());
    assert_eq!(answers[1]["state"], "s1");
    let room = desk.exchange(&answers[2]["code"]).await.json();
    let calendars = desk.clinic.calendars(&text(&room["access_token"])).await;
    assert!(!calendars.is_empty());
}

#[tokio::test]
async fn a_room_needs_the_scope_for_rooms() {
    let desk = Desk::open().await;
    let token = desk.service_account("service_account/accounts/manage").await;
    let path = "/v1/service_account_authorizations";
    desk.clinic.post(path, &token, &desk.asked("room1@example.com")).await;
    assert_eq!(desk.answers().await[0]["error"], "access_denied");
    assert_eq!(desk.clinic.get("/v1/resources", &token).await.status, 403);
}

#[tokio::test]
async fn what_is_wrong_with_a_request_is_said_by_field() {
    let desk = Desk::open().await;
    let token = desk.service_account(MANAGE).await;
    let post =
        async |body: Value| desk.clinic.post("/v1/service_account_authorizations", &token, &body).await;
    let reply = post(json!({})).await;
    for field in ["email", "callback_url", "scope"] {
        assert_eq!(reply.error_keys(field), ["errors.required"], "{field}");
    }
    let reply = post(json!({ "email": "doc", "callback_url": "x", "scope": "read_events everything" })).await;
    for field in ["email", "callback_url", "scope"] {
        assert_eq!(reply.error_keys(field), ["errors.invalid"], "{field}");
    }
    assert_eq!(post(json!({ LIST: [] })).await.error_keys(LIST), ["errors.required"]);
    let one = desk.asked("doc@example.com");
    let reply = post(json!({ LIST: vec![one.clone(); 51] })).await;
    assert!(reply.error_keys(LIST).contains(&"errors.too_many".to_owned()));
    let mut mixed = one.clone();
    mixed[LIST] = json!([one]);
    assert_eq!(post(mixed).await.error_keys(LIST), ["errors.invalid"]);
    assert_eq!(desk.answers().await, [] as [Value; 0]);
    let member = desk.clinic.account("doc@example.com").await;
    let reply = desk.clinic.post("/v1/service_account_authorizations", &member, &json!({})).await;
    assert_eq!(reply.status, 403);
}

#[tokio::test]
async fn unrestricted_access_of_the_service_account_raises_permissions_at_once() {
    for (scope, status) in [
        ("service_account/accounts/manage service_account/accounts/unrestricted_access", 200),
        ("service_account/accounts/manage", 403),
    ] {
        let desk = Desk::open().await;
        let token = desk.service_account(scope).await;
        desk.clinic.post("/v1/service_account_authorizations", &token, &desk.asked("doc@example.com")).await;
        let granted = desk.exchange(&desk.answers().await[0]["code"]).await.json();
        let granted = text(&granted["access_token"]);
        let calendar = desk.clinic.primary(&granted).await;
        let body =
            json!({ "permissions": [{ "calendar_id": calendar, "permission_level": "unrestricted" }] });
        let reply = desk.clinic.post("/v1/permissions", &granted, &body).await;
        assert_eq!(reply.status, status);
        if status == 200 {
            assert_eq!(reply.json(), json!({ "permissions_request": { "accepted": true } }));
            let calendars = desk.clinic.calendars(&granted).await;
            let changed = calendars.iter().find(|known| known["calendar_id"] == *calendar).unwrap();
            assert_eq!(changed["permission_level"], "unrestricted");
        }
    }
}

#[tokio::test]
async fn resources_of_the_domain_are_listed_with_the_details_that_were_asked_for() {
    let desk = Desk::open().await;
    let token = desk.service_account(MANAGE).await;
    let plain = desk.clinic.get("/v1/resources", &token).await.json();
    assert_eq!(plain["resources"][0], json!({ "email": "room1@example.com", "name": "Consulting room 1" }));
    assert_eq!(plain["resources"].as_array().unwrap().len(), 2);
    let detailed = desk.clinic.get("/v1/resources?include_details=capacity%20location", &token).await.json();
    assert_eq!(detailed["resources"][0]["capacity"], 4);
    assert_eq!(detailed["resources"][0]["location"]["address"]["country"], "GB");
    let room = desk.clinic.control().resources(&desk.clinic.clinic_id())[0].sub.clone();
    let details = RoomDetails { capacity: Some(9), location: None };
    desk.clinic.control().set_room_details(&room, details).unwrap();
    let detailed = desk.clinic.get("/v1/resources?include_details=capacity+location", &token).await.json();
    assert_eq!(
        detailed["resources"][0],
        json!({ "email": "room1@example.com", "name": "Consulting room 1", "capacity": 9 })
    );
}

#[tokio::test]
async fn accessible_calendars_are_those_of_colleagues_and_rooms() {
    let desk = Desk::open().await;
    let token = desk.clinic.account("doc@example.com").await;
    let profile = text(&desk.clinic.calendars(&token).await[0]["profile_id"]);
    let path = format!("/v1/accessible_calendars?profile_id={profile}");
    let all = desk.clinic.get(&path, &token).await.json();
    let emails: Vec<_> =
        all["accessible_calendars"].as_array().unwrap().iter().map(|known| text(&known["email"])).collect();
    assert!(
        emails.contains(&"nurse@example.com".to_owned()) && emails.contains(&"room1@example.com".to_owned())
    );
    assert!(!emails.contains(&"doc@example.com".to_owned()));
    let rooms = desk.clinic.get(&format!("{path}&calendar_type=resource"), &token).await.json();
    assert_eq!(rooms["accessible_calendars"].as_array().unwrap().len(), 2);
    let reply = desk.clinic.get("/v1/accessible_calendars", &token).await;
    assert_eq!(reply.error_keys("profile_id"), ["errors.required"]);
    let reply = desk.clinic.get("/v1/accessible_calendars?profile_id=pro_x", &token).await;
    assert_eq!(reply.error_keys("profile_id"), ["errors.invalid"]);
}

#[tokio::test]
async fn an_account_is_given_access_to_a_calendar_that_is_shared_with_it() {
    let desk = Desk::open().await;
    let scopes = [("scope", "read_write"), ("delegated_scope", "free_busy"), ("state", "s")];
    let url = desk.clinic.authorize_url_with(&scopes);
    let redirect = desk.clinic.control().approve(&url, "doc@example.com").unwrap();
    let code = common::parameter(&redirect, "code").unwrap();
    let token = text(&desk.clinic.exchange(&code).await.json()["access_token"]);
    let profile = text(&desk.clinic.calendars(&token).await[0]["profile_id"]);
    let body = |email: &str, scope: &str| {
        json!({
            "profile_id": profile, "email": email, "scope": scope,
            "callback_url": desk.receiver.at("/granted?for=1"), "state": "s2",
        })
    };
    let post = async |body: Value| desk.clinic.post("/v1/delegated_authorizations", &token, &body).await;
    assert_eq!(post(body("room2@example.com", "free_busy")).await.status, 202);
    assert_eq!(post(body("sales@fabrikam.example", "free_busy")).await.status, 202);
    assert_eq!(post(body("room2@example.com", "read_only")).await.error_keys("scope"), ["errors.invalid"]);
    assert_eq!(post(json!({})).await.error_keys("email"), ["errors.required"]);
    let answers = desk.answers().await;
    assert_eq!(desk.exchange(&answers[0]["code"]).await.json()["scope"], "free_busy");
    assert_eq!((&answers[1]["error"], &answers[1]["state"]), (&json!("access_denied"), &json!("s2")));
}
