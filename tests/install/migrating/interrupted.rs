//! A migration that is killed, wherever it is: the server answers logins afterwards, and the same command completes it.

use std::time::{Duration, Instant};

use super::inhabitants::PASSWORD;
use super::{inhabited, memory, migrate, somebody_logs_in};
use crate::common::{Homestead, people, wait_for};
use crate::installed::Installed;
use crate::requests::{login_request, status};

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
    let Some((installed, inhabitants)) = inhabited("migrate-cut") else { return };
    let homestead = installed.homestead().guarding(&[PASSWORD.to_owned()]);
    for (number, (words, states)) in CUTS.into_iter().enumerate() {
        let seen = people::seen(&installed.sandbox);
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
    inhabitants.are_in_mas(&installed);
    assert_eq!(memory(&installed)["state"], "finalized");
    assert_eq!(homestead.run(&["install-all"]).exits(0).stdout, "No changes.\n");
}

/// The host puts a lost window back by itself. Where what does that is gone too, the next run of whatever kind does it.
#[test]
fn a_run_puts_back_what_the_host_did_not() {
    let Some((installed, inhabitants)) = inhabited("migrate-lost") else { return };
    let homestead = installed.homestead().guarding(&[PASSWORD.to_owned()]);
    migrate(&installed, &homestead, &["--step", "backup"]).exits(0);

    installed.add_bridge();
    is_lost(&installed, &homestead, &["--step", "cut-over"], "switching the logins over");
    assert_eq!(memory(&installed)["state"], "beside");
    // Who only looks changes nothing.
    homestead.run(&["plan"]);
    homestead.run(&["migrate", "--status"]).exits(0);
    assert!(window_is_open(&installed));
    puts_it_back(&installed, &homestead);
    inhabitants.are_there(&installed);
    installed.has_bridge();
    assert_eq!(memory(&installed)["state"], "beside");

    migrate(&installed, &homestead, &["--step", "verify"]).exits(0);
    inhabitants.are_in_mas(&installed);
    is_lost(&installed, &homestead, &["--revert"], "stopping matrix-");
    puts_it_back(&installed, &homestead);
    inhabitants.are_in_mas(&installed);
    assert_eq!(memory(&installed)["state"], "moved");
    migrate(&installed, &homestead, &["--revert"]).exits(0);
    inhabitants.are_in_synapse(&installed);
}

fn window_is_open(installed: &Installed) -> bool {
    installed.sandbox.exec("[ -e /var/lib/homestead/migration-window/open ]", b"").status.success()
}

/// A run that is killed in its window, together with what waits for that on the host.
fn is_lost(installed: &Installed, homestead: &Homestead<'_>, options: &[&str], words: &str) {
    let seen = people::seen(&installed.sandbox);
    let arguments: Vec<&str> =
        ["migrate", "--yes"].into_iter().chain(options.iter().copied()).chain(seen.iter().map(String::as_str)).collect();
    let mut run = homestead.start(&arguments, "");
    wait_for(120, words, || (run.has_said(words) || !run.goes_on()).then_some(()));
    assert!(run.goes_on(), "{words}: {}", run.wait().text());
    installed.sandbox.script("systemctl stop homestead-migration-guard.service");
    run.signal("KILL");
    assert_eq!(run.wait().code, 128 + 9, "{words}");
    std::thread::sleep(Duration::from_secs(2));
    assert!(window_is_open(installed), "{words}");
    let body = login_request("user021", PASSWORD).to_string();
    assert_ne!(status(installed, "/_matrix/client/v3/login", "--json @-", &body), "200", "{words}");
}

/// A plain run does, and says so.
fn puts_it_back(installed: &Installed, homestead: &Homestead<'_>) {
    let back = homestead.run(&["--lock-wait", "30", "install-all"]).exits(0);
    assert!(back.stderr.contains("what it changed was put back first"), "{}", back.text());
    assert!(!window_is_open(installed));
    somebody_logs_in(installed, "user022");
    let left = installed
        .sandbox
        .script("ls -d /var/lib/homestead/migration-window /etc/systemd/system/homestead-migration-guard.service 2>/dev/null || true");
    assert_eq!(left, "");
    let again = homestead.run(&["install-all"]).exits(0);
    assert!(again.stdout.ends_with("No changes.\n"), "{}", again.text());
}
