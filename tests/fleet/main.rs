//! Many hosts at once, each a real SSH server in this process: what a run costs that finds nothing to do, and which
//! hosts it is about.
//!
//! Counts and memory are asserted, times never: `benches/fleet` measures those.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

#[path = "../common/mod.rs"]
mod common;
mod simulation;

use std::time::Duration;

use common::{Outcome, Proxy};
use simulation::SimulatedFleet;

const INSTALL: &[&str] = &["install-all"];

/// Runs on every host, and finds nothing to do on any.
fn nothing_to_do(fleet: &SimulatedFleet, hosts: usize) -> Outcome {
    let outcome = fleet.homestead().run(INSTALL).exits(0);
    assert_eq!(outcome.stdout, "No changes.\n".repeat(hosts), "{}", outcome.text());
    fleet.is_untouched();
    outcome
}

#[test]
fn a_host_more_costs_little() {
    let (few, many) = (16, 48);
    let small = SimulatedFleet::start(few);
    let less = nothing_to_do(&small, few).usage;
    let fleet = SimulatedFleet::start(many);
    let more = nothing_to_do(&fleet, many).usage;
    let each = (more.peak_mb - less.peak_mb) / (many - few) as f64;
    eprintln!("{few} hosts: {less:?}; {many} hosts: {more:?}; {each:.2} MB for each further host");
    assert!(each < 1.0, "{each:.2} MB for each further host: {less:?}, {more:?}");

    let said = fleet.take();
    assert_eq!(said.len(), many);
    for (host, said) in said {
        // Most of what comes back are homestead's own notes, which name every file and its checksum.
        assert!(said.connections == 1 && said.sent < 32_000 && said.received < 80_000, "{host}: {said:?}");
    }
    assert!(fleet.most_at_once() <= 10);
}

#[test]
fn round_trips_are_few_among_many() {
    let fleet = SimulatedFleet::start(3);
    let proxy = Proxy::to(fleet.port(), Duration::from_millis(200));
    let way = format!("ansible_host: 127.0.0.1\nansible_port: {}\n", proxy.port());
    fleet.inventory.write(&format!("inventory/host_vars/{}/way.yml", SimulatedFleet::name(0)), &way);
    nothing_to_do(&fleet, 3);
    let traffic = proxy.take();
    eprintln!("{traffic:?}");
    assert_eq!(traffic.connections, 1);
    // Six of them are the handshake and the login.
    assert!(traffic.round_trips <= 14, "{traffic:?}");
}

/// The numbers of the hosts that a run with these options reaches.
fn reached(fleet: &SimulatedFleet, options: &[&str]) -> String {
    let outcome = fleet.homestead().run(&[INSTALL, options].concat()).exits(0);
    let hosts = fleet.reached();
    assert_eq!(outcome.stdout, "No changes.\n".repeat(hosts.len()), "{}", outcome.text());
    fleet.is_untouched();
    let number = |name: &String| name.trim_start_matches("matrix.server-").trim_end_matches(".example").trim_start_matches('0').to_owned();
    hosts.iter().map(number).collect::<Vec<_>>().join(" ")
}

#[test]
fn patterns_choose_the_hosts() {
    let fleet = SimulatedFleet::start(12);
    for (pattern, hosts) in [
        ("east", "1 2 3 4 5 6"),
        ("matrix_servers:&west", "7 8 9 10 11 12"),
        ("all:&east:!canary", "2 3 4 5 6"),
        ("matrix.server-*2.example", "2 12"),
        ("east[1:3]", "2 3 4"),
        ("west[-1]", "12"),
        ("~.*-001[01]", "10 11"),
        ("canary,west,!~.*-001", "1 7 8 9"),
        ("matrix.server-0003.example,matrix.server-0004.example", "3 4"),
    ] {
        assert_eq!(reached(&fleet, &["--limit", pattern]), hosts, "{pattern}");
    }
    let limit = fleet.inventory.path("retry");
    std::fs::write(&limit, "matrix.server-0005.example\nmatrix.server-0007.example\n").unwrap();
    assert_eq!(reached(&fleet, &["--limit", &format!("@{}", limit.display())]), "5 7");
    let outcome = fleet.homestead().run(&["install-all", "--limit", "matrix.server-9*"]);
    assert_eq!((outcome.code, fleet.reached().len()), (1, 0), "{}", outcome.text());
}

#[test]
fn forks_and_batches_bound_what_happens_at_once() {
    let fleet = SimulatedFleet::start(12);
    for (options, most) in
        [(&["--forks", "1"][..], 1), (&["--forks", "3"], 3), (&["--serial", "2"], 2), (&["--serial", "50%", "-f", "5"], 5)]
    {
        fleet.most_at_once();
        assert_eq!(reached(&fleet, options), "1 2 3 4 5 6 7 8 9 10 11 12", "{options:?}");
        let seen = fleet.most_at_once();
        assert!(seen <= most && seen > most / 2, "{seen} at once with {options:?}");
    }
}

#[test]
fn one_that_is_away_stops_only_what_it_is_told_to() {
    let fleet = SimulatedFleet::start(12);
    fleet.unplug(4, true);
    let run = |options: &[&str]| {
        let outcome = fleet.homestead().run(&[INSTALL, options].concat()).exits(4);
        fleet.is_untouched();
        (fleet.reached().len(), outcome)
    };
    let (reached, outcome) = run(&[]);
    assert_eq!((reached, outcome.stdout.lines().count()), (11, 11), "{}", outcome.text());
    assert!(outcome.stderr.contains("1 of 12 hosts failed: matrix.server-0005.example"), "{}", outcome.text());
}
