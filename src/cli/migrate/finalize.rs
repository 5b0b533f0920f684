//! The last step: the inventory says what the host is, and the migration decides nothing any more.

use camino::Utf8PathBuf;
use tokio::time::Instant;

use super::super::fix;
use super::agreed;
use super::guided::{Guided, milliseconds};
use crate::authoring::rename::Change;
use crate::authoring::{files, migrated};
use crate::diagnostic::{Error, Kind, Result};
use crate::migration::{State, Step};
use crate::pipeline::variables;

/// What the copies of changed files are called.
const COPY: &str = "before-mas";

/// Does it.
pub async fn run(guided: &mut Guided<'_>) -> Result<()> {
    let began = Instant::now();
    let own = variables(&guided.loaded, &guided.name, &guided.known_as(State::None), &[])?;
    let fix = migrated::fix(&guided.loaded.inventory, &guided.name, &own)?;
    for change in &fix.changes {
        guided.terminal.out(&fix::difference(change, &guided.loaded.library));
    }
    if !fix.left.is_empty() {
        guided.terminal.err(&guided.terminal.findings(&fix.left));
        return Err(Error::new(Kind::Invalid, "these settings are left to you; no file was changed").hint(
            "change them as it says above, and run the same command again; until then the migration decides them, and everything works",
        ));
    }
    agreed(
        guided.args.yes,
        "Finalize the migration? There is no way back to Synapse's own logins afterwards.",
        "no file was changed; `homestead migrate` asks again, `homestead migrate --revert` goes back",
    )?;
    let copies = write(&fix.changes)?;
    if let Err(error) = fits(guided).await {
        for change in &fix.changes {
            files::edit(&change.path, &change.old)?;
        }
        guided.reload()?;
        return Err(error.hint("the files are as they were; until they fit, the migration decides, and everything works"));
    }
    for copy in &copies {
        guided.say(format!("{copy} is a copy of what was there before"));
    }
    let (now, took) = (guided.now(), milliseconds(began.elapsed()));
    guided
        .remember(|migration| {
            migration.state = State::Finalized;
            migration.done(Step::Finalize, now, took);
        })
        .await?;
    guided.say("the migration is done: the inventory says what the host is");
    let kept = &guided.migration().kept_databases;
    if !kept.is_empty() {
        guided.say(format!("databases of MAS that attempts left, and nothing uses: {}; drop them when you like", kept.join(", ")));
    }
    Ok(())
}

/// Writes the files, each with a copy of what it was. Gives the copies.
fn write(changes: &[Change]) -> Result<Vec<Utf8PathBuf>> {
    let mut copies = Vec::new();
    for change in changes {
        // An ending that no reader of inventories takes for a file of variables.
        let copy = Utf8PathBuf::from(format!("{}.{COPY}", change.path));
        files::replace(&copy, &change.old, 0o600)?;
        copies.push(copy);
    }
    for change in changes {
        files::edit(&change.path, &change.new)?;
    }
    Ok(copies)
}

/// The host must be as the files declare it now.
async fn fits(guided: &mut Guided<'_>) -> Result<()> {
    guided.reload()?;
    let seen = guided.look_as(State::Finalized).await?;
    if seen.plan.is_empty() {
        return Ok(());
    }
    guided.terminal.learn(&seen.prepared.redactor());
    guided.terminal.plan(&seen.plan, true);
    Err(Error::new(Kind::Invalid, "the inventory declares something else than what the host is; see the plan above")
        .hint("`homestead install-all` brings the host to what the inventory declares"))
}
