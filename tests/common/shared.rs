//! Data that lies beside the repository and may be absent.

use std::path::{Path, PathBuf};

use super::skipped;

/// A path in the folder that `HOMESTEAD_SHARED` names, else in `../shared`; says `skipped: ...` where it
/// is not there.
pub fn shared(name: &str) -> Option<PathBuf> {
    let root = std::env::var_os("HOMESTEAD_SHARED").map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"), PathBuf::from);
    let path = root.join(name);
    if !path.exists() {
        skipped(&format!("`{}` is not there; HOMESTEAD_SHARED names the folder that holds it", path.display()));
        return None;
    }
    Some(path.canonicalize().unwrap())
}
