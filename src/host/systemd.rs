//! systemd through `systemctl` and `journalctl`: one exec for each deed, whatever the number of units.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Exec, Host, Output, Script, failed, run};
use crate::diagnostic::Result;

/// How a unit is, as `systemctl show` says (systemd's D-Bus interface, org.freedesktop.systemd1(5)).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnitState {
    /// `loaded`, `not-found`, `bad-setting`, `error`, `masked`.
    pub load: String,
    /// `active`, `reloading`, `inactive`, `failed`, `activating`, `deactivating`.
    pub active: String,
    /// `running`, `exited`, `dead`, `auto-restart`...
    pub sub: String,
    /// `enabled`, `disabled`, `static`, `masked`...; empty where there is no unit file.
    pub enabled: String,
    /// 0 where there is none.
    pub main_pid: u32,
    /// As systemd writes it, in the host's time zone; empty where it never was active.
    pub active_since: String,
    /// Microseconds since the host's boot; 0 where it never was active. Tells two starts apart.
    pub active_since_monotonic: u64,
    /// Whether the unit file changed since systemd read it.
    pub need_daemon_reload: bool,
    /// `success`, or how the last run failed: `exit-code`, `signal`, `timeout`, `start-limit-hit`...
    pub result: String,
    /// How often systemd restarted it by itself.
    pub restarts: u32,
    /// The unit file; empty where there is none.
    pub path: String,
}

impl UnitState {
    /// Whether systemd knows such a unit.
    pub fn exists(&self) -> bool {
        self.load != "not-found"
    }

    /// Whether it runs, or ran to its end if that is its purpose.
    pub fn is_active(&self) -> bool {
        self.active == "active"
    }
}

/// Blocks of `Name=value` lines, separated by empty lines, in the order in which units were named.
pub(super) fn parse_units(text: &str) -> Vec<UnitState> {
    let blocks = text.trim().split("\n\n").filter(|block| !block.trim().is_empty());
    blocks
        .map(|block| {
            let mut state = UnitState::default();
            for (name, value) in block.lines().filter_map(|line| line.split_once('=')) {
                match name {
                    "LoadState" => value.clone_into(&mut state.load),
                    "ActiveState" => value.clone_into(&mut state.active),
                    "SubState" => value.clone_into(&mut state.sub),
                    "UnitFileState" => value.clone_into(&mut state.enabled),
                    "MainPID" => state.main_pid = value.parse().unwrap_or_default(),
                    "ActiveEnterTimestamp" => value.clone_into(&mut state.active_since),
                    "ActiveEnterTimestampMonotonic" => state.active_since_monotonic = value.parse().unwrap_or_default(),
                    "NeedDaemonReload" => state.need_daemon_reload = value == "yes",
                    "Result" => value.clone_into(&mut state.result),
                    "NRestarts" => state.restarts = value.parse().unwrap_or_default(),
                    "FragmentPath" => value.clone_into(&mut state.path),
                    _ => {}
                }
            }
            state
        })
        .collect()
}

/// The state of each unit.
pub async fn unit_states(host: &dyn Host, units: &[String]) -> Result<BTreeMap<String, UnitState>> {
    let request = super::ObserveRequest { units: units.to_vec(), ..super::ObserveRequest::default() };
    Ok(super::observe(host, &request).await?.units)
}

/// Makes systemd read its unit files again.
pub async fn daemon_reload(host: &dyn Host) -> Result<()> {
    systemctl(host, Verb::DaemonReload, &[]).await
}

/// Starts units at boot.
pub async fn enable(host: &dyn Host, units: &[String]) -> Result<()> {
    systemctl(host, Verb::Enable, units).await
}

/// Starts units at boot no more.
pub async fn disable(host: &dyn Host, units: &[String]) -> Result<()> {
    systemctl(host, Verb::Disable, units).await
}

/// Starts units, together, in the order of their dependencies; waits for them.
pub async fn start(host: &dyn Host, units: &[String]) -> Result<()> {
    systemctl(host, Verb::Start, units).await
}

/// Stops units, together; waits for them.
pub async fn stop(host: &dyn Host, units: &[String]) -> Result<()> {
    systemctl(host, Verb::Stop, units).await
}

/// Restarts units, together; starts those that did not run; waits for them.
pub async fn restart(host: &dyn Host, units: &[String]) -> Result<()> {
    systemctl(host, Verb::Restart, units).await
}

/// Forgets failures, so that a start limit does not stand in the way.
pub async fn reset_failed(host: &dyn Host, units: &[String]) -> Result<()> {
    systemctl(host, Verb::ResetFailed, units).await
}

async fn systemctl(host: &dyn Host, verb: Verb, units: &[String]) -> Result<()> {
    if verb != Verb::DaemonReload && units.is_empty() {
        return Ok(());
    }
    verb.outcome(host, &verb.script(units).run(host).await?)
}

/// What `systemctl` does with units, all of them together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Reads the files of all units again.
    DaemonReload,
    /// From now on at boot.
    Enable,
    /// No more at boot.
    Disable,
    /// In the order of their dependencies; waits for them.
    Start,
    /// Waits for them.
    Stop,
    /// Starts those that did not run; waits for them.
    Restart,
    /// Forgets failures, so that a start limit does not stand in the way.
    ResetFailed,
}

impl Verb {
    /// The script that does it.
    pub fn script(self, units: &[String]) -> Script {
        let verb = match self {
            Self::DaemonReload => "daemon-reload",
            Self::Enable => "enable --quiet",
            Self::Disable => "disable --quiet",
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Restart => "restart",
            Self::ResetFailed => "reset-failed",
        };
        Script::new(format!("exec systemctl --no-ask-password {verb} -- \"$@\""), units)
    }

    /// What came of the script.
    ///
    /// # Errors
    /// systemd's own words.
    pub fn outcome(self, host: &dyn Host, output: &Output) -> Result<()> {
        let what = match self {
            Self::DaemonReload => "reloading systemd",
            Self::Enable => "enabling units",
            Self::Disable => "disabling units",
            Self::Start => "starting units",
            Self::Stop => "stopping units",
            Self::Restart => "restarting units",
            Self::ResetFailed => "forgetting failures of units",
        };
        if output.status == 0 { Ok(()) } else { Err(failed(host, what, output)) }
    }
}

/// The last lines that a unit wrote, with their times.
pub async fn journal_tail(host: &dyn Host, unit: &str, lines: u32) -> Result<Vec<String>> {
    let script = "exec journalctl --no-pager --quiet --output=short-iso --lines=\"$2\" --unit=\"$1\"";
    let output = run(host, "reading the journal", Exec::new(script).arguments(&[unit, &lines.to_string()])).await?;
    Ok(String::from_utf8_lossy(&output).lines().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::FakeHost;

    #[tokio::test]
    async fn several_units_restart_in_one_call() {
        let host = FakeHost::new().expect("exec systemctl --no-ask-password restart -- \"$@\"", "");
        restart(&host, &["a.service".into(), "b.service".into()]).await.unwrap();
        assert_eq!(host.asked().first().unwrap().arguments, ["a.service", "b.service"]);
        restart(&host, &[]).await.unwrap();
        assert_eq!(host.asked().len(), 1);
    }

    #[tokio::test]
    async fn an_error_carries_what_systemctl_said() {
        let host = FakeHost::new().answer_failure(5, "Failed to start x.service: Unit x.service not found.\n");
        let error = start(&host, &["x.service".into()]).await.unwrap_err();
        assert_eq!(error.to_string(), "`fake`: starting units failed: Failed to start x.service: Unit x.service not found.");
    }

    #[test]
    fn blocks_become_states() {
        let text = "Id=a.service\nLoadState=loaded\nActiveState=active\nSubState=running\nUnitFileState=enabled\nMainPID=42\nActiveEnterTimestamp=Sun 2026-11-22 03:33:51 UTC\nActiveEnterTimestampMonotonic=77\nNeedDaemonReload=yes\nResult=success\nNRestarts=2\nFragmentPath=/etc/systemd/system/a.service\n\nLoadState=not-found\nActiveState=inactive\n";
        let states = parse_units(text);
        assert_eq!(states.len(), 2);
        let first = states.first().unwrap();
        assert!(first.exists() && first.is_active() && first.need_daemon_reload);
        assert_eq!((first.main_pid, first.active_since_monotonic, first.restarts), (42, 77, 2));
        assert!(!states.get(1).unwrap().exists());
    }
}
