//! Everything that can be switched, one field each, and starting over. The fields come from the settings themselves, so a
//! new setting is there without an edit here; `setting_words` says more about those it knows.

use axum::Router;
use axum::response::Response;
use axum::routing::{get, post};
use minijinja::context;
use minijinja::value::Serde;
use serde::Serialize;
use serde_json::{Map, Value};

use super::setting_words::{Words, words_of};
use super::visit::{Done, Visit, change, done, show};
use crate::errors::SandboxError;
use crate::server::State;
use crate::settings::Settings;

const PAGE: &str = "/dashboard/settings";

/// A setting as its field shows it.
#[derive(Serialize)]
struct View {
    name: String,
    label: String,
    help: &'static str,
    value: String,
    placeholder: String,
    numeric: bool,
    /// Empty where any value can be entered.
    choices: Vec<Choice>,
}

#[derive(Serialize)]
struct Choice {
    value: String,
    label: String,
    chosen: bool,
}

pub(super) fn router() -> Router<State> {
    Router::new()
        .route(PAGE, get(show(settings)))
        .route("/dashboard/settings/save", post(change(save)))
        .route("/dashboard/settings/defaults", post(change(restore)))
        .route("/dashboard/settings/reset", post(change(reset)))
}

fn settings(visit: &Visit) -> Result<Response, SandboxError> {
    let (current, defaults) = (fields(&visit.control.settings())?, fields(&Settings::default())?);
    let mut views: Vec<_> =
        current.iter().map(|(name, value)| View::of(name, value, defaults.get(name))).collect();
    views.sort_by_key(|(rank, _)| *rank);
    let views: Vec<_> = views.into_iter().map(|(_, view)| view).collect();
    visit.page("dashboard/settings.html", context! { settings => Serde(views) })
}

fn save(visit: &Visit) -> Result<Done, SandboxError> {
    let current = fields(&visit.control.settings())?;
    let sent = visit.call.body().ok().and_then(Value::as_object);
    let mut changed = current.clone();
    for (name, value) in &current {
        let Some(text) = sent.and_then(|sent| sent.get(name)?.as_str()) else { continue };
        changed.insert(name.clone(), typed(text.trim(), value));
        // Judged one by one, so that the reason names its field.
        if let Err(error) = serde_json::from_value::<Settings>(Value::Object(changed.clone())) {
            return Err(SandboxError::Refused(format!("the setting {name} cannot be that: {error}")));
        }
    }
    let settings: Settings = serde_json::from_value(Value::Object(changed)).map_err(unreadable)?;
    if let Some((name, why)) = settings.fault() {
        return Err(SandboxError::Refused(format!("the setting {name} {why}")));
    }
    visit.control.update_settings(|known| *known = settings);
    done(PAGE, "The settings are saved.")
}

fn restore(visit: &Visit) -> Result<Done, SandboxError> {
    visit.control.update_settings(|known| *known = Settings::default());
    done(PAGE, "All settings are at their defaults.")
}

fn reset(visit: &Visit) -> Result<Done, SandboxError> {
    visit.control.reset(visit.number("seed", "the seed")?);
    done("/dashboard", "The sandbox is as new.")
}

fn fields(settings: &Settings) -> Result<Map<String, Value>, SandboxError> {
    match serde_json::to_value(settings) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(_) => Ok(Map::new()),
        Err(error) => Err(unreadable(error)),
    }
}

#[allow(clippy::needless_pass_by_value)] // the shape that map_err wants
fn unreadable(error: serde_json::Error) -> SandboxError {
    SandboxError::Refused(error.to_string())
}

/// A text as the kind of value that stood there. What does not fit stays a text, and is refused for it.
fn typed(text: &str, current: &Value) -> Value {
    let parsed = || serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.into()));
    match current {
        Value::Bool(_) => match text {
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            _ => Value::String(text.into()),
        },
        Value::Null | Value::Number(_) if text.is_empty() => Value::Null,
        Value::Null | Value::Number(_) => parsed(),
        _ if text.starts_with(['{', '[']) => parsed(),
        _ => Value::String(text.into()),
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

impl View {
    /// The view and its place in the list.
    fn of(name: &str, value: &Value, default: Option<&Value>) -> (usize, Self) {
        let Words { rank, label, help, choices } = words_of(name);
        let switch: &[_] = &[("true", "Yes"), ("false", "No")];
        let choices = if value.is_boolean() { switch } else { choices };
        let value_text = plain(value);
        let choices = choices.iter().map(|(choice, label)| Choice {
            value: (*choice).to_owned(),
            label: (*label).to_owned(),
            chosen: *choice == value_text,
        });
        let default = default.map(plain).unwrap_or_default();
        let view = Self {
            name: name.into(),
            label,
            help,
            choices: choices.collect(),
            numeric: value.is_number() || value.is_null(),
            placeholder: if default.is_empty() { "default".into() } else { default },
            value: value_text,
        };
        (rank, view)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_text_becomes_the_kind_of_value_that_stood_there() {
        for (text, current, expected) in [
            ("5", json!(3), json!(5)),
            ("", json!(3), Value::Null),
            ("5", Value::Null, json!(5)),
            ("five", json!(3), json!("five")),
            ("5", json!("opu_"), json!("5")),
            ("false", json!(true), json!(false)),
            (r#"{"value":"soon"}"#, json!("real"), json!({ "value": "soon" })),
            ("real", json!({ "value": 1 }), json!("real")),
        ] {
            assert_eq!(typed(text, &current), expected, "{text}");
        }
    }
}
