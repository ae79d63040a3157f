//! One visit to the dashboard: what was asked and entered, and the two ways to answer, a page or a way back.

use std::future::{Ready, ready};
use std::str::FromStr;

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use minijinja::value::Serde;
use minijinja::{Value, context};
use serde::Serialize;

use super::flash::Flash;
use super::words;
use crate::call::Call;
use crate::clock::lock;
use crate::control::Control;
use crate::errors::SandboxError;
use crate::pages::{error_page, page};
use crate::world::World;
use crate::world::store::StoreError;

/// Address and name of each section.
const SECTIONS: [(&str, &str); 8] = [
    ("/dashboard", "Overview"),
    ("/dashboard/applications", "Applications"),
    ("/dashboard/organizations", "Organizations"),
    ("/dashboard/connections", "Connections"),
    ("/dashboard/requests", "Requests"),
    ("/dashboard/faults", "Faults"),
    ("/dashboard/clock", "Clock"),
    ("/dashboard/settings", "Settings"),
];

/// Unlike the authorization pages, no form of the dashboard leads away from here.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; \
                      frame-ancestors 'none'";

/// A request for a page of the dashboard, or one of its forms.
pub(super) struct Visit {
    pub(super) control: Control,
    pub(super) call: Call,
}

/// Where a form leads when it did what it was asked, and what it did.
pub(super) struct Done {
    to: String,
    said: String,
}

/// Shows a page.
pub(super) type Show = fn(&Visit) -> Result<Response, SandboxError>;

/// Carries out a form.
pub(super) type Change = fn(&Visit) -> Result<Done, SandboxError>;

/// Makes an axum handler of a [`Show`].
pub(super) fn show(work: Show) -> impl Fn(Call) -> Ready<Response> + Clone + Send + Sync + 'static {
    move |call| ready(work(&Visit::of(call)).unwrap_or_else(|error| failed(&error)))
}

/// Makes an axum handler of a [`Change`].
pub(super) fn change(work: Change) -> impl Fn(Call) -> Ready<Response> + Clone + Send + Sync + 'static {
    move |call| {
        let visit = Visit::of(call);
        let answer = work(&visit);
        let response = match answer {
            Ok(Done { to, said }) => visit.lead(&to, Flash::done(said)),
            Err(SandboxError::Refused(why)) => {
                let page = visit.call.uri_path.rsplit_once('/').map_or("/dashboard", |(page, _)| page);
                visit.lead(page, Flash::refused(sentence(&why), visit.entered()))
            }
            Err(error) => Err(error),
        };
        ready(response.unwrap_or_else(|error| failed(&error)))
    }
}

/// The way back to a page, with what was done.
#[allow(clippy::unnecessary_wraps)] // every form's handler ends with it
pub(super) fn done(to: impl Into<String>, said: impl Into<String>) -> Result<Done, SandboxError> {
    Ok(Done { to: to.into(), said: said.into() })
}

impl Visit {
    fn of(call: Call) -> Self {
        Self { control: Control::new(call.state.clone()), call }
    }

    /// A page of the dashboard; the message that a form left is shown on it once.
    pub(super) fn page(&self, template: &str, context: Value) -> Result<Response, SandboxError> {
        let flash = self.world(|world| Flash::take(world, self.query("flash")))?;
        let entered = flash.as_ref().map(|flash| Value::from(Serde(flash.entered()))).unwrap_or_default();
        let entered = if entered.is_undefined() {
            context! {}
        } else {
            entered
        };
        let response = page(
            StatusCode::OK,
            template,
            context! { shell => Serde(self.shell()), flash => Serde(&flash), entered => entered, ..context },
        );
        Ok(with_policy(response))
    }

    /// Runs a closure in one transaction on the world.
    pub(super) fn world<T>(
        &self,
        work: impl FnOnce(&World) -> Result<T, StoreError>,
    ) -> Result<T, SandboxError> {
        Ok(lock(&self.call.state.world).transaction(work)?)
    }

    /// A field of the form without the blanks around it; empty where there is none.
    pub(super) fn field(&self, name: &str) -> &str {
        let fields = self.call.body().ok();
        fields.and_then(|fields| fields.get(name)?.as_str()).unwrap_or_default().trim()
    }

    /// A field that must not be empty.
    pub(super) fn required(&self, name: &str, label: &str) -> Result<&str, SandboxError> {
        let text = self.field(name);
        if text.is_empty() { Err(SandboxError::Refused(format!("{label} is missing"))) } else { Ok(text) }
    }

    /// A field that is a number, where it is filled in.
    pub(super) fn number<T: FromStr>(&self, name: &str, label: &str) -> Result<Option<T>, SandboxError> {
        let text = self.field(name);
        if text.is_empty() {
            return Ok(None);
        }
        let refused = |_| SandboxError::Refused(format!("{label} is not a number in its range"));
        text.parse().map(Some).map_err(refused)
    }

    /// The values of a field that may come several times.
    pub(super) fn list(&self, name: &str) -> Vec<String> {
        let values = self.call.body().ok().and_then(|fields| fields.get(name)?.as_array());
        values.into_iter().flatten().filter_map(|value| value.as_str().map(str::to_owned)).collect()
    }

    /// A parameter of the address; empty where there is none.
    pub(super) fn query(&self, name: &str) -> &str {
        self.call.query.get(name).and_then(serde_json::Value::as_str).unwrap_or_default().trim()
    }

    /// `http://` and the host under which the browser reached us.
    pub(super) fn origin(&self) -> &str {
        &self.call.origin
    }

    fn entered(&self) -> serde_json::Value {
        self.call.body().cloned().unwrap_or_default()
    }

    /// 303, so that the browser asks for the page and a reload does not repeat the form.
    fn lead(&self, to: &str, flash: Flash) -> Result<Response, SandboxError> {
        let to = format!("{to}?flash={}", flash.id());
        self.world(|world| flash.keep(world))?;
        let Ok(location) = HeaderValue::try_from(to) else {
            return Err(SandboxError::Refused("the address is not one of the dashboard's".into()));
        };
        let headers =
            [(header::LOCATION, location), (header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
        Ok((StatusCode::SEE_OTHER, headers).into_response())
    }

    fn shell(&self) -> Shell {
        let path = self.call.uri_path.as_str();
        let entry = |(href, label): (&'static str, _)| {
            let below = path.strip_prefix(href).is_some_and(|rest| rest.starts_with('/'));
            let here = path == href;
            Entry { href, label, here, current: here || below && href != "/dashboard" }
        };
        let clock = self.control.clock();
        Shell { nav: SECTIONS.map(entry), now: words::day_and_time(clock.now), frozen: clock.frozen }
    }
}

/// What stands around every page.
#[derive(Serialize)]
struct Shell {
    nav: [Entry; SECTIONS.len()],
    now: String,
    frozen: bool,
}

#[derive(Serialize)]
struct Entry {
    href: &'static str,
    label: &'static str,
    /// Whether it is this very page.
    here: bool,
    /// Whether it is this page or the section it belongs to.
    current: bool,
}

fn failed(error: &SandboxError) -> Response {
    let (status, title) = match error {
        SandboxError::Unknown { .. } => (StatusCode::NOT_FOUND, "There is no such page"),
        SandboxError::Refused(_) => (StatusCode::BAD_REQUEST, "That did not work"),
        _ => (StatusCode::INTERNAL_SERVER_ERROR, "The sandbox has a problem"),
    };
    with_policy(error_page(status, title, &sentence(&error.to_string())))
}

fn with_policy(mut response: Response) -> Response {
    let name: HeaderName = header::CONTENT_SECURITY_POLICY;
    response.headers_mut().insert(name, HeaderValue::from_static(POLICY));
    response
}

/// An error's words as a sentence.
fn sentence(words: &str) -> String {
    let mut letters = words.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string()).unwrap_or_default();
    let end = if words.ends_with(['.', '!', '?']) { "" } else { "." };
    format!("{first}{}{end}", letters.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_becomes_a_sentence() {
        assert_eq!(sentence("the name is missing"), "The name is missing.");
        assert_eq!(sentence("Done."), "Done.");
    }
}
