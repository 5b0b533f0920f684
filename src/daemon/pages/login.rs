//! Logging in by a link from the command line, and out again.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use jiff::Timestamp;
use serde_json::json;

use super::Pages;
use super::access::{COOKIE, Session, hash};
use super::error::PageError;
use crate::authoring::credentials::system_random;
use crate::daemon::api::{Problem, Service};
use crate::daemon::store::NewSession;
use crate::secret::Secret;

/// So long a link works.
const LINK_LASTS: Duration = Duration::from_mins(10);
/// So long a session lasts.
const SESSION_LASTS: Duration = Duration::from_hours(12);

/// A link that was made.
pub struct Link {
    /// What stands at its end.
    pub code: Secret<String>,
    /// When it stops working.
    pub ends: Timestamp,
}

/// Makes a link for `who`.
///
/// # Errors
/// There are no random bytes; the database fails.
pub async fn make(service: &Service, who: &str) -> Result<Link, Problem> {
    let code = random()?;
    let (now, ends) = (service.now(), service.now() + LINK_LASTS);
    service.store.add_login_link(hash(code.reveal()), who.to_owned(), ends, now).await?;
    Ok(Link { code, ends })
}

/// 256 bits.
fn random() -> Result<Secret<String>, Problem> {
    let mut bytes = [0; 32];
    system_random(&mut bytes).map_err(|error| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "no randomness", error.message))?;
    Ok(Secret::new(hex::encode(bytes)))
}

fn used_up() -> PageError {
    let text = "It was used already, or ten minutes have passed. Make another one on the daemon's machine:";
    PageError { command: Some("homestead daemon login"), ..PageError::new(StatusCode::GONE, text) }
}

/// The link's page: a button. Opening a link changes nothing, so that a program that looks at links beforehand does
/// not use it up.
pub async fn ask(State(pages): State<Arc<Pages>>, Path(code): Path<String>) -> Response {
    match pages.service.store.knows_login_link(hash(&code), pages.service.now()).await {
        Ok(true) => pages.look.page("login.html", None, json!({"title": "Log in", "code": code})),
        Ok(false) => pages.look.error(&used_up(), None),
        Err(error) => pages.look.error(&error.into(), None),
    }
}

/// Uses up the link, and begins a session.
pub async fn begin(State(pages): State<Arc<Pages>>, Path(code): Path<String>) -> Response {
    begun(&pages, &code).await.unwrap_or_else(|error| pages.look.error(&error, None))
}

async fn begun(pages: &Pages, code: &str) -> Result<Response, PageError> {
    let service = &pages.service;
    let cookie = random()?;
    let hashed = hash(cookie.reveal());
    let name = format!("session {}", hashed.get(..8).unwrap_or_default());
    let session = NewSession { hash: hashed, name, ends: service.now() + SESSION_LASTS };
    let Some(name) = service.store.use_login_link(hash(code), session, service.now()).await? else { return Err(used_up()) };
    service.audit(&name, "access.login", None, json!({})).await?;
    Ok(with_cookie(Redirect::to("/").into_response(), cookie.reveal(), SESSION_LASTS))
}

/// Ends the session, and the streams that it listens to.
pub async fn end(State(pages): State<Arc<Pages>>, Extension(session): Extension<Session>) -> Response {
    let ended = async {
        pages.service.store.end_session(session.hash.clone()).await?;
        pages.service.audit(&session.name, "access.logout", None, json!({})).await
    };
    if let Err(problem) = ended.await {
        return pages.look.error(&problem.into(), Some(&session));
    }
    // Nobody may be listening.
    drop(pages.ended.send(session.hash));
    let told = json!({"title": "Logged out", "text": "You are logged out.", "command": null});
    with_cookie(pages.look.page("message.html", None, told), "", Duration::ZERO)
}

fn with_cookie(mut response: Response, value: &str, lasts: Duration) -> Response {
    let cookie = format!("{COOKIE}={value}; Path=/; HttpOnly; SameSite=Strict; Max-Age={}", lasts.as_secs());
    // Hex digits and these words are a header.
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}
