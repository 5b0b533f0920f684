//! Puts back what a failed run changed.

use super::{Run, databases, remember, services};
use crate::diagnostic::{Error, Kind};
use crate::host::{self, Push, PushFile};
use crate::plan::{RestartKind, Step};

/// Puts files and units back to what they were, and gives the error that the run ends with.
///
/// Users, networks, images, folders, keys, and databases stay: they harm nobody and may hold data.
pub async fn put_back(run: &Run<'_>, cause: Error) -> Error {
    run.warn(format!("{}; putting everything back", cause.message));
    match restore(run).await {
        Ok(state) => {
            let mut error = Error { kind: Kind::RolledBack, ..cause };
            error.hints.push(state);
            error
        }
        Err(problem) => {
            let message = format!("{}; putting the previous state back failed too: {}", cause.message, problem.message);
            let mut error = Error { kind: Kind::HostFailed, message, ..cause };
            error.hints.extend(problem.hints);
            error.hints.push("look at the host before the next run: some services may be stopped".to_owned());
            error
        }
    }
}

async fn restore(run: &Run<'_>) -> crate::diagnostic::Result<String> {
    let mut push = Push::default();
    for action in &run.plan.actions {
        let Step::PutFile(file) = &action.step else { continue };
        let Some(state) = run.observed.paths.get(&file.path) else {
            push.remove.push(file.path.clone());
            continue;
        };
        // A file whose mode alone changed was not fetched: its bytes are the ones that were pushed.
        let bytes = run.observed.contents.get(&file.path).cloned().unwrap_or_else(|| file.contents.reveal().clone().into_bytes());
        push.files.push(PushFile {
            path: file.path.clone(),
            bytes,
            mode: state.mode.clone(),
            owner: state.uid.to_string(),
            group: state.gid.to_string(),
            keep_existing: false,
        });
    }
    let kind = |wanted: RestartKind| {
        let units = run.plan.restarts.iter().filter(move |restart| restart.kind == wanted).map(|restart| restart.unit.clone());
        units.collect::<Vec<String>>()
    };
    let (started, restarted) = (kind(RestartKind::Start), kind(RestartKind::Restart));
    // While Postgres still runs, if it was this run that started it.
    databases::put_back(run).await?;
    // What did not run before stops first, while its unit is still known.
    if !started.is_empty() {
        host::systemd::stop(&**run.host, &started).await?;
    }
    let enabled = services::enabled_by(run.plan);
    if !enabled.is_empty() {
        host::systemd::disable(&**run.host, &enabled).await?;
    }
    host::systemd::enable(&**run.host, &services::disabled_by(run.plan)).await?;
    let (files, removed) = (push.files.len(), push.remove.len());
    if files + removed > 0 {
        host::push(&**run.host, &push).await?;
        host::systemd::daemon_reload(&**run.host).await?;
    }
    if !restarted.is_empty() {
        host::systemd::restart(&**run.host, &restarted).await?;
    }
    // Whatever was to go is still there.
    let stopped = kind(RestartKind::Stop);
    if !stopped.is_empty() {
        host::systemd::start(&**run.host, &stopped).await?;
    }
    remember::restore(run).await?;
    let services: Vec<_> = run.desired.services.iter().filter(|service| restarted.contains(&service.unit)).cloned().collect();
    services::healthy(run.host, &run.plan.host, &services, run.sink, run.redact).await?;
    run.done("everything is as it was before");
    Ok(format!(
        "put back: {files} files restored, {removed} new files removed, {} services restarted as before, {} stopped again",
        restarted.len(),
        started.len()
    ))
}
