//! What a look at a host saw, from the document that `status` gives: differences, services, the migration.

use serde_json::{Value, json};

use super::glance;
use super::render::Now;
use crate::migration::{Migration, State, Step, overrides};
use crate::words::{ago, lasted, room};

/// More open differences hide what comes below them.
const OPEN: usize = 2;
/// Of a diff, so many lines are shown.
const LINES: usize = 400;

/// What the host's page shows of a status.
pub fn seen(status: &Value, now: &Now) -> Value {
    let list = |name: &str| status.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let differences = list("differences");
    let open = differences.len() <= OPEN;
    let differences: Vec<Value> = differences.iter().map(|found| difference(found, open)).collect();
    let units: Vec<Value> = list("units").iter().map(unit).collect();
    let run = |name: &str| status.get(name).filter(|run| run.is_object()).cloned();
    json!({
        "generation": status.get("generation").and_then(Value::as_u64).filter(|generation| *generation > 0),
        "ended": status.get("seconds").and_then(Value::as_u64).map(ago),
        "differences": differences,
        "units": units,
        "notes": list("notes"),
        "strangers": list("strangers"),
        "kept": list("kept").iter().map(kept).collect::<Vec<_>>(),
        "holder": run("holder"),
        "unfinished": run("unfinished"),
        "migration": status.get("migration").and_then(|document| migration(document, now)),
    })
}

fn text<'v>(of: &'v Value, name: &str) -> &'v str {
    of.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn texts(of: &Value, name: &str) -> Vec<String> {
    let list = of.get(name).and_then(Value::as_array);
    list.into_iter().flatten().filter_map(|text| text.as_str().map(str::to_owned)).collect()
}

fn difference(found: &Value, open: bool) -> Value {
    let moved = match text(found, "moved") {
        "host" => "the host changed",
        "inventory" => "the inventory changed",
        "both" => "both changed",
        "gone" => "gone from the host",
        "new" => "not there yet",
        "not_ours" => "another file is there",
        "orphan" => "not wanted any more",
        other => other,
    };
    let mut remarks = texts(found, "details");
    if remarks.is_empty() && found.get("same_meaning").and_then(Value::as_bool).unwrap_or_default() {
        remarks.push("means the same".to_owned());
    }
    let diff = found.get("diff").and_then(Value::as_str);
    json!({
        "kind": text(found, "kind"), "name": text(found, "name"), "moved": moved, "remarks": remarks,
        "diff": diff.map(diff_lines), "open": open,
    })
}

/// The lines of a unified diff, each with what it does.
pub fn diff_lines(diff: &str) -> Vec<Value> {
    let class = |line: &str| match line.as_bytes().first() {
        Some(b'+') => "added",
        Some(b'-') => "removed",
        Some(b'@') => "place",
        _ => "same",
    };
    let mut lines: Vec<Value> = diff.lines().take(LINES).map(|line| json!({"class": class(line), "text": line})).collect();
    let more = diff.lines().count().saturating_sub(LINES);
    if more > 0 {
        lines.push(json!({"class": "place", "text": format!("... {more} more lines")}));
    }
    lines
}

fn unit(unit: &Value) -> Value {
    let problems = texts(unit, "problems");
    let number = |name: &str| unit.get(name).and_then(Value::as_u64);
    json!({
        "name": text(unit, "unit").trim_end_matches(".service"), "role": text(unit, "role"),
        "glance": glance::unit(text(unit, "state"), problems.len()),
        "lasts": number("seconds").map(lasted), "version": text(unit, "version"), "restarts": number("restarts").unwrap_or_default(),
        "problems": problems,
    })
}

fn kept(data: &Value) -> Value {
    let places: Vec<String> = texts(data, "paths").into_iter().chain(texts(data, "databases")).collect();
    json!({"role": text(data, "role"), "places": places, "size": data.get("bytes").and_then(Value::as_u64).map(room)})
}

/// How far the move of the accounts is; nothing where none was begun.
fn migration(document: &Value, now: &Now) -> Option<Value> {
    let migration: Migration = serde_json::from_value(document.clone()).ok()?;
    let says = match migration.state {
        State::None => "Synapse has the accounts.",
        State::Beside => "Synapse has the accounts; MAS runs beside it.",
        State::Moved => "MAS has the accounts; `homestead migrate --revert` goes back, until it is finalized.",
        State::Finalized => "MAS has the accounts, and the inventory says so.",
    };
    let next = migration.next().filter(|_| migration.state != State::Finalized);
    let seconds = |milliseconds: u64| format!("{:.1} s", milliseconds as f64 / 1000.0);
    let steps: Vec<Value> = Step::ALL
        .into_iter()
        .map(|step| {
            let done = migration.steps.get(&step);
            let at = done.and_then(|done| done.at.parse().ok()).map(|at| now.moment(at));
            json!({
                "name": step.name(), "does": what_for(step), "done": done.is_some(), "at": at,
                "took": done.map(|done| seconds(done.milliseconds)), "next": next == Some(step),
            })
        })
        .collect();
    let accounts = migration.cut_over.as_ref().map(|cut_over| cut_over.accounts).or(migration.accounts);
    let accounts = accounts.map(|accounts| accounts.named().map(|(name, count)| json!({"name": name, "count": count})));
    let away = migration.cut_over.as_ref().map(|cut_over| cut_over.downtime_milliseconds).filter(|time| *time > 0);
    let decides: Vec<Value> =
        overrides(&migration).into_iter().map(|decided| json!({"name": decided.name, "value": decided.value.text()})).collect();
    Some(json!({
        "says": says, "steps": steps, "accounts": accounts, "rehearsed": migration.rehearsed_milliseconds.map(seconds),
        "backup": migration.backup.as_ref().map(|backup| json!({"path": backup.path, "size": room(backup.bytes)})),
        "away": away.map(seconds), "kept_databases": migration.kept_databases, "probes": migration.probes, "decides": decides,
        "under_way": migration.state.is_under_way(),
    }))
}

const fn what_for(step: Step) -> &'static str {
    match step {
        Step::Preflight => "looks for what would prevent the move",
        Step::InstallBeside => "installs MAS; Synapse keeps every login",
        Step::Rehearse => "moves all accounts and rolls it back",
        Step::Backup => "dumps all databases",
        Step::CutOver => "moves the accounts, and MAS takes the logins",
        Step::Verify => "examines the server",
        Step::Finalize => "changes the inventory",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_diff_is_lines() {
        let lines = diff_lines("@@ -1 +1 @@\n a\n-b\n+c\n");
        let text: Vec<String> =
            lines.iter().map(|line| format!("{} {}", line["class"].as_str().unwrap(), line["text"].as_str().unwrap())).collect();
        assert_eq!(text, ["place @@ -1 +1 @@", "same  a", "removed -b", "added +c"]);
        assert_eq!(diff_lines(&"+x\n".repeat(LINES + 3)).last().unwrap()["text"], "... 3 more lines");
    }

    #[test]
    fn a_migration_shows_its_next_step() {
        let now = Now::new("2026-11-22T12:00:00Z".parse().unwrap(), jiff::tz::TimeZone::UTC);
        let steps = json!({"preflight": {"at": "2026-11-22T11:00:00Z", "milliseconds": 1500}});
        let shown = migration(&json!({"version": 1, "state": "none", "steps": steps}), &now).unwrap();
        let step = |index: usize| (shown["steps"][index]["done"] == true, shown["steps"][index]["next"] == true);
        assert_eq!([step(0), step(1), step(2)], [(true, false), (false, true), (false, false)]);
        assert_eq!((&shown["steps"][0]["took"], &shown["steps"][0]["at"]["ago"]), (&json!("1.5 s"), &json!("1 hour ago")));
        assert!(migration(&Value::Null, &now).is_none());
    }
}
