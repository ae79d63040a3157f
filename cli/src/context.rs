//! What every command works with: the settings, and what is made of them when it is needed.

use std::{
    cell::RefCell,
    path::{Path, PathBuf},
    sync::Arc,
};

use orgconnect::{
    Account, Client, Connection, ConnectionKind, ConnectionState, ConnectionSummary, FileStore, Organization,
    TokenStore,
};

use crate::{
    cli::{Acting, Global},
    failure::{Failure, Result},
    output::Output,
};

const CLIENT_SECRET: &str = "CRONOFY_CLIENT_SECRET";
/// How many connections are read from the store at once.
const PAGE: usize = 100;

pub(crate) struct Context {
    pub(crate) global: Global,
    pub(crate) output: Output,
    /// Every client that was made, to be settled before the program ends.
    clients: RefCell<Vec<Client>>,
}

/// Whoever a call is made by.
pub(crate) enum Caller {
    Client(Client),
    Organization(Organization),
    Account(Account),
    ServiceAccount(orgconnect::ServiceAccount),
}

impl Context {
    /// An option whose variable is set to nothing is not set.
    pub(crate) fn new(global: Global, output: Output) -> Self {
        let text = |option: Option<String>| option.filter(|value| !value.is_empty());
        let path = |option: Option<PathBuf>| option.filter(|value| !value.as_os_str().is_empty());
        let global = Global {
            client_id: text(global.client_id),
            client_secret_file: path(global.client_secret_file),
            data_center: text(global.data_center),
            base_url: text(global.base_url),
            store: text(global.store),
            json: global.json,
        };
        Self { global, output, clients: RefCell::default() }
    }

    pub(crate) fn has_client_secret(&self) -> bool {
        self.global.client_secret_file.is_some() || secret_of(CLIENT_SECRET).is_some()
    }

    /// Waits for what goes on in the background: a refresh that is cut off may cost the connection.
    pub(crate) async fn settle(&self) -> Result<()> {
        let clients = self.clients.take();
        for client in clients {
            client.settle().await?;
        }
        Ok(())
    }

    pub(crate) fn client_secret(&self) -> Result<String> {
        if let Some(path) = &self.global.client_secret_file {
            return secret_in("--client-secret-file", path);
        }
        secret_of(CLIENT_SECRET).ok_or_else(|| {
            Failure::usage("set CRONOFY_CLIENT_SECRET, or name a file with --client-secret-file; `orgconnect sandbox` prints one to try")
        })
    }

    pub(crate) fn client(&self) -> Result<Client> {
        self.client_on(self.store()?)
    }

    /// The application's client on another store than the one that is set.
    pub(crate) fn client_on(&self, store: Arc<dyn TokenStore>) -> Result<Client> {
        let Some(client_id) = &self.global.client_id else {
            return Err(Failure::usage(
                "set CRONOFY_CLIENT_ID, or pass --client-id; `orgconnect sandbox` prints one to try",
            ));
        };
        let mut builder = Client::builder(client_id, self.client_secret()?)
            .shared_store(store)
            .user_agent_suffix(concat!("orgconnect-cli/", env!("CARGO_PKG_VERSION")));
        if let Some(data_center) = &self.global.data_center {
            builder = builder.data_center(data_center.parse()?);
        }
        if let Some(base_url) = &self.global.base_url {
            builder = builder.base_url(base_url);
        }
        let client = builder.build()?;
        self.clients.borrow_mut().push(client.clone());
        Ok(client)
    }

    /// The token store that is set, opened.
    pub(crate) fn store(&self) -> Result<Arc<dyn TokenStore>> {
        match &self.global.store {
            Some(text) => open(text),
            None => Ok(Arc::new(FileStore::open(usual_directory()?).map_err(orgconnect::Error::from)?)),
        }
    }

    /// The connection that was named, or the only one there is.
    pub(crate) async fn connection(&self, client: &Client, id: Option<&str>) -> Result<Connection> {
        if let Some(id) = id {
            return Ok(client.connection(id)?);
        }
        let found = all_connections(client).await?;
        let usable = found.iter().filter(|summary| summary.state == ConnectionState::Active);
        let usable: Vec<&ConnectionSummary> = usable.collect();
        match (usable.as_slice(), found.as_slice()) {
            ([only], _) => Ok(client.connection(&only.id)?),
            // Whatever ended it is said when it is used.
            ([], [only]) => Ok(client.connection(&only.id)?),
            ([], []) => Err(Failure::usage("nothing is connected yet; run `orgconnect login` first")),
            ([], _) => Err(Failure::usage(
                "no connection is in use any more; run `orgconnect login`, or see `orgconnect connections`",
            )),
            (several, _) => {
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

/// The directory in which tokens are kept if nothing else is said.
fn usual_directory() -> Result<PathBuf> {
    let data = std::env::var_os("XDG_DATA_HOME")
        .filter(|value| !value.is_empty())
        .map(PathBuf::from)
        .or_else(|| std::env::home_dir().map(|home| home.join(".local/share")));
    data.map(|data| data.join("orgconnect/tokens"))
        .ok_or_else(|| Failure::usage("there is no home directory to keep tokens in; pass --store DIR"))
}

/// The store that a text names: a directory, unless it begins with the kind of store.
pub(crate) fn open(text: &str) -> Result<Arc<dyn TokenStore>> {
    // One letter before a colon is a drive.
    let is_name = text.split_once(':').is_some_and(|(kind, _)| {
        kind.len() > 1 && kind.bytes().all(|octet| octet.is_ascii_lowercase() || octet == b'+')
    });
    let opened = if is_name {
        orgconnect::store::open(text)
    } else {
        FileStore::open(text).map(|store| Arc::new(store) as Arc<dyn TokenStore>)
    };
    Ok(opened.map_err(orgconnect::Error::from)?)
}

/// Every connection of the application that the store holds, those that have ended too.
pub(crate) async fn all_connections(client: &Client) -> Result<Vec<ConnectionSummary>> {
    let mut all = Vec::new();
    loop {
        let after = all.last().map(|summary: &ConnectionSummary| summary.id.clone());
        let page = client.connections(after.as_ref(), PAGE).await?;
        if page.is_empty() {
            return Ok(all);
        }
        all.extend(page);
    }
}

/// A secret from the environment, if there is one.
pub(crate) fn secret_of(variable: &str) -> Option<String> {
    std::env::var(variable).ok().filter(|value| !value.is_empty())
}

/// A secret from a file that holds nothing else.
pub(crate) fn secret_in(option: &str, path: &Path) -> Result<String> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::machine(format_args!("{option} {}", path.display()), error))?;
    Ok(text.trim().to_owned())
}
