//! Many writes in one request, and the verdict on each.
//!
//! Cronofy answers a batch with 207 whatever became of its entries, so the status of the reply says nothing: every entry
//! has a verdict of its own. Source: <https://docs.cronofy.com/developers/api/batch/>.

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde_json::{Map, Value, json};

use crate::{
    Account, Error, ErrorKind, Handle, Reply, Result,
    caller::find_operation,
    config::{DataCenter, Endpoints},
    http::{request, response},
};

/// Cronofy takes this many entries in one request.
const MOST: usize = 50;
/// What Cronofy takes in a batch.
const BATCHABLE: [&str; 7] = [
    "events.upsert",
    "events.update_external",
    "events.delete",
    "events.delete_external",
    "available_periods.upsert",
    "available_periods.delete",
    "available_periods.bulk_delete",
];

/// Writes that are sent together: at most 50. Each is checked when it is added.
///
/// ```no_run
/// # async fn example(doc: orgconnect::Account) -> Result<(), Box<dyn std::error::Error>> {
/// use orgconnect::{Batch, api::events::{DeleteEvent, UpsertEvent}};
/// let (start, end): (jiff::Timestamp, jiff::Timestamp) = ("2026-12-07T09:00:00Z".parse()?, "2026-12-07T09:30:00Z".parse()?);
/// let mut batch = Batch::new();
/// batch.upsert_event("cal_1", &UpsertEvent::new("check-up", "Check-up", start, end))?;
/// batch.delete_event("cal_1", &DeleteEvent::new("old"))?;
/// for (position, verdict) in doc.send_batch(&batch).await?.into_iter().enumerate() {
///     if let Err(error) = verdict {
///         println!("entry {position}: {error}");
///     }
/// }
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Default)]
pub struct Batch {
    entries: Vec<Entry>,
}

#[derive(Debug, Clone)]
struct Entry {
    operation: &'static str,
    body: Value,
}

impl Batch {
    /// An empty batch.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an operation by its name, with arguments by their wire names.
    ///
    /// # Errors
    /// [`Invalid`](ErrorKind::Invalid) if the batch is full, if Cronofy doesn't take the operation in a batch, or if an
    /// argument is wrong. The batch is then as it was.
    pub fn add(&mut self, operation: &str, arguments: Map<String, Value>) -> Result<&mut Self> {
        let operation = find_operation(operation)?;
        if !BATCHABLE.contains(&operation.name) {
            let why = format!(
                "{} can't be part of a batch; Cronofy takes {}",
                operation.name,
                BATCHABLE.join(", ")
            );
            return Err(Error::invalid("operation", why));
        }
        if self.entries.len() == MOST {
            return Err(Error::invalid(
                "batch",
                "is full: Cronofy takes 50 entries; send it, and begin another",
            ));
        }
        // The origin is of no account: only what follows it becomes the entry.
        let endpoints = Endpoints::of(DataCenter::Us);
        let prepared = request::build(operation, arguments, &Map::new(), None, &endpoints)?;
        let mut body = json!({"method": prepared.method.as_str(), "relative_url": prepared.uri.path()});
        if let Some(data) = prepared.body {
            body["data"] = serde_json::from_slice(&data).unwrap_or_default();
        }
        self.entries.push(Entry { operation: operation.name, body });
        Ok(self)
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

#[cfg(feature = "api")]
mod typed {
    use super::{Batch, Map, Result, Value};
    use crate::{
        api::{
            available_periods::{DeleteAvailablePeriod, UpsertAvailablePeriod},
            events::{DeleteEvent, DeleteExternalEvent, UpdateExternalEvent, UpsertEvent},
        },
        caller::to_arguments,
    };

    impl Batch {
        /// Adds `events.upsert`.
        pub fn upsert_event(&mut self, calendar_id: &str, request: &UpsertEvent) -> Result<&mut Self> {
            self.add("events.upsert", within(calendar_id, to_arguments(request)?))
        }

        /// Adds `events.update_external`.
        pub fn update_external_event(
            &mut self,
            calendar_id: &str,
            request: &UpdateExternalEvent,
        ) -> Result<&mut Self> {
            self.add("events.update_external", within(calendar_id, to_arguments(request)?))
        }

        /// Adds `events.delete`.
        pub fn delete_event(&mut self, calendar_id: &str, request: &DeleteEvent) -> Result<&mut Self> {
            self.add("events.delete", within(calendar_id, to_arguments(request)?))
        }

        /// Adds `events.delete_external`.
        pub fn delete_external_event(
            &mut self,
            calendar_id: &str,
            request: &DeleteExternalEvent,
        ) -> Result<&mut Self> {
            self.add("events.delete_external", within(calendar_id, to_arguments(request)?))
        }

        /// Adds `available_periods.upsert`.
        pub fn upsert_available_period(&mut self, request: &UpsertAvailablePeriod) -> Result<&mut Self> {
            self.add("available_periods.upsert", to_arguments(request)?)
        }

        /// Adds `available_periods.delete`.
        pub fn delete_available_period(&mut self, request: &DeleteAvailablePeriod) -> Result<&mut Self> {
            self.add("available_periods.delete", to_arguments(request)?)
        }
    }

    fn within(calendar_id: &str, mut arguments: Map<String, Value>) -> Map<String, Value> {
        arguments.insert("calendar_id".to_owned(), calendar_id.into());
        arguments
    }
}

/// Implements sending a batch for a handle.
macro_rules! batches {
    ($handle:ident) => {
        impl $handle {
            /// Sends a batch, and returns the verdict on each entry in the order in which they were added: its reply,
            /// which mostly has no content, or the error that the same call would have ended with by itself.
            ///
            /// # Errors
            /// What keeps the batch as a whole from being carried out; the verdicts then don't exist.
            pub async fn send_batch(&self, batch: &Batch) -> Result<Vec<Result<Option<Value>>>> {
                if batch.is_empty() {
                    return Ok(Vec::new());
                }
                batch.verdicts(&self.send("batch.create", batch.arguments()).await?)
            }
        }
    };
}

batches!(Account);
batches!(Handle);

impl Batch {
    fn arguments(&self) -> Map<String, Value> {
        let entries: Vec<Value> = self.entries.iter().map(|entry| entry.body.clone()).collect();
        Map::from_iter([("batch".to_owned(), Value::Array(entries))])
    }

    fn verdicts(&self, reply: &Reply) -> Result<Vec<Result<Option<Value>>>> {
        let body: Value = reply.decode()?;
        let verdicts = body.get("batch").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let entries = self.entries.iter().enumerate();
        Ok(entries.map(|(position, entry)| verdict(entry, verdicts.get(position))).collect())
    }
}

fn verdict(entry: &Entry, found: Option<&Value>) -> Result<Option<Value>> {
    let status = found.and_then(|found| found.get("status")).and_then(Value::as_u64);
    let status = status.and_then(|status| StatusCode::from_u16(u16::try_from(status).ok()?).ok());
    let Some(status) = status else {
        return Err(Error::new(
            ErrorKind::Decode,
            format!(
                "{}: the reply to the batch says nothing about this entry; look whether it was carried out",
                entry.operation
            ),
        ));
    };
    let data = found.and_then(|found| found.get("data")).filter(|data| !data.is_null());
    if status.is_success() {
        return Ok(data.cloned());
    }
    let body = data.map_or_else(Bytes::new, |data| Bytes::from(data.to_string()));
    Err(response::failure(entry.operation, status, &HeaderMap::new(), &body))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(id: &str) -> Map<String, Value> {
        let event = json!({
            "calendar_id": "cal_1@x", "event_id": id, "summary": "s",
            "start": "2026-12-07T09:00:00Z", "end": "2026-12-07T09:30:00Z",
        });
        event.as_object().cloned().unwrap()
    }

    #[test]
    fn an_entry_is_the_request_that_the_call_would_be() {
        let mut batch = Batch::new();
        batch.add("events.upsert", event("1")).unwrap();
        let which = Map::from_iter([("available_period_id".to_owned(), Value::from("p"))]);
        batch.add("available_periods.delete", which).unwrap();
        let bodies: Vec<String> = batch.entries.iter().map(|entry| format!("{:#}", entry.body)).collect();
        insta::assert_snapshot!(bodies.join("\n"));
    }

    #[test]
    fn what_cannot_be_batched_is_refused_and_the_batch_stays_as_it_was() {
        let mut batch = Batch::new();
        assert!(batch.add("events.read", Map::new()).unwrap_err().message().contains("events.upsert"));
        assert!(batch.add("events.upsert", Map::new()).unwrap_err().fields().contains_key("calendar_id"));
        for number in 0..50 {
            batch.add("events.upsert", event(&number.to_string())).unwrap();
        }
        let error = batch.add("events.upsert", event("51")).unwrap_err();
        assert!(error.fields().contains_key("batch") && batch.len() == 50);
    }

    #[test]
    fn each_entry_has_a_verdict_of_its_own() {
        let entry = Entry { operation: "events.upsert", body: Value::Null };
        let of = |found: Value| verdict(&entry, Some(&found));
        assert_eq!(of(json!({"status": 202})).unwrap(), None);
        assert_eq!(of(json!({"status": 202, "data": {"a": 1}})).unwrap(), Some(json!({"a": 1})));
        let invalid = json!({"status": 422, "data": {"errors": {"summary": [{"key": "errors.required", "description": "d"}]}}});
        let error = of(invalid).unwrap_err();
        assert_eq!(
            (error.kind(), error.fields()["summary"][0].key.as_str()),
            (ErrorKind::Invalid, "errors.required")
        );
        for (status, kind) in [(402, ErrorKind::Plan), (404, ErrorKind::NotFound), (500, ErrorKind::Server)] {
            assert_eq!(of(json!({"status": status})).unwrap_err().kind(), kind);
        }
        for odd in [json!({}), json!({"status": "x"}), json!(null)] {
            assert_eq!(of(odd).unwrap_err().kind(), ErrorKind::Decode);
        }
        assert_eq!(verdict(&entry, None).unwrap_err().kind(), ErrorKind::Decode);
    }
}
