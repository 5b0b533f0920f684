//! The cut-over: the accounts move, and MAS takes the logins. All of it or nothing: whatever fails, and whoever is lost in
//! the middle, the old Synapse answers again.

use serde_json::json;
use tokio::time::Instant;

use super::agreed;
use super::guided::{Guided, milliseconds, seconds, touched};
use super::steps::{RESTARTS, operation_of, table};
use crate::authoring::credentials;
use crate::diagnostic::{Error, Kind, Result};
use crate::host;
use crate::migration::{Accounts, CutOver, State, Step, second_move};
use crate::operation::migrate::{Databases, Door, Probe, Servers, Window, forget_mas, in_mas, in_synapse, put_aside, short};
use crate::operation::{Context, Syn2masTask, syn2mas_within};
use crate::pipeline::Prepared;
use crate::role::Generate;

/// The roles that stand still while accounts move.
const STOPPED: [&str; 2] = ["matrix-synapse", "matrix-authentication-service"];

/// What came of the window.
struct Moved {
    at: String,
    generation: u64,
    accounts: Accounts,
    before: Accounts,
    kept_database: Option<String>,
    began: Instant,
}

/// Does it.
pub async fn run(guided: &mut Guided<'_>) -> Result<()> {
    second_move(guided.migration())?;
    let began = Instant::now();
    // What the window changes must be the move alone.
    if !guided.look_as(State::Beside).await?.plan.is_empty() {
        guided.stage("bringing the host to what the inventory declares first");
        guided.converge_as(State::Beside).await?;
    }
    let predicted = guided.migration().rehearsed_milliseconds.unwrap_or_default() + RESTARTS;
    let question = format!(
        "The accounts move to MAS now. For about {}, nobody can use the server. If anything fails, everything is put back.\nDo it?",
        seconds(predicted)
    );
    agreed(guided.args.yes, &question, "nothing was stopped")?;
    guided.checkpoint("nothing was stopped")?;
    let seen = guided.look_as(State::Moved).await?;
    guided.terminal.learn(&seen.prepared.redactor());
    guided.terminal.plan(&seen.plan, false);
    let beside = guided.prepared_as(State::Beside)?;

    // A real account, so that real logins can be tried.
    let name = guided.stamp();
    let password = credentials::make(Generate::Password(40), &credentials::system_random)?;
    let probe = {
        let context = guided.context(&beside);
        Servers::of(&context).await?.make(&name, password).await.map_err(|error| error.hint("nothing was stopped"))?
    };
    let username = probe.username.clone();
    guided.remember(|migration| migration.probes.push(username)).await?;

    let door = Door::of(&guided.context(&seen.prepared))?;
    if door.is_none() {
        guided.warn("homestead does not manage the reverse proxy, so clients reach MAS as soon as it runs, before the logins were tried");
    }
    let units = units_of(&beside, &seen.prepared, &seen.plan);
    let mut paths = touched(&seen.plan);
    paths.extend(door.as_ref().map(|door| door.path().to_owned()));
    let operation = operation_of(&beside)?;
    let container = operation.container.as_ref().map(|container| container.name.clone()).unwrap_or_default();
    // Before the window, which brings the memory of now back: MAS's database may be gone by then.
    forget_mas(&guided.context(&beside), &Databases::of(&guided.context(&beside))?).await?;
    let window = Window::open(&guided.context(&beside), guided.lock(), &paths, &units, &container).await?;
    guided.door_closed = door.is_some();
    let outcome = inside(guided, &beside, door.as_ref(), &units, &probe).await;
    guided.door_closed = false;
    let moved = match outcome {
        Ok(moved) => moved,
        Err(error) => return Err(undo(guided, &beside, window, &probe, error).await),
    };
    let mut migration = guided.migration().clone();
    migration.state = State::Moved;
    migration.accounts = Some(moved.before);
    migration.kept_databases.extend(moved.kept_database);
    migration.cut_over = Some(CutOver {
        at: moved.at,
        downtime_milliseconds: milliseconds(moved.began.elapsed()),
        generation: moved.generation,
        accounts: moved.accounts,
    });
    migration.done(Step::CutOver, guided.now(), milliseconds(began.elapsed()));
    if let Err(error) = window.commit(&guided.context(&seen.prepared), guided.lock(), &migration, door.as_ref()).await {
        // Without an answer nobody knows here whether the host has written it down.
        let hint = match error.kind {
            Kind::Unreachable => "`homestead migrate --status` says who has the logins now, and the same command goes on from there",
            _ => "Synapse has the logins as before",
        };
        return Err(error.hint(hint));
    }
    guided.remembered(migration);
    after(guided, &seen.prepared, &moved.began).await?;
    table(guided, &moved.before, Some(&moved.accounts));
    Ok(())
}

/// Everything that starts, stops or restarts.
fn units_of(beside: &Prepared, moved: &Prepared, plan: &crate::plan::Plan) -> Vec<String> {
    let services = beside.desired.services.iter().chain(&moved.desired.services);
    let stopped = services.filter(|service| STOPPED.contains(&service.role.as_str())).map(|service| service.unit.clone());
    let mut units: Vec<String> = stopped.chain(plan.restarts.iter().map(|restart| restart.unit.clone())).collect();
    units.sort();
    units.dedup();
    units
}

/// The units of the roles that stand still.
pub fn stopped_units(prepared: &Prepared) -> Vec<String> {
    let services = prepared.desired.services.iter().filter(|service| STOPPED.contains(&service.role.as_str()));
    services.map(|service| service.unit.clone()).collect()
}

async fn inside(guided: &mut Guided<'_>, beside: &Prepared, door: Option<&Door>, units: &[String], probe: &Probe) -> Result<Moved> {
    let context = guided.context(beside);
    let databases = Databases::of(&context)?;
    let began = Instant::now();
    if let Some(door) = door {
        guided.stage("closing the door: clients are told to come back");
        door.close(&context).await?;
    }
    let stopped: Vec<String> = units.iter().filter(|unit| stopped_units(beside).contains(unit)).cloned().collect();
    guided.stage(format!("stopping {}", stopped.join(", ")));
    host::others::stop_for_now(&*guided.host, guided.lock(), &stopped).await?;
    guided.checkpoint("the accounts have not moved")?;
    let before = in_synapse(&context, &databases).await?;
    // What an attempt left that did not come to its end.
    let kept_database = if in_mas(&context, &databases).await? == Accounts::default() {
        None
    } else {
        put_aside(&context, &databases, &guided.stamp(), true).await?
    };
    syn2mas_within(&context, operation_of(beside)?, Syn2masTask::Migrate, guided.lock().journal().0).await?;
    let at = databases.now(&context).await?;
    guided.checkpoint("the accounts have not moved")?;
    guided.stage("switching the logins over");
    let seen = guided.look_as(State::Moved).await?;
    guided.apply(&seen).await?;
    guided.stage("trying logins before anybody else can");
    let context = guided.context(&seen.prepared);
    Servers::of(&context).await?.moved(probe).await?;
    let accounts = in_mas(&context, &databases).await?;
    let lost: Vec<String> =
        short(&before, &accounts).into_iter().map(|(name, before, after)| format!("{name}: {after} of {before}")).collect();
    if !lost.is_empty() {
        return Err(Error::new(Kind::HostFailed, format!("not everything arrived in MAS: {}", lost.join(", "))));
    }
    guided.checkpoint("the accounts have not moved")?;
    Ok(Moved { at, generation: seen.observed.memory.generation + 1, accounts, before, kept_database, began })
}

/// Puts everything back, and gives the error that the run ends with.
async fn undo(guided: &Guided<'_>, beside: &Prepared, window: Window, probe: &Probe, error: Error) -> Error {
    if error.kind == Kind::Unreachable {
        return error.hint("the host puts everything back by itself, and starts the old Synapse again; the same command begins anew");
    }
    guided.warn(format!("{}; putting everything back", error.message));
    let context = guided.context(beside);
    match window.undo(&context, guided.lock()).await {
        Ok(()) => {
            let services: Vec<_> =
                beside.desired.services.iter().filter(|service| STOPPED.contains(&service.role.as_str())).cloned().collect();
            let error = match healthy(guided, &services).await {
                Ok(()) => error.hint("everything was put back: Synapse has the logins as before"),
                Err(problem) => error.hint(format!("everything was put back, and a service is not healthy yet: {}", problem.message)),
            };
            let ended = match Servers::of(&context).await {
                Ok(servers) => servers.end_in_synapse(probe).await,
                Err(problem) => Err(problem),
            };
            let error = match ended {
                Ok(()) => error,
                Err(problem) => error.hint(problem.message),
            };
            Error { kind: if error.kind == Kind::Interrupted { Kind::Interrupted } else { Kind::RolledBack }, ..error }
        }
        Err(problem) => error.hint(format!("putting it back failed: {}; the host tries it again when this run has ended", problem.message)),
    }
}

/// Waits until services are healthy.
pub async fn healthy(guided: &Guided<'_>, services: &[crate::desired::Service]) -> Result<()> {
    crate::apply::start(&guided.host, &guided.name, services, &guided.sink, &|text| text.to_owned()).await
}

/// Waits until the world reaches MAS, ends the accounts that tried the logins, and says how long it took.
async fn after(guided: &mut Guided<'_>, moved: &Prepared, began: &Instant) -> Result<()> {
    let context = guided.context(moved);
    until_open(&context).await;
    let downtime = milliseconds(began.elapsed());
    guided.say(format!("MAS has the logins; nobody could log in for {}", seconds(downtime)));
    guided.terminal.tell(&guided.name, "cut_over", &json!({"downtime_milliseconds": downtime}));
    guided
        .remember(|migration| {
            if let Some(cut_over) = &mut migration.cut_over {
                cut_over.downtime_milliseconds = downtime;
            }
        })
        .await?;
    end_probes(guided, moved).await
}

/// Ends the accounts that tried the logins, in MAS: those of a run that was lost after the cut-over too.
///
/// # Errors
/// What is left cannot be written down.
pub async fn end_probes(guided: &mut Guided<'_>, moved: &Prepared) -> Result<()> {
    let probes = guided.migration().probes.clone();
    if probes.is_empty() {
        return Ok(());
    }
    let left = ended(&guided.context(moved), &probes).await;
    if !left.is_empty() {
        guided.warn(format!("these accounts were made to try logins, and could not be ended: {}", left.join(", ")));
    }
    guided.remember(|migration| migration.probes = left).await
}

/// Traefik looks for changes every other second.
async fn until_open(context: &Context<'_>) {
    if let Ok(servers) = Servers::of(context).await {
        servers.until_served().await;
    }
}

/// Those that are left.
async fn ended(context: &Context<'_>, probes: &[String]) -> Vec<String> {
    let Ok(servers) = Servers::of(context).await else { return probes.to_vec() };
    let mut left = Vec::new();
    for probe in probes {
        if servers.end(probe).await.is_err() {
            left.push(probe.clone());
        }
    }
    left
}
