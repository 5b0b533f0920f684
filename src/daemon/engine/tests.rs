//! What the loop does.

use super::*;
use crate::daemon::simulation::{STEP, Simulation};
use crate::daemon::store::{RunFilter, RunState};
use crate::daemon::{Moved, Rollback};

const HOST: Moved = Moved { host: true, inventory: false };

#[tokio::test]
async fn drift_is_reported_and_left() {
    let simulation = Simulation::begin(1, "");
    simulation.drift(0, HOST);
    simulation.pass(Duration::from_secs(90)).await;
    let host = simulation.first_host().await;
    assert_eq!((host.reachable, host.decision), (Some(true), Some(json!({"do": "report", "because": "policy"}))));
    assert!(host.drift_since.is_some());
    assert_eq!(simulation.runs(), Vec::<String>::new());
    simulation.end().await;
}

#[tokio::test]
async fn drift_is_healed_where_the_policy_says_so() {
    let simulation = Simulation::begin(2, "[hosts.\"host0.example.com\"]\npolicy = \"heal\"\n");
    simulation.drift(0, HOST);
    simulation.drift(1, HOST);
    simulation.pass(Duration::from_secs(90)).await;
    assert_eq!(simulation.runs(), ["host0.example.com install-all"]);
    let healed = simulation.first_host().await;
    assert_eq!((healed.drift_since, healed.decision), (None, Some(json!({"do": "nothing"}))));
    let run = &simulation.store.runs(RunFilter { limit: 9, ..RunFilter::default() }).await.unwrap()[0];
    assert_eq!((run.kind, run.state, run.cause.as_str()), (RunKind::Heal, RunState::Done, "drift"));
    assert_eq!(simulation.store.events(run.id.clone(), 0).await.unwrap().len(), 1);
    simulation.end().await;
}

#[tokio::test]
async fn what_failed_is_not_tried_again_until_something_moves() {
    let simulation = Simulation::begin(1, "[defaults]\npolicy = \"apply\"\ninterval = \"60s\"\n");
    *simulation.hosts.code.lock().unwrap() = 20;
    simulation.drift(0, HOST);
    simulation.pass(Duration::from_secs(300)).await;
    assert_eq!(simulation.runs().len(), 1);
    let host = simulation.first_host().await;
    assert_eq!(host.decision, Some(json!({"do": "report", "because": "failed_before"})));
    simulation.drift(0, Moved { host: true, inventory: true });
    simulation.pass(Duration::from_secs(120)).await;
    assert_eq!(simulation.runs().len(), 2);
    simulation.end().await;
}

#[tokio::test]
async fn what_somebody_rolled_back_is_not_rolled_forward_until_something_moves() {
    let simulation = Simulation::begin(1, "[defaults]\npolicy = \"apply\"\ninterval = \"60s\"\n");
    simulation.pass(Duration::from_secs(61)).await;
    simulation.ask("rollback").await;
    simulation.pass(Duration::from_secs(300)).await;
    assert_eq!(simulation.runs(), ["host0.example.com rollback"]);
    let host = simulation.first_host().await;
    assert_eq!(host.decision, Some(json!({"do": "report", "because": "rolled_back"})));
    // The host moves as well: what somebody rolled back is not rolled forward for that.
    simulation.drift(0, Moved { host: true, inventory: true });
    simulation.pass(Duration::from_secs(120)).await;
    assert_eq!(simulation.runs().len(), 1);
    // The inventory is mended.
    simulation.edit().await;
    simulation.pass(Duration::from_secs(120)).await;
    assert_eq!(simulation.runs().len(), 2);
    simulation.end().await;
}

#[tokio::test]
async fn what_was_mended_before_the_rollback_was_seen_is_rolled_out() {
    let simulation = Simulation::begin(1, "[defaults]\npolicy = \"apply\"\n");
    simulation.pass(Duration::from_secs(61)).await;
    let rollback = Rollback { at: simulation.clock.now(), finished: true };
    simulation.hosts.rollbacks.lock().unwrap().insert("host0.example.com".into(), rollback);
    simulation.drift(0, Moved { host: false, inventory: true });
    simulation.clock.set(simulation.clock.now() + Duration::from_secs(5));
    simulation.edit().await;
    simulation.pass(Duration::from_secs(60)).await;
    assert_eq!(simulation.runs(), ["host0.example.com install-all"]);
    // A way back that was cut off is not taken forward either.
    let rollback = Rollback { at: simulation.clock.now(), finished: false };
    simulation.hosts.rollbacks.lock().unwrap().insert("host0.example.com".into(), rollback);
    simulation.drift(0, HOST);
    simulation.pass(Duration::from_secs(1800)).await;
    assert_eq!(simulation.runs().len(), 1);
    simulation.end().await;
}

#[tokio::test]
async fn what_changes_nothing_is_not_done_again() {
    let simulation = Simulation::begin(1, "[defaults]\npolicy = \"heal\"\ninterval = \"60s\"\n");
    simulation.hosts.lasting.lock().unwrap().insert("host0.example.com".into());
    simulation.drift(0, HOST);
    simulation.pass(Duration::from_secs(300)).await;
    assert_eq!(simulation.runs().len(), 1);
    simulation.edit().await;
    simulation.pass(Duration::from_secs(120)).await;
    assert_eq!(simulation.runs().len(), 2);
    simulation.end().await;
}

#[tokio::test]
async fn who_looks_sets_nothing_off() {
    let simulation = Simulation::begin(1, "[defaults]\npolicy = \"apply\"\n");
    simulation.pass(Duration::from_secs(61)).await;
    simulation.drift(0, Moved { host: false, inventory: true });
    let id = simulation.ask("plan").await;
    simulation.pass(Duration::from_secs(60)).await;
    assert_eq!(simulation.runs(), ["host0.example.com plan"]);
    assert_eq!(simulation.store.run(id).await.unwrap().unwrap().kind, RunKind::Look);
    simulation.pass(Duration::from_secs(1000)).await;
    assert_eq!(simulation.runs(), ["host0.example.com plan", "host0.example.com install-all"]);
    simulation.end().await;
}

#[tokio::test]
async fn what_is_asked_for_waits_for_nothing_but_its_host() {
    let simulation = Simulation::begin(1, "");
    simulation.pass(Duration::from_secs(61)).await;
    let id = simulation.ask("restart-all").await;
    simulation.pass(Duration::from_secs(1)).await;
    let run = simulation.store.run(id).await.unwrap().unwrap();
    assert_eq!((run.state, run.who.as_str(), run.kind), (RunState::Done, "me", RunKind::Operation));
    let (answer, answered) = oneshot::channel();
    assert!(simulation.handle.ask(Request::Look { host: "nobody".into(), answer }).await);
    assert!(!answered.await.unwrap());
    simulation.end().await;
}

#[tokio::test]
async fn a_window_shorter_than_the_interval_is_met() {
    let settings = "[defaults]\npolicy = \"heal\"\ninterval = \"24h\"\nwindows = [\"daily 03:00-03:30\"]\n";
    let simulation = Simulation::begin(1, settings);
    simulation.drift(0, HOST);
    simulation.pass(Duration::from_secs(90)).await;
    let host = simulation.first_host().await;
    assert_eq!(host.decision, Some(json!({"do": "report", "because": "outside_window"})));
    let opens = "2026-11-22T03:00:00Z".parse::<Timestamp>().unwrap();
    let until = Duration::try_from(opens.duration_since(simulation.clock.now())).unwrap();
    simulation.pass(until - Duration::from_secs(STEP)).await;
    assert_eq!(simulation.runs().len(), 0);
    simulation.pass(Duration::from_secs(60)).await;
    assert_eq!(simulation.runs(), ["host0.example.com install-all"]);
    simulation.end().await;
}

/// A day of a hundred hosts: every host is looked at about every 15 minutes, none twice at once, and what
/// the loop remembers does not grow.
#[tokio::test]
async fn a_day_passes() {
    let simulation = Simulation::begin(100, "");
    simulation.hosts.silent.lock().unwrap().push("host7.example.com".into());
    let memory = || {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap().to_owned();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap()
    };
    simulation.pass(Duration::from_secs(3600)).await;
    let after_an_hour = memory();
    simulation.pass(Duration::from_secs(23 * 3600)).await;
    let grown = memory().saturating_sub(after_an_hour);
    let looks = simulation.hosts.looks.lock().unwrap().clone();
    for (host, times) in &looks {
        let gaps: Vec<i64> = times.windows(2).map(|pair| pair[1].duration_since(pair[0]).as_secs()).collect();
        // The silent one is asked sooner at first.
        let settled = if host == "host7.example.com" { &gaps[6..] } else { &gaps[..] };
        assert!(settled.iter().all(|gap| (809..=992 + STEP as i64).contains(gap)), "{host}: {gaps:?}");
        assert!((86..=108).contains(&times.len()), "{host}: {}", times.len());
    }
    assert_eq!(looks.len(), 100);
    // Other tests of this process take memory too: what a leak of a look would make is far more.
    assert!(grown < 64 * 1024, "{grown} kB");
    simulation.end().await;
}
