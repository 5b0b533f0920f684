//! The typed manifest: what a role wants, before any variable has a value.
//!
//! A [`Node`] here is an expression: plain YAML or text with `{{ }}`.

use super::shape::Shape;
use super::{Check, Data, Download, ImageBuild, Timer};
use crate::diagnostic::Span;
use crate::inventory::Node;

/// `role.yml`.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// The role's name.
    pub name: String,
    /// One line for people.
    pub description: String,
    /// Whether the role wants anything.
    pub enabled: Node,
    /// Roles that must be enabled too.
    pub requires: Vec<String>,
    /// Further names for `install-<tag>`.
    pub tags: Vec<String>,
    /// Old variable name -> new one with the same meaning.
    pub renamed: Vec<(String, String)>,
    /// Variable name -> why setting it changes nothing here.
    pub ignored: Vec<(String, String)>,
    /// A variable that nothing reads any more -> why, and what to do instead.
    pub removed: Vec<(String, String)>,
    /// What must hold before a host is touched.
    pub rules: Vec<Rule>,
    /// Configurations of programs that are looked through.
    pub shapes: Vec<ShapeRule>,
    /// System users.
    pub accounts: Vec<Account>,
    /// Folders.
    pub directories: Vec<Directory>,
    /// Files made once.
    pub keys: Vec<Key>,
    /// Files.
    pub files: Vec<FileEntry>,
    /// Files from the network.
    pub downloads: Vec<Download>,
    /// Docker networks.
    pub networks: Vec<Network>,
    /// Images beside the ones of the services.
    pub images: Vec<ImageEntry>,
    /// Images that are made on the host.
    pub builds: Vec<ImageBuild>,
    /// A list of databases in the managed Postgres.
    pub databases: Option<Node>,
    /// What nobody can make again.
    pub data: Vec<Data>,
    /// Units.
    pub services: Vec<Service>,
    /// Timers with the commands that they run.
    pub timers: Vec<Timer>,
    /// Patterns of paths that no one else writes: what matches and is not declared goes with every run.
    pub exclusive: Vec<Node>,
    /// Procedures that a tag runs.
    pub operations: Vec<Operation>,
}

/// Leaves an entry out, or repeats it.
#[derive(Clone, Debug, Default)]
pub struct Repeat {
    /// The entry is left out when false.
    pub when: Option<Node>,
    /// The entry is repeated with `item` set.
    pub each: Option<Node>,
}

/// One line under `validate`.
#[derive(Clone, Debug)]
pub struct Rule {
    /// What it demands.
    pub kind: RuleKind,
    /// It holds only when this is true.
    pub when: Option<Node>,
    /// What to do.
    pub hint: Option<Node>,
    /// Where it stands.
    pub span: Span,
}

impl Rule {
    /// The variables that it is about.
    pub fn variables(&self) -> &[String] {
        match &self.kind {
            RuleKind::Require { variable, .. } => std::slice::from_ref(variable),
            RuleKind::Refuse { variables, .. } => variables,
        }
    }
}

/// What a rule demands.
#[derive(Clone, Debug)]
pub enum RuleKind {
    /// A variable is set, not empty, and matches.
    Require {
        /// The variable.
        variable: String,
        /// A regular expression for the whole value.
        matches: Option<String>,
    },
    /// An expression is false.
    Refuse {
        /// The expression.
        condition: Node,
        /// The place of the first of these that a user set is shown.
        variables: Vec<String>,
        /// Why it cannot work.
        message: Node,
    },
}

/// A configuration that is compared with what its program understands.
#[derive(Clone, Debug)]
pub struct ShapeRule {
    /// The file in the role's folder that says what the program understands.
    pub file: String,
    /// What that file says.
    pub shape: Shape,
    /// The program, for people.
    pub program: String,
    /// The whole configuration.
    pub value: Node,
    /// How the names of variables begin that hold one setting each.
    pub prefix: String,
    /// Path -> the variable that comes to stand there.
    pub parts: Vec<(String, String)>,
    /// Variables of YAML text that is merged over the configuration.
    pub texts: Vec<String>,
    /// A variable that maps names to YAML texts or mappings, which are merged over the configuration.
    pub fragments: Option<String>,
    /// Paths that no fragment may set.
    pub owned: Option<Node>,
    /// Where the rule stands.
    pub span: Span,
}

/// A system user and its group.
#[derive(Clone, Debug)]
pub struct Account {
    /// The user's name.
    pub user: Node,
    /// The user's number.
    pub uid: Node,
    /// The group's name.
    pub group: Node,
    /// The group's number.
    pub gid: Node,
    /// Home folder.
    pub home: Node,
    /// Login shell.
    pub shell: Node,
    /// Whether it is a system account.
    pub system: Node,
    /// Whether its group is a system group; as the user where absent.
    pub group_system: Option<Node>,
    /// Left out or not.
    pub repeat: Repeat,
}

/// A folder.
#[derive(Clone, Debug)]
pub struct Directory {
    /// Absolute path.
    pub path: Node,
    /// Octal text.
    pub mode: Node,
    /// User name or number.
    pub owner: Node,
    /// Group name or number.
    pub group: Node,
    /// Left out, repeated, or not.
    pub repeat: Repeat,
}

/// A file that is made once on the host.
#[derive(Clone, Debug)]
pub struct Key {
    /// Absolute path.
    pub path: Node,
    /// Octal text.
    pub mode: Node,
    /// User name or number.
    pub owner: Node,
    /// Group name or number.
    pub group: Node,
    /// Shell command that writes `__KEY_FILE_PATH__`.
    pub command: Node,
    /// Left out, repeated, or not.
    pub repeat: Repeat,
}

/// How a file's meaning is compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Parsed YAML.
    Yaml,
    /// Parsed JSON.
    Json,
    /// Parsed TOML.
    Toml,
    /// `KEY=value` lines.
    Env,
    /// `label=value` lines.
    Labels,
    /// A systemd unit.
    Unit,
    /// The text itself.
    #[default]
    Text,
}

impl Format {
    /// Its name in `role.yml` and in `manifest.json`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Yaml => "yaml",
            Self::Json => "json",
            Self::Toml => "toml",
            Self::Env => "env",
            Self::Labels => "labels",
            Self::Unit => "unit",
            Self::Text => "text",
        }
    }
}

/// Where a file's text comes from.
#[derive(Clone, Debug)]
pub enum FileContent {
    /// `templates/<role>/<name>`, with further names.
    Template(String, Vec<(String, Node)>),
    /// A value, written in the file's format.
    Value(Node),
    /// The text itself.
    Text(Node),
}

/// A file.
#[derive(Clone, Debug)]
pub struct FileEntry {
    /// Its text.
    pub content: FileContent,
    /// Absolute path.
    pub path: Node,
    /// How it is compared.
    pub format: Format,
    /// Octal text.
    pub mode: Node,
    /// User name or number.
    pub owner: Node,
    /// Group name or number.
    pub group: Node,
    /// Whether its values may be shown.
    pub secret: bool,
    /// Units that read it; the role's own where absent.
    pub restarts: Option<Node>,
    /// Left out, repeated, or not.
    pub repeat: Repeat,
    /// Where the entry stands.
    pub span: Span,
}

/// A Docker network.
#[derive(Clone, Debug)]
pub struct Network {
    /// Its name.
    pub name: Node,
    /// Whether it has IPv6.
    pub ipv6: Option<Node>,
    /// Options of the bridge driver.
    pub driver_options: Option<Node>,
    /// Left out, repeated, or not.
    pub repeat: Repeat,
}

/// An image that no service names.
#[derive(Clone, Debug)]
pub struct ImageEntry {
    /// Its name with tag.
    pub name: Node,
    /// Left out, repeated, or not.
    pub repeat: Repeat,
}

/// A unit that runs a container.
#[derive(Clone, Debug)]
pub struct Service {
    /// Unit name without `.service`, and the container's name.
    pub name: Node,
    /// One line for people.
    pub description: Node,
    /// Names for `start-group` and `stop-group`.
    pub groups: Vec<String>,
    /// Lower starts first.
    pub priority: Node,
    /// Units it cannot do without.
    pub requires: Option<Node>,
    /// Units that start before it.
    pub after: Option<Node>,
    /// Units it likes to have.
    pub wants: Option<Node>,
    /// Enabled and started, or only written.
    pub autostart: Option<Node>,
    /// `Environment=` lines.
    pub environment: Option<Node>,
    /// Seconds that Docker gives it to stop.
    pub stop_grace_seconds: Option<Node>,
    /// Seconds before the container is made.
    pub start_delay_seconds: Option<Node>,
    /// `ExecReload` commands.
    pub reload: Option<Node>,
    /// `ExecStartPost` commands.
    pub post_start: Option<Node>,
    /// `ExecStopPost` commands, after the container is gone.
    pub post_stop: Option<Node>,
    /// Further `ExecStartPre` commands.
    pub pre_start: Option<Node>,
    /// `Restart=`.
    pub restart: Option<Node>,
    /// `Type=`.
    pub kind: Option<Node>,
    /// `SyslogIdentifier=`; the name where absent.
    pub syslog_identifier: Option<Node>,
    /// What runs.
    pub container: Container,
    /// How apply knows that it works.
    pub health: Option<Health>,
    /// Left out or not.
    pub repeat: Repeat,
}

/// A container's settings.
#[derive(Clone, Debug)]
pub struct Container {
    /// `create` or `run`.
    pub mode: Option<Node>,
    /// Image with tag.
    pub image: Node,
    /// `uid:gid`.
    pub user: Option<Node>,
    /// Read-only root.
    pub read_only: Option<Node>,
    /// `--cap-drop=ALL`.
    pub drop_capabilities: Option<Node>,
    /// Main network.
    pub network: Option<Node>,
    /// Networks connected before the start.
    pub additional_networks: Option<Node>,
    /// Host name inside.
    pub hostname: Option<Node>,
    /// Path of the environment file.
    pub env_file: Option<Node>,
    /// Path of the label file.
    pub label_file: Option<Node>,
    /// Program instead of the image's.
    pub entrypoint: Option<Node>,
    /// `/dev/shm`.
    pub shm_size: Option<Node>,
    /// Docker's own health check.
    pub health_interval: Option<Node>,
    /// Bind mounts.
    pub mounts: Vec<Mount>,
    /// Mounts as users write them.
    pub additional_mounts: Option<Node>,
    /// Memory file systems.
    pub tmpfs: Vec<Tmpfs>,
    /// `host:container` ports.
    pub publish: Option<Node>,
    /// Further arguments for docker.
    pub arguments: Option<Node>,
    /// What follows the image.
    pub command: Option<Node>,
    /// What its program says about a new configuration.
    pub checks: Vec<Check>,
}

/// A bind mount.
#[derive(Clone, Debug)]
pub struct Mount {
    /// Path on the host.
    pub source: Node,
    /// Path inside.
    pub target: Node,
    /// Not writable inside.
    pub read_only: Option<Node>,
    /// `bind-propagation`.
    pub propagation: Option<Node>,
    /// Left out, repeated, or not.
    pub repeat: Repeat,
}

/// A file system in memory.
#[derive(Clone, Debug)]
pub struct Tmpfs {
    /// Path inside.
    pub target: Node,
    /// Options after the colon.
    pub options: Option<Node>,
    /// Left out, repeated, or not.
    pub repeat: Repeat,
}

/// A health check.
#[derive(Clone, Debug)]
pub struct Health {
    /// How to ask.
    pub probe: Probe,
    /// How long to ask.
    pub timeout_seconds: Option<Node>,
    /// The public URL that the reverse proxy serves it at.
    pub route: Option<Node>,
}

/// How to ask a container whether it works.
#[derive(Clone, Debug)]
pub enum Probe {
    /// GET answers below 400.
    Http {
        /// Port inside.
        port: Node,
        /// Path with its leading slash.
        path: Node,
    },
    /// Accepts a connection.
    Tcp {
        /// Port inside.
        port: Node,
    },
    /// Stays up.
    Running {
        /// For so long.
        seconds: Node,
    },
}

/// A procedure that a tag runs.
#[derive(Clone, Debug)]
pub struct Operation {
    /// Its name, which is a tag too.
    pub name: String,
    /// What the tag does.
    pub deed: Deed,
    /// Further tags.
    pub tags: Vec<String>,
    /// What the procedure wants to know, by its own names.
    pub values: Vec<(String, Node)>,
    /// The container that it runs; it is gone afterwards.
    pub container: Option<Container>,
}

/// What a tag does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deed {
    /// A built-in procedure, by name.
    Run(String),
    /// Nothing: it is a tag of the playbook that homestead refuses.
    Refuse {
        /// Why.
        reason: String,
        /// What to do instead.
        hint: Option<String>,
    },
}
