//! `run-tags`: what MDAD's users do with `--tags`.

use std::collections::BTreeSet;
use std::sync::Arc;

use clap::Args;

use super::converge::{self, ModeArgs};
use super::global::GlobalArgs;
use super::tag::{self, Job};
use super::{Exit, fleet, register_user, service_control, session};
use crate::diagnostic::{Error, Kind, Result};
use crate::operation;
use crate::pipeline::{HostFacts, Loaded, Prepared, variables};
use crate::plan::Scope;
use crate::report::Terminal;

/// Run the parts that tags name, such as `install-synapse,start` or `mas-cli-doctor`
#[derive(Debug, Args)]
pub struct RunTagsArgs {
    /// Tags, separated by commas
    #[arg(required = true, value_delimiter = ',', value_name = "TAGS")]
    tags: Vec<String>,
    #[command(flatten)]
    mode: ModeArgs,
}

impl RunTagsArgs {
    /// Runs it.
    pub async fn run(&self, global: &GlobalArgs, terminal: &Terminal) -> Result<Exit> {
        let loaded = Arc::new(converge::load(global, terminal)?);
        let extra = extra(&loaded)?;
        let jobs: Vec<Job> =
            self.tags.iter().map(|name| tag::parse(name.trim(), &loaded.library, extra.group.as_deref())).collect::<Result<_>>()?;
        if self.mode.check
            && let Some((name, _)) = self.tags.iter().zip(&jobs).find(|(_, job)| !matches!(job, Job::Converge { .. }))
        {
            return Err(Error::new(Kind::Usage, format!("`{name}` has no `--check`: it would be done"))
                .hint("leave it out, or leave out `--check`"));
        }
        // All that converges goes in one run, as the playbook does it.
        let mut scope = Scope { roles: Some(BTreeSet::new()), remove_orphans: false };
        let mut converges = false;
        for job in &jobs {
            if let Job::Converge { roles, remove_orphans } = job {
                converges = true;
                scope.remove_orphans |= remove_orphans;
                match (roles, &mut scope.roles) {
                    (None, all) => *all = None,
                    (Some(roles), Some(some)) => some.extend(roles.iter().cloned()),
                    (Some(_), None) => {}
                }
            }
        }
        if converges {
            converge::converge(global, terminal, &scope, self.mode, &self.tags).await?;
        } else if jobs.iter().any(|job| matches!(job, Job::Operation { .. })) {
            converge::check_offline(&loaded, terminal)?;
        }
        for job in jobs {
            match job {
                Job::Converge { .. } => {}
                Job::Nothing => {
                    terminal.err("warning: homestead does not create declared users yet; `homestead register-user` makes one\n");
                }
                // Converging has started everything already.
                Job::Start(None) if converges => {}
                Job::Start(group) => service_control::control(global, terminal, service_control::Verb::Start, group).await?,
                Job::Stop(group) => service_control::control(global, terminal, service_control::Verb::Stop, group).await?,
                Job::RegisterUser => {
                    let request = extra.user.clone().ok_or_else(|| {
                        Error::new(Kind::Usage, "`register-user` needs a username, a password, and whether the user is an admin")
                            .hint("homestead run-tags register-user -e username=alice -e password=... -e admin=no")
                    })?;
                    register_user::register(global, terminal, request).await?;
                }
                Job::Operation { run, role } => operate(global, terminal, &loaded, &run, &role).await?,
            }
        }
        Ok(0)
    }
}

/// What `-e` hands to tags.
struct Extra {
    group: Option<String>,
    user: Option<operation::NewUser>,
}

fn extra(loaded: &Loaded) -> Result<Extra> {
    let Some(host) = loaded.hosts()?.into_iter().next() else { return Ok(Extra { group: None, user: None }) };
    let variables = variables(loaded, &host, &HostFacts::assumed(), &[])?;
    let text = |name: &str| -> Result<Option<String>> {
        if variables.definition(name).is_none() {
            return Ok(None);
        }
        Ok(match variables.get(name)?.value {
            serde_json::Value::String(text) => Some(text),
            serde_json::Value::Null => None,
            other => Some(other.to_string()),
        })
    };
    let user = match (text("username")?, text("password")?) {
        (Some(username), Some(password)) => Some(operation::NewUser {
            username,
            password: crate::secret::Secret::new(password),
            admin: text("admin")?.is_some_and(|admin| matches!(admin.as_str(), "yes" | "true" | "1")),
        }),
        _ => None,
    };
    Ok(Extra { group: text("group")?, user })
}

async fn operate(global: &GlobalArgs, terminal: &Terminal, loaded: &Arc<Loaded>, run: &str, role: &str) -> Result<()> {
    let defaults = Arc::new(session::defaults(global)?);
    fleet::each(loaded.hosts()?, global.forks, terminal, |name| {
        let (loaded, defaults, terminal) = (loaded.clone(), defaults.clone(), terminal.clone());
        let (run, role) = (run.to_owned(), role.to_owned());
        async move {
            let host = session::connect(&loaded, &name, &defaults).await?;
            let (facts, _) = session::facts(&*host, &loaded, &name).await?;
            let prepared = Prepared::new(&loaded, &name, &facts, &[])?;
            if !prepared.desired.roles.contains(&role) {
                return Err(Error::new(Kind::Invalid, format!("`{role}` is not enabled on `{name}`")));
            }
            let context = operation::Context { host: &host, prepared: &prepared, name: &name, sink: &terminal.sink() };
            let declared = prepared.desired.operations.iter().find(|operation| operation.run == run && operation.role == role);
            match (run.as_str(), declared) {
                ("doctor", _) => operation::doctor(&context).await,
                ("syn2mas", Some(operation)) => {
                    operation::syn2mas(&context, operation, &session::holder(&loaded, "run-tags syn2mas")).await
                }
                (other, _) => Err(Error::new(Kind::Usage, format!("homestead has no procedure `{other}` yet"))),
            }
        }
    })
    .await?;
    Ok(())
}
