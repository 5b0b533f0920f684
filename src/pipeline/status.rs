//! How a host is, compared with its inventory and with the last run on it.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Prepared, Sight, leftovers, live, observe};
use crate::diagnostic::Result;
use crate::host::{self, Host, LockStatus, PastRun, Unfinished};
use crate::migration::Migration;
use crate::plan::{Drift, KeptData, Scope, drift, plan};

/// How a host is.
#[derive(Clone, Debug)]
pub struct Status {
    /// What is not as declared, and each unit.
    pub drift: Drift,
    /// Who works on it.
    pub lock: LockStatus,
    /// A run that did not come to its end.
    pub unfinished: Option<Unfinished>,
    /// Seconds since the last successful run ended.
    pub ended_ago: Option<u64>,
    /// The last runs that touched something, the newest first.
    pub last_runs: Vec<PastRun>,
    /// Data that nothing wants any more.
    pub kept: Vec<KeptData>,
    /// What the host remembers about a migration of its accounts.
    pub migration: Migration,
}

impl Status {
    /// Whether all is as declared, and no run is to be finished.
    pub fn is_fine(&self) -> bool {
        self.drift.is_none() && (self.unfinished.is_none() || self.lock.held())
    }
}

/// Looks at a host and compares; takes no lock and writes nothing.
///
/// # Errors
/// The connection breaks; Docker does not answer; the host's memory cannot be read.
pub async fn status(host: &Arc<dyn Host>, prepared: &Prepared, sight: Sight) -> Result<Status> {
    let desired = &prepared.desired;
    let (observed, lock) = tokio::join!(observe(host, desired, sight), host::lock_status(&**host));
    let (mut observed, lock) = (observed?, lock?);
    leftovers(host, desired, &mut observed, &BTreeSet::new()).await?;
    let runs = host::runs(&**host, observed.memory.generation).await?;
    let live = live(host, desired, &observed, &runs).await?;
    let redactor = prepared.redactor();
    let plan = plan(desired, &observed, &Scope::default(), &|text| redactor.redact(text).into_owned());
    let drift = drift(desired, &observed, &plan, &live);
    let ended_ago = runs.ended_ago.filter(|_| observed.memory.generation > 0);
    Ok(Status {
        drift,
        lock,
        unfinished: runs.unfinished,
        ended_ago,
        last_runs: runs.last,
        kept: plan.kept,
        migration: prepared.migration.clone(),
    })
}
