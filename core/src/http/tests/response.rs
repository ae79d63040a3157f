use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode};

use crate::{
    ErrorKind,
    http::response::{failure, judge, retry_after},
    operation::Paging,
};

const EVENTS: Paging = Paging { items: &["events"], pages: &["pages"] };
const REGISTRATIONS: Paging =
    Paging { items: &["registration", "registrations"], pages: &["registration", "pages"] };

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    pairs.iter().map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_str(value).unwrap())).collect()
}

fn next_page(paging: &Paging, body: &'static str) -> Option<String> {
    let body = Bytes::from_static(body.as_bytes());
    judge("x", Some(paging), StatusCode::OK, HeaderMap::new(), body).unwrap().next_page
}

#[test]
fn every_status_has_its_kind_and_says_what_to_do() {
    let shown: Vec<String> =
        [301, 307, 400, 401, 402, 403, 404, 408, 409, 410, 422, 423, 429, 500, 502, 503, 504, 507]
            .into_iter()
            .map(|status| {
                let status = StatusCode::from_u16(status).unwrap();
                let error = failure("events.read", status, &HeaderMap::new(), &Bytes::new());
                format!("{} {} transient={} {error}", status.as_u16(), error.kind(), error.is_transient())
            })
            .collect();
    insta::assert_snapshot!(shown.join("\n"));
}

#[test]
fn field_errors_are_read_and_repeated_in_the_message() {
    let body =
        r#"{"errors":{"summary":[{"key":"errors.required","description":"summary must be specified"}]}}"#;
    let error = failure(
        "x",
        StatusCode::UNPROCESSABLE_ENTITY,
        &HeaderMap::new(),
        &Bytes::from_static(body.as_bytes()),
    );
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert_eq!(error.fields()["summary"][0].key, "errors.required");
    assert!(error.message().contains("summary: summary must be specified"), "{error}");
    assert_eq!(error.body(), Some(body.as_bytes()));
}

#[test]
fn what_a_server_says_forges_no_line_of_a_log() {
    let of = |body: String| failure("x", StatusCode::UNPROCESSABLE_ENTITY, &HeaderMap::new(), &body.into());
    let complaints = |length: usize| {
        let complaint = format!("\"{}\",", "é".repeat(length)).repeat(3);
        of(format!(r#"{{"errors":{{"f":[{complaint}"x"]}}}}"#))
    };
    let error = complaints(100_000);
    assert!(error.message().len() < 4_000 && error.message().ends_with('…'), "{}", error.message().len());
    assert_eq!(error.fields()["f"].len(), 4, "they are all there");
    assert!(complaints(300_000).fields().is_empty(), "what explains a failure is not that long");
    let body = r#"{"errors":{"a\nfield":[{"key":"k","description":"one\r\ntwo\u0085three\u001b[31m"}]}}"#;
    let error = failure("x", StatusCode::UNPROCESSABLE_ENTITY, &HeaderMap::new(), &Bytes::from(body));
    assert!(!error.to_string().contains(char::is_control), "{error:?}");
    assert!(error.to_string().contains("a field: one  two three [31m"), "{error}");
    assert_eq!(
        error.fields()["a\nfield"][0].description,
        "one\r\ntwo\u{85}three\u{1b}[31m",
        "the fields are as received"
    );
}

#[test]
fn error_bodies_of_any_shape_are_survived() {
    for body in [
        "",
        "<html>",
        "null",
        "[]",
        "{",
        r#"{"errors":[]}"#,
        r#"{"errors":{"a":"b","c":[1,null,"d"],"e":{}}}"#,
        r#"{"permissions":"not_recognized"}"#,
        "\u{0}",
    ] {
        let body = Bytes::copy_from_slice(body.as_bytes());
        let error = failure("x", StatusCode::UNPROCESSABLE_ENTITY, &HeaderMap::new(), &body);
        assert_eq!(error.status(), Some(422));
    }
}

#[test]
fn retry_after_is_read_as_seconds_or_as_a_date() {
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
    let of = |value: &str| retry_after(&headers(&[("retry-after", value)]), now).map(|wait| wait.as_secs());
    assert_eq!(of("120"), Some(120));
    assert_eq!(of("Sun, 06 Nov 1994 08:49:47 GMT"), Some(10));
    assert_eq!(of("Sun, 06 Nov 1994 08:49:07 GMT"), Some(0));
    for odd in ["", "-1", "soon", "1.5", "99999999999999999999"] {
        assert_eq!(of(odd), None, "{odd}");
    }
}

#[test]
fn the_next_page_is_found_wherever_the_row_says_and_nowhere_else() {
    assert_eq!(
        next_page(
            &EVENTS,
            r#"{"events":[{"pages":{"next_page":"no"}}],"pages":{"current":1,"next_page":"yes"}}"#
        )
        .as_deref(),
        Some("yes")
    );
    assert_eq!(
        next_page(&REGISTRATIONS, r#"{"registration":{"pages":{"next_page":"deep"}}}"#).as_deref(),
        Some("deep")
    );
    for last in [
        r#"{"pages":{"current":1,"total":1}}"#,
        r#"{"pages":{"next_page":null}}"#,
        r#"{"pages":{"next_page":""}}"#,
        r#"{"pages":null}"#,
        r"{}",
        "[]",
        "",
    ] {
        assert_eq!(next_page(&EVENTS, last), None, "{last}");
    }
}

#[test]
fn a_success_is_handed_on_untouched() {
    let body = Bytes::from_static(b"not even json");
    let reply =
        judge("x", None, StatusCode::ACCEPTED, headers(&[("x-request-id", "r-1")]), body.clone()).unwrap();
    assert_eq!((reply.status, reply.request_id.as_deref()), (202, Some("r-1")));
    assert_eq!(reply.body.as_ptr(), body.as_ptr(), "the body is not copied");
    let error = reply.decode::<serde_json::Value>().unwrap_err();
    assert_eq!((error.kind(), error.request_id()), (ErrorKind::Decode, Some("r-1")));
}
