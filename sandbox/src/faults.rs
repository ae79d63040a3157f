//! Faults to order: which requests they meet, and what happens to those. `fault_play` carries them out.

use std::sync::Mutex;

use axum::http::{HeaderName, HeaderValue};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::clock::lock;

/// One rule of the ordered list: the first rule that meets a request applies. Without conditions it meets every request
/// to the API and the authorization pages; `/sandbox/` and the dashboard are never met.
///
/// A request is *committed* when its handler ran and what it changed stays changed. A fault that replies with a status
/// or body of its own keeps the request from being committed, unless `commit` says otherwise. A request that is not
/// committed and whose fault has no status gets 503.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Fault {
    /// Meets this method only.
    pub method: Option<String>,
    /// Meets paths that begin like this; `*` stands for anything within one segment.
    pub path: Option<String>,
    /// Meets token requests of this grant only: `authorization_code` or `refresh_token`.
    pub grant_type: Option<String>,
    /// Meets requests that act as this `sub`, by token or by `Cronofy-Impersonate`.
    pub account: Option<String>,
    /// Lets so many requests pass that it would have met.
    pub skip: u64,
    /// Applies so often; none is forever.
    pub times: Option<u64>,
    /// Whether the handler runs; by default it does unless `status` or `body` is given.
    pub commit: Option<bool>,
    /// Replies with this status.
    pub status: Option<u16>,
    /// Adds these headers to the reply.
    pub headers: Vec<(String, String)>,
    /// Replies with this body.
    pub body: Option<FaultBody>,
    /// Adds `Retry-After`: seconds, a date, or anything else.
    pub retry_after: Option<String>,
    /// Waits before the handler runs.
    pub delay_before_ms: u64,
    /// Waits after the handler ran, before the reply.
    pub delay_after_ms: u64,
    /// Closes the connection after so many bytes of the reply, counted from the first of its status line.
    pub cut_after: Option<u64>,
    /// Spoils the body's bytes.
    pub garble: bool,
}

/// What a fault says instead of the reply.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultBody {
    /// Text, as `text/plain` unless a header says otherwise.
    Text(String),
    /// JSON.
    Json(Value),
    /// Any bytes; Base64 in the control API.
    Bytes(#[serde(serialize_with = "to_base64", deserialize_with = "from_base64")] Vec<u8>),
}

/// A fault with its number and what became of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FaultStatus {
    /// The number that [`Control::add_fault`](crate::Control::add_fault) gave.
    pub id: u64,
    /// The rule.
    pub fault: Fault,
    /// How many requests it met, those it let pass included.
    pub met: u64,
    /// How often it applied.
    pub applied: u64,
}

impl Fault {
    /// Replies with a status instead of handling the request.
    pub fn status(status: u16) -> Self {
        Self { status: Some(status), ..Self::default() }
    }

    /// Handles the request and loses the reply: the connection closes before the first byte.
    pub fn lost_reply() -> Self {
        Self { cut_after: Some(0), ..Self::default() }
    }

    /// Closes the connection without handling the request.
    pub fn dropped() -> Self {
        Self { cut_after: Some(0), commit: Some(false), ..Self::default() }
    }

    /// Applies to requests with this method and path only.
    pub fn on(mut self, method: &str, path: &str) -> Self {
        self.method = Some(method.into());
        self.path = Some(path.into());
        self
    }

    /// Applies so often and no more.
    pub fn times(mut self, times: u64) -> Self {
        self.times = Some(times);
        self
    }

    /// What of it no reply can have, and why.
    pub(crate) fn flaw(&self) -> Option<(&'static str, &'static str)> {
        if self.status.is_some_and(|status| !(200..=999).contains(&status)) {
            return Some(("status", "must be from 200 to 999"));
        }
        let bad = |(name, value): &(String, String)| {
            HeaderName::try_from(name).is_err() || HeaderValue::try_from(value).is_err()
        };
        if self.headers.iter().any(bad) {
            return Some((
                "headers",
                "must be pairs of a header's name and its value, like [\"x-a\", \"b\"]",
            ));
        }
        if self.retry_after.as_ref().is_some_and(|value| HeaderValue::try_from(value).is_err()) {
            return Some(("retry_after", "must be what a header can hold"));
        }
        None
    }

    /// Whether the handler runs.
    pub(crate) fn commits(&self) -> bool {
        self.commit.unwrap_or(self.status.is_none() && self.body.is_none())
    }

    fn meets(&self, seen: &Seen<'_>) -> bool {
        let is = |wanted: &Option<String>, found: Option<&str>| {
            wanted
                .as_deref()
                .is_none_or(|wanted| found.is_some_and(|found| wanted.eq_ignore_ascii_case(found)))
        };
        is(&self.method, Some(seen.method))
            && is(&self.grant_type, seen.grant_type)
            && is(&self.account, seen.account)
            && self.path.as_deref().is_none_or(|pattern| begins_like(seen.path, pattern))
    }
}

/// What of a request the rules look at.
pub(crate) struct Seen<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) grant_type: Option<&'a str>,
    pub(crate) account: Option<&'a str>,
}

/// The rules in force, in order.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    list: Mutex<List>,
}

#[derive(Debug, Default)]
struct List {
    last_id: u64,
    rules: Vec<FaultStatus>,
}

impl Faults {
    pub(crate) fn add(&self, fault: Fault) -> u64 {
        let mut list = lock(&self.list);
        list.last_id += 1;
        let id = list.last_id;
        list.rules.push(FaultStatus { id, fault, met: 0, applied: 0 });
        id
    }

    pub(crate) fn list(&self) -> Vec<FaultStatus> {
        lock(&self.list).rules.clone()
    }

    pub(crate) fn remove(&self, id: u64) -> bool {
        let mut list = lock(&self.list);
        let before = list.rules.len();
        list.rules.retain(|rule| rule.id != id);
        list.rules.len() < before
    }

    pub(crate) fn clear(&self) {
        lock(&self.list).rules.clear();
    }

    /// Whether some rule looks at the account, which takes a look at the world to know.
    pub(crate) fn ask_for_account(&self) -> bool {
        lock(&self.list).rules.iter().any(|rule| rule.fault.account.is_some())
    }

    /// The fault that applies to this request, counted.
    pub(crate) fn take(&self, seen: &Seen<'_>) -> Option<(u64, Fault)> {
        let mut list = lock(&self.list);
        for rule in &mut list.rules {
            if rule.fault.times.is_some_and(|times| rule.applied >= times) || !rule.fault.meets(seen) {
                continue;
            }
            rule.met += 1;
            if rule.met > rule.fault.skip {
                rule.applied += 1;
                return Some((rule.id, rule.fault.clone()));
            }
        }
        None
    }
}

/// Whether a path begins like a pattern whose `*` stand for anything but a slash.
fn begins_like(path: &str, pattern: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else { return path.starts_with(pattern) };
    let Some(tail) = path.strip_prefix(head) else { return false };
    let segment = tail.find('/').unwrap_or(tail.len());
    tail.char_indices()
        .map(|(at, _)| at)
        .chain([tail.len()])
        .take_while(|at| *at <= segment)
        .any(|at| tail.get(at..).is_some_and(|tail| begins_like(tail, rest)))
}

fn to_base64<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&STANDARD.encode(bytes))
}

fn from_base64<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    let text = String::deserialize(deserializer)?;
    STANDARD.decode(text).map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen<'a>(method: &'a str, path: &'a str) -> Seen<'a> {
        Seen { method, path, grant_type: None, account: None }
    }

    #[test]
    fn a_rule_lets_the_first_pass_and_then_applies_so_often() {
        let faults = Faults::default();
        faults.add(Fault { skip: 1, ..Fault::status(503).on("get", "/v1/events").times(2) });
        let hits: Vec<_> = (0..5).map(|_| faults.take(&seen("GET", "/v1/events")).is_some()).collect();
        assert_eq!(hits, [false, true, true, false, false]);
        assert!(faults.take(&seen("POST", "/v1/events")).is_none());
    }

    #[test]
    fn a_star_stands_for_one_segment() {
        assert!(begins_like("/v1/calendars/cal_1/events", "/v1/calendars/*/events"));
        assert!(begins_like("/v1/calendars/cal_1/events/x", "/v1/calendars/*/events"));
        assert!(!begins_like("/v1/calendars/a/b/events", "/v1/calendars/*/events"));
        assert!(begins_like("/v1/events", "/v1/"));
    }

    #[test]
    fn a_reply_of_its_own_keeps_the_request_from_being_committed() {
        assert!(!Fault::status(500).commits());
        assert!(Fault::lost_reply().commits());
        assert!(!Fault::dropped().commits());
    }
}
