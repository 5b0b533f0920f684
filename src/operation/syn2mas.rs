//! `mas-cli syn2mas`: looks whether Synapse's accounts can move to MAS, and moves them.
//!
//! Facts: <https://element-hq.github.io/matrix-authentication-service/setup/migration.html>. Synapse must be stopped for a
//! real migration, and may run for a check and a dry run. It ends with 10 for errors, 11 for warnings alone.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::output::Lines;
use super::{Context, migrate};
use crate::desired::{Operation, OperationContainer};
use crate::diagnostic::{Error, Kind, Result};
use crate::host::others::OTHERS;
use crate::host::{self, Channel, Exec, FileKind, LockHolder, ObserveRequest};
use crate::migration::{State, second_move};
use crate::report::Event;

const SYN2MAS: &str = include_str!("scripts/syn2mas.sh");

/// Statuses of the script and of syn2mas.
const LOCKED: u32 = 75;
const NOT_STOPPED: u32 = 124;
const NOT_CREATED: u32 = 125;
const ERRORS: u32 = 10;
pub(super) const WARNINGS: u32 = 11;

/// The roles whose services stand still while accounts move.
const STOPPED: [&str; 2] = ["matrix-synapse", "matrix-authentication-service"];

/// What syn2mas is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// It looks for what prevents the move.
    Check,
    /// It moves the accounts, and rolls that back.
    DryRun,
    /// It moves the accounts.
    Migrate,
}

/// Who has the host's lock while it works.
#[derive(Clone, Copy)]
enum Lock<'a> {
    /// The script takes it, and stops and starts services.
    Take(&'a LockHolder),
    /// The run of this id has it, and has stopped what must stop; an empty one is not looked at.
    Held(&'a str),
}

/// Runs syn2mas as the inventory says: a check, a dry run, or the migration.
///
/// A migration stops Synapse and MAS. They stay stopped when it succeeds; whatever else comes of it, what ran
/// before is started again, by the host itself.
///
/// # Errors
/// Kind `Invalid` where the inventory asks for what cannot work, `Locked` where another run is at work, `HostFailed` where
/// the host is not as the inventory declares or syn2mas finds errors, in its words.
pub async fn syn2mas(context: &Context<'_>, operation: &Operation, holder: &LockHolder) -> Result<()> {
    let task = task(operation)?;
    let container = container(operation)?;
    let migrating = context.prepared.variables.get("matrix_authentication_service_migration_in_progress")?.value == Json::Bool(true);
    if task == Task::Migrate {
        second_move(&context.prepared.migration)?;
        if context.prepared.migration.state == State::Beside {
            return Err(Error::new(Kind::Invalid, "`homestead migrate` is at work on this server, and moves the accounts itself")
                .hint("`homestead migrate --status` says how far it is; `homestead migrate --abort` gives it up"));
        }
    }
    if task == Task::Migrate && !migrating {
        return Err(Error::new(Kind::Invalid, "Synapse leaves logins to MAS already, so there is nothing to migrate").hint(
            "where accounts have to be moved, set `matrix_authentication_service_migration_in_progress: true`, run `install-all`, \
             and only then `syn2mas`",
        ));
    }
    up_to_date(context).await?;
    let said = run(context, container, task, Lock::Take(holder)).await?;
    judge(context, task, &said)
}

/// The same as a part of a guided migration: the caller, `run_id`, holds the host's lock, and for [`Task::Migrate`] has stopped
/// Synapse and MAS. The variables that choose the task do not count.
///
/// # Errors
/// As [`syn2mas`].
pub async fn syn2mas_within(context: &Context<'_>, operation: &Operation, task: Task, run_id: &str) -> Result<()> {
    let container = container(operation)?;
    let mut container = container.clone();
    let is_task = |word: &String| word == "check" || word == "migrate";
    let place = container.words.iter().rposition(is_task).ok_or_else(|| Error::new(Kind::Usage, "the words of syn2mas lack its task"))?;
    container.words.retain({
        let mut index = 0;
        move |word| {
            index += 1;
            index <= place || word != "--dry-run"
        }
    });
    let words: &[&str] = match task {
        Task::Check => &["check"],
        Task::DryRun => &["migrate", "--dry-run"],
        Task::Migrate => &["migrate"],
    };
    container.words.splice(place..=place, words.iter().map(|word| (*word).to_owned()));
    up_to_date(context).await?;
    let said = run(context, &container, task, Lock::Held(run_id)).await?;
    if said.status == 0 || task == Task::Check && said.status == WARNINGS { Ok(()) } else { Err(failure(context, task, &said, "")) }
}

fn container(operation: &Operation) -> Result<&OperationContainer> {
    let missing = || Error::new(Kind::Usage, format!("the operation `{}` has no container", operation.name));
    operation.container.as_ref().ok_or_else(missing)
}

/// What a check found.
pub(super) struct Looked {
    pub status: u32,
    pub errors: Vec<String>,
    pub warnings: Vec<String>,
    /// MAS has accounts already.
    pub full: bool,
}

/// Runs a check, whatever the inventory asks for, and stops nothing. The caller holds the host's lock.
///
/// # Errors
/// Kind `HostFailed` where the host is not as the inventory declares.
pub(super) async fn look(context: &Context<'_>, operation: &Operation) -> Result<Looked> {
    let container = container(operation)?;
    up_to_date(context).await?;
    let asked = operation.values.get("subcommand").and_then(Json::as_str).unwrap_or_default();
    let said =
        run(context, &OperationContainer { words: as_check(&container.words, asked), ..container.clone() }, Task::Check, Lock::Held(""))
            .await?;
    match said.status {
        NOT_CREATED => Err(Error::new(Kind::HostFailed, "the container of syn2mas could not be made")
            .hint("`homestead install-all` pulls its image and makes its networks")),
        status => Ok(Looked {
            status,
            full: said.text.contains("MAS database is not empty"),
            warnings: bullets(&said.text, "Warnings"),
            errors: said.errors,
        }),
    }
}

/// The words of a container with the subcommand `asked`, for a check: options of a migration go.
fn as_check(words: &[String], asked: &str) -> Vec<String> {
    let mut words = words.to_vec();
    if let Some(at) = words.iter().rposition(|word| word == asked) {
        words.truncate(at);
        words.push("check".to_owned());
    }
    words
}

fn task(operation: &Operation) -> Result<Task> {
    let dry = operation.values.get("dry_run") == Some(&Json::Bool(true));
    match operation.values.get("subcommand").and_then(Json::as_str) {
        Some("check") => Ok(Task::Check),
        Some("migrate") if dry => Ok(Task::DryRun),
        Some("migrate") => Ok(Task::Migrate),
        other => Err(Error::new(Kind::Invalid, format!("`{}` is nothing that syn2mas does", other.unwrap_or_default()))
            .hint("`matrix_authentication_service_syn2mas_subcommand` is `check` or `migrate`")),
    }
}

/// What syn2mas reads on the host must be what the inventory declares.
async fn up_to_date(context: &Context<'_>) -> Result<()> {
    let files = context.prepared.desired.files.iter().filter(|file| STOPPED.contains(&file.role.as_str()));
    let configurations: Vec<_> =
        files.filter(|file| file.path.ends_with("/config.yaml") || file.path.ends_with("/homeserver.yaml")).collect();
    let paths = configurations.iter().map(|file| file.path.clone()).collect();
    let observed = host::observe(&**context.host, &ObserveRequest { paths, ..ObserveRequest::default() }).await?;
    for file in configurations {
        let state = observed.files.get(&file.path);
        let wanted = crate::plan::sha256(file.contents.reveal());
        let there = state.is_some_and(|state| state.kind == FileKind::File);
        if !there || state.and_then(|state| state.sha256.as_ref()) != Some(&wanted) {
            let what = if there { "is not as the inventory declares it" } else { "is not there" };
            return Err(Error::new(Kind::HostFailed, format!("`{}` {what}", file.path))
                .hint("`homestead install-all` writes it; nothing was stopped"));
        }
    }
    Ok(())
}

/// What syn2mas said and how it ended.
struct Said {
    status: u32,
    errors: Vec<String>,
    text: String,
}

async fn run(context: &Context<'_>, container: &OperationContainer, task: Task, lock: Lock<'_>) -> Result<Said> {
    let services = context.prepared.desired.services.iter().filter(|service| STOPPED.contains(&service.role.as_str()));
    let (after, stops) = match (lock, task) {
        (Lock::Held(_), _) => ("held", false),
        (Lock::Take(_), Task::Migrate) => ("keep", true),
        (Lock::Take(_), _) => ("", false),
    };
    let units: Vec<&str> = if stops { services.map(|service| service.unit.as_str()).collect() } else { Vec::new() };
    let (units, networks) = (units.join(" "), container.networks.join(" "));
    let mut arguments = vec![units.as_str(), &networks, &container.name, after];
    arguments.extend(container.words.iter().map(String::as_str));
    let unwritten = |error| Error::new(Kind::Usage, "the lock's holder cannot be written down").caused_by(error);
    let mut stdin = match lock {
        Lock::Take(holder) => {
            let mut note = serde_json::to_value(holder).map_err(unwritten)?;
            // Who releases the lock ends the program in it, and the script does the rest.
            note["container"] = Json::String(container.name.clone());
            serde_json::to_vec(&note).map_err(unwritten)?
        }
        Lock::Held(run) => run.as_bytes().to_vec(),
    };
    stdin.push(b'\n');
    if stops {
        // So that no later run undoes it, whoever is still there to be told.
        stdin.extend(migrate::by_hand(&context.prepared.migration, holder_since(lock))?);
    }
    context.stage(match task {
        Task::Check => "looking whether the accounts can move",
        Task::DryRun => "moving the accounts, to roll it back at the end",
        Task::Migrate => "moving the accounts; Synapse and MAS are stopped meanwhile",
    });
    let redactor = context.prepared.redactor();
    let mut lines = Lines::default();
    let mut said = Said { status: 0, errors: Vec::new(), text: String::new() };
    let mut take = |channel: Channel, line: String| {
        let line = redactor.redact(&line).into_owned();
        said.text.push_str(&line);
        said.text.push('\n');
        (context.sink)(context.name, Event::Output { line, stderr: channel == Channel::Stderr });
    };
    let script = format!("{OTHERS}{SYN2MAS}");
    let exec = Exec::new(&script).arguments(&arguments).stdin(&stdin);
    let status = context
        .host
        .exec_streaming(exec, &mut |channel, bytes| {
            for line in lines.add(channel, bytes) {
                take(channel, line);
            }
        })
        .await
        .map_err(|error| match (error.kind, task) {
            (Kind::Unreachable, Task::Migrate) => error.hint(
                "the host goes on by itself: it starts Synapse again if the migration fails, and leaves it stopped if it succeeds; \
                 look with `systemctl status matrix-synapse` before the next run",
            ),
            _ => error,
        })?;
    for (channel, line) in lines.rest() {
        take(channel, line);
    }
    said.status = status;
    said.errors = bullets(&said.text, "Errors");
    Ok(said)
}

/// The points below a heading of syn2mas: `===== Errors =====`.
fn bullets(text: &str, heading: &str) -> Vec<String> {
    let mut inside = false;
    let mut points = Vec::new();
    for line in text.lines().map(str::trim) {
        if line.starts_with("=====") {
            inside = line.contains(heading);
        } else if let (true, Some(point)) = (inside, line.strip_prefix(['•', '-', '*'])) {
            points.push(point.trim().to_owned());
        }
    }
    points
}

fn holder_since(lock: Lock<'_>) -> &str {
    match lock {
        Lock::Take(holder) => &holder.since,
        Lock::Held(_) => "",
    }
}

fn judge(context: &Context<'_>, task: Task, said: &Said) -> Result<()> {
    let state = if task == Task::Migrate { "what ran before was started again" } else { "nothing was stopped" };
    match (said.status, task) {
        (0, Task::Check) => context.done("nothing prevents the migration"),
        (WARNINGS, Task::Check) => context.done("nothing prevents the migration; read the warnings above, it would go on past them"),
        (0, Task::DryRun) => context.done("the accounts could be moved; nothing was changed in Synapse"),
        (0, Task::Migrate) => context.done(
            "the accounts are in MAS, and Synapse and MAS are stopped; next: take \
             `matrix_authentication_service_migration_in_progress` out of vars.yml and run `homestead setup-all`",
        ),
        _ => return Err(failure(context, task, said, state)),
    }
    Ok(())
}

/// What a bad status means. `state` says what became of the services; empty where that is the caller's business.
fn failure(context: &Context<'_>, task: Task, said: &Said, state: &str) -> Error {
    let failed = |message: &str| Error::new(Kind::HostFailed, message.to_owned());
    let error = match (said.status, task) {
        (LOCKED, _) => return host::locked(context.host.name(), said.text.as_bytes()),
        (NOT_STOPPED, _) => failed("a service could not be stopped, so no account was moved"),
        (NOT_CREATED, _) => failed("the container of syn2mas could not be made, so no account was moved")
            .hint("`homestead install-all` pulls its image and makes its networks"),
        _ if said.text.contains("MAS database is not empty") => failed(
            "MAS has accounts already, and syn2mas moves accounts into an empty database only",
        )
        .hint(
            "if this server was migrated before: take `matrix_authentication_service_migration_in_progress` out of vars.yml and run \
                     `homestead setup-all`; a second migration would double every account",
        )
        .hint("if somebody registered in MAS while it was tried out, its database must be emptied first; that loses these accounts"),
        (ERRORS, _) => explained(context, said).unwrap_or_else(|error| error),
        (status, _) => failed(&format!("syn2mas ended with {status}")).hint("its last lines say why"),
    };
    if state.is_empty() { error } else { error.hint(state) }
}

/// Errors that syn2mas found, with what to write for providers that lack a mapping.
fn explained(context: &Context<'_>, said: &Said) -> Result<Error> {
    let errors = &said.errors;
    let message = match errors.as_slice() {
        [] => "syn2mas found what prevents the migration; its lines above say what".to_owned(),
        [one] => format!("syn2mas found what prevents the migration: {one}"),
        many => format!("syn2mas found {} things that prevent the migration: {}", many.len(), many.join(" | ")),
    };
    let mut error = Error::new(Kind::HostFailed, message);
    let providers = context.prepared.variables.get("matrix_authentication_service_config_upstream_oauth2_providers")?.value;
    for provider in unmapped(&errors.join("\n"), &providers) {
        let ids: Vec<&str> = providers.as_array().into_iter().flatten().filter_map(|provider| provider["id"].as_str()).collect();
        let entry = match ids.as_slice() {
            [] => "an entry in `matrix_authentication_service_config_upstream_oauth2_providers`".to_owned(),
            ids => format!(
                "the entry of `matrix_authentication_service_config_upstream_oauth2_providers` that stands for it (ids: {})",
                ids.join(", ")
            ),
        };
        error = error.hint(format!("add `synapse_idp_id: {provider}` to {entry}, then run `install-all` and this again"));
    }
    Ok(error)
}

/// Synapse's names of providers that errors speak of and that no provider of MAS is mapped to.
fn unmapped(errors: &str, providers: &Json) -> BTreeSet<String> {
    let mapped: BTreeSet<&str> =
        providers.as_array().into_iter().flatten().filter_map(|provider| provider["synapse_idp_id"].as_str()).collect();
    let name = |character: char| character.is_ascii_alphanumeric() || "-_.".contains(character);
    let words = errors.split(|character: char| !name(character)).map(|word| word.trim_end_matches('.'));
    words.filter(|word| word.starts_with("oidc-") && word.len() > 5 && !mapped.contains(word)).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn points_are_read_below_their_heading() {
        let text = "===== Errors =====\nThese must be fixed:\n\n• one\n  • two\n===== Warnings =====\n• three\n";
        assert_eq!(bullets(text, "Errors"), ["one", "two"]);
        assert_eq!(bullets(text, "Warnings"), ["three"]);
        assert_eq!(bullets("- nothing\n", "Errors"), [""; 0]);
    }

    #[test]
    fn any_task_can_be_looked_at_first() {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let migrate = words("--network=migrate image syn2mas --synapse-config /homeserver.yaml migrate --dry-run");
        assert_eq!(as_check(&migrate, "migrate").join(" "), "--network=migrate image syn2mas --synapse-config /homeserver.yaml check");
        let check = words("image syn2mas check");
        assert_eq!(as_check(&check, "check"), check);
    }

    #[test]
    fn providers_without_a_mapping_are_named() {
        let providers = json!([{"id": "01X", "synapse_idp_id": "oidc-github"}, {"id": "01Y"}]);
        let errors = "Synapse's provider 'oidc-dex' has 3 users.\nAnd `oidc-github` too. oidc-dex.";
        assert_eq!(unmapped(errors, &providers).into_iter().collect::<Vec<_>>(), ["oidc-dex"]);
    }
}
