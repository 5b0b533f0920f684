//! Units that homestead did not make and that require its own, as the playbook's bridges require Synapse. systemd stops them
//! with what they require and brings them back with a restart of it, not with a stop and a start (systemd.unit(5),
//! `Requires=`). So whoever stops a unit to start it again writes them down on the host first.

use super::systemd::Verb;
use super::{Host, Script};
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

/// Stops units that the caller, or the next run, starts again.
///
/// # Errors
/// What will stop with them cannot be written down, so that nothing was stopped; systemd's own words.
pub async fn stop_for_now(host: &dyn Host, units: &[String]) -> Result<()> {
    if units.is_empty() {
        return Ok(());
    }
    Verb::Stop.outcome(host, &stop_for_now_script(units).run(host).await?)
}
