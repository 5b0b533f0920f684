//! What homestead writes down on a host after a run: what is its own, and what a later run must finish.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::generation::Schemas;
use crate::desired::{Database, RoleData};
use crate::versioned::Versioned;

/// `/var/lib/homestead/manifest.json`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// The version of this document.
    pub version: u32,
    /// How many runs have succeeded.
    pub generation: u64,
    /// Files that homestead wrote: path -> state.
    pub files: BTreeMap<String, OwnedFile>,
    /// Units that homestead wrote.
    pub units: Vec<String>,
    /// Keys that were there after a run.
    #[serde(default)]
    pub keys: Vec<String>,
    /// Database name -> fingerprint of its last successful creation.
    pub databases: BTreeMap<String, String>,
    /// Units that must restart because an earlier run changed what they read and did not come to it.
    #[serde(default)]
    pub pending: Vec<String>,
    /// The role that has the accounts -> the declared users that were there after a run.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub users: BTreeMap<String, BTreeSet<String>>,
    /// Folders that a role wanted and that were there after a run.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub directories: BTreeSet<String>,
    /// Networks that homestead made.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub networks: BTreeSet<String>,
    /// Role -> its data, also of before its paths changed.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub data: BTreeMap<String, RoleData>,
    /// What the databases were migrated to when it was last looked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schemas: Option<Schemas>,
    /// What a newer program wrote beside it: kept as it is.
    #[serde(flatten)]
    pub other: BTreeMap<String, serde_json::Value>,
}

impl Versioned for Memory {
    // A field that an older program may keep without understanding it needs no new one; see ARCHITECTURE.md.
    const VERSION: u32 = 1;

    fn version(&mut self) -> &mut u32 {
        &mut self.version
    }
}

/// A file that homestead wrote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OwnedFile {
    /// Lowercase hex.
    pub sha256: String,
    /// Four octal digits.
    pub mode: String,
    /// User name or number.
    pub owner: String,
    /// Group name or number.
    pub group: String,
    /// The role that wanted it.
    pub role: String,
}

/// Tells whether a database's settings are the ones that were last applied. The file that keeps it is
/// root's alone; the password cannot be read back from it.
pub fn database_fingerprint(database: &Database) -> String {
    let mut hasher = Sha256::new();
    for part in [&database.name, &database.username, database.password.reveal()].into_iter().chain(&database.additional) {
        hasher.update(part.as_bytes());
        hasher.update([0]);
    }
    hex::encode(hasher.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: &str = r#"{"version": 1, "generation": 3, "files": {}, "units": [], "databases": {}"#;

    #[test]
    fn what_a_newer_program_added_is_kept() {
        let mut memory = Memory::read(format!("{EMPTY}, \"later\": [1, 2]}}").as_bytes()).unwrap();
        memory.users.entry("matrix-synapse".into()).or_default().insert("alice".into());
        let text = String::from_utf8(memory.write().unwrap()).unwrap();
        insta::assert_snapshot!(text, @r#"
        {
          "version": 1,
          "generation": 3,
          "files": {},
          "units": [],
          "keys": [],
          "databases": {},
          "pending": [],
          "users": {
            "matrix-synapse": [
              "alice"
            ]
          },
          "later": [
            1,
            2
          ]
        }
        "#);
        assert_eq!(Memory::read(text.as_bytes()).unwrap(), memory);
    }

    #[test]
    fn a_version_that_nobody_knows_is_refused() {
        let error = Memory::read(format!("{}}}", EMPTY.replace("1", "2")).as_bytes()).unwrap_err();
        assert_eq!(error.to_string(), "it has version 2, and this program knows versions up to 1");
    }
}
