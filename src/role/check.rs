//! `checks:`: what a service's own program says about a new configuration, before anything is touched.

use super::fields::Fields;
use super::manifest::Repeat;
use super::read::repeat;
use crate::diagnostic::Diagnostic;
use crate::inventory::Node;

/// A program that looks at what a service is about to read.
#[derive(Clone, Debug)]
pub struct Check {
    /// The program; the image's own entry point where absent.
    pub program: Option<Node>,
    /// Its arguments, each a word.
    pub command: Node,
    /// Further arguments, as text of a unit.
    pub unit_arguments: Option<Node>,
    /// The image that holds it; the service's where absent.
    pub image: Option<Node>,
    /// In the service's network; without any where false.
    pub network: Option<Node>,
    /// What it is about, for people: a path on the host, or words.
    pub about: Node,
    /// What to do when it fails.
    pub hint: Option<Node>,
    /// Left out, repeated, or not.
    pub repeat: Repeat,
}

/// Reads one entry.
pub fn read(node: &Node) -> Result<Check, Diagnostic> {
    let mut fields = Fields::of(node)?;
    let check = Check {
        program: fields.optional("program").cloned(),
        command: fields.required("command")?.clone(),
        unit_arguments: fields.optional("unit_arguments").cloned(),
        image: fields.optional("image").cloned(),
        network: fields.optional("network").cloned(),
        about: fields.required("about")?.clone(),
        hint: fields.optional("hint").cloned(),
        repeat: repeat(&mut fields),
    };
    fields.finish()?;
    Ok(check)
}
