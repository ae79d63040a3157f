//! The settings of a client, as they come from JavaScript.

use std::num::NonZeroU32;

use napi_derive::napi;
use orgconnect::{Client, Error, RateLimit, Result, RetryPolicy};

use crate::{
    clock::NativeClock,
    convert::{count, duration},
    store::NativeStore,
};

#[napi(object, object_to_js = false)]
pub struct Settings {
    pub client_id: String,
    pub client_secret: String,
    pub data_center: Option<String>,
    pub base_url: Option<String>,
    pub timeout: Option<f64>,
    pub connect_timeout: Option<f64>,
    pub token_timeout: Option<f64>,
    pub attempts: Option<f64>,
    pub base_delay: Option<f64>,
    pub max_delay: Option<f64>,
    pub per_second: Option<f64>,
    pub per_minute: Option<f64>,
    pub max_response_bytes: Option<f64>,
    pub proxy: Option<String>,
    pub extra_ca_certificates: Option<Vec<String>>,
    pub user_agent_suffix: Option<String>,
    pub require_encryption: Option<bool>,
    pub store_timeout: Option<f64>,
    pub host: String,
}

impl Settings {
    pub(crate) fn build(self, store: Option<&NativeStore>, clock: Option<&NativeClock>) -> Result<Client> {
        let mut retry = RetryPolicy::default();
        retry.attempts = self.attempts.map_or(retry.attempts, count);
        retry.base_delay = self.base_delay.map_or(retry.base_delay, duration);
        retry.max_delay = self.max_delay.map_or(retry.max_delay, duration);
        let mut builder =
            Client::builder(self.client_id, self.client_secret).host_language(self.host).retry(retry);
        if let Some(data_center) = self.data_center {
            builder = builder.data_center(data_center.parse()?);
        }
        if let Some(base_url) = self.base_url {
            builder = builder.base_url(base_url);
        }
        if let Some(store) = store {
            builder = builder.shared_store(store.shared());
        }
        if let Some(clock) = clock {
            builder = builder.clock(clock.clock.clone());
        }
        if let Some(timeout) = self.timeout {
            builder = builder.timeout(duration(timeout));
        }
        if let Some(timeout) = self.connect_timeout {
            builder = builder.connect_timeout(duration(timeout));
        }
        if let Some(timeout) = self.token_timeout {
            builder = builder.token_timeout(duration(timeout));
        }
        if let (Some(second), Some(minute)) = (self.per_second, self.per_minute) {
            builder = builder.rate_limit(RateLimit { per_second: rate(second)?, per_minute: rate(minute)? });
        }
        if let Some(limit) = self.max_response_bytes {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it saturates")]
            let limit = limit as usize;
            builder = builder.max_response_bytes(limit);
        }
        if let Some(proxy) = self.proxy {
            builder = builder.proxy(proxy);
        }
        for certificate in self.extra_ca_certificates.unwrap_or_default() {
            builder = builder.extra_ca_certificate(certificate);
        }
        if let Some(suffix) = self.user_agent_suffix {
            builder = builder.user_agent_suffix(suffix);
        }
        if let Some(required) = self.require_encryption {
            builder = builder.require_encryption(required);
        }
        if let Some(timeout) = self.store_timeout {
            builder = builder.store_timeout(duration(timeout));
        }
        builder.build()
    }
}

fn rate(number: f64) -> Result<NonZeroU32> {
    NonZeroU32::new(count(number)).ok_or_else(|| Error::config("rate_limit", "must be at least 1"))
}
