//! `orgconnect doctor`: looks at all that a call depends on, one thing after the other, and says of each what is wrong and
//! how to mend it.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use http::Method;
use orgconnect::{
    AuthorizationRequest, Client, ConnectionKind, ConnectionState, ConnectionSummary, Error, ErrorKind,
    MemoryStore,
};
use reqwest::redirect::Policy;
use serde_json::json;

use crate::{
    cli::Doctor,
    context::{Context, all_connections},
    failure::{Failure, Result},
};

/// How far the clocks may be apart: answers take their time, and `Date` counts whole seconds.
const TOLERATED: Duration = Duration::from_secs(30);
const PATIENCE: Duration = Duration::from_secs(10);

/// What one look has shown.
enum Finding {
    Good(String),
    /// It works, and could be better.
    Remark(String),
    /// What is wrong, and the mend.
    Wrong(Failure, String),
}

/// Tells findings as they come, and remembers the first that is wrong.
struct Report<'a> {
    context: &'a Context,
    first: Option<Failure>,
}

pub(crate) async fn run(arguments: &Doctor, context: &Context) -> Result<()> {
    let mut report = Report { context, first: None };
    let client = match context.store() {
        Ok(store) => {
            let name = store.identity();
            report.tell(
                "store",
                if store.is_encrypted() {
                    Finding::Good(format!("{name} is sealed"))
                } else {
                    Finding::Remark(format!(
                        "{name} keeps tokens in clear text; add ?key=file:PATH to its name to seal it"
                    ))
                },
            );
            context.client_on(store)
        }
        Err(failure) => {
            let mend =
                "until then nothing can be called; a locked keyring is unlocked by logging in to the desktop"
                    .to_owned();
            report.tell("store", Finding::Wrong(failure, mend));
            // The rest is looked at with a store of its own.
            context.client_on(Arc::new(MemoryStore::new()))
        }
    };
    let client = match client {
        Ok(client) => client,
        Err(failure) => {
            report.tell("settings", Finding::Wrong(failure, String::new()));
            return report.end();
        }
    };
    report.tell("settings", Finding::Good(format!("application and data center: {}", client.namespace())));
    let reached = network(&client, context).await;
    let may_go_on = !matches!(reached.0, Finding::Wrong(..));
    report.tell("network", reached.0);
    if !may_go_on {
        return report.end();
    }
    if let Some(clock) = reached.1 {
        report.tell("clock", clock);
    }
    report.tell("credentials", credentials(&client).await);
    if let Some(redirect_uri) = &arguments.redirect_uri {
        report.tell("redirect_uri", redirect(&client, redirect_uri).await);
    }
    connections(&client, arguments.connection.as_deref(), &mut report).await;
    report.end()
}

impl Report<'_> {
    fn tell(&mut self, check: &str, finding: Finding) {
        let output = self.context.output;
        let (verdict, says, mend) = match &finding {
            Finding::Good(says) => ("ok", says.clone(), String::new()),
            Finding::Remark(says) => ("remark", says.clone(), String::new()),
            Finding::Wrong(failure, mend) => ("wrong", failure.to_string(), mend.clone()),
        };
        let code = match &finding {
            Finding::Wrong(Failure::Sdk(error), _) => error.code().map(str::to_owned),
            _ => None,
        };
        output.value(
            &json!({"check": check, "verdict": verdict, "says": says, "mend": mend, "code": code}),
            |_| {
                let mark = if verdict == "ok" { output.good("ok") } else { verdict.to_owned() };
                let mend = if mend.is_empty() { String::new() } else { format!("\n          → {mend}") };
                format!("{mark:<8}  {check}: {says}{mend}")
            },
        );
        if let Finding::Wrong(failure, _) = finding {
            self.first.get_or_insert(failure);
        }
    }

    /// The exit code is that of the first thing that is wrong.
    fn end(self) -> Result<()> {
        self.first.map_or(Ok(()), Err)
    }
}

/// A browser's part, without its habit of following redirects.
fn browser() -> Result<reqwest::Client> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .redirect(Policy::none())
        .timeout(PATIENCE)
        .build()
        .map_err(|error| Failure::machine("the HTTP client can't be set up", error.without_url()))
}

/// Whether Cronofy can be reached, and how far the clocks are apart.
async fn network(client: &Client, context: &Context) -> (Finding, Option<Finding>) {
    // Answered with 401 if no token comes along, and always with the time.
    let organization = client.internal_organization();
    let request = organization.request(Method::GET, "/v1/userinfo", &[], None);
    let asked = context.output.wait("reaching Cronofy", request);
    let told = match asked.await {
        Err(error) if matches!(error.kind(), ErrorKind::Network | ErrorKind::Timeout) => {
            let mend = "check the network, HTTPS_PROXY, and that --base-url (or the data center) is right"
                .to_owned();
            return (Finding::Wrong(error.into(), mend), None);
        }
        _ => Finding::Good("Cronofy answers".to_owned()),
    };
    (told, clock(client).await)
}

/// How far this machine's clock is from Cronofy's.
async fn clock(client: &Client) -> Option<Finding> {
    let pending = client.authorize(AuthorizationRequest::organization("http://127.0.0.1/callback")).ok()?;
    let page = browser().ok()?.get(pending.url()).send().await.ok()?;
    let date = page.headers().get("date")?.to_str().ok()?;
    let theirs = httpdate::parse_http_date(date).ok()?;
    let ours = SystemTime::now();
    let apart = ours.duration_since(theirs).or_else(|_| theirs.duration_since(ours)).unwrap_or_default();
    let seconds = apart.as_secs();
    let direction = if ours > theirs { "ahead of" } else { "behind" };
    Some(if apart <= TOLERATED {
        Finding::Good("this machine's clock agrees with Cronofy's".to_owned())
    } else {
        let says = format!("this machine's clock is {seconds} s {direction} Cronofy's");
        let mend = "turn time synchronization on (`timedatectl set-ntp true`): authorizations and tokens end too early or too late";
        Finding::Wrong(Failure::Machine(says), mend.to_owned())
    })
}

/// Whether Cronofy knows the application: a code that can't be valid is refused differently if it does.
async fn credentials(client: &Client) -> Finding {
    let exchange = client.complete_delegated("orgconnect-doctor", "http://127.0.0.1/callback", None).await;
    match exchange {
        Err(error) if error.code() == Some("invalid_grant") => {
            Finding::Good("Cronofy accepts client id and secret".to_owned())
        }
        Err(error) if error.code() == Some("invalid_client") => {
            let mend = "copy both from Cronofy's dashboard again; an application lives in one data center, and only there are they \
                        known: compare with the host of the dashboard";
            Finding::Wrong(error.into(), mend.to_owned())
        }
        Err(error) => Finding::Wrong(error.into(), "try again, and read the message".to_owned()),
        Ok(_) => Finding::Remark("Cronofy accepted a code that can't be valid".to_owned()),
    }
}

/// Whether Cronofy would send an owner back to this redirect URI.
async fn redirect(client: &Client, redirect_uri: &str) -> Finding {
    let mend = "it must be the same as in the dashboard to the letter: scheme, host, port, path and the slash at the end; http is for \
                localhost only";
    let pending = match client.authorize(AuthorizationRequest::organization(redirect_uri)) {
        Ok(pending) => pending,
        Err(error) => return Finding::Wrong(error.into(), mend.to_owned()),
    };
    let page = match browser() {
        Ok(browser) => browser.get(pending.url()).send().await,
        Err(failure) => return Finding::Wrong(failure, String::new()),
    };
    match page {
        Ok(page) if page.status().is_client_error() => {
            let status = page.status().as_u16();
            let says = format!("Cronofy's authorization page refuses {redirect_uri} ({status})");
            Finding::Wrong(Error::config("redirect_uri", says).into(), mend.to_owned())
        }
        Ok(page) if page.status().is_server_error() => {
            Finding::Remark(format!("the authorization page fails ({}); try again later", page.status()))
        }
        Ok(_) => Finding::Good(format!("the authorization page opens for {redirect_uri}")),
        Err(error) => {
            let failure = Failure::machine("the authorization page can't be reached", error.without_url());
            Finding::Wrong(failure, "check the network".to_owned())
        }
    }
}

async fn connections(client: &Client, only: Option<&str>, report: &mut Report<'_>) {
    let all = match all_connections(client).await {
        Ok(all) => all,
        Err(failure) => {
            let mend = "see what the store says; it has to be reachable before anything else".to_owned();
            return report.tell("connections", Finding::Wrong(failure, mend));
        }
    };
    let wanted: Vec<&ConnectionSummary> =
        all.iter().filter(|summary| only.is_none_or(|only| summary.id.as_str() == only)).collect();
    if wanted.is_empty() {
        let says = match only {
            Some(only) => format!("{only} is not in the store; see `orgconnect connections`"),
            None => "nothing is connected yet; run `orgconnect login`".to_owned(),
        };
        return report.tell("connections", Finding::Remark(says));
    }
    for summary in wanted {
        let finding = connection(client, summary).await;
        report.tell(&format!("connection {}", summary.id), finding);
    }
}

/// Whether a connection works, found out by a call.
async fn connection(client: &Client, summary: &ConnectionSummary) -> Finding {
    let id = summary.id.as_str();
    let again = format!("run `orgconnect login --connection {id}`");
    match &summary.state {
        ConnectionState::Dead { interrupted: true, .. } => {
            let says = "its grant is gone: a refresh was cut off by a crash, and Cronofy honours the old refresh token no more";
            return dead(says, format!("{again}; call `Client::settle` before programs end"));
        }
        ConnectionState::Dead { .. } => {
            let says =
                "its grant is gone: the owner or an administrator revoked it at Cronofy, or it has lapsed";
            return dead(says, again);
        }
        ConnectionState::Revoking { .. } => {
            let says = "it is being revoked, and Cronofy has not confirmed yet".to_owned();
            return Finding::Remark(format!("{says}; run `orgconnect connections revoke {id}` to finish"));
        }
        ConnectionState::Revoked { .. } => {
            return Finding::Good("your application has revoked it".to_owned());
        }
        ConnectionState::Unreadable { reason } => {
            let failure = Failure::Found(ErrorKind::Store, reason.clone());
            return Finding::Wrong(failure, format!("name the store with its key, restore it, or {again}"));
        }
        _ => {}
    }
    match call(client, summary).await {
        Ok(()) => Finding::Good("Cronofy accepts its token".to_owned()),
        Err(error) if error.needs_reauthorization() => Finding::Wrong(error.into(), again),
        Err(error) if error.status() == Some(401) || error.kind() == ErrorKind::Authorization => {
            let mend = format!(
                "a 401 for a fresh token: the connection belongs to another application or data center than the settings name \
                 ({}), or the organization has withdrawn its grant; check both, or {again}",
                client.namespace()
            );
            Finding::Wrong(error.into(), mend)
        }
        Err(error) => {
            let mend = if error.is_transient() { "try again later" } else { "read the message" };
            Finding::Wrong(error.into(), mend.to_owned())
        }
    }
}

async fn call(client: &Client, summary: &ConnectionSummary) -> orgconnect::Result<()> {
    let connection = client.connection(&summary.id)?;
    let get = (Method::GET, "/v1/userinfo");
    match summary.kind {
        ConnectionKind::Account => connection.account().request(get.0, get.1, &[], None).await,
        ConnectionKind::ServiceAccount => connection.service_account().request(get.0, get.1, &[], None).await,
        _ => connection.organization().request(get.0, get.1, &[], None).await,
    }
    .map(drop)
}

fn dead(says: &str, mend: String) -> Finding {
    Finding::Wrong(Failure::Found(ErrorKind::Authorization, says.to_owned()), mend)
}
