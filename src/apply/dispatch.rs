//! The order of a run.

use std::sync::{Arc, Mutex};

use tokio_util::sync::CancellationToken;

use super::{account, builds, databases, docker_install, preflight, pull, remember, rollback, services};
use crate::desired::Desired;
use crate::diagnostic::{Error, Kind, Result};
use crate::host::{self, Host, KeyRequest, Push, PushDirectory, PushFile};
use crate::plan::{Observed, Plan, RestartKind, Step};
use crate::report::{Event, Sink};
use crate::secret::Secret;

/// Everything that a run works with.
pub struct Run<'a> {
    /// The machine.
    pub host: &'a Arc<dyn Host>,
    /// The state to reach.
    pub desired: &'a Desired,
    /// The state that was found.
    pub observed: &'a Observed,
    /// What to do.
    pub plan: &'a Plan,
    /// Where events go.
    pub sink: &'a Sink,
    /// Cancelled when the user wants the run to stop.
    pub cancel: &'a CancellationToken,
    /// Statements that give database roles their old passwords; filled when they change.
    pub previous_passwords: Mutex<Secret<String>>,
    /// Takes known secrets out of a text.
    pub redact: &'a (dyn Fn(&str) -> String + Sync),
}

impl Run<'_> {
    pub(super) fn stage(&self, text: impl Into<String>) {
        (self.sink)(&self.plan.host, Event::Stage { text: text.into() });
    }

    pub(super) fn done(&self, text: impl Into<String>) {
        (self.sink)(&self.plan.host, Event::Done { text: text.into() });
    }

    pub(super) fn warn(&self, text: impl Into<String>) {
        (self.sink)(&self.plan.host, Event::Warning { text: text.into() });
    }

    /// An error when the user asked to stop. `state` says what was done so far.
    fn checkpoint(&self, state: &str) -> Result<()> {
        if self.cancel.is_cancelled() {
            return Err(Error::new(Kind::Interrupted, format!("stopped as asked; {state}")));
        }
        Ok(())
    }
}

/// Carries the plan out.
///
/// # Errors
/// Kind `HostFailed` where nothing that ran was touched or putting back failed too; kind `RolledBack`
/// where a service did not become healthy and everything was put back.
pub async fn apply(run: &Run<'_>) -> Result<()> {
    if run.plan.is_empty() {
        // A host taken over from elsewhere has no manifest yet: write it down, once.
        return remember::if_changed(run).await;
    }
    let untouched = |error: Error| error.hint("nothing that runs was touched");
    preflight::ports(run).await.map_err(untouched)?;
    if run.plan.actions.iter().any(|action| matches!(action.step, Step::InstallDocker)) {
        docker_install::install(run).await.map_err(untouched)?;
    }
    run.checkpoint("nothing was touched")?;
    pull::images(run).await.map_err(untouched)?;
    builds::images(run).await.map_err(untouched)?;
    run.checkpoint("images were pulled, nothing else was touched")?;
    account::create(run).await.map_err(untouched)?;
    pull::networks(run).await.map_err(untouched)?;
    run.checkpoint("users, networks and images were made, no service was touched")?;
    push(run).await.map_err(untouched)?;
    match restart(run).await {
        Ok(()) => {
            // Last, when all else works: what is removed cannot be put back.
            services::remove(run).await?;
            remember::commit(run).await
        }
        Err(error) if matches!(error.kind, Kind::Interrupted | Kind::Unreachable) => {
            Err(error.hint("the next run finishes what was begun"))
        }
        Err(error) => Err(rollback::put_back(run, error).await),
    }
}

/// Folders, keys, and files, and the note which units must restart because of them.
async fn push(run: &Run<'_>) -> Result<()> {
    let mut push = Push::default();
    let mut keys = Vec::new();
    for action in &run.plan.actions {
        match &action.step {
            Step::PutDirectory(directory) => push.directories.push(PushDirectory {
                path: directory.path.clone(),
                mode: directory.mode.clone(),
                owner: directory.owner.clone(),
                group: directory.group.clone(),
            }),
            Step::PutFile(file) => push.files.push(PushFile {
                path: file.path.clone(),
                bytes: file.contents.reveal().clone().into_bytes(),
                mode: file.mode.clone(),
                owner: file.owner.clone(),
                group: file.group.clone(),
                keep_existing: false,
            }),
            Step::MakeKey(key) => keys.push(KeyRequest {
                path: key.path.clone(),
                mode: key.mode.clone(),
                owner: key.owner.clone(),
                group: key.group.clone(),
                command: key.command.clone(),
            }),
            _ => {}
        }
    }
    let (directories, files) = (push.directories.len(), push.files.len());
    if directories + files > 0 {
        run.stage(format!("writing {files} files and {directories} folders"));
    }
    push.directories.insert(0, remember::folder());
    if !keys.is_empty() {
        // Before the files: what needs a key must not lie there without it when this fails.
        let folders = Push { directories: std::mem::take(&mut push.directories), ..Push::default() };
        host::push(&**run.host, &folders).await?;
        run.stage(format!("making {} keys", keys.len()));
        host::make_keys(&**run.host, &keys).await?;
    }
    push.files.push(remember::pending(run)?);
    host::push(&**run.host, &push).await
}

/// Units: reload, enable, stop, restart wave by wave with their health, databases in between.
async fn restart(run: &Run<'_>) -> Result<()> {
    // Always: an earlier run may have been cut off between its files and this.
    host::systemd::daemon_reload(&**run.host).await?;
    let enabled = services::enabled_by(run.plan);
    if !enabled.is_empty() {
        host::systemd::enable(&**run.host, &enabled).await?;
    }
    host::systemd::disable(&**run.host, &services::disabled_by(run.plan)).await?;
    let restarting: Vec<_> = run.plan.restarts.iter().filter(|restart| restart.kind != RestartKind::Stop).cloned().collect();
    let stopped = crate::plan::stopped_first(run.desired, &run.plan.restarts);
    if !stopped.is_empty() {
        run.stage(format!("stopping {}", stopped.join(", ")));
        host::systemd::stop(&**run.host, &stopped).await?;
    }
    let postgres = run.desired.services.iter().find(|service| service.role == "postgres");
    let mut databases_done = false;
    if !restarting.iter().any(|restart| postgres.is_some_and(|service| service.unit == restart.unit)) {
        databases::put(run).await?;
        databases_done = true;
    }
    for wave in crate::plan::waves(run.desired, &restarting) {
        run.checkpoint("files were written and some services restarted")?;
        services::bring_up(run, &wave).await?;
        let has_postgres = wave.iter().any(|restart| postgres.is_some_and(|service| service.unit == restart.unit));
        if has_postgres && !databases_done {
            databases::put(run).await?;
            databases_done = true;
        }
    }
    Ok(())
}
