//! Judges an authorization URL: what is asked for by whom, or why there is nothing to approve.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::Url;

use crate::world::World;
use crate::world::accounts::Account;
use crate::world::applications::{Application, web_address};
use crate::world::authorizations::{ConnectionKind, Grant};
use crate::world::organizations::Organization;
use crate::world::store::{Record, StoreError};

/// Where Enterprise Connect begins; every other authorization begins at `/oauth/authorize`.
pub(crate) const ENTERPRISE: &str = "/enterprise_connect/oauth/authorize";

const ORGANIZATION_SCOPE: &str = "organizational_unit_scheduler";

/// What each scope of an individual means to the person who grants it.
const INDIVIDUAL_SCOPES: [(&str, &str); 13] = [
    ("create_calendar", "Create calendars"),
    ("read_events", "See your events"),
    ("create_event", "Create and change its own events in your calendars"),
    ("delete_event", "Delete its own events from your calendars"),
    ("read_free_busy", "See when you are free or busy"),
    ("change_participation_status", "Answer invitations for you"),
    ("read_only", "See your calendars and events"),
    ("write_only", "Create, change and delete its own events in your calendars"),
    ("read_write", "See your events, and create, change and delete its own"),
    ("free_busy", "See when you are free or busy"),
    ("free_busy_write", "See when you are free or busy, and create, change and delete its own events"),
    ("read_account", "See your name and e-mail address"),
    ("list_calendars", "See which calendars you have"),
];

const ENTERPRISE_SCOPES: [(&str, &str); 4] = [
    ("service_account/accounts/manage", "Connect the calendars of the people in your domain"),
    ("service_account/accounts/unrestricted_access", "Change any event of the people in your domain"),
    ("service_account/resources/manage", "List and connect the rooms and resources of your domain"),
    ("service_account/resources/unrestricted_access", "Change any event of your domain's resources"),
];

/// An authorization that somebody may approve.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct AuthorizationRequest {
    pub(crate) kind: ConnectionKind,
    pub(crate) client_id: String,
    pub(crate) redirect_uri: String,
    pub(crate) scope: String,
    pub(crate) delegated_scope: Option<String>,
    pub(crate) state: Option<String>,
    pub(crate) provider_name: Option<String>,
    /// A link token, and the account that it ties the authorization to.
    pub(crate) link: Option<(String, String)>,
}

/// Why there is nothing to approve.
pub(crate) enum Rejection {
    /// The redirect URI cannot be trusted: a page says so, and nobody is redirected.
    Page(&'static str),
    /// The application is told at its redirect URI.
    Redirect(String),
}

/// Somebody who can approve: an owner for an organization, a person for an account, an administrator for a domain.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Candidate {
    /// Names the choice in the form.
    pub(crate) value: String,
    pub(crate) name: String,
    pub(crate) email: String,
    pub(crate) organization: Option<String>,
    #[serde(skip)]
    account: String,
    #[serde(skip)]
    organization_id: Option<String>,
}

/// A token that ties the next authorization to an account; good once, for five minutes.
#[derive(Serialize, Deserialize)]
pub(crate) struct LinkToken {
    pub(crate) token: String,
    pub(crate) client_id: String,
    pub(crate) sub: String,
    pub(crate) expires_ms: i64,
}

impl Record for LinkToken {
    const KIND: &'static str = "link_token";
    fn id(&self) -> &str {
        &self.token
    }
}

impl AuthorizationRequest {
    /// Judges the parameters of an authorization URL with this path.
    pub(crate) fn examine(
        world: &World,
        path: &str,
        query: &Value,
    ) -> Result<Result<Self, Rejection>, StoreError> {
        let text = |name: &str| query.get(name).and_then(Value::as_str).map(str::to_owned);
        let filled = |name: &str| text(name).filter(|value| !value.is_empty());
        let page = |why| Ok(Err(Rejection::Page(why)));

        let Some(application) =
            filled("client_id").map_or(Ok(None), |id| world.store.get::<Application>(&id))?
        else {
            return page("No application has this client_id.");
        };
        let Some(redirect_uri) = filled("redirect_uri") else { return page("The redirect_uri is missing.") };
        if web_address(&redirect_uri).is_none() {
            return page("The redirect_uri must be an http or https address without a fragment.");
        }
        if application.internal_to.is_some() {
            return page("An Internal Application uses its client secret and cannot ask for authorization.");
        }
        if !application.accepts(&redirect_uri) {
            return page("The redirect_uri is not one of the application's verified redirect URIs.");
        }

        let mut request = Self {
            kind: ConnectionKind::Account,
            client_id: application.client_id,
            redirect_uri,
            scope: filled("scope").unwrap_or_default(),
            delegated_scope: filled("delegated_scope"),
            state: text("state").inspect(|state| crate::canary::note(state)),
            provider_name: filled("provider_name"),
            link: None,
        };
        let refuse = |request: &Self, error| Ok(Err(Rejection::Redirect(request.refusal(error))));
        match filled("response_type").as_deref() {
            Some("code") => {}
            None => return refuse(&request, "invalid_request"),
            Some(_) => return refuse(&request, "unsupported_response_type"),
        }
        match request.judge_scope(path == ENTERPRISE) {
            Ok(kind) => request.kind = kind,
            Err(error) => return refuse(&request, error),
        }
        if let Some(token) = filled("link_token") {
            let link = world.store.get::<LinkToken>(&token)?;
            let good =
                link.filter(|link| link.client_id == request.client_id && world.now_ms() < link.expires_ms);
            let Some(link) = good else { return refuse(&request, "invalid_request") };
            request.link = Some((token, link.sub));
        }
        Ok(Ok(request))
    }

    fn judge_scope(&self, enterprise: bool) -> Result<ConnectionKind, &'static str> {
        let known = |scopes: &[(&str, &str)], scope: &str| scopes.iter().any(|(known, _)| *known == scope);
        let mut scopes = self.scope.split_ascii_whitespace().peekable();
        if scopes.peek().is_none() {
            return Err("invalid_request");
        }
        let delegated_is_known = || {
            let mut delegated = self.delegated_scope.iter().flat_map(|scope| scope.split_ascii_whitespace());
            delegated.all(|scope| known(&INDIVIDUAL_SCOPES, scope))
        };
        if !delegated_is_known() {
            return Err("invalid_scope");
        }
        if enterprise {
            if self.delegated_scope.is_none() {
                return Err("invalid_request");
            }
            let all = scopes.all(|scope| known(&ENTERPRISE_SCOPES, scope));
            return if all { Ok(ConnectionKind::ServiceAccount) } else { Err("invalid_scope") };
        }
        if self.scope.trim() == ORGANIZATION_SCOPE {
            return Ok(ConnectionKind::Organization);
        }
        if scopes.all(|scope| known(&INDIVIDUAL_SCOPES, scope)) {
            Ok(ConnectionKind::Account)
        } else {
            Err("invalid_scope")
        }
    }

    /// What is asked for, in words.
    pub(crate) fn wishes(&self) -> Vec<&'static str> {
        if self.kind == ConnectionKind::Organization {
            return vec![
                "See the members and resources of your organization",
                "Schedule for the members of your organization and act on their behalf",
            ];
        }
        let all = INDIVIDUAL_SCOPES.iter().chain(&ENTERPRISE_SCOPES);
        let wanted = |scope: &str| self.scope.split_ascii_whitespace().any(|asked| asked == scope);
        all.filter(|(scope, _)| wanted(scope)).map(|(_, words)| *words).collect()
    }

    /// What may later be granted for single users, in words.
    pub(crate) fn delegated_wishes(&self) -> Vec<&'static str> {
        let delegated = self.delegated_scope.as_deref().unwrap_or_default();
        let wanted = |scope: &str| delegated.split_ascii_whitespace().any(|asked| asked == scope);
        INDIVIDUAL_SCOPES.iter().filter(|(scope, _)| wanted(scope)).map(|(_, words)| *words).collect()
    }

    /// Everybody who can approve this, the likeliest first.
    pub(crate) fn candidates(&self, world: &World) -> Result<Vec<Candidate>, StoreError> {
        if self.kind == ConnectionKind::Account {
            let mut people = world.people()?;
            if let Some((_, sub)) = &self.link {
                people.retain(|account| account.sub == *sub);
            }
            return Ok(people.into_iter().map(Candidate::person).collect());
        }
        let mut candidates = Vec::new();
        for organization in world.store.all::<Organization>()? {
            for owner in world.owners(&organization.organization_id)? {
                candidates.push(Candidate {
                    value: format!("{}:{}", organization.organization_id, owner.sub),
                    name: owner.name,
                    email: owner.email,
                    organization: Some(organization.name.clone()),
                    account: owner.sub,
                    organization_id: Some(organization.organization_id.clone()),
                });
            }
        }
        Ok(candidates)
    }

    /// Grants what is asked for and returns the address to go to, with a code.
    pub(crate) fn approve(&self, world: &World, candidate: &Candidate) -> Result<String, StoreError> {
        if let Some((token, _)) = &self.link
            && !world.store.delete::<LinkToken>(token)?
        {
            return Ok(self.refusal("access_denied"));
        }
        let (sub, subject) = match (self.kind, &candidate.organization_id) {
            (ConnectionKind::Organization, Some(id)) => {
                let Some(organization) = world.store.get::<Organization>(id)? else {
                    return Ok(self.refusal("access_denied"));
                };
                (organization.sub(world), organization.organization_id)
            }
            (ConnectionKind::ServiceAccount, _) => {
                let account = world.service_account(&candidate.email)?;
                (account.sub.clone(), account.sub)
            }
            _ => (candidate.account.clone(), candidate.account.clone()),
        };
        let grant = Grant {
            client_id: self.client_id.clone(),
            kind: self.kind,
            sub,
            subject,
            scope: self.scope.clone(),
            delegated_scope: self.delegated_scope.clone(),
            through: None,
        };
        let code = world.issue_code(grant, &self.redirect_uri)?;
        Ok(self.outcome("code", &code))
    }

    /// The address to go to when somebody denies.
    pub(crate) fn deny(&self) -> String {
        self.refusal("access_denied")
    }

    fn refusal(&self, error: &str) -> String {
        self.outcome("error", error)
    }

    fn outcome(&self, name: &str, value: &str) -> String {
        // It was parsed when the request was judged; a text that is no URL leads nowhere.
        let Ok(mut url) = Url::parse(&self.redirect_uri) else { return String::new() };
        url.query_pairs_mut().append_pair(name, value);
        if let Some(state) = &self.state {
            url.query_pairs_mut().append_pair("state", state);
        }
        url.into()
    }
}

impl Candidate {
    fn person(account: Account) -> Self {
        Self {
            value: account.sub.clone(),
            name: account.name,
            email: account.email,
            organization: None,
            account: account.sub,
            organization_id: None,
        }
    }
}
