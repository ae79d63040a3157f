//! A running sandbox with an application, and short ways to call it over HTTP.

#![allow(dead_code)] // each test file uses its own part

use std::collections::BTreeMap;

use orgconnect_sandbox::{Application, Control, Mode, NewApplication, Sandbox};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode, redirect};
use serde_json::{Value, json};

pub(crate) const REDIRECT: &str = "http://127.0.0.1:9/callback";
pub(crate) const ORGANIZATION: &str = "organizational_unit_scheduler";
pub(crate) const ALL_SCOPES: &str = "read_account list_calendars read_events create_event delete_event create_calendar change_participation_status";

pub(crate) struct Clinic {
    pub(crate) sandbox: Sandbox,
    pub(crate) http: Client,
    pub(crate) application: Application,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) text: String,
}

impl Reply {
    pub(crate) async fn of(response: Response) -> Self {
        let (status, headers) = (response.status(), response.headers().clone());
        Self { status, headers, text: response.text().await.unwrap() }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error} in {}", self.text))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The keys of a 422 for one field.
    pub(crate) fn error_keys(&self, field: &str) -> Vec<String> {
        assert_eq!(self.status, 422, "{}", self.text);
        let errors = self.json()["errors"][field].as_array().cloned().unwrap_or_default();
        errors.iter().map(|error| error["key"].as_str().unwrap().to_owned()).collect()
    }
}

impl Clinic {
    pub(crate) async fn open() -> Self {
        Self::with(Sandbox::builder().seed(7).start().await.unwrap())
    }

    pub(crate) fn with(sandbox: Sandbox) -> Self {
        let application = sandbox
            .control()
            .create_application(NewApplication { name: "Rota".into(), ..NewApplication::default() });
        Self { sandbox, http: http(), application }
    }

    pub(crate) fn control(&self) -> &Control {
        self.sandbox.control()
    }

    pub(crate) fn url(&self, path: &str) -> String {
        if path.starts_with("http") { path.to_owned() } else { format!("{}{path}", self.sandbox.url()) }
    }

    pub(crate) fn clinic_id(&self) -> String {
        self.control().organizations()[0].organization_id.clone()
    }

    pub(crate) fn production(&self, redirect_uri: &str) -> Application {
        let application = self.control().create_application(NewApplication {
            name: "Live".into(),
            mode: Mode::Production,
            ..NewApplication::default()
        });
        self.control().submit_redirect_uris(&application.client_id, &[redirect_uri.into()]).unwrap();
        self.control().verify_redirect_uris(&application.client_id).unwrap()
    }

    pub(crate) fn internal(&self) -> Application {
        let internal_to = Some(self.clinic_id());
        self.control().create_application(NewApplication {
            name: "Own".into(),
            internal_to,
            ..NewApplication::default()
        })
    }

    pub(crate) fn authorize_url(&self, scope: &str) -> String {
        self.authorize_url_with(&[("scope", scope), ("state", "st4te")])
    }

    /// An authorization URL of the application's with these parameters, which replace the usual ones.
    pub(crate) fn authorize_url_with(&self, parameters: &[(&str, &str)]) -> String {
        let mut all = BTreeMap::from([
            ("response_type", "code"),
            ("client_id", self.application.client_id.as_str()),
            ("redirect_uri", REDIRECT),
            ("scope", ORGANIZATION),
        ]);
        all.extend(parameters.iter().copied());
        let path = if all["scope"].starts_with("service_account") {
            "/enterprise_connect/oauth/authorize"
        } else {
            "/oauth/authorize"
        };
        url::Url::parse_with_params(&self.url(path), all).unwrap().into()
    }

    /// A code that somebody approved.
    pub(crate) fn code(&self, scope: &str, approver: &str) -> String {
        let delegated = if scope.starts_with("service_account") { "read_write" } else { "" };
        let url = self.authorize_url_with(&[("scope", scope), ("delegated_scope", delegated)]);
        parameter(&self.control().approve(&url, approver).unwrap(), "code").unwrap()
    }

    pub(crate) async fn tokens(&self, scope: &str, approver: &str) -> Value {
        let reply = self.exchange(&self.code(scope, approver)).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        reply.json()
    }

    /// An access token of the clinic's.
    pub(crate) async fn organization(&self) -> String {
        text(&self.tokens(ORGANIZATION, "owner@example.com").await["access_token"])
    }

    pub(crate) async fn account(&self, email: &str) -> String {
        text(&self.tokens(ALL_SCOPES, email).await["access_token"])
    }

    pub(crate) async fn exchange(&self, code: &str) -> Reply {
        self.token(json!({ "grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT }))
            .await
    }

    pub(crate) async fn refresh(&self, refresh_token: &Value) -> Reply {
        self.token(json!({ "grant_type": "refresh_token", "refresh_token": refresh_token })).await
    }

    /// A token request with the application's credentials.
    pub(crate) async fn token(&self, mut fields: Value) -> Reply {
        fields["client_id"] = self.application.client_id.clone().into();
        fields["client_secret"] = self.application.client_secret.clone().into();
        self.post("/oauth/token", "", &fields).await
    }

    pub(crate) async fn revoke(&self, mut fields: Value) -> Reply {
        fields["client_id"] = self.application.client_id.clone().into();
        fields["client_secret"] = self.application.client_secret.clone().into();
        self.post("/oauth/token/revoke", "", &fields).await
    }

    pub(crate) fn member(&self, email: &str) -> String {
        let members = self.control().members(&self.clinic_id());
        members.into_iter().find(|member| member.email == email).unwrap().sub
    }

    pub(crate) fn request(&self, method: Method, path: &str, token: &str) -> RequestBuilder {
        let request = self.http.request(method, self.url(path));
        if token.is_empty() { request } else { request.bearer_auth(token) }
    }

    pub(crate) async fn get(&self, path: &str, token: &str) -> Reply {
        send(self.request(Method::GET, path, token)).await
    }

    pub(crate) async fn get_as(&self, path: &str, token: &str, sub: &str) -> Reply {
        send(self.request(Method::GET, path, token).header("Cronofy-Impersonate", sub)).await
    }

    pub(crate) async fn post(&self, path: &str, token: &str, body: &Value) -> Reply {
        send(self.request(Method::POST, path, token).json(body)).await
    }

    pub(crate) async fn delete(&self, path: &str, token: &str, body: &Value) -> Reply {
        send(self.request(Method::DELETE, path, token).json(body)).await
    }

    /// The calendars of whoever the token belongs to.
    pub(crate) async fn calendars(&self, token: &str) -> Vec<Value> {
        self.get("/v1/calendars", token).await.json()["calendars"].as_array().unwrap().clone()
    }

    pub(crate) async fn primary(&self, token: &str) -> String {
        let calendars = self.calendars(token).await;
        text(&calendars.iter().find(|calendar| calendar["calendar_primary"] == true).unwrap()["calendar_id"])
    }
}

pub(crate) fn http() -> Client {
    // Another test of this process may have chosen the provider already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder().redirect(redirect::Policy::none()).no_proxy().build().unwrap()
}

pub(crate) async fn send(request: RequestBuilder) -> Reply {
    Reply::of(request.send().await.unwrap()).await
}

/// A query parameter of an address.
pub(crate) fn parameter(address: &str, name: &str) -> Option<String> {
    let url = url::Url::parse(address).unwrap();
    url.query_pairs().find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
}

pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

/// A calendar id as it stands in a path.
pub(crate) fn in_path(id: &str) -> String {
    id.replace('@', "%40")
}
