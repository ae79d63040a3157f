//! The dashboard as a developer uses it: an application from its creation to its first code, connections, the log.

use orgconnect_sandbox::{ConnectionStatus, Mode};

use super::chromium::{Browser, in_browser, without_javascript};
use super::common::{Clinic, ORGANIZATION, parameter, text};

async fn dashboard(browser: &Browser, clinic: &Clinic, section: &str) {
    browser.open(&clinic.url(&format!("/dashboard/{section}"))).await;
}

#[tokio::test]
async fn an_application_made_on_the_dashboard_is_approved_and_its_code_exchanged() {
    in_browser(async |browser| {
        let mut clinic = Clinic::open().await;
        browser.open(&clinic.url("/")).await;
        assert_eq!(browser.url().await.path(), "/dashboard");
        browser.click("Applications").await;
        browser.fill("#name", "Ward planner").await;
        browser.fill("#url", "https://ward.example/").await;
        browser.click("Create application").await;

        assert_eq!(browser.text("h1").await, "Ward planner");
        assert_eq!(browser.text("[role=status]").await, "Ward planner was created.");
        let made = clinic.control().applications().pop().unwrap();
        assert_eq!(browser.text("#client-id").await, made.client_id);
        assert!(!browser.page_text().await.contains(&made.client_secret), "the secret is masked at first");
        browser.unfold("Show").await;
        assert!(browser.page_text().await.contains(&made.client_secret));

        browser.click("Open the authorization page").await;
        assert_eq!(browser.text("h1").await, "Ward planner asks for access");
        browser.click("Approve").await;
        assert_eq!(browser.text("h1").await, "Approved");
        let here = browser.url().await;
        let code = parameter(here.as_str(), "code").unwrap();
        assert!(browser.page_text().await.contains(&code));

        clinic.application = made;
        let redirect_uri = here.as_str().split_once('?').unwrap().0;
        let grant = serde_json::json!(
            { "grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri }
        );
        assert_eq!(clinic.token(grant).await.json()["scope"], ORGANIZATION);
    })
    .await;
}

#[tokio::test]
async fn redirect_urls_are_submitted_and_approved() {
    in_browser(async |browser| {
        let clinic = Clinic::open().await;
        let page = format!("applications/{}", clinic.application.client_id);
        dashboard(&browser, &clinic, &page).await;
        browser.fill("#redirect_uri", "myapp://callback").await;
        browser.click("Submit").await;
        assert!(browser.text("[role=alert]").await.contains("is no http or https address"));
        assert_eq!(
            browser.find("#redirect_uri").await.prop("value").await.unwrap().as_deref(),
            Some("myapp://callback"),
            "what was entered is still there"
        );

        browser.fill("#redirect_uri", "https://*.rota.example/callback").await;
        browser.click("Submit").await;
        assert!(browser.page_text().await.contains("submitted"));
        browser.click("Approve all and move to production").await;
        assert!(browser.page_text().await.contains("verified"));
        let application = clinic.control().applications().remove(0);
        assert_eq!(application.mode, Mode::Production);
        assert!(application.redirect_uris[0].verified);
    })
    .await;
}

#[tokio::test]
async fn an_expired_connection_is_refused_and_the_log_shows_it() {
    in_browser(async |browser| {
        let clinic = Clinic::open().await;
        let tokens = clinic.tokens(ORGANIZATION, "owner@example.com").await;
        let (token, doc) = (text(&tokens["access_token"]), clinic.member("doc@example.com"));
        assert_eq!(clinic.get_as("/v1/userinfo", &token, &doc).await.status, 200);

        dashboard(&browser, &clinic, "connections").await;
        let page = browser.page_text().await;
        assert!(page.contains("Northwind Clinic") && page.contains("active"));
        assert!(!page.contains(&token) && !page.contains(tokens["refresh_token"].as_str().unwrap()));
        browser.click("Expire access token").await;
        assert!(browser.text("[role=status]").await.starts_with("1 access token of opu_"));
        assert_eq!(browser.text(".badge").await, "access token expired");
        assert_eq!(clinic.get_as("/v1/events", &token, &doc).await.status, 401);

        browser.click("Requests").await;
        browser.select("#status", "4xx").await;
        browser.click("Filter").await;
        let rows = browser.find_all(".log tbody tr").await;
        assert_eq!(rows.len(), 1);
        let row = rows[0].text().await.unwrap();
        for part in ["GET", "/v1/events", "401", "impersonated", "doc@example.com"] {
            assert!(row.contains(part), "{part} is not in {row}");
        }
        browser.click("GET /v1/events").await;
        let request = browser.page_text().await;
        assert!(request.contains("authorization") && request.contains("Bearer "), "{request}");
        assert!(request.contains("cronofy-impersonate") && request.contains(&doc));
        assert!(!request.contains(&token), "the token is masked");
    })
    .await;
}

#[tokio::test]
async fn a_revoked_connection_says_so() {
    in_browser(async |browser| {
        let clinic = Clinic::open().await;
        clinic.organization().await;
        dashboard(&browser, &clinic, "connections").await;
        browser.click("Revoke").await;
        assert_eq!(browser.text(".badge").await, "revoked");
        assert_eq!(clinic.control().connections()[0].status, ConnectionStatus::Revoked);
    })
    .await;
}

#[tokio::test]
async fn the_log_is_live_without_javascript() {
    without_javascript(async |browser| {
        let clinic = Clinic::open().await;
        dashboard(&browser, &clinic, "requests").await;
        assert!(browser.page_text().await.contains("Nothing has called yet."));
        browser.click("Watch live").await;
        assert_eq!(clinic.get("/v1/calendars", "unknown").await.status, 401);
        assert!(browser.text(".log tbody tr").await.contains("/v1/calendars"));
        browser.click("Pause").await;
        assert!(browser.find_all("meta[http-equiv=refresh]").await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_member_joins_the_clock_moves_a_setting_changes_and_a_fault_applies() {
    in_browser(async |browser| {
        let clinic = Clinic::open().await;
        let token = clinic.organization().await;
        dashboard(&browser, &clinic, "organizations").await;
        browser.click("Northwind Clinic").await;
        browser.fill("#email", "new@example.com").await;
        browser.fill("#add ~ form #name", "Nina New").await;
        browser.click("Add member").await;
        assert!(browser.page_text().await.contains("new@example.com joined."));
        assert!(!clinic.member("new@example.com").is_empty());

        let before = clinic.control().now();
        browser.click("Clock").await;
        browser.fill("#amount", "2").await;
        browser.click("Advance the clock").await;
        assert_eq!(browser.text("[role=status]").await, "The clock was advanced by 2 h.");
        assert!(clinic.control().now() - before >= orgconnect_sandbox::SignedDuration::from_hours(2));

        browser.click("Settings").await;
        browser.select("#refresh_mode", "strict").await;
        browser.fill("#page_size", "0").await;
        browser.click("Save settings").await;
        assert_eq!(browser.text("[role=alert]").await, "The setting page_size must be at least 1.");
        browser.select("#refresh_mode", "strict").await;
        browser.click("Save settings").await;
        assert_eq!(clinic.control().settings().refresh_mode, orgconnect_sandbox::RefreshMode::Strict);

        browser.click("Faults").await;
        browser.click("503 from the API").await;
        assert!(browser.page_text().await.contains("replies 503"));
        assert_eq!(clinic.get("/v1/userinfo", &token).await.status, 503);
        browser.click("Clear all").await;
        assert_eq!(clinic.control().faults(), []);
    })
    .await;
}
