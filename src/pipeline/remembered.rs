//! The facts of a host as it was last seen. They save working its desired state out twice: most runs find the same host
//! again. Nothing is decided by them: what a host says itself counts.

use camino::Utf8PathBuf;
use sha2::{Digest, Sha256};

use super::prepare::HostFacts;
use crate::authoring::files;

/// Where facts are remembered.
#[derive(Clone, Debug)]
pub struct Remembered {
    path: Option<Utf8PathBuf>,
}

impl Remembered {
    /// Those of a host, in a folder that may be missing or nowhere.
    pub fn of(folder: Option<Utf8PathBuf>, host: &str) -> Self {
        // A host's name may hold anything.
        let name = format!("{}.json", hex::encode(Sha256::digest(host.as_bytes())));
        Self { path: folder.map(|folder| folder.join(name)) }
    }

    /// What was remembered; a small Debian machine where nothing is, or nothing that can be read.
    pub fn facts(&self) -> HostFacts {
        let bytes = self.path.as_ref().and_then(|path| fs_err::read(path).ok());
        bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_else(HostFacts::assumed)
    }

    /// Remembers what a host says. A folder that cannot be written costs the next run a few milliseconds, no more.
    pub fn keep(&self, facts: &HostFacts) {
        let (Some(path), Ok(text)) = (&self.path, serde_json::to_string(facts)) else { return };
        if let Err(error) = files::replace(path, &text, 0o600) {
            tracing::debug!(%error, %path, "the facts of the host are not remembered");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_kept_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        let folder = Utf8PathBuf::from_path_buf(folder.path().join("facts")).unwrap();
        let remembered = Remembered::of(Some(folder.clone()), "../matrix");
        assert_eq!(remembered.facts(), HostFacts::assumed());
        let seen = HostFacts { postgres_version: Some(18), ..HostFacts::assumed() };
        remembered.keep(&seen);
        assert_eq!(remembered.facts(), seen);
        let file = fs_err::read_dir(&folder).unwrap().next().unwrap().unwrap().path();
        fs_err::write(file, "{").unwrap();
        assert_eq!(remembered.facts(), HostFacts::assumed());
        assert_eq!(Remembered::of(None, "x").facts(), HostFacts::assumed());
    }
}
