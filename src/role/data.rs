//! `data:`: what of a role's nobody can make again.

use super::fields::Fields;
use super::manifest::Repeat;
use super::read::repeat;
use crate::diagnostic::Diagnostic;
use crate::inventory::Node;

/// Data of a role: it stays when the role goes, until somebody asks for its removal.
#[derive(Clone, Debug)]
pub struct Data {
    /// Where it is.
    pub place: DataPlace,
    /// Left out, repeated, or not.
    pub repeat: Repeat,
}

/// Where data is.
#[derive(Clone, Debug)]
pub enum DataPlace {
    /// An absolute path: a folder or a file.
    Path(Node),
    /// A database; counts where the managed Postgres has it.
    Database(Node),
}

/// Reads one entry.
pub fn read(node: &Node) -> Result<Data, Diagnostic> {
    let mut fields = Fields::of(node)?;
    let place = match (fields.optional("path"), fields.optional("database")) {
        (Some(path), None) => DataPlace::Path(path.clone()),
        (None, Some(database)) => DataPlace::Database(database.clone()),
        _ => return Err(Diagnostic::error("H0820", "an entry of `data` has either a `path` or a `database`").at(&node.span)),
    };
    let data = Data { place, repeat: repeat(&mut fields) };
    fields.finish()?;
    Ok(data)
}
