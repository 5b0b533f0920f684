//! The end of a run that succeeded: the memory, and a generation to come back to.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;

use super::chain::Chain;
use super::{Run, databases, journal, remember, schemas};
use crate::desired::Service;
use crate::diagnostic::{Error, Kind, Result};
use crate::host::Script;
use crate::host::docker::Docker;
use crate::host::store::{self, Expected};
use crate::plan::{
    Begun, Change, Changes, Generation, KeptFile, KeptImage, KeptUnit, Memory, OwnedFile, RestartKind, SavedFile, Schemas, Step, Undo,
    unit_file,
};
use crate::role::Format;
use crate::versioned::Versioned as _;

/// What a commit writes down and the host was asked for together with the last steps.
#[derive(Default)]
pub struct Known {
    /// The databases' schemas.
    schemas: FoundSchemas,
    /// The images that the services run.
    images: Option<BTreeMap<String, KeptImage>>,
}

/// What the host said of the databases' schemas.
#[derive(Default)]
enum FoundSchemas {
    /// It was not asked.
    #[default]
    Unasked,
    /// It was; nothing where it could not tell.
    Answered(Option<Schemas>),
}

const SCHEMAS: &str = "schemas";
const IMAGES: &str = "images";

/// One line an image, in their order.
const INSPECT: &str = "exec docker image inspect --format '{\"id\":{{json .Id}},\"repo_digests\":{{if .RepoDigests}}{{json .RepoDigests}}{{else}}[]{{end}}}' -- \"$@\"";

/// Asks for what is known only at the end.
pub fn ask(run: &Run<'_>, chain: &mut Chain<'_>) {
    if let Some(script) = schemas::script(run).filter(|_| are_schemas_due(run, &run.observed.memory)) {
        chain.ask(SCHEMAS, script);
    }
    let names = image_names(run);
    if !names.is_empty() {
        chain.ask(IMAGES, Script::new(INSPECT, names));
    }
}

/// What was answered. What cannot be understood is asked for again.
pub fn answers(run: &Run<'_>, chain: &Chain<'_>) -> Known {
    let names = image_names(run);
    let images = chain.answer(IMAGES).filter(|output| output.status == 0).and_then(|output| {
        let text = String::from_utf8_lossy(&output.stdout);
        let images: Option<Vec<KeptImage>> = text.lines().map(|line| serde_json::from_str(line).ok()).collect();
        images.filter(|images| images.len() == names.len())
    });
    let images = images.map(|images| names.iter().map(|name| (*name).to_owned()).zip(images).collect());
    let schemas = chain.answer(SCHEMAS).map(|output| FoundSchemas::Answered(schemas::answer(run, output)));
    Known { schemas: schemas.unwrap_or_default(), images }
}

/// Whether the schemas may be other than the memory says.
fn are_schemas_due(run: &Run<'_>, memory: &Memory) -> bool {
    let restarted: BTreeSet<String> = run.plan.restarts.iter().map(|restart| restart.unit.clone()).collect();
    databases::are_wanted(run) || memory.schemas.is_none() || schemas::may_change(&run.desired.services, &restarted)
}

/// Writes down that the run succeeded, and what the host is now.
///
/// # Errors
/// No room is left, and the like.
pub async fn commit(run: &Run<'_>, known: Known) -> Result<()> {
    let mut memory = remember::after(run);
    if are_schemas_due(run, &memory) {
        let found = match known.schemas {
            FoundSchemas::Answered(schemas) => schemas,
            FoundSchemas::Unasked => schemas::now(run).await,
        };
        memory.schemas = found.or(memory.schemas);
    }
    let images = match known.images {
        Some(images) => images,
        None => images(run).await?,
    };
    let generation = Generation {
        generation: memory.generation,
        begun: journal::begun(run),
        homestead: env!("CARGO_PKG_VERSION").to_owned(),
        files: files(run, &memory.files),
        units: units(run, &memory),
        images,
        databases: memory.databases.clone(),
        schemas: memory.schemas.unwrap_or_default(),
        changes: changes(run),
        directories: run.desired.directories.clone(),
        networks: run.desired.networks.clone(),
        ..Generation::default()
    };
    let generation = Generation { inventory: Generation::fingerprint(&generation.files), ..generation };
    let base = base(run, &generation);
    let unwritable = |error| Error::new(Kind::Usage, "the manifest cannot be written").caused_by(error);
    let commit = store::Commit {
        number: memory.generation,
        files: memory.files.iter().map(|(path, file)| -> Expected<'_> { (path, Some(&file.sha256)) }).collect(),
        manifest: memory.write().map_err(unwritable)?,
        generation: generation.write().map_err(unwritable)?,
        base: base.write().map_err(unwritable)?,
    };
    store::commit(&**run.host, run.lock, &commit).await
}

/// Every owned file, with what the inventory says about it; of one that the inventory does not name any more, nobody knows
/// what it is to its service.
fn files(run: &Run<'_>, owned: &BTreeMap<String, OwnedFile>) -> BTreeMap<String, KeptFile> {
    let kept = owned.iter().map(|(path, owned)| {
        let declared = run.desired.files.iter().find(|file| file.path == *path);
        let kept = KeptFile {
            sha256: owned.sha256.clone(),
            mode: owned.mode.clone(),
            owner: owned.owner.clone(),
            group: owned.group.clone(),
            role: owned.role.clone(),
            format: declared.map_or(Format::Text, |file| file.format),
            restarts: declared.map(|file| file.restarts.clone()).unwrap_or_default(),
        };
        (path.clone(), kept)
    });
    kept.collect()
}

/// Every unit of ours as the run leaves it.
fn units(run: &Run<'_>, memory: &Memory) -> BTreeMap<String, KeptUnit> {
    let kept = memory.units.iter().map(|unit| {
        let seen = run.observed.units.get(unit).cloned().unwrap_or_default();
        let restart = run.plan.restarts.iter().find(|restart| restart.unit == *unit);
        let active = restart.map_or(seen.active, |restart| restart.kind != RestartKind::Stop);
        let switched = run.plan.actions.iter().find_map(|action| match &action.step {
            Step::EnableUnit(service) if service.unit == *unit => Some(true),
            Step::DisableUnit(service) if service.unit == *unit => Some(false),
            _ => None,
        });
        let service = run.desired.services.iter().find(|service| service.unit == *unit).cloned().unwrap_or_else(|| Service::named(unit));
        (unit.clone(), KeptUnit { active, enabled: switched.unwrap_or(seen.enabled), image: service.image.clone(), service })
    });
    kept.collect()
}

fn image_names<'r>(run: &'r Run<'_>) -> BTreeSet<&'r str> {
    run.desired.services.iter().map(|service| service.image.as_str()).filter(|name| !name.is_empty()).collect()
}

/// The images that the services run.
async fn images(run: &Run<'_>) -> Result<BTreeMap<String, KeptImage>> {
    let names = image_names(run);
    if names.is_empty() {
        return Ok(BTreeMap::new());
    }
    let engine = Docker::connect(run.host.clone()).await?;
    let engine = &engine;
    let found = join_all(names.into_iter().map(|name| async move { (name, engine.image(name).await) })).await;
    let mut images = BTreeMap::new();
    for (name, image) in found {
        if let Some(image) = image? {
            images.insert(name.to_owned(), KeptImage { id: image.id, repo_digests: image.digests });
        }
    }
    Ok(images)
}

fn changes(run: &Run<'_>) -> Changes {
    let count = |wanted: &[Change]| run.plan.actions.iter().filter(|action| wanted.contains(&action.change)).count();
    Changes {
        created: count(&[Change::Create]),
        updated: count(&[Change::Update, Change::Reformat, Change::Attributes, Change::Adopt]),
        removed: count(&[Change::Remove]),
        restarted: run.plan.restarts.iter().filter(|restart| restart.kind != RestartKind::Stop).count(),
    }
}

/// The generation before, for a host that has none of it: what the files were that this run, or one before it that did not
/// come to its end, changed; the rest is as it is now. Before homestead's first run, that is generation 0.
fn base(run: &Run<'_>, now: &Generation) -> Generation {
    let undo = run.progress.saved().unwrap_or_else(|| Undo::new(Begun::default(), &run.observed.memory));
    let mut base = Generation {
        generation: run.observed.memory.generation,
        begun: Begun::default(),
        homestead: String::new(),
        changes: Changes::default(),
        databases: undo.memory.databases.clone(),
        schemas: undo.schemas.unwrap_or_default(),
        ..now.clone()
    };
    for (path, saved) in &undo.files {
        let Some(SavedFile { sha256, target: None, mode, uid, gid }) = saved else {
            base.files.remove(path);
            continue;
        };
        let known = base.files.remove(path).unwrap_or_default();
        let (owner, group) = (uid.to_string(), gid.to_string());
        base.files.insert(path.clone(), KeptFile { sha256: sha256.clone(), mode: mode.clone(), owner, group, ..known });
    }
    for (unit, saved) in &undo.units {
        if let Some(kept) = base.units.get_mut(unit) {
            (kept.active, kept.enabled) = (saved.active, saved.enabled);
        }
    }
    base.units.retain(|unit, _| base.files.contains_key(&unit_file(unit)));
    for (name, id) in &undo.images {
        base.images.insert(name.clone(), KeptImage { id: id.clone(), repo_digests: Vec::new() });
    }
    base.inventory = Generation::fingerprint(&base.files);
    base
}
