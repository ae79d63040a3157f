//! Access to somebody's calendars that is not granted by themselves: by their domain's administrator, or because a
//! calendar was shared.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::World;
use super::accounts::Account;
use super::authorizations::{ConnectionKind, Grant};
use super::organizations::{Member, Organization, Resource};
use super::store::{Record, StoreError};
use crate::outbox::Outgoing;

/// A request for access, which is answered at its callback address.
pub(crate) struct Delegation {
    pub(crate) client_id: String,
    /// The `sub` of the service account or account through which access is asked for.
    pub(crate) through: String,
    pub(crate) email: String,
    pub(crate) callback_url: String,
    pub(crate) scope: String,
    pub(crate) state: Option<String>,
}

/// A calendar to which somebody could ask for access.
pub(crate) struct AccessibleCalendar {
    /// `resource` or `unknown`.
    pub(crate) calendar_type: &'static str,
    pub(crate) email: String,
    pub(crate) name: String,
}

/// What a provider knows of a room beside its name.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct ResourceDetails {
    #[serde(default)]
    pub(crate) sub: String,
    #[serde(default)]
    pub(crate) capacity: Option<u32>,
    /// Building, floor, address, coordinates.
    #[serde(default)]
    pub(crate) location: Option<Value>,
}

impl Record for ResourceDetails {
    const KIND: &'static str = "resource_details";
    fn id(&self) -> &str {
        &self.sub
    }
}

/// The scopes that each bundle stands for, beside itself.
const BUNDLES: [(&str, &[&str]); 6] = [
    ("read_events", &["read_free_busy"]),
    ("free_busy", &["read_free_busy"]),
    ("read_only", &["read_events", "read_free_busy", "free_busy", "list_calendars", "read_account"]),
    ("write_only", &["create_event", "delete_event", "create_calendar"]),
    (
        "free_busy_write",
        &["free_busy", "read_free_busy", "write_only", "create_event", "delete_event", "create_calendar"],
    ),
    (
        "read_write",
        &[
            "read_only",
            "write_only",
            "free_busy",
            "free_busy_write",
            "read_events",
            "read_free_busy",
            "list_calendars",
            "read_account",
            "create_event",
            "delete_event",
            "create_calendar",
            "change_participation_status",
        ],
    ),
];

/// Whether everything that is asked for lies within what may be delegated.
pub(crate) fn covers(delegated: &str, asked: &str) -> bool {
    let stands_for = |granted: &str, scope: &str| {
        granted == scope
            || BUNDLES.iter().any(|(bundle, scopes)| *bundle == granted && scopes.contains(&scope))
    };
    asked
        .split_ascii_whitespace()
        .all(|scope| delegated.split_ascii_whitespace().any(|granted| stands_for(granted, scope)))
}

/// The part of an address behind the `@`, in lower case.
pub(crate) fn domain_of(email: &str) -> String {
    email.rsplit('@').next().unwrap_or_default().to_ascii_lowercase()
}

impl World {
    /// Answers a request at its callback address: with a code where `account` is known, else with an error.
    pub(crate) fn delegate(&self, asked: &Delegation, account: Option<&Account>) -> Result<(), StoreError> {
        let mut authorization = match account {
            Some(account) => {
                let grant = Grant {
                    client_id: asked.client_id.clone(),
                    kind: ConnectionKind::Account,
                    sub: account.sub.clone(),
                    subject: account.sub.clone(),
                    scope: asked.scope.clone(),
                    delegated_scope: None,
                    through: Some(asked.through.clone()),
                };
                json!({ "code": self.issue_code(grant, &asked.callback_url)? })
            }
            None => json!({
                "error": "access_denied",
                "error_key": "errors.account_not_found",
                "error_description": format!("no calendar of {} can be reached", asked.email),
            }),
        };
        if let Some(state) = &asked.state {
            authorization["state"] = state.clone().into();
        }
        let body = json!({ "authorization": authorization });
        self.post(Outgoing::callback(&asked.client_id, &asked.callback_url, &body))
    }

    /// The account behind an address of a domain: a person's, or a room's, which gets one at first use.
    pub(crate) fn delegable_account(&self, domain: &str, email: &str) -> Result<Option<Account>, StoreError> {
        if domain_of(email) != domain {
            return Ok(None);
        }
        if let Some(account) = self.account_by_email(email)? {
            return Ok(Some(account));
        }
        match self
            .resources_of_domain(domain)?
            .into_iter()
            .find(|room| room.email.eq_ignore_ascii_case(email))
        {
            Some(room) => self.create_account(&room.email, &room.name, "Etc/UTC").map(Some),
            None => Ok(None),
        }
    }

    /// The rooms and other resources whose addresses belong to a domain.
    pub(crate) fn resources_of_domain(&self, domain: &str) -> Result<Vec<Resource>, StoreError> {
        let resources = self.store.all::<Resource>()?.into_iter();
        Ok(resources.filter(|resource| domain_of(&resource.email) == domain).collect())
    }

    /// The rooms and the colleagues of an account, in every organization it belongs to.
    pub(crate) fn accessible_calendars(&self, sub: &str) -> Result<Vec<AccessibleCalendar>, StoreError> {
        let mut accessible: Vec<AccessibleCalendar> = Vec::new();
        for organization in self.store.all::<Organization>()? {
            let id = &organization.organization_id;
            if !self.is_member(id, sub)? {
                continue;
            }
            let rooms = self.store.list::<Resource>(id)?.into_iter();
            accessible.extend(rooms.map(|Resource { email, name, .. }| AccessibleCalendar {
                calendar_type: "resource",
                email,
                name,
            }));
            let colleagues = self.members(id)?.into_iter().filter(|member| member.sub != sub);
            accessible.extend(colleagues.map(|Member { email, name, .. }| AccessibleCalendar {
                calendar_type: "unknown",
                email,
                name,
            }));
        }
        Ok(accessible)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bundle_covers_what_it_stands_for_and_nothing_more() {
        assert!(covers("read_write", "read_events create_event"));
        assert!(covers("read_write", "free_busy"));
        assert!(covers("free_busy read_only", "read_only"));
        assert!(!covers("read_only", "read_events create_event"));
        assert!(!covers("free_busy", "read_events"));
        assert!(!covers("", "read_events"));
    }
}
