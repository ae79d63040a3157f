//! What holds for every page: it fits a narrow screen, can be read in light and dark, and names each of its fields.

use serde_json::json;

use super::chromium::{Browser, in_browser};
use super::common::{Clinic, ORGANIZATION, text};

/// Gathers the pages' faults: text of too little contrast, fields without a label, ids that are missing or doubled.
const AUDIT: &str = include_str!("audit.js");

/// The address of every page, in a world where each has something to show.
async fn pages(clinic: &mut Clinic) -> Vec<String> {
    let token = text(&clinic.tokens(ORGANIZATION, "owner@example.com").await["access_token"]);
    let doc = clinic.member("doc@example.com");
    clinic.get_as("/v1/events?tzid=Europe/London", &token, &doc).await;
    let event = json!({ "event_id": "1", "summary": "Check-up", "start": "2026-12-01", "end": "2026-12-02" });
    let calendar =
        clinic.get_as("/v1/calendars", &token, &doc).await.json()["calendars"][0]["calendar_id"].clone();
    clinic.post(&format!("/v1/calendars/{}/events", calendar.as_str().unwrap()), &token, &event).await;
    clinic.control().add_fault(orgconnect_sandbox::Fault::status(503).on("GET", "/v1/events").times(2));
    let (internal, live) = (clinic.internal(), clinic.production("https://*.live.example/a/long/callback"));
    let number = clinic.control().requests().last().unwrap().number;
    let id = clinic.clinic_id();

    let mut paths: Vec<String> =
        ["", "/applications", "/organizations", "/connections", "/requests", "/faults"]
            .map(|section| format!("/dashboard{section}"))
            .into();
    paths.extend(
        ["/dashboard/clock", "/dashboard/settings", "/dashboard/callback?code=abc&state=def"]
            .map(str::to_owned),
    );
    paths.push("/dashboard/requests?live=on&impersonated=any".into());
    paths.push(format!("/dashboard/requests/{number}"));
    paths.push(format!("/dashboard/organizations/{id}"));
    for application in [&clinic.application, &internal, &live] {
        paths.push(format!("/dashboard/applications/{}", application.client_id));
    }
    paths.push("/dashboard/applications/unknown".into());
    let mut pages: Vec<_> = paths.iter().map(|path| clinic.url(path)).collect();
    pages.push(clinic.authorize_url(ORGANIZATION));
    pages.push(clinic.authorize_url("read_events create_event"));
    clinic.application = live;
    pages.push(clinic.authorize_url(ORGANIZATION));
    pages
}

async fn audit(browser: &Browser, page: &str) {
    let faults = browser.evaluate(AUDIT).await;
    assert_eq!(faults, json!([]), "{page}");
}

#[tokio::test]
async fn every_page_is_legible_in_light_and_dark_and_names_its_fields() {
    in_browser(async |browser| {
        let mut clinic = Clinic::open().await;
        let pages = pages(&mut clinic).await;
        for scheme in ["light", "dark"] {
            browser.prefer(scheme).await;
            for page in &pages {
                browser.open(page).await;
                audit(&browser, page).await;
            }
        }
    })
    .await;
}

#[tokio::test]
async fn every_page_fits_a_screen_of_360_pixels_and_a_wide_one() {
    in_browser(async |browser| {
        let mut clinic = Clinic::open().await;
        let pages = pages(&mut clinic).await;
        for width in [360, 1280] {
            browser.resize(width).await;
            for page in &pages {
                browser.open(page).await;
                let script =
                    "const page = document.documentElement; return page.scrollWidth - page.clientWidth";
                assert_eq!(browser.evaluate(script).await, 0, "{page} at {width}");
                assert!(!browser.title().await.is_empty());
                assert_eq!(browser.find_all("h1").await.len(), 1, "{page}");
            }
        }
    })
    .await;
}
