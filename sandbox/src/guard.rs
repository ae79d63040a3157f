//! Keeps strangers out: only names of this machine with our port are answered (a web page that rebinds its own name to
//! 127.0.0.1 has another `Host`), and no other site's form or script changes anything.

use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::Mutex;

use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::clock::lock;

/// The hosts we answer to.
#[derive(Debug)]
pub(crate) struct Guard {
    address: IpAddr,
    ports: Mutex<HashSet<u16>>,
}

impl Guard {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self { address: address.ip(), ports: Mutex::new(HashSet::from([address.port()])) }
    }

    /// Answers to a port that another program of this machine forwards to ours, too.
    pub(crate) fn allow_port(&self, port: u16) {
        lock(&self.ports).insert(port);
    }

    /// The origin a request was sent to, or the refusal.
    pub(crate) fn admit(&self, parts: &Parts) -> Result<String, Box<Response>> {
        let host = single(&parts.headers, &header::HOST).unwrap_or_default();
        let authority = parts.uri.authority().map(axum::http::uri::Authority::as_str);
        if !self.is_ours(host) || authority.is_some_and(|authority| !self.is_ours(authority)) {
            return Err(Box::new(refuse(
                StatusCode::MISDIRECTED_REQUEST,
                "This is a sandbox on the loopback interface. It answers to 127.0.0.1, localhost and [::1] with its own \
                 port in the Host header, and to nothing else.\n",
            )));
        }
        let origin = format!("http://{host}");
        if is_guarded(parts.uri.path()) && changes_state(&parts.method) && is_foreign(&parts.headers, &origin)
        {
            return Err(Box::new(refuse(
                StatusCode::FORBIDDEN,
                "The sandbox takes changes from its own pages and from programs, not from other web sites.\n",
            )));
        }
        Ok(origin)
    }

    fn is_ours(&self, host: &str) -> bool {
        let (name, port) = match host.rsplit_once(':') {
            Some((name, port)) if !port.ends_with(']') => (name, port.parse().ok()),
            _ => (host, Some(80)),
        };
        let known = name.eq_ignore_ascii_case("localhost")
            || name == "127.0.0.1"
            || name == "[::1]"
            || name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|name| name == self.address);
        known && port.is_some_and(|port| lock(&self.ports).contains(&port))
    }
}

/// Everything but the API proper, which no browser carries credentials to on its own.
fn is_guarded(path: &str) -> bool {
    !path.starts_with("/v1/") && !matches!(path, "/oauth/token" | "/oauth/token/revoke")
}

fn changes_state(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

fn is_foreign(headers: &HeaderMap, own: &str) -> bool {
    let origin = single(headers, &header::ORIGIN);
    let site = single(headers, &HeaderName::from_static("sec-fetch-site"));
    let foreign_origin = headers.contains_key(header::ORIGIN) && origin != Some(own);
    foreign_origin || site.is_some_and(|site| matches!(site, "cross-site" | "same-site"))
}

/// A header's value where it came once and is plain text.
fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    values.next()?.to_str().ok().filter(|_| values.next().is_none())
}

fn refuse(status: StatusCode, why: &'static str) -> Response {
    (status, why).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_names_and_port_are_ours() {
        let guard = Guard::new("127.0.0.1:8787".parse().unwrap());
        for ours in ["127.0.0.1:8787", "localhost:8787", "LOCALHOST:8787", "[::1]:8787"] {
            assert!(guard.is_ours(ours), "{ours}");
        }
        for foreign in [
            "",
            "127.0.0.1",
            "127.0.0.1:8788",
            "evil.example:8787",
            "127.0.0.1.evil.example:8787",
            "localhost:",
            "[::1]",
        ] {
            assert!(!guard.is_ours(foreign), "{foreign}");
        }
        guard.allow_port(9000);
        assert!(guard.is_ours("127.0.0.1:9000"));
    }
}
