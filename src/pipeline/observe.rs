//! Looks at a host: what its real state is, as far as the desired state concerns it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use crate::apply::{MEMORY_PATH, UNDO_PATH, understand, understand_undo};
use crate::desired::Desired;
use crate::diagnostic::Result;
use crate::host::docker::{Docker, Glance, Seen, glance};
use crate::host::{self, ExamineRequest, Examined, Facts, FileKind, FileState, Host, Lock, LockHolder, ObserveRequest};
use crate::plan::{BASE_LABEL, BuiltImage, NetworkState, Observed, PathKind, PathState, RECIPE_LABEL, UnitState, unit_file, unit_of};

/// How long the host may take between the lock and its being seen, beyond the patience with others.
const ANSWER: Duration = Duration::from_mins(1);
/// A lock that took longer than this, or than the way there, may have been somebody else's before.
const AT_ONCE: Duration = Duration::from_secs(1);

/// A host as it was seen before its facts were known: everything that its desired state concerns if it is as assumed.
pub struct Sight {
    /// What the host is.
    pub facts: Facts,
    seen: host::Observed,
    contents: BTreeMap<String, Vec<u8>>,
    /// What its engine has, where one answered.
    engine: Option<Glance>,
    /// Paths, patterns and units that were looked at.
    asked: ObserveRequest,
}

impl Sight {
    /// The content of a file that was asked for.
    pub fn content(&self, path: &str) -> Option<&[u8]> {
        self.contents.get(path).map(Vec::as_slice)
    }
}

/// Asks a host, all at once, for its facts, for what the assumed desired state concerns, for the files `wanted`, and for
/// what its engine has. With `lock`, the run that takes the host's lock and its patience, no file and no unit is looked at before
/// it is taken.
///
/// # Errors
/// Kind `Locked`, with who holds it; the connection breaks.
pub async fn look(
    host: &Arc<dyn Host>,
    assumed: &Desired,
    space: Vec<String>,
    wanted: Vec<String>,
    lock: Option<(&LockHolder, Duration)>,
) -> Result<(Sight, Option<Lock>)> {
    let asked = request(assumed);
    let unless = assumed.files.iter().map(|file| (file.path.clone(), digest(file.contents.reveal())));
    let contents = wanted.into_iter().chain([MEMORY_PATH, UNDO_PATH].map(str::to_owned)).collect();
    let request = ExamineRequest { space, observe: asked.clone(), contents, unless: unless.collect() };
    let run = lock.map(|(holder, _)| holder.run.as_str());
    let patience = lock.map_or(Duration::ZERO, |(_, patience)| patience + ANSWER);
    let space = request.space.clone();
    let asked_at = Instant::now();
    let engine = async {
        let lock = match lock {
            Some((holder, patience)) => Some(host::lock(&**host, holder, patience).await?),
            None => None,
        };
        let waited = asked_at.elapsed() > AT_ONCE;
        // A host without Docker is told from one whose Docker is silent by the facts, later.
        Ok((lock, waited, glance(&**host).await.ok()))
    };
    let (examined, (lock, waited, engine)) = tokio::try_join!(host::examine(&**host, &request, run, patience), engine)?;
    let Examined { mut facts, observed, contents } = examined;
    if lock.is_some() && waited {
        // Who had the lock before may have made users and installed Docker after the facts were found out.
        let space: Vec<&str> = space.iter().map(String::as_str).collect();
        facts = host::observe_facts(&**host, &space).await?;
    }
    Ok((Sight { facts, seen: observed, contents, engine, asked }, lock))
}

/// Makes of a sight everything that a plan compares; asks for what the sight lacks.
///
/// # Errors
/// The connection breaks, or the host's memory cannot be read.
pub async fn observe(host: &Arc<dyn Host>, desired: &Desired, sight: Sight) -> Result<Observed> {
    let Sight { facts, mut seen, mut contents, engine, asked } = sight;
    let wanted = request(desired);
    let missing = ObserveRequest {
        paths: without(&wanted.paths, &asked.paths),
        patterns: without(&wanted.patterns, &asked.patterns),
        units: without(&wanted.units, &asked.units),
    };
    let further =
        async { if missing == ObserveRequest::default() { Ok(host::Observed::default()) } else { host::observe(&**host, &missing).await } };
    let (further, engine) = tokio::join!(further, complete(host, desired, &facts, engine));
    let (further, engine) = (further?, engine?);
    seen.files.extend(further.files);
    seen.units.extend(further.units);
    // What the assumed state concerns and the real one does not is nothing to this run.
    for path in without(&asked.paths, &wanted.paths) {
        seen.files.remove(&path);
    }
    let users = facts.users.iter().map(|(name, user)| (name.clone(), (user.uid, user.gid))).collect();
    let Engine { networks, images, built, bases, ids } = engine;
    let mut observed = Observed { users, docker: installed(&facts), networks, images, built, bases, ids, ..Observed::default() };
    for (path, state) in seen.files {
        observed.paths.insert(path, path_state(state));
    }
    for path in [MEMORY_PATH, UNDO_PATH] {
        observed.paths.remove(path);
    }
    if let Some(bytes) = contents.remove(MEMORY_PATH) {
        observed.memory = understand(&bytes)?;
    }
    if let Some(bytes) = contents.remove(UNDO_PATH) {
        observed.undo = understand_undo(&bytes, &observed.memory)?;
    }
    let started: BTreeSet<&str> = autostarted(desired).collect();
    for (unit, state) in seen.units {
        // Others that are not there are nothing to a plan.
        if state.exists() || started.contains(unit.as_str()) {
            observed.units.insert(unit, unit_state(&state));
        }
    }
    let mut wanted = different(desired, &observed);
    contents.retain(|path, _| wanted.contains(path));
    wanted.retain(|path| !contents.contains_key(path));
    if !wanted.is_empty() {
        contents.extend(host::fetch(&**host, &wanted).await?);
    }
    observed.contents = contents;
    if let Some(undo) = &observed.undo {
        observed.memory.pending.extend(undo.pending.iter().cloned());
        observed.memory.pending.sort();
        observed.memory.pending.dedup();
    }
    undeclared(&**host, &mut observed).await?;
    Ok(observed)
}

/// A path's state in the words of plans.
pub(super) fn path_state(state: FileState) -> PathState {
    let kind = match state.kind {
        FileKind::File => PathKind::File,
        FileKind::Directory => PathKind::Directory,
        _ => PathKind::Other,
    };
    let FileState { mode, owner, uid, group, gid, sha256, target, .. } = state;
    PathState { kind, mode, owner, uid, group, gid, sha256, target }
}

/// Those of `all` that are not among `others`.
fn without(all: &[String], others: &[String]) -> Vec<String> {
    let others: BTreeSet<&String> = others.iter().collect();
    all.iter().filter(|name| !others.contains(name)).cloned().collect()
}

fn request(desired: &Desired) -> ObserveRequest {
    let mut paths: BTreeSet<String> = BTreeSet::from([MEMORY_PATH.to_owned(), UNDO_PATH.to_owned()]);
    paths.extend(desired.directories.iter().map(|directory| directory.path.clone()));
    paths.extend(desired.keys.iter().map(|key| key.path.clone()));
    paths.extend(desired.files.iter().map(|file| file.path.clone()));
    // All that a run writes: the host's memory names the same ones, and is not known yet.
    let written = desired.files.iter().filter_map(|file| unit_of(&file.path)).filter(|unit| !unit.contains("@."));
    let units: BTreeSet<&str> = autostarted(desired).chain(written).collect();
    let patterns = desired.exclusive.iter().map(|entry| entry.pattern.clone()).collect();
    ObserveRequest { paths: paths.into_iter().collect(), patterns, units: units.into_iter().map(str::to_owned).collect() }
}

fn autostarted(desired: &Desired) -> impl Iterator<Item = &str> {
    desired.services.iter().filter(|service| service.autostart).map(|service| service.unit.as_str())
}

fn unit_state(state: &host::systemd::UnitState) -> UnitState {
    UnitState { loaded: state.exists(), active: state.is_active(), enabled: state.enabled == "enabled" }
}

fn digest(contents: &str) -> String {
    hex::encode(Sha256::digest(contents.as_bytes()))
}

/// The files whose bytes are not the desired ones: their old contents are needed for diffs, and to be put
/// back.
fn different(desired: &Desired, observed: &Observed) -> Vec<String> {
    let differs = |path: &str, contents: &str| {
        let state = observed.paths.get(path)?;
        (state.kind == PathKind::File && state.sha256.as_deref() != Some(&digest(contents))).then(|| path.to_owned())
    };
    desired.files.iter().filter_map(|file| differs(&file.path, file.contents.reveal())).collect()
}

/// The state of files and units that the inventory does not name: an earlier run wrote them, or a pattern found them. What is
/// removed must be kept before.
async fn undeclared(host: &dyn Host, observed: &mut Observed) -> Result<()> {
    let memory = &observed.memory;
    let found = observed.paths.keys().filter_map(|path| unit_of(path));
    let units: BTreeSet<&str> = memory.units.iter().map(String::as_str).chain(found).collect();
    let units = units.into_iter().filter(|unit| !observed.units.contains_key(*unit) && !unit.contains("@.")).map(str::to_owned);
    let paths: BTreeSet<String> = memory.files.keys().cloned().chain(memory.units.iter().map(|unit| unit_file(unit))).collect();
    let paths = paths.into_iter().filter(|path| !observed.paths.contains_key(path));
    let request = ObserveRequest { paths: paths.collect(), units: units.collect(), ..ObserveRequest::default() };
    if request.paths.is_empty() && request.units.is_empty() {
        return Ok(());
    }
    let seen = host::observe(host, &request).await?;
    observed.paths.extend(seen.files.into_iter().map(|(path, state)| (path, path_state(state))));
    for (unit, state) in seen.units {
        observed.units.insert(unit, unit_state(&state));
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
    ids: BTreeMap<String, String>,
}

/// Completes a glance with a second look at what is not in it.
async fn complete(host: &Arc<dyn Host>, desired: &Desired, facts: &Facts, glance: Option<Glance>) -> Result<Engine> {
    if !installed(facts) {
        return Ok(Engine::default());
    }
    let glance = match glance {
        Some(glance) => glance,
        // It did not answer: now the reason is told.
        None => host::docker::glance(&**host).await.map_err(|error| error.hint("nothing was touched"))?,
    };
    let names = desired.images.iter().map(|image| image.name.as_str());
    let names = names.chain(desired.builds.iter().map(|build| build.name.as_str()));
    let names: BTreeSet<&str> = names.chain(desired.pinned.iter().map(|image| image.name.as_str())).collect();
    let mut images: BTreeMap<&str, Seen> = names.iter().filter_map(|name| Some((*name, glance.image(name)?.clone()))).collect();
    let absent: Vec<&str> = names.iter().copied().filter(|name| !images.contains_key(name)).collect();
    if !absent.is_empty() {
        let engine = Docker::connect(host.clone()).await.map_err(|error| error.hint("nothing was touched"))?;
        for (name, found) in absent.iter().zip(join_all(absent.iter().map(|name| engine.image(name))).await) {
            if let Some(image) = found? {
                images.insert(name, Seen { id: image.id, labels: image.labels });
            }
        }
    }
    let networks = glance.networks.into_iter().map(|(name, network)| (name, NetworkState { ipv6: network.ipv6 })).collect();
    let mut seen = Engine { networks, ..Engine::default() };
    for image in &desired.images {
        if let Some(found) = images.get(image.name.as_str()) {
            seen.images.insert(image.name.clone());
            if desired.builds.iter().any(|build| build.base == image.name) {
                seen.bases.insert(image.name.clone(), found.id.clone());
            }
        }
    }
    for build in &desired.builds {
        if let Some(found) = images.get(build.name.as_str()) {
            let label = |name: &str| found.labels.get(name).cloned();
            seen.built.insert(build.name.clone(), BuiltImage { recipe: label(RECIPE_LABEL), base: label(BASE_LABEL) });
        }
    }
    for image in &desired.pinned {
        if let Some(found) = images.get(image.name.as_str()) {
            seen.ids.insert(image.name.clone(), found.id.clone());
        }
    }
    Ok(seen)
}
