//! Proves for every operation that nothing is left out: it is described, it has a typed Rust method, a sandbox route and a
//! scenario, and whatever the sandbox answers in the scenarios is what the description says.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    sync::{Arc, OnceLock},
};

use libtest_mimic::{Arguments, Failed, Trial};
use orgconnect::operation::{Method, Operation};
use orgconnect_sandbox::Sandbox;
use orgconnect_tests::{
    Outcome,
    description::Description,
    repository,
    runner::{self, Observation},
    scenario,
};

fn main() {
    let arguments = Arguments::from_args();
    let evidence = Arc::new(Evidence::default());
    let mut trials = Vec::new();
    let mut add = |name: String, check: fn(&Evidence, &'static Operation) -> Outcome, operation| {
        let evidence = Arc::clone(&evidence);
        trials.push(Trial::test(name, move || check(&evidence, operation).map_err(Failed::from)));
    };
    for operation in orgconnect::operations().iter().copied() {
        let name = operation.name;
        add(format!("{name} is described as the table has it"), is_described, operation);
        add(format!("{name} has a typed method"), has_typed_method, operation);
        add(format!("{name} has a sandbox route"), has_route, operation);
        add(format!("{name} has a scenario"), has_scenario, operation);
        add(format!("{name} is answered as described"), is_answered_as_described, operation);
    }
    let described = Arc::clone(&evidence);
    trials.push(Trial::test("every described operation is in the table", move || {
        in_table(&described).map_err(Failed::from)
    }));
    libtest_mimic::run(&arguments, trials).exit();
}

/// What the checks look at, each gathered once.
#[derive(Default)]
struct Evidence {
    description: OnceLock<Outcome<Description>>,
    facade: OnceLock<Outcome<BTreeMap<String, String>>>,
    routes: OnceLock<Outcome<BTreeSet<String>>>,
    scenarios: OnceLock<Outcome<Vec<scenario::Named>>>,
    observations: OnceLock<Outcome<Vec<Observation>>>,
}

fn gathered<T>(result: &Outcome<T>) -> Outcome<&T> {
    result.as_ref().map_err(Clone::clone)
}

impl Evidence {
    fn description(&self) -> Outcome<&Description> {
        gathered(self.description.get_or_init(Description::read))
    }

    fn facade(&self) -> Outcome<&BTreeMap<String, String>> {
        gathered(self.facade.get_or_init(typed_methods))
    }

    fn routes(&self) -> Outcome<&BTreeSet<String>> {
        gathered(self.routes.get_or_init(probe_routes))
    }

    fn scenarios(&self) -> Outcome<&Vec<scenario::Named>> {
        gathered(self.scenarios.get_or_init(scenario::all))
    }

    /// The answers of all scenarios, of one that fails until it does; the runner reports that.
    fn observations(&self) -> Outcome<&Vec<Observation>> {
        gathered(self.observations.get_or_init(|| {
            let scenarios = self.scenarios()?;
            let (left, right) = scenarios.split_at(scenarios.len() / 2);
            let run = |part: &[scenario::Named]| -> Vec<Observation> {
                part.iter().flat_map(|named| runner::run(&named.scenario).observations).collect()
            };
            std::thread::scope(|scope| {
                let other = scope.spawn(|| run(right));
                let mut observed = run(left);
                observed.extend(other.join().map_err(|_| "a scenario panicked".to_owned())?);
                Ok(observed)
            })
        }))
    }
}

fn is_described(evidence: &Evidence, operation: &'static Operation) -> Outcome {
    let described = evidence.description()?.operations().get(operation.name).ok_or("it is not described")?;
    let method = method(operation);
    if described.method != method {
        return Err(format!("the method is {method} and is described as {}", described.method));
    }
    match &described.path {
        None if operation.path.starts_with('{') => Ok(()),
        Some(path) if path == operation.path => Ok(()),
        other => Err(format!("the path is {} and is described as {other:?}", operation.path)),
    }
}

fn in_table(evidence: &Evidence) -> Outcome {
    let known: BTreeSet<&str> = orgconnect::operations().iter().map(|operation| operation.name).collect();
    let described = evidence.description()?.operations().keys();
    let missing: Vec<&String> = described.filter(|name| !known.contains(name.as_str())).collect();
    if missing.is_empty() { Ok(()) } else { Err(format!("not in the table: {missing:?}")) }
}

fn has_typed_method(evidence: &Evidence, operation: &'static Operation) -> Outcome {
    let row = operation.name.replace('.', "_").to_uppercase();
    evidence.facade()?.get(&row).map(drop).ok_or_else(|| format!("no public function uses operations::{row}"))
}

fn has_route(evidence: &Evidence, operation: &'static Operation) -> Outcome {
    if operation.path.starts_with('{') {
        // Its address is the sandbox's own to choose, so that it answers is all there is to know.
        return answered(evidence, operation);
    }
    let route = format!("{} {}", method(operation), without_names(operation.path));
    let routes = evidence.routes()?;
    if routes.contains(&route) { Ok(()) } else { Err(format!("the sandbox has no route {route}")) }
}

fn has_scenario(evidence: &Evidence, operation: &'static Operation) -> Outcome {
    let calls = |named: &scenario::Named| {
        named.scenario.steps.iter().any(|step| step.call.as_deref() == Some(operation.name))
    };
    if evidence.scenarios()?.iter().any(calls) { Ok(()) } else { Err("no scenario calls it".to_owned()) }
}

fn is_answered_as_described(evidence: &Evidence, operation: &'static Operation) -> Outcome {
    answered(evidence, operation)?;
    let description = evidence.description()?;
    let answers = evidence.observations()?.iter().filter(|observed| observed.operation == operation.name);
    let departures: BTreeSet<String> = answers
        .filter_map(|answer| description.judge(operation.name, answer.status, &answer.body).err())
        .collect();
    if departures.is_empty() { Ok(()) } else { Err(departures.into_iter().collect::<Vec<_>>().join("\n")) }
}

/// Whether some scenario saw it succeed.
fn answered(evidence: &Evidence, operation: &'static Operation) -> Outcome {
    let succeeded = |observed: &&Observation| {
        observed.operation == operation.name && operation.success.contains(&observed.status)
    };
    match evidence.observations()?.iter().find(succeeded) {
        Some(_) => Ok(()),
        None => Err("no scenario saw it succeed".to_owned()),
    }
}

fn method(operation: &Operation) -> &'static str {
    match operation.method {
        Method::Get => "GET",
        Method::Post => "POST",
        Method::Delete => "DELETE",
    }
}

/// A path template whose parameters have lost their names, since they are nobody's business but their server's.
fn without_names(path: &str) -> String {
    let segments = path.split('/').map(|segment| if segment.starts_with('{') { "{}" } else { segment });
    segments.collect::<Vec<_>>().join("/")
}

/// The public functions of the generated facade by the row of the table that each sends.
fn typed_methods() -> Outcome<BTreeMap<String, String>> {
    let folder = repository().join("core/src/api");
    let unreadable = |error: std::io::Error| format!("{}: {error}", folder.display());
    let mut methods = BTreeMap::new();
    for entry in fs::read_dir(&folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.file_name().is_some_and(|name| name == "operations.rs") {
            continue;
        }
        let mut function = None;
        for line in fs::read_to_string(&path).map_err(unreadable)?.lines().map(str::trim_start) {
            if line.starts_with("//") {
                continue;
            }
            if let Some(rest) = line.strip_prefix("pub async fn ").or_else(|| line.strip_prefix("pub fn ")) {
                function = rest.split(['(', '<']).next().map(str::to_owned);
            } else if line.starts_with("fn ") || line.starts_with("async fn ") {
                function = None;
            }
            for rest in line.split("operations::").skip(1) {
                let row = rest.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_').next();
                if let (Some(row), Some(function)) = (row, &function) {
                    methods.insert(row.to_owned(), function.clone());
                }
            }
        }
    }
    Ok(methods)
}

/// Asks a sandbox for the address of every operation and returns the routes that it found.
fn probe_routes() -> Outcome<BTreeSet<String>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| error.to_string())?.block_on(async {
        let sandbox = Sandbox::builder().start().await.map_err(|error| error.to_string())?;
        // Another check of this process may have chosen the provider already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let builder = reqwest::Client::builder().no_proxy();
        let http = builder.build().map_err(|error| error.to_string())?;
        for operation in orgconnect::operations().iter().filter(|operation| operation.path.starts_with('/')) {
            let path: String = operation.path.chars().filter(|letter| !"{}".contains(*letter)).collect();
            let method = method(operation).parse().map_err(|_| "no method".to_owned())?;
            let request = http.request(method, format!("{}{path}", sandbox.url()));
            request.send().await.map_err(|error| error.to_string())?;
        }
        Ok(sandbox
            .control()
            .counters()
            .routes
            .keys()
            .filter_map(|route| route.split_once(' '))
            .map(|(method, path)| format!("{method} {}", without_names(path)))
            .collect())
    })
}
