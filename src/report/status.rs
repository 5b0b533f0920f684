//! How a host is, as text and as JSON.

use serde_json::{Value as Json, json};

use super::plan::{paint, painted_diff};
use crate::host::LockHolder;
use crate::migration::State;
use crate::pipeline::Status;
use crate::plan::{Difference, Moved, UnitReport};
use crate::words::{ago, lasted};

/// More of what is not there yet is counted only.
const MANY: usize = 20;

/// How much is shown.
#[derive(Clone, Copy, Debug, Default)]
pub struct StatusOptions {
    /// Every unit, also where all is fine.
    pub all: bool,
    /// The differences of files.
    pub diff: bool,
    /// Colours.
    pub color: bool,
}

/// The status of one host: one line where all is fine, else what is not.
pub fn status_text(status: &Status, options: StatusOptions) -> String {
    let drift = &status.drift;
    let fine = status.is_fine();
    let mut out = format!("{}: {}\n", drift.host, headline(status, fine));
    if let Some(holder) = status.lock.holder.as_ref().filter(|_| status.lock.held()) {
        out.push_str(&format!("  {} is at work since {}: `{}`\n", holder.who, holder.since, holder.command));
    } else if let Some(run) = &status.unfinished {
        out.push_str(&format!("  {}; the next run completes it\n", run.sentence()));
    }
    let new = drift.differences.iter().filter(|difference| difference.moved == Moved::New).count();
    // A server that is not installed yet need not be listed.
    let shown = |difference: &&Difference| options.all || new <= MANY || difference.moved != Moved::New;
    for difference in drift.differences.iter().filter(shown) {
        out.push_str(&line(difference, options));
    }
    if !options.all && new > MANY {
        out.push_str(&format!("  {:<18} {new} resources: `homestead plan` lists them\n", word(Moved::New)));
    }
    let broken = drift.units.iter().any(|unit| !unit.problems.is_empty());
    if options.all || broken {
        out.push_str(&table(&drift.units, options.color));
    }
    for data in &status.kept {
        out.push_str(&format!("  {:<18} data of {}: {}\n", "kept", data.role, data.places()));
    }
    if options.all || !fine {
        for note in &drift.notes {
            out.push_str(&format!("  {:<18} {note}\n", "note"));
        }
    }
    if !drift.strangers.is_empty() && (options.all || !fine) {
        out.push_str(&format!("  {:<18} containers {}\n", "not homestead's", drift.strangers.join(", ")));
    }
    out
}

fn headline(status: &Status, fine: bool) -> String {
    let drift = &status.drift;
    let when = match (drift.generation, status.ended_ago) {
        (0, _) => "no run has been completed yet".to_owned(),
        (generation, None) => format!("generation {generation}"),
        (generation, Some(seconds)) => format!("generation {generation}, {}", ago(seconds)),
    };
    if fine {
        return format!("everything is as declared: {} services, {when}", drift.units.len());
    }
    let problems = drift.units.iter().filter(|unit| !unit.problems.is_empty()).count();
    let count = |count: usize, one: &str, many: &str| format!("{count} {}", if count == 1 { one } else { many });
    let mut parts = Vec::new();
    if !drift.differences.is_empty() {
        parts.push(format!("{} not as declared", count(drift.differences.len(), "resource is", "resources are")));
    }
    if problems > 0 {
        parts.push(format!("{problems} of {} are not as declared", count(drift.units.len(), "unit", "units")));
    }
    if parts.is_empty() {
        parts.push("a run is to be finished".to_owned());
    }
    format!("{}; {when}", parts.join(", "))
}

/// What moved, in words.
const fn word(moved: Moved) -> &'static str {
    match moved {
        Moved::Host => "host changed",
        Moved::Inventory => "inventory changed",
        Moved::Both => "both changed",
        Moved::Gone => "gone",
        Moved::New => "not there yet",
        Moved::NotOurs => "not ours yet",
        Moved::Orphan => "not wanted",
    }
}

fn line(difference: &Difference, options: StatusOptions) -> String {
    let Difference { kind, name, moved, same_meaning, details, diff } = difference;
    let mut remarks = details.clone();
    if *same_meaning && details.is_empty() {
        remarks.push("means the same".to_owned());
    }
    let remarks = if remarks.is_empty() { String::new() } else { format!(" ({})", remarks.join(", ")) };
    let word = paint(&format!("{:<18}", word(*moved)), "33", options.color);
    let mut out = format!("  {word} {kind} {name}{remarks}\n");
    if let Some(diff) = diff.as_ref().filter(|_| options.diff) {
        out.push_str(&painted_diff(diff, options.color));
    }
    out
}

fn table(units: &[UnitReport], color: bool) -> String {
    let width = |text: &dyn Fn(&UnitReport) -> usize| units.iter().map(text).max().unwrap_or_default();
    let version = |unit: &UnitReport| unit.version.clone().unwrap_or_else(|| "-".to_owned());
    let since = |unit: &UnitReport| match unit.seconds {
        Some(seconds) => format!("{} for {}", unit.state, lasted(seconds)),
        None => unit.state.clone(),
    };
    let (name_width, state_width, version_width) =
        (width(&|unit| unit.unit.len()), width(&|unit| since(unit).len()), width(&|unit| version(unit).len()));
    let mut out = String::new();
    for unit in units {
        let code = if unit.problems.is_empty() { "32" } else { "31" };
        let state = paint(&format!("{:<state_width$}", since(unit)), code, color);
        let mut rest = unit.problems.clone();
        if unit.restarts > 0 && unit.state == "active" {
            rest.push(format!("restarted by itself {} times", unit.restarts));
        }
        let text = format!("  {:<name_width$}  {state}  {:<version_width$}  {}", unit.unit, version(unit), rest.join("; "));
        out.push_str(text.trim_end());
        out.push('\n');
    }
    out
}

/// The status of one host for programs.
pub fn status_json(status: &Status) -> serde_json::Result<Json> {
    let mut document = serde_json::to_value(&status.drift)?;
    let holder = status.lock.holder.as_ref().filter(|_| status.lock.held());
    if let Some(fields) = document.as_object_mut() {
        fields.insert("fine".to_owned(), Json::Bool(status.is_fine()));
        fields.insert("seconds".to_owned(), json!(status.ended_ago));
        fields.insert("locked".to_owned(), Json::Bool(status.lock.held()));
        fields.insert("holder".to_owned(), serde_json::to_value(holder)?);
        let unfinished = status.unfinished.as_ref().map(|run| {
            let LockHolder { who, run: id, command, since } = &run.holder;
            json!({"who": who, "run": id, "command": command, "since": since, "step": run.step, "units": run.units})
        });
        fields.insert("unfinished".to_owned(), json!(unfinished));
        fields.insert("last_runs".to_owned(), serde_json::to_value(&status.last_runs)?);
        fields.insert("kept".to_owned(), serde_json::to_value(&status.kept)?);
        let migration = &status.migration;
        let begun = migration.state != State::None || !migration.steps.is_empty();
        fields.insert("migration".to_owned(), if begun { serde_json::to_value(migration)? } else { Json::Null });
    }
    Ok(document)
}

#[cfg(test)]
mod tests;
