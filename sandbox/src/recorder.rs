//! Remembers the last requests as they came. Tests may see them raw; everything that leaves the process is masked.

use std::collections::VecDeque;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{body, canary};

/// How many requests are remembered.
const CAPACITY: usize = 2_000;

/// How much of a body is remembered.
pub(crate) const BODY_CAPACITY: usize = 64 * 1024;

/// The names of parameters whose values are secret.
const SECRET: [&str; 9] = [
    "access_token",
    "refresh_token",
    "token",
    "link_token",
    "client_secret",
    "code",
    "state",
    "form_token",
    // The Node client puts the API key of bookable events into the query.
    "bearer_token",
];

/// One request as it came. `Debug` shows it masked.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct RecordedRequest {
    /// Counts up from 1.
    pub number: u64,
    /// When it came, by the sandbox's clock.
    pub time: Timestamp,
    /// The method.
    pub method: String,
    /// The path, without the query.
    pub path: String,
    /// The query as it was sent, without the question mark.
    pub query: String,
    /// The headers in the order in which they came, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, up to 64 KiB of it.
    pub body: String,
    /// The reply's status; none while there is no reply yet.
    pub status: Option<u16>,
    /// How long the reply took, in milliseconds of real time.
    pub duration_ms: Option<f64>,
    /// The reply's `X-Request-Id`.
    pub request_id: String,
    /// The client id of the application that called, where the credentials told.
    pub application: Option<String>,
    /// The `sub` of the connection whose token was used.
    pub connection: Option<String>,
    /// The value of `Cronofy-Impersonate`.
    pub impersonated: Option<String>,
    /// The number of the fault that it met.
    pub fault: Option<u64>,
}

impl RecordedRequest {
    /// The first header of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// What stands where a secret is expected, at the places where secrets usually are.
    fn secrets(&self) -> Vec<String> {
        let of_pairs = |text: &str| {
            let pairs = url::form_urlencoded::parse(text.as_bytes()).into_owned().collect::<Vec<_>>();
            pairs.into_iter().filter(|(name, _)| SECRET.contains(&name.as_str())).map(|(_, value)| value)
        };
        let body = serde_json::from_str::<Value>(&self.body).unwrap_or_default();
        let of_body = SECRET.iter().filter_map(|name| body[*name].as_str().map(str::to_owned));
        let bearer = self.header("authorization").and_then(|value| value.strip_prefix("Bearer "));
        of_pairs(&self.query).chain(of_body).chain(bearer.map(str::to_owned)).collect()
    }

    /// The same request with every secret cut down to its first letters.
    pub fn masked(mut self) -> Self {
        for (name, value) in &mut self.headers {
            match name.as_str() {
                "authorization" | "proxy-authorization" => {
                    let (scheme, secret) = value.split_once(' ').unwrap_or(("", value.as_str()));
                    let masked = format!("{scheme} {}", mask(secret));
                    masked.trim_start().clone_into(value);
                }
                "cookie" => *value = mask(value),
                // The address of the page before may hold a code.
                "referer" => *value = masked_address(value),
                _ => {}
            }
        }
        self.query = masked_form(&self.query);
        self.body = masked_body(&self.body);
        self
    }
}

impl fmt::Debug for RecordedRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let masked = self.clone().masked();
        f.debug_struct("RecordedRequest")
            .field("number", &masked.number)
            .field("method", &masked.method)
            .field("path", &masked.path)
            .field("query", &masked.query)
            .field("headers", &masked.headers)
            .field("body", &masked.body)
            .field("status", &masked.status)
            .finish_non_exhaustive()
    }
}

/// The last requests, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Recorder {
    last: u64,
    requests: VecDeque<RecordedRequest>,
}

impl Recorder {
    /// Remembers a request that has no reply yet, and gives it its number.
    pub(crate) fn begin(&mut self, mut request: RecordedRequest) -> u64 {
        self.last += 1;
        request.number = self.last;
        request.secrets().iter().for_each(|secret| canary::note(secret));
        if self.requests.len() == CAPACITY {
            self.requests.pop_front();
        }
        self.requests.push_back(request);
        self.last
    }

    /// Changes a request that is still remembered.
    pub(crate) fn amend(&mut self, number: u64, amend: impl FnOnce(&mut RecordedRequest)) {
        let place = self.requests.binary_search_by_key(&number, |request| request.number);
        if let Some(request) = place.ok().and_then(|place| self.requests.get_mut(place)) {
            amend(request);
        }
    }

    pub(crate) fn all(&self) -> Vec<RecordedRequest> {
        self.requests.iter().cloned().collect()
    }

    pub(crate) fn newest_first(&self) -> impl Iterator<Item = &RecordedRequest> {
        self.requests.iter().rev()
    }

    pub(crate) fn clear(&mut self) {
        self.requests.clear();
    }
}

/// The first letters of a secret, never more than a fifth of it.
pub(crate) fn mask(secret: &str) -> String {
    let shown: String = secret.chars().take((secret.chars().count() / 5).min(6)).collect();
    format!("{shown}…")
}

pub(crate) fn masked_address(address: &str) -> String {
    match address.split_once('?') {
        Some((page, query)) => format!("{page}?{}", masked_form(query)),
        None => address.to_owned(),
    }
}

pub(crate) fn masked_body(text: &str) -> String {
    if let Ok(mut json) = serde_json::from_str::<Value>(text) {
        mask_json(&mut json);
        return json.to_string();
    }
    let form = !text.starts_with(['{', '[']) && !text.contains(char::is_whitespace) && text.contains('=');
    if form {
        return masked_form(text);
    }
    // What is neither may be the torn half of either.
    if SECRET.iter().any(|name| text.contains(name)) { mask(text) } else { text.to_owned() }
}

fn mask_json(json: &mut Value) {
    match json {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::String(text) if SECRET.contains(&name.as_str()) => *text = mask(text),
                    Value::Null => {}
                    value if SECRET.contains(&name.as_str()) => *value = "…".into(),
                    // An address that an authorization is to return to, or a page's own.
                    Value::String(text) if text.contains('?') && text.contains("://") => {
                        *text = masked_address(text);
                    }
                    value => mask_json(value),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(mask_json),
        _ => {}
    }
}

fn masked_form(form: &str) -> String {
    let holds_secret = |name: &str| {
        body::unfold(name.as_bytes())
            .as_object()
            .is_some_and(|fields| fields.keys().any(|key| SECRET.contains(&key.as_str())))
    };
    let masked = form.split('&').map(|pair| match pair.split_once('=') {
        Some((name, value)) if holds_secret(name) => format!("{name}={}", mask(value)),
        _ => pair.to_owned(),
    });
    masked.collect::<Vec<_>>().join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_secret_survives_masking() {
        let request = RecordedRequest {
            number: 1,
            time: Timestamp::UNIX_EPOCH,
            method: "POST".into(),
            path: "/oauth/token".into(),
            query: "code=canary-in-query&scope=read_events&%73tate=canary-in-state".into(),
            headers: vec![
                ("authorization".into(), "Bearer canary-in-header".into()),
                ("referer".into(), "http://a.example/?code=canary-in-referer".into()),
            ],
            body: r#"{"client_secret":"canary-in-body","deep":[{"refresh_token":"canary-deep"}],"client_id":"shown"}"#
                .into(),
            status: None,
            duration_ms: None,
            request_id: String::new(),
            application: None,
            connection: None,
            impersonated: None,
            fault: None,
        };
        let text = format!("{request:?}");
        assert!(!text.contains("canary-"), "{text}");
        assert!(text.contains("shown") && text.contains("scope=read_events"));
        let form =
            RecordedRequest { body: "client_secret=canary-in-form&grant_type=x".into(), ..request.clone() };
        assert!(!serde_json::to_string(&form.masked()).unwrap().contains("canary-"));
        for body in
            [r#"{"client_secret":"canary-torn"#, r#"{"code":"canary-torn="#, r#"{"token":["canary-list"]}"#]
        {
            let odd = RecordedRequest { body: body.into(), ..request.clone() };
            assert!(!format!("{odd:?}").contains("canary-"), "{body}");
        }
    }

    #[test]
    fn the_oldest_request_makes_room() {
        let mut recorder = Recorder::default();
        let blank = RecordedRequest {
            number: 0,
            time: Timestamp::UNIX_EPOCH,
            method: String::new(),
            path: String::new(),
            query: String::new(),
            headers: Vec::new(),
            body: String::new(),
            status: None,
            duration_ms: None,
            request_id: String::new(),
            application: None,
            connection: None,
            impersonated: None,
            fault: None,
        };
        for _ in 0..=CAPACITY {
            recorder.begin(blank.clone());
        }
        assert_eq!(recorder.all().len(), CAPACITY);
        assert_eq!(recorder.all()[0].number, 2);
        recorder.amend(1, |_| unreachable!("the first is forgotten"));
        recorder.amend(2, |request| request.status = Some(200));
        assert_eq!(recorder.all()[0].status, Some(200));
    }
}
