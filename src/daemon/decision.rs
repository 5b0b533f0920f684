//! What the daemon does about what it saw. Pure.

use serde::{Deserialize, Serialize};

use super::settings::Policy;

/// Which of the three moved since the last generation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moved {
    /// The host is not as the last run left it.
    pub host: bool,
    /// The inventory wants something else than at the last run.
    pub inventory: bool,
}

/// What the daemon does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "do")]
pub enum Decision {
    /// Nothing: all is as declared.
    Nothing,
    /// Says so, and leaves the host as it is.
    Report {
        /// Why it does no more.
        because: Reason,
    },
    /// Puts back what moved on the host, with the inventory that the host knows.
    Heal,
    /// Brings the host to what the inventory declares.
    Apply,
}

/// Why a host is left as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The host's policy allows no more.
    Policy,
    /// Somebody paused it.
    Paused,
    /// Another run is at work there.
    Locked,
    /// No maintenance window is open.
    OutsideWindow,
    /// Healing would roll out what the inventory wants meanwhile, and the policy allows healing alone.
    InventoryMovedToo,
    /// The last attempt with the same inventory and the same drift failed, or changed nothing about it.
    FailedBefore,
    /// Somebody rolled it back, and the inventory has not moved since: rolling forward would undo that.
    RolledBack,
}

/// What else the decision depends on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "each is true or not by itself")]
pub struct Circumstances {
    /// Somebody paused the host.
    pub paused: bool,
    /// Another run is at work there: what is seen is half of its work.
    pub locked: bool,
    /// A maintenance window is open, or the host has none.
    pub in_window: bool,
    /// The same thing was tried and failed.
    pub failed_before: bool,
    /// Somebody rolled it back, and the inventory is what it was then.
    pub rolled_back: bool,
}

/// Decides about one host. What is reported for a reason is looked at again at the next turn.
pub fn decide(policy: Policy, moved: Moved, circumstances: Circumstances) -> Decision {
    let wanted = match (policy, moved.host, moved.inventory) {
        (_, false, false) => return Decision::Nothing,
        (Policy::Report, ..) | (Policy::Heal, false, true) => return Decision::Report { because: Reason::Policy },
        (Policy::Heal, true, true) => return Decision::Report { because: Reason::InventoryMovedToo },
        (Policy::Heal, true, false) => Decision::Heal,
        (Policy::Apply, ..) => Decision::Apply,
    };
    let report = |because| Decision::Report { because };
    match circumstances {
        Circumstances { paused: true, .. } => report(Reason::Paused),
        Circumstances { locked: true, .. } => report(Reason::Locked),
        Circumstances { in_window: false, .. } => report(Reason::OutsideWindow),
        Circumstances { rolled_back: true, .. } => report(Reason::RolledBack),
        Circumstances { failed_before: true, .. } => report(Reason::FailedBefore),
        _ => wanted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case() {
        let open = Circumstances { in_window: true, ..Circumstances::default() };
        let mut table = String::new();
        for policy in [Policy::Report, Policy::Heal, Policy::Apply] {
            for (host, inventory) in [(false, false), (true, false), (false, true), (true, true)] {
                let decision = decide(policy, Moved { host, inventory }, open);
                table += &format!("{policy:?} host={} inventory={}: {decision:?}\n", u8::from(host), u8::from(inventory));
            }
        }
        insta::assert_snapshot!(table, @"
        Report host=0 inventory=0: Nothing
        Report host=1 inventory=0: Report { because: Policy }
        Report host=0 inventory=1: Report { because: Policy }
        Report host=1 inventory=1: Report { because: Policy }
        Heal host=0 inventory=0: Nothing
        Heal host=1 inventory=0: Heal
        Heal host=0 inventory=1: Report { because: Policy }
        Heal host=1 inventory=1: Report { because: InventoryMovedToo }
        Apply host=0 inventory=0: Nothing
        Apply host=1 inventory=0: Apply
        Apply host=0 inventory=1: Apply
        Apply host=1 inventory=1: Apply
        ");
    }

    #[test]
    fn circumstances_hold_back() {
        let open = Circumstances { in_window: true, ..Circumstances::default() };
        let drift = Moved { host: true, inventory: false };
        let because = |circumstances| decide(Policy::Heal, drift, circumstances);
        assert_eq!(because(Circumstances { paused: true, ..open }), Decision::Report { because: Reason::Paused });
        assert_eq!(because(Circumstances { locked: true, ..open }), Decision::Report { because: Reason::Locked });
        assert_eq!(because(Circumstances { in_window: false, ..open }), Decision::Report { because: Reason::OutsideWindow });
        assert_eq!(because(Circumstances { failed_before: true, ..open }), Decision::Report { because: Reason::FailedBefore });
        assert_eq!(because(open), Decision::Heal);
    }
}
