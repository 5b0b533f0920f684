//! The format of `ansible-vault`, 1.1 and 1.2: what it looks like, and what locks and opens it.
//!
//! PBKDF2-HMAC-SHA256 makes two keys and a counter block of the password and a salt, AES-256 in counter
//! mode encrypts, and an HMAC over the encrypted bytes says whether the password was right.
//! See <https://docs.ansible.com/ansible/latest/vault_guide/vault_using_encrypted_content.html>.

use aes::Aes256;
use ctr::Ctr128BE;
use ctr::cipher::{KeyIvInit, StreamCipher};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::Locked;
use crate::secret::Secret;

/// What every vault text begins with.
const HEADER: &str = "$ANSIBLE_VAULT";
/// The label that Ansible gives to what has none; it stands in no header.
pub const DEFAULT_ID: &str = "default";
const ROUNDS: u32 = 10_000;
const BLOCK: usize = 16;
/// Ansible breaks the lines of a vault here.
const WIDTH: usize = 80;

/// Whether a file is a vault as a whole.
pub fn is_vault(content: impl AsRef<[u8]>) -> bool {
    content.as_ref().starts_with(HEADER.as_bytes())
}

/// Locks bytes, as `ansible-vault encrypt` does. The salt must be random. The label `default` counts as none.
pub fn encrypt<T: AsRef<[u8]>, P: AsRef<[u8]>>(content: &Secret<T>, password: &Secret<P>, id: Option<&str>, salt: &[u8; 32]) -> String {
    let keys = Keys::derive(password.reveal().as_ref(), salt);
    let mut bytes = content.reveal().as_ref().to_vec();
    let missing = BLOCK - bytes.len() % BLOCK;
    // At most 16, so nothing is cut.
    bytes.extend(std::iter::repeat_n(u8::try_from(missing).unwrap_or(0), missing));
    keys.apply(&mut bytes);
    let parts = [hex::encode(salt), hex::encode(keys.code(&bytes).finalize().into_bytes()), hex::encode(&bytes)];
    let mut vault = match id.filter(|id| *id != DEFAULT_ID) {
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

/// A vault text in its parts.
pub struct Envelope {
    /// The label in its header; none where that is `default`.
    pub id: Option<String>,
    salt: Vec<u8>,
    code: Vec<u8>,
    content: Vec<u8>,
}

impl Envelope {
    /// Takes a vault text apart.
    ///
    /// # Errors
    /// It is none, or damaged.
    pub fn parse(text: &str) -> Result<Self, Locked> {
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
        let id = header.next().filter(|id| !id.is_empty() && *id != DEFAULT_ID).map(str::to_owned);
        let not_hexadecimal = |_| broken("it is incomplete, or holds something else than hexadecimal digits");
        let body = hex::decode(lines.collect::<String>()).map_err(not_hexadecimal)?;
        let mut parts = body.splitn(3, |&byte| byte == b'\n');
        let mut part = || hex::decode(parts.next().ok_or(broken("its end is missing"))?).map_err(not_hexadecimal);
        Ok(Self { id, salt: part()?, code: part()?, content: part()? })
    }

    /// What is inside; nothing where the password is not the right one.
    ///
    /// # Errors
    /// The password is right, and what it opens is not what Ansible locks.
    pub fn decrypt(&self, password: &[u8]) -> Result<Option<Vec<u8>>, Locked> {
        let keys = Keys::derive(password, &self.salt);
        if keys.code(&self.content).verify_slice(&self.code).is_err() {
            return Ok(None);
        }
        let mut bytes = self.content.clone();
        keys.apply(&mut bytes);
        let padding = bytes.last().copied().map_or(0, usize::from);
        let broken = Locked::Broken("its content has no padding");
        let end = bytes.len().checked_sub(padding).filter(|_| (1..=BLOCK).contains(&padding)).ok_or(broken)?;
        bytes.truncate(end);
        Ok(Some(bytes))
    }
}

struct Keys {
    cipher: [u8; 32],
    code: [u8; 32],
    counter: [u8; 16],
}

impl Keys {
    fn derive(password: &[u8], salt: &[u8]) -> Self {
        let mut bytes = [0; 80];
        pbkdf2::pbkdf2_hmac::<Sha256>(password, salt, ROUNDS, &mut bytes);
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
