//! `orgconnect members`: the members of a connected organization, all pages of them.

use serde_json::Value;

use crate::{
    cli::Acting,
    commands::call,
    context::{Caller, Context},
    failure::{Failure, Result},
    output::table,
};

pub(crate) async fn run(acting: &Acting, context: &Context) -> Result<()> {
    let client = context.client()?;
    let caller = context.acting(&client, acting).await?;
    if !matches!(caller, Caller::Organization(_)) {
        return Err(Failure::usage(
            "only an organization has members; choose its connection, and leave out --as",
        ));
    }
    let operation = orgconnect::find_operation("organization.list_members")?;
    let items = context
        .output
        .wait("reading members", call::all_items(&caller, operation, serde_json::Map::new()))
        .await?;
    if context.output.is_json() {
        for item in &items {
            context.output.body(item);
        }
        return Ok(());
    }
    let rows: Vec<Vec<String>> = items.iter().map(row).collect();
    context.output.note(table(&["EMAIL", "SUB", "ROLES", "SCHEDULER"], &rows).trim_end());
    Ok(())
}

fn row(member: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let roles = member["roles"].as_array().map(|roles| roles.iter().map(text).collect::<Vec<_>>().join(", "));
    let scheduler = match &member["scheduler"] {
        scheduler if scheduler["enabled"] == true => scheduler["public_url"].as_str().unwrap_or("on"),
        _ => "off",
    };
    vec![text(&member["email"]), text(&member["sub"]), roles.unwrap_or_default(), scheduler.to_owned()]
}
