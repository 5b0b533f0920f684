//! The variables that Ansible itself gives, and what one host sees of the others.

use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use serde_json::{Map, Value as Json, json};

use super::load::Loaded;
use crate::diagnostic::Result;
use crate::inventory::{Inventory, Layer};
use crate::vars::{Common, HostSource};

/// The release of ansible-core whose behaviour the variables have.
const ANSIBLE: [u32; 3] = [2, 19, 14];

/// What every host of an inventory sees.
pub struct Magic {
    inventory: Arc<Inventory>,
    tags: Vec<String>,
    /// Equal for all hosts.
    pub common: Common,
}

impl Magic {
    /// For a run with these tags.
    ///
    /// # Errors
    /// `--limit` selects nothing.
    pub fn new(loaded: &Loaded, run_tags: &[String]) -> Result<Self> {
        let inventory = &loaded.inventory;
        let groups: Map<String, Json> = inventory.groups().keys().map(|name| (name.clone(), json!(inventory.members(name)))).collect();
        let directory = absolute(&inventory.directory);
        let hosts = loaded.hosts()?;
        let [major, minor, revision] = ANSIBLE;
        let full = format!("{major}.{minor}.{revision}");
        let common = json!({
            "groups": groups,
            "playbook_dir": directory.parent().unwrap_or(&directory).as_str(),
            "ansible_run_tags": if run_tags.is_empty() { vec!["all".to_owned()] } else { run_tags.to_vec() },
            "ansible_skip_tags": [],
            "ansible_check_mode": false,
            "ansible_diff_mode": false,
            "ansible_verbosity": 0,
            "ansible_play_hosts": hosts,
            "ansible_play_hosts_all": hosts,
            "ansible_play_batch": hosts,
            "ansible_inventory_sources": loaded.sources.iter().map(|path| absolute(path).into_string()).collect::<Vec<_>>(),
            "ansible_version": {"full": full, "string": full, "major": major, "minor": minor, "revision": revision},
        });
        let mut common = common.as_object().cloned().unwrap_or_default();
        if let Some(limit) = &loaded.limit {
            common.insert("ansible_limit".to_owned(), json!(limit));
        }
        Ok(Self { inventory: Arc::clone(inventory), tags: run_tags.to_vec(), common: Common::new(&common) })
    }

    /// Whether it is that of a run with these tags on this inventory.
    pub fn fits(&self, inventory: &Arc<Inventory>, run_tags: &[String]) -> bool {
        Arc::ptr_eq(&self.inventory, inventory) && self.tags == run_tags
    }

    /// One host's.
    pub fn of(&self, host: &str) -> Map<String, Json> {
        let mut magic = Map::new();
        magic.insert("group_names".to_owned(), json!(self.inventory.groups_of(host)));
        if let Ok(host) = self.inventory.host(host) {
            let file = absolute(Utf8Path::new(&*host.span.file));
            magic.insert("inventory_dir".to_owned(), json!(file.parent().unwrap_or(&file).as_str()));
            magic.insert("inventory_file".to_owned(), json!(file.as_str()));
        }
        magic
    }
}

impl HostSource for Magic {
    fn names(&self) -> Vec<String> {
        self.inventory.hosts().map(|host| host.name.clone()).collect()
    }

    fn variables(&self, host: &str) -> Option<(Vec<Layer>, Map<String, Json>)> {
        self.inventory.host(host).ok()?;
        Some((self.inventory.layers(host), self.of(host)))
    }
}

/// Ansible gives absolute paths.
pub fn absolute(path: &Utf8Path) -> Utf8PathBuf {
    camino::absolute_utf8(path).unwrap_or_else(|_| path.to_owned())
}
