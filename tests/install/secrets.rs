//! No secret is shown, stands in a list of processes or a journal, or lies in a file that others read.

use std::collections::BTreeSet;
use std::io::Read as _;
use std::process::Command;
use std::time::Duration;

use crate::common::{EventSchema, ProcessSampler, Running, TestInventory};
use crate::installed::{Installed, secrets_of};

const PASSWORD: &str = "test-only-Mei9ohQu3eex";

#[test]
fn no_secret_leaves_its_file() {
    let Some(mut installed) = Installed::bare("secrets") else { return };
    let (old, new) = ("sandbox-only-d1Ohgheef4aiseighu9pheeVeeph7quee4uu9ahkoh2OoYa", "test-only-ooGh3jaeNg7aeph0Iewu5aeR");
    assert!(installed.secrets.iter().any(|secret| secret == old));
    installed.secrets.push(PASSWORD.to_owned());

    // Every run here checks its own output for secrets, also with all that can be told.
    let sampler = ProcessSampler::start(&installed.sandbox, "0.1");
    let mut running = installed.homestead().start(&["-vvv", "--json", "install-all", "--diff"], "");
    let here = processes_of(&mut running);
    let first = running.wait().exits(0);
    EventSchema::new().check(&first);
    assert!(first.stderr.contains("ran `") && first.stderr.contains("step restart"), "{}", first.stderr);
    let mut seen = sampler.finish(&installed.sandbox);
    assert!(here.iter().any(|line| line.contains("install-all")), "{here:#?}");
    seen.extend(here);
    let sampler = ProcessSampler::start(&installed.sandbox, "0.01");
    installed.homestead().run_with_input(&["register-user", "alice", "--password-stdin"], &format!("{PASSWORD}\n")).exits(0);
    installed.homestead().run_with_input(&["register-user", "alice", "--password-stdin"], &format!("{PASSWORD}\n")).exits(2);
    let during_registration = sampler.finish(&installed.sandbox);
    assert!(during_registration.iter().any(|line| line.contains("register-user")), "{during_registration:#?}");
    seen.extend(during_registration);

    // The key that Synapse made itself is a secret too.
    let key = installed.sandbox.script("cat /matrix/synapse/config/*.signing.key");
    installed.secrets.push(key.split_whitespace().last().unwrap().to_owned());

    changed_secrets(&mut installed, old, new);
    // Later Synapse itself quotes one in the journal, which is root's.
    let journal = installed.sandbox.script("journalctl --no-pager --output=cat");
    failing_runs(&installed);
    assert!(seen.iter().any(|line| line.contains("docker")) && journal.contains("Started matrix-synapse.service"), "{seen:#?}");
    for secret in &installed.secrets {
        let shown = seen.iter().find(|line| line.contains(secret.as_str()));
        assert_eq!(shown, None, "`{secret}` stands in a list of processes");
        let logged = journal.lines().find(|line| line.contains(secret.as_str()));
        assert_eq!(logged, None, "`{secret}` stands in the journal");
    }
    private_files(&installed);
    private_logs(&installed, &installed.inventory);
    let kept = installed.inventory.read("kept.json");
    assert_eq!(installed.secrets.iter().find(|secret| kept.contains(secret.as_str())), None);
}

/// What runs leave on this machine.
fn private_logs(installed: &Installed, inventory: &TestInventory) {
    let folder = inventory.path("home/.local/state/homestead/runs");
    let logs: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(logs.len() > 1, "{logs:?}");
    for log in logs {
        let text = std::fs::read_to_string(&log).unwrap();
        let shown = installed.secrets.iter().find(|secret| text.contains(secret.as_str()));
        assert_eq!(shown, None, "{}", log.display());
    }
}

/// The command lines of a run and of what it starts on this machine, until it ends.
fn processes_of(running: &mut Running) -> BTreeSet<String> {
    let id = running.id().to_string();
    let mut seen = BTreeSet::new();
    while running.goes_on() {
        let listed = Command::new("ps").args(["-ww", "-o", "args", "--pid", &id, "--ppid", &id]).output().unwrap();
        seen.extend(String::from_utf8_lossy(&listed.stdout).lines().map(str::to_owned));
        std::thread::sleep(Duration::from_millis(50));
    }
    seen
}

/// The old secrets leave a file and the new ones enter it: neither shows in a diff.
fn changed_secrets(installed: &mut Installed, old: &str, new: &str) {
    installed.inventory.edit(old, new);
    installed.secrets.extend(secrets_of(&installed.inventory));
    let plan = installed.homestead().run(&["plan"]).exits(0);
    assert!(plan.stdout.contains("+macaroon_secret_key: [redacted] (changed)"), "{}", plan.text());
    let document = installed.homestead().run(&["plan", "--json", "--out", "kept.json"]).exits(0).json();
    assert_eq!(EventSchema::new().complaints(&document), Vec::<String>::new());
    installed.homestead().run(&["install-all", "--check", "--diff", "--json"]).exits(0);
    installed.homestead().run(&["-vvv", "--json", "apply", "kept.json", "--diff"]).exits(0);
    installed.homestead().run(&["vars"]).exits(0);
    installed.homestead().run(&["run-tags", "mas-cli-doctor"]).exits(0);
}

/// Errors have more to say than successes.
fn failing_runs(installed: &Installed) {
    let broken = TestInventory::of(&installed.sandbox);
    broken.set("matrix_synapse_systemd_healthcheck_max_retries", "5");
    // Synapse quotes what it cannot read, and is asked before anything is written.
    let extension = "matrix_synapse_configuration_extension_yaml";
    broken.append(&format!("{extension}: |\n  max_upload_size: \"{{{{ matrix_homeserver_generic_secret_key }}}}\"\n"));
    installed.homestead_on(&broken).run(&["-vvv", "install-all", "--diff"]).exits(2);
    // It quotes what it cannot reach when it starts, and the journal's last lines are shown.
    broken
        .unset(extension)
        .append(&format!("{extension}: |\n  database: {{args: {{host: \"{{{{ matrix_homeserver_generic_secret_key }}}}\"}}}}\n"));
    installed.homestead_on(&broken).run(&["install-all", "--diff"]).exits(20);
    let failing = installed.homestead_on(&broken).run(&["-vvv", "--json", "install-all"]).exits(20);
    EventSchema::new().check(&failing);
    private_logs(installed, &broken);
    // A template that fails in the middle of a secret.
    broken.set("matrix_synapse_macaroon_secret_key", "\"{{ matrix_homeserver_generic_secret_key | no_such_filter }}\"");
    installed.homestead_on(&broken).run(&["install-all"]).exits(3);
    installed.homestead_on(&broken).run(&["check", "--format", "json"]).exits(3);
}

/// Files that everybody may read hold none, and some others do: the search can find them.
fn private_files(installed: &Installed) {
    let holding = |permissions: &str| -> Vec<String> {
        let script = format!(
            "cd / && find matrix etc/systemd var/lib/homestead -type f -size -4096k {permissions} -print0 | tar --create --null --files-from=-"
        );
        let output = installed.sandbox.exec(&script, b"");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let mut holding = Vec::new();
        for entry in tar::Archive::new(output.stdout.as_slice()).entries().unwrap() {
            let mut entry = entry.unwrap();
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).unwrap();
            let text = String::from_utf8_lossy(&bytes);
            if installed.secrets.iter().any(|secret| text.contains(secret.as_str())) {
                holding.push(entry.path().unwrap().display().to_string());
            }
        }
        holding.sort();
        holding
    };
    // What is kept for going back holds what the files hold.
    let elsewhere = ["matrix/postgres/data", "var/lib/homestead/objects/"];
    let private: Vec<String> =
        holding("! -perm -o=r").into_iter().filter(|path| !elsewhere.iter().any(|folder| path.starts_with(folder))).collect();
    insta::assert_snapshot!(private.join("\n"), @"
    matrix/matrix-authentication-service/config/config.yaml
    matrix/postgres/env-postgres-psql
    matrix/postgres/env-postgres-server
    matrix/synapse/config/homeserver.yaml
    matrix/synapse/config/matrix.example.com.signing.key
    ");
    assert_eq!(holding("-perm -o=r"), Vec::<String>::new());
}
