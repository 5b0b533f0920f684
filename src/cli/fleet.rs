//! The same work on many hosts at once; one host's failure does not stop another's, unless it was asked for.

use std::collections::BTreeMap;
use std::future::Future;

use tokio::task::JoinSet;

use super::batches::BatchArgs;
use crate::diagnostic::{Error, Kind, Result};
use crate::report::Terminal;

/// Runs `work` for each host, at most `forks` at a time.
///
/// # Errors
/// The only host's own error; with several hosts, one that counts the failed ones, after each was
/// reported.
pub async fn each<F, Fut, T>(hosts: Vec<String>, forks: usize, terminal: &Terminal, work: F) -> Result<Vec<T>>
where
    F: Fn(String) -> Fut,
    Fut: Future<Output = Result<T>> + Send + 'static,
    T: Send + 'static,
{
    each_batch(hosts, &BatchArgs::default(), forks, terminal, work).await
}

/// The same, batch after batch.
///
/// # Errors
/// As [`each`]; names the hosts that were not begun because others failed.
pub async fn each_batch<F, Fut, T>(hosts: Vec<String>, batches: &BatchArgs, forks: usize, terminal: &Terminal, work: F) -> Result<Vec<T>>
where
    F: Fn(String) -> Fut,
    Fut: Future<Output = Result<T>> + Send + 'static,
    T: Send + 'static,
{
    terminal.begin(&hosts);
    in_batches(hosts, batches, forks, terminal, |host| {
        // On the heap: it is a whole run.
        let (work, terminal) = (Box::pin(work(host.clone())), terminal.clone());
        async move {
            let begun = terminal.elapsed();
            let result = work.await;
            terminal.host_end(&host, result.as_ref().err(), terminal.elapsed().saturating_sub(begun));
            result
        }
    })
    .await
}

/// The same for work that is no part of what is told about the run: a look beforehand.
///
/// # Errors
/// As [`each`].
pub async fn all<F, Fut, T>(hosts: Vec<String>, forks: usize, terminal: &Terminal, work: F) -> Result<Vec<T>>
where
    F: Fn(String) -> Fut,
    Fut: Future<Output = Result<T>> + Send + 'static,
    T: Send + 'static,
{
    in_batches(hosts, &BatchArgs::default(), forks, terminal, work).await
}

async fn in_batches<F, Fut, T>(hosts: Vec<String>, batches: &BatchArgs, forks: usize, terminal: &Terminal, work: F) -> Result<Vec<T>>
where
    F: Fn(String) -> Fut,
    Fut: Future<Output = Result<T>> + Send + 'static,
    T: Send + 'static,
{
    if let [host] = hosts.as_slice() {
        return Ok(vec![work(host.clone()).await?]);
    }
    let count = hosts.len();
    let mut results = Vec::new();
    let mut failed = BTreeMap::new();
    let mut left = Vec::new();
    let mut ended = false;
    for batch in batches.split(hosts) {
        if ended {
            left.extend(batch);
            continue;
        }
        let (before, of) = (failed.len(), batch.len());
        left.extend(one_batch(batch, batches.any_errors_fatal(), forks, terminal, &work, &mut results, &mut failed).await?);
        ended = batches.ends(failed.len() - before, of);
    }
    if failed.is_empty() {
        return Ok(results);
    }
    let names: Vec<&str> = failed.keys().map(String::as_str).collect();
    let text = format!("{} of {count} hosts failed: {}", names.len(), names.join(", "));
    if !left.is_empty() {
        left.sort();
        return Err(BatchArgs::not_begun(&text, &left));
    }
    let mut kinds = failed.values();
    let first = kinds.next().copied().unwrap_or(Kind::HostFailed);
    Err(Error::new(if kinds.all(|kind| *kind == first) { first } else { Kind::HostFailed }, text))
}

/// One batch; gives the hosts that were not begun.
async fn one_batch<F, Fut, T>(
    batch: Vec<String>,
    stop_at_failure: bool,
    forks: usize,
    terminal: &Terminal,
    work: &F,
    results: &mut Vec<T>,
    failed: &mut BTreeMap<String, Kind>,
) -> Result<Vec<String>>
where
    F: Fn(String) -> Fut,
    Fut: Future<Output = Result<T>> + Send + 'static,
    T: Send + 'static,
{
    let mut waiting = batch.into_iter();
    let mut stopped = false;
    let mut tasks = JoinSet::new();
    loop {
        // A run is large: no more of them exist than go on.
        while tasks.len() < forks.max(1) && !stopped {
            let Some(host) = waiting.next() else { break };
            let work = work(host.clone());
            tasks.spawn(async move { (host, work.await) });
        }
        match tasks.join_next().await {
            None => break,
            Some(Ok((_, Ok(result)))) => results.push(result),
            Some(Ok((host, Err(error)))) => {
                terminal.err(&terminal.findings(&error.diagnostics));
                terminal.err(&format!("{host}: {}", terminal.failure(&error)));
                failed.insert(host, error.kind);
                stopped |= stop_at_failure;
            }
            Some(Err(error)) => return Err(Error::new(Kind::Usage, "a host's task ended badly").caused_by(error)),
        }
    }
    Ok(waiting.collect())
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};
    use std::time::{Instant, SystemTime};

    use clap::Parser as _;

    use super::*;
    use crate::report::{Invocation, Style};

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        batches: BatchArgs,
    }

    /// Hosts a to f, of which those named fail; gives the ones that were begun, and the error.
    async fn run(words: &[&str], forks: usize, failing: &str) -> (String, String) {
        let batches = Line::try_parse_from([&["homestead"], words].concat()).unwrap().batches;
        let hosts = ["a", "b", "c", "d", "e", "f"].map(str::to_owned).to_vec();
        let begun = Arc::new(Mutex::new(Vec::new()));
        let invocation = Invocation {
            run: "r1".to_owned(),
            command: "install-all".to_owned(),
            line: Vec::new(),
            started: SystemTime::UNIX_EPOCH,
            clock: Instant::now(),
            is_run: false,
            logs: None,
        };
        let terminal = Terminal::new(invocation, Style { no_color: true, json: true, dumb: true }, Arc::new(|_: &str| None));
        let outcome = in_batches(hosts, &batches, forks, &terminal, |host| {
            let (begun, fails) = (Arc::clone(&begun), failing.contains(&host));
            async move {
                begun.lock().unwrap().push(host);
                if fails { Err(Error::new(Kind::Unreachable, "gone")) } else { Ok(()) }
            }
        })
        .await;
        let mut begun = std::mem::take(&mut *begun.lock().unwrap());
        begun.sort();
        (begun.concat(), outcome.map_or_else(|error| format!("{:?}: {error}", error.kind), |done| format!("{} done", done.len())))
    }

    #[tokio::test]
    async fn a_failure_stops_no_other_host() {
        assert_eq!(run(&[], 2, "").await, ("abcdef".to_owned(), "6 done".to_owned()));
        assert_eq!(run(&[], 2, "ae").await, ("abcdef".to_owned(), "Unreachable: 2 of 6 hosts failed: a, e".to_owned()));
        assert_eq!(run(&["--serial", "2"], 9, "b").await, ("abcdef".to_owned(), "Unreachable: 1 of 6 hosts failed: b".to_owned()));
    }

    #[tokio::test]
    async fn a_batch_that_failed_is_the_last() {
        let (begun, error) = run(&["--serial", "1,2"], 9, "bc").await;
        assert_eq!((begun.as_str(), error.as_str()), ("abc", "HostFailed: 2 of 6 hosts failed: b, c; not begun: d, e, f"));
        let (begun, _) = run(&["--serial", "2", "--max-fail-percentage", "30"], 9, "d").await;
        assert_eq!(begun, "abcd");
        let (begun, error) = run(&["--any-errors-fatal"], 1, "b").await;
        assert_eq!((begun.as_str(), error.as_str()), ("ab", "HostFailed: 1 of 6 hosts failed: b; not begun: c, d, e, f"));
    }
}
