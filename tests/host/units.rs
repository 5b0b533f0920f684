//! systemd on the sandbox.

use std::time::Duration;

use homestead::diagnostic::Kind;
use homestead::host::systemd::{daemon_reload, disable, enable, journal_tail, reset_failed, restart, start, stop, unit_states};

use crate::sandbox::Sandbox;

fn unit(name: &str, command: &str) -> String {
    format!(
        "cat >/etc/systemd/system/{name}.service <<'END'\n[Unit]\nDescription=probe\n[Service]\nExecStart=/bin/sh -c '{command}'\n[Install]\nWantedBy=multi-user.target\nEND\n"
    )
}

#[tokio::test]
#[ignore = "needs the sandbox"]
async fn units_are_controlled() {
    let sandbox = Sandbox::shared();
    let host = sandbox.connect("deploy").await;
    let host = host.as_ref();
    let names: Vec<String> = ["probe-a.service", "probe-b.service"].map(str::to_owned).into();
    sandbox.script(&format!("{}{}systemctl daemon-reload", unit("probe-a", "echo alive; sleep 1000"), unit("probe-b", "sleep 1000")));
    enable(host, &names).await.unwrap();
    start(host, &names).await.unwrap();
    let before = unit_states(host, &names).await.unwrap();
    assert!(before.values().all(|unit| unit.is_active()
        && unit.enabled == "enabled"
        && unit.main_pid > 0
        && !unit.need_daemon_reload
        && unit.active_since.ends_with("UTC")));
    sandbox.script(&unit("probe-a", "echo changed; sleep 1000"));
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(unit_states(host, &names).await.unwrap().get("probe-a.service").unwrap().need_daemon_reload);
    daemon_reload(host).await.unwrap();
    restart(host, &names).await.unwrap();
    let after = unit_states(host, &names).await.unwrap();
    for name in &names {
        assert!(after.get(name).unwrap().active_since_monotonic > before.get(name).unwrap().active_since_monotonic);
    }
    // The journal takes what a unit wrote a little later.
    let mut lines = Vec::new();
    for _ in 0..50 {
        lines = journal_tail(host, "probe-a.service", 20).await.unwrap();
        if lines.iter().any(|line| line.ends_with(": changed")) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(lines.iter().any(|line| line.ends_with(": changed")), "{lines:?}");
    disable(host, &names).await.unwrap();
    stop(host, &names).await.unwrap();
    let ended = unit_states(host, &names).await.unwrap();
    assert!(ended.values().all(|unit| unit.active != "active" && unit.enabled == "disabled"), "{ended:?}");
}

#[tokio::test]
#[ignore = "needs the sandbox"]
async fn failing_units_say_so() {
    let sandbox = Sandbox::shared();
    let host = sandbox.connect("root").await;
    let error = start(host.as_ref(), &["never-heard-of.service".into()]).await.unwrap_err();
    assert_eq!(
        (error.kind, error.to_string().as_str()),
        (
            Kind::HostFailed,
            "`sandbox`: starting units failed: Failed to start never-heard-of.service: Unit never-heard-of.service not found."
        )
    );
    sandbox.script(&format!("{}systemctl daemon-reload", unit("probe-bad", "exit 3").replace("[Service]", "[Service]\nType=oneshot")));
    let name = vec!["probe-bad.service".to_owned()];
    let error = start(host.as_ref(), &name).await.unwrap_err();
    assert!(error.to_string().starts_with("`sandbox`: starting units failed: Job for probe-bad.service failed because"), "{error}");
    let state = unit_states(host.as_ref(), &name).await.unwrap();
    assert_eq!(
        (state.get("probe-bad.service").unwrap().active.as_str(), state.get("probe-bad.service").unwrap().result.as_str()),
        ("failed", "exit-code")
    );
    reset_failed(host.as_ref(), &name).await.unwrap();
    assert_eq!(unit_states(host.as_ref(), &name).await.unwrap().get("probe-bad.service").unwrap().active, "inactive");
}
