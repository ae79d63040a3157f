//! Calendars, and what each application was granted on them.

use serde::{Deserialize, Serialize};

use super::World;
use super::accounts::Profile;
use super::store::{Record, StoreError};
use crate::errors::{ApiError, ApiResult};
use crate::settings::PermissionLevel;

/// One calendar of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[allow(clippy::struct_excessive_bools)] // each is a fact of its own in Cronofy's reply
pub(crate) struct Calendar {
    pub(crate) calendar_id: String,
    pub(crate) sub: String,
    pub(crate) profile_id: String,
    pub(crate) name: String,
    pub(crate) readonly: bool,
    pub(crate) deleted: bool,
    pub(crate) primary: bool,
    pub(crate) integrated_conferencing_available: bool,
    pub(crate) attachments_available: bool,
    pub(crate) color: Option<String>,
}

/// What an application was granted on a calendar.
#[derive(Serialize, Deserialize)]
struct Permission {
    id: String,
    level: PermissionLevel,
}

impl Record for Calendar {
    const KIND: &'static str = "calendar";
    fn id(&self) -> &str {
        &self.calendar_id
    }
    fn parent(&self) -> &str {
        &self.sub
    }
}

impl Record for Permission {
    const KIND: &'static str = "permission";
    fn id(&self) -> &str {
        &self.id
    }
}

impl World {
    /// A calendar that is not stored yet. Real calendar ids hold `@`, `_` and `-`; so do these, in turn.
    pub(crate) fn new_calendar(&self, profile: &Profile, name: &str) -> Calendar {
        let digits = profile.profile_id.trim_start_matches("pro_");
        let short = digits.get(..16).unwrap_or(digits);
        Calendar {
            calendar_id: format!("cal_{short}_{}", self.ids.text(22)),
            sub: profile.sub.clone(),
            profile_id: profile.profile_id.clone(),
            name: name.into(),
            readonly: false,
            deleted: false,
            primary: false,
            integrated_conferencing_available: profile.provider_name == "google",
            attachments_available: profile.provider_name == "google",
            color: None,
        }
    }

    /// A calendar of this account. Another's calendar is as unknown as one that never was.
    pub(crate) fn calendar_of(&self, sub: &str, calendar_id: &str) -> ApiResult<Calendar> {
        let calendar = self.store.get::<Calendar>(calendar_id)?.filter(|calendar| calendar.sub == sub);
        calendar.ok_or(ApiError::NotFound)
    }

    /// A calendar of this account that can be written to now.
    pub(crate) fn writable_calendar_of(&self, sub: &str, calendar_id: &str) -> ApiResult<Calendar> {
        let calendar = self.calendar_of(sub, calendar_id)?;
        if calendar.deleted {
            return Err(ApiError::NotFound);
        }
        if calendar.readonly {
            return Err(ApiError::field(
                "calendar_id",
                "calendar_readonly",
                "calendar must not be read-only",
            ));
        }
        let profile = self.store.get::<Profile>(&calendar.profile_id)?;
        if profile.is_some_and(|profile| !profile.connected) {
            return Err(ApiError::Locked);
        }
        Ok(calendar)
    }

    pub(crate) fn permission_level(
        &self,
        client_id: &str,
        calendar_id: &str,
    ) -> Result<PermissionLevel, StoreError> {
        let granted = self.store.get::<Permission>(&permission_id(client_id, calendar_id))?;
        Ok(granted.map_or(self.settings().default_permission_level, |granted| granted.level))
    }

    pub(crate) fn set_permission_level(
        &self,
        client_id: &str,
        calendar_id: &str,
        level: PermissionLevel,
    ) -> Result<(), StoreError> {
        self.store.put(&Permission { id: permission_id(client_id, calendar_id), level })
    }
}

fn permission_id(client_id: &str, calendar_id: &str) -> String {
    format!("{client_id}/{calendar_id}")
}
