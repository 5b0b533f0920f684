//! `install-all` and `setup-all`: bring hosts to the state that the inventory declares.

use std::sync::{Arc, Mutex};

use clap::Args;
use tokio_util::sync::CancellationToken;

use super::global::GlobalArgs;
use super::{Exit, fleet, interrupt, session};
use crate::apply::{Run, apply};
use crate::authoring::credentials;
use crate::diagnostic::{Diagnostic, Error, Kind, Result, Severity};
use crate::host::Host;
use crate::operation;
use crate::pipeline::{ConnectionDefaults, Downloads, HostFacts, Loaded, Prepared, cache_folder, examine, observe};
use crate::plan::{Observed, Plan, Scope, plan};
use crate::report::{self, Event, Terminal};
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
/// Data folders and databases stay.
#[derive(Debug, Args)]
pub struct SetupAllArgs {
    #[command(flatten)]
    mode: ModeArgs,
}

/// How to converge, in Ansible's words.
#[derive(Clone, Copy, Debug, Args)]
pub struct ModeArgs {
    /// Only show what would change
    #[arg(short = 'C', long)]
    pub check: bool,
    /// Show the differences of files too
    #[arg(short = 'D', long)]
    pub diff: bool,
}

impl InstallAllArgs {
    /// Runs it.
    pub async fn run(&self, global: &GlobalArgs, terminal: &Terminal) -> Result<Exit> {
        converge(global, terminal, &Scope::default(), self.mode, &["install-all".to_owned()], Users::Ensure).await
    }
}

impl SetupAllArgs {
    /// Runs it.
    pub async fn run(&self, global: &GlobalArgs, terminal: &Terminal) -> Result<Exit> {
        let scope = Scope { remove_orphans: true, ..Scope::default() };
        converge(global, terminal, &scope, self.mode, &["setup-all".to_owned()], Users::Ensure).await
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
    let loaded = Arc::new(loaded);
    let defaults = Arc::new(session::defaults(global)?);
    let cancel = interrupt::token(terminal);
    check_offline(&loaded, terminal)?;
    fleet::each(loaded.hosts()?, global.forks, terminal, |name| {
        let (loaded, defaults, terminal) = (loaded.clone(), defaults.clone(), terminal.clone());
        let (scope, cancel, tags) = (scope.clone(), cancel.clone(), tags.to_vec());
        async move { one(&loaded, &name, &defaults, &terminal, &scope, mode, &cancel, &tags, users).await }
    })
    .await?;
    Ok(0)
}

/// Reads the inventory and remarks on it.
pub fn load(global: &GlobalArgs, terminal: &Terminal) -> Result<Loaded> {
    let loaded = Loaded::read(&global.sources()?)?;
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
}

/// Connects to a host, looks at it, and plans.
pub async fn look(loaded: &Loaded, host: Arc<dyn Host>, name: &str, scope: &Scope, tags: &[String]) -> Result<Seen> {
    let (known, facts) = session::facts(&*host, loaded, name).await?;
    let mut prepared = Prepared::new(loaded, name, &known, tags)?;
    Downloads::new(cache_folder(&loaded.environment)).fetch(&mut prepared.desired).await?;
    let observed = observe(&host, &prepared.desired, &facts).await?;
    lost_data(name, &known, &prepared, &observed)?;
    credentials::refuse_over_data(loaded, name, &known, &prepared.desired, &observed)?;
    let redactor = prepared.redactor();
    let plan = plan(&prepared.desired, &observed, scope, &|text| redactor.redact(text).into_owned());
    Ok(Seen { host, prepared, observed, plan })
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

#[allow(clippy::too_many_arguments, reason = "one call site; a struct would only rename them")]
async fn one(
    loaded: &Loaded,
    name: &str,
    defaults: &ConnectionDefaults,
    terminal: &Terminal,
    scope: &Scope,
    mode: ModeArgs,
    cancel: &CancellationToken,
    tags: &[String],
    users: Users,
) -> Result<()> {
    let sink = terminal.sink();
    let host = session::connect(loaded, name, defaults).await?;
    let lock = if mode.check { None } else { Some(session::lock(&*host, loaded, &tags.join(",")).await?) };
    let seen = look(loaded, host, name, scope, tags).await?;
    show(&seen.plan, mode.diff || mode.check, terminal);
    let context = operation::Context { host: &seen.host, prepared: &seen.prepared, name, sink: &sink };
    if mode.check {
        let missing = if users == Users::Ensure { operation::missing_users(&context, &seen.observed.memory)? } else { Vec::new() };
        if !missing.is_empty() {
            sink(name, Event::Stage { text: format!("these users would be made: {}", missing.join(", ")) });
        }
        return Ok(());
    }
    if let Some((path, names)) = credentials::keep(loaded, name, &credentials::system_random)? {
        let text = format!("made {}; kept in {path}: keep it private and back it up", names.join(", "));
        sink(name, Event::Done { text });
    }
    let redactor = seen.prepared.redactor();
    let redact = |text: &str| redactor.redact(text).into_owned();
    let run = Run {
        host: &seen.host,
        desired: &seen.prepared.desired,
        observed: &seen.observed,
        plan: &seen.plan,
        sink: &sink,
        cancel,
        previous_passwords: Mutex::default(),
        redact: &redact,
    };
    apply(&run).await?;
    if !seen.plan.is_empty() {
        sink(name, Event::Done { text: "the host is as the inventory declares".to_owned() });
    }
    if users == Users::Ensure {
        operation::ensure_users(&context, &seen.observed.memory).await?;
    }
    drop(lock);
    Ok(())
}

/// Writes a plan to standard output.
pub fn show(plan: &Plan, diffs: bool, terminal: &Terminal) {
    if terminal.json() {
        let line = serde_json::json!({"version": 1, "event": "plan", "host": plan.host, "plan": plan});
        terminal.out(&format!("{line}\n"));
    } else {
        terminal.out(&report::plan_text(plan, diffs, terminal.color()));
    }
}
