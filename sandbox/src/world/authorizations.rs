//! Authorizations: pending requests, codes, connections, and the access and refresh tokens of each connection.

use serde::{Deserialize, Serialize};

use super::World;
use super::store::{Record, StoreError};
use crate::settings::RefreshMode;

/// What a code stands for and a connection holds: who granted what to which application.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Grant {
    pub(crate) client_id: String,
    pub(crate) kind: ConnectionKind,
    /// The canonical id: `opu_…`, `acc_…`, `ser_…` or `apc_…`.
    pub(crate) sub: String,
    /// The organization, where the kind is [`ConnectionKind::Organization`]; else the same as `sub`.
    pub(crate) subject: String,
    pub(crate) scope: String,
    pub(crate) delegated_scope: Option<String>,
    /// The `sub` of the service account through which this was granted.
    pub(crate) through: Option<String>,
}

/// What kind of authorization a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConnectionKind {
    /// Organization Connect.
    Organization,
    /// Individual Connect, or access that a service account was given.
    Account,
    /// Enterprise Connect.
    ServiceAccount,
    /// A calendar of the application's own.
    ApplicationCalendar,
}

/// Whether a connection may still be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConnectionStatus {
    /// Its tokens are honoured.
    Active,
    /// Only a new authorization restores access.
    Revoked,
}

/// One authorization that was granted and exchanged for tokens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Connection {
    id: String,
    pub(crate) grant: Grant,
    pub(crate) status: ConnectionStatus,
    pub(crate) created_ms: i64,
    pub(crate) refreshes: u64,
    /// Counts the lives of access tokens; see [`Connection::open_epoch`].
    pub(crate) epoch: u64,
    newest_issued_ms: i64,
    pub(crate) newest_expires_ms: i64,
}

/// A code that was given to a redirect URI. A used one stays, so that its second use is known for what it is.
#[derive(Serialize, Deserialize)]
struct Code {
    code: String,
    redirect_uri: String,
    grant: Grant,
    expires_ms: i64,
    used: bool,
}

#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct AccessToken {
    token: String,
    pub(crate) connection_id: String,
    family: String,
    expires_ms: i64,
}

#[derive(Clone, Serialize, Deserialize)]
struct RefreshToken {
    token: String,
    connection_id: String,
    /// The first token of the line this one belongs to.
    family: String,
    successor: Option<String>,
    used: bool,
}

/// Tokens fresh from the endpoint.
pub(crate) struct Issued {
    pub(crate) connection: Connection,
    pub(crate) access_token: String,
    pub(crate) refresh_token: String,
    pub(crate) ttl_ms: u64,
}

impl Record for Connection {
    const KIND: &'static str = "connection";
    fn id(&self) -> &str {
        &self.id
    }
    fn parent(&self) -> &str {
        &self.grant.client_id
    }
}

impl Record for Code {
    const KIND: &'static str = "code";
    fn id(&self) -> &str {
        &self.code
    }
}

impl Record for AccessToken {
    const KIND: &'static str = "access_token";
    fn id(&self) -> &str {
        &self.token
    }
    fn parent(&self) -> &str {
        &self.connection_id
    }
}

impl Record for RefreshToken {
    const KIND: &'static str = "refresh_token";
    fn id(&self) -> &str {
        &self.token
    }
    fn parent(&self) -> &str {
        &self.connection_id
    }
}

impl Connection {
    /// Begins a new epoch where the newest access token is past half its life. One refresh an epoch is all a client
    /// needs; a second one in the same epoch is superfluous.
    fn open_epoch(&mut self, now_ms: i64) {
        let half = (self.newest_expires_ms - self.newest_issued_ms) / 2;
        if now_ms >= self.newest_issued_ms + half {
            self.epoch += 1;
        }
    }
}

impl World {
    /// Makes a single-use code that is worth `grant` to whoever presents it with the same redirect URI.
    pub(crate) fn issue_code(&self, grant: Grant, redirect_uri: &str) -> Result<String, StoreError> {
        let code = Code {
            code: self.ids.token(),
            redirect_uri: redirect_uri.into(),
            grant,
            expires_ms: self.now_ms().saturating_add_unsigned(self.settings().code_ttl_ms),
            used: false,
        };
        self.store.put(&code)?;
        Ok(code.code)
    }

    /// Exchanges a code for tokens; None where it is unknown, used, too old, or not this application's or address's.
    pub(crate) fn redeem_code(
        &self,
        client_id: &str,
        code: &str,
        redirect_uri: &str,
    ) -> Result<Option<Issued>, StoreError> {
        let Some(code) = self.store.get::<Code>(code)? else { return Ok(None) };
        let good = !code.used
            && code.grant.client_id == client_id
            && code.redirect_uri == redirect_uri
            && self.now_ms() < code.expires_ms;
        if !good {
            return Ok(None);
        }
        let code = Code { used: true, ..code };
        self.store.put(&code)?;
        self.connect(code.grant).map(Some)
    }

    /// Makes or renews the connection that a grant stands for, and issues tokens for it.
    pub(crate) fn connect(&self, grant: Grant) -> Result<Issued, StoreError> {
        let id = connection_id(&grant.client_id, &grant.sub);
        let mut connection = match self.store.get::<Connection>(&id)? {
            Some(known) => Connection { grant, status: ConnectionStatus::Active, ..known },
            None => Connection {
                id,
                grant,
                status: ConnectionStatus::Active,
                created_ms: self.now_ms(),
                refreshes: 0,
                epoch: 0,
                newest_issued_ms: 0,
                newest_expires_ms: 0,
            },
        };
        let known = self
            .store
            .list::<RefreshToken>(&connection.id)?
            .into_iter()
            .find(|token| token.successor.is_none());
        let refresh = match known {
            Some(token) if self.settings().refresh_mode == RefreshMode::Static => token,
            _ => self.new_refresh_token(&connection, None)?,
        };
        let (access_token, ttl_ms) = self.new_access_token(&mut connection, &refresh.family)?;
        Ok(Issued { connection, access_token, refresh_token: refresh.token, ttl_ms })
    }

    /// Uses a refresh token; None where it is worth nothing. In strict mode presenting a predecessor changes state too:
    /// it ends the family.
    pub(crate) fn refresh(&self, client_id: &str, token: &str) -> Result<Option<Issued>, StoreError> {
        let Some(mut token) = self.store.get::<RefreshToken>(token)? else { return Ok(None) };
        let Some(mut connection) = self.store.get::<Connection>(&token.connection_id)? else {
            return Ok(None);
        };
        if connection.grant.client_id != client_id || connection.status != ConnectionStatus::Active {
            return Ok(None);
        }
        let mode = self.settings().refresh_mode;
        let next = match &token.successor {
            Some(_) if mode == RefreshMode::Strict => {
                self.revoke_family(connection, &token.family)?;
                return Ok(None);
            }
            Some(successor) => match self.store.get::<RefreshToken>(successor)? {
                Some(successor) if !successor.used => successor,
                _ => return Ok(None),
            },
            None => {
                token.used = true;
                let next = match mode {
                    RefreshMode::Static => token.clone(),
                    RefreshMode::Grace | RefreshMode::Strict => {
                        let next = self.new_refresh_token(&connection, Some(&token.family))?;
                        token.successor = Some(next.token.clone());
                        next
                    }
                };
                self.store.put(&token)?;
                next
            }
        };
        if self.settings().refresh_invalidates_access_token {
            self.drop_access_tokens(&connection, |known| known.family == token.family)?;
        }
        connection.open_epoch(self.now_ms());
        connection.refreshes += 1;
        let (access_token, ttl_ms) = self.new_access_token(&mut connection, &token.family)?;
        Ok(Some(Issued { connection, access_token, refresh_token: next.token, ttl_ms }))
    }

    /// The connection whose access token this is, where the token is still good.
    pub(crate) fn connection_by_access_token(&self, token: &str) -> Result<Option<Connection>, StoreError> {
        let Some(token) = self.store.get::<AccessToken>(token)? else { return Ok(None) };
        if self.now_ms() >= token.expires_ms {
            return Ok(None);
        }
        let connection = self.store.get::<Connection>(&token.connection_id)?;
        Ok(connection.filter(|connection| connection.status == ConnectionStatus::Active))
    }

    /// The connection whose access or refresh token this is, good or not.
    pub(crate) fn connection_by_any_token(&self, token: &str) -> Result<Option<Connection>, StoreError> {
        let access = self.store.get::<AccessToken>(token)?.map(|token| token.connection_id);
        let id = match access {
            Some(id) => Some(id),
            None => self.store.get::<RefreshToken>(token)?.map(|token| token.connection_id),
        };
        id.map_or(Ok(None), |id| self.store.get(&id))
    }

    pub(crate) fn connection(&self, client_id: &str, sub: &str) -> Result<Option<Connection>, StoreError> {
        self.store.get(&connection_id(client_id, sub))
    }

    /// Ends a connection, and with a service account's every one that was granted through it.
    pub(crate) fn revoke(&self, mut connection: Connection) -> Result<(), StoreError> {
        for token in self.store.list::<AccessToken>(&connection.id)? {
            self.store.delete::<AccessToken>(&token.token)?;
        }
        for token in self.store.list::<RefreshToken>(&connection.id)? {
            self.store.delete::<RefreshToken>(&token.token)?;
        }
        connection.status = ConnectionStatus::Revoked;
        self.store.put(&connection)?;
        if connection.grant.kind == ConnectionKind::ServiceAccount {
            for other in self.store.list::<Connection>(&connection.grant.client_id)? {
                if other.grant.through.as_ref() == Some(&connection.grant.sub) {
                    self.revoke(other)?;
                }
            }
        }
        Ok(())
    }

    /// Lets the access tokens of one `sub`, or all, expire now; says how many there were.
    pub(crate) fn expire_access_tokens(&self, sub: Option<&str>) -> Result<usize, StoreError> {
        let mut expired = 0;
        for connection in self.store.all::<Connection>()? {
            if sub.is_none_or(|sub| connection.grant.sub == sub) {
                expired += self.expire_access_tokens_of(connection)?;
            }
        }
        Ok(expired)
    }

    /// Lets the access tokens of one connection expire now; says how many there were.
    pub(crate) fn expire_access_tokens_of(&self, mut connection: Connection) -> Result<usize, StoreError> {
        let now_ms = self.now_ms();
        let mut expired = 0;
        for token in self.store.list::<AccessToken>(&connection.id)? {
            if token.expires_ms > now_ms {
                expired += 1;
                self.store.put(&AccessToken { expires_ms: now_ms, ..token })?;
            }
        }
        connection.newest_expires_ms = connection.newest_expires_ms.min(now_ms);
        self.store.put(&connection)?;
        Ok(expired)
    }

    /// The newest refresh and access tokens of a connection, for showing them masked.
    pub(crate) fn newest_tokens(
        &self,
        connection: &Connection,
    ) -> Result<(Option<String>, Option<String>), StoreError> {
        let refresh = self.store.list::<RefreshToken>(&connection.id)?.pop().map(|token| token.token);
        let access = self.store.list::<AccessToken>(&connection.id)?.pop().map(|token| token.token);
        Ok((refresh, access))
    }

    fn new_refresh_token(
        &self,
        connection: &Connection,
        family: Option<&str>,
    ) -> Result<RefreshToken, StoreError> {
        let token = self.ids.token();
        let token = RefreshToken {
            family: family.unwrap_or(&token).into(),
            token,
            connection_id: connection.id.clone(),
            successor: None,
            used: false,
        };
        self.store.put(&token)?;
        Ok(token)
    }

    fn new_access_token(
        &self,
        connection: &mut Connection,
        family: &str,
    ) -> Result<(String, u64), StoreError> {
        // Service accounts' tokens live half as long: https://docs.cronofy.com/developers/api/enterprise-connect/
        let usual =
            if connection.grant.kind == ConnectionKind::ServiceAccount { 1_800_000 } else { 3_600_000 };
        let ttl_ms = self.settings().access_token_ttl_ms.unwrap_or(usual);
        let now_ms = self.now_ms();
        let expires_ms = now_ms.saturating_add_unsigned(ttl_ms);
        self.drop_access_tokens(connection, |known| known.expires_ms <= now_ms)?;
        let token = AccessToken {
            token: self.ids.token(),
            connection_id: connection.id.clone(),
            family: family.into(),
            expires_ms,
        };
        self.store.put(&token)?;
        connection.newest_issued_ms = now_ms;
        connection.newest_expires_ms = expires_ms;
        self.store.put(connection)?;
        Ok((token.token, ttl_ms))
    }

    fn drop_access_tokens(
        &self,
        connection: &Connection,
        which: impl Fn(&AccessToken) -> bool,
    ) -> Result<(), StoreError> {
        for token in self.store.list::<AccessToken>(&connection.id)?.iter().filter(|token| which(token)) {
            self.store.delete::<AccessToken>(&token.token)?;
        }
        Ok(())
    }

    fn revoke_family(&self, connection: Connection, family: &str) -> Result<(), StoreError> {
        let tokens = self.store.list::<RefreshToken>(&connection.id)?;
        if tokens.iter().all(|token| token.family == family) {
            return self.revoke(connection);
        }
        for token in tokens.iter().filter(|token| token.family == family) {
            self.store.delete::<RefreshToken>(&token.token)?;
        }
        self.drop_access_tokens(&connection, |known| known.family == family)
    }
}

fn connection_id(client_id: &str, sub: &str) -> String {
    format!("{client_id}/{sub}")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::clock::Clock;

    fn grant(kind: ConnectionKind, sub: &str, through: Option<&str>) -> Grant {
        Grant {
            client_id: "app".into(),
            kind,
            sub: sub.into(),
            subject: sub.into(),
            scope: "read_write".into(),
            delegated_scope: None,
            through: through.map(str::to_owned),
        }
    }

    #[test]
    fn revoking_a_service_account_revokes_what_was_granted_through_it() {
        let world = World::open(None, Some(1), Arc::new(Clock::default())).unwrap();
        let service = world.connect(grant(ConnectionKind::ServiceAccount, "ser_1", None)).unwrap();
        let through = world.connect(grant(ConnectionKind::Account, "acc_1", Some("ser_1"))).unwrap();
        let apart = world.connect(grant(ConnectionKind::Account, "acc_2", None)).unwrap();
        world.revoke(service.connection).unwrap();
        assert!(world.connection_by_access_token(&service.access_token).unwrap().is_none());
        assert!(world.connection_by_access_token(&through.access_token).unwrap().is_none());
        assert!(world.connection_by_access_token(&apart.access_token).unwrap().is_some());
    }

    #[test]
    fn a_second_family_survives_the_end_of_the_first() {
        let world = World::open(None, Some(1), Arc::new(Clock::default())).unwrap();
        let settings = crate::Settings { refresh_mode: RefreshMode::Strict, ..crate::Settings::default() };
        world.change_settings(settings).unwrap();
        let connect = || world.connect(grant(ConnectionKind::Account, "acc_1", None)).unwrap();
        let (one, other) = (connect(), connect());
        let next = world.refresh("app", &one.refresh_token).unwrap().unwrap();
        assert!(world.refresh("app", &one.refresh_token).unwrap().is_none());
        assert!(world.refresh("app", &next.refresh_token).unwrap().is_none());
        assert!(world.refresh("app", &other.refresh_token).unwrap().is_some());
    }
}
