//! The inventory as the daemon follows it: which hosts there are, and whether and when anything in it moved.

use camino::Utf8PathBuf;
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

/// What a reading of the inventory gave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inventory {
    /// Its hosts.
    pub hosts: Vec<String>,
    /// Tells one state of its files from another. A plan cannot: it shows no secrets, so that one wrong password looks as another.
    pub digest: String,
    /// When one of its files changed last.
    pub changed: Timestamp,
}

impl Inventory {
    /// Looks at its files, for the hosts that were read from them.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn of(hosts: Vec<String>, files: &[Utf8PathBuf]) -> std::io::Result<Self> {
        let mut hasher = Sha256::new();
        let mut changed = Timestamp::UNIX_EPOCH;
        for path in files {
            hasher.update(path.as_str());
            hasher.update([0]);
            hasher.update(Sha256::digest(fs_err::read(path)?));
            let modified = fs_err::metadata(path)?.modified()?;
            // A clock that nobody could have set counts as long ago.
            changed = changed.max(Timestamp::try_from(modified).unwrap_or_default());
        }
        Ok(Self { hosts, digest: hex::encode(hasher.finalize()), changed })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_changes_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(folder.path().join("vars.yml")).unwrap();
        fs_err::write(&path, "password: one").unwrap();
        let read = || Inventory::of(vec!["a".into()], std::slice::from_ref(&path)).unwrap();
        let one = read();
        assert_eq!(one, read());
        fs_err::write(&path, "password: two").unwrap();
        let two = read();
        assert!(one.digest != two.digest && two.changed >= one.changed && one.changed > Timestamp::UNIX_EPOCH);
        assert!(Inventory::of(Vec::new(), &[path.with_file_name("absent")]).is_err());
    }
}
