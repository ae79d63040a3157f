//! Organizations, their members and their resources.

use serde::{Deserialize, Serialize};

use super::World;
use super::accounts::Account;
use super::store::{Record, StoreError};

/// A customer's organization, which Cronofy calls an organizational unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Organization {
    /// Names the organization in the sandbox's own calls: `org_` and 24 hex digits.
    pub organization_id: String,
    /// What people call it.
    pub name: String,
}

/// Somebody who belongs to an organization.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// The organization.
    pub organization_id: String,
    /// The member's account.
    pub sub: String,
    /// The account's primary e-mail address.
    pub email: String,
    /// The person's name.
    pub name: String,
    /// Any of `member`, `developer`, `developer_admin`, `owner`.
    pub roles: Vec<String>,
    /// Whether the scheduler is on for this member.
    pub scheduler_enabled: bool,
    /// The member's public scheduling page.
    pub public_url: Option<String>,
}

/// Whom to add to an organization.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct NewMember {
    /// The primary e-mail address; an account that has it already joins as it is.
    pub email: String,
    /// The person's name.
    pub name: String,
    /// The IANA time zone.
    pub zoneinfo: String,
    /// Any of `member`, `developer`, `developer_admin`, `owner`.
    pub roles: Vec<String>,
}

impl Default for NewMember {
    fn default() -> Self {
        Self {
            email: String::new(),
            name: String::new(),
            zoneinfo: "Europe/London".into(),
            roles: vec!["member".into()],
        }
    }
}

/// Something an organization books: a room, a machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resource {
    /// `res_` and 24 hex digits.
    pub sub: String,
    /// The organization.
    pub organization_id: String,
    /// The address by which it is booked.
    pub email: String,
    /// What people call it.
    pub name: String,
    /// Whether the scheduler is on for it.
    pub scheduler_enabled: bool,
}

/// What to add to an organization.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct NewResource {
    /// The address by which it is booked.
    pub email: String,
    /// What people call it.
    pub name: String,
}

impl Record for Organization {
    const KIND: &'static str = "organization";
    fn id(&self) -> &str {
        &self.organization_id
    }
}

/// Who belongs where; the account's own facts stand in its account.
#[derive(Serialize, Deserialize)]
struct Membership {
    id: String,
    organization_id: String,
    sub: String,
    roles: Vec<String>,
    scheduler_enabled: bool,
    public_url: Option<String>,
}

impl Record for Membership {
    const KIND: &'static str = "membership";
    fn id(&self) -> &str {
        &self.id
    }
    fn parent(&self) -> &str {
        &self.organization_id
    }
}

impl Record for Resource {
    const KIND: &'static str = "resource";
    fn id(&self) -> &str {
        &self.sub
    }
    fn parent(&self) -> &str {
        &self.organization_id
    }
}

impl Organization {
    /// The `sub` of authorizations for this organization.
    pub(crate) fn sub(&self, world: &World) -> String {
        let digits = self.organization_id.trim_start_matches("org_");
        format!("{}{digits}", world.settings().ou_sub_prefix)
    }
}

impl World {
    pub(crate) fn create_organization(&self, name: &str) -> Result<Organization, StoreError> {
        let organization = Organization { organization_id: self.ids.id("org_"), name: name.into() };
        self.store.put(&organization)?;
        Ok(organization)
    }

    /// Adds a member, with an account and calendars where the e-mail address has none yet.
    pub(crate) fn add_member(&self, organization_id: &str, new: NewMember) -> Result<Member, StoreError> {
        let account = match self.account_by_email(&new.email)? {
            Some(account) => account,
            None => self.create_account(&new.email, &new.name, &new.zoneinfo)?,
        };
        let membership = Membership {
            id: membership_id(organization_id, &account.sub),
            organization_id: organization_id.into(),
            sub: account.sub.clone(),
            roles: if new.roles.is_empty() { vec!["member".into()] } else { new.roles },
            scheduler_enabled: true,
            public_url: None,
        };
        self.store.put(&membership)?;
        Ok(membership.with(account))
    }

    /// Says where a member's public scheduling page is, or that there is none.
    pub(crate) fn set_public_url(
        &self,
        organization_id: &str,
        sub: &str,
        url: Option<String>,
    ) -> Result<(), StoreError> {
        if let Some(mut membership) = self.store.get::<Membership>(&membership_id(organization_id, sub))? {
            membership.public_url = url;
            self.store.put(&membership)?;
        }
        Ok(())
    }

    /// The members in the order in which they joined.
    pub(crate) fn members(&self, organization_id: &str) -> Result<Vec<Member>, StoreError> {
        let mut members = Vec::new();
        for membership in self.store.list::<Membership>(organization_id)? {
            if let Some(account) = self.store.get::<Account>(&membership.sub)? {
                members.push(membership.with(account));
            }
        }
        Ok(members)
    }

    pub(crate) fn is_member(&self, organization_id: &str, sub: &str) -> Result<bool, StoreError> {
        Ok(self.store.get::<Membership>(&membership_id(organization_id, sub))?.is_some())
    }

    /// Those who may connect the organization to an application.
    pub(crate) fn owners(&self, organization_id: &str) -> Result<Vec<Member>, StoreError> {
        let members = self.members(organization_id)?.into_iter();
        Ok(members.filter(|member| member.roles.iter().any(|role| role == "owner")).collect())
    }

    pub(crate) fn add_resource(
        &self,
        organization_id: &str,
        new: NewResource,
    ) -> Result<Resource, StoreError> {
        let resource = Resource {
            sub: self.ids.id("res_"),
            organization_id: organization_id.into(),
            email: new.email,
            name: new.name,
            scheduler_enabled: true,
        };
        self.store.put(&resource)?;
        Ok(resource)
    }
}

impl Membership {
    fn with(self, account: Account) -> Member {
        Member {
            organization_id: self.organization_id,
            sub: account.sub,
            email: account.email,
            name: account.name,
            roles: self.roles,
            scheduler_enabled: self.scheduler_enabled,
            public_url: self.public_url,
        }
    }
}

fn membership_id(organization_id: &str, sub: &str) -> String {
    format!("{organization_id}/{sub}")
}
