//! What a host was before the first of the runs that did not come to their end.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::generation::Schemas;
use super::memory::Memory;
use crate::versioned::Versioned;

/// `/var/lib/homestead/undo.json`: written before anything is touched, gone when the run is done or put back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Undo {
    /// The version of this document.
    pub version: u32,
    /// The run that began to change things.
    #[serde(flatten)]
    pub begun: Begun,
    /// The generation that it goes back to. A memory with another one makes this document meaningless: the
    /// run came to its end and was cut off before it removed it.
    pub generation: u64,
    /// Path -> what was there; nothing where nothing was.
    pub files: BTreeMap<String, Option<SavedFile>>,
    /// Folders whose mode or owner changes, and those that go.
    #[serde(default)]
    pub directories: BTreeMap<String, SavedDirectory>,
    /// Networks that go: whether they have IPv6.
    #[serde(default)]
    pub networks: BTreeMap<String, bool>,
    /// Every unit that is started, stopped, enabled, or removed.
    pub units: BTreeMap<String, SavedUnit>,
    /// Name with tag -> id of the image that it stood for.
    #[serde(default)]
    pub images: BTreeMap<String, String>,
    /// Units that must restart because what they read changes.
    #[serde(default)]
    pub pending: BTreeSet<String>,
    /// Units and paths that were to be removed.
    #[serde(default)]
    pub removals: BTreeSet<String>,
    /// Databases that were to be made, or whose role was to get a password. The passwords of before lie beside
    /// this document, in `undo.sql`.
    #[serde(default)]
    pub databases: BTreeSet<String>,
    /// What the databases were migrated to.
    #[serde(default)]
    pub schemas: Option<Schemas>,
    /// The memory of before.
    pub memory: Memory,
}

/// Who began a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begun {
    /// Its id.
    pub run: String,
    /// `homestead install-all`.
    pub command: String,
    /// `user@machine`.
    pub who: String,
    /// RFC 3339.
    pub since: String,
}

/// A file, or a symbolic link, that was there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedFile {
    /// Of its content, which lies in `objects/`; empty for a link.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub sha256: String,
    /// Where it points, of a symbolic link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Four octal digits.
    pub mode: String,
    /// User number.
    pub uid: u32,
    /// Group number.
    pub gid: u32,
}

/// A folder that was there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedDirectory {
    /// Four octal digits.
    pub mode: String,
    /// User number.
    pub uid: u32,
    /// Group number.
    pub gid: u32,
}

/// How a unit was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedUnit {
    /// It ran.
    pub active: bool,
    /// It started with the machine.
    pub enabled: bool,
}

impl Versioned for Undo {
    const VERSION: u32 = 1;

    fn version(&mut self) -> &mut u32 {
        &mut self.version
    }
}

impl Undo {
    /// Nothing yet, for a run over a host with this memory.
    pub fn new(begun: Begun, memory: &Memory) -> Self {
        Self {
            version: Self::VERSION,
            begun,
            generation: memory.generation,
            schemas: memory.schemas,
            memory: memory.clone(),
            ..Self::default()
        }
    }
}
