//! `start-all`, `stop-all`, `restart-all`, `start-group`, `stop-group`, `restart`.

use std::sync::Arc;

use clap::Args;

use super::global::GlobalArgs;
use super::{Exit, converge, fleet, interrupt, selection, session};
use crate::apply;
use crate::desired::Service;
use crate::diagnostic::{Error, Kind, Result, did_you_mean};
use crate::pipeline::Prepared;
use crate::report::{Event, Terminal};

/// Start every service
#[derive(Debug, Args)]
pub struct StartAllArgs {}

/// Stop every service
#[derive(Debug, Args)]
pub struct StopAllArgs {}

/// Start the services of a group, such as `synapse`
#[derive(Debug, Args)]
pub struct StartGroupArgs {
    /// The group
    group: String,
}

/// Stop the services of a group, such as `synapse`
#[derive(Debug, Args)]
pub struct StopGroupArgs {
    /// The group
    group: String,
}

/// Stop and start every service
#[derive(Debug, Args)]
pub struct RestartAllArgs {}

/// Stop and start a service or a group, such as `synapse`, and what requires it
#[derive(Debug, Args)]
pub struct RestartArgs {
    /// The service or the group
    service: String,
}

/// What happens to services.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// They start, by priority.
    Start,
    /// They stop, the other way round.
    Stop,
    /// They stop and start.
    Restart,
}

impl StartAllArgs {
    /// Runs it.
    pub async fn run(&self, global: &GlobalArgs, terminal: &Terminal) -> Result<Exit> {
        control(global, terminal, Verb::Start, None).await.map(|()| 0)
    }
}

impl StopAllArgs {
    /// Runs it.
    pub async fn run(&self, global: &GlobalArgs, terminal: &Terminal) -> Result<Exit> {
        control(global, terminal, Verb::Stop, None).await.map(|()| 0)
    }
}

impl StartGroupArgs {
    /// Runs it.
    pub async fn run(&self, global: &GlobalArgs, terminal: &Terminal) -> Result<Exit> {
        control(global, terminal, Verb::Start, Some(self.group.clone())).await.map(|()| 0)
    }
}

impl StopGroupArgs {
    /// Runs it.
    pub async fn run(&self, global: &GlobalArgs, terminal: &Terminal) -> Result<Exit> {
        control(global, terminal, Verb::Stop, Some(self.group.clone())).await.map(|()| 0)
    }
}

impl RestartAllArgs {
    /// Runs it.
    pub async fn run(&self, global: &GlobalArgs, terminal: &Terminal) -> Result<Exit> {
        control(global, terminal, Verb::Restart, None).await.map(|()| 0)
    }
}

impl RestartArgs {
    /// Runs it.
    pub async fn run(&self, global: &GlobalArgs, terminal: &Terminal) -> Result<Exit> {
        control(global, terminal, Verb::Restart, Some(self.service.clone())).await.map(|()| 0)
    }
}

/// The services that a name means.
///
/// # Errors
/// As [`selection::named`].
pub fn named(prepared: &Prepared, name: &str) -> Result<Vec<Service>> {
    selection::named(name, &controlled(prepared)?)
}

/// Every service that starts and stops with the others, by priority.
fn controlled(prepared: &Prepared) -> Result<Vec<Service>> {
    let mut all: Vec<Service> = prepared.desired.services.iter().filter(|service| service.autostart).cloned().collect();
    all.extend(additional(prepared)?);
    all.sort_by_key(|service| service.priority);
    Ok(all)
}

/// Starts, stops or restarts the services of a group, or all. What restarts may be named as a service too.
pub async fn control(global: &GlobalArgs, terminal: &Terminal, verb: Verb, group: Option<String>) -> Result<()> {
    let loaded = Arc::new(converge::load(global, terminal)?);
    let defaults = Arc::new(session::defaults(global)?);
    // What was stopped to be started again must not stay down because somebody was impatient once.
    let cancel = interrupt::token(terminal);
    fleet::each(loaded.hosts()?, global.forks, terminal, |name| {
        let (loaded, defaults, terminal, group) = (loaded.clone(), defaults.clone(), terminal.clone(), group.clone());
        let cancel = cancel.clone();
        async move {
            let host = session::connect(&loaded, &name, &defaults).await?;
            let (facts, _) = session::facts(&*host, &loaded, &name).await?;
            let prepared = Prepared::new(&loaded, &name, &facts, &[])?;
            terminal.learn(&prepared.redactor());
            let all = controlled(&prepared)?;
            let services: Vec<Service> = match &group {
                None => all.clone(),
                Some(name) if verb == Verb::Restart => selection::with_dependents(selection::named(name, &all)?, &all),
                Some(group) => all.iter().filter(|service| service.groups.contains(group)).cloned().collect(),
            };
            if services.is_empty() {
                return Err(no_such_group(group.as_deref().unwrap_or("all"), &all));
            }
            let sink = terminal.sink();
            let holder = session::holder(&loaded, "services");
            let lock = tokio::select! {
                lock = session::lock(&*host, &loaded, &holder, &sink) => lock?,
                () = cancel.cancelled() => return Err(Error::new(Kind::Interrupted, "stopped before any service was touched")),
            };
            if verb != Verb::Start {
                apply::stop(&*host, &lock, &services, &sink, verb == Verb::Restart).await?;
            }
            if verb != Verb::Stop {
                let redactor = prepared.redactor();
                apply::start(&host, &name, &services, &sink, &|text| redactor.redact(text).into_owned()).await?;
            }
            if verb == Verb::Restart {
                crate::host::others::start_others(&*host, &lock).await?;
            }
            lock.release().await;
            let word = match verb {
                Verb::Start => "started",
                Verb::Stop => "stopped",
                Verb::Restart => "restarted",
            };
            sink(&name, Event::Done { text: format!("{} services {word}", services.len()) });
            Ok(())
        }
    })
    .await?;
    Ok(())
}

/// Units of the user's own that start and stop with the others.
fn additional(prepared: &Prepared) -> Result<Vec<Service>> {
    const LIST: &str = "devture_systemd_service_manager_services_list_additional";
    let value = prepared.variables.get(LIST)?.value;
    let wrong = || {
        Error::new(Kind::Invalid, format!("`{LIST}` holds something that is no service"))
            .hint("each entry is a mapping: {name: my-service.service, priority: 1000, groups: [mine]}")
    };
    let entries = value.as_array().ok_or_else(wrong)?;
    let mut services = Vec::new();
    for entry in entries {
        let unit = entry["name"].as_str().filter(|name| !name.is_empty()).ok_or_else(wrong)?;
        let groups = entry["groups"].as_array().into_iter().flatten().filter_map(|group| group.as_str().map(str::to_owned));
        let named = Service::named(if unit.contains('.') { unit.to_owned() } else { format!("{unit}.service") });
        services.push(Service {
            container: String::new(),
            description: String::new(),
            groups: groups.collect(),
            priority: entry["priority"].as_i64().unwrap_or(named.priority),
            at_boot: false,
            ..named
        });
    }
    Ok(services)
}

fn no_such_group(group: &str, services: &[Service]) -> Error {
    let groups: std::collections::BTreeSet<&str> = services.iter().flat_map(|service| service.groups.iter().map(String::as_str)).collect();
    let error = Error::new(Kind::Usage, format!("there is no group `{group}`"));
    match did_you_mean(group, groups.iter().copied()) {
        Some(help) => error.hint(help),
        None => error.hint(format!("groups: {}", groups.into_iter().collect::<Vec<_>>().join(", "))),
    }
}
