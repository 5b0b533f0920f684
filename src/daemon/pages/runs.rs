//! What ran, and one run as it happens.

use std::sync::Arc;

use axum::Extension;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::access::Session;
use super::error::PageError;
use super::render::Now;
use super::{Pages, glance, line};
use crate::daemon::store::{RunFilter, RunRow};

/// So many runs stand on one page.
const PAGE: usize = 50;
/// Of a run, so many of its last lines are shown.
const LINES: usize = 2000;

/// Which runs.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Which {
    host: String,
    before: String,
}

/// A run as lists show it.
pub fn about(run: &RunRow, now: &Now) -> Value {
    let seconds = run.ended.unwrap_or(now.at()).duration_since(run.started).as_secs_f64().max(0.0);
    json!({
        "id": run.id, "host": run.host, "command": run.command.join(" "), "cause": cause(&run.cause), "who": run.who,
        "glance": glance::run(run.state), "live": !run.state.is_over(), "started": now.moment(run.started),
        "ended": run.ended.map(|at| now.moment(at)), "took": format!("{seconds:.1} s"), "exit_code": run.exit_code, "message": run.message,
    })
}

/// Why a run is, in words.
fn cause(cause: &str) -> &str {
    match cause {
        "drift" => "drift on the host",
        "inventory" => "a change of the inventory",
        "api" => "asked for by a program or the command line",
        "dashboard" => "asked for on these pages",
        other => other,
    }
}

/// Shows what ran, the newest first.
pub async fn list(
    State(pages): State<Arc<Pages>>,
    Extension(session): Extension<Session>,
    query: Result<Query<Which>, QueryRejection>,
) -> Response {
    let values = async {
        let Query(Which { host, before }) = query?;
        let now = pages.time();
        let filter = RunFilter {
            host: Some(host.clone()).filter(|host| !host.is_empty()),
            before: before.parse::<Timestamp>().ok(),
            limit: PAGE + 1,
            ..RunFilter::default()
        };
        let mut runs = pages.service.store.runs(filter).await?;
        let more = runs.len() > PAGE;
        runs.truncate(PAGE);
        let older = runs.last().filter(|_| more).map(|run| run.started.to_string());
        let hosts: Vec<String> = pages.service.store.hosts().await?.into_iter().map(|host| host.name).collect();
        let runs: Vec<Value> = runs.iter().map(|run| about(run, &now)).collect();
        Ok::<_, PageError>(json!({
            "title": "Runs", "section": "runs", "runs": runs, "hosts": hosts, "chosen": host, "older": older, "first": before.is_empty(),
        }))
    };
    match values.await {
        Ok(values) => pages.look.page("runs.html", Some(&session), values),
        Err(error) => pages.look.error(&error, Some(&session)),
    }
}

/// Shows one.
pub async fn show(State(pages): State<Arc<Pages>>, Extension(session): Extension<Session>, Path(run): Path<String>) -> Response {
    let values = async {
        let row = pages.service.store.run(run.clone()).await?.ok_or_else(|| PageError::missing("run", &run))?;
        let now = pages.time();
        let events = pages.service.store.events(run.clone(), 0).await?;
        let last = events.last().map_or(0, |event| event.seq);
        let mut lines: Vec<Value> = events.iter().filter_map(|event| line::shown(event, row.started)).collect();
        let left_out = lines.len().saturating_sub(LINES);
        lines.drain(..left_out);
        let step = events.iter().rev().find_map(|event| line::step(&event.body));
        Ok::<_, PageError>(json!({
            "title": row.command.join(" "), "section": "runs", "run": about(&row, &now), "lines": lines, "left_out": left_out, "last": last,
            "step": step.filter(|_| !row.state.is_over()),
        }))
    };
    match values.await {
        Ok(values) => pages.look.page("run.html", Some(&session), values),
        Err(error) => pages.look.error(&error, Some(&session)),
    }
}
