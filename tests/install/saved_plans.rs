//! A plan that was saved is what is done, or nothing is.

use std::os::unix::fs::PermissionsExt as _;

use crate::common::{EventSchema, Outcome};
use crate::installed::Installed;

const BRAND: &str = "matrix_client_element_brand";
const CONFIG: &str = "/matrix/client-element/config.json";

#[test]
fn a_saved_plan_is_done_as_it_was_shown_or_not_at_all() {
    let Some(installed) = Installed::bare("plans") else { return };
    a_new_server(&installed);
    what_moved(&installed);
    further_variables(&installed);
    only_after_a_yes(&installed);
}

/// Nothing was touched, and the hints say why.
#[track_caller]
fn refused(installed: &Installed, arguments: &[&str], hints: &[&str]) -> Outcome {
    let before = installed.files_with_times();
    let outcome = installed.homestead().run(arguments).exits(22);
    assert!(outcome.stderr.contains("does not fit any more; nothing was touched"), "{}", outcome.text());
    for hint in hints {
        assert!(outcome.stderr.contains(hint), "{}", outcome.text());
    }
    assert_eq!(installed.files_with_times(), before);
    outcome
}

fn a_new_server(installed: &Installed) {
    let homestead = installed.homestead();
    homestead.run(&["plan", "--out", "first.json"]).exits(0);
    let path = installed.inventory.path("first.json");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(installed.secrets.iter().find(|secret| text.contains(secret.as_str())), None);

    let applied = homestead.run(&["apply", "first.json", "--json"]).exits(0);
    EventSchema::new().check(&applied);
    let lines = applied.json_lines();
    let end = lines.iter().find(|line| line["event"] == "host_end").unwrap();
    assert_eq!((&end["result"], end["units"].as_array().unwrap().len()), (&serde_json::json!("done"), 8), "{end}");
    assert_eq!(installed.homestead().run(&["plan", "--detailed-exitcode"]).exits(0).stdout, "No changes.\n");
    // It was done: now the host is another one.
    refused(installed, &["apply", "first.json"], &["the host has changed: "]);
}

fn what_moved(installed: &Installed) {
    let homestead = installed.homestead();
    installed.inventory.set(BRAND, "One");
    homestead.run(&["plan", "--out", "second.json"]).exits(0);
    installed.inventory.set(BRAND, "Another");
    let moved = refused(installed, &["apply", "second.json"], &[&format!("the inventory says something else about file {CONFIG}\n")]);
    assert!(!moved.stderr.contains("the host has changed"), "{}", moved.text());
    installed.inventory.set(BRAND, "One");

    let mode = installed.sandbox.script(&format!("stat --format %a {CONFIG}; chmod 600 {CONFIG}"));
    let moved = refused(installed, &["apply", "second.json"], &[&format!("the host has changed: {CONFIG}\n")]);
    assert!(!moved.stderr.contains("the inventory says"), "{}", moved.text());
    installed.sandbox.script(&format!("chmod {} {CONFIG}", mode.trim()));

    // A secret of which the plan shows nothing but that it changes.
    let secret = "matrix_synapse_macaroon_secret_key";
    installed.inventory.set(secret, "test-only-eiteuQuoox6o");
    homestead.run(&["plan", "--out", "third.json"]).exits(0);
    installed.inventory.set(secret, "test-only-Ahb4eik2eeru");
    refused(installed, &["apply", "third.json"], &["the inventory says something else about a secret\n"]);
    installed.inventory.unset(secret);

    let applied = homestead.run(&["apply", "second.json"]).exits(0);
    assert!(applied.stdout.contains(&format!("update file {CONFIG}")), "{}", applied.text());
    assert!(
        applied.stderr.contains("1 change in ") && applied.stderr.contains("restarted matrix-client-element.service (away "),
        "{}",
        applied.text()
    );
    assert_eq!(homestead.run(&["plan", "--detailed-exitcode"]).exits(0).stdout, "No changes.\n");
}

fn further_variables(installed: &Installed) {
    let further = format!("{BRAND}=Further");
    let homestead = installed.homestead();
    homestead.run(&["plan", "-e", &further, "--out", "further.json"]).exits(0);
    assert!(!installed.inventory.read("further.json").contains("=Further"));
    refused(
        installed,
        &["apply", "further.json"],
        &["it was made with `-e` for matrix_client_element_brand, and this run has no `-e`: give the same"],
    );
    homestead.run(&["apply", "further.json", "-e", &further]).exits(0);
}

/// Without a terminal nobody can be asked, and nothing is done.
fn only_after_a_yes(installed: &Installed) {
    let before = installed.files_with_times();
    let outcome = installed.homestead().run_with_input(&["install-all", "--ask"], "y\n").exits(1);
    assert!(outcome.stderr.contains("there is no terminal to ask for a confirmation; nothing was touched"), "{}", outcome.text());
    assert_eq!(installed.files_with_times(), before);
    // Nothing to do is nothing to ask about.
    installed.inventory.set(BRAND, "Further");
    assert_eq!(installed.homestead().run(&["install-all", "--ask"]).exits(0).stdout, "No changes.\n");
}
