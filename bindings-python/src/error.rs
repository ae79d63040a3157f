//! Raises the core's errors as the exceptions of `orgconnect._errors`, with what caused them as their cause.

use std::error::Error as StdError;

use orgconnect::{Error, store::StoreError};
use pyo3::{
    prelude::*,
    sync::PyOnceLock,
    types::{PyBytes, PyDict, PyList},
};

/// The function that makes an exception of an error's parts.
fn maker(py: Python<'_>) -> PyResult<&Bound<'_, PyAny>> {
    static MAKER: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    MAKER.import(py, "orgconnect._errors", "from_parts")
}

/// The exception that an error is.
pub(crate) fn raised(py: Python<'_>, error: &Error) -> PyErr {
    exception(py, error).unwrap_or_else(|failure| failure)
}

fn exception(py: Python<'_>, error: &Error) -> PyResult<PyErr> {
    let fields = PyDict::new(py);
    for (name, complaints) in error.fields() {
        let complaints = complaints.iter().map(|complaint| (&complaint.key, &complaint.description));
        fields.set_item(name, PyList::new(py, complaints)?)?;
    }
    let parts = PyDict::new(py);
    parts.set_item("kind", error.kind().as_str())?;
    parts.set_item("message", error.message())?;
    parts.set_item("status", error.status())?;
    parts.set_item("code", error.code())?;
    parts.set_item("retry_after", error.retry_after().map(|wait| wait.as_secs_f64()))?;
    parts.set_item("request_id", error.request_id())?;
    parts.set_item("fields", fields)?;
    parts.set_item("body", error.body().map(|body| PyBytes::new(py, body)))?;
    parts.set_item("needs_reauthorization", error.needs_reauthorization())?;
    parts.set_item("is_transient", error.is_transient())?;
    let cause = cause(py, error);
    let (texts, own) = match &cause {
        Cause::Python(own) => (Vec::new(), Some(own.clone_ref(py))),
        Cause::Texts(texts) => (texts.clone(), None),
    };
    parts.set_item("causes", texts)?;
    let made = PyErr::from_value(maker(py)?.call((), Some(&parts))?);
    if own.is_some() {
        made.set_cause(py, own);
    }
    Ok(made)
}

enum Cause {
    /// What a store of the application's own raised.
    Python(PyErr),
    /// What was said further down, the nearest first.
    Texts(Vec<String>),
}

fn cause(py: Python<'_>, error: &Error) -> Cause {
    let mut texts = Vec::new();
    let mut next = StdError::source(error);
    while let Some(source) = next {
        if let Some(own) = source.downcast_ref::<PyErr>() {
            return Cause::Python(own.clone_ref(py));
        }
        let text = source.to_string();
        if texts.last() != Some(&text) {
            texts.push(text);
        }
        next = source.source();
    }
    Cause::Texts(texts)
}

/// What a call of the core came to, in Python.
pub(crate) trait Raise<T> {
    fn or_raise(self, py: Python<'_>) -> PyResult<T>;
}

impl<T> Raise<T> for Result<T, Error> {
    fn or_raise(self, py: Python<'_>) -> PyResult<T> {
        self.map_err(|error| raised(py, &error))
    }
}

impl<T> Raise<T> for Result<T, StoreError> {
    fn or_raise(self, py: Python<'_>) -> PyResult<T> {
        self.map_err(|error| raised(py, &Error::from(error)))
    }
}

/// What a panic becomes: the package has a defect. What it was has gone to standard error, and is not repeated here: nobody
/// has looked whether it may be seen.
pub(crate) fn defect(py: Python<'_>) -> PyErr {
    noticed(py, "unknown", DEFECT, None)
}

const DEFECT: &str =
    "orgconnect has a defect, and the call was given up; standard error says where it is: please report it";

/// An error that is noticed before the core is called: an argument that can't be converted.
pub(crate) fn refused(py: Python<'_>, kind: &str, field: &str, message: &str) -> PyErr {
    noticed(py, kind, &format!("{field}: {message}"), Some((field, message)))
}

/// An error that is not the core's, with its complaint about a field.
pub(crate) fn noticed(py: Python<'_>, kind: &str, message: &str, complaint: Option<(&str, &str)>) -> PyErr {
    let made = || {
        let (parts, fields) = (PyDict::new(py), PyDict::new(py));
        if let Some((field, complaint)) = complaint {
            fields.set_item(field, PyList::new(py, [("errors.invalid", complaint)])?)?;
        }
        parts.set_item("kind", kind)?;
        parts.set_item("message", message)?;
        parts.set_item("fields", fields)?;
        maker(py)?.call((), Some(&parts))
    };
    made().map_or_else(|failure| failure, PyErr::from_value)
}
