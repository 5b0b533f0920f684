//! homestead's own commands as child processes, spoken to in JSON.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, BufReader};
use tokio::process::{Child, Command};

use super::allowed;
use super::commands::{Commands, Ended, Job, LookFailed, Seen, Stop};
use super::inventory::Inventory;
use super::sight;
use crate::diagnostic::{Error, Kind};

/// Reads the inventory. In the daemon itself: it takes no host.
pub type ReadInventory = Arc<dyn Fn() -> Result<Inventory, Error> + Send + Sync>;

/// Starts the program anew for each command.
pub struct Processes {
    /// homestead.
    pub program: PathBuf,
    /// The options of the daemon's own command line that its children take too: inventory, roles, vault.
    pub options: Vec<OsString>,
    /// What the inventory is.
    pub read_inventory: ReadInventory,
    /// The findings of an error, as `check --format json` gives them.
    pub findings: fn(&Error) -> Value,
}

/// The environment variable that gives a child its run's id, so that the daemon's record, the host's journal and
/// the run's log speak of the same run.
pub const RUN_ID: &str = "HOMESTEAD_RUN_ID";
/// So much of what a command complains is kept.
const COMPLAINT: usize = 16 * 1024;

impl Processes {
    fn child(&self, host: &str, words: &[String], run: Option<(&str, Duration)>, speaks: Speaks) -> std::io::Result<Child> {
        let mut command = Command::new(&self.program);
        command.args(words).args(&self.options).args(["--limit", host]);
        match speaks {
            Speaks::Json => command.arg("--json"),
            Speaks::Text => command.arg("--no-color"),
        };
        if words.first().is_some_and(|name| name == "rollback") {
            // Who asked the daemon has been asked.
            command.arg("--yes");
        }
        command.stdin(Stdio::null());
        if let Some((run, patience)) = run {
            // Its standard input ends with this process, however that ends: a run without its daemon stops at the next
            // safe place.
            command.env(RUN_ID, run).args(["--until-stdin-ends", "--lock-wait", &patience.as_secs().to_string()]).stdin(Stdio::piped());
        }
        // A group of its own: a Ctrl-C for the daemon is no Ctrl-C for what it runs, the daemon decides.
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0).kill_on_drop(true);
        command.spawn()
    }

    /// Runs a command that gives one document.
    async fn ask(&self, host: &str, words: &[&str]) -> Result<Said, String> {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        let mut child = self.child(host, &words, None, Speaks::Json).map_err(|error| format!("homestead cannot be started: {error}"))?;
        let (Some(mut stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take()) else {
            return Err("homestead has no output".to_owned());
        };
        let mut text = String::new();
        let (read, complaint) = tokio::join!(stdout.read_to_string(&mut text), complaint(stderr));
        read.map_err(|error| format!("what homestead says cannot be read: {error}"))?;
        let status = child.wait().await.map_err(|error| format!("homestead cannot be waited for: {error}"))?;
        Ok(Said { text, complaint, code: status.code() })
    }
}

/// What a command's output is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Speaks {
    /// JSON, for programs.
    Json,
    /// Lines, for people.
    Text,
}

/// What a command said.
struct Said {
    text: String,
    complaint: String,
    code: Option<i32>,
}

#[async_trait]
impl Commands for Processes {
    async fn inventory(&self) -> Result<Inventory, LookFailed> {
        let (read, findings) = (self.read_inventory.clone(), self.findings);
        let outcome = tokio::task::spawn_blocking(move || read().map_err(|error| (findings(&error), error.to_string()))).await;
        let (findings, problem) = match outcome {
            Ok(Ok(inventory)) => return Ok(inventory),
            Ok(Err(problem)) => problem,
            Err(error) => (Value::Null, format!("reading the inventory ended badly: {error}")),
        };
        Err(LookFailed { reachable: false, inventory: true, problem, findings })
    }

    async fn look(&self, host: &str) -> Result<Seen, LookFailed> {
        let failed = |problem: String| LookFailed { reachable: true, inventory: false, problem, findings: Value::Null };
        let Said { text, complaint, code } = self.ask(host, &["status"]).await.map_err(failed)?;
        if code == Some(0) {
            return sight::seen(&text, host).map_err(failed);
        }
        let last = last_line(&text);
        let problem = last.get("message").and_then(Value::as_str).map_or(complaint, str::to_owned);
        Err(LookFailed {
            reachable: code != Some(i32::from(Kind::Unreachable.exit_code())),
            inventory: code == Some(i32::from(Kind::Invalid.exit_code())),
            problem,
            findings: last.get("diagnostics").cloned().unwrap_or_default(),
        })
    }

    async fn certificates(&self, host: &str) -> Result<BTreeMap<String, i64>, String> {
        let Said { text, complaint, .. } = self.ask(host, &["self-check"]).await?;
        // Its exit code is about everything that it looks at.
        sight::certificates(&text, host).map_err(|problem| if complaint.is_empty() { problem } else { complaint })
    }

    async fn variables(&self, host: &str, name: &str) -> Result<Value, String> {
        let Said { text, complaint, code } = self.ask(host, &["vars", name]).await?;
        if code == Some(0) {
            return serde_json::from_str(&text).map_err(|error| format!("what `vars` says is no JSON: {error}"));
        }
        let last = last_line(&text);
        let message = last.get("message").and_then(Value::as_str).map_or(complaint, str::to_owned);
        let hints = last.get("hints").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        Err(std::iter::once(message.as_str()).chain(hints).collect::<Vec<_>>().join("; "))
    }

    async fn run(&self, job: Job<'_>, line: &mut (dyn FnMut(Value) + Send), stop: &Stop) -> Ended {
        let Job { host, run, words, patience } = job;
        let speaks = if allowed::command(words).is_some_and(|command| command.looks) { Speaks::Text } else { Speaks::Json };
        let mut child = match self.child(host, words, Some((run, patience)), speaks) {
            Ok(child) => child,
            Err(error) => return Ended { exit_code: Some(1), message: Some(format!("homestead cannot be started: {error}")) },
        };
        let (Some(stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take()) else {
            return Ended { exit_code: Some(1), message: Some("homestead has no output".to_owned()) };
        };
        let pid = child.id();
        let _lives_as_long_as_this = child.stdin.take();
        let mut failure = None;
        let lines = async {
            let mut lines = BufReader::new(stdout).lines();
            // Something that is no line of text ends the reading; the exit code tells the rest.
            while let Ok(Some(text)) = lines.next_line().await {
                if speaks == Speaks::Text {
                    line(output(&text, false));
                    continue;
                }
                let Ok(value) = serde_json::from_str::<Value>(&text) else { continue };
                if value.get("event").and_then(Value::as_str) == Some("failed") {
                    failure = value.get("message").and_then(Value::as_str).map(str::to_owned);
                }
                line(value);
            }
        };
        let stopping = async {
            stop.soft.cancelled().await;
            signal(pid, rustix::process::Signal::INT);
            stop.hard.cancelled().await;
            signal(pid, rustix::process::Signal::KILL);
            std::future::pending::<std::convert::Infallible>().await
        };
        let work = async {
            let ((), complaint) = tokio::join!(lines, complaint(stderr));
            (child.wait().await, complaint)
        };
        let (status, complaint) = tokio::select! {
            done = work => done,
            never = stopping => match never {},
        };
        match status {
            Ok(status) if status.success() => {
                // What stands beside a result, such as that a run is half done.
                complaint.lines().filter(|_| speaks == Speaks::Text).for_each(|text| line(output(text, true)));
                Ended { exit_code: Some(0), message: None }
            }
            Ok(status) => {
                let complaint = complaint.strip_prefix("error: ").unwrap_or(&complaint).to_owned();
                Ended { exit_code: status.code(), message: failure.or(Some(complaint)).filter(|text| !text.is_empty()) }
            }
            Err(error) => Ended { exit_code: None, message: Some(format!("homestead cannot be waited for: {error}")) },
        }
    }
}

/// A line of text as an event.
fn output(text: &str, stderr: bool) -> Value {
    json!({"version": 1, "event": "output", "line": text, "stderr": stderr})
}

/// The last line of what a command says, where it is JSON; a failure is.
fn last_line(text: &str) -> Value {
    text.lines().last().and_then(|line| serde_json::from_str(line).ok()).unwrap_or_default()
}

/// The last of what a command complains, as text.
async fn complaint(mut stderr: impl AsyncRead + Unpin) -> String {
    let mut kept = Vec::new();
    let mut block = [0; 4096];
    while let Ok(read) = stderr.read(&mut block).await {
        if read == 0 {
            break;
        }
        kept.extend_from_slice(block.get(..read).unwrap_or_default());
        let over = kept.len().saturating_sub(COMPLAINT);
        kept.drain(..over);
    }
    String::from_utf8_lossy(&kept).trim().to_owned()
}

fn signal(pid: Option<u32>, signal: rustix::process::Signal) {
    let pid = pid.and_then(|pid| i32::try_from(pid).ok()).and_then(rustix::process::Pid::from_raw);
    if let Some(pid) = pid
        && let Err(error) = rustix::process::kill_process(pid, signal)
    {
        tracing::debug!(%error, "a run has ended before its signal");
    }
}
