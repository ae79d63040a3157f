//! Batches, and the verdicts on their entries.

use napi_derive::napi;
use orgconnect::Batch;
use serde_json::{Value, json};

use crate::{
    convert::object,
    error::{Record, Result, thrown},
};

#[napi(js_name = "Batch")]
pub struct NativeBatch {
    pub(crate) batch: Batch,
}

#[napi]
impl NativeBatch {
    #[napi(constructor, catch_unwind)]
    pub fn new() -> Self {
        Self { batch: Batch::new() }
    }

    #[napi(catch_unwind)]
    pub fn add(&mut self, operation: String, entry: String) -> Result<u32> {
        let entry = object("arguments", &entry).map_err(thrown)?;
        self.batch.add(&operation, entry).map_err(thrown)?;
        Ok(self.len())
    }

    fn len(&self) -> u32 {
        u32::try_from(self.batch.len()).unwrap_or(u32::MAX)
    }
}

/// The verdicts as JSON: `{data}` or `{error}`.
pub(crate) fn verdicts(found: Vec<orgconnect::Result<Option<Value>>>) -> String {
    let verdicts = found.into_iter().map(|verdict| match verdict {
        Ok(data) => json!({ "data": data }),
        Err(error) => json!({ "error": Record::of(&error) }),
    });
    verdicts.collect::<Value>().to_string()
}
