//! `orgconnect token show|refresh|revoke`.

use super::connections;
use crate::{
    cli::{Token, Which},
    context::Context,
    failure::Result,
    output::line,
};

pub(crate) async fn run(command: Token, context: &Context) -> Result<()> {
    let client = context.client()?;
    match command {
        Token::Show { which, reveal } => {
            let connection = context.connection(&client, which.connection.as_deref()).await?;
            if reveal {
                line(connection.access_token().await?.expose());
                return Ok(());
            }
            context.output.body(&connections::to_json(&connection.summary().await?));
        }
        Token::Refresh(Which { connection }) => {
            let connection = context.connection(&client, connection.as_deref()).await?;
            let summary = context.output.wait("refreshing", connection.refresh()).await?;
            context.output.value(&connections::to_json(&summary), |_| {
                format!("Refreshed and stored. The access token ends at {}.", summary.expires_at)
            });
        }
        Token::Revoke(Which { connection }) => {
            connections::revoke(connection.as_deref(), context).await?;
        }
    }
    Ok(())
}
