//! Attachments: what is known of the files that applications handed over.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::store::Record;

/// A file; its content is not kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Attachment {
    pub(crate) attachment_id: String,
    pub(crate) client_id: String,
    pub(crate) file_name: String,
    pub(crate) content_type: String,
    pub(crate) md5: String,
    pub(crate) length: usize,
}

impl Record for Attachment {
    const KIND: &'static str = "attachment";
    fn id(&self) -> &str {
        &self.attachment_id
    }
    fn parent(&self) -> &str {
        &self.client_id
    }
}

impl Attachment {
    pub(crate) fn to_json(&self) -> Value {
        json!({
            "attachment_id": self.attachment_id,
            "file_name": self.file_name,
            "content_type": self.content_type,
            "md5": self.md5,
        })
    }
}
