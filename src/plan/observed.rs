//! What a host really has, as far as the desired state concerns it.

use std::collections::{BTreeMap, BTreeSet};

use super::memory::Memory;
use super::ownership::Leftovers;
use super::undo::Undo;

/// Observed state.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    /// Every path that was asked for and exists.
    pub paths: BTreeMap<String, PathState>,
    /// The bytes of the files whose checksum is not the desired one.
    pub contents: BTreeMap<String, Vec<u8>>,
    /// Every unit that was asked for.
    pub units: BTreeMap<String, UnitState>,
    /// User name -> user and group number, for users that exist.
    pub users: BTreeMap<String, (u32, u32)>,
    /// Whether a Docker engine answers.
    pub docker: bool,
    /// Networks by name.
    pub networks: BTreeMap<String, NetworkState>,
    /// Names with tag of the desired images that are there.
    pub images: BTreeSet<String>,
    /// The images made on the host that are there.
    pub built: BTreeMap<String, BuiltImage>,
    /// Name with tag -> id, of the images that others are built on.
    pub bases: BTreeMap<String, String>,
    /// Name with tag -> id, of the pinned images that are there.
    pub ids: BTreeMap<String, String>,
    /// What homestead wrote down after its last run; empty on a new host.
    pub memory: Memory,
    /// What is there of what homestead made and nothing wants any more.
    pub left: Leftovers,
    /// What a run that did not come to its end would have put back.
    pub undo: Option<Undo>,
}

/// What a path is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathKind {
    /// A regular file.
    File,
    /// A folder.
    Directory,
    /// Anything else.
    Other,
}

/// A path that exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathState {
    /// What it is.
    pub kind: PathKind,
    /// Four octal digits.
    pub mode: String,
    /// User name; its number where it has none.
    pub owner: String,
    /// User number.
    pub uid: u32,
    /// Group name; its number where it has none.
    pub group: String,
    /// Group number.
    pub gid: u32,
    /// Lowercase hex, of regular files.
    pub sha256: Option<String>,
    /// Where it points, of symbolic links.
    pub target: Option<String>,
}

impl PathState {
    /// Whether the owner and group are these, given by name or number.
    pub fn belongs_to(&self, owner: &str, group: &str) -> bool {
        (self.owner == owner || self.uid.to_string() == owner) && (self.group == group || self.gid.to_string() == group)
    }
}

/// A unit as systemd sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnitState {
    /// A unit file is loaded.
    pub loaded: bool,
    /// Active, or becoming so by its own `Restart=`.
    pub active: bool,
    /// Starts with the machine.
    pub enabled: bool,
}

/// What an image that was made on the host says about its making.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BuiltImage {
    /// What it was built of.
    pub recipe: Option<String>,
    /// The id of the image that it was built on.
    pub base: Option<String>,
}

/// A Docker network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NetworkState {
    /// Whether it has IPv6.
    pub ipv6: bool,
}
