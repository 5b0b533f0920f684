//! What homestead writes down on a host after a run: what is its own, and what a later run must finish.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::desired::Database;

/// `/var/lib/homestead/manifest.json`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
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
