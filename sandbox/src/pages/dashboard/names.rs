//! Whose a `sub` is, for people.

use std::collections::HashMap;

use serde::Serialize;

use crate::world::World;
use crate::world::accounts::{Account, ServiceAccount};
use crate::world::applications::Application;
use crate::world::organizations::Organization;
use crate::world::store::StoreError;

/// A `sub` and what people call it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Named {
    pub(super) sub: String,
    pub(super) name: String,
}

/// Looks names up, each once.
pub(super) struct Names<'a> {
    world: &'a World,
    known: HashMap<String, Named>,
    applications: HashMap<String, String>,
    organizations: Vec<Organization>,
}

impl<'a> Names<'a> {
    pub(super) fn new(world: &'a World) -> Result<Self, StoreError> {
        let applications = world.store.all::<Application>()?.into_iter();
        Ok(Self {
            world,
            known: HashMap::new(),
            applications: applications.map(|known| (known.client_id, known.name)).collect(),
            organizations: world.store.all()?,
        })
    }

    /// An application's name, or its client id where it is unknown.
    pub(super) fn application(&self, client_id: &str) -> String {
        self.applications.get(client_id).map_or_else(|| client_id.to_owned(), Clone::clone)
    }

    pub(super) fn of(&mut self, sub: &str) -> Result<Named, StoreError> {
        if let Some(named) = self.known.get(sub) {
            return Ok(named.clone());
        }
        let named = Named { sub: sub.to_owned(), name: self.look_up(sub)? };
        self.known.insert(sub.to_owned(), named.clone());
        Ok(named)
    }

    fn look_up(&self, sub: &str) -> Result<String, StoreError> {
        if let Some(account) = self.world.store.get::<Account>(sub)? {
            return Ok(if account.email.is_empty() { account.name } else { account.email });
        }
        if let Some(account) = self.world.store.get::<ServiceAccount>(sub)? {
            return Ok(account.domain);
        }
        let organization = self.organizations.iter().find(|known| known.sub(self.world) == sub);
        Ok(organization.map_or_else(|| "unknown".into(), |organization| organization.name.clone()))
    }
}
