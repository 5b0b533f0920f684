//! A plan as text.

pub(super) use super::plain::paint;
use crate::plan::{Action, Change, Plan, RestartKind};

/// The plan of one host: every action, the diffs when asked for, the restarts, a summary line.
pub fn plan_text(plan: &Plan, diffs: bool, color: bool) -> String {
    let mut out = String::new();
    for action in &plan.actions {
        out.push_str(&action_line(action, color));
        if let Some(diff) = action.diff.as_ref().filter(|_| diffs) {
            out.push_str(&painted_diff(diff, color));
        }
    }
    for restart in &plan.restarts {
        let word = match restart.kind {
            RestartKind::Start => "start",
            RestartKind::Restart => "restart",
            RestartKind::Stop => "stop",
        };
        let reasons = match restart.reasons.as_slice() {
            [] => String::new(),
            [reason] => format!(" ({reason})"),
            [reason, rest @ ..] => format!(" ({reason}, and {} more)", rest.len()),
        };
        out.push_str(&format!("{} {}{reasons}\n", paint(&format!("{word:>9}"), "33", color), restart.unit));
    }
    for orphan in &plan.orphans {
        let removed = plan.actions.iter().any(|action| action.change == Change::Remove && action.resource == *orphan);
        if !removed {
            out.push_str(&format!(
                "{} {} {} (nothing wants it; `setup-all` removes it)\n",
                paint("   orphan", "35", color),
                orphan.kind,
                orphan.name
            ));
        }
    }
    for data in &plan.kept {
        out.push_str(&format!(
            "{} data of {}: {} (`setup-all --purge-data {}` removes it for good)\n",
            paint("     kept", "35", color),
            data.role,
            data.places(),
            data.role
        ));
    }
    for note in &plan.notes {
        out.push_str(&format!("{} {note}\n", paint("     note", "35", color)));
    }
    out.push_str(&summary(plan));
    out.push('\n');
    out
}

/// A diff, set in.
pub(super) fn painted_diff(diff: &str, color: bool) -> String {
    let mut out = String::new();
    for line in diff.lines() {
        let painted = match line.as_bytes().first() {
            Some(b'+') => paint(line, "32", color),
            Some(b'-') => paint(line, "31", color),
            Some(b'@') => paint(line, "36", color),
            _ => line.to_owned(),
        };
        out.push_str(&format!("    {painted}\n"));
    }
    out
}

fn action_line(action: &Action, color: bool) -> String {
    let (word, code) = match action.change {
        Change::Create => ("create", "32"),
        Change::Update => ("update", "33"),
        Change::Reformat => ("reformat", "36"),
        Change::Attributes => ("adjust", "33"),
        Change::Adopt => ("adopt", "33"),
        Change::Remove => ("remove", "31"),
    };
    let details = if action.details.is_empty() { String::new() } else { format!(" ({})", action.details.join(", ")) };
    format!("{} {} {}{details}\n", paint(&format!("{word:>9}"), code, color), action.resource.kind, action.resource.name)
}

/// `No changes.`, or how many of what.
fn summary(plan: &Plan) -> String {
    if plan.is_empty() {
        return "No changes.".to_owned();
    }
    let count = |change: Change| plan.actions.iter().filter(|action| action.change == change).count();
    let restarts = |kind: RestartKind| plan.restarts.iter().filter(|restart| restart.kind == kind).count();
    let parts = [
        (count(Change::Create), "to create"),
        (count(Change::Update), "to update"),
        (count(Change::Reformat), "to reformat"),
        (count(Change::Attributes), "to adjust"),
        (count(Change::Adopt), "to adopt"),
        (count(Change::Remove), "to remove"),
        (restarts(RestartKind::Start), "to start"),
        (restarts(RestartKind::Restart), "to restart"),
        (restarts(RestartKind::Stop), "to stop"),
    ];
    let shown: Vec<String> = parts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
    format!("Plan: {}.", shown.join(", "))
}
