//! Who holds a host's lock, and how to end that.

use super::{Exec, Host, LockHolder, run};
use crate::diagnostic::Result;

const STATUS: &str = concat!(include_str!("scripts/lock_holders.sh"), include_str!("scripts/lock_status.sh"));
const RELEASE: &str = concat!(include_str!("scripts/lock_holders.sh"), include_str!("scripts/lock_release.sh"));

/// How a host's lock is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LockStatus {
    /// What the holder wrote down about itself. It may be left over from one that is gone.
    pub holder: Option<LockHolder>,
    /// The container that the holder works in, for one that goes on without its connection.
    pub container: Option<String>,
    /// The processes on the host that hold it; empty where it is free.
    pub processes: Vec<LockProcess>,
}

/// A process that holds a lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockProcess {
    /// Its number on the host.
    pub pid: u32,
    /// The name of its program.
    pub name: String,
}

impl LockStatus {
    /// Whether somebody holds it.
    pub const fn held(&self) -> bool {
        !self.processes.is_empty()
    }

    /// Whether it is free, and a note says otherwise.
    pub const fn left_over(&self) -> bool {
        !self.held() && self.holder.is_some()
    }
}

/// How releasing a lock went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Released {
    /// Nobody held it, and no note lay there.
    Free,
    /// Nobody held it; a note of somebody who is gone was removed.
    NoteRemoved,
    /// These were ended, and it is free: `process 123 (sshd)`, `container matrix-syn2mas`.
    Ended(Vec<String>),
    /// Another run holds it by now; nothing was done.
    Changed,
    /// It is still held after these were ended.
    StillHeld(Vec<String>),
}

/// Looks who holds the lock, without taking it.
///
/// # Errors
/// The connection breaks.
pub async fn lock_status(host: &dyn Host) -> Result<LockStatus> {
    let output = run(host, "looking at the lock", Exec::new(STATUS)).await?;
    Ok(parse(&String::from_utf8_lossy(&output)))
}

fn parse(text: &str) -> LockStatus {
    let mut status = LockStatus::default();
    for line in text.lines() {
        if let Some(note) = line.strip_prefix("note ") {
            let note: serde_json::Value = serde_json::from_str(note).unwrap_or_default();
            status.container = note.get("container").and_then(serde_json::Value::as_str).map(str::to_owned);
            status.holder = serde_json::from_value(note).ok();
        } else if let Some((pid, name)) = line.strip_prefix("process ").and_then(|rest| rest.split_once(' '))
            && let Ok(pid) = pid.parse()
        {
            status.processes.push(LockProcess { pid, name: name.to_owned() });
        }
    }
    status
}

/// Ends the run that `status` found: its connection, so that it stops at both ends; else the processes themselves.
/// Where nobody holds the lock, removes the note of somebody who is gone.
///
/// # Errors
/// The connection breaks.
pub async fn release_lock(host: &dyn Host, status: &LockStatus) -> Result<Released> {
    let run_id = status.holder.as_ref().map_or("", |holder| holder.run.as_str());
    let container = status.container.as_deref().unwrap_or_default();
    let output = run(host, "releasing the lock", Exec::new(RELEASE).arguments(&[run_id, container])).await?;
    let mut ended = Vec::new();
    let mut note = false;
    let mut free = false;
    for line in String::from_utf8_lossy(&output).lines() {
        match line.split_once(' ') {
            Some(("ended", process)) => ended.push(match process.split_once(' ') {
                Some((pid, name)) if !name.is_empty() => format!("process {pid} ({name})"),
                _ => format!("process {}", process.trim()),
            }),
            Some(("container", name)) => ended.push(format!("container {name}")),
            _ => match line {
                "changed" => return Ok(Released::Changed),
                "note" => note = true,
                "free" => free = true,
                _ => {}
            },
        }
    }
    Ok(match (free, ended.is_empty()) {
        (true, true) if note => Released::NoteRemoved,
        (true, true) => Released::Free,
        (true, false) => Released::Ended(ended),
        (false, _) => Released::StillHeld(ended),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::FakeHost;

    const NOTE: &str = r#"note {"who":"me@laptop","run":"r1","command":"homestead install-all","since":"2026-11-22T03:33:51Z"}"#;

    #[tokio::test]
    async fn a_lock_is_held_free_or_left_over() {
        let host = FakeHost::new()
            .answer(format!("{NOTE}\nprocess 12 sh\nprocess 13 cat\nend\n"))
            .answer(format!("{NOTE}\nend\n"))
            .answer("note \nprocess 12 sh\nend\n")
            .answer("note \nend\n");
        let held = lock_status(&host).await.unwrap();
        assert_eq!(held.holder.as_ref().unwrap().run, "r1");
        assert_eq!(
            held.processes.iter().map(|process| (process.pid, process.name.as_str())).collect::<Vec<_>>(),
            [(12, "sh"), (13, "cat")]
        );
        let left = lock_status(&host).await.unwrap();
        assert!(held.held() && !held.left_over() && !left.held() && left.left_over());
        let unnamed = lock_status(&host).await.unwrap();
        assert!(unnamed.held() && unnamed.holder.is_none());
        assert_eq!(lock_status(&host).await.unwrap(), LockStatus::default());
    }

    #[tokio::test]
    async fn only_the_run_that_was_shown_is_ended() {
        let host = FakeHost::new()
            .answer("ended 9 sshd-session\nfree\n")
            .answer("changed\n")
            .answer("note\nfree\n")
            .answer("free\n")
            .answer("container matrix-syn2mas\nended 12 sh\nheld\n");
        let mut status = parse(NOTE);
        assert_eq!(release_lock(&host, &status).await.unwrap(), Released::Ended(vec!["process 9 (sshd-session)".into()]));
        assert_eq!(release_lock(&host, &status).await.unwrap(), Released::Changed);
        assert_eq!(release_lock(&host, &status).await.unwrap(), Released::NoteRemoved);
        assert_eq!(release_lock(&host, &status).await.unwrap(), Released::Free);
        status.container = Some("matrix-syn2mas".into());
        let held = Released::StillHeld(vec!["container matrix-syn2mas".into(), "process 12 (sh)".into()]);
        assert_eq!(release_lock(&host, &status).await.unwrap(), held);
        assert_eq!(host.asked().last().unwrap().arguments, ["r1", "matrix-syn2mas"]);
    }
}
