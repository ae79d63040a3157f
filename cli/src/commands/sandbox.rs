//! `orgconnect sandbox`: runs the sandbox until it is interrupted.

use std::net::{Ipv4Addr, SocketAddr};

use orgconnect_sandbox::{NewApplication, Sandbox};
use serde_json::json;

use crate::{cli, context::Context, failure::Result, interrupt::Interrupt};

pub(crate) async fn run(arguments: &cli::Sandbox, context: &Context) -> Result<()> {
    let interrupt = Interrupt::listen()?;
    let mut builder = Sandbox::builder()
        .auto_approve(arguments.auto_approve)
        .listen(SocketAddr::from((Ipv4Addr::LOCALHOST, arguments.port)));
    if let Some(seed) = arguments.seed {
        builder = builder.seed(seed);
    }
    if let Some(path) = &arguments.data {
        builder = builder.data(path);
    }
    let sandbox = builder.start().await?;
    let (url, control) = (sandbox.url().to_owned(), sandbox.control());
    let known = control.applications().into_iter().next();
    let application = known.unwrap_or_else(|| {
        let new = NewApplication {
            name: "Demo".into(),
            url: "http://localhost/".into(),
            ..NewApplication::default()
        };
        control.create_application(new)
    });
    let shown = json!({
        "url": url, "dashboard": format!("{url}/dashboard"),
        "client_id": application.client_id, "client_secret": application.client_secret,
    });
    context.output.value(&shown, |_| {
        format!(
            "The sandbox listens on {url}\nIts dashboard:      {url}/dashboard\n\n\
             Paste this into another terminal, then try `orgconnect login` and `orgconnect members`:\n\n  \
             export ORGCONNECT_BASE_URL={url}\n  export CRONOFY_CLIENT_ID={}\n  export CRONOFY_CLIENT_SECRET={}\n\n\
             Press Ctrl-C to stop it.",
            application.client_id, application.client_secret
        )
    });
    interrupt.wait().await?;
    sandbox.shutdown().await;
    context.output.note("\nThe sandbox has stopped.");
    Ok(())
}
