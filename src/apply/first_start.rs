//! The first start of Postgres makes its data. One that is cut off leaves a folder that the image takes for a whole one, so that
//! its database is missing for good (docker-library's `docker-entrypoint.sh` asks for `PG_VERSION` alone). So a note says that
//! nobody was answered yet, and the next run begins anew where that is so.

use super::Run;
use crate::desired::{Desired, Service};
use crate::diagnostic::Result;
use crate::host::{self, Host, Lock, Script};

/// The note: the data folder.
pub const PATH: &str = "/var/lib/homestead/first-start";

const NOTE: &str = r#"set -eu
[ ! -e "$1/PG_VERSION" ] || exit 0
umask 077
printf '%s\n' "$1" >"$2" && sync -- "$2""#;
const MEND: &str = include_str!("../host/scripts/first_start.sh");

/// Writes the note down, if the data is about to be made; nothing where the run does not start Postgres.
pub fn note(run: &Run<'_>) -> Option<Script> {
    let (data, postgres) = postgres(run.desired)?;
    let starts = run.plan.restarts.iter().any(|restart| restart.unit == postgres.unit);
    starts.then(|| Script::new(NOTE, [data, PATH]))
}

/// Puts aside what a first start left that was cut off, and starts anew. Gives where it lies now; nothing where nothing had to
/// be done. The caller has seen the note.
///
/// # Errors
/// The folder cannot be moved; systemd refuses; the lock was lost.
pub async fn mend(host: &dyn Host, lock: &Lock, desired: &Desired) -> Result<Option<String>> {
    let Some((data, postgres)) = postgres(desired) else { return Ok(None) };
    let script = Script::new(MEND, [data, &postgres.unit, &postgres.container]);
    let said = host::run_while_held(host, lock, "putting the data of a cut-off first start of Postgres aside", script).await?;
    let said = String::from_utf8_lossy(&said).trim().to_owned();
    Ok(Some(said).filter(|said| !said.is_empty()))
}

/// The data folder and the service of the managed Postgres.
fn postgres(desired: &Desired) -> Option<(&str, &Service)> {
    let service = desired.services.iter().find(|service| service.role == "postgres")?;
    let path = desired.data.get("postgres")?.paths.first()?;
    Some((path, service))
}
