//! `install-all` and `setup-all`: bring hosts to the state that the inventory declares.

use std::sync::Arc;

use clap::Args;
use tokio_util::sync::CancellationToken;

use super::apply::Expected;
use super::batches::BatchArgs;
use super::global::GlobalArgs;
use super::purge::{self, PurgeArgs};
use super::session::Met;
use super::{Exit, command_line, fleet, interrupt, prompt, session};
use crate::apply::{Operator, Run, apply, left_half_done, mend_first_start};
use crate::authoring::credentials;
use crate::diagnostic::{Diagnostic, Error, Kind, Result, Severity};
use crate::host::{Host, Lock, LockHolder, Unfinished};
use crate::migration::{self, Migration};
use crate::operation;
use crate::pipeline::{self, ConnectionDefaults, Downloads, HostFacts, Loaded, Prepared, downloads_folder, examine, leftovers, observe};
use crate::plan::{Observed, Plan, Scope, plan};
use crate::report::{Event, RunStep, Terminal};
use crate::role::{Library, Source};

/// Install or update everything that the inventory declares
///
/// Shows what changes, changes only that, and restarts only what reads it. Services that the inventory no
/// longer wants stay: `setup-all` removes them.
#[derive(Debug, Args)]
pub struct InstallAllArgs {
    #[command(flatten)]
    mode: ModeArgs,
}

/// Install or update everything, and remove what the inventory no longer wants
///
/// Data folders and databases stay, unless `--purge-data` names their role.
#[derive(Debug, Args)]
pub struct SetupAllArgs {
    #[command(flatten)]
    mode: ModeArgs,
    #[command(flatten)]
    purge: PurgeArgs,
}

/// How to converge, in Ansible's words.
#[derive(Clone, Debug, Default, Args)]
#[allow(clippy::struct_excessive_bools, reason = "each is a switch of its own on the command line")]
pub struct ModeArgs {
    /// Only show what would change
    #[arg(short = 'C', long)]
    pub check: bool,
    /// Show the differences of files too
    #[arg(short = 'D', long)]
    pub diff: bool,
    /// Data that is named goes without a question.
    #[arg(skip)]
    pub yes: bool,
    /// Show the plan of each host, and ask before anything is done
    #[arg(long, conflicts_with = "check")]
    pub ask: bool,
    #[command(flatten)]
    pub batches: BatchArgs,
}

impl InstallAllArgs {
    /// Runs it.
    pub async fn run(&self, global: &GlobalArgs, terminal: &Terminal) -> Result<Exit> {
        converge(global, terminal, &Scope::default(), self.mode.clone(), &["install-all".to_owned()], Users::Ensure).await
    }
}

impl SetupAllArgs {
    /// Runs it.
    pub async fn run(&self, global: &GlobalArgs, terminal: &Terminal) -> Result<Exit> {
        let purge = self.purge.roles(&library(global)?);
        let scope = Scope { remove_orphans: true, purge, ..Scope::default() };
        let mode = ModeArgs { yes: self.purge.yes, ..self.mode.clone() };
        converge(global, terminal, &scope, mode, &["setup-all".to_owned()], Users::Ensure).await
    }
}

/// What happens to the declared users.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Users {
    /// Those that no run has seen yet are made.
    Ensure,
    /// Nothing: they have a tag of their own.
    Leave,
}

impl Users {
    /// What the tags of a plan mean for them.
    pub fn of_tags(tags: &[String]) -> Self {
        if tags.iter().any(|tag| tag == "install-all" || tag == "setup-all") { Self::Ensure } else { Self::Leave }
    }
}

/// How hosts converge.
#[derive(Clone)]
pub struct Convergence {
    /// What of the desired state it is about.
    pub scope: Scope,
    /// How.
    pub mode: ModeArgs,
    /// The tags, for expressions that ask for them.
    pub tags: Vec<String>,
    /// What happens to the declared users.
    pub users: Users,
    /// For who meets the lock.
    pub command: String,
    /// The plan that it must come to.
    pub expected: Option<Expected>,
}

/// Converges every host that the command line names.
pub async fn converge(
    global: &GlobalArgs,
    terminal: &Terminal,
    scope: &Scope,
    mode: ModeArgs,
    tags: &[String],
    users: Users,
) -> Result<Exit> {
    let mut loaded = load(global, terminal)?;
    credentials::fill(&mut loaded, &credentials::system_random)?;
    let remarks = credentials::remarks(&loaded);
    if mode.check {
        warn(&remarks, terminal);
    } else if remarks.iter().any(|remark| remark.severity == Severity::Error) {
        return Err(Error::invalid(remarks));
    }
    check_offline(&loaded, terminal)?;
    let (loaded, defaults) = (Arc::new(loaded), Arc::new(session::defaults(global)?));
    let hosts = loaded.hosts()?;
    let (scope, tags, command) = (scope.clone(), tags.to_vec(), tags.join(","));
    let convergence = Convergence { scope, mode, tags, users, command, expected: None };
    Box::pin(on(global, terminal, loaded, defaults, hosts, convergence)).await
}

/// Converges these hosts of an inventory that was checked.
pub async fn on(
    global: &GlobalArgs,
    terminal: &Terminal,
    loaded: Arc<Loaded>,
    defaults: Arc<ConnectionDefaults>,
    hosts: Vec<String>,
    convergence: Convergence,
) -> Result<Exit> {
    if convergence.mode.ask && terminal.json() {
        return Err(Error::new(Kind::Usage, "`--ask` and `--json` exclude each other: a program cannot be asked")
            .hint("`homestead plan --out FILE`, then `homestead apply FILE --json`"));
    }
    let (scope, mode) = (&convergence.scope, &convergence.mode);
    if !scope.purge.is_empty() && !mode.check && !mode.yes && hosts.len() > 1 {
        return Err(Error::new(Kind::Usage, "data of several hosts would be removed for good; nothing was touched")
            .hint("name one with `--limit`, or answer all questions beforehand with `--yes`"));
    }
    let cancel = interrupt::token(terminal);
    let convergence = Arc::new(convergence);
    fleet::each_batch(hosts, &convergence.mode.batches, global.forks, terminal, |name| {
        let (loaded, defaults, terminal) = (loaded.clone(), defaults.clone(), terminal.clone());
        let (convergence, cancel) = (convergence.clone(), cancel.clone());
        async move { one(&loaded, &name, &defaults, &terminal, &convergence, &cancel).await }
    })
    .await?;
    Ok(0)
}

/// Reads the inventory and remarks on it.
pub fn load(global: &GlobalArgs, terminal: &Terminal) -> Result<Loaded> {
    let loaded = Loaded::read(&global.sources()?)?;
    terminal.describe(command_line::shown(&command_line::arguments(), Some(&loaded.library)));
    warn(&loaded.warnings, terminal);
    Ok(loaded)
}

/// The roles alone.
pub fn library(global: &GlobalArgs) -> Result<Library> {
    Library::load(global.roles_dir.as_deref().map_or_else(|| Ok(Source::embedded()), Source::with_folder)?)
}

/// Shows warnings.
pub fn warn(warnings: &[Diagnostic], terminal: &Terminal) {
    if !terminal.json() {
        terminal.err(&terminal.findings(warnings));
    }
}

/// Every host's mistakes come to light before the first one is touched.
pub fn check_offline(loaded: &Loaded, terminal: &Terminal) -> Result<()> {
    let findings = examine(loaded)?;
    if findings.iter().any(|finding| finding.severity == Severity::Error) {
        return Err(Error::invalid(findings));
    }
    warn(&findings, terminal);
    Ok(())
}

/// A host that was looked at: everything that a plan comes from.
pub struct Seen {
    /// Its connection.
    pub host: Arc<dyn Host>,
    /// Its variables and desired state.
    pub prepared: Prepared,
    /// Its real state.
    pub observed: Observed,
    /// What would change.
    pub plan: Plan,
    /// A run before that did not come to its end; nothing while another run is going on, this one included.
    pub unfinished: Option<Unfinished>,
    /// A move of accounts was lost in the middle, and not put back yet.
    pub move_is_open: bool,
    /// The first start of Postgres was cut off, or goes on.
    pub first_start_is_open: bool,
    /// Its lock, for a run that changes it.
    pub lock: Option<Lock>,
}

/// Says that an earlier run did not come to its end, and what becomes of it.
pub fn tell_half_done(unfinished: Option<&Unfinished>, observed: &Observed, completes: bool, tell: &dyn Fn(String)) {
    // Without the lock, what can be undone may be that of a run that is going on.
    if let Some(text) = left_half_done(unfinished, observed.undo.as_ref().filter(|_| completes)) {
        tell(format!("{text}; {} completes it", if completes { "this run" } else { "the next run" }));
    }
}

/// Connects to a host, takes its lock for a run that changes it, looks at it, and plans.
pub async fn look(
    loaded: &Arc<Loaded>,
    defaults: &ConnectionDefaults,
    name: &str,
    scope: &Scope,
    tags: &[String],
    lock: Option<&LockHolder>,
    step: &(dyn Fn(RunStep) + Sync),
) -> Result<Seen> {
    let mut met = session::meet(loaded, defaults, name, tags, lock, step).await?;
    let lock = met.lock.take();
    Ok(Seen { lock, ..Box::pin(compare(loaded, name, scope, met)).await? })
}

/// Looks again at a host that is connected, and plans.
pub async fn look_again(loaded: &Loaded, host: Arc<dyn Host>, name: &str, scope: &Scope, tags: &[String]) -> Result<Seen> {
    let (known, _) = session::facts(&*host, loaded, name).await?;
    look_with(loaded, host, name, scope, tags, known).await
}

/// The same for a host whose facts are known.
pub async fn look_with(loaded: &Loaded, host: Arc<dyn Host>, name: &str, scope: &Scope, tags: &[String], known: HostFacts) -> Result<Seen> {
    let mut prepared = Prepared::new(loaded, name, &known, tags)?;
    migration::refuse(&known.migration, &prepared.variables)?;
    Downloads::new(downloads_folder(&loaded.environment)).fetch(&mut prepared.desired).await?;
    let (sight, lock) = Box::pin(pipeline::look(&host, &prepared.desired, Vec::new(), Vec::new(), None)).await?;
    Box::pin(compare(loaded, name, scope, Met { host, prepared, known, sight, lock })).await
}

async fn compare(loaded: &Loaded, name: &str, scope: &Scope, met: Met) -> Result<Seen> {
    let Met { host, prepared, known, sight, lock } = met;
    migration::refuse(&known.migration, &prepared.variables)?;
    let unfinished = sight.facts.unfinished.clone();
    let mut observed = observe(&host, &prepared.desired, sight).await?;
    leftovers(&host, &prepared.desired, &mut observed, &scope.purge).await?;
    lost_data(name, &known, &prepared, &observed)?;
    credentials::refuse_over_data(loaded, name, &known, &prepared.desired, &observed)?;
    let redactor = prepared.redactor();
    let mut plan = plan(&prepared.desired, &observed, scope, &|text| redactor.redact(text).into_owned());
    plan.notes.extend(notes(&known.migration));
    let HostFacts { move_is_open, first_start_is_open, .. } = known;
    Ok(Seen { host, prepared, observed, plan, unfinished, move_is_open, first_start_is_open, lock })
}

/// What a migration under way decides over the inventory.
fn notes(migration: &Migration) -> Option<String> {
    let decided = migration::overrides(migration);
    let [enabled, toggle, others @ ..] = decided.as_slice() else { return None };
    let word = |decided: &migration::Override| format!("{}={}", decided.name, decided.value.text());
    Some(format!(
        "a migration to MAS is not finalized, and decides {}, {} and {} more variables over the inventory; `homestead migrate --status` lists them",
        word(enabled),
        word(toggle),
        others.len()
    ))
}

/// Data that an earlier run saw and that is gone: a disk that is not mounted must not become a new server.
fn lost_data(name: &str, known: &HostFacts, prepared: &Prepared, observed: &Observed) -> Result<()> {
    let memory = &observed.memory;
    let postgres = prepared.desired.roles.iter().any(|role| role == "postgres");
    let lost = if postgres && !memory.databases.is_empty() && known.postgres_version.is_none() {
        Some("the data of Postgres".to_owned())
    } else {
        let keys = prepared.desired.keys.iter().map(|key| &key.path);
        keys.filter(|path| memory.keys.contains(path))
            .find(|path| !observed.paths.contains_key(*path))
            .map(|path| format!("the key `{path}`"))
    };
    let Some(lost) = lost else { return Ok(()) };
    Err(Error::new(Kind::HostFailed, format!("`{name}`: {lost} was there after an earlier run and is gone; nothing was touched"))
        .hint("mount the disk or restore the backup that holds it, and run this again; `homestead postgres restore FILE` brings databases back")
        .hint(format!("to begin anew without it, remove `{}` on the host first", crate::apply::MEMORY_PATH)))
}

async fn one(
    loaded: &Arc<Loaded>,
    name: &str,
    defaults: &ConnectionDefaults,
    terminal: &Terminal,
    convergence: &Convergence,
    cancel: &CancellationToken,
) -> Result<()> {
    let Convergence { scope, mode, tags, users, command, expected } = convergence;
    let sink = terminal.sink();
    let step = |step: RunStep| sink(name, Event::Step { step, units: Vec::new() });
    let holder = session::holder(loaded, command);
    let mut seen = look(loaded, defaults, name, scope, tags, (!mode.check).then_some(&holder), &step).await?;
    let lock = seen.lock.take();
    // A migration that was lost in its window: the host is about to put it back, and waits for this lock.
    if let Some(lock) = lock.as_ref().filter(|_| seen.move_is_open || seen.prepared.migration.state.is_under_way())
        && operation::migrate::leftover(&*seen.host, lock).await?
    {
        sink(name, Event::Warning { text: session::PUT_BACK.to_owned() });
        seen = look_again(loaded, seen.host, name, scope, tags).await?;
    }
    if let Some(lock) = lock.as_ref().filter(|_| seen.first_start_is_open)
        && let Some(aside) = mend_first_start(&*seen.host, lock, &seen.prepared.desired).await?
    {
        let text = format!("the first start of Postgres was cut off; what it left lies in {aside}, and it starts anew");
        sink(name, Event::Warning { text });
        seen = look_again(loaded, seen.host, name, scope, tags).await?;
    }
    let before = lock.as_ref().map_or(seen.unfinished.as_ref(), Lock::unfinished);
    tell_half_done(before, &seen.observed, lock.is_some(), &|text| sink(name, Event::Warning { text }));
    step(RunStep::Plan);
    purge::check(name, &scope.purge, loaded, &seen.prepared.desired, &seen.plan, &sink)?;
    terminal.learn(&seen.prepared.redactor());
    if let Some(expected) = expected {
        expected.check(&seen, name, terminal)?;
    }
    terminal.plan(&seen.plan, mode.diff || mode.check);
    let context = operation::Context { host: &seen.host, prepared: &seen.prepared, name, sink: &sink };
    let Some(lock) = lock else {
        let missing = if *users == Users::Ensure { operation::missing_users(&context, &seen.observed.memory)? } else { Vec::new() };
        if !missing.is_empty() {
            sink(name, Event::Stage { text: format!("these users would be made: {}", missing.join(", ")) });
        }
        return Ok(());
    };
    if mode.ask && !seen.plan.is_empty() {
        confirm(name).await?;
    }
    if !mode.yes {
        purge::confirm(name, &seen.plan)?;
    }
    if let Some((path, names)) = credentials::keep(loaded, name, &credentials::system_random)? {
        let text = format!("made {}; kept in {path}: keep it private and back it up", names.join(", "));
        sink(name, Event::Done { text });
    }
    let redactor = seen.prepared.redactor();
    let redact = |text: &str| redactor.redact(text).into_owned();
    let operator = Operator { sink: &sink, cancel, lock: &lock, holder: &holder };
    let run = Run::new(&seen.host, &seen.prepared.desired, &seen.observed, &seen.plan, operator, &redact);
    let applied = apply(&run).await;
    if let Err(error) = applied {
        // What was last written into the journal arrives before the connection ends.
        lock.release().await;
        return Err(error);
    }
    if !seen.plan.is_empty() {
        sink(name, Event::Done { text: "the host is as the inventory declares".to_owned() });
    }
    if *users == Users::Ensure {
        operation::ensure_users(&context, &seen.observed.memory).await?;
    }
    lock.release().await;
    Ok(())
}

/// Asks whether the plan that was shown is to be carried out. Other hosts go on meanwhile.
async fn confirm(name: &str) -> Result<()> {
    let question = format!("Do this on {name}?");
    let answer = tokio::task::spawn_blocking(move || prompt::confirm_plan(&question)).await;
    let confirmed = answer.map_err(|error| Error::new(Kind::Usage, "the question was interrupted").caused_by(error))??;
    if confirmed { Ok(()) } else { Err(Error::new(Kind::Interrupted, format!("`{name}`: not confirmed; nothing was touched"))) }
}
