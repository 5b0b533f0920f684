//! A dump takes the place of the databases.
//!
//! It goes into a data folder of its own, with a second Postgres that nobody else reaches. Only when all of
//! it is there, the two folders change places. Until then nothing but a pause has happened to what runs, and
//! afterwards the old folder stays.

use tokio_util::sync::CancellationToken;

use super::pause::{Paused, pause};
use super::{Contents, Context, DECOMPRESS, Server, contents, megabytes, query};
use crate::apply;
use crate::diagnostic::{Error, Kind, Result};
use crate::host::docker::Docker;
use crate::host::{self, Channel, Exec};

const STATE: &str = include_str!("../scripts/state.sh");
const SIDE_SERVER: &str = include_str!("../scripts/side_server.sh");
const LOAD: &str = include_str!("../scripts/load.sh");
const SWAP: &str = include_str!("../scripts/swap.sh");
const SWAP_BACK: &str = include_str!("../scripts/swap_back.sh");
const FINISH_SIDE: &str = r#"docker stop --time 120 -- "$1" >/dev/null && docker rm --volumes -- "$1" >/dev/null && sync"#;
const DROP_SIDE: &str = r#"docker rm --force --volumes -- "$1" >/dev/null 2>&1; rm -rf -- "$2""#;
/// What the databases of a server need besides the rows.
const OVERHEAD: u64 = 200 << 20;

/// What to import.
pub struct Import<'a> {
    /// The dump's path on the host.
    pub path: String,
    /// What the user calls it.
    pub shown: String,
    /// Whether databases with tables in them may be replaced.
    pub replace: bool,
    /// Asked before databases with tables are replaced, with what is there and what comes.
    pub confirm: &'a (dyn Fn(&str) -> Result<bool> + Send + Sync),
    /// A word for the name of the old folder, such as the time.
    pub stamp: String,
    /// Cancelled when the user wants it to stop.
    pub cancel: CancellationToken,
}

/// What became of it.
#[derive(Clone, Debug)]
pub struct Imported {
    /// What was in the dump.
    pub contents: Contents,
    /// Where the data of before lies, if there was any.
    pub old: Option<String>,
}

/// Puts the databases of a dump in the place of those that are there. The caller holds the host's lock.
///
/// # Errors
/// The dump is none or cut off; there are databases already and `replace` does not say that they may go; too
/// little room: nothing was touched. Postgres refuses a statement, or a service does not come up afterwards:
/// the old data is back, and what ran runs.
pub async fn import(context: &Context<'_>, request: &Import<'_>) -> Result<Imported> {
    let server = Server::of(context)?;
    context.stage(format!("reading {} to its end", request.shown));
    let contents = contents::on_host(context, &request.path, &request.shown).await?;
    if !contents.cluster {
        return Err(Error::new(
            Kind::HostFailed,
            format!("`{}` is a dump of one database, and homestead imports those of a whole server", request.shown),
        )
        .hint("make one with `pg_dumpall` or `homestead postgres backup`")
        .hint(format!(
            "or load it into an empty database yourself: `{}/cli-non-interactive --dbname=NAME <DUMP`",
            context.text("postgres_bin_path")?
        ))
        .hint("nothing was touched"));
    }
    let state = state(context, &server).await?;
    permitted(context, &server, &contents, &state, request).await?;
    let needed = contents.bytes / 2 * 3 + OVERHEAD;
    if state.free < needed {
        return Err(Error::new(
            Kind::HostFailed,
            format!("the import may need {}, and the disk of `{}` has {} free", megabytes(needed), server.data, megabytes(state.free)),
        )
        .hint("nothing was touched; make room and try it again"));
    }
    let docker = Docker::connect(context.host.clone()).await?;
    if docker.image(&server.service.image).await?.is_none() {
        context.stage(format!("pulling {}", server.service.image));
        docker.pull(&server.service.image, None, &mut |_| {}).await.map_err(|error| error.hint("nothing was touched"))?;
    }
    if request.cancel.is_cancelled() {
        return Err(Error::new(Kind::Interrupted, "stopped as asked; nothing was touched"));
    }
    let paused = pause(context, &server).await?;
    let places = Places::new(&server, &request.stamp);
    let loaded = load(context, &server, &places, request, &contents).await;
    if let Err(error) = loaded {
        return Err(give_up(context, &places, &paused, error).await);
    }
    match take_over(context, &server, &places, &paused).await {
        Ok(()) => {}
        Err(error) => return Err(go_back(context, &server, &places, &paused, &state, error).await),
    }
    // The declared users may not be in the dump.
    apply::amend(&**context.host, |memory| memory.users.clear()).await?;
    if state.exists {
        return Ok(Imported { contents, old: Some(places.old) });
    }
    host::run(&**context.host, "removing the empty folder", Exec::new("rm -rf -- \"$1\"").arguments(&[&places.old])).await?;
    Ok(Imported { contents, old: None })
}

/// Where things lie meanwhile.
struct Places {
    new: String,
    old: String,
    container: String,
}

impl Places {
    fn new(server: &Server<'_>, stamp: &str) -> Self {
        Self {
            new: format!("{}.importing", server.data),
            old: format!("{}.before-import-{stamp}", server.data),
            container: format!("{}-import", server.service.container),
        }
    }
}

/// What is there before.
pub(super) struct State {
    /// Postgres has made its data folder.
    exists: bool,
    /// Bytes on its disk.
    pub(super) free: u64,
    /// The unit runs.
    pub(super) active: bool,
}

pub(super) async fn state(context: &Context<'_>, server: &Server<'_>) -> Result<State> {
    let arguments = [server.data.as_str(), &server.service.unit, &server.service.image];
    let output = context.host.exec(Exec::new(STATE).arguments(&arguments)).await?;
    if output.status != 0 {
        let error = Error::new(Kind::HostFailed, host::complaint(&output));
        return Err(match output.status {
            66 | 67 => error.hint("nothing was touched; `homestead install-all` installs it"),
            68 => error.hint(format!("nothing was touched; give the folder its name back: `mv -T OLD {}`", server.data)),
            69 => error.hint("nothing was touched; mount the disk one folder above, on Postgres's base folder"),
            _ => error.hint("nothing was touched"),
        });
    }
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let get = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim().to_owned();
    let units = host::systemd::unit_states(&**context.host, std::slice::from_ref(&server.service.unit)).await?;
    Ok(State {
        exists: get("data") == "yes",
        free: get("free").parse::<u64>().unwrap_or_default().saturating_mul(1024),
        active: units.get(&server.service.unit).is_some_and(host::systemd::UnitState::is_active),
    })
}

/// Databases with tables in them are not replaced unless the user says so, twice.
async fn permitted(context: &Context<'_>, server: &Server<'_>, contents: &Contents, state: &State, request: &Import<'_>) -> Result<()> {
    if !state.exists {
        return Ok(());
    }
    let present = if state.active { present(context, server).await? } else { vec!["a data folder whose Postgres does not run".to_owned()] };
    if present.is_empty() {
        return Ok(());
    }
    let there = present.join(", ");
    if !request.replace {
        return Err(Error::new(Kind::HostFailed, format!("`{}` has databases already: {there}", context.name))
            .hint("nothing was touched; `--replace` puts the dump in their place (as a tag: `-e postgres_import_replace=true`)")
            .hint("`homestead postgres backup` makes a backup of what is there first"));
    }
    let question = format!("On {} there is: {there}.\nThe dump holds: {}.\nReplace what is there?", context.name, contents.summary());
    if (request.confirm)(&question)? {
        return Ok(());
    }
    Err(Error::new(Kind::Interrupted, "not confirmed; nothing was touched"))
}

/// The managed databases that hold tables, in words.
async fn present(context: &Context<'_>, server: &Server<'_>) -> Result<Vec<String>> {
    let container = server.service.container.as_str();
    let names =
        query(context, container, "", "SELECT datname, pg_database_size(oid) FROM pg_database WHERE datallowconn AND NOT datistemplate;\n")
            .await?;
    let mut present = Vec::new();
    for row in &names {
        let [name, bytes] = row.as_slice() else { continue };
        let tables = tables(context, container, name).await?;
        if tables > 0 {
            present.push(format!("{name} ({tables} tables, {})", megabytes(bytes.parse().unwrap_or_default())));
        }
    }
    Ok(present)
}

async fn tables(context: &Context<'_>, container: &str, database: &str) -> Result<u64> {
    let count = "SELECT count(*) FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema');\n";
    let rows = query(context, container, database, count).await?;
    Ok(rows.first().and_then(|row| row.first()).and_then(|number| number.parse().ok()).unwrap_or_default())
}

/// Fills the new data folder.
async fn load(context: &Context<'_>, server: &Server<'_>, places: &Places, request: &Import<'_>, contents: &Contents) -> Result<()> {
    context.stage(format!("starting {} with {} beside what is there", server.service.image, places.new));
    let environment = format!("{}/env-postgres-server", context.text("postgres_base_path")?);
    let inside = context.text("postgres_data_in_container_path")?;
    let arguments = [server.data.as_str(), &places.new, &places.container, &server.service.image, &environment, &inside];
    host::run(&**context.host, "starting a second Postgres", Exec::new(SIDE_SERVER).arguments(&arguments)).await?;
    context.stage(format!("importing {}", contents.summary()));
    let script = format!("{DECOMPRESS}{LOAD}");
    let arguments = [request.path.as_str(), &places.container, &server.superuser, &server.database];
    let total = contents.bytes >> 20;
    let mut complaint = String::new();
    let exec = Exec::new(&script).arguments(&arguments);
    let mut take = |channel: Channel, bytes: &[u8]| {
        if channel == Channel::Stderr {
            for line in String::from_utf8_lossy(bytes).lines() {
                match line.trim().parse::<u64>() {
                    Ok(done) => context.stage(format!("imported {done} MB of {total} MB")),
                    Err(_) => complaint.push_str(&format!("{line}\n")),
                }
            }
        }
    };
    // Only here: a script that makes the second server must have ended before what it made is removed.
    let status = tokio::select! {
        status = context.host.exec_streaming(exec, &mut take) => status?,
        () = request.cancel.cancelled() => return Err(Error::new(Kind::Interrupted, "the import was stopped as asked")),
    };
    if status != 0 {
        let complaint = context.prepared.redactor().redact(&complaint).into_owned();
        let first: Vec<&str> = complaint.lines().filter(|line| !line.trim().is_empty()).take(3).collect();
        return Err(Error::new(Kind::HostFailed, "Postgres does not take the dump").caused_by(first.join("; ")));
    }
    // The passwords of the inventory, whatever the dump says.
    let redactor = context.prepared.redactor();
    let databases: Vec<_> = context.prepared.desired.databases.iter().collect();
    apply::put_databases(&**context.host, &places.container, &databases, &|text| redactor.redact(text).into_owned()).await?;
    for database in contents.databases.iter().filter(|database| database.tables > 0) {
        let there = tables(context, &places.container, &database.name).await?;
        if there < database.tables {
            let message = format!("`{}` has {there} tables after the import, and {} in the dump", database.name, database.tables);
            return Err(Error::new(Kind::HostFailed, message));
        }
    }
    host::run(&**context.host, "ending the second Postgres", Exec::new(FINISH_SIDE).arguments(&[&places.container])).await.map(drop)
}

/// The new folder takes the place of the old one, and what ran runs on it.
async fn take_over(context: &Context<'_>, server: &Server<'_>, places: &Places, paused: &Paused) -> Result<()> {
    context.stage(format!("putting the new data in the place of {}", server.data));
    let arguments = [server.service.unit.as_str(), &server.data, &places.new, &places.old];
    host::run(&**context.host, "changing the data folders", Exec::new(SWAP).arguments(&arguments)).await?;
    if let Some(health) = &server.service.health {
        let docker = Docker::connect(context.host.clone()).await?;
        apply::wait(&**context.host, &docker, &server.service.container, health).await?;
    }
    paused.resume(context).await
}

/// Nothing was replaced yet: what was made goes, what ran starts.
async fn give_up(context: &Context<'_>, places: &Places, paused: &Paused, error: Error) -> Error {
    if error.kind == Kind::Unreachable {
        return error.hint("the databases are as they were; services may stand still: `homestead start-all`");
    }
    context.warn(format!("{}; nothing was replaced", error.message));
    let dropped =
        host::run(&**context.host, "removing what was imported", Exec::new(DROP_SIDE).arguments(&[&places.container, &places.new])).await;
    match (dropped, paused.resume(context).await) {
        (_, Ok(())) => error.hint("the databases are as they were, and the services run again"),
        (_, Err(problem)) => error
            .hint(format!("the databases are as they were, but the services did not all start again: {}", problem.message))
            .hint("`homestead start-all` tries it again"),
    }
}

/// The old folder comes back.
async fn go_back(context: &Context<'_>, server: &Server<'_>, places: &Places, paused: &Paused, state: &State, error: Error) -> Error {
    let where_it_is = format!("the data of before lies in `{}`; it belongs at `{}`", places.old, server.data);
    if error.kind == Kind::Unreachable {
        return error.hint(where_it_is).hint("`homestead start-all` starts what stands still");
    }
    context.warn(format!("{}; putting the old data back", error.message));
    let outcome = async {
        paused.stop(context).await?;
        let was_active = if state.active { "yes" } else { "no" };
        let arguments = [server.service.unit.as_str(), &server.data, &places.new, &places.old, was_active];
        host::run(&**context.host, "putting the old data back", Exec::new(SWAP_BACK).arguments(&arguments)).await?;
        if state.active {
            context.ensure_running(server.service).await?;
        }
        paused.resume(context).await
    };
    match outcome.await {
        Ok(()) => Error { kind: Kind::RolledBack, ..error }.hint("the old data is back, and the services run on it again"),
        Err(problem) => {
            let message = format!("{}; putting the old data back failed too: {}", error.message, problem.message);
            Error { kind: Kind::HostFailed, message, ..error }.hint(where_it_is)
        }
    }
}
