//! Where the demo happens: a sandbox of its own, or the user's application at Cronofy.

use std::path::PathBuf;

use orgconnect::{Client, FileStore};
use orgconnect_sandbox::{NewApplication, Sandbox};
use tempfile::TempDir;

use super::narrator::Narrator;
use crate::{
    context::Context,
    failure::{Failure, Result},
};

pub(crate) const OWNER: &str = "owner@example.com";
const MEMBER: &str = "doc@example.com";

pub(crate) enum World<'a> {
    Sandbox { sandbox: Sandbox, client_id: String, client_secret: String, directory: TempDir },
    Cronofy { context: &'a Context },
}

impl<'a> World<'a> {
    /// Cronofy if all three credentials are set, a sandbox if none is.
    pub(crate) async fn open(context: &'a Context, narrator: &mut Narrator) -> Result<Self> {
        let global = &context.global;
        let place = global.data_center.is_some() || global.base_url.is_some();
        match (global.client_id.is_some(), context.has_client_secret(), place) {
            (true, true, true) => {
                let at = global.base_url.clone().or(global.data_center.clone()).unwrap_or_default();
                narrator.step("cronofy", "your application's credentials", &format!("data center {at}"));
                return Ok(Self::Cronofy { context });
            }
            (false, false, _) => {}
            _ => {
                return Err(Failure::usage(
                    "to run against Cronofy set CRONOFY_CLIENT_ID, CRONOFY_CLIENT_SECRET and CRONOFY_DATA_CENTER; to run in a sandbox set none of them",
                ));
            }
        }
        let sandbox = Sandbox::builder().start().await?;
        narrator.step("sandbox", "started in this process", sandbox.url());
        let new = NewApplication {
            name: "Demo".into(),
            url: "http://localhost/".into(),
            ..NewApplication::default()
        };
        let application = sandbox.control().create_application(new);
        narrator.step(
            "application",
            "\"Demo\", in development mode",
            &format!("client_id {}", application.client_id),
        );
        let directory =
            tempfile::tempdir().map_err(|error| Failure::machine("a temporary directory", error))?;
        Ok(Self::Sandbox {
            client_id: application.client_id.clone(),
            client_secret: application.client_secret.clone(),
            sandbox,
            directory,
        })
    }

    /// A client that knows nothing but the store.
    pub(crate) fn client(&self) -> Result<Client> {
        match self {
            Self::Sandbox { sandbox, client_id, client_secret, .. } => {
                let store = FileStore::open(self.directory()).map_err(orgconnect::Error::from)?;
                Ok(Client::builder(client_id, client_secret.as_str())
                    .base_url(sandbox.url())
                    .store(store)
                    .build()?)
            }
            Self::Cronofy { context } => context.client(),
        }
    }

    pub(crate) fn is_sandbox(&self) -> bool {
        matches!(self, Self::Sandbox { .. })
    }

    pub(crate) fn approver(&self) -> &'static str {
        if self.is_sandbox() { OWNER } else { "yourself" }
    }

    /// Whom to act as; against Cronofy it is the first member.
    pub(crate) fn member(&self) -> Option<String> {
        self.is_sandbox().then(|| MEMBER.to_owned())
    }

    pub(crate) fn store(&self) -> String {
        if self.is_sandbox() { "in files of mode 0600".to_owned() } else { "in your token store".to_owned() }
    }

    /// Lets two hours pass for the sandbox.
    pub(crate) fn expire(&self) {
        if let Self::Sandbox { sandbox, .. } = self {
            sandbox.control().advance(std::time::Duration::from_hours(2));
        }
    }

    /// How often the connection was refreshed, as the sandbox has counted.
    pub(crate) fn refreshes(&self) -> u64 {
        match self {
            Self::Sandbox { sandbox, .. } => sandbox.control().counters().refreshes.values().sum(),
            Self::Cronofy { .. } => 0,
        }
    }

    /// How many requests the sandbox has received.
    pub(crate) fn requests(&self) -> u64 {
        match self {
            Self::Sandbox { sandbox, .. } => sandbox.control().counters().requests,
            Self::Cronofy { .. } => 0,
        }
    }

    /// Whether the last request was made for the member with this `sub`, as the sandbox has seen it. What Cronofy has seen
    /// is not known.
    pub(crate) fn saw_impersonation(&self, sub: &str) -> bool {
        match self {
            Self::Sandbox { sandbox, .. } => {
                let last = sandbox.control().requests().pop();
                last.is_some_and(|request| request.impersonated.as_deref() == Some(sub))
            }
            Self::Cronofy { .. } => true,
        }
    }

    /// Checks that the files of the sandbox's tokens are there, and their owner's alone.
    pub(crate) fn check_store(&self) -> Result<()> {
        #[cfg(unix)]
        if self.is_sandbox() {
            use std::os::unix::fs::PermissionsExt;
            let failed = |error| Failure::machine("the token store", error);
            let mut records = 0;
            for entry in std::fs::read_dir(self.directory()).map_err(failed)? {
                let entry = entry.map_err(failed)?;
                if entry.metadata().map_err(failed)?.permissions().mode() & 0o777 != 0o600 {
                    return Err(Failure::Demo(
                        "a file of the token store has other rights than 0600".to_owned(),
                    ));
                }
                records += usize::from(entry.path().extension().is_some_and(|kind| kind == "json"));
            }
            if records == 0 {
                return Err(Failure::Demo("nothing was written to the token store".to_owned()));
            }
        }
        Ok(())
    }

    fn directory(&self) -> PathBuf {
        match self {
            Self::Sandbox { directory, .. } => directory.path().join("tokens"),
            Self::Cronofy { .. } => PathBuf::new(),
        }
    }
}
