//! The members and resources of an organization.
//! <https://docs.cronofy.com/developers/api-alpha/organizational-unit-members/>

use axum::Router;
use axum::routing::get;
use serde_json::json;

use crate::auth::ActingOrganization;
use crate::call::{Call, operation};
use crate::errors::{ApiError, ApiResult};
use crate::paging::Listing;
use crate::server::State;
use crate::world::World;
use crate::world::organizations::Resource;

const MEMBERS: &str = "/v1/organizational_unit_members";
const RESOURCES: &str = "/v1/organizational_unit_resources";

pub(super) fn router() -> Router<State> {
    Router::new()
        .route(MEMBERS, get(operation(list_members)))
        .route(&format!("{MEMBERS}/pages/{{page_token}}"), get(operation(read_members_page)))
        .route(RESOURCES, get(operation(list_resources)))
        .route(&format!("{RESOURCES}/pages/{{page_token}}"), get(operation(read_resources_page)))
}

fn list_members(world: &World, call: &Call) -> ApiResult {
    let caller = caller(world, call)?;
    let members = world.members(&caller.organization_id)?.into_iter().map(|member| {
        json!({
            "sub": member.sub,
            "email": member.email,
            "roles": member.roles,
            "scheduler": { "enabled": member.scheduler_enabled, "public_url": member.public_url },
        })
    });
    members_of(&caller).first_page(world, call, members.collect())
}

fn read_members_page(world: &World, call: &Call) -> ApiResult {
    members_of(&caller(world, call)?).page(world, call)
}

fn list_resources(world: &World, call: &Call) -> ApiResult {
    let caller = caller(world, call)?;
    let resources = world.store.list::<Resource>(&caller.organization_id)?.into_iter().map(|resource| {
        json!({
            "sub": resource.sub,
            "email": resource.email,
            "name": resource.name,
            "scheduler": { "enabled": resource.scheduler_enabled },
        })
    });
    resources_of(&caller).first_page(world, call, resources.collect())
}

fn read_resources_page(world: &World, call: &Call) -> ApiResult {
    resources_of(&caller(world, call)?).page(world, call)
}

fn caller(world: &World, call: &Call) -> ApiResult<ActingOrganization> {
    let caller = call.organization(world)?;
    if caller.by_token && !world.settings().members_with_organization_token {
        return Err(ApiError::Forbidden);
    }
    Ok(caller)
}

fn members_of(caller: &ActingOrganization) -> Listing<'_> {
    Listing {
        client_id: &caller.client_id,
        owner: &caller.organization_id,
        path: MEMBERS,
        name: "organizational_unit_members",
    }
}

fn resources_of(caller: &ActingOrganization) -> Listing<'_> {
    Listing { path: RESOURCES, name: "organizational_unit_resources", ..members_of(caller) }
}
