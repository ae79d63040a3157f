//! What applications ask of people beside their authorization, until it is answered.

use serde::{Deserialize, Serialize};

use super::World;
use super::ids::unguessable;
use super::store::{Record, StoreError};
use crate::settings::PermissionLevel;

/// How long a page waits for its answer: somebody may find the link in their mail.
const TTL_MS: i64 = 24 * 60 * 60 * 1000;

/// A question to one person.
#[derive(Serialize, Deserialize)]
pub(crate) struct Consent {
    /// The last part of the page's address; whoever has it may answer.
    pub(crate) token: String,
    pub(crate) client_id: String,
    pub(crate) sub: String,
    pub(crate) redirect_uri: String,
    pub(crate) wish: Wish,
    pub(crate) expires_ms: i64,
}

/// What is asked for.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Wish {
    /// A conferencing service: this one, or one of the person's choice.
    Conferencing { provider_name: Option<String> },
    /// What may be done with events the application did not write, for each calendar.
    Permissions { levels: Vec<(String, PermissionLevel)> },
}

impl Record for Consent {
    const KIND: &'static str = "consent";
    fn id(&self) -> &str {
        &self.token
    }
}

impl World {
    /// Keeps a question until it is answered or too old.
    pub(crate) fn ask(
        &self,
        client_id: &str,
        sub: &str,
        redirect_uri: String,
        wish: Wish,
    ) -> Result<Consent, StoreError> {
        self.store.delete_up_to::<Consent>("expires_ms", self.now_ms())?;
        let consent = Consent {
            token: unguessable(),
            client_id: client_id.into(),
            sub: sub.into(),
            redirect_uri,
            wish,
            expires_ms: self.now_ms() + TTL_MS,
        };
        self.store.put(&consent)?;
        Ok(consent)
    }
}
