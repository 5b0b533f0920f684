//! The order of a run.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::chain::Chain;
use super::commit::Known;
use super::journal::{self, End};
use super::progress::Progress;
use super::staged::Staged;
use super::{
    account, builds, commit, databases, docker_install, first_start, preflight, pull, remember, remove, rollback, routes, save, schemas,
    services, undo,
};
use crate::desired::{Desired, Service};
use crate::diagnostic::{Error, Kind, Result};
use crate::host::systemd::Verb;
use crate::host::{
    self, Heard, Host, KeyRequest, Link, Linked, Lock, LockHolder, Mode, Output, Push, PushDirectory, PushFile, Script, store,
};
use crate::plan::{Action, Change, Observed, Plan, Restart, RestartKind, Schemas, Step};
use crate::report::{Event, RunStep, Sink};

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
    /// The host's lock; it writes the journal.
    pub lock: &'a Lock,
    /// Who holds it, and what for.
    pub holder: &'a LockHolder,
    /// What was done so far.
    pub progress: Progress,
    /// Takes known secrets out of a text.
    pub redact: &'a (dyn Fn(&str) -> String + Sync),
}

/// Who carries a plan out, and who listens.
#[derive(Clone, Copy)]
pub struct Operator<'a> {
    /// Where events go.
    pub sink: &'a Sink,
    /// Cancelled when the user wants the run to stop.
    pub cancel: &'a CancellationToken,
    /// The host's lock; it writes the journal.
    pub lock: &'a Lock,
    /// Who holds it, and what for.
    pub holder: &'a LockHolder,
}

impl<'a> Run<'a> {
    /// A run that has done nothing yet. `plan` is what leads from `observed` to `desired`; `redact` takes known secrets out of
    /// a text.
    pub fn new(
        host: &'a Arc<dyn Host>,
        desired: &'a Desired,
        observed: &'a Observed,
        plan: &'a Plan,
        operator: Operator<'a>,
        redact: &'a (dyn Fn(&str) -> String + Sync),
    ) -> Self {
        let Operator { sink, cancel, lock, holder } = operator;
        Self { host, desired, observed, plan, sink, cancel, lock, holder, progress: Progress::default(), redact }
    }
}

impl Run<'_> {
    pub(super) async fn step(&self, step: RunStep) -> Result<()> {
        self.step_of(step, &[]).await
    }

    /// Tells the listener and the host's journal that the run comes to a step.
    pub(super) async fn step_of(&self, step: RunStep, units: &[String]) -> Result<()> {
        (self.sink)(&self.plan.host, Event::Step { step, units: units.to_vec() });
        self.lock.note(&journal::Line::Step { step, units }).await
    }

    pub(super) fn stage(&self, text: impl Into<String>) {
        (self.sink)(&self.plan.host, Event::Stage { text: text.into() });
    }

    pub(super) fn done(&self, text: impl Into<String>) {
        (self.sink)(&self.plan.host, Event::Done { text: text.into() });
    }

    pub(super) fn warn(&self, text: impl Into<String>) {
        (self.sink)(&self.plan.host, Event::Warning { text: text.into() });
    }

    /// An error when the user asked to stop, or somebody took the lock away. `state` says what was done so far.
    fn checkpoint(&self, state: &str) -> Result<()> {
        self.lock.check().map_err(|error| error.hint(state.to_owned()))?;
        if self.cancel.is_cancelled() {
            return Err(Error::new(Kind::Interrupted, format!("stopped as asked; {state}")));
        }
        Ok(())
    }
}

/// Carries the plan out, and completes what an earlier run left half done.
///
/// # Errors
/// Kind `HostFailed` where nothing that ran was touched or putting back failed too; kind `RolledBack`
/// where a service did not become healthy and everything was put back.
pub async fn apply(run: &Run<'_>) -> Result<()> {
    let half_done = run.lock.unfinished().is_some() || run.observed.undo.is_some();
    // A host taken over from elsewhere has no manifest yet: write it down, once.
    if run.plan.is_empty() && !half_done && !remember::changes(run) {
        return Ok(());
    }
    journal::begin(run).await?;
    let outcome = carry_out(run, half_done).await;
    journal::end(run, End::of(&outcome, run.progress.has_written())).await;
    outcome
}

async fn carry_out(run: &Run<'_>, half_done: bool) -> Result<()> {
    if run.plan.is_empty() && !half_done {
        run.step(RunStep::Commit).await?;
        return commit::commit(run, Known::default()).await;
    }
    let untouched = |error: Error| error.hint("nothing that runs was touched");
    run.checkpoint("nothing was touched")?;
    run.step(RunStep::Check).await?;
    let images = |step: &Step| matches!(step, Step::InstallDocker | Step::PullImage(_) | Step::PinImage(_) | Step::BuildImage(_));
    let images = run.plan.actions.iter().any(|action| images(&action.step));
    let schemas = before(run, !images).await.map_err(untouched)?;
    if run.plan.actions.iter().any(|action| matches!(action.step, Step::InstallDocker)) {
        run.step(RunStep::InstallDocker).await?;
        docker_install::install(run).await.map_err(untouched)?;
    }
    run.checkpoint("nothing was touched")?;
    run.step(RunStep::Pull).await?;
    pull::images(run).await.map_err(untouched)?;
    builds::images(run).await.map_err(untouched)?;
    run.checkpoint("images were pulled, nothing else was touched")?;
    if images {
        if let Some(staged) = Staged::of(run) {
            let script = staged.script(run).map_err(untouched)?;
            let [answer] = ask(run, [Some(script)]).await.map_err(untouched)?;
            answer.map_or(Ok(()), |output| staged.judge(run, &output)).map_err(untouched)?;
        }
        run.checkpoint("images were pulled and the configurations checked, nothing else was touched")?;
    }
    run.step(RunStep::Prepare).await?;
    account::create(run).await.map_err(untouched)?;
    pull::networks(run).await.map_err(untouched)?;
    run.checkpoint("users, networks and images were made, no service was touched")?;
    let save = save::script(run, schemas).await.map_err(untouched)?;
    let mut chain = Chain::new(run);
    chain.step(RunStep::Save, &[])?;
    if let Some(save) = save {
        chain.add(save, store::saved);
    }
    write(run, &mut chain).map_err(untouched)?;
    let known = match change(run, chain).await {
        Ok(known) => known,
        Err(error) => return Err(failed(run, error).await),
    };
    run.step(RunStep::Commit).await?;
    // Everything runs as declared: that it cannot be written down is no reason to put it back.
    commit::commit(run, known)
        .await
        .map_err(|error| error.hint("every service runs as declared; the next run writes down that this one succeeded"))
}

/// What can be known before anything is touched, all of it in one round trip: ports and room, and with `try_out` whether what is
/// new works; gives what the databases were migrated to, where the run may change that.
async fn before(run: &Run<'_>, try_out: bool) -> Result<Option<Schemas>> {
    let staged = if try_out { Staged::of(run) } else { None };
    let trial = staged.as_ref().map(|staged| staged.script(run)).transpose()?;
    let [room, schemas, trial] = ask(run, [preflight::script(run), schemas::before(run), trial]).await?;
    if let Some(room) = room {
        preflight::judge(run, &room)?;
    }
    if let (Some(staged), Some(trial)) = (staged, trial) {
        staged.judge(run, &trial)?;
    }
    Ok(schemas.and_then(|output| schemas::answer(run, &output)))
}

/// Asks the host several things at once; gives the answer to each question.
async fn ask<const N: usize>(run: &Run<'_>, questions: [Option<Script>; N]) -> Result<[Option<Output>; N]> {
    let asked = questions.each_ref().map(Option::is_some);
    let linked = |script: Script| Linked { script, link: Link::Optional, ..Linked::default() };
    let links: Vec<Linked> = questions.into_iter().flatten().map(linked).collect();
    let (mut answers, mut complaints) = (Vec::new(), Vec::new());
    let mut hear = |heard: Heard<'_>| match heard {
        Heard::Ended(_, status, stdout) => answers.push(Output { status, stdout: stdout.to_vec(), stderr: Vec::new() }),
        Heard::Complains(bytes) => complaints.extend_from_slice(bytes),
        Heard::Begins(_) | Heard::Line(..) => {}
    };
    if !links.is_empty() {
        host::chain(&**run.host, Mode::Held(run.lock), &links, &mut hear).await?;
    }
    let mut answers = answers.into_iter().map(|answer| Output { stderr: complaints.clone(), ..answer });
    Ok(asked.map(|asked| if asked { answers.next() } else { None }))
}

/// What a run ends with that came to save, write or change something.
async fn failed(run: &Run<'_>, error: Error) -> Error {
    let untouched = |error: Error| error.hint("nothing that runs was touched");
    if matches!(error.kind, Kind::Interrupted | Kind::Unreachable | Kind::Locked) {
        let down = run.progress.down();
        let error = if down.is_empty() { error } else { error.hint(format!("stopped meanwhile: {}", down.join(", "))) };
        return error.hint("the next run finishes what was begun");
    }
    if !run.progress.has_written() {
        return untouched(error);
    }
    if !run.progress.are_files_written() {
        return untouched(not_written(run, error).await);
    }
    // Data that is gone does not come back, and what lacks it had better not start.
    if run.progress.has_lost_data() {
        return error.hint("data was removed, so nothing was put back; the next run removes the rest");
    }
    rollback::put_back(run, error).await
}

/// Files go to the host all or none. Where none did, there is nothing to put back, unless an earlier run left it.
async fn not_written(run: &Run<'_>, error: Error) -> Error {
    // Without the lock, what lies there to be undone may be somebody else's.
    if let Err(lost) = run.lock.check() {
        return lost;
    }
    if run.observed.undo.is_none()
        && let Err(problem) = undo::discard(&**run.host).await
    {
        return error.hint(format!("what was kept for going back could not be removed: {}", problem.message));
    }
    run.progress.nothing_written();
    error
}

/// Everything from the files on: what fails behind them is put back. Gives what was found out on the way for the commit.
async fn change<'r>(run: &'r Run<'r>, mut chain: Chain<'r>) -> Result<Known> {
    if run.plan.actions.iter().any(|action| matches!(action.step, Step::BuildImage(_) | Step::PinImage(_))) {
        chain.go().await?;
        builds::name(run).await?;
    }
    restart(run, &mut chain).await?;
    if let Some(script) = routes::script(run) {
        chain.stage("waiting until the public addresses answer");
        chain.warn(script, routes::warning);
    }
    if left_over(run).is_empty() && !remove::is_wanted(run) {
        chain.step(RunStep::Remove, &[])?;
        commit::ask(run, &mut chain);
        chain.go().await?;
        return Ok(commit::answers(run, &chain));
    }
    chain.go().await?;
    left_running(run).await?;
    // Last, when all else works.
    run.step(RunStep::Remove).await?;
    let removed = remove::remove(run).await;
    run.progress.removed(removed.is_err() && run.plan.actions.iter().any(|action| matches!(action.step, Step::RemoveData(_))));
    removed.map(|()| Known::default())
}

/// What an earlier run started or restarted and this one does not.
fn left_over(run: &Run<'_>) -> Vec<Service> {
    let Some(undo) = &run.observed.undo else { return Vec::new() };
    let mine = |unit: &str| run.plan.restarts.iter().any(|restart| restart.unit == unit);
    let active = |unit: &str| run.observed.units.get(unit).is_some_and(|state| state.active);
    let services = run.desired.services.iter().filter(|service| undo.units.contains_key(&service.unit));
    services.filter(|service| !mine(&service.unit) && active(&service.unit)).cloned().collect()
}

/// It must work too before it counts as done.
async fn left_running(run: &Run<'_>) -> Result<()> {
    let services = left_over(run);
    if services.is_empty() {
        return Ok(());
    }
    let units: Vec<String> = services.iter().map(|service| service.unit.clone()).collect();
    run.step_of(RunStep::Health, &units).await?;
    services::healthy_again(run, &services).await
}

/// Folders, keys, and files, and the note which units must restart because of them.
fn write<'r>(run: &'r Run<'r>, chain: &mut Chain<'r>) -> Result<()> {
    chain.step_and(RunStep::Write, &[], || run.progress.begin_to_write())?;
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
        chain.stage(format!("writing {files} files and {directories} folders"));
    }
    push.directories.insert(0, remember::folder());
    if !keys.is_empty() {
        // Before the files: what needs a key must not lie there without it when this fails.
        let folders = Push { directories: std::mem::take(&mut push.directories), ..Push::default() };
        chain.add(folders.script()?, move |host, output| folders.outcome(host, output));
        let missing = |action: &&Action| matches!(action.step, Step::MakeKey(_)) && action.change == Change::Create;
        match run.plan.actions.iter().filter(missing).count() {
            0 => {}
            count => chain.stage(format!("making {count} keys")),
        }
        chain.add(host::keys_script(&keys)?, |host, output| host::made_keys(host, output).map(drop));
    }
    push.files.push(remember::pending(run)?);
    chain.add_then(push.script()?, move |host, output| push.outcome(host, output), || run.progress.files_are_written());
    if let Some(note) = first_start::note(run) {
        chain.add(
            note,
            |host, output| if output.status == 0 { Ok(()) } else { Err(host::failed(host, "noting the first start of Postgres", output)) },
        );
    }
    Ok(())
}

/// Units: reload, enable, stop, restart wave by wave with their health, databases in between.
async fn restart<'r>(run: &'r Run<'r>, chain: &mut Chain<'r>) -> Result<()> {
    chain.step(RunStep::Reload, &[])?;
    // Always: an earlier run may have been cut off between its files and this.
    chain.systemctl(Verb::DaemonReload, &[]);
    chain.systemctl(Verb::Enable, &services::enabled_by(run.plan));
    chain.systemctl(Verb::Disable, &services::disabled_by(run.plan));
    let restarting: Vec<_> = run.plan.restarts.iter().filter(|restart| restart.kind != RestartKind::Stop).cloned().collect();
    let stopped = crate::plan::stopped_first(run.desired, &run.plan.restarts);
    if !stopped.is_empty() {
        chain.gate("files were written, no service was touched");
        let touched = stopped.clone();
        chain.step_and(RunStep::Stop, &stopped, move || run.progress.touch(&touched, |_| true))?;
        chain.stage(format!("stopping {}", stopped.join(", ")));
        chain.add(host::others::stop_for_now_script(&stopped), |host, output| Verb::Stop.outcome(host, output));
    }
    let postgres = run.desired.services.iter().find(|service| service.role == "postgres");
    let is_postgres = |restart: &Restart| postgres.is_some_and(|service| service.unit == restart.unit);
    let mut databases = databases::are_wanted(run);
    if databases && !restarting.iter().any(is_postgres) {
        chain.go().await?;
        databases::put(run).await?;
        databases = false;
    }
    for wave in crate::plan::waves(run.desired, &restarting) {
        chain.gate("files were written and some services restarted");
        services::bring_up(run, chain, &wave)?;
        if databases && wave.iter().any(is_postgres) {
            chain.go().await?;
            databases::put(run).await?;
            databases = false;
        }
    }
    Ok(())
}
