//! One host's variables and desired state.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};

use super::load::Loaded;
use super::magic::absolute;
use crate::desired::{self, Desired};
use crate::diagnostic::{Diagnostic, Result, Span};
use crate::inventory::{Layer, LayerKind, Node, Value, Variable};
use crate::migration::{self, Migration};
use crate::role::Library;
use crate::vars::{Context, Randomness, Redactor, Variables};

/// What only a host can say.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HostFacts {
    /// `ansible_facts`.
    pub facts: Map<String, Json>,
    /// User and group number of the user `matrix`: its own where it exists, else free ones.
    pub account: Option<(u32, u32)>,
    /// The major version that made the managed Postgres's data folder, where there is one. Its data can
    /// only be read by the same version.
    pub postgres_version: Option<u32>,
    /// What the host remembers about moving its accounts to MAS: it decides some variables.
    #[serde(skip)]
    pub migration: Migration,
    /// Whether a move of accounts was begun and neither came to its end nor was put back.
    #[serde(skip)]
    pub move_is_open: bool,
    /// Whether the first start of Postgres was begun and nobody was answered by it yet.
    #[serde(skip)]
    pub first_start_is_open: bool,
}

impl HostFacts {
    /// A small Debian machine, for work without a host.
    pub fn assumed() -> Self {
        let facts = json!({
            "architecture": "x86_64",
            "distribution": "Debian",
            "distribution_major_version": "12",
            "distribution_release": "bookworm",
            "distribution_version": "12",
            "os_family": "Debian",
            "pkg_mgr": "apt",
            "service_mgr": "systemd",
            "system": "Linux",
            "memtotal_mb": 4096,
            "processor_cores": 2,
            "processor_count": 1,
            "processor_vcpus": 2,
            "user_id": "root",
        });
        let facts = facts.as_object().cloned().unwrap_or_default();
        Self {
            facts,
            account: Some((999, 999)),
            postgres_version: None,
            migration: Migration::default(),
            move_is_open: false,
            first_start_is_open: false,
        }
    }

    /// The same machine with facts from a file over it.
    pub fn given(facts: Map<String, Json>) -> Self {
        let mut assumed = Self::assumed();
        assumed.facts.extend(facts);
        assumed
    }
}

/// One host, worked out.
pub struct Prepared {
    /// Its variables.
    pub variables: Variables,
    /// What it should have.
    pub desired: Desired,
    /// What is worth a remark.
    pub warnings: Vec<Diagnostic>,
    /// What the host remembers about moving its accounts to MAS.
    pub migration: Migration,
}

impl Prepared {
    /// Evaluates a host's variables and roles.
    ///
    /// # Errors
    /// Everything that is wrong, together.
    pub fn new(loaded: &Loaded, host: &str, facts: &HostFacts, run_tags: &[String]) -> Result<Self> {
        Self::with(loaded, host, facts, run_tags, &[])
    }

    /// The same with variables that count more than all others: what would be if the inventory said it.
    ///
    /// # Errors
    /// As [`Prepared::new`].
    pub fn with(loaded: &Loaded, host: &str, facts: &HostFacts, run_tags: &[String], supposed: &[(&str, Value)]) -> Result<Self> {
        Self::of(loaded, host, facts, supposing(loaded, host, facts, run_tags, supposed)?)
    }

    /// The same from a host's variables, which were made with these facts.
    ///
    /// # Errors
    /// As [`Prepared::new`].
    pub fn of(loaded: &Loaded, host: &str, facts: &HostFacts, variables: Variables) -> Result<Self> {
        let options = desired::Options {
            host,
            library: &loaded.library,
            templates: &loaded.templates,
            mentions: &loaded.mentions,
            many_hosts: loaded.inventory.hosts().len() > 1,
        };
        let (desired, warnings) = desired::build(options, &variables)?;
        Ok(Self { variables, desired, warnings, migration: facts.migration.clone() })
    }

    /// Knows every secret that was evaluated.
    pub fn redactor(&self) -> Redactor {
        self.variables.secrets()
    }
}

/// A host's variables, lazily evaluated.
///
/// # Errors
/// An unknown host.
pub fn variables(loaded: &Loaded, host: &str, facts: &HostFacts, run_tags: &[String]) -> Result<Variables> {
    supposing(loaded, host, facts, run_tags, &[])
}

fn supposing(loaded: &Loaded, host: &str, facts: &HostFacts, run_tags: &[String], supposed: &[(&str, Value)]) -> Result<Variables> {
    let inventory = &loaded.inventory;
    inventory.host(host)?;
    let mut layers = vec![host_layer(facts)];
    layers.extend(loaded.fresh.get(host).cloned());
    let mut own = inventory.layers(host);
    rename(&mut own, &loaded.library);
    layers.extend(own);
    layers.extend(migration::layer(&facts.migration));
    if !supposed.is_empty() {
        layers.push(layer_of(LayerKind::Extra, "homestead", supposed));
    }
    let magic = loaded.magic(run_tags)?;
    let mut context = Context::new(host);
    context.facts.clone_from(&facts.facts);
    context.magic = magic.of(host);
    context.common = magic.common.clone();
    context.environment.clone_from(&loaded.environment);
    let directory = absolute(&inventory.directory);
    context.base_directory = directory.parent().unwrap_or(&directory).to_owned();
    context.second_directory = Some(directory);
    context.hosts = magic;
    context.templates = loaded.templates.clone();
    context.now = loaded.now;
    context.random = Arc::new(SystemRandomness);
    context.secret_names = loaded.library.secret_names();
    Ok(Variables::over(loaded.defaults.clone(), layers, context))
}

fn layer_of(kind: LayerKind, name: &str, values: &[(&str, Value)]) -> Layer {
    let span = Span::whole(name);
    let variable = |(name, value): &(&str, Value)| Variable {
        name: (*name).to_owned(),
        name_span: span.clone(),
        value: Node::new(value.clone(), span.clone()),
    };
    Layer { kind, name: name.to_owned(), variables: values.iter().map(variable).collect() }
}

/// What the host itself sets: above the wiring, below everything that a user writes.
fn host_layer(facts: &HostFacts) -> Layer {
    let span = Span::whole("the host's facts");
    let number = |name: &str, value: u32| Variable {
        name: name.to_owned(),
        name_span: span.clone(),
        value: Node::new(Value::Int(value.into()), span.clone()),
    };
    let mut variables = Vec::new();
    if let Some((uid, gid)) = facts.account {
        variables.extend([number("matrix_user_uid", uid), number("matrix_user_gid", gid)]);
    }
    if let Some(version) = facts.postgres_version {
        variables.push(number("postgres_detected_version_number", version));
    }
    Layer { kind: LayerKind::Wiring, name: "host".to_owned(), variables }
}

/// Gives a variable that a user sets under its old name its new one, unless the new one is set there too.
fn rename(layers: &mut [Layer], library: &Library) {
    for layer in layers {
        let names: BTreeSet<&str> = layer.variables.iter().map(|variable| variable.name.as_str()).collect();
        let renamed = layer.variables.iter().filter_map(|variable| {
            let name = library.names.renamed(&variable.name)?;
            (!names.contains(name.as_str())).then(|| Variable { name, ..variable.clone() })
        });
        let added: Vec<Variable> = renamed.collect();
        layer.variables.extend(added);
    }
}

/// The operating system's random bytes.
struct SystemRandomness;

impl Randomness for SystemRandomness {
    fn fill(&self, buffer: &mut [u8]) {
        rand::fill(buffer);
    }
}
