//! homestead beside `ssh host true`, Ansible and pyinfra, on one disposable host, in turns: `just bench`.
//!
//! `--quick` makes one round of each and no first install but homestead's; `--no-document` prints and writes nothing.
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
mod measure;
mod playbook;
mod tools;

use std::time::Duration;

use common::Sandbox;
use measure::{Results, measure};
use playbook::Wanted;
use tools::{Case, TOOLS, Way};

const ROUND_TRIPS: [u64; 3] = [0, 20, 100];
const ROUNDS: usize = 5;
/// Of those whose runs take minutes all together: what their runs differ by is nothing beside what they take.
const SLOW_ROUNDS: usize = 1;

/// Makes a host bare again; what the engine has stays out of the way of the next first install.
const RESET: &str = "systemctl stop 'matrix-*' 2>/dev/null
for unit in /etc/systemd/system/matrix-*; do systemctl disable --quiet \"${unit##*/}\" 2>/dev/null; rm -rf -- \"$unit\"; done
systemctl daemon-reload; systemctl reset-failed
docker ps --all --quiet | xargs -r docker rm --force >/dev/null
docker image ls --quiet | sort -u | xargs -r docker image rm --force >/dev/null
docker network prune --force >/dev/null
rm -rf /matrix /var/lib/homestead; userdel matrix 2>/dev/null; groupdel matrix 2>/dev/null; true";

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let has = |name: &str| arguments.iter().any(|argument| argument == name);
    let quick = has("--quick");
    let Some(host) = python_host() else { return };
    let ways: Vec<Way> = ROUND_TRIPS.iter().map(|&milliseconds| Way::new(&host, Duration::from_millis(milliseconds))).collect();
    let mut results = Results::default();
    let mut number = 10;

    // homestead comes first: what it makes is what the others are to make.
    ways[0].set(None, number);
    record(&mut results, &ways[0], Case::First, 0, 1);
    record(&mut results, &ways[0], Case::Render, 0, 1);
    let manifest = ways[0].path(&format!("rendered/{}/manifest.json", common::HOST));
    let rendered = serde_json::from_slice(&std::fs::read(manifest).unwrap()).unwrap();
    let wanted = Wanted::of(&host, &rendered);
    for way in &ways {
        way.set(Some(&wanted), number);
    }
    // What each tool does on its first visit only is behind it.
    for tool in 0..TOOLS.len() {
        ways[0].command(tool, Case::Nothing).map(|command| measure(command, None));
    }

    for round in 0..if quick { 1 } else { ROUNDS } {
        for case in [Case::Nothing, Case::Plan, Case::OneFile, Case::Render] {
            for (at, way) in ways.iter().enumerate().filter(|(at, _)| case != Case::Render || *at == 0) {
                for tool in (0..TOOLS.len()).filter(|tool| round < SLOW_ROUNDS || !tools::IS_SLOW[*tool]) {
                    if case == Case::OneFile && way.command(tool, case).is_some() {
                        number += 1;
                        way.set(Some(&wanted), number);
                    }
                    record(&mut results, way, case, at, tool);
                    ways.iter().for_each(|way| way.set(Some(&wanted), number));
                }
            }
        }
        eprintln!("round {} done", round + 1);
    }
    if !quick {
        for (at, way) in ways.iter().enumerate() {
            for tool in 1..TOOLS.len() {
                host.script(RESET);
                record(&mut results, way, Case::First, at, tool);
            }
        }
    }
    let table = document::table(&results);
    println!("{table}");
    if !quick && !has("--no-document") {
        document::chart(&results);
        let shown = format!("{}\n\n![seconds of a run that finds nothing to do](performance.svg)\n", table.trim_end());
        common::document::replace("docs/performance.md", "table", &shown);
    }
}

fn python_host() -> Option<Sandbox> {
    // `sandbox` says why there is none.
    common::python_sandbox("bench")
}

/// Measures one run, where the tool has one.
fn record(results: &mut Results, way: &Way, case: Case, at: usize, tool: usize) {
    let Some(command) = way.command(tool, case) else { return };
    way.hang_up();
    let proxy = (case != Case::Render).then_some(&way.proxy);
    let cost = measure(command, proxy);
    way.hang_up();
    eprintln!("{} at {} ms, {}: {:.2} s", case.name(), ROUND_TRIPS[at], TOOLS[tool], cost.seconds);
    let case = Case::ALL.iter().position(|known| *known == case).unwrap();
    results.0.entry((case, ROUND_TRIPS[at], tool)).or_default().push(cost);
}
