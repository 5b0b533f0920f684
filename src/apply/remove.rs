//! Removes what nothing wants any more: units first, then files, networks, data that was named, and at last the
//! folders that are empty by then.

use super::{Run, databases};
use crate::diagnostic::{Error, Kind, Result};
use crate::host::{self, Exec, docker::Docker, run as run_script};
use crate::plan::{Change, KeptData, Step, postgres_of};

const FILES: &str = "rm -f -- \"$@\"";

/// A folder that somebody put something into meanwhile stays.
const FOLDERS: &str = r#"for path; do [ ! -d "$path" ] || rmdir --ignore-fail-on-non-empty -- "$path" || exit 1; done"#;

/// What another file system is mounted on below it stays: a bucket is not ours to empty.
const DATA: &str = r#"
for path; do
    case $path in
    /*/*) ;;
    *) echo "$path is no path of data" >&2; exit 1 ;;
    esac
    rm -rf --one-file-system -- "$path" || { mountpoint -q -- "$path" && [ -z "$(ls -A -- "$path")" ]; } || exit 1
done
"#;

/// Whether the plan removes something.
pub fn is_wanted(run: &Run<'_>) -> bool {
    run.plan.actions.iter().any(|action| action.change == Change::Remove)
}

/// Carries out what the plan removes.
///
/// # Errors
/// systemd, Docker, Postgres or the file system refuses. What was removed until then is gone.
pub async fn remove(run: &Run<'_>) -> Result<()> {
    let mut units = Vec::new();
    let mut files = Vec::new();
    let mut networks = Vec::new();
    let mut data: Vec<&KeptData> = Vec::new();
    let mut folders = Vec::new();
    for action in &run.plan.actions {
        match &action.step {
            Step::RemoveUnit(unit) => {
                units.push(unit.clone());
                files.push(format!("/etc/systemd/system/{unit}"));
            }
            Step::RemoveFile(path) => files.push(path.clone()),
            Step::RemoveNetwork(name) => networks.push(name),
            Step::RemoveData(named) => data.push(named),
            Step::RemoveDirectory(path) => folders.push(path.as_str()),
            _ => {}
        }
    }
    let postgres = postgres_of(run.desired, &run.observed.memory);
    // With the data of Postgres, its databases go anyway.
    let whole = data.iter().any(|named| named.role == "postgres");
    let dropped: Vec<&str> = data.iter().filter(|_| !whole).flat_map(|named| named.databases.iter().map(String::as_str)).collect();
    if postgres.is_none() && !dropped.is_empty() {
        return Err(Error::new(Kind::HostFailed, format!("there is no Postgres to remove the databases {} from", dropped.join(", ")))
            .hint("they go with the data of the role `postgres`, or when a run has brought Postgres back"));
    }
    let (mut first, mut last) = (units.clone(), Vec::new());
    if let Some(postgres) = postgres.as_ref().filter(|_| !dropped.is_empty()) {
        // It is asked when nobody else asks it any more.
        (last, first) = units.iter().cloned().partition(|unit| *unit == postgres.unit);
    }
    stop(run, &first).await?;
    if let Some(postgres) = postgres.filter(|_| !dropped.is_empty()) {
        run.stage(format!("removing the databases {}", dropped.join(", ")));
        host::systemd::start(&**run.host, std::slice::from_ref(&postgres.unit)).await?;
        databases::remove(run, &postgres.container, &dropped).await?;
    }
    stop(run, &last).await?;
    if !files.is_empty() {
        let arguments: Vec<&str> = files.iter().map(String::as_str).collect();
        run_script(&**run.host, "removing files", Exec::new(FILES).arguments(&arguments)).await?;
        if files.iter().any(|path| path.starts_with("/etc/systemd/system/")) {
            host::systemd::daemon_reload(&**run.host).await?;
        }
    }
    if !networks.is_empty() {
        let engine = Docker::connect(run.host.clone()).await?;
        for name in networks {
            engine.remove_network(name).await?;
        }
    }
    let paths: Vec<&str> = data.iter().flat_map(|named| named.paths.iter().map(String::as_str)).collect();
    if !data.is_empty() {
        let roles: Vec<&str> = data.iter().map(|named| named.role.as_str()).collect();
        run.stage(format!("removing the data of {}", roles.join(", ")));
        run_script(&**run.host, "removing data", Exec::new(DATA).arguments(&paths)).await?;
    }
    if !folders.is_empty() {
        run_script(&**run.host, "removing empty folders", Exec::new(FOLDERS).arguments(&folders)).await?;
    }
    Ok(())
}

/// Stops units and keeps them from starting with the machine.
async fn stop(run: &Run<'_>, units: &[String]) -> Result<()> {
    if units.is_empty() {
        return Ok(());
    }
    run.stage(format!("removing {}", units.join(", ")));
    // A template unit has no state of its own to stop, and one that is gone already has none either.
    let loaded = |unit: &str| run.observed.units.get(unit).is_some_and(|state| state.loaded);
    let plain: Vec<String> = units.iter().filter(|unit| !unit.contains("@.") && loaded(unit)).cloned().collect();
    run.progress.touch(&plain, |_| false);
    host::systemd::stop(&**run.host, &plain).await?;
    host::systemd::disable(&**run.host, &plain).await
}
