//! Desired against observed, resource by resource.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};

use super::action::{Action, Change, Plan, Resource, Restart, RestartKind, Step};
use super::memory::database_fingerprint;
use super::observed::{Observed, PathKind, PathState};
use super::ownership::KeptData;
use super::{VERSION, builds, diff, leftover, ownership, restart};
use crate::desired::{Desired, File, meaning};

/// What of the desired state a run is about.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    /// Only these roles; all where absent.
    pub roles: Option<BTreeSet<String>>,
    /// Whether orphans go.
    pub remove_orphans: bool,
    /// The roles whose data goes for good, where nothing wants them.
    pub purge: BTreeSet<String>,
}

/// Compares. `redact` takes the known secrets out of a text.
pub fn plan(desired: &Desired, observed: &Observed, scope: &Scope, redact: &dyn Fn(&str) -> String) -> Plan {
    let mut comparison = Comparison { observed, redact, actions: Vec::new(), changed: BTreeMap::new() };
    let mut notes = Vec::new();
    if !observed.docker && desired.roles.iter().any(|role| role == "docker") {
        comparison.push("package", "docker", Change::Create, Step::InstallDocker);
    }
    comparison.accounts(desired, &mut notes);
    comparison.directories(desired);
    comparison.keys(desired);
    comparison.files(desired);
    comparison.networks(desired, &mut notes);
    for image in desired.images.iter().filter(|image| !observed.images.contains(&image.name)) {
        comparison.push("image", &image.name, Change::Create, Step::PullImage(image.clone()));
    }
    comparison.builds(desired);
    comparison.pinned(desired);
    for service in desired.services.iter().filter(|service| service.autostart) {
        match (service.at_boot, observed.units.get(&service.unit).is_some_and(|state| state.enabled)) {
            (true, false) => comparison.push("unit", &service.unit, Change::Create, Step::EnableUnit(service.clone())),
            (false, true) => {
                comparison.push("unit", &service.unit, Change::Attributes, Step::DisableUnit(service.clone()));
                comparison.detail(vec!["enabled -> disabled".to_owned()]);
            }
            _ => {}
        }
    }
    let Comparison { mut actions, changed, .. } = comparison;
    let mut restarts = restart::decide(desired, observed, &changed);
    // A Postgres that starts may start empty, so its databases are looked after again.
    let starts = |role: &str| {
        let mut services = desired.services.iter().filter(|service| service.role == role);
        services.any(|service| restarts.iter().any(|restart| restart.unit == service.unit && restart.kind == RestartKind::Start))
    };
    let fresh = starts("postgres");
    for database in &desired.databases {
        let known = observed.memory.databases.get(&database.name);
        if fresh || known != Some(&database_fingerprint(database)) {
            let change = match known {
                Some(_) => Change::Update,
                None if !fresh && observed.memory.generation == 0 => Change::Adopt,
                None => Change::Create,
            };
            actions.push(action("database", &database.name, change, Step::PutDatabase(database.clone())));
        }
    }
    let mut orphans = leftover::orphans(desired, observed);
    let undeclared = leftover::undeclared(desired, observed);
    // What a run was about to remove when it stopped may be stopped by now: half a removal is completed.
    let begun = |orphan: &&Resource| observed.undo.as_ref().is_some_and(|undo| undo.removals.contains(&orphan.name));
    let others = orphans.iter().filter(|orphan| (scope.remove_orphans || begun(orphan)) && !undeclared.contains(orphan));
    let first = undeclared.iter().map(|resource| (resource, restart::FIRST, "its role does not declare it any more"));
    for (resource, priority, reason) in first.chain(others.map(|resource| (resource, restart::LAST, "nothing wants it any more"))) {
        let step = match resource.kind {
            "unit" => Step::RemoveUnit(resource.name.clone()),
            _ => Step::RemoveFile(resource.name.clone()),
        };
        actions.push(action(resource.kind, &resource.name, Change::Remove, step));
        if resource.kind == "unit" && observed.units.get(&resource.name).is_some_and(|state| state.active) {
            let reasons = vec![reason.to_owned()];
            restarts.push(Restart { unit: resource.name.clone(), kind: RestartKind::Stop, priority, reasons });
        }
    }
    restarts.sort_by_key(|restart| restart.priority);
    let kept = rest(desired, observed, scope, &restarts, &mut orphans, &mut actions, &mut notes);
    let mut plan = Plan { version: VERSION, host: desired.host.clone(), actions, restarts, orphans, kept, notes };
    if let Some(roles) = &scope.roles {
        narrow(&mut plan, desired, observed, roles);
    }
    plan
}

/// What goes after units and files: networks, data that is named, and the folders that are empty then.
fn rest(
    desired: &Desired,
    observed: &Observed,
    scope: &Scope,
    restarts: &[Restart],
    orphans: &mut Vec<Resource>,
    actions: &mut Vec<Action>,
    notes: &mut Vec<String>,
) -> Vec<KeptData> {
    let named = |kind: &'static str| orphans.iter().filter(move |orphan| orphan.kind == kind).map(|orphan| orphan.name.clone());
    let units: BTreeSet<String> = named("unit").collect();
    let gone = named("file").chain(units.iter().map(|unit| leftover::unit_file(unit))).collect();
    // What starts anew is only in the networks that its unit names.
    let restarting = |unit: &str| restarts.iter().any(|restart| restart.unit == unit && restart.kind != RestartKind::Stop);
    let joins = |unit: &str, network: &str| {
        let file = desired.files.iter().find(|file| file.path == leftover::unit_file(unit));
        let names = |word: &str| word.strip_prefix("--network=").unwrap_or(word) == network;
        file.is_none_or(|file| file.contents.reveal().split_whitespace().any(names))
    };
    let leaves = |unit: &str, network: &str| units.contains(unit) || (restarting(unit) && !joins(unit, network));
    let left = ownership::left(desired, observed, &gone, &leaves, &scope.purge);
    notes.extend(left.notes);
    let (purged, kept): (Vec<KeptData>, Vec<KeptData>) = left.data.into_iter().partition(|data| scope.purge.contains(&data.role));
    let networks = left.networks.into_iter().map(|name| action("network", &name, Change::Remove, Step::RemoveNetwork(name.clone())));
    let directories =
        left.directories.into_iter().map(|path| action("directory", &path, Change::Remove, Step::RemoveDirectory(path.clone())));
    let (networks, directories): (Vec<Action>, Vec<Action>) = (networks.collect(), directories.collect());
    orphans.extend(networks.iter().chain(&directories).map(|action| action.resource.clone()));
    if scope.remove_orphans {
        actions.extend(networks);
        for data in purged {
            let details = vec![data.places()];
            actions.push(Action { details, ..action("data", &data.role, Change::Remove, Step::RemoveData(data.clone())) });
        }
        actions.extend(directories);
    }
    kept
}

struct Comparison<'a> {
    observed: &'a Observed,
    redact: &'a dyn Fn(&str) -> String,
    actions: Vec<Action>,
    changed: BTreeMap<String, Vec<String>>,
}

fn action(kind: &'static str, name: &str, change: Change, step: Step) -> Action {
    Action { resource: Resource { kind, name: name.to_owned() }, change, details: Vec::new(), diff: None, step }
}

impl Comparison<'_> {
    fn push(&mut self, kind: &'static str, name: &str, change: Change, step: Step) {
        self.actions.push(action(kind, name, change, step));
    }

    fn accounts(&mut self, desired: &Desired, notes: &mut Vec<String>) {
        for account in &desired.accounts {
            match self.observed.users.get(&account.user) {
                None => self.push("user", &account.user, Change::Create, Step::CreateAccount(account.clone())),
                Some(&(uid, gid)) if (uid, gid) != (account.uid, account.gid) => notes.push(format!(
                    "the user `{}` is {uid}:{gid} on the host and {}:{} in the inventory; it is left as it is",
                    account.user, account.uid, account.gid
                )),
                Some(_) => {}
            }
        }
    }

    fn directories(&mut self, desired: &Desired) {
        for directory in &desired.directories {
            let step = Step::PutDirectory(directory.clone());
            match self.observed.paths.get(&directory.path) {
                None => self.push("directory", &directory.path, Change::Create, step),
                Some(state) => {
                    let details = attributes(state, &directory.mode, &directory.owner, &directory.group);
                    if !details.is_empty() {
                        self.push("directory", &directory.path, Change::Attributes, step);
                        self.detail(details);
                    }
                }
            }
        }
    }

    fn keys(&mut self, desired: &Desired) {
        for key in &desired.keys {
            let Some(state) = self.observed.paths.get(&key.path) else {
                self.push("key", &key.path, Change::Create, Step::MakeKey(key.clone()));
                for service in desired.services.iter().filter(|service| service.role == key.role) {
                    self.changed.entry(service.unit.clone()).or_default().push(format!("{} is new", key.path));
                }
                continue;
            };
            // What is in it is never touched; who may read it is.
            let details = attributes(state, &key.mode, &key.owner, &key.group);
            if state.kind == PathKind::File && !details.is_empty() {
                self.push("key", &key.path, Change::Attributes, Step::MakeKey(key.clone()));
                self.detail(details);
            }
        }
    }

    fn files(&mut self, desired: &Desired) {
        for file in &desired.files {
            let Some(state) = self.observed.paths.get(&file.path) else {
                self.push("file", &file.path, Change::Create, Step::PutFile(file.clone()));
                let diff = self.diff(file, "");
                self.show(diff);
                self.touch(file, "is new");
                continue;
            };
            let details = attributes(state, &file.mode, &file.owner, &file.group);
            let same_bytes = state.kind == PathKind::File && state.sha256.as_deref() == Some(&sha256(file.contents.reveal()));
            if same_bytes {
                if !details.is_empty() {
                    self.push("file", &file.path, Change::Attributes, Step::PutFile(file.clone()));
                    self.detail(details);
                }
                continue;
            }
            let old = self.observed.contents.get(&file.path).map(|bytes| String::from_utf8_lossy(bytes).into_owned()).unwrap_or_default();
            let (old_meaning, new_meaning) = (meaning::of(file.format, &old), meaning::of(file.format, file.contents.reveal()));
            let change = if old_meaning == new_meaning { Change::Reformat } else { Change::Update };
            self.push("file", &file.path, change, Step::PutFile(file.clone()));
            self.detail(details);
            if change == Change::Update {
                let diff = self.diff(file, &old);
                self.show(diff);
                if meaning::restarts(file.format, &old_meaning, &new_meaning) {
                    self.touch(file, "changes");
                }
            }
        }
    }

    fn networks(&mut self, desired: &Desired, notes: &mut Vec<String>) {
        for network in &desired.networks {
            match self.observed.networks.get(&network.name) {
                None => self.push("network", &network.name, Change::Create, Step::CreateNetwork(network.clone())),
                Some(state) if state.ipv6 != network.ipv6 => notes.push(format!(
                    "the network `{}` has IPv6 {} and the inventory wants it {}; making it anew would stop its containers, so it is left as it is",
                    network.name,
                    if state.ipv6 { "on" } else { "off" },
                    if network.ipv6 { "on" } else { "off" },
                )),
                Some(_) => {}
            }
        }
    }

    fn builds(&mut self, desired: &Desired) {
        for build in &desired.builds {
            let Some(reason) = builds::reason(build, self.observed) else { continue };
            let known = self.observed.built.contains_key(&build.name);
            self.push("image", &build.name, if known { Change::Update } else { Change::Create }, Step::BuildImage(build.clone()));
            self.detail(vec![format!("built on the host: {reason}")]);
            for unit in &build.services {
                self.changed.entry(unit.clone()).or_default().push(format!("the image {} is built", build.name));
            }
        }
    }

    fn pinned(&mut self, desired: &Desired) {
        for image in &desired.pinned {
            let known = self.observed.ids.get(&image.name);
            if known == Some(&image.id) {
                continue;
            }
            self.push("image", &image.name, if known.is_some() { Change::Update } else { Change::Create }, Step::PinImage(image.clone()));
            for unit in &image.services {
                self.changed.entry(unit.clone()).or_default().push(format!("the image {} is another one", image.name));
            }
        }
    }

    fn diff(&self, file: &File, old: &str) -> String {
        let new = file.contents.reveal();
        if file.secret { diff::masked(file.format, old, new, self.redact) } else { diff::plain(old, new, self.redact) }
    }

    fn detail(&mut self, details: Vec<String>) {
        if let Some(last) = self.actions.last_mut() {
            last.details = details;
        }
    }

    fn show(&mut self, diff: String) {
        if let Some(last) = self.actions.last_mut() {
            last.diff = Some(diff);
        }
    }

    fn touch(&mut self, file: &File, how: &str) {
        for unit in &file.restarts {
            self.changed.entry(unit.clone()).or_default().push(format!("{} {how}", file.path));
        }
    }
}

/// What differs of a path's mode and ownership, in words.
pub fn attributes(state: &PathState, mode: &str, owner: &str, group: &str) -> Vec<String> {
    let mut details = Vec::new();
    if state.mode != mode {
        details.push(format!("mode {} -> {mode}", state.mode));
    }
    if !state.belongs_to(owner, group) {
        details.push(format!("owner {}:{} -> {owner}:{group}", state.owner, state.group));
    }
    details
}

/// Leaves what belongs to the roles. What all of them stand on (the user, the networks) stays in.
fn narrow(plan: &mut Plan, desired: &Desired, observed: &Observed, roles: &BTreeSet<String>) {
    let built_on = |name: &str| desired.builds.iter().any(|build| build.base == name && roles.contains(&build.role));
    let image_in =
        |name: &str| built_on(name) || desired.services.iter().any(|service| service.image == name && roles.contains(&service.role));
    let exclusive = |path: &str| desired.sole_writer(path).is_some_and(|role| roles.contains(role));
    let begun = |name: &str| observed.undo.as_ref().is_some_and(|undo| undo.removals.contains(name));
    // What a run that did not come to its end has stopped, or was about to restart.
    let unfinished = |unit: &str| observed.undo.as_ref().is_some_and(|undo| undo.units.get(unit).is_some_and(|state| state.active));
    plan.actions.retain(|action| match &action.step {
        Step::PutDirectory(directory) => roles.contains(&directory.role) || directory.role == "matrix-base",
        Step::MakeKey(key) => roles.contains(&key.role),
        Step::PutFile(file) => roles.contains(&file.role),
        Step::PullImage(image) => image_in(&image.name),
        Step::BuildImage(build) => roles.contains(&build.role),
        Step::EnableUnit(service) | Step::DisableUnit(service) => roles.contains(&service.role),
        Step::PutDatabase(_) => roles.contains("postgres"),
        Step::InstallDocker | Step::CreateAccount(_) | Step::CreateNetwork(_) | Step::PinImage(_) => true,
        Step::RemoveUnit(unit) => exclusive(&leftover::unit_file(unit)) || begun(unit),
        Step::RemoveFile(path) => exclusive(path) || begun(path),
        Step::RemoveNetwork(_) | Step::RemoveData(_) | Step::RemoveDirectory(_) => false,
    });
    let in_scope = |unit: &str| {
        desired.services.iter().any(|service| service.unit == unit && roles.contains(&service.role))
            || exclusive(&leftover::unit_file(unit))
            || unfinished(unit)
            || begun(unit)
    };
    let mut kept: BTreeSet<String> = plan.restarts.iter().map(|restart| restart.unit.clone()).filter(|unit| in_scope(unit)).collect();
    // What requires a restarted unit restarts with it, in scope or not.
    let restarts = |unit: &str| plan.restarts.iter().any(|restart| restart.unit == unit && restart.kind == RestartKind::Restart);
    while let Some(service) = desired.services.iter().find(|service| {
        let cause = |name: &String| kept.contains(name) && restarts(name);
        !kept.contains(&service.unit) && restarts(&service.unit) && service.requires.iter().any(cause)
    }) {
        kept.insert(service.unit.clone());
    }
    plan.restarts.retain(|restart| kept.contains(&restart.unit));
}

/// Lowercase hex of a text's SHA-256.
pub fn sha256(text: &str) -> String {
    hex::encode(Sha256::digest(text.as_bytes()))
}

#[cfg(test)]
mod tests;
