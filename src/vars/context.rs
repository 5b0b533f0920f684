//! What is known about a host besides its variables. All of it is handed in.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use camino::Utf8PathBuf;
use serde_json::{Map, Value as Json};

use super::convert::from_json;
use super::value::Value;
use crate::diagnostic::Diagnostic;
use crate::inventory::layers::Layer;

/// What variables may ask for.
#[derive(Clone)]
pub struct Context {
    /// `inventory_hostname`.
    pub host: String,
    /// `ansible_facts`; each is also `ansible_<fact>`.
    pub facts: Map<String, Json>,
    /// `group_names`, `inventory_dir` and `inventory_file`.
    pub magic: Map<String, Json>,
    /// The same for all hosts of a run.
    pub common: Common,
    /// What `hostvars` knows.
    pub hosts: Arc<dyn HostSource>,
    /// For `lookup('env')`.
    pub environment: BTreeMap<String, String>,
    /// Where relative paths of lookups begin: the playbook's folder, as in Ansible.
    pub base_directory: Utf8PathBuf,
    /// Where they begin if nothing is there: the inventory's folder.
    pub second_directory: Option<Utf8PathBuf>,
    /// Templates of roles, for `lookup('template')` inside of a role's own defaults.
    pub templates: Arc<dyn TemplateSource>,
    /// Variables that are documented as secret.
    pub secret_names: BTreeSet<String>,
    /// For `now()`.
    pub now: SystemTime,
    /// For `random`, `shuffle` and new passwords.
    pub random: Arc<dyn Randomness>,
    /// Whether `lookup('pipe')`, `lookup('lines')` and `lookup('url')` may run.
    pub allow_commands: bool,
}

impl Context {
    /// A context that knows nothing but the host's name.
    pub fn new(host: impl Into<String>) -> Self {
        Self {
            host: host.into(),
            facts: Map::new(),
            magic: Map::new(),
            common: Common::default(),
            hosts: Arc::new(NoHosts),
            environment: BTreeMap::new(),
            base_directory: Utf8PathBuf::from("."),
            second_directory: None,
            templates: Arc::new(NoTemplates),
            secret_names: BTreeSet::new(),
            now: SystemTime::UNIX_EPOCH,
            random: Arc::new(NoRandomness),
            allow_commands: true,
        }
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("host", &self.host).field("base_directory", &self.base_directory).finish_non_exhaustive()
    }
}

/// `groups`, `playbook_dir`, `ansible_play_hosts` and the like. Cheap to clone: many of them name every host.
#[derive(Clone, Default)]
pub struct Common(Arc<HashMap<Arc<str>, Value>>);

impl Common {
    /// From plain data, in which nothing is a template.
    pub fn new(values: &Map<String, Json>) -> Self {
        Self(Arc::new(values.iter().map(|(name, value)| (Arc::from(name.as_str()), from_json(value))).collect()))
    }

    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(|name| &**name)
    }
}

/// Gives the value of a variable by name; `None` when no such variable exists.
pub type VariableByName<'a> = dyn Fn(&str) -> Option<Result<Json, Diagnostic>> + 'a;

/// Templates of roles.
pub trait TemplateSource: Send + Sync {
    /// Renders `templates/<role>/<name>`; `None` when there is no such template.
    fn render(&self, role: &str, name: &str, variable: &VariableByName<'_>) -> Option<Result<String, Diagnostic>>;
}

/// No role has templates.
#[derive(Clone, Copy, Debug)]
pub struct NoTemplates;

impl TemplateSource for NoTemplates {
    fn render(&self, _: &str, _: &str, _: &VariableByName<'_>) -> Option<Result<String, Diagnostic>> {
        None
    }
}

/// The hosts of an inventory, for `hostvars`.
pub trait HostSource: Send + Sync {
    /// The names of all hosts, in the order of the inventory.
    fn names(&self) -> Vec<String>;

    /// What the inventory says about a host, from weak to strong, and its magic variables.
    fn variables(&self, host: &str) -> Option<(Vec<Layer>, Map<String, Json>)>;
}

/// No host is known.
#[derive(Clone, Copy, Debug)]
pub struct NoHosts;

impl HostSource for NoHosts {
    fn names(&self) -> Vec<String> {
        Vec::new()
    }

    fn variables(&self, _: &str) -> Option<(Vec<Layer>, Map<String, Json>)> {
        None
    }
}

/// A source of random bytes.
pub trait Randomness: Send + Sync {
    /// Fills a buffer.
    fn fill(&self, buffer: &mut [u8]);
}

/// Always the same bytes; for tests.
#[derive(Clone, Copy, Debug)]
pub struct NoRandomness;

impl Randomness for NoRandomness {
    fn fill(&self, buffer: &mut [u8]) {
        buffer.fill(0);
    }
}
