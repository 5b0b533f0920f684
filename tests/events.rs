//! The stream of events and its schema, without a host.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod common;

use std::os::unix::fs::PermissionsExt as _;

use common::{EventSchema, HOST, Homestead, TestInventory};

#[test]
fn the_schema_of_events_is_not_stale() {
    let inventory = TestInventory::new();
    let made = Homestead::on(&inventory).run(&["schema", "--events"]).exits(0).stdout;
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/events.schema.json");
    assert!(std::fs::read_to_string(path).unwrap_or_default() == made, "docs/events.schema.json is stale: run `just docs`");
    jsonschema::draft202012::meta::validate(&serde_json::from_str(&made).unwrap()).unwrap();
}

#[test]
fn the_schema_takes_no_other_events() {
    let schema = EventSchema::new();
    let line = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    let good = r#"{"version":1,"run":"r","at":"2026-11-22T10:00:00.000Z","host":"h","event":"stage","text":"t"}"#;
    assert_eq!(schema.complaints(&line(good)), Vec::<String>::new());
    for wrong in [
        good.replace("stage", "no_such_event"),
        good.replace("\"run\":\"r\",", ""),
        good.replace("\"t\"", "1"),
        r#"{"version":1,"run":"r","at":"t","event":"step","step":"dance"}"#.to_owned(),
    ] {
        assert!(!schema.complaints(&line(&wrong)).is_empty(), "{wrong}");
    }
}

/// A host that cannot be reached: a short run, and all of its parts.
#[test]
fn a_run_tells_its_beginning_its_end_and_where_its_log_lies() {
    let inventory = TestInventory::new();
    inventory
        .write("inventory/hosts", &format!("[matrix_servers]\n{HOST} ansible_host=127.0.0.1 ansible_port={}\n", common::closed_port()));
    let homestead = Homestead::on(&inventory);
    let secret = "test-only-Xee7eegheiz3";
    let failed = homestead.run(&["install-all", "-e", &format!("my_password={secret} "), "--json"]).exits(4);
    EventSchema::new().check(&failed);
    let lines = failed.json_lines();
    let names: Vec<&str> = lines.iter().map(|line| line["event"].as_str().unwrap()).collect();
    assert_eq!(names, ["begin", "step", "host_end", "end", "failed"]);
    assert!(lines.iter().all(|line| line["run"] == lines[0]["run"] && line["version"] == 1));
    assert_eq!(lines[0]["line"], serde_json::json!(["install-all", "-e", "my_password=[redacted]", "--json"]));
    assert_eq!((&lines[0]["hosts"], &lines[2]["result"]), (&serde_json::json!([HOST]), &serde_json::json!("unreachable")));
    assert_eq!((&lines[3]["exit_code"], &lines[4]["exit_code"]), (&serde_json::json!(4), &serde_json::json!(4)));

    // The log is the same, and nobody else reads it.
    let log = std::path::PathBuf::from(lines[3]["log"].as_str().unwrap());
    assert_eq!(log.parent().unwrap(), inventory.path("home/.local/state/homestead/runs"));
    assert_eq!(std::fs::read_to_string(&log).unwrap(), failed.stdout);
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&log), mode(log.parent().unwrap())), (0o600, 0o700));
    assert!(!failed.stdout.contains(secret));

    let told = homestead.run(&["install-all"]).exits(4);
    assert_ne!(told.log.as_ref().unwrap(), &log);
    assert!(told.log.unwrap().is_file());

    let listed = homestead.run(&["runs"]).exits(0).stdout;
    assert_eq!(listed.lines().count(), 3, "{listed}");
    assert!(listed.contains("unreachable") && listed.contains("install-all -e my_password=[redacted] --json"), "{listed}");
    assert_eq!(homestead.run(&["runs", "--json"]).exits(0).json()["runs"][1]["run"], lines[0]["run"]);
    let run = lines[0]["run"].as_str().unwrap();
    let shown = homestead.run(&["runs", "show", run]).exits(0).stdout;
    assert!(shown.contains("step connect") && shown.contains("error: ") && shown.contains("unreachable (exit code 4)"), "{shown}");
    assert_eq!(homestead.run(&["runs", "show", run, "--json"]).exits(0).stdout, failed.stdout);
    assert!(homestead.run(&["runs", "show", "2001"]).exits(1).stderr.contains("there is no log of a run `2001`"));

    // What cannot be written is no reason to stop.
    std::fs::remove_dir_all(inventory.path("home/.local")).unwrap();
    std::fs::write(inventory.path("home/.local"), "a file").unwrap();
    let silent = homestead.run(&["install-all"]).exits(4);
    assert!(silent.stderr.contains("warning: this run leaves no log: "), "{}", silent.text());
    assert_eq!(silent.log, None);
}

#[test]
fn nothing_is_written_down_about_what_touches_no_host() {
    let inventory = TestInventory::new();
    let homestead = Homestead::on(&inventory);
    homestead.run(&["check"]).exits(0);
    inventory.set("matrix_domain", "'x y'");
    homestead.run(&["install-all"]).exits(3);
    assert!(!inventory.path("home/.local").exists());
    assert_eq!(homestead.run(&["runs"]).exits(0).stdout, "No runs yet.\n");
}

#[test]
fn a_saved_plan_that_cannot_be_used_is_refused_before_anything_else() {
    let inventory = TestInventory::new();
    let homestead = Homestead::on(&inventory);
    inventory.write("cut.json", "{\n  \"version\": 1,\n");
    inventory.write("newer.json", "{\"version\": 2, \"homestead\": \"9.9.9\", \"salt\": \"00\"}");
    insta::assert_snapshot!(homestead.run(&["apply", "cut.json"]).exits(1).text(), @"
    $ homestead apply cut.json
    -- stderr
    error[H0830]: the plan is cut off: its end is missing
      --> cut.json:3
      = help: make one with `homestead plan --out FILE`

    error: the plan in `cut.json` cannot be used; nothing was touched
    -- exit code 1
    ");
    insta::assert_snapshot!(homestead.run(&["apply", "newer.json"]).exits(1).text(), @"
    $ homestead apply newer.json
    -- stderr
    error[H0831]: homestead 9.9.9 made this plan, and this is homestead 0.1.0
      --> newer.json
      = help: what it would do may differ: make the plan anew with the program that applies it

    error: the plan in `newer.json` cannot be used; nothing was touched
    -- exit code 1
    ");
    insta::assert_snapshot!(homestead.run(&["apply", "absent.json"]).exits(1).text(), @"
    $ homestead apply absent.json
    -- stderr
    error: the plan `absent.json` cannot be read; nothing was touched
      caused by: failed to open file `absent.json`: No such file or directory (os error 2)
    -- exit code 1
    ");
    let fingerprint = serde_json::json!({"whole": "", "parts": {}});
    let mut plan = serde_json::json!({
        "version": 1, "homestead": env!("CARGO_PKG_VERSION"), "run": "r", "at": "t", "salt": "00",
        "arguments": {"inventory": ["inventory/hosts"], "limit": null, "tags": ["install-all"], "extra_vars": [], "roles_dir": null},
        "hosts": {"other.example.com": {"plan": null, "users": [], "desired": fingerprint, "observed": fingerprint}},
    });
    inventory.write("other.json", &plan.to_string());
    insta::assert_snapshot!(homestead.run(&["apply", "other.json"]).exits(1).text(), @"
    $ homestead apply other.json
    -- stderr
    error: the plan is for `other.example.com`, which the inventory does not have; nothing was touched
    hint: give the inventory that it was made with: `-i PATH`
    -- exit code 1
    ");
    insta::assert_snapshot!(homestead.run(&["apply", "other.json", "--limit", HOST]).exits(1).text(), @"
    $ homestead apply other.json --limit matrix.example.com
    -- stderr
    error: the plan is for none of the hosts that `--limit` selects; nothing was touched
    hint: it is for other.example.com
    -- exit code 1
    ");
    // The inventory that it was made with is read again.
    plan["arguments"]["inventory"] = serde_json::json!(["elsewhere"]);
    inventory.write("elsewhere.json", &plan.to_string());
    assert!(homestead.run(&["apply", "elsewhere.json"]).exits(3).stderr.contains("there is no inventory `elsewhere`"));
}
