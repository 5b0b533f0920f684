//! Results for people: a line each, and `docs/reliability.md`.

use std::collections::BTreeMap;
use std::time::SystemTime;

use crate::HOSTS;
use crate::cases::{Case, Scenario};
use crate::fault::Fault;
use crate::record::Record;
use crate::survive::Result;

/// How the run that was disturbed ended, in words.
pub fn ended(code: i32) -> &'static str {
    match code {
        0 => "succeeded",
        2 => "failed",
        4 => "connection lost",
        20 => "rolled back",
        21 => "lock taken away",
        130 => "stopped",
        137 => "killed",
        _ => "?",
    }
}

pub fn served(result: &Result) -> String {
    match result.served {
        None => "all along".to_owned(),
        Some((after, by_next)) => format!("after {:.1} s{}", after.as_secs_f64(), if by_next { ", by the next run" } else { "" }),
    }
}

/// A result in one line.
pub fn line(result: &Result) -> String {
    let verdict = if result.problems.is_empty() { "ok  " } else { "BAD " };
    let mut text = format!(
        "{verdict} {}: run {} ({}), served {}, {:.1} s",
        result.case.name(),
        ended(result.code),
        result.code,
        served(result),
        result.took.as_secs_f64()
    );
    if !result.said.is_empty() {
        text.push_str(&format!("; next run: {}", result.said));
    }
    for problem in result.problems.iter().take(3) {
        text.push_str(&format!("\n       !! {}", problem.lines().next().unwrap_or_default()));
    }
    text
}

/// The date of today, in UTC.
fn today() -> String {
    humantime::format_rfc3339_seconds(SystemTime::now()).to_string().chars().take(10).collect()
}

const TITLES: [&str; 4] = [
    "A change to a running server",
    "A setting that Synapse refuses: the roll-back is disturbed",
    "The first run on an empty host",
    "Moving two hundred accounts to MAS",
];

/// Where on the page a case stands.
const fn title_of(scenario: Scenario) -> &'static str {
    match scenario {
        Scenario::Change | Scenario::Grow | Scenario::Shrink => TITLES[0],
        Scenario::Broken => TITLES[1],
        Scenario::First => TITLES[2],
        Scenario::Migrate(_) => TITLES[3],
    }
}

/// Writes the page about all cases of which there is a record; `known` are all that there are.
pub fn write(known: &[Case], records: &BTreeMap<String, Record>, seed: u64) {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/reliability.md");
    let told: Vec<(&Case, &Record)> = known.iter().filter_map(|case| Some((case, records.get(&case.name())?))).collect();
    std::fs::write(path, page(&told, known.len(), seed)).unwrap();
}

fn page(told: &[(&Case, &Record)], known: usize, seed: u64) -> String {
    let part = if told.len() < known { format!(" (of {known} cases that are known)") } else { String::new() };
    let bad = told.iter().filter(|(_, record)| !record.good).count();
    let minutes = told.iter().map(|(_, record)| record.seconds).sum::<f64>() / 60.0 / HOSTS as f64;
    let mut times: BTreeMap<Fault, usize> = BTreeMap::new();
    for (case, _) in told {
        *times.entry(case.fault).or_default() += 1;
    }
    let mut page = format!(
        "# What a run survives\n\n\
         On {} homestead {} was disturbed {} times{part}, by {} kinds of faults, at the beginning and in the middle of every step of a run on a\n\
         real host with systemd, sshd and Docker: {} times nothing was lost, {} times something was. `just faults` repeats it on two\n\
         disposable hosts ({minutes:.0} minutes here, seed {seed}) and writes this page; `just faults rest` goes on with one that was cut off,\n\
         and runs again what failed. `bin/test` repeats a part. CONTRIBUTING.md says how to run one fault alone.\n\n\
         Nothing lost means: no file is torn (each is as before the run or as after it, with its mode and owner); the host's lock is free\n\
         within ten seconds after the run is gone (a minute and a half where the network swallowed everything); nothing is left of\n\
         files on their way; the next run succeeds, and the one after it finds `No changes.`; every unit runs and is enabled; a user who was\n\
         there before logs in, and reads a message of before.\n\n\
         Where a step of `migrate` is cut, it also means: people log in with the old password, and the sessions of before answer, before\n\
         anybody does anything; what the host remembers of the migration can be read; the same command completes the step.\n",
        today(),
        env!("CARGO_PKG_VERSION"),
        told.len(),
        times.len(),
        told.len() - bad,
        bad,
    );
    page.push_str("\n## The faults\n\n| fault | times | what was done |\n|---|---|---|\n");
    for fault in Fault::ALL.iter().filter(|fault| times.contains_key(fault)) {
        page.push_str(&format!("| {} | {} | {} |\n", fault.name(), times[fault], fault.meaning()));
    }
    for title in TITLES {
        page.push_str(&format!(
            "\n## {title}\n\n| fault | the run | the server served | the next run said | nothing lost |\n|---|---|---|---|---|\n"
        ));
        for (case, Record { ended, served, said, good, .. }) in told.iter().filter(|(case, _)| title_of(case.scenario) == title) {
            let verdict = if *good { "yes" } else { "**no**" };
            page.push_str(&format!("| {} | {ended} | {served} | {said} | {verdict} |\n", case.name()));
        }
    }
    page.push_str(
        "\n## How to read it\n\nThe server is away for some seconds whenever Synapse restarts, with and without a fault. `after 5.2 s` counts from the\n\
         fault until it served for good; `by the next run` says that it took that run, which here began at once.\n",
    );
    page
}
