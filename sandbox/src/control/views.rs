//! What the control API shows of records that hold secrets.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::recorder::mask;
use crate::world::World;
use crate::world::accounts::Account;
use crate::world::applications::Application;
use crate::world::authorizations::{Connection, ConnectionKind, ConnectionStatus};
use crate::world::organizations::Organization;
use crate::world::store::StoreError;

/// A connection with its tokens masked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectionView {
    /// The application that was authorized.
    pub client_id: String,
    /// Its name.
    pub application: String,
    /// The canonical id: `opu_…`, `acc_…`, `ser_…` or `apc_…`.
    pub sub: String,
    /// What kind of authorization it is.
    pub kind: ConnectionKind,
    /// Whose it is, for people: an organization's name, an e-mail address.
    pub of: String,
    /// What was granted.
    pub scope: String,
    /// Whether it may still be used.
    pub status: ConnectionStatus,
    /// When it was made.
    pub created: Timestamp,
    /// How often it was refreshed.
    pub refreshes: u64,
    /// How many lives of access tokens it has seen; see [`Counters`](crate::Counters).
    pub epoch: u64,
    /// The newest refresh token, masked.
    pub refresh_token: Option<String>,
    /// The newest access token, masked.
    pub access_token: Option<String>,
    /// When the newest access token expires.
    pub access_token_expires: Timestamp,
}

impl ConnectionView {
    pub(crate) fn of(world: &World, connection: &Connection) -> Result<Self, StoreError> {
        let grant = &connection.grant;
        let of = match grant.kind {
            ConnectionKind::Organization => {
                world.store.get::<Organization>(&grant.subject)?.map(|organization| organization.name)
            }
            ConnectionKind::ServiceAccount => None,
            ConnectionKind::Account | ConnectionKind::ApplicationCalendar => {
                let account = world.store.get::<Account>(&grant.sub)?;
                account.map(|account| if account.email.is_empty() { account.name } else { account.email })
            }
        };
        let application = world.store.get::<Application>(&grant.client_id)?;
        let (refresh, access) = world.newest_tokens(connection)?;
        Ok(Self {
            client_id: grant.client_id.clone(),
            application: application.map_or_else(String::new, |application| application.name),
            sub: grant.sub.clone(),
            kind: grant.kind,
            of: of.unwrap_or_else(|| grant.subject.clone()),
            scope: grant.scope.clone(),
            status: connection.status,
            created: instant(connection.created_ms),
            refreshes: connection.refreshes,
            epoch: connection.epoch,
            refresh_token: refresh.as_deref().map(mask),
            access_token: access.as_deref().map(mask),
            access_token_expires: instant(connection.newest_expires_ms),
        })
    }
}

fn instant(milliseconds: i64) -> Timestamp {
    Timestamp::from_millisecond(milliseconds).unwrap_or(Timestamp::MAX)
}
