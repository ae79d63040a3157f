//! Real-time scheduling: a link is made, a person picks a time behind it, the event is written and everybody is told.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)] // tests

mod common;
#[path = "common/receiver.rs"]
mod receiver;

use common::{Clinic, Reply, in_path, send, text};
use orgconnect_sandbox::{Sandbox, Timestamp};
use receiver::Receiver;
use reqwest::Method;
use serde_json::{Value, json};

const PATH: &str = "/v1/real_time_scheduling";

/// A clinic on a fixed day with the nurse connected, and a receiver of callbacks.
struct Desk {
    clinic: Clinic,
    receiver: Receiver,
    token: String,
    sub: String,
    calendar: String,
    secret: String,
}

impl Desk {
    async fn open() -> Self {
        let noon: Timestamp = "2026-03-02T12:00:00Z".parse().unwrap();
        let clinic = Clinic::with(Sandbox::builder().seed(7).time(noon).start().await.unwrap());
        clinic.control().freeze_clock(Some(noon));
        let token = clinic.account("nurse@example.com").await;
        let calendar = clinic.primary(&token).await;
        let sub = clinic.member("nurse@example.com");
        let secret = clinic.application.client_secret.clone();
        Self { clinic, receiver: Receiver::open().await, token, sub, calendar, secret }
    }

    /// Two hours of a Friday, in slots of one.
    fn body(&self) -> Value {
        json!({
            "oauth": { "redirect_uri": "http://127.0.0.1:9/callback" },
            "event": { "event_id": "visit", "summary": "Check-up", "tzid": "Europe/London",
                "location": { "description": "Room 1" } },
            "availability": {
                "participants": [{ "members": [{ "sub": self.sub }], "required": "all" }],
                "required_duration": { "minutes": 60 },
                "query_periods": [{ "start": "2026-07-10T09:00:00Z", "end": "2026-07-10T11:00:00Z" }],
            },
            "target_calendars": [{ "sub": self.sub, "calendar_id": self.calendar }],
            "tzid": "Europe/London",
            "callback_urls": { "completed_url": self.receiver.at("/completed"),
                "no_times_suitable_url": self.receiver.at("/unsuitable"),
                "no_times_displayed_url": self.receiver.at("/none") },
        })
    }

    async fn create(&self, body: &Value) -> Value {
        let reply = self.clinic.post(PATH, &self.secret, body).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        reply.json()
    }

    /// A link and its id.
    async fn link(&self, body: &Value) -> (String, String) {
        let made = self.create(body).await["real_time_scheduling"].clone();
        (text(&made["url"]), text(&made["real_time_scheduling_id"]))
    }

    async fn read(&self, id: &str) -> Value {
        self.clinic.get(&format!("{PATH}/{id}"), &self.secret).await.json()["real_time_scheduling"].clone()
    }

    async fn answer(&self, url: &str, form: &[(&str, &str)]) -> Reply {
        send(self.clinic.request(Method::POST, url, "").form(form)).await
    }

    async fn events(&self) -> Vec<Value> {
        let path = "/v1/events?tzid=Etc/UTC&only_managed=true";
        self.clinic.get(path, &self.token).await.json()["events"].as_array().unwrap().clone()
    }

    async fn block(&self, start: &str, end: &str) {
        let path = format!("/v1/calendars/{}/events", in_path(&self.calendar));
        let event = json!({ "event_id": format!("block {start}"), "summary": "Busy",
            "start": format!("2026-07-10T{start}:00Z"), "end": format!("2026-07-10T{end}:00Z") });
        assert_eq!(self.clinic.post(&path, &self.token, &event).await.status, 202);
    }
}

/// What the buttons of a page that name a start would send.
fn starts(page: &Reply) -> Vec<String> {
    let parts = page.text.split("name=\"start\" value=\"").skip(1);
    parts.map(|part| part.split('"').next().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_person_picks_a_time_and_the_event_is_written() {
    let desk = Desk::open().await;
    let made = desk.create(&desk.body()).await;
    let link = &made["real_time_scheduling"];
    assert_eq!((&made["url"], &link["status"]), (&link["url"], &json!("open")));
    assert!(text(&link["real_time_scheduling_id"]).starts_with("sch_"));
    assert_eq!((link["event"].get("start"), &link["event"]["summary"]), (None, &json!("Check-up")));
    let url = text(&made["url"]);

    let choose = desk.clinic.get(&url, "").await;
    assert_eq!(choose.status, 200);
    assert!(!choose.text.contains("<script"), "the page needs no JavaScript");
    assert!(
        choose.text.contains("Friday 10 July 2026") && choose.text.contains("10:00 – 11:00"),
        "{}",
        choose.text
    );
    assert_eq!(starts(&choose), ["2026-07-10T09:00:00Z", "2026-07-10T10:00:00Z"]);
    let confirm = desk.clinic.get(&format!("{url}?start=2026-07-10T10:00:00Z&tzid=Europe/Paris"), "").await;
    assert!(
        confirm.text.contains("12:00 – 13:00") && confirm.text.contains("Europe&#x2f;Paris"),
        "{}",
        confirm.text
    );
    assert_eq!(desk.events().await, Vec::<Value>::new(), "nothing is written before it is confirmed");

    let done = desk.answer(&url, &[("start", "2026-07-10T10:00:00Z"), ("tzid", "Europe/Paris")]).await;
    assert_eq!(done.status, 200, "{}", done.text);
    assert!(done.text.contains("your time is booked"), "{}", done.text);
    let events = desk.events().await;
    assert_eq!((events.len(), &events[0]["event_id"]), (1, &json!("visit")));
    assert_eq!(
        (&events[0]["start"], &events[0]["end"]),
        (&json!("2026-07-10T10:00:00Z"), &json!("2026-07-10T11:00:00Z"))
    );
    assert_eq!(events[0]["location"]["description"], "Room 1");

    let read = desk.read(&text(&link["real_time_scheduling_id"])).await;
    assert_eq!(read["status"], "completed");
    assert_eq!(read["event"]["start"], json!({ "time": "2026-07-10T10:00:00Z", "tzid": "Europe/London" }));
    let again = desk.answer(&url, &[("start", "2026-07-10T09:00:00Z")]).await;
    assert!(again.text.contains("your time is booked") && desk.events().await.len() == 1, "it is used up");
}

#[tokio::test]
async fn the_application_is_told_in_a_signed_post() {
    let desk = Desk::open().await;
    let (url, _) = desk.link(&desk.body()).await;
    desk.answer(&url, &[("start", "2026-07-10T09:00:00Z"), ("tzid", "Europe/Paris")]).await;
    desk.clinic.control().settle().await;
    let post = desk.receiver.only();
    assert_eq!(post.path, "/completed");
    assert!(post.is_signed_with(&desk.secret));
    let told = post.json();
    assert_eq!(told.get("notification"), None, "there is no envelope");
    assert_eq!(told["event"]["start"], json!({ "time": "2026-07-10T09:00:00Z", "tzid": "Europe/London" }));
    assert_eq!(
        (&told["event"]["event_id"], &told["event"]["summary"]),
        (&json!("visit"), &json!("Check-up"))
    );
    assert_eq!(
        (&told["participants"], &told["user"]),
        (&json!([{ "sub": desk.sub }]), &json!({ "tzid": "Europe/Paris" }))
    );
}

#[tokio::test]
async fn the_older_callback_url_is_told_and_the_browser_is_sent_on() {
    let desk = Desk::open().await;
    let mut body = desk.body();
    body.as_object_mut().unwrap().remove("callback_urls");
    body["callback_url"] = desk.receiver.at("/older").into();
    body["redirect_urls"] = json!({ "completed_url": "http://127.0.0.1:9/thanks?from=clinic" });
    let (url, _) = desk.link(&body).await;
    let done = desk.answer(&url, &[("start", "2026-07-10T09:00:00Z")]).await;
    assert_eq!(
        (done.status.as_u16(), done.header("location")),
        (303, Some("http://127.0.0.1:9/thanks?from=clinic"))
    );
    desk.clinic.control().settle().await;
    assert_eq!(desk.receiver.only().path, "/older");
}

#[tokio::test]
async fn a_time_that_was_taken_meanwhile_is_not_booked() {
    let desk = Desk::open().await;
    let (url, id) = desk.link(&desk.body()).await;
    desk.block("09:00", "09:30").await;
    let refused = desk.answer(&url, &[("start", "2026-07-10T09:00:00Z")]).await;
    assert!(refused.text.contains("no longer free"), "{}", refused.text);
    assert_eq!(starts(&refused), ["2026-07-10T09:30:00Z"], "the rest of the period is offered");
    let late = desk.clinic.get(&format!("{url}?start=2026-07-10T09:00:00Z"), "").await;
    assert!(late.text.contains("no longer free"));
    assert_eq!((desk.events().await.len(), &desk.read(&id).await["status"]), (1, &json!("open")));
}

#[tokio::test]
async fn somebody_whom_no_time_suits_says_so() {
    let desk = Desk::open().await;
    let (url, id) = desk.link(&desk.body()).await;
    let said = desk.answer(&url, &[("answer", "none")]).await;
    assert!(said.text.contains("none of these times suits you"), "{}", said.text);
    desk.clinic.control().settle().await;
    let post = desk.receiver.only();
    assert_eq!(
        (post.path.as_str(), &post.json()["notification"]["type"]),
        ("/unsuitable", &json!("no_times_suitable"))
    );
    assert_eq!(post.json()["real_time_scheduling"]["real_time_scheduling_id"], json!(id));
    assert_eq!(desk.read(&id).await["status"], "open");
}

#[tokio::test]
async fn a_page_without_times_tells_the_application() {
    let desk = Desk::open().await;
    desk.block("09:00", "11:00").await;
    let (url, _) = desk.link(&desk.body()).await;
    let page = desk.clinic.get(&url, "").await;
    assert!(page.text.contains("no times to choose from"), "{}", page.text);
    desk.clinic.control().settle().await;
    let post = desk.receiver.only();
    assert_eq!(
        (post.path.as_str(), &post.json()["notification"]["type"]),
        ("/none", &json!("no_times_displayed"))
    );
}

#[tokio::test]
async fn past_times_and_those_within_the_notice_are_not_offered() {
    let desk = Desk::open().await;
    let mut body = desk.body();
    body["availability"]["query_periods"] =
        json!([{ "start": "2026-03-02T10:00:00Z", "end": "2026-03-02T17:00:00Z" }]);
    body["availability"]["max_results"] = 2.into();
    let (url, _) = desk.link(&body).await;
    assert_eq!(starts(&desk.clinic.get(&url, "").await), ["2026-03-02T12:00:00Z", "2026-03-02T13:00:00Z"]);
    body["minimum_notice"] = json!({ "hours": 3, "minutes": 30 });
    body["formatting"] = json!({ "hour_format": "h" });
    let (url, _) = desk.link(&body).await;
    let page = desk.clinic.get(&url, "").await;
    assert_eq!(starts(&page), ["2026-03-02T16:00:00Z"]);
    assert!(page.text.contains("4:00 pm – 5:00 pm"), "{}", page.text);
}

#[tokio::test]
async fn without_confirmation_one_click_is_enough() {
    let desk = Desk::open().await;
    let mut body = desk.body();
    body["selection_mode"] = "no_confirm".into();
    let (url, _) = desk.link(&body).await;
    let page = desk.clinic.get(&url, "").await;
    assert!(page.text.contains("<form method=\"post\""));
    let last = starts(&page).pop().unwrap();
    assert!(desk.answer(&url, &[("start", &last)]).await.text.contains("your time is booked"));
    assert_eq!(desk.events().await[0]["start"], "2026-07-10T10:00:00Z");
}

#[tokio::test]
async fn each_target_calendar_gets_an_event_or_one_event_invites_all() {
    let desk = Desk::open().await;
    let reception = desk.clinic.account("reception@example.com").await;
    let mut body = desk.body();
    body["target_calendars"].as_array_mut().unwrap().push(
        json!({ "sub": desk.clinic.member("reception@example.com"), "calendar_id": desk.clinic.primary(&reception).await }),
    );
    let theirs = async || {
        let path = "/v1/events?tzid=Etc/UTC&only_managed=true";
        desk.clinic.get(path, &reception).await.json()["events"].as_array().unwrap().clone()
    };
    let mut single = body.clone();
    single["event_creation"] = "single".into();
    single["event"]["event_id"] = "together".into();
    let (url, _) = desk.link(&single).await;
    desk.answer(&url, &[("start", "2026-07-10T09:00:00Z")]).await;
    let mine = desk.events().await;
    assert_eq!(mine[0]["attendees"][0]["email"], "reception@example.com");
    assert_eq!(theirs().await, Vec::<Value>::new());
    let (url, _) = desk.link(&body).await;
    desk.answer(&url, &[("start", "2026-07-10T10:00:00Z")]).await;
    assert_eq!((desk.events().await.len(), theirs().await.len()), (2, 1));
}

#[tokio::test]
async fn nothing_is_written_where_one_calendar_cannot_be() {
    let desk = Desk::open().await;
    let (url, id) = desk.link(&desk.body()).await;
    let calendars = desk.clinic.calendars(&desk.token).await;
    let profile = text(&calendars[0]["profile_id"]);
    desk.clinic.control().set_profile_connected(&profile, false).unwrap();
    let refused = desk.answer(&url, &[("start", "2026-07-10T09:00:00Z")]).await;
    assert_eq!(refused.status, 409);
    assert_eq!((desk.events().await.len(), &desk.read(&id).await["status"]), (0, &json!("open")));
}

#[tokio::test]
async fn a_link_is_looked_up_by_its_token_and_disabled_with_a_message() {
    let desk = Desk::open().await;
    let (url, id) = desk.link(&desk.body()).await;
    let token = url.rsplit('/').next().unwrap();
    let found = desk.clinic.get(&format!("{PATH}?token={token}"), &desk.secret).await.json();
    assert_eq!(found["real_time_scheduling"]["real_time_scheduling_id"], json!(id));
    assert_eq!(desk.clinic.get(&format!("{PATH}?token=unknown"), &desk.secret).await.status, 404);
    assert_eq!(desk.clinic.get(PATH, &desk.secret).await.error_keys("token"), ["errors.required"]);

    let path = format!("{PATH}/{id}/disable");
    let silent = desk.clinic.post(&path, &desk.secret, &json!({})).await;
    assert_eq!(silent.error_keys("display_message"), ["errors.required"]);
    let long = desk.clinic.post(&path, &desk.secret, &json!({ "display_message": "x".repeat(501) })).await;
    assert_eq!(long.error_keys("display_message"), ["errors.too_long"]);
    let disabled =
        desk.clinic.post(&path, &desk.secret, &json!({ "display_message": "We <closed> early" })).await;
    assert_eq!(
        (disabled.status.as_u16(), &disabled.json()["real_time_scheduling"]["status"]),
        (200, &json!("disabled"))
    );
    let page = desk.clinic.get(&url, "").await;
    assert!(page.text.contains("We &lt;closed&gt; early") && starts(&page).is_empty(), "{}", page.text);
    assert!(desk.answer(&url, &[("start", "2026-07-10T09:00:00Z")]).await.text.contains("closed"));
    assert_eq!(desk.events().await.len(), 0);

    let (url, id) = desk.link(&desk.body()).await;
    desk.answer(&url, &[("start", "2026-07-10T09:00:00Z")]).await;
    let late = desk
        .clinic
        .post(&format!("{PATH}/{id}/disable"), &desk.secret, &json!({ "display_message": "x" }))
        .await;
    assert_eq!(late.error_keys("status"), ["errors.already_completed"]);
}

#[tokio::test]
async fn links_belong_to_their_application_and_credentials_may_stand_in_the_body() {
    let desk = Desk::open().await;
    let mut body = desk.body();
    body["client_id"] = desk.clinic.application.client_id.clone().into();
    body["client_secret"] = desk.secret.clone().into();
    // The Node client sends this header.
    let made = desk.clinic.post(PATH, "undefined", &body).await;
    assert_eq!(made.status, 200, "{}", made.text);
    let id = text(&made.json()["real_time_scheduling"]["real_time_scheduling_id"]);
    body["client_secret"] = "wrong".into();
    assert_eq!(desk.clinic.post(PATH, &desk.secret, &body).await.status, 401);
    assert_eq!(
        desk.clinic.post(PATH, &desk.token, &desk.body()).await.status,
        401,
        "an access token is no API key"
    );
    let stranger = desk.clinic.internal().client_secret;
    assert_eq!(desk.clinic.get(&format!("{PATH}/{id}"), &stranger).await.status, 404);
    assert_eq!(desk.clinic.get("/rts/unknown", "").await.status, 404);
}

#[tokio::test]
async fn another_sites_form_books_nothing() {
    let desk = Desk::open().await;
    let (url, _) = desk.link(&desk.body()).await;
    let request = desk.clinic.request(Method::POST, &url, "").header("Origin", "https://evil.example");
    assert_eq!(send(request.form(&[("start", "2026-07-10T09:00:00Z")])).await.status, 403);
    assert_eq!(desk.events().await.len(), 0);
}

#[tokio::test]
async fn every_wrong_field_of_a_link_is_named() {
    let desk = Desk::open().await;
    let nothing = desk.clinic.post(PATH, &desk.secret, &json!({})).await;
    for field in ["oauth", "event", "availability"] {
        assert_eq!(nothing.error_keys(field), ["errors.required"], "{field}");
    }
    let mut wrong = desk.body();
    wrong["oauth"] = json!({ "redirect_uri": "myapp://callback" });
    wrong["event"] = json!({ "location": { "description": 7 } });
    wrong["availability"]["required_duration"] = 60.into();
    wrong["target_calendars"].as_array_mut().unwrap().extend([
        json!({ "sub": desk.sub, "calendar_id": "cal_nobodys" }),
        json!({ "sub": desk.clinic.member("doc@example.com"), "calendar_id": "x" }),
        json!({}),
    ]);
    wrong["tzid"] = "Mars/Olympus".into();
    wrong["formatting"] = json!({ "hour_format": "24" });
    wrong["minimum_notice"] = 5.into();
    wrong["event_creation"] = "many".into();
    wrong["callback_urls"] = json!({ "completed_url": "ftp://a.example" });
    wrong["redirect_urls"] = json!({ "completed_url": "javascript:alert(1)" });
    let refused = desk.clinic.post(PATH, &desk.secret, &wrong).await;
    assert_eq!(refused.status, 422);
    let errors = refused.json()["errors"].clone();
    for field in [
        "oauth.redirect_uri",
        "event.event_id",
        "event.location.description",
        "availability.required_duration",
        "target_calendars.calendar_id",
        "target_calendars.sub",
        "tzid",
        "formatting.hour_format",
        "minimum_notice",
        "event_creation",
        "callback_urls.completed_url",
        "redirect_urls.completed_url",
    ] {
        assert!(errors.get(field).is_some(), "{field} in {errors}");
    }
    desk.clinic.control().update_settings(|settings| settings.scheduling_needs_oauth = false);
    let mut without = desk.body();
    without.as_object_mut().unwrap().remove("oauth");
    desk.create(&without).await;
    let mut foreign = desk.body();
    foreign["availability"]["participants"][0]["members"][0]["sub"] = "acc_nobody".into();
    let refused = desk.clinic.post(PATH, &desk.secret, &foreign).await;
    assert_eq!(refused.error_keys("availability.participants.members.sub"), ["errors.invalid"]);
}
