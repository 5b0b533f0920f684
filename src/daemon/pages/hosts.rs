//! One host, and what can be done about it at once.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::rejection::FormRejection;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::{Extension, Form};
use serde::Deserialize;
use serde_json::{Value, json};

use super::access::Session;
use super::error::PageError;
use super::render::percent_encoded;
use super::{Pages, drift, runs, start};
use crate::daemon::store::RunFilter;

/// So many of its runs stand on a host's page.
const RUNS: usize = 8;
/// How long a pause may last: as forms call it, in words, in hours.
const PAUSES: [(&str, &str, u64); 4] =
    [("1h", "for an hour", 1), ("4h", "for 4 hours", 4), ("1d", "for a day", 24), ("7d", "for a week", 168)];

/// Shows it.
pub async fn show(State(pages): State<Arc<Pages>>, Extension(session): Extension<Session>, Path(host): Path<String>) -> Response {
    match shown(&pages, &host).await {
        Ok(values) => pages.look.page("host.html", Some(&session), values),
        Err(error) => pages.look.error(&error, Some(&session)),
    }
}

async fn shown(pages: &Pages, host: &str) -> Result<Value, PageError> {
    let row = pages.service.known(host).await?;
    let now = pages.time();
    let about = pages.about(&row, &pages.current_runs().await?, &now);
    let past = pages.service.store.runs(RunFilter { host: Some(host.to_owned()), limit: RUNS, ..RunFilter::default() }).await?;
    let past: Vec<Value> = past.iter().map(|run| runs::about(run, &now)).collect();
    let seen = row.status.as_ref().map(|status| drift::seen(status, &now));
    Ok(json!({
        "title": host, "section": "hosts", "host": about, "seen": seen, "runs": past,
        "commands": start::commands(), "pauses": PAUSES.map(|(value, text, _)| json!({"value": value, "text": text})),
    }))
}

/// Has it looked at.
pub async fn look(State(pages): State<Arc<Pages>>, Extension(session): Extension<Session>, Path(host): Path<String>) -> Response {
    let done = pages.service.look(&session.name, &host).await;
    back(&pages, &session, &host, done.map_err(PageError::from))
}

/// How long.
#[derive(Debug, Default, Deserialize)]
pub struct PauseForm {
    #[serde(default)]
    lasts: String,
}

/// Leaves it alone for a time.
pub async fn pause(
    State(pages): State<Arc<Pages>>,
    Extension(session): Extension<Session>,
    Path(host): Path<String>,
    form: Result<Form<PauseForm>, FormRejection>,
) -> Response {
    let done = async {
        let Form(PauseForm { lasts }) = form?;
        let hours = PAUSES.iter().find(|(value, ..)| *value == lasts).map(|(_, _, hours)| *hours);
        let until = hours.map(|hours| pages.service.now() + Duration::from_hours(hours));
        Ok(pages.service.pause(&session.name, &host, until).await?)
    };
    let done = done.await;
    back(&pages, &session, &host, done)
}

/// Ends a pause.
pub async fn resume(State(pages): State<Arc<Pages>>, Extension(session): Extension<Session>, Path(host): Path<String>) -> Response {
    let done = pages.service.resume(&session.name, &host).await;
    back(&pages, &session, &host, done.map_err(PageError::from))
}

fn back(pages: &Pages, session: &Session, host: &str, done: Result<(), PageError>) -> Response {
    match done {
        Ok(()) => Redirect::to(&format!("/hosts/{}", percent_encoded(host))).into_response(),
        Err(error) => pages.look.error(&error, Some(session)),
    }
}
