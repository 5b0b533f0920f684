//! The same work on many hosts at once; one host's failure does not stop another's.

use std::future::Future;
use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::diagnostic::{Error, Kind, Result};
use crate::report::{Terminal, failure};

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
    if let [host] = hosts.as_slice() {
        return Ok(vec![work(host.clone()).await?]);
    }
    let slots = Arc::new(Semaphore::new(forks.max(1)));
    let mut tasks = JoinSet::new();
    let count = hosts.len();
    for host in hosts {
        let slots = slots.clone();
        let work = work(host.clone());
        tasks.spawn(async move {
            let _slot = slots.acquire_owned().await;
            (host, work.await)
        });
    }
    let mut results = Vec::new();
    let mut failed = Vec::new();
    while let Some(joined) = tasks.join_next().await {
        match joined {
            Ok((_, Ok(result))) => results.push(result),
            Ok((host, Err(error))) => {
                terminal.err(&terminal.findings(&error.diagnostics));
                terminal.err(&format!("{host}: {}", failure(&error, terminal.color())));
                failed.push((host, error.kind));
            }
            Err(error) => return Err(Error::new(Kind::Usage, "a host's task ended badly").caused_by(error)),
        }
    }
    match failed.as_slice() {
        [] => Ok(results),
        [(_, first), rest @ ..] => {
            let kind = if rest.iter().all(|(_, kind)| kind == first) { *first } else { Kind::HostFailed };
            let mut names: Vec<&str> = failed.iter().map(|(host, _)| host.as_str()).collect();
            names.sort_unstable();
            Err(Error::new(kind, format!("{} of {count} hosts failed: {}", names.len(), names.join(", "))))
        }
    }
}
