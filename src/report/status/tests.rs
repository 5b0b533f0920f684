//! The status of hosts as people read it.

use super::*;
use crate::host::{LockHolder, LockProcess, LockStatus, Unfinished};
use crate::migration::Migration;
use crate::plan::Drift;

fn unit(name: &str, problems: &[&str]) -> UnitReport {
    UnitReport {
        unit: format!("{name}.service"),
        role: Some(name.into()),
        state: "active".into(),
        enabled: true,
        seconds: Some(7200),
        version: Some("v1.2".into()),
        problems: problems.iter().map(|text| (*text).to_owned()).collect(),
        ..UnitReport::default()
    }
}

fn fine() -> Status {
    let drift = Drift {
        host: "matrix.example.com".into(),
        generation: 5,
        differences: Vec::new(),
        units: vec![unit("postgres", &[]), unit("synapse", &[])],
        strangers: vec!["matrix-mine".into()],
        notes: vec!["the network `a` stays".into()],
    };
    Status {
        drift,
        lock: LockStatus::default(),
        unfinished: None,
        ended_ago: Some(125),
        last_runs: Vec::new(),
        kept: Vec::new(),
        migration: Migration::default(),
    }
}

fn holder() -> LockHolder {
    LockHolder { who: "me@laptop".into(), run: "r1".into(), command: "homestead install-all".into(), since: "2026-11-22T03:33:51Z".into() }
}

fn difference(name: &str, moved: Moved) -> Difference {
    let diff = Some("@@ -1 +1 @@\n-a: 2\n+a: 1\n".to_owned());
    Difference { kind: "file", name: name.into(), moved, same_meaning: false, details: Vec::new(), diff }
}

#[test]
fn where_all_is_fine_one_line_says_so() {
    let text = status_text(&fine(), StatusOptions::default());
    assert_eq!(text, "matrix.example.com: everything is as declared: 2 services, generation 5, 2 minutes ago\n");
    let text = status_text(&fine(), StatusOptions { all: true, ..StatusOptions::default() });
    insta::assert_snapshot!(text, @"
    matrix.example.com: everything is as declared: 2 services, generation 5, 2 minutes ago
      postgres.service  active for 2 hours  v1.2
      synapse.service   active for 2 hours  v1.2
      note               the network `a` stays
      not homestead's    containers matrix-mine
    ");
}

#[test]
fn what_is_not_as_declared_is_listed() {
    let mut status = fine();
    let moved = [Moved::Host, Moved::Inventory, Moved::Both, Moved::Gone, Moved::New, Moved::NotOurs, Moved::Orphan];
    status.drift.differences = moved.iter().enumerate().map(|(at, moved)| difference(&format!("/{at}"), *moved)).collect();
    status.drift.differences[1].details = vec!["mode 0644 -> 0640".into()];
    status.drift.differences[2].same_meaning = true;
    let mut broken = unit("synapse", &["disabled: it does not start with the machine", "systemd has not read its changed file yet"]);
    broken.restarts = 3;
    status.drift.units[1] = broken;
    status.unfinished = Some(Unfinished { holder: holder(), step: Some("restart".into()), units: vec!["synapse.service".into()] });
    insta::assert_snapshot!(status_text(&status, StatusOptions::default()), @"
    matrix.example.com: 7 resources are not as declared, 1 of 2 units are not as declared; generation 5, 2 minutes ago
      the run r1 (`homestead install-all` by me@laptop, since 2026-11-22T03:33:51Z) stopped at restart synapse.service; the next run completes it
      host changed       file /0
      inventory changed  file /1 (mode 0644 -> 0640)
      both changed       file /2 (means the same)
      gone               file /3
      not there yet      file /4
      not ours yet       file /5
      not wanted         file /6
      postgres.service  active for 2 hours  v1.2
      synapse.service   active for 2 hours  v1.2  disabled: it does not start with the machine; systemd has not read its changed file yet; restarted by itself 3 times
      note               the network `a` stays
      not homestead's    containers matrix-mine
    ");
    let text = status_text(&status, StatusOptions { diff: true, ..StatusOptions::default() });
    assert!(text.contains("host changed       file /0\n    @@ -1 +1 @@\n    -a: 2\n    +a: 1\n"), "{text}");
}

#[test]
fn a_run_that_goes_on_is_no_unfinished_one() {
    let mut status = fine();
    status.unfinished = Some(Unfinished { holder: holder(), step: None, units: Vec::new() });
    assert!(!status.is_fine());
    assert!(status_text(&status, StatusOptions::default()).starts_with("matrix.example.com: a run is to be finished; generation 5"));
    status.lock = LockStatus { holder: Some(holder()), container: None, processes: vec![LockProcess { pid: 7, name: "sh".into() }] };
    assert!(status.is_fine());
    let text = status_text(&status, StatusOptions::default());
    assert!(text.ends_with("  me@laptop is at work since 2026-11-22T03:33:51Z: `homestead install-all`\n"), "{text}");
}

#[test]
fn a_server_that_is_not_there_yet_is_counted() {
    let mut status = fine();
    status.drift.generation = 0;
    status.drift.differences = (0..40).map(|at| difference(&format!("/{at}"), Moved::New)).collect();
    let text = status_text(&status, StatusOptions::default());
    assert!(text.contains("  not there yet      40 resources: `homestead plan` lists them\n") && !text.contains("/7"), "{text}");
    assert!(text.starts_with("matrix.example.com: 40 resources are not as declared; no run has been completed yet\n"), "{text}");
}

#[test]
fn programs_get_the_same() {
    let mut status = fine();
    status.drift.differences = vec![difference("/a", Moved::NotOurs)];
    status.drift.units.truncate(1);
    let document = serde_json::to_string_pretty(&status_json(&status).unwrap()).unwrap();
    insta::assert_snapshot!(document, @r#"
    {
      "host": "matrix.example.com",
      "generation": 5,
      "differences": [
        {
          "kind": "file",
          "name": "/a",
          "moved": "not_ours",
          "same_meaning": false,
          "details": [],
          "diff": "@@ -1 +1 @@\n-a: 2\n+a: 1\n"
        }
      ],
      "units": [
        {
          "unit": "postgres.service",
          "role": "postgres",
          "state": "active",
          "enabled": true,
          "seconds": 7200,
          "restarts": 0,
          "image": null,
          "version": "v1.2",
          "problems": []
        }
      ],
      "strangers": [
        "matrix-mine"
      ],
      "notes": [
        "the network `a` stays"
      ],
      "fine": false,
      "seconds": 125,
      "locked": false,
      "holder": null,
      "unfinished": null,
      "last_runs": [],
      "kept": [],
      "migration": null
    }
    "#);
}
