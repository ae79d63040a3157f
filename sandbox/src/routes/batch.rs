//! `POST /v1/batch`: up to fifty writes in one request, carried out in order by the calls' own handlers. Each has a
//! verdict of its own, and none undoes another. <https://docs.cronofy.com/developers/api/batch/>

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Map, Value, json};
use tower::ServiceExt;

use super::{available_periods, events};
use crate::auth::{IMPERSONATE, Scope};
use crate::call::{Call, Notes, Origin};
use crate::clock::lock;
use crate::errors::{ApiError, ApiResult};
use crate::params::Params;
use crate::server::{BODY_LIMIT, State};
use crate::world::World;

/// The most entries that Cronofy takes at once.
const ENTRIES: usize = 50;

pub(super) fn router() -> Router<State> {
    Router::new().route("/v1/batch", post(batch))
}

async fn batch(call: Call) -> Response {
    let entries = {
        let world = lock(&call.state.world);
        world.transaction(|world| read(world, &call))
    };
    let entries = match entries {
        Ok(entries) => entries,
        Err(refusal) => return refusal.into_response(),
    };
    let targets = targets().with_state(call.state.clone());
    let mut verdicts = Vec::with_capacity(entries.len());
    for entry in entries {
        verdicts.push(carry_out(&targets, &call, &entry).await);
    }
    (StatusCode::MULTI_STATUS, Json(json!({ "batch": verdicts }))).into_response()
}

/// The calls that may stand in a batch.
fn targets() -> Router<State> {
    Router::new().merge(events::batchable()).merge(available_periods::batchable())
}

/// The entries, or why the whole batch is refused.
fn read(world: &World, call: &Call) -> ApiResult<Vec<Value>> {
    call.account(world, Scope::Any)?;
    let mut params = call.params()?;
    let entries = params.list("batch", ENTRIES).unwrap_or_default();
    if params.value("batch").is_none() || params.value("batch") == Some(&json!([])) {
        params.wrong("batch", "required", "must have at least one entry");
    }
    if !entries.iter().all(Value::is_object) {
        params.wrong("batch", "invalid", "must be an array of objects");
    }
    params.finish()?;
    Ok(entries.to_vec())
}

/// Answers one entry as the call itself would be answered.
async fn carry_out(targets: &Router, call: &Call, entry: &Value) -> Value {
    let request = match request(call, entry) {
        Ok(request) => request,
        Err(refusal) => return verdict(refusal.into_response()).await,
    };
    match targets.clone().oneshot(request).await {
        Ok(response) => verdict(response).await,
        Err(never) => match never {},
    }
}

fn request(call: &Call, entry: &Value) -> ApiResult<Request> {
    let mut params = Params::new(entry);
    let method = match params.required_text("method", 10).as_deref() {
        Some("POST") => Some(Method::POST),
        Some("DELETE") => Some(Method::DELETE),
        Some(_) => {
            params.wrong("method", "invalid", "must be POST or DELETE");
            None
        }
        None => None,
    };
    let url = params.required_text("relative_url", 4096).filter(|url| {
        let starts_right = url.starts_with("/v1/");
        if !starts_right {
            params.wrong("relative_url", "invalid", "must begin with /v1/");
        }
        starts_right
    });
    let data = params.object("data").cloned().unwrap_or_else(|| Value::Object(Map::new()));
    params.finish()?;
    let (Some(method), Some(url)) = (method, url) else { return Err(ApiError::NotFound) };
    let request = Request::builder().method(method).uri(url).body(Body::from(data.to_string()));
    let mut request =
        request.map_err(|_| ApiError::field("relative_url", "invalid", "must be an address"))?;
    *request.headers_mut() = headers(call);
    request.extensions_mut().insert(Origin(call.origin.clone()));
    // Whose batch it is was noted when it was read.
    request.extensions_mut().insert(Notes::default());
    Ok(request)
}

/// Whoever sent the batch sends its entries.
fn headers(call: &Call) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for name in [header::AUTHORIZATION.as_str(), IMPERSONATE] {
        for value in call.headers.get_all(name) {
            if let Ok(name) = axum::http::HeaderName::try_from(name) {
                headers.append(name, value.clone());
            }
        }
    }
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers
}

async fn verdict(response: Response) -> Value {
    let (parts, body) = response.into_parts();
    let mut verdict = json!({ "status": parts.status.as_u16() });
    let bytes = to_bytes(body, BODY_LIMIT).await.unwrap_or_default();
    if let Ok(data) = serde_json::from_slice::<Value>(&bytes) {
        verdict["data"] = data;
    }
    let named = [header::WWW_AUTHENTICATE, header::RETRY_AFTER];
    let told = named.iter().filter_map(|name| Some((name, parts.headers.get(name)?.to_str().ok()?)));
    let told: Map<String, Value> = told.map(|(name, value)| (name.to_string(), value.into())).collect();
    if !told.is_empty() {
        verdict["headers"] = Value::Object(told);
    }
    verdict
}
