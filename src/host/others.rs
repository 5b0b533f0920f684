//! Units that homestead did not make and that require its own, as the playbook's bridges require Synapse. systemd stops them
//! with what they require and brings them back with a restart of it, not with a stop and a start (systemd.unit(5),
//! `Requires=`). So whoever stops a unit to start it again writes them down on the host first.

use super::systemd::Verb;
use super::{Host, Lock, Script, run_while_held, while_held};
use crate::diagnostic::Result;

/// The active units that stop when the first argument stops, and those of the other arguments, a line each.
pub const DEPENDENTS: &str = include_str!("scripts/dependents.sh");

/// The functions `note_others` and `start_others`; see `scripts/others.sh`.
pub const OTHERS: &str = concat!("dependents() (\n", include_str!("scripts/dependents.sh"), ")\n", include_str!("scripts/others.sh"));

const BASE: &str = "base=/var/lib/homestead\numask 077\nmkdir -p -- \"$base\" && chmod 700 -- \"$base\" || exit 1\n";

/// The script that stops units which a later step starts again.
pub fn stop_for_now_script(units: &[String]) -> Script {
    Script::new(format!("{BASE}{OTHERS}note_others \"$@\" || exit 1\nexec systemctl --no-ask-password stop -- \"$@\""), units)
}

/// Stops units that the caller, or the next run, starts again, if the lock is still held.
///
/// # Errors
/// What will stop with them cannot be written down, so that nothing was stopped; the lock was lost; systemd's own words.
pub async fn stop_for_now(host: &dyn Host, lock: &Lock, units: &[String]) -> Result<()> {
    if units.is_empty() {
        return Ok(());
    }
    Verb::Stop.outcome(host, &while_held(host, lock, stop_for_now_script(units)).await?)
}

/// Starts what stopped with units that run again. What does not start has said so to systemd, which it is left to.
///
/// # Errors
/// The lock was lost; what waits cannot be written down; the connection breaks.
pub async fn start_others(host: &dyn Host, lock: &Lock) -> Result<()> {
    let script = Script::new(format!("{BASE}{OTHERS}start_others"), [""; 0]);
    run_while_held(host, lock, "starting what stopped with other units", script).await.map(drop)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;
    use std::process::Command;

    use super::*;

    /// Answers out of files, and writes down what it is to start.
    const SYSTEMCTL: &str = r#"#!/bin/sh
for unit; do :; done
case $* in
*=RequiredBy*) cat "$base/required-by/$unit" ;;
*=Requires*) cat "$base/requires/$unit" ;;
*=ActiveState*) cat "$base/active/$unit" || echo inactive ;;
*=Job*) cat "$base/job/$unit" || echo 0 ;;
*' start '*) printf '%s\n' "$unit" >>"$base/started" ;;
esac 2>/dev/null
exit 0
"#;

    #[test]
    fn what_stopped_starts_when_all_that_it_requires_runs() {
        let folder = tempfile::tempdir().unwrap();
        let base = folder.path();
        let write = |name: &str, text: &str| {
            fs_err::create_dir_all(base.join(name).parent().unwrap()).unwrap();
            fs_err::write(base.join(name), text).unwrap();
        };
        let read = |name: &str| fs_err::read_to_string(base.join(name)).unwrap_or_default();
        let run = |script: &str| {
            let path = format!("{}/bin:{}", base.display(), std::env::var("PATH").unwrap());
            let script = format!("set -u\n{OTHERS}{script}");
            let status = Command::new("sh").args(["-c", &script]).env("base", base).env("PATH", path).status().unwrap();
            assert!(status.success(), "{script}");
        };
        write("bin/systemctl", SYSTEMCTL);
        fs_err::set_permissions(base.join("bin/systemctl"), std::fs::Permissions::from_mode(0o755)).unwrap();
        write("required-by/synapse.service", "worker.service bridge\\x2done.service idle.service booting.service");
        write("active/worker.service", "active");
        write("active/bridge\\x2done.service", "active");
        write("job/booting.service", "7");
        // Those that are stopped are the caller's; who did not run stays so.
        run("note_others synapse.service worker.service");
        assert_eq!(read("others"), "booting.service\nbridge\\x2done.service\n");
        run("note_others worker.service");
        assert_eq!(read("others").lines().count(), 2);

        write("requires/bridge\\x2done.service", "system.slice synapse.service");
        write("active/system.slice", "active");
        run("start_others");
        assert_eq!((read("started").as_str(), read("others").as_str()), ("booting.service\n", "bridge\\x2done.service\n"));
        write("active/synapse.service", "active");
        run("start_others");
        assert_eq!(read("started"), "booting.service\nbridge\\x2done.service\n");
        assert!(!base.join("others").exists() && !base.join("others.new").exists());
        run("start_others");
    }
}
