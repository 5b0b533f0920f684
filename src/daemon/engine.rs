//! The loop: looks at each host in its turn, decides, acts, and writes everything down.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio::task::JoinSet;

use super::clock::Clock;
use super::commands::{Commands, Stop};
use super::inventory::Inventory;
use super::notify::{Notice, Notifier};
use super::schedule::{Outcome, Schedule};
use super::settings::Settings;
use super::store::{Answer, AuditEntry, NewRun, RunKind, RunState, Store, StoreError};
use super::turn;

/// How many hosts at once where the settings do not say it.
const FORKS: usize = 10;
/// How often what is old is forgotten.
const FORGET_EVERY: Duration = Duration::from_hours(6);
/// How soon an inventory that could not be read is read again, without anybody having changed it: a disk may have been away.
const REREAD: Duration = Duration::from_mins(1);
/// How long runs are kept where the settings do not say it.
const KEEP: Duration = Duration::from_hours(90 * 24);
/// How many messages somebody who reads slowly may be behind.
const BACKLOG: usize = 4096;

/// What everybody may hear as it happens.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum News {
    /// A run began.
    Began {
        /// Its id.
        run: String,
        /// Its host.
        host: String,
    },
    /// A run said something.
    Event {
        /// Its id.
        run: String,
        /// Its host.
        host: String,
        /// The event's number within the run.
        seq: i64,
        /// The event.
        body: Value,
    },
    /// A run ended.
    Ended {
        /// Its id.
        run: String,
        /// Its host.
        host: String,
    },
    /// Something about a host is different now.
    Host {
        /// Its name.
        host: String,
    },
    /// The inventory was read again.
    Inventory {
        /// Whether it is right.
        valid: bool,
    },
}

/// What the loop is asked for.
pub enum Request {
    /// Look at a host now.
    Look {
        /// Its name.
        host: String,
        /// Whether there is such a host.
        answer: oneshot::Sender<bool>,
    },
    /// Run a command for a host, when what goes on there is over.
    Run {
        /// Its name.
        host: String,
        /// The command's words.
        words: Vec<String>,
        /// Why: `api`, `dashboard`.
        cause: String,
        /// Who asks.
        who: String,
        /// A key under which the same request starts nothing anew, and what tells this request from others.
        key: Option<(String, String)>,
        /// The run's id; nothing where there is no such host.
        answer: oneshot::Sender<Option<String>>,
    },
    /// The inventory changed: read its hosts again, and look at each soon.
    Inventory,
    /// The settings changed.
    Settings(Arc<Settings>, Arc<Notifier>),
}

/// The answer to somebody who started a run.
pub fn started(run: &str) -> Value {
    json!({"version": 1, "run": run})
}

/// What the loop works with.
pub struct Parts {
    /// The daemon's memory.
    pub store: Store,
    /// What it does to hosts.
    pub commands: Arc<dyn Commands>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// What it may do.
    pub settings: Arc<Settings>,
    /// Whom it tells.
    pub notifier: Arc<Notifier>,
    /// Makes the id of a run.
    pub new_run_id: Box<dyn Fn(Timestamp) -> String + Send + Sync>,
}

/// What turns share.
pub(super) struct Shared {
    pub(super) store: Store,
    pub(super) commands: Arc<dyn Commands>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) news: broadcast::Sender<News>,
    pub(super) stop: Stop,
    inventory_changed: RwLock<Timestamp>,
    settings: RwLock<Arc<Settings>>,
    notifier: RwLock<Arc<Notifier>>,
    /// Rung when there is something new to tell.
    letters: tokio::sync::Notify,
    new_run_id: Box<dyn Fn(Timestamp) -> String + Send + Sync>,
}

impl Shared {
    pub(super) fn settings(&self) -> Arc<Settings> {
        self.settings.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// When the inventory changed last, as far as it was read.
    pub(super) fn inventory_changed(&self) -> Timestamp {
        *self.inventory_changed.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells somebody elsewhere what is going on with a thing, or that it is over.
    pub(super) async fn notify(&self, key: &str, notice: Notice) -> Result<(), StoreError> {
        let notifier = self.notifier();
        if notifier.tell(key, notice, self.clock.now()).await? {
            self.letters.notify_one();
        }
        Ok(())
    }

    fn notifier(&self) -> Arc<Notifier> {
        self.notifier.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn run_id(&self) -> String {
        (self.new_run_id)(self.clock.now())
    }

    pub(super) fn tell(&self, news: News) {
        // Nobody may be listening.
        drop(self.news.send(news));
    }
}

/// The way to the loop, for everybody else. Cheap to clone.
#[derive(Clone)]
pub struct Handle {
    requests: mpsc::Sender<Request>,
    news: broadcast::Sender<News>,
}

impl Handle {
    /// Asks for something; false when the loop has ended.
    pub async fn ask(&self, request: Request) -> bool {
        self.requests.send(request).await.is_ok()
    }

    /// Whether the loop runs.
    pub fn is_alive(&self) -> bool {
        !self.requests.is_closed()
    }

    /// What happens from now on.
    pub fn listen(&self) -> broadcast::Receiver<News> {
        self.news.subscribe()
    }
}

/// A command that waits for its host.
struct Waiting {
    words: Vec<String>,
    cause: String,
    who: String,
    id: String,
}

/// The loop.
pub struct Engine {
    shared: Arc<Shared>,
    requests: mpsc::Receiver<Request>,
    schedule: Schedule,
    tasks: JoinSet<(String, Outcome)>,
    busy: BTreeSet<String>,
    waiting: BTreeMap<String, VecDeque<Waiting>>,
    /// One at most: who tells others what is to be told.
    delivery: JoinSet<()>,
    /// When there is something to tell next.
    letters_at: Option<Timestamp>,
    forget_at: Timestamp,
    /// When the inventory is read again although nothing said that it changed.
    reread_at: Option<Timestamp>,
}

impl Engine {
    /// A loop that has not begun, and the way to it. `stop` ends it.
    pub fn new(parts: Parts, stop: Stop) -> (Self, Handle) {
        let (sender, requests) = mpsc::channel(64);
        let (news, _) = broadcast::channel(BACKLOG);
        let forget_at = parts.clock.now();
        let shared = Shared {
            store: parts.store,
            commands: parts.commands,
            clock: parts.clock,
            news: news.clone(),
            stop,
            inventory_changed: RwLock::new(Timestamp::UNIX_EPOCH),
            settings: RwLock::new(parts.settings),
            notifier: RwLock::new(parts.notifier),
            letters: tokio::sync::Notify::new(),
            new_run_id: parts.new_run_id,
        };
        let engine = Self {
            shared: Arc::new(shared),
            requests,
            schedule: Schedule::default(),
            tasks: JoinSet::new(),
            busy: BTreeSet::new(),
            waiting: BTreeMap::new(),
            delivery: JoinSet::new(),
            letters_at: None,
            forget_at,
            reread_at: None,
        };
        (engine, Handle { requests: sender, news })
    }

    /// Runs until it is stopped: then what goes on comes to its next safe place.
    ///
    /// # Errors
    /// The store fails.
    pub async fn run(mut self) -> Result<(), StoreError> {
        self.pick_up().await?;
        self.read_hosts().await?;
        self.look_at_picked_up().await?;
        self.look_for_letters().await;
        let stop = self.shared.stop.soft.clone();
        while !stop.is_cancelled() {
            self.begin_due();
            self.deliver();
            let clock = self.shared.clock.clone();
            let free = self.busy.len() < self.forks();
            let next = self.schedule.next().filter(|_| free).map(|(_, due)| due);
            let wake = next.into_iter().chain(self.reread_at).chain(self.letters_at).fold(self.forget_at, Timestamp::min);
            tokio::select! {
                () = stop.cancelled() => {}
                () = clock.sleep_until(wake) => self.tidy().await,
                () = self.shared.letters.notified() => self.look_for_letters().await,
                Some(_) = self.delivery.join_next() => self.look_for_letters().await,
                Some(ended) = self.tasks.join_next() => self.ended(ended),
                Some(request) = self.requests.recv() => {
                    // A full disk must not take down the runs that go on. Who asked hears that nobody answers.
                    if let Err(error) = self.answer(request).await {
                        tracing::error!(%error, "what was asked for cannot be written down");
                    }
                }
            }
        }
        while let Some(ended) = self.tasks.join_next().await {
            self.ended(ended);
        }
        Ok(())
    }

    fn forks(&self) -> usize {
        self.shared.settings().forks.unwrap_or(FORKS).max(1)
    }

    /// What an earlier daemon left: runs that wait for their turn still do.
    async fn pick_up(&mut self) -> Result<(), StoreError> {
        for run in self.shared.store.runs_in(RunState::Waiting).await? {
            let job = Waiting { words: run.command, cause: run.cause, who: run.who, id: run.id };
            self.waiting.entry(run.host).or_default().push_back(job);
        }
        Ok(())
    }

    /// The hosts on which an earlier daemon was driving a run are looked at first: what they know tells how it ended.
    async fn look_at_picked_up(&mut self) -> Result<(), StoreError> {
        let now = self.shared.clock.now();
        for run in self.shared.store.runs_in(RunState::Running).await? {
            self.schedule.hurry(&run.host, now);
            let details = json!({"run": run.id, "command": run.command});
            let entry = AuditEntry { at: now, who: "daemon".into(), what: "run.picked-up".into(), host: Some(run.host), details };
            self.shared.store.audit(entry).await?;
        }
        Ok(())
    }

    /// Finds out when there is something to tell. While somebody tells, that waits for their end.
    async fn look_for_letters(&mut self) {
        if self.delivery.is_empty() {
            self.letters_at = self.shared.notifier().due().await.unwrap_or_else(|error| {
                tracing::error!(%error, "what is to be told cannot be looked up");
                Some(self.shared.clock.now() + REREAD)
            });
        }
    }

    /// Begins to tell what is to be told.
    fn deliver(&mut self) {
        if self.letters_at.is_none_or(|at| at > self.shared.clock.now()) {
            return;
        }
        self.letters_at = None;
        let shared = self.shared.clone();
        self.delivery.spawn(async move {
            if let Err(error) = shared.notifier().deliver(&*shared.clock).await {
                tracing::error!(%error, "what is to be told cannot be looked up");
                shared.clock.sleep_until(shared.clock.now() + REREAD).await;
            }
        });
    }

    /// What is due beside the hosts.
    async fn tidy(&mut self) {
        let now = self.shared.clock.now();
        if self.reread_at.is_some_and(|at| at <= now) {
            self.reread_at = None;
            if let Err(error) = self.read_hosts().await {
                tracing::error!(%error, "what the inventory is cannot be written down");
            }
        }
        if let Err(error) = self.forget_old().await {
            tracing::error!(%error, "what is old cannot be forgotten");
            self.forget_at = now + FORGET_EVERY;
        }
    }

    /// Reads which hosts there are. An inventory that cannot be read leaves the hosts of before.
    async fn read_hosts(&mut self) -> Result<(), StoreError> {
        let now = self.shared.clock.now();
        let valid = match self.shared.commands.inventory().await {
            Ok(Inventory { hosts, digest, changed }) => {
                *self.shared.inventory_changed.write().unwrap_or_else(PoisonError::into_inner) = changed;
                self.reread_at = None;
                let settings = self.shared.settings();
                let intervals = hosts.iter().map(|host| (host.clone(), settings.interval(host))).collect();
                self.schedule.update(&intervals, now);
                self.waiting.retain(|host, _| intervals.contains_key(host));
                for (run, host) in self.shared.store.take_over_hosts(hosts, now).await? {
                    self.shared.tell(News::Ended { run, host });
                }
                self.shared.store.read_inventory(now, digest).await?;
                let notice = Notice { kind: "inventory".into(), host: None, text: "the inventory is right again".to_owned(), over: true };
                self.shared.notify("inventory", notice).await?;
                true
            }
            Err(failed) => {
                self.reread_at = Some(now + REREAD);
                let text = format!("the inventory is wrong, and nothing is touched: {}", failed.problem);
                self.shared.notify("inventory", Notice { kind: "inventory".into(), host: None, text, over: false }).await?;
                self.shared.store.misread_inventory(now, failed.problem, failed.findings).await?;
                false
            }
        };
        self.shared.tell(News::Inventory { valid });
        Ok(())
    }

    /// Begins what is due and what waits, as far as there are slots.
    fn begin_due(&mut self) {
        let now = self.shared.clock.now();
        let stop = self.shared.stop.soft.is_cancelled();
        while !stop && self.busy.len() < self.forks() {
            let waiting = self.waiting.iter().find(|(host, queue)| !queue.is_empty() && !self.busy.contains(*host));
            if let Some(host) = waiting.map(|(host, _)| host.clone()) {
                let Some(job) = self.waiting.get_mut(&host).and_then(VecDeque::pop_front) else { break };
                self.begin(&host, Some(job));
                continue;
            }
            match self.schedule.next() {
                Some((host, due)) if due <= now => {
                    let host = host.to_owned();
                    self.begin(&host, None);
                }
                _ => break,
            }
        }
    }

    fn begin(&mut self, host: &str, job: Option<Waiting>) {
        self.schedule.begun(host);
        self.busy.insert(host.to_owned());
        let (shared, host) = (self.shared.clone(), host.to_owned());
        self.tasks.spawn(async move {
            if let Some(Waiting { words, cause, who, id }) = job {
                let (kind, started) = (RunKind::of(&words), shared.clock.now());
                let only_looks = kind == RunKind::Look;
                let run = NewRun { id, host: host.clone(), kind, command: words, cause, who, started };
                if let Err(error) = turn::act(&shared, run).await {
                    tracing::error!(host, %error, "a run cannot be written down");
                }
                // Who asks what would happen does not make it happen.
                if only_looks {
                    return (host, Outcome::Aside);
                }
            }
            let outcome = turn::take(&shared, &host).await.unwrap_or_else(|error| {
                tracing::error!(host, %error, "a look cannot be written down");
                Outcome::Unreachable
            });
            (host, outcome)
        });
    }

    fn ended(&mut self, ended: Result<(String, Outcome), tokio::task::JoinError>) {
        let now = self.shared.clock.now();
        match ended {
            Ok((host, outcome)) => {
                self.busy.remove(&host);
                self.schedule.ended(&host, outcome, now);
            }
            // Only a fault of ours ends a turn so: its host stays out until the daemon starts again.
            Err(error) => tracing::error!(%error, "a turn ended badly"),
        }
    }

    async fn answer(&mut self, request: Request) -> Result<(), StoreError> {
        let now = self.shared.clock.now();
        match request {
            Request::Look { host, answer } => drop(answer.send(self.schedule.hurry(&host, now))),
            Request::Run { host, words, cause, who, key, answer } => {
                let id = self.schedule.knows(&host).then(|| self.shared.run_id());
                if let Some(id) = &id {
                    let details = json!({"run": id, "command": words});
                    let audit = AuditEntry { at: now, who: who.clone(), what: "run.start".into(), host: Some(host.clone()), details };
                    let kept = key.map(|(key, request)| (key, Answer { request, status: 202, body: started(id).to_string() }));
                    let run = NewRun {
                        id: id.clone(),
                        host: host.clone(),
                        kind: RunKind::of(&words),
                        command: words.clone(),
                        cause: cause.clone(),
                        who: who.clone(),
                        started: now,
                    };
                    self.shared.store.queue_run(run, audit, kept).await?;
                    let job = Waiting { words, cause, who, id: id.clone() };
                    self.waiting.entry(host).or_default().push_back(job);
                }
                drop(answer.send(id));
            }
            Request::Inventory => {
                self.read_hosts().await?;
                self.schedule.hurry_all(now);
            }
            Request::Settings(settings, notifier) => {
                *self.shared.notifier.write().unwrap_or_else(PoisonError::into_inner) = notifier;
                *self.shared.settings.write().unwrap_or_else(PoisonError::into_inner) = settings;
                self.shared.notifier().hurry(now).await?;
                self.shared.letters.notify_one();
                self.read_hosts().await?;
            }
        }
        Ok(())
    }

    async fn forget_old(&mut self) -> Result<(), StoreError> {
        let now = self.shared.clock.now();
        if now < self.forget_at {
            return Ok(());
        }
        let keep = self.shared.settings().store.keep_days.map_or(KEEP, |days| Duration::from_secs(u64::from(days) * 86_400));
        let removed = self.shared.store.forget_old(now, keep).await?;
        tracing::debug!(?removed, "what is old is forgotten");
        self.forget_at = now + FORGET_EVERY;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
