//! The closed vocabularies of the description: methods, authorities, repeats, stabilities.
#![expect(missing_docs, reason = "the words are those of the description, whose README explains them")]

/// An HTTP method.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    Get,
    Post,
    Delete,
}

/// Who may make a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Authority {
    Application,
    ClientCredentials,
    Connection,
    Organization,
    ServiceAccount,
    Admin,
}

/// Whether a call may be sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Repeat {
    Safe,
    Never,
    Entries,
}

/// What Cronofy promises about an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stability {
    Stable,
    Beta,
    Alpha,
    Prerelease,
    Legacy,
}

pub const AUTHORITIES: &[(&str, Authority)] = &[
    ("application", Authority::Application),
    ("client_credentials", Authority::ClientCredentials),
    ("connection", Authority::Connection),
    ("organization", Authority::Organization),
    ("service_account", Authority::ServiceAccount),
    ("admin", Authority::Admin),
];

pub const REPEATS: &[(&str, Repeat)] =
    &[("safe", Repeat::Safe), ("never", Repeat::Never), ("entries", Repeat::Entries)];

pub const STABILITIES: &[(&str, Stability)] = &[
    ("stable", Stability::Stable),
    ("beta", Stability::Beta),
    ("alpha", Stability::Alpha),
    ("prerelease", Stability::Prerelease),
    ("legacy", Stability::Legacy),
];

pub const METHODS: &[(&str, Method)] =
    &[("get", Method::Get), ("post", Method::Post), ("delete", Method::Delete)];
