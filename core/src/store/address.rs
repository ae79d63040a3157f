//! How stores are named by a text: its options, taken out one by one; and what those on a server share beside: a deadline
//! for every call, and TLS.

use super::{StoreError, StoreErrorKind};
#[cfg(any(feature = "postgres", feature = "redis"))]
use std::{fmt, net::IpAddr, str::FromStr, time::Duration};

/// How long a call may take if the URL doesn't say: much longer than a server in order needs.
#[cfg(any(feature = "postgres", feature = "redis"))]
const USUAL_TIMEOUT: Duration = Duration::from_secs(5);

/// A text like a URL, whose query is taken apart, so that options of ours never reach the driver.
pub(super) struct Address {
    /// All before the query.
    pub(super) base: String,
    options: Vec<(String, String)>,
}

impl Address {
    /// Takes it apart.
    ///
    /// # Errors
    /// [`StoreErrorKind::Refused`] if an option is given twice.
    pub(super) fn parse(url: &str) -> Result<Self, StoreError> {
        let (base, query) = url.split_once('?').unwrap_or((url, ""));
        let mut options: Vec<(String, String)> = Vec::new();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            if options.iter().any(|(other, _)| *other == name) {
                return Err(refused(&format!("the option {} is there twice; give it once", plain(&name))));
            }
            options.push((name.into_owned(), value.into_owned()));
        }
        Ok(Self { base: base.to_owned(), options })
    }

    /// Takes an option out.
    pub(super) fn take(&mut self, name: &str) -> Option<String> {
        let at = self.options.iter().position(|(other, _)| other == name)?;
        Some(self.options.remove(at).1)
    }

    /// Takes a number out.
    #[cfg(any(feature = "postgres", feature = "redis"))]
    pub(super) fn take_number<T: FromStr + PartialOrd + fmt::Display + Copy>(
        &mut self,
        name: &str,
        least: T,
        most: T,
        usual: T,
    ) -> Result<T, StoreError> {
        let Some(text) = self.take(name) else { return Ok(usual) };
        match text.parse() {
            Ok(number) if number >= least && number <= most => Ok(number),
            _ => Err(refused(&format!("the option {name} must be a number from {least} to {most}"))),
        }
    }

    /// Takes the deadline of a call out, in seconds.
    #[cfg(any(feature = "postgres", feature = "redis"))]
    pub(super) fn take_timeout(&mut self) -> Result<Duration, StoreError> {
        self.take_number("timeout", 1, 60, USUAL_TIMEOUT.as_secs()).map(Duration::from_secs)
    }

    /// Takes the TLS settings out: the operating system's roots, and those of a file in `sslrootcert` beside them.
    #[cfg(any(feature = "postgres", feature = "redis"))]
    pub(super) fn take_tls(&mut self) -> Result<rustls::ClientConfig, StoreError> {
        let mut extra = Vec::new();
        if let Some(path) = self.take("sslrootcert") {
            extra.push(std::fs::read(&path).map_err(|error| {
                refused(&format!(
                    "the file of sslrootcert, {path}, can't be read ({error}); check path and rights"
                ))
            })?);
        }
        crate::http::tls::config(&extra).map_err(|_| {
            refused("the file of sslrootcert holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)")
        })
    }

    /// What is left, as a text again.
    #[cfg(any(feature = "postgres", feature = "redis"))]
    pub(super) fn rest(&self) -> String {
        if self.options.is_empty() {
            return self.base.clone();
        }
        let query: String = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(&self.options)
            .finish()
            // A driver that reads percent-encoding only takes a plus for a plus.
            .replace('+', "%20");
        format!("{}?{query}", self.base)
    }

    /// Refuses what nobody has taken.
    pub(super) fn finish(self) -> Result<(), StoreError> {
        match self.options.first() {
            None => Ok(()),
            Some((name, _)) => Err(refused(&format!("there is no option {}; take it away", plain(name)))),
        }
    }
}

/// Ends a call that takes too long.
#[cfg(any(feature = "postgres", feature = "redis"))]
pub(super) async fn within<T>(
    limit: Duration,
    server: &str,
    call: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    tokio::time::timeout(limit, call).await.unwrap_or_else(|_| {
        Err(StoreError::new(
            StoreErrorKind::Unavailable,
            format!(
                "{server} has not answered for {} s; check that it runs, and the network",
                limit.as_secs()
            ),
        ))
    })
}

/// Whether a host is this machine, so that what goes there is on no network.
#[cfg(any(feature = "postgres", feature = "redis"))]
pub(super) fn is_loopback(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Decodes a part of a URL.
pub(super) fn decode(part: &str) -> Result<String, StoreError> {
    percent_encoding::percent_decode_str(part)
        .decode_utf8()
        .map(std::borrow::Cow::into_owned)
        .map_err(|_| refused("a part of it is not UTF-8"))
}

/// A name that may be shown: one that is something else, perhaps a secret in the wrong place, is not.
fn plain(name: &str) -> &str {
    let fits = name.len() <= 40 && name.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b'_');
    if fits { name } else { "(not a name)" }
}

fn refused(why: &str) -> StoreError {
    StoreError::new(StoreErrorKind::Refused, format!("the name of the token store: {why}"))
}

#[cfg(all(test, feature = "postgres", feature = "redis"))]
mod tests {
    use super::*;

    #[test]
    fn options_of_ours_are_taken_out_and_the_rest_is_left_for_the_driver() {
        let mut address =
            Address::parse("postgres://h/db?timeout=7&application_name=a%20b%2B&pool=3").unwrap();
        assert_eq!(address.take_timeout().unwrap(), Duration::from_secs(7));
        assert_eq!(address.take_number("pool", 1, 100, 10).unwrap(), 3);
        assert_eq!(address.rest(), "postgres://h/db?application_name=a%20b%2B");
        assert!(address.finish().unwrap_err().to_string().contains("application_name"));
    }

    #[test]
    fn an_option_that_is_odd_is_named_and_its_value_is_not_shown() {
        for (url, why) in [
            ("x://h?timeout=0", "timeout must be a number from 1 to 60"),
            ("x://h?timeout=soon", "timeout must be a number"),
            ("x://h?a=1&a=2", "the option a is there twice"),
        ] {
            let error = Address::parse(url).and_then(|mut address| address.take_timeout()).unwrap_err();
            assert_eq!(error.kind(), StoreErrorKind::Refused);
            assert!(error.to_string().contains(why), "{error}");
        }
        let error = Address::parse("x://h?pass-word-canary!").unwrap().finish().unwrap_err();
        assert!(!error.to_string().contains("canary"), "{error}");
    }

    #[test]
    fn loopback_is_this_machine_and_nothing_else() {
        for here in ["localhost", "LOCALHOST", "127.0.0.1", "127.8.8.8", "::1", "[::1]"] {
            assert!(is_loopback(here), "{here}");
        }
        for elsewhere in ["", "localhost.example.com", "10.0.0.1", "127.0.0.1.example.com", "::2"] {
            assert!(!is_loopback(elsewhere), "{elsewhere}");
        }
    }
}
