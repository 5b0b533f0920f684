//! The databases move into a new major version of Postgres, which cannot read the old one's files.
//!
//! They are dumped and loaded into the new version beside the old one; only when every table has its rows, the two
//! data folders change places. The host does it by itself, so that a lost connection does not leave it half done, and
//! goes back by itself whenever anything fails. The old data stays until somebody removes it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio_util::sync::CancellationToken;

use super::{Context, DECOMPRESS, Server, megabytes, query};
use crate::apply;
use crate::desired::{File, Service};
use crate::diagnostic::{Error, Kind, Result};
use crate::host::docker::Docker;
use crate::host::others::DEPENDENTS;
use crate::host::{self, Channel, Exec, LockHolder, Push, PushFile};
use crate::operation::output::Lines;
use crate::pipeline::Prepared;
use crate::secret::Secret;

const DUMP: &str = include_str!("../scripts/dump.sh");
const LOAD: &str = include_str!("../scripts/load.sh");
const SIDE_SERVER: &str = include_str!("../scripts/side_server.sh");
const UPGRADE: &str = include_str!("../scripts/upgrade.sh");
const FOLDERS: &str = r#"for old in "$1".before-*; do if [ -d "$old" ]; then du -sk -- "$old"; fi; done"#;
const REMOVE: &str = r#"for old; do rm -rf -- "$old"; done"#;
/// What a cluster has besides the databases.
const OVERHEAD: u64 = 200 << 20;

/// Statuses of the script.
const OLD_RUNS: u32 = 70;
const OLD_CAME_BACK: u32 = 71;
const LOST: u32 = 72;
const LOCKED: u32 = 75;

/// What to upgrade.
pub struct Upgrade<'a> {
    /// The major version that made the data.
    pub from: Option<u32>,
    /// The host as it is to be with the version that the inventory allows.
    pub target: &'a Prepared,
    /// That version.
    pub to: u32,
    /// Asked before the services stop.
    pub confirm: &'a (dyn Fn(&str) -> Result<bool> + Send + Sync),
    /// A word for the name of the old folder, such as the time.
    pub stamp: String,
    /// Who asks, for the host's lock, which the host itself takes: nobody may hold it.
    pub holder: &'a LockHolder,
    /// Cancelled when the user does not want to wait any longer.
    pub cancel: CancellationToken,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Upgraded {
    /// The data is of that version already.
    Already(u32),
    /// It is now.
    Done {
        /// The version of before.
        from: u32,
        /// The version of now.
        to: u32,
        /// Tables that were compared.
        tables: u64,
        /// Their rows.
        rows: u64,
        /// Where the data of before lies.
        old: String,
    },
}

/// Upgrades.
///
/// # Errors
/// Kind `Invalid` where image and data do not fit, `HostFailed` where there is no room: nothing was touched then. Kind
/// `RolledBack` where anything failed later: the old version runs as before.
pub async fn upgrade(context: &Context<'_>, request: &Upgrade<'_>) -> Result<Upgraded> {
    let server = Server::of(context)?;
    let Some(from) = request.from else {
        return Err(Error::new(Kind::HostFailed, format!("there is no data of Postgres in `{}`", server.data))
            .hint("`homestead install-all` makes it, with the newest version"));
    };
    if from == request.to {
        return Ok(Upgraded::Already(from));
    }
    let new = fitting(context, &server, request, from)?;
    let sizes = room(context, &server).await?;
    let question = format!(
        "The databases of {} ({}) go from Postgres {from} to {}. The services stand still meanwhile.\nUpgrade?",
        context.name,
        megabytes(sizes),
        request.to
    );
    if !(request.confirm)(&question)? {
        return Err(Error::new(Kind::Interrupted, "not confirmed; nothing was touched"));
    }
    context.ensure_running(server.service).await?;
    let docker = Docker::connect(context.host.clone()).await?;
    if docker.image(&new.image).await?.is_none() {
        context.stage(format!("pulling {}", new.image));
        docker.pull(&new.image, None, &mut |_| {}).await.map_err(|error| error.hint("nothing was touched"))?;
    }
    let job = Job::new(context, &server, request, new)?;
    let running = host::systemd::unit_states(&**context.host, &units(context)).await?;
    let (tables, rows) = job.upgrade(context, &request.cancel).await?;
    let ran = context
        .prepared
        .desired
        .services
        .iter()
        .filter(|service| running.get(&service.unit).is_some_and(host::systemd::UnitState::is_active));
    let ran: Vec<Service> = ran.cloned().collect();
    let redactor = context.prepared.redactor();
    let healthy = apply::start(context.host, context.name, &ran, context.sink, &|text| redactor.redact(text).into_owned()).await;
    if let Err(error) = healthy {
        return Err(job.back(context, error).await);
    }
    job.run(context, "done", &mut |_| {}).await?;
    put_scripts(context, request).await?;
    Ok(Upgraded::Done { from, to: request.to, tables, rows, old: format!("{}.before-upgrade-{}", server.data, request.stamp) })
}

/// The files of Postgres that name its version: its scripts.
async fn put_scripts(context: &Context<'_>, request: &Upgrade<'_>) -> Result<()> {
    let before = &context.prepared.desired.files;
    let unchanged = |file: &File| before.iter().any(|old| old.path == file.path && old.contents.reveal() == file.contents.reveal());
    let files = request.target.desired.files.iter().filter(|file| file.role == "postgres" && !unchanged(file));
    let files = files.map(|file| PushFile {
        path: file.path.clone(),
        bytes: file.contents.reveal().clone().into_bytes(),
        mode: file.mode.clone(),
        owner: file.owner.clone(),
        group: file.group.clone(),
        keep_existing: false,
    });
    let push = Push { directories: Vec::new(), files: files.collect(), remove: Vec::new() };
    host::push(&**context.host, &push).await.map_err(|error| error.hint("the new version runs; `homestead install-all` writes the rest"))
}

fn units(context: &Context<'_>) -> Vec<String> {
    context.prepared.desired.services.iter().map(|service| service.unit.clone()).collect()
}

/// The service of the new version, where image and data fit together.
fn fitting<'a>(context: &Context<'_>, server: &Server<'_>, request: &Upgrade<'a>, from: u32) -> Result<&'a Service> {
    let new = request.target.desired.services.iter().find(|service| service.role == "postgres");
    let new = new.ok_or_else(|| Error::new(Kind::Invalid, "the inventory has no Postgres for the new version"))?;
    let error = |message: String| Error::new(Kind::Invalid, message).hint("nothing was touched");
    if from > request.to {
        return Err(error(format!(
            "the data of `{}` was made by Postgres {from}, and the inventory allows {} at most",
            context.name, request.to
        ))
        .hint("an older version reads no newer data: take what holds it back out of `postgres_allowed_versions_custom`"));
    }
    if new.image == server.service.image {
        return Err(error(format!("the inventory runs `{}` whatever version the data is of", new.image))
            .hint("take `postgres_container_image_to_use` out of vars.yml: it follows from the data, and this command changes the data"));
    }
    Ok(new)
}

/// The size of the databases; there must be room for a packed dump and for the new data.
async fn room(context: &Context<'_>, server: &Server<'_>) -> Result<u64> {
    let state = super::import::state(context, server).await?;
    if !state.active {
        context.ensure_running(server.service).await?;
    }
    let rows = query(context, &server.service.container, "", "SELECT sum(pg_database_size(oid)) FROM pg_database;\n").await?;
    let size: u64 = rows.first().and_then(|row| row.first()).and_then(|number| number.parse().ok()).unwrap_or_default();
    let needed = needed(size);
    if state.free < needed {
        return Err(Error::new(
            Kind::HostFailed,
            format!("the upgrade may need {}, and the disk of `{}` has {} free", megabytes(needed), server.data, megabytes(state.free)),
        )
        .hint(
            "nothing was touched; make room: `homestead postgres upgrade --remove-old-data` removes what earlier upgrades and imports left",
        ));
    }
    Ok(size)
}

const fn needed(size: u64) -> u64 {
    size / 2 * 3 + OVERHEAD
}

/// What the host is told.
struct Job {
    arguments: Vec<String>,
    stdin: Secret<String>,
    state: String,
}

impl Job {
    fn new(context: &Context<'_>, server: &Server<'_>, request: &Upgrade<'_>, new: &Service) -> Result<Self> {
        let file = format!("/{}", new.unit);
        let unit = request.target.desired.files.iter().find(|entry| entry.role == "postgres" && entry.path.ends_with(&file));
        let unit = unit.ok_or_else(|| Error::new(Kind::Usage, format!("`{}` has no file", new.unit)))?;
        let named = context.variable("postgres_systemd_services_to_stop_for_maintenance_list")?.unwrap_or_default();
        let named: Vec<&str> = named.as_array().into_iter().flatten().filter_map(serde_json::Value::as_str).collect();
        let holder = serde_json::to_string(request.holder)
            .map_err(|error| Error::new(Kind::Usage, "the lock's holder cannot be written down").caused_by(error))?;
        let databases: Vec<_> = request.target.desired.databases.iter().collect();
        let statements = apply::database_statements(&databases);
        let lines = [holder, STANDARD.encode(unit.contents.reveal()), STANDARD.encode(statements.reveal())];
        let words = [
            server.service.unit.clone(),
            named.join(" "),
            server.data.clone(),
            server.service.container.clone(),
            new.image.clone(),
            format!("{}/env-postgres-server", context.text("postgres_base_path")?),
            context.text("postgres_data_in_container_path")?,
            server.superuser.clone(),
            server.database.clone(),
            request.stamp.clone(),
        ];
        let state = format!("the old data lies in `{0}.before-upgrade-{1}` or still in `{0}`", server.data, request.stamp);
        Ok(Self { arguments: words.to_vec(), stdin: Secret::new(lines.join("\n") + "\n"), state })
    }

    async fn run(&self, context: &Context<'_>, mode: &str, take: &mut (dyn FnMut(&str) + Send)) -> Result<(u32, String)> {
        let script = format!(
            "{DECOMPRESS}\n{DUMP}\nload() (\n{LOAD}\n)\ndependents() (\n{DEPENDENTS}\n)\nside_server() (\n{SIDE_SERVER}\n)\n{UPGRADE}"
        );
        let mut arguments = vec![mode];
        arguments.extend(self.arguments.iter().map(String::as_str));
        let mut lines = Lines::default();
        let mut complaint = String::new();
        let exec = Exec::new(&script).arguments(&arguments).stdin(self.stdin.reveal().as_bytes());
        let status = context
            .host
            .exec_streaming(exec, &mut |channel, bytes| {
                for line in lines.add(channel, bytes) {
                    match channel {
                        Channel::Stdout => take(&line),
                        Channel::Stderr => complaint.push_str(&format!("{line}\n")),
                    }
                }
            })
            .await?;
        Ok((status, context.prepared.redactor().redact(&complaint).into_owned()))
    }

    /// Tables and rows that were compared.
    async fn upgrade(&self, context: &Context<'_>, cancel: &CancellationToken) -> Result<(u64, u64)> {
        let mut numbers: Vec<u64> = Vec::new();
        let on_its_own = "the host goes on by itself: it ends with the new version, or with the old one as it was; look with \
                          `systemctl status` before the next run";
        let mut take = |line: &str| match line.parse() {
            Ok(number) => numbers.push(number),
            Err(_) => context.stage(line.trim_end().to_owned()),
        };
        let (status, complaint) = tokio::select! {
            outcome = self.run(context, "upgrade", &mut take) => outcome.map_err(|error| match error.kind {
                Kind::Unreachable => error.hint(on_its_own),
                _ => error,
            })?,
            () = cancel.cancelled() => return Err(Error::new(Kind::Interrupted, "stopped waiting, as asked").hint(on_its_own)),
        };
        let caused = complaint.lines().filter(|line| !line.trim().is_empty()).collect::<Vec<_>>().join("; ");
        match status {
            0 => Ok((numbers.first().copied().unwrap_or_default(), numbers.get(1).copied().unwrap_or_default())),
            LOCKED => Err(host::locked(context.host.name(), complaint.as_bytes())),
            OLD_RUNS => Err(Error::new(Kind::RolledBack, "the databases could not be brought into the new version")
                .caused_by(caused)
                .hint("nothing was replaced, and what ran before runs again on the old version")),
            OLD_CAME_BACK => Err(Error::new(Kind::RolledBack, "the services do not run on the new version")
                .caused_by(caused)
                .hint("the old data is back, and what ran before runs again on the old version")),
            LOST => {
                Err(Error::new(Kind::HostFailed, "the upgrade failed, and going back did too").caused_by(caused).hint(self.state.clone()))
            }
            other => {
                Err(Error::new(Kind::HostFailed, format!("the upgrade ended with {other}")).caused_by(caused).hint(self.state.clone()))
            }
        }
    }

    /// A service is not healthy on the new version.
    async fn back(&self, context: &Context<'_>, error: Error) -> Error {
        if error.kind == Kind::Unreachable {
            return error.hint(format!("the new version runs; {}", self.state));
        }
        context.warn(format!("{}; putting the old data back", error.message));
        match self.run(context, "back", &mut |_| {}).await {
            Ok((0, _)) => {
                Error { kind: Kind::RolledBack, ..error }.hint("the old data is back, and what ran before runs again on the old version")
            }
            Ok((_, complaint)) => Error { kind: Kind::HostFailed, ..error }
                .hint(format!("putting the old data back failed too: {}", complaint.trim()))
                .hint(self.state.clone()),
            Err(problem) => Error { kind: Kind::HostFailed, ..error }
                .hint(format!("putting the old data back failed too: {}", problem.message))
                .hint(self.state.clone()),
        }
    }
}

/// Folders that upgrades and imports have left, with their sizes in bytes.
///
/// # Errors
/// The connection breaks.
pub async fn old_data(context: &Context<'_>) -> Result<Vec<(String, u64)>> {
    let server = Server::of(context)?;
    let said = host::run(&**context.host, "looking for old data", Exec::new(FOLDERS).arguments(&[&server.data])).await?;
    Ok(folders(&String::from_utf8_lossy(&said)))
}

fn folders(said: &str) -> Vec<(String, u64)> {
    let lines = said.lines().filter_map(|line| line.split_once('\t'));
    lines.map(|(size, path)| (path.to_owned(), size.trim().parse::<u64>().unwrap_or_default().saturating_mul(1024))).collect()
}

/// Removes such folders for good, after a question.
///
/// # Errors
/// Not confirmed; the connection breaks.
pub async fn remove_old_data(context: &Context<'_>, confirm: &(dyn Fn(&str) -> Result<bool> + Send + Sync)) -> Result<Vec<(String, u64)>> {
    let found = old_data(context).await?;
    if found.is_empty() {
        return Ok(found);
    }
    let listed: Vec<String> = found.iter().map(|(path, size)| format!("{path} ({})", megabytes(*size))).collect();
    if !confirm(&format!("On {} lies old data:\n  {}\nRemove it for good?", context.name, listed.join("\n  ")))? {
        return Err(Error::new(Kind::Interrupted, "not confirmed; nothing was touched"));
    }
    let paths: Vec<&str> = found.iter().map(|(path, _)| path.as_str()).collect();
    host::run(&**context.host, "removing old data", Exec::new(REMOVE).arguments(&paths)).await?;
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_must_be_room_for_the_dump_and_the_new_data() {
        assert_eq!(needed(1000 << 20), 1700 << 20);
    }

    #[test]
    fn old_folders_are_listed_with_their_sizes() {
        let said = "12\t/matrix/postgres/data.before-upgrade-1\n3\t/matrix/postgres/data.before-import-2\n";
        assert_eq!(
            folders(said),
            [("/matrix/postgres/data.before-upgrade-1".to_owned(), 12_288), ("/matrix/postgres/data.before-import-2".to_owned(), 3072)]
        );
        assert_eq!(folders(""), []);
    }
}
