//! Looks at a host: what its real state is, as far as the desired state concerns it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::future::join_all;
use sha2::{Digest, Sha256};

use crate::apply::{MEMORY_PATH, understand};
use crate::desired::Desired;
use crate::diagnostic::Result;
use crate::host::docker::Docker;
use crate::host::{self, Facts, FileKind, Host, ObserveRequest};
use crate::plan::{BASE_LABEL, BuiltImage, NetworkState, Observed, PathKind, PathState, RECIPE_LABEL, UnitState, unit_of};

/// Asks a host for everything that a plan compares.
///
/// # Errors
/// The connection breaks, or the host's memory cannot be read.
pub async fn observe(host: &Arc<dyn Host>, desired: &Desired, facts: &Facts) -> Result<Observed> {
    let request = request(desired);
    // The two questions go over one connection at the same time.
    let (seen, docker) = tokio::join!(host::observe(&**host, &request), engine(host, desired, facts));
    let (seen, engine) = (seen?, docker?);
    let users = facts.users.iter().map(|(name, user)| (name.clone(), (user.uid, user.gid))).collect();
    let Engine { networks, images, built, bases } = engine;
    let mut observed = Observed { users, docker: installed(facts), networks, images, built, bases, ..Observed::default() };
    for (path, state) in seen.files {
        let kind = match state.kind {
            FileKind::File => PathKind::File,
            FileKind::Directory => PathKind::Directory,
            _ => PathKind::Other,
        };
        let state = PathState {
            kind,
            mode: state.mode,
            owner: state.owner,
            uid: state.uid,
            group: state.group,
            gid: state.gid,
            sha256: state.sha256,
        };
        observed.paths.insert(path, state);
    }
    for (unit, state) in seen.units {
        let active = state.is_active();
        observed.units.insert(unit, UnitState { loaded: state.exists(), active, enabled: state.enabled == "enabled" });
    }
    let mut wanted = different(desired, &observed);
    if observed.paths.remove(MEMORY_PATH).is_some() {
        wanted.push(MEMORY_PATH.to_owned());
    }
    if !wanted.is_empty() {
        let mut contents = host::fetch(&**host, &wanted).await?;
        if let Some(bytes) = contents.remove(MEMORY_PATH) {
            observed.memory = understand(&bytes)?;
        }
        observed.contents = contents;
    }
    undeclared_units(&**host, &mut observed).await?;
    Ok(observed)
}

fn request(desired: &Desired) -> ObserveRequest {
    let mut paths: BTreeSet<String> = BTreeSet::from([MEMORY_PATH.to_owned()]);
    paths.extend(desired.directories.iter().map(|directory| directory.path.clone()));
    paths.extend(desired.keys.iter().map(|key| key.path.clone()));
    paths.extend(desired.files.iter().map(|file| file.path.clone()));
    let units = desired.services.iter().filter(|service| service.autostart).map(|service| service.unit.clone()).collect();
    let patterns = desired.exclusive.iter().map(|entry| entry.pattern.clone()).collect();
    ObserveRequest { paths: paths.into_iter().collect(), patterns, units }
}

/// The files whose bytes are not the desired ones: their old contents are needed for diffs, and to be put
/// back.
fn different(desired: &Desired, observed: &Observed) -> Vec<String> {
    let differs = |path: &str, contents: &str| {
        let state = observed.paths.get(path)?;
        let sha256 = hex::encode(Sha256::digest(contents.as_bytes()));
        (state.kind == PathKind::File && state.sha256.as_deref() != Some(&sha256)).then(|| path.to_owned())
    };
    desired.files.iter().filter_map(|file| differs(&file.path, file.contents.reveal())).collect()
}

/// The state of units that the inventory does not name: an earlier run wrote them, or a pattern found them.
async fn undeclared_units(host: &dyn Host, observed: &mut Observed) -> Result<()> {
    let found = observed.paths.keys().filter_map(|path| unit_of(path));
    let all: BTreeSet<&str> = observed.memory.units.iter().map(String::as_str).chain(found).collect();
    let unknown: Vec<String> =
        all.into_iter().filter(|unit| !observed.units.contains_key(*unit) && !unit.contains("@.")).map(str::to_owned).collect();
    if unknown.is_empty() {
        return Ok(());
    }
    for (unit, state) in host::systemd::unit_states(host, &unknown).await? {
        observed.units.insert(unit, UnitState { loaded: state.exists(), active: state.is_active(), enabled: state.enabled == "enabled" });
    }
    Ok(())
}

/// An engine that is installed and silent must not be taken for one that is absent: another one would be
/// installed over it.
fn installed(facts: &Facts) -> bool {
    facts.tools.contains("docker")
}

/// What the engine has.
#[derive(Default)]
struct Engine {
    networks: BTreeMap<String, NetworkState>,
    images: BTreeSet<String>,
    built: BTreeMap<String, BuiltImage>,
    bases: BTreeMap<String, String>,
}

async fn engine(host: &Arc<dyn Host>, desired: &Desired, facts: &Facts) -> Result<Engine> {
    if !installed(facts) {
        return Ok(Engine::default());
    }
    let engine = Docker::connect(host.clone()).await.map_err(|error| error.hint("nothing was touched"))?;
    let images = join_all(desired.images.iter().map(|image| engine.image(&image.name)));
    let builds = join_all(desired.builds.iter().map(|build| engine.image(&build.name)));
    let (networks, images, builds) = tokio::join!(engine.networks(), images, builds);
    let networks = networks?.into_iter().map(|(name, network)| (name, NetworkState { ipv6: network.ipv6 })).collect();
    let mut seen = Engine { networks, ..Engine::default() };
    for (image, found) in desired.images.iter().zip(images) {
        if let Some(found) = found? {
            seen.images.insert(image.name.clone());
            if desired.builds.iter().any(|build| build.base == image.name) {
                seen.bases.insert(image.name.clone(), found.id);
            }
        }
    }
    for (build, found) in desired.builds.iter().zip(builds) {
        if let Some(mut found) = found? {
            let built = BuiltImage { recipe: found.labels.remove(RECIPE_LABEL), base: found.labels.remove(BASE_LABEL) };
            seen.built.insert(build.name.clone(), built);
        }
    }
    Ok(seen)
}
