//! The document itself: `/var/lib/homestead/migration.json`.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::versioned::Versioned;

/// Where it lies on a host; root's alone.
pub const PATH: &str = "/var/lib/homestead/migration.json";

/// The steps of a migration, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// Looks for what would prevent it or break by it.
    Preflight,
    /// MAS comes up; Synapse keeps the logins.
    InstallBeside,
    /// The accounts are moved, and it is rolled back.
    Rehearse,
    /// The databases are dumped.
    Backup,
    /// The accounts move, and MAS takes the logins.
    CutOver,
    /// The server is examined.
    Verify,
    /// The inventory says what the host is.
    Finalize,
}

impl Step {
    /// All of them, in order.
    pub const ALL: [Self; 7] =
        [Self::Preflight, Self::InstallBeside, Self::Rehearse, Self::Backup, Self::CutOver, Self::Verify, Self::Finalize];

    /// As people type it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Preflight => "preflight",
            Self::InstallBeside => "install-beside",
            Self::Rehearse => "rehearse",
            Self::Backup => "backup",
            Self::CutOver => "cut-over",
            Self::Verify => "verify",
            Self::Finalize => "finalize",
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Step {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let names = || Self::ALL.map(Self::name).join(", ");
        Self::ALL.into_iter().find(|step| step.name() == text).ok_or_else(|| format!("the steps are {}", names()))
    }
}

/// Who has the accounts, as far as the migration decides it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Nothing is decided: there was no migration, it was given up, or it was taken back.
    #[default]
    None,
    /// Synapse has them, and MAS is beside it.
    Beside,
    /// MAS has them; the inventory does not say so yet.
    Moved,
    /// MAS has them, and the inventory says so.
    Finalized,
}

impl State {
    /// Whether a migration decides something.
    pub const fn is_under_way(self) -> bool {
        matches!(self, Self::Beside | Self::Moved)
    }
}

/// A step that was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// RFC 3339.
    pub at: String,
    /// How long it took.
    pub milliseconds: u64,
}

/// How many of each thing there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accounts {
    /// Users of this server, without those of application services.
    pub users: u64,
    /// Those that have a password.
    pub passwords: u64,
    /// Devices and sessions without one.
    pub sessions: u64,
    /// Access tokens.
    pub access_tokens: u64,
    /// Refresh tokens that can still be used.
    pub refresh_tokens: u64,
    /// E-mail addresses.
    pub emails: u64,
    /// Other addresses, such as telephone numbers.
    pub other_addresses: u64,
    /// Links to accounts at identity providers.
    pub external_ids: u64,
}

impl Accounts {
    /// Each with its name for people.
    pub const fn named(&self) -> [(&'static str, u64); 8] {
        [
            ("users", self.users),
            ("passwords", self.passwords),
            ("sessions", self.sessions),
            ("access tokens", self.access_tokens),
            ("refresh tokens", self.refresh_tokens),
            ("e-mail addresses", self.emails),
            ("other addresses", self.other_addresses),
            ("links to identity providers", self.external_ids),
        ]
    }
}

/// The dump that was made before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptBackup {
    /// Where it lies on the host.
    pub path: String,
    /// Its size, packed.
    pub bytes: u64,
}

/// The move itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CutOver {
    /// When the accounts had moved, by the clock of the database server; RFC 3339. What is newer in MAS is lost by
    /// going back.
    pub at: String,
    /// For how long nobody could log in; 0 where nobody measured it.
    pub downtime_milliseconds: u64,
    /// The generation of the host's memory afterwards.
    pub generation: u64,
    /// What MAS had right afterwards.
    pub accounts: Accounts,
}

/// What a host remembers about its migration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Migration {
    /// The version of this document.
    pub version: u32,
    /// Who has the accounts.
    pub state: State,
    /// The steps that are done.
    #[serde(default)]
    pub steps: BTreeMap<Step, Done>,
    /// What there was to move when it was counted last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accounts: Option<Accounts>,
    /// How long moving the accounts is expected to take, from the rehearsal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rehearsed_milliseconds: Option<u64>,
    /// The dump that was made before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backup: Option<KeptBackup>,
    /// The move.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut_over: Option<CutOver>,
    /// Accounts that were made to try logins with and are not ended yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub probes: Vec<String>,
    /// Databases of MAS that were put aside: what is in them is lost when they are dropped.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kept_databases: Vec<String>,
    /// What a newer program wrote beside it: kept as it is.
    #[serde(flatten)]
    pub other: BTreeMap<String, serde_json::Value>,
}

impl Versioned for Migration {
    const VERSION: u32 = 1;

    fn version(&mut self) -> &mut u32 {
        &mut self.version
    }
}

impl Migration {
    /// The first step that is not done.
    pub fn next(&self) -> Option<Step> {
        Step::ALL.into_iter().find(|step| !self.steps.contains_key(step))
    }

    /// Writes down that a step is done.
    pub fn done(&mut self, step: Step, at: String, milliseconds: u64) {
        self.steps.insert(step, Done { at, milliseconds });
    }

    /// Forgets what was done, and keeps what lies on the host still.
    pub fn begin_anew(&mut self) {
        let Self { probes, kept_databases, other, .. } = std::mem::take(self);
        *self = Self { probes, kept_databases, other, ..Self::default() };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_is_stable_and_keeps_what_a_newer_program_added() {
        let text =
            r#"{"version": 1, "state": "moved", "steps": {"preflight": {"at": "2026-11-22T10:00:00Z", "milliseconds": 5}}, "later": 1}"#;
        let mut document = Migration::read(text.as_bytes()).unwrap();
        assert_eq!((document.state, document.next()), (State::Moved, Some(Step::InstallBeside)));
        document.kept_databases.push("old".into());
        let written = String::from_utf8(document.write().unwrap()).unwrap();
        insta::assert_snapshot!(written, @r#"
        {
          "version": 1,
          "state": "moved",
          "steps": {
            "preflight": {
              "at": "2026-11-22T10:00:00Z",
              "milliseconds": 5
            }
          },
          "kept_databases": [
            "old"
          ],
          "later": 1
        }
        "#);
        assert_eq!(Migration::read(written.as_bytes()).unwrap().other["later"], 1);
        let newer = text.replace("\"version\": 1", "\"version\": 2");
        assert_eq!(Migration::read(newer.as_bytes()).unwrap_err().to_string(), "it has version 2, and this program knows versions up to 1");
    }

    #[test]
    fn a_step_is_found_by_its_name() {
        for step in Step::ALL {
            assert_eq!(step.name().parse(), Ok(step));
        }
        assert_eq!(
            "cutover".parse::<Step>().unwrap_err(),
            "the steps are preflight, install-beside, rehearse, backup, cut-over, verify, finalize"
        );
    }
}
