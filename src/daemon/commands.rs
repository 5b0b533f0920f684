//! What the daemon does to hosts: it starts homestead's own commands, so that it uses the same lock, journal
//! and roll-back as people do, and so that nothing that happens to a run can take the daemon down.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::decision::Moved;
use super::inventory::Inventory;

/// Asks a run to stop.
#[derive(Clone, Debug, Default)]
pub struct Stop {
    /// At the next safe place.
    pub soft: CancellationToken,
    /// At once; the next run finishes what was begun.
    pub hard: CancellationToken,
}

/// What a look at a host gave.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Seen {
    /// What `status` says of the host.
    pub status: Value,
    /// What moved.
    pub moved: Moved,
    /// Tells one drift from another.
    pub fingerprint: String,
    /// Whether a run is at work there.
    pub locked: bool,
    /// The last run, if it was a rollback.
    pub rollback: Option<Rollback>,
}

/// Somebody's way back to an earlier generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rollback {
    /// When it began.
    pub at: Timestamp,
    /// Whether it came to its end.
    pub finished: bool,
}

/// Why a look gave nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LookFailed {
    /// Whether the host answered at all.
    pub reachable: bool,
    /// Whether the inventory is the reason; nothing was touched, and no host is to blame.
    pub inventory: bool,
    /// Why, in words.
    pub problem: String,
    /// The findings about the inventory, as `check --format json` gives them; null without.
    pub findings: Value,
}

/// How a command ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ended {
    /// Its exit code; nothing where a signal ended it.
    pub exit_code: Option<i32>,
    /// What it said last, if it failed.
    pub message: Option<String>,
}

/// A command for a host.
#[derive(Clone, Copy, Debug)]
pub struct Job<'a> {
    /// The host.
    pub host: &'a str,
    /// The run's id.
    pub run: &'a str,
    /// The command's words.
    pub words: &'a [String],
    /// How long it waits for somebody else's run there.
    pub patience: Duration,
}

/// homestead's commands.
#[async_trait]
pub trait Commands: Send + Sync {
    /// The hosts of the inventory, and whether it moved.
    ///
    /// # Errors
    /// The inventory cannot be read.
    async fn inventory(&self) -> Result<Inventory, LookFailed>;

    /// Compares a host with its last generation and with the inventory.
    ///
    /// # Errors
    /// It does not answer, or the inventory is wrong.
    async fn look(&self, host: &str) -> Result<Seen, LookFailed>;

    /// Looks from here at the certificates that a host's names show: name -> its end, in seconds since 1970.
    ///
    /// # Errors
    /// Why it cannot, in words.
    async fn certificates(&self, host: &str) -> Result<BTreeMap<String, i64>, String>;

    /// What `vars --json` says of a host's variable, or of those that fit a pattern with `*`; without secrets.
    ///
    /// # Errors
    /// Why it cannot, in words.
    async fn variables(&self, host: &str, name: &str) -> Result<Value, String>;

    /// Runs a command for one host. Every line of its stream goes to `line`.
    async fn run(&self, job: Job<'_>, line: &mut (dyn FnMut(Value) + Send), stop: &Stop) -> Ended;
}
