//! Authorization requests, as they come from JavaScript, and what is pending.

use napi_derive::napi;
use orgconnect::{AuthorizationRequest, Flow, PendingAuthorization};

use crate::convert::{duration, milliseconds};

#[napi(object, object_to_js = false)]
pub struct Request {
    pub redirect_uri: String,
    pub scopes: Option<Vec<String>>,
    pub delegated_scopes: Option<Vec<String>>,
    pub state: Option<String>,
    pub payload: Option<String>,
    pub locale: Option<String>,
    pub avoid_linking: Option<bool>,
    pub provider_name: Option<String>,
    pub link_token: Option<String>,
    pub connection_id: Option<String>,
    pub lifetime: Option<f64>,
}

impl Request {
    pub(crate) fn organization(self) -> AuthorizationRequest {
        let request = AuthorizationRequest::organization(self.redirect_uri.clone());
        self.with_rest(request)
    }

    pub(crate) fn individual(mut self) -> AuthorizationRequest {
        let scopes = self.scopes.take().unwrap_or_default();
        let request = AuthorizationRequest::individual(self.redirect_uri.clone(), scopes);
        self.with_rest(request)
    }

    pub(crate) fn enterprise(mut self) -> AuthorizationRequest {
        let (scopes, delegated) = (self.scopes.take(), self.delegated_scopes.take());
        let request = AuthorizationRequest::enterprise(
            self.redirect_uri.clone(),
            scopes.unwrap_or_default(),
            delegated.unwrap_or_default(),
        );
        self.with_rest(request)
    }

    fn with_rest(self, mut request: AuthorizationRequest) -> AuthorizationRequest {
        if let Some(scopes) = self.delegated_scopes {
            request = request.delegated_scopes(scopes);
        }
        if let Some(state) = self.state {
            request = request.state(state);
        }
        if let Some(payload) = self.payload {
            request = request.payload(payload);
        }
        if let Some(locale) = self.locale {
            request = request.locale(locale);
        }
        if let Some(avoid) = self.avoid_linking {
            request = request.avoid_linking(avoid);
        }
        if let Some(provider_name) = self.provider_name {
            request = request.provider_name(provider_name);
        }
        if let Some(link_token) = self.link_token {
            request = request.link_token(link_token);
        }
        if let Some(connection_id) = self.connection_id {
            request = request.connection_id(connection_id);
        }
        if let Some(lifetime) = self.lifetime {
            request = request.lifetime(duration(lifetime));
        }
        request
    }
}

/// A pending authorization, with the text that stands for it in a session.
#[napi(object, object_from_js = false)]
pub struct Pending {
    pub url: String,
    pub flow: String,
    pub payload: Option<String>,
    pub expires_at: f64,
    pub text: String,
}

impl Pending {
    pub(crate) fn of(pending: &PendingAuthorization, text: String) -> Self {
        let flow = match pending.flow() {
            Flow::Individual => "individual",
            Flow::Enterprise => "enterprise",
            _ => "organization",
        };
        Self {
            url: pending.url().to_owned(),
            flow: flow.to_owned(),
            payload: pending.payload().map(str::to_owned),
            expires_at: milliseconds(pending.expires_at()),
            text,
        }
    }
}
