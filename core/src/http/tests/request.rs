use proptest::prelude::*;
use serde_json::{Map, Value, json};
use url::Url;

use crate::{
    ErrorKind,
    config::{DataCenter, Endpoints},
    http::request::{BodyCredentials, Prepared, bearer, build, build_link, build_raw},
    operation::{Argument, Authority, Constant, Format, Method, Operation, Place, Repeat, Shape, Stability},
    secret::Secret,
};

const TEXT: Shape = Shape::Text { min: 0, max: u32::MAX, format: Format::Free };
const TIME: Shape = Shape::Text { min: 0, max: u32::MAX, format: Format::Time };

const fn row(method: Method, path: &'static str, arguments: &'static [Argument]) -> Operation {
    Operation {
        name: "area.verb",
        summary: "",
        method,
        path,
        authorities: &[Authority::Connection],
        impersonable: true,
        repeat: Repeat::Safe,
        paging: None,
        success: &[200],
        arguments,
        constants: &[],
        stability: Stability::Stable,
        documentation: "",
    }
}

const fn argument(name: &'static str, place: Place, required: bool, shape: &'static Shape) -> Argument {
    Argument { name, place, required, shape }
}

static UPSERT: Operation = row(
    Method::Post,
    "/v1/calendars/{calendar_id}/events",
    &[
        argument("calendar_id", Place::Path, true, &TEXT),
        argument("summary", Place::Body, true, &Shape::Text { min: 0, max: 5, format: Format::Free }),
        argument("start", Place::Body, false, &TIME),
        argument("url", Place::Body, false, &Shape::Nullable(&TEXT)),
    ],
);
static READ: Operation = row(
    Method::Get,
    "/v1/events",
    &[
        argument("tzid", Place::Query, true, &TEXT),
        argument("calendar_ids", Place::Query, false, &Shape::List { item: &TEXT, min: 0, max: 2 }),
        argument("include_managed", Place::Query, false, &Shape::Boolean),
    ],
);

fn arguments(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => panic!("{other}"),
    }
}

fn made(operation: &Operation, value: Value) -> crate::Result<Prepared> {
    build(operation, arguments(value), &Map::new(), None, &Endpoints::of(DataCenter::Us))
}

fn shown(prepared: &Prepared) -> String {
    let body = prepared
        .body
        .as_ref()
        .map_or_else(String::new, |body| format!("\n{}", String::from_utf8_lossy(body)));
    format!("{} {}{body}", prepared.method, prepared.uri)
}

fn url_of(prepared: &Prepared) -> Url {
    Url::parse(&prepared.uri.to_string()).unwrap()
}

#[test]
fn arguments_go_where_their_row_says() {
    let write =
        made(&UPSERT, json!({"calendar_id": "cal_U9@E/AA?B#%_-f", "summary": "Tée", "url": null})).unwrap();
    let read = made(
        &READ,
        json!({"tzid": "Europe/London +&", "calendar_ids": ["cal_1", "cal@2"], "include_managed": true}),
    )
    .unwrap();
    insta::assert_snapshot!(format!("{}\n{}", shown(&write), shown(&read)));
}

#[test]
fn constants_and_credentials_are_added_to_the_body() {
    let operation = Operation {
        constants: &[("method", Constant::Text("cancel")), ("delete_all", Constant::Boolean(true))],
        ..row(Method::Post, "/v1/smart_invites", &[])
    };
    let secret = Secret::from("SECRET");
    let credentials = BodyCredentials { client_id: "ID", client_secret: &secret };
    let endpoints = Endpoints::of(DataCenter::Us);
    let prepared = build(&operation, Map::new(), &Map::new(), Some(&credentials), &endpoints).unwrap();
    insta::assert_snapshot!(shown(&prepared));
}

#[test]
fn extra_fields_are_sent_unchecked() {
    let extra = arguments(json!({"brand_new": {"a": 1}}));
    let endpoints = Endpoints::of(DataCenter::Us);
    let values = arguments(json!({"calendar_id": "c", "summary": "s"}));
    let prepared = build(&UPSERT, values, &extra, None, &endpoints).unwrap();
    assert!(shown(&prepared).contains(r#""brand_new":{"a":1}"#));
    let prepared =
        build(&READ, arguments(json!({"tzid": "UTC"})), &arguments(json!({"new": "x"})), None, &endpoints);
    assert!(prepared.unwrap().uri.to_string().ends_with("?tzid=UTC&new=x"));
}

#[test]
fn wrong_arguments_are_all_named_before_anything_is_sent() {
    let error = made(
        &UPSERT,
        json!({"calendar_id": "c", "summry": "x", "start": "2026-08-05T14:30:00.5Z", "url": 7}),
    )
    .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    insta::assert_snapshot!(error.message());
    let keys: Vec<_> =
        error.fields().iter().map(|(field, why)| (field.as_str(), why[0].key.as_str())).collect();
    assert_eq!(
        keys,
        [
            ("start", "errors.format"),
            ("summary", "errors.required"),
            ("summry", "errors.unknown"),
            ("url", "errors.type")
        ]
    );
}

#[test]
fn lengths_count_characters_and_items() {
    let refused = |operation: &Operation, value| made(operation, value).unwrap_err().message().to_owned();
    assert!(made(&UPSERT, json!({"calendar_id": "c", "summary": "ééééé"})).is_ok());
    assert!(
        refused(&UPSERT, json!({"calendar_id": "c", "summary": "123456"}))
            .contains("6 characters; at most 5")
    );
    assert!(
        refused(&READ, json!({"tzid": "UTC", "calendar_ids": ["a", "b", "c"]}))
            .contains("3 items; at most 2")
    );
    assert!(
        refused(&READ, json!({"tzid": "UTC", "calendar_ids": ["a", 1]}))
            .contains("calendar_ids[1] must be a string")
    );
}

#[test]
fn a_path_argument_cannot_leave_its_place() {
    for bad in ["", ".", ".."] {
        let error = made(&UPSERT, json!({"calendar_id": bad, "summary": "s"})).unwrap_err();
        assert!(error.fields().contains_key("calendar_id"), "{bad:?}");
    }
}

#[test]
fn values_that_make_no_url_of_an_acceptable_length_are_refused_before_anything_is_sent() {
    let error = made(&READ, json!({"tzid": "x".repeat(70_000)})).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.message().contains("65,534"), "{error}");
}

#[test]
fn a_raw_path_must_stay_below_the_api() {
    let endpoints = Endpoints::of(DataCenter::Us);
    let raw =
        |path: &str| build_raw(http::Method::GET, path, &[("a b".into(), "c&d".into())], None, &endpoints);
    assert_eq!(
        raw("/v1/new_thing").unwrap().uri.to_string(),
        "https://api.cronofy.com/v1/new_thing?a%20b=c%26d"
    );
    for bad in [
        "/oauth/token",
        "/v1/../oauth/token",
        "/v1/%2e%2e/oauth/token",
        "//evil.example/v1/",
        "https://evil.example/v1/x",
        "/v1/\\..\\oauth",
        "/v1/x?y",
        "/v1/x#y",
        "/v1/a\r\nb",
        "v1/x",
        "",
    ] {
        assert!(raw(bad).unwrap_err().fields().contains_key("path"), "{bad}");
    }
}

#[test]
fn a_link_is_followed_only_on_the_api() {
    let endpoints = Endpoints::of(DataCenter::Us);
    let follow = |link: &str| build_link(http::Method::GET, "next_page", link, &endpoints);
    assert!(follow("https://api.cronofy.com/v1/events/pages/08a07b034306679e").is_ok());
    for foreign in [
        "https://evil.example/v1/events/pages/1",
        "http://api.cronofy.com/v1/events/pages/1",
        "//evil.example/v1/x",
        "/v1/events/pages/1",
        "https://api.cronofy.com@evil.example/v1/x",
        "https://api.cronofy.com/oauth/token",
        "javascript:alert(1)",
        "",
    ] {
        assert!(follow(foreign).unwrap_err().fields().contains_key("next_page"), "{foreign}");
    }
}

#[test]
fn a_credential_never_shows_in_debug_output() {
    let value = bearer(&Secret::from("CANARY")).unwrap();
    assert!(value.is_sensitive() && !format!("{value:?}").contains("CANARY"));
    assert!(bearer(&Secret::from("a\r\nb")).is_err());
    let (uri, body) = ("https://h/p?state=CANARY".parse().unwrap(), Some("CANARY".into()));
    let prepared = Prepared { method: http::Method::POST, uri, body };
    assert_eq!(format!("{prepared:?}"), "Prepared { method: POST, path: \"/p\", .. }");
}

proptest! {
    #[test]
    fn no_path_argument_reaches_another_path_or_host(id in "\\PC{1,40}") {
        if let Ok(prepared) = made(&UPSERT, json!({"calendar_id": id, "summary": "s"})) {
            prop_assert_eq!(prepared.uri.host(), Some("api.cronofy.com"));
            let url = url_of(&prepared);
            let segments: Vec<_> = url.path_segments().unwrap().collect();
            prop_assert_eq!((segments.len(), segments[1], segments[3]), (4, "calendars", "events"));
            prop_assert!(url.query().is_none() && url.fragment().is_none());
        }
    }

    #[test]
    fn query_values_read_back_as_they_were_given(text in "\\PC{0,40}") {
        let prepared = made(&READ, json!({"tzid": text, "calendar_ids": [text]})).unwrap();
        let read: Vec<(String, String)> = url_of(&prepared).query_pairs().into_owned().collect();
        prop_assert_eq!(read, vec![("tzid".to_owned(), text.clone()), ("calendar_ids[]".to_owned(), text)]);
    }
}
