//! The pages people see: minijinja templates under `templates/`, every value escaped, no JavaScript needed.
//!
//! A page is one template that extends `layout.html` plus one handler that calls [`page`]; add the template to
//! [`TEMPLATES`] and the route to [`router`]. Requests to `/`, `/dashboard…` and `/assets…` are neither recorded nor
//! counted, and meet no faults.

use std::sync::OnceLock;

use axum::Router;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, Value, context};

use crate::call::{Call, operation};
use crate::errors::ApiResult;
use crate::server::State;
use crate::world::World;
use crate::world::applications::Application;
use crate::world::organizations::Organization;

const TEMPLATES: [(&str, &str); 4] = [
    ("layout.html", include_str!("templates/layout.html")),
    ("authorize.html", include_str!("templates/authorize.html")),
    ("error.html", include_str!("templates/error.html")),
    ("index.html", include_str!("templates/index.html")),
];

pub(crate) fn router() -> Router<State> {
    Router::new().route("/", get(operation(index)))
}

fn index(world: &World, call: &Call) -> ApiResult {
    let applications =
        world.store.all::<Application>()?.into_iter().map(Application::masked).collect::<Vec<_>>();
    Ok(page(
        StatusCode::OK,
        "index.html",
        context! {
            origin => &call.origin,
            applications => Serde(&applications),
            organizations => Serde(&world.store.all::<Organization>()?),
        },
    ))
}

/// Renders a template as a page that no other site can frame and nobody keeps.
pub(crate) fn page(status: StatusCode, template: &str, context: Value) -> Response {
    let rendered = environment().get_template(template).and_then(|template| template.render(context));
    let html = match rendered {
        Ok(html) => html,
        Err(error) => {
            let text = format!("The page {template} could not be rendered: {error}\n");
            return (StatusCode::INTERNAL_SERVER_ERROR, text).into_response();
        }
    };
    // No form-action: browsers apply it to the redirect that follows the form, which leads to the application.
    // Referrer "same-origin" leaves the Origin header of our own forms intact, which "no-referrer" would not.
    let headers = [
        (header::CACHE_CONTROL, "no-store"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; script-src 'self'; \
             connect-src 'self'; base-uri 'none'; frame-ancestors 'none'",
        ),
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
}
