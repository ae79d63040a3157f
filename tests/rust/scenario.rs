//! Scenarios as data: what a file under `tests/scenarios` may say, word for word. Anything else is refused.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use orgconnect::AuthorizationRequest;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::Outcome;

/// The instant at which a scenario's clock stands unless it says otherwise: a Monday far from the world's own events.
pub const NOW: &str = "2031-03-03T09:00:00Z";

/// One file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// What it shows, in one sentence.
    pub scenario: String,
    /// The world it happens in.
    #[serde(default)]
    pub given: Given,
    /// What happens, in order.
    pub steps: Vec<Step>,
}

/// The world before the first step.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Given {
    /// The seed of the world.
    pub seed: u64,
    /// The instant at which both clocks stand, or `real`.
    pub now: String,
    /// Settings of the sandbox that are not its defaults.
    pub settings: Map<String, Value>,
    /// The application.
    pub application: NewApplication,
    /// What is connected, by a name of the scenario's own.
    pub connections: BTreeMap<String, GivenConnection>,
    /// Faults, in order, added last.
    pub faults: Vec<Value>,
}

impl Default for Given {
    fn default() -> Self {
        Self {
            seed: 7,
            now: NOW.to_owned(),
            settings: Map::new(),
            application: NewApplication::default(),
            connections: BTreeMap::new(),
            faults: Vec::new(),
        }
    }
}

/// The application that the client belongs to.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NewApplication {
    /// The name of the organization whose Internal Application it is; none for an ordinary one.
    pub internal_to: Option<String>,
}

/// How something is connected; the value says by whom.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum GivenConnection {
    /// Organization Connect, approved by this owner.
    Organization(String),
    /// Individual Connect.
    Account(GivenAccount),
    /// Enterprise Connect.
    ServiceAccount(GivenServiceAccount),
    /// The organization of the Internal Application, which needs no approval.
    Internal(bool),
    /// An application calendar with this id.
    ApplicationCalendar(String),
    /// The Admin API of the organization of this name.
    Admin(String),
}

/// A connection of Individual Connect.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GivenAccount {
    /// The e-mail address of whoever approves.
    pub by: String,
    /// The scopes, with blanks between them.
    pub scope: String,
    /// The scopes that may be delegated, with blanks between them; empty for none.
    #[serde(default)]
    pub delegated_scope: String,
}

impl GivenAccount {
    /// The authorization that connects it.
    pub fn request(&self, redirect_uri: &str) -> AuthorizationRequest {
        AuthorizationRequest::individual(redirect_uri, self.scope.split(' '))
            .delegated_scopes(self.delegated_scope.split_whitespace())
    }
}

/// A connection of Enterprise Connect.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GivenServiceAccount {
    /// The e-mail address of whoever approves.
    pub by: String,
    /// The scopes, with blanks between them.
    pub scope: String,
    /// The scopes that may be delegated, with blanks between them.
    pub delegated_scope: String,
}

impl GivenServiceAccount {
    /// The authorization that connects it.
    pub fn request(&self, redirect_uri: &str) -> AuthorizationRequest {
        AuthorizationRequest::enterprise(redirect_uri, self.scope.split(' '), self.delegated_scope.split(' '))
    }
}

/// One step. Exactly one of the verbs is given.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Step {
    /// Verb: makes a call by the name of its operation.
    pub call: Option<String>,
    /// Verb: follows a link to a next page; `operation` says of what.
    pub follow: Option<String>,
    /// Verb: revokes the connection of this name, as `connection.revoke()` does.
    pub revoke: Option<String>,
    /// Verb: a call of the sandbox's control API, `METHOD /sandbox/…`.
    pub control: Option<String>,
    /// Verb: what a person's browser does, `METHOD address`.
    pub visit: Option<String>,
    /// Verb: moves both clocks on by so many seconds.
    pub advance: Option<u64>,
    /// Verb: compares what the sandbox has counted since the first step.
    pub counters: Option<Value>,

    /// The name of the connection that a call is made with, or `client`.
    pub via: Option<String>,
    /// The e-mail address or `sub` of the member who is impersonated.
    #[serde(rename = "as")]
    pub member: Option<String>,
    /// The operation whose next page is followed.
    pub operation: Option<String>,
    /// Arguments by their wire names; for `control` the JSON body, for `visit` the fields of the form.
    pub with: Map<String, Value>,
    /// How often the call is made at the same time; each must end as expected.
    pub together: Option<usize>,
    /// How often the call is sent at the most.
    pub attempts: Option<u32>,
    /// The name under which later steps find the reply.
    pub name: Option<String>,

    /// The reply that is expected.
    pub reply: Option<ExpectedReply>,
    /// The error that is expected.
    pub error: Option<ExpectedError>,
    /// The requests that the step causes, all of them, in order.
    pub sent: Option<Vec<Value>>,
}

/// What a reply must be.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ExpectedReply {
    /// The status.
    pub status: Option<u16>,
    /// What the JSON body must match.
    pub body: Option<Value>,
    /// Whether the body has no bytes.
    pub empty: Option<bool>,
    /// Whether there is a next page.
    pub next_page: Option<bool>,
}

/// What an error must be.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ExpectedError {
    /// The kind, as it is called in every language: `not_found`.
    pub kind: String,
    /// The HTTP status, if an answer was received.
    pub status: Option<u16>,
    /// The stable word for the exact reason.
    pub code: Option<String>,
    /// Fields that must be complained about, each with the key of one complaint.
    pub fields: BTreeMap<String, String>,
    /// Whether only a new authorization can help.
    pub needs_reauthorization: Option<bool>,
    /// Whether the same call may succeed later.
    pub transient: Option<bool>,
}

/// A scenario and where it stands, `events/upsert` for `tests/scenarios/events/upsert.yaml`.
#[derive(Debug, Clone)]
pub struct Named {
    /// Area and file name without its ending.
    pub name: String,
    /// What the file says.
    pub scenario: Scenario,
}

/// Reads every scenario, in the order of their names.
///
/// # Errors
/// The first file that is no scenario, and why.
pub fn all() -> Outcome<Vec<Named>> {
    let (root, files) = files()?;
    files.iter().map(|file| read(&root, file)).collect()
}

/// Every scenario as the JSON that its YAML stands for, with its name, in the order of the names.
///
/// # Errors
/// The first file that is no scenario, and why.
pub fn documents() -> Outcome<Vec<(String, Value)>> {
    let (root, files) = files()?;
    let document = |file: &PathBuf| {
        let wrong = |error: &dyn std::fmt::Display| format!("{}: {error}", file.display());
        let name = read(&root, file)?.name;
        let text = fs::read_to_string(file).map_err(|error| wrong(&error))?;
        Ok((name, serde_saphyr::from_str(&text).map_err(|error| wrong(&error))?))
    };
    files.iter().map(document).collect()
}

/// The folder of the scenarios, and their files in order.
fn files() -> Outcome<(PathBuf, Vec<PathBuf>)> {
    let root = crate::repository().join("tests/scenarios");
    let mut files = Vec::new();
    collect(&root, &mut files)?;
    files.sort();
    Ok((root, files))
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Outcome {
    let unreadable = |error: std::io::Error| format!("{}: {error}", folder.display());
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|ending| ending == "yaml") {
            files.push(path);
        }
    }
    Ok(())
}

fn read(root: &Path, file: &Path) -> Outcome<Named> {
    let wrong = |error: &dyn std::fmt::Display| format!("{}: {error}", file.display());
    let text = fs::read_to_string(file).map_err(|error| wrong(&error))?;
    let scenario: Scenario = serde_saphyr::from_str(&text).map_err(|error| wrong(&error))?;
    for (number, step) in (1..).zip(&scenario.steps) {
        if step.verbs() != 1 {
            return Err(wrong(&format!("step {number}: has {} verbs and must have one", step.verbs())));
        }
    }
    let name = file.strip_prefix(root).unwrap_or(file).with_extension("").display().to_string();
    Ok(Named { name, scenario })
}

impl Step {
    fn verbs(&self) -> usize {
        let texts = [&self.call, &self.follow, &self.revoke, &self.control, &self.visit];
        texts.iter().filter(|verb| verb.is_some()).count()
            + usize::from(self.advance.is_some())
            + usize::from(self.counters.is_some())
    }

    /// What the step does, for messages.
    pub fn what(&self) -> String {
        let named = [
            ("call", &self.call),
            ("follow", &self.follow),
            ("revoke", &self.revoke),
            ("control", &self.control),
            ("visit", &self.visit),
        ];
        let verb = named.iter().find_map(|(verb, text)| text.as_ref().map(|text| format!("{verb} {text}")));
        verb.unwrap_or_else(|| if self.advance.is_some() { "advance" } else { "counters" }.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> Outcome<Named> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.yaml");
        fs::write(&file, text).unwrap();
        read(folder.path(), &file)
    }

    #[test]
    fn a_scenario_is_named_by_its_place() {
        let named = read_text("scenario: x\nsteps: [{advance: 1}]").unwrap();
        assert_eq!((named.name.as_str(), named.scenario.steps[0].advance), ("a", Some(1)));
    }

    #[test]
    fn what_the_format_does_not_know_is_refused() {
        for text in [
            "scenario: x",
            "scenario: x\nsteps: [{call: a.b, via: c, whith: {}}]",
            "scenario: x\ngiven: {sede: 1}\nsteps: []",
            "scenario: x\nsteps: [{via: clinic}]",
            "scenario: x\nsteps: [{advance: 1, revoke: clinic}]",
            "scenario: x\ngiven: {connections: {a: {organisation: b}}}\nsteps: []",
        ] {
            assert!(read_text(text).is_err(), "{text}");
        }
    }
}
