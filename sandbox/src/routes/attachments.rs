//! `POST /v1/attachments`: files that events refer to. <https://docs.cronofy.com/developers/api/attachments/>

use axum::Json;
use axum::Router;
use axum::response::IntoResponse;
use axum::routing::post;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest, Md5};
use serde_json::json;

use super::subscriptions;
use crate::call::{Call, operation};
use crate::errors::ApiResult;
use crate::params::Params;
use crate::server::State;
use crate::settings::AttachmentVerdict;
use crate::world::World;
use crate::world::attachments::Attachment;
use crate::world::ids::hex;

/// The MIME types that are known, each with the endings of its files.
const TYPES: [(&str, &[&str]); 19] = [
    ("application/json", &["json"]),
    ("application/msword", &["doc"]),
    ("application/pdf", &["pdf"]),
    ("application/rtf", &["rtf"]),
    ("application/vnd.ms-excel", &["xls"]),
    ("application/vnd.ms-powerpoint", &["ppt"]),
    ("application/vnd.openxmlformats-officedocument.presentationml.presentation", &["pptx"]),
    ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", &["xlsx"]),
    ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", &["docx"]),
    ("application/zip", &["zip"]),
    ("image/gif", &["gif"]),
    ("image/jpeg", &["jpg", "jpeg"]),
    ("image/png", &["png"]),
    ("image/svg+xml", &["svg"]),
    ("text/calendar", &["ics"]),
    ("text/csv", &["csv"]),
    ("text/html", &["html", "htm"]),
    ("text/markdown", &["md"]),
    ("text/plain", &["txt", "text", "log"]),
];

/// The longest file name that file systems take.
const NAME_LIMIT: usize = 255;

pub(super) fn router() -> Router<State> {
    Router::new().route("/v1/attachments", post(operation(create)))
}

fn create(world: &World, call: &Call) -> ApiResult {
    let application = call.application(world)?;
    let mut params = call.params()?;
    if params.value("attachment").is_none() {
        params.wrong("attachment", "required", "must be specified");
    }
    let (mut file_name, mut content_type, mut content) = (None, None, None);
    if let Some(value) = params.object("attachment") {
        let mut inner = Params::within(value, "attachment");
        file_name = name(&mut inner);
        content_type = inner.required_text("content_type", 200);
        content = bytes(&mut inner);
        if let (Some(name), Some(kind)) = (&file_name, &content_type)
            && !fits(name, kind)
        {
            inner.wrong("content_type", "invalid", "must fit the extension of file_name");
        }
        params.absorb(inner);
    }
    let subscriptions = subscriptions::read(&mut params, &subscriptions::ATTACHMENT);
    params.finish()?;
    let content = content.unwrap_or_default();
    let attachment = Attachment {
        attachment_id: world.ids.id("att_"),
        client_id: application.client_id,
        file_name: file_name.unwrap_or_default(),
        content_type: content_type.unwrap_or_default(),
        md5: hex(&Md5::digest(&content)),
        length: content.len(),
    };
    world.store.put(&attachment)?;
    let verdict = match world.settings().attachment_verdict {
        AttachmentVerdict::Approved => Some("attachment_approved"),
        AttachmentVerdict::Rejected => Some("attachment_rejected"),
        AttachmentVerdict::Open => None,
    };
    if let Some(verdict) = verdict {
        let about = json!({ "attachment": attachment.to_json() });
        subscriptions::interact(world, &attachment.client_id, &subscriptions, verdict, &about)?;
    }
    Ok(Json(json!({ "attachment": attachment.to_json() })).into_response())
}

/// A file name of letters, digits and a few signs, with an extension.
fn name(params: &mut Params<'_>) -> Option<String> {
    let name = params.required_text("file_name", NAME_LIMIT)?;
    let allowed = |letter: char| letter.is_alphanumeric() || " ._-()".contains(letter);
    let has_extension = name.rsplit_once('.').is_some_and(|(stem, end)| !stem.is_empty() && !end.is_empty());
    if has_extension && name.chars().all(allowed) {
        return Some(name);
    }
    let problem = "must be letters, digits, blanks and . _ - ( ), with an extension";
    params.wrong("file_name", "invalid", problem);
    None
}

fn bytes(params: &mut Params<'_>) -> Option<Vec<u8>> {
    let text = params.required_text("base64_content", usize::MAX)?;
    // Some encoders break lines.
    let text: String = text.split_ascii_whitespace().collect();
    let bytes = STANDARD.decode(text).ok().filter(|bytes| !bytes.is_empty());
    if bytes.is_none() {
        params.wrong("base64_content", "invalid", "must be a file in Base64");
    }
    bytes
}

/// Whether a file of this name may have this type. What neither side knows is believed.
fn fits(file_name: &str, content_type: &str) -> bool {
    let extension = file_name.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match TYPES.iter().find(|(known, _)| *known == essence) {
        Some((_, extensions)) => extensions.contains(&extension.as_str()),
        None => !TYPES.iter().any(|(_, extensions)| extensions.contains(&extension.as_str())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_fits_the_endings_of_its_files_only() {
        assert!(fits("plan.PDF", "application/pdf"));
        assert!(fits("notes.txt", "text/plain; charset=utf-8"));
        assert!(fits("scan.dcm", "application/dicom"));
        assert!(!fits("plan.pdf", "image/png"));
        assert!(!fits("plan.pdf", "application/dicom"));
        assert!(!fits("plan.dcm", "application/pdf"));
    }
}
