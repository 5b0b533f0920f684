//! What a host was after a run that succeeded: enough to bring it back to that.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::undo::Begun;
use crate::desired::{Desired, Directory, File, Network, PinnedImage, Service};
use crate::role::Format;
use crate::secret::Secret;
use crate::versioned::Versioned;

/// `/var/lib/homestead/generations/<n>/manifest.json`. Contents of files lie in `objects/`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Generation {
    /// The version of this document.
    pub version: u32,
    /// Its number; 0 is the state before homestead's first run.
    pub generation: u64,
    /// The run that made it.
    #[serde(flatten)]
    pub begun: Begun,
    /// The version of the homestead that made it.
    pub homestead: String,
    /// Files by path.
    pub files: BTreeMap<String, KeptFile>,
    /// Units by name.
    pub units: BTreeMap<String, KeptUnit>,
    /// Images by name with tag.
    pub images: BTreeMap<String, KeptImage>,
    /// Database name -> a fingerprint of its settings.
    pub databases: BTreeMap<String, String>,
    /// Tells whether two generations come from the same desired files: lowercase hex.
    pub inventory: String,
    /// What the databases were migrated to.
    pub schemas: Schemas,
    /// What the run changed.
    pub changes: Changes,
    /// Folders.
    #[serde(default)]
    pub directories: Vec<Directory>,
    /// Docker networks.
    #[serde(default)]
    pub networks: Vec<Network>,
}

/// A file of a generation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptFile {
    /// Lowercase hex; the name of its content in `objects/`.
    pub sha256: String,
    /// Four octal digits.
    pub mode: String,
    /// User name or number.
    pub owner: String,
    /// Group name or number.
    pub group: String,
    /// The role that wanted it; empty for what was there before homestead.
    pub role: String,
    /// How its meaning is compared.
    #[serde(default)]
    pub format: Format,
    /// Units that read it.
    #[serde(default)]
    pub restarts: Vec<String>,
}

/// A unit of a generation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptUnit {
    /// It ran.
    pub active: bool,
    /// It started with the machine.
    pub enabled: bool,
    /// The image that it ran.
    pub image: String,
    /// How it starts and how to know that it works.
    pub service: Service,
}

/// An image of a generation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptImage {
    /// `sha256:...` of its configuration.
    pub id: String,
    /// `name@sha256:...`; empty for one that was made on the host.
    pub repo_digests: Vec<String>,
}

/// What the databases of the managed Postgres were migrated to. What is not known is absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schemas {
    /// Synapse's.
    #[serde(default)]
    pub synapse: Option<SynapseSchema>,
    /// The last migration of Matrix Authentication Service.
    #[serde(default)]
    pub mas: Option<i64>,
    /// The major version of Postgres.
    #[serde(default)]
    pub postgres: Option<u32>,
}

/// Synapse's tables `schema_version` and `schema_compat_version`
/// (<https://element-hq.github.io/synapse/latest/development/database_schema.html>).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SynapseSchema {
    /// What the schema is.
    pub version: i64,
    /// What a Synapse must know at least to run on it.
    pub compat: i64,
}

impl Schemas {
    /// Why the programs of `older` could not run on these databases; nothing where they could, as far as is known.
    pub fn refuse(&self, older: &Self) -> Option<String> {
        if let (Some(now), Some(then)) = (self.postgres, older.postgres)
            && now != then
        {
            return Some(format!("Postgres was version {then} then and is {now} now, and its data cannot go back"));
        }
        if let (Some(now), Some(then)) = (self.synapse, older.synapse)
            && now.compat > then.version
        {
            return Some(format!(
                "Synapse's database needs a Synapse that knows schema {} since then, and the one of then knows {}",
                now.compat, then.version
            ));
        }
        if let (Some(now), Some(then)) = (self.mas, older.mas)
            && now > then
        {
            return Some(format!(
                "Matrix Authentication Service migrated its database since then (to {now}), and the one of then ends at {then} and would not start"
            ));
        }
        None
    }
}

/// What a run changed, in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changes {
    /// Files, folders, units and more that were made.
    pub created: usize,
    /// What was changed.
    pub updated: usize,
    /// What was removed.
    pub removed: usize,
    /// Units that started or restarted.
    pub restarted: usize,
}

impl fmt::Display for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts =
            [(self.created, "created"), (self.updated, "updated"), (self.removed, "removed"), (self.restarted, "started or restarted")];
        let shown: Vec<String> = parts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
        f.write_str(&if shown.is_empty() { "nothing changed".to_owned() } else { shown.join(", ") })
    }
}

impl Versioned for Generation {
    const VERSION: u32 = 1;

    fn version(&mut self) -> &mut u32 {
        &mut self.version
    }
}

impl Generation {
    /// A fingerprint of the files.
    pub fn fingerprint(files: &BTreeMap<String, KeptFile>) -> String {
        let mut hasher = Sha256::new();
        for (path, file) in files {
            for part in [path, &file.sha256, &file.mode, &file.owner, &file.group] {
                hasher.update(part.as_bytes());
                hasher.update([0]);
            }
        }
        hex::encode(hasher.finalize())
    }

    /// The desired state that brings a host back to this generation. `objects`: SHA-256 -> content.
    ///
    /// # Errors
    /// The paths whose content is missing, or no text.
    pub fn desired(&self, host: &str, objects: &BTreeMap<String, Vec<u8>>) -> Result<Desired, Vec<String>> {
        let mut desired = Desired {
            host: host.to_owned(),
            directories: self.directories.clone(),
            networks: self.networks.clone(),
            services: self.units.values().map(KeptUnit::service).collect(),
            ..Desired::default()
        };
        desired.services.sort_by(|left, right| (left.priority, &left.unit).cmp(&(right.priority, &right.unit)));
        let mut missing = Vec::new();
        for (path, file) in &self.files {
            let Some(contents) = objects.get(&file.sha256).and_then(|bytes| String::from_utf8(bytes.clone()).ok()) else {
                missing.push(path.clone());
                continue;
            };
            desired.files.push(File {
                path: path.clone(),
                contents: Secret::new(contents),
                format: file.format,
                mode: file.mode.clone(),
                owner: file.owner.clone(),
                group: file.group.clone(),
                // Nobody knows any more which of its values were secret.
                secret: true,
                restarts: file.restarts.clone(),
                role: file.role.clone(),
            });
        }
        let running = |name: &str| self.units.values().filter(|unit| unit.image == name).map(|unit| unit.service.unit.clone()).collect();
        desired.pinned = self
            .images
            .iter()
            .map(|(name, image)| PinnedImage {
                name: name.clone(),
                id: image.id.clone(),
                digests: image.repo_digests.clone(),
                services: running(name),
            })
            .collect();
        if missing.is_empty() { Ok(desired) } else { Err(missing) }
    }
}

impl KeptUnit {
    fn service(&self) -> Service {
        Service { autostart: self.active, at_boot: self.enabled, ..self.service.clone() }
    }
}
