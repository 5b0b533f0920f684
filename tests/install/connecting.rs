//! Ways to a host, and what is said where there is none.

use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use crate::common::{HOST, Homestead, Outcome, TestInventory, closed_port, sandbox};

/// Replaces the connection variables of the host.
fn connection(inventory: &TestInventory, variables: &str) {
    inventory.write("inventory/hosts", &format!("[matrix_servers]\n{HOST} {variables}\n"));
}

#[test]
fn a_closed_port_is_named() {
    let inventory = TestInventory::new();
    let port = closed_port();
    connection(&inventory, &format!("ansible_host=127.0.0.1 ansible_port={port} ansible_ssh_user=root"));
    for command in ["plan", "install-all", "stop-all"] {
        let outcome = Homestead::on(&inventory).run(&[command]).exits(4);
        let text = outcome.text().replace(&port.to_string(), "[PORT]").replace(command, "[COMMAND]");
        insta::allow_duplicates! { insta::assert_snapshot!(text, @"
        $ homestead [COMMAND]
        -- stderr
        error: `127.0.0.1` port [PORT] refuses the connection
        hint: is sshd running, and is `ansible_port` right?
        -- exit code 4
        "); }
    }
}

#[test]
fn a_login_succeeds_or_says_what_is_missing() {
    let Some(host) = sandbox("ways-in") else { return };
    let inventory = TestInventory::of(&host);
    let (port, key, known) = (host.port("ssh_port"), host.text("ssh_key"), host.text("known_hosts"));
    let place = format!("ansible_host=127.0.0.1 ansible_port={port}");
    let trusted = format!("ansible_ssh_common_args='-o UserKnownHostsFile={known}'");
    let text = |outcome: &Outcome| outcome.text().replace(&port.to_string(), "[PORT]");

    // A host that nobody has vouched for.
    connection(&inventory, &format!("{place} ansible_ssh_user=root ansible_ssh_private_key_file={key}"));
    let unknown = Homestead::on(&inventory).run(&["plan"]).exits(4);
    let fingerprint = host.script("ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub");
    let fingerprint = fingerprint.split_whitespace().nth(1).unwrap();
    insta::assert_snapshot!(text(&unknown).replace(fingerprint, "[FINGERPRINT]"), @"
    $ homestead plan
    -- stderr
    error: the host key of `127.0.0.1` is unknown: ssh-ed25519 [FINGERPRINT]
    hint: compare the fingerprint with the one that the provider's console shows
    hint: then give `--accept-new-host-key`, or run `ssh-keyscan -p [PORT] 127.0.0.1 >> ~/.ssh/known_hosts`
    -- exit code 4
    ");
    assert!(unknown.stderr.contains(fingerprint), "{}", unknown.text());
    assert!(!inventory.path("home/.ssh/known_hosts").exists());
    Homestead::on(&inventory).run(&["--accept-new-host-key", "plan"]).exits(0);
    assert!(inventory.read("home/.ssh/known_hosts").contains(&format!("[127.0.0.1]:{port} ")));
    Homestead::on(&inventory).run(&["plan"]).exits(0);

    // Its key has changed since.
    let other = host.script("rm -f /tmp/other* && ssh-keygen -q -t ed25519 -N '' -f /tmp/other && cat /tmp/other.pub");
    inventory.write("home/.ssh/known_hosts", &format!("[127.0.0.1]:{port} {other}"));
    let changed = Homestead::on(&inventory).run(&["--accept-new-host-key", "plan"]).exits(4);
    assert!(changed.stderr.contains("the host key of `127.0.0.1` is not the one in"), "{}", changed.text());

    // A key that the host does not know.
    inventory.write("other", &host.script("cat /tmp/other"));
    std::fs::set_permissions(inventory.path("other"), std::fs::Permissions::from_mode(0o600)).unwrap();
    connection(&inventory, &format!("{place} ansible_ssh_user=root ansible_ssh_private_key_file=other {trusted}"));
    insta::assert_snapshot!(text(&Homestead::on(&inventory).run(&["plan"]).exits(4)), @"
    $ homestead plan
    -- stderr
    error: `127.0.0.1` does not let `root` in
    hint: tried: key `other`
    hint: the server accepts: publickey, password
    hint: does `ssh root@127.0.0.1` work? Set `ansible_user`, `ansible_ssh_private_key_file` or `ansible_password`
    -- exit code 4
    ");

    // sudo: it asks for nothing, for a password, for one that it does not get.
    connection(&inventory, &format!("{place} ansible_ssh_user=deploy ansible_ssh_private_key_file={key} {trusted}"));
    let by_root = Homestead::on(&inventory).run(&["plan"]).exits(0);
    assert!(by_root.stdout.ends_with("Plan: 97 to create, 8 to start.\n"), "{}", by_root.text());
    connection(&inventory, &format!("{place} ansible_ssh_user=admin ansible_ssh_private_key_file={key} {trusted}"));
    insta::assert_snapshot!(text(&Homestead::on(&inventory).run(&["plan"]).exits(2)), @"
    $ homestead plan
    -- stderr
    error: `matrix.example.com`: `sudo` asks for the password of `admin`, and none is known
    hint: give `--ask-become-pass`, or set `ansible_become_password` (from a vault)
    -- exit code 2
    ");
    let wrong = "test-only-wrong-ahZ4eiL9";
    inventory.set("ansible_become_password", wrong);
    let refused = Homestead::on(&inventory).guarding(&[wrong.to_owned()]).run(&["plan"]).exits(2);
    assert!(refused.took < Duration::from_secs(20), "{:?}: {}", refused.took, refused.text());
    insta::assert_snapshot!(text(&refused), @"
    $ homestead plan
    -- stderr
    error: `matrix.example.com`: wrong sudo password for `admin`
    hint: check `ansible_become_password`, or give `--ask-become-pass`
    -- exit code 2
    ");
    inventory.set("ansible_become_password", "sandbox-admin");
    let guarded = Homestead::on(&inventory).guarding(&["sandbox-admin".to_owned()]);
    assert_eq!(guarded.run(&["plan"]).exits(0).stdout, by_root.stdout);

    // The login by password, too.
    connection(&inventory, &format!("{place} ansible_ssh_user=admin {trusted}"));
    inventory.set("ansible_password", "sandbox-admin");
    let guarded = Homestead::on(&inventory).guarding(&["sandbox-admin".to_owned()]);
    assert_eq!(guarded.run(&["plan"]).exits(0).stdout, by_root.stdout);
}
