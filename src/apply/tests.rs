//! The order of a run, on a host that runs nothing and remembers what it was asked.

use std::sync::{Arc, Mutex};

use tokio_util::sync::CancellationToken;

use super::{Run, apply};
use crate::desired::{Desired, File, Service};
use crate::diagnostic::{Error, Kind, Result};
use crate::host::{Asked, FakeHost, Host, Output};
use crate::plan::{Observed, PathKind, PathState, Plan, Scope, UnitState, plan};
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
        unit: format!("{name}.service"),
        container: name.into(),
        description: name.into(),
        groups: Vec::new(),
        priority,
        autostart: true,
        at_boot: true,
        requires: requires.iter().map(|unit| (*unit).to_owned()).collect(),
        health: None,
        image: "image:1".into(),
        ports: Vec::new(),
        role: name.into(),
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
            sha256: Some("of the old one".into()),
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
    if asked.script.contains("journalctl") {
        return format!("journal {}", asked.arguments[0]);
    }
    let words = ["new unit", "new configuration", "old unit", "old configuration", "\"pending\": [\n    \"", "\"generation\": 1"];
    let carried: Vec<&str> = words.into_iter().filter(|word| stdin.contains(word)).collect();
    format!("push {}", carried.join(", ").replace("\"pending\": [\n    \"", "pending restarts"))
}

async fn carry_out(host: FakeHost, cancel: &CancellationToken) -> (Result<()>, Vec<String>, Plan) {
    let (desired, observed) = situation();
    let plan = plan(&desired, &observed, &Scope::default(), &str::to_owned);
    let fake = Arc::new(host);
    let host: Arc<dyn Host> = fake.clone();
    let sink: crate::report::Sink = Arc::new(|_, _| {});
    let redact = |text: &str| text.replace("hunter2hunter2", crate::secret::REDACTED);
    let run = Run {
        host: &host,
        desired: &desired,
        observed: &observed,
        plan: &plan,
        sink: &sink,
        cancel,
        previous_passwords: Mutex::default(),
        redact: &redact,
    };
    let outcome = apply(&run).await;
    (outcome, fake.asked().iter().map(deed).collect(), plan)
}

fn success() -> Option<Result<Output>> {
    Some(Ok(Output { status: 0, stdout: Vec::new(), stderr: Vec::new() }))
}

#[tokio::test]
async fn a_run_goes_in_its_order() {
    let (outcome, deeds, _) = carry_out(FakeHost::new().rule(|_| success()), &CancellationToken::new()).await;
    outcome.unwrap();
    insta::assert_snapshot!(deeds.join("\n"), @r#"
    push new unit, new configuration, pending restarts
    daemon-reload
    stop bridge.service
    reset-failed synapse.service
    restart synapse.service
    reset-failed bridge.service
    restart bridge.service
    push "generation": 1
    "#);
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
        success()
    });
    let (outcome, deeds, _) = carry_out(host, &CancellationToken::new()).await;
    let error = outcome.unwrap_err();
    assert_eq!(error.kind, Kind::RolledBack);
    let hints = error.hints.join("\n");
    assert!(hints.contains("cannot log in with [redacted]") && hints.contains("put back: 2 files restored"), "{hints}");
    insta::assert_snapshot!(deeds.join("\n"), @"
    push new unit, new configuration, pending restarts
    daemon-reload
    stop bridge.service
    reset-failed synapse.service
    restart synapse.service
    journal synapse.service
    push old unit, old configuration
    daemon-reload
    restart synapse.service bridge.service
    push 
    ");
}

#[tokio::test]
async fn what_fails_before_the_push_touches_nothing_that_runs() {
    let host = FakeHost::new().rule(|_| Some(Ok(Output { status: 1, stdout: Vec::new(), stderr: b"no space left on device\n".to_vec() })));
    let (outcome, deeds, _) = carry_out(host, &CancellationToken::new()).await;
    let error = outcome.unwrap_err();
    assert_eq!(error.kind, Kind::HostFailed);
    assert!(error.message.contains("no space left on device"), "{error}");
    assert!(error.hints.iter().any(|hint| hint == "nothing that runs was touched"), "{error:?}");
    assert_eq!(deeds.len(), 1, "{deeds:?}");
}

#[tokio::test]
async fn a_lost_connection_is_left_to_the_next_run() {
    let host = FakeHost::new().rule(|asked| {
        let lost = asked.script.contains("restart --");
        if lost { Some(Err(Error::new(Kind::Unreachable, "connection lost"))) } else { success() }
    });
    let (outcome, deeds, _) = carry_out(host, &CancellationToken::new()).await;
    let error = outcome.unwrap_err();
    assert_eq!(error.kind, Kind::Unreachable);
    assert!(error.hints.iter().any(|hint| hint.contains("next run finishes")), "{error:?}");
    // The pending restarts were written together with the files, and nothing was put back.
    assert!(deeds[0].contains("pending restarts") && !deeds.iter().any(|deed| deed.contains("old unit")), "{deeds:?}");
}

#[tokio::test]
async fn a_run_that_was_cancelled_before_it_began_does_nothing() {
    let cancel = CancellationToken::new();
    cancel.cancel();
    let (outcome, deeds, plan) = carry_out(FakeHost::new(), &cancel).await;
    assert!(!plan.is_empty());
    assert_eq!(outcome.unwrap_err().kind, Kind::Interrupted);
    assert!(deeds.is_empty(), "{deeds:?}");
}
