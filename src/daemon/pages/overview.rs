//! All hosts at a glance, and what is wrong with the inventory.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use serde_json::{Value, json};

use super::access::Session;
use super::error::PageError;
use super::render::Now;
use super::{Pages, glance};
use crate::daemon::store::{HostRow, InventoryRow, RunRow, RunState};

/// Before so many days a certificate's end is worth a word, where the settings do not say it.
const CERTIFICATE_BEFORE: i64 = 14;

impl Pages {
    /// What time it is for people.
    pub(super) fn time(&self) -> Now {
        // Checked when the settings were read.
        let zone = (self.service.settings)().zone().unwrap_or(jiff::tz::TimeZone::UTC);
        Now::new(self.service.now(), zone)
    }

    /// What a host is like, as the list and its own page show it.
    pub(super) fn about(&self, row: &HostRow, runs: &[RunRow], now: &Now) -> Value {
        let settings = (self.service.settings)();
        let before = settings.notify.certificate_before;
        let before = before.and_then(|time| i64::try_from(time.as_secs() / 86_400).ok()).unwrap_or(CERTIFICATE_BEFORE);
        let list = |name: &str| row.status.as_ref().and_then(|status| status.get(name)?.as_array()).cloned().unwrap_or_default();
        let broken = |unit: &&Value| unit.get("problems").and_then(Value::as_array).is_some_and(|problems| !problems.is_empty());
        let units = list("units");
        let current = runs.iter().find(|run| run.host == row.name && !run.state.is_over());
        json!({
            "name": row.name,
            "glance": glance::host(row),
            "looked": row.looked.map(|at| now.moment(at)),
            "problem": row.problem,
            "moved": row.drift_since.and_then(|_| glance::moved(row)),
            "decision": row.drift_since.and_then(|_| glance::decision(row)),
            "drift_since": row.drift_since.map(|at| now.moment(at)),
            "differences": list("differences").len(),
            "units": units.len(),
            "broken": units.iter().filter(broken).count(),
            "policy": settings.policy(&row.name),
            "interval": humantime::format_duration(settings.interval(&row.name)).to_string(),
            "windows": settings.windows(&row.name),
            "paused": row.is_paused(now.at()),
            "paused_by": row.paused_by,
            "paused_until": row.paused_until.map(|at| now.moment(at)),
            "certificates": glance::certificates(row, now, before),
            "run": current.map(|run| json!({"id": run.id, "command": run.command.join(" "), "glance": glance::run(run.state)})),
        })
    }

    /// The runs that have not ended.
    pub(super) async fn current_runs(&self) -> Result<Vec<RunRow>, PageError> {
        let mut runs = self.service.store.runs_in(RunState::Running).await?;
        runs.extend(self.service.store.runs_in(RunState::Waiting).await?);
        Ok(runs)
    }
}

/// Shows it.
pub async fn show(State(pages): State<Arc<Pages>>, Extension(session): Extension<Session>) -> Response {
    match overview(&pages).await {
        Ok(values) => pages.look.page("overview.html", Some(&session), values),
        Err(error) => pages.look.error(&error, Some(&session)),
    }
}

async fn overview(pages: &Pages) -> Result<Value, PageError> {
    let now = pages.time();
    let runs = pages.current_runs().await?;
    let hosts = pages.service.store.hosts().await?;
    let hosts: Vec<Value> = hosts.iter().map(|row| pages.about(row, &runs, &now)).collect();
    let inventory = pages.service.store.inventory().await?;
    Ok(json!({"title": "Hosts", "section": "hosts", "hosts": hosts, "inventory": inventory.map(|row| inventory_of(&row, &now))}))
}

fn inventory_of(row: &InventoryRow, now: &Now) -> Value {
    let findings = row.findings.as_ref().and_then(Value::as_array);
    let findings: Vec<Value> = findings.into_iter().flatten().map(finding).collect();
    json!({"read": now.moment(row.at), "problem": row.problem, "findings": findings})
}

/// A finding with its places as people write them.
fn finding(finding: &Value) -> Value {
    let of = |name: &str| finding.get(name).and_then(Value::as_str).unwrap_or_default();
    let notes = finding.get("notes").and_then(Value::as_array);
    let notes: Vec<Value> = notes
        .into_iter()
        .flatten()
        .map(|note| json!({"place": place(note), "message": note.get("message").and_then(Value::as_str)}))
        .collect();
    json!({"code": of("code"), "severity": of("severity"), "message": of("message"), "help": of("help"), "place": place(finding), "notes": notes})
}

fn place(of: &Value) -> String {
    let number = |name: &str| of.get(name).and_then(Value::as_u64).filter(|number| *number > 0);
    let file = of.get("file").and_then(Value::as_str).unwrap_or_default();
    match (number("line"), number("column")) {
        (Some(line), Some(column)) => format!("{file}:{line}:{column}"),
        (Some(line), None) => format!("{file}:{line}"),
        _ => file.to_owned(),
    }
}
