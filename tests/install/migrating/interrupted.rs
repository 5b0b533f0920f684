//! A migration that is killed, wherever it is: the server answers logins afterwards, and the same command completes it.

use std::time::{Duration, Instant};

use super::people::PASSWORD;
use super::{inhabited, memory, migrate, seen, somebody_logs_in};
use crate::common::wait_for;

/// What a run says when it is there, and what the host has afterwards, without anybody's help.
const CUTS: [(&str, &[&str]); 9] = [
    ("== install-beside ==", &["none", "beside"]),
    ("making 4 keys", &["beside"]),
    ("moving the accounts, to roll it back", &["beside"]),
    ("backing up to", &["beside"]),
    ("closing the door", &["beside"]),
    // In the middle of syn2mas.
    ("moving the accounts; Synapse", &["beside"]),
    ("switching the logins over", &["beside"]),
    ("trying logins before anybody", &["beside", "moved"]),
    ("== verify ==", &["moved"]),
];

#[test]
fn whoever_is_killed_leaves_a_server_that_answers() {
    let Some((installed, people)) = inhabited("migrate-cut") else { return };
    let homestead = installed.homestead().guarding(&[PASSWORD.to_owned()]);
    for (number, (words, states)) in CUTS.into_iter().enumerate() {
        let seen = seen(&installed);
        let arguments: Vec<&str> = ["migrate", "--yes", "--step", "verify"].into_iter().chain(seen.iter().map(String::as_str)).collect();
        let mut run = homestead.start(&arguments, "");
        let began = Instant::now();
        wait_for(120, words, || (run.has_said(words) || !run.goes_on()).then_some(()));
        assert!(run.goes_on(), "{words}: {}", run.wait().text());
        run.signal("KILL");
        assert_eq!(run.wait().code, 128 + 9, "{words}");
        let cut = Instant::now();
        somebody_logs_in(&installed, &format!("user{:03}", number + 50));
        eprintln!("\ncut at `{words}` after {:?}: a login after {:?}", cut - began, cut.elapsed());
        let state = installed.sandbox.script("cat /var/lib/homestead/migration.json 2>/dev/null || echo '{\"state\": \"none\"}'");
        let state: serde_json::Value = serde_json::from_str(&state).unwrap();
        assert!(states.contains(&state["state"].as_str().unwrap()), "{words}: {state}");
        wait_for(30, "the guard to go", || {
            let open = installed.sandbox.script("ls /var/lib/homestead/migration-window/open 2>/dev/null || true");
            open.is_empty().then_some(())
        });
        std::thread::sleep(Duration::from_millis(100));
    }
    migrate(&installed, &homestead, &[]).exits(0);
    people.are_in_mas(&installed);
    assert_eq!(memory(&installed)["state"], "finalized");
    assert_eq!(homestead.run(&["install-all"]).exits(0).stdout, "No changes.\n");
}
