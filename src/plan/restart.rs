//! Which units start or restart, and why.

use std::collections::BTreeMap;

use super::action::{Restart, RestartKind};
use super::observed::Observed;
use crate::desired::Desired;

/// The priority of a stop that comes before everything else: what stops would disturb the rest.
pub const FIRST: i64 = 0;
/// The priority of a stop that comes after everything else.
pub const LAST: i64 = i64::MAX;

/// Decides over every unit of the desired state. `changed` maps a unit to the reasons that what it reads
/// changed its meaning.
pub fn decide(desired: &Desired, observed: &Observed, changed: &BTreeMap<String, Vec<String>>) -> Vec<Restart> {
    let mut restarts: BTreeMap<&str, Restart> = BTreeMap::new();
    for service in desired.services.iter().filter(|service| service.autostart) {
        let active = observed.units.get(&service.unit).is_some_and(|state| state.active);
        let mut reasons = changed.get(&service.unit).cloned().unwrap_or_default();
        if observed.memory.pending.contains(&service.unit) {
            reasons.push("an earlier run changed what it reads".to_owned());
        }
        let kind = if active { RestartKind::Restart } else { RestartKind::Start };
        if !active {
            reasons = vec!["it does not run".to_owned()];
        }
        if !reasons.is_empty() {
            let restart = Restart { unit: service.unit.clone(), kind, priority: service.priority, reasons };
            restarts.insert(&service.unit, restart);
        }
    }
    // systemd restarts what requires a restarted unit: the plan says so.
    loop {
        let next = desired.services.iter().filter(|service| service.autostart && !restarts.contains_key(service.unit.as_str())).find_map(
            |service| {
                let cause = service
                    .requires
                    .iter()
                    .find(|name| restarts.get(name.as_str()).is_some_and(|restart| restart.kind == RestartKind::Restart))?;
                Some((service, cause))
            },
        );
        let Some((service, cause)) = next else { break };
        let restart = Restart {
            unit: service.unit.clone(),
            kind: RestartKind::Restart,
            priority: service.priority,
            reasons: vec![format!("requires {cause}")],
        };
        restarts.insert(&service.unit, restart);
    }
    let mut restarts: Vec<Restart> = restarts.into_values().collect();
    restarts.sort_by(|left, right| (left.priority, &left.unit).cmp(&(right.priority, &right.unit)));
    restarts
}

/// Groups what starts and restarts into waves: each wave needs only what the ones before it brought up.
/// Within that, lower priorities come first and equal ones together.
pub fn waves(desired: &Desired, restarts: &[Restart]) -> Vec<Vec<Restart>> {
    let requires = |unit: &str| desired.services.iter().find(|service| service.unit == unit).map_or(&[][..], |service| &service.requires);
    let mut waiting: Vec<Restart> = restarts.iter().filter(|restart| restart.kind != RestartKind::Stop).cloned().collect();
    let mut waves = Vec::new();
    while !waiting.is_empty() {
        let blocked = |restart: &Restart| requires(&restart.unit).iter().any(|name| waiting.iter().any(|other| &other.unit == name));
        let free: Vec<&Restart> = waiting.iter().filter(|restart| !blocked(restart)).collect();
        // Units that require each other go together; systemd sorts them out.
        let Some(lowest) = free.iter().map(|restart| restart.priority).min() else {
            waves.push(waiting);
            break;
        };
        let wave: Vec<Restart> = free.into_iter().filter(|restart| restart.priority == lowest).cloned().collect();
        waiting.retain(|restart| !wave.contains(restart));
        waves.push(wave);
    }
    waves
}

/// The running units that are stopped before any other starts: those that no role declares and that would
/// disturb, and those that systemd would restart by itself together with one that they require, so that
/// each starts once, when what it needs is healthy.
pub fn stopped_first(desired: &Desired, restarts: &[Restart]) -> Vec<String> {
    let restarting = |name: &str| restarts.iter().any(|other| other.unit == name && other.kind == RestartKind::Restart);
    let mut stopped: Vec<&Restart> = restarts
        .iter()
        .filter(|restart| restart.kind == RestartKind::Restart)
        .filter(|restart| {
            let service = desired.services.iter().find(|service| service.unit == restart.unit);
            service.is_some_and(|service| service.requires.iter().any(|name| restarting(name)))
        })
        .collect();
    stopped.sort_by_key(|restart| std::cmp::Reverse(restart.priority));
    let undeclared = restarts.iter().filter(|restart| restart.kind == RestartKind::Stop && restart.priority == FIRST);
    undeclared.chain(stopped).map(|restart| restart.unit.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::desired::Service;

    fn service(name: &str, priority: i64, requires: &[&str]) -> Service {
        Service {
            priority,
            requires: requires.iter().map(|name| format!("{name}.service")).collect(),
            role: name.to_owned(),
            ..Service::named(format!("{name}.service"))
        }
    }

    fn stack() -> Desired {
        let services = vec![
            service("traefik", 250, &[]),
            service("postgres", 500, &[]),
            service("synapse", 1000, &["postgres", "mas"]),
            service("mas", 2200, &["postgres"]),
        ];
        Desired { services, ..Desired::default() }
    }

    fn running(desired: &Desired) -> Observed {
        let state = crate::plan::UnitState { loaded: true, active: true, enabled: true };
        Observed { units: desired.services.iter().map(|service| (service.unit.clone(), state.clone())).collect(), ..Observed::default() }
    }

    fn names(restarts: &[Restart]) -> Vec<&str> {
        restarts.iter().map(|restart| restart.unit.as_str()).collect()
    }

    #[test]
    fn a_change_restarts_what_reads_it_and_what_requires_that() {
        let desired = stack();
        let changed = BTreeMap::from([("mas.service".to_owned(), vec!["config.yaml changes".to_owned()])]);
        let restarts = decide(&desired, &running(&desired), &changed);
        assert_eq!(names(&restarts), ["synapse.service", "mas.service"]);
        assert_eq!(stopped_first(&desired, &restarts), ["synapse.service"]);
        let waves = waves(&desired, &restarts);
        assert_eq!(waves.iter().map(|wave| names(wave)).collect::<Vec<_>>(), [["mas.service"], ["synapse.service"]]);
    }

    #[test]
    fn on_a_new_host_everything_starts_in_an_order_that_works() {
        let desired = stack();
        let restarts = decide(&desired, &Observed::default(), &BTreeMap::new());
        assert!(restarts.iter().all(|restart| restart.kind == RestartKind::Start));
        let waves = waves(&desired, &restarts);
        let order: Vec<_> = waves.iter().flat_map(|wave| names(wave)).collect();
        assert_eq!(order, ["traefik.service", "postgres.service", "mas.service", "synapse.service"]);
        assert!(stopped_first(&desired, &restarts).is_empty());
    }

    #[test]
    fn without_a_change_nothing_restarts_and_an_interrupted_run_is_finished() {
        let desired = stack();
        let mut observed = running(&desired);
        assert!(decide(&desired, &observed, &BTreeMap::new()).is_empty());
        observed.memory.pending = vec!["traefik.service".to_owned()];
        assert_eq!(names(&decide(&desired, &observed, &BTreeMap::new())), ["traefik.service"]);
    }
}
