//! Takes a scenario's steps one after the other: makes the call on the handle that the step names, and compares what came
//! with what is expected.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use orgconnect::{Account, CallOptions, Client, Error, Organization, Reply, ServiceAccount};
use reqwest::Method;
use serde_json::{Map, Value, json};

use crate::{
    Outcome, matching, requests,
    scenario::{ExpectedError, ExpectedReply, Scenario, Step},
    world::{Connected, Page, World},
};

/// An answer to an operation as the sandbox gave it, for checks against the description.
#[derive(Debug, Clone)]
pub struct Observation {
    /// The name of the operation.
    pub operation: String,
    /// The status.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
}

/// What a scenario came to.
#[derive(Debug)]
pub struct Run {
    /// The first step that did not go as expected, and how.
    pub outcome: Outcome,
    /// What the sandbox answered until then, leaving out what a fault made of it.
    pub observations: Vec<Observation>,
}

/// Runs a scenario in a world of its own.
pub fn run(scenario: &Scenario) -> Run {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let unbegun = |why: String| Run { outcome: Err(why), observations: Vec::new() };
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return unbegun(error.to_string()),
    };
    runtime.block_on(async {
        let world = match World::open(&scenario.given).await {
            Ok(world) => world,
            Err(why) => return unbegun(format!("given: {why}")),
        };
        let mut runner = Runner { world, observed: Vec::new() };
        let outcome = runner.steps(scenario).await;
        match runner.observations().await {
            Ok(observations) => Run { outcome, observations },
            Err(why) => Run { outcome: outcome.and(Err(why)), observations: Vec::new() },
        }
    })
}

struct Runner {
    world: World,
    /// What was observed, with the id of the request that it answers.
    observed: Vec<(Option<String>, Observation)>,
}

/// What calls are made on.
#[derive(Clone)]
enum Handle {
    Client(Client),
    Organization(Organization),
    Account(Account),
    ServiceAccount(ServiceAccount),
}

impl Runner {
    async fn steps(&mut self, scenario: &Scenario) -> Outcome {
        for (number, step) in (1..).zip(&scenario.steps) {
            let place = |why| format!("step {number} ({}): {why}", step.what());
            self.step(step).await.map_err(place)?;
        }
        Ok(())
    }

    async fn step(&mut self, step: &Step) -> Outcome {
        // Resolving an e-mail address reads the member list, which is no request of the step's own.
        let handle = match (&step.call, &step.follow) {
            (None, None) => None,
            _ => Some(self.handle(step).await?),
        };
        let before = self.world.newest_request().await?;
        if let Some(handle) = handle {
            self.exchange(step, handle).await?;
        } else if let Some(name) = &step.revoke {
            let connection =
                self.world.client.connection(name.as_str()).map_err(|error| error.to_string())?;
            judge_empty(step, connection.revoke().await)?;
        } else if let Some(call) = &step.control {
            self.control(step, call).await?;
        } else if let Some(visit) = &step.visit {
            self.visit(step, visit).await?;
        } else if let Some(seconds) = step.advance {
            self.world.advance(seconds).await?;
        } else if let Some(expected) = &step.counters {
            let expected = self.world.names.resolve(expected)?;
            let counters = self.world.control(Method::GET, "/sandbox/counters", None).await?;
            matching::matches(&expected, &counters)?;
        }
        if let Some(expected) = &step.sent {
            let expected = expected.iter().map(|request| self.world.names.resolve(request));
            let expected = expected.collect::<Outcome<Vec<_>>>()?;
            requests::compare(&expected, &self.world.requests_after(before).await?)?;
        }
        Ok(())
    }

    /// The handle that a step calls with.
    async fn handle(&self, step: &Step) -> Outcome<Handle> {
        let via = step.via.as_deref().ok_or("via: a call is made with something")?;
        let handle = match (via, self.world.connections.get(via)) {
            ("client", _) => Handle::Client(self.world.client.clone()),
            (_, Some(Connected::Organization(organization))) => Handle::Organization(organization.clone()),
            (_, Some(Connected::Account(account))) => Handle::Account(account.clone()),
            (_, Some(Connected::ServiceAccount(account))) => Handle::ServiceAccount(account.clone()),
            (_, Some(Connected::Admin(client))) => Handle::Client(client.clone()),
            (_, None) => return Err(format!("via: nothing is connected as {via}")),
        };
        let handle = match (&step.member, handle) {
            (None, handle) => handle,
            (Some(member), Handle::Organization(organization)) => {
                let member = self.world.names.text(member)?;
                let account = if member.contains('@') {
                    organization.impersonate_email(&member).await
                } else {
                    organization.impersonate(member.as_str())
                };
                Handle::Account(account.map_err(|error| format!("as: {error}"))?)
            }
            (Some(_), _) => return Err("as: only an organization acts as a member".to_owned()),
        };
        Ok(match step.attempts {
            Some(attempts) => handle.with_options(CallOptions::new().attempts(attempts)),
            None => handle,
        })
    }

    /// Makes a call, or follows a link, as often at a time as the step says.
    async fn exchange(&mut self, step: &Step, handle: Handle) -> Outcome {
        let arguments = self.world.names.resolve_fields(&step.with)?;
        let link = step.follow.as_ref().map(|link| self.world.names.text(link)).transpose()?;
        let operation = match &link {
            Some(_) => step.operation.as_deref().ok_or("operation: says of what the next page is")?,
            None => step.call.as_deref().unwrap_or_default(),
        };
        let calls = (0..step.together.unwrap_or(1)).map(|_| async {
            match &link {
                Some(link) => handle.follow(operation, link).await,
                None => Some(handle.send(operation, arguments.clone()).await),
            }
        });
        let results: Option<Vec<_>> = join_all(calls).await.into_iter().collect();
        let results = results.ok_or("via: a client has no links to follow")?;
        for result in &results {
            self.observe(operation, result);
        }
        let mut body = Value::Null;
        for result in results.into_iter().rev() {
            body = self.judge(step, result)?;
        }
        if let Some(name) = &step.name {
            self.world.names.put(name, body);
        }
        Ok(())
    }

    fn observe(&mut self, operation: &str, result: &Result<Reply, Error>) {
        let (request_id, status, body) = match result {
            Ok(reply) => (reply.request_id.clone(), Some(reply.status), reply.body.to_vec()),
            Err(error) => (
                error.request_id().map(str::to_owned),
                error.status(),
                error.body().unwrap_or_default().to_vec(),
            ),
        };
        // An error that was noticed before anything was sent, or a connection that broke, answers nothing.
        let Some(status) = status else { return };
        let operation = operation.to_owned();
        self.observed.push((request_id, Observation { operation, status, body }));
    }

    /// Compares a reply or an error with what is expected, and returns the reply's body.
    fn judge(&self, step: &Step, result: Result<Reply, Error>) -> Outcome<Value> {
        // What a user could print of an outcome is searched for secrets.
        orgconnect_test_canary::note(&result);
        match (&step.error, result) {
            (None, Ok(reply)) => {
                let next = reply.next_page.is_some();
                self.judge_reply(step.reply.as_ref(), reply.status, &reply.body, next)
            }
            (None, Err(error)) => Err(format!("it failed: {error:?}")),
            (Some(_), Ok(reply)) => Err(format!(
                "it should fail and was answered {} {}",
                reply.status,
                String::from_utf8_lossy(&reply.body)
            )),
            (Some(expected), Err(error)) => judge_error(expected, &error).map(|()| Value::Null),
        }
    }

    fn judge_reply(
        &self,
        expected: Option<&ExpectedReply>,
        status: u16,
        body: &[u8],
        next_page: bool,
    ) -> Outcome<Value> {
        let json = serde_json::from_slice(body).unwrap_or(Value::Null);
        let Some(expected) = expected else { return Ok(json) };
        let text = String::from_utf8_lossy(body);
        let differs = |what: &str| Err(format!("{what} in the answer {status} {text}"));
        if expected.status.is_some_and(|expected| expected != status) {
            return differs("the status is another");
        }
        if expected.empty.is_some_and(|empty| empty != body.is_empty()) {
            return differs("the body should be empty, or should not be");
        }
        if expected.next_page.is_some_and(|expected| expected != next_page) {
            return differs("there should be a next page, or should not be");
        }
        if let Some(expected) = &expected.body {
            matching::matches(&self.world.names.resolve(expected)?, &json)
                .map_err(|difference| format!("{difference} in the answer {status} {text}"))?;
        }
        Ok(json)
    }

    async fn control(&mut self, step: &Step, call: &str) -> Outcome {
        let (method, path) = self.method_and_address(call)?;
        let fields = self.world.names.resolve_fields(&step.with)?;
        let body = (!fields.is_empty()).then_some(Value::Object(fields));
        let reply = self.world.control(method, &path, body.as_ref()).await?;
        let text = if reply.is_null() { String::new() } else { reply.to_string() };
        self.judge_reply(step.reply.as_ref(), 200, text.as_bytes(), false)?;
        if let Some(name) = &step.name {
            self.world.names.put(name, reply);
        }
        Ok(())
    }

    async fn visit(&mut self, step: &Step, visit: &str) -> Outcome {
        let (method, address) = self.method_and_address(visit)?;
        let form = self.world.names.resolve_fields(&step.with)?;
        let Page { status, location, text } = self.world.visit(method, &address, &form).await?;
        let page = json!({ "location": location, "text": text });
        self.judge_reply(step.reply.as_ref(), status, page.to_string().as_bytes(), false)?;
        if let Some(name) = &step.name {
            self.world.names.put(name, page);
        }
        Ok(())
    }

    fn method_and_address(&self, text: &str) -> Outcome<(Method, String)> {
        let (method, address) = text.split_once(' ').ok_or_else(|| format!("{text}: METHOD address"))?;
        let method = method.parse().map_err(|_| format!("{method}: is no method"))?;
        Ok((method, self.world.names.text(address)?))
    }

    /// What the sandbox answered of its own, and not because a fault told it to.
    async fn observations(self) -> Outcome<Vec<Observation>> {
        let requests = self.world.requests_after(0).await?;
        // What the token endpoint says to a refresh is the answer of no operation.
        let own: BTreeSet<&str> = requests
            .iter()
            .filter(|request| request["fault"].is_null() && !request["path"].to_string().contains("/oauth/"))
            .filter_map(|request| request["request_id"].as_str())
            .collect();
        let is_own = |id: &Option<String>| id.as_deref().is_some_and(|id| own.contains(id));
        Ok(self.observed.into_iter().filter(|(id, _)| is_own(id)).map(|(_, observed)| observed).collect())
    }
}

fn judge_empty(step: &Step, result: Result<(), Error>) -> Outcome {
    orgconnect_test_canary::note(&result);
    match (&step.error, result) {
        (None, Ok(())) => Ok(()),
        (None, Err(error)) => Err(format!("it failed: {error:?}")),
        (Some(_), Ok(())) => Err("it should fail and did not".to_owned()),
        (Some(expected), Err(error)) => judge_error(expected, &error),
    }
}

fn judge_error(expected: &ExpectedError, error: &Error) -> Outcome {
    let differs = |what: &str| Err(format!("{what} of {error:?}"));
    if error.kind().as_str() != expected.kind {
        return differs(&format!("the kind should be {}: the kind", expected.kind));
    }
    if expected.status.is_some() && expected.status != error.status() {
        return differs("the status is another: the status");
    }
    if expected.code.is_some() && expected.code.as_deref() != error.code() {
        return differs("the code is another: the code");
    }
    let is = |wanted: Option<bool>, found: bool| wanted.is_none_or(|wanted| wanted == found);
    if !is(expected.needs_reauthorization, error.needs_reauthorization()) {
        return differs("needs_reauthorization is another: that");
    }
    if !is(expected.transient, error.is_transient()) {
        return differs("transient is another: that");
    }
    for (field, key) in &expected.fields {
        let complaints = error.fields().get(field).map_or(&[][..], Vec::as_slice);
        if complaints.iter().all(|complaint| complaint.key != *key) {
            return differs(&format!("{field} should be refused with {key}: the fields"));
        }
    }
    Ok(())
}

impl Handle {
    async fn send(&self, operation: &str, arguments: Map<String, Value>) -> Result<Reply, Error> {
        match self {
            Self::Client(client) => client.send(operation, arguments).await,
            Self::Organization(organization) => organization.send(operation, arguments).await,
            Self::Account(account) => account.send(operation, arguments).await,
            Self::ServiceAccount(account) => account.send(operation, arguments).await,
        }
    }

    /// Follows a link to a next page; nothing that an application asks for has one.
    async fn follow(&self, operation: &str, link: &str) -> Option<Result<Reply, Error>> {
        match self {
            Self::Client(_) => None,
            Self::Organization(organization) => Some(organization.follow(operation, link).await),
            Self::Account(account) => Some(account.follow(operation, link).await),
            Self::ServiceAccount(account) => Some(account.follow(operation, link).await),
        }
    }

    fn with_options(self, options: CallOptions) -> Self {
        match self {
            Self::Client(client) => Self::Client(client.with_options(options)),
            Self::Organization(organization) => Self::Organization(organization.with_options(options)),
            Self::Account(account) => Self::Account(account.with_options(options)),
            Self::ServiceAccount(account) => Self::ServiceAccount(account.with_options(options)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run_step(step: &str) -> Run {
        let connections = "given: {connections: {clinic: {organization: owner@example.com}}}";
        let text = format!("scenario: x\n{connections}\nsteps:\n  - {step}");
        run(&serde_saphyr::from_str(&text).unwrap())
    }

    #[test]
    fn a_step_that_goes_as_expected_is_observed() {
        let run = run_step("{call: organization.list_members, via: clinic, sent: [{method: GET}]}");
        run.outcome.unwrap();
        assert_eq!((run.observations.len(), run.observations[0].status), (1, 200));
    }

    #[test]
    fn a_step_that_goes_otherwise_fails_and_says_how() {
        let call = "call: organization.list_members, via: clinic";
        for (step, how) in [
            (format!("{{{call}, reply: {{status: 201}}}}"), "status is another"),
            (format!("{{{call}, reply: {{empty: true}}}}"), "empty"),
            (format!("{{{call}, reply: {{next_page: true}}}}"), "next page"),
            (format!("{{{call}, reply: {{body: {{pages: {{total: 9}}}}}}}}"), "/pages/total"),
            (format!("{{{call}, error: {{kind: server}}}}"), "should fail"),
            (format!("{{{call}, sent: []}}"), "1 requests were sent and should be 0"),
            (format!("{{{call}, sent: [{{method: POST}}]}}"), "/method"),
            (format!("{{{call}, sent: [{{query: {{a: b}}}}]}}"), "/query/a"),
            ("{call: organization.list_members, via: nobody}".to_owned(), "nothing is connected"),
            ("{call: events.read, via: clinic, error: {kind: plan}}".to_owned(), "kind should be plan"),
            ("{call: a.b, via: clinic, error: {kind: invalid, fields: {x: y}}}".to_owned(), "x should be"),
            ("{counters: {requests: 7}}".to_owned(), "/requests"),
            ("{control: GET /sandbox/nowhere}".to_owned(), "404"),
        ] {
            let why = run_step(&step).outcome.unwrap_err();
            assert!(why.contains(how), "{step}: {why}");
        }
    }
}
