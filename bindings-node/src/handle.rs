//! Any handle: calls operations by their names on whatever it stands for.

use std::sync::Arc;

use napi_derive::napi;
use orgconnect::{Account, Error, Handle, Organization, Sub};
use serde_json::Value;

use crate::{
    batch::{NativeBatch, verdicts},
    channel::{Channel, Done},
    convert::{call_options, method},
    error::{Result, thrown},
};

#[napi(js_name = "Handle")]
pub struct NativeHandle {
    handle: Arc<Handle>,
    /// What impersonates, for the handle of an organization.
    organization: Option<Organization>,
    /// Whom calls are made as, for the handle of a member.
    sub: Option<Sub>,
}

#[napi]
impl NativeHandle {
    /// Sends an operation. `full` asks for everything that is told of the reply.
    #[napi(catch_unwind)]
    pub fn send(
        &self,
        channel: &Channel,
        id: i32,
        operation: String,
        arguments: Option<String>,
        full: bool,
        may_be_cancelled: bool,
    ) -> Result<()> {
        let handle = Arc::clone(&self.handle);
        channel.run(id, may_be_cancelled, move || async move {
            let arguments = arguments.as_deref().unwrap_or_default().as_bytes();
            let reply = handle.send_json(&operation, arguments).await?;
            Ok(if full { Done::Reply(reply) } else { Done::Body(reply) })
        })
    }

    /// Follows a link to a next page.
    #[napi(catch_unwind)]
    pub fn follow(
        &self,
        channel: &Channel,
        id: i32,
        operation: String,
        link: String,
        may_be_cancelled: bool,
    ) -> Result<()> {
        let handle = Arc::clone(&self.handle);
        channel.run(id, may_be_cancelled, move || async move {
            handle.follow(&operation, &link).await.map(Done::Reply)
        })
    }

    /// Calls a path. `query` is names and values in turn.
    #[napi(catch_unwind)]
    #[allow(clippy::too_many_arguments, reason = "JavaScript hands them over one by one, which costs least")]
    pub fn request(
        &self,
        channel: &Channel,
        id: i32,
        verb: String,
        path: String,
        query: Vec<String>,
        body: Option<String>,
        may_be_cancelled: bool,
    ) -> Result<()> {
        let handle = Arc::clone(&self.handle);
        channel.run(id, may_be_cancelled, move || async move {
            let query: Vec<(String, String)> =
                query.chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect();
            let body: Option<Value> = match body.as_deref().map(serde_json::from_str) {
                None => None,
                Some(Ok(body)) => Some(body),
                Some(Err(_)) => return Err(Error::invalid("body", "is not JSON")),
            };
            handle.request(method(&verb)?, &path, &query, body.as_ref()).await.map(Done::Reply)
        })
    }

    /// Sends a batch; what comes is the verdicts as JSON.
    #[napi(catch_unwind)]
    pub fn send_batch(
        &self,
        channel: &Channel,
        id: i32,
        batch: &NativeBatch,
        may_be_cancelled: bool,
    ) -> Result<()> {
        let (handle, batch) = (Arc::clone(&self.handle), batch.batch.clone());
        channel.run(id, may_be_cancelled, move || async move {
            handle.send_batch(&batch).await.map(|found| Done::Text(verdicts(found)))
        })
    }

    /// The same handle with other options for its calls.
    #[napi(catch_unwind)]
    pub fn with_options(
        &self,
        timeout: Option<f64>,
        attempts: Option<f64>,
        extra: Option<String>,
    ) -> Result<NativeHandle> {
        let options = call_options(timeout, attempts, extra).map_err(thrown)?;
        let organization = self.organization.as_ref().map(|own| own.with_options(options.clone()));
        let handle = Arc::new(self.handle.with_options(options));
        Ok(Self { handle, organization, sub: self.sub.clone() })
    }

    /// Acts as a member.
    #[napi(catch_unwind)]
    pub fn impersonate(&self, sub: String) -> Result<NativeHandle> {
        let account = self.of_organization().and_then(|organization| organization.impersonate(sub));
        account.map(|account| Self::of_an_account(&account)).map_err(thrown)
    }

    /// Whom calls are made as, for the handle of a member.
    #[napi(catch_unwind)]
    pub fn sub(&self) -> Option<String> {
        self.sub.as_ref().map(|sub| sub.as_str().to_owned())
    }

    /// Acts as the member with this e-mail address.
    #[napi(catch_unwind)]
    pub fn impersonate_email(
        &self,
        channel: &Channel,
        id: i32,
        email: String,
        may_be_cancelled: bool,
    ) -> Result<()> {
        let organization = self.of_organization().cloned();
        channel.run(id, may_be_cancelled, move || async move {
            let account = organization?.impersonate_email(&email).await?;
            Ok(Done::Handle(Box::new(Self::of_an_account(&account))))
        })
    }
}

impl NativeHandle {
    pub(crate) fn of(handle: Handle) -> Self {
        Self { handle: Arc::new(handle), organization: None, sub: None }
    }

    pub(crate) fn of_an_account(account: &Account) -> Self {
        Self { handle: Arc::new(Handle::from(account)), organization: None, sub: account.sub().cloned() }
    }

    pub(crate) fn of_an_organization(organization: Organization) -> Self {
        Self { handle: Arc::new(Handle::from(&organization)), organization: Some(organization), sub: None }
    }

    fn of_organization(&self) -> orgconnect::Result<&Organization> {
        let why = "only an organization acts as a member";
        self.organization.as_ref().ok_or_else(|| Error::invalid("handle", why))
    }
}
