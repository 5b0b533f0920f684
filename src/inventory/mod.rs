//! The inventory: which hosts there are, and what the user says about them.
//!
//! Takes the paths and `-e` arguments of the command line and the vault passwords. Gives hosts,
//! groups, and for each host its layers of variables, unevaluated, each value with its place.
//! Must not know what a variable means: no role, no template, no default.

#![cfg_attr(test, allow(clippy::format_collect, reason = "lists of lines are what the snapshots show"))]

mod extra_vars;
mod files;
pub mod hosts;
pub mod hosts_ini;
mod hosts_yaml;
pub mod layers;
pub mod mentions;
pub mod node;
mod patterns;
mod python_literal;
mod ranges;
mod scalar;
pub mod shell_words;
mod sources;
pub mod vault;
pub mod yaml;

use std::collections::HashSet;

use camino::{Utf8Path, Utf8PathBuf};
use indexmap::IndexMap;

pub use hosts::{Group, InventoryHost};
pub use layers::{Layer, LayerKind, Variable};
pub use mentions::Mentions;
pub use node::{Node, Reference, SecretSource, Value};
pub use vault::VaultPasswords;

use crate::diagnostic::{Diagnostic, Error, Kind, Result, Severity, Span, did_you_mean};
use hosts::{ALL, Hosts};
use sources::VarsFolder;

/// Everything that a user declared, read and checked, not yet evaluated.
#[derive(Clone, Debug)]
pub struct Inventory {
    /// The folder of the (first) hosts file, as the user typed it: Ansible's `inventory_dir`.
    pub directory: Utf8PathBuf,
    hosts: Hosts,
    folders: Vec<VarsFolder>,
    extra: Vec<Layer>,
    hosts_files: Vec<Utf8PathBuf>,
}

impl Inventory {
    /// Reads hosts files (or folders of them), the `group_vars/` and `host_vars/` beside them, and
    /// the `-e` arguments. Gives warnings beside the inventory.
    ///
    /// # Errors
    /// [`Kind::Invalid`] with everything that is wrong in all of the files.
    pub fn load(paths: &[Utf8PathBuf], extra: &[String], vault: &VaultPasswords) -> Result<(Self, Vec<Diagnostic>)> {
        if let Some(missing) = paths.iter().find(|path| !path.exists()) {
            return Err(not_found(missing));
        }
        let Some(first) = paths.first() else {
            return Err(Error::new(Kind::Usage, "no inventory was given").hint("name the hosts file: `-i inventory/hosts`"));
        };
        let mut findings = Vec::new();
        let mut hosts = Hosts::default();
        for path in paths {
            sources::read_hosts(path, vault, &mut hosts, &mut findings);
        }
        hosts.complete(&mut findings);
        let whole = !has_errors(&findings);
        let mut directories: Vec<Utf8PathBuf> = paths.iter().map(|path| sources::directory(path)).collect();
        let directory = sources::directory(first);
        let mut seen = indexmap::IndexSet::new();
        directories.retain(|directory| seen.insert(directory.canonicalize_utf8().unwrap_or_else(|_| directory.clone())));
        let folders: Vec<_> = directories.iter().map(|directory| VarsFolder::read(directory, &hosts, vault, &mut findings)).collect();
        let extra = extra_vars::read(extra, vault, &mut findings);
        if whole {
            // With a broken hosts file these would only repeat its errors.
            for folder in &folders {
                folder.warn_of_unknown(&hosts, &mut findings);
            }
            warn_of_strays(&hosts, &mut findings);
        }
        if has_errors(&findings) {
            return Err(Error::invalid(findings));
        }
        let hosts_files = hosts.files.clone();
        Ok((Self { directory, hosts, folders, extra, hosts_files }, findings))
    }

    /// All hosts, in the order of the files.
    pub fn hosts(&self) -> impl ExactSizeIterator<Item = &InventoryHost> {
        self.hosts.hosts.values()
    }

    /// All groups by name: `all`, `ungrouped`, then in the order of the files.
    pub const fn groups(&self) -> &IndexMap<String, Group> {
        &self.hosts.groups
    }

    /// The names of a group's hosts, with those of the groups below it, as in Ansible's `groups`.
    pub fn members(&self, group: &str) -> Vec<&str> {
        self.hosts.members(group)
    }

    /// A host by its name.
    ///
    /// # Errors
    /// [`Kind::Usage`] where there is none, with the nearest name.
    pub fn host(&self, name: &str) -> Result<&InventoryHost> {
        self.hosts.hosts.get(name).ok_or_else(|| {
            let error = Error::new(Kind::Usage, format!("the inventory has no host `{name}`"));
            match did_you_mean(name, self.hosts.hosts.keys().map(String::as_str)) {
                Some(hint) => error.hint(hint),
                None => error,
            }
        })
    }

    /// The hosts that `--limit` selects, or all, in the order of the files.
    ///
    /// # Errors
    /// [`Kind::Usage`] where a name in it is unknown, or nothing is selected.
    pub fn select(&self, limit: Option<&str>) -> Result<Vec<&InventoryHost>> {
        let Some(limit) = limit else {
            return Ok(self.hosts().collect());
        };
        let names = patterns::select(&self.hosts, limit)?;
        let selected: Vec<_> = self.hosts().filter(|host| names.contains(host.name.as_str())).collect();
        if selected.is_empty() {
            return Err(Error::new(Kind::Usage, format!("`--limit {limit}` selects no host")).hint(known_hosts(&self.hosts)));
        }
        Ok(selected)
    }

    /// A host's groups but `all`, sorted, as in Ansible's `group_names`.
    pub fn groups_of(&self, host: &str) -> Vec<&str> {
        let mut groups: Vec<_> = self.hosts.groups_with_ancestors(host).into_iter().filter(|group| *group != ALL).collect();
        groups.sort_unstable();
        groups
    }

    /// A host's layers, from the lowest precedence to the highest. Those of roles come before them.
    pub fn layers(&self, host: &str) -> Vec<Layer> {
        let groups = self.groups_by_precedence(host);
        let inline = |kind, name: &str, variables: &[Variable]| Layer { kind, name: name.to_owned(), variables: variables.to_vec() };
        let mut layers: Vec<Layer> = [ALL]
            .iter()
            .chain(&groups)
            .filter_map(|name| self.hosts.groups.get(*name).map(|group| inline(LayerKind::GroupVarsInHosts, name, &group.variables)))
            .collect();
        layers.extend(self.folders.iter().flat_map(|folder| folder.group(ALL)).cloned());
        layers.extend(self.folders.iter().flat_map(|folder| groups.iter().flat_map(|group| folder.group(group))).cloned());
        if let Some(host) = self.hosts.hosts.get(host) {
            layers.push(inline(LayerKind::HostVarsInHosts, &host.name, &host.variables));
        }
        layers.extend(self.folders.iter().flat_map(|folder| folder.host(host)).cloned());
        layers.extend(self.extra.iter().cloned());
        layers.retain(|layer| !layer.variables.is_empty());
        layers
    }

    /// The files that variables come from: hosts files, then those beside them.
    pub fn files(&self) -> Vec<Utf8PathBuf> {
        let mut files = self.hosts_files.clone();
        for folder in &self.folders {
            files.extend(folder.layers().map(|layer| Utf8PathBuf::from(&layer.name)));
        }
        let mut seen = HashSet::new();
        files.retain(|file| seen.insert(file.clone()));
        files
    }

    /// Whether a file says which hosts there are.
    pub fn is_hosts_file(&self, path: &Utf8Path) -> bool {
        self.hosts_files.iter().any(|file| file == path)
    }

    /// The variables of a hosts file, with where their names stand.
    pub fn hosts_file_variables(&self, path: &Utf8Path) -> Vec<(String, Span)> {
        let groups = self.hosts.groups.values().flat_map(|group| &group.variables);
        let hosts = self.hosts.hosts.values().flat_map(|host| &host.variables);
        let mut seen = HashSet::new();
        let own = groups.chain(hosts).filter(|variable| *variable.name_span.file == *path.as_str());
        own.filter(|variable| seen.insert(&variable.name_span))
            .map(|variable| (variable.name.clone(), variable.name_span.clone()))
            .collect()
    }

    /// Which names the texts of all hosts and groups mention.
    pub fn mentions(&self) -> Mentions {
        let inline = self.hosts.groups.values().map(|group| &group.variables).chain(self.hosts.hosts.values().map(|host| &host.variables));
        let files = self.folders.iter().flat_map(VarsFolder::layers).chain(&self.extra).map(|layer| &layer.variables);
        Mentions::of(inline.chain(files).flatten())
    }

    /// By depth, then `ansible_group_priority`, then name, without `all`.
    fn groups_by_precedence(&self, host: &str) -> Vec<&str> {
        let mut groups = self.groups_of(host);
        groups.sort_by_key(|name| self.hosts.groups.get(*name).map(|group| (group.depth, group.priority)));
        groups
    }
}

/// A hint that names the hosts that there are.
fn known_hosts(hosts: &Hosts) -> String {
    const SHOWN: usize = 10;
    let names: Vec<_> = hosts.hosts.keys().take(SHOWN).map(|name| format!("`{name}`")).collect();
    match hosts.hosts.len() {
        0 => "the inventory has no hosts".to_owned(),
        count if count > SHOWN => format!("the inventory has {}, and {} more", names.join(", "), count - SHOWN),
        _ => format!("the inventory has {}", names.join(", ")),
    }
}

fn has_errors(findings: &[Diagnostic]) -> bool {
    findings.iter().any(|finding| finding.severity == Severity::Error)
}

fn not_found(path: &Utf8Path) -> Error {
    let looked =
        path.is_relative().then(|| std::path::absolute(path).ok()).flatten().map(|path| format!(" (looked for {})", path.display()));
    let error = Error::new(Kind::Invalid, format!("there is no inventory `{path}`{}", looked.unwrap_or_default()));
    let error =
        if path.as_str().contains(',') { error.hint("a list of hosts is no inventory: write the hosts into a file") } else { error };
    error.hint("create one with `homestead init`, or name another with `-i PATH`")
}

/// MDAD's playbook runs on the hosts of `matrix_servers`; another host is probably forgotten.
fn warn_of_strays(hosts: &Hosts, findings: &mut Vec<Diagnostic>) {
    const SERVERS: &str = "matrix_servers";
    if !hosts.groups.contains_key(SERVERS) {
        return;
    }
    let servers: HashSet<_> = hosts.members(SERVERS).into_iter().collect();
    for host in hosts.hosts.values().filter(|host| !servers.contains(host.name.as_str())) {
        findings.push(
            Diagnostic::warning("H0129", format!("the host `{}` is not in the group `{SERVERS}`", host.name))
                .at(&host.span)
                .help(format!("move it below `[{SERVERS}]`")),
        );
    }
}

#[cfg(test)]
mod tests;
