//! `fix`: old names of variables become new ones.

use std::io::IsTerminal as _;

use clap::Args;

use super::global::GlobalArgs;
use super::{Exit, prompt};
use crate::authoring::{files, rename};
use crate::diagnostic::{Error, Kind, Result};
use crate::pipeline::Loaded;
use crate::report::Terminal;
use crate::role::Library;
use crate::secret::presentable;

/// Give variables that have a new name that name, in your files
///
/// Changes the names where they are set and in expressions, and nothing else: comments, layout and quotes stay. Shows
/// the difference first and asks. Variables that are gone are listed, and stay.
#[derive(Debug, Args)]
pub struct FixArgs {
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
    /// Only show what would change; exit with 2 when something would
    #[arg(long, conflicts_with = "yes")]
    check: bool,
}

impl FixArgs {
    /// Runs it.
    pub fn run(&self, global: &GlobalArgs, terminal: &Terminal) -> Result<Exit> {
        // What is wrong with the inventory besides is not the question here.
        let loaded = Loaded::read(&global.sources()?)?;
        let fix = rename::fix(&loaded.inventory, &loaded.library, &loaded.vault)?;
        for change in &fix.changes {
            terminal.out(&difference(change, &loaded.library));
        }
        terminal.err(&terminal.findings(&fix.left));
        if fix.changes.is_empty() {
            terminal.out("Nothing to rename.\n");
            return Ok(0);
        }
        if self.check {
            return Ok(2);
        }
        if !self.yes {
            if !std::io::stdin().is_terminal() {
                return Err(Error::new(Kind::Usage, "nothing was changed: there is no terminal to ask")
                    .hint("give `--yes`, or `--check` to only look"));
            }
            let answer = prompt::ask("Change this? [y/N] ")?;
            if !matches!(answer.to_ascii_lowercase().as_str(), "y" | "yes") {
                terminal.out("Nothing was changed.\n");
                return Ok(0);
            }
        }
        for change in &fix.changes {
            files::edit(&change.path, &change.new)?;
            terminal.out(&format!("{}: changed\n", change.path));
        }
        Ok(0)
    }
}

/// A unified diff without the values of secrets.
pub fn difference(change: &rename::Change, library: &Library) -> String {
    let shown = |text| presentable(text, &|name| library.is_secret(name));
    let (old, new) = (shown(&change.old), shown(&change.new));
    let diff = similar::TextDiff::from_lines(&old, &new);
    diff.unified_diff().context_radius(1).header(change.path.as_str(), change.path.as_str()).to_string()
}
