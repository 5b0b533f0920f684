//! `run-tags`: what MDAD's users do with `--tags`.

use std::collections::BTreeSet;

use clap::Args;

use super::converge::{self, ModeArgs};
use super::global::GlobalArgs;
use super::postgres::ReplacingArgs;
use super::procedure::{Connected, on_each};
use super::service_control::{Verb, control};
use super::tag::{self, Job};
use super::{Exit, ensure_users, postgres, register_user, self_check};
use crate::diagnostic::{Error, Kind, Result};
use crate::operation;
use crate::operation::postgres::Vacuum;
use crate::pipeline::{HostFacts, Loaded, variables};
use crate::plan::Scope;
use crate::report::Terminal;
use crate::secret::Secret;
use crate::vars::Variables;

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
        run(&self.tags, self.mode.clone(), global, terminal).await
    }
}

/// Runs tags: what converges in one run and first, as the playbook does it; the rest in their order.
pub async fn run(tags: &[String], mode: ModeArgs, global: &GlobalArgs, terminal: &Terminal) -> Result<Exit> {
    let loaded = converge::load(global, terminal)?;
    let extra = Extra::of(&loaded)?;
    let group = extra.text("group")?;
    let jobs: Vec<Job> = tags.iter().map(|name| tag::parse(name.trim(), &loaded.library, group.as_deref())).collect::<Result<_>>()?;
    if mode.check
        && let Some((name, _)) = tags.iter().zip(&jobs).find(|(_, job)| !matches!(job, Job::Converge { .. }))
    {
        return Err(
            Error::new(Kind::Usage, format!("`{name}` has no `--check`: it would be done")).hint("leave it out, or leave out `--check`")
        );
    }
    let mut scope = Scope { roles: Some(BTreeSet::new()), remove_orphans: false, ..Scope::default() };
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
        converge::converge(global, terminal, &scope, mode, tags, converge::Users::Leave).await?;
    } else if jobs.iter().any(|job| matches!(job, Job::Operation(_))) {
        converge::check_offline(&loaded, terminal)?;
    }
    let mut exit = 0;
    for job in jobs {
        match job {
            Job::Converge { .. } => {}
            // Converging has started everything already.
            Job::Start(None) if converges => {}
            Job::Start(group) => control(global, terminal, Verb::Start, group).await?,
            Job::Stop(group) => control(global, terminal, Verb::Stop, group).await?,
            Job::Restart(group) => control(global, terminal, Verb::Restart, group).await?,
            Job::Operation(run) => exit = exit.max(operate(global, terminal, &run, &extra).await?),
        }
    }
    Ok(exit)
}

/// What `-e` hands to tags.
struct Extra(Option<Variables>);

impl Extra {
    fn of(loaded: &Loaded) -> Result<Self> {
        let host = loaded.hosts()?.into_iter().next();
        Ok(Self(host.map(|host| variables(loaded, &host, &HostFacts::assumed(), &[])).transpose()?))
    }

    fn value(&self, name: &str) -> Result<Option<serde_json::Value>> {
        match &self.0 {
            Some(variables) if variables.definition(name).is_some() => Ok(Some(variables.get(name)?.value)),
            _ => Ok(None),
        }
    }

    fn text(&self, name: &str) -> Result<Option<String>> {
        Ok(match self.value(name)? {
            Some(serde_json::Value::String(text)) => Some(text),
            None | Some(serde_json::Value::Null) => None,
            Some(other) => Some(other.to_string()),
        })
    }

    fn truth(&self, name: &str) -> Result<bool> {
        Ok(self.text(name)?.is_some_and(|text| matches!(text.as_str(), "yes" | "true" | "True" | "1")))
    }

    fn texts(&self, name: &str) -> Result<Vec<String>> {
        Ok(match self.value(name)? {
            Some(serde_json::Value::Array(items)) => items.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect(),
            Some(serde_json::Value::String(text)) => {
                text.split(',').map(|item| item.trim().to_owned()).filter(|item| !item.is_empty()).collect()
            }
            _ => Vec::new(),
        })
    }

    fn user(&self) -> Result<operation::NewUser> {
        match (self.text("username")?, self.text("password")?) {
            (Some(username), Some(password)) => {
                Ok(operation::NewUser { username, password: Secret::new(password), admin: self.truth("admin")? })
            }
            _ => Err(Error::new(Kind::Usage, "`register-user` needs a username, a password, and whether the user is an admin")
                .hint("homestead run-tags register-user -e username=alice -e password=... -e admin=no")),
        }
    }
}

async fn operate(global: &GlobalArgs, terminal: &Terminal, run: &str, extra: &Extra) -> Result<Exit> {
    match run {
        "doctor" => {
            on_each(global, terminal, None, |connected: Connected| async move { operation::doctor(&connected.context()).await }).await?;
        }
        "syn2mas" => {
            on_each(global, terminal, None, |connected: Connected| async move {
                let operation = connected.operation("syn2mas", "matrix-authentication-service")?;
                operation::syn2mas(&connected.context(), operation, &connected.holder("run-tags syn2mas")).await
            })
            .await?;
        }
        "docker-prune" => {
            let work = |connected: Connected| async move { operation::docker_prune(&connected.context()).await };
            on_each(global, terminal, Some("run-docker-prune"), work).await?;
        }
        "register-user" => register_user::register(global, terminal, extra.user()?).await?,
        "ensure-users" => ensure_users::ensure(global, terminal).await?,
        "self-check" => return self_check::check(global, terminal, &self_check::SelfCheckArgs::default()).await,
        "vacuum" => {
            let request =
                Vacuum { preset: extra.text("postgres_vacuum_preset")?, databases: extra.texts("postgres_vacuum_databases_list")? };
            postgres::vacuum(global, terminal, request).await?;
        }
        // Whoever types the tag has decided.
        "upgrade-postgres" => postgres::upgrade(global, terminal, true).await?,
        "import-postgres" => {
            let path = extra.text("server_path_postgres_dump")?.ok_or_else(|| {
                Error::new(Kind::Usage, "`import-postgres` needs the dump's path on the host")
                    .hint("homestead run-tags import-postgres -e server_path_postgres_dump=/root/dump.sql.gz")
            })?;
            // Whoever sets the variable has answered the question.
            let replace = extra.truth("postgres_import_replace")?;
            postgres::import(global, terminal, &path, ReplacingArgs { replace, yes: replace }).await?;
        }
        other => return Err(Error::new(Kind::Usage, format!("homestead has no procedure `{other}`"))),
    }
    Ok(0)
}
