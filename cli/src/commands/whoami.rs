//! `orgconnect whoami`: whose connection it is, or who a member is.

use serde_json::{Map, Value};

use crate::{
    cli::Acting,
    context::{Caller, Context},
    failure::Result,
};

pub(crate) async fn run(acting: &Acting, context: &Context) -> Result<()> {
    let client = context.client()?;
    let caller = context.acting(&client, acting).await?;
    let reply = match &caller {
        // An organization is asked for with its own token, as whoever it is.
        Caller::Organization(organization) => {
            organization.request(http::Method::GET, "/v1/userinfo", &[], None).await?
        }
        other => other.send("userinfo.read", Map::new()).await?,
    };
    let userinfo: Value = reply.decode()?;
    context.output.value(&userinfo, |userinfo| {
        let shown = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let row = |name: &str, value: &str| format!("{name:<13} {value}");
        let mut lines: Vec<String> = ["sub", "email", "name", "zoneinfo", "cronofy.type"]
            .into_iter()
            .filter_map(|name| userinfo[name].as_str().map(|value| row(name, value)))
            .collect();
        let data = &userinfo["cronofy.data"];
        lines.extend(data["authorization"]["scope"].as_str().map(|scope| row("scope", scope)));
        for profile in data["profiles"].as_array().into_iter().flatten() {
            for calendar in profile["profile_calendars"].as_array().into_iter().flatten() {
                let (id, name) = (shown(&calendar["calendar_id"]), shown(&calendar["calendar_name"]));
                lines.push(row("calendar", &format!("{id}  {name}")));
            }
        }
        lines.join("\n")
    });
    Ok(())
}
