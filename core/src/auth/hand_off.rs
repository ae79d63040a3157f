//! Handing an authorization to the system's browser and its callback to the backend, in a program that holds no secret:
//! looks at both, and gives neither more trust than it needs.
//!
//! Sources: RFC 8252 sections 6, 7.2 and 8.9; RFC 9700 section 4.7.

use std::fmt;

use subtle::ConstantTimeEq;
use url::Url;

use super::callback::{Callback, again, malformed, refusal, same_place, single};
use crate::{
    Error, Result, Secret,
    config::{DataCenter, Endpoints},
};

/// An authorization URL that your backend made with [`Client::authorize`](crate::Client::authorize), on its way through an
/// app.
///
/// Open [`url`](Self::url) in the system's browser (never in a web view of your own), and pass what comes back through the
/// universal or app link to [`accept`](Self::accept). The backend keeps the pending authorization and completes it.
#[derive(Clone)]
pub struct HandOff {
    url: Url,
    redirect_uri: String,
    state: Secret,
}

impl HandOff {
    pub(crate) fn new(authorization_url: &str, endpoints: &Endpoints) -> Result<Self> {
        let refuse = |why: &str| Err(Error::invalid("authorization_url", why));
        let Ok(url) = Url::parse(authorization_url) else {
            return refuse("is not a URL; pass it as the backend's `authorize` made it");
        };
        let origin = url.origin().ascii_serialization();
        let known = DataCenter::ALL.iter().any(|data_center| data_center.app_origin() == origin);
        if !(known || origin == endpoints.app) || !url.username().is_empty() || url.password().is_some() {
            return refuse(
                "does not lead to Cronofy or the base URL; pass it as the backend's `authorize` made it",
            );
        }
        if !url.path().ends_with("/oauth/authorize") {
            return refuse("is not that of an authorization; pass it as the backend's `authorize` made it");
        }
        let parameters: Vec<(String, String)> = url.query_pairs().into_owned().collect();
        if parameters.iter().any(|(name, _)| name == "client_secret") {
            return refuse(
                "holds a client_secret; keep that on the backend, and replace it, since it was exposed",
            );
        }
        let found = |name| single(&parameters, name).ok().flatten().filter(|value| !value.is_empty());
        let (Some(redirect_uri), Some(state)) = (found("redirect_uri"), found("state")) else {
            return refuse("has no redirect_uri or no state; pass it as the backend's `authorize` made it");
        };
        Ok(Self { redirect_uri: redirect_uri.to_owned(), state: Secret::from(state), url })
    }

    /// What to open in the system's browser.
    pub fn url(&self) -> &str {
        self.url.as_str()
    }

    /// Where the browser comes back to: a universal or app link.
    pub fn redirect_uri(&self) -> &str {
        &self.redirect_uri
    }

    /// Whether a link that the app was opened with is a callback, as opposed to any other link.
    pub fn is_callback(&self, link: &str) -> bool {
        same_place(link, &self.redirect_uri)
    }

    /// Checks that a callback answers this authorization, and returns what to send to the backend: its query string.
    ///
    /// Other programs of the device can open links, so a callback with another state is refused here, before it costs a
    /// request; the backend checks again. The code in it is of use to the backend alone.
    ///
    /// # Errors
    /// [`Authorization`](crate::ErrorKind::Authorization) with the same codes as [`Client::complete`](crate::Client::complete):
    /// `callback_malformed`, `redirect_mismatch`, `state_missing`, `state_mismatch`, or Cronofy's, such as `access_denied`.
    pub fn accept(&self, callback_url: &str) -> Result<String> {
        let parameters = Callback::from(callback_url).parameters()?;
        if !self.is_callback(callback_url) {
            let why = "the callback came to another address than the redirect URI";
            return Err(again("redirect_mismatch", "callback", why));
        }
        let state = single(&parameters, "state")?.unwrap_or_default();
        if state.is_empty() {
            let why = "the callback has no state; it was not caused by this authorization";
            return Err(again("state_missing", "state", why));
        }
        if !bool::from(state.as_bytes().ct_eq(self.state.expose().as_bytes())) {
            let why = "the state is not that of this authorization; the link may be forged";
            return Err(again("state_mismatch", "state", why));
        }
        match (single(&parameters, "code")?, single(&parameters, "error")?) {
            (Some(_), None) => {}
            (None, Some(error)) => return Err(refusal(error)),
            (Some(_), Some(_)) => return Err(malformed("has both a code and an error")),
            (None, None) => return Err(malformed("has neither a code nor an error")),
        }
        let query = callback_url.split_once('?').map(|(_, query)| query).unwrap_or_default();
        Ok(query.split('#').next().unwrap_or_default().to_owned())
    }
}

impl fmt::Debug for HandOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HandOff").field("redirect_uri", &self.redirect_uri).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AuthorizationRequest, Client};

    const REDIRECT: &str = "https://app.example/callback";

    fn hand_off() -> (HandOff, String) {
        let client = Client::builder("id", "secret").data_center(DataCenter::Uk).build().unwrap();
        let pending = client.authorize(AuthorizationRequest::organization(REDIRECT)).unwrap();
        let url = Url::parse(pending.url()).unwrap();
        let state = url.query_pairs().find(|(name, _)| name == "state").unwrap().1;
        let state = state.into_owned();
        // The base URL is the developer's backend; the authorization still is Cronofy's.
        let endpoints = Endpoints::custom("https://backend.example").unwrap();
        (HandOff::new(pending.url(), &endpoints).unwrap(), state)
    }

    #[test]
    fn a_callback_of_this_authorization_becomes_what_the_backend_completes() {
        let (hand_off, state) = hand_off();
        let query = hand_off.accept(&format!("{REDIRECT}?code=abc&state={state}")).unwrap();
        assert_eq!(query, format!("code=abc&state={state}"));
        assert!(hand_off.is_callback(&format!("{REDIRECT}?x=1")));
        assert!(!hand_off.is_callback("https://app.example/settings"));
    }

    #[test]
    fn a_link_that_another_program_made_up_is_refused() {
        let (hand_off, state) = hand_off();
        for (link, code) in [
            (format!("{REDIRECT}?code=abc&state=guess"), "state_mismatch"),
            (format!("{REDIRECT}?code=abc"), "state_missing"),
            (format!("https://evil.example/callback?code=abc&state={state}"), "redirect_mismatch"),
            (format!("code=abc&state={state}"), "redirect_mismatch"),
            (format!("{REDIRECT}?code=abc&state={state}&state=x"), "callback_malformed"),
            (format!("{REDIRECT}?code=abc&error=x&state={state}"), "callback_malformed"),
            (format!("{REDIRECT}?state={state}"), "callback_malformed"),
            (format!("{REDIRECT}?error=access_denied&state={state}"), "access_denied"),
        ] {
            assert_eq!(hand_off.accept(&link).unwrap_err().code(), Some(code), "{link}");
        }
        assert!(!format!("{hand_off:?}").contains(&state));
    }

    #[test]
    fn only_authorization_urls_of_cronofy_or_the_base_url_are_opened() {
        let endpoints = Endpoints::custom("https://backend.example").unwrap();
        let query = "redirect_uri=https://app.example/c&state=s";
        assert!(
            HandOff::new(&format!("https://backend.example/oauth/authorize?{query}"), &endpoints).is_ok()
        );
        for bad in [
            format!("https://evil.example/oauth/authorize?{query}"),
            format!("http://app.cronofy.com/oauth/authorize?{query}"),
            format!("https://app.cronofy.com@evil.example/oauth/authorize?{query}"),
            format!("https://x@app.cronofy.com/oauth/authorize?{query}"),
            format!("https://app.cronofy.com/other?{query}"),
            format!("https://app.cronofy.com/oauth/authorize?{query}&client_secret=x"),
            "https://app.cronofy.com/oauth/authorize?state=s".to_owned(),
            "javascript:alert(1)".to_owned(),
        ] {
            assert!(
                HandOff::new(&bad, &endpoints).unwrap_err().fields().contains_key("authorization_url"),
                "{bad}"
            );
        }
    }
}
