//! Looks at what a plan does not need to know: how units are, and which images run.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::future::join_all;

use super::observe::path_state;
use crate::desired::Desired;
use crate::diagnostic::Result;
use crate::host::docker::Docker;
use crate::host::{self, Host, ObserveRequest, Runs};
use crate::plan::{Live, LiveContainer, LiveUnit, Observed, unit_of};

/// Asks a host, after [`super::observe`] did.
///
/// # Errors
/// The connection breaks; Docker does not answer.
pub async fn live(host: &Arc<dyn Host>, desired: &Desired, observed: &Observed, runs: &Runs) -> Result<Live> {
    let memory = &observed.memory;
    let declared = desired.services.iter().filter(|service| service.autostart).map(|service| service.unit.as_str());
    let found = observed.paths.keys().filter_map(|path| unit_of(path));
    let units: BTreeSet<&str> = declared.chain(found).chain(memory.units.iter().map(String::as_str)).collect();
    let wanted: BTreeSet<&str> = desired.files.iter().map(|file| file.path.as_str()).collect();
    let request = ObserveRequest {
        paths: memory.files.keys().filter(|path| !wanted.contains(path.as_str())).cloned().collect(),
        units: units.into_iter().filter(|unit| !unit.contains("@.")).map(str::to_owned).collect(),
        ..ObserveRequest::default()
    };
    let (seen, engine) = tokio::join!(host::observe(&**host, &request), engine(host, desired, observed));
    let seen = seen?;
    let (containers, images) = engine?;
    let unit = |state: host::systemd::UnitState| LiveUnit {
        seconds: (state.active_since_monotonic > 0).then(|| runs.uptime.saturating_sub(state.active_since_monotonic / 1_000_000)),
        enabled: state.enabled == "enabled",
        active: state.active,
        sub: state.sub,
        restarts: state.restarts,
        result: state.result,
        stale: state.need_daemon_reload,
    };
    Ok(Live {
        units: seen.units.into_iter().filter(|(_, state)| state.exists()).map(|(name, state)| (name, unit(state))).collect(),
        containers,
        images,
        names: runs.containers.clone(),
        remembered: seen.files.into_iter().map(|(path, state)| (path, path_state(state))).collect(),
    })
}

type Engine = (BTreeMap<String, LiveContainer>, BTreeMap<String, String>);

async fn engine(host: &Arc<dyn Host>, desired: &Desired, observed: &Observed) -> Result<Engine> {
    if !observed.docker {
        return Ok(Engine::default());
    }
    let engine = Docker::connect(host.clone()).await?;
    let services = || desired.services.iter().filter(|service| service.autostart && !service.image.is_empty());
    let containers = join_all(services().map(|service| engine.container(&service.container)));
    let images: BTreeSet<&str> = services().map(|service| service.image.as_str()).collect();
    let ids = join_all(images.iter().map(|image| engine.image(image)));
    let (containers, ids) = tokio::join!(containers, ids);
    let mut seen = Engine::default();
    for (service, found) in services().zip(containers) {
        if let Some(found) = found? {
            let container = LiveContainer { running: found.running, image: found.image, image_id: found.image_id };
            seen.0.insert(service.container.clone(), container);
        }
    }
    for (image, found) in images.into_iter().zip(ids) {
        if let Some(found) = found? {
            seen.1.insert(image.to_owned(), found.id);
        }
    }
    Ok(seen)
}
