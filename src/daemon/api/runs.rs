//! Runs: what ran, and starting one.

use std::sync::Arc;

use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Json};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Caller, Problem, Service, Start};
use crate::daemon::engine::started;
use crate::daemon::store::RunFilter;

/// As many as one answer has at most.
const PAGE: usize = 200;

/// Which runs.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RunsQuery {
    host: Option<String>,
    changing: bool,
    before: Option<Timestamp>,
    limit: Option<usize>,
}

/// Runs, the newest first.
pub async fn list(State(service): State<Arc<Service>>, query: Result<Query<RunsQuery>, QueryRejection>) -> Result<Json<Value>, Problem> {
    let Query(query) = query?;
    let limit = query.limit.unwrap_or(50).min(PAGE);
    let filter = RunFilter { host: query.host, changing: query.changing, before: query.before, limit };
    Ok(Json(json!({"version": 1, "runs": service.store.runs(filter).await?})))
}

/// One run.
pub async fn one(State(service): State<Arc<Service>>, Path(run): Path<String>) -> Result<Json<Value>, Problem> {
    let row = service.store.run(run.clone()).await?.ok_or_else(|| Problem::missing("run", &run))?;
    Ok(Json(json!({"version": 1, "run": row})))
}

/// A run to start.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunRequest {
    /// The command's words, as one would type them behind `homestead`.
    command: Vec<String>,
}

/// The longest key that is kept.
const KEY_LIMIT: usize = 200;

/// Starts a run when what goes on at the host is over. With an `Idempotency-Key`, the same request again gets the
/// same answer and starts nothing.
pub async fn start(
    State(service): State<Arc<Service>>,
    Extension(Caller(who)): Extension<Caller>,
    Path(host): Path<String>,
    headers: HeaderMap,
    request: Result<Json<RunRequest>, JsonRejection>,
) -> Result<Response, Problem> {
    let Json(RunRequest { command }) = request?;
    let key = match headers.get("idempotency-key").map(|key| key.to_str()) {
        None => None,
        Some(Ok(key)) if !key.is_empty() && key.len() <= KEY_LIMIT => Some(key.to_owned()),
        Some(_) => return Err(Problem::malformed(format!("`Idempotency-Key` must be text of 1 to {KEY_LIMIT} characters"))),
    };
    let run = service.start(&who, Start { host, command, cause: "api", key }).await?;
    Ok((StatusCode::ACCEPTED, Json(started(&run))).into_response())
}

/// Who did what, the newest first.
pub async fn audit(State(service): State<Arc<Service>>) -> Result<Json<Value>, Problem> {
    Ok(Json(json!({"version": 1, "audit": service.store.audit_trail(PAGE).await?})))
}
