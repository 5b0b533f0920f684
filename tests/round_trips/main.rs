//! How often homestead and a host speak in turns, and how much they say: counted by a proxy between the two.
//!
//! Counts are asserted, times never: `benches/compare` measures those.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

#[path = "../common/mod.rs"]
mod common;

use std::process::Command;
use std::time::{Duration, Instant};

use common::{HOST, Homestead, Proxy, Sandbox, TestInventory, Traffic, sandbox};

/// Long enough that what happens at the same time counts as one.
const ROUND_TRIP: Duration = Duration::from_millis(200);

/// A host behind a proxy.
struct Far {
    sandbox: Sandbox,
    proxy: Proxy,
    inventory: TestInventory,
}

impl Far {
    fn start(name: &str, user: &str) -> Option<Self> {
        let sandbox = sandbox(name)?;
        let proxy = Proxy::to(u16::try_from(sandbox.port("ssh_port")).unwrap(), ROUND_TRIP);
        let inventory = TestInventory::of(&sandbox);
        let this = Self { sandbox, proxy, inventory };
        this.log_in_as(user);
        Some(this)
    }

    fn log_in_as(&self, user: &str) {
        let known = std::fs::read_to_string(self.sandbox.text("known_hosts")).unwrap();
        let (near, far) = (self.sandbox.port("ssh_port").to_string(), self.proxy.port().to_string());
        self.inventory.write("known_hosts", &known.replace(&near, &far));
        let (port, key, folder) = (self.proxy.port(), self.sandbox.text("ssh_key"), self.inventory.folder().display());
        self.inventory.write(
            "inventory/hosts",
            &format!(
                "[matrix_servers]\n{HOST} ansible_host=127.0.0.1 ansible_port={port} ansible_ssh_user={user} \
                 ansible_ssh_private_key_file={key} ansible_ssh_common_args='-o UserKnownHostsFile={folder}/known_hosts'\n"
            ),
        );
    }

    /// A run that ends well, and what it said to the host.
    fn run(&self, arguments: &[&str]) -> (String, Traffic) {
        self.proxy.take();
        let outcome = Homestead::on(&self.inventory).run(arguments).exits(0);
        (outcome.stdout, self.proxy.take())
    }

    /// A run that changes one file of Synapse's and restarts it costs the restart, which is one round trip however long it takes,
    /// and two more beside what a run without changes says.
    fn change(&self, nothing: &Traffic) -> Traffic {
        let began = Instant::now();
        let (text, change) = self.run(&["install-all"]);
        assert!(text.contains("Plan: 1 to update, 1 to restart.\n"), "{text}");
        // A connection that is quiet says every ten seconds that it is there, and nobody waits for an answer to that.
        let signs_of_life = usize::try_from(began.elapsed().as_secs() / 10).unwrap();
        let allowed = nothing.round_trips + RESTART + 2 + signs_of_life;
        assert!(change.round_trips <= allowed, "{change:?} for a change, {nothing:?} for none, {signs_of_life} signs of life");
        change
    }

    /// What `ssh host true` says: the floor.
    fn ssh_true(&self, user: &str) -> Traffic {
        self.proxy.take();
        let known_hosts = format!("UserKnownHostsFile={}/known_hosts", self.inventory.folder().display());
        let status = Command::new("ssh")
            .args(["-F", "none", "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", "-o", &known_hosts, "-i", self.sandbox.text("ssh_key")])
            .args(["-p", &self.proxy.port().to_string(), &format!("{user}@127.0.0.1"), "true"])
            .status()
            .unwrap();
        assert!(status.success(), "{status}");
        self.proxy.take()
    }
}

/// `ssh host true` opens a channel and starts a program in it: what came before is the handshake with the login.
const SSH_TRUE: usize = 2;

/// One script that restarts a service and waits until it is healthy.
const RESTART: usize = 1;

#[test]
#[ignore = "starts a disposable host; bin/test runs it"]
fn round_trips_are_few() {
    let Some(far) = Far::start("round-trips", "root") else { return };
    Homestead::on(&far.inventory).run(&["install-all"]).exits(0);
    let handshake = far.ssh_true("root").round_trips - SSH_TRUE;

    // The first sight of the host is behind it.
    let (text, nothing) = far.run(&["install-all"]);
    assert_eq!(text, "No changes.\n");
    assert_eq!(nothing.connections, 1);
    assert!(nothing.round_trips <= handshake + 8, "{nothing:?} beyond a handshake of {handshake}");
    // Most of it are the notes on the host, which name every file and its checksum.
    assert!(nothing.sent < 32_000 && nothing.received < 80_000, "{nothing:?}");

    far.inventory.set("matrix_synapse_caches_global_factor", "11");
    let (text, plan) = far.run(&["plan"]);
    assert!(text.ends_with("Plan: 1 to update, 1 to restart.\n"), "{text}");
    // What differs comes along with the checksums.
    assert!(plan.round_trips <= nothing.round_trips, "{plan:?} for a change, {nothing:?} for none");

    let one_file = far.change(&nothing);
    assert_eq!(far.run(&["install-all"]).0, "No changes.\n");

    far.log_in_as("deploy");
    let (text, sudo) = far.run(&["install-all"]);
    assert_eq!(text, "No changes.\n");
    // Whether `sudo` asks for a password, and the way to the engine that root alone may go.
    assert!(sudo.round_trips <= nothing.round_trips + 3, "{sudo:?} with sudo, {nothing:?} without");
    far.inventory.unset("matrix_synapse_caches_global_factor");
    let one_file_sudo = far.change(&sudo);
    eprintln!(
        "round trips: {handshake} to log in; nothing to do {nothing:?}; plan {plan:?}; one file {one_file:?}; with sudo {sudo:?}, \
         one file {one_file_sudo:?}"
    );
}
