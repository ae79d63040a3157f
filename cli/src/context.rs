//! What every command works with: the settings, and what is made of them when it is needed.

use std::path::PathBuf;

use orgconnect::{Account, Client, Connection, ConnectionKind, FileStore, Organization};

use crate::{
    cli::{Acting, Global},
    failure::{Failure, Result},
    output::Output,
};

pub(crate) struct Context {
    pub(crate) global: Global,
    pub(crate) output: Output,
}

/// Whoever a call is made by.
pub(crate) enum Caller {
    Client(Client),
    Organization(Organization),
    Account(Account),
    ServiceAccount(orgconnect::ServiceAccount),
}

impl Context {
    pub(crate) fn new(global: Global, output: Output) -> Self {
        Self { global, output }
    }

    pub(crate) fn client_secret(&self) -> Result<String> {
        if let Some(path) = &self.global.client_secret_file {
            let text = std::fs::read_to_string(path).map_err(|error| {
                Failure::machine(format_args!("--client-secret-file {}", path.display()), error)
            })?;
            return Ok(text.trim().to_owned());
        }
        std::env::var("CRONOFY_CLIENT_SECRET").map_err(|_| {
            Failure::usage("set CRONOFY_CLIENT_SECRET, or name a file with --client-secret-file; `orgconnect sandbox` prints one to try")
        })
    }

    pub(crate) fn client(&self) -> Result<Client> {
        let Some(client_id) = &self.global.client_id else {
            return Err(Failure::usage(
                "set CRONOFY_CLIENT_ID, or pass --client-id; `orgconnect sandbox` prints one to try",
            ));
        };
        let store = FileStore::open(self.store_directory()?).map_err(orgconnect::Error::from)?;
        let mut builder = Client::builder(client_id, self.client_secret()?)
            .store(store)
            .user_agent_suffix(concat!("orgconnect-cli/", env!("CARGO_PKG_VERSION")));
        if let Some(data_center) = &self.global.data_center {
            builder = builder.data_center(data_center.parse()?);
        }
        if let Some(base_url) = &self.global.base_url {
            builder = builder.base_url(base_url);
        }
        Ok(builder.build()?)
    }

    fn store_directory(&self) -> Result<PathBuf> {
        if let Some(directory) = &self.global.store {
            return Ok(directory.clone());
        }
        let data = std::env::var_os("XDG_DATA_HOME")
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
            .or_else(|| std::env::home_dir().map(|home| home.join(".local/share")));
        data.map(|data| data.join("orgconnect/tokens"))
            .ok_or_else(|| Failure::usage("there is no home directory to keep tokens in; pass --store DIR"))
    }

    /// The connection that was named, or the only one there is.
    pub(crate) async fn connection(&self, client: &Client, id: Option<&str>) -> Result<Connection> {
        if let Some(id) = id {
            return Ok(client.connection(id)?);
        }
        let found = client.connections(None, 20).await?;
        match found.as_slice() {
            [only] => Ok(client.connection(&only.id)?),
            [] => Err(Failure::usage("nothing is connected yet; run `orgconnect login` first")),
            several => {
                let ids: Vec<&str> = several.iter().map(|summary| summary.id.as_str()).collect();
                Err(Failure::usage(format!(
                    "there are several connections; choose one with --connection: {}",
                    ids.join(", ")
                )))
            }
        }
    }

    /// The organization, account or service account that a command acts as.
    pub(crate) async fn acting(&self, client: &Client, acting: &Acting) -> Result<Caller> {
        let organization = if acting.internal {
            client.internal_organization()
        } else {
            let connection = self.connection(client, acting.connection.as_deref()).await?;
            match connection.summary().await?.kind {
                ConnectionKind::Account => return Ok(Caller::Account(connection.account())),
                ConnectionKind::ServiceAccount => {
                    return Ok(Caller::ServiceAccount(connection.service_account()));
                }
                _ => connection.organization(),
            }
        };
        match acting.member.as_deref() {
            None => Ok(Caller::Organization(organization)),
            Some(email) if email.contains('@') => {
                Ok(Caller::Account(organization.impersonate_email(email).await?))
            }
            Some(sub) => Ok(Caller::Account(organization.impersonate(sub)?)),
        }
    }
}

impl Caller {
    pub(crate) async fn send(
        &self,
        operation: &str,
        arguments: serde_json::Map<String, serde_json::Value>,
    ) -> Result<orgconnect::Reply> {
        Ok(match self {
            Self::Client(client) => client.send(operation, arguments).await?,
            Self::Organization(organization) => organization.send(operation, arguments).await?,
            Self::Account(account) => account.send(operation, arguments).await?,
            Self::ServiceAccount(account) => account.send(operation, arguments).await?,
        })
    }

    pub(crate) async fn follow(&self, operation: &str, next_page: &str) -> Result<orgconnect::Reply> {
        Ok(match self {
            Self::Client(client) => client.follow(operation, next_page).await?,
            Self::Organization(organization) => organization.follow(operation, next_page).await?,
            Self::Account(account) => account.follow(operation, next_page).await?,
            Self::ServiceAccount(account) => account.follow(operation, next_page).await?,
        })
    }
}
