//! `mas doctor`: what it says about a server that works, and about the same one broken in several ways.

use crate::common::{Outcome, wait_for};
use crate::installed::Installed;
use crate::requests::until_served;

/// The lines that are not good, without what programs wrote.
fn trouble(outcome: &Outcome) -> String {
    outcome.stdout.lines().filter(|line| line.starts_with(['✗', '!', '-'])).map(|line| format!("{line}\n")).collect()
}

#[test]
fn the_doctor_names_the_first_broken_link_and_what_hangs_on_it() {
    let Some(installed) = Installed::start("mas-doctor") else { return };
    until_served(&installed);
    let homestead = installed.homestead();
    let authority = installed.sandbox.text("ca_cert").to_owned();
    let doctor = ["mas", "doctor", "--ca", &authority];
    let good = wait_for(30, "a healthy server", || Some(homestead.run(&doctor)).filter(|outcome| outcome.code == 0));
    assert_eq!(trouble(&good), "", "{}", good.text());
    for part in [
        "✓ the public entrypoint leads login, logout and refresh to MAS, and the rest to Synapse",
        "✓ the internal entrypoint leads login, logout and refresh to MAS, and the rest to Synapse",
        "✓ Synapse names the issuer https://matrix.example.com/auth/",
        "✓ MAS sees the client's address: ",
        "✓ the mail server matrix-exim-relay:8025 takes mail from ",
        "✓ Postgres takes the user `matrix_authentication_service`",
    ] {
        assert!(good.stdout.contains(part), "{part}: {}", good.text());
    }

    // An authority that this machine does not know, and a password that is not Postgres's any more.
    installed
        .sandbox
        .script("echo \"ALTER ROLE matrix_authentication_service PASSWORD 'test-only-other'\" | /matrix/postgres/bin/cli-non-interactive");
    let before = installed.units();
    let bad = homestead.run(&["mas", "doctor"]).exits(2);
    assert_eq!(installed.units(), before, "the doctor changes nothing");
    assert!(bad.stdout.contains("✗ nobody vouches for the certificate of matrix.example.com:443"), "{}", bad.text());
    assert!(bad.stdout.contains("✗ Postgres does not let MAS in: "), "{}", bad.text());
    assert!(bad.stdout.contains("hint: the password of the inventory is not Postgres's"), "{}", bad.text());

    // Without Postgres, MAS and Synapse stand still: the fault is the first link.
    installed.sandbox.script("systemctl stop matrix-exim-relay matrix-postgres");
    let down = homestead.run(&[&doctor[..], &["--json"]].concat()).exits(2);
    let document = down.json();
    let checks = document["hosts"][0]["checks"].as_array().unwrap();
    let of = |check: &str, name: &str| {
        checks
            .iter()
            .find(|entry| entry["check"] == check && entry["name"].as_str().unwrap().contains(name))
            .unwrap_or_else(|| panic!("{check}: {document:#}"))
    };
    let postgres = of("unit", "matrix-postgres");
    assert_eq!((&postgres["verdict"], postgres["text"].as_str()), (&"bad".into(), Some("matrix-postgres.service is stopped")));
    assert!(postgres["log"].as_array().unwrap().len() > 2, "{postgres}");
    assert_eq!(of("unit", "matrix-authentication-service")["verdict"], "skipped");
    assert_eq!(of("unit", "matrix-synapse")["verdict"], "skipped");
    assert_eq!(of("mail", "matrix-exim-relay")["verdict"], "bad");
    assert_eq!((&of("routing", "")["verdict"], &of("mas-cli", "")["verdict"]), (&"skipped".into(), &"skipped".into()));
    homestead.run(&["install-all"]).exits(0);
}
