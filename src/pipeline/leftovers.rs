//! Looks for what homestead made on a host and nothing wants any more.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::apply;
use crate::desired::Desired;
use crate::diagnostic::Result;
use crate::host::{self, Host, RemainsRequest};
use crate::plan::{LeftoverRequest, Leftovers, Observed, postgres_of};

/// Adds it to what was observed. `purge` names the roles whose data is to go, which is counted.
///
/// # Errors
/// The connection breaks; Docker does not answer.
pub async fn leftovers(host: &Arc<dyn Host>, desired: &Desired, observed: &mut Observed, purge: &BTreeSet<String>) -> Result<()> {
    let request = LeftoverRequest::new(desired, &observed.memory, purge);
    if request.is_empty() {
        return Ok(());
    }
    // Whether a folder of data is empty says whether there is any.
    let folders = request.directories.union(&request.data.keys().cloned().collect()).cloned().collect();
    let asked = RemainsRequest { folders, networks: request.networks.iter().cloned().collect(), data: request.data.clone() };
    let found = host::remains(&**host, &asked).await?;
    let mut left = Leftovers { directories: found.folders, networks: found.networks, data: found.data, databases: None };
    // A folder of data that no role calls its own is not ours to remove as a folder.
    left.data.retain(|path, _| left.directories.get(path).is_none_or(|names| !names.is_empty()));
    left.directories.retain(|path, _| request.directories.contains(path));
    if !request.databases.is_empty() {
        left.databases = databases(&**host, desired, observed, &request.databases).await?;
    }
    observed.left = left;
    Ok(())
}

/// The bytes of each database that is there; nothing where no Postgres of ours runs.
async fn databases(
    host: &dyn Host,
    desired: &Desired,
    observed: &Observed,
    names: &BTreeSet<String>,
) -> Result<Option<BTreeMap<String, u64>>> {
    let Some(postgres) = postgres_of(desired, &observed.memory) else { return Ok(None) };
    let active = observed.units.get(&postgres.unit).is_some_and(|state| state.active);
    if active { apply::database_sizes(host, &postgres.container, names).await.map(Some) } else { Ok(None) }
}
