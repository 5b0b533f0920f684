//! The managed Postgres: backup, restore, import, vacuum. Whatever fails, the databases that were there stay.

mod backup;
mod contents;
mod import;
mod pause;
mod upgrade;
mod upload;
mod vacuum;

pub(super) use backup::free;
pub use backup::{Backup, backup_here, backup_on_host};
pub use contents::{Contents, DatabaseContents};
pub use import::{Import, Imported, import};
pub use upgrade::{Upgrade, Upgraded, old_data, remove_old_data, upgrade};
pub use upload::{remove_upload, upload};
pub use vacuum::{Vacuum, vacuum};

use super::Context;
use crate::desired::Service;
use crate::diagnostic::{Error, Kind, Result};
use crate::host::{self, Exec};

const DECOMPRESS: &str = include_str!("../scripts/decompress.sh");
const QUERY: &str = include_str!("../scripts/query.sh");

/// The Postgres that homestead manages on a host.
struct Server<'a> {
    service: &'a Service,
    /// The folder of its data.
    data: String,
    /// Its superuser, and the database of that.
    superuser: String,
    database: String,
}

impl<'a> Server<'a> {
    /// # Errors
    /// Kind `Invalid` where the inventory uses a Postgres of its own.
    fn of(context: &'a Context<'_>) -> Result<Self> {
        let Some(service) = context.service("postgres") else {
            return Err(Error::new(Kind::Invalid, format!("`{}` uses a Postgres that homestead does not manage", context.name))
                .hint("`postgres_enabled` is false: use the tools of whoever runs that server, such as `pg_dump` and `pg_restore`"));
        };
        Ok(Self {
            service,
            data: context.text("postgres_data_path")?,
            superuser: context.text("postgres_connection_username")?,
            database: context.text("postgres_db_name")?,
        })
    }
}

/// Asks a server. `database` is the superuser's own where it is empty. The statements hold no secret.
pub(super) async fn query(context: &Context<'_>, container: &str, database: &str, statements: &str) -> Result<Vec<Vec<String>>> {
    let arguments = [container, database];
    let exec = Exec::new(QUERY).arguments(&arguments).stdin(statements.as_bytes());
    let output = host::run(&**context.host, "asking Postgres", exec).await?;
    let text = String::from_utf8_lossy(&output);
    Ok(text.lines().map(|line| line.split('|').map(str::to_owned).collect()).collect())
}

/// Bytes for people.
pub(crate) fn megabytes(bytes: u64) -> String {
    let tenths = bytes / 100_000;
    format!("{}.{} MB", tenths / 10, tenths % 10)
}
