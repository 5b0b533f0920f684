//! What Prometheus asks for, in its text format (version 0.0.4).

use std::fmt::Write as _;

use jiff::Timestamp;

use super::store::{HostRow, RunCount};

/// Everything that is measured, as one document.
pub fn text(hosts: &[HostRow], runs: &[RunCount], now: Timestamp) -> String {
    let mut out = String::new();
    let mut family = |name: &str, kind: &str, help: &str, samples: Vec<(String, f64)>| {
        if samples.is_empty() {
            return;
        }
        let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
        for (labels, value) in samples {
            let _ = writeln!(out, "{name}{{{labels}}} {value}");
        }
    };
    let of_hosts = |value: &dyn Fn(&HostRow) -> Option<f64>| {
        hosts.iter().filter_map(|host| Some((label("host", &host.name), value(host)?))).collect::<Vec<_>>()
    };
    family(
        "homestead_host_reachable",
        "gauge",
        "Whether the host answered the last look.",
        of_hosts(&|host| host.reachable.map(f64::from)),
    );
    let looked = of_hosts(&|host| host.looked.map(|at| at.as_second() as f64));
    family("homestead_host_last_look_timestamp_seconds", "gauge", "When the last look at the host ended.", looked);
    let drift = of_hosts(&|host| host.looked.map(|_| f64::from(host.drift_since.is_some())));
    family("homestead_host_drift", "gauge", "Whether the host is not as declared.", drift);
    let since = of_hosts(&|host| host.drift_since.map(|since| now.duration_since(since).as_secs_f64().max(0.0)));
    family("homestead_host_drift_seconds", "gauge", "For how long the host has not been as declared.", since);
    let differences = of_hosts(&|host| Some(host.status.as_ref()?.get("differences")?.as_array()?.len() as f64));
    family("homestead_host_differences", "gauge", "How many things on the host are not as declared, units aside.", differences);
    let paused = of_hosts(&|host| Some(f64::from(host.is_paused(now))));
    family("homestead_host_paused", "gauge", "Whether the host is paused.", paused);
    let mut units = Vec::new();
    let mut certificates = Vec::new();
    for host in hosts {
        let reports = host.status.as_ref().and_then(|status| status.get("units")?.as_array());
        for unit in reports.into_iter().flatten() {
            let (Some(name), Some(problems)) =
                (unit.get("unit").and_then(|name| name.as_str()), unit.get("problems").and_then(|list| list.as_array()))
            else {
                continue;
            };
            units.push((format!("{},{}", label("host", &host.name), label("unit", name)), f64::from(problems.is_empty())));
        }
        let ends = host.certificates.as_ref().and_then(|ends| ends.as_object());
        for (name, end) in ends.into_iter().flatten() {
            if let Some(end) = end.as_i64() {
                let left = (end - now.as_second()) as f64 / 86_400.0;
                certificates.push((format!("{},{}", label("host", &host.name), label("name", name)), left));
            }
        }
    }
    family("homestead_unit_ok", "gauge", "Whether a unit is as declared.", units);
    family("homestead_certificate_days_left", "gauge", "Days until a certificate ends.", certificates);
    let count = |value: &dyn Fn(&RunCount) -> f64| {
        let labels = |run: &RunCount| format!("{},{},{}", label("host", &run.host), label("kind", &run.kind), label("state", &run.state));
        runs.iter().map(|run| (labels(run), value(run))).collect::<Vec<_>>()
    };
    family("homestead_runs_total", "counter", "Runs by how they ended, as far as they are kept.", count(&|run| run.runs as f64));
    family("homestead_run_seconds_total", "counter", "How long runs took, as far as they are kept.", count(&|run| run.seconds));
    out
}

/// A label with its value escaped.
fn label(name: &str, value: &str) -> String {
    format!("{name}=\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_document_is_as_prometheus_wants_it() {
        let now: Timestamp = "2026-11-22T12:00:00Z".parse().unwrap();
        let host = HostRow {
            name: "a\"b".into(),
            looked: Some(now),
            reachable: Some(true),
            drift_since: Some("2026-11-22T11:59:00Z".parse().unwrap()),
            status: Some(json!({"differences": [1, 2], "units": [{"unit": "x.service", "problems": []}]})),
            certificates: Some(json!({"matrix.example.com": now.as_second() + 86_400})),
            ..HostRow::default()
        };
        let run = RunCount { host: "a".into(), kind: "heal".into(), state: "done".into(), runs: 3, seconds: 4.5 };
        insta::assert_snapshot!(text(&[host, HostRow { name: "new".into(), ..HostRow::default() }], &[run], now), @r#"
        # HELP homestead_host_reachable Whether the host answered the last look.
        # TYPE homestead_host_reachable gauge
        homestead_host_reachable{host="a\"b"} 1
        # HELP homestead_host_last_look_timestamp_seconds When the last look at the host ended.
        # TYPE homestead_host_last_look_timestamp_seconds gauge
        homestead_host_last_look_timestamp_seconds{host="a\"b"} 1795348800
        # HELP homestead_host_drift Whether the host is not as declared.
        # TYPE homestead_host_drift gauge
        homestead_host_drift{host="a\"b"} 1
        # HELP homestead_host_drift_seconds For how long the host has not been as declared.
        # TYPE homestead_host_drift_seconds gauge
        homestead_host_drift_seconds{host="a\"b"} 60
        # HELP homestead_host_differences How many things on the host are not as declared, units aside.
        # TYPE homestead_host_differences gauge
        homestead_host_differences{host="a\"b"} 2
        # HELP homestead_host_paused Whether the host is paused.
        # TYPE homestead_host_paused gauge
        homestead_host_paused{host="a\"b"} 0
        homestead_host_paused{host="new"} 0
        # HELP homestead_unit_ok Whether a unit is as declared.
        # TYPE homestead_unit_ok gauge
        homestead_unit_ok{host="a\"b",unit="x.service"} 1
        # HELP homestead_certificate_days_left Days until a certificate ends.
        # TYPE homestead_certificate_days_left gauge
        homestead_certificate_days_left{host="a\"b",name="matrix.example.com"} 1
        # HELP homestead_runs_total Runs by how they ended, as far as they are kept.
        # TYPE homestead_runs_total counter
        homestead_runs_total{host="a",kind="heal",state="done"} 3
        # HELP homestead_run_seconds_total How long runs took, as far as they are kept.
        # TYPE homestead_run_seconds_total counter
        homestead_run_seconds_total{host="a",kind="heal",state="done"} 4.5
        "#);
    }
}
