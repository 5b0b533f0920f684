//! One run at a time: an `flock` held by a process on the run's own channel.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Exec, Held, Host, failed};
use crate::diagnostic::{Error, Kind, Result};

const LOCK: &str = include_str!("scripts/lock.sh");
/// The script's status when somebody else holds the lock (`EX_TEMPFAIL` of sysexits.h).
const BUSY: u32 = 75;

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

/// A held lock: dropping it, or losing the connection, frees it.
pub struct Lock {
    _held: Box<dyn Held>,
}

/// Takes the host's lock; waits for it as long as `patience` says. An error of kind `Locked` names the
/// holder.
pub async fn lock(host: &dyn Host, holder: &LockHolder, patience: Duration) -> Result<Lock> {
    let mut line =
        serde_json::to_vec(holder).map_err(|error| Error::new(Kind::Usage, "the lock's holder cannot be written down").caused_by(error))?;
    line.push(b'\n');
    let seconds = patience.as_secs().to_string();
    match host.hold(Exec::new(LOCK).arguments(&[&seconds]).stdin(&line)).await? {
        Ok((_, held)) => Ok(Lock { _held: held }),
        Err(output) if output.status == BUSY => Err(locked(host.name(), &output.stderr)),
        Err(output) => Err(failed(host, "taking the lock", &output)),
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
    use crate::host::{FakeHost, Output};

    fn holder() -> LockHolder {
        LockHolder { who: "me@laptop".into(), run: "r1".into(), command: "homestead apply".into(), since: "2026-11-22T03:33:51Z".into() }
    }

    #[tokio::test]
    async fn the_holder_is_named() {
        let stderr = serde_json::to_vec(&holder()).unwrap();
        let host = FakeHost::new().answer("locked\n").expect_output(None, Ok(Output { status: 75, stdout: vec![], stderr }));
        assert!(lock(&host, &holder(), Duration::ZERO).await.is_ok());
        let asked = host.asked();
        let asked = asked.first().unwrap();
        assert_eq!(asked.arguments, ["0"]);
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
}
