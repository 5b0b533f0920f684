//! `plan`: what would change.

use std::sync::Arc;

use clap::Args;

use super::global::GlobalArgs;
use super::{Exit, converge, fleet, session, tag};
use crate::authoring::credentials;
use crate::diagnostic::{Error, Kind, Result};
use crate::plan::{Plan, Scope};
use crate::report::{self, Terminal};

/// Show what `install-all` would change, and touch nothing
#[derive(Debug, Args)]
pub struct PlanArgs {
    /// Exit with 2 when there are changes, 0 when there are none
    #[arg(long)]
    detailed_exitcode: bool,
    /// Only these tags, such as `install-synapse` or `setup-all`
    #[arg(short, long, value_name = "TAGS", value_delimiter = ',', default_value = "install-all")]
    tags: Vec<String>,
}

impl PlanArgs {
    /// Runs it.
    pub async fn run(&self, global: &GlobalArgs, terminal: &Terminal) -> Result<Exit> {
        let mut loaded = converge::load(global, terminal)?;
        credentials::fill(&mut loaded, &credentials::system_random)?;
        converge::warn(&credentials::remarks(&loaded), terminal);
        let loaded = Arc::new(loaded);
        let scope = self.scope(&loaded.library)?;
        converge::check_offline(&loaded, terminal)?;
        let defaults = Arc::new(session::defaults(global)?);
        let plans: Vec<Plan> = fleet::each(loaded.hosts()?, global.forks, terminal, |name| {
            let (loaded, defaults, scope, tags) = (loaded.clone(), defaults.clone(), scope.clone(), self.tags.clone());
            async move {
                let host = session::connect(&loaded, &name, &defaults).await?;
                Ok(converge::look(&loaded, host, &name, &scope, &tags).await?.plan)
            }
        })
        .await?;
        if terminal.json() {
            let document = serde_json::json!({"version": crate::plan::VERSION, "plans": plans});
            terminal.out(&format!("{document:#}\n"));
        } else {
            for plan in &plans {
                if plans.len() > 1 {
                    terminal.out(&format!("{}:\n", plan.host));
                }
                terminal.out(&report::plan_text(plan, true, terminal.color()));
            }
        }
        let changes = plans.iter().any(|plan| !plan.is_empty());
        Ok(if self.detailed_exitcode && changes { 2 } else { 0 })
    }

    fn scope(&self, library: &crate::role::Library) -> Result<Scope> {
        let mut scope = Scope { roles: Some(std::collections::BTreeSet::new()), remove_orphans: false };
        for name in &self.tags {
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
}
