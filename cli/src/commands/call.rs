//! `orgconnect call`: any operation, described by the table that the core works by.

use orgconnect::{
    ErrorKind,
    operation::{Authority, Operation, Place, Shape, Stability},
};
use serde_json::{Map, Value, json};

use crate::{
    cli::Call,
    context::{Caller, Context, secret_in, secret_of},
    failure::{Failure, Result},
    output::table,
    values,
};

pub(crate) async fn run(arguments: &Call, context: &Context) -> Result<()> {
    if arguments.list {
        list(context);
        return Ok(());
    }
    let operation = orgconnect::find_operation(arguments.operation.as_deref().unwrap_or_default())?;
    if arguments.describe {
        describe(operation, context);
        return Ok(());
    }
    let values = values::read(operation, &arguments.arguments)?;
    let client = context.client()?;
    let only =
        |wanted: &[Authority]| operation.authorities.iter().all(|authority| wanted.contains(authority));
    let caller = if only(&[Authority::Admin]) {
        Caller::Client(client.admin(admin_key(arguments)?)?)
    } else if arguments.as_application || only(&[Authority::Application, Authority::ClientCredentials]) {
        Caller::Client(client)
    } else {
        context.acting(&client, &arguments.acting).await?
    };
    if arguments.all {
        for mut item in context.output.wait(operation.name, all_items(&caller, operation, values)).await? {
            if !arguments.reveal {
                hide_secrets(&mut item);
            }
            context.output.body(&item);
        }
        return Ok(());
    }
    let reply = context.output.wait(operation.name, caller.send(operation.name, values)).await?;
    if reply.body.is_empty() {
        let shown = json!({"status": reply.status, "request_id": reply.request_id});
        context.output.value(&shown, |_| format!("{} (no content)", reply.status));
    } else {
        let mut body: Value = reply.decode()?;
        if !arguments.reveal && hide_secrets(&mut body) {
            eprintln!("Secrets in the reply are left out; --reveal prints them.");
        }
        context.output.body(&body);
    }
    Ok(())
}

fn admin_key(arguments: &Call) -> Result<String> {
    match &arguments.admin_key_file {
        Some(path) => secret_in("--admin-key-file", path),
        None => secret_of("CRONOFY_ADMIN_API_KEY").ok_or_else(|| {
            Failure::usage("this takes an Admin API key; set CRONOFY_ADMIN_API_KEY, or name a file with --admin-key-file")
        }),
    }
}

/// Replaces what only the caller's program should see, and says whether there was any: a terminal's history and the
/// logs of a build are read by others.
fn hide_secrets(value: &mut Value) -> bool {
    const SECRET: [&str; 5] = ["access_token", "refresh_token", "client_secret", "link_token", "token"];
    let mut hidden = false;
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                if SECRET.contains(&name.as_str()) && value.is_string() {
                    *value = "…".into();
                    hidden = true;
                } else {
                    hidden |= hide_secrets(value);
                }
            }
        }
        Value::Array(items) => {
            for item in items {
                hidden |= hide_secrets(item);
            }
        }
        _ => {}
    }
    hidden
}

/// The items of all pages.
pub(crate) async fn all_items(
    caller: &Caller,
    operation: &'static Operation,
    arguments: Map<String, Value>,
) -> Result<Vec<Value>> {
    let Some(paging) = operation.paging else {
        return Err(Failure::usage(format!("{} does not page; leave out --all", operation.name)));
    };
    let mut reply = caller.send(operation.name, arguments).await?;
    let mut items = Vec::new();
    loop {
        let mut page: Value = reply.decode()?;
        let found = paging.items.iter().try_fold(&mut page, |value, step| value.get_mut(*step));
        if let Some(Value::Array(found)) = found {
            items.append(found);
        }
        let Some(link) = reply.next_page.take() else { return Ok(items) };
        reply = caller.follow(operation.name, &link).await?;
        if reply.next_page.as_ref() == Some(&link) {
            let why = "the list has no end: its next page is the same page; report this to Cronofy";
            return Err(Failure::Found(ErrorKind::Decode, why.to_owned()));
        }
    }
}

fn list(context: &Context) {
    if context.output.is_json() {
        for operation in orgconnect::operations() {
            context.output.body(&json!({"name": operation.name, "summary": operation.summary}));
        }
        return;
    }
    let rows: Vec<Vec<String>> = orgconnect::operations()
        .iter()
        .map(|operation| vec![operation.name.to_owned(), operation.summary.to_owned()])
        .collect();
    context.output.note(table(&["OPERATION", "WHAT IT DOES"], &rows).trim_end());
}

fn describe(operation: &Operation, context: &Context) {
    let arguments: Vec<Value> = operation
        .arguments
        .iter()
        .map(|argument| {
            let place = match argument.place {
                Place::Path => "path",
                Place::Query => "query",
                Place::Body => "body",
            };
            json!({"name": argument.name, "required": argument.required, "in": place, "type": type_of(argument.shape)})
        })
        .collect();
    let shown = json!({
        "name": operation.name,
        "summary": operation.summary,
        "for": operation.authorities.iter().map(|authority| caller_of(*authority)).collect::<Vec<_>>(),
        "impersonable": operation.impersonable,
        "stability": stability(operation.stability),
        "documentation": operation.documentation,
        "arguments": arguments,
    });
    context.output.value(&shown, |_| {
        let callers: Vec<&str> =
            operation.authorities.iter().map(|authority| caller_of(*authority)).collect();
        let member = if operation.impersonable { "; with --as" } else { "" };
        let mut lines = vec![
            operation.name.to_owned(),
            format!("  {}", operation.summary),
            format!("  for {}{member}", callers.join(", ")),
        ];
        if operation.stability != Stability::Stable {
            lines.push(format!("  {}: Cronofy may change it", stability(operation.stability)));
        }
        lines.push(format!("  {}", operation.documentation));
        let rows: Vec<Vec<String>> = operation
            .arguments
            .iter()
            .map(|argument| {
                let needed = if argument.required { "required" } else { "" };
                vec![format!("  {}", argument.name), needed.to_owned(), type_of(argument.shape)]
            })
            .collect();
        if !rows.is_empty() {
            lines.push(format!("\n{}", table(&["  ARGUMENT", "", "TYPE"], &rows)));
        }
        lines.join("\n")
    });
}

fn caller_of(authority: Authority) -> &'static str {
    match authority {
        Authority::Application | Authority::ClientCredentials => "the application",
        Authority::Connection => "an account",
        Authority::Organization => "an organization",
        Authority::ServiceAccount => "a service account",
        Authority::Admin => "an Admin API key",
    }
}

fn stability(stability: Stability) -> &'static str {
    match stability {
        Stability::Stable => "stable",
        Stability::Beta => "beta",
        Stability::Alpha => "alpha",
        Stability::Prerelease => "prerelease",
        Stability::Legacy => "legacy",
    }
}

fn type_of(shape: &Shape) -> String {
    use orgconnect::operation::Format;
    match shape {
        Shape::Any => "any JSON".into(),
        Shape::Boolean => "true or false".into(),
        Shape::Integer { .. } => "integer".into(),
        Shape::Number => "number".into(),
        Shape::Text { format: Format::Date, .. } => "date".into(),
        Shape::Text { format: Format::Time, .. } => "time".into(),
        Shape::Text { format: Format::Uri, .. } => "URL".into(),
        Shape::Text { max, .. } if *max != u32::MAX => format!("text, at most {max}"),
        Shape::Text { .. } => "text".into(),
        Shape::Exactly(text) => format!("\"{text}\""),
        Shape::List { item, .. } => format!("list of {}", type_of(item)),
        Shape::Object { fields, .. } => {
            let names: Vec<&str> = fields.iter().map(|field| field.name).collect();
            if names.is_empty() { "object".into() } else { format!("{{{}}}", names.join(", ")) }
        }
        Shape::Nullable(shape) => format!("{} or null", type_of(shape)),
        Shape::OneOf(shapes) => shapes.iter().map(type_of).collect::<Vec<_>>().join(" | "),
    }
}
