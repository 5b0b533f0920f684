//! The order of a run, on a host that runs nothing and remembers what it was asked.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::{Progress, Run, apply};
use crate::desired::{Desired, File, Health, Image, Probe, Service};
use crate::diagnostic::{Error, Kind, Result};
use crate::host::{Asked, FakeHost, Host, LockHolder, Output};
use crate::plan::{Begun, Observed, PathKind, PathState, Plan, SavedFile, SavedUnit, Scope, Undo, UnitState, plan, sha256};
use crate::role::Format;
use crate::secret::Secret;

const UNIT_FILE: &str = "/etc/systemd/system/synapse.service";

fn file(path: &str, contents: &str) -> File {
    File {
        path: path.into(),
        contents: Secret::new(contents.into()),
        format: Format::Text,
        mode: "0644".into(),
        owner: "root".into(),
        group: "root".into(),
        secret: false,
        restarts: vec!["synapse.service".into()],
        role: "synapse".into(),
    }
}

fn service(name: &str, priority: i64, requires: &[&str]) -> Service {
    Service {
        priority,
        requires: requires.iter().map(|unit| (*unit).to_owned()).collect(),
        role: name.into(),
        ..Service::named(format!("{name}.service"))
    }
}

/// Synapse and a service that requires it, both running; Synapse's unit and configuration change.
fn situation() -> (Desired, Observed) {
    let desired = Desired {
        host: "fake".into(),
        files: vec![file(UNIT_FILE, "new unit"), file("/matrix/homeserver.yaml", "new configuration")],
        services: vec![service("synapse", 1000, &[]), service("bridge", 2000, &["synapse.service"])],
        ..Desired::default()
    };
    let mut observed = Observed { docker: true, ..Observed::default() };
    for (path, old) in [(UNIT_FILE, "old unit"), ("/matrix/homeserver.yaml", "old configuration")] {
        let state = PathState {
            kind: PathKind::File,
            mode: "0600".into(),
            owner: "root".into(),
            uid: 0,
            group: "root".into(),
            gid: 0,
            sha256: Some(sha256(old)),
            target: None,
        };
        observed.paths.insert(path.into(), state);
        observed.contents.insert(path.into(), old.into());
    }
    for unit in ["synapse.service", "bridge.service"] {
        observed.units.insert(unit.into(), UnitState { loaded: true, active: true, enabled: true });
    }
    (desired, observed)
}

/// What a script is, in a few words.
fn deed(asked: &Asked) -> String {
    let stdin = String::from_utf8_lossy(&asked.stdin);
    if let Some((_, rest)) = asked.script.split_once("systemctl --no-ask-password ") {
        let verb = rest.split_whitespace().next().unwrap_or_default();
        return [&[verb.to_owned()], asked.arguments.as_slice()].concat().join(" ");
    }
    if asked.script.contains("watched=") {
        let units: Vec<&str> = asked.arguments[1..].chunks(7).map(|words| words[0].as_str()).collect();
        return format!("watch {}", units.join(", "));
    }
    let marks = [
        ("flock --wait \"$1\"", "lock"),
        ("objects.new", "save"),
        ("commit.new", "commit"),
        ("manifest.json.new", "forget"),
        ("systemctl show", "look at units"),
    ];
    if let Some((_, word)) = marks.iter().find(|(mark, _)| asked.script.contains(mark)) {
        return (*word).to_owned();
    }
    if asked.script.contains("tar --create") {
        let names: Vec<&str> = stdin.lines().map(|path| path.rsplit('/').next().unwrap_or(path)).collect();
        let name = |name: &str| if name.len() == 64 { "an object".to_owned() } else { name.to_owned() };
        return format!("fetch {}", names.into_iter().map(name).collect::<Vec<_>>().join(", "));
    }
    if asked.script.contains("journalctl") {
        return format!("journal {}", asked.arguments[0]);
    }
    if asked.script.contains("space PATH MOUNT") {
        return "look for room".to_owned();
    }
    let words = ["new unit", "new configuration", "old unit", "old configuration", "\"pending\": [\n    \""];
    let carried: Vec<&str> = words.into_iter().filter(|word| stdin.contains(word)).collect();
    format!("push {}", carried.join(", ").replace("\"pending\": [\n    \"", "pending restarts"))
}

/// A host that keeps what it is asked to keep, and gives it back; all else succeeds.
fn keeping(host: FakeHost) -> FakeHost {
    let mut undo = Vec::new();
    host.rule(move |asked| {
        if asked.script.contains("flock --wait \"$1\"") {
            return Some(Ok(Output { status: 0, stdout: b"locked \n".to_vec(), stderr: Vec::new() }));
        }
        if asked.script.contains("objects.new") {
            let length: usize = asked.arguments[0].parse().unwrap();
            undo = asked.stdin[length..].to_vec();
            return success();
        }
        if asked.script.contains("watched=") {
            return success();
        }
        if asked.script.contains("systemctl show") && !asked.script.contains("note_others") {
            let block = "LoadState=loaded\nActiveState=active\nUnitFileState=enabled\n\n";
            let stdout = format!("files\0sums\0units\0{}\0end\0", block.repeat(asked.arguments.len()));
            return Some(Ok(Output { status: 0, stdout: stdout.into_bytes(), stderr: Vec::new() }));
        }
        if asked.script.contains("tar --create") {
            let mut archive = tar::Builder::new(Vec::new());
            for path in String::from_utf8_lossy(&asked.stdin).lines() {
                let bytes = match path {
                    super::UNDO_PATH => Some(undo.clone()),
                    path => ["old unit", "old configuration"]
                        .into_iter()
                        .find(|text| path.ends_with(&sha256(text)))
                        .map(|text| text.as_bytes().to_vec()),
                };
                let Some(bytes) = bytes else { continue };
                let mut header = tar::Header::new_gnu();
                // The library refuses the slash that a host's own tar keeps.
                header.as_mut_bytes()[..path.len()].copy_from_slice(path.as_bytes());
                header.set_size(bytes.len() as u64);
                header.set_cksum();
                archive.append(&header, bytes.as_slice()).unwrap();
            }
            let stdout = archive.into_inner().unwrap();
            return Some(Ok(Output { status: 0, stdout, stderr: Vec::new() }));
        }
        success()
    })
}

struct Outcome {
    result: Result<()>,
    deeds: Vec<String>,
    plan: Plan,
    journal: String,
}

async fn carry_out(host: FakeHost, cancel: &CancellationToken) -> Outcome {
    let (desired, observed) = situation();
    carry_out_on(host, cancel, &desired, &observed).await
}

async fn carry_out_on(host: FakeHost, cancel: &CancellationToken, desired: &Desired, observed: &Observed) -> Outcome {
    let plan = plan(desired, observed, &Scope::default(), &str::to_owned);
    let fake = Arc::new(keeping(host));
    let host: Arc<dyn Host> = fake.clone();
    let holder = LockHolder { who: "me@laptop".into(), run: "r1".into(), command: "homestead install-all".into(), since: "now".into() };
    let lock = crate::host::lock(&*host, &holder, Duration::ZERO).await.unwrap();
    let sink: crate::report::Sink = Arc::new(|_, _| {});
    let redact = |text: &str| text.replace("hunter2hunter2", crate::secret::REDACTED);
    let run = Run {
        host: &host,
        desired,
        observed,
        plan: &plan,
        sink: &sink,
        cancel,
        lock: &lock,
        holder: &holder,
        progress: Progress::default(),
        redact: &redact,
    };
    let result = apply(&run).await;
    // The lock is taken before the run, and is none of its deeds.
    let deeds = fake.asked().iter().map(deed).skip(1).collect();
    Outcome { result, deeds, plan, journal: fake.told() }
}

fn success() -> Option<Result<Output>> {
    Some(Ok(Output { status: 0, stdout: Vec::new(), stderr: Vec::new() }))
}

#[tokio::test]
async fn a_run_goes_in_its_order() {
    let outcome = carry_out(FakeHost::new(), &CancellationToken::new()).await;
    outcome.result.unwrap();
    insta::assert_snapshot!(outcome.deeds.join("\n"), @"
    look for room
    save
    push new unit, new configuration, pending restarts
    daemon-reload
    stop bridge.service
    reset-failed synapse.service
    restart synapse.service
    reset-failed bridge.service
    restart bridge.service
    commit
    ");
    insta::assert_snapshot!(outcome.journal, @r#"
    {"event":"begin","run":"r1","command":"homestead install-all","who":"me@laptop","since":"now","version":"0.1.0"}
    {"event":"step","step":"check","units":[]}
    {"event":"step","step":"pull","units":[]}
    {"event":"step","step":"prepare","units":[]}
    {"event":"step","step":"save","units":[]}
    {"event":"step","step":"write","units":[]}
    {"event":"step","step":"reload","units":[]}
    {"event":"step","step":"stop","units":["bridge.service"]}
    {"event":"step","step":"restart","units":["synapse.service"]}
    {"event":"step","step":"health","units":["synapse.service"]}
    {"event":"step","step":"restart","units":["bridge.service"]}
    {"event":"step","step":"health","units":["bridge.service"]}
    {"event":"step","step":"remove","units":[]}
    {"event":"step","step":"commit","units":[]}
    {"event":"end","result":"committed"}
    "#);
}

/// Who needs the other no more goes together with it, and one script waits for both.
#[tokio::test]
async fn equal_priorities_restart_together() {
    let (mut desired, observed) = situation();
    desired.services = vec![service("synapse", 1000, &[]), service("bridge", 1000, &[])];
    for service in &mut desired.services {
        service.health = Some(Health { probe: Probe::Tcp { port: 80 }, timeout_seconds: 9, route: None });
    }
    desired.files[1].restarts = vec!["bridge.service".into()];
    let outcome = carry_out_on(FakeHost::new(), &CancellationToken::new(), &desired, &observed).await;
    outcome.result.unwrap();
    insta::assert_snapshot!(outcome.deeds.join("\n"), @"
    look for room
    save
    push new unit, new configuration, pending restarts
    daemon-reload
    reset-failed bridge.service synapse.service
    restart bridge.service synapse.service
    watch synapse.service, bridge.service
    commit
    ");
}

/// What goes to the host in one command line has an end: a server with many workers restarts all the same.
#[tokio::test]
async fn many_services_restart_in_several_parts() {
    let (mut desired, observed) = situation();
    let names: Vec<String> = (0..150).map(|number| format!("matrix-synapse-worker-generic-{number}")).collect();
    desired.services.extend(names.iter().zip(2000..).map(|(name, priority)| service(name, priority, &["synapse.service"])));
    for service in &mut desired.services {
        service.health = Some(Health { probe: Probe::Tcp { port: 80 }, timeout_seconds: 9, route: None });
    }
    let outcome = carry_out_on(FakeHost::new(), &CancellationToken::new(), &desired, &observed).await;
    outcome.result.unwrap();
    let started = |name: &String| outcome.deeds.iter().filter(|deed| **deed == format!("start {name}.service")).count();
    assert!(names.iter().all(|name| started(name) == 1), "{:?}", outcome.deeds);
    assert_eq!(outcome.deeds.last().map(String::as_str), Some("commit"));
    assert_eq!(outcome.journal.matches("\"step\":\"health\"").count(), 151);
}

/// An image that cannot be had leaves everything as it is: images come before whatever stops or writes.
#[tokio::test]
async fn images_come_before_everything_that_disturbs() {
    let (mut desired, observed) = situation();
    desired.images = vec![Image { name: "localhost/new:1".into(), services: Vec::new() }];
    let outcome = carry_out_on(FakeHost::new(), &CancellationToken::new(), &desired, &observed).await;
    let error = outcome.result.unwrap_err();
    assert!(error.hints.iter().any(|hint| hint == "nothing that runs was touched"), "{error:?}");
    assert_eq!(outcome.deeds, ["look for room"]);
    assert!(outcome.journal.contains("\"step\":\"pull\"") && !outcome.journal.contains("\"step\":\"save\""), "{}", outcome.journal);
}

#[tokio::test]
async fn a_service_that_does_not_start_puts_everything_back() {
    let mut broken = true;
    let host = FakeHost::new().rule(move |asked| {
        if asked.script.contains("journalctl") {
            return Some(Ok(Output { status: 0, stdout: b"cannot log in with hunter2hunter2\n".to_vec(), stderr: Vec::new() }));
        }
        // It fails with the new files and works with the old ones.
        if asked.script.contains("restart --") && std::mem::take(&mut broken) {
            return Some(Ok(Output { status: 1, stdout: Vec::new(), stderr: b"Job failed\n".to_vec() }));
        }
        None
    });
    let outcome = carry_out(host, &CancellationToken::new()).await;
    let error = outcome.result.unwrap_err();
    assert_eq!(error.kind, Kind::RolledBack, "{error:?}");
    let hints = error.hints.join("\n");
    assert!(hints.contains("cannot log in with [redacted]") && hints.contains("put back: 2 files restored"), "{hints}");
    assert!(hints.contains("synapse.service was down for 0."), "{hints}");
    insta::assert_snapshot!(outcome.deeds.join("\n"), @"
    look for room
    save
    push new unit, new configuration, pending restarts
    daemon-reload
    stop bridge.service
    reset-failed synapse.service
    restart synapse.service
    journal synapse.service
    fetch undo.json
    fetch an object, an object
    fetch undo.sql
    look at units
    reset-failed bridge.service synapse.service
    push old unit, old configuration
    daemon-reload
    restart bridge.service synapse.service
    forget
    ");
    assert!(outcome.journal.ends_with("{\"event\":\"end\",\"result\":\"rolled-back\"}\n"), "{}", outcome.journal);
}

#[tokio::test]
async fn what_fails_before_the_push_touches_nothing_that_runs() {
    let host = FakeHost::new().rule(|asked| {
        let push = asked.script.contains("/staging");
        push.then(|| Ok(Output { status: 1, stdout: Vec::new(), stderr: b"no space left on device\n".to_vec() }))
    });
    let outcome = carry_out(host, &CancellationToken::new()).await;
    let error = outcome.result.unwrap_err();
    assert_eq!(error.kind, Kind::HostFailed);
    assert!(error.message.contains("no space left on device"), "{error}");
    assert!(error.hints.iter().any(|hint| hint == "nothing that runs was touched"), "{error:?}");
    assert_eq!(outcome.deeds, ["look for room", "save", "push new unit, new configuration, pending restarts", "forget"]);
    assert!(outcome.journal.ends_with("{\"event\":\"end\",\"result\":\"nothing\"}\n"), "{}", outcome.journal);
}

#[tokio::test]
async fn a_file_that_changed_meanwhile_stops_the_run() {
    let host = FakeHost::new().rule(|asked| {
        let save = asked.script.contains("objects.new");
        save.then(|| Ok(Output { status: 65, stdout: b"/matrix/homeserver.yaml\n".to_vec(), stderr: Vec::new() }))
    });
    let outcome = carry_out(host, &CancellationToken::new()).await;
    let error = outcome.result.unwrap_err();
    assert_eq!(error.to_string(), "`fake`: `/matrix/homeserver.yaml` changed after it was looked at");
    assert_eq!(outcome.deeds, ["look for room", "save"]);
}

#[tokio::test]
async fn a_lost_connection_is_left_to_the_next_run() {
    let host = FakeHost::new().rule(|asked| {
        let lost = asked.script.contains("restart --");
        lost.then(|| Err(Error::new(Kind::Unreachable, "connection lost")))
    });
    let outcome = carry_out(host, &CancellationToken::new()).await;
    let error = outcome.result.unwrap_err();
    assert_eq!(error.kind, Kind::Unreachable);
    assert!(error.hints.iter().any(|hint| hint.contains("next run finishes")), "{error:?}");
    // The pending restarts were written together with the files, and nothing was put back.
    assert!(outcome.deeds[2].contains("pending restarts"), "{:?}", outcome.deeds);
    assert!(!outcome.deeds.iter().any(|deed| deed.contains("old unit")), "{:?}", outcome.deeds);
}

/// What an earlier run left half done is put back together with what this one did, to what was there before both.
#[tokio::test]
async fn what_two_runs_changed_goes_back_to_what_was_before_the_first() {
    let (desired, mut observed) = situation();
    // The first run wrote the configuration and stopped the bridge.
    let saved = |text: &str| Some(SavedFile { sha256: sha256(text), mode: "0600".into(), ..SavedFile::default() });
    let ran = SavedUnit { active: true, enabled: true };
    observed.undo = Some(Undo {
        files: [("/matrix/homeserver.yaml".to_owned(), saved("old configuration")), ("/matrix/new.yaml".to_owned(), None)].into(),
        units: [("bridge.service".to_owned(), ran)].into(),
        ..Undo::new(Begun { run: "r0".into(), ..Begun::default() }, &observed.memory)
    });
    observed.paths.get_mut("/matrix/homeserver.yaml").unwrap().sha256 = Some(sha256("of the first run"));
    observed.units.get_mut("bridge.service").unwrap().active = false;
    let mut broken = true;
    let host = FakeHost::new().rule(move |asked| {
        let fails = asked.script.contains("restart --") && std::mem::take(&mut broken);
        fails.then(|| Ok(Output { status: 1, stdout: Vec::new(), stderr: b"Job failed\n".to_vec() }))
    });
    let outcome = carry_out_on(host, &CancellationToken::new(), &desired, &observed).await;
    let error = outcome.result.unwrap_err();
    assert_eq!(
        error.hints.last().unwrap(),
        "put back: 2 files restored, 1 new files removed, 2 services restarted as before, 0 stopped again"
    );
    insta::assert_snapshot!(outcome.deeds.join("\n"), @"
    look for room
    save
    push new unit, new configuration, pending restarts
    daemon-reload
    reset-failed synapse.service
    restart synapse.service
    journal synapse.service
    fetch undo.json
    fetch an object, an object
    fetch undo.sql
    look at units
    reset-failed bridge.service synapse.service
    push old unit, old configuration
    daemon-reload
    restart bridge.service synapse.service
    forget
    ");
}

/// Where nothing differs any more, the half of a run that is missing is done all the same.
#[tokio::test]
async fn a_half_done_run_is_completed_although_nothing_differs() {
    let (desired, mut observed) = situation();
    for file in &desired.files {
        let state = observed.paths.get_mut(&file.path).unwrap();
        (state.sha256, state.mode) = (Some(sha256(file.contents.reveal())), "0644".into());
    }
    let completed = carry_out_on(FakeHost::new(), &CancellationToken::new(), &desired, &observed).await;
    completed.result.unwrap();
    assert_eq!(completed.deeds, ["commit"], "a host that was taken over is written down");
    let saved = Some(SavedFile { sha256: sha256("old unit"), mode: "0600".into(), ..SavedFile::default() });
    observed.undo = Some(Undo { files: [(UNIT_FILE.to_owned(), saved)].into(), ..Undo::new(Begun::default(), &observed.memory) });
    let completed = carry_out_on(FakeHost::new(), &CancellationToken::new(), &desired, &observed).await;
    completed.result.unwrap();
    assert!(completed.plan.is_empty());
    assert_eq!(completed.deeds, ["push ", "daemon-reload", "commit"]);
}

#[tokio::test]
async fn a_run_that_was_cancelled_before_it_began_does_nothing() {
    let cancel = CancellationToken::new();
    cancel.cancel();
    let outcome = carry_out(FakeHost::new(), &cancel).await;
    assert!(!outcome.plan.is_empty());
    assert_eq!(outcome.result.unwrap_err().kind, Kind::Interrupted);
    assert!(outcome.deeds.is_empty(), "{:?}", outcome.deeds);
    assert!(outcome.journal.ends_with("{\"event\":\"end\",\"result\":\"interrupted\"}\n"), "{}", outcome.journal);
}

#[tokio::test]
async fn a_lock_that_was_taken_away_ends_the_run() {
    let (desired, observed) = situation();
    let host = Arc::new(keeping(FakeHost::new()));
    let shared: Arc<dyn Host> = host.clone();
    let holder = LockHolder { who: "me@laptop".into(), run: "r1".into(), command: "homestead install-all".into(), since: "now".into() };
    let lock = crate::host::lock(&*shared, &holder, Duration::ZERO).await.unwrap();
    host.end_held();
    let plan = plan(&desired, &observed, &Scope::default(), &str::to_owned);
    let (sink, cancel): (crate::report::Sink, _) = (Arc::new(|_, _| {}), CancellationToken::new());
    let run = Run {
        host: &shared,
        desired: &desired,
        observed: &observed,
        plan: &plan,
        sink: &sink,
        cancel: &cancel,
        lock: &lock,
        holder: &holder,
        progress: Progress::default(),
        redact: &str::to_owned,
    };
    assert_eq!(apply(&run).await.unwrap_err().kind, Kind::Locked);
    assert_eq!(host.asked().len(), 1);
}
