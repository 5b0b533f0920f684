//! Runs that find nothing to do, on one host and on a thousand, simulated in this process: `just bench`.
//!
//! `--quick` makes one round without a thousand and writes nothing, `--no-document` prints and writes nothing. `--serve N`
//! lets N hosts wait for whatever you want to try on them.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a benchmark prints, needs the clock and the environment, and ends when something is wrong"
)]

#[path = "../../tests/common/mod.rs"]
mod common;
mod document;
#[path = "../../tests/fleet/simulation/mod.rs"]
mod simulation;

use document::Row;
use simulation::SimulatedFleet;

const HOSTS: [usize; 4] = [1, 10, 100, 1000];
/// What is the default, and what suits a fleet: more hosts wait for each other's answers less.
const FORKS: [usize; 2] = [10, 50];
const ROUNDS: usize = 3;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let place = |name: &str| arguments.iter().position(|argument| argument == name);
    if let Some(place) = place("--serve") {
        return serve(arguments[place + 1].parse().unwrap());
    }
    let quick = place("--quick").is_some();
    let mut rows = Vec::new();
    for hosts in HOSTS.into_iter().filter(|hosts| !quick || *hosts < 1000) {
        let fleet = SimulatedFleet::start(hosts);
        for forks in FORKS.into_iter().filter(|forks| hosts > 1 || *forks == 10) {
            let rounds = (0..if quick { 1 } else { ROUNDS }).map(|_| run(&fleet, hosts, forks));
            let mut rounds: Vec<Row> = rounds.collect();
            rounds.sort_by(|a, b| a.seconds.total_cmp(&b.seconds));
            let row = rounds.swap_remove(rounds.len() / 2);
            eprintln!("{row:?}");
            rows.push(row);
        }
    }
    let table = document::table(&rows);
    println!("{table}");
    if !quick && place("--no-document").is_none() {
        document::chart(&rows, &FORKS);
        let shown = format!("{table}\n![seconds by the number of hosts](fleet.svg)\n");
        common::document::replace("docs/performance.md", "fleet", &shown);
    }
}

/// One run of all hosts.
fn run(fleet: &SimulatedFleet, hosts: usize, forks: usize) -> Row {
    fleet.take();
    let outcome = fleet.homestead().run(&["install-all", "--forks", &forks.to_string()]).exits(0);
    assert_eq!(outcome.stdout, "No changes.\n".repeat(hosts), "{}", outcome.text());
    fleet.is_untouched();
    let said = fleet.take();
    let mean = |of: fn(&simulation::Said) -> usize| said.values().map(of).sum::<usize>() as f64 / hosts as f64 / 1000.0;
    Row {
        hosts,
        forks,
        seconds: outcome.took.as_secs_f64(),
        cpu_seconds: outcome.usage.processor.as_secs_f64(),
        peak_mb: outcome.usage.peak_mb,
        sent: mean(|said| said.sent),
        received: mean(|said| said.received),
    }
}

/// Hosts that wait until this program is ended.
fn serve(hosts: usize) {
    let fleet = SimulatedFleet::start(hosts);
    println!("cd {} && HOME=$PWD/home homestead install-all", fleet.inventory.folder().display());
    loop {
        std::thread::park();
    }
}
