//! A run's events for people, as they come from a daemon.

use serde_json::Value;

/// Where a line belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Results.
    Out,
    /// What happens meanwhile.
    Err,
}

/// What an event is for people; nothing where it is for programs alone.
pub fn text(host: &str, event: &Value, seconds: f64) -> Option<(Stream, String)> {
    let of = |name: &str| event.get(name).and_then(Value::as_str).unwrap_or_default();
    let line = |text: &str| Some((Stream::Err, format!("[{seconds:6.1}s] {host}: {text}\n")));
    match of("event") {
        "stage" => line(of("text")),
        "done" => line(&format!("✓ {}", of("text"))),
        "warning" => line(&format!("warning: {}", of("text"))),
        "output" => Some((Stream::Out, format!("{}\n", of("line")))),
        "plan" => Some((Stream::Out, plan(event.get("plan")?))),
        "failed" => {
            let mut text = format!("error: {}\n", of("message"));
            for hint in list(event, "hints") {
                text.push_str(&format!("hint: {}\n", hint.as_str().unwrap_or_default()));
            }
            Some((Stream::Err, text))
        }
        _ => None,
    }
}

fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// A plan, as `plan` shows it without differences of files.
fn plan(plan: &Value) -> String {
    let of = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut out = String::new();
    for action in list(plan, "actions") {
        let resource = action.get("resource").cloned().unwrap_or_default();
        let change = of(action, "change");
        let word = if change == "attributes" { "adjust" } else { &change };
        let details: Vec<&str> = list(action, "details").iter().filter_map(Value::as_str).collect();
        let details = if details.is_empty() { String::new() } else { format!(" ({})", details.join(", ")) };
        out.push_str(&format!("{word:>9} {} {}{details}\n", of(&resource, "kind"), of(&resource, "name")));
    }
    for restart in list(plan, "restarts") {
        out.push_str(&format!("{:>9} {}\n", of(restart, "kind"), of(restart, "unit")));
    }
    if out.is_empty() {
        out.push_str("No changes.\n");
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn events_are_lines_for_people() {
        let events = [
            json!({"event": "step", "step": "connect"}),
            json!({"event": "plan", "plan": {"actions": [{"resource": {"kind": "file", "name": "/a"}, "change": "attributes", "details": ["mode 0644 -> 0640"]}], "restarts": [{"unit": "a.service", "kind": "restart"}]}}),
            json!({"event": "plan", "plan": {"actions": [], "restarts": []}}),
            json!({"event": "stage", "text": "starting a.service"}),
            json!({"event": "done", "text": "a.service is healthy"}),
            json!({"event": "output", "line": "hello", "stderr": false}),
            json!({"event": "failed", "message": "no", "hints": ["try again"]}),
        ];
        let lines: String =
            events.iter().filter_map(|event| text("a", event, 1.25)).map(|(stream, text)| format!("{stream:?} {text}")).collect();
        insta::assert_snapshot!(lines, @"
        Out    adjust file /a (mode 0644 -> 0640)
          restart a.service
        Out No changes.
        Err [   1.2s] a: starting a.service
        Err [   1.2s] a: ✓ a.service is healthy
        Out hello
        Err error: no
        hint: try again
        ");
    }
}
