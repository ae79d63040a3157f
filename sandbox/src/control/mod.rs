//! The sandbox in a test's hands: every call is synchronous and takes effect before it returns.

mod deliveries;
pub(crate) mod http;
pub(crate) mod invitations;
pub(crate) mod owners;
pub(crate) mod provisioning;
pub(crate) mod views;

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use url::Url;

use self::views::ConnectionView;
use crate::body;
use crate::clock::{ClockStatus, lock};
use crate::counters::Counters;
use crate::errors::SandboxError;
use crate::faults::{Fault, FaultStatus};
use crate::oauth::request::{AuthorizationRequest, Rejection};
use crate::recorder::RecordedRequest;
use crate::server::State;
use crate::settings::{PermissionLevel, Settings};
use crate::world::World;
use crate::world::accounts::{ConferencingProfile, Profile};
use crate::world::applications::{Application, Mode, NewApplication, verifiable};
use crate::world::authorizations::Connection;
use crate::world::calendars::Calendar;
use crate::world::organizations::{Member, NewMember, NewResource, Organization, Resource};
use crate::world::store::StoreError;

/// Reads and changes a running sandbox. Clones control the same one.
///
/// Calls without an error in their type panic where the data file can no longer be read or written; a sandbox in memory
/// has no such case.
#[derive(Clone)]
pub struct Control {
    state: State,
}

impl std::fmt::Debug for Control {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Control").finish_non_exhaustive()
    }
}

/// Applications.
impl Control {
    /// Registers an application.
    pub fn create_application(&self, new: NewApplication) -> Application {
        self.run(|world| world.create_application(new))
    }

    /// All applications, secrets included.
    pub fn applications(&self) -> Vec<Application> {
        self.run(|world| world.store.all())
    }

    /// Moves an application between development and production.
    pub fn set_mode(&self, client_id: &str, mode: Mode) -> Result<Application, SandboxError> {
        self.change_application(client_id, |application| {
            application.mode = mode;
            Ok(())
        })
    }

    /// Gives an application a new secret. The one it had stays good, and callbacks are signed with both, until it is
    /// retired.
    pub fn rotate_secret(&self, client_id: &str) -> Result<Application, SandboxError> {
        self.attempt(|world| Ok(world.rotate_secret(known_application(world, client_id)?)?))
    }

    /// Ends the secret that was rotated out.
    pub fn retire_secret(&self, client_id: &str) -> Result<Application, SandboxError> {
        self.change_application(client_id, |application| {
            application.retiring_secret = None;
            Ok(())
        })
    }

    /// Submits redirect URIs for verification, beside those that were submitted before.
    pub fn submit_redirect_uris(
        &self,
        client_id: &str,
        uris: &[String],
    ) -> Result<Application, SandboxError> {
        self.change_application(client_id, |application| {
            if let Some(uri) = uris.iter().find(|uri| !verifiable(uri)) {
                let why = format!("`{uri}` is no http or https address; its host may begin with `*.`");
                return Err(SandboxError::Refused(why));
            }
            application.submit(uris);
            Ok(())
        })
    }

    /// Verifies every redirect URI that was submitted, and moves the application to production.
    pub fn verify_redirect_uris(&self, client_id: &str) -> Result<Application, SandboxError> {
        self.change_application(client_id, |application| {
            application.verify();
            Ok(())
        })
    }
}

/// Organizations.
impl Control {
    /// All organizations, in the order in which they were made.
    pub fn organizations(&self) -> Vec<Organization> {
        self.run(|world| world.store.all())
    }

    /// Makes an organization that has no members yet.
    pub fn create_organization(&self, name: &str) -> Organization {
        self.run(|world| world.create_organization(name))
    }

    /// The members of an organization, in the order in which they joined; none where it is unknown.
    pub fn members(&self, organization_id: &str) -> Vec<Member> {
        self.run(|world| world.members(organization_id))
    }

    /// Adds a member, with calendars of their own where the e-mail address is new.
    pub fn add_member(&self, organization_id: &str, new: NewMember) -> Result<Member, SandboxError> {
        self.attempt(|world| {
            known_organization(world, organization_id)?;
            if !new.email.contains('@') {
                return Err(SandboxError::Refused(format!("`{}` is no e-mail address", new.email)));
            }
            Ok(world.add_member(organization_id, new)?)
        })
    }

    /// Adds so many members at once, `member1@….example` and so on.
    pub fn add_members(&self, organization_id: &str, count: usize) -> Result<Vec<Member>, SandboxError> {
        self.attempt(|world| {
            let organization = known_organization(world, organization_id)?;
            let domain: String = organization.name.chars().filter(char::is_ascii_alphanumeric).collect();
            let first = world.members(organization_id)?.len() + 1;
            let members = (first..first + count).map(|number| {
                let email = format!("member{number}@{}.example", domain.to_lowercase());
                let name = format!("Member {number}");
                world.add_member(organization_id, NewMember { email, name, ..NewMember::default() })
            });
            Ok(members.collect::<Result<_, _>>()?)
        })
    }

    /// The resources of an organization; none where it is unknown.
    pub fn resources(&self, organization_id: &str) -> Vec<Resource> {
        self.run(|world| world.store.list(organization_id))
    }

    /// Adds a resource.
    pub fn add_resource(&self, organization_id: &str, new: NewResource) -> Result<Resource, SandboxError> {
        self.attempt(|world| {
            known_organization(world, organization_id)?;
            Ok(world.add_resource(organization_id, new)?)
        })
    }
}

/// Authorizations.
impl Control {
    /// Approves an authorization URL as the person with this e-mail address and returns where the browser would go: the
    /// redirect URI with code and state, or with the error that the URL itself earns.
    pub fn approve(&self, authorization_url: &str, approver_email: &str) -> Result<String, SandboxError> {
        self.attempt(|world| {
            let request = match examine(world, authorization_url)? {
                Ok(request) => request,
                Err(redirect) => return Ok(redirect),
            };
            let candidates = request.candidates(world)?;
            let chosen = candidates.iter().find(|known| known.email.eq_ignore_ascii_case(approver_email));
            let chosen = chosen.ok_or_else(|| {
                SandboxError::Refused(format!(
                    "{approver_email} cannot approve this authorization; its page does not list them"
                ))
            })?;
            Ok(request.approve(world, chosen)?)
        })
    }

    /// Denies an authorization URL and returns where the browser would go.
    pub fn deny(&self, authorization_url: &str) -> Result<String, SandboxError> {
        self.attempt(|world| {
            Ok(examine(world, authorization_url)?.map_or_else(|redirect| redirect, |request| request.deny()))
        })
    }

    /// All connections, revoked ones too.
    pub fn connections(&self) -> Vec<ConnectionView> {
        self.run(|world| {
            let connections = world.store.all::<Connection>()?;
            connections.iter().map(|connection| ConnectionView::of(world, connection)).collect()
        })
    }

    /// Lets the access tokens of one `sub`, or all, expire now; says how many there were.
    pub fn expire_access_tokens(&self, sub: Option<&str>) -> usize {
        self.run(|world| world.expire_access_tokens(sub))
    }

    /// Revokes every application's connection of this `sub`; says how many there were.
    pub fn revoke_connection(&self, sub: &str) -> usize {
        self.run(|world| {
            let mut connections = world.store.all::<Connection>()?;
            connections.retain(|connection| connection.grant.sub == sub);
            let count = connections.len();
            connections.into_iter().try_for_each(|connection| world.revoke(connection))?;
            Ok(count)
        })
    }

    /// Disconnects a profile, or a conferencing profile, as when a provider no longer accepts its login, or connects it again. Calendars of a
    /// disconnected profile cannot be written to.
    pub fn set_profile_connected(&self, profile_id: &str, connected: bool) -> Result<(), SandboxError> {
        self.attempt(|world| {
            if let Some(profile) = world.store.get::<ConferencingProfile>(profile_id)? {
                let was_connected = profile.connected;
                let profile = ConferencingProfile { connected, ..profile };
                world.store.put(&profile)?;
                if was_connected && !connected {
                    world.account_changed(&profile.sub, "conferencing_profile_disconnected")?;
                }
                return Ok(());
            }
            let Some(profile) = world.store.get::<Profile>(profile_id)? else {
                return Err(SandboxError::Unknown { what: "profile", name: profile_id.into() });
            };
            let was_connected = profile.connected;
            let profile = Profile { connected, ..profile };
            world.store.put(&profile)?;
            if was_connected && !connected {
                world.account_changed(&profile.sub, "profile_disconnected")?;
            }
            Ok(())
        })
    }

    /// Grants an application what it may do with a calendar's events that it did not write.
    pub fn set_permission_level(
        &self,
        client_id: &str,
        calendar_id: &str,
        level: PermissionLevel,
    ) -> Result<(), SandboxError> {
        self.attempt(|world| {
            known_application(world, client_id)?;
            if world.store.get::<Calendar>(calendar_id)?.is_none() {
                return Err(SandboxError::Unknown { what: "calendar", name: calendar_id.into() });
            }
            Ok(world.set_permission_level(client_id, calendar_id, level)?)
        })
    }
}

/// Settings, clock, faults, and what was seen.
impl Control {
    /// How the sandbox behaves.
    pub fn settings(&self) -> Settings {
        lock(&self.state.world).settings().clone()
    }

    /// Changes how the sandbox behaves. A page size of 0 is 1.
    pub fn update_settings(&self, change: impl FnOnce(&mut Settings)) {
        self.run(|world| {
            let mut settings = world.settings().clone();
            change(&mut settings);
            world.change_settings(settings)
        });
    }

    /// The sandbox's time.
    pub fn now(&self) -> Timestamp {
        self.state.clock.now()
    }

    /// The time, and how it was set.
    pub fn clock(&self) -> ClockStatus {
        self.state.clock.status()
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        self.state.clock.advance(by);
    }

    /// Sets the clock this far ahead of real time, or behind it, and lets it run.
    pub fn set_clock_offset(&self, offset: SignedDuration) {
        self.state.clock.set_offset(offset);
    }

    /// Stops the clock at an instant, or lets it run again.
    pub fn freeze_clock(&self, at: Option<Timestamp>) {
        self.state.clock.freeze(at);
    }

    /// Adds a fault at the end of the list and returns its number.
    pub fn add_fault(&self, fault: Fault) -> u64 {
        self.state.faults.add(fault)
    }

    /// The faults in force, in order.
    pub fn faults(&self) -> Vec<FaultStatus> {
        self.state.faults.list()
    }

    /// Removes one fault and says whether there was one of this number.
    pub fn remove_fault(&self, id: u64) -> bool {
        self.state.faults.remove(id)
    }

    /// Removes every fault.
    pub fn clear_faults(&self) {
        self.state.faults.clear();
    }

    /// What was counted since the start or the last reset.
    pub fn counters(&self) -> Counters {
        lock(&self.state.counters).clone()
    }

    /// Counts from zero.
    pub fn reset_counters(&self) {
        *lock(&self.state.counters) = Counters::default();
    }

    /// The last 2,000 requests, oldest first, with their secrets.
    pub fn requests(&self) -> Vec<RecordedRequest> {
        lock(&self.state.recorder).all()
    }

    /// Forgets the recorded requests.
    pub fn clear_requests(&self) {
        lock(&self.state.recorder).clear();
    }

    /// Starts over: the default world, settings, real time, no faults, nothing counted or recorded.
    pub fn reset(&self, seed: Option<u64>) {
        self.state.clock.set_offset(SignedDuration::ZERO);
        self.state.faults.clear();
        self.state.limits.reset();
        self.reset_counters();
        self.clear_requests();
        usable(lock(&self.state.world).reset(seed));
    }

    /// Answers to this port in the `Host` header, too: that of a local program which forwards to the sandbox.
    pub fn allow_host_port(&self, port: u16) {
        self.state.guard.allow_port(port);
    }
}

impl Control {
    pub(crate) fn new(state: State) -> Self {
        Self { state }
    }

    fn run<T>(&self, work: impl FnOnce(&World) -> Result<T, StoreError>) -> T {
        usable(lock(&self.state.world).transaction(work))
    }

    fn attempt<T>(&self, work: impl FnOnce(&World) -> Result<T, SandboxError>) -> Result<T, SandboxError> {
        lock(&self.state.world).transaction(work)
    }

    fn change_application(
        &self,
        client_id: &str,
        change: impl FnOnce(&mut Application) -> Result<(), SandboxError>,
    ) -> Result<Application, SandboxError> {
        self.attempt(|world| {
            let mut application = known_application(world, client_id)?;
            change(&mut application)?;
            world.store.put(&application)?;
            Ok(application)
        })
    }
}

fn usable<T>(result: Result<T, StoreError>) -> T {
    result.unwrap_or_else(|error| panic!("the sandbox's data could not be used: {error}"))
}

/// The request that an authorization URL stands for, or the address it leads to without anybody's decision.
fn examine(
    world: &World,
    authorization_url: &str,
) -> Result<Result<AuthorizationRequest, String>, SandboxError> {
    let Ok(url) = Url::parse(authorization_url) else {
        return Err(SandboxError::Refused("the authorization URL is not a URL".into()));
    };
    let query = body::unfold(url.query().unwrap_or_default().as_bytes());
    match AuthorizationRequest::examine(world, url.path(), &query)? {
        Ok(request) => Ok(Ok(request)),
        Err(Rejection::Redirect(address)) => Ok(Err(address)),
        Err(Rejection::Page(why)) => Err(SandboxError::Refused(why.into())),
    }
}

fn known_organization(world: &World, organization_id: &str) -> Result<Organization, SandboxError> {
    let organization = world.store.get::<Organization>(organization_id)?;
    organization.ok_or_else(|| SandboxError::Unknown { what: "organization", name: organization_id.into() })
}

fn known_application(world: &World, client_id: &str) -> Result<Application, SandboxError> {
    let application = world.store.get::<Application>(client_id)?;
    application.ok_or_else(|| SandboxError::Unknown { what: "application", name: client_id.into() })
}
