//! For how long a server does not answer while a configuration changes: on one disposable host, asked through Traefik as clients
//! ask. A part of `just bench`.
//!
//! `--quick` makes one round and writes nothing; `--no-document` prints and writes nothing.
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
#[path = "../../tests/faults/prober.rs"]
mod prober;

use std::time::{Duration, Instant};

use common::{Homestead, Sandbox, TestInventory, wait_for};
use prober::Prober;

const ROUNDS: usize = 3;
/// From one question to the next.
const PAUSE: Duration = Duration::from_millis(50);
/// What clients and browsers ask first.
const ASKED: [&str; 2] = ["/_matrix/client/versions", "/auth/.well-known/openid-configuration"];

/// One line of the page.
struct Change {
    name: &'static str,
    variable: &'static str,
    /// What the variable becomes, in turn.
    values: [&'static str; 2],
    /// Seconds that MDAD waits by the clock when the same changes, as the defaults of its variables say: after Synapse has
    /// started (`matrix_synapse_systemd_service_post_start_delay_seconds`: what Traefik takes to gather changes, 2 s, and one
    /// more), and before it looks whether units run (`devture_systemd_service_manager_up_verification_delay_seconds`).
    fixed_waits: [u32; 2],
}

const CHANGES: [Change; 2] = [
    Change {
        name: "MAS: `matrix_authentication_service_config_passwords_minimum_complexity`",
        variable: "matrix_authentication_service_config_passwords_minimum_complexity",
        values: ["2", "1"],
        fixed_waits: [3, 15],
    },
    Change {
        name: "Synapse: `matrix_synapse_caches_global_factor`",
        variable: "matrix_synapse_caches_global_factor",
        values: ["2", "3"],
        fixed_waits: [3, 15],
    },
];

/// What one change cost.
struct Cost {
    restarts: String,
    /// The whole run.
    took: Duration,
    /// For how long nobody answered, for each of [`ASKED`].
    away: Vec<Duration>,
    /// After the end of the run.
    away_after: Duration,
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let has = |name: &str| arguments.iter().any(|argument| argument == name);
    let quick = has("--quick");
    // `sandbox` says why there is none.
    let Some(host) = common::sandbox("downtime") else { return };
    let inventory = TestInventory::of(&host);
    Homestead::on(&inventory).run(&["install-all"]).exits(0);
    let mut table = "| change | restarts | client API not served, s | MAS not served, s | whole run, s | MDAD waits at least, s |\n\
                     |---|---|--:|--:|--:|--:|\n"
        .to_owned();
    for change in &CHANGES {
        let costs: Vec<Cost> = (0..if quick { 1 } else { ROUNDS }).map(|round| measure(&host, &inventory, change, round)).collect();
        table.push_str(&line(change, &costs));
    }
    println!("{table}");
    if !quick && !has("--no-document") {
        common::document::replace("docs/performance.md", "downtime", table.trim_end());
    }
}

fn measure(host: &Sandbox, inventory: &TestInventory, change: &Change, round: usize) -> Cost {
    let port = u16::try_from(host.port("https_port")).unwrap();
    let probers = || ASKED.map(|path| Prober::asking(port, path, PAUSE));
    inventory.set(change.variable, change.values[round % 2]);
    let during = probers();
    wait_for(20, "good answers", || during.iter().all(Prober::serves).then_some(()));
    let before: Vec<Duration> = during.iter().map(|prober| prober.not_served()).collect();
    let began = Instant::now();
    let outcome = Homestead::on(inventory).run(&["install-all"]).exits(0);
    let took = began.elapsed();
    let away: Vec<Duration> = during.iter().zip(before).map(|(prober, before)| prober.not_served() - before).collect();
    drop(during);
    let after = probers();
    std::thread::sleep(Duration::from_secs(3));
    let away_after = after.iter().map(|prober| prober.not_served()).max().unwrap_or_default();
    let restarts = restarted(&outcome.stdout);
    assert!(!restarts.is_empty(), "{}", outcome.stdout);
    let cost = Cost { restarts, took, away, away_after };
    eprintln!("{}: {:?} away, {:?} after the end, {took:?} in all", change.name, cost.away, cost.away_after);
    cost
}

/// The services whose restart the plan tells.
fn restarted(text: &str) -> String {
    let names = text.lines().filter_map(|line| {
        let (_, rest) = line.split_once("restart ")?;
        rest.split_whitespace().find(|word| word.starts_with("matrix-")).map(|word| word.trim_matches(',').trim_end_matches(".service"))
    });
    let mut names: Vec<&str> = names.collect();
    names.sort_unstable();
    names.dedup();
    names.join(", ")
}

fn line(change: &Change, costs: &[Cost]) -> String {
    let of = |of: &dyn Fn(&Cost) -> Duration| {
        let mut all: Vec<f64> = costs.iter().map(|cost| of(cost).as_secs_f64()).collect();
        all.sort_by(f64::total_cmp);
        format!("{:.1} ({:.1} to {:.1})", all[all.len() / 2], all[0], all[all.len() - 1])
    };
    let after = costs.iter().map(|cost| cost.away_after).max().unwrap_or_default();
    assert!(after.is_zero(), "{}: not served for {after:?} after the end of a run", change.name);
    format!(
        "| {} | {} | {} | {} | {} | {} |\n",
        change.name,
        costs[0].restarts,
        of(&|cost| cost.away[0]),
        of(&|cost| cost.away[1]),
        of(&|cost| cost.took),
        change.fixed_waits.map(|seconds| seconds.to_string()).join(" + ")
    )
}
