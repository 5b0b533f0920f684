//! The steps but for the cut-over and the last one.

use camino::Utf8Path;
use serde_json::json;
use tokio::time::Instant;

use super::super::self_check;
use super::guided::{Guided, milliseconds, seconds};
use super::{agreed, cut_over, finalize, preflight};
use crate::diagnostic::{Error, Kind, Result};
use crate::migration::{Accounts, KeptBackup, State, Step};
use crate::operation::migrate::{Databases, Servers, in_mas, in_synapse, short};
use crate::operation::postgres::{backup_on_host, megabytes};
use crate::operation::{self, Syn2masTask, syn2mas_within};

/// Where the dump goes; root's alone.
pub const BACKUPS: &str = "/var/lib/homestead/backups";
const MAS: &str = "matrix-authentication-service";

/// Does a step, and writes down that it is done.
pub async fn run(guided: &mut Guided<'_>, step: Step) -> Result<()> {
    guided.checkpoint("nothing is half done")?;
    announce(guided, step);
    let began = Instant::now();
    match step {
        Step::Preflight => preflight::run(guided).await?,
        Step::InstallBeside => install_beside(guided).await?,
        Step::Rehearse => rehearse(guided).await?,
        Step::Backup => backup(guided).await?,
        // It writes down by itself what is done, together with the rest.
        Step::CutOver => return cut_over::run(guided).await,
        Step::Verify => verify(guided).await?,
        Step::Finalize => return finalize::run(guided).await,
    }
    let (now, took) = (guided.now(), milliseconds(began.elapsed()));
    guided.remember(|migration| migration.done(step, now, took)).await?;
    Ok(())
}

fn announce(guided: &Guided<'_>, step: Step) {
    guided.terminal.tell(&guided.name, "migration_step", &json!({"step": step}));
    if !guided.terminal.json() {
        guided.terminal.out(&format!("== {step} ==\n"));
    }
}

/// MAS comes up, and Synapse keeps the logins.
async fn install_beside(guided: &mut Guided<'_>) -> Result<()> {
    agreed(
        guided.args.yes,
        "MAS is installed beside Synapse now, as `install-all` would do it; Synapse keeps every login. Go on?",
        "nothing was installed",
    )?;
    guided.remember(|migration| migration.state = State::Beside).await?;
    guided.converge_as(State::Beside).await?;
    let prepared = guided.prepared_as(State::Beside)?;
    let context = guided.context(&prepared);
    let found = in_mas(&context, &Databases::of(&context)?).await?;
    if found.users > 0 {
        return Err(Error::new(
            Kind::HostFailed,
            format!("MAS has {} users already, and accounts move into an empty one only", found.users),
        )
        .hint("`homestead migrate --abort` puts its database aside; what these users have in MAS is lost by that"));
    }
    preflight::ask_syn2mas(guided, &context).await?;
    guided.say("MAS runs beside Synapse, which keeps every login");
    Ok(())
}

/// The accounts are moved, and that is rolled back; how long it takes says how long the cut-over will.
async fn rehearse(guided: &mut Guided<'_>) -> Result<()> {
    let prepared = guided.prepared_as(State::Beside)?;
    let context = guided.context(&prepared);
    let operation = operation_of(&prepared)?;
    let began = Instant::now();
    syn2mas_within(&context, operation, Syn2masTask::DryRun, guided.lock().journal().0).await?;
    let took = milliseconds(began.elapsed());
    let accounts = in_synapse(&context, &Databases::of(&context)?).await?;
    table(guided, &accounts, None);
    guided.say(format!("moving them took {}; expect the cut-over to take about {}", seconds(took), seconds(took + RESTARTS)));
    guided
        .remember(|migration| {
            migration.accounts = Some(accounts);
            migration.rehearsed_milliseconds = Some(took);
        })
        .await
}

/// What stopping and starting Synapse and MAS takes beside that: both need some seconds until they answer.
pub const RESTARTS: u64 = 15_000;

/// What a role hands to syn2mas.
pub fn operation_of(prepared: &crate::pipeline::Prepared) -> Result<&crate::desired::Operation> {
    let found = prepared.desired.operations.iter().find(|operation| operation.run == "syn2mas");
    found.ok_or_else(|| Error::new(Kind::Invalid, format!("`{MAS}` has no operation `syn2mas`")))
}

/// Shows how many of each there are, and how many there were.
pub fn table(guided: &Guided<'_>, accounts: &Accounts, after: Option<&Accounts>) {
    guided.terminal.tell(&guided.name, "accounts", &json!({"synapse": accounts, "mas": after}));
    if guided.terminal.json() {
        return;
    }
    let mut text = format!("{:<30} {:>10}{}\n", "", "Synapse", if after.is_some() { "        MAS" } else { "" });
    for (index, (name, count)) in accounts.named().into_iter().enumerate() {
        let after = after.and_then(|after| after.named().get(index).map(|(_, count)| format!(" {count:>10}"))).unwrap_or_default();
        text.push_str(&format!("{name:<30} {count:>10}{after}\n"));
    }
    guided.terminal.out(&text);
}

async fn backup(guided: &mut Guided<'_>) -> Result<()> {
    let prepared = guided.prepared_as(State::Beside)?;
    let context = guided.context(&prepared);
    let name = format!("before-mas-{}.sql.gz", guided.stamp());
    let made = backup_on_host(&context, Utf8Path::new(BACKUPS), &name).await?;
    guided.say(format!("{} on the host, {}, read back: {}", made.path, megabytes(made.bytes), made.contents.summary()));
    let kept = KeptBackup { path: made.path.into_string(), bytes: made.bytes };
    guided.remember(|migration| migration.backup = Some(kept)).await
}

/// The server is examined, from inside and from outside, and the accounts are counted again.
async fn verify(guided: &mut Guided<'_>) -> Result<()> {
    let prepared = guided.prepared_as(State::Moved)?;
    let context = guided.context(&prepared);
    let (before, after) = (guided.migration().accounts.unwrap_or_default(), in_mas(&context, &Databases::of(&context)?).await?);
    table(guided, &before, Some(&after));
    let way = "`homestead migrate` looks again, `homestead migrate --revert` goes back";
    // Sessions end, and tokens are exchanged, while people use the server; accounts stay.
    let lost: Vec<String> = short(&before, &after)
        .into_iter()
        .filter(|(name, _, _)| matches!(*name, "users" | "passwords" | "links to identity providers"))
        .map(|(name, before, after)| format!("{name}: {after} of {before}"))
        .collect();
    if !lost.is_empty() {
        return Err(Error::new(Kind::HostFailed, format!("not everything is in MAS: {}", lost.join(", "))).hint(way));
    }
    Servers::of(&context).await?.until_served().await;
    operation::doctor(&context).await.map_err(|error| error.hint(way))?;
    let exit = self_check::examine(guided.terminal, &guided.args.seen_from_outside, &guided.loaded, &guided.name, &prepared).await?;
    if exit != 0 {
        return Err(Error::new(Kind::HostFailed, "the server has the accounts, and something is bad as seen from here")
            .hint("`--address`, `--resolve` and `--ca` say how this machine reaches it")
            .hint(way));
    }
    Ok(())
}
