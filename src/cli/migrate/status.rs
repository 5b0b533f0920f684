//! How far a migration is.

use serde_json::json;

use super::super::Exit;
use super::super::global::GlobalArgs;
use super::super::{converge, session};
use super::guided::{only_host, seconds};
use crate::diagnostic::Result;
use crate::migration::{Migration, State, Step, overrides};
use crate::operation::postgres::megabytes;
use crate::report::Terminal;

/// Says it; changes nothing, and takes no lock.
pub async fn run(global: &GlobalArgs, terminal: &Terminal) -> Result<Exit> {
    let loaded = converge::load(global, terminal)?;
    let name = only_host(&loaded)?;
    let host = session::connect(&loaded, &name, &session::defaults(global)?).await?;
    let (known, _) = session::facts(&*host, &loaded, &name).await?;
    let migration = known.migration;
    if terminal.json() {
        let decided: serde_json::Map<_, _> =
            overrides(&migration).into_iter().map(|decided| (decided.name.to_owned(), decided.value.text().into())).collect();
        let document = json!({"version": 1, "host": name, "next": migration.next(), "migration": migration, "decides": decided});
        terminal.out(&format!("{document:#}\n"));
    } else {
        terminal.out(&text(&migration));
    }
    Ok(0)
}

fn text(migration: &Migration) -> String {
    let mut text = match migration.state {
        State::None => "Synapse has the accounts; no migration has installed MAS.\n",
        State::Beside => "Synapse has the accounts; MAS runs beside it.\n",
        State::Moved => "MAS has the accounts; `homestead migrate --revert` goes back, until it is finalized.\n",
        State::Finalized => "MAS has the accounts, and the inventory says so.\n",
    }
    .to_owned();
    for step in Step::ALL {
        match migration.steps.get(&step) {
            Some(done) => text.push_str(&format!("  ✓ {:<15} {} ({})\n", step.name(), done.at, seconds(done.milliseconds))),
            None if migration.state == State::Finalized => {}
            None => text.push_str(&format!("  - {}\n", step.name())),
        }
    }
    if let Some(milliseconds) = migration.rehearsed_milliseconds {
        text.push_str(&format!("moving the accounts took {} when it was rehearsed\n", seconds(milliseconds)));
    }
    if let Some(backup) = &migration.backup {
        text.push_str(&format!("backup: {} on the host, {}\n", backup.path, megabytes(backup.bytes)));
    }
    if let Some(cut_over) = migration.cut_over.as_ref().filter(|cut_over| cut_over.downtime_milliseconds > 0) {
        text.push_str(&format!("the cut-over: {}, nobody could log in for {}\n", cut_over.at, seconds(cut_over.downtime_milliseconds)));
    }
    if !migration.kept_databases.is_empty() {
        text.push_str(&format!("databases of MAS that were put aside: {}\n", migration.kept_databases.join(", ")));
    }
    if !migration.probes.is_empty() {
        text.push_str(&format!("accounts that tried logins, and are not ended: {}\n", migration.probes.join(", ")));
    }
    let decided = overrides(migration);
    if !decided.is_empty() {
        text.push_str("until it is finalized, these are decided over the inventory:\n");
        for decided in decided {
            text.push_str(&format!("  {}: {}\n", decided.name, decided.value.text()));
        }
    }
    text
}
