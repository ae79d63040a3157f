//! Approving and denying as a person does, with the mouse, with the keyboard alone, and without JavaScript.

use fantoccini::key::Key;
use orgconnect_sandbox::Application;
use serde_json::json;

use super::chromium::{in_browser, without_javascript};
use super::common::{Clinic, ORGANIZATION, parameter};
use super::listener::Listener;

fn authorization_url(clinic: &Clinic, listener: &Listener) -> String {
    let redirect_uri = listener.redirect_uri();
    clinic.authorize_url_with(&[("redirect_uri", &redirect_uri), ("state", "st4te")])
}

/// The connection's `sub`, once the code of a callback was exchanged.
async fn exchanged_sub(clinic: &Clinic, listener: &Listener, callback: &str) -> String {
    let code = parameter(callback, "code").unwrap();
    let grant =
        json!({ "grant_type": "authorization_code", "code": code, "redirect_uri": listener.redirect_uri() });
    let tokens = clinic.token(grant).await;
    assert_eq!(tokens.status, 200, "{}", tokens.text);
    assert_eq!(tokens.json()["scope"], ORGANIZATION);
    tokens.json()["sub"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn clicking_approve_leads_back_with_a_code_and_the_state() {
    in_browser(async |browser| {
        let (clinic, mut listener) = (Clinic::open().await, Listener::open().await);
        browser.open(&authorization_url(&clinic, &listener)).await;
        let page = browser.page_text().await;
        for part in ["Rota asks for access", "unverified", "See the members", "Northwind Clinic", "127.0.0.1"]
        {
            assert!(page.contains(part), "{part} is not in {page}");
        }

        browser.click("Approve").await;
        let callback = listener.callback().await;
        assert_eq!(parameter(&callback, "state").as_deref(), Some("st4te"));
        assert_eq!(browser.text("h1").await, "Back at the application");
        assert_eq!(browser.url().await.as_str(), callback);
        exchanged_sub(&clinic, &listener, &callback).await;
    })
    .await;
}

#[tokio::test]
async fn clicking_deny_leads_back_with_access_denied_and_no_code() {
    in_browser(async |browser| {
        let (clinic, mut listener) = (Clinic::open().await, Listener::open().await);
        browser.open(&authorization_url(&clinic, &listener)).await;
        browser.click("Deny").await;
        let expected = format!("{}?error=access_denied&state=st4te", listener.redirect_uri());
        assert_eq!(listener.callback().await, expected);
    })
    .await;
}

#[tokio::test]
async fn an_unverified_redirect_uri_in_production_shows_an_error_page_and_leads_nowhere() {
    in_browser(async |browser| {
        let (mut clinic, listener) = (Clinic::open().await, Listener::open().await);
        clinic.application = clinic.production("https://live.example/callback");
        let url = authorization_url(&clinic, &listener);
        browser.open(&url).await;
        assert_eq!(browser.text("h1").await, "This application cannot be connected");
        assert!(browser.page_text().await.contains("verified redirect URIs"));
        assert_eq!(browser.url().await.as_str(), url);
        assert!(browser.find_all("form, button").await.is_empty());
        assert!(!listener.has_callback());

        browser.click("Open its page").await;
        let Application { client_id, .. } = &clinic.application;
        assert_eq!(browser.url().await.path(), format!("/dashboard/applications/{client_id}"));
    })
    .await;
}

#[tokio::test]
async fn the_keyboard_alone_chooses_an_organization_and_approves() {
    in_browser(async |browser| {
        let (clinic, mut listener) = (Clinic::open().await, Listener::open().await);
        browser.open(&authorization_url(&clinic, &listener)).await;

        browser.press(Key::Tab).await;
        assert_eq!(browser.focused().await.attr("name").await.unwrap().as_deref(), Some("approver"));
        browser.press(Key::Down).await;
        browser.press(Key::Tab).await;
        let approve = browser.focused().await;
        assert_eq!(approve.text().await.unwrap(), "Approve");
        assert_ne!(approve.css_value("outline-style").await.unwrap(), "none", "the focus is visible");
        browser.press(Key::Enter).await;

        let callback = listener.callback().await;
        let fabrikam = clinic.control().organizations()[1].organization_id.clone();
        let sub = exchanged_sub(&clinic, &listener, &callback).await;
        assert_eq!(sub, fabrikam.replace("org_", "opu_"));
    })
    .await;
}

#[tokio::test]
async fn approving_needs_no_javascript() {
    without_javascript(async |browser| {
        let (clinic, mut listener) = (Clinic::open().await, Listener::open().await);
        browser.open(&authorization_url(&clinic, &listener)).await;
        browser.click("Approve").await;
        let callback = listener.callback().await;
        assert_eq!(browser.text("h1").await, "Back at the application");
        assert_eq!(browser.title().await, "scripts do not run");
        exchanged_sub(&clinic, &listener, &callback).await;
    })
    .await;
}
