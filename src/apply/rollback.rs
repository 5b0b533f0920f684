//! Puts back what a failed run changed, and what runs before it changed that did not come to their end.

use std::collections::{BTreeMap, BTreeSet};

use super::{Run, databases, schemas, services, undo};
use crate::diagnostic::{Error, Kind, Result};
use crate::host::docker::{Docker, NetworkSpec};
use crate::host::{self, store};
use crate::plan::{SavedUnit, Undo};
use crate::report::RunStep;

/// Puts files, images and units back to what `undo.json` says, and gives the error that the run ends with.
///
/// Users, networks, keys, and databases stay: they harm nobody and may hold data.
pub async fn put_back(run: &Run<'_>, cause: Error) -> Error {
    let undo = match undo::recall(&**run.host).await {
        Ok(undo) => undo,
        Err(problem) => return failed(cause, problem),
    };
    if let Some(reason) = refusal(run, &undo).await {
        return left_as_it_is(cause, &reason);
    }
    run.warn(format!("{}; putting everything back", cause.message));
    match restore(run, &undo).await {
        Ok(states) => {
            let mut error = Error { kind: Kind::RolledBack, ..cause };
            error.hints.extend(states);
            error
        }
        Err(problem) => failed(cause, problem),
    }
}

fn failed(cause: Error, problem: Error) -> Error {
    // Somebody else is at work, or nobody can be reached: what is left is known on the host.
    let kind = if matches!(problem.kind, Kind::Locked | Kind::Unreachable) { problem.kind } else { Kind::HostFailed };
    let message = format!("{}; putting the previous state back failed too: {}", cause.message, problem.message);
    let mut error = Error { kind, message, ..cause };
    error.hints.extend(problem.hints);
    error.hints.push("look at the host before the next run: some services may be stopped".to_owned());
    error.hints.push("what was there before is kept on the host: a run with the inventory of before completes the way back".to_owned());
    error
}

fn left_as_it_is(cause: Error, reason: &str) -> Error {
    let message = format!("{}; the previous state was not put back: {reason}", cause.message);
    let error = Error { kind: Kind::HostFailed, message, ..cause };
    error.hint("the new files are in place: correct what fails and run this again; going back needs a backup of the database")
}

/// Why the programs of before could not run on the databases as they are now.
async fn refusal(run: &Run<'_>, undo: &Undo) -> Option<String> {
    let touched: BTreeSet<String> = undo.units.keys().cloned().collect();
    let before = undo.schemas.filter(|_| schemas::may_change(&run.desired.services, &touched))?;
    schemas::now(run).await?.refuse(&before)
}

async fn restore(run: &Run<'_>, undo: &Undo) -> Result<Vec<String>> {
    let host = &**run.host;
    run.step(RunStep::RollBack).await?;
    let files = undo::read_files(host, undo).await?;
    // While Postgres still runs, if it runs with what this run changed; else once it runs again.
    let passwords = databases::put_back(run).await;
    let units = Units::of(run, undo).await?;
    // What did not run before stops first, while its unit is still known.
    host::systemd::stop(host, &units.stop).await?;
    host::systemd::reset_failed(host, &units.known).await?;
    host::systemd::disable(host, &units.disable).await?;
    undo::write_files(host, undo, files).await?;
    host::systemd::daemon_reload(host).await?;
    host::systemd::enable(host, &units.enable).await?;
    images(run, undo).await?;
    networks(run, undo).await?;
    run.progress.touch(&units.restart, |_| true);
    host::systemd::restart(host, &units.restart).await?;
    if passwords.is_err() {
        databases::put_back(run).await?;
    }
    let services: Vec<_> = run.desired.services.iter().filter(|service| units.restart.contains(&service.unit)).cloned().collect();
    services::healthy_again(run, &services).await?;
    for unit in &units.restart {
        run.progress.up(unit);
    }
    undo::finish(host, undo, &run.observed.memory).await?;
    run.done("everything is as it was before");
    let restored = undo.files.values().flatten().count();
    let mut states = downtimes(run);
    states.push(format!(
        "put back: {restored} files restored, {} new files removed, {} services restarted as before, {} stopped again",
        undo.files.len() - restored,
        units.restart.len(),
        units.stop.len()
    ));
    Ok(states)
}

/// `a.service was down for 12.4 s`.
pub fn downtimes(run: &Run<'_>) -> Vec<String> {
    run.progress.downtimes().iter().map(|(unit, seconds)| format!("{unit} was down for {seconds:.1} s")).collect()
}

/// What happens to units on the way back.
struct Units {
    stop: Vec<String>,
    restart: Vec<String>,
    enable: Vec<String>,
    disable: Vec<String>,
    /// Those of them that systemd knows now: it complains about others.
    known: Vec<String>,
}

impl Units {
    /// Of what this run was to do, only what it came to; of what an earlier run was to do, all: nobody knows how far it came.
    async fn of(run: &Run<'_>, undo: &Undo) -> Result<Self> {
        let all: Vec<String> = undo.units.keys().cloned().collect();
        let now = if all.is_empty() { BTreeMap::new() } else { host::systemd::unit_states(&**run.host, &all).await? };
        let touched = run.progress.touched();
        let earlier = run.observed.undo.as_ref().map(|undo| &undo.units);
        let changed = |unit: &str| touched.contains(unit) || earlier.is_some_and(|units| units.contains_key(unit));
        let exists = |unit: &str| now.get(unit).is_some_and(host::systemd::UnitState::exists);
        let enabled = |unit: &str| now.get(unit).is_some_and(|state| state.enabled == "enabled");
        let pick = |wanted: &dyn Fn(&str, SavedUnit) -> bool| {
            undo.units.iter().filter(|(unit, state)| wanted(unit, **state)).map(|(unit, _)| unit.clone()).collect::<Vec<_>>()
        };
        Ok(Self {
            stop: pick(&|unit, before| !before.active && changed(unit) && exists(unit)),
            restart: pick(&|unit, before| before.active && changed(unit)),
            enable: pick(&|unit, before| before.enabled && !enabled(unit)),
            disable: pick(&|unit, before| !before.enabled && enabled(unit)),
            known: pick(&|unit, _| changed(unit) && exists(unit)),
        })
    }
}

/// Networks that were removed are made again.
async fn networks(run: &Run<'_>, undo: &Undo) -> Result<()> {
    if undo.networks.is_empty() {
        return Ok(());
    }
    let engine = Docker::connect(run.host.clone()).await?;
    let there = engine.networks().await?;
    for (name, ipv6) in undo.networks.iter().filter(|(name, _)| !there.contains_key(*name)) {
        engine.create_network(&NetworkSpec { name: name.clone(), ipv6: *ipv6, ..NetworkSpec::default() }).await?;
    }
    Ok(())
}

/// Names that stand for other images than before stand for those of before again.
async fn images(run: &Run<'_>, undo: &Undo) -> Result<()> {
    if undo.images.is_empty() {
        return Ok(());
    }
    let engine = Docker::connect(run.host.clone()).await?;
    for (name, id) in &undo.images {
        if engine.image(name).await?.is_none_or(|image| image.id != *id) {
            engine.tag(id, name).await?;
        }
    }
    Ok(())
}

/// The contents that files go back to, by path.
pub type Contents = BTreeMap<String, Vec<u8>>;

/// Whether every content that an undo needs is there.
pub fn missing(undo: &Undo, objects: &Contents) -> Vec<String> {
    let needed = undo.files.iter().filter_map(|(path, saved)| Some((path, saved.as_ref()?)));
    let lost = needed.filter(|(_, saved)| saved.target.is_none() && !objects.contains_key(&saved.sha256));
    lost.map(|(path, saved)| format!("`{path}` ({}/{})", store::OBJECTS, saved.sha256)).collect()
}
