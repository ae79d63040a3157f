//! What every call goes through, whoever makes it: addresses, deadlines, one pool of connections, limits, the clock. It
//! holds no credential, so that a client without a secret is made of the same parts.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;

use crate::{
    Error, Result,
    clock::{Clock, Skew, SystemClock},
    config::{DataCenter, Endpoints},
    http::{
        Transport, TransportOptions,
        limit::{Gate, RateLimit},
        request,
        retry::{RetryBudget, RetryPolicy},
    },
    organization::MemberCache,
    process::PerProcess,
};

const SMALLEST_RESPONSE_LIMIT: usize = 64 << 10;

/// The way to a server.
pub(crate) struct Wire {
    pub(crate) endpoints: Endpoints,
    pub(crate) timeout: Duration,
    pub(crate) retry: RetryPolicy,
    pub(crate) transport: Transport,
    pub(crate) budget: RetryBudget,
    rate_limit: Option<RateLimit>,
    gate: PerProcess<Gate>,
    members: PerProcess<MemberCache>,
    clock: Arc<dyn Clock>,
    skew: Skew,
}

/// The settings that every client has.
#[derive(Clone)]
pub(crate) struct WireSettings {
    pub(crate) data_center: DataCenter,
    pub(crate) base_url: Option<String>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) timeout: Duration,
    pub(crate) connect_timeout: Duration,
    pub(crate) retry: RetryPolicy,
    pub(crate) rate_limit: Option<RateLimit>,
    pub(crate) max_response_bytes: usize,
    pub(crate) proxy: Option<String>,
    pub(crate) extra_ca_certificates: Vec<Vec<u8>>,
    pub(crate) user_agent_suffix: Option<String>,
    pub(crate) host_language: String,
}

impl Default for WireSettings {
    fn default() -> Self {
        Self {
            data_center: DataCenter::default(),
            base_url: None,
            clock: Arc::new(SystemClock),
            timeout: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(5),
            retry: RetryPolicy::default(),
            rate_limit: None,
            max_response_bytes: 32 << 20,
            proxy: None,
            extra_ca_certificates: Vec::new(),
            user_agent_suffix: None,
            host_language: "rust".to_owned(),
        }
    }
}

impl Wire {
    /// The time by which tokens expire: the clock's, put right by what servers say.
    pub(crate) fn now(&self) -> Timestamp {
        self.skew.correct(self.clock.now())
    }

    /// Learns from an answer how far the clock is from the server's.
    pub(crate) fn compare_clocks(&self, headers: &http::HeaderMap) {
        self.skew.learn(headers, self.clock.now());
    }

    pub(crate) fn gate(&self) -> &Gate {
        self.gate.get(|| Gate::new(self.rate_limit))
    }

    pub(crate) fn members(&self) -> &MemberCache {
        self.members.get(MemberCache::default)
    }
}

impl std::fmt::Debug for Wire {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wire").field("endpoints", &self.endpoints.name).finish_non_exhaustive()
    }
}

impl WireSettings {
    /// Checks the settings and makes the way.
    pub(crate) fn build(self) -> Result<Wire> {
        within("timeout", self.timeout, Duration::from_hours(1))?;
        within("connect_timeout", self.connect_timeout, Duration::from_hours(1))?;
        if self.retry.attempts == 0 {
            return Err(Error::config("retry", "attempts must be at least 1"));
        }
        if self.retry.max_delay > Duration::from_mins(5) {
            return Err(Error::config("retry", "max_delay must be at most 5 minutes"));
        }
        if self.max_response_bytes < SMALLEST_RESPONSE_LIMIT {
            return Err(Error::config(
                "max_response_bytes",
                "must be at least 65536, or no reply can be read",
            ));
        }
        let endpoints = match &self.base_url {
            Some(base_url) => Endpoints::custom(base_url)?,
            None => Endpoints::of(self.data_center),
        };
        let mut user_agent = format!("orgconnect/{} ({})", env!("CARGO_PKG_VERSION"), self.host_language);
        if let Some(suffix) = &self.user_agent_suffix {
            user_agent = format!("{user_agent} {suffix}");
        }
        let transport = Transport::new(TransportOptions {
            connect_timeout: self.connect_timeout,
            max_response_bytes: self.max_response_bytes,
            user_agent: request::header("user_agent_suffix", &user_agent).map_err(|_| {
                Error::config(
                    "user_agent_suffix",
                    "must be visible ASCII without line breaks, like clinic/2.1",
                )
            })?,
            proxy: self.proxy,
            extra_ca_certificates: self.extra_ca_certificates,
            loopback: endpoints.api.starts_with("http://"),
        })?;
        Ok(Wire {
            endpoints,
            timeout: self.timeout,
            retry: self.retry,
            transport,
            budget: RetryBudget::new(),
            gate: PerProcess::new(Gate::new(self.rate_limit)),
            rate_limit: self.rate_limit,
            members: PerProcess::new(MemberCache::default()),
            clock: self.clock,
            skew: Skew::default(),
        })
    }
}

pub(crate) fn within(field: &'static str, value: Duration, longest: Duration) -> Result<()> {
    if value.is_zero() || value > longest {
        return Err(Error::config(
            field,
            format!("must be longer than nothing and at most {} s", longest.as_secs()),
        ));
    }
    Ok(())
}

/// Implements the settings that every client has on a builder, which is a struct with a field `wire`.
macro_rules! wire_settings {
    ($builder:ident) => {
        impl $builder {
            /// The data center in which the application lives. Default `us`.
            pub fn data_center(mut self, data_center: crate::DataCenter) -> Self {
                self.wire.data_center = data_center;
                self
            }

            /// A sandbox or a gateway in place of a data center: an https origin, or http on loopback.
            pub fn base_url(mut self, base_url: impl Into<String>) -> Self {
                self.wire.base_url = Some(base_url.into());
                self
            }

            /// The clock by which tokens expire. Default: the system's.
            pub fn clock(mut self, clock: std::sync::Arc<dyn crate::Clock>) -> Self {
                self.wire.clock = clock;
                self
            }

            /// The time for a whole call, repetitions included. Default 30 s.
            pub fn timeout(mut self, timeout: std::time::Duration) -> Self {
                self.wire.timeout = timeout;
                self
            }

            /// The time to make a connection. Default 5 s.
            pub fn connect_timeout(mut self, timeout: std::time::Duration) -> Self {
                self.wire.connect_timeout = timeout;
                self
            }

            /// How calls are repeated.
            pub fn retry(mut self, retry: crate::RetryPolicy) -> Self {
                self.wire.retry = retry;
                self
            }

            /// Holds requests back to a rate, for example [`RateLimit::CRONOFY`](crate::RateLimit::CRONOFY). Default: no
            /// limit but what a 429 asks for.
            pub fn rate_limit(mut self, limit: crate::RateLimit) -> Self {
                self.wire.rate_limit = Some(limit);
                self
            }

            /// The largest answer that is accepted, after decompression. Default 32 MiB.
            pub fn max_response_bytes(mut self, limit: usize) -> Self {
                self.wire.max_response_bytes = limit;
                self
            }

            /// The proxy for every request. Default: what `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` say.
            pub fn proxy(mut self, url: impl Into<String>) -> Self {
                self.wire.proxy = Some(url.into());
                self
            }

            /// Trusts one more certificate authority, in PEM form, beside the operating system's. May be called
            /// repeatedly.
            pub fn extra_ca_certificate(mut self, pem: impl Into<Vec<u8>>) -> Self {
                self.wire.extra_ca_certificates.push(pem.into());
                self
            }

            /// Adds the name and version of your application to the `User-Agent`, for example `clinic/2.1`.
            pub fn user_agent_suffix(mut self, suffix: impl Into<String>) -> Self {
                self.wire.user_agent_suffix = Some(suffix.into());
                self
            }

            /// Names the language that uses this crate in the `User-Agent`. For bindings.
            pub fn host_language(mut self, language: impl Into<String>) -> Self {
                self.wire.host_language = language.into();
                self
            }
        }
    };
}

pub(crate) use wire_settings;
