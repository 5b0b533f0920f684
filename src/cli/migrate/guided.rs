//! A host while its accounts are moved.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::super::converge::{self, Seen};
use super::super::global::GlobalArgs;
use super::super::{interrupt, session};
use super::MigrateArgs;
use crate::apply::{Operator, Run, apply};
use crate::authoring::credentials;
use crate::diagnostic::{Error, Kind, Result, Severity};
use crate::host::{Host, Lock, LockHolder};
use crate::migration::{self, Migration, State, Step};
use crate::operation::{Context, migrate};
use crate::pipeline::{HostFacts, Loaded, Prepared};
use crate::plan::{Scope, Step as PlanStep};
use crate::report::{Event, Sink, Terminal};

/// The host, its lock, and what it remembers.
pub struct Guided<'a> {
    pub args: &'a MigrateArgs,
    pub global: &'a GlobalArgs,
    pub terminal: &'a Terminal,
    pub loaded: Loaded,
    pub host: Arc<dyn Host>,
    pub name: String,
    pub sink: Sink,
    pub cancel: CancellationToken,
    known: HostFacts,
    lock: Lock,
    holder: LockHolder,
    /// The clock of this machine when the run began, and the moment.
    began: SystemTime,
    started: Instant,
    /// Whether Traefik keeps clients out at the moment.
    pub door_closed: bool,
}

/// The role whose file keeps clients out.
const DOOR: &str = "traefik";

impl<'a> Guided<'a> {
    /// Connects to the one host, takes its lock, and puts back what a lost run left.
    ///
    /// # Errors
    /// The inventory names several hosts; nobody answers; another run is at work.
    pub async fn connect(global: &'a GlobalArgs, terminal: &'a Terminal, args: &'a MigrateArgs) -> Result<Self> {
        let loaded = converge::load(global, terminal)?;
        let name = only_host(&loaded)?;
        let cancel = interrupt::token(terminal);
        let host = session::connect(&loaded, &name, &session::defaults(global)?).await?;
        let holder = session::holder(&loaded, "migrate");
        let lock = session::lock(&*host, &loaded, &holder, &terminal.sink()).await?;
        let (known, _) = session::facts(&*host, &loaded, &name).await?;
        let (began, started) = (loaded.now, Instant::now());
        Ok(Self {
            args,
            global,
            terminal,
            loaded,
            host,
            name,
            sink: terminal.sink(),
            cancel,
            known,
            lock,
            holder,
            began,
            started,
            door_closed: false,
        })
    }

    /// What the host remembers.
    pub const fn migration(&self) -> &Migration {
        &self.known.migration
    }

    /// The host's lock.
    pub const fn lock(&self) -> &Lock {
        &self.lock
    }

    /// Changes what the host remembers, there and here.
    pub async fn remember(&mut self, change: impl FnOnce(&mut Migration) + Send) -> Result<()> {
        let mut migration = self.known.migration.clone();
        change(&mut migration);
        migrate::put(&*self.host, &migration).await?;
        self.known.migration = migration;
        Ok(())
    }

    /// Takes over what the host remembers already.
    pub fn remembered(&mut self, migration: Migration) {
        self.known.migration = migration;
    }

    /// Forgets that a step was done, for this run.
    pub fn forget(&mut self, step: Step) {
        self.known.migration.steps.remove(&step);
    }

    /// Reads the inventory again.
    pub fn reload(&mut self) -> Result<()> {
        self.loaded = Loaded::read(&self.global.sources()?)?;
        Ok(())
    }

    /// The host's facts with another state of the migration.
    pub fn known_as(&self, state: State) -> HostFacts {
        let mut known = self.known.clone();
        known.migration.state = state;
        known
    }

    /// The host worked out for a state of the migration. Credentials that MAS needs are made up where there are none.
    pub fn prepared_as(&mut self, state: State) -> Result<Prepared> {
        let known = self.known_as(state);
        credentials::fill_for(&mut self.loaded, &known, &credentials::system_random)?;
        Prepared::new(&self.loaded, &self.name, &known, &[])
    }

    /// What the library's procedures take.
    pub fn context<'b>(&'b self, prepared: &'b Prepared) -> Context<'b> {
        Context { host: &self.host, prepared, name: &self.name, sink: &self.sink }
    }

    /// Looks at the host, and plans for a state of the migration.
    pub async fn look_as(&mut self, state: State) -> Result<Seen> {
        let known = self.known_as(state);
        credentials::fill_for(&mut self.loaded, &known, &credentials::system_random)?;
        let remarks = credentials::remarks(&self.loaded);
        if remarks.iter().any(|remark| remark.severity == Severity::Error) {
            return Err(Error::invalid(remarks));
        }
        let tags = ["migrate".to_owned()];
        let scope = if self.door_closed { self.all_but_the_door(&known)? } else { Scope::default() };
        converge::look_with(&self.loaded, self.host.clone(), &self.name, &scope, &tags, known).await
    }

    /// Every role but the one that keeps the door: a plan would open it.
    fn all_but_the_door(&self, known: &HostFacts) -> Result<Scope> {
        let prepared = Prepared::new(&self.loaded, &self.name, known, &[])?;
        let roles = prepared.desired.roles.into_iter().filter(|role| role != DOOR).collect();
        Ok(Scope { roles: Some(roles), ..Scope::default() })
    }

    /// Carries a plan out.
    pub async fn apply(&self, seen: &Seen) -> Result<()> {
        if let Some((path, names)) = credentials::keep(&self.loaded, &self.name, &credentials::system_random)? {
            self.say(format!("made {}; kept in {path}: keep it private and back it up", names.join(", ")));
        }
        let redactor = seen.prepared.redactor();
        let redact = |text: &str| redactor.redact(text).into_owned();
        let operator = Operator { sink: &self.sink, cancel: &self.cancel, lock: &self.lock, holder: &self.holder };
        apply(&Run::new(&seen.host, &seen.prepared.desired, &seen.observed, &seen.plan, operator, &redact)).await
    }

    /// Brings the host to the state that the inventory declares for a state of the migration, showing the plan.
    pub async fn converge_as(&mut self, state: State) -> Result<Seen> {
        let seen = self.look_as(state).await?;
        self.terminal.learn(&seen.prepared.redactor());
        self.terminal.plan(&seen.plan, false);
        self.apply(&seen).await?;
        // So that what was made just now is read from its file, and not made again.
        self.reload()?;
        Ok(seen)
    }

    /// An inventory that contradicts what the host is.
    pub fn refuse_contradictions(&mut self) -> Result<()> {
        let known = self.known.clone();
        let prepared = Prepared::new(&self.loaded, &self.name, &known, &[])?;
        migration::refuse(&known.migration, &prepared.variables)
    }

    /// Frees the host's lock. What was last written into the journal arrives before the connection ends.
    pub async fn release(self) {
        self.lock.release().await;
    }

    /// Tells what is done.
    pub fn say(&self, text: impl Into<String>) {
        (self.sink)(&self.name, Event::Done { text: text.into() });
    }

    /// Tells what begins.
    pub fn stage(&self, text: impl Into<String>) {
        (self.sink)(&self.name, Event::Stage { text: text.into() });
    }

    /// Tells what somebody should know.
    pub fn warn(&self, text: impl Into<String>) {
        (self.sink)(&self.name, Event::Warning { text: text.into() });
    }

    /// The time by this machine's clock, RFC 3339.
    pub fn now(&self) -> String {
        humantime::format_rfc3339_seconds(self.began + self.started.elapsed()).to_string()
    }

    /// The same for names, finer: the next run may come within the second in which one was cut.
    pub fn stamp(&self) -> String {
        let now = humantime::format_rfc3339_millis(self.began + self.started.elapsed());
        now.to_string().chars().filter(char::is_ascii_digit).collect()
    }

    /// An error when the user asked to stop.
    pub fn checkpoint(&self, state: &str) -> Result<()> {
        if self.cancel.is_cancelled() {
            return Err(Error::new(Kind::Interrupted, format!("stopped as asked; {state}")).hint("the same command goes on from here"));
        }
        Ok(())
    }
}

/// The host that the command line means: accounts move on one server at a time.
pub fn only_host(loaded: &Loaded) -> Result<String> {
    match <[String; 1]>::try_from(loaded.hosts()?) {
        Ok([name]) => Ok(name),
        Err(hosts) => Err(Error::new(Kind::Usage, format!("accounts move on one server at a time, and these are {}", hosts.len()))
            .hint(format!("name one with `--limit`: {}", hosts.join(", ")))),
    }
}

/// The files that a plan changes, writes or removes.
pub fn touched(plan: &crate::plan::Plan) -> Vec<String> {
    let paths = plan.actions.iter().filter_map(|action| match &action.step {
        PlanStep::PutFile(file) => Some(file.path.clone()),
        PlanStep::RemoveFile(path) => Some(path.clone()),
        PlanStep::RemoveUnit(unit) => Some(format!("/etc/systemd/system/{unit}")),
        _ => None,
    });
    paths.collect()
}

/// Milliseconds, for documents.
pub fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Seconds, for people.
pub fn seconds(milliseconds: u64) -> String {
    format!("{}.{} s", milliseconds / 1000, milliseconds % 1000 / 100)
}
