//! `postgres`: backup, restore, import, vacuum, upgrade.

use std::sync::Arc;

use camino::Utf8PathBuf;
use clap::{Args, Subcommand};

use super::global::GlobalArgs;
use super::procedure::{Connected, on_each};
use super::{Exit, interrupt, prompt};
use crate::diagnostic::{Error, Kind, Result};
use crate::operation::postgres::{self, Backup, Import, Imported, Upgrade, Upgraded, Vacuum};
use crate::report::{Event, Terminal};

/// Back up, restore, import, vacuum, or upgrade the databases
#[derive(Debug, Args)]
pub struct PostgresArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Backup(BackupArgs),
    Restore(RestoreArgs),
    Import(ImportArgs),
    Vacuum(VacuumArgs),
    Upgrade(UpgradeArgs),
}

/// Write all databases and roles into one file, and read it back
///
/// The services go on. The file is a packed dump in plain SQL; nobody but you may read it.
#[derive(Debug, Args)]
pub struct BackupArgs {
    /// The file here, or a folder that gets one with the host and the time in its name
    #[arg(long, value_name = "PATH", default_value = ".")]
    out: Utf8PathBuf,
    /// Leave it in this folder on the host instead
    #[arg(long, value_name = "FOLDER", conflicts_with = "out")]
    on_host: Option<Utf8PathBuf>,
}

/// Put the databases of a file of yours in the place of those on the host
///
/// The data of before is kept until you remove it. A file that is cut off, or that Postgres does not take,
/// changes nothing.
#[derive(Debug, Args)]
pub struct RestoreArgs {
    /// The dump: plain, .gz, .bz2, .xz or .zst
    file: Utf8PathBuf,
    #[command(flatten)]
    replacing: ReplacingArgs,
}

/// The same with a dump that lies on the host
#[derive(Debug, Args)]
pub struct ImportArgs {
    /// The dump's path on the host
    path: String,
    #[command(flatten)]
    replacing: ReplacingArgs,
}

/// What may be replaced.
#[derive(Clone, Copy, Debug, Args)]
pub struct ReplacingArgs {
    /// Replace databases that hold tables
    #[arg(long)]
    pub replace: bool,
    /// Ask nothing
    #[arg(short, long)]
    pub yes: bool,
}

/// Give the disk back what deleted rows took; stops the services for a full vacuum
#[derive(Debug, Args)]
pub struct VacuumArgs {
    /// vacuum-complete, vacuum-full, vacuum, vacuum-analyze, or analyze
    #[arg(long, value_name = "NAME")]
    preset: Option<String>,
    /// Only this database; may be given several times
    #[arg(long, value_name = "NAME")]
    database: Vec<String>,
}

/// Bring the databases into the newest major version of Postgres that the inventory allows
///
/// They are dumped, loaded into the new version beside the old one, and compared row by row in number; the services
/// stand still meanwhile. Whatever fails, the old version runs again as before, also when the connection is lost. The
/// old data is kept.
#[derive(Debug, Args)]
pub struct UpgradeArgs {
    /// Remove the data that earlier upgrades and imports kept, and do nothing else
    #[arg(long)]
    remove_old_data: bool,
    /// Ask nothing
    #[arg(short, long)]
    yes: bool,
}

impl PostgresArgs {
    /// Runs it.
    pub async fn run(&self, global: &GlobalArgs, terminal: &Terminal) -> Result<Exit> {
        match &self.command {
            Command::Backup(args) => args.run(global, terminal).await,
            Command::Restore(args) => restore(global, terminal, args).await,
            Command::Import(args) => import(global, terminal, &args.path, args.replacing).await,
            Command::Vacuum(args) => {
                vacuum(global, terminal, Vacuum { preset: args.preset.clone(), databases: args.database.clone() }).await
            }
            Command::Upgrade(args) if args.remove_old_data => remove_old_data(global, terminal, args.yes).await,
            Command::Upgrade(args) => upgrade(global, terminal, args.yes).await,
        }?;
        Ok(0)
    }
}

impl BackupArgs {
    async fn run(&self, global: &GlobalArgs, terminal: &Terminal) -> Result<()> {
        let (out, on_host, time) = (self.out.clone(), self.on_host.clone(), stamp(global)?);
        let cancel = interrupt::token(terminal);
        let made = on_each(global, terminal, Some("postgres backup"), move |connected: Connected| {
            let (out, on_host, time, cancel) = (out.clone(), on_host.clone(), time.clone(), cancel.clone());
            async move {
                let context = connected.context();
                let file = format!("{}-postgres-{time}.sql.gz", connected.name);
                let backup = async {
                    match on_host {
                        Some(folder) => postgres::backup_on_host(&context, &folder, &file).await,
                        None => {
                            let folder = out.is_dir() || out.as_str().ends_with('/');
                            postgres::backup_here(&context, &if folder { out.join(file) } else { out }).await
                        }
                    }
                };
                // Given up in order, it takes its unfinished file with it.
                let backup = tokio::select! {
                    backup = backup => backup?,
                    () = cancel.cancelled() => return Err(Error::new(Kind::Interrupted, "stopped as asked; no backup was made here")),
                };
                Ok((connected.name, backup))
            }
        })
        .await?;
        for (host, backup) in made {
            show(terminal, &host, &backup);
        }
        Ok(())
    }
}

fn show(terminal: &Terminal, host: &str, backup: &Backup) {
    let databases = backup.contents.databases.clone();
    terminal.say(Some(host), Event::Backup { path: backup.path.to_string(), bytes: backup.bytes, databases });
    if !terminal.json() {
        terminal.out(&format!("{}\n", backup.path));
        terminal.err(&format!("{host}: {} bytes, read back: {}\n", backup.bytes, backup.contents.summary()));
    }
}

async fn restore(global: &GlobalArgs, terminal: &Terminal, args: &RestoreArgs) -> Result<()> {
    if !args.file.is_file() {
        return Err(Error::new(Kind::Usage, format!("there is no file `{}`", args.file))
            .hint("`homestead postgres import PATH` takes a dump that lies on the host"));
    }
    let (file, replacing, time) = (args.file.clone(), args.replacing, stamp(global)?);
    let cancel = interrupt::token(terminal);
    let done = on_each(global, terminal, Some("postgres restore"), move |connected: Connected| {
        let (file, time, cancel) = (file.clone(), time.clone(), cancel.clone());
        async move {
            let context = connected.context();
            let path = postgres::upload(&context, &file).await?;
            let confirm = confirm(replacing);
            let request =
                Import { path: path.clone(), shown: file.to_string(), replace: replacing.replace, confirm: &*confirm, stamp: time, cancel };
            let outcome = postgres::import(&context, &request).await;
            let removed = postgres::remove_upload(&context, &path).await;
            let imported = outcome?;
            removed?;
            Ok((connected.name, imported))
        }
    })
    .await?;
    for (host, imported) in &done {
        tell(terminal, host, imported);
    }
    Ok(())
}

/// Imports a dump that lies on the hosts.
pub async fn import(global: &GlobalArgs, terminal: &Terminal, path: &str, replacing: ReplacingArgs) -> Result<()> {
    let (path, time) = (path.to_owned(), stamp(global)?);
    let cancel = interrupt::token(terminal);
    let done = on_each(global, terminal, Some("postgres import"), move |connected: Connected| {
        let (path, time, cancel) = (path.clone(), time.clone(), cancel.clone());
        async move {
            let confirm = confirm(replacing);
            let request = Import { path: path.clone(), shown: path, replace: replacing.replace, confirm: &*confirm, stamp: time, cancel };
            let imported = postgres::import(&connected.context(), &request).await?;
            Ok((connected.name, imported))
        }
    })
    .await?;
    for (host, imported) in &done {
        tell(terminal, host, imported);
    }
    Ok(())
}

/// Vacuums on every host.
pub async fn vacuum(global: &GlobalArgs, terminal: &Terminal, request: Vacuum) -> Result<()> {
    let request = Arc::new(request);
    on_each(global, terminal, Some("postgres vacuum"), move |connected: Connected| {
        let request = request.clone();
        async move { postgres::vacuum(&connected.context(), &request).await }
    })
    .await?;
    Ok(())
}

/// Upgrades on every host. The host takes its lock itself, so that a lost connection does not free it.
pub async fn upgrade(global: &GlobalArgs, terminal: &Terminal, yes: bool) -> Result<()> {
    let time = stamp(global)?;
    let cancel = interrupt::token(terminal);
    let done = on_each(global, terminal, None, move |connected: Connected| {
        let (time, cancel) = (time.clone(), cancel.clone());
        async move {
            let context = connected.context();
            let to = context.number("postgres_eligible_version_max")?;
            let target = connected.with_postgres(to)?;
            let confirm = asking(yes);
            let holder = connected.holder("postgres upgrade");
            let request = Upgrade {
                from: connected.postgres_version(),
                target: &target,
                to,
                confirm: &*confirm,
                stamp: time,
                holder: &holder,
                cancel,
            };
            let upgraded = postgres::upgrade(&context, &request).await?;
            Ok((connected.name, upgraded))
        }
    })
    .await?;
    for (host, upgraded) in &done {
        let fields = match upgraded {
            Upgraded::Already(version) => serde_json::json!({"from": version, "to": version, "old_data": null}),
            Upgraded::Done { from, to, tables, rows, old } => {
                serde_json::json!({"from": from, "to": to, "old_data": old, "tables": tables, "rows": rows})
            }
        };
        terminal.tell(host, "upgraded", &fields);
        match upgraded {
            _ if terminal.json() => {}
            Upgraded::Already(version) => {
                terminal.out(&format!("{host}: the databases are of Postgres {version}, the newest that the inventory allows\n"));
            }
            Upgraded::Done { from, to, tables, rows, old } => {
                terminal.out(&format!("{host}: upgraded from Postgres {from} to {to}; {tables} tables have their {rows} rows\n"));
                terminal.out(&format!(
                    "{host}: the data of before is kept in {old}; remove it when you are content: `homestead postgres upgrade --remove-old-data`\n"
                ));
            }
        }
    }
    Ok(())
}

async fn remove_old_data(global: &GlobalArgs, terminal: &Terminal, yes: bool) -> Result<()> {
    let done = on_each(global, terminal, Some("postgres upgrade --remove-old-data"), move |connected: Connected| async move {
        let confirm = asking(yes);
        let removed = postgres::remove_old_data(&connected.context(), &*confirm).await?;
        Ok((connected.name, removed))
    })
    .await?;
    for (host, removed) in &done {
        let paths: Vec<&str> = removed.iter().map(|(path, _)| path.as_str()).collect();
        terminal.tell(host, "removed", &serde_json::json!({"paths": paths}));
        if terminal.json() {
            continue;
        }
        if removed.is_empty() {
            terminal.out(&format!("{host}: there is no old data\n"));
        } else {
            for (path, _) in removed {
                terminal.out(&format!("{host}: removed {path}\n"));
            }
        }
    }
    Ok(())
}

fn tell(terminal: &Terminal, host: &str, imported: &Imported) {
    let databases = imported.contents.databases.clone();
    terminal.say(Some(host), Event::Imported { old_data: imported.old.clone(), databases });
    if terminal.json() {
        return;
    }
    terminal.out(&format!("{host}: imported {}\n", imported.contents.summary()));
    if let Some(old) = &imported.old {
        terminal.out(&format!("{host}: the data of before is kept in {old}; remove it when you are content: `rm -rf {old}`\n"));
    }
}

type Confirm = Box<dyn Fn(&str) -> Result<bool> + Send + Sync>;

fn confirm(replacing: ReplacingArgs) -> Confirm {
    asking(replacing.yes)
}

fn asking(yes: bool) -> Confirm {
    Box::new(move |question| if yes { Ok(true) } else { prompt::confirm(question) })
}

/// The time of the run, as it may stand in a name of a file.
fn stamp(global: &GlobalArgs) -> Result<String> {
    let time = humantime::format_rfc3339_seconds(global.sources()?.now).to_string();
    Ok(time.replace([':', '-'], ""))
}
