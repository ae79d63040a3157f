//! Reads bodies, and no more of them than is accepted: neither of what a server sends, nor of what it unpacks to.

use std::io::Read;

use bytes::{Bytes, BytesMut};
use flate2::read::MultiGzDecoder;
use http::{HeaderMap, header};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};

use super::{Broken, Failure};

/// The most memory that is set aside because a server announces a long answer.
const LARGEST_ADVANCE: usize = 1 << 20;

/// Reads a body to its end.
pub(super) async fn read(mut incoming: Incoming, limit: usize) -> Result<Bytes, Failure> {
    let announced = incoming.size_hint().exact();
    if announced.is_some_and(|length| length > limit as u64) {
        return Err(Failure::TooLarge { limit });
    }
    // Most answers arrive in one piece, which is handed on without a copy.
    let first = piece(&mut incoming).await?.unwrap_or_default();
    if incoming.is_end_stream() {
        return within(limit, first.len()).map(|()| first);
    }
    let Some(second) = piece(&mut incoming).await? else {
        return within(limit, first.len()).map(|()| first);
    };
    let advance = announced.and_then(|length| usize::try_from(length).ok()).unwrap_or_default();
    let mut whole = BytesMut::with_capacity(advance.min(LARGEST_ADVANCE).max(first.len() + second.len()));
    whole.extend_from_slice(&first);
    whole.extend_from_slice(&second);
    within(limit, whole.len())?;
    while !incoming.is_end_stream() {
        let Some(next) = piece(&mut incoming).await? else { break };
        within(limit, whole.len() + next.len())?;
        whole.extend_from_slice(&next);
    }
    Ok(whole.freeze())
}

/// The next piece of the body, if there is one. Trailers are passed over.
async fn piece(incoming: &mut Incoming) -> Result<Option<Bytes>, Failure> {
    while let Some(frame) = incoming.frame().await {
        let frame = frame.map_err(|error| Failure::Broken(Broken::Body(error)))?;
        if let Ok(data) = frame.into_data() {
            return Ok(Some(data));
        }
    }
    Ok(None)
}

fn within(limit: usize, length: usize) -> Result<(), Failure> {
    if length > limit { Err(Failure::TooLarge { limit }) } else { Ok(()) }
}

/// Unpacks a body that came compressed, and takes the headers away that spoke of the packed one.
pub(super) fn decompress(headers: &mut HeaderMap, body: Bytes, limit: usize) -> Result<Bytes, Failure> {
    let packed = headers
        .get(header::CONTENT_ENCODING)
        .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"gzip"));
    if !packed || body.is_empty() {
        return Ok(body);
    }
    let mut unpacked = Vec::new();
    // One octet more than is accepted tells that there is more.
    MultiGzDecoder::new(&body[..])
        .take((limit as u64).saturating_add(1))
        .read_to_end(&mut unpacked)
        .map_err(|error| Failure::Broken(Broken::Gzip(error)))?;
    within(limit, unpacked.len())?;
    headers.remove(header::CONTENT_ENCODING);
    headers.remove(header::CONTENT_LENGTH);
    Ok(unpacked.into())
}
