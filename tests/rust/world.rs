//! The world of a scenario: a sandbox of its own, set up and inspected through the sandbox's control API alone, so that a
//! runner in any language can do the same.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use orgconnect::{AuthorizationRequest, Client, ManualClock};
use orgconnect_sandbox::Sandbox;
use reqwest::{Method, redirect::Policy};
use serde_json::{Map, Value, json};

use crate::{
    Outcome,
    names::Names,
    scenario::{Given, GivenConnection},
};

/// Where the browser is sent back to; nothing listens there.
pub const REDIRECT_URI: &str = "http://127.0.0.1:9/callback";

/// A sandbox, a client for its application, and what is connected.
#[derive(Debug)]
pub struct World {
    /// The client of the application.
    pub client: Client,
    /// What the scenario connected, by its names.
    pub connections: BTreeMap<String, Connected>,
    /// What the scenario may refer to.
    pub names: Names,
    subs: Map<String, Value>,
    clock: Option<Arc<ManualClock>>,
    http: reqwest::Client,
    sandbox: Sandbox,
}

/// Something that calls can be made on.
#[derive(Debug, Clone)]
pub enum Connected {
    /// An organization, by token or as an Internal Application.
    Organization(orgconnect::Organization),
    /// An account of its own, or an application calendar.
    Account(orgconnect::Account),
    /// A service account.
    ServiceAccount(orgconnect::ServiceAccount),
    /// The client with an Admin API key.
    Admin(Client),
}

/// What an HTTP call outside the client came to.
#[derive(Debug, Clone)]
pub struct Page {
    /// The status.
    pub status: u16,
    /// Where a redirect leads.
    pub location: Option<String>,
    /// The body.
    pub text: String,
}

impl Page {
    /// The body as JSON; null where it is none.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }
}

impl World {
    /// Starts a sandbox and brings it about that everything is as given.
    ///
    /// # Errors
    /// What could not be set up, and why.
    pub async fn open(given: &Given) -> Outcome<Self> {
        orgconnect_test_canary::watch();
        let sandbox = Sandbox::builder().seed(given.seed).start().await.map_err(|error| error.to_string())?;
        let http = http()?;
        let at = |path: &str| format!("{}{path}", sandbox.url());
        let real = given.now == "real";
        if !real {
            expect_done(&post(&http, &at("/sandbox/clock"), &json!({ "freeze_at": given.now })).await?)?;
        }
        if !given.settings.is_empty() {
            let request = http.patch(at("/sandbox/settings")).json(&given.settings);
            expect_done(&send(request).await?)?;
        }
        let mut names = Names::default();
        names.put("sandbox", sandbox.url().into());
        name_people(&http, &at(""), &mut names).await?;

        let mut application = json!({ "name": "Rota" });
        if let Some(organization) = &given.application.internal_to {
            application["internal_to"] = names.resolve(&format!("$organizations/{organization}").into())?;
        }
        let created = expect_done(&post(&http, &at("/sandbox/applications"), &application).await?)?;
        let text = |name: &str| created[name].as_str().unwrap_or_default().to_owned();
        names.put("application", json!({ "client_id": created["client_id"] }));

        let mut builder =
            Client::builder(text("client_id"), text("client_secret").as_str()).base_url(sandbox.url());
        let mut clock = None;
        if !real {
            let now = given.now.parse().map_err(|error| format!("now: {error}"))?;
            let manual = Arc::new(ManualClock::starting_at(now));
            builder = builder.clock(Arc::clone(&manual) as _);
            clock = Some(manual);
        }
        let client = builder.build().map_err(|error| error.to_string())?;
        let mut world =
            Self { client, connections: BTreeMap::new(), names, subs: Map::new(), clock, http, sandbox };
        for (name, connection) in &given.connections {
            world.connect(name, connection).await?;
        }
        for fault in &given.faults {
            let fault = world.names.resolve(fault)?;
            world.control(Method::POST, "/sandbox/faults", Some(&fault)).await?;
        }
        world.control(Method::DELETE, "/sandbox/counters", None).await?;
        Ok(world)
    }

    /// A call of the control API, which must not be refused.
    ///
    /// # Errors
    /// What the sandbox said against it.
    pub async fn control(&self, method: Method, path: &str, body: Option<&Value>) -> Outcome<Value> {
        let mut request = self.http.request(method, self.address(path));
        if let Some(body) = body {
            request = request.json(body);
        }
        expect_done(&send(request).await?)
    }

    /// What a person's browser does with an address, and with the fields of a form.
    ///
    /// # Errors
    /// Why there was no answer.
    pub async fn visit(&self, method: Method, address: &str, form: &Map<String, Value>) -> Outcome<Page> {
        let mut request = self.http.request(method.clone(), self.address(address));
        if method == Method::POST {
            // Browsers say where a form comes from, and the sandbox takes forms of its own pages only.
            request = request.header("origin", self.sandbox.url()).form(form);
        }
        send(request.header("accept", "text/html")).await
    }

    /// The recorded requests after the one with this number.
    ///
    /// # Errors
    /// What the sandbox said against it.
    pub async fn requests_after(&self, number: u64) -> Outcome<Vec<Value>> {
        let reply = self.control(Method::GET, "/sandbox/requests", None).await?;
        let requests = reply["requests"].as_array().cloned().unwrap_or_default();
        Ok(requests.into_iter().filter(|request| request["number"].as_u64() > Some(number)).collect())
    }

    /// The number of the newest recorded request.
    ///
    /// # Errors
    /// What the sandbox said against it.
    pub async fn newest_request(&self) -> Outcome<u64> {
        let requests = self.requests_after(0).await?;
        Ok(requests.last().and_then(|request| request["number"].as_u64()).unwrap_or(0))
    }

    /// Moves both clocks on.
    ///
    /// # Errors
    /// What the sandbox said against it.
    pub async fn advance(&self, seconds: u64) -> Outcome {
        let by = Duration::from_secs(seconds);
        self.control(Method::POST, "/sandbox/clock", Some(&json!({ "advance_ms": seconds * 1_000 }))).await?;
        let clock = self.clock.as_ref().ok_or("a scenario on the real clock can't move it")?;
        clock.advance(by);
        Ok(())
    }

    fn address(&self, path: &str) -> String {
        if path.starts_with("http") { path.to_owned() } else { format!("{}{path}", self.sandbox.url()) }
    }

    async fn connect(&mut self, name: &str, connection: &GivenConnection) -> Outcome {
        let said = |error: orgconnect::Error| error.to_string();
        let (connected, sub) = match connection {
            GivenConnection::Organization(by) => {
                let request = AuthorizationRequest::organization(REDIRECT_URI);
                let (connection, sub) = self.authorize(name, request, by).await?;
                (Connected::Organization(connection.organization()), sub)
            }
            GivenConnection::Account(account) => {
                let request = account.request(REDIRECT_URI);
                let (connection, sub) = self.authorize(name, request, &account.by).await?;
                (Connected::Account(connection.account()), sub)
            }
            GivenConnection::ServiceAccount(account) => {
                let request = account.request(REDIRECT_URI);
                let (connection, sub) = self.authorize(name, request, &account.by).await?;
                (Connected::ServiceAccount(connection.service_account()), sub)
            }
            GivenConnection::Internal(_) => {
                (Connected::Organization(self.client.internal_organization()), Value::Null)
            }
            GivenConnection::ApplicationCalendar(id) => {
                let account = self.client.application_calendar(id).await.map_err(said)?;
                (Connected::Account(account), self.newest_application_calendar().await?)
            }
            GivenConnection::Admin(organization) => {
                let id = self.names.text(&format!("$organizations/{organization}"))?;
                let owner = json!({ "organization_id": id });
                let created = self.control(Method::POST, "/sandbox/admin_api_keys", Some(&owner)).await?;
                let key = created["admin_api_key"].as_str().ok_or("the sandbox gave no Admin API key")?;
                (Connected::Admin(self.client.admin(key).map_err(said)?), Value::Null)
            }
        };
        self.keep(name, connected, sub);
        Ok(())
    }

    /// Lets somebody approve, and completes the authorization under the connection's name.
    async fn authorize(
        &self,
        name: &str,
        request: AuthorizationRequest,
        approver: &str,
    ) -> Outcome<(orgconnect::Connection, Value)> {
        let said = |error: orgconnect::Error| error.to_string();
        let pending = self.client.authorize(request.connection_id(name)).map_err(said)?;
        let decision = json!({ "url": pending.url(), "approver": approver });
        let reply = self.control(Method::POST, "/sandbox/authorize", Some(&decision)).await?;
        let callback = reply["redirect"].as_str().ok_or("the sandbox sent nobody back")?;
        let connection = self.client.complete(&pending, callback).await.map_err(said)?;
        let summary = connection.summary().await.map_err(said)?;
        // Service accounts are named by another field of the token reply.
        let other = summary.extra.get("service_account_id").cloned().unwrap_or_default();
        Ok((connection, summary.sub.map_or(other, Value::from)))
    }

    /// Makes something that is connected known under a name; `$connections/<name>` is its `sub`.
    fn keep(&mut self, name: &str, connected: Connected, sub: Value) {
        self.connections.insert(name.to_owned(), connected);
        self.subs.insert(name.to_owned(), sub);
        self.names.put("connections", Value::Object(self.subs.clone()));
    }

    /// The `sub` of the application calendar that was made last.
    async fn newest_application_calendar(&self) -> Outcome<Value> {
        let reply = self.control(Method::GET, "/sandbox/connections", None).await?;
        let is_calendar = |known: &&Value| known["kind"] == "application_calendar";
        let newest = list(&reply, "connections").iter().rfind(is_calendar);
        Ok(newest.map_or(Value::Null, |calendar| calendar["sub"].clone()))
    }
}

/// `$organizations/<name>` is an id, `$members/<email>` and `$resources/<email>` are `sub`s.
async fn name_people(http: &reqwest::Client, url: &str, names: &mut Names) -> Outcome {
    let (mut ids, mut members, mut resources) = (Map::new(), Map::new(), Map::new());
    let organizations = expect_done(&get(http, &format!("{url}/sandbox/organizations")).await?)?;
    for organization in list(&organizations, "organizations") {
        let id = organization["organization_id"].as_str().unwrap_or_default();
        ids.insert(organization["name"].as_str().unwrap_or_default().to_owned(), id.into());
        for (kind, subs) in [("members", &mut members), ("resources", &mut resources)] {
            let found = expect_done(&get(http, &format!("{url}/sandbox/organizations/{id}/{kind}")).await?)?;
            for person in list(&found, kind) {
                let email = person["email"].as_str().unwrap_or_default().to_owned();
                subs.insert(email, person["sub"].clone());
            }
        }
    }
    names.put("organizations", Value::Object(ids));
    names.put("members", Value::Object(members));
    names.put("resources", Value::Object(resources));
    Ok(())
}

fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value[name].as_array().map_or(&[], Vec::as_slice)
}

fn http() -> Outcome<reqwest::Client> {
    // Another scenario of this process may have chosen the provider already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = reqwest::Client::builder().redirect(Policy::none()).no_proxy();
    builder.build().map_err(|error| error.to_string())
}

async fn get(http: &reqwest::Client, address: &str) -> Outcome<Page> {
    send(http.get(address)).await
}

async fn post(http: &reqwest::Client, address: &str, body: &Value) -> Outcome<Page> {
    send(http.post(address).json(body)).await
}

async fn send(request: reqwest::RequestBuilder) -> Outcome<Page> {
    let failed = |error: reqwest::Error| format!("the sandbox could not be reached: {error}");
    let response = request.send().await.map_err(failed)?;
    let location = response.headers().get("location").and_then(|value| value.to_str().ok());
    let (status, location) = (response.status().as_u16(), location.map(str::to_owned));
    Ok(Page { status, location, text: response.text().await.map_err(failed)? })
}

fn expect_done(page: &Page) -> Outcome<Value> {
    if (200..300).contains(&page.status) {
        return Ok(page.json());
    }
    Err(format!("the sandbox answered {}: {}", page.status, page.text))
}
