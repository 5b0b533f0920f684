//! What pages are made of besides their text. A path names the contents' hash, so that browsers may keep it for ever.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use sha2::{Digest as _, Sha256};

/// Name, type, contents.
const FILES: [(&str, &str, &str); 3] = [
    ("style.css", "text/css; charset=utf-8", include_str!("assets/style.css")),
    ("pages.js", "text/javascript; charset=utf-8", include_str!("assets/pages.js")),
    ("icon.svg", "image/svg+xml", include_str!("assets/icon.svg")),
];

/// The hash of all of them.
pub static VERSION: LazyLock<String> = LazyLock::new(|| {
    let mut hasher = Sha256::new();
    for (_, _, contents) in &FILES {
        hasher.update(contents);
    }
    hex::encode(&hasher.finalize()[..8])
});

/// Gives one.
pub async fn give(Path((version, name)): Path<(String, String)>) -> Response {
    let found = FILES.iter().find(|(known, ..)| *known == name).filter(|_| version == *VERSION);
    let Some((_, kind, contents)) = found else { return StatusCode::NOT_FOUND.into_response() };
    let headers = HeaderMap::from_iter([
        (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
        (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable")),
    ]);
    (headers, *contents).into_response()
}
