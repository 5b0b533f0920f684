//! `downloads:`: files that come from the network.

use super::fields::Fields;
use super::manifest::Repeat;
use super::read::repeat;
use crate::diagnostic::Diagnostic;
use crate::inventory::Node;

/// A file, or a part of an archive, that somebody else publishes.
#[derive(Clone, Debug)]
pub struct Download {
    /// Where it is published.
    pub url: Node,
    /// What is wanted of a gzipped tar archive: a path below its only folder.
    pub part: Option<Node>,
    /// Lowercase hex that it must have.
    pub sha256: Option<Node>,
    /// Absolute path of the file, or of the folder for a `part` that is one.
    pub path: Node,
    /// Octal text, of each file.
    pub mode: Node,
    /// User name or number.
    pub owner: Node,
    /// Group name or number.
    pub group: Node,
    /// Units that read it; the role's own where absent.
    pub restarts: Option<Node>,
    /// Left out, repeated, or not.
    pub repeat: Repeat,
}

/// Reads one entry.
pub fn read(node: &Node) -> Result<Download, Diagnostic> {
    let mut fields = Fields::of(node)?;
    let download = Download {
        url: fields.required("url")?.clone(),
        part: fields.optional("part").cloned(),
        sha256: fields.optional("sha256").cloned(),
        path: fields.required("path")?.clone(),
        mode: fields.required("mode")?.clone(),
        owner: fields.required("owner")?.clone(),
        group: fields.required("group")?.clone(),
        restarts: fields.optional("restarts").cloned(),
        repeat: repeat(&mut fields),
    };
    fields.finish()?;
    Ok(download)
}
