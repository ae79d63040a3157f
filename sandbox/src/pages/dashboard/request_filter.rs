//! What the request log is narrowed to: it comes from the address and goes back into it.

use serde::Serialize;
use url::form_urlencoded::Serializer;

use super::visit::Visit;
use crate::recorder::RecordedRequest;

/// Each part that is empty lets everything pass.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(super) struct Filter {
    pub(super) method: String,
    /// A part of the path.
    pub(super) path: String,
    /// A status, or a class of them: `4xx`.
    pub(super) status: String,
    /// A client id.
    pub(super) application: String,
    /// A `sub`, or `any`, or `none`.
    pub(super) impersonated: String,
}

impl Filter {
    pub(super) fn of(visit: &Visit) -> Self {
        let part = |name| visit.query(name).to_owned();
        Self {
            method: part("method"),
            path: part("path"),
            status: part("status"),
            application: part("application"),
            impersonated: part("impersonated"),
        }
    }

    pub(super) fn fits(&self, request: &RecordedRequest) -> bool {
        let application = request.application.as_deref();
        (self.method.is_empty() || self.method.eq_ignore_ascii_case(&request.method))
            && request.path.contains(&self.path)
            && self.fits_status(request.status)
            && (self.application.is_empty() || application == Some(&self.application))
            && match (self.impersonated.as_str(), request.impersonated.as_deref()) {
                ("", _) | ("any", Some(_)) | ("none", None) => true,
                (wanted, impersonated) => impersonated == Some(wanted),
            }
    }

    fn fits_status(&self, status: Option<u16>) -> bool {
        if self.status.is_empty() {
            return true;
        }
        let Some(status) = status else { return false };
        match self.status.strip_suffix("xx") {
            Some(class) => (status / 100).to_string() == class,
            None => status.to_string() == self.status,
        }
    }

    /// The log's address with this filter and these further parameters.
    pub(super) fn address(&self, further: &[(&str, &str)]) -> String {
        let parts = [
            ("method", self.method.as_str()),
            ("path", &self.path),
            ("status", &self.status),
            ("application", &self.application),
            ("impersonated", &self.impersonated),
        ];
        let filled = parts.iter().chain(further).filter(|(_, value)| !value.is_empty());
        let query = Serializer::new(String::new()).extend_pairs(filled).finish();
        if query.is_empty() {
            super::requests::PAGE.into()
        } else {
            format!("{}?{query}", super::requests::PAGE)
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn request(status: Option<u16>, impersonated: Option<&str>) -> RecordedRequest {
        RecordedRequest {
            number: 1,
            time: Timestamp::UNIX_EPOCH,
            method: "GET".into(),
            path: "/v1/events".into(),
            query: String::new(),
            headers: Vec::new(),
            body: String::new(),
            status,
            duration_ms: None,
            request_id: String::new(),
            application: Some("app".into()),
            connection: None,
            impersonated: impersonated.map(str::to_owned),
            fault: None,
        }
    }

    #[test]
    fn each_part_narrows_the_log() {
        let seen = request(Some(404), Some("acc_1"));
        let blank = Filter::default;
        for (fits, filter) in [
            (true, blank()),
            (true, Filter { method: "get".into(), path: "events".into(), ..blank() }),
            (false, Filter { method: "POST".into(), ..blank() }),
            (false, Filter { path: "calendars".into(), ..blank() }),
            (true, Filter { status: "4xx".into(), ..blank() }),
            (true, Filter { status: "404".into(), ..blank() }),
            (false, Filter { status: "2xx".into(), ..blank() }),
            (false, Filter { application: "other".into(), ..blank() }),
            (true, Filter { impersonated: "any".into(), ..blank() }),
            (true, Filter { impersonated: "acc_1".into(), ..blank() }),
            (false, Filter { impersonated: "none".into(), ..blank() }),
            (false, Filter { impersonated: "acc_2".into(), ..blank() }),
        ] {
            assert_eq!(filter.fits(&seen), fits, "{filter:?}");
        }
        assert!(Filter { impersonated: "none".into(), ..blank() }.fits(&request(None, None)));
        assert!(!Filter { status: "4xx".into(), ..blank() }.fits(&request(None, None)));
    }

    #[test]
    fn an_address_holds_the_filter_and_nothing_empty() {
        let filter = Filter { path: "a&b".into(), status: "4xx".into(), ..Filter::default() };
        assert_eq!(filter.address(&[("live", "on")]), "/dashboard/requests?path=a%26b&status=4xx&live=on");
        assert_eq!(Filter::default().address(&[]), "/dashboard/requests");
    }
}
