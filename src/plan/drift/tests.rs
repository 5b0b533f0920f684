//! Which of host and inventory moved, over values.

use super::*;
use crate::desired::{Directory, Network, Service};
use crate::plan::{Memory, NetworkState, Scope, UnitState, plan};
use crate::role::Format;
use crate::secret::Secret;

fn file(path: &str, contents: &str) -> File {
    File {
        path: path.into(),
        contents: Secret::new(contents.into()),
        format: Format::Yaml,
        mode: "0640".into(),
        owner: "matrix".into(),
        group: "matrix".into(),
        secret: false,
        restarts: vec!["synapse.service".into()],
        role: "synapse".into(),
    }
}

fn state(contents: &str) -> PathState {
    PathState {
        kind: PathKind::File,
        mode: "0640".into(),
        owner: "matrix".into(),
        uid: 999,
        group: "matrix".into(),
        gid: 999,
        sha256: Some(sha256(contents)),
        target: None,
    }
}

fn owned(contents: &str) -> OwnedFile {
    OwnedFile { sha256: sha256(contents), mode: "0640".into(), owner: "matrix".into(), group: "matrix".into(), role: "synapse".into() }
}

fn service() -> Service {
    Service { image: "registry:5000/synapse:v1.2@sha256:00".into(), role: "synapse".into(), ..Service::named("synapse.service") }
}

/// A host that is as declared, with one file that has these contents: wanted, after the last run, and now.
fn host(wanted: Option<&str>, left: Option<&str>, there: Option<&str>) -> (Desired, Observed, Live) {
    let desired = Desired {
        host: "matrix.example.com".into(),
        files: wanted.iter().map(|contents| file("/a", contents)).collect(),
        services: vec![service()],
        ..Desired::default()
    };
    let mut observed = Observed { docker: true, ..Observed::default() };
    observed.memory = Memory { version: 1, generation: 5, units: vec!["synapse.service".into()], ..Memory::default() };
    observed.units.insert("synapse.service".into(), UnitState { loaded: true, active: true, enabled: true });
    observed.memory.files.extend(left.map(|contents| ("/a".to_owned(), owned(contents))));
    let mut live = Live::default();
    if let Some(contents) = there {
        observed.contents.insert("/a".into(), contents.as_bytes().to_vec());
        let states = if wanted.is_some() { &mut observed.paths } else { &mut live.remembered };
        states.insert("/a".into(), state(contents));
    }
    let unit = LiveUnit {
        active: "active".into(),
        sub: "running".into(),
        enabled: true,
        seconds: Some(60),
        result: "success".into(),
        ..LiveUnit::default()
    };
    live.units.insert("synapse.service".into(), unit);
    let container = LiveContainer { running: true, image: service().image, image_id: "sha256:1".into() };
    live.containers.insert("synapse".into(), container);
    live.images.insert(service().image, "sha256:1".into());
    live.names = ["synapse", "matrix-mine"].map(str::to_owned).into();
    (desired, observed, live)
}

fn compared((desired, observed, live): &(Desired, Observed, Live)) -> Drift {
    drift(desired, observed, &plan(desired, observed, &Scope::default(), &str::to_owned), live)
}

#[test]
fn the_one_that_moved_is_told() {
    let moved = |wanted: Option<&str>, left: Option<&str>, there: Option<&str>| {
        let drift = compared(&host(wanted, left, there));
        drift.differences.iter().map(|difference| difference.moved).collect::<Vec<_>>()
    };
    let (old, new, other) = (Some("a: 1\n"), Some("a: 2\n"), Some("a: 3\n"));
    assert_eq!(moved(old, old, old), []);
    // As declared, whoever wrote it.
    assert_eq!(moved(old, None, old), []);
    assert_eq!(moved(old, other, old), []);
    assert_eq!(moved(old, old, new), [Moved::Host]);
    assert_eq!(moved(new, old, old), [Moved::Inventory]);
    assert_eq!(moved(new, old, other), [Moved::Both]);
    assert_eq!(moved(old, old, None), [Moved::Gone]);
    assert_eq!(moved(new, old, None), [Moved::Gone]);
    assert_eq!(moved(new, None, None), [Moved::New]);
    assert_eq!(moved(new, None, old), [Moved::NotOurs]);
    assert_eq!(moved(None, old, old), [Moved::Orphan]);
    assert_eq!(moved(None, old, None), []);
    assert_eq!(moved(None, None, None), []);
}

#[test]
fn a_file_tells_how_it_differs() {
    let drift = compared(&host(Some("a: 1\n"), Some("a: 1\n"), Some("# mine\na: 1\n")));
    let difference = &drift.differences[0];
    assert_eq!((difference.kind, difference.name.as_str(), difference.same_meaning, &difference.diff), ("file", "/a", true, &None));
    let drift = compared(&host(Some("a: 1\n"), Some("a: 1\n"), Some("a: 2\n")));
    assert_eq!(drift.differences[0].diff.as_deref(), Some("@@ -1 +1 @@\n-a: 2\n+a: 1\n"));
    let drift = compared(&host(None, Some("a: 1\n"), Some("a: 2\n")));
    assert_eq!(drift.differences[0].details, ["changed since the last run"]);
}

#[test]
fn modes_and_owners_move_too() {
    let mut changed = host(Some("a: 1\n"), Some("a: 1\n"), Some("a: 1\n"));
    changed.1.paths.get_mut("/a").unwrap().mode = "0644".into();
    let drift = compared(&changed);
    assert_eq!((drift.differences[0].moved, drift.differences[0].details.as_slice()), (Moved::Host, &["mode 0644 -> 0640".to_owned()][..]));
    let mut wished = host(Some("a: 1\n"), Some("a: 1\n"), Some("a: 1\n"));
    wished.0.files[0].group = "other".into();
    assert_eq!(compared(&wished).differences[0].moved, Moved::Inventory);
    // Both, in different ways.
    wished.1.paths.get_mut("/a").unwrap().mode = "0600".into();
    assert_eq!(compared(&wished).differences[0].moved, Moved::Both);
    // A link in a file's place.
    let mut replaced = host(Some("a: 1\n"), Some("a: 1\n"), Some("a: 1\n"));
    let there = replaced.1.paths.get_mut("/a").unwrap();
    (there.kind, there.sha256) = (PathKind::Other, None);
    assert_eq!(compared(&replaced).differences[0].moved, Moved::Host);
}

#[test]
fn what_is_no_file_moves_too() {
    let mut changed = host(None, None, None);
    for path in ["/made", "/new"] {
        let directory = Directory { path: path.into(), mode: "0750".into(), owner: "a".into(), group: "a".into(), role: "a".into() };
        changed.0.directories.push(directory);
    }
    for name in ["made", "new", "there"] {
        changed.0.networks.push(Network { name: name.into(), ipv6: false, driver_options: Vec::new() });
    }
    changed.1.networks.insert("there".into(), NetworkState::default());
    changed.1.memory.directories.insert("/made".into());
    changed.1.memory.networks.insert("made".into());
    let drift = compared(&changed);
    let seen: Vec<_> = drift.differences.iter().map(|difference| (difference.kind, difference.name.as_str(), difference.moved)).collect();
    assert_eq!(
        seen,
        [
            ("directory", "/made", Moved::Gone),
            ("directory", "/new", Moved::New),
            ("network", "made", Moved::Gone),
            ("network", "new", Moved::New)
        ]
    );
}

/// What a unit is said to have, after a change to a host that is as declared.
fn problems(change: impl FnOnce(&mut (Desired, Observed, Live))) -> Vec<String> {
    let mut host = host(None, None, None);
    change(&mut host);
    let drift = compared(&host);
    drift.units.iter().flat_map(|unit| unit.problems.clone()).collect()
}

#[test]
fn a_unit_tells_what_is_wrong_with_it() {
    fn unit(host: &mut (Desired, Observed, Live)) -> &mut LiveUnit {
        host.2.units.get_mut("synapse.service").unwrap()
    }
    let stopped = |host: &mut (Desired, Observed, Live), active: &str, sub: &str| {
        host.2.containers.clear();
        let unit = unit(host);
        (unit.active, unit.sub, unit.result) = (active.into(), sub.into(), "exit-code".into());
        unit.restarts = 7;
    };
    assert_eq!(problems(|_| {}), Vec::<String>::new());
    assert_eq!(problems(|host| stopped(host, "inactive", "dead")), ["stopped"]);
    assert_eq!(problems(|host| stopped(host, "failed", "failed")), ["failed (exit-code)"]);
    let again = "ends by itself again and again, 7 times so far (exit-code)";
    assert_eq!(problems(|host| stopped(host, "activating", "auto-restart")), [again]);
    assert_eq!(problems(|host| stopped(host, "activating", "start-pre")), ["activating, and not yet active"]);
    assert_eq!(problems(|host| unit(host).enabled = false), ["disabled: it does not start with the machine"]);
    assert_eq!(problems(|host| host.0.services[0].at_boot = false), ["enabled, and it should not start with the machine"]);
    assert_eq!(problems(|host| unit(host).stale = true), ["systemd has not read its changed file yet"]);
    assert_eq!(problems(|host| host.2.units.clear()), ["there is no such unit"]);
    let pending = "a run changed what it reads and did not come to restart it";
    assert_eq!(problems(|host| host.1.memory.pending.push("synapse.service".into())), [pending]);
    assert_eq!(problems(|host| host.2.containers.clear()), ["its container `synapse` does not run"]);
    assert_eq!(
        problems(|host| unit(host).active = "inactive".into()),
        ["stopped", "a container `synapse` runs that the unit did not start"]
    );
    assert_eq!(
        problems(|host| *host.2.images.get_mut(&service().image).unwrap() = "sha256:2".into()),
        ["runs an older image: registry:5000/synapse:v1.2@sha256:00 means another one by now"]
    );
    assert_eq!(
        problems(|host| host.2.containers.get_mut("synapse").unwrap().image = "synapse:v1.1".into()),
        ["runs the image synapse:v1.1, declared is registry:5000/synapse:v1.2@sha256:00"]
    );
    assert_eq!(
        problems(|host| {
            host.1.memory.units.push("old.service".into());
            host.2.units.insert("old.service".into(), LiveUnit { active: "active".into(), ..LiveUnit::default() });
        }),
        ["nothing wants it any more"]
    );
}

#[test]
fn all_is_as_declared_and_strangers_are_left_alone() {
    let drift = compared(&host(Some("a: 1\n"), Some("a: 1\n"), Some("a: 1\n")));
    assert!(drift.is_none());
    assert_eq!((drift.generation, drift.strangers.as_slice()), (5, &["matrix-mine".to_owned()][..]));
    let unit = &drift.units[0];
    assert_eq!((unit.version.as_deref(), unit.seconds, unit.role.as_deref()), (Some("v1.2"), Some(60), Some("synapse")));
    assert!(!compared(&host(Some("a: 1\n"), Some("a: 1\n"), None)).is_none());
}
