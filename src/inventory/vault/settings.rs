//! What Ansible's environment variables and `ansible.cfg` say about vaults.
//!
//! See <https://docs.ansible.com/ansible/latest/reference_appendices/config.html>.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;

use camino::{Utf8Path, Utf8PathBuf};

use super::VaultIdentity;
use crate::diagnostic::{Error, Kind, Result};

/// What is set.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct VaultSettings {
    /// `vault_identity_list`: come before those of the command line.
    pub identities: Vec<VaultIdentity>,
    /// `vault_password_file`: comes after those of the command line.
    pub password_file: Option<VaultIdentity>,
    /// `vault_encrypt_identity`: the label to encrypt with.
    pub encrypt_identity: Option<String>,
    /// `ask_vault_pass`.
    pub ask: bool,
}

/// One setting and who says it.
struct Setting {
    value: String,
    said_by: String,
    /// What a relative path starts from.
    folder: Utf8PathBuf,
}

impl VaultSettings {
    /// Reads the environment, then `ansible.cfg`: the one that `ANSIBLE_CONFIG` names, else the one in the
    /// working folder, in the home folder, in `/etc/ansible`.
    ///
    /// # Errors
    /// The file cannot be read; a setting has no meaning; the working folder is everyone's, and its
    /// `ansible.cfg` names programs to run.
    pub fn read(environment: &BTreeMap<String, String>, working_folder: &Utf8Path) -> Result<Self> {
        let file = Configuration::find(environment, working_folder)?;
        let setting = |variable: &str, key: &str| match environment.get(variable).filter(|value| !value.is_empty()) {
            Some(value) => Some(Setting { value: value.clone(), said_by: variable.to_owned(), folder: Utf8PathBuf::new() }),
            None => file.get(key),
        };
        let mut settings = Self::default();
        if let Some(list) = setting("ANSIBLE_VAULT_IDENTITY_LIST", "vault_identity_list") {
            for item in list.value.split([',', '\n']).map(str::trim).filter(|item| !item.is_empty()) {
                let item = item.trim_matches(['"', '\'']);
                let mut identity = VaultIdentity::parse(item, &list.said_by)?;
                if let super::PasswordSource::File(path) = &mut identity.source {
                    *path = expanded(path.as_str(), environment);
                }
                settings.identities.push(identity);
            }
        }
        if let Some(path) = setting("ANSIBLE_VAULT_PASSWORD_FILE", "vault_password_file") {
            let expanded = path.folder.join(expanded(path.value.trim(), environment));
            settings.password_file = Some(VaultIdentity::of_file(expanded, &path.said_by));
        }
        settings.encrypt_identity = setting("ANSIBLE_VAULT_ENCRYPT_IDENTITY", "vault_encrypt_identity").map(|setting| setting.value);
        if let Some(ask) = setting("ANSIBLE_ASK_VAULT_PASS", "ask_vault_pass") {
            settings.ask = match ask.value.to_ascii_lowercase().as_str() {
                "true" | "yes" | "on" | "1" | "y" | "t" => true,
                "false" | "no" | "off" | "0" | "n" | "f" => false,
                _ => return Err(Error::new(Kind::Invalid, format!("{}: `{}` is neither yes nor no", ask.said_by, ask.value))),
            };
        }
        Ok(settings)
    }
}

/// `~` and `$NAME` as Ansible takes them in paths.
fn expanded(path: &str, environment: &BTreeMap<String, String>) -> Utf8PathBuf {
    let get = |name: &str| environment.get(name).map(String::as_str);
    let path = match (path.strip_prefix('~'), get("HOME")) {
        (Some(rest), Some(home)) if rest.is_empty() || rest.starts_with('/') => format!("{home}{rest}"),
        _ => path.to_owned(),
    };
    let (mut whole, mut rest) = (String::new(), path.as_str());
    while let Some((before, after)) = rest.split_once('$') {
        whole.push_str(before);
        let braced = after.strip_prefix('{').and_then(|inside| inside.split_once('}'));
        let end = after.find(|character: char| !character.is_ascii_alphanumeric() && character != '_').unwrap_or(after.len());
        let (name, behind) = braced.unwrap_or_else(|| after.split_at(end));
        match get(name) {
            Some(value) => {
                whole.push_str(value);
                rest = behind;
            }
            // What is not set stays as it is written.
            None => {
                whole.push('$');
                rest = after;
            }
        }
    }
    Utf8PathBuf::from(whole + rest)
}

/// The section `[defaults]` of an `ansible.cfg`.
#[derive(Default)]
struct Configuration {
    path: Utf8PathBuf,
    /// Key, value, line.
    entries: Vec<(String, String, usize)>,
}

impl Configuration {
    fn find(environment: &BTreeMap<String, String>, working_folder: &Utf8Path) -> Result<Self> {
        let named = environment.get("ANSIBLE_CONFIG").filter(|path| !path.is_empty()).map(|path| {
            let path = expanded(path, environment);
            if path.is_dir() { path.join("ansible.cfg") } else { path }
        });
        let local = working_folder.join("ansible.cfg");
        let home = environment.get("HOME").map(|home| Utf8Path::new(home).join(".ansible.cfg"));
        let found = [named, Some(local.clone()), home, Some("/etc/ansible/ansible.cfg".into())];
        let Some(path) = found.into_iter().flatten().find(|path| path.is_file()) else { return Ok(Self::default()) };
        let text = fs_err::read_to_string(&path)
            .map_err(|error| Error::new(Kind::Invalid, format!("cannot read `{path}`: {}", super::super::files::reason(&error))))?;
        let configuration = Self { entries: defaults(&text), path };
        let says = configuration.entries.iter().any(|(key, ..)| key.contains("vault"));
        if configuration.path == local && says && is_everyones(working_folder) {
            return Err(Error::new(Kind::Invalid, format!("everyone may write into this folder, so `{local}` is not trusted"))
                .hint("it may name programs to run: take the right away with `chmod o-w .`")
                .hint(format!("or name it yourself: `ANSIBLE_CONFIG={local}`")));
        }
        Ok(configuration)
    }

    fn get(&self, key: &str) -> Option<Setting> {
        let (_, value, line) = self.entries.iter().rev().find(|(known, value, _)| known == key && !value.is_empty())?;
        let folder = self.path.parent().unwrap_or(Utf8Path::new("")).to_owned();
        let shown = self.path.strip_prefix("./").unwrap_or(&self.path);
        Some(Setting { value: value.clone(), said_by: format!("{shown}:{line}"), folder })
    }
}

fn is_everyones(folder: &Utf8Path) -> bool {
    let folder = if folder.as_str().is_empty() { Utf8Path::new(".") } else { folder };
    fs_err::metadata(folder).is_ok_and(|metadata| metadata.permissions().mode() & 0o002 != 0)
}

/// Python's `configparser` as Ansible sets it up: `key = value` or `key: value`, indented lines go on,
/// `;` ends a line behind a space.
fn defaults(text: &str) -> Vec<(String, String, usize)> {
    let mut entries: Vec<(String, String, usize)> = Vec::new();
    let (mut inside, mut open) = (false, false);
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.split_once(" ;").map_or(line, |(before, _)| before);
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with(['#', ';']) {
            continue;
        }
        if let Some(section) = trimmed.strip_prefix('[') {
            inside = section.strip_suffix(']').is_some_and(|name| name == "defaults");
            open = false;
        } else if !inside {
        } else if open && line.starts_with([' ', '\t']) {
            if let Some((_, value, _)) = entries.last_mut() {
                value.push('\n');
                value.push_str(trimmed);
            }
        } else if let Some((key, value)) = trimmed.split_once(['=', ':']) {
            entries.push((key.trim().to_ascii_lowercase(), value.trim().to_owned(), number));
            open = true;
        }
    }
    entries
}
