//! Faults at every step of a run on a real host: connections cut, programs killed, power lost, disks full. After each the
//! evidence is looked at: no torn file, no stuck lock, no lost user or message, and the next run brings the host to where
//! it should be.
//!
//! A plain run takes a few faults that together have each kind and each step. `HOMESTEAD_FAULTS=full` takes all and writes
//! `docs/reliability.md`; `HOMESTEAD_FAULTS=rest` goes on with such a run that was cut off, and runs again what failed;
//! `HOMESTEAD_FAULTS=page` only writes what is known so far; `HOMESTEAD_FAULTS=150` takes so many of them, spread over all
//! kinds and steps; `HOMESTEAD_FAULTS_ONLY=words` takes those whose names hold the words, of all;
//! `HOMESTEAD_FAULTS_SEED=2` moves the faults inside of the steps.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]
#![allow(clippy::disallowed_methods, reason = "tests read the clock and the environment themselves")]

#[path = "../common/mod.rs"]
mod common;

mod cases;
mod evidence;
mod fault;
mod first;
mod inject;
mod moving;
mod point;
mod prober;
mod record;
mod run;
mod server;
mod survive;
mod table;

use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use cases::{Case, Scenario};
use record::Records;
use server::Server;
use survive::Result;

/// One on each core of a small machine.
const HOSTS: usize = 2;

/// Past the capture of the test harness: a long run shows how far it is.
fn say(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

#[test]
fn every_fault_is_survived() {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let seed = variable("HOMESTEAD_FAULTS_SEED").map_or(1, |seed| seed.parse().expect("HOMESTEAD_FAULTS_SEED is a number"));
    let (mode, only) = (variable("HOMESTEAD_FAULTS"), variable("HOMESTEAD_FAULTS_ONLY"));
    let all = cases::all(seed);
    let records = Records::of(seed);
    let writes_page = mode.is_some();
    if writes_page && only.is_none() && !matches!(mode.as_deref(), Some("rest" | "page")) {
        records.begin();
    }
    let mut cases = match mode.as_deref() {
        Some("full") => all.clone(),
        Some("rest") => {
            let known = records.all();
            all.iter().filter(|case| known.get(&case.name()).is_none_or(|record| !record.good)).copied().collect()
        }
        Some("page") => Vec::new(),
        Some(number) => cases::spread(&all, number.parse().expect("HOMESTEAD_FAULTS is `full`, `rest`, `page`, or a number")),
        None if only.is_some() => all.clone(),
        None => cases::few(),
    };
    if let Some(only) = &only {
        cases.retain(|case| case.name().contains(only));
        assert!(!cases.is_empty(), "no case that is to be run has `{only}` in its name");
    }
    let begun = Instant::now();
    let shares = cases::shared_out(cases.clone(), HOSTS.min(cases.len().max(1)));
    let keep = |number: usize, result: &Result| {
        report(number, result);
        if writes_page {
            records.keep(result);
        }
    };
    let mut results: Vec<Result> = std::thread::scope(|scope| {
        let workers: Vec<_> = shares
            .into_iter()
            .enumerate()
            .map(|(number, share)| {
                let keep = &keep;
                scope.spawn(move || work(number, &share, keep))
            })
            .collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    if results.is_empty() && !cases.is_empty() {
        return;
    }
    results.sort_by_key(|result| cases.iter().position(|case| case == &result.case));
    let bad: Vec<&Result> = results.iter().filter(|result| !result.problems.is_empty()).collect();
    say(&format!("{} faults in {:.0} s, {} not survived", results.len(), begun.elapsed().as_secs_f64(), bad.len()));
    if writes_page {
        table::write(&all, &records.all(), seed);
    }
    assert!(bad.is_empty(), "not survived: {}", bad.iter().map(|result| result.case.name()).collect::<Vec<_>>().join("; "));
}

/// Goes through the cases of one host; a host that a case has ruined is replaced.
fn work(number: usize, cases: &[Case], keep: &(dyn Fn(usize, &Result) + Sync)) -> Vec<Result> {
    let name = format!("faults-{number}");
    let mut results = Vec::new();
    let mut server = None;
    let (moving, others): (Vec<&Case>, Vec<&Case>) = cases.iter().partition(|case| matches!(case.scenario, Scenario::Migrate(_)));
    let (first, others): (Vec<&Case>, Vec<&Case>) = others.into_iter().partition(|case| case.scenario == Scenario::First);
    for case in others {
        if server.is_none() {
            match catch_unwind(|| Server::installed(&name)) {
                Ok(Some(started)) => {
                    say(&format!("[{number}] {}", started.text()));
                    server = Some(started);
                }
                Ok(None) => return results,
                Err(panic) => {
                    let result = Result::failed(case, &*panic);
                    keep(number, &result);
                    results.push(result);
                    continue;
                }
            }
        }
        let this = server.as_mut().unwrap();
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            survive::ready(this, case);
            survive::survive(this, case)
        }));
        let sound = outcome.as_ref().is_ok_and(|result| result.problems.is_empty() || this.is_sound());
        let result = outcome.unwrap_or_else(|panic| Result::failed(case, &*panic));
        keep(number, &result);
        if !sound {
            server = None;
        }
        results.push(result);
    }
    drop(server);
    results.extend(moving::work(&name, &moving, &|result| keep(number, result)));
    for case in first {
        let outcome = catch_unwind(AssertUnwindSafe(|| first::survive(&name, case)));
        let result = match outcome {
            Ok(Some(result)) => result,
            Ok(None) => return results,
            Err(panic) => Result::failed(case, &*panic),
        };
        keep(number, &result);
        results.push(result);
    }
    results
}

/// A line, and where something was lost the whole story.
fn report(number: usize, result: &Result) {
    let mut text = format!("[{number}] {}", table::line(result));
    if !result.problems.is_empty() {
        text.push_str(&format!("\n==== {}\n{}", result.case.name(), result.story));
        for problem in &result.problems {
            text.push_str(&format!("!! {problem}\n"));
        }
        text.push_str("====\n");
    }
    say(&text);
}
