//! Counts what reached the sandbox, so that tests can say "one refresh, no retry".

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Counts since the start or the last reset. Calls under `/sandbox/` and the dashboard are not counted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Counters {
    /// All requests, those that met a fault included.
    pub requests: u64,
    /// Requests by `METHOD /path`, with the path as a template: `GET /v1/calendars/{calendar_id}/events`.
    pub routes: BTreeMap<String, u64>,
    /// Token requests by grant type, whatever came of them.
    pub token_requests: BTreeMap<String, u64>,
    /// Refreshes that were granted, by the connection's `sub`.
    pub refreshes: BTreeMap<String, u64>,
    /// The same by `sub` and epoch. An epoch ends when half the life of the newest access token is over, or it is
    /// expired by hand: more than one refresh in one epoch is superfluous.
    pub refreshes_by_epoch: BTreeMap<String, BTreeMap<u64, u64>>,
    /// Calls under `/v1/` that were refused with 401.
    pub unauthorized: u64,
    /// Requests that carried `Cronofy-Impersonate`, by its value.
    pub impersonations: BTreeMap<String, u64>,
}

impl Counters {
    pub(crate) fn count_request(&mut self, route: String, impersonated: Option<&str>) {
        self.requests += 1;
        *self.routes.entry(route).or_default() += 1;
        if let Some(sub) = impersonated {
            *self.impersonations.entry(sub.to_owned()).or_default() += 1;
        }
    }

    pub(crate) fn count_token_request(&mut self, grant_type: &str) {
        *self.token_requests.entry(grant_type.to_owned()).or_default() += 1;
    }

    pub(crate) fn count_refresh(&mut self, sub: &str, epoch: u64) {
        *self.refreshes.entry(sub.to_owned()).or_default() += 1;
        *self.refreshes_by_epoch.entry(sub.to_owned()).or_default().entry(epoch).or_default() += 1;
    }
}
