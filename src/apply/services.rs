//! Units that start, restart, stop, and go; each is done when it is healthy.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;

use super::Run;
use crate::desired::{Health, Probe, Service};
use crate::diagnostic::{Error, Kind, Result};
use crate::host::docker::Docker;
use crate::host::{self, Host};
use crate::plan::{Plan, Restart, RestartKind, Step};
use crate::report::{Event, RunStep, Sink};

/// Brings one wave of units up and waits until each is healthy.
///
/// # Errors
/// A unit does not start or does not become healthy in its time; its last journal lines come along.
pub async fn bring_up(run: &Run<'_>, wave: &[Restart]) -> Result<()> {
    let units: Vec<String> = wave.iter().map(|restart| restart.unit.clone()).collect();
    run.step_of(RunStep::Restart, &units).await?;
    run.stage(format!("starting {}", units.join(", ")));
    host::systemd::reset_failed(&**run.host, &units).await?;
    run.progress.touch(&units, |unit| run.observed.units.get(unit).is_some_and(|state| state.active));
    let of =
        |kind: RestartKind| wave.iter().filter(move |restart| restart.kind == kind).map(|restart| restart.unit.clone()).collect::<Vec<_>>();
    let (restarting, starting) = (of(RestartKind::Restart), of(RestartKind::Start));
    let mut outcome = Ok(());
    if !restarting.is_empty() {
        outcome = host::systemd::restart(&**run.host, &restarting).await;
    }
    if outcome.is_ok() && !starting.is_empty() {
        outcome = host::systemd::start(&**run.host, &starting).await;
    }
    let services: Vec<Service> = run.desired.services.iter().filter(|service| units.contains(&service.unit)).cloned().collect();
    match outcome {
        Ok(()) => {
            run.step_of(RunStep::Health, &units).await?;
            healthy_again(run, &services).await
        }
        Err(error) => Err(with_journal(&**run.host, &services, error, run.redact).await),
    }
}

/// Waits until all of the services work, and notes for how long each of them did not.
///
/// # Errors
/// As [`healthy`].
pub async fn healthy_again(run: &Run<'_>, services: &[Service]) -> Result<()> {
    let waits = services.iter().map(|service| async move {
        healthy(run.host, &run.plan.host, std::slice::from_ref(service), run.sink, run.redact).await?;
        run.progress.up(&service.unit);
        Ok(())
    });
    join_all(waits).await.into_iter().collect()
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
    if services.iter().all(|service| service.health.is_none()) {
        return Ok(());
    }
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
    let probe = match &health.probe {
        Probe::Http { port, path } => host::health::Probe::Http { port: *port, path: path.clone() },
        Probe::Tcp { port } => host::health::Probe::Tcp { port: *port },
        Probe::Running { seconds } => host::health::Probe::Running { seconds: *seconds },
    };
    host::health::wait_healthy(host, docker, container, &probe, Duration::from_secs(health.timeout_seconds)).await
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
            return Error::new(Kind::HostFailed, format!("`{}`: {unit} ended by itself ({})", host.name(), state.result));
        }
    }
}

/// An error with the last lines that the services wrote to the journal.
async fn with_journal(host: &dyn Host, services: &[Service], error: Error, redact: &(dyn Fn(&str) -> String + Sync)) -> Error {
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
