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
use crate::host::{self, ChainEnd, Heard, Host, Linked, Lock, Mode, Output, Script};
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
    Waiting::of(run, services, &|unit| run.progress.up(unit)).wait().await
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

/// Stops services, the last started first; with `again`, so that what others made and stops with them can be started with
/// [`host::others::start_others`].
///
/// # Errors
/// systemd refuses; the lock was lost.
pub async fn stop(host: &dyn Host, lock: &Lock, services: &[Service], sink: &Sink, again: bool) -> Result<()> {
    let units: Vec<String> = services.iter().rev().map(|service| service.unit.clone()).collect();
    sink(host.name(), Event::Stage { text: format!("stopping {}", units.join(", ")) });
    if again { host::others::stop_for_now(host, lock, &units).await } else { host::systemd::stop(host, &units).await }
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
    Waiting { host, name, services, sink, redact, up: &|_| () }.wait().await
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
    healthy_now(name, unit, sink, up);
    None
}

fn healthy_now(name: &str, unit: &str, sink: &Sink, up: &dyn Fn(&str)) {
    up(unit);
    sink(name, Event::Healthy { unit: unit.to_owned() });
    sink(name, Event::Done { text: format!("{unit} is healthy") });
}

/// What a failed [`watch`] in a run means.
///
/// # Errors
/// As [`healthy`].
pub async fn judge(run: &Run<'_>, services: &[Service], seen: &[Seen], output: &Output) -> Result<()> {
    Waiting::of(run, services, &|unit| run.progress.up(unit)).judge(seen, output).await
}

/// Services that are waited for, and who hears of it.
struct Waiting<'a> {
    host: &'a Arc<dyn Host>,
    /// The host's name.
    name: &'a str,
    services: &'a [Service],
    sink: &'a Sink,
    redact: &'a (dyn Fn(&str) -> String + Sync),
    /// Hears of each unit that works.
    up: &'a (dyn Fn(&str) + Sync),
}

impl<'a> Waiting<'a> {
    fn of(run: &'a Run<'_>, services: &'a [Service], up: &'a (dyn Fn(&str) + Sync)) -> Self {
        Self { host: run.host, name: &run.plan.host, services, sink: run.sink, redact: run.redact, up }
    }

    async fn wait(&self) -> Result<()> {
        let Some(script) = watch("", self.services) else { return Ok(()) };
        let mut seen = Vec::new();
        let linked = [Linked { script, ..Linked::default() }];
        let mut hear_line = |heard: Heard<'_>| {
            if let Heard::Line(_, line) = heard {
                seen.extend(hear(self.name, line, self.sink, self.up));
            }
        };
        match host::chain(&**self.host, Mode::Alone, &linked, &mut hear_line).await? {
            ChainEnd::Failed(_, output) => self.judge(&seen, &output).await,
            ChainEnd::Done | ChainEnd::Stopped(_) | ChainEnd::Lost(_) => Ok(()),
        }
    }

    async fn judge(&self, seen: &[Seen], output: &Output) -> Result<()> {
        if output.status == host::health::UNASKED {
            return self.ask_from_here().await;
        }
        for service in self.services {
            let error = seen.iter().find_map(|seen| match seen {
                Seen::Ended(unit, how) if *unit == service.unit => Some((None, how)),
                Seen::Missing(unit, what) if *unit == service.unit => Some((Some(what), what)),
                _ => None,
            });
            let error = match error {
                None => continue,
                Some((None, how)) => ended_by_itself(&**self.host, &service.unit, how),
                Some((Some(missing), _)) => {
                    let limit = Duration::from_secs(service.health.as_ref().map_or(0, |health| health.timeout_seconds));
                    let docker = Docker::connect(self.host.clone()).await?;
                    host::health::gave_up(&**self.host, &docker, &service.container, missing, limit).await
                }
            };
            return Err(self.with_journal(service, error).await);
        }
        Err(host::failed(&**self.host, "waiting for services", output))
    }

    /// Asks from here, through the connection.
    async fn ask_from_here(&self) -> Result<()> {
        let docker = Docker::connect(self.host.clone()).await?;
        let docker = &docker;
        let waits = self.services.iter().map(|service| async move {
            let Some(health) = &service.health else { return Ok(()) };
            // A container that ended need not be waited for: systemd says so at once.
            let outcome = tokio::select! {
                outcome = wait(&**self.host, docker, &service.container, health) => outcome,
                error = ended(&**self.host, &service.unit) => Err(error),
            };
            match outcome {
                Ok(()) => {
                    healthy_now(self.name, &service.unit, self.sink, self.up);
                    Ok(())
                }
                Err(error) if error.kind == Kind::Unreachable => Err(error),
                Err(error) => Err(self.with_journal(service, error).await),
            }
        });
        join_all(waits).await.into_iter().collect()
    }

    async fn with_journal(&self, service: &Service, error: Error) -> Error {
        with_journal(&**self.host, std::slice::from_ref(service), error, self.redact).await
    }
}

fn ended_by_itself(host: &dyn Host, unit: &str, how: &str) -> Error {
    Error::new(Kind::HostFailed, format!("`{}`: {unit} ended by itself ({how})", host.name()))
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
