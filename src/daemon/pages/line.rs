//! A run's events as lines of its page.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::drift::diff_lines;
use crate::daemon::store::EventRow;

/// An event as a line: its number, its time within the run, `class`, `text`, `items` below it, and `diffs`. Nothing for
/// what says nothing new to people.
pub fn shown(event: &EventRow, started: Timestamp) -> Option<Value> {
    let (class, text, items) = line(&event.body)?;
    let seconds = event.at.duration_since(started).as_secs_f64().max(0.0);
    Some(json!({
        "seq": event.seq, "seconds": format!("{seconds:.1}"), "class": class, "text": text, "items": items, "diffs": diffs(&event.body),
    }))
}

/// The step that a run came to, where the event says so.
pub fn step(event: &Value) -> Option<String> {
    (text(event, "event") == "step").then(|| {
        let units = texts(event, "units");
        let name = text(event, "step").replace('-', " ");
        if units.is_empty() { name } else { format!("{name}: {}", units.join(", ")) }
    })
}

fn text<'v>(of: &'v Value, name: &str) -> &'v str {
    of.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn list<'v>(of: &'v Value, name: &str) -> &'v [Value] {
    of.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn texts(of: &Value, name: &str) -> Vec<String> {
    list(of, name).iter().filter_map(|text| text.as_str().map(str::to_owned)).collect()
}

fn line(event: &Value) -> Option<(&'static str, String, Vec<String>)> {
    let plain = |class, text: &str| Some((class, text.to_owned(), Vec::new()));
    match text(event, "event") {
        "begin" => plain("stage", &format!("homestead {}: {}", text(event, "homestead"), text(event, "command"))),
        "stage" => plain("stage", text(event, "text")),
        "done" => plain("good", text(event, "text")),
        "warning" => plain("warn", text(event, "text")),
        "output" => plain("output", text(event, "line")),
        "plan" => {
            let items = planned(event.get("plan")?);
            Some(if items.is_empty() { ("stage", "nothing to change".to_owned(), items) } else { ("plan", "the plan".to_owned(), items) })
        }
        "host_end" => Some(host_end(event)),
        "failed" => {
            let found = list(event, "diagnostics").iter().map(|finding| format!("{}: {}", text(finding, "code"), text(finding, "message")));
            let items = texts(event, "causes")
                .into_iter()
                .chain(found)
                .chain(texts(event, "hints").into_iter().map(|hint| format!("hint: {hint}")));
            Some(("bad", format!("error: {}", text(event, "message")), items.collect()))
        }
        _ => None,
    }
}

/// What a plan does, a line each.
fn planned(plan: &Value) -> Vec<String> {
    let action = |action: &Value| {
        let resource = action.get("resource").cloned().unwrap_or_default();
        let change = text(action, "change");
        let word = if change == "attributes" { "adjust" } else { change };
        let details = texts(action, "details");
        let details = if details.is_empty() { String::new() } else { format!(" ({})", details.join(", ")) };
        format!("{word} {} {}{details}", text(&resource, "kind"), text(&resource, "name"))
    };
    let restart = |restart: &Value| {
        let reasons = texts(restart, "reasons");
        let reasons = if reasons.is_empty() { String::new() } else { format!(" ({})", reasons.join(", ")) };
        format!("{} {}{reasons}", text(restart, "kind"), text(restart, "unit"))
    };
    list(plan, "actions").iter().map(action).chain(list(plan, "restarts").iter().map(restart)).collect()
}

fn host_end(event: &Value) -> (&'static str, String, Vec<String>) {
    let units = list(event, "units").iter().map(|unit| {
        let restarted = unit.get("restarted").and_then(Value::as_bool).unwrap_or_default();
        let away =
            unit.get("down_seconds").and_then(Value::as_f64).map_or_else(String::new, |seconds| format!(", away for {seconds:.1} s"));
        format!("{} {}{away}", text(unit, "unit"), if restarted { "restarted" } else { "started" })
    });
    let result = text(event, "result");
    let seconds = event.get("seconds").and_then(Value::as_f64).unwrap_or_default();
    let class = if result == "done" { "good" } else { "bad" };
    (class, format!("{} after {seconds:.1} s", result.replace('-', " ")), units.collect())
}

/// The differences of a plan's files.
fn diffs(event: &Value) -> Vec<Value> {
    let actions = event.get("plan").map(|plan| list(plan, "actions")).unwrap_or_default();
    let with_diff = actions.iter().filter_map(|action| {
        let diff = action.get("diff")?.as_str()?;
        Some(json!({"name": action.get("resource").map(|resource| text(resource, "name")), "lines": diff_lines(diff)}))
    });
    with_diff.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_lines() {
        let started: Timestamp = "2026-11-22T12:00:00Z".parse().unwrap();
        let at: Timestamp = "2026-11-22T12:00:01.25Z".parse().unwrap();
        let events = [
            json!({"event": "begin", "command": "install-all", "homestead": "0.1.0"}),
            json!({"event": "step", "step": "roll-back", "units": ["a.service"]}),
            json!({"event": "stage", "text": "observing"}),
            json!({"event": "plan", "plan": {"actions": [{"resource": {"kind": "file", "name": "/a"}, "change": "attributes", "details": ["mode 0644 -> 0640"], "diff": "-a\n+b\n"}],
                "restarts": [{"unit": "a.service", "kind": "restart", "reasons": ["/a changes"]}]}}),
            json!({"event": "pull", "image": "x", "layer": "y"}),
            json!({"event": "output", "line": "<script>alert(1)</script>"}),
            json!({"event": "host_end", "result": "rolled-back", "seconds": 2.5, "units": [{"unit": "a.service", "restarted": true, "down_seconds": 0.4}]}),
            json!({"event": "failed", "message": "no", "causes": ["because"], "hints": ["try again"], "diagnostics": [{"code": "H0102", "message": "m"}]}),
        ];
        let rows = events.into_iter().zip(1..).map(|(body, seq)| EventRow { seq, at, body });
        let lines: Vec<String> = rows.filter_map(|row| shown(&row, started)).map(|line| line.to_string() + "\n").collect();
        insta::assert_snapshot!(lines.concat(), @r#"
        {"seq":1,"seconds":"1.2","class":"stage","text":"homestead 0.1.0: install-all","items":[],"diffs":[]}
        {"seq":3,"seconds":"1.2","class":"stage","text":"observing","items":[],"diffs":[]}
        {"seq":4,"seconds":"1.2","class":"plan","text":"the plan","items":["adjust file /a (mode 0644 -> 0640)","restart a.service (/a changes)"],"diffs":[{"name":"/a","lines":[{"class":"removed","text":"-a"},{"class":"added","text":"+b"}]}]}
        {"seq":6,"seconds":"1.2","class":"output","text":"<script>alert(1)</script>","items":[],"diffs":[]}
        {"seq":7,"seconds":"1.2","class":"bad","text":"rolled back after 2.5 s","items":["a.service restarted, away for 0.4 s"],"diffs":[]}
        {"seq":8,"seconds":"1.2","class":"bad","text":"error: no","items":["because","H0102: m","hint: try again"],"diffs":[]}
        "#);
        assert_eq!(step(&json!({"event": "step", "step": "roll-back", "units": ["a.service"]})).as_deref(), Some("roll back: a.service"));
        assert_eq!(step(&json!({"event": "stage"})), None);
    }
}
