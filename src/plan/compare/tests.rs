//! Plans over values, read as a user reads them.

use super::*;
use crate::desired::{Account, Database, Directory, Exclusive, Image, Key, Network, Service};
use crate::plan::{Memory, NetworkState, OwnedFile, UnitState};
use crate::report::plan_text;
use crate::role::Format;
use crate::secret::Secret;

const CONFIG: &str = "max_upload_size: 50M\nform_secret: hunter2hunter2\n";

fn file(path: &str, contents: &str, format: Format, units: &[&str]) -> File {
    File {
        path: path.into(),
        contents: Secret::new(contents.into()),
        format,
        mode: "0640".into(),
        owner: "matrix".into(),
        group: "matrix".into(),
        secret: true,
        restarts: units.iter().map(|unit| (*unit).to_owned()).collect(),
        role: "synapse".into(),
    }
}

fn service(name: &str, role: &str, priority: i64, requires: &[&str]) -> Service {
    Service {
        priority,
        requires: requires.iter().map(|unit| (*unit).to_owned()).collect(),
        image: format!("registry/{name}:1"),
        role: role.into(),
        ..Service::named(format!("{name}.service"))
    }
}

fn desired() -> Desired {
    Desired {
        downloads: Vec::new(),
        builds: Vec::new(),
        pinned: Vec::new(),
        data: [].into(),
        host: "matrix.example.com".into(),
        roles: vec!["docker".into(), "postgres".into(), "synapse".into()],
        accounts: vec![Account {
            user: "matrix".into(),
            uid: 999,
            group: "matrix".into(),
            gid: 997,
            home: "/matrix".into(),
            shell: "/sbin/nologin".into(),
            system: true,
            group_system: true,
        }],
        directories: vec![Directory {
            path: "/matrix".into(),
            mode: "0750".into(),
            owner: "matrix".into(),
            group: "matrix".into(),
            role: "matrix-base".into(),
        }],
        keys: vec![Key {
            path: "/matrix/signing.key".into(),
            mode: "0640".into(),
            owner: "matrix".into(),
            group: "matrix".into(),
            command: "make".into(),
            role: "synapse".into(),
        }],
        files: vec![file("/matrix/homeserver.yaml", CONFIG, Format::Yaml, &["synapse.service"])],
        networks: vec![Network { name: "homeserver".into(), ipv6: false, driver_options: Vec::new() }],
        images: vec![
            Image { name: "registry/postgres:1".into(), services: vec!["postgres.service".into()] },
            Image { name: "registry/synapse:1".into(), services: vec!["synapse.service".into()] },
        ],
        databases: vec![Database {
            name: "synapse".into(),
            username: "synapse".into(),
            password: Secret::new("hunter2hunter2".into()),
            additional: Vec::new(),
        }],
        services: vec![
            service("postgres", "postgres", 500, &["docker.service"]),
            service("synapse", "synapse", 1000, &["postgres.service"]),
        ],
        exclusive: Vec::new(),
        operations: Vec::new(),
    }
}

/// A host that is just as `desired` wants it.
fn converged(desired: &Desired) -> Observed {
    let state = |kind: PathKind, mode: &str, sha256: Option<String>| PathState {
        kind,
        mode: mode.to_owned(),
        owner: "matrix".into(),
        uid: 999,
        group: "matrix".into(),
        gid: 997,
        sha256,
        target: None,
    };
    let mut observed = Observed { docker: true, ..Observed::default() };
    observed.users.insert("matrix".into(), (999, 997));
    for directory in &desired.directories {
        observed.paths.insert(directory.path.clone(), state(PathKind::Directory, &directory.mode, None));
    }
    for key in &desired.keys {
        observed.paths.insert(key.path.clone(), state(PathKind::File, &key.mode, Some("made on the host".into())));
    }
    for file in &desired.files {
        observed.paths.insert(file.path.clone(), state(PathKind::File, &file.mode, Some(sha256(file.contents.reveal()))));
    }
    for network in &desired.networks {
        observed.networks.insert(network.name.clone(), NetworkState { ipv6: network.ipv6 });
    }
    observed.images = desired.images.iter().map(|image| image.name.clone()).collect();
    for service in &desired.services {
        observed.units.insert(service.unit.clone(), UnitState { loaded: true, active: true, enabled: true });
    }
    observed.memory = Memory { version: 1, generation: 1, ..Memory::default() };
    for database in &desired.databases {
        observed.memory.databases.insert(database.name.clone(), database_fingerprint(database));
    }
    observed
}

fn redact(text: &str) -> String {
    text.replace("hunter2hunter2", crate::secret::REDACTED)
}

fn planned(desired: &Desired, observed: &Observed) -> Plan {
    plan(desired, observed, &Scope::default(), &redact)
}

#[test]
fn a_new_host_gets_everything() {
    let text = plan_text(&planned(&desired(), &Observed::default()), true, false);
    assert!(!text.contains("hunter2"), "{text}");
    insta::assert_snapshot!(text, @r#"
       create package docker
       create user matrix
       create directory /matrix
       create key /matrix/signing.key
       create file /matrix/homeserver.yaml
        @@ -0,0 +1,2 @@
        +form_secret: [redacted]
        +max_upload_size: "50M"
       create network homeserver
       create image registry/postgres:1
       create image registry/synapse:1
       create unit postgres.service
       create unit synapse.service
       create database synapse
        start postgres.service (it does not run)
        start synapse.service (it does not run)
    Plan: 11 to create, 2 to start.
    "#);
}

#[test]
fn a_host_that_is_as_it_should_be_is_left_alone() {
    let desired = desired();
    let plan = planned(&desired, &converged(&desired));
    assert!(plan.is_empty());
    assert_eq!(plan_text(&plan, true, false), "No changes.\n");
}

#[test]
fn other_bytes_with_the_same_meaning_restart_nothing() {
    let desired = desired();
    let mut observed = converged(&desired);
    let old = "# edited by hand\nform_secret: 'hunter2hunter2'\nmax_upload_size: 50M\n";
    observed.contents.insert("/matrix/homeserver.yaml".into(), old.into());
    if let Some(state) = observed.paths.get_mut("/matrix/homeserver.yaml") {
        state.sha256 = Some(sha256(old));
        state.mode = "0644".into();
    }
    insta::assert_snapshot!(plan_text(&planned(&desired, &observed), true, false), @"
     reformat file /matrix/homeserver.yaml (mode 0644 -> 0640)
    Plan: 1 to reformat.
    ");
}

#[test]
fn a_key_keeps_what_is_in_it_and_gets_its_owner_back() {
    let desired = desired();
    let mut observed = converged(&desired);
    let path = &desired.keys.first().unwrap().path;
    observed.paths.get_mut(path).unwrap().owner = "nobody".into();
    let plan = planned(&desired, &observed);
    let actions: Vec<_> = plan.actions.iter().map(|action| (&action.resource.name, action.change, &action.details)).collect();
    assert_eq!(actions, [(path, Change::Attributes, &vec!["owner nobody:matrix -> matrix:matrix".to_owned()])]);
    assert_eq!(plan.restarts, []);
}

#[test]
fn another_meaning_restarts_what_reads_it_alone() {
    let desired = desired();
    let mut observed = converged(&desired);
    let old = "form_secret: anoldsecret\nmax_upload_size: 40M\n";
    observed.contents.insert("/matrix/homeserver.yaml".into(), old.into());
    if let Some(state) = observed.paths.get_mut("/matrix/homeserver.yaml") {
        state.sha256 = Some(sha256(old));
    }
    let text = plan_text(&planned(&desired, &observed), true, false);
    assert!(!text.contains("anoldsecret"), "{text}");
    insta::assert_snapshot!(text, @r#"
       update file /matrix/homeserver.yaml
        @@ -1,2 +1,2 @@
        -form_secret: [redacted]
        -max_upload_size: "40M"
        +form_secret: [redacted] (changed)
        +max_upload_size: "50M"
      restart synapse.service (/matrix/homeserver.yaml changes)
    Plan: 1 to update, 1 to restart.
    "#);
}

#[test]
fn what_was_ours_and_is_wanted_no_more_is_an_orphan_until_setup_all() {
    let desired = desired();
    let mut observed = converged(&desired);
    let owned = OwnedFile { sha256: String::new(), mode: "0644".into(), owner: "root".into(), group: "root".into(), role: "mas".into() };
    observed.memory.units = vec!["mas.service".into(), "synapse.service".into()];
    observed.memory.files.insert("/etc/systemd/system/mas.service".into(), owned.clone());
    observed.memory.files.insert("/matrix/mas/config.yaml".into(), owned);
    observed.units.insert("mas.service".into(), UnitState { loaded: true, active: true, enabled: true });
    insta::assert_snapshot!(plan_text(&planned(&desired, &observed), true, false), @"
       orphan unit mas.service (nothing wants it; `setup-all` removes it)
       orphan file /matrix/mas/config.yaml (nothing wants it; `setup-all` removes it)
    No changes.
    ");
    let scope = Scope { remove_orphans: true, ..Scope::default() };
    insta::assert_snapshot!(plan_text(&plan(&desired, &observed, &scope, &redact), true, false), @"
       remove unit mas.service
       remove file /matrix/mas/config.yaml
         stop mas.service (nothing wants it any more)
    Plan: 2 to remove, 1 to stop.
    ");
}

#[test]
fn what_only_one_role_writes_and_does_not_declare_goes_with_every_run() {
    let mut desired = desired();
    for pattern in ["/etc/systemd/system/synapse-worker-*.service", "/matrix/worker.*.yaml"] {
        desired.exclusive.push(Exclusive { pattern: pattern.into(), role: "synapse".into() });
    }
    desired.files.push(file("/matrix/worker.kept.yaml", "a: 1\n", Format::Yaml, &[]));
    let mut observed = converged(&desired);
    // One that an earlier run wrote, and one that nobody remembers.
    observed.memory.units = vec!["synapse-worker-remembered.service".into(), "synapse.service".into()];
    let state = observed.paths["/matrix/homeserver.yaml"].clone();
    for path in ["/etc/systemd/system/synapse-worker-foreign.service", "/matrix/worker.foreign.yaml", "/matrix/worker.kept.yaml"] {
        observed.paths.entry(path.into()).or_insert_with(|| state.clone());
    }
    for unit in ["synapse-worker-foreign.service", "synapse-worker-remembered.service"] {
        observed.units.insert(unit.into(), UnitState { loaded: true, active: true, enabled: true });
    }
    desired.files[0].contents = Secret::new("max_upload_size: 51M\n".into());
    let plan = planned(&desired, &observed);
    insta::assert_snapshot!(plan_text(&plan, false, false), @"
       update file /matrix/homeserver.yaml
       remove unit synapse-worker-foreign.service
       remove unit synapse-worker-remembered.service
       remove file /matrix/worker.foreign.yaml
         stop synapse-worker-foreign.service (its role does not declare it any more)
         stop synapse-worker-remembered.service (its role does not declare it any more)
      restart synapse.service (/matrix/homeserver.yaml changes)
    Plan: 1 to update, 3 to remove, 1 to restart, 2 to stop.
    ");
    let stopped = crate::plan::stopped_first(&desired, &plan.restarts);
    assert_eq!(stopped, ["synapse-worker-foreign.service", "synapse-worker-remembered.service"]);
    assert_eq!(crate::plan::waves(&desired, &plan.restarts).len(), 1);

    // A run over other roles leaves them alone, one over this role does not.
    let over = |role: &str| {
        let scope = Scope { roles: Some(BTreeSet::from([role.to_owned()])), remove_orphans: false, ..Scope::default() };
        super::plan(&desired, &observed, &scope, &redact).actions.iter().filter(|action| action.change == Change::Remove).count()
    };
    assert_eq!((over("postgres"), over("synapse")), (0, 3));
}

#[test]
fn what_cannot_change_without_harm_is_said_and_left() {
    let desired = desired();
    let mut observed = converged(&desired);
    observed.networks.insert("homeserver".into(), NetworkState { ipv6: true });
    observed.users.insert("matrix".into(), (1000, 1000));
    let plan = planned(&desired, &observed);
    assert!(plan.is_empty());
    assert_eq!(plan.notes.len(), 2, "{:?}", plan.notes);
}

#[test]
fn a_postgres_that_starts_gets_its_databases_looked_after() {
    let desired = desired();
    let mut observed = converged(&desired);
    observed.units.insert("postgres.service".into(), UnitState { loaded: true, active: false, enabled: true });
    let plan = planned(&desired, &observed);
    assert!(plan.actions.iter().any(|action| matches!(&action.step, Step::PutDatabase(database) if database.name == "synapse")));
    let mut observed = converged(&desired);
    observed.memory.databases.insert("synapse".into(), "another password".into());
    let text = plan_text(&planned(&desired, &observed), true, false);
    assert_eq!(text, "   update database synapse\nPlan: 1 to update.\n");
}

#[test]
fn a_run_over_some_roles_leaves_the_others() {
    let scope = Scope { roles: Some(BTreeSet::from(["postgres".to_owned()])), remove_orphans: false, ..Scope::default() };
    let plan = plan(&desired(), &Observed { docker: true, ..Observed::default() }, &scope, &redact);
    let text = plan_text(&plan, false, false);
    assert!(text.contains("start postgres.service") && text.contains("image registry/postgres:1"), "{text}");
    assert!(!text.contains("synapse.service") && !text.contains("homeserver.yaml"), "{text}");
}
