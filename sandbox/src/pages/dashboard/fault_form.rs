//! A fault from the fields of a form, and a fault in words.

use super::visit::Visit;
use crate::errors::SandboxError;
use crate::faults::{Fault, FaultBody};

/// The longest a fault may wait.
const LONGEST_WAIT_MS: u64 = 600_000;

/// Reads the form; one that would do nothing is refused.
pub(super) fn read(visit: &Visit) -> Result<Fault, SandboxError> {
    let text = |name: &str| Some(visit.field(name)).filter(|text| !text.is_empty()).map(str::to_owned);
    let fault = Fault {
        method: text("method"),
        path: text("path"),
        account: text("account"),
        skip: visit.number("skip", "how many to let pass")?.unwrap_or(0),
        times: visit.number("times", "how often")?,
        status: visit.number("status", "the status")?,
        retry_after: text("retry_after"),
        delay_before_ms: visit.number("delay_before_ms", "the wait")?.unwrap_or(0),
        delay_after_ms: visit.number("delay_after_ms", "the wait")?.unwrap_or(0),
        cut_after: visit.number("cut_after", "where to cut")?,
        garble: visit.field("garble") == "true",
        ..Fault::default()
    };
    match wrong(&fault) {
        Some(why) => Err(SandboxError::Refused(why.into())),
        None => Ok(fault),
    }
}

fn wrong(fault: &Fault) -> Option<&'static str> {
    if fault.status.is_some_and(|status| !(200..600).contains(&status)) {
        return Some("the status must be from 200 to 599");
    }
    if fault.path.as_ref().is_some_and(|path| !path.starts_with(['/', '*'])) {
        return Some("the path must begin with a slash");
    }
    if fault.delay_before_ms.max(fault.delay_after_ms) > LONGEST_WAIT_MS {
        return Some("the wait must be at most 600000 ms");
    }
    if fault.retry_after.as_ref().is_some_and(|value| !value.bytes().all(|byte| matches!(byte, 0x20..=0x7e)))
    {
        return Some("Retry-After must be plain ASCII text");
    }
    let idle = fault.status.is_none()
        && fault.retry_after.is_none()
        && fault.delay_before_ms == 0
        && fault.delay_after_ms == 0
        && fault.cut_after.is_none()
        && !fault.garble;
    idle.then_some("say what is to happen: a status, a wait, a cut or a garbled body")
}

/// Which requests a fault meets, in words.
pub(super) fn meets(fault: &Fault) -> String {
    let mut words = vec![match (&fault.method, &fault.path) {
        (Some(method), Some(path)) => format!("{} {path}…", method.to_uppercase()),
        (Some(method), None) => format!("every {}", method.to_uppercase()),
        (None, Some(path)) => format!("{path}…"),
        (None, None) => "every request".into(),
    }];
    if let Some(grant) = &fault.grant_type {
        words.push(format!("with the grant {grant}"));
    }
    if let Some(account) = &fault.account {
        words.push(format!("acting as {account}"));
    }
    if fault.skip > 0 {
        words.push(format!("after the first {}", fault.skip));
    }
    words.join(", ")
}

/// What a fault does, in words.
pub(super) fn does(fault: &Fault) -> String {
    let mut words = Vec::new();
    if fault.delay_before_ms > 0 {
        words.push(format!("waits {} ms", fault.delay_before_ms));
    }
    if let Some(status) = fault.status {
        words.push(format!("replies {status}"));
    }
    if let Some(body) = &fault.body {
        words.push(match body {
            FaultBody::Text(_) => "replies with a text of its own".into(),
            FaultBody::Json(_) => "replies with JSON of its own".into(),
            FaultBody::Bytes(bytes) => format!("replies with {} bytes of its own", bytes.len()),
        });
    }
    if let Some(wait) = &fault.retry_after {
        words.push(format!("says Retry-After: {wait}"));
    }
    for (name, _) in &fault.headers {
        words.push(format!("adds the header {name}"));
    }
    if fault.delay_after_ms > 0 {
        words.push(format!("replies {} ms late", fault.delay_after_ms));
    }
    if fault.garble {
        words.push("garbles the body".into());
    }
    match fault.cut_after {
        Some(0) => words.push("loses the reply".into()),
        Some(bytes) => words.push(format!("cuts the reply after {bytes} bytes")),
        None => {}
    }
    if words.is_empty() {
        words.push("nothing".into());
    }
    let carried_out =
        if fault.commits() { "the request is carried out" } else { "the request is not carried out" };
    format!("{}; {carried_out}", words.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_told_in_words() {
        let fault =
            Fault { retry_after: Some("2".into()), skip: 1, ..Fault::status(429).on("get", "/v1/events") };
        assert_eq!(meets(&fault), "GET /v1/events…, after the first 1");
        assert_eq!(does(&fault), "replies 429, says Retry-After: 2; the request is not carried out");
        assert_eq!(does(&Fault::lost_reply()), "loses the reply; the request is carried out");
    }

    #[test]
    fn a_fault_that_does_nothing_is_refused() {
        assert!(wrong(&Fault::default()).is_some());
        assert!(wrong(&Fault::lost_reply()).is_none());
        assert!(wrong(&Fault::status(700)).is_some());
        assert!(wrong(&Fault::status(503).on("GET", "v1")).is_some());
    }
}
