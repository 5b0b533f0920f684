//! `builds:`: images that are made on the host.

use super::fields::Fields;
use super::manifest::Repeat;
use super::read::repeat;
use crate::diagnostic::Diagnostic;
use crate::inventory::Node;

/// An image that is built on the host, on top of one that is pulled.
#[derive(Clone, Debug)]
pub struct ImageBuild {
    /// Its name with tag, as services name it.
    pub name: Node,
    /// The image that it is built on; pulled first.
    pub base: Node,
    /// The text of the Dockerfile, which is all that the build sees.
    pub dockerfile: Node,
    /// Without Docker's cache of layers.
    pub no_cache: Option<Node>,
    /// In each run, although nothing changed.
    pub always: Option<Node>,
    /// Left out, repeated, or not.
    pub repeat: Repeat,
}

/// Reads one entry.
pub fn read(node: &Node) -> Result<ImageBuild, Diagnostic> {
    let mut fields = Fields::of(node)?;
    let build = ImageBuild {
        name: fields.required("name")?.clone(),
        base: fields.required("base")?.clone(),
        dockerfile: fields.required("dockerfile")?.clone(),
        no_cache: fields.optional("no_cache").cloned(),
        always: fields.optional("always").cloned(),
        repeat: repeat(&mut fields),
    };
    fields.finish()?;
    Ok(build)
}
