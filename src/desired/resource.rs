//! What a host should have.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use sha2::{Digest as _, Sha256};

use super::data::RoleData;
use super::trial::Trial;
use crate::role::Format;
use crate::secret::Secret;

/// All resources of all enabled roles, for one host.
#[derive(Clone, Debug, Default)]
pub struct Desired {
    /// The host's inventory name.
    pub host: String,
    /// The names of the enabled roles.
    pub roles: Vec<String>,
    /// System users and groups.
    pub accounts: Vec<Account>,
    /// Folders, parents before children.
    pub directories: Vec<Directory>,
    /// Files made once.
    pub keys: Vec<Key>,
    /// Files, units among them.
    pub files: Vec<File>,
    /// Files from the network, until they are fetched.
    pub downloads: Vec<Download>,
    /// Docker networks.
    pub networks: Vec<Network>,
    /// Images to pull.
    pub images: Vec<Image>,
    /// Images to make on the host.
    pub builds: Vec<ImageBuild>,
    /// Images that an earlier generation ran.
    pub pinned: Vec<PinnedImage>,
    /// Databases in the managed Postgres.
    pub databases: Vec<Database>,
    /// Role -> what of its nobody can make again.
    pub data: BTreeMap<String, RoleData>,
    /// Units, by priority.
    pub services: Vec<Service>,
    /// Paths that one role alone writes.
    pub exclusive: Vec<Exclusive>,
    /// Procedures that a tag runs.
    pub operations: Vec<Operation>,
}

impl Desired {
    /// The role that alone writes paths of this kind; what it does not declare must not stay.
    pub fn sole_writer(&self, path: &str) -> Option<&str> {
        self.exclusive.iter().find(|entry| entry.matches(path)).map(|entry| entry.role.as_str())
    }
}

/// A pattern of paths that one role alone writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exclusive {
    /// An absolute path; `*` stands for any characters but `/`.
    pub pattern: String,
    /// The role.
    pub role: String,
}

impl Exclusive {
    fn matches(&self, path: &str) -> bool {
        fn rest(pattern: &[u8], path: &[u8]) -> bool {
            match (pattern.split_first(), path.split_first()) {
                (None, None) => true,
                (Some((b'*', after)), None) => rest(after, path),
                (Some((b'*', after)), Some((first, remaining))) => rest(after, path) || (*first != b'/' && rest(pattern, remaining)),
                (Some((wanted, after)), Some((found, remaining))) => wanted == found && rest(after, remaining),
                _ => false,
            }
        }
        rest(self.pattern.as_bytes(), path.as_bytes())
    }
}

/// A system user and its group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// User name.
    pub user: String,
    /// User number.
    pub uid: u32,
    /// Group name.
    pub group: String,
    /// Group number.
    pub gid: u32,
    /// Home folder.
    pub home: String,
    /// Login shell.
    pub shell: String,
    /// A system account.
    pub system: bool,
    /// A system group.
    pub group_system: bool,
}

/// A folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Directory {
    /// Absolute path.
    pub path: String,
    /// Four octal digits.
    pub mode: String,
    /// User name or number.
    pub owner: String,
    /// Group name or number.
    pub group: String,
    /// The role that wants it.
    pub role: String,
}

/// A file that is made once on the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Absolute path.
    pub path: String,
    /// Four octal digits.
    pub mode: String,
    /// User name or number.
    pub owner: String,
    /// Group name or number.
    pub group: String,
    /// Shell command that writes `__KEY_FILE_PATH__`.
    pub command: String,
    /// The role that wants it.
    pub role: String,
}

/// A file.
#[derive(Clone, Debug)]
pub struct File {
    /// Absolute path.
    pub path: String,
    /// Its text.
    pub contents: Secret<String>,
    /// How its meaning is compared.
    pub format: Format,
    /// Four octal digits.
    pub mode: String,
    /// User name or number.
    pub owner: String,
    /// Group name or number.
    pub group: String,
    /// Whether its values may be shown.
    pub secret: bool,
    /// Units that read it.
    pub restarts: Vec<String>,
    /// The role that wants it.
    pub role: String,
}

/// A file, or a part of an archive, that is fetched from the network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Download {
    /// Where it is published.
    pub url: String,
    /// What is wanted of a gzipped tar archive.
    pub part: Option<String>,
    /// Lowercase hex that it must have.
    pub sha256: Option<String>,
    /// Absolute path.
    pub path: String,
    /// Four octal digits, of each file.
    pub mode: String,
    /// User name or number.
    pub owner: String,
    /// Group name or number.
    pub group: String,
    /// Units that read it.
    pub restarts: Vec<String>,
    /// The role that wants it.
    pub role: String,
}

/// An image that is made on the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageBuild {
    /// Name with tag.
    pub name: String,
    /// The image that it is built on.
    pub base: String,
    /// The text of the Dockerfile.
    pub dockerfile: String,
    /// Without Docker's cache of layers.
    pub no_cache: bool,
    /// In each run.
    pub always: bool,
    /// Units that run it.
    pub services: Vec<String>,
    /// The role that wants it.
    pub role: String,
}

impl ImageBuild {
    /// What tells one recipe from another: lowercase hex.
    pub fn recipe(&self) -> String {
        hex::encode(Sha256::digest(self.dockerfile.as_bytes()))
    }
}

/// A Docker network, driver `bridge`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Network {
    /// Its name.
    pub name: String,
    /// Whether it has IPv6.
    pub ipv6: bool,
    /// Options of the driver.
    pub driver_options: Vec<(String, String)>,
}

/// An image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// Name with tag.
    pub name: String,
    /// Units that run it.
    pub services: Vec<String>,
}

/// A name that must stand for one certain image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PinnedImage {
    /// Name with tag.
    pub name: String,
    /// `sha256:...` of its configuration.
    pub id: String,
    /// `name@sha256:...`, to pull it by where it is gone.
    pub digests: Vec<String>,
    /// Units that run it.
    pub services: Vec<String>,
}

/// A database and its owner in the managed Postgres.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Database {
    /// Database name.
    pub name: String,
    /// Role that owns it.
    pub username: String,
    /// The role's password.
    pub password: Secret<String>,
    /// Further databases with the same owner.
    pub additional: Vec<String>,
}

/// A unit that runs a container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Service {
    /// `matrix-synapse.service`.
    pub unit: String,
    /// `matrix-synapse`.
    pub container: String,
    /// One line for people.
    pub description: String,
    /// Names for `start-group` and `stop-group`.
    pub groups: Vec<String>,
    /// Lower starts first.
    pub priority: i64,
    /// Started; false for units that are only written.
    pub autostart: bool,
    /// Starts with the machine too.
    pub at_boot: bool,
    /// Units it cannot do without.
    pub requires: Vec<String>,
    /// How to know that it works.
    pub health: Option<Health>,
    /// The image it runs; empty for a timer.
    pub image: String,
    /// TCP ports of the host that it listens on.
    pub ports: Vec<u16>,
    /// Its container as it can be tried before the unit runs it; none for timers and template units.
    #[serde(skip)]
    pub trial: Option<Trial>,
    /// The role that wants it.
    pub role: String,
}

impl Service {
    /// A unit of which nothing but its name is known: it starts with the machine, at the usual priority, needs nothing and
    /// has no container to ask. What is called like it, without the type, is taken for its container.
    pub fn named(unit: impl Into<String>) -> Self {
        let unit = unit.into();
        let name = unit.rsplit_once('.').map_or(unit.as_str(), |(name, _)| name).to_owned();
        Self {
            unit,
            container: name.clone(),
            description: name,
            groups: Vec::new(),
            priority: 1000,
            autostart: true,
            at_boot: true,
            requires: Vec::new(),
            health: None,
            image: String::new(),
            ports: Vec::new(),
            trial: None,
            role: String::new(),
        }
    }
}

/// A health check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// How to ask.
    pub probe: Probe,
    /// How long to ask.
    pub timeout_seconds: u64,
    /// The public URL that the reverse proxy serves it at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route: Option<String>,
}

/// How to ask a container whether it works.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Probe {
    /// GET answers below 400.
    Http {
        /// Port inside.
        port: u16,
        /// Path with its leading slash.
        path: String,
    },
    /// Accepts a connection.
    Tcp {
        /// Port inside.
        port: u16,
    },
    /// Stays up.
    Running {
        /// For so long.
        seconds: u64,
    },
}

/// A procedure that a tag runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// Its name, which is a tag too.
    pub name: String,
    /// Which built-in procedure it is.
    pub run: String,
    /// Further tags.
    pub tags: Vec<String>,
    /// What it wants to know, by its own names.
    pub values: BTreeMap<String, Json>,
    /// The container that it runs.
    pub container: Option<OperationContainer>,
    /// The role that offers it.
    pub role: String,
}

/// The container of a procedure, as words for `docker create`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperationContainer {
    /// Its name.
    pub name: String,
    /// Image with tag; the run before must have pulled it.
    pub image: String,
    /// Options, image, and command.
    pub words: Vec<String>,
    /// Networks that it joins before it starts, beside its main one.
    pub networks: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_stays_in_its_folder() {
        let entry = |pattern: &str| Exclusive { pattern: pattern.into(), role: "synapse".into() };
        let workers = entry("/etc/systemd/system/matrix-synapse-worker-*.service");
        assert!(workers.matches("/etc/systemd/system/matrix-synapse-worker-generic-0.service"));
        assert!(!workers.matches("/etc/systemd/system/matrix-synapse-worker-generic-0.service.d"));
        assert!(!workers.matches("/etc/systemd/system/matrix-synapse.service"));
        assert!(!workers.matches("/etc/systemd/system/matrix-synapse-worker-x/y.service"));
        assert!(entry("/a/*.*").matches("/a/b.c.d") && entry("/a/b").matches("/a/b") && !entry("/a/b").matches("/a/bc"));
        let desired = Desired { exclusive: vec![workers], ..Desired::default() };
        assert_eq!(desired.sole_writer("/etc/systemd/system/matrix-synapse-worker-a.service"), Some("synapse"));
        assert_eq!(desired.sole_writer("/etc/systemd/system/matrix-postgres.service"), None);
    }
}
