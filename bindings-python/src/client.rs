//! The client: its settings, and what is reached from it.

use std::{num::NonZeroU32, sync::Arc};

use orgconnect::{AuthorizationRequest, ClientBuilder, DataCenter, RateLimit, RetryPolicy};
use pyo3::{
    exceptions::PyTypeError,
    prelude::*,
    types::{PyDict, PyList},
};

use crate::{
    clock::ManualClock,
    connection::{Connection, summary},
    convert::{Text, connection_id, duration, taken},
    ending::detach,
    error::{Raise, refused},
    handle::{Base, Handle},
    pending::PendingAuthorization,
    process::{Renewed, between_forks},
    refresher::Refresher,
    store::{Source, Store},
    webhook::Verifier,
    work::Work,
};

/// An application, at one Cronofy.
#[pyclass(frozen, module = "orgconnect._native")]
pub(crate) struct Client(pub(crate) Arc<Live>);

/// A client that is made again in a forked child, with a pool of connections of its own.
pub(crate) struct Live {
    builder: ClientBuilder,
    store: Arc<Source>,
    client: Renewed<orgconnect::Client>,
}

impl Live {
    fn new(builder: ClientBuilder, store: Option<Arc<Source>>) -> orgconnect::Result<Self> {
        // What is in memory is the same in a forked child, so the store is made here and not with each client.
        let store = store.map_or_else(Source::memory, Ok)?;
        let client = Renewed::new(build(&builder, &store)?);
        Ok(Self { builder, store, client })
    }

    pub(crate) fn client(&self) -> orgconnect::Result<orgconnect::Client> {
        self.client.get(|| build(&self.builder, &self.store))
    }
}

fn build(builder: &ClientBuilder, store: &Source) -> orgconnect::Result<orgconnect::Client> {
    builder.clone().shared_store(store.get()?).build()
}

#[pymethods]
impl Client {
    #[new]
    #[pyo3(signature = (client_id, client_secret, settings))]
    fn new(
        py: Python<'_>,
        client_id: &Bound<'_, PyAny>,
        client_secret: &Bound<'_, PyAny>,
        settings: &Bound<'_, PyDict>,
    ) -> PyResult<Self> {
        let client_id: String = setting("client_id", client_id, TEXT)?;
        let client_secret: String = setting("client_secret", client_secret, TEXT)?;
        let mut builder = orgconnect::Client::builder(client_id, client_secret).host_language("python");
        let mut store = None;
        for (name, value) in settings {
            let name: String = name.extract()?;
            if value.is_none() {
                continue;
            }
            if name == "store" {
                store = Some(Arc::clone(&value.cast::<Store>()?.get().0));
            } else {
                builder = set(builder, &name, &value)?;
            }
        }
        let live = detach(py, || between_forks(|| Live::new(builder, store))).or_raise(py)?;
        Ok(Self(Arc::new(live)))
    }

    /// Builds the URL to send an owner to.
    fn authorize(
        &self,
        py: Python<'_>,
        flow: &str,
        redirect_uri: Text<'_>,
        settings: &Bound<'_, PyDict>,
    ) -> PyResult<PendingAuthorization> {
        let request = request(flow, redirect_uri.into(), settings)?;
        let client = self.0.client().or_raise(py)?;
        let pending = client.authorize(request).or_raise(py)?;
        Ok(PendingAuthorization::new(&client, pending))
    }

    /// Reads a pending authorization back from its text.
    fn pending(&self, py: Python<'_>, text: Text<'_>) -> PyResult<PendingAuthorization> {
        let client = self.0.client().or_raise(py)?;
        let pending = client.pending(&text).or_raise(py)?;
        Ok(PendingAuthorization::new(&client, pending))
    }

    /// Completes an authorization.
    fn complete(&self, py: Python<'_>, pending: &PendingAuthorization, callback: Text<'_>) -> PyResult<Work> {
        let client = self.0.client().or_raise(py)?;
        let (live, pending, callback) = (Arc::clone(&self.0), pending.inner.clone(), String::from(callback));
        let call = async move { client.complete(&pending, callback.as_str()).await };
        Ok(Work::new(call, |py, connection| Connection::new(live, connection).into_object(py)))
    }

    /// Exchanges the code of a delegated authorization.
    #[pyo3(signature = (code, callback_url, connection_id = None))]
    fn complete_delegated(
        &self,
        py: Python<'_>,
        code: Text<'_>,
        callback_url: Text<'_>,
        connection_id: Option<Text<'_>>,
    ) -> PyResult<Work> {
        let client = self.0.client().or_raise(py)?;
        let id = connection_id.map(|id| self::connection_id(py, &id)).transpose()?;
        let (live, code, callback_url) =
            (Arc::clone(&self.0), String::from(code), String::from(callback_url));
        let call = async move { client.complete_delegated(code, &callback_url, id).await };
        Ok(Work::new(call, |py, connection| Connection::new(live, connection).into_object(py)))
    }

    /// Takes over a refresh token that was obtained elsewhere.
    fn import_connection(&self, py: Python<'_>, id: Text<'_>, refresh_token: Text<'_>) -> PyResult<Work> {
        let client = self.0.client().or_raise(py)?;
        let id = connection_id(py, &id)?;
        let (live, refresh_token) = (Arc::clone(&self.0), String::from(refresh_token));
        let call = async move { client.import_connection(id, refresh_token).await };
        Ok(Work::new(call, |py, connection| Connection::new(live, connection).into_object(py)))
    }

    /// A connection by its id.
    fn connection(&self, py: Python<'_>, id: Text<'_>) -> PyResult<Connection> {
        let connection = self.0.client().or_raise(py)?.connection(&*id).or_raise(py)?;
        Ok(Connection::new(Arc::clone(&self.0), connection))
    }

    /// The handle of the application itself.
    fn handle(&self, py: Python<'_>) -> PyResult<Handle> {
        Handle::new(py, &self.0, Base::Client)
    }

    fn organization(&self, py: Python<'_>, id: Text<'_>) -> PyResult<Handle> {
        Handle::new(py, &self.0, Base::Organization(connection_id(py, &id)?))
    }

    fn internal_organization(&self, py: Python<'_>) -> PyResult<Handle> {
        Handle::new(py, &self.0, Base::InternalOrganization)
    }

    fn account(&self, py: Python<'_>, id: Text<'_>) -> PyResult<Handle> {
        Handle::new(py, &self.0, Base::Account(connection_id(py, &id)?))
    }

    fn service_account(&self, py: Python<'_>, id: Text<'_>) -> PyResult<Handle> {
        Handle::new(py, &self.0, Base::ServiceAccount(connection_id(py, &id)?))
    }

    fn admin(&self, py: Python<'_>, key: Text<'_>) -> PyResult<Handle> {
        Handle::new(py, &self.0, Base::Admin(String::from(key).into()))
    }

    /// Opens an application calendar.
    fn application_calendar(&self, py: Python<'_>, application_calendar_id: Text<'_>) -> PyResult<Work> {
        let client = self.0.client().or_raise(py)?;
        let (live, id) = (Arc::clone(&self.0), String::from(application_calendar_id));
        let call = async move { client.application_calendar(&id).await };
        Ok(Work::new(call, move |py, account| {
            let handle = Handle::of(&live, Base::Elsewhere, orgconnect::Handle::from(&account));
            Ok(Py::new(py, handle)?.into_any())
        }))
    }

    /// Lists stored connections.
    #[pyo3(signature = (after, limit))]
    fn connections(
        &self,
        py: Python<'_>,
        after: Option<Text<'_>>,
        limit: &Bound<'_, PyAny>,
    ) -> PyResult<Work> {
        let limit = taken("invalid", "limit", limit, "must be a whole number, and not negative")?;
        let client = self.0.client().or_raise(py)?;
        let after = after.map(|id| connection_id(py, &id)).transpose()?;
        let call = async move { client.connections(after.as_ref(), limit).await };
        Ok(Work::new(call, |py, summaries| {
            let list = PyList::empty(py);
            for found in &summaries {
                list.append(summary(py, found)?)?;
            }
            Ok(list.into_any().unbind())
        }))
    }

    /// Revokes whatever a `sub` granted.
    fn revoke_sub(&self, py: Python<'_>, sub: Text<'_>) -> PyResult<Work> {
        let (client, sub) = (self.0.client().or_raise(py)?, String::from(sub));
        let call = async move { client.revoke_sub(&sub).await };
        Ok(Work::new(call, |py, ()| Ok(py.None())))
    }

    /// Waits for what goes on in the background.
    fn settle(&self, py: Python<'_>) -> PyResult<Work> {
        let client = self.0.client().or_raise(py)?;
        let call = async move { client.settle().await };
        Ok(Work::new(call, |py, ()| Ok(py.None())))
    }

    fn refresher(&self, settings: &Bound<'_, PyDict>) -> PyResult<Refresher> {
        Refresher::new(&self.0, settings)
    }

    fn webhooks(&self, py: Python<'_>) -> PyResult<Verifier> {
        Ok(Verifier(self.0.client().or_raise(py)?.webhooks()))
    }

    /// Data center (or base URL) and client id.
    #[getter]
    fn namespace(&self, py: Python<'_>) -> PyResult<String> {
        Ok(self.0.client().or_raise(py)?.namespace())
    }
}

const TEXT: &str = "must be text";

fn setting<'py, T>(name: &str, value: &Bound<'py, PyAny>, wanted: &str) -> PyResult<T>
where
    T: for<'a> FromPyObject<'a, 'py>,
{
    taken("config", name, value, wanted)
}

/// Sets one of the client's settings, by its name.
fn set(builder: ClientBuilder, name: &str, value: &Bound<'_, PyAny>) -> PyResult<ClientBuilder> {
    let py = value.py();
    Ok(match name {
        "data_center" => {
            let name: String = setting(name, value, TEXT)?;
            builder.data_center(name.parse::<DataCenter>().or_raise(py)?)
        }
        "base_url" => builder.base_url(setting::<String>(name, value, TEXT)?),
        "timeout" => builder.timeout(duration(name, value)?),
        "connect_timeout" => builder.connect_timeout(duration(name, value)?),
        "token_timeout" => builder.token_timeout(duration(name, value)?),
        "store_timeout" => builder.store_timeout(duration(name, value)?),
        "retry" => {
            let refuse = |_| refused(py, "config", name, "must be a RetryPolicy");
            let mut policy = RetryPolicy::default();
            let attempts = value.getattr("attempts").map_err(refuse)?;
            policy.attempts = setting(name, &attempts, "its attempts must be a whole number, at least 1")?;
            policy.base_delay = duration(name, &value.getattr("base_delay").map_err(refuse)?)?;
            policy.max_delay = duration(name, &value.getattr("max_delay").map_err(refuse)?)?;
            builder.retry(policy)
        }
        "rate_limit" => {
            let part = |part| -> PyResult<NonZeroU32> {
                let refuse = |_| refused(py, "config", name, "must be a RateLimit");
                let number = value.getattr(part).map_err(refuse)?;
                setting(name, &number, "its numbers must be whole and at least 1")
            };
            builder.rate_limit(RateLimit { per_second: part("per_second")?, per_minute: part("per_minute")? })
        }
        "max_response_bytes" => builder.max_response_bytes(setting(
            name,
            value,
            "must be a whole number of bytes, and not negative",
        )?),
        "proxy" => builder.proxy(setting::<String>(name, value, TEXT)?),
        "extra_ca_certificates" => {
            let wanted = "must be certificates in PEM form, each as text or bytes";
            let mut builder = builder;
            for certificate in value.try_iter().map_err(|_| refused(py, "config", name, wanted))? {
                let certificate = certificate?;
                let pem = match certificate.extract::<String>() {
                    Ok(text) => text.into_bytes(),
                    Err(_) => setting(name, &certificate, wanted)?,
                };
                builder = builder.extra_ca_certificate(pem);
            }
            builder
        }
        "user_agent_suffix" => builder.user_agent_suffix(setting::<String>(name, value, TEXT)?),
        "require_encryption" => builder.require_encryption(setting(name, value, "must be True or False")?),
        "clock" => {
            let clock = value.cast::<ManualClock>();
            let clock = clock.map_err(|_| refused(py, "config", name, "must be a ManualClock"))?;
            builder.clock(Arc::clone(&clock.get().0) as _)
        }
        other => return Err(PyTypeError::new_err(format!("there is no setting {other}"))),
    })
}

fn argument<'py, T>(name: &str, value: &Bound<'py, PyAny>, wanted: &str) -> PyResult<T>
where
    T: for<'a> FromPyObject<'a, 'py>,
{
    taken("invalid", name, value, wanted)
}

/// What to ask an owner for.
fn request(flow: &str, redirect_uri: String, settings: &Bound<'_, PyDict>) -> PyResult<AuthorizationRequest> {
    let scopes = |name: &str| -> PyResult<Vec<String>> {
        match settings.get_item(name)? {
            Some(scopes) if !scopes.is_none() => argument(name, &scopes, "must be a list of texts"),
            _ => Ok(Vec::new()),
        }
    };
    let mut request = match flow {
        "organization" => AuthorizationRequest::organization(redirect_uri),
        "individual" => AuthorizationRequest::individual(redirect_uri, scopes("scopes")?),
        "enterprise" => {
            AuthorizationRequest::enterprise(redirect_uri, scopes("scopes")?, scopes("delegated_scopes")?)
        }
        other => return Err(PyTypeError::new_err(format!("there is no flow {other}"))),
    };
    for (name, value) in settings {
        let name: String = name.extract()?;
        if value.is_none() {
            continue;
        }
        request = match name.as_str() {
            "locale" => request.locale(argument::<String>(&name, &value, TEXT)?),
            "payload" => request.payload(argument::<String>(&name, &value, TEXT)?),
            "state" => request.state(argument::<String>(&name, &value, TEXT)?),
            "avoid_linking" => request.avoid_linking(argument(&name, &value, "must be True or False")?),
            "provider_name" => request.provider_name(argument::<String>(&name, &value, TEXT)?),
            "link_token" => request.link_token(argument::<String>(&name, &value, TEXT)?),
            "connection_id" => request.connection_id(argument::<String>(&name, &value, TEXT)?),
            "lifetime" => request.lifetime(duration(&name, &value)?),
            "delegated_scopes" => request.delegated_scopes(scopes(&name)?),
            _ => request,
        };
    }
    Ok(request)
}
