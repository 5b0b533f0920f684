//! The ways back: before the cut-over, and after it.

use serde_json::json;

use super::agreed;
use super::cut_over::{healthy, stopped_units};
use super::guided::{Guided, touched};
use crate::diagnostic::{Error, Kind, Result};
use crate::host;
use crate::migration::State;
use crate::operation::migrate::{Databases, Door, Loss, Servers, Window, losses, put_aside};
use crate::pipeline::Prepared;

const MAS: &str = "matrix-authentication-service";

/// Gives a migration up that has not come to its cut-over.
pub async fn abort(guided: &mut Guided<'_>) -> Result<()> {
    match guided.migration().state {
        State::Beside => {}
        State::None => {
            guided.remember(crate::migration::Migration::begin_anew).await?;
            guided.say("no migration is under way");
            return Ok(());
        }
        State::Moved | State::Finalized => {
            return Err(Error::new(Kind::Invalid, "the accounts have moved, so there is nothing to give up")
                .hint("`homestead migrate --revert` goes back, until the migration is finalized"));
        }
    }
    let beside = guided.prepared_as(State::Beside)?;
    own_inventory(guided)?;
    agreed(guided.args.yes, "Give the migration up? MAS stops, and its database is put aside.", "nothing was changed")?;
    guided.converge_as(State::None).await?;
    let stamp = guided.stamp();
    let kept = leave(guided, &beside, &stamp).await?;
    guided
        .remember(|migration| {
            migration.begin_anew();
            migration.kept_databases.extend(kept);
        })
        .await?;
    guided.say("the migration is given up; Synapse has the logins as before");
    Ok(())
}

/// Goes back after the cut-over.
pub async fn revert(guided: &mut Guided<'_>) -> Result<()> {
    match guided.migration().state {
        State::Moved => {}
        State::None | State::Beside => {
            return Err(Error::new(Kind::Invalid, "the accounts have not moved, so there is no way back to go")
                .hint("`homestead migrate --abort` gives up a migration that has begun"));
        }
        State::Finalized => {
            return Err(Error::new(Kind::Invalid, "the migration is finalized; there is no way back any more")
                .hint("the backup that was made before holds the databases of that time: `homestead postgres import`"));
        }
    }
    let moved = guided.prepared_as(State::Moved)?;
    let own = own_inventory(guided)?;
    let databases = Databases::of(&guided.context(&moved))?;
    let lost = losses(&guided.context(&moved), &databases, guided.migration()).await?;
    show(guided, &lost);
    agreed(guided.args.yes, "Go back to Synapse's own logins, and lose this?", "nothing was changed")?;

    let seen = guided.look_as(State::None).await?;
    guided.terminal.learn(&seen.prepared.redactor());
    guided.terminal.plan(&seen.plan, false);
    let door = Door::of(&guided.context(&moved))?;
    let mut paths = touched(&seen.plan);
    paths.extend(door.as_ref().map(|door| door.path().to_owned()));
    let mut units = stopped_units(&moved);
    units.extend(seen.plan.restarts.iter().map(|restart| restart.unit.clone()));
    units.sort();
    units.dedup();
    let window = Window::open(&guided.context(&moved), guided.lock(), &paths, &units, "").await?;
    guided.door_closed = door.is_some();
    let outcome = inside(guided, &moved, door.as_ref()).await;
    guided.door_closed = false;
    if let Err(error) = outcome {
        if error.kind == Kind::Unreachable {
            return Err(error.hint("the host puts everything back by itself: MAS keeps the logins; the same command begins anew"));
        }
        guided.warn(format!("{}; putting everything back", error.message));
        return Err(match window.undo(&guided.context(&moved), guided.lock()).await {
            Ok(()) => Error { kind: Kind::RolledBack, ..error.hint("everything was put back: MAS keeps the logins") },
            Err(problem) => {
                error.hint(format!("putting it back failed: {}; the host tries it again when this run has ended", problem.message))
            }
        });
    }
    let mut migration = guided.migration().clone();
    migration.begin_anew();
    window.commit(&guided.context(&own), guided.lock(), &migration, door.as_ref()).await?;
    guided.remembered(migration);
    let stamp = guided.stamp();
    let kept = leave(guided, &moved, &stamp).await?;
    if let Some(name) = &kept {
        guided.say(format!("MAS's accounts are kept aside in the database `{name}`"));
    }
    guided.remember(|migration| migration.kept_databases.extend(kept)).await?;
    guided.say("Synapse has the logins again");
    Ok(())
}

/// What the inventory declares by itself must not leave logins to a MAS that has no accounts.
fn own_inventory(guided: &mut Guided<'_>) -> Result<Prepared> {
    let own = guided.prepared_as(State::None)?;
    let context = guided.context(&own);
    if context.is_true("matrix_authentication_service_enabled")?
        && !context.is_true("matrix_authentication_service_migration_in_progress")?
    {
        return Err(Error::new(Kind::Invalid, "the inventory leaves the logins to MAS, which has no accounts then; nothing was changed")
            .hint(
                "set `matrix_authentication_service_enabled: false` first, or `matrix_authentication_service_migration_in_progress: true`",
            ));
    }
    Ok(own)
}

async fn inside(guided: &mut Guided<'_>, moved: &Prepared, door: Option<&Door>) -> Result<()> {
    if let Some(door) = door {
        guided.stage("closing the door: clients are told to come back");
        door.close(&guided.context(moved)).await?;
    }
    let stopped = stopped_units(moved);
    guided.stage(format!("stopping {}", stopped.join(", ")));
    host::others::stop_for_now(&*guided.host, guided.lock(), &stopped).await?;
    let seen = guided.look_as(State::None).await?;
    guided.apply(&seen).await?;
    Servers::of(&guided.context(&seen.prepared)).await?.reverted().await?;
    guided.checkpoint("MAS keeps the logins")
}

/// Stops MAS where the inventory does not want it, and puts its database aside; else gives it an empty one.
async fn leave(guided: &mut Guided<'_>, with_mas: &Prepared, stamp: &str) -> Result<Option<String>> {
    let own = guided.prepared_as(State::None)?;
    let context = guided.context(with_mas);
    let wanted = own.desired.services.iter().any(|service| service.role == MAS);
    let services: Vec<_> = with_mas.desired.services.iter().filter(|service| service.role == MAS).cloned().collect();
    let units: Vec<String> = services.iter().map(|service| service.unit.clone()).collect();
    host::others::stop_for_now(&*guided.host, guided.lock(), &units).await?;
    if !wanted {
        host::systemd::disable(&*guided.host, &units).await?;
    }
    let kept = put_aside(&context, &Databases::of(&context)?, stamp, wanted).await?;
    if wanted {
        healthy(guided, &services).await?;
        host::others::start_others(&*guided.host, guided.lock()).await?;
    } else {
        guided.say("MAS is stopped; `homestead setup-all` removes its files");
    }
    Ok(kept)
}

fn show(guided: &Guided<'_>, losses: &[Loss]) {
    guided.terminal.tell(&guided.name, "losses", &json!({"losses": losses}));
    if guided.terminal.json() {
        return;
    }
    if losses.is_empty() {
        guided.terminal.out("Nothing came to MAS since the accounts moved.\n");
        return;
    }
    guided.terminal.out("Going back loses what came to MAS since the accounts moved:\n");
    for loss in losses {
        let users = if loss.users.is_empty() { String::new() } else { format!(" ({})", loss.users.join(", ")) };
        guided.terminal.out(&format!("{:>6} {}{users}\n", loss.count, loss.what));
    }
}
