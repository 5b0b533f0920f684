//! Host keys that are trusted, in OpenSSH's files (`sshd(8)`, "known hosts file format").
//!
//! Stricter than OpenSSH in one thing: a host that is known by other keys only counts as changed,
//! also when the types differ, because a stranger may choose which type to show. We ask for the known
//! types first, so an honest host is not affected.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use russh::keys::{Algorithm, EcdsaCurve, HashAlg, PublicKey, PublicKeyBase64};
use sha1::Sha1;

use super::ssh_config::matches_list;
use crate::diagnostic::{Error, Kind, Result};

/// What the files say about a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Known,
    Unknown,
    Changed { file: PathBuf, line: usize },
    Revoked { file: PathBuf, line: usize },
}

/// The lines about one host.
pub(super) struct KnownHosts {
    entries: Vec<Entry>,
}

struct Entry {
    file: PathBuf,
    line: usize,
    revoked: bool,
    kind: String,
    key: Vec<u8>,
}

/// As the files name a host: without a port where it is 22.
pub(super) fn entry_name(host: &str, port: u16) -> String {
    let host = host.to_lowercase();
    if port == 22 { host } else { format!("[{host}]:{port}") }
}

impl KnownHosts {
    /// Reads what `files` hold about `name`; files that do not exist hold nothing.
    pub(super) fn read(files: &[PathBuf], name: &str) -> Result<Self> {
        let mut entries = Vec::new();
        for file in files {
            let bytes = match fs_err::read(file) {
                Ok(bytes) => bytes,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                Err(error) => return Err(Error::new(Kind::Unreachable, "a file of known hosts cannot be read").caused_by(error)),
            };
            let text = String::from_utf8_lossy(&bytes);
            entries.extend(text.lines().enumerate().filter_map(|(index, line)| Entry::parse(file, index + 1, line, name)));
        }
        Ok(Self { entries })
    }

    /// Whether `key` is the host's.
    pub(super) fn check(&self, key: &PublicKey) -> Verdict {
        let shown = key.public_key_bytes();
        let place = |entry: &Entry| (entry.file.clone(), entry.line);
        if let Some((file, line)) = self.entries.iter().find(|entry| entry.revoked && entry.key == shown).map(place) {
            return Verdict::Revoked { file, line };
        }
        let trusted = || self.entries.iter().filter(|entry| !entry.revoked);
        if trusted().any(|entry| entry.key == shown) {
            return Verdict::Known;
        }
        let kind = key.algorithm().to_string();
        trusted()
            .find(|entry| entry.kind == kind)
            .or_else(|| trusted().next())
            .map(place)
            .map_or(Verdict::Unknown, |(file, line)| Verdict::Changed { file, line })
    }

    /// The algorithms to ask for: those of known keys first.
    pub(super) fn preferred(&self, default: &[Algorithm]) -> Vec<Algorithm> {
        let known = |algorithm: &&Algorithm| self.entries.iter().any(|entry| !entry.revoked && entry.kind == key_kind(algorithm));
        let (mut first, rest): (Vec<_>, Vec<_>) = default.iter().partition(known);
        first.extend(rest);
        first.into_iter().cloned().collect()
    }
}

/// The type of key in a file, which does not tell RSA signatures apart.
fn key_kind(algorithm: &Algorithm) -> &'static str {
    match algorithm {
        Algorithm::Ed25519 => "ssh-ed25519",
        Algorithm::Rsa { .. } => "ssh-rsa",
        Algorithm::Ecdsa { curve: EcdsaCurve::NistP256 } => "ecdsa-sha2-nistp256",
        Algorithm::Ecdsa { curve: EcdsaCurve::NistP384 } => "ecdsa-sha2-nistp384",
        Algorithm::Ecdsa { curve: EcdsaCurve::NistP521 } => "ecdsa-sha2-nistp521",
        _ => "",
    }
}

impl Entry {
    fn parse(file: &Path, line: usize, text: &str, name: &str) -> Option<Self> {
        let mut words = text.split_whitespace();
        let mut hosts = words.next().filter(|word| !word.starts_with('#'))?;
        let marker = hosts.starts_with('@').then_some(hosts);
        if marker.is_some() {
            hosts = words.next()?;
        }
        // Certificates are not asked for, so an authority's line says nothing about a plain key.
        if marker == Some("@cert-authority") || !matches_hosts(hosts, name) {
            return None;
        }
        let kind = words.next()?.to_owned();
        let key = BASE64.decode(words.next()?).ok()?;
        Some(Self { file: file.to_owned(), line, revoked: marker == Some("@revoked"), kind, key })
    }
}

fn matches_hosts(hosts: &str, name: &str) -> bool {
    if hosts.starts_with("|1|") { matches_hash(hosts, name).unwrap_or(false) } else { matches_list(hosts.split(','), name) }
}

/// `|1|salt|hash`: HMAC-SHA1 of the name, as `HashKnownHosts` writes it.
fn matches_hash(hosts: &str, name: &str) -> Option<bool> {
    let (salt, hash) = hosts.strip_prefix("|1|")?.split_once('|')?;
    let mac = Hmac::<Sha1>::new_from_slice(&BASE64.decode(salt).ok()?).ok()?;
    Some(mac.chain_update(name).verify_slice(&BASE64.decode(hash).ok()?).is_ok())
}

/// The fingerprint as OpenSSH prints it: `SHA256:...`.
pub(super) fn fingerprint(key: &PublicKey) -> String {
    key.fingerprint(HashAlg::Sha256).to_string()
}

/// Writes a key down for `name`.
pub(super) fn learn(file: &Path, name: &str, key: &PublicKey) -> Result<()> {
    append(file, &format!("{name} {} {}\n", key.algorithm(), key.public_key_base64())).map_err(|error| {
        Error::new(Kind::Unreachable, format!("the key of `{name}` cannot be written to `{}`", file.display())).caused_by(error)
    })
}

fn append(file: &Path, line: &str) -> std::io::Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};

    if let Some(folder) = file.parent().filter(|folder| !folder.exists()) {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    let unfinished = std::fs::read(file).is_ok_and(|bytes| bytes.last().is_some_and(|&byte| byte != b'\n'));
    // One write, so that runs for several hosts do not mix their lines.
    let text = if unfinished { format!("\n{line}") } else { line.to_owned() };
    std::fs::OpenOptions::new().append(true).create(true).mode(0o600).open(file)?.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use russh::keys::parse_public_key_base64;

    use super::*;

    const OURS: &str = "AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";
    const OTHER: &str = "AAAAC3NzaC1lZDI1NTE5AAAAIA6rWI3G1sz07DnfFlrouTcysQlj2P+jpNSOEWD9OJ3X";
    const HASHED: &str = "|1|O33ESRMWPVkMYIwJ1Uw+n877jTo=|nuuC5vEqXlEZ/8BXQR7m619W6Ak= ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILIG2T/B0l0gaqj3puu510tu9N1OkQ4znY3LYuEm5zCF";

    fn verdict(text: &str, name: &str, key: &str) -> Verdict {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("known_hosts");
        fs_err::write(&file, text).unwrap();
        let verdict = KnownHosts::read(&[file], name).unwrap().check(&parse_public_key_base64(key).unwrap());
        match verdict {
            Verdict::Changed { line, .. } => Verdict::Changed { file: PathBuf::new(), line },
            Verdict::Revoked { line, .. } => Verdict::Revoked { file: PathBuf::new(), line },
            verdict => verdict,
        }
    }

    #[test]
    fn each_verdict() {
        let changed = |line| Verdict::Changed { file: PathBuf::new(), line };
        assert_eq!(verdict(&format!("host ssh-ed25519 {OURS}\n"), "host", OURS), Verdict::Known);
        assert_eq!(verdict(&format!("# note\n\nhost,other\tssh-ed25519 {OTHER} comment\n"), "host", OURS), changed(3));
        assert_eq!(verdict(&format!("host ssh-rsa {OTHER}\n"), "host", OURS), changed(1));
        assert_eq!(verdict(&format!("host ssh-ed25519 {OURS}\n"), "[host]:2222", OURS), Verdict::Unknown);
        assert_eq!(verdict(&format!("*.example.com,!x.example.com ssh-ed25519 {OURS}\n"), "y.example.com", OURS), Verdict::Known);
        assert_eq!(verdict(&format!("*.example.com,!x.example.com ssh-ed25519 {OURS}\n"), "x.example.com", OURS), Verdict::Unknown);
        assert_eq!(
            verdict(&format!("@revoked * ssh-ed25519 {OURS}\nhost ssh-ed25519 {OURS}\n"), "host", OURS),
            Verdict::Revoked { file: PathBuf::new(), line: 1 }
        );
        assert_eq!(verdict(&format!("@cert-authority * ssh-ed25519 {OTHER}\n"), "host", OURS), Verdict::Unknown);
        assert_eq!(
            verdict(&format!("{HASHED}\n"), "example.com", "AAAAC3NzaC1lZDI1NTE5AAAAILIG2T/B0l0gaqj3puu510tu9N1OkQ4znY3LYuEm5zCF"),
            Verdict::Known
        );
        assert_eq!(verdict(&format!("{HASHED}\n"), "example.org", OURS), Verdict::Unknown);
    }

    #[test]
    fn what_is_learned_is_known() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("new/known_hosts");
        let key = parse_public_key_base64(OURS).unwrap();
        learn(&file, "[host]:2222", &key).unwrap();
        fs_err::write(&file, fs_err::read_to_string(&file).unwrap().trim_end()).unwrap();
        learn(&file, "host", &key).unwrap();
        assert_eq!(fs_err::read_to_string(&file).unwrap(), format!("[host]:2222 ssh-ed25519 {OURS}\nhost ssh-ed25519 {OURS}\n"));
        assert_eq!(KnownHosts::read(&[file], "[host]:2222").unwrap().check(&key), Verdict::Known);
    }

    #[test]
    fn known_types_are_asked_for_first() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("known_hosts");
        fs_err::write(&file, format!("host ssh-rsa {OTHER}\n")).unwrap();
        let default = [Algorithm::Ed25519, Algorithm::Rsa { hash: Some(HashAlg::Sha512) }];
        let preferred = KnownHosts::read(&[file], "host").unwrap().preferred(&default);
        assert_eq!(preferred.first(), Some(&Algorithm::Rsa { hash: Some(HashAlg::Sha512) }));
    }
}
