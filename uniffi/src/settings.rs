//! The settings that both doors have, in the words of the core's builders.

use std::{num::NonZeroU32, sync::Arc, time::Duration};

use orgconnect::{DataCenter, RateLimit, RetryPolicy};

use crate::{clock::NativeClock, error::NativeResult};

/// Where to call, and how. What is absent has the core's default.
#[derive(Debug, Clone, uniffi::Record)]
pub struct NativeSettings {
    /// The language of the host, for the `User-Agent`.
    pub host_language: String,
    /// The data center, by its id.
    #[uniffi(default = None)]
    pub data_center: Option<String>,
    /// A sandbox or a gateway in place of a data center.
    #[uniffi(default = None)]
    pub base_url: Option<String>,
    /// The time for a whole call.
    #[uniffi(default = None)]
    pub timeout_ms: Option<u64>,
    /// The time to make a connection.
    #[uniffi(default = None)]
    pub connect_timeout_ms: Option<u64>,
    /// How calls are repeated.
    #[uniffi(default = None)]
    pub retry: Option<NativeRetry>,
    /// The rate to which requests are held back.
    #[uniffi(default = None)]
    pub rate_limit: Option<NativeRateLimit>,
    /// The largest answer that is accepted.
    #[uniffi(default = None)]
    pub max_response_bytes: Option<u64>,
    /// The proxy for every request.
    #[uniffi(default = None)]
    pub proxy: Option<String>,
    /// Certificate authorities to trust beside the operating system's, in PEM form.
    #[uniffi(default = [])]
    pub extra_ca_certificates: Vec<Vec<u8>>,
    /// The name and version of the application, for the `User-Agent`.
    #[uniffi(default = None)]
    pub user_agent_suffix: Option<String>,
    /// The clock by which tokens expire.
    #[uniffi(default = None)]
    pub clock: Option<Arc<NativeClock>>,
}

/// How calls are repeated. What is absent has the core's default.
#[derive(Debug, Clone, uniffi::Record)]
pub struct NativeRetry {
    /// How often a call is sent at the most.
    #[uniffi(default = None)]
    pub attempts: Option<u32>,
    /// The longest pause before the second attempt.
    #[uniffi(default = None)]
    pub base_delay_ms: Option<u64>,
    /// The longest pause before any attempt.
    #[uniffi(default = None)]
    pub max_delay_ms: Option<u64>,
}

/// How many requests are sent.
#[derive(Debug, Clone, uniffi::Record)]
pub struct NativeRateLimit {
    /// At most this many in a second.
    pub per_second: u32,
    /// At most this many in a minute.
    pub per_minute: u32,
}

/// Applies the settings to a builder of the core; both builders have the same methods.
macro_rules! apply {
    ($settings:expr, $builder:expr) => {{
        let settings: $crate::settings::NativeSettings = $settings;
        let mut builder = $builder.host_language(settings.host_language.clone());
        if let Some(data_center) = settings.data_center()? {
            builder = builder.data_center(data_center);
        }
        if let Some(rate_limit) = settings.rate_limit()? {
            builder = builder.rate_limit(rate_limit);
        }
        if let Some(retry) = settings.retry() {
            builder = builder.retry(retry);
        }
        if let Some(base_url) = settings.base_url {
            builder = builder.base_url(base_url);
        }
        if let Some(timeout) = settings.timeout_ms {
            builder = builder.timeout(std::time::Duration::from_millis(timeout));
        }
        if let Some(timeout) = settings.connect_timeout_ms {
            builder = builder.connect_timeout(std::time::Duration::from_millis(timeout));
        }
        if let Some(limit) = settings.max_response_bytes {
            builder = builder.max_response_bytes(usize::try_from(limit).unwrap_or(usize::MAX));
        }
        if let Some(proxy) = settings.proxy {
            builder = builder.proxy(proxy);
        }
        for certificate in settings.extra_ca_certificates {
            builder = builder.extra_ca_certificate(certificate);
        }
        if let Some(suffix) = settings.user_agent_suffix {
            builder = builder.user_agent_suffix(suffix);
        }
        if let Some(clock) = settings.clock {
            builder = builder.clock(std::sync::Arc::clone(&clock.0) as _);
        }
        builder
    }};
}

pub(crate) use apply;

impl NativeSettings {
    pub(crate) fn data_center(&self) -> NativeResult<Option<DataCenter>> {
        Ok(self.data_center.as_deref().map(str::parse).transpose()?)
    }

    pub(crate) fn rate_limit(&self) -> NativeResult<Option<RateLimit>> {
        let Some(limit) = &self.rate_limit else { return Ok(None) };
        let number = |number| {
            NonZeroU32::new(number).ok_or_else(|| {
                orgconnect::Error::config("rate_limit", "must allow at least 1 request a second and a minute")
            })
        };
        let limit =
            RateLimit { per_second: number(limit.per_second)?, per_minute: number(limit.per_minute)? };
        Ok(Some(limit))
    }

    pub(crate) fn retry(&self) -> Option<RetryPolicy> {
        let retry = self.retry.as_ref()?;
        let mut policy = RetryPolicy::default();
        if let Some(attempts) = retry.attempts {
            policy.attempts = attempts;
        }
        if let Some(delay) = retry.base_delay_ms {
            policy.base_delay = Duration::from_millis(delay);
        }
        if let Some(delay) = retry.max_delay_ms {
            policy.max_delay = Duration::from_millis(delay);
        }
        Some(policy)
    }
}
