//! `schema`: a JSON schema for editors.

use camino::Utf8PathBuf;
use clap::Args;

use super::Exit;
use super::global::GlobalArgs;
use crate::authoring::files;
use crate::diagnostic::Result;
use crate::report::{self, Terminal};
use crate::role::{self, Library, Source};

/// Write a JSON schema for vars.yml, so that an editor knows every variable
///
/// An editor with the YAML language server reads the schema that the first line of a file names:
/// `# yaml-language-server: $schema=PATH`. `homestead init` sets that up.
#[derive(Debug, Args)]
pub struct SchemaArgs {
    /// The schema of what `--json` writes instead: the events of runs, and plans
    #[arg(long)]
    events: bool,
    /// Write it to this file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    out: Option<Utf8PathBuf>,
}

impl SchemaArgs {
    /// Runs it.
    pub fn run(&self, global: &GlobalArgs, terminal: &Terminal) -> Result<Exit> {
        let text = if self.events { format!("{:#}\n", report::schema()) } else { text(&library(global)?) };
        match &self.out {
            Some(path) => files::replace(path, &text, 0o644)?,
            None => terminal.out(&text),
        }
        Ok(0)
    }
}

/// The roles that the command line names.
pub fn library(global: &GlobalArgs) -> Result<Library> {
    Library::load(global.roles_dir.as_deref().map_or_else(|| Ok(Source::embedded()), Source::with_folder)?)
}

/// The schema as a file holds it.
pub fn text(library: &Library) -> String {
    format!("{:#}\n", role::schema(library))
}
