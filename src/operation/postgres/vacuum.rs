//! Gives the disk back what deleted rows took.

use super::{Context, Server, megabytes, pause, query};
use crate::diagnostic::{Error, Kind, Result, did_you_mean};
use crate::host::{self, Channel, Exec};

const QUERY: &str = super::QUERY;

/// What to vacuum, and how.
#[derive(Clone, Debug, Default)]
pub struct Vacuum {
    /// A name in `postgres_vacuum_presets`; `vacuum-complete` where absent.
    pub preset: Option<String>,
    /// Databases; those of `postgres_vacuum_default_databases_list` where empty.
    pub databases: Vec<String>,
}

/// Vacuums. A full one stops the services that use Postgres, and starts them again whatever happens.
///
/// # Errors
/// An unknown preset or database; too little room; Postgres refuses.
pub async fn vacuum(context: &Context<'_>, request: &Vacuum) -> Result<()> {
    let server = Server::of(context)?;
    let (statement, stops) = preset(context, request.preset.as_deref().unwrap_or("vacuum-complete"))?;
    let databases = if request.databases.is_empty() {
        let listed = context.variable("postgres_vacuum_default_databases_list")?;
        let listed = listed.as_ref().and_then(serde_json::Value::as_array).cloned().unwrap_or_default();
        listed.iter().filter_map(|name| name.as_str().map(str::to_owned)).collect()
    } else {
        request.databases.clone()
    };
    context.ensure_running(server.service).await?;
    let container = server.service.container.as_str();
    let known = query(context, container, "", "SELECT datname FROM pg_database WHERE datallowconn;\n").await?;
    let known: Vec<String> = known.into_iter().flatten().collect();
    if let Some(name) = databases.iter().find(|name| !known.contains(name)) {
        let error = Error::new(Kind::Usage, format!("there is no database `{name}`"));
        return Err(
            error.hint(did_you_mean(name, known.iter().map(String::as_str)).unwrap_or_else(|| format!("databases: {}", known.join(", "))))
        );
    }
    if statement.to_uppercase().contains("FULL") {
        room(context, &server, &databases).await?;
    }
    let paused = if stops { Some(pause::pause(context, &server).await?) } else { None };
    let outcome = each(context, container, &databases, &statement).await;
    let Some(paused) = paused else { return outcome };
    let Err(error) = outcome else { return paused.resume(context).await };
    // A lost connection cannot start anything.
    if error.kind == Kind::Unreachable {
        return Err(error.hint("the services may stand still: `homestead start-all`"));
    }
    Err(match paused.resume(context).await {
        Ok(()) => error.hint("the services run again"),
        Err(problem) => {
            error.hint(format!("the services did not all start again: {}; `homestead start-all` tries it again", problem.message))
        }
    })
}

/// The statement of a preset, and whether services stand still for it.
fn preset(context: &Context<'_>, name: &str) -> Result<(String, bool)> {
    let presets = context.variable("postgres_vacuum_presets")?;
    let presets = presets.as_ref().and_then(serde_json::Value::as_object).cloned().unwrap_or_default();
    let Some(preset) = presets.get(name) else {
        let error = Error::new(Kind::Usage, format!("there is no vacuum preset `{name}`"));
        let names: Vec<&str> = presets.keys().map(String::as_str).collect();
        return Err(error.hint(did_you_mean(name, names.iter().copied()).unwrap_or_else(|| format!("presets: {}", names.join(", ")))));
    };
    let statement = preset.get("query").and_then(serde_json::Value::as_str).unwrap_or_default();
    Ok((statement.to_owned(), preset.get("stopsServices") == Some(&serde_json::Value::Bool(true))))
}

async fn each(context: &Context<'_>, container: &str, databases: &[String], statement: &str) -> Result<()> {
    let size = async |database: &String| -> Result<u64> {
        let rows = query(context, container, database, "SELECT pg_database_size(current_database());\n").await?;
        Ok(rows.first().and_then(|row| row.first()).and_then(|number| number.parse().ok()).unwrap_or_default())
    };
    for database in databases {
        let before = size(database).await?;
        context.stage(format!("{statement} in {database}"));
        let mut words = Vec::new();
        let stdin = format!("{statement};\n");
        let arguments = [container, database.as_str()];
        let exec = Exec::new(QUERY).arguments(&arguments).stdin(stdin.as_bytes());
        let status = context
            .host
            .exec_streaming(exec, &mut |channel, bytes| {
                // A verbose vacuum says much; its last words matter when it fails.
                if channel == Channel::Stderr {
                    words.extend_from_slice(bytes);
                    let surplus = words.len().saturating_sub(4096);
                    words.drain(..surplus);
                }
            })
            .await?;
        if status != 0 {
            let text = String::from_utf8_lossy(&words).into_owned();
            let last = text.lines().rfind(|line| !line.trim().is_empty()).unwrap_or_default().to_owned();
            return Err(Error::new(Kind::HostFailed, format!("the vacuum of `{database}` failed; its data is as it was")).caused_by(last));
        }
        context.done(format!("{database}: {} -> {}", megabytes(before), megabytes(size(database).await?)));
    }
    Ok(())
}

/// A full vacuum writes each table anew before the old one goes.
async fn room(context: &Context<'_>, server: &Server<'_>, databases: &[String]) -> Result<()> {
    let mut largest = 0;
    for database in databases {
        let rows = query(
            context,
            &server.service.container,
            database,
            "SELECT max(pg_total_relation_size(oid)) FROM pg_class WHERE relkind = 'r';\n",
        )
        .await?;
        largest = largest.max(rows.first().and_then(|row| row.first()).and_then(|number| number.parse().ok()).unwrap_or(0_u64));
    }
    let exec = Exec::new("df -Pk -- \"$1\" | awk 'NR == 2 { print $4 }'");
    let free = host::run(&**context.host, "looking at the disk", exec.arguments(&[&server.data])).await?;
    let free = String::from_utf8_lossy(&free).trim().parse::<u64>().unwrap_or_default().saturating_mul(1024);
    if free >= largest {
        return Ok(());
    }
    Err(Error::new(
        Kind::HostFailed,
        format!("a full vacuum needs {} for its largest table, and {} are free", megabytes(largest), megabytes(free)),
    )
    .hint("nothing was touched; make room, or use a preset that writes no table anew: `vacuum-analyze`"))
}
