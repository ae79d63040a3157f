//! The pages people see: minijinja templates under `templates/`, every value escaped, no JavaScript at all.
//!
//! A page is one template that extends `layout.html` (a card in the middle) or `dashboard/shell.html`, plus one handler
//! that calls [`page`]; add the template to [`TEMPLATES`] and the route to [`router`]. Templates carry no inline styles
//! and no scripts, which the content security policy would refuse. Requests to `/`, `/dashboard…` and `/assets…` are
//! neither recorded nor counted, and meet no faults.

mod assets;
mod dashboard;

use std::sync::OnceLock;

use axum::Router;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::get;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, Value, context};

use crate::server::State;

/// No form-action: browsers apply it to the redirect that follows the form, which leads to the application.
const POLICY: &str =
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'";

macro_rules! templates {
    ($($name:literal),* $(,)?) => { &[$(($name, include_str!(concat!("templates/", $name)))),*] };
}

const TEMPLATES: &[(&str, &str)] = templates![
    "layout.html",
    "authorize.html",
    "error.html",
    "consents/ask.html",
    "scheduling/add.html",
    "scheduling/choose.html",
    "scheduling/confirm.html",
    "scheduling/closed.html",
    "scheduling/decline.html",
    "scheduling/entries.html",
    "dashboard/shell.html",
    "dashboard/parts.html",
    "dashboard/overview.html",
    "dashboard/callback.html",
    "dashboard/applications.html",
    "dashboard/application.html",
    "dashboard/organizations.html",
    "dashboard/organization.html",
    "dashboard/connections.html",
    "dashboard/requests.html",
    "dashboard/request.html",
    "dashboard/faults.html",
    "dashboard/clock.html",
    "dashboard/settings.html",
];

pub(crate) fn router() -> Router<State> {
    Router::new()
        .route("/", get(async || Redirect::to("/dashboard")))
        .merge(assets::router())
        .merge(dashboard::router())
}

/// Renders a template as a page that no other site can frame and nobody keeps.
pub(crate) fn page(status: StatusCode, template: &str, context: Value) -> Response {
    let rendered = environment().get_template(template).and_then(|template| template.render(context));
    let html = match rendered {
        Ok(html) => html,
        Err(error) => {
            let text = format!("The page {template} could not be rendered: {error:#}\n");
            return (StatusCode::INTERNAL_SERVER_ERROR, text).into_response();
        }
    };
    // Referrer "same-origin" leaves the Origin header of our own forms intact, which "no-referrer" would not.
    let headers = [
        (header::CACHE_CONTROL, "no-store"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "same-origin"),
    ];
    let headers = headers.map(|(name, value)| (name, HeaderValue::from_static(value)));
    (status, headers, Html(html)).into_response()
}

/// A page that says what went wrong and what to do.
pub(crate) fn error_page(status: StatusCode, title: &str, message: &str) -> Response {
    page(status, "error.html", context! { title => title, message => message })
}

fn environment() -> &'static Environment<'static> {
    static ENVIRONMENT: OnceLock<Environment<'static>> = OnceLock::new();
    ENVIRONMENT.get_or_init(|| {
        let mut environment = Environment::new();
        environment.set_auto_escape_callback(|_| AutoEscape::Html);
        environment.add_global("assets", Serde(assets::addresses()));
        for (name, source) in TEMPLATES {
            // A template that does not parse is missed when it is asked for; the test below keeps that from happening.
            let _ = environment.add_template(name, source);
        }
        environment
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_template_parses() {
        for (name, _) in TEMPLATES {
            assert!(environment().get_template(name).is_ok(), "{name}");
        }
    }

    #[test]
    fn no_template_carries_what_the_policy_refuses() {
        for (name, source) in TEMPLATES {
            for refused in ["<script", " style=", " onclick=", "javascript:"] {
                assert!(!source.contains(refused), "{refused} in {name}");
            }
        }
    }
}
