//! `orgconnect login`: an authorization in the user's browser, with a redirect to this machine.

use std::time::Duration;

use orgconnect::AuthorizationRequest;
use serde_json::json;

use crate::{browser, cli::Login, context::Context, failure::Result, loopback::Loopback};

/// What a service account may be asked for.
const SERVICE_ACCOUNT_SCOPES: [&str; 2] =
    ["service_account/accounts/manage", "service_account/resources/manage"];

pub(crate) async fn run(arguments: Login, context: &Context) -> Result<()> {
    let client = context.client()?;
    let loopback = Loopback::listen(arguments.port).await?;
    let redirect_uri = loopback.redirect_uri();
    let mut request = if !arguments.individual.is_empty() {
        AuthorizationRequest::individual(redirect_uri, arguments.individual)
    } else if !arguments.enterprise.is_empty() {
        AuthorizationRequest::enterprise(redirect_uri, SERVICE_ACCOUNT_SCOPES, arguments.enterprise)
    } else {
        AuthorizationRequest::organization(redirect_uri)
    };
    if let Some(id) = arguments.connection {
        request = request.connection_id(id);
    }
    if let Some(locale) = arguments.locale {
        request = request.locale(locale);
    }
    let patience = Duration::from_secs(arguments.wait);
    let pending = client.authorize(request.lifetime(patience.max(Duration::from_mins(10))))?;
    browser::invite(pending.url(), arguments.no_browser);
    let callback =
        context.output.wait("waiting for your approval", loopback.callback(pending.url(), patience)).await?;
    let connection = client.complete(&pending, callback).await?;
    let summary = connection.summary().await?;
    let shown = json!({"connection": summary.id.as_str(), "sub": summary.sub, "scope": summary.scope});
    context.output.value(&shown, |_| {
        format!(
            "Connected as {}. Try `orgconnect whoami{}`.",
            summary.id,
            if summary.kind == orgconnect::ConnectionKind::Organization {
                "` and `orgconnect members"
            } else {
                ""
            }
        )
    });
    Ok(())
}
