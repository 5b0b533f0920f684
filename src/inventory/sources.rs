//! The places that an inventory is read from: hosts files, and the variables beside them.

use std::collections::{HashMap, HashSet};

use camino::{Utf8Path, Utf8PathBuf};

use super::hosts::{ALL, Hosts};
use super::layers::{self, Layer, LayerKind};
use super::vault::{self, VaultPasswords};
use super::{files, hosts_ini, hosts_yaml};
use crate::diagnostic::{Diagnostic, Span, did_you_mean};

/// Names and endings that Ansible passes over in a folder of hosts files.
const IGNORED: [&str; 2] = ["host_vars", "group_vars"];
const IGNORED_ENDINGS: [&str; 14] =
    [".pyc", ".pyo", ".swp", ".bak", "~", ".rpm", ".md", ".txt", ".rst", ".orig", ".ini", ".cfg", ".retry", "vars_plugins"];

/// The folder that `group_vars/` and `host_vars/` are looked for in.
pub fn directory(path: &Utf8Path) -> Utf8PathBuf {
    if path.is_dir() {
        return path.to_owned();
    }
    match path.parent() {
        Some(parent) if !parent.as_str().is_empty() => parent.to_owned(),
        _ => Utf8PathBuf::from("."),
    }
}

/// Reads a hosts file, or those of a folder: its `hosts` where it has one, else every file as
/// Ansible does, by name and with the folders inside.
pub fn read_hosts(path: &Utf8Path, vault: &VaultPasswords, hosts: &mut Hosts, findings: &mut Vec<Diagnostic>) {
    if !path.is_dir() {
        read_file(path, vault, hosts, findings);
        return;
    }
    let own: Vec<_> = ["hosts", "hosts.yml", "hosts.yaml", "hosts.json", "hosts.ini"]
        .map(|name| path.join(name))
        .into_iter()
        .filter(|path| path.is_file())
        .collect();
    for file in &own {
        read_file(file, vault, hosts, findings);
    }
    if own.is_empty() {
        for entry in files::list(path, findings) {
            let name = entry.file_name().unwrap_or_default();
            if !name.starts_with('.') && !IGNORED.contains(&name) && !IGNORED_ENDINGS.iter().any(|ending| name.ends_with(ending)) {
                read_hosts(&entry, vault, hosts, findings);
            }
        }
    }
}

fn read_file(path: &Utf8Path, vault: &VaultPasswords, hosts: &mut Hosts, findings: &mut Vec<Diagnostic>) {
    let span = Span::whole(path.as_str());
    if path.extension() == Some("toml") {
        findings.push(Diagnostic::error("H0113", "a TOML hosts file cannot be read").at(&span).help("write it as INI or YAML"));
        return;
    }
    if is_program(path) {
        findings.push(
            Diagnostic::error("H0112", "the hosts file is a program, and homestead runs none")
                .at(&span)
                .help(format!("write its result into a file: `ansible-inventory -i {path} --list --yaml --output hosts.yml`")),
        );
        return;
    }
    let Some(file) = files::read(path, vault, findings) else {
        return;
    };
    hosts.files.push(path.to_owned());
    if looks_like_yaml(path, &file.text) {
        if let Some(mut node) = files::parse_yaml(&file.text, path.as_str(), findings) {
            vault.open_all(&mut node, findings);
            hosts_yaml::read(node, hosts, findings);
        }
    } else {
        hosts_ini::read(&file.text, path.as_str(), hosts, findings);
    }
    if file.secret {
        hide(path, hosts);
    }
}

/// The variables of an encrypted hosts file are secret; names of hosts and groups are not.
fn hide(path: &Utf8Path, hosts: &mut Hosts) {
    let of_hosts = hosts.hosts.values_mut().flat_map(|host| &mut host.variables);
    let of_groups = hosts.groups.values_mut().flat_map(|group| &mut group.variables);
    for variable in of_hosts.chain(of_groups).filter(|variable| *variable.value.span.file == *path.as_str()) {
        vault::hide(&mut variable.value);
    }
}

/// Only the first bytes tell: on some file systems every file is executable.
fn is_program(path: &Utf8Path) -> bool {
    use std::io::Read;
    let mut first = [0; 4];
    let read = fs_err::File::open(path).and_then(|mut file| file.read(&mut first)).unwrap_or(0);
    first[..read].starts_with(b"#!") || first[..read].starts_with(b"\x7fELF")
}

/// By its ending, or else by its first line that says anything.
fn looks_like_yaml(path: &Utf8Path, text: &str) -> bool {
    if let Some(extension @ ("yml" | "yaml" | "json" | "ini" | "cfg")) = path.extension() {
        return matches!(extension, "yml" | "yaml" | "json");
    }
    let first = text
        .trim_start_matches('\u{feff}')
        .lines()
        .map(str::trim)
        .find(|line| !line.is_empty() && !line.starts_with('#'))
        .unwrap_or_default();
    if first.starts_with("---") || first.starts_with('{') || first.starts_with('%') {
        return true;
    }
    match first.split_once(':') {
        Some((key, rest)) => (rest.is_empty() || rest.starts_with([' ', '\t'])) && !key.contains(['[', '=', ' ', ';']),
        None => false,
    }
}

/// The variables beside one hosts file.
#[derive(Clone, Debug)]
pub struct VarsFolder {
    directory: Utf8PathBuf,
    groups: HashMap<String, Vec<Layer>>,
    hosts: HashMap<String, Vec<Layer>>,
}

impl VarsFolder {
    /// Reads `group_vars/` and `host_vars/` of every group and host.
    pub fn read(directory: &Utf8Path, hosts: &Hosts, vault: &VaultPasswords, findings: &mut Vec<Diagnostic>) -> Self {
        let mut layers = |folder: &Utf8Path, name: &str, kind| {
            let paths = files::vars_files(folder, name, findings);
            paths.iter().filter_map(|path| layers::read(path, kind, vault, findings)).collect::<Vec<_>>()
        };
        let (group_vars, host_vars) = (directory.join("group_vars"), directory.join("host_vars"));
        let kind = |group: &str| if group == ALL { LayerKind::GroupVarsAll } else { LayerKind::GroupVars };
        Self {
            directory: directory.to_owned(),
            groups: hosts.groups.keys().map(|name| (name.clone(), layers(&group_vars, name, kind(name)))).collect(),
            hosts: hosts.hosts.keys().map(|name| (name.clone(), layers(&host_vars, name, LayerKind::HostVars))).collect(),
        }
    }

    /// Warns of variables for hosts and groups that do not exist. Group vars of other inventories
    /// may lie here on purpose, so of these only a likely typo is told.
    pub fn warn_of_unknown(&self, hosts: &Hosts, findings: &mut Vec<Diagnostic>) {
        let groups: HashSet<_> = hosts.groups.keys().map(String::as_str).collect();
        warn_of_unknown(&self.directory.join("group_vars"), "group", &groups, findings);
        let hosts: HashSet<_> = hosts.hosts.keys().map(String::as_str).collect();
        warn_of_unknown(&self.directory.join("host_vars"), "host", &hosts, findings);
    }

    /// The layers of all groups and hosts, by path.
    pub fn layers(&self) -> impl Iterator<Item = &Layer> {
        let mut layers: Vec<&Layer> = self.groups.values().chain(self.hosts.values()).flatten().collect();
        layers.sort_by(|one, other| one.name.cmp(&other.name));
        layers.into_iter()
    }

    /// A group's layers, lowest first.
    pub fn group(&self, name: &str) -> &[Layer] {
        self.groups.get(name).map(Vec::as_slice).unwrap_or_default()
    }

    /// A host's layers, lowest first.
    pub fn host(&self, name: &str) -> &[Layer] {
        self.hosts.get(name).map(Vec::as_slice).unwrap_or_default()
    }
}

fn warn_of_unknown(folder: &Utf8Path, what: &str, names: &HashSet<&str>, findings: &mut Vec<Diagnostic>) {
    if folder.exists() && !folder.is_dir() {
        findings.push(
            Diagnostic::warning("H0128", format!("this is no folder, so no {what} gets variables from it"))
                .at(&Span::whole(folder.as_str())),
        );
        return;
    }
    for path in files::list(folder, findings) {
        let file = path.file_name().unwrap_or_default();
        let stem = [".yml", ".yaml", ".json"].iter().find_map(|ending| file.strip_suffix(ending));
        let name = stem.unwrap_or(file);
        if file.starts_with('.') || file.ends_with('~') || names.contains(file) || names.contains(name) {
            continue;
        }
        let help = did_you_mean(name, names.iter().copied());
        if what == "host" || help.is_some() {
            let warning =
                Diagnostic::warning("H0128", format!("the variables here are for the {what} `{name}`, which the inventory does not have"))
                    .at(&Span::whole(path.as_str()));
            findings.push(match help {
                Some(help) => warning.help(help),
                None => warning,
            });
        }
    }
}
