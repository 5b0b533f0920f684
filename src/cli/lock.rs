//! `lock`: who works on a host, and how to end that.

use std::sync::Arc;
use std::time::SystemTime;

use clap::{Args, Subcommand};

use super::global::GlobalArgs;
use super::{Exit, converge, fleet, prompt, session};
use crate::diagnostic::{Error, Kind, Result};
use crate::host::{self, Host, LockHolder, LockStatus, Released};
use crate::report::Terminal;
use crate::words::ago;

/// Show or release the lock that lets one run at a time work on a host
#[derive(Debug, Args)]
pub struct LockArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Status(StatusArgs),
    Release(ReleaseArgs),
}

/// Show who holds it; exit with 21 when somebody does
#[derive(Debug, Args)]
pub struct StatusArgs {}

/// End the run that holds it
///
/// A run whose connection is lost frees its lock by itself, soon. This is for one that hangs: its connection is
/// ended, so that it stops at both ends. The next run finishes what it had begun.
#[derive(Debug, Args)]
pub struct ReleaseArgs {
    /// Ask nothing
    #[arg(short, long)]
    yes: bool,
}

impl LockArgs {
    /// Runs it.
    pub async fn run(&self, global: &GlobalArgs, terminal: &Terminal) -> Result<Exit> {
        match &self.command {
            Command::Status(_) => status(global, terminal).await,
            Command::Release(args) => args.run(global, terminal).await,
        }
    }
}

/// A connected host and its lock.
struct Seen {
    name: String,
    host: Arc<dyn Host>,
    status: LockStatus,
}

async fn look(global: &GlobalArgs, terminal: &Terminal) -> Result<(Vec<Seen>, SystemTime)> {
    let loaded = Arc::new(converge::load(global, terminal)?);
    let defaults = Arc::new(session::defaults(global)?);
    let mut seen = fleet::each(loaded.hosts()?, global.forks, terminal, |name| {
        let (loaded, defaults) = (loaded.clone(), defaults.clone());
        async move {
            let host = session::connect(&loaded, &name, &defaults).await?;
            let status = host::lock_status(&*host).await?;
            Ok(Seen { name, host, status })
        }
    })
    .await?;
    seen.sort_by(|left, right| left.name.cmp(&right.name));
    Ok((seen, loaded.now))
}

async fn status(global: &GlobalArgs, terminal: &Terminal) -> Result<Exit> {
    let (seen, now) = look(global, terminal).await?;
    if terminal.json() {
        let hosts: Vec<_> = seen.iter().map(|seen| json(seen, now)).collect();
        terminal.out(&format!("{:#}\n", serde_json::json!({"version": 1, "hosts": hosts})));
    } else {
        for Seen { name, status, .. } in &seen {
            terminal.out(&format!("{name}: {}\n", in_words(status, now)));
        }
    }
    let held = seen.iter().any(|seen| seen.status.held());
    Ok(if held { Kind::Locked.exit_code() } else { 0 })
}

fn json(seen: &Seen, now: SystemTime) -> serde_json::Value {
    let holder = seen.status.holder.as_ref().map(|holder| {
        serde_json::json!({
            "who": holder.who,
            "run": holder.run,
            "command": holder.command,
            "since": holder.since,
            "seconds": seconds(&holder.since, now),
        })
    });
    let processes: Vec<_> =
        seen.status.processes.iter().map(|process| serde_json::json!({"pid": process.pid, "name": process.name})).collect();
    serde_json::json!({
        "host": seen.name,
        "held": seen.status.held(),
        "left_over": seen.status.left_over(),
        "holder": holder,
        "processes": processes,
    })
}

/// How long ago something was, on this machine's clock.
fn seconds(since: &str, now: SystemTime) -> Option<u64> {
    let since = humantime::parse_rfc3339_weak(since).ok()?;
    Some(now.duration_since(since).unwrap_or_default().as_secs())
}

fn in_words(status: &LockStatus, now: SystemTime) -> String {
    let by = |LockHolder { who, run, command, since }: &LockHolder| {
        let age = seconds(since, now).map_or_else(String::new, |seconds| format!(", {}", ago(seconds)));
        format!("{who} since {since}{age}: `{command}`, run `{run}`")
    };
    let processes: Vec<String> = status.processes.iter().map(|process| format!("{} ({})", process.pid, process.name)).collect();
    match (&status.holder, status.held()) {
        (Some(holder), true) => format!("held by {}; its processes on the host: {}", by(holder), processes.join(", ")),
        (None, true) => format!("held by somebody who left no name; the processes on the host: {}", processes.join(", ")),
        (Some(holder), false) => {
            format!("free; a note of a run that ended without a word is left over: {}. `homestead lock release` removes it", by(holder))
        }
        (None, false) => "free".to_owned(),
    }
}

impl ReleaseArgs {
    async fn run(&self, global: &GlobalArgs, terminal: &Terminal) -> Result<Exit> {
        let (seen, now) = look(global, terminal).await?;
        let held: Vec<&Seen> = seen.iter().filter(|seen| seen.status.held()).collect();
        for Seen { name, status, .. } in &held {
            terminal.err(&format!("{name}: {}\n", in_words(status, now)));
        }
        if !held.is_empty() && !self.yes {
            let what = if held.len() == 1 { "this run" } else { "these runs" };
            let question = format!("A run that still works is stopped where it is; the next one finishes what it began.\nEnd {what}?");
            if !prompt::confirm(&question)? {
                return Err(Error::new(Kind::Interrupted, "not confirmed; nothing was ended"));
            }
        }
        let mut still = Vec::new();
        for Seen { name, host, status } in &seen {
            let released = host::release_lock(&**host, status).await?;
            let (word, text) = told(&released);
            if matches!(released, Released::Changed | Released::StillHeld(_)) {
                still.push(name.as_str());
            }
            if terminal.json() {
                terminal.tell(name, "lock", &serde_json::json!({"result": word, "text": text}));
            } else {
                terminal.out(&format!("{name}: {text}\n"));
            }
        }
        if still.is_empty() { Ok(0) } else { Err(Error::new(Kind::Locked, format!("still locked: {}", still.join(", ")))) }
    }
}

/// A word for programs, and a line for people.
fn told(released: &Released) -> (&'static str, String) {
    match released {
        Released::Free => ("free", "the lock was free".to_owned()),
        Released::NoteRemoved => ("note-removed", "nobody held the lock; the note that was left over is removed".to_owned()),
        Released::Ended(ended) => ("ended", format!("ended {}; the lock is free", ended.join(", "))),
        Released::Changed => ("changed", "another run holds the lock by now; nothing was ended".to_owned()),
        Released::StillHeld(ended) if ended.is_empty() => ("held", "the lock is still held, and nothing could be ended".to_owned()),
        Released::StillHeld(ended) => ("held", format!("ended {}, and the lock is still held", ended.join(", "))),
    }
}
