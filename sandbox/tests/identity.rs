//! Accounts, profiles, calendars, and the members and resources of an organization.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)] // tests

mod common;

use common::{ALL_SCOPES, Clinic, text};
use orgconnect_sandbox::{NewMember, PermissionLevel};
use serde_json::{Value, json};

#[tokio::test]
async fn userinfo_shows_profiles_with_their_calendars() {
    let clinic = Clinic::open().await;
    let token = clinic.account("doc@example.com").await;
    let info = clinic.get("/v1/userinfo", &token).await.json();
    assert_eq!((&info["cronofy.type"], &info["zoneinfo"]), (&json!("account"), &json!("Europe/London")));
    let data = &info["cronofy.data"];
    assert_eq!(data["authorization"], json!({ "scope": ALL_SCOPES, "status": "active" }));
    let profiles = data["profiles"].as_array().unwrap();
    assert_eq!(profiles.len(), 2);
    assert_eq!(profiles[0]["profile_calendars"].as_array().unwrap().len(), 2);
    assert_eq!(profiles[0]["profile_connected"], true);
    assert_eq!(profiles[0].get("profile_relink_url"), None);
    assert_eq!(profiles[0]["profile_calendars"][0]["permission_level"], "sandbox");
    assert_eq!(data["conferencing_profiles"][0]["provider_name"], "zoom");
}

#[tokio::test]
async fn account_is_the_older_sibling() {
    let clinic = Clinic::open().await;
    let tokens = clinic.tokens("read_events", "doc@example.com").await;
    let account = clinic.get("/v1/account", &text(&tokens["access_token"])).await.json();
    assert_eq!(
        account,
        json!({ "account": {
            "account_id": tokens["sub"], "email": "doc@example.com", "name": "Dorothy Clarke",
            "default_tzid": "Europe/London", "scope": "read_events",
        } })
    );
}

#[tokio::test]
async fn a_revoked_profile_is_gone_with_its_calendars_and_the_authorization_stays() {
    let clinic = Clinic::open().await;
    let token = clinic.account("doc@example.com").await;
    let profiles = clinic.get("/v1/profiles", &token).await.json()["profiles"].clone();
    assert_eq!(profiles.as_array().unwrap().len(), 2);
    let path = format!("/v1/profiles/{}/revoke", text(&profiles[1]["profile_id"]));
    let nurse = clinic.account("nurse@example.com").await;
    assert_eq!(clinic.post(&path, &nurse, &json!({})).await.status, 404, "somebody else's profile");
    let reply = clinic.post(&path, &token, &json!({})).await;
    assert_eq!((reply.status.as_u16(), reply.text.as_str()), (202, ""));
    assert_eq!(clinic.get("/v1/profiles", &token).await.json()["profiles"].as_array().unwrap().len(), 1);
    assert_eq!(clinic.calendars(&token).await.len(), 2);
    assert_eq!(clinic.post(&path, &token, &json!({})).await.status, 404);
}

#[tokio::test]
async fn calendars_carry_their_flags_and_ids_that_need_encoding() {
    let clinic = Clinic::open().await;
    let token = clinic.account("doc@example.com").await;
    let reply = clinic.get("/v1/calendars", &token).await.json();
    assert!(text(&reply["sub"]).starts_with("acc_"));
    let calendars = reply["calendars"].as_array().unwrap();
    assert_eq!(calendars.len(), 4);
    assert!(calendars.iter().any(|calendar| text(&calendar["calendar_id"]).contains('@')));
    assert!(calendars.iter().any(|calendar| calendar["calendar_readonly"] == true));
    for name in [
        "provider_name",
        "profile_id",
        "profile_name",
        "calendar_name",
        "calendar_deleted",
        "calendar_primary",
        "calendar_integrated_conferencing_available",
        "calendar_attachments_available",
        "permission_level",
    ] {
        assert!(calendars[0].get(name).is_some(), "{name}");
    }
}

#[tokio::test]
async fn a_calendar_is_created_once_under_one_name() {
    let clinic = Clinic::open().await;
    let token = clinic.account("nurse@example.com").await;
    let profile = clinic.get("/v1/profiles", &token).await.json()["profiles"][0]["profile_id"].clone();
    let body = json!({ "profile_id": profile, "name": "Rota", "color": "#49BED8" });
    let created = clinic.post("/v1/calendars", &token, &body).await;
    assert_eq!(created.status, 200);
    let created = created.json()["calendar"].clone();
    assert_eq!(created.as_object().unwrap().len(), 7);
    assert!(
        clinic
            .calendars(&token)
            .await
            .iter()
            .any(|calendar| calendar["calendar_id"] == created["calendar_id"])
    );
    let again = clinic.post("/v1/calendars", &token, &body).await;
    assert_eq!(again.error_keys("name"), ["errors.duplicate_calendar_name"]);
    let wrong = clinic.post("/v1/calendars", &token, &json!({ "color": "red" })).await;
    assert_eq!(wrong.error_keys("profile_id"), ["errors.required"]);
    assert_eq!(wrong.error_keys("name"), ["errors.required"]);
    assert_eq!(wrong.error_keys("color"), ["errors.invalid"]);
}

#[tokio::test]
async fn permissions_are_granted_for_one_application_and_calendar() {
    let clinic = Clinic::open().await;
    let token = clinic.account("nurse@example.com").await;
    let calendar = clinic.primary(&token).await;
    clinic
        .control()
        .set_permission_level(&clinic.application.client_id, &calendar, PermissionLevel::Unrestricted)
        .unwrap();
    let levels: Vec<_> =
        clinic.calendars(&token).await.iter().map(|calendar| text(&calendar["permission_level"])).collect();
    assert_eq!(levels, ["unrestricted", "sandbox"]);
    assert!(clinic.control().set_permission_level("unknown", &calendar, PermissionLevel::Sandbox).is_err());
}

#[tokio::test]
async fn members_and_resources_are_those_of_the_organization() {
    let clinic = Clinic::open().await;
    let token = clinic.organization().await;
    let reply = clinic.get("/v1/organizational_unit_members", &token).await.json();
    assert_eq!(reply["pages"], json!({ "current": 1, "total": 1 }));
    let members = reply["organizational_unit_members"].as_array().unwrap();
    let emails: Vec<_> = members.iter().map(|member| text(&member["email"])).collect();
    assert_eq!(
        emails,
        [
            "owner@example.com",
            "doc@example.com",
            "nurse@example.com",
            "reception@example.com",
            "developer@example.com"
        ]
    );
    assert_eq!(members[0]["roles"], json!(["owner", "member"]));
    assert_eq!(members[0]["scheduler"], json!({ "enabled": true, "public_url": null }));
    assert!(text(&members[1]["scheduler"]["public_url"]).starts_with("https://"));
    let reply = clinic.get("/v1/organizational_unit_resources", &token).await.json();
    let resources = reply["organizational_unit_resources"].as_array().unwrap();
    assert_eq!(resources.len(), 2);
    assert!(text(&resources[0]["sub"]).starts_with("res_"));
    assert_eq!(resources[0]["scheduler"], json!({ "enabled": true }));
}

#[tokio::test]
async fn many_members_come_in_pages_whose_addresses_only_the_reader_can_use() {
    let clinic = Clinic::open().await;
    let token = clinic.organization().await;
    clinic.control().add_members(&clinic.clinic_id(), 230).unwrap();
    let mut path = "/v1/organizational_unit_members".to_owned();
    let (mut sizes, mut seen) = (Vec::new(), Vec::new());
    loop {
        let reply = clinic.get(&path, &token).await.json();
        let members = reply["organizational_unit_members"].as_array().unwrap();
        sizes.push((reply["pages"]["current"].clone(), reply["pages"]["total"].clone(), members.len()));
        seen.extend(members.iter().map(|member| text(&member["sub"])));
        match reply["pages"].get("next_page").and_then(Value::as_str) {
            Some(next) => path = next.to_owned(),
            None => break,
        }
        assert!(path.starts_with(clinic.sandbox.url()));
        assert_eq!(clinic.get(&path, &clinic.internal().client_secret).await.status, 404);
    }
    assert_eq!(sizes, [(json!(1), json!(3), 100), (json!(2), json!(3), 100), (json!(3), json!(3), 35)]);
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 235);
    clinic.control().advance(std::time::Duration::from_secs(3601));
    assert_eq!(clinic.get(&path, &clinic.organization().await).await.status, 404, "a page's address expires");
}

#[tokio::test]
async fn a_new_member_can_be_acted_for_at_once() {
    let clinic = Clinic::open().await;
    let token = clinic.organization().await;
    let new =
        NewMember { email: "locum@example.com".into(), name: "Lou Locum".into(), ..NewMember::default() };
    let member = clinic.control().add_member(&clinic.clinic_id(), new).unwrap();
    assert_eq!(
        clinic.get_as("/v1/calendars", &token, &member.sub).await.json()["calendars"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    assert!(clinic.control().add_member("org_unknown", NewMember::default()).is_err());
}

#[tokio::test]
async fn a_disconnected_profile_says_where_to_restore_it_and_cannot_be_written_to() {
    let clinic = Clinic::open().await;
    let token = clinic.account("nurse@example.com").await;
    let calendar = clinic.primary(&token).await;
    let profile = text(&clinic.get("/v1/profiles", &token).await.json()["profiles"][0]["profile_id"]);
    let path = format!("/sandbox/profiles/{profile}");
    assert_eq!(clinic.post(&path, "", &json!({ "connected": false })).await.status, 204);
    let shown = clinic.get("/v1/profiles", &token).await.json()["profiles"][0].clone();
    assert_eq!(shown["profile_connected"], false);
    assert!(text(&shown["profile_relink_url"]).contains(&profile));
    let new = json!({ "profile_id": profile, "name": "Rota" });
    assert_eq!(clinic.post("/v1/calendars", &token, &new).await.status, 423);
    let event = json!({ "event_id": "1", "summary": "x", "start": "2030-01-01", "end": "2030-01-02" });
    let events = format!("/v1/calendars/{calendar}/events");
    assert_eq!(clinic.post(&events, &token, &event).await.status, 423);
    clinic.control().set_profile_connected(&profile, true).unwrap();
    assert_eq!(clinic.post(&events, &token, &event).await.status, 202);
    assert!(clinic.control().set_profile_connected("pro_unknown", true).is_err());
}
