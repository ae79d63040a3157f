//! Accounts and their profiles: people, application calendars, and the service accounts of whole domains.

use serde::{Deserialize, Serialize};

use super::World;
use super::calendars::Calendar;
use super::store::{Record, StoreError};

/// Whoever has calendars: a person (`acc_…`) or an application calendar (`apc_…`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Account {
    pub(crate) sub: String,
    /// Empty for application calendars.
    pub(crate) email: String,
    pub(crate) name: String,
    pub(crate) zoneinfo: String,
    /// The application and its own name for the calendar, where this is an application calendar.
    pub(crate) application_calendar: Option<ApplicationCalendar>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ApplicationCalendar {
    pub(crate) client_id: String,
    pub(crate) application_calendar_id: String,
}

/// An account's login with one provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Profile {
    pub(crate) profile_id: String,
    pub(crate) sub: String,
    pub(crate) provider_name: String,
    pub(crate) provider_service: String,
    pub(crate) profile_name: String,
    pub(crate) connected: bool,
}

/// An account's login with a conferencing service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ConferencingProfile {
    pub(crate) profile_id: String,
    pub(crate) sub: String,
    pub(crate) provider_name: String,
    pub(crate) profile_name: String,
    pub(crate) connected: bool,
}

/// What Enterprise Connect authorizes: the right to ask for access to a domain's users and resources.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ServiceAccount {
    pub(crate) sub: String,
    pub(crate) domain: String,
    pub(crate) email: String,
    pub(crate) provider_name: String,
}

impl Record for Account {
    const KIND: &'static str = "account";
    fn id(&self) -> &str {
        &self.sub
    }
    fn key(&self) -> Option<String> {
        match &self.application_calendar {
            Some(calendar) => {
                Some(application_calendar_key(&calendar.client_id, &calendar.application_calendar_id))
            }
            None => Some(email_key(&self.email)),
        }
    }
}

impl Record for Profile {
    const KIND: &'static str = "profile";
    fn id(&self) -> &str {
        &self.profile_id
    }
    fn parent(&self) -> &str {
        &self.sub
    }
}

impl Record for ConferencingProfile {
    const KIND: &'static str = "conferencing_profile";
    fn id(&self) -> &str {
        &self.profile_id
    }
    fn parent(&self) -> &str {
        &self.sub
    }
}

impl Record for ServiceAccount {
    const KIND: &'static str = "service_account";
    fn id(&self) -> &str {
        &self.sub
    }
    fn key(&self) -> Option<String> {
        Some(self.domain.clone())
    }
}

impl World {
    pub(crate) fn account_by_email(&self, email: &str) -> Result<Option<Account>, StoreError> {
        self.store.find(&email_key(email))
    }

    /// The accounts of people, which are those that can approve an authorization.
    pub(crate) fn people(&self) -> Result<Vec<Account>, StoreError> {
        let accounts = self.store.all::<Account>()?.into_iter();
        Ok(accounts.filter(|account| account.application_calendar.is_none()).collect())
    }

    /// Makes an account with one profile, a primary calendar and a second one.
    pub(crate) fn create_account(
        &self,
        email: &str,
        name: &str,
        zoneinfo: &str,
    ) -> Result<Account, StoreError> {
        let account = Account {
            sub: self.ids.id("acc_"),
            email: email.into(),
            name: name.into(),
            zoneinfo: zoneinfo.into(),
            application_calendar: None,
        };
        self.store.put(&account)?;
        let profile = self.add_profile(&account.sub, "google", "gsuite", email)?;
        self.store.put(&Calendar { primary: true, ..self.new_calendar(&profile, email) })?;
        self.store.put(&self.new_calendar(&profile, "Personal"))?;
        Ok(account)
    }

    pub(crate) fn add_profile(
        &self,
        sub: &str,
        provider_name: &str,
        provider_service: &str,
        profile_name: &str,
    ) -> Result<Profile, StoreError> {
        let profile = Profile {
            profile_id: self.ids.id("pro_"),
            sub: sub.into(),
            provider_name: provider_name.into(),
            provider_service: provider_service.into(),
            profile_name: profile_name.into(),
            connected: true,
        };
        self.store.put(&profile)?;
        Ok(profile)
    }

    /// Deletes a profile with its calendars; their events can no longer be reached.
    pub(crate) fn remove_profile(&self, profile: &Profile) -> Result<(), StoreError> {
        for calendar in self.store.list::<Calendar>(&profile.sub)? {
            if calendar.profile_id == profile.profile_id {
                self.store.delete::<Calendar>(&calendar.calendar_id)?;
            }
        }
        self.store.delete::<Profile>(&profile.profile_id)?;
        Ok(())
    }

    /// The account behind an application's own calendar id: made at first use, the same ever after.
    pub(crate) fn application_calendar(&self, client_id: &str, id: &str) -> Result<Account, StoreError> {
        if let Some(account) = self.store.find::<Account>(&application_calendar_key(client_id, id))? {
            return Ok(account);
        }
        let account = Account {
            sub: self.ids.id("apc_"),
            email: String::new(),
            name: id.into(),
            zoneinfo: "Etc/UTC".into(),
            application_calendar: Some(ApplicationCalendar {
                client_id: client_id.into(),
                application_calendar_id: id.into(),
            }),
        };
        self.store.put(&account)?;
        let profile = self.add_profile(&account.sub, "cronofy", "cronofy", id)?;
        self.store.put(&Calendar { primary: true, ..self.new_calendar(&profile, id) })?;
        Ok(account)
    }

    /// The service account of the domain that an administrator's address belongs to.
    pub(crate) fn service_account(&self, administrator: &str) -> Result<ServiceAccount, StoreError> {
        let domain = administrator.rsplit('@').next().unwrap_or_default().to_ascii_lowercase();
        if let Some(account) = self.store.find::<ServiceAccount>(&domain)? {
            return Ok(account);
        }
        let account = ServiceAccount {
            sub: self.ids.id("ser_"),
            domain,
            email: administrator.into(),
            provider_name: "google".into(),
        };
        self.store.put(&account)?;
        Ok(account)
    }
}

fn email_key(email: &str) -> String {
    format!("email:{}", email.to_lowercase())
}

fn application_calendar_key(client_id: &str, id: &str) -> String {
    format!("application:{client_id}:{id}")
}
