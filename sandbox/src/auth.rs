//! Who is calling: access tokens, API keys, and members whom an organization acts for.
//!
//! Handlers ask for what they need and get it, or the error to return:
//! [`Call::account`] for one user's calendars, [`Call::organization`], [`Call::application`], [`Call::service_account`],
//! [`Call::client`] for credentials in the body.

use axum::http::header;

use crate::call::Call;
use crate::errors::{ApiError, ApiResult};
use crate::settings::Impersonation;
use crate::world::World;
use crate::world::accounts::{Account, ServiceAccount};
use crate::world::applications::Application;
use crate::world::authorizations::{Connection, ConnectionKind};

/// The header that names the member whom an organization acts for.
pub(crate) const IMPERSONATE: &str = "cronofy-impersonate";

/// Whose credentials a call carries.
pub(crate) enum Caller {
    /// An access token of one account, or of an application calendar.
    Account(Connection, Account),
    /// An organization: its access token, or the key of its Internal Application.
    Organization {
        client_id: String,
        organization_id: String,
        /// The access token's connection; none for an Internal Application.
        connection: Option<Connection>,
        impersonated: Option<Account>,
    },
    /// An access token of Enterprise Connect.
    ServiceAccount(Connection, ServiceAccount),
    /// An application's API key.
    Application(Application),
}

/// The account a call acts as.
pub(crate) struct Acting {
    pub(crate) client_id: String,
    pub(crate) account: Account,
    /// What was granted, as it was asked for.
    pub(crate) scope: String,
}

/// An organization that calls in its own name.
pub(crate) struct ActingOrganization {
    pub(crate) client_id: String,
    pub(crate) organization_id: String,
    /// Whether it called with its access token, and not as its Internal Application.
    pub(crate) by_token: bool,
    /// The member it acts for, where the call named one.
    pub(crate) impersonated: Option<Account>,
}

/// What a user's token must be good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Any valid token will do.
    Any,
    CreateCalendar,
    ReadEvents,
    ReadFreeBusy,
    CreateEvent,
    DeleteEvent,
    ChangeParticipationStatus,
}

impl Scope {
    /// The scopes that include this one, the bundles too.
    fn granted_by(self) -> &'static [&'static str] {
        match self {
            Self::Any => &[],
            Self::CreateCalendar => &["create_calendar", "write_only", "free_busy_write", "read_write"],
            Self::ReadEvents => &["read_events", "read_only", "read_write"],
            Self::ReadFreeBusy => {
                &["read_free_busy", "read_events", "read_only", "free_busy", "free_busy_write", "read_write"]
            }
            Self::CreateEvent => &["create_event", "write_only", "free_busy_write", "read_write"],
            Self::DeleteEvent => &["delete_event", "write_only", "free_busy_write", "read_write"],
            Self::ChangeParticipationStatus => &["change_participation_status", "read_write"],
        }
    }

    fn is_in(self, granted: &str) -> bool {
        self == Self::Any || granted.split_ascii_whitespace().any(|scope| self.granted_by().contains(&scope))
    }
}

impl Caller {
    /// The account that is acted as: the token's own, or the member an organization impersonates.
    pub(crate) fn into_acting(self, world: &World, scope: Scope) -> ApiResult<Acting> {
        match self {
            Caller::Account(connection, account) => {
                if !scope.is_in(&connection.grant.scope) {
                    return Err(ApiError::Forbidden);
                }
                let grant = connection.grant;
                Ok(Acting { client_id: grant.client_id, account, scope: grant.scope })
            }
            Caller::Organization { client_id, impersonated: Some(account), connection, .. } => {
                if connection.is_some() && !world.settings().impersonation_reaches_user_endpoints {
                    return Err(ApiError::Forbidden);
                }
                let scope = connection.map_or_else(String::new, |connection| connection.grant.scope);
                Ok(Acting { client_id, account, scope })
            }
            Caller::Organization { .. } | Caller::ServiceAccount(..) => Err(ApiError::Forbidden),
            // API keys and access tokens are not interchangeable.
            Caller::Application(_) => Err(ApiError::Unauthorized),
        }
    }
}

impl Call {
    /// The account this call acts as: the token's own, or the member an organization impersonates.
    pub(crate) fn account(&self, world: &World, scope: Scope) -> ApiResult<Acting> {
        self.caller(world)?.into_acting(world, scope)
    }

    /// The organization that calls, with its access token or as its Internal Application.
    pub(crate) fn organization(&self, world: &World) -> ApiResult<ActingOrganization> {
        match self.caller(world)? {
            Caller::Organization { client_id, organization_id, connection, impersonated } => {
                Ok(ActingOrganization {
                    client_id,
                    organization_id,
                    by_token: connection.is_some(),
                    impersonated,
                })
            }
            Caller::Account(..) | Caller::ServiceAccount(..) | Caller::Application(_) => {
                Err(ApiError::Forbidden)
            }
        }
    }

    /// The application whose API key this call carries; an Internal Application's is one, too.
    pub(crate) fn application(&self, world: &World) -> ApiResult<Application> {
        match self.caller(world)? {
            Caller::Application(application) => Ok(application),
            Caller::Organization { client_id, connection: None, .. } => {
                world.store.get::<Application>(&client_id)?.ok_or(ApiError::Unauthorized)
            }
            _ => Err(ApiError::Unauthorized),
        }
    }

    /// The application that calls, with its id and secret in the body or else its API key, as clients of the hosted
    /// scheduling pages do. Credentials in the body win over whatever the header says.
    pub(crate) fn credentials_or_key(&self, world: &World) -> ApiResult<Application> {
        let params = self.params()?;
        if params.has("client_id") && params.has("client_secret") {
            return self.client(world);
        }
        self.application(world)
    }

    /// The service account that calls, where it was granted a scope.
    pub(crate) fn service_account(
        &self,
        world: &World,
        scope: &str,
    ) -> ApiResult<(Connection, ServiceAccount)> {
        match self.caller(world)? {
            Caller::ServiceAccount(connection, account) => {
                let granted = connection.grant.scope.split_ascii_whitespace().any(|granted| granted == scope);
                if granted { Ok((connection, account)) } else { Err(ApiError::Forbidden) }
            }
            Caller::Application(_) => Err(ApiError::Unauthorized),
            _ => Err(ApiError::Forbidden),
        }
    }

    /// The application whose id and secret stand in the body; the header is ignored.
    pub(crate) fn client(&self, world: &World) -> ApiResult<Application> {
        let mut params = self.params()?;
        let (id, secret) = (
            params.required_text("client_id", usize::MAX),
            params.required_text("client_secret", usize::MAX),
        );
        params.finish()?;
        let known = id.map_or(Ok(None), |id| world.store.get::<Application>(&id))?;
        let application = known
            .filter(|known| secret.is_some_and(|secret| known.is_proven_by(&secret)))
            .ok_or(ApiError::Unauthorized)?;
        self.admit(world, &application.client_id, None)?;
        Ok(application)
    }

    /// Notes who is calling and counts the call against the application's limit.
    pub(crate) fn admit(
        &self,
        world: &World,
        client_id: &str,
        connection: Option<&Connection>,
    ) -> ApiResult<()> {
        self.note(client_id, connection.map(|connection| connection.grant.sub.as_str()));
        self.state.limits.admit(client_id, world.now_ms(), world.settings().rate_limit)
    }

    /// Whose credentials the `Authorization` header carries.
    pub(crate) fn caller(&self, world: &World) -> ApiResult<Caller> {
        let token = self.bearer().ok_or(ApiError::Unauthorized)?;
        if let Some(connection) = world.connection_by_access_token(token)? {
            self.admit(world, &connection.grant.client_id, Some(&connection))?;
            return self.token_caller(world, connection);
        }
        let application = world.application_by_secret(token)?.ok_or(ApiError::Unauthorized)?;
        self.admit(world, &application.client_id, None)?;
        match application.internal_to.clone() {
            Some(organization_id) => Ok(Caller::Organization {
                impersonated: self.impersonated(world, &organization_id)?,
                client_id: application.client_id,
                organization_id,
                connection: None,
            }),
            None if self.headers.contains_key(IMPERSONATE) => Err(ApiError::Forbidden),
            None => Ok(Caller::Application(application)),
        }
    }

    fn token_caller(&self, world: &World, connection: Connection) -> ApiResult<Caller> {
        if connection.grant.kind == ConnectionKind::Organization {
            let organization_id = connection.grant.subject.clone();
            return Ok(Caller::Organization {
                impersonated: self.impersonated(world, &organization_id)?,
                client_id: connection.grant.client_id.clone(),
                organization_id,
                connection: Some(connection),
            });
        }
        let impersonates = self.headers.contains_key(IMPERSONATE);
        if impersonates && world.settings().impersonation_with_user_token == Impersonation::Refuse {
            return Err(ApiError::Forbidden);
        }
        if connection.grant.kind == ConnectionKind::ServiceAccount {
            let account = world.store.get::<ServiceAccount>(&connection.grant.sub)?;
            return account
                .map(|account| Caller::ServiceAccount(connection, account))
                .ok_or(ApiError::Unauthorized);
        }
        let account = world.store.get::<Account>(&connection.grant.sub)?;
        account.map(|account| Caller::Account(connection, account)).ok_or(ApiError::Unauthorized)
    }

    /// The member whom the header names; 403 for anybody else.
    fn impersonated(&self, world: &World, organization_id: &str) -> ApiResult<Option<Account>> {
        let mut names = self.headers.get_all(IMPERSONATE).iter();
        let Some(name) = names.next() else { return Ok(None) };
        let sub = name.to_str().ok().filter(|_| names.next().is_none()).ok_or(ApiError::Forbidden)?;
        if !world.is_member(organization_id, sub)? {
            return Err(ApiError::Forbidden);
        }
        world.store.get::<Account>(sub)?.map(Some).ok_or(ApiError::Forbidden)
    }

    fn bearer(&self) -> Option<&str> {
        let mut values = self.headers.get_all(header::AUTHORIZATION).iter();
        let value = values.next()?.to_str().ok().filter(|_| values.next().is_none())?;
        bearer(value)
    }
}

/// The token of an `Authorization` header.
pub(crate) fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bundles_grant_what_they_stand_for() {
        assert!(Scope::ReadFreeBusy.is_in("read_events"));
        assert!(Scope::CreateEvent.is_in("read_account read_write"));
        assert!(!Scope::ReadEvents.is_in("free_busy_write"));
        assert!(!Scope::ChangeParticipationStatus.is_in("write_only"));
        assert!(Scope::Any.is_in(""));
    }
}
