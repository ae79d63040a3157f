//! The dashboard over plain HTTP: what its pages carry, whom its forms refuse, and that a message is shown once.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)] // tests

mod common;

use common::{Clinic, ORGANIZATION, Reply, send, text};
use orgconnect_sandbox::{ConnectionStatus, RateLimit, RefreshMode, Sandbox};
use reqwest::Method;

/// A page as a browser reads it, with its slashes unescaped.
async fn read(clinic: &Clinic, path: &str) -> String {
    clinic.get(path, "").await.text.replace("&#x2f;", "/").replace("&#x27;", "'").replace("&quot;", "\"")
}

async fn submit(clinic: &Clinic, path: &str, form: &[(&str, &str)]) -> Reply {
    send(clinic.request(Method::POST, path, "").form(form)).await
}

/// Submits a form and follows it to the page it leads to.
async fn follow(clinic: &Clinic, path: &str, form: &[(&str, &str)]) -> Reply {
    let reply = submit(clinic, path, form).await;
    assert_eq!(reply.status, 303, "{path}: {}", reply.text);
    let page = clinic.get(reply.header("location").unwrap(), "").await;
    assert_eq!(page.status, 200, "{}", page.text);
    page
}

#[tokio::test]
async fn the_root_leads_to_the_dashboard_which_explains_the_first_steps() {
    let clinic = Clinic::open().await;
    assert_eq!(clinic.get("/", "").await.header("location"), Some("/dashboard"));
    let page = read(&clinic, "/dashboard").await;
    assert!(page.contains("This server behaves like Cronofy"));
    let create = format!("curl -s {}/sandbox/applications -d '{{\"name\":\"Rota\"}}'", clinic.sandbox.url());
    assert!(page.contains(&create));
    assert!(page.contains("Connect Rota"));
    assert_eq!(clinic.control().counters().requests, 0, "the dashboard is not counted");
}

#[tokio::test]
async fn pages_carry_a_strict_policy_and_only_the_authorization_page_may_lead_away() {
    let clinic = Clinic::open().await;
    let policy = |reply: &Reply| reply.header("content-security-policy").unwrap().to_owned();
    let dashboard = clinic.get("/dashboard", "").await;
    assert!(policy(&dashboard).starts_with("default-src 'none'"));
    assert!(policy(&dashboard).contains("form-action 'self'"));
    assert!(policy(&clinic.get("/dashboard/applications/unknown", "").await).contains("form-action 'self'"));
    let authorize = policy(&clinic.get(&clinic.authorize_url(ORGANIZATION), "").await);
    assert!(
        !authorize.contains("form-action")
            && !authorize.contains("unsafe")
            && !authorize.contains("script-src")
    );
    assert_eq!(dashboard.header("cache-control"), Some("no-store"));
}

#[tokio::test]
async fn the_stylesheet_is_kept_for_good_under_the_name_of_its_content() {
    let clinic = Clinic::open().await;
    let page = read(&clinic, "/dashboard").await;
    let href = page.split_once("rel=\"stylesheet\" href=\"").unwrap().1.split_once('"').unwrap().0;
    let style = clinic.get(href, "").await;
    assert_eq!(style.header("content-type"), Some("text/css; charset=utf-8"));
    assert!(style.header("cache-control").unwrap().contains("immutable"));
    assert_eq!(clinic.get("/assets/style-000000000000.css", "").await.status, 404);
}

#[tokio::test]
async fn forms_of_other_sites_change_nothing() {
    let clinic = Clinic::open().await;
    for (name, value) in
        [("Origin", "https://evil.example"), ("Origin", "null"), ("Sec-Fetch-Site", "cross-site")]
    {
        let request = clinic.request(Method::POST, "/dashboard/applications/create", "").header(name, value);
        assert_eq!(send(request.form(&[("name", "Planted")])).await.status, 403, "{name}: {value}");
    }
    assert_eq!(clinic.control().applications().len(), 1);
}

#[tokio::test]
async fn a_message_is_shown_once() {
    let clinic = Clinic::open().await;
    let reply = submit(&clinic, "/dashboard/organizations/create", &[("name", "Contoso")]).await;
    let location = reply.header("location").unwrap();
    assert!(clinic.get(location, "").await.text.contains("Contoso was created."));
    assert!(!clinic.get(location, "").await.text.contains("Contoso was created."));
}

#[tokio::test]
async fn a_refused_form_says_why_keeps_what_was_entered_and_changes_nothing() {
    let clinic = Clinic::open().await;
    let organization = format!("/dashboard/organizations/{}", clinic.clinic_id());
    let application = format!("/dashboard/applications/{}", clinic.application.client_id);
    for (path, form, why) in [
        ("/dashboard/applications/create", &[("url", "https://kept.example/")][..], "The name is missing."),
        (
            "/dashboard/applications/create",
            &[("name", "Kept"), ("url", "javascript:alert(1)")],
            "homepage must be",
        ),
        (
            "/dashboard/applications/create",
            &[("name", "Kept"), ("internal_to", "org_x")],
            "no such organization",
        ),
        (&format!("{application}/submit"), &[("redirect_uri", "kept://x")], "is no http or https address"),
        (
            &format!("{organization}/members"),
            &[("email", "kept@example.com"), ("name", "N"), ("zoneinfo", "Mars/Base")],
            "no IANA time zone",
        ),
        (
            &format!("{organization}/members"),
            &[("email", "kept@example.com"), ("name", "N"), ("zoneinfo", "UTC"), ("roles[]", "king")],
            "is no role",
        ),
        (&format!("{organization}/bulk"), &[("count", "5001")], "from 1 to 5000"),
        (
            &format!("{organization}/resources"),
            &[("resource_email", "kept"), ("resource_name", "N")],
            "no e-mail address",
        ),
        ("/dashboard/clock/advance", &[("amount", "-1"), ("unit", "days")], "not a number in its range"),
        ("/dashboard/clock/offset", &[("offset_s", "999999999999")], "within ten years"),
        ("/dashboard/settings/save", &[("invalid_client_status", "500")], "must be 400 or 401"),
        ("/dashboard/settings/save", &[("page_size", "many")], "The setting page_size cannot be that"),
        ("/dashboard/faults/add", &[("path", "/kept")], "Say what is to happen"),
        ("/dashboard/faults/add", &[("status", "99")], "from 200 to 599"),
        ("/dashboard/faults/preset", &[("preset", "unheard of")], "no such fault"),
        ("/dashboard/connections/revoke", &[("client_id", "x"), ("sub", "y")], "no such connection"),
    ] {
        let (before, settings) = (clinic.control().applications(), clinic.control().settings());
        let page = follow(&clinic, path, form).await;
        let alert = page.text.split_once("role=\"alert\">").unwrap_or_else(|| panic!("{path} {form:?}")).1;
        let alert = alert.split_once("</p>").unwrap().0;
        assert!(alert.contains(why), "{path} {form:?}: {alert}");
        if let Some((_, kept)) = form.iter().find(|(_, value)| value.contains("kept")) {
            assert!(
                page.text.contains(&format!("value=\"{}\"", kept.replace('/', "&#x2f;"))),
                "{path}: {kept}"
            );
        }
        assert_eq!(clinic.control().applications(), before);
        assert_eq!(clinic.control().settings(), settings);
    }
    assert_eq!(clinic.control().faults(), []);
    assert_eq!(clinic.control().members(&clinic.clinic_id()).len(), 5);
}

#[tokio::test]
async fn what_is_unknown_is_a_page_that_says_so() {
    let clinic = Clinic::open().await;
    for path in ["applications/x", "organizations/x", "requests/0", "requests/x"] {
        let reply = clinic.get(&format!("/dashboard/{path}"), "").await;
        assert_eq!(reply.status, 404, "{path}");
        assert!(reply.text.contains("There is no such page"));
    }
}

#[tokio::test]
async fn names_are_escaped_and_a_homepage_is_a_link_only_to_the_web() {
    let mut clinic = Clinic::open().await;
    clinic.application = clinic.control().create_application(orgconnect_sandbox::NewApplication {
        name: "<b>\"Bold\"</b>".into(),
        url: "javascript:alert(1)".into(),
        ..Default::default()
    });
    let own = format!("/dashboard/applications/{}", clinic.application.client_id);
    for path in ["/dashboard", "/dashboard/applications", &own, &clinic.authorize_url(ORGANIZATION)] {
        let page = clinic.get(path, "").await.text;
        assert!(!page.contains("<b>") && !page.contains("href=\"javascript:"), "{path}");
    }
}

#[tokio::test]
async fn one_connection_expires_or_is_revoked_and_another_of_the_same_sub_is_not() {
    let mut clinic = Clinic::open().await;
    let first = clinic.organization().await;
    let other = clinic.control().create_application(orgconnect_sandbox::NewApplication::default());
    let chosen = std::mem::replace(&mut clinic.application, other).client_id;
    let second = clinic.organization().await;
    let sub = clinic.control().connections()[0].sub.clone();
    let form = [("client_id", chosen.as_str()), ("sub", sub.as_str())];

    let members = "/v1/organizational_unit_members";
    follow(&clinic, "/dashboard/connections/expire", &form).await;
    assert_eq!(clinic.get(members, &first).await.status, 401);
    assert_eq!(clinic.get(members, &second).await.status, 200);
    follow(&clinic, "/dashboard/connections/revoke", &form).await;
    let status = |at: usize| clinic.control().connections()[at].status;
    assert_eq!((status(0), status(1)), (ConnectionStatus::Revoked, ConnectionStatus::Active));
    follow(&clinic, "/dashboard/connections/expire-all", &[]).await;
    assert_eq!(clinic.get(members, &second).await.status, 401);
}

#[tokio::test]
async fn the_log_is_filtered_paged_and_masked() {
    let clinic = Clinic::open().await;
    let tokens = clinic.tokens(ORGANIZATION, "owner@example.com").await;
    let (token, doc) = (text(&tokens["access_token"]), clinic.member("doc@example.com"));
    for _ in 0..110 {
        clinic.get("/v1/nothing", "").await;
    }
    clinic.get_as("/v1/userinfo", &token, &doc).await;

    let rows = |page: &Reply| page.text.matches("class=\"method\"").count();
    let log = clinic.get("/dashboard/requests", "").await;
    assert_eq!(rows(&log), 100);
    let older = log.text.split_once("before=").unwrap().1.split_once('"').unwrap().0;
    assert_eq!(rows(&clinic.get(&format!("/dashboard/requests?before={older}"), "").await), 12);
    for (query, expected) in [
        ("impersonated=any", 1),
        (&format!("impersonated={doc}"), 1),
        ("method=POST", 1),
        ("path=userinfo&status=2xx", 1),
        (&format!("application={}", clinic.application.client_id), 2),
        ("status=500", 0),
    ] {
        let page = clinic.get(&format!("/dashboard/requests?{query}"), "").await;
        assert_eq!(rows(&page), expected, "{query}");
        assert!(!page.text.contains(&token));
    }
    let live = clinic.get("/dashboard/requests?live=on&method=POST", "").await;
    assert!(live.text.contains("http-equiv=\"refresh\"") && live.text.contains("live=on"));
    assert!(!live.text.contains("<select"), "nothing that somebody types is lost to a reload");

    let exchange =
        clinic.control().requests().into_iter().find(|known| known.path == "/oauth/token").unwrap();
    let page = clinic.get(&format!("/dashboard/requests/{}", exchange.number), "").await;
    assert!(page.text.contains("client_secret") && page.text.contains("grant_type"));
    assert!(!page.text.contains(&clinic.application.client_secret));
}

#[tokio::test]
async fn settings_faults_and_the_clock_are_changed_and_a_reset_undoes_it_all() {
    let clinic = Clinic::with(Sandbox::builder().seed(7).start().await.unwrap());
    let settings = [
        ("refresh_mode", "grace"),
        ("rate_limit", "with_retry_after"),
        ("access_token_ttl_ms", "60000"),
        ("auto_approve", "true"),
        ("expires_in", r#"{"value":"soon"}"#),
    ];
    let page = follow(&clinic, "/dashboard/settings/save", &settings).await;
    assert!(page.text.contains("The settings are saved."));
    let saved = clinic.control().settings();
    assert_eq!(saved.refresh_mode, RefreshMode::Grace);
    assert_eq!(saved.rate_limit, RateLimit::WithRetryAfter);
    assert_eq!(saved.access_token_ttl_ms, Some(60_000));
    assert!(saved.auto_approve);
    follow(&clinic, "/dashboard/settings/save", &[("access_token_ttl_ms", "")]).await;
    assert_eq!(clinic.control().settings().access_token_ttl_ms, None);

    let fault =
        [("method", "GET"), ("path", "/v1/events"), ("times", "2"), ("status", "429"), ("retry_after", "3")];
    let page = follow(&clinic, "/dashboard/faults/add", &fault).await;
    assert!(page.text.contains("replies 429, says Retry-After: 3"));
    assert_eq!(clinic.get("/v1/events", "").await.header("retry-after"), Some("3"));
    follow(&clinic, "/dashboard/faults/remove", &[("id", "1")]).await;
    assert_eq!(clinic.control().faults(), []);

    follow(&clinic, "/dashboard/clock/offset", &[("offset_s", "-3600")]).await;
    assert_eq!(clinic.control().clock().offset_ms, -3_600_000);
    follow(&clinic, "/dashboard/clock/freeze", &[]).await;
    assert!(clinic.control().clock().frozen);
    follow(&clinic, "/dashboard/clock/run", &[]).await;
    assert!(!clinic.control().clock().frozen);

    let page = follow(&clinic, "/dashboard/settings/reset", &[("seed", "9")]).await;
    assert!(page.text.contains("The sandbox is as new."));
    assert_eq!(clinic.control().settings().refresh_mode, RefreshMode::Static);
    assert_eq!(clinic.control().applications(), []);
    assert_eq!(clinic.control().clock().offset_ms, 0);
}

#[tokio::test]
async fn members_and_resources_are_added() {
    let clinic = Clinic::open().await;
    let page = format!("/dashboard/organizations/{}", clinic.clinic_id());
    let form = [
        ("email", "dev@example.com"),
        ("name", "Dee"),
        ("zoneinfo", "Asia/Tokyo"),
        ("roles[]", "owner"),
        ("roles[]", "developer"),
    ];
    follow(&clinic, &format!("{page}/members"), &form).await;
    let member = clinic.control().members(&clinic.clinic_id()).pop().unwrap();
    assert_eq!(
        (member.email.as_str(), member.roles),
        ("dev@example.com", vec!["owner".into(), "developer".into()])
    );
    follow(&clinic, &format!("{page}/bulk"), &[("count", "120")]).await;
    let shown = follow(
        &clinic,
        &format!("{page}/resources"),
        &[("resource_name", "Van"), ("resource_email", "van@example.com")],
    )
    .await;
    assert!(shown.text.contains("126 members") && shown.text.contains("and 26 more"));
    assert_eq!(clinic.control().resources(&clinic.clinic_id()).len(), 3);
}
