//! One run at a time: an `flock` held by a process on the run's own channel.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::{Exec, Held, Host, Script, failed, lost_lock};
use crate::diagnostic::{Error, Kind, Result};

const LOCK: &str = concat!(include_str!("scripts/unfinished.sh"), include_str!("scripts/lock.sh"));
/// The script's status when somebody else holds the lock (`EX_TEMPFAIL` of sysexits.h).
const BUSY: u32 = 75;
/// What stands before a script whose input went ahead.
pub(super) const INPUT: &str = include_str!("scripts/input.sh");
/// Begins the line before it.
pub(super) const INPUT_WORD: &str = "input";
/// Where it lies until the script reads it.
const INPUTS: &str = "/var/lib/homestead/input";
/// Bytes; the channel takes about two million before the host has to say that it may go on.
const AHEAD_AT_MOST: usize = 512 * 1024;
/// How often the host hears that this end is there; `lock.sh` gives up after a minute without.
const SIGN_OF_LIFE: Duration = Duration::from_secs(10);

/// Who holds a host's lock; `/var/lib/homestead/lock.json` while it is held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockHolder {
    /// `user@machine`.
    pub who: String,
    /// The run's id.
    pub run: String,
    /// What it does: `homestead apply`.
    pub command: String,
    /// RFC 3339.
    pub since: String,
}

/// A run that did not come to its end: as its journal `/var/lib/homestead/journal/<run>.jsonl` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfinished {
    /// Whose it was.
    pub holder: LockHolder,
    /// The last step that it came to; nothing where it came to none.
    pub step: Option<String>,
    /// The units that the step was about.
    pub units: Vec<String>,
}

impl Unfinished {
    /// Reads what `unfinished.sh` says; nothing where there is no such run.
    pub(super) fn read(line: &str) -> Option<Self> {
        #[derive(Deserialize)]
        struct StepLine {
            step: String,
            #[serde(default)]
            units: Vec<String>,
        }
        let mut lines: Vec<serde_json::Value> = serde_json::from_str(line).ok()?;
        let step: Option<StepLine> = if lines.len() > 1 { lines.pop().and_then(|line| serde_json::from_value(line).ok()) } else { None };
        let holder = serde_json::from_value(lines.pop()?).ok()?;
        let (step, units) = step.map_or((None, Vec::new()), |line| (Some(line.step), line.units));
        Some(Self { holder, step, units })
    }

    /// In words: ``the run r1 (`homestead install-all` by me@laptop, since ...) stopped at restart a.service``.
    pub fn sentence(&self) -> String {
        let LockHolder { who, run, command, since } = &self.holder;
        let place = match &self.step {
            Some(step) if self.units.is_empty() => format!("at {step}"),
            Some(step) => format!("at {step} {}", self.units.join(", ")),
            None => "before its first step".to_owned(),
        };
        format!("the run {run} (`{command}` by {who}, since {since}) stopped {place}")
    }
}

/// A held lock: dropping it, or losing the connection, frees it.
pub struct Lock {
    held: Arc<Box<dyn Held>>,
    signs_of_life: JoinSet<()>,
    host: String,
    run: String,
    unfinished: Option<Unfinished>,
    last: Mutex<String>,
    inputs: AtomicUsize,
}

impl Lock {
    /// The newest run before this one that did not come to its end.
    pub const fn unfinished(&self) -> Option<&Unfinished> {
        self.unfinished.as_ref()
    }

    /// Adds a line to the run's journal on the host. It takes no round trip, and is under way before
    /// whatever is asked of the host afterwards.
    ///
    /// # Errors
    /// As [`Lock::check`]; kind `Unreachable` where the connection is lost.
    pub async fn note(&self, line: &impl Serialize) -> Result<()> {
        self.check()?;
        let mut bytes = serde_json::to_vec(line)
            .map_err(|error| Error::new(Kind::Usage, "a line of the journal cannot be written").caused_by(error))?;
        self.noted(String::from_utf8_lossy(&bytes).into_owned());
        bytes.push(b'\n');
        self.held.send(&bytes).await
    }

    /// The run's id, and the line that its journal ends with, or will when the host has written down what it was sent.
    pub fn journal(&self) -> (&str, String) {
        (&self.run, self.last.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    /// The host itself wrote a line into the journal.
    pub fn noted(&self, line: String) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = line;
    }

    /// Sends the input of a script ahead, over the channel that is open already; gives the script that reads it there. A script
    /// that begins takes input only when the host has said so, which is a round trip more. What is large goes the usual way.
    ///
    /// # Errors
    /// As [`Lock::note`].
    pub async fn ahead(&self, script: Script) -> Result<Script> {
        if script.stdin.is_empty() || script.stdin.len() > AHEAD_AT_MOST {
            return Ok(script);
        }
        self.check()?;
        let name = self.inputs.fetch_add(1, Ordering::Relaxed).to_string();
        let head = format!("{INPUT_WORD} {} {name}\n", script.stdin.len());
        self.held.send(&[head.as_bytes(), &script.stdin].concat()).await?;
        let arguments = std::iter::once(format!("{INPUTS}/{name}")).chain(script.arguments);
        Ok(Script::new(format!("{INPUT}{}", script.text), arguments))
    }

    /// Has the run's chains on the host end at their next gate. Like a note, it takes no round trip.
    ///
    /// # Errors
    /// Kind `Unreachable` where the connection is lost.
    pub async fn stop_chains(&self) -> Result<()> {
        self.held.send(b"stop\n").await
    }

    /// Whether the lock is held still.
    ///
    /// # Errors
    /// Kind `Locked` where somebody took it away on the host.
    pub fn check(&self) -> Result<()> {
        if !self.held.ended() {
            return Ok(());
        }
        Err(lost_lock(&self.host))
    }

    /// Frees the lock, and waits until it is free.
    pub async fn release(mut self) {
        self.signs_of_life.shutdown().await;
        // Nobody else has it then.
        if let Some(held) = Arc::into_inner(self.held) {
            held.finish().await;
        }
    }
}

/// Takes the host's lock; waits for it as long as `patience` says. An error of kind `Locked` names the
/// holder.
pub async fn lock(host: &dyn Host, holder: &LockHolder, patience: Duration) -> Result<Lock> {
    let mut line =
        serde_json::to_vec(holder).map_err(|error| Error::new(Kind::Usage, "the lock's holder cannot be written down").caused_by(error))?;
    line.push(b'\n');
    let seconds = patience.as_secs().to_string();
    match host.hold(Exec::new(LOCK).arguments(&[&seconds, &holder.run]).stdin(&line)).await? {
        Ok((answer, held)) => {
            let unfinished = answer.strip_prefix("locked ").and_then(Unfinished::read);
            let held = Arc::new(held);
            let mut signs_of_life = JoinSet::new();
            signs_of_life.spawn(say_alive(Arc::clone(&held)));
            Ok(Lock {
                held,
                signs_of_life,
                host: host.name().to_owned(),
                run: holder.run.clone(),
                unfinished,
                last: Mutex::default(),
                inputs: AtomicUsize::new(0),
            })
        }
        Err(output) if output.status == BUSY => Err(locked(host.name(), &output.stderr)),
        Err(output) => Err(failed(host, "taking the lock", &output)),
    }
}

/// A connection that breaks without a word would keep the lock on the host for hours. Ends with the connection.
async fn say_alive(held: Arc<Box<dyn Held>>) {
    loop {
        sleep(SIGN_OF_LIFE).await;
        if held.send(b"\n").await.is_err() {
            return;
        }
    }
}

/// The error for a lock that somebody else holds; the last line of `text` is the [`LockHolder`] as JSON, if it is known.
pub fn locked(host: &str, text: &[u8]) -> Error {
    let line = text.rsplit(|&byte| byte == b'\n').find(|line| !line.is_empty()).unwrap_or_default();
    let message = match serde_json::from_slice::<LockHolder>(line) {
        Ok(LockHolder { who, run, command, since }) => format!("`{host}` is locked by {who} since {since}: `{command}`, run `{run}`"),
        Err(_) => format!("`{host}` is locked by another run"),
    };
    Error::new(Kind::Locked, message)
        .hint("wait for it, or give `--lock-wait SECONDS`; a run whose connection is lost frees its lock by itself")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::chain::NO_LOCK;
    use crate::host::{FakeHost, Output};

    fn holder() -> LockHolder {
        LockHolder { who: "me@laptop".into(), run: "r1".into(), command: "homestead apply".into(), since: "2026-11-22T03:33:51Z".into() }
    }

    /// What a script says that takes its input from `folder`, where nobody else writes any.
    fn with_input_from(folder: &std::path::Path) -> (Option<i32>, String) {
        let output = std::process::Command::new("sh")
            .args(["-c", &format!("{INPUT}cat; echo \"and $1\""), "sh", folder.join("input/0").to_str().unwrap(), "a word"])
            .output()
            .unwrap();
        (output.status.code(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
    }

    #[test]
    fn input_that_went_ahead_is_taken_or_missed_with_its_reason() {
        let folder = tempfile::tempdir().unwrap();
        fs_err::create_dir(folder.path().join("input")).unwrap();
        fs_err::write(folder.path().join("lock"), "").unwrap();
        fs_err::write(folder.path().join("input/0"), "some words\n").unwrap();
        assert_eq!(with_input_from(folder.path()), (Some(0), "some words\nand a word\n".into()));
        assert!(!folder.path().join("input/0").exists());
        // Nobody holds the lock: nobody would bring the input.
        assert_eq!(with_input_from(folder.path()), (Some(i32::try_from(NO_LOCK).unwrap()), String::new()));
        fs_err::write(folder.path().join("input/0.failed"), "").unwrap();
        let full = "the input of a script cannot be kept: No space left on device\n";
        assert_eq!(with_input_from(folder.path()), (Some(1), full.into()));
    }

    #[tokio::test]
    async fn the_holder_is_named() {
        let stderr = serde_json::to_vec(&holder()).unwrap();
        let host = FakeHost::new().answer("locked\n").expect_output(None, Ok(Output { status: 75, stdout: vec![], stderr }));
        assert!(lock(&host, &holder(), Duration::ZERO).await.is_ok());
        let asked = host.asked();
        let asked = asked.first().unwrap();
        assert_eq!(asked.arguments, ["0", "r1"]);
        assert_eq!(
            asked.stdin,
            b"{\"who\":\"me@laptop\",\"run\":\"r1\",\"command\":\"homestead apply\",\"since\":\"2026-11-22T03:33:51Z\"}\n"
        );
        let Err(error) = lock(&host, &holder(), Duration::ZERO).await else { panic!("locked twice") };
        assert_eq!(error.kind, Kind::Locked);
        assert_eq!(error.to_string(), "`fake` is locked by me@laptop since 2026-11-22T03:33:51Z: `homestead apply`, run `r1`");
    }

    #[tokio::test]
    async fn a_lock_without_a_name_is_a_lock() {
        let host = FakeHost::new().answer_failure(75, "");
        let Err(error) = lock(&host, &holder(), Duration::ZERO).await else { panic!("locked twice") };
        assert_eq!((error.kind, error.to_string().as_str()), (Kind::Locked, "`fake` is locked by another run"));
    }

    #[tokio::test]
    async fn a_journal_is_written_and_the_last_unfinished_run_is_told() {
        let answer = "locked [{\"event\":\"begin\",\"run\":\"r0\",\"command\":\"homestead install-all\",\"who\":\"me@laptop\",\
                      \"since\":\"2026-11-22T03:33:51Z\",\"version\":\"0.1.0\"},{\"event\":\"step\",\"step\":\"restart\",\"units\":[\"a.service\"]}]\n";
        let host = FakeHost::new().answer(answer);
        let lock = lock(&host, &holder(), Duration::ZERO).await.unwrap();
        assert_eq!(
            lock.unfinished().unwrap().sentence(),
            "the run r0 (`homestead install-all` by me@laptop, since 2026-11-22T03:33:51Z) stopped at restart a.service"
        );
        lock.note(&serde_json::json!({"event": "step"})).await.unwrap();
        assert_eq!(host.told(), "{\"event\":\"step\"}\n");
        host.end_held();
        assert_eq!(lock.note(&serde_json::json!({})).await.unwrap_err().kind, Kind::Locked);
        lock.release().await;
    }
}
