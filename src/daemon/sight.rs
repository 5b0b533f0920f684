//! Understands what `status --json` says.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::commands::{Rollback, Seen};
use super::decision::Moved;
use super::store::RunState;

/// What the status of one host means.
///
/// # Errors
/// It is no status of this host.
pub fn seen(text: &str, host: &str) -> Result<Seen, String> {
    let document: Value = serde_json::from_str(text).map_err(|error| format!("what `status` says is no JSON: {error}"))?;
    let hosts = document.get("hosts").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let status = hosts.iter().find(|status| status.get("host").and_then(Value::as_str) == Some(host));
    let status = status.ok_or_else(|| format!("`status` says nothing about `{host}`"))?;
    Ok(Seen {
        moved: moved(status),
        fingerprint: fingerprint(status),
        locked: truth(status, "locked"),
        rollback: rollback(status),
        status: status.clone(),
    })
}

/// The last run that touched something, if it was a rollback, and was not itself put back.
fn rollback(status: &Value) -> Option<Rollback> {
    let last = list(status, "last_runs").first()?;
    let of = |name: &str| last.get(name).and_then(Value::as_str);
    let is_rollback = of("command")?.split_whitespace().find(|word| *word != "homestead") == Some("rollback");
    let finished = of("result") == Some("committed");
    let at = begun(of("run")?)?;
    (is_rollback && (finished || of("result").is_none())).then_some(Rollback { at, finished })
}

/// When a run began, from its id: `20261122T103000Z-0a1b2c3d`.
fn begun(run: &str) -> Option<Timestamp> {
    let time = run.split_once('-')?.0;
    let time = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", time).ok()?;
    Some(time.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp())
}

/// What became of a run that an earlier daemon was driving.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is at work still.
    GoesOn,
    /// It is over: how, and in words.
    Over(RunState, String),
}

/// What the host knows about a run, from its status.
pub fn fate(status: &Value, run: &str) -> Fate {
    let names = |value: Option<&Value>| value.and_then(|value| value.get("run")?.as_str()) == Some(run);
    if truth(status, "locked") && names(status.get("holder")) {
        return Fate::GoesOn;
    }
    let past = list(status, "last_runs").iter().find(|past| names(Some(past)));
    let result = past.map(|past| past.get("result").and_then(Value::as_str).unwrap_or_default());
    let (state, text) = match result {
        Some("committed" | "nothing") => (RunState::Done, "it was completed after the daemon that drove it had ended"),
        Some("rolled-back") => (RunState::RolledBack, "it was rolled back after the daemon that drove it had ended"),
        Some(_) => (RunState::Interrupted, "it stopped when the daemon that drove it ended; the next run completes it"),
        None => (RunState::Lost, "the daemon that drove it ended; it changed nothing on the host that is known there"),
    };
    Fate::Over(state, text.to_owned())
}

/// The ends of certificates, from what `self-check --json` says.
///
/// # Errors
/// It is no such document.
pub fn certificates(text: &str, host: &str) -> Result<BTreeMap<String, i64>, String> {
    let document: Value = serde_json::from_str(text).map_err(|error| format!("what `self-check` says is no JSON: {error}"))?;
    let found = list(&document, "hosts").iter().find(|found| found.get("host").and_then(Value::as_str) == Some(host));
    let found = found.ok_or_else(|| format!("`self-check` says nothing about `{host}`"))?;
    let end = |check: &Value| Some((check.get("name")?.as_str()?.to_owned(), check.get("ends")?.as_i64()?));
    Ok(list(found, "checks").iter().filter_map(end).collect())
}

fn truth(status: &Value, name: &str) -> bool {
    status.get(name).and_then(Value::as_bool).unwrap_or_default()
}

fn list<'a>(status: &'a Value, name: &str) -> &'a [Value] {
    status.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn moved(status: &Value) -> Moved {
    let mut moved = Moved::default();
    for difference in list(status, "differences") {
        match difference.get("moved").and_then(Value::as_str).unwrap_or_default() {
            "host" | "gone" => moved.host = true,
            "inventory" | "new" | "not_ours" => moved.inventory = true,
            "both" => moved = Moved { host: true, inventory: true },
            // `install-all` leaves it where it is.
            "orphan" => {}
            other => tracing::warn!(moved = other, "an unknown word in `status`"),
        }
    }
    let broken = list(status, "units").iter().any(|unit| !list(unit, "problems").is_empty());
    let unfinished = status.get("unfinished").is_some_and(|run| !run.is_null());
    moved.host |= broken || unfinished;
    moved
}

/// What is not as declared, without what changes by itself, such as times.
fn fingerprint(status: &Value) -> String {
    let mut hasher = Sha256::new();
    for difference in list(status, "differences") {
        for name in ["kind", "name", "moved", "details", "diff"] {
            hasher.update(difference.get(name).map(Value::to_string).unwrap_or_default());
            hasher.update([0]);
        }
    }
    for unit in list(status, "units").iter().filter(|unit| !list(unit, "problems").is_empty()) {
        hasher.update(unit.get("unit").map(Value::to_string).unwrap_or_default());
        hasher.update([0]);
    }
    hex::encode(hasher.finalize())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_status_tells_what_moved_and_who_is_at_work() {
        let of = |status: Value| seen(&json!({"version": 1, "hosts": [status]}).to_string(), "a").unwrap();
        let difference = |moved: &str| json!({"host": "a", "differences": [{"kind": "file", "name": "/x", "moved": moved}]});
        let moved = |host, inventory| Moved { host, inventory };
        for (word, wanted) in [
            ("host", moved(true, false)),
            ("gone", moved(true, false)),
            ("inventory", moved(false, true)),
            ("both", moved(true, true)),
            ("orphan", moved(false, false)),
        ] {
            assert_eq!(of(difference(word)).moved, wanted, "{word}");
        }
        let broken = |seconds: u64| json!({"host": "a", "units": [{"unit": "x.service", "problems": ["stopped"], "seconds": seconds}]});
        assert_eq!(of(broken(1)).moved, moved(true, false));
        // Time passes, and it is the same drift.
        assert_eq!(of(broken(1)).fingerprint, of(broken(2)).fingerprint);
        assert_ne!(of(broken(1)).fingerprint, of(difference("host")).fingerprint);
        assert!(of(json!({"host": "a", "locked": true})).locked);
        let last = |command: &str, result: Value| {
            of(json!({"host": "a", "last_runs": [{"run": "20261122T103000Z-0a1b2c3d", "command": command, "result": result}, {"run": "r1"}]}))
                .rollback
        };
        let at = "2026-11-22T10:30:00Z".parse().unwrap();
        assert_eq!(last("homestead rollback 2", json!("committed")), Some(Rollback { at, finished: true }));
        assert_eq!(last("rollback", Value::Null), Some(Rollback { at, finished: false }));
        assert_eq!([last("rollback", json!("rolled-back")), last("install-all", json!("committed"))], [None, None]);
        assert!(seen("{}", "a").is_err() && seen("nonsense", "a").is_err());
    }

    #[test]
    fn a_host_tells_what_became_of_a_run() {
        let status = json!({
            "locked": true,
            "holder": {"run": "r9"},
            "last_runs": [{"run": "r9", "result": null}, {"run": "r8", "result": "committed"}, {"run": "r7", "result": "rolled-back"}, {"run": "r6", "result": null}],
        });
        let state = |run: &str| match fate(&status, run) {
            Fate::GoesOn => None,
            Fate::Over(state, _) => Some(state),
        };
        assert_eq!(
            ["r9", "r8", "r7", "r6", "r5"].map(state),
            [None, Some(RunState::Done), Some(RunState::RolledBack), Some(RunState::Interrupted), Some(RunState::Lost)]
        );
    }

    #[test]
    fn certificates_are_those_whose_end_is_known() {
        let checks = json!([{"check": "dns", "name": "a"}, {"check": "certificate", "name": "a:443", "ends": 1_800_000_000}]);
        let text = json!({"version": 1, "hosts": [{"host": "h", "checks": checks}]}).to_string();
        assert_eq!(certificates(&text, "h").unwrap(), BTreeMap::from([("a:443".to_owned(), 1_800_000_000)]));
        assert!(certificates(&text, "other").is_err());
    }
}
