//! The authorization pages: what they show, whom they refuse, where the answer leads.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)] // tests

mod common;

use common::{ALL_SCOPES, Clinic, ORGANIZATION, REDIRECT, Reply, parameter, send, text};
use orgconnect_sandbox::{Mode, NewApplication};
use reqwest::Method;
use serde_json::json;

/// The value of the first attribute of this kind after a mark.
fn after<'a>(page: &'a str, mark: &str, attribute: &str) -> &'a str {
    let rest = page.split_once(mark).unwrap_or_else(|| panic!("no {mark} in {page}")).1;
    rest.split_once(&format!("{attribute}=\"")).unwrap().1.split_once('"').unwrap().0
}

async fn answer(clinic: &Clinic, page: &Reply, decision: &str) -> Reply {
    let form = [
        ("form_token", after(&page.text, "name=\"form_token\"", "value")),
        ("approver", after(&page.text, "<option", "value")),
        ("decision", decision),
    ];
    send(clinic.request(Method::POST, "/oauth/authorize", "").form(&form)).await
}

#[tokio::test]
async fn the_page_says_who_asks_for_what_and_approving_leads_back_with_a_code() {
    let clinic = Clinic::open().await;
    let page = clinic.get(&clinic.authorize_url(ORGANIZATION), "").await;
    assert_eq!(page.status, 200);
    for part in
        ["Rota asks for access", "unverified", "Northwind Clinic", "owner@example.com", "Fabrikam", "Deny"]
    {
        assert!(page.text.contains(part), "{part}");
    }
    assert!(!page.text.contains("nurse@example.com"), "only owners can connect an organization");
    assert!(!page.text.contains("<script"));
    assert_eq!(page.header("x-frame-options"), Some("DENY"));

    let reply = answer(&clinic, &page, "approve").await;
    assert_eq!(reply.status, 303);
    let location = reply.header("location").unwrap();
    assert!(location.starts_with(REDIRECT));
    assert_eq!(parameter(location, "state").as_deref(), Some("st4te"));
    let code = parameter(location, "code").unwrap();
    assert_eq!(code.len(), 32);
    assert_eq!(clinic.exchange(&code).await.status, 200);
}

#[tokio::test]
async fn denying_leads_back_with_access_denied_and_the_state() {
    let clinic = Clinic::open().await;
    let page = clinic.get(&clinic.authorize_url(ORGANIZATION), "").await;
    let reply = answer(&clinic, &page, "deny").await;
    assert_eq!(reply.header("location").unwrap(), format!("{REDIRECT}?error=access_denied&state=st4te"));
}

#[tokio::test]
async fn a_page_can_be_answered_once() {
    let clinic = Clinic::open().await;
    let page = clinic.get(&clinic.authorize_url(ORGANIZATION), "").await;
    assert_eq!(answer(&clinic, &page, "deny").await.status, 303);
    let again = answer(&clinic, &page, "approve").await;
    assert_eq!(again.status, 400);
    assert!(again.header("location").is_none());
}

#[tokio::test]
async fn a_page_that_waited_too_long_is_not_answered() {
    let clinic = Clinic::open().await;
    let page = clinic.get(&clinic.authorize_url(ORGANIZATION), "").await;
    clinic.control().advance(std::time::Duration::from_secs(601));
    assert_eq!(answer(&clinic, &page, "approve").await.status, 400);
}

#[tokio::test]
async fn an_approver_who_was_not_offered_is_refused() {
    let clinic = Clinic::open().await;
    let page = clinic.get(&clinic.authorize_url(ORGANIZATION), "").await;
    let nurse = format!("{}:{}", clinic.clinic_id(), clinic.member("nurse@example.com"));
    let form_token = after(&page.text, "name=\"form_token\"", "value");
    let form = [("form_token", form_token), ("approver", &nurse), ("decision", "approve")];
    let reply = send(clinic.request(Method::POST, "/oauth/authorize", "").form(&form)).await;
    assert_eq!(reply.status, 400);
    assert_eq!(clinic.control().connections(), []);
}

#[tokio::test]
async fn an_individual_is_told_each_scope_in_words() {
    let clinic = Clinic::open().await;
    let page = clinic.get(&clinic.authorize_url("read_events create_event"), "").await;
    assert!(page.text.contains("See your events"));
    assert!(page.text.contains("Create and change its own events"));
    assert!(page.text.contains("someone@elsewhere.example"), "everybody has an account to connect");
    let reply = answer(&clinic, &page, "approve").await;
    let tokens = clinic.exchange(&parameter(reply.header("location").unwrap(), "code").unwrap()).await.json();
    assert_eq!(tokens["scope"], "read_events create_event");
    assert_eq!(tokens["account_id"], tokens["sub"]);
    assert_eq!(tokens["linking_profile"]["provider_service"], "gsuite");
}

#[tokio::test]
async fn enterprise_connect_has_its_own_page_and_needs_a_delegated_scope() {
    let clinic = Clinic::open().await;
    let scope = "service_account/accounts/manage";
    let page = clinic
        .get(&clinic.authorize_url_with(&[("scope", scope), ("delegated_scope", "read_write")]), "")
        .await;
    assert_eq!(page.status, 200, "{}", page.text);
    assert!(page.text.contains("Domain administrator"));
    assert!(page.text.contains("Connect the calendars of the people in your domain"));
    let without = clinic.get(&clinic.authorize_url_with(&[("scope", scope)]), "").await;
    assert_eq!(parameter(without.header("location").unwrap(), "error").as_deref(), Some("invalid_request"));
}

#[tokio::test]
async fn an_untrusted_redirect_uri_gets_an_error_page_and_no_redirect() {
    let mut clinic = Clinic::open().await;
    clinic.application = clinic.production("https://*.example.com/callback");
    let ask = async |uri: &str| clinic.get(&clinic.authorize_url_with(&[("redirect_uri", uri)]), "").await;
    let verified = ask("https://rota.example.com/callback").await;
    assert_eq!(verified.status, 200);
    assert!(!verified.text.contains("unverified"));
    for uri in
        ["https://rota.example.com/other", "https://evil.example/callback", "myapp://callback", "x", ""]
    {
        let reply = ask(uri).await;
        assert_eq!(reply.status, 400, "{uri}");
        assert!(reply.header("location").is_none());
        assert!(reply.text.contains("redirect_uri"), "{}", reply.text);
    }
}

#[tokio::test]
async fn a_redirect_uri_that_was_only_submitted_is_not_verified() {
    let mut clinic = Clinic::open().await;
    clinic.application = clinic
        .control()
        .create_application(NewApplication { mode: Mode::Production, ..NewApplication::default() });
    let uris = ["https://a.example/callback".to_owned()];
    clinic.control().submit_redirect_uris(&clinic.application.client_id, &uris).unwrap();
    let url = clinic.authorize_url_with(&[("redirect_uri", &uris[0])]);
    assert_eq!(clinic.get(&url, "").await.status, 400);
    clinic.control().verify_redirect_uris(&clinic.application.client_id).unwrap();
    assert_eq!(clinic.get(&url, "").await.status, 200);
}

#[tokio::test]
async fn an_unknown_client_and_an_internal_application_get_an_error_page() {
    let clinic = Clinic::open().await;
    let internal = clinic.internal();
    for client_id in ["unknown", "", internal.client_id.as_str()] {
        let reply = clinic.get(&clinic.authorize_url_with(&[("client_id", client_id)]), "").await;
        assert_eq!(reply.status, 400);
        assert!(reply.header("location").is_none());
    }
}

#[tokio::test]
async fn wrong_parameters_are_told_to_the_application() {
    let clinic = Clinic::open().await;
    for (parameters, error) in [
        ([("response_type", "token"), ("scope", ORGANIZATION)], "unsupported_response_type"),
        ([("response_type", ""), ("scope", ORGANIZATION)], "invalid_request"),
        ([("response_type", "code"), ("scope", "")], "invalid_request"),
        ([("response_type", "code"), ("scope", "fly")], "invalid_scope"),
        (
            [("response_type", "code"), ("scope", "organizational_unit_scheduler read_events")],
            "invalid_scope",
        ),
    ] {
        let mut all = parameters.to_vec();
        all.push(("state", "a b&c"));
        let reply = clinic.get(&clinic.authorize_url_with(&all), "").await;
        let location = reply.header("location").unwrap();
        assert_eq!(parameter(location, "error").as_deref(), Some(error));
        assert_eq!(parameter(location, "state").as_deref(), Some("a b&c"));
    }
}

#[tokio::test]
async fn a_redirect_uri_keeps_its_own_query() {
    let clinic = Clinic::open().await;
    let url = clinic.authorize_url_with(&[("redirect_uri", "http://127.0.0.1:9/callback?tenant=1")]);
    let redirect = clinic.control().deny(&url).unwrap();
    assert_eq!(redirect, "http://127.0.0.1:9/callback?tenant=1&error=access_denied");
}

#[tokio::test]
async fn auto_approval_redirects_at_once() {
    let clinic = Clinic::open().await;
    clinic.control().update_settings(|settings| settings.auto_approve = true);
    let reply = clinic.get(&clinic.authorize_url(ORGANIZATION), "").await;
    assert_eq!(reply.status, 303);
    let code = parameter(reply.header("location").unwrap(), "code").unwrap();
    assert_eq!(clinic.exchange(&code).await.json()["scope"], ORGANIZATION);
}

#[tokio::test]
async fn names_are_escaped() {
    let mut clinic = Clinic::open().await;
    let name = "<script>alert(1)</script>".to_owned();
    clinic.application =
        clinic.control().create_application(NewApplication { name, ..NewApplication::default() });
    let page = clinic.get(&clinic.authorize_url(ORGANIZATION), "").await;
    assert!(!page.text.contains("<script>") && page.text.contains("&lt;script&gt;"));
}

#[tokio::test]
async fn a_link_token_ties_an_authorization_to_its_account_once() {
    let clinic = Clinic::open().await;
    let nurse = clinic.tokens(ALL_SCOPES, "nurse@example.com").await;
    let link = clinic.post("/v1/link_tokens", &text(&nurse["access_token"]), &json!({})).await.json();
    let url = clinic.authorize_url_with(&[
        ("scope", "read_events"),
        ("link_token", link["link_token"].as_str().unwrap()),
    ]);
    assert!(clinic.control().approve(&url, "doc@example.com").is_err());
    let redirect = clinic.control().approve(&url, "nurse@example.com").unwrap();
    let tokens = clinic.exchange(&parameter(&redirect, "code").unwrap()).await.json();
    assert_eq!(tokens["sub"], nurse["sub"]);
    let again = clinic.control().approve(&url, "nurse@example.com").unwrap();
    assert_eq!(parameter(&again, "error").as_deref(), Some("invalid_request"));
}

#[tokio::test]
async fn the_control_refuses_an_approver_the_page_would_not_offer() {
    let clinic = Clinic::open().await;
    let error = clinic.control().approve(&clinic.authorize_url(ORGANIZATION), "doc@example.com").unwrap_err();
    assert!(error.to_string().contains("doc@example.com"), "{error}");
    assert!(clinic.control().approve("not a url", "owner@example.com").is_err());
}
