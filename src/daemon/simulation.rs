//! For tests: the loop with a clock that is moved by hand and hosts that exist in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::api::Service;
use super::clock::{Clock as _, SimulatedClock};
use super::store::{Store, StoreError};
use super::{Commands, Ended, Engine, Handle, Inventory, Job, LookFailed, Moved, Parts, Request, Rollback, Seen, Settings, Stop};
use crate::secret::Secret;

/// Hosts in memory.
#[derive(Default)]
pub struct FakeHosts {
    pub names: Vec<String>,
    pub moved: Mutex<BTreeMap<String, Moved>>,
    /// Host -> when it was looked at.
    pub looks: Mutex<BTreeMap<String, Vec<Timestamp>>>,
    pub runs: Mutex<Vec<(String, Vec<String>)>>,
    pub silent: Mutex<Vec<String>>,
    /// What `status` says of every host.
    pub status: Mutex<Value>,
    /// What every run says before its end.
    pub lines: Mutex<Vec<Value>>,
    /// Host -> its last run, if that was a rollback.
    pub rollbacks: Mutex<BTreeMap<String, Rollback>>,
    /// Hosts whose drift no run changes anything about.
    pub lasting: Mutex<BTreeSet<String>>,
    /// When the inventory changed last; nothing: long ago.
    pub changed: Mutex<Timestamp>,
    /// The exit code of every run.
    pub code: Mutex<i32>,
    pub clock: Option<Arc<SimulatedClock>>,
}

#[async_trait]
impl Commands for FakeHosts {
    async fn inventory(&self) -> Result<Inventory, LookFailed> {
        let changed = *self.changed.lock().unwrap();
        Ok(Inventory { hosts: self.names.clone(), digest: changed.to_string(), changed })
    }

    async fn look(&self, host: &str) -> Result<Seen, LookFailed> {
        let now = self.clock.as_ref().unwrap().now();
        self.looks.lock().unwrap().entry(host.to_owned()).or_default().push(now);
        if self.silent.lock().unwrap().iter().any(|name| name == host) {
            return Err(LookFailed { reachable: false, inventory: false, problem: "no answer".into(), findings: Value::Null });
        }
        let moved = self.moved.lock().unwrap().get(host).copied().unwrap_or_default();
        let status = self.status.lock().unwrap().clone();
        let rollback = self.rollbacks.lock().unwrap().get(host).copied();
        Ok(Seen { moved, fingerprint: format!("{moved:?}"), status, rollback, ..Seen::default() })
    }

    async fn certificates(&self, host: &str) -> Result<BTreeMap<String, i64>, String> {
        let end = self.clock.as_ref().unwrap().now().as_second() + 10 * 86_400;
        Ok(BTreeMap::from([(format!("{host}:443"), end)]))
    }

    async fn variables(&self, host: &str, name: &str) -> Result<Value, String> {
        let fits = name.contains("brand") || name == "secret_thing";
        if !fits {
            return Err(format!("no variable `{name}`; `homestead vars` lists all of them"));
        }
        let origin = json!({"layer": host, "file": "host_vars/x.yml", "line": 3, "column": 1});
        let entry = |value: &str| json!({"role": "r", "origin": origin, "overrides": [origin], "value": value, "computed_from": ["secret_thing"], "expression": null});
        let all = [("the_brand", "<b>Element</b>"), ("brand_of_it", "x"), ("secret_thing", "[redacted]")];
        let found: serde_json::Map<String, Value> = all
            .iter()
            .filter(|(known, _)| name.contains('*') || *known == name)
            .map(|(known, value)| ((*known).to_owned(), entry(value)))
            .collect();
        Ok(json!({"version": 1, "variables": found}))
    }

    async fn run(&self, Job { host, words, .. }: Job<'_>, line: &mut (dyn FnMut(Value) + Send), _: &Stop) -> Ended {
        self.runs.lock().unwrap().push((host.to_owned(), words.to_vec()));
        line(json!({"event": "stage"}));
        self.lines.lock().unwrap().clone().into_iter().for_each(line);
        let code = *self.code.lock().unwrap();
        if words.first().is_some_and(|name| name == "plan") {
            return Ended { exit_code: Some(code), message: None };
        }
        let goes_back = words.first().is_some_and(|name| name == "rollback");
        match (code, goes_back) {
            (0, true) => {
                self.moved.lock().unwrap().insert(host.to_owned(), Moved { host: false, inventory: true });
                self.rollbacks.lock().unwrap().insert(host.to_owned(), Rollback { at: self.clock.as_ref().unwrap().now(), finished: true });
            }
            (0, false) if !self.lasting.lock().unwrap().contains(host) => {
                self.moved.lock().unwrap().remove(host);
                self.rollbacks.lock().unwrap().remove(host);
            }
            _ => {}
        }
        Ended { exit_code: Some(code), message: None }
    }
}

pub struct Simulation {
    pub clock: Arc<SimulatedClock>,
    pub hosts: Arc<FakeHosts>,
    pub store: Store,
    pub handle: Handle,
    pub stop: Stop,
    pub task: JoinSet<Result<(), StoreError>>,
}

/// Seconds. What is due is noticed so much later at most.
pub const STEP: u64 = 15;

pub fn start() -> Timestamp {
    "2026-11-22T00:00:00Z".parse().unwrap()
}

impl Simulation {
    pub fn begin(count: usize, settings: &str) -> Self {
        let clock = Arc::new(SimulatedClock::new(start()));
        let names = (0..count).map(|number| format!("host{number}.example.com")).collect();
        let hosts = Arc::new(FakeHosts { names, clock: Some(clock.clone()), ..FakeHosts::default() });
        let store = Store::in_memory().unwrap();
        let settings = Arc::new(Settings::parse(camino::Utf8Path::new("daemon.toml"), settings).unwrap());
        let numbers = std::sync::atomic::AtomicU64::new(0);
        let new_run_id = Box::new(move |_| format!("run{}", numbers.fetch_add(1, std::sync::atomic::Ordering::Relaxed)));
        let notifier = Arc::new(super::notify::Notifier::new(store.clone(), Vec::new()));
        let stop = Stop::default();
        let parts = Parts { store: store.clone(), commands: hosts.clone(), clock: clock.clone(), settings, notifier, new_run_id };
        let (engine, handle) = Engine::new(parts, stop.clone());
        let mut task = JoinSet::new();
        task.spawn(engine.run());
        Self { clock, hosts, store, handle, stop, task }
    }

    /// What answers requests about it; `token` is what programs show over TCP.
    pub fn service(&self, token: &str) -> Service {
        let settings = Arc::new(Settings::default());
        Service {
            store: self.store.clone(),
            engine: self.handle.clone(),
            commands: self.hosts.clone(),
            clock: self.clock.clone(),
            settings: Arc::new(move || settings.clone()),
            token: Some(Secret::new(token.to_owned())),
            port: Some("127.0.0.1:8765".parse().unwrap()),
            closing: CancellationToken::new(),
            starting: tokio::sync::Mutex::default(),
        }
    }

    /// Moves the clock in steps, and lets everything that becomes due happen.
    pub async fn pass(&self, time: Duration) {
        for _ in 0..time.as_secs().div_ceil(STEP) {
            self.clock.set(self.clock.now() + Duration::from_secs(STEP));
            self.settle().await;
        }
    }

    /// Lets everything happen that can without time passing.
    pub async fn settle(&self) {
        let mut quiet = 0;
        // The store answers from a thread of its own, in order, and a turn asks it no more often than this between two signs of
        // progress.
        while quiet < 12 {
            let before = self.progress();
            self.store.hosts().await.unwrap();
            tokio::task::yield_now().await;
            quiet = if self.progress() == before { quiet + 1 } else { 0 };
        }
    }

    fn progress(&self) -> (usize, usize) {
        (self.hosts.looks.lock().unwrap().values().map(Vec::len).sum(), self.hosts.runs.lock().unwrap().len())
    }

    /// Somebody edits the inventory.
    pub async fn edit(&self) {
        *self.hosts.changed.lock().unwrap() = self.clock.now();
        assert!(self.handle.ask(Request::Inventory).await);
    }

    /// What is known of the first host.
    pub async fn first_host(&self) -> crate::daemon::store::HostRow {
        self.store.host("host0.example.com".into()).await.unwrap().unwrap()
    }

    /// Asks for a run on the first host; gives its id.
    pub async fn ask(&self, command: &str) -> String {
        let (answer, answered) = tokio::sync::oneshot::channel();
        let (host, words) = ("host0.example.com".to_owned(), vec![command.to_owned()]);
        let request = Request::Run { host, words, cause: "api".into(), who: "me".into(), key: None, answer };
        assert!(self.handle.ask(request).await);
        answered.await.unwrap().unwrap()
    }

    pub fn drift(&self, host: usize, moved: Moved) {
        self.hosts.moved.lock().unwrap().insert(format!("host{host}.example.com"), moved);
    }

    pub fn runs(&self) -> Vec<String> {
        self.hosts.runs.lock().unwrap().iter().map(|(host, words)| format!("{host} {}", words.join(" "))).collect()
    }

    pub async fn end(mut self) {
        self.stop.soft.cancel();
        self.task.join_next().await.unwrap().unwrap().unwrap();
    }
}
