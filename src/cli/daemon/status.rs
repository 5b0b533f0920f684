//! `daemon status`: its hosts at a glance.

use hyper::Method;
use serde_json::Value;

use super::client::Client;
use crate::diagnostic::Result;
use crate::report::Terminal;

/// Shows what a daemon knows about its inventory and its hosts.
///
/// # Errors
/// No daemon listens.
pub async fn show(client: &Client, terminal: &Terminal) -> Result<()> {
    let inventory = client.ask(Method::GET, "/api/v1/inventory", None).await?;
    let hosts = client.ask(Method::GET, "/api/v1/hosts", None).await?;
    if terminal.json() {
        let document = serde_json::json!({"version": 1, "inventory": inventory["inventory"], "hosts": hosts["hosts"]});
        terminal.out(&format!("{document:#}\n"));
    } else {
        terminal.out(&text(&inventory["inventory"], &hosts["hosts"]));
    }
    Ok(())
}

fn text(inventory: &Value, hosts: &Value) -> String {
    let of = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    let mut out = String::new();
    if let Some(problem) = of(inventory, "problem") {
        out.push_str(&format!("the inventory is wrong, and nothing is touched: {problem}\n"));
    }
    let rows: Vec<[String; 3]> = hosts
        .as_array()
        .into_iter()
        .flatten()
        .map(|host| [of(host, "name").unwrap_or_default(), of(host, "policy").unwrap_or_default(), state(host)])
        .collect();
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or_default();
    let (names, policies) = (width(0), width(1));
    for [name, policy, state] in &rows {
        out.push_str(&format!("{name:<names$}  {policy:<policies$}  {state}\n"));
    }
    if rows.is_empty() {
        out.push_str("no host was looked at yet\n");
    }
    out
}

/// How a host is, in words.
fn state(host: &Value) -> String {
    let of = |name: &str| host.get(name).and_then(Value::as_str);
    let mut parts = Vec::new();
    match (of("looked"), host["reachable"].as_bool(), of("drift_since")) {
        (None, ..) => parts.push("not looked at yet".to_owned()),
        (Some(at), Some(false), _) => parts.push(format!("did not answer at {at}: {}", of("problem").unwrap_or("unknown"))),
        (Some(at), _, None) => parts.push(format!("as declared at {at}")),
        (Some(_), _, Some(since)) => {
            let moved = match (host["moved"]["host"].as_bool(), host["moved"]["inventory"].as_bool()) {
                (Some(true), Some(true)) => "host and inventory moved",
                (_, Some(true)) => "the inventory moved",
                _ => "the host moved",
            };
            let because = host["decision"]["because"].as_str().map(|reason| format!(", left because of {}", reason.replace('_', " ")));
            parts.push(format!("not as declared since {since}: {moved}{}", because.unwrap_or_default()));
        }
    }
    if host["paused"].as_bool() == Some(true) {
        parts.push(of("paused_until").map_or_else(|| "paused".to_owned(), |until| format!("paused until {until}")));
    }
    parts.join("; ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn hosts_are_shown_at_a_glance() {
        let at = "2026-11-22T12:00:00Z";
        let hosts = json!([
            {"name": "a", "policy": "report", "looked": at, "reachable": true, "drift_since": null, "paused": false},
            {"name": "b.example.com", "policy": "heal", "looked": at, "reachable": true, "drift_since": at, "moved": {"host": true, "inventory": true},
             "decision": {"do": "report", "because": "inventory_moved_too"}, "paused": true, "paused_until": null},
            {"name": "c", "policy": "apply", "looked": at, "reachable": false, "problem": "no answer", "paused": false},
            {"name": "d", "policy": "apply", "looked": null, "reachable": null, "paused": false},
        ]);
        insta::assert_snapshot!(text(&json!({"problem": "1 mistake"}), &hosts), @"
        the inventory is wrong, and nothing is touched: 1 mistake
        a              report  as declared at 2026-11-22T12:00:00Z
        b.example.com  heal    not as declared since 2026-11-22T12:00:00Z: host and inventory moved, left because of inventory moved too; paused
        c              apply   did not answer at 2026-11-22T12:00:00Z: no answer
        d              apply   not looked at yet
        ");
    }
}
