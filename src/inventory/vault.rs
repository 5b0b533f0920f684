//! Ansible's vault: text that a password locks.
//!
//! The format is that of `ansible-vault` (formats 1.1 and 1.2): PBKDF2-HMAC-SHA256 makes two keys
//! and a counter block of the password and a salt, AES-256 in counter mode encrypts, and an HMAC
//! over the encrypted bytes says whether the password was right.
//! See <https://docs.ansible.com/ansible/latest/vault_guide/vault_using_encrypted_content.html>.

use aes::Aes256;
use ctr::Ctr128BE;
use ctr::cipher::{KeyIvInit, StreamCipher};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::node::{Node, Value};
use crate::diagnostic::{Diagnostic, Span};
use crate::secret::Secret;

/// What every vault text begins with.
const HEADER: &str = "$ANSIBLE_VAULT";
const ROUNDS: u32 = 10_000;
const BLOCK: usize = 16;
/// Ansible breaks the lines of a vault here.
const WIDTH: usize = 80;

/// The passwords of a run, each with the vault id that it was given for.
#[derive(Clone, Debug, Default)]
pub struct VaultPasswords(Vec<(Option<String>, Secret<String>)>);

/// Why a vault text stays closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Locked {
    /// It is no vault text: what is wrong with it.
    Broken(&'static str),
    /// No password was given that could be meant for it; its id, where it has one.
    NoPassword(Option<String>),
    /// Passwords were given and none is right; its id, where it has one.
    WrongPassword(Option<String>),
}

impl VaultPasswords {
    /// No password at all.
    pub const fn none() -> Self {
        Self(Vec::new())
    }

    /// Adds a password as a file or a prompt gives it: white space around it does not count, as in
    /// Ansible. The id is that of `--vault-id ID@SOURCE`.
    pub fn add(&mut self, id: Option<String>, password: &Secret<String>) {
        self.0.push((id, Secret::new(password.reveal().trim().to_owned())));
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Locks a text with the first password; none where there is no password. The salt must be random.
    pub fn encrypt(&self, text: &Secret<String>, salt: &[u8; 32]) -> Option<String> {
        let (id, password) = self.0.first()?;
        Some(encrypt(text, password, id.as_deref(), salt))
    }

    /// Opens a vault text. A password of the same id is tried first, then every other.
    ///
    /// # Errors
    /// Why it stays closed.
    pub fn open(&self, text: &str) -> Result<Secret<String>, Locked> {
        let vault = Envelope::parse(text)?;
        let (same, other): (Vec<_>, Vec<_>) = self.0.iter().partition(|(id, _)| vault.id.is_some() && *id == vault.id);
        for (_, password) in same.iter().chain(&other) {
            if let Some(bytes) = vault.decrypt(password.reveal()) {
                return String::from_utf8(bytes).map(Secret::new).map_err(|_| Locked::Broken("its content is not UTF-8 text"));
            }
        }
        let meant = !same.is_empty() || self.0.iter().any(|(id, _)| id.is_none()) || vault.id.is_none() && !self.0.is_empty();
        Err(if meant { Locked::WrongPassword(vault.id) } else { Locked::NoPassword(vault.id) })
    }

    /// Opens every vault text inside a value. What no given password could be meant for stays as
    /// it is, because Ansible too complains only when something asks for it.
    pub fn open_all(&self, node: &mut Node, findings: &mut Vec<Diagnostic>) {
        match &mut node.value {
            Value::Vault(text) => match self.open(text) {
                Ok(secret) => node.value = Value::Secret(secret),
                Err(Locked::NoPassword(_)) => {}
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
        let named = |id: &Option<String>| id.as_ref().map(|id| format!(" with the vault id `{id}`")).unwrap_or_default();
        let option = |id: &Option<String>| match id {
            Some(id) => format!("give its password: `--vault-id {id}@FILE`"),
            None => "give its password: `--vault-password-file FILE`, or `--ask-vault-pass`".to_owned(),
        };
        match self {
            Self::Broken(reason) => Diagnostic::error("H0131", format!("this vault text is damaged: {reason}"))
                .help("encrypt it again, or copy it again with all of its lines"),
            Self::NoPassword(id) => {
                Diagnostic::error("H0132", format!("this is encrypted{}, and no password for it was given", named(id))).help(option(id))
            }
            Self::WrongPassword(id) => {
                Diagnostic::error("H0133", format!("this is encrypted{}, and no given password opens it", named(id))).help(option(id))
            }
        }
        .at(span)
    }
}

/// Why a vault text that is still closed after loading stays so; for whoever needs its value.
pub fn locked(text: &str) -> Locked {
    match Envelope::parse(text) {
        Ok(vault) => Locked::NoPassword(vault.id),
        Err(locked) => locked,
    }
}

/// Whether a file is a vault as a whole.
pub fn is_vault(text: &str) -> bool {
    text.starts_with(HEADER)
}

/// Text that came out of a vault is a secret wherever it stands. Numbers and booleans keep their
/// type and stay visible.
pub fn hide(node: &mut Node) {
    match &mut node.value {
        Value::Text(text) | Value::Unsafe(text) => node.value = Value::Secret(Secret::new(std::mem::take(text))),
        Value::List(items) => items.iter_mut().for_each(hide),
        Value::Map(entries) => entries.iter_mut().for_each(|(_, value)| hide(value)),
        _ => {}
    }
}

/// Locks a text, as `ansible-vault encrypt` does. The salt must be random.
pub fn encrypt(text: &Secret<String>, password: &Secret<String>, id: Option<&str>, salt: &[u8; 32]) -> String {
    let keys = Keys::derive(password.reveal(), salt);
    let mut bytes = text.reveal().as_bytes().to_vec();
    let missing = BLOCK - bytes.len() % BLOCK;
    // At most 16, so nothing is cut.
    bytes.extend(std::iter::repeat_n(u8::try_from(missing).unwrap_or(0), missing));
    keys.apply(&mut bytes);
    let parts = [hex::encode(salt), hex::encode(keys.code(&bytes).finalize().into_bytes()), hex::encode(&bytes)];
    let mut vault = match id {
        Some(id) => format!("{HEADER};1.2;AES256;{id}\n"),
        None => format!("{HEADER};1.1;AES256\n"),
    };
    for (place, digit) in hex::encode(parts.join("\n")).chars().enumerate() {
        if place > 0 && place % WIDTH == 0 {
            vault.push('\n');
        }
        vault.push(digit);
    }
    vault.push('\n');
    vault
}

struct Envelope {
    id: Option<String>,
    salt: Vec<u8>,
    code: Vec<u8>,
    content: Vec<u8>,
}

impl Envelope {
    fn parse(text: &str) -> Result<Self, Locked> {
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let mut header = lines.next().unwrap_or_default().split(';').map(str::trim);
        let broken = Locked::Broken;
        if header.next() != Some(HEADER) {
            return Err(broken("it does not begin with `$ANSIBLE_VAULT`"));
        }
        let version = header.next().unwrap_or_default();
        if !matches!(version, "1.1" | "1.2") {
            return Err(broken("its version is neither 1.1 nor 1.2"));
        }
        if header.next() != Some("AES256") {
            return Err(broken("its cipher is not AES256"));
        }
        let id = header.next().filter(|id| !id.is_empty()).map(str::to_owned);
        let not_hexadecimal = |_| broken("it is incomplete, or holds something else than hexadecimal digits");
        let body = hex::decode(lines.collect::<String>()).map_err(not_hexadecimal)?;
        let mut parts = body.splitn(3, |&byte| byte == b'\n');
        let mut part = || hex::decode(parts.next().ok_or(broken("its end is missing"))?).map_err(not_hexadecimal);
        Ok(Self { id, salt: part()?, code: part()?, content: part()? })
    }

    fn decrypt(&self, password: &str) -> Option<Vec<u8>> {
        let keys = Keys::derive(password, &self.salt);
        keys.code(&self.content).verify_slice(&self.code).ok()?;
        let mut bytes = self.content.clone();
        keys.apply(&mut bytes);
        let padding = usize::from(*bytes.last()?);
        let text = bytes.len().checked_sub(padding)?;
        bytes.truncate(text);
        Some(bytes)
    }
}

struct Keys {
    cipher: [u8; 32],
    code: [u8; 32],
    counter: [u8; 16],
}

impl Keys {
    fn derive(password: &str, salt: &[u8]) -> Self {
        let mut bytes = [0; 80];
        pbkdf2::pbkdf2_hmac::<Sha256>(password.as_bytes(), salt, ROUNDS, &mut bytes);
        let mut keys = Self { cipher: [0; 32], code: [0; 32], counter: [0; 16] };
        keys.cipher.copy_from_slice(&bytes[..32]);
        keys.code.copy_from_slice(&bytes[32..64]);
        keys.counter.copy_from_slice(&bytes[64..]);
        keys
    }

    /// Encrypts or decrypts: in counter mode both are the same.
    fn apply(&self, bytes: &mut [u8]) {
        Ctr128BE::<Aes256>::new(&self.cipher.into(), &self.counter.into()).apply_keystream(bytes);
    }

    fn code(&self, bytes: &[u8]) -> Hmac<Sha256> {
        // The key has the length of a block, which HMAC takes as it is.
        let mut padded = [0; 64];
        padded[..32].copy_from_slice(&self.code);
        let mut code = Hmac::<Sha256>::new(&padded.into());
        code.update(bytes);
        code
    }
}

#[cfg(test)]
mod tests;
