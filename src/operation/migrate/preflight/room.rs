//! Whether the disk holds the dump.

use super::{Context, Finding, bad, good, warning};
use crate::diagnostic::Result;
use crate::operation::postgres::{free, megabytes, query};

const NAME: &str = "room";

/// Sizes in bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    databases: u64,
    free: u64,
}

/// Nothing where homestead does not manage the databases.
///
/// # Errors
/// Postgres does not run.
pub(super) async fn ask(context: &Context<'_>, folder: &str) -> Result<Option<Room>> {
    let Some(service) = context.service("postgres") else { return Ok(None) };
    let rows = query(context, &service.container, "", "SELECT sum(pg_database_size(oid)) FROM pg_database;\n").await?;
    let databases = rows.first().and_then(|row| row.first()).and_then(|number| number.parse().ok()).unwrap_or_default();
    Ok(Some(Room { databases, free: free(context, folder).await? }))
}

/// A packed dump takes less than half of what the databases take: indexes are not in it. The accounts of MAS are small.
pub(super) fn judge(room: &Room, folder: &str) -> Finding {
    let needed = room.databases / 2;
    let sizes = format!("the databases have {}, a dump of them at most {}", megabytes(room.databases), megabytes(needed));
    let left = format!("`{folder}` has {} free", megabytes(room.free));
    if room.free < needed {
        bad(NAME, format!("{left}, and a dump may need {}", megabytes(needed)))
            .with_hint("make room, or give a folder on another disk; `homestead postgres vacuum` may make the databases smaller")
    } else if room.free < room.databases {
        warning(NAME, format!("{sizes}; {left}")).with_hint("it suffices, and little is left afterwards")
    } else {
        good(NAME, format!("{sizes}; {left}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation::migrate::Verdict;

    #[test]
    fn the_dump_must_fit() {
        let verdict = |free| judge(&Room { databases: 1000, free }, "/backups").verdict;
        assert_eq!(
            [verdict(499), verdict(500), verdict(999), verdict(1000)],
            [Verdict::Bad, Verdict::Warning, Verdict::Warning, Verdict::Good]
        );
    }
}
