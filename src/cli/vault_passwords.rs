//! Vault passwords: which ones the command line, the environment and `ansible.cfg` name, and asking for them.

use std::collections::BTreeMap;
use std::io::IsTerminal as _;

use camino::{Utf8Path, Utf8PathBuf};

use super::global::GlobalArgs;
use super::prompt;
use crate::diagnostic::{Error, Kind, Result};
use crate::inventory::vault::password::{self, Asking};
use crate::inventory::vault::settings::VaultSettings;
use crate::inventory::vault::{DEFAULT_ID, VaultIdentity, VaultPassword, VaultPasswords};
use crate::secret::Secret;

/// Everything that names a vault password, in the order in which Ansible tries them.
pub struct Identities {
    /// In order.
    pub all: Vec<VaultIdentity>,
    /// The label that `vault_encrypt_identity` says.
    pub encrypt: Option<String>,
}

impl Identities {
    /// Reads the command line's options, the environment and `ansible.cfg`.
    ///
    /// # Errors
    /// One of them has no meaning.
    pub fn read(global: &GlobalArgs, environment: &BTreeMap<String, String>) -> Result<Self> {
        let settings = VaultSettings::read(environment, Utf8Path::new(""))?;
        let mut all = settings.identities;
        for text in &global.vault_id {
            all.push(VaultIdentity::parse(text, "--vault-id")?);
        }
        all.extend(global.vault_password_file.iter().map(|path| VaultIdentity::of_file(path.clone(), "--vault-password-file")));
        all.extend(settings.password_file);
        if global.ask_vault_pass || settings.ask {
            all.push(VaultIdentity::asked());
        }
        Ok(Self { all, encrypt: settings.encrypt_identity })
    }

    /// The one to encrypt with: that of the label, or the only one; asked for where there is none at all.
    ///
    /// # Errors
    /// There are several and no label says which; none has the label.
    pub fn to_encrypt_with(&self, label: Option<&str>) -> Result<VaultIdentity> {
        let labels = || self.all.iter().map(|identity| format!("`{}`", identity.label())).collect::<Vec<_>>().join(", ");
        let option = "--encrypt-vault-id";
        match (label.or(self.encrypt.as_deref()), self.all.as_slice()) {
            (Some(label), all) => all.iter().find(|identity| identity.label() == label).cloned().ok_or_else(|| {
                let error = Error::new(Kind::Usage, format!("there is no password for the vault id `{label}` of `{option}`"));
                if all.is_empty() {
                    error.hint(format!("give one: `--vault-id {label}@FILE`"))
                } else {
                    error.hint(format!("there are {}", labels()))
                }
            }),
            (None, []) => Ok(VaultIdentity::asked()),
            (None, [only]) => Ok(only.clone()),
            (None, _) => Err(Error::new(Kind::Usage, format!("there are several vault ids to encrypt with: {}", labels()))
                .hint(format!("choose one with `{option}`"))),
        }
    }
}

/// The passwords that a run reads its inventory with.
///
/// # Errors
/// A source gives none.
pub fn of_run(global: &GlobalArgs, environment: &BTreeMap<String, String>) -> Result<VaultPasswords> {
    password::passwords(&Identities::read(global, environment)?.all, &asking(false))
}

/// The passwords that open existing vaults; asked for where nothing names one.
///
/// # Errors
/// A source gives none.
pub fn to_open(identities: &Identities) -> Result<VaultPasswords> {
    let asked = [VaultIdentity::asked()];
    let all = if identities.all.is_empty() { asked.as_slice() } else { &identities.all };
    password::passwords(all, &asking(false))
}

/// The password that locks; a person is asked for it twice. What may open its file, if that is a vault,
/// are the ones named before it.
///
/// # Errors
/// The source gives none.
pub fn to_lock(identity: &VaultIdentity, identities: &Identities) -> Result<VaultPassword> {
    let mut earlier = VaultPasswords::none();
    if identity_file_is_vault(identity) {
        for other in identities.all.iter().take_while(|other| *other != identity) {
            earlier.push(password::password(other, &earlier, &asking(false))?);
        }
    }
    password::password(identity, &earlier, &asking(true))
}

fn identity_file_is_vault(identity: &VaultIdentity) -> bool {
    use crate::inventory::vault::{PasswordSource, is_vault};
    match &identity.source {
        // A file that cannot be read is complained about when the password is taken from it.
        PasswordSource::File(path) => fs_err::read(path).is_ok_and(|content| is_vault(content.trim_ascii())),
        PasswordSource::Prompt | PasswordSource::AskVaultPass => false,
    }
}

/// What `--new-vault-id` and `--new-vault-password-file` say.
///
/// # Errors
/// The id is none.
pub fn new_identity(id: Option<&str>, file: Option<&Utf8PathBuf>) -> Result<Option<VaultIdentity>> {
    Ok(match (id, file) {
        (Some(id), _) => Some(VaultIdentity::parse(id, "--new-vault-id")?),
        (None, Some(path)) => Some(VaultIdentity::of_file(path.clone(), "--new-vault-password-file")),
        (None, None) => None,
    })
}

/// The label of a password as it goes into a header.
pub fn header_label(password: &VaultPassword) -> Option<&str> {
    password.id.as_deref().filter(|id| *id != DEFAULT_ID)
}

fn asking(new: bool) -> Asking<'static> {
    Asking { question: &ask, new, interactive: std::io::stderr().is_terminal() && std::io::stdin().is_terminal() }
}

fn ask(question: &str) -> Result<Secret<String>> {
    prompt::ask_hidden_beside_input(question).map_err(|error| match error.kind {
        Kind::Usage => error.hint("name a file or a script that gives it: `--vault-password-file`, `--vault-id`"),
        _ => error,
    })
}
