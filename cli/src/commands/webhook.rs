//! `orgconnect webhook verify`.

use std::{io::Read, path::Path};

use orgconnect::webhook::Verifier;
use serde_json::json;

use crate::{
    cli::Webhook,
    context::{Context, secret_in, secret_of},
    failure::{Failure, Result},
};

pub(crate) fn run(command: Webhook, context: &Context) -> Result<()> {
    let Webhook::Verify { signature, secret_file, secret_env, body } = command;
    let mut secrets =
        secret_file.iter().map(|path| secret_in("--secret-file", path)).collect::<Result<Vec<String>>>()?;
    for variable in secret_env {
        let unset = || Failure::usage(format!("--secret-env {variable}: the variable is not set"));
        secrets.push(secret_of(&variable).ok_or_else(unset)?);
    }
    if secrets.is_empty() {
        secrets.push(context.client_secret()?);
    }
    let mut secrets = secrets.into_iter();
    let first = secrets.next().unwrap_or_default();
    let verifier = secrets.fold(Verifier::new(first), Verifier::or_secret);
    let body = read(&body)?;
    if !verifier.verify(&signature, &body) {
        verifier.receive(&signature, &body)?;
    }
    context.output.value(&json!({"valid": true}), |_| "The signature is that of the body.".to_owned());
    Ok(())
}

/// The octets as they are: a line that is trimmed or converted has another signature.
fn read(path: &Path) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    if path == Path::new("-") {
        std::io::stdin().read_to_end(&mut body).map_err(|error| Failure::machine("standard input", error))?;
    } else {
        body = std::fs::read(path).map_err(|error| Failure::machine(path.display(), error))?;
    }
    Ok(body)
}
