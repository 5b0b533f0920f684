//! Reads what is the same for every host: roles, templates, inventory.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use camino::Utf8PathBuf;

use super::magic::Magic;
use crate::desired::Templates;
use crate::diagnostic::{Diagnostic, Error, Kind, Result};
use crate::inventory::{Inventory, Layer, Mentions, VaultPasswords};
use crate::role::{Library, Source};
use crate::vars::{Definitions, definitions};

/// Where everything comes from.
#[derive(Clone, Debug)]
pub struct Sources {
    /// Hosts files or folders that hold them.
    pub inventory: Vec<Utf8PathBuf>,
    /// A host pattern.
    pub limit: Option<String>,
    /// `-e`, in order.
    pub extra_vars: Vec<String>,
    /// Roles over the built-in ones.
    pub roles_dir: Option<Utf8PathBuf>,
    /// Passwords for vaults.
    pub vault: VaultPasswords,
    /// The environment for `lookup('env', ...)` and for SSH.
    pub environment: BTreeMap<String, String>,
    /// For `now()`.
    pub now: SystemTime,
    /// The run's id: the same on every host, and for everything that this call of the program does.
    pub run: String,
    /// How long to wait for another run's lock.
    pub lock_wait: Duration,
}

#[cfg(test)]
impl Loaded {
    /// What is read of an inventory with one host that has these variables.
    pub fn of_one_host(name: &str, variables: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = camino::Utf8Path::from_path(folder.path()).unwrap();
        fs_err::create_dir_all(root.join("host_vars")).unwrap();
        fs_err::write(root.join("hosts"), format!("[matrix_servers]\n{name}\n")).unwrap();
        fs_err::write(root.join(format!("host_vars/{name}.yml")), variables).unwrap();
        let sources = Sources {
            inventory: vec![root.join("hosts")],
            limit: None,
            extra_vars: Vec::new(),
            roles_dir: None,
            vault: VaultPasswords::default(),
            environment: BTreeMap::new(),
            now: std::time::UNIX_EPOCH + Duration::from_secs(1_700_000_000),
            run: "r1".into(),
            lock_wait: Duration::ZERO,
        };
        Self::read(&sources).unwrap()
    }
}

/// What is the same for every host.
pub struct Loaded {
    /// All roles.
    pub library: Library,
    /// Their templates.
    pub templates: Arc<Templates>,
    /// Hosts, groups, variables.
    pub inventory: Arc<Inventory>,
    /// Where it was read from.
    pub sources: Vec<Utf8PathBuf>,
    /// The environment.
    pub environment: BTreeMap<String, String>,
    /// For `now()`.
    pub now: SystemTime,
    /// The run's id.
    pub run: String,
    /// How long to wait for another run's lock.
    pub lock_wait: Duration,
    /// Which names the texts of the inventory mention.
    pub mentions: Mentions,
    /// What is worth a remark.
    pub warnings: Vec<Diagnostic>,
    /// Passwords for vaults.
    pub vault: VaultPasswords,
    /// Credentials that were made for this run, by host.
    pub fresh: BTreeMap<String, Layer>,
    /// `--limit`
    pub limit: Option<String>,
    /// What roles and their wiring define.
    pub defaults: Definitions,
    /// What hosts see of each other, by the tags of the runs that asked so far.
    magic: Mutex<Vec<Arc<Magic>>>,
}

impl Loaded {
    /// Reads it all.
    ///
    /// # Errors
    /// Everything that is wrong with the inventory, together.
    pub fn read(sources: &Sources) -> Result<Self> {
        let source = sources.roles_dir.as_deref().map_or_else(|| Ok(Source::embedded()), Source::with_folder)?;
        let templates = Arc::new(Templates::new(&source)?);
        let library = Library::load(source);
        let inventory = Inventory::load(&sources.inventory, &sources.extra_vars, &sources.vault);
        let (library, (inventory, warnings)) = both(library, inventory)?;
        let environment = sources.environment.clone();
        Ok(Self {
            templates,
            mentions: inventory.mentions(),
            inventory: Arc::new(inventory),
            sources: sources.inventory.clone(),
            environment,
            now: sources.now,
            run: sources.run.clone(),
            lock_wait: sources.lock_wait,
            warnings,
            vault: sources.vault.clone(),
            fresh: BTreeMap::new(),
            limit: sources.limit.clone(),
            defaults: definitions(Definitions::new(), library.layers()),
            library,
            magic: Mutex::default(),
        })
    }

    /// What the hosts see of each other in a run with these tags.
    ///
    /// # Errors
    /// As [`Self::hosts`].
    pub(super) fn magic(&self, run_tags: &[String]) -> Result<Arc<Magic>> {
        let mut known = self.magic.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(magic) = known.iter().find(|magic| magic.fits(&self.inventory, run_tags)) {
            return Ok(Arc::clone(magic));
        }
        let magic = Arc::new(Magic::new(self, run_tags)?);
        known.push(Arc::clone(&magic));
        Ok(magic)
    }

    /// The names of the hosts that the run is about: the ones in `matrix_servers` where that group
    /// exists, else all, narrowed by `--limit`.
    ///
    /// # Errors
    /// A pattern that names nothing.
    pub fn hosts(&self) -> Result<Vec<String>> {
        let named = |hosts: Vec<&crate::inventory::InventoryHost>| hosts.into_iter().map(|host| host.name.clone()).collect::<Vec<_>>();
        let selected = named(self.inventory.select(self.limit.as_deref())?);
        let members = self.inventory.members("matrix_servers");
        if members.is_empty() {
            return Ok(selected);
        }
        let hosts: Vec<String> = selected.into_iter().filter(|host| members.contains(&host.as_str())).collect();
        if hosts.is_empty() {
            let limit = self.limit.as_deref().unwrap_or_default();
            return Err(Error::new(Kind::Usage, format!("`--limit {limit}` selects no host of the group `matrix_servers`"))
                .hint(format!("its hosts are {}", members.join(", "))));
        }
        Ok(hosts)
    }
}

/// Both results, or what is wrong with either.
fn both<A, B>(left: Result<A>, right: Result<B>) -> Result<(A, B)> {
    match (left, right) {
        (Ok(left), Ok(right)) => Ok((left, right)),
        (Err(mut left), Err(right)) if left.kind == Kind::Invalid && !right.diagnostics.is_empty() => {
            left.diagnostics.extend(right.diagnostics);
            Err(Error::invalid(left.diagnostics))
        }
        (Err(error), _) | (_, Err(error)) => Err(error),
    }
}
