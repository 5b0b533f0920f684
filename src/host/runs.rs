//! What a host knows about the runs on it, and about the machine.

use std::collections::BTreeSet;

use serde::Serialize;

use super::{Exec, Host, Unfinished, run};
use crate::diagnostic::{Error, Kind, Result};

const RUNS: &str = concat!(include_str!("scripts/unfinished.sh"), include_str!("scripts/runs.sh"));

/// One of the last runs, as its journal says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PastRun {
    /// Its id.
    pub run: String,
    /// `committed`, `rolled-back`, `nothing`; nothing where it did not come to its end.
    pub result: Option<String>,
    /// Its command, without secrets; empty where it is not known.
    pub command: String,
}

/// What a host says about its runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Runs {
    /// Seconds since the machine started.
    pub uptime: u64,
    /// Seconds since the last successful run ended, on the host's own clock.
    pub ended_ago: Option<u64>,
    /// The last run, where it did not come to its end.
    pub unfinished: Option<Unfinished>,
    /// The last ones that touched something, the newest first.
    pub last: Vec<PastRun>,
    /// The names of all containers.
    pub containers: BTreeSet<String>,
}

/// Asks, in one exec. `generation` is the number of the last successful run.
///
/// # Errors
/// The connection breaks.
pub async fn runs(host: &dyn Host, generation: u64) -> Result<Runs> {
    let output = run(host, "looking at the last run", Exec::new(RUNS).arguments(&[&generation.to_string()])).await?;
    parse(&String::from_utf8_lossy(&output))
        .ok_or_else(|| Error::new(Kind::HostFailed, format!("`{}`: what it says about its last run cannot be read", host.name())))
}

fn parse(text: &str) -> Option<Runs> {
    let mut runs = Runs::default();
    let mut now = 0_u64;
    for line in text.lines() {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "uptime" => runs.uptime = rest.parse().ok()?,
            "now" => now = rest.parse().ok()?,
            "ended" => runs.ended_ago = Some(now.saturating_sub(rest.parse().ok()?)),
            "unfinished" => runs.unfinished = Unfinished::read(rest),
            "run" => {
                let mut words = rest.splitn(3, ' ');
                let (run, result, command) = (words.next()?, words.next()?, words.next().unwrap_or_default());
                let result = (!result.is_empty()).then(|| result.to_owned());
                runs.last.push(PastRun { run: run.to_owned(), result, command: command.to_owned() });
            }
            "container" => drop(runs.containers.insert(rest.to_owned())),
            "end" => return Some(runs),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_runs_are_told_with_their_ends() {
        let runs = parse("uptime 77\nnow 1000\nunfinished \nrun r3  homestead rollback 2\nrun r2 rolled-back \nend\n").unwrap();
        let past = |run: &str, result: Option<&str>, command: &str| PastRun {
            run: run.into(),
            result: result.map(str::to_owned),
            command: command.into(),
        };
        assert_eq!(runs.last, [past("r3", None, "homestead rollback 2"), past("r2", Some("rolled-back"), "")]);
    }

    #[test]
    fn a_run_without_its_end_is_told() {
        let begin = r#"[{"event":"begin","run":"r1","command":"homestead install-all","who":"me@laptop","since":"2026-11-22T03:33:51Z"},{"event":"step","step":"write"}]"#;
        let open = parse(&format!("uptime 77\nnow 1000\nended 400\nunfinished {begin}\ncontainer a\ncontainer b\nend\n")).unwrap();
        assert_eq!((open.uptime, open.ended_ago, open.containers.len()), (77, Some(600), 2));
        assert_eq!(open.unfinished.unwrap().step.as_deref(), Some("write"));
        assert_eq!(parse("uptime 77\nnow 1000\nunfinished \nend\n").unwrap(), Runs { uptime: 77, ..Runs::default() });
        assert_eq!(parse("uptime 77\nnow 1000\n"), None);
    }
}
