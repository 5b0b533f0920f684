//! Documents that homestead keeps on a host, each with the version of its form: what is newer than this program knows is
//! refused, not guessed.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// A document with a field `version`.
pub trait Versioned: Serialize + DeserializeOwned + Clone {
    /// The version that this program writes, and the highest that it reads.
    const VERSION: u32;

    /// The version that it was read with.
    fn version(&mut self) -> &mut u32;

    /// Reads it.
    ///
    /// # Errors
    /// It is no such document, or its version is too new.
    fn read(bytes: &[u8]) -> Result<Self, Unreadable> {
        let mut document: Self = serde_json::from_slice(bytes)?;
        let found = *document.version();
        if found > Self::VERSION { Err(Unreadable::TooNew { found, known: Self::VERSION }) } else { Ok(document) }
    }

    /// Its text, in the version of this program.
    ///
    /// # Errors
    /// None that is known; serializing can fail as such.
    fn write(&self) -> serde_json::Result<Vec<u8>> {
        let mut document = self.clone();
        *document.version() = Self::VERSION;
        serde_json::to_vec_pretty(&document)
    }
}

/// Why such a document cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// It is none.
    #[error(transparent)]
    Malformed(#[from] serde_json::Error),
    /// It is of a version that this program does not know.
    #[error("it has version {found}, and this program knows versions up to {known}")]
    TooNew {
        /// Its version.
        found: u32,
        /// The highest that is known.
        known: u32,
    },
}
