//! One outcome for each scenario.

use libtest_mimic::{Arguments, Failed, Trial};
use orgconnect_tests::{runner, scenario};

fn main() {
    let arguments = Arguments::from_args();
    let trials = match scenario::all() {
        Ok(scenarios) => scenarios.into_iter().map(trial).collect(),
        Err(why) => vec![Trial::test("every file is a scenario", move || Err(Failed::from(why)))],
    };
    libtest_mimic::run(&arguments, trials).exit();
}

fn trial(named: scenario::Named) -> Trial {
    Trial::test(named.name, move || {
        let title = named.scenario.scenario.clone();
        runner::run(&named.scenario).outcome.map_err(|why| Failed::from(format!("{title}: {why}")))
    })
}
