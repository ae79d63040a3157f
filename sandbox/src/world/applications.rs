//! Applications: what a developer registers, with its secret, its mode and the redirect URIs that were verified.

use std::fmt;

use serde::{Deserialize, Serialize};
use url::Url;

use super::World;
use super::store::{Record, StoreError};

/// A registered application.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Application {
    /// Names the application, 32 characters.
    pub client_id: String,
    /// Proves that a call comes from the application: `CRN_` and 38 characters.
    pub client_secret: String,
    /// The secret before the present one, while both are good.
    #[serde(default)]
    pub retiring_secret: Option<String>,
    /// Where it is told of times that people chose in scheduling requests.
    #[serde(default)]
    pub push_url: Option<String>,
    /// What people read on the authorization page.
    pub name: String,
    /// The application's homepage.
    pub url: String,
    /// Whether any redirect URI will do, or only verified ones.
    pub mode: Mode,
    /// The organization this Internal Application serves; none for every other application.
    pub internal_to: Option<String>,
    /// The redirect URIs that were submitted for verification.
    pub redirect_uris: Vec<RedirectUri>,
}

/// Shows no more of the secret than that there is one.
impl fmt::Debug for Application {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Application")
            .field("client_id", &self.client_id)
            .field("client_secret", &"[secret]")
            .field("name", &self.name)
            .field("mode", &self.mode)
            .field("internal_to", &self.internal_to)
            .field("redirect_uris", &self.redirect_uris)
            .finish_non_exhaustive()
    }
}

/// What to register.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct NewApplication {
    /// What people read on the authorization page.
    pub name: String,
    /// The application's homepage.
    pub url: String,
    /// Whether any redirect URI will do, or only verified ones.
    pub mode: Mode,
    /// Makes an Internal Application of this organization; an unknown id makes one that reaches nobody.
    pub internal_to: Option<String>,
}

/// How far an application is trusted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Any redirect URI; people are warned that the application is unverified.
    #[default]
    Development,
    /// Verified redirect URIs only.
    Production,
}

/// A redirect URI that was submitted for verification; its host may begin with `*.`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RedirectUri {
    /// The address, or a pattern such as `https://*.example.com/callback`.
    pub uri: String,
    /// Whether it was approved.
    pub verified: bool,
}

/// A key that registers applications for an organization.
#[derive(Serialize, Deserialize)]
pub(crate) struct AdminApiKey {
    pub(crate) key: String,
    pub(crate) organization_id: String,
}

impl Record for AdminApiKey {
    const KIND: &'static str = "admin_api_key";
    fn id(&self) -> &str {
        &self.key
    }
    fn parent(&self) -> &str {
        &self.organization_id
    }
}

impl Record for Application {
    const KIND: &'static str = "application";
    fn id(&self) -> &str {
        &self.client_id
    }
    fn key(&self) -> Option<String> {
        Some(self.client_secret.clone())
    }
}

impl Application {
    /// The same application with all but the first letters of its secret hidden.
    pub(crate) fn masked(mut self) -> Self {
        self.client_secret = crate::recorder::mask(&self.client_secret);
        self.retiring_secret = self.retiring_secret.as_deref().map(crate::recorder::mask);
        self
    }

    /// The secrets that are good at present, the newest first.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.client_secret.as_str()).chain(self.retiring_secret.as_deref())
    }

    /// Whether this is one of its secrets.
    pub(crate) fn is_proven_by(&self, secret: &str) -> bool {
        self.secrets().any(|known| known == secret)
    }

    /// Submits redirect URIs for verification, beside those that were submitted before.
    pub(crate) fn submit(&mut self, uris: &[String]) {
        for uri in uris {
            if self.redirect_uris.iter().all(|known| known.uri != *uri) {
                self.redirect_uris.push(RedirectUri { uri: uri.clone(), verified: false });
            }
        }
    }

    /// Verifies every redirect URI that was submitted, and moves the application to production.
    pub(crate) fn verify(&mut self) {
        self.mode = Mode::Production;
        for uri in &mut self.redirect_uris {
            uri.verified = true;
        }
    }

    /// Whether people may be sent back to this address.
    pub(crate) fn accepts(&self, redirect_uri: &str) -> bool {
        let Some(asked) = web_address(redirect_uri) else { return false };
        self.mode == Mode::Development
            || self
                .redirect_uris
                .iter()
                .any(|known| known.verified && (known.uri == redirect_uri || covers(&known.uri, &asked)))
    }
}

impl World {
    /// The application whose secret this is.
    pub(crate) fn application_by_secret(&self, secret: &str) -> Result<Option<Application>, StoreError> {
        if let Some(application) = self.store.find::<Application>(secret)? {
            return Ok(Some(application));
        }
        let mut applications = self.store.all::<Application>()?.into_iter();
        Ok(applications.find(|application| application.retiring_secret.as_deref() == Some(secret)))
    }

    /// Gives an application a new secret; the one it had stays good until it is retired.
    pub(crate) fn rotate_secret(&self, application: Application) -> Result<Application, StoreError> {
        let application = Application {
            retiring_secret: Some(application.client_secret),
            client_secret: self.ids.client_secret(),
            ..application
        };
        self.store.put(&application)?;
        Ok(application)
    }

    pub(crate) fn create_application(&self, new: NewApplication) -> Result<Application, StoreError> {
        let application = Application {
            client_id: self.ids.text(32),
            client_secret: self.ids.client_secret(),
            retiring_secret: None,
            push_url: None,
            name: if new.name.is_empty() { "Unnamed application".into() } else { new.name },
            url: new.url,
            mode: new.mode,
            internal_to: new.internal_to,
            redirect_uris: Vec::new(),
        };
        self.store.put(&application)?;
        Ok(application)
    }
}

/// An http or https address without a fragment; no other may be a redirect URI.
pub(crate) fn web_address(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let web = matches!(url.scheme(), "http" | "https") && url.has_host() && url.fragment().is_none();
    web.then_some(url)
}

/// Whether an address or pattern can be submitted for verification.
pub(crate) fn verifiable(uri: &str) -> bool {
    web_address(&uri.replacen("://*.", "://any.", 1)).is_some()
}

/// Whether a pattern whose host begins with `*.` stands for this address: any sub-domain, all else equal.
fn covers(pattern: &str, asked: &Url) -> bool {
    let Some((scheme, rest)) = pattern.split_once("://*.") else { return false };
    let Some(known) = web_address(&format!("{scheme}://{rest}")) else { return false };
    let (Some(domain), Some(host)) = (known.host_str(), asked.host_str()) else { return false };
    let below = host.strip_suffix(domain).and_then(|labels| labels.strip_suffix('.'));
    below.is_some_and(|labels| !labels.is_empty())
        && known.scheme() == asked.scheme()
        && known.port_or_known_default() == asked.port_or_known_default()
        && known.path() == asked.path()
        && known.query() == asked.query()
        && asked.username().is_empty()
        && asked.password().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn production(uri: &str) -> Application {
        Application {
            client_id: "id".into(),
            client_secret: "CRN_hidden".into(),
            retiring_secret: None,
            push_url: None,
            name: "Rota".into(),
            url: String::new(),
            mode: Mode::Production,
            internal_to: None,
            redirect_uris: vec![RedirectUri { uri: uri.into(), verified: true }],
        }
    }

    #[test]
    fn a_wildcard_stands_for_sub_domains_and_nothing_else() {
        let application = production("https://*.example.com/callback");
        assert!(application.accepts("https://clinic.example.com/callback"));
        for other in [
            "https://example.com/callback",
            "https://clinic.example.com/callback/more",
            "https://clinic.example.com/callback?x=1",
            "http://clinic.example.com/callback",
            "https://clinic.example.com:8443/callback",
            "https://notexample.com/callback",
            "https://clinic.example.com.evil.example/callback",
            "https://evil.example/clinic.example.com/callback",
            "https://user@clinic.example.com/callback",
        ] {
            assert!(!application.accepts(other), "{other}");
        }
    }

    #[test]
    fn only_web_addresses_can_be_redirected_to_even_in_development() {
        let application = Application { mode: Mode::Development, ..production("") };
        assert!(application.accepts("http://127.0.0.1:9000/callback"));
        for other in
            ["myapp://callback", "javascript:alert(1)", "https:///", "/callback", "https://a.example/#x"]
        {
            assert!(!application.accepts(other), "{other}");
        }
    }

    #[test]
    fn debug_shows_no_secret() {
        assert!(!format!("{:?}", production("https://a.example/")).contains("hidden"));
    }
}
