//! Ansible's vault: text that a password locks, whole files of it and single values.

mod envelope;
pub mod identity;
pub mod inline;
pub mod password;
pub mod settings;

pub use envelope::{DEFAULT_ID, encrypt, is_vault};
pub use identity::{PasswordSource, VaultIdentity};

use envelope::Envelope;

use super::node::{Node, Value};
use crate::diagnostic::{Diagnostic, Span};
use crate::secret::Secret;

/// A password and the vault id that it was given for; none is Ansible's `default`.
#[derive(Clone, Debug)]
pub struct VaultPassword {
    /// The label.
    pub id: Option<String>,
    /// The password.
    pub password: Secret<Vec<u8>>,
}

/// The passwords of a run.
#[derive(Clone, Debug, Default)]
pub struct VaultPasswords(Vec<VaultPassword>);

/// A vault that is open.
#[derive(Debug)]
pub struct Opened<'a> {
    /// What was inside: any bytes.
    pub content: Secret<Vec<u8>>,
    /// The label in its header.
    pub id: Option<String>,
    /// What opened it.
    pub by: &'a VaultPassword,
}

/// Why a vault text stays closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Locked {
    /// It is no vault text: what is wrong with it.
    Broken(&'static str),
    /// No password was given that could be meant for it.
    NoPassword {
        /// Its label, where it has one.
        id: Option<String>,
        /// The labels of the passwords that were tried all the same.
        tried: Vec<String>,
    },
    /// Passwords were given and none is right.
    WrongPassword {
        /// Its label, where it has one.
        id: Option<String>,
        /// The labels of the passwords that were tried.
        tried: Vec<String>,
    },
}

impl VaultPassword {
    /// The label, as Ansible calls it.
    pub fn label(&self) -> &str {
        self.id.as_deref().unwrap_or(DEFAULT_ID)
    }
}

impl VaultPasswords {
    /// No password at all.
    pub const fn none() -> Self {
        Self(Vec::new())
    }

    /// Adds a password as a prompt gives it: white space around it does not count, as in Ansible.
    /// The id is that of `--vault-id ID@SOURCE`.
    pub fn add(&mut self, id: Option<String>, password: &Secret<String>) {
        self.push(VaultPassword { id, password: Secret::new(password.reveal().trim().as_bytes().to_vec()) });
    }

    /// Adds a password as it is.
    pub fn push(&mut self, mut password: VaultPassword) {
        password.id = password.id.filter(|id| id != DEFAULT_ID);
        self.0.push(password);
    }

    /// All of them, in the order in which they were given.
    pub fn iter(&self) -> impl Iterator<Item = &VaultPassword> {
        self.0.iter()
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Locks a text with the first password; none where there is no password. The salt must be random.
    pub fn encrypt(&self, text: &Secret<String>, salt: &[u8; 32]) -> Option<String> {
        let first = self.0.first()?;
        Some(encrypt(text, &first.password, first.id.as_deref(), salt))
    }

    /// Opens a vault text that holds text. A password of the same id is tried first, then every other.
    ///
    /// # Errors
    /// Why it stays closed.
    pub fn open(&self, text: &str) -> Result<Secret<String>, Locked> {
        let content = self.open_bytes(text.as_bytes())?.content.into_inner();
        String::from_utf8(content).map(Secret::new).map_err(|_| Locked::Broken("its content is not UTF-8 text"))
    }

    /// The same for a vault that may hold any bytes.
    ///
    /// # Errors
    /// Why it stays closed.
    pub fn open_bytes(&self, text: &[u8]) -> Result<Opened<'_>, Locked> {
        let text = std::str::from_utf8(text).map_err(|_| Locked::Broken("it is no text"))?;
        let vault = Envelope::parse(text)?;
        let (same, other): (Vec<_>, Vec<_>) = self.0.iter().partition(|password| password.id == vault.id);
        for by in same.iter().chain(&other) {
            if let Some(content) = vault.decrypt(by.password.reveal())? {
                return Ok(Opened { content: Secret::new(content), id: vault.id, by });
            }
        }
        let unlabelled = self.0.iter().any(|password| password.id.is_none());
        let meant = !same.is_empty() || unlabelled || vault.id.is_none() && !self.0.is_empty();
        let mut tried: Vec<String> = Vec::new();
        for password in same.iter().chain(&other) {
            if !tried.iter().any(|label| label == password.label()) {
                tried.push(password.label().to_owned());
            }
        }
        Err(if meant { Locked::WrongPassword { id: vault.id, tried } } else { Locked::NoPassword { id: vault.id, tried } })
    }

    /// Opens every vault text inside a value. What no given password could be meant for stays as
    /// it is, because Ansible too complains only when something asks for it.
    pub fn open_all(&self, node: &mut Node, findings: &mut Vec<Diagnostic>) {
        match &mut node.value {
            Value::Vault(text) => match self.open(text) {
                Ok(secret) => node.value = Value::Sealed(secret),
                Err(Locked::NoPassword { .. }) => {}
                Err(locked) => findings.push(locked.diagnostic(&node.span)),
            },
            Value::List(items) => items.iter_mut().for_each(|item| self.open_all(item, findings)),
            Value::Map(entries) => entries.iter_mut().for_each(|(_, value)| self.open_all(value, findings)),
            _ => {}
        }
    }
}

impl Locked {
    /// What to say about a vault text at a place.
    pub fn diagnostic(&self, span: &Span) -> Diagnostic {
        let (code, message) = match self {
            Self::Broken(_) => ("H0131", self.to_string()),
            Self::NoPassword { .. } => ("H0132", self.to_string()),
            Self::WrongPassword { .. } => ("H0133", self.to_string()),
        };
        Diagnostic::error(code, message).at(span).help(self.help())
    }

    /// What to do.
    pub fn help(&self) -> String {
        match self {
            Self::Broken(_) => "encrypt it again, or copy it again with all of its lines".to_owned(),
            Self::NoPassword { id: Some(id), .. } | Self::WrongPassword { id: Some(id), .. } => {
                format!("give its password: `--vault-id {id}@FILE`, or `--vault-id {id}@prompt`")
            }
            Self::NoPassword { .. } | Self::WrongPassword { .. } => {
                "give its password: `--vault-password-file FILE`, or `--ask-vault-pass`".to_owned()
            }
        }
    }
}

impl std::fmt::Display for Locked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (id, tried, end) = match self {
            Self::Broken(reason) => return write!(f, "this vault text is damaged: {reason}"),
            Self::NoPassword { id, tried } => (id, tried, "no password for it was given"),
            Self::WrongPassword { id, tried } => (id, tried, "no given password opens it"),
        };
        f.write_str("this is encrypted")?;
        if let Some(id) = id {
            write!(f, " with the vault id `{id}`")?;
        }
        write!(f, ", and {end}")?;
        if tried.is_empty() { Ok(()) } else { write!(f, " (tried: `{}`)", tried.join("`, `")) }
    }
}

/// Why a vault text that is still closed after loading stays so; for whoever needs its value.
pub fn locked(text: &str) -> Locked {
    match Envelope::parse(text) {
        Ok(vault) => Locked::NoPassword { id: vault.id, tried: Vec::new() },
        Err(locked) => locked,
    }
}

/// What came out of a vault is a secret wherever it stands: numbers and booleans too.
pub fn hide(node: &mut Node) {
    match &mut node.value {
        Value::Text(text) => node.value = Value::Secret(Secret::new(std::mem::take(text))),
        Value::Unsafe(text) => node.value = Value::Sealed(Secret::new(std::mem::take(text))),
        Value::Bool(_) | Value::Int(_) | Value::Float(_) => {
            let scalar = std::mem::replace(&mut node.value, Value::Null);
            node.value = Value::Hidden(Secret::new(Box::new(scalar)));
        }
        Value::List(items) => items.iter_mut().for_each(hide),
        Value::Map(entries) => entries.iter_mut().for_each(|(_, value)| hide(value)),
        _ => {}
    }
}

#[cfg(test)]
mod tests;
