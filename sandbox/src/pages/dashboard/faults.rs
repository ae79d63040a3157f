//! The list of faults in force, ready-made ones, and the form that adds one.

use axum::Router;
use axum::response::Response;
use axum::routing::{get, post};
use minijinja::context;
use minijinja::value::Serde;
use serde::Serialize;

use super::fault_form;
use super::visit::{Done, Visit, change, done, show};
use crate::errors::SandboxError;
use crate::faults::{Fault, FaultStatus};
use crate::server::State;

const PAGE: &str = "/dashboard/faults";

/// A fault in the list.
#[derive(Serialize)]
struct View {
    id: u64,
    meets: String,
    does: String,
    applied: String,
}

/// A fault that one click orders.
struct Preset {
    name: &'static str,
    label: &'static str,
    fault: fn() -> Fault,
}

const PRESETS: [Preset; 6] = [
    Preset { name: "unavailable", label: "503 from the API", fault: || api(Fault::status(503)) },
    Preset {
        name: "rate-limited",
        label: "429, retry after 2 s",
        fault: || api(Fault { retry_after: Some("2".into()), ..Fault::status(429) }),
    },
    Preset { name: "lost-reply", label: "Lose a reply of the API", fault: || api(Fault::lost_reply()) },
    Preset {
        name: "lost-refresh",
        label: "Lose the reply to a refresh",
        fault: || Fault { grant_type: Some("refresh_token".into()), ..Fault::lost_reply() },
    },
    Preset {
        name: "slow",
        label: "Answer 3 s late",
        fault: || api(Fault { delay_after_ms: 3_000, ..Fault::default() }),
    },
    Preset {
        name: "garbled",
        label: "Garble a body",
        fault: || api(Fault { garble: true, ..Fault::default() }),
    },
];

pub(super) fn router() -> Router<State> {
    Router::new()
        .route(PAGE, get(show(list)))
        .route("/dashboard/faults/add", post(change(add)))
        .route("/dashboard/faults/preset", post(change(add_preset)))
        .route("/dashboard/faults/remove", post(change(remove)))
        .route("/dashboard/faults/clear", post(change(clear)))
}

fn list(visit: &Visit) -> Result<Response, SandboxError> {
    let faults: Vec<_> = visit.control.faults().iter().map(View::of).collect();
    let presets: Vec<_> =
        PRESETS.iter().map(|preset| context! { name => preset.name, label => preset.label }).collect();
    visit.page("dashboard/faults.html", context! { faults => Serde(faults), presets })
}

fn add(visit: &Visit) -> Result<Done, SandboxError> {
    let id = visit.control.add_fault(fault_form::read(visit)?);
    done(PAGE, format!("Fault {id} is in force."))
}

fn add_preset(visit: &Visit) -> Result<Done, SandboxError> {
    let preset = PRESETS.iter().find(|preset| preset.name == visit.field("preset"));
    let preset = preset.ok_or_else(|| SandboxError::Refused("there is no such fault to order".into()))?;
    let id = visit.control.add_fault((preset.fault)().times(1));
    done(PAGE, format!("Fault {id} is in force, once."))
}

fn remove(visit: &Visit) -> Result<Done, SandboxError> {
    let id: Option<u64> = visit.number("id", "the fault's number")?;
    let said = match id.filter(|id| visit.control.remove_fault(*id)) {
        Some(id) => format!("Fault {id} was removed."),
        None => "That fault was removed before.".into(),
    };
    done(PAGE, said)
}

fn clear(visit: &Visit) -> Result<Done, SandboxError> {
    visit.control.clear_faults();
    done(PAGE, "All faults were removed.")
}

fn api(fault: Fault) -> Fault {
    Fault { path: Some("/v1/".into()), ..fault }
}

impl View {
    fn of(status: &FaultStatus) -> Self {
        let applied = match status.fault.times {
            Some(times) => format!("{} of {times}", status.applied),
            None => status.applied.to_string(),
        };
        let (meets, does) = (fault_form::meets(&status.fault), fault_form::does(&status.fault));
        Self { id: status.id, meets, does, applied }
    }
}
