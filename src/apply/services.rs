//! Units that start, restart, stop, and go; each is done when it is healthy.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;

use super::Run;
use super::chain::Chain;
use crate::desired::{Health, Probe, Service};
use crate::diagnostic::{Error, Kind, Result};
use crate::host::docker::Docker;
use crate::host::health::{Seen, Watched};
use crate::host::systemd::Verb;
use crate::host::{self, ChainEnd, Heard, Host, Linked, Mode, Output, Script};
use crate::plan::{Plan, Restart, RestartKind, Step};
use crate::report::{Event, RunStep, Sink};

/// Brings one wave of units up and waits until each is healthy.
///
/// # Errors
/// A step cannot be written down. When the chain is carried out: a unit does not start or does not become healthy in its
/// time; its last journal lines come along.
pub fn bring_up<'r>(run: &'r Run<'r>, chain: &mut Chain<'r>, wave: &[Restart]) -> Result<()> {
    let units: Vec<String> = wave.iter().map(|restart| restart.unit.clone()).collect();
    let services: Vec<Service> = run.desired.services.iter().filter(|service| units.contains(&service.unit)).cloned().collect();
    let touched = units.clone();
    chain.step_and(RunStep::Restart, &units, move || {
        run.progress.touch(&touched, |unit| run.observed.units.get(unit).is_some_and(|state| state.active));
    })?;
    chain.stage(format!("starting {}", units.join(", ")));
    chain.systemctl(Verb::ResetFailed, &units);
    let of = |kind: RestartKind| wave.iter().filter(|restart| restart.kind == kind).map(|restart| restart.unit.clone()).collect::<Vec<_>>();
    chain.bring_up(Verb::Restart, &of(RestartKind::Restart), services.clone());
    chain.bring_up(Verb::Start, &of(RestartKind::Start), services.clone());
    chain.step(RunStep::Health, &units)?;
    chain.healthy(services);
    Ok(())
}

/// Waits until all of the services work, and notes for how long each of them did not.
///
/// # Errors
/// As [`healthy`].
pub async fn healthy_again(run: &Run<'_>, services: &[Service]) -> Result<()> {
    for service in services.iter().filter(|service| service.health.is_none()) {
        run.progress.up(&service.unit);
    }
    wait_for(run.host, &run.plan.host, services, run.sink, run.redact, &|unit| run.progress.up(unit)).await
}

/// The units that a plan enables.
pub fn enabled_by(plan: &Plan) -> Vec<String> {
    let units = plan.actions.iter().filter_map(|action| match &action.step {
        Step::EnableUnit(service) => Some(service.unit.clone()),
        _ => None,
    });
    units.collect()
}

/// The units that a plan disables.
pub fn disabled_by(plan: &Plan) -> Vec<String> {
    let units = plan.actions.iter().filter_map(|action| match &action.step {
        Step::DisableUnit(service) => Some(service.unit.clone()),
        _ => None,
    });
    units.collect()
}

/// Starts services by priority, each wave healthy before the next.
///
/// # Errors
/// As [`bring_up`]; what runs stays running.
pub async fn start(
    host: &Arc<dyn Host>,
    name: &str,
    services: &[Service],
    sink: &Sink,
    redact: &(dyn Fn(&str) -> String + Sync),
) -> Result<()> {
    let mut priorities: Vec<i64> = services.iter().map(|service| service.priority).collect();
    priorities.sort_unstable();
    priorities.dedup();
    for priority in priorities {
        let wave: Vec<Service> = services.iter().filter(|service| service.priority == priority).cloned().collect();
        let units: Vec<String> = wave.iter().map(|service| service.unit.clone()).collect();
        sink(name, Event::Stage { text: format!("starting {}", units.join(", ")) });
        host::systemd::start(&**host, &units).await?;
        healthy(host, name, &wave, sink, redact).await?;
    }
    Ok(())
}

/// Stops services, the last started first.
///
/// # Errors
/// systemd refuses.
pub async fn stop(host: &dyn Host, name: &str, services: &[Service], sink: &Sink) -> Result<()> {
    let units: Vec<String> = services.iter().rev().map(|service| service.unit.clone()).collect();
    sink(name, Event::Stage { text: format!("stopping {}", units.join(", ")) });
    host::systemd::stop(host, &units).await
}

/// Waits until all of the services pass their health checks.
///
/// # Errors
/// One does not, or ends; its last journal lines come along.
pub async fn healthy(
    host: &Arc<dyn Host>,
    name: &str,
    services: &[Service],
    sink: &Sink,
    redact: &(dyn Fn(&str) -> String + Sync),
) -> Result<()> {
    wait_for(host, name, services, sink, redact, &|_| ()).await
}

async fn wait_for(
    host: &Arc<dyn Host>,
    name: &str,
    services: &[Service],
    sink: &Sink,
    redact: &(dyn Fn(&str) -> String + Sync),
    up: &(dyn Fn(&str) + Sync),
) -> Result<()> {
    let Some(script) = watch("", services) else { return Ok(()) };
    let mut seen = Vec::new();
    let linked = [Linked { script, ..Linked::default() }];
    let mut hear_line = |heard: Heard<'_>| {
        if let Heard::Line(_, line) = heard {
            seen.extend(hear(name, line, sink, up));
        }
    };
    match host::chain(&**host, Mode::Alone, &linked, &mut hear_line).await? {
        ChainEnd::Failed(_, output) => judge_for(host, name, services, &seen, &output, sink, redact, up).await,
        ChainEnd::Done | ChainEnd::Stopped(_) | ChainEnd::Lost(_) => Ok(()),
    }
}

/// The script that waits on the host for services; nothing where none has a health check.
pub fn watch(run: &str, services: &[Service]) -> Option<Script> {
    let watched = services.iter().filter_map(|service| {
        let health = service.health.as_ref()?;
        let limit = Duration::from_secs(health.timeout_seconds);
        Some(Watched { unit: service.unit.clone(), container: service.container.clone(), probe: probe(health), limit })
    });
    let watched: Vec<Watched> = watched.collect();
    (!watched.is_empty()).then(|| host::health::watch(run, &watched))
}

/// Tells what a line of [`watch`] says; gives what is not good.
pub fn hear(name: &str, line: &str, sink: &Sink, up: &dyn Fn(&str)) -> Option<Seen> {
    let seen = host::health::seen(line)?;
    let Seen::Healthy(unit) = &seen else { return Some(seen) };
    up(unit);
    sink(name, Event::Healthy { unit: unit.clone() });
    sink(name, Event::Done { text: format!("{unit} is healthy") });
    None
}

/// What a failed [`watch`] in a run means.
///
/// # Errors
/// As [`healthy`].
pub async fn judge(run: &Run<'_>, services: &[Service], seen: &[Seen], output: &Output) -> Result<()> {
    judge_for(run.host, &run.plan.host, services, seen, output, run.sink, run.redact, &|unit| run.progress.up(unit)).await
}

#[allow(clippy::too_many_arguments, reason = "what is told, to whom, and what it is about")]
async fn judge_for(
    host: &Arc<dyn Host>,
    name: &str,
    services: &[Service],
    seen: &[Seen],
    output: &Output,
    sink: &Sink,
    redact: &(dyn Fn(&str) -> String + Sync),
    up: &(dyn Fn(&str) + Sync),
) -> Result<()> {
    if output.status == host::health::UNASKED {
        return from_here(host, name, services, sink, redact, up).await;
    }
    for service in services {
        let error = seen.iter().find_map(|seen| match seen {
            Seen::Ended(unit, how) if *unit == service.unit => Some((None, how)),
            Seen::Missing(unit, what) if *unit == service.unit => Some((Some(what), what)),
            _ => None,
        });
        let error = match error {
            None => continue,
            Some((None, how)) => ended_by_itself(&**host, &service.unit, how),
            Some((Some(missing), _)) => {
                let limit = Duration::from_secs(service.health.as_ref().map_or(0, |health| health.timeout_seconds));
                let docker = Docker::connect(host.clone()).await?;
                host::health::gave_up(&**host, &docker, &service.container, missing, limit).await
            }
        };
        return Err(with_journal(&**host, std::slice::from_ref(service), error, redact).await);
    }
    Err(host::failed(&**host, "waiting for services", output))
}

fn ended_by_itself(host: &dyn Host, unit: &str, how: &str) -> Error {
    Error::new(Kind::HostFailed, format!("`{}`: {unit} ended by itself ({how})", host.name()))
}

/// Asks from here, through the connection.
async fn from_here(
    host: &Arc<dyn Host>,
    name: &str,
    services: &[Service],
    sink: &Sink,
    redact: &(dyn Fn(&str) -> String + Sync),
    up: &(dyn Fn(&str) + Sync),
) -> Result<()> {
    let docker = Docker::connect(host.clone()).await?;
    let docker = &docker;
    let waits = services.iter().map(|service| async move {
        let Some(health) = &service.health else { return Ok(()) };
        // A container that ended need not be waited for: systemd says so at once.
        let outcome = tokio::select! {
            outcome = wait(&**host, docker, &service.container, health) => outcome,
            error = ended(&**host, &service.unit) => Err(error),
        };
        match outcome {
            Ok(()) => {
                up(&service.unit);
                sink(name, Event::Healthy { unit: service.unit.clone() });
                sink(name, Event::Done { text: format!("{} is healthy", service.unit) });
                Ok(())
            }
            Err(error) if error.kind == Kind::Unreachable => Err(error),
            Err(error) => Err(with_journal(&**host, std::slice::from_ref(service), error, redact).await),
        }
    });
    join_all(waits).await.into_iter().collect()
}

/// Waits until a container passes its health check.
///
/// # Errors
/// It does not in its time.
pub async fn wait(host: &dyn Host, docker: &Docker, container: &str, health: &Health) -> Result<()> {
    host::health::wait_healthy(host, docker, container, &probe(health), Duration::from_secs(health.timeout_seconds)).await
}

fn probe(health: &Health) -> host::health::Probe {
    match &health.probe {
        Probe::Http { port, path } => host::health::Probe::Http { port: *port, path: path.clone() },
        Probe::Tcp { port } => host::health::Probe::Tcp { port: *port },
        Probe::Running { seconds } => host::health::Probe::Running { seconds: *seconds },
    }
}

/// Ends when a unit has ended and waits for its next try, or for none: seen twice, so that a restart in
/// between is not taken for an end.
async fn ended(host: &dyn Host, unit: &str) -> Error {
    let mut seen = 0;
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let units = [unit.to_owned()];
        let state = match host::systemd::unit_states(host, &units).await {
            Ok(mut states) => states.remove(unit).unwrap_or_default(),
            Err(error) => return error,
        };
        seen = if state.active == "failed" || state.sub == "auto-restart" { seen + 1 } else { 0 };
        if seen == 2 {
            return ended_by_itself(host, unit, &state.result);
        }
    }
}

/// An error with the last lines that the services wrote to the journal.
pub async fn with_journal(host: &dyn Host, services: &[Service], error: Error, redact: &(dyn Fn(&str) -> String + Sync)) -> Error {
    let mut error = error;
    // What a container wrote comes along as hints.
    error.message = redact(&error.message);
    error.hints = error.hints.iter().map(|hint| redact(hint)).collect();
    for service in services {
        match host::systemd::journal_tail(host, &service.unit, 15).await {
            Ok(lines) if !lines.is_empty() => {
                let lines: Vec<String> = lines.iter().map(|line| redact(line)).collect();
                error.hints.push(format!("the last lines of {}:\n    {}", service.unit, lines.join("\n    ")));
            }
            Ok(_) => {}
            Err(problem) => error.hints.push(format!("the journal of {} cannot be read: {}", service.unit, problem.message)),
        }
    }
    error
}
