//! Who did what.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use serde_json::{Value, json};

use super::Pages;
use super::access::Session;
use crate::daemon::store::AuditEntry;

/// So many lines stand on the page.
const LINES: usize = 300;

/// Shows it, the newest first.
pub async fn show(State(pages): State<Arc<Pages>>, Extension(session): Extension<Session>) -> Response {
    let now = pages.time();
    match pages.service.store.audit_trail(LINES).await {
        Ok(trail) => {
            let line = |entry: AuditEntry| {
                let run = entry.details.get("run").and_then(Value::as_str);
                json!({
                    "at": now.moment(entry.at), "who": entry.who, "what": what(&entry.what), "host": entry.host, "run": run,
                    "details": details(&entry.details),
                })
            };
            let lines: Vec<Value> = trail.into_iter().map(line).collect();
            pages.look.page("audit.html", Some(&session), json!({"title": "Audit", "section": "audit", "lines": lines, "most": LINES}))
        }
        Err(error) => pages.look.error(&error.into(), Some(&session)),
    }
}

/// In words.
fn what(what: &str) -> &str {
    match what {
        "run.start" => "started a run",
        "run.picked-up" => "picked up a run",
        "host.look" => "had the host looked at",
        "host.pause" => "paused the host",
        "host.resume" => "ended the pause",
        "access.link" => "made a login link",
        "access.login" => "logged in",
        "access.logout" => "logged out",
        other => other,
    }
}

/// The rest, but for what has a place of its own.
fn details(details: &Value) -> String {
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Array(words) => words.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" "),
        other => other.to_string(),
    };
    let fields = details.as_object().into_iter().flatten().filter(|(name, value)| *name != "run" && !value.is_null());
    fields.map(|(name, value)| format!("{name}: {}", text(value))).collect::<Vec<_>>().join(", ")
}
