//! `postgres`: backup, restore, import, vacuum.

use std::sync::Arc;

use camino::Utf8PathBuf;
use clap::{Args, Subcommand};

use super::global::GlobalArgs;
use super::procedure::{Connected, on_each};
use super::{Exit, interrupt, prompt};
use crate::diagnostic::{Error, Kind, Result};
use crate::operation::postgres::{self, Backup, Import, Imported, Vacuum};
use crate::report::Terminal;

/// Back up, restore, import, or vacuum the databases
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
    if terminal.json() {
        let line = serde_json::json!({
            "version": 1, "event": "backup", "host": host, "path": backup.path.as_str(), "bytes": backup.bytes, "databases": backup.contents.databases,
        });
        terminal.out(&format!("{line}\n"));
    } else {
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

fn tell(terminal: &Terminal, host: &str, imported: &Imported) {
    if terminal.json() {
        let line = serde_json::json!({
            "version": 1, "event": "imported", "host": host, "old_data": imported.old, "databases": imported.contents.databases,
        });
        terminal.out(&format!("{line}\n"));
        return;
    }
    terminal.out(&format!("{host}: imported {}\n", imported.contents.summary()));
    if let Some(old) = &imported.old {
        terminal.out(&format!("{host}: the data of before is kept in {old}; remove it when you are content: `rm -rf {old}`\n"));
    }
}

type Confirm = Box<dyn Fn(&str) -> Result<bool> + Send + Sync>;

fn confirm(replacing: ReplacingArgs) -> Confirm {
    Box::new(move |question| if replacing.yes { Ok(true) } else { prompt::confirm(question) })
}

/// The time of the run, as it may stand in a name of a file.
fn stamp(global: &GlobalArgs) -> Result<String> {
    let time = humantime::format_rfc3339_seconds(global.sources()?.now).to_string();
    Ok(time.replace([':', '-'], ""))
}
