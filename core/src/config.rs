//! Where Cronofy is: the data centers as a closed type, and the origins that requests and authorization pages go to.

use std::{fmt, str::FromStr};

use url::Url;

use crate::{Error, Result};

/// A Cronofy data center. An application lives in exactly one.
///
/// Source: <https://docs.cronofy.com/developers/data-centers/>.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum DataCenter {
    /// United States: `api.cronofy.com`.
    #[default]
    Us,
    /// Germany: `api-de.cronofy.com`.
    De,
    /// United Kingdom: `api-uk.cronofy.com`.
    Uk,
    /// Australia: `api-au.cronofy.com`.
    Au,
    /// Canada: `api-ca.cronofy.com`.
    Ca,
    /// Singapore: `api-sg.cronofy.com`.
    Sg,
}

impl DataCenter {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Us, Self::De, Self::Uk, Self::Au, Self::Ca, Self::Sg];

    /// The id: `us`, `de`, `uk`, `au`, `ca` or `sg`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Us => "us",
            Self::De => "de",
            Self::Uk => "uk",
            Self::Au => "au",
            Self::Ca => "ca",
            Self::Sg => "sg",
        }
    }

    /// The origin of the API.
    pub const fn api_origin(self) -> &'static str {
        match self {
            Self::Us => "https://api.cronofy.com",
            Self::De => "https://api-de.cronofy.com",
            Self::Uk => "https://api-uk.cronofy.com",
            Self::Au => "https://api-au.cronofy.com",
            Self::Ca => "https://api-ca.cronofy.com",
            Self::Sg => "https://api-sg.cronofy.com",
        }
    }

    /// The origin of the pages that people see.
    pub const fn app_origin(self) -> &'static str {
        match self {
            Self::Us => "https://app.cronofy.com",
            Self::De => "https://app-de.cronofy.com",
            Self::Uk => "https://app-uk.cronofy.com",
            Self::Au => "https://app-au.cronofy.com",
            Self::Ca => "https://app-ca.cronofy.com",
            Self::Sg => "https://app-sg.cronofy.com",
        }
    }
}

impl fmt::Display for DataCenter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for DataCenter {
    type Err = Error;

    /// Reads an id in any case.
    fn from_str(text: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|data_center| data_center.as_str().eq_ignore_ascii_case(text)).ok_or_else(
            || {
                Error::config(
                    "data_center",
                    "is not one of us, de, uk, au, ca, sg; use the one your application lives in",
                )
            },
        )
    }
}

/// The origins of one Cronofy: a data center's two, or the one of a custom base URL.
///
/// An origin is `scheme://host[:port]` without a slash at its end.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Endpoints {
    pub(crate) api: String,
    pub(crate) app: String,
    /// How the pair is called in store keys and pending authorizations.
    pub(crate) name: String,
}

impl Endpoints {
    pub(crate) fn of(data_center: DataCenter) -> Self {
        Self {
            api: data_center.api_origin().to_owned(),
            app: data_center.app_origin().to_owned(),
            name: data_center.as_str().to_owned(),
        }
    }

    /// Takes a base URL for a sandbox or a gateway: https, or http on loopback, and nothing but an origin.
    pub(crate) fn custom(base_url: &str) -> Result<Self> {
        let refuse = |why: &str| Err(Error::config("base_url", why));
        let Ok(url) = Url::parse(base_url) else {
            return refuse("is not a URL; write it like https://host or http://127.0.0.1:8787");
        };
        if !url.username().is_empty() || url.password().is_some() {
            return refuse(
                "must not hold a user name or password; credentials are given by client_id and client_secret",
            );
        }
        if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
            return refuse("must be an origin alone, without path, query or fragment");
        }
        match url.scheme() {
            "https" => {}
            "http" if is_loopback(&url) => {}
            "http" => {
                return refuse("http is only accepted on loopback (127.0.0.1, ::1, localhost); use https");
            }
            _ => return refuse("must begin with https://, or http:// on loopback"),
        }
        let origin = url.origin().ascii_serialization();
        Ok(Self { api: origin.clone(), app: origin.clone(), name: origin })
    }

    /// Whether a link that Cronofy returned stays on the API, so that credentials may follow it.
    pub(crate) fn serves(&self, link: &Url) -> bool {
        link.username().is_empty()
            && link.password().is_none()
            && link.origin().ascii_serialization() == self.api
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_data_center_has_its_own_two_hosts() {
        let shown: Vec<String> = DataCenter::ALL
            .iter()
            .map(|data_center| {
                format!("{data_center} {} {}", data_center.api_origin(), data_center.app_origin())
            })
            .collect();
        insta::assert_snapshot!(shown.join("\n"));
    }

    #[test]
    fn a_data_center_that_is_not_one_is_refused_with_the_list() {
        for bad in ["", "eu", "us-east", "uk.evil.example", "de ", "\u{212A}"] {
            let error = bad.parse::<DataCenter>().unwrap_err();
            assert!(error.message().contains("us, de, uk, au, ca, sg"), "{error}");
        }
        assert_eq!("UK".parse::<DataCenter>().unwrap(), DataCenter::Uk);
    }

    #[test]
    fn http_is_accepted_on_loopback_and_nowhere_else() {
        for good in
            ["http://127.0.0.1:8787", "http://localhost:1/", "http://[::1]:9", "https://gateway.example"]
        {
            assert!(Endpoints::custom(good).is_ok(), "{good}");
        }
        for bad in [
            "http://example.com",
            "http://localhost.example.com",
            "http://127.0.0.1.example.com",
            "http://127.0.0.1@example.com",
            "https://user:password@host",
            "https://host/path",
            "https://host?query",
            "ftp://host",
            "//host",
            "",
        ] {
            let error = Endpoints::custom(bad).unwrap_err();
            assert!(error.fields().contains_key("base_url"), "{bad}: {error}");
            assert!(!error.message().contains("password@"), "{error}");
        }
    }

    #[test]
    fn a_link_is_served_only_on_the_same_scheme_host_and_port() {
        let endpoints = Endpoints::of(DataCenter::Us);
        let serves = |link: &str| endpoints.serves(&Url::parse(link).unwrap());
        assert!(serves("https://api.cronofy.com/v1/events/pages/1"));
        assert!(serves("https://api.cronofy.com:443/v1/events/pages/1"));
        for foreign in [
            "http://api.cronofy.com/v1",
            "https://api.cronofy.com:444/v1",
            "https://api-uk.cronofy.com/v1",
            "https://api.cronofy.com.example/v1",
            "https://x@api.cronofy.com/v1",
        ] {
            assert!(!serves(foreign), "{foreign}");
        }
    }

    proptest! {
        #[test]
        fn whatever_base_url_is_accepted_is_https_or_loopback(text in "(http|https|HTTP)://[a-z0-9.@:/\\[\\]#?%\\\\-]{0,30}") {
            if let Ok(endpoints) = Endpoints::custom(&text) {
                let url = Url::parse(&endpoints.api).unwrap();
                prop_assert!(url.scheme() == "https" || is_loopback(&url));
            }
        }
    }
}
