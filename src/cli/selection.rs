//! Services by the names that people give them.

use std::collections::BTreeSet;

use crate::desired::Service;
use crate::diagnostic::{Error, Kind, Result, did_you_mean};

/// The services that a name means: a unit's, with or without `.service` and `matrix-`, or else a group's.
///
/// # Errors
/// There is neither; the nearest name is offered.
pub fn named(name: &str, services: &[Service]) -> Result<Vec<Service>> {
    let of = |wanted: &dyn Fn(&Service) -> bool| services.iter().filter(|service| wanted(service)).cloned().collect::<Vec<_>>();
    let own = of(&|service| names(service).contains(&name));
    if !own.is_empty() {
        return Ok(own);
    }
    let group = of(&|service| service.groups.iter().any(|group| group == name));
    if !group.is_empty() {
        return Ok(group);
    }
    let short = services.iter().filter_map(|service| names(service).into_iter().last());
    let known: BTreeSet<&str> = short.chain(services.iter().flat_map(|service| service.groups.iter().map(String::as_str))).collect();
    let error = Error::new(Kind::Usage, format!("there is no service or group `{name}`"));
    Err(match did_you_mean(name, known.iter().copied()) {
        Some(help) => error.hint(help),
        None => error.hint(format!("services and groups: {}", known.into_iter().collect::<Vec<_>>().join(", "))),
    })
}

/// The names of a service, the shortest last.
fn names(service: &Service) -> Vec<&str> {
    let unit = service.unit.as_str();
    let stem = unit.strip_suffix(".service").unwrap_or(unit);
    vec![unit, stem, stem.strip_prefix("matrix-").unwrap_or(stem)]
}

/// These and every service that requires one of them: systemd stops those too, and somebody must start them again.
pub fn with_dependents(chosen: Vec<Service>, services: &[Service]) -> Vec<Service> {
    let mut units: BTreeSet<String> = chosen.into_iter().map(|service| service.unit).collect();
    while let Some(next) = services.iter().find(|service| {
        let needs = service.requires.iter().any(|unit| units.contains(unit));
        needs && !units.contains(&service.unit)
    }) {
        units.insert(next.unit.clone());
    }
    services.iter().filter(|service| units.contains(&service.unit)).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(unit: &str, groups: &[&str], requires: &[&str]) -> Service {
        Service {
            groups: groups.iter().map(|group| (*group).to_owned()).collect(),
            requires: requires.iter().map(|unit| (*unit).to_owned()).collect(),
            ..Service::named(unit)
        }
    }

    fn services() -> Vec<Service> {
        vec![
            service("matrix-postgres.service", &["matrix", "postgres"], &["docker.service"]),
            service("matrix-synapse.service", &["matrix", "synapse"], &["matrix-postgres.service"]),
            service("matrix-synapse-worker-a.service", &["matrix", "synapse"], &["matrix-synapse.service"]),
            service("mine.timer", &["mine"], &[]),
        ]
    }

    fn units(services: Vec<Service>) -> Vec<String> {
        services.into_iter().map(|service| service.unit).collect()
    }

    #[test]
    fn a_service_is_named_before_a_group() {
        for name in ["matrix-synapse.service", "matrix-synapse", "synapse"] {
            assert_eq!(units(named(name, &services()).unwrap()), ["matrix-synapse.service"], "{name}");
        }
        assert_eq!(named("matrix", &services()).unwrap().len(), 3);
        assert_eq!(units(named("mine", &services()).unwrap()), ["mine.timer"]);
        let error = named("synapze", &services()).unwrap_err();
        assert_eq!(
            (error.message.as_str(), error.hints.as_slice()),
            ("there is no service or group `synapze`", &["did you mean `synapse`?".to_owned()][..])
        );
    }

    #[test]
    fn what_requires_a_service_goes_with_it() {
        let chosen = named("postgres", &services()).unwrap();
        assert_eq!(
            units(with_dependents(chosen, &services())),
            ["matrix-postgres.service", "matrix-synapse.service", "matrix-synapse-worker-a.service"]
        );
        let chosen = named("mine", &services()).unwrap();
        assert_eq!(units(with_dependents(chosen, &services())), ["mine.timer"]);
    }
}
