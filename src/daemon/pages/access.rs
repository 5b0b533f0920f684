//! Who may see a page, and what every answer says to the browser.
//!
//! A session's cookie opens the pages and nothing else: the API takes its token alone. Each request must name this
//! machine as its host (a name of somebody else's that leads here does not). What changes something must come from a
//! page of ours, by what the browser says of it, and carry the session's own token, which no other page can know.

use std::sync::Arc;

use axum::Form;
use axum::body::{Body, to_bytes};
use axum::extract::{FromRequest as _, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::Pages;
use super::error::PageError;
use crate::daemon::api::BODY_LIMIT;
use crate::secret::Secret;

/// The cookie's name.
pub const COOKIE: &str = "homestead_session";

/// A browser that is logged in.
#[derive(Clone, Debug)]
pub struct Session {
    /// As the audit calls it.
    pub name: String,
    /// sha256 of the cookie, in hex.
    pub hash: String,
    /// What forms must carry.
    pub form_token: Secret<String>,
    /// When it ends.
    pub ends: Timestamp,
}

/// Nothing is loaded or sent but to where the page comes from, no frame holds it, and nothing keeps it.
const HEADERS: [(&str, &str); 6] = [
    (
        "content-security-policy",
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; form-action 'self'; \
         frame-ancestors 'none'; base-uri 'none'; img-src 'self'",
    ),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-resource-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
];

/// For every request: its host, where it comes from, and the headers of its answer.
pub async fn guard(State(pages): State<Arc<Pages>>, request: Request, next: Next) -> Response {
    let allowed = match own_host(request.headers()) {
        None => Err(PageError::new(StatusCode::MISDIRECTED_REQUEST, "Open the pages at 127.0.0.1 or localhost; no other name leads here.")),
        Some(host) if *request.method() != Method::GET && !is_ours(request.headers(), &host) => {
            Err(PageError::new(StatusCode::FORBIDDEN, "The request comes from another site's page. Nothing was done."))
        }
        Some(_) => Ok(()),
    };
    let mut response = match allowed {
        Ok(()) => next.run(request).await,
        Err(refused) => pages.look.error(&refused, None),
    };
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// For everything but the login: a session, and for what changes something its token.
pub async fn need_session(State(pages): State<Arc<Pages>>, request: Request, next: Next) -> Response {
    let session = match session(&pages, request.headers()).await {
        Ok(Some(session)) => session,
        Ok(None) => return pages.look.error(&PageError::logged_out(), None),
        Err(error) => return pages.look.error(&error, None),
    };
    let request = if *request.method() == Method::GET { Ok(request) } else { with_form_token(&session, request).await };
    match request {
        Ok(mut request) => {
            request.extensions_mut().insert(session);
            next.run(request).await
        }
        Err(refused) => pages.look.error(&refused, Some(&session)),
    }
}

async fn session(pages: &Pages, headers: &HeaderMap) -> Result<Option<Session>, PageError> {
    for cookie in cookies(headers) {
        let hash = hash(&cookie);
        if let Some(row) = pages.service.store.session(hash.clone(), pages.service.now()).await? {
            return Ok(Some(Session { name: row.name, form_token: form_token(&cookie)?, hash, ends: row.ends }));
        }
    }
    Ok(None)
}

/// Every cookie of ours: a program on another port of this machine can add one, and must not hide the right one.
fn cookies(headers: &HeaderMap) -> Vec<String> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pairs = all.flat_map(|text| text.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.filter(|(name, _)| *name == COOKIE).map(|(_, value)| value.to_owned()).take(4).collect()
}

/// What stands for a code or a cookie where it is kept.
pub fn hash(text: &str) -> String {
    hex::encode(Sha256::digest(text))
}

/// Bound to the cookie, and says nothing about it.
fn form_token(cookie: &str) -> Result<Secret<String>, PageError> {
    let mut mac = Hmac::<Sha256>::new_from_slice(cookie.as_bytes()).map_err(|_| PageError::logged_out())?;
    mac.update(b"homestead form token");
    Ok(Secret::new(hex::encode(mac.finalize().into_bytes())))
}

#[derive(Deserialize)]
struct FormToken {
    #[serde(default)]
    form_token: String,
}

/// Looks at a form before its page does, and hands it on.
async fn with_form_token(session: &Session, request: Request) -> Result<Request, PageError> {
    let (parts, body) = request.into_parts();
    let too_large = |_| PageError::new(StatusCode::PAYLOAD_TOO_LARGE, "The form is too large. Nothing was done.");
    let bytes = to_bytes(body, BODY_LIMIT).await.map_err(too_large)?;
    let copy = Request::from_parts(parts.clone(), Body::from(bytes.clone()));
    let shown = Form::<FormToken>::from_request(copy, &()).await.map(|Form(form)| form.form_token).unwrap_or_default();
    // Digests of equal length: how long a comparison takes tells nothing about the token.
    if hash(&shown) == hash(session.form_token.reveal()) {
        return Ok(Request::from_parts(parts, Body::from(bytes)));
    }
    Err(PageError::new(StatusCode::FORBIDDEN, "The form is not one of this session. Nothing was done; open the page again."))
}

/// The `Host` of a request, where it is this machine itself. The port may be that of a tunnel.
fn own_host(headers: &HeaderMap) -> Option<String> {
    let host = headers.get(header::HOST)?.to_str().ok()?;
    let name = match host.rsplit_once(':') {
        Some((name, port)) if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    ["127.0.0.1", "localhost", "[::1]"].contains(&name).then(|| host.to_owned())
}

/// Whether a browser says that a page of ours sends this. `Origin` is `null` for our own forms, because they send no
/// referrer (Fetch standard, "append a request `Origin` header"): then only the other header can tell.
fn is_ours(headers: &HeaderMap, host: &str) -> bool {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    let origin = text("origin").filter(|origin| *origin != "null");
    if origin.is_some_and(|origin| origin != format!("http://{host}")) {
        return false;
    }
    match text("sec-fetch-site") {
        Some(site) => site == "same-origin",
        None => origin.is_some(),
    }
}

/// Refuses what is no request of a page of ours, for answers that scripts read.
pub fn same_origin(headers: &HeaderMap) -> Result<(), PageError> {
    match headers.get("sec-fetch-site") {
        Some(site) if site != "same-origin" => Err(PageError::new(StatusCode::FORBIDDEN, "The request comes from another site's page.")),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn only_names_of_this_machine_lead_here() {
        for host in ["127.0.0.1:8765", "localhost:9", "[::1]:8765", "localhost", "[::1]"] {
            assert!(own_host(&headers(&[("host", host)])).is_some(), "{host}");
        }
        for host in
            ["evil.example:8765", "127.0.0.1.evil.example", "localhost.evil.example:1", "127.0.0.1:8765:1", "127.0.0.1:x", "", "[::1]x"]
        {
            assert!(own_host(&headers(&[("host", host)])).is_none(), "{host}");
        }
        assert!(own_host(&HeaderMap::new()).is_none());
    }

    #[test]
    fn only_our_own_pages_send_forms() {
        let ours = |pairs| is_ours(&headers(pairs), "localhost:1");
        assert!(ours(&[("origin", "http://localhost:1")]));
        assert!(ours(&[("origin", "null"), ("sec-fetch-site", "same-origin")]));
        assert!(ours(&[("origin", "http://localhost:1"), ("sec-fetch-site", "same-origin")]));
        assert!(!ours(&[]));
        assert!(!ours(&[("origin", "null")]));
        assert!(!ours(&[("origin", "http://localhost:2")]));
        assert!(!ours(&[("origin", "http://localhost:2"), ("sec-fetch-site", "same-origin")]));
        assert!(!ours(&[("origin", "http://localhost:1"), ("sec-fetch-site", "same-site")]));
        for site in ["cross-site", "same-site", "none"] {
            assert!(!is_ours(&headers(&[("origin", "null"), ("sec-fetch-site", site)]), "localhost:1"), "{site}");
        }
    }
}
