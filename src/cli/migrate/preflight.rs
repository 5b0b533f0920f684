//! What stands in the way of a move, told before anything changes; and what of it only MAS can say, as soon as it runs.

use serde_json::json;

use super::guided::Guided;
use super::steps::BACKUPS;
use crate::diagnostic::{Diagnostic, Error, Kind, Result};
use crate::host;
use crate::migration::State;
use crate::operation::Context;
use crate::operation::migrate::{Finding, Verdict, preflight};
use crate::pipeline::diagnostics;

const UNIT: &str = "matrix-authentication-service.service";

/// Looks. Changes nothing on the host.
pub async fn run(guided: &mut Guided<'_>) -> Result<()> {
    let state = guided.migration().state;
    if state == State::None {
        refuse_a_finished_move(guided).await?;
    }
    let beside = match guided.prepared_as(State::Beside) {
        Ok(prepared) => prepared,
        Err(error) => return judge(guided, &diagnostics(error)?.into_iter().map(of).collect::<Vec<_>>(), "nothing was touched"),
    };
    guided.terminal.learn(&beside.redactor());
    let context = guided.context(&beside);
    let seen = &guided.args.seen_from_outside;
    let client = seen.client()?;
    let request = preflight::Request {
        loaded: &guided.loaded,
        facts: &guided.known_as(State::Beside),
        client: &client,
        addresses: &seen.addresses(&beside, &client, &guided.name).await?,
        backups: BACKUPS,
        mas_runs: state != State::None,
    };
    let mut findings = preflight::examine(&context, &request).await?;
    if state == State::Beside {
        findings.extend(preflight::ask_syn2mas(&context).await?);
    }
    judge(guided, &findings, if state == State::None { "nothing was touched" } else { "Synapse keeps every login" })
}

/// What syn2mas itself finds, which needs MAS and its database.
pub async fn ask_syn2mas(guided: &Guided<'_>, context: &Context<'_>) -> Result<()> {
    judge(guided, &preflight::ask_syn2mas(context).await?, "MAS runs beside Synapse, which keeps every login")
}

/// A MAS that has the logins already.
async fn refuse_a_finished_move(guided: &mut Guided<'_>) -> Result<()> {
    let own = guided.prepared_as(State::None)?;
    let units = host::systemd::unit_states(&*guided.host, &[UNIT.to_owned()]).await?;
    let runs = units.get(UNIT).is_some_and(host::systemd::UnitState::is_active);
    if runs && !guided.context(&own).is_true("matrix_authentication_service_migration_in_progress")? {
        return Err(Error::new(Kind::Invalid, "MAS runs on this server and has the logins already, so there is nothing to migrate")
            .hint("where its accounts are still in Synapse, set `matrix_authentication_service_migration_in_progress: true` first"));
    }
    Ok(())
}

/// Shows every finding, and stops at the bad ones.
fn judge(guided: &Guided<'_>, findings: &[Finding], state: &str) -> Result<()> {
    for finding in findings {
        show(guided, finding);
    }
    let count = |verdict| findings.iter().filter(|finding| finding.verdict == verdict).count();
    let bad = count(Verdict::Bad);
    if !guided.terminal.json() {
        guided.terminal.out(&format!("{} good, {} to know, {bad} in the way\n", count(Verdict::Good), count(Verdict::Warning)));
    }
    if bad == 0 {
        return Ok(());
    }
    let inventory = findings.iter().filter(|finding| finding.verdict == Verdict::Bad).all(Finding::is_of_the_inventory);
    let things = if bad == 1 { "1 thing stands".to_owned() } else { format!("{bad} things stand") };
    let (kind, way) = if inventory {
        (Kind::Invalid, "change what is marked with ✗ above in the inventory, and run the same command again")
    } else {
        (Kind::HostFailed, "mend what is marked with ✗ above, and run the same command again")
    };
    let error = Error::new(kind, format!("{things} in the way of the move; {state}")).hint(way);
    let outside = findings.iter().any(|finding| finding.verdict == Verdict::Bad && finding.is_seen_from_outside());
    Err(if outside { error.hint("`--address`, `--resolve` and `--ca` say how this machine reaches the server") } else { error })
}

fn of(found: Diagnostic) -> Finding {
    Finding { name: "inventory", verdict: Verdict::Bad, text: found.message, hint: found.help, place: found.span }
}

fn show(guided: &Guided<'_>, finding: &Finding) {
    let fields = json!({
        "name": finding.name, "verdict": finding.verdict, "text": finding.text, "hint": finding.hint, "place": finding.place,
    });
    guided.terminal.tell(&guided.name, "finding", &fields);
    if guided.terminal.json() {
        return;
    }
    let mark = match finding.verdict {
        Verdict::Good => '✓',
        Verdict::Warning => '!',
        Verdict::Bad => '✗',
    };
    let place = finding.place.as_ref().map(|place| format!(" ({place})")).unwrap_or_default();
    guided.terminal.out(&format!("{mark} {}{place}\n", finding.text));
    if let Some(hint) = &finding.hint {
        guided.terminal.out(&format!("    hint: {hint}\n"));
    }
}
