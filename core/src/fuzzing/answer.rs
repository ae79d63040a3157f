//! The API's answers: one that is no success becomes an error that fits its status, and events are read as they were written.

use std::time::SystemTime;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};

use super::{check_error, choice, line};
use crate::{ErrorKind, http::response};

/// The first octet selects the status; then a line for `Retry-After`, one for the request's id, and the body.
pub fn answer(data: &[u8]) {
    const STATUSES: [u16; 20] =
        [200, 422, 400, 401, 402, 403, 404, 408, 409, 410, 423, 429, 500, 502, 503, 504, 202, 204, 302, 307];
    let Some((choice, rest)) = choice(data) else { return };
    let status = StatusCode::from_u16(STATUSES[choice % STATUSES.len()]).unwrap();
    let (retry_after, rest) = line(rest);
    let (request_id, body) = line(rest);
    let mut headers = HeaderMap::new();
    for (name, value) in [(header::RETRY_AFTER.as_str(), retry_after), ("x-request-id", request_id)] {
        if let Ok(value) = HeaderValue::from_bytes(value) {
            headers.insert(header::HeaderName::from_bytes(name.as_bytes()).unwrap(), value);
        }
    }
    let waited = response::retry_after(&headers, SystemTime::UNIX_EPOCH);
    match response::judge("events.upsert", None, status, headers, Bytes::copy_from_slice(body)) {
        Ok(reply) => assert!(status.is_success() && reply.status == status.as_u16() && reply.body == body),
        Err(error) => {
            assert!(!status.is_success());
            assert_eq!(error.status(), Some(status.as_u16()));
            assert_eq!(error.body(), Some(body));
            assert_eq!(error.retry_after().is_some(), waited.is_some());
            assert_eq!(error.is_transient(), matches!(status.as_u16(), 408 | 429 | 500..), "{error}");
            assert!(error.kind() != ErrorKind::Invalid || (400..500).contains(&status.as_u16()));
            assert!(error.request_id().is_none_or(|id| !id.is_empty() && id.len() <= 200));
            check_error(&error, None);
        }
    }
}

/// The data is a page of events.
pub fn events(data: &[u8]) {
    #[cfg(feature = "api")]
    {
        use crate::{api::events::EventsPage, paging::Page};
        let Ok(page) = serde_json::from_slice::<EventsPage>(data) else { return };
        let text = serde_json::to_vec(&page).unwrap();
        let again: EventsPage = serde_json::from_slice(&text).expect("what we write we read");
        let once_more = serde_json::to_vec(&again).unwrap();
        assert!(
            super::same_json(&once_more, &text),
            "and it stays as it is: {}",
            String::from_utf8_lossy(&text)
        );
        let _ = (format!("{page:?}"), page.into_items().len());
    }
    #[cfg(not(feature = "api"))]
    let _ = data;
}
