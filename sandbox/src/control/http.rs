//! The control API over HTTP: the calls of [`Control`] as JSON under `/sandbox/`. What is shown is masked, but for the
//! secret of an application in the reply that creates it.

use axum::extract::{Path, State as FromState};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{Control, deliveries, owners, provisioning};
use crate::errors::SandboxError;
use crate::faults::Fault;
use crate::recorder::RecordedRequest;
use crate::server::State;
use crate::settings::{PermissionLevel, Settings};
use crate::world::applications::{Application, Mode, NewApplication};
use crate::world::organizations::{NewMember, NewResource};

pub(super) type Reply = Result<Response, SandboxError>;

pub(crate) fn router() -> Router<State> {
    Router::new()
        .route("/sandbox/status", get(status))
        .route("/sandbox/reset", post(reset))
        .route("/sandbox/applications", get(applications).post(create_application))
        .route("/sandbox/applications/{client_id}/mode", post(set_mode))
        .route("/sandbox/applications/{client_id}/rotate_secret", post(rotate_secret))
        .route("/sandbox/applications/{client_id}/retire_secret", post(retire_secret))
        .route("/sandbox/applications/{client_id}/redirect_uris", post(submit_redirect_uris))
        .route("/sandbox/applications/{client_id}/verify", post(verify_redirect_uris))
        .route("/sandbox/organizations", get(organizations).post(create_organization))
        .route("/sandbox/organizations/{organization_id}/members", get(members).post(add_member))
        .route("/sandbox/organizations/{organization_id}/members/bulk", post(add_members))
        .route("/sandbox/organizations/{organization_id}/resources", get(resources).post(add_resource))
        .route("/sandbox/connections", get(connections))
        .route("/sandbox/connections/expire", post(expire))
        .route("/sandbox/connections/revoke", post(revoke))
        .route("/sandbox/profiles/{profile_id}", post(set_profile_connected))
        .route("/sandbox/permissions", post(set_permission_level))
        .route("/sandbox/authorize", post(authorize))
        .route("/sandbox/smart_invites/reply", post(super::invitations::answer))
        .route("/sandbox/host_ports", post(allow_host_port))
        .route("/sandbox/clock", get(clock).post(set_clock))
        .route("/sandbox/faults", get(faults).post(add_fault).delete(clear_faults))
        .route("/sandbox/faults/{id}", delete(remove_fault))
        .route("/sandbox/settings", get(settings).patch(update_settings))
        .route("/sandbox/counters", get(counters).delete(reset_counters))
        .route("/sandbox/applications/{client_id}/push_url", post(provisioning::push_url))
        .route("/sandbox/resources/{sub}", post(provisioning::room_details))
        .route("/sandbox/admin_api_keys", post(provisioning::create_key))
        .route("/sandbox/meeting_agents/{sub}", post(provisioning::end_agent))
        .route("/sandbox/calendars/{calendar_id}/events", post(owners::write_event))
        .route("/sandbox/calendars/{calendar_id}/events/{event_uid}", delete(owners::delete_event))
        .route("/sandbox/accounts/{sub}/notify", post(owners::notify))
        .route("/sandbox/deliveries", get(deliveries::list))
        .route("/sandbox/deliveries/settle", post(deliveries::settle))
        .route("/sandbox/requests", get(requests).delete(clear_requests))
}

impl axum::extract::FromRef<State> for Control {
    fn from_ref(state: &State) -> Self {
        Self::new(state.clone())
    }
}

impl IntoResponse for SandboxError {
    fn into_response(self) -> Response {
        let status = match self {
            Self::Unknown { .. } => StatusCode::NOT_FOUND,
            Self::Refused(_) => StatusCode::UNPROCESSABLE_ENTITY,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        (status, Json(json!({ "error": self.to_string() }))).into_response()
    }
}

async fn status(FromState(control): FromState<Control>) -> Response {
    reply(json!({
        "sandbox": env!("CARGO_PKG_VERSION"),
        "clock": control.clock(),
        "applications": control.applications().len(),
        "organizations": control.organizations().len(),
        "connections": control.connections().len(),
        "faults": control.faults().len(),
        "requests": control.counters().requests,
    }))
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Reset {
    seed: Option<u64>,
}

async fn reset(FromState(control): FromState<Control>, Fields(reset): Fields<Reset>) -> Response {
    control.reset(reset.seed);
    done()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HostPort {
    port: u16,
}

async fn allow_host_port(FromState(control): FromState<Control>, Fields(host): Fields<HostPort>) -> Response {
    control.allow_host_port(host.port);
    done()
}

async fn applications(FromState(control): FromState<Control>) -> Response {
    let applications: Vec<_> = control.applications().into_iter().map(Application::masked).collect();
    reply(json!({ "applications": applications }))
}

async fn create_application(
    FromState(control): FromState<Control>,
    Fields(new): Fields<NewApplication>,
) -> Reply {
    if let Some(id) = &new.internal_to
        && control.organizations().iter().all(|known| known.organization_id != *id)
    {
        return Err(SandboxError::Unknown { what: "organization", name: id.clone() });
    }
    Ok(created(control.create_application(new)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ModeChange {
    mode: Mode,
}

async fn set_mode(
    FromState(control): FromState<Control>,
    Path(client_id): Path<String>,
    Fields(change): Fields<ModeChange>,
) -> Reply {
    Ok(reply(control.set_mode(&client_id, change.mode)?.masked()))
}

async fn rotate_secret(FromState(control): FromState<Control>, Path(client_id): Path<String>) -> Reply {
    // As when it was created, the new secret is shown once.
    let application = control.rotate_secret(&client_id)?;
    let secret = application.client_secret.clone();
    Ok(reply(Application { client_secret: secret, ..application.masked() }))
}

async fn retire_secret(FromState(control): FromState<Control>, Path(client_id): Path<String>) -> Reply {
    Ok(reply(control.retire_secret(&client_id)?.masked()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RedirectUris {
    redirect_uris: Vec<String>,
}

async fn submit_redirect_uris(
    FromState(control): FromState<Control>,
    Path(client_id): Path<String>,
    Fields(submitted): Fields<RedirectUris>,
) -> Reply {
    Ok(reply(control.submit_redirect_uris(&client_id, &submitted.redirect_uris)?.masked()))
}

async fn verify_redirect_uris(
    FromState(control): FromState<Control>,
    Path(client_id): Path<String>,
) -> Reply {
    Ok(reply(control.verify_redirect_uris(&client_id)?.masked()))
}

async fn organizations(FromState(control): FromState<Control>) -> Response {
    reply(json!({ "organizations": control.organizations() }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewOrganization {
    name: String,
}

async fn create_organization(
    FromState(control): FromState<Control>,
    Fields(new): Fields<NewOrganization>,
) -> Response {
    created(control.create_organization(&new.name))
}

async fn members(FromState(control): FromState<Control>, Path(organization_id): Path<String>) -> Response {
    reply(json!({ "members": control.members(&organization_id) }))
}

async fn add_member(
    FromState(control): FromState<Control>,
    Path(organization_id): Path<String>,
    Fields(new): Fields<NewMember>,
) -> Reply {
    Ok(created(control.add_member(&organization_id, new)?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Count {
    count: usize,
}

async fn add_members(
    FromState(control): FromState<Control>,
    Path(organization_id): Path<String>,
    Fields(Count { count }): Fields<Count>,
) -> Reply {
    // The store would take more, but whoever asks for more has most likely mistyped.
    if count > 100_000 {
        return Err(SandboxError::Refused("count must be at most 100000".into()));
    }
    let members = control.add_members(&organization_id, count)?;
    Ok(created(json!({ "members": members })))
}

async fn resources(FromState(control): FromState<Control>, Path(organization_id): Path<String>) -> Response {
    reply(json!({ "resources": control.resources(&organization_id) }))
}

async fn add_resource(
    FromState(control): FromState<Control>,
    Path(organization_id): Path<String>,
    Fields(new): Fields<NewResource>,
) -> Reply {
    Ok(created(control.add_resource(&organization_id, new)?))
}

async fn connections(FromState(control): FromState<Control>) -> Response {
    reply(json!({ "connections": control.connections() }))
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Subject {
    sub: Option<String>,
}

async fn expire(FromState(control): FromState<Control>, Fields(subject): Fields<Subject>) -> Response {
    reply(json!({ "expired": control.expire_access_tokens(subject.sub.as_deref()) }))
}

async fn revoke(FromState(control): FromState<Control>, Fields(subject): Fields<Subject>) -> Reply {
    let Some(sub) = subject.sub else { return Err(SandboxError::Refused("sub must be specified".into())) };
    match control.revoke_connection(&sub) {
        0 => Err(SandboxError::Unknown { what: "connection", name: sub }),
        revoked => Ok(reply(json!({ "revoked": revoked }))),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProfileChange {
    connected: bool,
}

async fn set_profile_connected(
    FromState(control): FromState<Control>,
    Path(profile_id): Path<String>,
    Fields(change): Fields<ProfileChange>,
) -> Reply {
    control.set_profile_connected(&profile_id, change.connected)?;
    Ok(done())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Permission {
    client_id: String,
    calendar_id: String,
    permission_level: PermissionLevel,
}

async fn set_permission_level(
    FromState(control): FromState<Control>,
    Fields(permission): Fields<Permission>,
) -> Reply {
    control.set_permission_level(
        &permission.client_id,
        &permission.calendar_id,
        permission.permission_level,
    )?;
    Ok(done())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Decision {
    url: String,
    /// Who approves; nobody denies.
    approver: Option<String>,
}

async fn authorize(FromState(control): FromState<Control>, Fields(decision): Fields<Decision>) -> Reply {
    let address = match decision.approver {
        Some(approver) => control.approve(&decision.url, &approver)?,
        None => control.deny(&decision.url)?,
    };
    Ok(reply(json!({ "redirect": address })))
}

async fn clock(FromState(control): FromState<Control>) -> Response {
    reply(control.clock())
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum ClockChange {
    AdvanceMs(u64),
    OffsetMs(i64),
    FreezeAt(Timestamp),
    Run(bool),
}

async fn set_clock(FromState(control): FromState<Control>, Fields(change): Fields<ClockChange>) -> Response {
    match change {
        ClockChange::AdvanceMs(by) => control.advance(std::time::Duration::from_millis(by)),
        ClockChange::OffsetMs(offset) => control.set_clock_offset(SignedDuration::from_millis(offset)),
        ClockChange::FreezeAt(at) => control.freeze_clock(Some(at)),
        ClockChange::Run(run) => control.freeze_clock((!run).then(|| control.now())),
    }
    reply(control.clock())
}

async fn faults(FromState(control): FromState<Control>) -> Response {
    reply(json!({ "faults": control.faults() }))
}

async fn add_fault(FromState(control): FromState<Control>, Fields(fault): Fields<Fault>) -> Reply {
    if let Some((name, why)) = fault.flaw() {
        return Err(SandboxError::Refused(format!("{name} {why}")));
    }
    Ok(created(json!({ "id": control.add_fault(fault) })))
}

async fn clear_faults(FromState(control): FromState<Control>) -> Response {
    control.clear_faults();
    done()
}

async fn remove_fault(FromState(control): FromState<Control>, Path(id): Path<u64>) -> Reply {
    if control.remove_fault(id) {
        return Ok(done());
    }
    Err(SandboxError::Unknown { what: "fault", name: id.to_string() })
}

async fn settings(FromState(control): FromState<Control>) -> Response {
    reply(control.settings())
}

/// Changes the settings that are named and leaves the others.
async fn update_settings(
    FromState(control): FromState<Control>,
    Fields(changes): Fields<Map<String, Value>>,
) -> Reply {
    let refused = |error: serde_json::Error| SandboxError::Refused(error.to_string());
    let mut merged = serde_json::to_value(control.settings()).map_err(refused)?;
    if let Value::Object(merged) = &mut merged {
        merged.extend(changes);
    }
    let settings: Settings = serde_json::from_value(merged).map_err(refused)?;
    if let Some((name, why)) = settings.fault() {
        return Err(SandboxError::Refused(format!("{name} {why}")));
    }
    control.update_settings(|known| *known = settings);
    Ok(reply(control.settings()))
}

async fn counters(FromState(control): FromState<Control>) -> Response {
    reply(control.counters())
}

async fn reset_counters(FromState(control): FromState<Control>) -> Response {
    control.reset_counters();
    done()
}

async fn requests(FromState(control): FromState<Control>) -> Response {
    let requests: Vec<_> = control.requests().into_iter().map(RecordedRequest::masked).collect();
    reply(json!({ "requests": requests }))
}

async fn clear_requests(FromState(control): FromState<Control>) -> Response {
    control.clear_requests();
    done()
}

/// A JSON body, whatever its content type; an empty one is an empty object. What is wrong with it is said in a 422.
pub(super) struct Fields<T>(pub(super) T);

impl<T: serde::de::DeserializeOwned, S: Send + Sync> axum::extract::FromRequest<S> for Fields<T> {
    type Rejection = Response;

    async fn from_request(request: axum::extract::Request, _state: &S) -> Result<Self, Response> {
        let bytes = axum::body::to_bytes(request.into_body(), crate::server::BODY_LIMIT).await;
        let bytes = bytes.map_err(|_| crate::server::too_large())?;
        let bytes = if bytes.is_empty() { b"{}".as_slice() } else { &bytes };
        let fields = serde_json::from_slice(bytes);
        fields.map(Self).map_err(|error| SandboxError::Refused(error.to_string()).into_response())
    }
}

pub(super) fn reply(value: impl Serialize) -> Response {
    Json(value).into_response()
}

pub(super) fn created(value: impl Serialize) -> Response {
    (StatusCode::CREATED, Json(value)).into_response()
}

pub(super) fn done() -> Response {
    StatusCode::NO_CONTENT.into_response()
}
