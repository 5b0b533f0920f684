//! `plan`: what would change.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use clap::Args;

use super::converge::Users;
use super::global::GlobalArgs;
use super::{Exit, apply, converge, fleet, session, tag};
use crate::authoring::{credentials, files};
use crate::diagnostic::{Error, Kind, Result};
use crate::pipeline::Loaded;
use crate::plan::{Arguments, Plan, SavedHost, SavedPlan, Scope};
use crate::report::{self, PlanDocument, Terminal};
use crate::role::Library;

/// Show what `install-all` would change, and touch nothing
#[derive(Debug, Args)]
pub struct PlanArgs {
    /// Exit with 2 when there are changes, 0 when there are none
    #[arg(long)]
    detailed_exitcode: bool,
    /// Only these tags, such as `install-synapse` or `setup-all`
    #[arg(short, long, value_name = "TAGS", value_delimiter = ',', default_value = "install-all")]
    tags: Vec<String>,
    /// Keep the plan in this file, for `homestead apply`
    ///
    /// It holds no secrets. Credentials that the plan would make are kept in the inventory now, as `install-all` does it.
    #[arg(long, value_name = "FILE")]
    out: Option<Utf8PathBuf>,
}

impl PlanArgs {
    /// Runs it.
    pub async fn run(&self, global: &GlobalArgs, terminal: &Terminal) -> Result<Exit> {
        let mut loaded = converge::load(global, terminal)?;
        credentials::fill(&mut loaded, &credentials::system_random)?;
        converge::warn(&credentials::remarks(&loaded), terminal);
        let loaded = Arc::new(loaded);
        let scope = scope(&self.tags, &loaded.library)?;
        converge::check_offline(&loaded, terminal)?;
        let defaults = Arc::new(session::defaults(global)?);
        let (users, mut salt) = (Users::of_tags(&self.tags), [0; 16]);
        credentials::system_random(&mut salt)?;
        let looked: Vec<(Plan, SavedHost)> = fleet::each(loaded.hosts()?, global.forks, terminal, |name| {
            let (loaded, defaults, scope, tags) = (loaded.clone(), defaults.clone(), scope.clone(), self.tags.clone());
            let terminal = terminal.clone();
            async move {
                let seen = converge::look(&loaded, &defaults, &name, &scope, &tags, None, &|_| ()).await?;
                converge::tell_half_done(seen.unfinished.as_ref(), &seen.observed, false, &|text| {
                    if !terminal.json() {
                        terminal.err(&format!("{name}: {text}\n"));
                    }
                });
                let saved = apply::kept(&seen, &name, users, &salt, &terminal)?;
                Ok((seen.plan, saved))
            }
        })
        .await?;
        let (plans, saved): (Vec<Plan>, Vec<SavedHost>) = looked.into_iter().unzip();
        let changes = plans.iter().any(|plan| !plan.is_empty());
        for (plan, saved) in plans.iter().zip(&saved).filter(|_| !terminal.json()) {
            if plans.len() > 1 {
                terminal.out(&format!("{}:\n", plan.host));
            }
            terminal.out(&report::plan_text(plan, true, terminal.color()));
            if !saved.users.is_empty() {
                terminal.out(&format!("These users would be made: {}.\n", saved.users.join(", ")));
            }
        }
        if let Some(path) = &self.out {
            let hosts: Vec<String> = plans.iter().map(|plan| plan.host.clone()).collect();
            self.keep(path, &loaded, global, salt, hosts.into_iter().zip(saved), terminal)?;
        }
        if terminal.json() {
            let document = PlanDocument { version: crate::plan::VERSION, plans };
            let text = serde_json::to_string_pretty(&document)
                .map_err(|error| Error::new(Kind::Usage, "the plan cannot be written as JSON").caused_by(error))?;
            terminal.out(&format!("{text}\n"));
        }
        Ok(if self.detailed_exitcode && changes { 2 } else { 0 })
    }

    /// Writes the plan down, and the credentials that it rests on.
    fn keep(
        &self,
        path: &Utf8Path,
        loaded: &Loaded,
        global: &GlobalArgs,
        salt: [u8; 16],
        hosts: impl Iterator<Item = (String, SavedHost)>,
        terminal: &Terminal,
    ) -> Result<()> {
        let hosts: BTreeMap<String, SavedHost> = hosts.collect();
        let tell = |text: &str| {
            if !terminal.json() {
                terminal.err(text);
            }
        };
        for name in hosts.keys() {
            // Else the run that applies it would make others.
            if let Some((path, names)) = credentials::keep(loaded, name, &credentials::system_random)? {
                tell(&format!("{name}: made {}; kept in {path}: keep it private and back it up\n", names.join(", ")));
            }
        }
        let names: Vec<String> = hosts.keys().cloned().collect();
        let saved = SavedPlan {
            version: crate::plan::VERSION,
            homestead: env!("CARGO_PKG_VERSION").to_owned(),
            run: loaded.run.clone(),
            at: humantime::format_rfc3339_seconds(loaded.now).to_string(),
            arguments: Arguments {
                inventory: global.inventory.iter().map(ToString::to_string).collect(),
                limit: global.limit.clone(),
                tags: self.tags.clone(),
                extra_vars: apply::extra_names(loaded, &names),
                roles_dir: global.roles_dir.as_ref().map(ToString::to_string),
            },
            salt: hex::encode(salt),
            hosts,
        };
        files::replace(path, &saved.text()?, 0o600)?;
        tell(&format!("kept in {path}; carry it out with `homestead apply {path}`\n"));
        Ok(())
    }
}

/// What of the desired state tags are about.
///
/// # Errors
/// An unknown tag, or one that changes no state.
pub fn scope(tags: &[String], library: &Library) -> Result<Scope> {
    let mut scope = Scope { roles: Some(BTreeSet::new()), remove_orphans: false, ..Scope::default() };
    for name in tags {
        match tag::parse(name, library, None)? {
            tag::Job::Converge { roles, remove_orphans } => {
                scope.remove_orphans |= remove_orphans;
                match (roles, &mut scope.roles) {
                    (None, all) => *all = None,
                    (Some(roles), Some(some)) => some.extend(roles),
                    (Some(_), None) => {}
                }
            }
            _ => return Err(Error::new(Kind::Usage, format!("`{name}` changes no state, so there is nothing to plan"))),
        }
    }
    Ok(scope)
}
