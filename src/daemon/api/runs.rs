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
use sha2::{Digest as _, Sha256};
use tokio::sync::oneshot;

use super::hosts::audit as audit_line;
use super::{Caller, Problem, Service};
use crate::daemon::allowed;
use crate::daemon::engine::Request;
use crate::daemon::store::{Answer, RunFilter};

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
    allowed::check(&command).map_err(Problem::malformed)?;
    let digest = hex::encode(Sha256::digest(format!("{host}\n{}", command.join("\n"))));
    let key = match headers.get("idempotency-key").map(|key| key.to_str()) {
        None => None,
        Some(Ok(key)) if !key.is_empty() && key.len() <= KEY_LIMIT => Some(format!("{who} {key}")),
        Some(_) => return Err(Problem::malformed(format!("`Idempotency-Key` must be text of 1 to {KEY_LIMIT} characters"))),
    };
    // One after the other: two requests with the same key must not both find nothing.
    let _turn = service.starting.lock().await;
    if let Some(key) = &key
        && let Some(answer) = service.store.answer(key.clone()).await?
    {
        if answer.request != digest {
            let detail = "the key was used for another request; take a new one";
            return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "the key was used", detail));
        }
        let body: Value = serde_json::from_str(&answer.body).unwrap_or_default();
        let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::ACCEPTED);
        return Ok((status, Json(body)).into_response());
    }
    let (answer, answered) = oneshot::channel();
    let request = Request::Run { host: host.clone(), words: command.clone(), cause: "api".into(), who: who.clone(), answer };
    service.engine.ask(request).await;
    let run = answered.await.ok().flatten().ok_or_else(|| Problem::missing("host", &host))?;
    audit_line(&service, who, "run.start", host, json!({"run": run, "command": command})).await?;
    let body = json!({"version": 1, "run": run});
    if let Some(key) = key {
        let answer = Answer { request: digest, status: StatusCode::ACCEPTED.as_u16(), body: body.to_string() };
        service.store.keep_answer(key, answer, service.now()).await?;
    }
    Ok((StatusCode::ACCEPTED, Json(body)).into_response())
}

/// Who did what, the newest first.
pub async fn audit(State(service): State<Arc<Service>>) -> Result<Json<Value>, Problem> {
    Ok(Json(json!({"version": 1, "audit": service.store.audit_trail(PAGE).await?})))
}
