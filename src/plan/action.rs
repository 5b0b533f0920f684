//! A plan as data.

use schemars::JsonSchema;
use serde::Serialize;

use super::ownership::KeptData;
use crate::desired::{Account, Database, Directory, File, Image, ImageBuild, Key, Network, PinnedImage, Service};

/// Everything that a run would do to one host, in order.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Plan {
    /// The version of this document.
    pub version: u32,
    /// The host's inventory name.
    pub host: String,
    /// What changes.
    pub actions: Vec<Action>,
    /// What starts, restarts, or stops, by priority.
    pub restarts: Vec<Restart>,
    /// What homestead wrote once and nothing wants any more; `setup-all` removes it.
    pub orphans: Vec<Resource>,
    /// Data of roles that nothing wants; it stays unless the run names its role.
    pub kept: Vec<KeptData>,
    /// What cannot be changed without harm and is left as it is.
    pub notes: Vec<String>,
}

impl Plan {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.actions.is_empty() && self.restarts.is_empty()
    }
}

/// One thing on a host.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct Resource {
    /// `file`, `directory`, `unit`, `network`, `image`, `key`, `user`, `database`, `data`, `package`.
    pub kind: &'static str,
    /// Path or name.
    pub name: String,
}

/// What happens to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// It is not there yet.
    Create,
    /// Its meaning changes.
    Update,
    /// Its bytes change and its meaning does not.
    Reformat,
    /// Its mode or owner changes.
    Attributes,
    /// It may be there already, from a time before homestead: made if it is missing, its owner and password set.
    Adopt,
    /// It goes.
    Remove,
}

/// One change.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Action {
    /// To what.
    pub resource: Resource,
    /// What.
    pub change: Change,
    /// In words: `mode 0644 -> 0640`.
    pub details: Vec<String>,
    /// A unified diff without secrets, for files.
    pub diff: Option<String>,
    /// How.
    #[serde(skip)]
    pub step: Step,
}

/// What apply does for an action.
#[derive(Clone, Debug)]
pub enum Step {
    /// Installs the distribution's Docker packages.
    InstallDocker,
    /// Makes a user and its group.
    CreateAccount(Account),
    /// Makes or mends a folder.
    PutDirectory(Directory),
    /// Makes a key.
    MakeKey(Key),
    /// Writes a file.
    PutFile(File),
    /// Makes a network.
    CreateNetwork(Network),
    /// Pulls an image.
    PullImage(Image),
    /// Makes an image on the host.
    BuildImage(ImageBuild),
    /// Gives a name back to the image that it stood for.
    PinImage(PinnedImage),
    /// Makes a database and its role, or sets the role's password.
    PutDatabase(Database),
    /// Makes a unit start with the machine.
    EnableUnit(Service),
    /// Keeps a unit from starting with the machine.
    DisableUnit(Service),
    /// Stops, disables, and removes a unit.
    RemoveUnit(String),
    /// Removes a file.
    RemoveFile(String),
    /// Removes a network.
    RemoveNetwork(String),
    /// Removes data for good.
    RemoveData(KeptData),
    /// Removes an empty folder.
    RemoveDirectory(String),
}

/// A unit that starts, restarts, or stops.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Restart {
    /// Its full name.
    pub unit: String,
    /// What happens.
    pub kind: RestartKind,
    /// Lower first.
    pub priority: i64,
    /// Why.
    pub reasons: Vec<String>,
}

/// What happens to a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RestartKind {
    /// It does not run.
    Start,
    /// It runs with what it read before.
    Restart,
    /// Nothing wants it any more.
    Stop,
}
