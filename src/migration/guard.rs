//! What an inventory must not ask for once the accounts have moved.

use super::document::{Migration, State};
use crate::diagnostic::{Diagnostic, Error, Kind, Result};
use crate::vars::Variables;

const ENABLED: &str = "matrix_authentication_service_enabled";
const TOGGLE: &str = "matrix_authentication_service_migration_in_progress";

/// Refuses an inventory that would give the logins back to a Synapse that does not know the sessions and passwords
/// made since. `variables` are the host's, with what the migration decides.
///
/// # Errors
/// Kind `Invalid`: H0840 for the toggle, H0841 for MAS switched off.
pub fn refuse(migration: &Migration, variables: &Variables) -> Result<()> {
    if migration.state != State::Finalized {
        return Ok(());
    }
    let when = migration.cut_over.as_ref().map_or_else(String::new, |cut_over| format!(" on {}", cut_over.at));
    let is_true = |name: &str| variables.get(name).is_ok_and(|found| found.value == serde_json::Value::Bool(true));
    let finding = if !is_true(ENABLED) {
        Diagnostic::error("H0841", format!("the accounts moved to MAS{when}, and `{ENABLED}` is not true")).help(format!(
            "set `{ENABLED}: true`: Synapse alone knows no session, password or user that came since; who wants to lose them \
                 removes `{}` on the host first",
            super::PATH
        ))
    } else if is_true(TOGGLE) {
        Diagnostic::error("H0840", format!("the accounts moved to MAS{when}, and `{TOGGLE}` is true again"))
            .help(format!("remove `{TOGGLE}`: it would lock everybody out of the sessions and passwords that came since"))
    } else {
        return Ok(());
    };
    let name = if finding.code == "H0841" { ENABLED } else { TOGGLE };
    let place = variables.definition(name).filter(|definition| definition.kind.is_users()).map(|definition| definition.span.clone());
    Err(Error::invalid(vec![place.map_or(finding.clone(), |span| finding.at(&span))]))
}

/// Refuses to move accounts that moved before.
///
/// # Errors
/// Kind `Invalid`.
pub fn second_move(migration: &Migration) -> Result<()> {
    let way = match migration.state {
        State::None | State::Beside => return Ok(()),
        State::Moved => "`homestead migrate --status` says what is left to do; `homestead migrate --revert` goes back",
        State::Finalized => "nothing is left to do; a second move would double every account",
    };
    let when = migration.cut_over.as_ref().map_or_else(String::new, |cut_over| format!(" on {}", cut_over.at));
    Err(Error::new(Kind::Invalid, format!("the accounts moved to MAS{when} already")).hint(way))
}
