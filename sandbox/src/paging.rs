//! Lists in pages: an envelope with `pages` beside the items, and further pages behind single-purpose addresses.

use axum::Json;
use axum::response::IntoResponse;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::call::Call;
use crate::errors::{ApiError, ApiResult};
use crate::world::World;
use crate::world::store::{Record, StoreError};

/// A later page, kept as it was when the first was read, so that a list does not shift under its reader.
#[derive(Serialize, Deserialize)]
struct Page {
    token: String,
    /// Who may read it: the application and the account or organization.
    reader: String,
    /// The list's address, which the page's begins with.
    path: String,
    /// The name of the items in the reply.
    name: String,
    items: Vec<Value>,
    current: usize,
    total: usize,
    next: Option<String>,
    expires_ms: i64,
}

impl Record for Page {
    const KIND: &'static str = "page";
    fn id(&self) -> &str {
        &self.token
    }
}

/// Who reads a list, and which one.
pub(crate) struct Listing<'a> {
    pub(crate) client_id: &'a str,
    /// The account or organization whose list it is.
    pub(crate) owner: &'a str,
    /// The list's address; its pages are `{path}/pages/{token}`.
    pub(crate) path: &'a str,
    /// The name of the items in the reply.
    pub(crate) name: &'a str,
}

impl Listing<'_> {
    fn reader(&self) -> String {
        format!("{}/{}", self.client_id, self.owner)
    }

    /// Replies with the first page and keeps the others.
    pub(crate) fn first_page(&self, world: &World, call: &Call, items: Vec<Value>) -> ApiResult {
        Ok(Json(self.first(world, call, items)?).into_response())
    }

    /// Replies with the page that the address names; 404 where it is unknown, expired, or another's.
    pub(crate) fn page(&self, world: &World, call: &Call) -> ApiResult {
        Ok(Json(self.named(world, call)?).into_response())
    }

    /// The first page, `pages` and the items, for a reply it is only a part of; keeps the others.
    pub(crate) fn first(
        &self,
        world: &World,
        call: &Call,
        mut items: Vec<Value>,
    ) -> ApiResult<Map<String, Value>> {
        forget_expired(world)?;
        let (size, ttl_ms) = (world.settings().page_size.max(1), world.settings().page_token_ttl_ms);
        let total = items.len().div_ceil(size).max(1);
        let mut page = Page {
            token: String::new(),
            reader: self.reader(),
            path: self.path.into(),
            name: self.name.into(),
            items: Vec::new(),
            current: total,
            total,
            next: None,
            expires_ms: world.now_ms().saturating_add_unsigned(ttl_ms),
        };
        while page.current > 1 {
            page.token = world.ids.hex::<8>();
            page.items = items.split_off((page.current - 1) * size);
            world.store.put(&page)?;
            page.next = Some(std::mem::take(&mut page.token));
            page.current -= 1;
        }
        page.items = items;
        Ok(page.content(call))
    }

    /// The page that the address names, for a reply it is only a part of.
    pub(crate) fn named(&self, world: &World, call: &Call) -> ApiResult<Map<String, Value>> {
        let page = world.store.get::<Page>(call.path("page_token"))?;
        let page = page.filter(|page| {
            page.reader == self.reader() && page.path == self.path && world.now_ms() < page.expires_ms
        });
        page.map(|page| page.content(call)).ok_or(ApiError::NotFound)
    }
}

impl Page {
    fn content(self, call: &Call) -> Map<String, Value> {
        let mut pages = json!({ "current": self.current, "total": self.total });
        if let Some(next) = self.next {
            pages["next_page"] = format!("{}{}/pages/{next}", call.origin, self.path).into();
        }
        Map::from_iter([("pages".to_owned(), pages), (self.name, Value::Array(self.items))])
    }
}

fn forget_expired(world: &World) -> Result<(), StoreError> {
    world.store.delete_up_to::<Page>("expires_ms", world.now_ms())
}
