//! The stylesheet and the icon, compiled in and served under names that change with their content, so that browsers may
//! keep them for good.

use std::sync::OnceLock;

use axum::Router;
use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::server::State;

const STYLE: &str = concat!(
    include_str!("assets/base.css"),
    include_str!("assets/sheet.css"),
    include_str!("assets/dashboard.css"),
    include_str!("assets/forms.css"),
    include_str!("assets/scheduling.css"),
);
const MARK: &str = include_str!("assets/mark.svg");

/// Where the assets are.
#[derive(Debug, Serialize)]
pub(super) struct Addresses {
    style: String,
    mark: String,
}

pub(super) fn router() -> Router<State> {
    Router::new().route("/assets/{name}", get(asset))
}

pub(super) fn addresses() -> &'static Addresses {
    static ADDRESSES: OnceLock<Addresses> = OnceLock::new();
    ADDRESSES.get_or_init(|| Addresses {
        style: address("style", STYLE, "css"),
        mark: address("mark", MARK, "svg"),
    })
}

async fn asset(Path(name): Path<String>) -> Response {
    let known = addresses();
    let (kind, content) = match format!("/assets/{name}") {
        asked if asked == known.style => ("text/css; charset=utf-8", STYLE),
        asked if asked == known.mark => ("image/svg+xml", MARK),
        _ => return StatusCode::NOT_FOUND.into_response(),
    };
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, content).into_response()
}

fn address(name: &str, content: &str, extension: &str) -> String {
    let digest = Sha256::digest(content);
    let hash = digest.iter().take(6).fold(0_u64, |hash, byte| hash << 8 | u64::from(*byte));
    format!("/assets/{name}-{hash:012x}.{extension}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_changes_with_the_content() {
        assert_eq!(address("style", "a", "css"), address("style", "a", "css"));
        assert_ne!(address("style", "a", "css"), address("style", "b", "css"));
    }

    #[test]
    fn the_stylesheet_loads_nothing_from_elsewhere() {
        assert!(!STYLE.contains("url(") && !STYLE.contains("@import"));
    }
}
