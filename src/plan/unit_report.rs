//! How the units of a host are, and what of that is not as declared.

use serde::Serialize;

use super::drift::{Live, LiveContainer, LiveUnit};
use super::observed::Observed;
use crate::desired::{Desired, Service};

/// How a unit is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct UnitReport {
    /// Its full name.
    pub unit: String,
    /// The role that wants it; nothing where none does any more.
    pub role: Option<String>,
    /// `active`, `inactive`, `failed`, `activating`... as systemd says; `absent` where there is no such unit.
    pub state: String,
    /// Whether it starts with the machine.
    pub enabled: bool,
    /// For how many seconds it has been active.
    pub seconds: Option<u64>,
    /// How often systemd restarted it by itself since it was started.
    pub restarts: u32,
    /// The image that its container runs; the declared one where no container runs.
    pub image: Option<String>,
    /// The tag of the image: mostly the version of the program.
    pub version: Option<String>,
    /// What is not as declared, in words.
    pub problems: Vec<String>,
}

/// Every declared unit that starts, by priority, then those that nothing wants any more.
pub fn all(desired: &Desired, observed: &Observed, live: &Live) -> Vec<UnitReport> {
    let declared = desired.services.iter().filter(|service| service.autostart).map(|service| declared(service, observed, live));
    let unwanted = super::leftover::orphans(desired, observed).into_iter().chain(super::leftover::undeclared(desired, observed));
    let mut unwanted: Vec<String> = unwanted.filter(|orphan| orphan.kind == "unit").map(|orphan| orphan.name).collect();
    unwanted.sort();
    unwanted.dedup();
    let unwanted = unwanted.into_iter().map(|unit| {
        let mut report = report(&unit, live.units.get(&unit));
        report.problems.push("nothing wants it any more".to_owned());
        report
    });
    declared.chain(unwanted).collect()
}

fn report(unit: &str, state: Option<&LiveUnit>) -> UnitReport {
    let Some(state) = state else {
        return UnitReport { unit: unit.to_owned(), state: "absent".to_owned(), ..UnitReport::default() };
    };
    UnitReport {
        unit: unit.to_owned(),
        state: state.active.clone(),
        enabled: state.enabled,
        seconds: state.seconds.filter(|_| state.active == "active"),
        restarts: state.restarts,
        ..UnitReport::default()
    }
}

fn declared(service: &Service, observed: &Observed, live: &Live) -> UnitReport {
    let state = live.units.get(&service.unit);
    let container = live.containers.get(&service.container);
    let mut report = report(&service.unit, state);
    report.role = Some(service.role.clone());
    let image = container.filter(|container| container.running).map_or(&service.image, |container| &container.image);
    report.image = Some(image.clone()).filter(|image| !image.is_empty());
    report.version = report.image.as_deref().and_then(tag).map(str::to_owned);
    let problems = &mut report.problems;
    let Some(state) = state else {
        problems.push("there is no such unit".to_owned());
        return report;
    };
    problems.extend(activity(state));
    match (service.at_boot, state.enabled) {
        (true, false) => problems.push("disabled: it does not start with the machine".to_owned()),
        (false, true) => problems.push("enabled, and it should not start with the machine".to_owned()),
        _ => {}
    }
    if state.stale {
        problems.push("systemd has not read its changed file yet".to_owned());
    }
    if observed.memory.pending.contains(&service.unit) {
        problems.push("a run changed what it reads and did not come to restart it".to_owned());
    }
    // A timer has no container.
    if !service.image.is_empty() {
        problems.extend(running(service, state, container, live));
    }
    report
}

/// What is wrong with a unit that should run.
fn activity(state: &LiveUnit) -> Option<String> {
    match (state.active.as_str(), state.sub.as_str()) {
        ("active" | "reloading", _) => None,
        (_, "auto-restart") => Some(format!("ends by itself again and again, {} times so far ({})", state.restarts, state.result)),
        ("failed", _) => Some(format!("failed ({})", state.result)),
        ("inactive", _) => Some("stopped".to_owned()),
        (other, _) => Some(format!("{other}, and not yet active")),
    }
}

/// What is wrong with the container of a unit.
fn running(service: &Service, state: &LiveUnit, container: Option<&LiveContainer>, live: &Live) -> Option<String> {
    let name = &service.container;
    match (state.active == "active", container.filter(|container| container.running)) {
        (false, Some(_)) => Some(format!("a container `{name}` runs that the unit did not start")),
        (true, None) => Some(format!("its container `{name}` does not run")),
        (true, Some(container)) if container.image != service.image => {
            Some(format!("runs the image {}, declared is {}", container.image, service.image))
        }
        (true, Some(container)) => live
            .images
            .get(&service.image)
            .filter(|id| **id != container.image_id)
            .map(|_| format!("runs an older image: {} means another one by now", service.image)),
        (false, None) => None,
    }
}

/// The tag of an image's name.
fn tag(image: &str) -> Option<&str> {
    let name = image.split('@').next()?.rsplit('/').next()?;
    name.split_once(':').map(|(_, tag)| tag)
}
