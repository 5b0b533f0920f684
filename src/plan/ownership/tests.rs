//! What goes and what stays, over values.

use super::*;
use crate::desired::{Database, Directory, Network, Service};
use crate::plan::{Change, OwnedFile, Scope, UnitState, plan};
use crate::report::plan_text;
use crate::secret::Secret;

fn directory(path: &str) -> Directory {
    Directory { path: path.into(), mode: "0750".into(), owner: "matrix".into(), group: "matrix".into(), role: "base".into() }
}

fn data(paths: &[&str], databases: &[&str]) -> RoleData {
    let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    RoleData { paths: set(paths), databases: set(databases) }
}

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// A server with Synapse and a cache, where the inventory wants Synapse no more.
fn situation() -> (Desired, Observed) {
    let desired = Desired {
        host: "matrix.example.com".into(),
        roles: vec!["cache".into()],
        directories: vec![directory("/matrix"), directory("/matrix/cache")],
        networks: vec![Network { name: "cache".into(), ipv6: false, driver_options: Vec::new() }],
        data: [("cache".to_owned(), data(&["/matrix/cache/data"], &[]))].into(),
        ..Desired::default()
    };
    let mut observed = Observed { docker: true, ..Observed::default() };
    observed.networks.insert("cache".into(), crate::plan::NetworkState::default());
    let owned =
        OwnedFile { sha256: String::new(), mode: "0644".into(), owner: "root".into(), group: "root".into(), role: "synapse".into() };
    let memory = &mut observed.memory;
    memory.version = 1;
    memory.generation = 4;
    memory.units = vec!["synapse.service".into()];
    memory.files = ["/etc/systemd/system/synapse.service", "/matrix/synapse/config/a.yaml", "/matrix/synapse/labels"]
        .map(|path| (path.to_owned(), owned.clone()))
        .into();
    memory.keys = vec!["/matrix/synapse/config/signing.key".into(), "/matrix/other.key".into()];
    memory.databases = [("synapse".to_owned(), "1".to_owned()), ("mas".to_owned(), "2".to_owned())].into();
    memory.networks = names(&["cache", "synapse", "shared"]);
    memory.directories =
        names(&["/matrix", "/matrix/cache", "/matrix/synapse", "/matrix/synapse/bin", "/matrix/synapse/config", "/matrix/synapse/store"]);
    memory.data = [
        ("cache".to_owned(), data(&["/matrix/cache/data"], &[])),
        ("synapse".to_owned(), data(&["/matrix/synapse/config/signing.key", "/matrix/synapse/store"], &["synapse"])),
    ]
    .into();
    observed.units.insert("synapse.service".into(), UnitState { loaded: true, active: true, enabled: true });
    for path in ["/matrix", "/matrix/cache"] {
        let state = crate::plan::PathState {
            kind: crate::plan::PathKind::Directory,
            mode: "0750".into(),
            owner: "matrix".into(),
            uid: 999,
            group: "matrix".into(),
            gid: 999,
            sha256: None,
            target: None,
        };
        observed.paths.insert(path.into(), state);
    }
    let list = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    observed.left = Leftovers {
        directories: [
            ("/matrix/synapse".to_owned(), list(&["bin", "config", "labels", "store"])),
            ("/matrix/synapse/bin".to_owned(), list(&[])),
            ("/matrix/synapse/config".to_owned(), list(&["a.yaml", "signing.key"])),
            ("/matrix/synapse/store".to_owned(), list(&["media"])),
        ]
        .into(),
        networks: [("shared".to_owned(), list(&["bridge", "synapse"])), ("synapse".to_owned(), list(&["synapse"]))].into(),
        data: [("/matrix/synapse/config/signing.key".to_owned(), Some(59)), ("/matrix/synapse/store".to_owned(), Some(12_000_000_000))]
            .into(),
        databases: Some([("synapse".to_owned(), 300_000_000)].into()),
    };
    (desired, observed)
}

fn shown(desired: &Desired, observed: &Observed, remove_orphans: bool, purge: &[&str]) -> String {
    let scope = Scope { remove_orphans, purge: names(purge), ..Scope::default() };
    plan_text(&plan(desired, observed, &scope, &str::to_owned), false, false)
}

#[test]
fn what_a_look_must_find_out_is_what_nothing_wants() {
    let (desired, observed) = situation();
    let request = LeftoverRequest::new(&desired, &observed.memory, &names(&["synapse"]));
    assert_eq!(
        request,
        LeftoverRequest {
            directories: names(&["/matrix/synapse", "/matrix/synapse/bin", "/matrix/synapse/config", "/matrix/synapse/store"]),
            networks: names(&["synapse", "shared"]),
            data: [("/matrix/synapse/config/signing.key".to_owned(), true), ("/matrix/synapse/store".to_owned(), true)].into(),
            databases: names(&["synapse"]),
        }
    );
    assert!(LeftoverRequest::new(&Desired::default(), &Memory::default(), &BTreeSet::new()).is_empty());
}

#[test]
fn empty_folders_and_unused_networks_are_orphans_and_data_is_kept() {
    let (desired, observed) = situation();
    insta::assert_snapshot!(shown(&desired, &observed, false, &[]), @"
       orphan unit synapse.service (nothing wants it; `setup-all` removes it)
       orphan file /matrix/synapse/config/a.yaml (nothing wants it; `setup-all` removes it)
       orphan file /matrix/synapse/labels (nothing wants it; `setup-all` removes it)
       orphan network synapse (nothing wants it; `setup-all` removes it)
       orphan directory /matrix/synapse/bin (nothing wants it; `setup-all` removes it)
         kept data of synapse: /matrix/synapse/config/signing.key, /matrix/synapse/store, database synapse; 12.3 GB (`setup-all --purge-data synapse` removes it for good)
         note the network `shared` stays: `bridge` uses it
    No changes.
    ");
}

#[test]
fn setup_all_removes_units_files_networks_and_folders_in_that_order() {
    let (desired, observed) = situation();
    insta::assert_snapshot!(shown(&desired, &observed, true, &[]), @"
       remove unit synapse.service
       remove file /matrix/synapse/config/a.yaml
       remove file /matrix/synapse/labels
       remove network synapse
       remove directory /matrix/synapse/bin
         stop synapse.service (nothing wants it any more)
         kept data of synapse: /matrix/synapse/config/signing.key, /matrix/synapse/store, database synapse; 12.3 GB (`setup-all --purge-data synapse` removes it for good)
         note the network `shared` stays: `bridge` uses it
    Plan: 5 to remove, 1 to stop.
    ");
}

#[test]
fn data_that_is_named_goes_after_all_else_and_its_folders_after_it() {
    let (desired, observed) = situation();
    insta::assert_snapshot!(shown(&desired, &observed, true, &["synapse"]), @"
       remove unit synapse.service
       remove file /matrix/synapse/config/a.yaml
       remove file /matrix/synapse/labels
       remove network synapse
       remove data synapse (/matrix/synapse/config/signing.key, /matrix/synapse/store, database synapse; 12.3 GB)
       remove directory /matrix/synapse/config
       remove directory /matrix/synapse/bin
       remove directory /matrix/synapse
         stop synapse.service (nothing wants it any more)
         note the network `shared` stays: `bridge` uses it
    Plan: 8 to remove, 1 to stop.
    ");
}

#[test]
fn a_file_of_somebody_else_keeps_its_folder() {
    let (desired, mut observed) = situation();
    let config = observed.left.directories.get_mut("/matrix/synapse/bin").unwrap();
    config.extend(["mine.sh", "b", "c", "d"].map(str::to_owned));
    let text = shown(&desired, &observed, true, &["synapse"]);
    assert!(!text.contains("remove directory /matrix/synapse/bin") && !text.contains("remove directory /matrix/synapse\n"), "{text}");
    assert!(text.contains("remove directory /matrix/synapse/config\n"), "{text}");
    let note = "note the folder `/matrix/synapse/bin` stays: it holds `mine.sh`, `b` and 2 more, which homestead did not write\n";
    assert!(text.contains(note), "{text}");
}

#[test]
fn data_that_a_role_still_wants_is_never_purged() {
    let (mut desired, mut observed) = situation();
    // Another role's data lies in it, and its database has another owner by now.
    desired.data.insert("archive".into(), data(&["/matrix/synapse/store/media"], &[]));
    desired.databases.push(Database {
        name: "other".into(),
        username: "other".into(),
        password: Secret::new("x".into()),
        additional: vec!["synapse".into()],
    });
    observed.memory.databases.insert("other".into(), "3".into());
    let scope = Scope { remove_orphans: true, purge: names(&["synapse", "cache"]), ..Scope::default() };
    let plan = plan(&desired, &observed, &scope, &str::to_owned);
    let removed: Vec<_> =
        plan.actions.iter().filter_map(|action| if let Step::RemoveData(data) = &action.step { Some(data) } else { None }).collect();
    assert_eq!(removed.len(), 1);
    assert_eq!((&removed[0].paths, &removed[0].databases), (&names(&["/matrix/synapse/config/signing.key"]), &BTreeSet::new()));
}

#[test]
fn an_empty_folder_is_no_data() {
    let (desired, mut observed) = situation();
    observed.left.directories.insert("/matrix/synapse/store".into(), Vec::new());
    let text = shown(&desired, &observed, true, &[]);
    assert!(text.contains("remove directory /matrix/synapse/store\n"), "{text}");
    assert!(text.contains("kept data of synapse: /matrix/synapse/config/signing.key, database synapse; 300.0 MB"), "{text}");
}

#[test]
fn the_memory_knows_what_was_made_and_forgets_what_went() {
    let (desired, observed) = situation();
    let scope = Scope { remove_orphans: true, purge: names(&["synapse"]), ..Scope::default() };
    let plan = plan(&desired, &observed, &scope, &str::to_owned);
    let mut memory = observed.memory.clone();
    remember(&mut memory, &desired, &observed, &plan);
    assert_eq!(memory.directories, names(&["/matrix", "/matrix/cache"]));
    assert_eq!(memory.networks, names(&["cache", "shared"]));
    assert_eq!(memory.data, [("cache".to_owned(), data(&["/matrix/cache/data"], &[]))].into());
    assert_eq!(memory.keys, ["/matrix/other.key"]);
    assert_eq!(memory.databases.keys().collect::<Vec<_>>(), ["mas"]);
    // Once more, nothing is left to do.
    let later = Observed { memory: memory.clone(), left: Leftovers::default(), ..observed };
    let text = shown(&desired, &Observed { units: BTreeMap::new(), ..later.clone() }, true, &[]);
    assert!(!text.contains("remove directory") && !text.contains("remove network") && !text.contains("data"), "{text}");
    // What went by other hands is forgotten too.
    let mut after = memory;
    let nothing = plan_of(&desired, &later);
    remember(&mut after, &desired, &later, &nothing);
    assert_eq!(after.networks, names(&["cache"]));
}

fn plan_of(desired: &Desired, observed: &Observed) -> Plan {
    plan(desired, observed, &Scope::default(), &str::to_owned)
}

#[test]
fn a_new_host_remembers_what_it_was_given() {
    let (desired, _) = situation();
    let observed = Observed { docker: true, ..Observed::default() };
    let mut memory = Memory::default();
    remember(&mut memory, &desired, &observed, &plan_of(&desired, &observed));
    assert_eq!(memory.directories, names(&["/matrix", "/matrix/cache"]));
    assert_eq!(memory.networks, names(&["cache"]));
    // A network that was there before is somebody else's.
    let mut memory = Memory::default();
    let mut there = observed;
    there.networks.insert("cache".into(), crate::plan::NetworkState::default());
    remember(&mut memory, &desired, &there, &plan_of(&desired, &there));
    assert_eq!(memory.networks, BTreeSet::new());
}

#[test]
fn with_the_data_of_postgres_every_database_is_gone() {
    let (_, observed) = situation();
    let mut memory = observed.memory;
    memory.data.insert("postgres".into(), data(&["/matrix/postgres/data"], &[]));
    let gone = KeptData { role: "postgres".into(), paths: names(&["/matrix/postgres/data"]), databases: BTreeSet::new(), bytes: None };
    forget(&mut memory, &gone);
    assert!(memory.databases.is_empty());
    assert!(!memory.data.contains_key("postgres") && memory.data["synapse"].databases.is_empty());
}

#[test]
fn an_uninstall_is_a_plan_for_a_host_that_should_have_nothing() {
    let (_, mut observed) = situation();
    observed.left.directories.insert("/matrix".into(), vec!["cache".into(), "synapse".into()]);
    observed.left.directories.insert("/matrix/cache".into(), vec!["data".into()]);
    observed.left.data.insert("/matrix/cache/data".into(), Some(1));
    let desired = Desired { host: "matrix.example.com".into(), ..Desired::default() };
    let plan = plan(&desired, &observed, &Scope { remove_orphans: true, purge: names(&["synapse"]), ..Scope::default() }, &str::to_owned);
    assert!(plan.actions.iter().all(|action| action.change == Change::Remove));
    let kept: Vec<&str> = plan.kept.iter().map(|data| data.role.as_str()).collect();
    assert_eq!(kept, ["cache"]);
    let folders: Vec<&str> =
        plan.actions.iter().filter(|action| action.resource.kind == "directory").map(|action| action.resource.name.as_str()).collect();
    assert_eq!(folders, ["/matrix/synapse/config", "/matrix/synapse/bin", "/matrix/synapse"]);
}

#[test]
fn the_managed_postgres_is_found_with_and_without_an_inventory() {
    let memory = Memory {
        files: [("/etc/systemd/system/pg.service", "postgres"), ("/matrix/pg/env", "postgres"), ("/etc/systemd/system/a.service", "a")]
            .map(|(path, role)| {
                let owned =
                    OwnedFile { sha256: String::new(), mode: String::new(), owner: String::new(), group: String::new(), role: role.into() };
                (path.to_owned(), owned)
            })
            .into(),
        ..Memory::default()
    };
    let found = postgres_of(&Desired::default(), &memory).unwrap();
    assert_eq!((found.unit.as_str(), found.container.as_str()), ("pg.service", "pg"));
    assert_eq!(postgres_of(&Desired::default(), &Memory::default()), None);
    let service = Service { role: "postgres".into(), ..Service::named("new.service") };
    assert_eq!(postgres_of(&Desired { services: vec![service], ..Desired::default() }, &memory).unwrap().unit, "new.service");
}
