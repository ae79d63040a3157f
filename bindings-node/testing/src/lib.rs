//! The sandbox inside a Node process, for tests: an addon of its own, so that what runs in production carries no sandbox.
//! TypeScript talks to it over its control API, as everybody does.
#![deny(unsafe_code)]
// What napi exports is handed over by value, and is reached from JavaScript alone.
#![allow(clippy::needless_pass_by_value, missing_docs, unreachable_pub)]

use std::path::PathBuf;

use napi::{Env, Error, Result, Task, bindgen_prelude::AsyncTask};
use napi_derive::napi;
use orgconnect_sandbox::{NewApplication, Sandbox, SandboxBuilder, Timestamp};

/// How a sandbox is to start.
#[napi(object, object_to_js = false)]
pub struct Options {
    pub seed: Option<f64>,
    pub auto_approve: Option<bool>,
    pub data: Option<String>,
    /// In milliseconds.
    pub time: Option<f64>,
    pub port: Option<u16>,
}

/// A sandbox that runs on a thread of its own until it is stopped or collected.
#[napi]
pub struct RunningSandbox {
    sandbox: Option<Sandbox>,
    client_id: String,
    client_secret: String,
}

#[napi]
impl RunningSandbox {
    #[napi(getter)]
    pub fn url(&self) -> String {
        self.sandbox.as_ref().map(|sandbox| sandbox.url().to_owned()).unwrap_or_default()
    }

    #[napi(getter)]
    pub fn client_id(&self) -> String {
        self.client_id.clone()
    }

    #[napi(getter)]
    pub fn client_secret(&self) -> String {
        self.client_secret.clone()
    }

    /// Stops it, once. The port is free when this returns.
    #[napi]
    pub fn stop(&mut self) {
        self.sandbox.take();
    }
}

/// Starts a sandbox away from JavaScript's thread.
#[napi]
pub fn start_sandbox(options: Options) -> AsyncTask<Start> {
    AsyncTask::new(Start { options })
}

pub struct Start {
    options: Options,
}

impl Task for Start {
    type Output = RunningSandbox;
    type JsValue = RunningSandbox;

    fn compute(&mut self) -> Result<RunningSandbox> {
        let failed = |error: &dyn std::fmt::Display| {
            Error::from_reason(format!("the sandbox could not be started: {error}"))
        };
        let runtime =
            tokio::runtime::Builder::new_current_thread().build().map_err(|error| failed(&error))?;
        let sandbox = runtime.block_on(self.options.builder().start()).map_err(|error| failed(&error))?;
        let control = sandbox.control();
        let application = control.applications().into_iter().next().unwrap_or_else(|| {
            control.create_application(NewApplication {
                name: "Test".into(),
                url: "http://localhost/".into(),
                ..NewApplication::default()
            })
        });
        Ok(RunningSandbox {
            client_id: application.client_id,
            client_secret: application.client_secret,
            sandbox: Some(sandbox),
        })
    }

    fn resolve(&mut self, _env: Env, sandbox: RunningSandbox) -> Result<RunningSandbox> {
        Ok(sandbox)
    }
}

impl Options {
    fn builder(&self) -> SandboxBuilder {
        let mut builder = Sandbox::builder().auto_approve(self.auto_approve.unwrap_or(false));
        if let Some(seed) = self.seed {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it saturates")]
            let seed = seed as u64;
            builder = builder.seed(seed);
        }
        if let Some(data) = &self.data {
            builder = builder.data(PathBuf::from(data));
        }
        if let Some(time) = self.time {
            #[expect(clippy::cast_possible_truncation, reason = "it saturates")]
            let time = Timestamp::from_millisecond(time as i64).unwrap_or(Timestamp::MAX);
            builder = builder.time(time);
        }
        if let Some(port) = self.port {
            builder = builder.listen(std::net::SocketAddr::from((std::net::Ipv4Addr::LOCALHOST, port)));
        }
        builder
    }
}
