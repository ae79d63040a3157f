//! One request as a handler sees it, and the wrapper that makes a handler of a plain function.

use std::collections::HashMap;
use std::future::{Ready, ready};
use std::sync::{Arc, Mutex};

use axum::RequestPartsExt;
use axum::body::{Body, to_bytes};
use axum::extract::{FromRequest, RawPathParams, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value};

use crate::body;
use crate::clock::lock;
use crate::errors::{ApiError, ApiResult};
use crate::params::Params;
use crate::server::{BODY_LIMIT, State};
use crate::world::World;

/// Everything a handler needs to know of a request.
pub(crate) struct Call {
    pub(crate) state: State,
    pub(crate) uri_path: String,
    pub(crate) headers: HeaderMap,
    /// `http://` and the host under which the client reached us; addresses that we hand out begin with it.
    pub(crate) origin: String,
    pub(crate) query: Value,
    body: Option<Value>,
    path: HashMap<String, String>,
    notes: Notes,
}

/// What is learnt about a request while it is handled; the recorder shows it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Notes(Arc<Mutex<Noted>>);

#[derive(Debug, Clone, Default)]
pub(crate) struct Noted {
    pub(crate) application: Option<String>,
    pub(crate) connection: Option<String>,
}

impl Notes {
    pub(crate) fn read(&self) -> Noted {
        lock(&self.0).clone()
    }

    pub(crate) fn note(&self, application: &str, connection: Option<&str>) {
        let mut noted = lock(&self.0);
        noted.application = Some(application.to_owned());
        noted.connection = connection.map(str::to_owned);
    }
}

/// The origin a request was addressed to, as the guard found it.
#[derive(Debug, Clone)]
pub(crate) struct Origin(pub(crate) String);

/// A handler: reads the call, reads and changes the world, replies. What it changed is undone when it returns an error.
pub(crate) type Operation = fn(&World, &Call) -> ApiResult;

/// Makes an axum handler of an [`Operation`], which runs in one transaction.
pub(crate) fn operation(work: Operation) -> impl Fn(Call) -> Ready<Response> + Clone + Send + Sync + 'static {
    move |call| ready(call.run(work))
}

impl Call {
    fn run(&self, work: Operation) -> Response {
        let world = lock(&self.state.world);
        world.transaction(|world| work(world, self)).unwrap_or_else(IntoResponse::into_response)
    }

    /// A part of the path by its name in the route; empty where the route has none of that name.
    pub(crate) fn path(&self, name: &str) -> &str {
        self.path.get(name).map_or("", String::as_str)
    }

    /// The body's fields. A body that is not JSON is refused; one that is no object has no fields.
    pub(crate) fn params(&self) -> ApiResult<Params<'_>> {
        Ok(Params::new(self.body()?))
    }

    pub(crate) fn query(&self) -> Params<'_> {
        Params::new(&self.query)
    }

    pub(crate) fn body(&self) -> ApiResult<&Value> {
        self.body.as_ref().ok_or_else(|| ApiError::field("body", "invalid", "body must be valid JSON"))
    }

    /// The query's fields overlaid by the body's, for calls whose clients use either.
    pub(crate) fn query_and_body(&self) -> ApiResult<Value> {
        let mut fields = self.query.as_object().cloned().unwrap_or_default();
        fields.extend(self.body()?.as_object().cloned().unwrap_or_else(Map::new));
        Ok(Value::Object(fields))
    }

    /// Notes for the recorder who is calling.
    pub(crate) fn note(&self, application: &str, connection: Option<&str>) {
        self.notes.note(application, connection);
    }
}

impl FromRequest<State> for Call {
    type Rejection = Response;

    async fn from_request(request: Request, state: &State) -> Result<Self, Response> {
        let (mut parts, body): (Parts, Body) = request.into_parts();
        let bytes = to_bytes(body, BODY_LIMIT).await.map_err(|_| crate::server::too_large())?;
        let path = match parts.extract::<RawPathParams>().await {
            Ok(params) => params.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            Err(_) => return Err(ApiError::NotFound.into_response()),
        };
        let content_type = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        Ok(Self {
            state: state.clone(),
            body: body::read(content_type, &bytes),
            query: body::unfold(parts.uri.query().unwrap_or_default().as_bytes()),
            origin: parts.extensions.get::<Origin>().map(|origin| origin.0.clone()).unwrap_or_default(),
            notes: parts.extensions.get::<Notes>().cloned().unwrap_or_default(),
            uri_path: parts.uri.path().to_owned(),
            headers: parts.headers,
            path,
        })
    }
}
