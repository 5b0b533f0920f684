//! `apply`: carry out a plan that was saved.

use std::collections::BTreeSet;
use std::sync::Arc;

use camino::Utf8PathBuf;
use clap::Args;

use super::converge::{self, Convergence, ModeArgs, Seen, Users};
use super::global::GlobalArgs;
use super::{Exit, fleet, plan, session};
use crate::authoring::credentials;
use crate::diagnostic::{Error, Kind, Result};
use crate::inventory::LayerKind;
use crate::operation;
use crate::pipeline::Loaded;
use crate::plan::{SavedHost, SavedPlan};
use crate::report::Terminal;

/// Carry out a plan that `plan --out FILE` saved, if it still is what would be done
///
/// Reads the inventory and looks at the hosts again. If anything that the plan rests on has changed, it says what, and
/// ends with 22 before any host is touched.
#[derive(Debug, Args)]
pub struct ApplyArgs {
    /// The saved plan
    file: Utf8PathBuf,
    /// Show the differences of files too
    #[arg(short = 'D', long)]
    diff: bool,
}

impl ApplyArgs {
    /// Runs it.
    pub async fn run(&self, global: &GlobalArgs, terminal: &Terminal) -> Result<Exit> {
        let text = fs_err::read_to_string(&self.file).map_err(|error| {
            Error::new(Kind::Usage, format!("the plan `{}` cannot be read; nothing was touched", self.file)).caused_by(error)
        })?;
        let saved = SavedPlan::read(&text, self.file.as_str(), env!("CARGO_PKG_VERSION"))?;
        let global = as_then(global, &saved);
        let mut loaded = converge::load(&global, terminal)?;
        credentials::fill(&mut loaded, &credentials::system_random)?;
        let hosts = hosts(&loaded, &saved, global.limit.is_some() && global.limit != saved.arguments.limit)?;
        let (scope, tags) = (plan::scope(&saved.arguments.tags, &loaded.library)?, saved.arguments.tags.clone());
        let saved = Arc::new(saved);
        let expected = Expected { given: extra_names(&loaded, &hosts), saved };
        converge::check_offline(&loaded, terminal)?;
        let (loaded, defaults) = (Arc::new(loaded), Arc::new(session::defaults(&global)?));
        if hosts.len() > 1 {
            // All of them, before the first is touched; each is looked at once more under its lock.
            fleet::all(hosts.clone(), global.forks, terminal, |name| {
                let (loaded, defaults, scope, tags) = (loaded.clone(), defaults.clone(), scope.clone(), tags.clone());
                let (expected, terminal) = (expected.clone(), terminal.clone());
                async move {
                    let seen = converge::look(&loaded, &defaults, &name, &scope, &tags, None, &|_| ()).await?;
                    expected.check(&seen, &name, &terminal)
                }
            })
            .await?;
        }
        let convergence = Convergence {
            scope,
            mode: ModeArgs { diff: self.diff, ..ModeArgs::default() },
            tags,
            users: expected.users(),
            command: format!("apply {}", self.file),
            expected: Some(expected),
        };
        Box::pin(converge::on(&global, terminal, loaded, defaults, hosts, convergence)).await
    }
}

/// The options that shaped the plan, where the command line does not say others.
fn as_then(global: &GlobalArgs, saved: &SavedPlan) -> GlobalArgs {
    let mut global = global.clone();
    let then = &saved.arguments;
    if !global.names_inventory() {
        global.inventory = then.inventory.iter().map(Utf8PathBuf::from).collect();
    }
    global.limit = global.limit.or_else(|| then.limit.clone());
    global.roles_dir = global.roles_dir.or_else(|| then.roles_dir.as_ref().map(Utf8PathBuf::from));
    global
}

/// The hosts of the plan; with a limit of this run's own, those of them that it selects.
fn hosts(loaded: &Loaded, saved: &SavedPlan, limited: bool) -> Result<Vec<String>> {
    let selected = loaded.hosts()?;
    let names = || saved.hosts.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
    if !limited && let Some(gone) = saved.hosts.keys().find(|host| !selected.contains(host)) {
        return Err(Error::new(Kind::Usage, format!("the plan is for `{gone}`, which the inventory does not have; nothing was touched"))
            .hint("give the inventory that it was made with: `-i PATH`"));
    }
    let hosts: Vec<String> = selected.into_iter().filter(|host| saved.hosts.contains_key(host)).collect();
    if hosts.is_empty() {
        return Err(Error::new(Kind::Usage, "the plan is for none of the hosts that `--limit` selects; nothing was touched")
            .hint(format!("it is for {}", names())));
    }
    Ok(hosts)
}

/// The names of the variables that `-e` sets.
pub fn extra_names(loaded: &Loaded, hosts: &[String]) -> BTreeSet<String> {
    let layers = hosts.first().map(|host| loaded.inventory.layers(host)).unwrap_or_default();
    let extra = layers.into_iter().filter(|layer| layer.kind == LayerKind::Extra);
    extra.flat_map(|layer| layer.variables.into_iter().map(|variable| variable.name)).collect()
}

/// The plan that a run must come to.
#[derive(Clone)]
pub struct Expected {
    saved: Arc<SavedPlan>,
    /// The names of the variables that `-e` sets now.
    given: BTreeSet<String>,
}

impl Expected {
    /// # Errors
    /// Kind `Stale`: it is another plan.
    pub fn check(&self, seen: &Seen, name: &str, terminal: &Terminal) -> Result<()> {
        let now = kept(seen, name, self.users(), &self.saved.salt()?, terminal)?;
        self.saved.check(name, &now, &self.given)
    }

    fn users(&self) -> Users {
        Users::of_tags(&self.saved.arguments.tags)
    }
}

/// What is kept of a host's plan.
pub fn kept(seen: &Seen, name: &str, users: Users, salt: &[u8], terminal: &Terminal) -> Result<SavedHost> {
    let sink = terminal.sink();
    let context = operation::Context { host: &seen.host, prepared: &seen.prepared, name, sink: &sink };
    let users = if users == Users::Ensure { operation::missing_users(&context, &seen.observed.memory)? } else { Vec::new() };
    let redactor = seen.prepared.redactor();
    let redact = |text: &str| redactor.redact(text).into_owned();
    SavedHost::new(&seen.prepared.desired, &seen.observed, &seen.plan, users, salt, &redact)
}
