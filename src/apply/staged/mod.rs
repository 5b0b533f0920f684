//! What is new is tried with the real programs before anything is written: containers are made and never started, and
//! programs look at their configurations, in the images that the services are about to run.

mod options;

use std::collections::{BTreeMap, BTreeSet};

use super::{Run, builds};
use crate::desired::{Check, Service, Trial};
use crate::diagnostic::{Error, Kind, Result};
use crate::host::{self, KeyRequest, Output, PushDirectory, PushFile, Script, Trials, Verdict};
use crate::plan::{RestartKind, Step};

/// How many lines of what a program wrote are shown.
const LAST_LINES: usize = 15;

/// What a job is about.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Job {
    /// Docker makes the container of this unit.
    Container(String),
    /// A program looks at what this unit is about to read.
    Check(String, Check),
    /// The managed Postgres answers.
    Postgres(String),
}

/// What is tried, and what each part of the answer is about.
pub struct Staged {
    trials: Trials,
    jobs: Vec<Job>,
}

impl Staged {
    /// Everything that this run changes; nothing where nothing can be tried.
    pub fn of(run: &Run<'_>) -> Option<Self> {
        let (trials, jobs) = collect(run);
        (!jobs.is_empty()).then_some(Self { trials, jobs })
    }

    /// The script that tries.
    ///
    /// # Errors
    /// A path that cannot be.
    pub fn script(&self, run: &Run<'_>) -> Result<Script> {
        run.stage("checking what is new, before anything is written");
        host::trial_script(&self.trials)
    }

    /// What came of it.
    ///
    /// # Errors
    /// Docker refuses a container, a program its configuration, or a database a login: kind `HostFailed`, with the
    /// program's own words.
    pub fn judge(&self, run: &Run<'_>, output: &Output) -> Result<()> {
        match host::verdicts(&**run.host, &self.trials, output) {
            Ok(verdicts) => judge_all(run, &self.jobs, &verdicts),
            // That says nothing about what is new, and a run must not hang on it.
            Err(error) => {
                run.warn((run.redact)(&format!("what is new could not be checked before it is used: {}", error.message)));
                Ok(())
            }
        }
    }
}

fn judge_all(run: &Run<'_>, jobs: &[Job], verdicts: &[Verdict]) -> Result<()> {
    let mut failures = Vec::new();
    // A container that Docker does not make says nothing about its configuration.
    let refused =
        |unit: &str| jobs.iter().zip(verdicts).any(|(job, verdict)| verdict.status != 0 && *job == Job::Container(unit.to_owned()));
    for (job, verdict) in jobs.iter().zip(verdicts) {
        match judge(run.host.name(), job, verdict, run.redact) {
            Outcome::Unknown(unit, why) if !refused(&unit) => run.warn(why),
            Outcome::Good | Outcome::Unknown(..) => {}
            Outcome::Bad(error) => failures.push(error),
        }
    }
    let mut failures = failures.into_iter();
    let Some(mut first) = failures.next() else { return Ok(()) };
    for other in failures {
        first.hints.push(format!("besides, {}", other.message));
        first.hints.extend(other.hints);
    }
    Err(first)
}

/// The jobs, with everything that they need in place.
fn collect(run: &Run<'_>) -> (Trials, Vec<Job>) {
    let mut trials = staged(run);
    // Workers ask the same of the same files: once is enough.
    let mut jobs: BTreeMap<String, Job> = BTreeMap::new();
    // In order: what a service mounts may lie in what another one mounts.
    let mut copies = BTreeSet::new();
    let created =
        |name: &str| run.plan.actions.iter().any(|action| matches!(&action.step, Step::CreateNetwork(network) if network.name == name));
    for service in run.desired.services.iter().filter(|service| service.autostart) {
        let Some(trial) = &service.trial else { continue };
        let change = Change::of(run, &trials, service, trial);
        let trial = &as_made(run, trial);
        if change.container {
            let networks: Vec<&str> = trial.networks.iter().map(String::as_str).filter(|name| !created(name)).collect();
            jobs.insert(options::create(trial, &networks), Job::Container(service.unit.clone()));
        }
        if change.configuration {
            for check in &trial.checks {
                jobs.entry(options::check(trial, check)).or_insert_with(|| Job::Check(service.unit.clone(), check.clone()));
            }
            if !trial.checks.is_empty() {
                copies.extend(trial.mounts.iter().map(|mount| mount.source.clone()).filter(|source| touches(&trials, source)));
            }
        }
    }
    if let Some(service) = needed_postgres(run) {
        jobs.insert(options::postgres(&service.container), Job::Postgres(service.unit.clone()));
    }
    trials.copies = copies.into_iter().collect();
    let (scripts, jobs) = jobs.into_iter().unzip();
    trials.jobs = scripts;
    (trials, jobs)
}

/// The trial with the images that this run has made and not named yet.
fn as_made(run: &Run<'_>, trial: &Trial) -> Trial {
    let mut trial = trial.clone();
    trial.image = builds::until_named(run.plan, &trial.image);
    for check in &mut trial.checks {
        check.image = builds::until_named(run.plan, &check.image);
    }
    trial
}

/// The running Postgres, where this run leaves it alone and changes something that needs it.
fn needed_postgres<'a>(run: &Run<'a>) -> Option<&'a Service> {
    let service = run.desired.services.iter().find(|service| service.role == "postgres" && service.trial.is_some())?;
    let active = run.observed.units.get(&service.unit).is_some_and(|state| state.active);
    let stays = !run.plan.restarts.iter().any(|restart| restart.unit == service.unit);
    let needs = |unit: &str| run.desired.services.iter().any(|other| other.unit == unit && other.requires.contains(&service.unit));
    let wanted = run.plan.restarts.iter().any(|restart| restart.kind != RestartKind::Stop && needs(&restart.unit))
        || run.plan.actions.iter().any(|action| matches!(action.step, Step::PutDatabase(_)));
    (active && stays && wanted).then_some(service)
}

/// What of a service is new.
struct Change {
    container: bool,
    configuration: bool,
}

impl Change {
    fn of(run: &Run<'_>, trials: &Trials, service: &Service, trial: &Trial) -> Self {
        let starts = run.plan.restarts.iter().any(|restart| restart.unit == service.unit && restart.kind == RestartKind::Start);
        let image = |name: &str| {
            run.plan.actions.iter().any(|action| match &action.step {
                Step::PullImage(image) => image.name == name,
                Step::BuildImage(build) => build.name == name,
                _ => false,
            })
        };
        let put = |path: &str| trials.files.iter().any(|file| file.path == path);
        let container = starts
            || put(&format!("/etc/systemd/system/{}", service.unit))
            || image(&trial.image)
            || options::files(trial).iter().any(|path| put(path));
        let configuration = container || trial.mounts.iter().any(|mount| touches(trials, &mount.source));
        Self { container, configuration }
    }
}

/// Whether something changes at a path or below it.
fn touches(trials: &Trials, path: &str) -> bool {
    let files = trials.files.iter().map(|file| &file.path);
    let keys = trials.keys.iter().map(|key| &key.path);
    let mut paths = files.chain(keys).chain(&trials.removed);
    paths.any(|changed| changed.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
}

/// What will be other than it is, with numbers for those users that this run makes.
fn staged(run: &Run<'_>) -> Trials {
    let accounts = &run.desired.accounts;
    let user =
        |name: &str| accounts.iter().find(|account| account.user == name).map_or_else(|| name.to_owned(), |found| found.uid.to_string());
    let group =
        |name: &str| accounts.iter().find(|account| account.group == name).map_or_else(|| name.to_owned(), |found| found.gid.to_string());
    let mut trials = Trials::default();
    for action in &run.plan.actions {
        match &action.step {
            Step::PutDirectory(directory) => trials.folders.push(PushDirectory {
                path: directory.path.clone(),
                mode: directory.mode.clone(),
                owner: user(&directory.owner),
                group: group(&directory.group),
            }),
            Step::MakeKey(key) => trials.keys.push(KeyRequest {
                path: key.path.clone(),
                mode: key.mode.clone(),
                owner: user(&key.owner),
                group: group(&key.group),
                command: key.command.clone(),
            }),
            Step::PutFile(file) => trials.files.push(PushFile {
                path: file.path.clone(),
                bytes: file.contents.reveal().clone().into_bytes(),
                mode: file.mode.clone(),
                owner: user(&file.owner),
                group: group(&file.group),
                keep_existing: false,
            }),
            Step::RemoveFile(path) => trials.removed.push(path.clone()),
            _ => {}
        }
    }
    trials
}

enum Outcome {
    Good,
    /// The check itself did not work, which says nothing about what it was to look at.
    Unknown(String, String),
    Bad(Error),
}

fn judge(host: &str, job: &Job, verdict: &Verdict, redact: &(dyn Fn(&str) -> String + Sync)) -> Outcome {
    if verdict.status == 0 {
        return Outcome::Good;
    }
    let output = redact(&verdict.output);
    let lines: Vec<&str> = output.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
    // Docker says first what is wrong, and then how it is used; programs end with what is wrong.
    let daemon = lines.iter().find_map(|line| line.split_once("Error response from daemon: ").map(|(_, answer)| answer));
    let first = lines.iter().copied().find(|line| !line.starts_with("WARNING")).filter(|_| matches!(job, Job::Container(_)));
    let said = daemon.or(first).or_else(|| lines.last().copied());
    let said = said.map_or_else(|| format!("exit status {}", verdict.status), |line| line.trim_start_matches("docker: ").to_owned());
    let failed = |message: String| Error::new(Kind::HostFailed, message);
    match job {
        Job::Container(unit) => Outcome::Bad(
            failed(format!("`{host}`: Docker refuses the container of {unit}: {said}"))
                .hint("its options come from variables such as `..._container_extra_arguments`; `homestead render --out FOLDER` writes the whole unit")
        ),
        Job::Postgres(unit) => Outcome::Bad(
            failed(format!("`{host}`: {unit} runs, but Postgres does not answer: {said}"))
                .hint(format!("`journalctl -u {unit} -n 50` on the host says why; `systemctl restart {unit}` may mend it")),
        ),
        // Of timeout(1) and docker-run(1): too slow, no container, or no such program in the image.
        Job::Check(unit, check) if matches!(verdict.status, 124..=127 | 137) => {
            Outcome::Unknown(unit.clone(), format!("{unit}: {} could not be checked before it is used: {said}", check.about))
        }
        Job::Check(unit, check) => {
            let mut error = failed(format!("`{host}`: {}: {unit} would not work with it: {said}", check.about));
            if let Some(hint) = &check.hint {
                error = error.hint(hint.clone());
            }
            let last = &lines[lines.len().saturating_sub(LAST_LINES)..];
            if last.len() > 1 {
                error = error.hint(format!("its last lines:\n    {}", last.join("\n    ")));
            }
            Outcome::Bad(error)
        }
    }
}

#[cfg(test)]
mod tests;
