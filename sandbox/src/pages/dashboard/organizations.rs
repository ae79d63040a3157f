//! Organizations with their members and resources, and the forms that add to them.

use axum::Router;
use axum::response::Response;
use axum::routing::{get, post};
use minijinja::context;
use minijinja::value::Serde;
use serde::Serialize;

use super::visit::{Done, Visit, change, done, show};
use super::words;
use crate::errors::SandboxError;
use crate::server::State;
use crate::world::event_time::time_zone;
use crate::world::organizations::{NewMember, NewResource, Organization};

/// How many members one page shows.
const SHOWN: usize = 100;

/// How many members one form adds at most.
const MOST: usize = 5_000;

const ROLES: [&str; 4] = ["member", "developer", "developer_admin", "owner"];

/// An organization as the pages show it.
#[derive(Serialize)]
struct View {
    href: String,
    name: String,
    organization_id: String,
    /// The `sub` of its connections.
    sub: String,
    members: usize,
    resources: usize,
    owners: String,
}

#[derive(Serialize)]
struct Role {
    name: &'static str,
    chosen: bool,
}

pub(super) fn router() -> Router<State> {
    Router::new()
        .route("/dashboard/organizations", get(show(list)))
        .route("/dashboard/organizations/create", post(change(create)))
        .route("/dashboard/organizations/{organization_id}", get(show(organization)))
        .route("/dashboard/organizations/{organization_id}/members", post(change(add_member)))
        .route("/dashboard/organizations/{organization_id}/bulk", post(change(add_members)))
        .route("/dashboard/organizations/{organization_id}/resources", post(change(add_resource)))
}

fn list(visit: &Visit) -> Result<Response, SandboxError> {
    let organizations = visit.control.organizations().into_iter();
    let organizations = organizations.map(|known| View::of(visit, known)).collect::<Result<Vec<_>, _>>()?;
    visit.page("dashboard/organizations.html", context! { organizations => Serde(organizations) })
}

fn create(visit: &Visit) -> Result<Done, SandboxError> {
    let organization = visit.control.create_organization(visit.required("name", "the name")?);
    let said = format!("{} was created. It needs an owner before it can be connected.", organization.name);
    done(page_of(&organization.organization_id), said)
}

fn organization(visit: &Visit) -> Result<Response, SandboxError> {
    let known = known(visit)?;
    let mut members = visit.control.members(&known.organization_id);
    let resources = visit.control.resources(&known.organization_id);
    let member_count = words::count(members.len(), "member", "members");
    let more = members.len().saturating_sub(SHOWN);
    members.truncate(SHOWN);
    visit.page(
        "dashboard/organization.html",
        context! {
            organization => Serde(View::of(visit, known)?),
            members => Serde(members),
            member_count,
            more_members => (more > 0).then(|| format!("and {more} more, which the API lists page by page.")),
            resources => Serde(resources),
            roles => Serde(ROLES.map(|name| Role { name, chosen: name == "member" })),
        },
    )
}

fn add_member(visit: &Visit) -> Result<Done, SandboxError> {
    let id = known(visit)?.organization_id;
    let new = NewMember {
        email: visit.required("email", "the e-mail address")?.into(),
        name: visit.required("name", "the name")?.into(),
        zoneinfo: visit.required("zoneinfo", "the time zone")?.into(),
        roles: visit.list("roles"),
    };
    if time_zone(&new.zoneinfo).is_none() {
        return Err(SandboxError::Refused(format!("`{}` is no IANA time zone", new.zoneinfo)));
    }
    if let Some(odd) = new.roles.iter().find(|role| !ROLES.contains(&role.as_str())) {
        return Err(SandboxError::Refused(format!("`{odd}` is no role")));
    }
    let member = visit.control.add_member(&id, new)?;
    done(page_of(&id), format!("{} joined.", member.email))
}

fn add_members(visit: &Visit) -> Result<Done, SandboxError> {
    let id = known(visit)?.organization_id;
    let count: Option<usize> = visit.number("count", "how many")?;
    let Some(count) = count.filter(|count| (1..=MOST).contains(count)) else {
        return Err(SandboxError::Refused(format!("how many must be a number from 1 to {MOST}")));
    };
    let added = visit.control.add_members(&id, count)?.len();
    done(page_of(&id), format!("{} joined.", words::count(added, "member", "members")))
}

fn add_resource(visit: &Visit) -> Result<Done, SandboxError> {
    let id = known(visit)?.organization_id;
    let email = visit.required("resource_email", "the e-mail address")?;
    if !email.contains('@') {
        return Err(SandboxError::Refused(format!("`{email}` is no e-mail address")));
    }
    let new = NewResource { email: email.into(), name: visit.required("resource_name", "the name")?.into() };
    let resource = visit.control.add_resource(&id, new)?;
    done(page_of(&id), format!("{} was added.", resource.name))
}

fn known(visit: &Visit) -> Result<Organization, SandboxError> {
    let id = visit.call.path("organization_id");
    let found = visit.world(|world| world.store.get::<Organization>(id))?;
    found.ok_or_else(|| SandboxError::Unknown { what: "organization", name: id.into() })
}

fn page_of(organization_id: &str) -> String {
    format!("/dashboard/organizations/{organization_id}")
}

impl View {
    fn of(visit: &Visit, organization: Organization) -> Result<Self, SandboxError> {
        let id = &organization.organization_id;
        let (members, owners) = visit.world(|world| Ok((world.members(id)?, world.owners(id)?)))?;
        let owners: Vec<_> = owners.into_iter().map(|owner| owner.email).collect();
        Ok(Self {
            href: page_of(id),
            sub: visit.world(|world| Ok(organization.sub(world)))?,
            members: members.len(),
            resources: visit.control.resources(id).len(),
            owners: owners.join(", "),
            name: organization.name,
            organization_id: organization.organization_id,
        })
    }
}
