//! What can go wrong in a command, and the exit code that says so.

use std::fmt;

use orgconnect::{Error, ErrorKind};
use serde_json::{Value, json};

/// Why a command did not do what it was asked to.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The SDK's error.
    Sdk(Error),
    /// The command line asks for what can't be.
    Usage(String),
    /// Something of this machine: a file, a port.
    Machine(String),
    /// What was found, as the kind of error that a call would have met.
    Found(ErrorKind, String),
    /// A step of the demo was not as it says.
    Demo(String),
    /// Ctrl-C.
    Interrupted,
}

pub(crate) type Result<T, E = Failure> = std::result::Result<T, E>;

impl Failure {
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::Usage(message.into())
    }

    pub(crate) fn machine(what: impl fmt::Display, error: impl fmt::Display) -> Self {
        Self::Machine(format!("{what}: {error}"))
    }

    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Machine(_) => 1,
            Self::Usage(_) => 2,
            Self::Demo(_) => 9,
            // What a shell reports for a program that was ended by Ctrl-C.
            Self::Interrupted => 130,
            Self::Found(kind, _) => code_of(*kind, false),
            Self::Sdk(error) => code_of(error.kind(), error.is_transient()),
        }
    }

    pub(crate) fn to_json(&self) -> Value {
        let kind = match self {
            Self::Sdk(error) => error.kind().as_str(),
            Self::Usage(_) => "usage",
            Self::Machine(_) => "machine",
            Self::Found(kind, _) => kind.as_str(),
            Self::Demo(_) => "demo",
            Self::Interrupted => "interrupted",
        };
        let error = match self {
            Self::Sdk(error) => Some(error),
            _ => None,
        };
        json!({"error": {
            "kind": kind,
            "message": self.to_string(),
            "code": error.and_then(Error::code),
            "status": error.and_then(Error::status),
            "fields": error.map(Error::fields).cloned().unwrap_or_default(),
            "retry_after": error.and_then(Error::retry_after).map(|wait| wait.as_secs_f64()),
            "request_id": error.and_then(Error::request_id),
            "needs_reauthorization": error.is_some_and(Error::needs_reauthorization),
        }})
    }
}

fn code_of(kind: ErrorKind, transient: bool) -> u8 {
    match kind {
        ErrorKind::Config => 3,
        ErrorKind::Authorization => 4,
        ErrorKind::Permission | ErrorKind::Plan | ErrorKind::Locked => 7,
        ErrorKind::Store => 8,
        _ if transient => 6,
        _ => 5,
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sdk(error) => error.fmt(f),
            Self::Usage(message) | Self::Machine(message) | Self::Found(_, message) | Self::Demo(message) => {
                f.write_str(message)
            }
            Self::Interrupted => f.write_str("interrupted"),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Sdk(error)
    }
}

impl From<orgconnect_sandbox::SandboxError> for Failure {
    fn from(error: orgconnect_sandbox::SandboxError) -> Self {
        Self::Machine(error.to_string())
    }
}
